//! Calls Slack over HTTPS. Each call is one request with a time limit. It does not retry, because the next tick does, and it follows no redirects.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream;
use reqwest::header::{AsHeaderName, CONTENT_TYPE, DATE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use tokio::time::timeout;

use crate::settings::{SLACK_API_URL, SLACK_AUDIT_URL};
use slacktrail_core::error::Error;
use slacktrail_core::slack::{Family, Request, Response};
use slacktrail_core::source::Source;
use slacktrail_core::time::parse_http_date;
use slacktrail_ports::{Body, CallAuth, Slack};

/// GovSlack's web methods (docs.slack.dev, GovSlack).
const GOV_API_URL: &str = "https://slack-gov.com/api/";
/// GovSlack's audit logs. Unconfirmed: Slack documents only the host of the web methods, and this URL follows its pattern. If it is wrong, every
/// audit call fails with an error, and `SLACK_AUDIT_URL` can set the correct URL.
const GOV_AUDIT_URL: &str = "https://api.slack-gov.com/audit/v1/";

/// The time limit for establishing a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The time limit for a response, including its body. A page of 1000 records takes about a second. The time in which the caller processes
/// chunks of the body does not count.
const CALL_MAX: Duration = Duration::from_secs(20);
/// The time after which an idle connection is closed. It is less than the minute between two ticks, because Lambda freezes the function in
/// between. Slack may close the connection while the function is frozen, and a call on a closed connection would fail the tick.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// A client for Slack with one connection pool.
#[derive(Clone, Debug)]
pub struct SlackHttp {
    client: Client,
    api: Url,
    audit: Url,
    call_max: Duration,
    /// The deadline of all calls, if set.
    finish_by: Arc<Mutex<Option<Instant>>>,
}

impl SlackHttp {
    /// Creates a client for the base URLs of Slack's two families of methods. Appends a missing `/` to each URL.
    ///
    /// # Errors
    /// Returns an error with code `bad_url` if a URL is neither `https` nor `http` to a loopback host. The message names every invalid variable.
    pub fn new(api_url: &str, audit_url: &str) -> Result<SlackHttp, Error> {
        SlackHttp::with_timeout(api_url, audit_url, CALL_MAX)
    }

    /// Creates a client whose calls have the time limit `call_max`. See [`SlackHttp::new`].
    ///
    /// # Errors
    /// Returns an error with code `bad_url` if a URL is neither `https` nor `http` to a loopback host.
    pub fn with_timeout(api_url: &str, audit_url: &str, call_max: Duration) -> Result<SlackHttp, Error> {
        let (api, audit) = match (base_url(api_url), base_url(audit_url)) {
            (Ok(api), Ok(audit)) => (api, audit),
            (api, audit) => return Err(bad_urls([("SLACK_API_URL", api.err()), ("SLACK_AUDIT_URL", audit.err())])),
        };
        let mut client = Client::builder()
            .user_agent(concat!("slacktrail/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .redirect(Policy::none()); // a redirect would send the token to another host
        if api.scheme() == "http" || audit.scheme() == "http" {
            client = client.no_proxy(); // plain HTTP is for loopback hosts only, and a proxy could read the token
        }
        let client = client.build().map_err(no_client)?;
        Ok(SlackHttp { client, api, audit, call_max, finish_by: Arc::default() })
    }

    /// Sets the deadline of all calls. It applies in addition to the time limit of each call.
    pub fn finish_by(&self, time: Instant) {
        *self.finish_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(time);
    }

    fn calls_finish_by(&self) -> Option<Instant> {
        *self.finish_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the URL of a request. A source on GovSlack uses GovSlack's hosts, unless the base URL was changed.
    fn url(&self, source: &Source, request: &Request) -> Url {
        let (base, default, gov) = match request.family {
            Family::Web => (&self.api, SLACK_API_URL, GOV_API_URL),
            Family::Audit => (&self.audit, SLACK_AUDIT_URL, GOV_AUDIT_URL),
        };
        let base = if source.gov && base.as_str() == default { gov } else { base.as_str() };
        let mut url = Url::parse(base).expect("a URL that was parsed before, or a constant that a test parses");
        url.set_path(&format!("{}{}", url.path(), request.method));
        url
    }

    /// Returns the error of a call that received no response. Slack may have processed the request, unless the connection failed. This is harmless
    /// for requests that only read. The caller that exchanges a code must report that Slack may have issued a token.
    fn unreachable(&self, request: &Request, host: &str, cause: Result<reqwest::Error, Duration>) -> Error {
        let what = match &cause {
            Err(waited) => format!("did not respond within {} seconds", (waited.as_secs_f32() * 1e3).round() / 1e3),
            Ok(cause) if cause.is_connect() || cause.is_timeout() => "is unreachable".to_owned(),
            Ok(_) => "closed the connection".to_owned(),
        };
        let error = Error::slack("unreachable", format!("calling `{}`: `{host}` {what}", request.method));
        match cause {
            Ok(cause) if cause.is_connect() => error.unsent().with_source(cause.without_url()),
            Ok(cause) => error.with_source(cause.without_url()), // the query contains the page cursor, which does not belong in a log line
            Err(_) => error,
        }
    }

    fn prepare(&self, mut url: Url, request: &Request, auth: CallAuth<'_>) -> RequestBuilder {
        // Slack's page cursors end in `=`, which must be encoded in a query. A form uses the same encoding.
        if !request.arguments.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.arguments);
        }
        let call = if request.post {
            let form = url.query().unwrap_or_default().to_owned();
            url.set_query(None);
            self.client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
        } else {
            self.client.get(url)
        };
        match auth {
            CallAuth::User(token) => call.bearer_auth(token.reveal()),
            CallAuth::App(app) => call.basic_auth(&app.client_id, Some(app.client_secret.reveal())),
        }
    }
}

impl Slack for SlackHttp {
    async fn call(&self, source: &Source, request: &Request, auth: CallAuth<'_>) -> Result<Response<Body>, Error> {
        let url = self.url(source, request);
        let host = url.host_str().unwrap_or_default().to_owned();
        let began = Instant::now();
        let finish_by = self.calls_finish_by();
        let call_max = left_until(finish_by, self.call_max);
        let sent = timeout(call_max, self.prepare(url, request, auth).send()).await;
        let response = match sent {
            Ok(sent) => sent.map_err(|error| self.unreachable(request, &host, Ok(error)))?,
            Err(_) => return Err(self.unreachable(request, &host, Err(call_max))),
        };
        let left = call_max.saturating_sub(began.elapsed());
        Ok(Response {
            status: response.status().as_u16(),
            retry_after: header(&response, RETRY_AFTER),
            date: header(&response, DATE).and_then(|text| parse_http_date(&text)),
            scopes: header(&response, "x-oauth-scopes"),
            body: body(response, left, finish_by, request.method, host),
        })
    }
}

fn header(response: &reqwest::Response, name: impl AsHeaderName) -> Option<String> {
    response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Returns `left`, or the time until `finish_by` if that is shorter.
fn left_until(finish_by: Option<Instant>, left: Duration) -> Duration {
    finish_by.map_or(left, |time| left.min(time.saturating_duration_since(Instant::now())))
}

/// Returns the decompressed chunks of a response. If the response is incomplete, the last item is an error.
fn body(
    response: reqwest::Response,
    left: Duration,
    finish_by: Option<Instant>,
    method: &'static str,
    host: String,
) -> Body {
    Body::chunks(stream::unfold(Some((response, left, host)), move |state| async move {
        let (mut response, left, host) = state?;
        let began = Instant::now();
        match timeout(left_until(finish_by, left), response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let left = left.saturating_sub(began.elapsed());
                Some((Ok(chunk), Some((response, left, host))))
            }
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some((Err(cut_off(method, &host).with_source(error.without_url())), None)),
            Err(elapsed) => Some((Err(cut_off(method, &host).with_source(elapsed)), None)),
        }
    }))
}

/// Parses a base URL, or returns why it is invalid. The error does not repeat the text, because the text may contain a secret.
pub(crate) fn base_url(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err("would send the token unencrypted: plain `http` is for loopback hosts only".to_owned()),
        _ => return Err("does not start with `https://`".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("may contain only a host and a path".to_owned());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn bad_urls(variables: [(&str, Option<String>); 2]) -> Error {
    let wrong: Vec<String> =
        variables.into_iter().filter_map(|(name, wrong)| Some(format!("`{name}` {}", wrong?))).collect();
    Error::deployment("bad_url", wrong.join("; "))
}

fn no_client(error: reqwest::Error) -> Error {
    Error::deployment("no_tls", "initializing TLS failed").with_source(error.without_url())
}

fn cut_off(method: &str, host: &str) -> Error {
    Error::slack("incomplete_response", format!("calling `{method}`: the response of `{host}` is incomplete"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::error::ErrorKind;
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    fn url(slack: &SlackHttp, gov: bool, request: &Request) -> String {
        let source = Source { gov, ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH) };
        slack.url(&source, request).into()
    }

    #[test]
    fn each_api_has_own_host_and_govslack_hosts_unless_urls_are_set() {
        let (web, audit) = (Request::auth_test(), Request::audit_logs(Second::EPOCH, Second::EPOCH, 1, None));
        let slack = SlackHttp::new(SLACK_API_URL, SLACK_AUDIT_URL).unwrap();
        assert_eq!(url(&slack, false, &web), "https://slack.com/api/auth.test");
        assert_eq!(url(&slack, false, &audit), "https://api.slack.com/audit/v1/logs");
        assert_eq!(url(&slack, true, &web), "https://slack-gov.com/api/auth.test");
        assert_eq!(url(&slack, true, &audit), "https://api.slack-gov.com/audit/v1/logs");
        let set = SlackHttp::new("http://127.0.0.1:1/api", SLACK_AUDIT_URL).unwrap();
        assert_eq!(url(&set, true, &web), "http://127.0.0.1:1/api/auth.test");
        assert_eq!(url(&set, true, &audit), "https://api.slack-gov.com/audit/v1/logs");
    }

    #[test]
    fn base_url_is_https_or_loopback_and_wrong_ones_are_named() {
        for right in
            ["https://proxy.example/slack", "http://localhost:8080", "http://[::1]:1/", "http://127.0.0.1/api/"]
        {
            assert!(SlackHttp::new(right, right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "slack.com",
            "ftp://slack.com/",
            "http://slack.com/api/",
            "https://u:xoxp-1@slack.com/",
            "https://slack.com/?a=xoxp-1",
        ] {
            let error = SlackHttp::new(wrong, wrong).unwrap_err();
            assert!(
                error.message.contains("`SLACK_API_URL`") && error.message.contains("`SLACK_AUDIT_URL`"),
                "{error}"
            );
            assert_eq!(error.kind, ErrorKind::Reconfigure);
            assert!(!format!("{error:?}").contains("xoxp-1"), "{error:?}");
        }
        let one = SlackHttp::new(SLACK_API_URL, "http://slack.com/").unwrap_err();
        assert!(!one.message.contains("SLACK_API_URL"), "{one}");
    }
}
