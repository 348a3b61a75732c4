//! A request as far as it concerns us. Its other headers are the client's own words, and none of them is believed: one is heard, and only
//! against the client.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::Method;
use slacktrail_core::error::{Error, ErrorKind};

/// Where a browser begins.
const START: &str = "/oauth/start";
/// Where Slack sends it back to. The command prints this address, and the app's settings hold it.
const CALLBACK: &str = "/oauth/callback";

/// The page that is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Address {
    /// Where a browser begins.
    Start,
    /// Where Slack sends it back to.
    Callback,
    /// No page of ours.
    Other,
}

/// A request. `Debug` would show secrets, so there is none.
pub(crate) struct Request<'a> {
    pub(crate) address: Address,
    pub(crate) method: Method,
    /// As it came, undecoded. (Payload format 2.0 also has it decoded, but there a comma may be one of the client's or stand
    /// between repeated parameters.)
    pub(crate) query: &'a str,
    /// The name that API Gateway knows itself by.
    domain: Option<&'a str>,
    /// The stage, where the path begins with it.
    stage: Option<&'a str>,
    cookies: &'a [String],
    /// What the browser says about the page that sent the request (W3C, Fetch Metadata Request Headers).
    sent_by: Option<&'a str>,
}

impl Address {
    /// The path in a log line. Whatever else was asked for may hold anything, and is not repeated.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Address::Start => START,
            Address::Callback => CALLBACK,
            Address::Other => "other",
        }
    }
}

impl<'a> Request<'a> {
    /// What an event says.
    pub(crate) fn of(event: &'a ApiGatewayV2httpRequest) -> Request<'a> {
        let context = &event.request_context;
        let path = event.raw_path.as_deref().unwrap_or_default();
        // The path of a stage other than `$default` begins with its name, except under a domain name of one's own.
        let stage = context.stage.as_deref().filter(|stage| !matches!(*stage, "" | "$default"));
        let within =
            stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage)).filter(|rest| rest.starts_with('/'));
        Request {
            address: match within.unwrap_or(path) {
                START => Address::Start,
                CALLBACK => Address::Callback,
                _ => Address::Other,
            },
            method: context.http.method.clone(),
            query: event.raw_query_string.as_deref().unwrap_or_default(),
            domain: context.domain_name.as_deref().filter(|domain| !domain.is_empty()),
            stage: stage.filter(|_| within.is_some()),
            cookies: event.cookies.as_deref().unwrap_or_default(),
            sent_by: event.headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()),
        }
    }

    /// Returns `true` if a page of another website sent it. An old browser does not say; its cookie is then the only sign.
    pub(crate) fn is_cross_site(&self) -> bool {
        self.sent_by.is_some_and(|site| !matches!(site, "same-origin" | "none"))
    }

    /// The value of the browser's cookie of this name.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let pairs = self.cookies.iter().flat_map(|cookies| cookies.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    }

    /// Our own callback, as the browser reaches it. It is built from what API Gateway says about itself: a `Host` header that lies
    /// would send Slack's code elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::Reconfigure`] when the event does not come from where it should.
    pub(crate) fn redirect_url(&self) -> Result<String, Error> {
        let Some(domain) = self.domain else {
            return Err(Error::deployment(
                ErrorKind::Reconfigure,
                "no_domain_name",
                "the event does not say by which domain name the function was reached",
                "invoke it from an API Gateway HTTP API with payload format 2.0, as template.yaml does",
            ));
        };
        let stage = self.stage.map(|stage| format!("/{stage}")).unwrap_or_default();
        Ok(format!("https://{domain}{stage}{CALLBACK}"))
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::http::HeaderName;
    use serde_json::json;

    use super::*;

    fn event(path: &str, stage: &str, method: &str) -> ApiGatewayV2httpRequest {
        let event = json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "cookies": ["a=1; __Host-b=2", "c=3=4"],
            "headers": { "host": "liar.example", "x-forwarded-host": "liar.example" },
            "requestContext": {
                "domainName": "abc.execute-api.us-east-1.amazonaws.com",
                "stage": stage,
                "http": { "method": method, "path": path },
            },
            "isBase64Encoded": false,
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn two_routes_are_recognized_with_or_without_stage() {
        for (path, stage, address, redirect) in [
            ("/oauth/start", "$default", Address::Start, "/oauth/callback"),
            ("/oauth/callback", "$default", Address::Callback, "/oauth/callback"),
            ("/dev/oauth/start", "dev", Address::Start, "/dev/oauth/callback"),
            ("/oauth/start", "dev", Address::Start, "/oauth/callback"),
            ("/dev/oauth/start", "$default", Address::Other, "/oauth/callback"),
            ("/devil/oauth/start", "dev", Address::Other, "/oauth/callback"),
            ("/oauth/start/", "$default", Address::Other, "/oauth/callback"),
            ("//oauth/start", "$default", Address::Other, "/oauth/callback"),
            ("/OAuth/start", "$default", Address::Other, "/oauth/callback"),
            ("", "", Address::Other, "/oauth/callback"),
        ] {
            let event = event(path, stage, "GET");
            let request = Request::of(&event);
            assert_eq!(request.address, address, "{path} {stage}");
            let url = request.redirect_url().unwrap();
            assert_eq!(url, format!("https://abc.execute-api.us-east-1.amazonaws.com{redirect}"), "{path} {stage}");
        }
    }

    #[test]
    fn cookie_is_found_by_whole_name() {
        let event = event("/oauth/callback", "$default", "HEAD");
        let request = Request::of(&event);
        assert_eq!(request.method, Method::HEAD);
        assert_eq!(request.cookie("__Host-b").as_deref(), Some("2"));
        assert_eq!(request.cookie("c").as_deref(), Some("3=4"));
        assert_eq!(request.cookie("b"), None);
        assert_eq!(request.cookie("C"), None);
    }

    #[test]
    fn form_of_other_website_is_recognized() {
        for (site, is_cross) in [
            (None, false),
            (Some("same-origin"), false),
            (Some("none"), false),
            (Some("same-site"), true),
            (Some("cross-site"), true),
        ] {
            let mut event = event("/oauth/start", "$default", "POST");
            event.headers.extend(site.map(|site| (HeaderName::from_static("sec-fetch-site"), site.parse().unwrap())));
            assert_eq!(Request::of(&event).is_cross_site(), is_cross, "{site:?}");
        }
    }

    #[test]
    fn event_without_domain_name_is_internal_error() {
        let mut event = event("/oauth/start", "$default", "GET");
        event.request_context.domain_name = None;
        assert_eq!(Request::of(&event).redirect_url().unwrap_err().code, "no_domain_name");
    }
}
