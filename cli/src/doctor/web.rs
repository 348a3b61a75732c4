//! One HTTPS request to Slack or to the deployment's API, in bounded time and with a bounded body.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::DATE;
use reqwest::redirect::Policy;
use slacktrail_core::time::parse_http_date;

use super::verdict::Problem;
use crate::cli_error::{CliError, chain};

/// The time for a request with its body.
const REQUEST_MAX: Duration = Duration::from_secs(35); // API Gateway itself answers after 30
/// The part of a body that is read. A page has a few KiB.
const BODY_BYTES_MAX: usize = 256 << 10;

/// A response.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The server's clock.
    pub(super) date: Option<Timestamp>,
    pub(super) body: String,
}

/// Returns a client that follows no redirect.
///
/// # Errors
/// Returns an error if the system's certificates cannot be loaded.
pub(super) fn client() -> Result<reqwest::Client, CliError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("slacktrail/", env!("CARGO_PKG_VERSION")))
        .timeout(REQUEST_MAX)
        .redirect(Policy::none());
    builder.build().map_err(|error| {
        CliError::new("no HTTPS client can be made").with_source(error).hint("install the system's certificates")
    })
}

/// Returns the response to `GET url`.
///
/// # Errors
/// Returns an error that names the host if the request or its body does not complete.
pub(super) async fn get(client: &reqwest::Client, url: &str, hint: &str) -> Result<Answer, Problem> {
    let lost = |error: reqwest::Error| {
        Problem::failed(format!("`{url}` cannot be read: {}", chain(&error.without_url())), hint)
    };
    let mut response = client.get(url).send().await.map_err(lost)?;
    let date = response.headers().get(DATE).and_then(|date| parse_http_date(date.to_str().ok()?));
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_BYTES_MAX {
            body.truncate(BODY_BYTES_MAX);
            break;
        }
    }
    Ok(Answer { status, date, body: String::from_utf8_lossy(&body).into_owned() })
}
