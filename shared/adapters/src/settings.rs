//! The settings of the functions, from environment variables that the caller passes. An error names all invalid settings at once.

use slacktrail_connect::SLACK_AUTHORIZE_URL;

/// The default URL of Slack's Web API.
pub const SLACK_API_URL: &str = "https://slack.com/api/";
/// The default URL of Slack's Audit Logs API.
pub const SLACK_AUDIT_URL: &str = "https://api.slack.com/audit/v1/";
/// The default prefix of secret names.
pub const SECRET_PREFIX: &str = "slacktrail/";

/// The settings of the poller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PollerSettings {
    /// The log bucket.
    pub bucket: String,
    /// The table with sources and cursors.
    pub table: String,
    /// The prefix of secret names, which the source ID follows.
    pub secret_prefix: String,
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
    ///
    /// Returns an error that names every variable that is missing or invalid, with its value.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<PollerSettings, BadSettings> {
        let mut reader = Reader { variable, wrong: Vec::new() };
        let settings = PollerSettings {
            bucket: reader.read("BUCKET_NAME", None, bucket_fault),
            table: reader.table(),
            secret_prefix: reader.secret_prefix(),
            slack_api_url: reader.slack_api_url(),
            slack_audit_url: reader.slack_audit_url(),
        };
        reader.finish("poller", settings)
    }
}

impl OauthSettings {
    /// Reads the settings from `variable`, which returns the value of an environment variable.
    ///
    /// # Errors
    ///
    /// Returns an error that names every variable that is missing or invalid, with its value.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<OauthSettings, BadSettings> {
        let mut reader = Reader { variable, wrong: Vec::new() };
        let settings = OauthSettings {
            table: reader.table(),
            secret_prefix: reader.secret_prefix(),
            slack_api_url: reader.slack_api_url(),
            slack_audit_url: reader.slack_audit_url(),
            slack_authorize_url: reader.read("SLACK_AUTHORIZE_URL", Some(SLACK_AUTHORIZE_URL), page_fault),
        };
        reader.finish("OAuth function", settings)
    }
}

/// Reads variables and collects their errors.
struct Reader<F> {
    variable: F,
    wrong: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// Returns the value of a variable, or its default. An empty value counts as missing.
    fn read(&mut self, name: &str, default: Option<&str>, fault: fn(&str) -> Option<&'static str>) -> String {
        let value = (self.variable)(name).filter(|value| !value.is_empty()).or_else(|| default.map(str::to_owned));
        match value.as_deref().map(fault) {
            None => self.wrong.push(format!("`{name}` is not set")),
            Some(Some(fault)) => self.wrong.push(format!("`{name}` is `{}`, {fault}", value.as_deref().unwrap_or(""))),
            Some(None) => {}
        }
        value.unwrap_or_default()
    }

    fn table(&mut self) -> String {
        self.read("TABLE_NAME", None, table_fault)
    }

    fn secret_prefix(&mut self) -> String {
        self.read("SECRET_PREFIX", Some(SECRET_PREFIX), prefix_fault)
    }

    fn slack_api_url(&mut self) -> String {
        self.read("SLACK_API_URL", Some(SLACK_API_URL), url_fault)
    }

    fn slack_audit_url(&mut self) -> String {
        self.read("SLACK_AUDIT_URL", Some(SLACK_AUDIT_URL), url_fault)
    }

    fn finish<T>(self, function: &'static str, settings: T) -> Result<T, BadSettings> {
        if self.wrong.is_empty() { Ok(settings) } else { Err(BadSettings { function, wrong: self.wrong }) }
    }
}

fn bucket_fault(value: &str) -> Option<&'static str> {
    let plain = value.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.');
    (!plain || !(3..=63).contains(&value.len()))
        .then_some("which is not a bucket name: use 3 to 63 lowercase letters, digits, `-` and `.`")
}

fn table_fault(value: &str) -> Option<&'static str> {
    let plain = value.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c));
    (!plain || !(3..=255).contains(&value.len()))
        .then_some("which is not a table name: use 3 to 255 letters, digits, `-`, `_` and `.`")
}

