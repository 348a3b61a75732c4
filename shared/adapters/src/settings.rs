//! The settings of the functions, from environment variables that the caller passes. An error names all invalid settings at once.

use slacktrail_connect::SLACK_AUTHORIZE_URL;

use crate::aws::ResourceNames;
use crate::http::base_url;

/// The default URL of Slack's Web API.
pub const SLACK_API_URL: &str = "https://slack.com/api/";
/// The default URL of Slack's Audit Logs API.
pub const SLACK_AUDIT_URL: &str = "https://api.slack.com/audit/v1/";
/// The default prefix of secret names.
pub const SECRET_PREFIX: &str = "slacktrail/";

/// The settings of the poller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PollerSettings {
    /// The names of the bucket, the table and the secrets.
    pub names: ResourceNames,
    /// The URL of Slack's Web API.
    pub slack_api_url: String,
    /// The URL of Slack's Audit Logs API.
    pub slack_audit_url: String,
}

/// The settings of the OAuth function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OauthSettings {
    /// The table with sources, cursors and authorizations.
    pub table: String,
    /// The prefix of secret names, which the source ID follows.
    pub secret_prefix: String,
    /// The URL of Slack's Web API.
    pub slack_api_url: String,
    /// The URL of Slack's Audit Logs API.
    pub slack_audit_url: String,
    /// The URL of Slack's consent page.
    pub slack_authorize_url: String,
}

/// All settings that are missing or invalid.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid settings of the {function}: {}; set them in template.yaml", .wrong.join("; "))]
pub struct BadSettings {
    function: &'static str,
    wrong: Vec<String>,
}

impl PollerSettings {
    /// Reads the settings from `variable`, which returns the value of an environment variable.
    ///
    /// # Errors
    /// Returns an error that names every variable that is missing or invalid, with its value.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<PollerSettings, BadSettings> {
        let mut wrong = Vec::new();
        let mut read = |setting: &Setting| setting.read(&variable, &mut wrong);
        let names = ResourceNames { bucket: read(&BUCKET), table: read(&TABLE), secret_prefix: read(&PREFIX) };
        let settings = PollerSettings { names, slack_api_url: read(&API), slack_audit_url: read(&AUDIT) };
        if wrong.is_empty() { Ok(settings) } else { Err(BadSettings { function: "poller", wrong }) }
    }
}

impl OauthSettings {
    /// Reads the settings from `variable`, which returns the value of an environment variable.
    ///
    /// # Errors
    /// Returns an error that names every variable that is missing or invalid, with its value.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<OauthSettings, BadSettings> {
        let mut wrong = Vec::new();
        let mut read = |setting: &Setting| setting.read(&variable, &mut wrong);
        let settings = OauthSettings {
            table: read(&TABLE),
            secret_prefix: read(&PREFIX),
            slack_api_url: read(&API),
            slack_audit_url: read(&AUDIT),
            slack_authorize_url: read(&AUTHORIZE),
        };
        if wrong.is_empty() { Ok(settings) } else { Err(BadSettings { function: "OAuth function", wrong }) }
    }
}

/// A setting: its variable, its default, and which values are valid, as code and in words.
struct Setting {
    variable: &'static str,
    default: Option<&'static str>,
    is_valid: fn(&str) -> bool,
    valid: &'static str,
}

const BUCKET: Setting = Setting {
    variable: "BUCKET_NAME",
    default: None,
    is_valid: |name| {
        let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.';
        (3..=63).contains(&name.len()) && name.bytes().all(is_plain)
    },
    valid: "a bucket name: use 3 to 63 lowercase letters, digits, `-` and `.`",
};
const TABLE: Setting = Setting {
    variable: "TABLE_NAME",
    default: None,
    is_valid: |name| {
        (3..=255).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
    },
    valid: "a table name: use 3 to 255 letters, digits, `-`, `_` and `.`",
};
const PREFIX: Setting = Setting {
    variable: "SECRET_PREFIX",
    default: Some(SECRET_PREFIX),
    is_valid: |prefix| {
        prefix.len() <= 448 && prefix.bytes().all(|c| c.is_ascii_alphanumeric() || b"/_+=.@-".contains(&c))
    },
    valid: "a prefix of secret names: use at most 448 letters, digits and `/_+=.@-`",
};
const API: Setting = Setting {
    variable: "SLACK_API_URL",
    default: Some(SLACK_API_URL),
    is_valid: is_api_url,
    valid: "a URL that starts with `https://` and ends with `/`",
};
const AUDIT: Setting = Setting { variable: "SLACK_AUDIT_URL", default: Some(SLACK_AUDIT_URL), ..API };
const AUTHORIZE: Setting = Setting {
    variable: "SLACK_AUTHORIZE_URL",
    default: Some(SLACK_AUTHORIZE_URL),
    is_valid: is_page_url,
    valid: "a URL that starts with `https://` and has no `?` or `#`",
};

