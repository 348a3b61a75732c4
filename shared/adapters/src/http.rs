//! Slack over HTTPS: one call, once, in bounded time. It retries nothing and follows nothing: the next tick is the retry.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream;
use reqwest::header::{AsHeaderName, CONTENT_TYPE, DATE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use tokio::time::timeout;

use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::settings::{SLACK_API_URL, SLACK_AUDIT_URL};
use slacktrail_core::slack::{Family, Request, Response};
use slacktrail_core::source::Source;
use slacktrail_core::time::parse_http_date;
use slacktrail_ports::{Body, CallAuth, Slack};

/// GovSlack's web methods (docs.slack.dev, GovSlack).
const GOV_API_URL: &str = "https://slack-gov.com/api/";
/// GovSlack's audit logs. Unconfirmed: Slack documents the host of the web methods only, and this follows its pattern. Where
/// it is wrong every audit call fails and says so; `SLACK_AUDIT_URL` then names the right one.
const GOV_AUDIT_URL: &str = "https://api.slack-gov.com/audit/v1/";

/// Beyond this there is no connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long Slack may keep a caller waiting, for the head of a response and for its body; beyond, the call has failed. A page of 1000 records
/// takes about a second. The time that the caller takes to store what came does not count.
const CALL_MAX: Duration = Duration::from_secs(20);
/// An unused connection is closed after this. It is less than the minute between two ticks on purpose: a function is frozen
/// in between, the other end hangs up meanwhile, and a call on such a connection is a tick lost.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Slack, by way of one pool of connections.
#[derive(Clone, Debug)]
pub struct SlackHttp {
    client: Client,
    api: Url,
    audit: Url,
    call_max: Duration,
    /// When calls have to be over, if there is such a time.
    finish_by: Arc<Mutex<Option<Instant>>>,
}

impl SlackHttp {
    /// Takes the base URLs of Slack's two families of methods; a missing `/` at their end is added.
    ///
    /// # Errors
    /// [`ErrorKind::Reconfigure`], naming every variable whose URL is not `https`, or `http` to this machine itself.
    pub fn new(api_url: &str, audit_url: &str) -> Result<SlackHttp, Error> {
        SlackHttp::with_timeout(api_url, audit_url, CALL_MAX)
    }

    /// As [`SlackHttp::new`], with another bound of the time that a call may take.
    ///
    /// # Errors
    /// As [`SlackHttp::new`].
    pub fn with_timeout(api_url: &str, audit_url: &str, call_max: Duration) -> Result<SlackHttp, Error> {
        let (api, audit) = match (base_url(api_url), base_url(audit_url)) {
            (Ok(api), Ok(audit)) => (api, audit),
            (api, audit) => return Err(bad_urls([("SLACK_API_URL", api.err()), ("SLACK_AUDIT_URL", audit.err())])),
        };
        let mut client = Client::builder()
            .user_agent(concat!("slacktrail/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .redirect(Policy::none()); // a redirect would take the token to whomever it names
        if api.scheme() == "http" || audit.scheme() == "http" {
            client = client.no_proxy(); // plain HTTP is for this machine only, and a proxy would read the token
        }
        let client = client.build().map_err(no_client)?;
        Ok(SlackHttp { client, api, audit, call_max, finish_by: Arc::default() })
    }

    /// Ends all calls at this time, however long a single call may take otherwise.
    pub fn finish_by(&self, time: Instant) {
        *self.finish_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(time);
    }

    fn calls_finish_by(&self) -> Option<Instant> {
        *self.finish_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a call goes. A source on GovSlack has hosts of its own, unless the URLs were set to something else.
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

    /// No reply began. Whether Slack received the call is unknown, unless there was no connection. Almost every call only reads, so that
    /// does no harm; where a code was exchanged, the caller says what may have come of it.
    fn unreachable(&self, request: &Request, host: &str, cause: Result<reqwest::Error, Duration>) -> Error {
        let what = match &cause {
            Err(waited) => format!("did not answer within {} seconds", (waited.as_secs_f32() * 1e3).round() / 1e3),
            Ok(cause) if cause.is_connect() || cause.is_timeout() => "cannot be connected to".to_owned(),
            Ok(_) => "broke off the connection".to_owned(),
        };
        let error = Error::slack(
            ErrorKind::Retry,
            "unreachable",
            format!("calling `{}`: `{host}` {what}", request.method),
            format!("wait for the next tick; if this persists, check whether a firewall or proxy blocks `{host}`"),
        );
        match cause {
            Ok(cause) if cause.is_connect() => error.unsent().with_source(cause.without_url()),
            Ok(cause) => error.with_source(cause.without_url()), // the query holds the page cursor, and nobody needs it in a log line
            Err(_) => error,
        }
    }

    fn prepare(&self, mut url: Url, request: &Request, caller: CallAuth<'_>) -> RequestBuilder {
        // Slack's page cursors end in `=`, which a query must not hold unencoded; a form is encoded in the same way.
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
        match caller {
            CallAuth::User(token) => call.bearer_auth(token.reveal()),
            CallAuth::App(app) => call.basic_auth(&app.client_id, Some(app.client_secret.reveal())),
        }
    }
}

impl Slack for SlackHttp {
    async fn call(&self, source: &Source, request: &Request, caller: CallAuth<'_>) -> Result<Response<Body>, Error> {
        let url = self.url(source, request);
        let host = url.host_str().unwrap_or_default().to_owned();
        let began = Instant::now();
        let finish_by = self.calls_finish_by();
        let call_max = left_until(finish_by, self.call_max);
        let sent = timeout(call_max, self.prepare(url, request, caller).send()).await;
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

/// The chunks of a response, unpacked. One that broke off is the last.
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
                Some((Ok(chunk.into()), Some((response, left, host))))
            }
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some((Err(cut_off(method, &host).with_source(error.without_url())), None)),
            Err(elapsed) => Some((Err(cut_off(method, &host).with_source(elapsed)), None)),
        }
    }))
}

/// A base URL, or what is wrong with it. The text itself is not repeated: somebody may have put a secret there.
fn base_url(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err("would send the token unencrypted: plain `http` is for loopback hosts only".to_owned()),
        _ => return Err("does not begin with `https://`".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("may hold a host and a path only".to_owned());
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
    let hint = format!("leave it unset for Slack itself, or set a URL such as `{SLACK_API_URL}`");
    Error::deployment(ErrorKind::Reconfigure, "bad_url", wrong.join("; "), hint)
}

fn no_client(error: reqwest::Error) -> Error {
    Error::deployment(
        ErrorKind::Reconfigure,
        "no_tls",
        "preparing to speak TLS failed",
        "install the system's certificates (the package `ca-certificates`), and see what `HTTPS_PROXY` says if it is set",
    )
    .with_source(error.without_url())
}

fn cut_off(method: &str, host: &str) -> Error {
    Error::slack(
        ErrorKind::Retry,
        "incomplete_response",
        format!("calling `{method}`: the response of `{host}` broke off"),
        "wait for the next tick, which asks for a smaller page",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
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
