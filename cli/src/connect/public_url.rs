//! The public URL of the deployment's API, which browsers open.

use std::net::IpAddr;

use slacktrail_connect::OneTimeToken;

use crate::cli_error::CliError;

/// The URL of the deployment's API, without a trailing slash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct PublicUrl(String);

impl PublicUrl {
    /// Parses the URL of the stack or of `SLACKTRAIL_URL`.
    ///
    /// # Errors
    /// Returns an error if Slack would not redirect a browser to the URL: Slack accepts only `https`. For local tests, `http` on a loopback
    /// address is also allowed.
    pub(super) fn new(text: &str) -> Result<PublicUrl, CliError> {
        let url = text.trim_end_matches('/');
        let (host, is_safe) = match url.split_once("://") {
            Some(("https", rest)) => (host(rest), true),
            Some(("http", rest)) => (host(rest), is_loopback(host(rest))),
            _ => ("", false),
        };
        let is_plain = url.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@'));
        if is_safe && is_plain && !host.is_empty() {
            return Ok(PublicUrl(url.to_owned()));
        }
        Err(CliError::new(format!("the deployment's public URL `{text}` is not an `https` URL without query or fragment"))
            .hint("set `SLACKTRAIL_URL` to the stack output `ApiUrl`, such as `https://abc.execute-api.eu-west-1.amazonaws.com`"))
    }

    /// Returns the URL to which Slack redirects the browser. The app's settings must contain it.
    pub(super) fn redirect_url(&self) -> String {
        format!("{}/oauth/callback", self.0)
    }

    /// Returns the link that starts an authorization. It is a secret until it is used.
    pub(super) fn link(&self, link_token: &OneTimeToken) -> String {
        format!("{}/oauth/start?grant={}", self.0, link_token.reveal())
    }
}

fn host(rest: &str) -> &str {
    rest.split('/').next().unwrap_or_default()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callback_is_below_public_url() {
        for (text, expected) in [
            ("https://a.example", "https://a.example/oauth/callback"),
            ("https://a.example/prod/", "https://a.example/prod/oauth/callback"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/oauth/callback"),
            ("http://localhost", "http://localhost/oauth/callback"),
            ("http://[::1]:80", "http://[::1]:80/oauth/callback"),
        ] {
            assert_eq!(PublicUrl::new(text).unwrap().redirect_url(), expected);
        }
    }

    #[test]
    fn public_url_that_slack_rejects_is_rejected() {
        for text in [
            "",
            "a.example",
            "http://a.example",
            "http://127.0.0.1.example",
            "ftp://a.example",
            "https://",
            "https:///x",
            "https://a.example/?x=1",
            "https://a.example/#x",
            "https://u:p@a.example",
            "https://a.example/a b",
        ] {
            let error = PublicUrl::new(text).unwrap_err();
            assert!(error.next_action().unwrap().contains("SLACKTRAIL_URL"), "{text}");
        }
    }
}
