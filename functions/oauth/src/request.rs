//! Extracts the used parts of a request. The client controls its headers, so none is trusted. Only `Sec-Fetch-Site` is read, and only to reject
//! a request.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::Method;
use slacktrail_core::error::Error;

/// The path of the link that `slacktrail connect` prints.
const START: &str = "/oauth/start";
/// The path to which Slack redirects the browser. The command prints the full URL, and the app's settings contain it.
const CALLBACK: &str = "/oauth/callback";

/// The requested page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Address {
    /// The page of a link.
    Start,
    /// The page to which Slack redirects the browser.
    Callback,
    /// A page that does not exist.
    Other,
}

/// The used parts of a request. The type does not implement `Debug`, because that would show secrets.
pub(crate) struct Request<'a> {
    pub(crate) address: Address,
    pub(crate) method: Method,
    /// The query string, undecoded. Payload format 2.0 also has decoded parameters, but joins repeated ones with a comma, which a value may also
    /// contain.
    pub(crate) query: &'a str,
    /// API Gateway's domain name.
    domain: Option<&'a str>,
    /// The stage, if the path begins with it.
    stage: Option<&'a str>,
    cookies: &'a [String],
    /// The relation of the sending page to this website, as reported by the browser (W3C, Fetch Metadata Request Headers).
    sent_by: Option<&'a str>,
}

impl Address {
    /// Returns the path for the log line. Other paths are logged as `other`, because they can contain arbitrary text.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Address::Start => START,
            Address::Callback => CALLBACK,
            Address::Other => "other",
        }
    }
}

impl<'a> Request<'a> {
    /// Extracts the used parts of an event.
    pub(crate) fn of(event: &'a ApiGatewayV2httpRequest) -> Request<'a> {
        let context = &event.request_context;
        let path = event.raw_path.as_deref().unwrap_or_default();
        // The path begins with the stage's name, unless the stage is `$default` or the client uses a custom domain name.
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

    /// Returns `true` if a page of another website sent this request. Old browsers do not send the header. For these, only the cookie protects
    /// against such requests.
    pub(crate) fn is_cross_site(&self) -> bool {
        self.sent_by.is_some_and(|site| !matches!(site, "same-origin" | "none"))
    }

    /// Returns the value of the cookie `name`.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let pairs = self.cookies.iter().flat_map(|cookies| cookies.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    }

    /// Returns the public URL of the callback. The domain name comes from API Gateway and not from the `Host` header, because a forged header
    /// would send Slack's code to another server.
    ///
    /// # Errors
    /// Returns an error of [`Reconfigure`](slacktrail_core::error::ErrorKind::Reconfigure) if the event contains no domain name, so it does not come from API Gateway.
    pub(crate) fn redirect_url(&self) -> Result<String, Error> {
        let Some(domain) = self.domain else {
            return Err(Error::deployment("no_domain_name", "the event contains no domain name"));
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
