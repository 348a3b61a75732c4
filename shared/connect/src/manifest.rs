//! The scopes and the manifest of a source's Slack app (docs.slack.dev, app manifest reference).

use form_urlencoded::Serializer;
use serde_json::{Value, json};

use slacktrail_core::source::LogType;

/// Slack's page that creates an app from a manifest.
const NEW_APP_URL: &str = "https://api.slack.com/apps";
/// Slack's length limit for an app name.
const NAME_CHARS_MAX: usize = 35;

/// Returns the user scopes that these logs need.
pub fn user_scopes(logs: &[LogType]) -> Vec<&'static str> {
    let logs = LogType::ALL.into_iter().filter(|log| logs.contains(log));
    let mut scopes: Vec<_> = logs.map(LogType::user_scope).collect();
    scopes.dedup();
    scopes
}

/// Returns the user scopes that these logs need and `granted` lacks.
pub fn missing_scopes(logs: &[LogType], granted: &[String]) -> Vec<&'static str> {
    user_scopes(logs).into_iter().filter(|scope| !granted.iter().any(|granted| granted == scope)).collect()
}

/// Returns the bot scopes for an app that reads these logs. No log needs one, but Slack lists an app for organization-wide installation only
/// if it has a bot scope (docs.slack.dev, audit logs guide). slacktrail does not store the bot token.
pub(crate) fn bot_scopes(logs: &[LogType]) -> &'static [&'static str] {
    if LogType::require_organization(logs) { &["team:read"] } else { &[] }
}

/// Returns the manifest of the app for these logs. With `rotation`, its tokens expire after 12 hours, and slacktrail refreshes them. Slack does
/// not allow an app to turn this off again.
pub fn manifest(label: &str, logs: &[LogType], redirect_url: &str, rotation: bool) -> Value {
    let organization = LogType::require_organization(logs);
    let name: String = format!("slacktrail {label}").chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    let mut manifest = json!({
        "_metadata": { "major_version": 2, "minor_version": 1 },
        "display_information": {
            "name": name.trim_end(),
            "description": "Collects security logs into your own S3 bucket. It reads logs, never messages.",
        },
        "oauth_config": {
            "redirect_urls": [redirect_url],
            "scopes": { "user": user_scopes(logs) },
        },
        "settings": {
            "org_deploy_enabled": organization,
            "socket_mode_enabled": false,
            "token_rotation_enabled": rotation,
            "is_hosted": false,
        },
    });
    if organization {
        manifest["oauth_config"]["scopes"]["bot"] = json!(bot_scopes(logs));
        manifest["features"] = json!({ "bot_user": { "display_name": "slacktrail", "always_online": false } });
    }
    manifest
}

/// Returns the URL of Slack's page that creates an app from this manifest.
pub fn new_app_url(manifest: &Value) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("new_app", "1").append_pair("manifest_json", &manifest.to_string());
    // Form encoding writes a space as `+`, which Slack's page may not decode. It decodes `%20`.
    format!("{NEW_APP_URL}?{}", query.finish().replace('+', "%20"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_has_scopes_and_settings_of_each_installation_type() {
        let organization = manifest("Acme", &LogType::ALL, "https://x/oauth/callback", false);
        assert_eq!(organization["oauth_config"]["scopes"]["user"], json!(["auditlogs:read", "admin"]));
        assert_eq!(organization["oauth_config"]["scopes"]["bot"], json!(["team:read"]));
        assert_eq!(organization["settings"]["org_deploy_enabled"], json!(true));
        let workspace = manifest("Acme", &[LogType::Access, LogType::Integration], "https://x/oauth/callback", true);
        assert_eq!(workspace["oauth_config"]["scopes"], json!({ "user": ["admin"] }));
        assert_eq!(workspace["settings"]["org_deploy_enabled"], json!(false));
        assert_eq!(workspace["settings"]["token_rotation_enabled"], json!(true));
        assert_eq!(user_scopes(&[LogType::Audit]), ["auditlogs:read"]);
    }

    #[test]
    fn app_link_contains_manifest_and_app_name_fits() {
        let manifest = manifest(&"Große\t & \nSöhne ".repeat(9), &LogType::ALL, "https://x/oauth/callback", false);
        assert_eq!(manifest["display_information"]["name"], json!("slacktrail Große & Söhne Große & Sö"));
        assert!(manifest["display_information"]["description"].as_str().unwrap().len() <= 140);
        let url = new_app_url(&manifest);
        assert!(!url.contains('+') && !url.contains(' ') && !url.contains('"'), "{url}");
        let query = url.split_once('?').unwrap().1;
        let (_, json) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "manifest_json").unwrap();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), manifest);
    }
}
