//! Converts a request to an event in payload format 2.0 of API Gateway's HTTP APIs. Source: AWS, "Create AWS Lambda proxy integrations for
//! HTTP APIs in API Gateway".

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The domain name of the API in the events that [`event`] creates.
pub const DOMAIN_NAME: &str = "abcde12345.execute-api.us-east-1.amazonaws.com";

/// Headers that apply to one connection only. API Gateway does not forward them.
const CONNECTION_HEADERS: [&str; 5] = ["connection", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// Creates the event of a request to the API [`DOMAIN_NAME`], for tests without sockets.
///
/// `query` is the part after the question mark, or empty. `cookies` are pairs such as `__Host-state=1`. If `headers` contains no `host`, the
/// event has [`DOMAIN_NAME`] as its host.
///
/// ```
/// let event = slacktrail_tests::http_api::event("GET", "/oauth/callback", "code=1&state=2", &[], &["__Host-state=2"]);
/// assert_eq!(event["routeKey"], "GET /oauth/callback");
/// assert_eq!(event["queryStringParameters"]["state"], "2");
/// ```
pub fn event(method: &str, path: &str, query: &str, headers: &[(&str, &str)], cookies: &[&str]) -> Value {
    let mut headers: Vec<(&str, String)> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    if headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        headers.push(("host", DOMAIN_NAME.to_owned()));
    }
    if !cookies.is_empty() {
        headers.push(("cookie", cookies.join("; ")));
    }
    Received {
        domain_name: DOMAIN_NAME,
        request_id: "000000000000001=",
        time: Timestamp::now(),
        source_ip: Ipv4Addr::new(192, 0, 2, 1).into(), // reserved for documentation (RFC 5737)
        method,
        path,
        query,
        headers: &headers,
        body: b"",
    }
    .to_event()
}

/// A request, with the metadata of API Gateway.
pub(super) struct Received<'a> {
    /// The domain name of the API, which does not depend on the request.
    ///
    /// API Gateway does not route a request with an unknown `Host`. The emulator forwards it, with the forged name in `headers.host`, so that
    /// a test can show that a function ignores it.
    pub(super) domain_name: &'a str,
    pub(super) request_id: &'a str,
    pub(super) time: Timestamp,
    pub(super) source_ip: IpAddr,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// The query, or empty.
    pub(super) query: &'a str,
    pub(super) headers: &'a [(&'a str, String)],
    pub(super) body: &'a [u8],
}

impl Received<'_> {
    pub(super) fn to_event(&self) -> Value {
        let (headers, cookies) = self.headers_and_cookies();
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route_key(),
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": headers,
            "requestContext": self.context(headers.get("user-agent")),
            "isBase64Encoded": false,
        });
        // API Gateway omits empty fields.
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if !self.query.is_empty() {
            event["queryStringParameters"] = json!(joined(form_urlencoded::parse(self.query.as_bytes())));
        }
        if !self.body.is_empty() {
            let text = str::from_utf8(self.body).ok().filter(|_| is_text(headers.get("content-type")));
            event["isBase64Encoded"] = json!(text.is_none());
            event["body"] = json!(text.map_or_else(|| STANDARD.encode(self.body), str::to_owned));
        }
        event
    }

    fn route_key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn context(&self, user_agent: Option<&String>) -> Value {
        json!({
            "accountId": "123456789012",
            "apiId": "abcde12345",
            "domainName": self.domain_name,
            "domainPrefix": self.domain_name.split('.').next(),
            "http": {
                "method": self.method,
                "path": self.path,
                "protocol": "HTTP/1.1",
                "sourceIp": self.source_ip,
                "userAgent": user_agent.map_or("", String::as_str),
            },
            "requestId": self.request_id,
            "routeKey": self.route_key(),
            "stage": "$default",
            "time": self.time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": self.time.as_millisecond(),
        })
    }

    /// Returns the headers that the function receives, and the cookies, which API Gateway passes separately.
    fn headers_and_cookies(&self) -> (BTreeMap<String, String>, Vec<&str>) {
        let (cookies, others): (Vec<_>, Vec<_>) =
            self.headers.iter().partition(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let cookies = cookies.iter().flat_map(|(_, value)| value.split(';')).map(str::trim);
        let added = [
            ("x-amzn-trace-id", "Root=1-6a214b00-0123456789abcdef01234567".to_owned()),
            ("x-forwarded-for", self.source_ip.to_string()),
            ("x-forwarded-port", "443".to_owned()),
            ("x-forwarded-proto", "https".to_owned()),
        ];
        let headers = others
            .into_iter()
            .chain(&added)
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| !CONNECTION_HEADERS.contains(&name.as_str()));
        (joined(headers), cookies.filter(|cookie| !cookie.is_empty()).collect())
    }
}

