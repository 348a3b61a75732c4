//! Sends GET requests to Slack and to the deployment's API, with a timeout and a size limit.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::DATE;
use reqwest::redirect::Policy;
use slacktrail_core::time::parse_http_date;

use super::verdict::Problem;
use crate::cli_error::{CliError, chain};

/// The timeout for a request including its body. API Gateway times out after 30 seconds.
const REQUEST_MAX: Duration = Duration::from_secs(35);
/// The largest part of a body that is read. Pages have a few KiB.
const BODY_BYTES_MAX: usize = 256 << 10;

/// An HTTP response.
pub(super) struct Response {
    pub(super) status: u16,
    /// The server's time, from the `Date` header.
    pub(super) date: Option<Timestamp>,
    pub(super) body: String,
}

/// Creates a client that does not follow redirects.
///
/// # Errors
///
/// Returns an error if the system's certificates cannot be loaded.
pub(super) fn client() -> Result<reqwest::Client, CliError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("slacktrail/", env!("CARGO_PKG_VERSION")))
        .timeout(REQUEST_MAX)
        .redirect(Policy::none());
    builder.build().map_err(|error| {
        CliError::new("the HTTPS client cannot be created")
            .with_source(error)
            .hint("install the system's CA certificates")
    })
}

/// Returns the response to `GET url`, with at most [`BODY_BYTES_MAX`] bytes of the body.
///
/// # Errors
///
/// Returns a failure that names `url` if the request or its body does not complete.
pub(super) async fn get(client: &reqwest::Client, url: &str, hint: &str) -> Result<Response, Problem> {
    let request_failed =
        |error: reqwest::Error| Problem::failed(format!("`GET {url}` failed: {}", chain(&error.without_url())), hint);
    let mut response = client.get(url).send().await.map_err(request_failed)?;
    let date = response.headers().get(DATE).and_then(|date| parse_http_date(date.to_str().ok()?));
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(request_failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_BYTES_MAX {
            body.truncate(BODY_BYTES_MAX);
            break;
        }
    }
    Ok(Response { status, date, body: String::from_utf8_lossy(&body).into_owned() })
}
