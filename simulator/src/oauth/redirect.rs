//! Redirect URLs: which ones are allowed, and how parameters are added (docs.slack.dev, installing with OAuth).

use form_urlencoded::Serializer;

/// The parts of a URL that the rules compare.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    scheme: String,
    /// The host and port, without the scheme's default port.
    host: String,
    path: String,
    query: Option<String>,
}

/// Returns `true` if Slack may redirect to this URL. It must use `https`, or a loopback host so that tests need no certificate. It must
/// contain no `#`, and nothing that a browser interprets differently from a text comparison.
pub(crate) fn is_acceptable(url: &str) -> bool {
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>'));
    let Some(parts) = Parts::of(url).filter(|_| plain) else {
        return false;
    };
    let path = parts.path.to_ascii_lowercase().replace("%2e", ".");
    let climbs = path.split('/').any(|segment| segment == ".." || segment == ".");
    let named = !parts.host.is_empty() && !parts.host.starts_with(':') && !parts.host.contains('@');
    let safe = parts.scheme == "https" || parts.scheme == "http" && is_loopback(&parts.host);
    named && safe && !climbs
}

/// Returns `true` if `url` equals `configured` or is below it. Does not check that the URLs are acceptable.
pub(crate) fn is_below(url: &str, configured: &str) -> bool {
    if url == configured {
        return true;
    }
    let (Some(url), Some(configured)) = (Parts::of(url), Parts::of(configured)) else {
        return false;
    };
    let base = configured.path.trim_end_matches('/');
    let rest = url.path.strip_prefix(base);
    url.scheme == configured.scheme
        && url.host == configured.host
        && configured.query.is_none()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(crate) fn with_parameters(url: &str, parameters: &[(&str, &str)]) -> String {
    let added = Serializer::new(String::new()).extend_pairs(parameters).finish();
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{added}")
}

impl Parts {
    fn of(url: &str) -> Option<Parts> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, rest) = rest.split_at(end);
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (rest, None),
        };
        let scheme = scheme.to_ascii_lowercase();
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix(default_port).unwrap_or(&host).to_owned();
        Some(Parts { scheme, host, path: path.to_owned(), query })
    }
}

fn is_loopback(host: &str) -> bool {
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        let rest = host.strip_prefix(name);
        let port = rest.and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_prefix(':') });
        port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::{is_acceptable, is_below, with_parameters};

    #[test]
    fn redirect_below_url_has_same_host_and_whole_segments() {
        let table = [
            ("https://a.example/cb", true),
            ("https://A.example:443/cb/", true),
            ("https://a.example/cb/deeper?x=1", true),
            ("https://a.example/cb?x=1", true),
            ("https://a.example/cbx", false),
            ("https://a.example/", false),
            ("https://a.example:8443/cb", false),
            ("http://a.example/cb", false),
            ("https://a.example.evil.example/cb", false),
            ("https://b.a.example/cb", false),
        ];
        for (url, expected) in table {
            assert_eq!(is_below(url, "https://a.example/cb"), expected, "{url}");
        }
        assert!(is_below("https://a.example/anything", "https://a.example"));
    }

    #[test]
    fn only_unambiguous_https_or_loopback_redirects_are_accepted() {
        for url in ["https://a.example", "http://127.0.0.1:80/x", "http://localhost:3000/cb?a=b", "http://[::1]:1/"] {
            assert!(is_acceptable(url), "{url}");
        }
        for url in [
            "http://a.example/cb",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.15/",
            "http://localhost@evil.example/",
            "https://a.example@evil.example/",
            "https://a.example/cb#x",
            "https://a.example/cb/../x",
            "https://a.example/cb/%2E./x",
            "https://a.example\\@evil.example/",
            "https://a.example/\r\nSet-Cookie:x",
            "https:///cb",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!is_acceptable(url), "{url}");
        }
    }

    #[test]
    fn parameters_are_encoded_and_appended_to_existing_ones() {
        let added = [("code", "1.2"), ("state", "a b&c=/é")];
        assert_eq!(with_parameters("https://a/cb", &added), "https://a/cb?code=1.2&state=a+b%26c%3D%2F%C3%A9");
        assert_eq!(with_parameters("https://a/cb?x=1", &added[..1]), "https://a/cb?x=1&code=1.2");
    }
}
