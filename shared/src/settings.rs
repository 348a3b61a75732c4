//! The functions' settings, from environment variables that are handed in. All that is wrong is named at once.

/// Where Slack's Web API is, unless set otherwise.
pub const SLACK_API_URL: &str = "https://slack.com/api/";
/// Where Slack's Audit Logs API is, unless set otherwise.
pub const SLACK_AUDIT_URL: &str = "https://api.slack.com/audit/v1/";
/// Slack's page of consent, unless set otherwise.
pub const SLACK_AUTHORIZE_URL: &str = "https://slack.com/oauth/v2/authorize";
/// What secrets' names begin with, unless set otherwise.
pub const SECRET_PREFIX: &str = "slacktrail/";

/// The poller's settings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PollerSettings {
    /// The log bucket.
    pub bucket: String,
    /// The table of sources and cursors.
    pub table: String,
    /// What secrets' names begin with; a source's id follows.
    pub secret_prefix: String,
    /// Slack's Web API.
    pub slack_api_url: String,
    /// Slack's Audit Logs API.
    pub slack_audit_url: String,
}

/// Settings that are missing or malformed, all of them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the environment does not configure the poller: {}; set them in template.yaml", .0.join("; "))]
pub struct BadSettings(Vec<String>);

impl PollerSettings {
    /// Reads the settings from `variable`, which gives an environment variable's value.
    ///
    /// # Errors
    /// Names every variable that is missing or malformed, with what came.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<PollerSettings, BadSettings> {
        let mut wrong = Vec::new();
        let mut read = |name: &str, default: Option<&str>, fault: fn(&str) -> Option<&'static str>| {
            let value = variable(name).filter(|value| !value.is_empty()).or_else(|| default.map(str::to_owned));
            match value.as_deref().map(fault) {
                None => wrong.push(format!("`{name}` is not set")),
                Some(Some(fault)) => wrong.push(format!("`{name}` is `{}`, {fault}", value.as_deref().unwrap_or(""))),
                Some(None) => {}
            }
            value.unwrap_or_default()
        };
        let settings = PollerSettings {
            bucket: read("BUCKET_NAME", None, bucket_fault),
            table: read("TABLE_NAME", None, table_fault),
            secret_prefix: read("SECRET_PREFIX", Some(SECRET_PREFIX), prefix_fault),
            slack_api_url: read("SLACK_API_URL", Some(SLACK_API_URL), url_fault),
            slack_audit_url: read("SLACK_AUDIT_URL", Some(SLACK_AUDIT_URL), url_fault),
        };
        if wrong.is_empty() { Ok(settings) } else { Err(BadSettings(wrong)) }
    }
}

fn bucket_fault(value: &str) -> Option<&'static str> {
    let plain = value.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.');
    (!plain || !(3..=63).contains(&value.len()))
        .then_some("which is no bucket's name: 3 to 63 lower case letters, digits, `-` and `.`")
}

fn table_fault(value: &str) -> Option<&'static str> {
    let plain = value.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c));
    (!plain || !(3..=255).contains(&value.len()))
        .then_some("which is no table's name: 3 to 255 letters, digits, `-`, `_` and `.`")
}

fn prefix_fault(value: &str) -> Option<&'static str> {
    let plain = value.bytes().all(|c| c.is_ascii_alphanumeric() || b"/_+=.@-".contains(&c));
    (!plain || value.len() > 448).then_some("which no secret's name can begin with: use letters, digits and `/_+=.@-`")
}

fn url_fault(value: &str) -> Option<&'static str> {
    let host = value
        .strip_prefix("https://")
        .or_else(|| value.strip_prefix("http://127.0.0.1:"))
        .or_else(|| value.strip_prefix("http://localhost:"));
    let whole = host.is_some_and(|host| host.len() > 1 && host.ends_with('/') && !host.contains(char::is_whitespace));
    (!whole).then_some("which is no URL that begins with `https://` and ends with `/`")
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
    fn two_names_are_enough() {
        let settings = read(&[("BUCKET_NAME", "logs"), ("TABLE_NAME", "slacktrail"), ("SECRET_PREFIX", "")]).unwrap();
        assert_eq!(settings.secret_prefix, "slacktrail/");
        assert_eq!(settings.slack_api_url, SLACK_API_URL);
        assert_eq!(settings.slack_audit_url, SLACK_AUDIT_URL);
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
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
}