fn prefix_fault(value: &str) -> Option<&'static str> {
    let plain = value.bytes().all(|c| c.is_ascii_alphanumeric() || b"/_+=.@-".contains(&c));
    (!plain || value.len() > 448)
        .then_some("which is not a prefix of secret names: use at most 448 letters, digits and `/_+=.@-`")
}

fn url_fault(value: &str) -> Option<&'static str> {
    let whole = host_and_path(value).is_some_and(|rest| rest.len() > 1 && rest.ends_with('/'));
    (!whole).then_some("which is not a URL that starts with `https://` and ends with `/`")
}

/// The URL becomes part of a header, so it must not contain characters that are invalid there.
fn page_fault(value: &str) -> Option<&'static str> {
    let plain = |c: u8| c.is_ascii_graphic() && !b"?#\"<>\\".contains(&c);
    let whole = host_and_path(value).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain));
    (!whole).then_some("which is not a URL that starts with `https://` and has no `?` or `#`")
}

/// Returns the part after the scheme. Plain `http` is only valid for the local machine.
fn host_and_path(value: &str) -> Option<&str> {
    let rest = value
        .strip_prefix("https://")
        .or_else(|| value.strip_prefix("http://127.0.0.1:"))
        .or_else(|| value.strip_prefix("http://localhost:"));
    rest.filter(|rest| !rest.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<PollerSettings, BadSettings> {
        PollerSettings::read(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn bucket_and_table_names_suffice() {
        let settings = read(&[("BUCKET_NAME", "logs"), ("TABLE_NAME", "slacktrail"), ("SECRET_PREFIX", "")]).unwrap();
        assert_eq!(settings.secret_prefix, "slacktrail/");
        assert_eq!(settings.slack_api_url, SLACK_API_URL);
        assert_eq!(settings.slack_audit_url, SLACK_AUDIT_URL);
    }

    #[test]
    fn all_invalid_settings_are_named_at_once() {
        let wrong =
            read(&[("BUCKET_NAME", "My Logs"), ("SLACK_API_URL", "ftp://x"), ("SLACK_AUDIT_URL", "http://slack.com/")])
                .unwrap_err()
                .to_string();
        for part in [
            "`BUCKET_NAME` is `My Logs`",
            "`TABLE_NAME` is not set",
            "`SLACK_API_URL` is `ftp://x`",
            "`SLACK_AUDIT_URL`",
        ] {
            assert!(wrong.contains(part), "{wrong}");
        }
    }

    #[test]
    fn oauth_function_needs_only_table_and_names_all_invalid_settings() {
        let settings = OauthSettings::read(|name| (name == "TABLE_NAME").then(|| "slacktrail".to_owned())).unwrap();
        assert_eq!(settings.slack_authorize_url, SLACK_AUTHORIZE_URL);
        assert_eq!(settings.secret_prefix, "slacktrail/");
        let wrong = OauthSettings::read(|name| Some(format!("{name} é"))).unwrap_err().to_string();
        for name in ["TABLE_NAME", "SECRET_PREFIX", "SLACK_API_URL", "SLACK_AUDIT_URL", "SLACK_AUTHORIZE_URL"] {
            assert!(wrong.contains(&format!("`{name}` is `{name} é`")), "{wrong}");
        }
        assert!(wrong.contains("the OAuth function") && !wrong.contains("BUCKET_NAME"), "{wrong}");
    }

    #[test]
    fn authorize_url_must_be_valid_in_header() {
        for right in [SLACK_AUTHORIZE_URL, "http://127.0.0.1:8080/oauth/v2/authorize", "https://slack-gov.com/a"] {
            assert_eq!(page_fault(right), None, "{right}");
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
            assert!(page_fault(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn prefix_leaves_room_for_source_and_url_needs_host_and_slash() {
        assert_eq!(prefix_fault(&"x".repeat(448)), None);
        assert!(prefix_fault(&"x".repeat(449)).is_some());
        for (url, right) in [("https://a/", true), ("https:///", false), ("https://a", false), ("https://", false)] {
            assert_eq!(url_fault(url).is_none(), right, "{url}");
        }
    }
}
