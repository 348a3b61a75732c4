//! Tests `connect` in a terminal: its questions, Ctrl-C, and opening the browser.

use std::time::Duration;

use serde_json::json;
use slacktrail_connect::AuthorizationState;
use slacktrail_simulator::oauth::Consent;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind};

use super::{NEW, Stage, link, plain};
use crate::terminal::{Shown, Terminal};

/// Enters the app's credentials, and waits for the link.
async fn enter_app(terminal: &mut Terminal, stage: &Stage) {
    terminal.shows("? Client ID:").await;
    terminal.enters(&stage.app.client_id).await;
    terminal.shows("? Client Secret:").await;
    terminal.enters(&stage.app.client_secret).await;
    terminal.shows("waiting for the link to be opened").await;
}

#[tokio::test]
async fn wizard_guides_new_user_in_terminal() {
    let Some(stage) = Stage::organization().await else { return };
    let mut terminal = Terminal::start(&stage.slacktrail, &["connect", "acme"]);
    terminal.shows("? Name of the source").await;
    terminal.enters("Acme").await;
    terminal.shows("? Slack plan").await;
    terminal.enters("").await;
    enter_app(&mut terminal, &stage).await;
    let report = stage.open(&link(&terminal.screen()), &Consent::organization()).await.unwrap();
    assert_eq!(report.tenant.id, "E1");

    let Shown { code, screen, output } = terminal.end().await;
    assert_eq!(code, 0, "{screen}");
    assert!(!output.contains(&stage.app.client_secret), "the secret is shown: {output}");
    insta::assert_snapshot!(plain(&screen), @r"
    > Name of the source: Acme
    > Slack plan: Enterprise: Enterprise+ or Enterprise Grid (audit, access and integration logs)

    1/4 Slack app

    This link fills in all settings of the app. Open it, choose the workspace that will own the app, and
    click `Next` and `Create`:

    <link to Slack>

    One app covers all logs of the organization. If Slack does not offer the organization in step 3,
    activate public distribution (`Manage Distribution`).

    2/4 App credentials, from the app's `Basic Information` page

    > Client ID: 1000000000.1000000001
    > Client Secret: ********

    3/4 Installation

    This link leads to Slack's page that installs the app. Open it, or send it to a user who may install
    the app. The link works once and expires in 10 minutes.
    The Org Owner must install the app, and choose the organization, not a workspace, at the top right
    of Slack's page.
    The link's pages show the reference <reference>

    https://connect.example/oauth/start?grant=<grant>

    4/4 Verification

    connected `acme` to the organization `Organization E1` (E1)
    installed by W0OWNER with auditlogs:read, admin
    log          verified
    audit        readable, newest record <time>
    access       readable, newest record <time>
    integration  readable, newest record <time>
    collecting audit, access, integration since <time>
    the next tick starts within a minute; run `slacktrail status` to see the progress
    ");
    let secret = stage.secret().await.unwrap();
    assert_eq!((&secret["client_id"], secret.get("pending_client_id")), (&json!(stage.app.client_id), None));
    assert!(secret["token"].as_str().unwrap().starts_with("xoxp-"));
    let sources = stage.sources().await;
    assert_eq!((&sources[0]["label"], &sources[0]["organization"]), (&json!("Acme"), &json!(true)));
}

#[tokio::test]
async fn ctrl_c_at_prompt_changes_nothing() {
    let Some(stage) = Stage::organization().await else { return };
    let answers =
        [("? Name of the source", "Acme"), ("? Slack plan", ""), ("? Client ID:", "1.2"), ("? Client Secret:", "")];
    for last in 0..answers.len() {
        let mut terminal = Terminal::start(&stage.slacktrail, &["connect", "acme"]);
        for (question, answer) in &answers[..last] {
            terminal.shows(question).await;
            terminal.enters(answer).await;
        }
        terminal.shows(answers[last].0).await;
        terminal.interrupts().await;
        let shown = terminal.end().await;
        assert_eq!(shown.code, 130);
        assert!(
            shown.screen.contains("error: interrupted: nothing was changed\nhint: run the same"),
            "{}",
            shown.screen
        );
    }
    assert_eq!((stage.secret().await, stage.authorizations().await), (None, vec![]));
}

#[tokio::test]
async fn ctrl_c_while_slack_checks_app_changes_nothing() {
    let Some(stage) = Stage::organization().await else { return };
    let never = FaultKind::Delay(Duration::from_secs(600));
    stage.slack.world().fault(Fault::every(CallMatcher::path("oauth.v2.access"), never));
    let mut terminal = Terminal::start(&stage.with_app(), &NEW);
    terminal.shows("organization-wide installation").await;
    terminal.interrupts().await;
    let shown = terminal.end().await;
    assert_eq!(shown.code, 130, "{}", shown.screen);
    assert!(shown.screen.contains("error: interrupted: nothing was changed"), "{}", shown.screen);
    assert_eq!((stage.secret().await, stage.authorizations().await), (None, vec![]));
}

#[tokio::test]
async fn ctrl_c_while_waiting_invalidates_link_and_rerun_continues() {
    let Some(stage) = Stage::organization().await else { return };
    let mut terminal = Terminal::start(&stage.with_app(), &NEW);
    terminal.shows("waiting for the link to be opened").await;
    let canceled = link(&terminal.screen());
    terminal.interrupts().await;
    let shown = terminal.end().await;
    assert_eq!(shown.code, 130);
    insta::assert_snapshot!(&shown.screen[shown.screen.find("error: ").unwrap()..], @r"
    error: interrupted: the source was not connected, and the link is no longer valid
    hint: run the same command again to continue: only the app's credentials were stored
    ");
    assert_eq!(stage.authorizations().await[0].state, AuthorizationState::Canceled);
    assert!(stage.open(&canceled, &Consent::organization()).await.is_err());
    assert_eq!(stage.sources().await, json!([]));

    // The app is known, so the second run asks no questions.
    let mut terminal = Terminal::start(&stage.slacktrail, &NEW);
    terminal.shows("waiting for the link to be opened").await;
    assert!(terminal.screen().contains(&stage.app.client_id) && !terminal.screen().contains("Client Secret:"));
    stage.open(&link(&terminal.screen()), &Consent::organization()).await.unwrap();
    assert_eq!(terminal.end().await.code, 0);
}

#[tokio::test]
async fn wrong_secret_is_detected_before_storing_and_can_be_reentered() {
    let Some(stage) = Stage::organization().await else { return };
    let arguments = [&NEW[..], &["--client-id", &stage.app.client_id, "--client-secret-stdin"]].concat();
    let ran = stage.slacktrail.run_with(&arguments, "wrong").await.exits(1);
    insta::assert_snapshot!(plain(&ran.stderr), @r"
    1/4 Slack app

    Using the app with client ID 1000000000.1000000001.
    It needs:
      user token scopes `auditlogs:read`, `admin`
      redirect URL https://connect.example/oauth/callback
      organization-wide installation

    error: Slack rejected the client secret of the app with client ID `1000000000.1000000001`
    hint: copy both from the app's `Basic Information` page; to enter them again, run `slacktrail connect acme --new-app`
    ");

    let mut terminal = Terminal::start(&stage.slacktrail, &NEW);
    terminal.shows("? Client ID:").await;
    terminal.enters("the secret in the wrong place").await;
    terminal.shows("this is not a client ID").await;
    terminal.shows("? Client ID:").await;
    terminal.enters(&stage.app.client_id).await;
    terminal.shows("? Client Secret:").await;
    terminal.enters("wrong").await;
    terminal.shows("warning: Slack rejected the client secret").await;
    assert_eq!((stage.secret().await, stage.authorizations().await), (None, vec![]));
    enter_app(&mut terminal, &stage).await;
    terminal.interrupts().await;
    assert_eq!(terminal.end().await.code, 130);
}

#[tokio::test]
async fn local_browser_opens_link_on_request() {
    let Some(stage) = Stage::organization().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let opened = folder.path().join("opened");
    fake_browser(folder.path(), &opened);
    let home = tempfile::tempdir().unwrap();
    let slacktrail = stage.with_app().with("DISPLAY", ":0").with("PATH", folder.path().to_str().unwrap());
    let slacktrail = slacktrail.with("HOME", home.path().to_str().unwrap()).with("SLACK_TOKEN", "hush-token");
    for (more, answer, expected) in
        [(&[][..], Some("n"), false), (&["--no-browser"], None, false), (&[], Some(""), true)]
    {
        let mut terminal = Terminal::start(&slacktrail, &[&NEW[..], more].concat());
        if let Some(answer) = answer {
            terminal.shows("? Open it in the browser of this machine?").await;
            terminal.enters(answer).await;
        }
        terminal.shows("waiting for the link to be opened").await;
        let link = link(&terminal.screen());
        if expected {
            slacktrail_tests::deployment::until("the browser is started", || opened.is_file()).await;
            let started = std::fs::read_to_string(&opened).unwrap();
            let (arguments, rest) = started.split_once("\nmode ").unwrap();
            assert!(arguments.starts_with(&format!("{}/slacktrail-connect-", home.path().display())), "{arguments}");
            assert!(rest.starts_with("600\n") && rest.contains(&format!("url={link}\"")), "{rest}");
            let environment = rest.split_once("\nenvironment\n").unwrap().1;
            assert!(environment.contains("DISPLAY=:0"), "{environment}");
            for private in ["AWS_", "SLACK", "hush", &stage.app.client_secret] {
                assert!(!environment.contains(private), "{private}: {environment}");
            }
            assert!(!arguments.contains("grant="), "{arguments}");
        }
        terminal.interrupts().await;
        assert_eq!(terminal.end().await.code, 130);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "the file is removed");
        assert_eq!(opened.is_file(), expected, "{more:?} {answer:?}");
    }
}

/// Creates a browser that only records its arguments, the mode and content of the file to open, and its environment.
fn fake_browser(folder: &std::path::Path, opened: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let (script, part) = (folder.join("xdg-open"), opened.with_extension("part"));
    // The record is renamed after it is complete, so that the test never reads a part of it.
    let (opened, part) = (opened.display(), part.display());
    std::fs::write(&script, format!(
        "#!/bin/sh\nPATH=/usr/bin:/bin\n{{ echo \"$@\"; echo mode $(stat -c %a \"$1\"); cat \"$1\"; echo environment; env; }} > '{part}'\n\
         mv '{part}' '{opened}'\n"
    )).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
}
