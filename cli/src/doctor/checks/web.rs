//! `slack` and `api`: this machine can reach Slack's Web API and Audit Logs API, and the deployment's API. The functions use a different
//! network.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::DATE;
use reqwest::redirect::Policy;
use serde_json::Value;
use slacktrail_adapters::random;
use slacktrail_connect::{AuthorizationId, ConnectErrorKind, OneTimeToken};
use slacktrail_core::time::parse_http_date;

use super::functions::SET_ARCHITECTURE;
use crate::cli_error::{CliError, chain};
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::environment::slack_urls;

/// The timeout for a request including its body. API Gateway times out after 30 seconds.
const REQUEST_MAX: Duration = Duration::from_secs(35);
/// The largest part of a body that is read. Pages have a few KiB.
const BODY_BYTES_MAX: usize = 256 << 10;
const SLACK_HINT: &str = "check Slack's status page, and whether a firewall or proxy blocks the host";

/// Calls both hosts without a token. Any JSON object, such as Slack's error for the missing token, proves that the host is reachable.
pub(super) async fn slack(facts: &Facts) -> Verdict {
    let (api, audit) = slack_urls();
    for url in [format!("{}/api.test", api.trim_end_matches('/')), format!("{}/schemas", audit.trim_end_matches('/'))] {
        let response = get(&facts.http, &url, SLACK_HINT).await?;
        if let Some(date) = response.date {
            facts.slack_clock_skew_seconds.set(Timestamp::now().as_second() - date.as_second()); // keeps the first host's clock
        }
        let is_slack = serde_json::from_str::<Value>(&response.body).is_ok_and(|json| json.is_object());
        ensure(
            is_slack,
            format!("`{url}` returned HTTP status {} without a JSON object", response.status),
            SLACK_HINT,
        )?;
    }
    Ok("Slack's Web API and Audit Logs API respond".to_owned())
}

/// Checks that the API invokes the OAuth function, which reads the table and returns the page for an unknown link.
pub(super) async fn api(facts: &Facts) -> Verdict {
    let base = facts.deployed.get()?.url.trim_end_matches('/');
    let link = OneTimeToken::new(AuthorizationId::of(random::bytes()?), random::bytes()?); // a random link, which does not exist
    let address = format!("{base}/oauth/start");
    let response = get(
        &facts.http,
        &format!("{address}?grant={}", link.reveal()),
        "check the network and the URL; for errors of the function, see \"OAuth errors\" in docs/operations.md",
    )
    .await?;
    let logs = "run `sam logs --stack-name $SLACKTRAIL_STACK --name OAuth` to find the function's error";
    let hint = if response.status >= 500 {
        format!("{logs}; if it is `Runtime.InvalidEntrypoint`, the architecture is wrong: {SET_ARCHITECTURE}")
    } else {
        format!("{logs}, or deploy the stack again")
    };
    ensure(
        response.status == 404 && response.body.contains(ConnectErrorKind::Unknown.title()),
        format!("`{address}` returned HTTP status {} and an unexpected page for an unknown link", response.status),
        hint,
    )?;
    Ok(format!("`{address}` rejects an unknown link with the expected page"))
}

struct Response {
    status: u16,
    /// The server's time, from the `Date` header.
    date: Option<Timestamp>,
    body: String,
}

/// Creates a client that does not follow redirects.
pub(in crate::doctor) fn client() -> Result<reqwest::Client, CliError> {
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
async fn get(client: &reqwest::Client, url: &str, hint: &str) -> Result<Response, Problem> {
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
