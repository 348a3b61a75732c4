//! Tests `connect` in a pipe. It asks no questions, and reports missing and rejected input.

use jiff::Timestamp;
use serde_json::json;
use slacktrail_connect::{Authorization, AuthorizationState};
use slacktrail_core::time::Second;
use slacktrail_simulator::oauth::{App, Consent};

use super::{NEW, Stage, plain};

#[tokio::test]
async fn missing_arguments_are_all_named_in_pipe() {
    let Some(stage) = Stage::organization().await else { return };
    let ran = stage.slacktrail.run(&["connect", "acme"]).await.exits(1);
    insta::assert_snapshot!(plain(&ran.stderr), @r#"
    error: source `acme` cannot be connected: `--name`, `--plan`, `--client-id` and `--client-secret-stdin` are missing
    hint: run `slacktrail connect acme --name "Acme" --plan enterprise --client-id 1.2 --client-secret-stdin < secret.txt`, for example, or run the command in a terminal, which asks for the values
    "#);
}

#[tokio::test]
async fn flags_suffice_in_pipe_and_stdout_has_only_json() {
    let Some(stage) = Stage::workspace().await else { return };
    let arguments = ["connect", "acme", "--name", "Acme", "--plan", "pro", "--silent-after", "3d", "--json"];
    let (child, link, messages) = stage.pipe(&arguments).await;
    stage.open(&link, &Consent::workspace("T1")).await.unwrap();
    let ran = stage.slacktrail.end(child).await.exits(0);
    // Without empty lines, because the reader that found the link may have consumed the empty line after it.
    let messages = plain(&format!("{messages}{}", ran.stderr));
    let messages: Vec<&str> = messages.lines().filter(|line| !line.is_empty()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    1/4 Slack app
    Using the app with client ID 2000000000.2000000002.
    It needs:
      user token scopes `admin`
      redirect URL https://connect.example/oauth/callback
    2/4 App credentials (already known)
    3/4 Installation
    This link leads to Slack's page that installs the app. Open it, or send it to a user who may install the app. The link works once and expires in 10 minutes.
    An admin or owner of the workspace must install the app.
    The link's pages show the reference <reference>
    https://connect.example/oauth/start?grant=<grant>
    4/4 Verification
    ");

    let mut printed = ran.json();
    let newest = printed["verified"]["logs"][0]["newest"].take();
    assert!(newest.as_str().unwrap().parse::<Timestamp>().is_ok(), "{newest}");
    printed["verified"]["logs"][1]["newest"].take();
    assert_eq!(
        printed["verified"],
        json!({
            "tenant": {"id": "T1", "name": "Workspace T1"},
            "organization": false,
            "user": "W0OWNER",
            "scopes": ["admin"],
            "rotates": false,
            "logs": [
                {"log": "access", "newest": null, "note": null},
                {"log": "integration", "newest": null, "note": null},
            ],
        })
    );
    let report = printed.as_object_mut().unwrap().remove("verified");
    assert!(report.is_some() && printed == stage.sources().await[0], "{printed}");
}

#[tokio::test]
async fn rotating_app_is_reported_and_its_refresh_token_is_stored() {
    let Some(stage) = Stage::organization().await else { return };
    let stage = Stage { app: stage.app.clone().rotating(), ..stage };
    stage.slack.world().settings_mut().apps = vec![stage.app.clone()];
    let (child, link, messages) = stage.pipe(&[&NEW[..], &["--token-rotation"]].concat()).await;
    assert!(messages.contains("warning: `--token-rotation` has no effect on an existing app"), "{messages}");
    stage.open(&link, &Consent::organization()).await.unwrap();
    let ran = stage.slacktrail.end(child).await.exits(0);
    assert!(ran.stdout.contains("; its tokens rotate, and the poller refreshes them"), "{}", ran.stdout);
    assert!(stage.secret().await.unwrap()["refresh_token"].as_str().unwrap().starts_with("xoxe-"));
}

#[tokio::test]
async fn callback_error_is_reported_with_hint() {
    let Some(stage) = Stage::organization().await else { return };
    let (child, link, _) = stage.pipe(&NEW).await;
    stage.open(&link, &Consent::workspace("T1")).await.unwrap_err();
    let ran = stage.slacktrail.end(child).await.exits(1);
    insta::assert_snapshot!(plain(&ran.stderr), @r"
    error: the app was installed on the workspace `Workspace T1` (T1), but audit logs require the organization
    hint: run `slacktrail connect acme` again and choose the organization in the menu at the top right of Slack's page (this requires an Org Owner)
    ");
    assert_eq!((ran.stdout.as_str(), stage.sources().await), ("", json!([])));
}

#[tokio::test]
async fn link_not_used_in_time_is_canceled() {
    let Some(stage) = Stage::organization().await else { return };
    let (child, link, _) = stage.pipe(&NEW).await;
    stage.force(&link, |authorization| Authorization { expires_at: Second::MARCH_2018, ..authorization }).await;
    let ran = stage.slacktrail.end(child).await.exits(1);
    insta::assert_snapshot!(plain(&ran.stderr), @r"
    error: the link expired: the app was not installed within 10 minutes
    hint: run the same command again for a new link; if Slack's page showed an error, check the app's settings, or use another app (`slacktrail connect acme --new-app`)
    ");
    assert_eq!(stage.authorizations().await[0].state, AuthorizationState::Canceled);
}

#[tokio::test]
async fn new_app_leaves_grant_to_first_app_until_it_has_its_own() {
    let Some(stage) = Stage::organization().await else { return };
    let (child, link, _) = stage.pipe(&NEW).await;
    stage.open(&link, &Consent::organization()).await.unwrap();
    stage.slacktrail.end(child).await.exits(0);
    let first = stage.secret().await.unwrap();

    let client_id = "3000000000.3000000003".to_owned();
    let other = App { client_id, client_secret: "hush-hush".to_owned(), ..stage.app.clone() };
    stage.slack.world().settings_mut().apps.push(other.clone());
    let again = Stage { app: other.clone(), ..stage };
    let (child, link, messages) = again.pipe(&["connect", "acme", "--name", "Other"]).await;
    assert!(
        messages.contains("source `acme` exists: `Organization E1` (E1): audit, access, integration"),
        "{messages}"
    );
    let mut pending = again.secret().await.unwrap();
    assert_eq!(pending["pending_client_id"], json!(other.client_id));
    for field in ["pending_client_id", "pending_client_secret"] {
        pending.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(pending, first, "the app that granted the token still refreshes it");
    assert_eq!(again.sources().await[0]["label"], "Acme");

    again.open(&link, &Consent::organization()).await.unwrap();
    let ran = again.slacktrail.end(child).await.exits(0);
    assert!(
        ran.stdout.starts_with("reconnected `acme` to the organization `Organization E1` (E1)\n"),
        "{}",
        ran.stdout
    );
    let second = again.secret().await.unwrap();
    assert_eq!((&second["client_id"], second.get("pending_client_id")), (&json!(other.client_id), None));
    assert_ne!(second["token"], first["token"]);
    assert_eq!(again.sources().await[0]["label"], "Other");
}
