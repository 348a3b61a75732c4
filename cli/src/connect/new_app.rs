//! What to say about the Slack app: how it is made, and what it must have.

use slacktrail_connect::manifest::{manifest, new_app_url, user_scopes};
use slacktrail_core::credentials::App;
use slacktrail_core::source::{LogType, Source};

/// Where apps for GovSlack are made (docs.slack.dev, GovSlack).
const GOV_APPS_URL: &str = "https://api.slack-gov.com/apps";

/// How the source's app is made, with its manifest filled in.
pub(super) fn making(source: &Source, redirect_url: &str, rotation: bool) -> String {
    let manifest = manifest(&source.label, &source.logs, redirect_url, rotation);
    let mut text = if source.gov {
        // Slack does not document whether GovSlack's page takes a manifest in its address.
        format!(
            "Open GovSlack's page of your apps:\n\n{GOV_APPS_URL}\n\nChoose `Create New App` and `From a manifest`, paste \
             this, and click `Next` and\n`Create`:\n\n{manifest:#}\n"
        )
    } else {
        format!(
            "This link fills in all of its settings. Open it, choose the workspace that the\n\
             app is to belong to, and click `Next` and `Create`:\n\n{}\n",
            new_app_url(&manifest)
        )
    };
    text.push_str(match is_for_organization(source) {
        true => {
            "\nOne app for the organization serves all of its logs. If Slack does not offer the\n\
             organization in step 3, activate public distribution (`Manage Distribution`).\n"
        }
        false => "\nChoose the workspace whose logs you want; an admin of it installs the app in step 3.\n",
    });
    if rotation {
        text.push_str("\nThe app's tokens will rotate. Slack never lets an app go back from that.\n");
    }
    text
}

/// What an app that exists must have. `before`: it was stored before.
pub(super) fn existing(app: &App, before: bool, source: &Source, redirect_url: &str) -> String {
    let before = if before { ", stored before (`--new-app` to enter another)" } else { "" };
    let scopes = user_scopes(&source.logs).join("`, `");
    let organization = match is_for_organization(source) {
        true => "\n  organization-wide installation",
        false => "",
    };
    format!(
        "The one with the client id {}{before}.\nIt needs:\n  user token scopes `{scopes}`\n  \
         redirect URL {redirect_url}{organization}\n",
        app.client_id
    )
}

/// Who may install it, and where.
pub(super) fn installing(source: &Source) -> &'static str {
    match is_for_organization(source) {
        true => {
            "It takes the Org Owner, who chooses the organization, not a workspace, at the top\n\
             right of Slack's page."
        }
        false => "It takes an admin or owner of the workspace.",
    }
}

fn is_for_organization(source: &Source) -> bool {
    source.logs.contains(&LogType::Audit)
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
        let enterprise = making(&source(Plan::Enterprise), REDIRECT_URL, false);
        assert!(enterprise.contains("\nhttps://api.slack.com/apps?new_app=1&manifest_json=%7B"), "{enterprise}");
        assert!(
            enterprise.contains("public distribution") && installing(&source(Plan::Enterprise)).contains("Org Owner")
        );
        let pro = making(&source(Plan::Pro), REDIRECT_URL, false);
        assert!(!pro.contains("distribution") && installing(&source(Plan::Pro)).contains("admin"), "{pro}");
    }

    #[test]
    fn instructions_say_token_rotation_is_permanent() {
        assert!(making(&source(Plan::Pro), REDIRECT_URL, true).contains("never lets an app go back"));
    }

    #[test]
    fn govslack_gets_own_url_and_manifest_to_paste() {
        let text = making(&Source { gov: true, ..source(Plan::Enterprise) }, REDIRECT_URL, false);
        assert!(text.contains("\nhttps://api.slack-gov.com/apps\n"), "{text}");
        assert!(text.contains("\"redirect_urls\": [") && !text.contains("https://api.slack.com/apps"), "{text}");
        let prose = text.lines().take_while(|line| !line.starts_with('{'));
        assert!(prose.into_iter().all(|line| line.chars().count() <= 80), "{text}");
    }
}