impl Setting {
    /// Returns the value of the variable, or its default. An empty value counts as missing. Adds what is wrong to `wrong`.
    fn read(&self, variable: impl Fn(&str) -> Option<String>, wrong: &mut Vec<String>) -> String {
        let Setting { variable: name, default, is_valid, valid } = self;
        let value = variable(name).filter(|value| !value.is_empty()).or_else(|| default.map(str::to_owned));
        match &value {
            None => wrong.push(format!("`{name}` is not set")),
            Some(value) if !is_valid(value) => wrong.push(format!("`{name}` is `{value}`, which is not {valid}")),
            Some(_) => {}
        }
        value.unwrap_or_default()
    }
}

fn is_api_url(url: &str) -> bool {
    base_url(url).is_ok() && url.ends_with('/')
}

/// The URL becomes part of a header, so it must not contain characters that are invalid there.
fn is_page_url(url: &str) -> bool {
    base_url(url).is_ok() && url.bytes().all(|c| c.is_ascii_graphic() && !b"\"<>\\".contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_suffice_and_empty_value_is_default() {
        let named = |name: &str| match name {
            "BUCKET_NAME" | "TABLE_NAME" => Some("logs".to_owned()),
            _ => Some(String::new()),
        };
        let names = ResourceNames { bucket: "logs".into(), table: "logs".into(), secret_prefix: "slacktrail/".into() };
        let (slack_api_url, slack_audit_url) = (SLACK_API_URL.to_owned(), SLACK_AUDIT_URL.to_owned());
        assert_eq!(PollerSettings::read(named), Ok(PollerSettings { names, slack_api_url, slack_audit_url }));
        let oauth = OauthSettings::read(|name| named(name).filter(|_| name == "TABLE_NAME")).unwrap();
        assert_eq!(
            (oauth.slack_authorize_url.as_str(), oauth.secret_prefix.as_str()),
            (SLACK_AUTHORIZE_URL, "slacktrail/")
        );
    }

    #[test]
    fn all_invalid_settings_are_named_at_once() {
        let invalid = |name: &str| Some(format!("{name} é"));
        let poller = PollerSettings::read(|name| invalid(name).filter(|_| name != "TABLE_NAME")).unwrap_err();
        let oauth = OauthSettings::read(invalid).unwrap_err();
        for (error, named) in [(&poller, "BUCKET_NAME"), (&oauth, "TABLE_NAME"), (&oauth, "SLACK_AUTHORIZE_URL")] {
            for name in ["SECRET_PREFIX", "SLACK_API_URL", "SLACK_AUDIT_URL", named] {
                assert!(error.to_string().contains(&format!("`{name}` is `{name} é`")), "{error}");
            }
        }
        assert!(
            poller.to_string().contains("of the poller: ") && poller.to_string().contains("`TABLE_NAME` is not set")
        );
        assert!(oauth.to_string().contains("of the OAuth function: ") && !oauth.to_string().contains("BUCKET_NAME"));
    }

    #[test]
    fn authorize_url_must_be_valid_in_header() {
        for right in [SLACK_AUTHORIZE_URL, "http://127.0.0.1:8080/oauth/v2/authorize", "https://slack-gov.com/a"] {
            assert!(is_page_url(right), "{right}");
        }
        for wrong in [
            "",
            "https://",
            "http://slack.com/a",
            "https://slack.com/a?b=c",
            "https://slack.com/\r\nx:y",
            "https://é/",
            "slack.com",
        ] {
            assert!(!is_page_url(wrong), "{wrong}");
        }
    }

    #[test]
    fn prefix_leaves_room_for_source_and_url_needs_host_and_slash() {
        assert!((PREFIX.is_valid)(&"x".repeat(448)) && !(PREFIX.is_valid)(&"x".repeat(449)));
        for (url, right) in [("https://a/", true), ("https:///", false), ("https://a", false), ("https://", false)] {
            assert_eq!(is_api_url(url), right, "{url}");
        }
    }
}