/// Joins the values of equal names with commas.
fn joined(pairs: impl Iterator<Item = (impl Into<String>, impl AsRef<str>)>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        all.entry(name.into())
            .and_modify(|values| {
                values.push(',');
                values.push_str(value.as_ref());
            })
            .or_insert_with(|| value.as_ref().to_owned());
    }
    all
}

/// Returns `true` if API Gateway passes a body of this content type as text.
///
/// API Gateway encodes other bodies in base64, including forms and bodies without a content type. The documentation lists no types. They were
/// measured in <https://github.com/ministackorg/ministack/pull/766> (2026-06).
fn is_text(content_type: Option<&String>) -> bool {
    let essence =
        content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"].contains(&essence.as_str())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn event_has_every_field_of_payload_format_2_and_omits_empty_ones() {
        let mut event = event("GET", "/oauth/start", "", &[("User-Agent", "test")], &[]);
        let now_ms = event["requestContext"]["timeEpoch"].take().as_i64().unwrap();
        let now = Timestamp::from_millisecond(now_ms).unwrap();
        assert_eq!(event["requestContext"]["time"].take(), json!(now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()));
        assert_eq!(
            event,
            json!({
                "version": "2.0",
                "routeKey": "GET /oauth/start",
                "rawPath": "/oauth/start",
                "rawQueryString": "",
                "headers": {
                    "host": DOMAIN_NAME,
                    "user-agent": "test",
                    "x-amzn-trace-id": "Root=1-6a214b00-0123456789abcdef01234567",
                    "x-forwarded-for": "192.0.2.1",
                    "x-forwarded-port": "443",
                    "x-forwarded-proto": "https",
                },
                "requestContext": {
                    "accountId": "123456789012",
                    "apiId": "abcde12345",
                    "domainName": DOMAIN_NAME,
                    "domainPrefix": "abcde12345",
                    "http": {
                        "method": "GET",
                        "path": "/oauth/start",
                        "protocol": "HTTP/1.1",
                        "sourceIp": "192.0.2.1",
                        "userAgent": "test",
                    },
                    "requestId": "000000000000001=",
                    "routeKey": "GET /oauth/start",
                    "stage": "$default",
                    "time": null,
                    "timeEpoch": null,
                },
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn repeated_values_are_joined_by_commas_and_cookies_are_separate() {
        let headers = [("X-Word", "a"), ("x-word", "b"), ("Connection", "close")];
        let event = event("GET", "/", "q=1&r=%C3%A4+b&q=2", &headers, &["one=1", "two=2"]);
        assert_eq!(event["rawQueryString"], "q=1&r=%C3%A4+b&q=2");
        assert_eq!(event["queryStringParameters"], json!({ "q": "1,2", "r": "ä b" }));
        assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(event["headers"]["x-word"], "a,b");
        assert!(event["headers"].get("cookie").is_none() && event["headers"].get("connection").is_none());
    }

    #[test]
    fn forged_host_is_header_and_not_domain_name() {
        let event = event("GET", "/", "", &[("Host", "evil.example")], &[]);
        assert_eq!(event["headers"]["host"], "evil.example");
        assert_eq!(event["requestContext"]["domainName"], DOMAIN_NAME);
    }

    #[test]
    fn body_is_text_only_for_text_types() {
        for (content_type, is_text) in [
            ("text/plain; charset=utf-8", true),
            ("Application/JSON", true),
            ("application/x-www-form-urlencoded", false),
            ("image/png", false),
        ] {
            let headers = [("content-type", content_type.to_owned())];
            let event = Received {
                domain_name: DOMAIN_NAME,
                request_id: "1",
                time: Timestamp::UNIX_EPOCH,
                source_ip: Ipv4Addr::LOCALHOST.into(),
                method: "POST",
                path: "/",
                query: "",
                headers: &headers,
                body: b"a=1",
            }
            .to_event();
            assert_eq!(event["isBase64Encoded"], !is_text, "{content_type}");
            assert_eq!(event["body"], if is_text { "a=1" } else { "YT0x" }, "{content_type}");
        }
    }
}
