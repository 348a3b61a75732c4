//! Texts about the Slack app: how to create it, and what it needs.

use slacktrail_connect::manifest::{manifest, new_app_url, user_scopes};
use slacktrail_core::source::{LogType, Source};
use slacktrail_ports::credentials::App;

use crate::format::quoted;

/// The page for creating GovSlack apps (docs.slack.dev, GovSlack).
const GOV_APPS_URL: &str = "https://api.slack-gov.com/apps";

/// Returns the instructions for creating the source's app from its manifest.
pub(super) fn instructions(source: &Source, redirect_url: &str, rotation: bool) -> String {
    let manifest = manifest(&source.label, &source.logs, redirect_url, rotation);
    let mut text = if source.gov {
        // Slack does not document whether GovSlack's page accepts a manifest in its URL.
        format!(
            "Open the list of your GovSlack apps:\n\n{GOV_APPS_URL}\n\nChoose `Create New App` and `From a manifest`, paste \
             this, and click `Next` and `Create`:\n\n{manifest:#}\n"
        )
    } else {
        format!(
            "This link fills in all settings of the app. Open it, choose the workspace that will own the app, and click `Next` and \
             `Create`:\n\n{}\n",
            new_app_url(&manifest)
        )
    };
    text.push_str(match LogType::require_organization(&source.logs) {
        true => {
            "\nOne app covers all logs of the organization. If Slack does not offer the organization in step 3, activate public \
             distribution (`Manage Distribution`).\n"
        }
        false => {
            "\nChoose the workspace whose logs you want to collect. An admin of that workspace installs the app in step 3.\n"
        }
    });
    if rotation {
        text.push_str("\nThe app's tokens will rotate. Slack does not let an app turn rotation off again.\n");
    }
    text
}

/// Returns what an existing app needs. `is_stored`: its credentials come from the source's secret.
pub(super) fn existing(app: &App, is_stored: bool, source: &Source, redirect_url: &str) -> String {
    let stored = if is_stored { " (stored; use `--new-app` to enter another app)" } else { "" };
    let scopes = quoted(user_scopes(&source.logs), ", ");
    let organization = match LogType::require_organization(&source.logs) {
        true => "\n  organization-wide installation",
        false => "",
    };
    format!(
        "Using the app with client ID {}{stored}.\nIt needs:\n  user token scopes {scopes}\n  \
         redirect URL {redirect_url}{organization}\n",
        app.client_id
    )
}

/// Returns who must install the app, and where.
pub(super) fn installing(source: &Source) -> &'static str {
    match LogType::require_organization(&source.logs) {
        true => {
            "The Org Owner must install the app, and choose the organization, not a workspace, at the top right of Slack's page."
        }
        false => "An admin or owner of the workspace must install the app.",
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    use super::*;

    const REDIRECT_URL: &str = "https://x.example/oauth/callback";

    fn source(plan: Plan) -> Source {
        Source::new("acme".parse().unwrap(), "Acme", plan, Second::EPOCH)
    }

    #[test]
    fn instructions_for_each_plan_name_installer() {
        let enterprise = instructions(&source(Plan::Enterprise), REDIRECT_URL, false);
        assert!(enterprise.contains("\nhttps://api.slack.com/apps?new_app=1&manifest_json=%7B"), "{enterprise}");
        assert!(
            enterprise.contains("public distribution") && installing(&source(Plan::Enterprise)).contains("Org Owner")
        );
        let pro = instructions(&source(Plan::Pro), REDIRECT_URL, false);
        assert!(!pro.contains("distribution") && installing(&source(Plan::Pro)).contains("admin"), "{pro}");
    }

    #[test]
    fn instructions_say_token_rotation_is_permanent() {
        assert!(instructions(&source(Plan::Pro), REDIRECT_URL, true).contains("does not let an app turn rotation off"));
    }

    #[test]
    fn govslack_gets_own_url_and_manifest_to_paste() {
        let text = instructions(&Source { gov: true, ..source(Plan::Enterprise) }, REDIRECT_URL, false);
        assert!(text.contains("\nhttps://api.slack-gov.com/apps\n"), "{text}");
        assert!(text.contains("\"redirect_urls\": [") && !text.contains("https://api.slack.com/apps"), "{text}");
    }
}
