//! Tests the errors and hints for invalid input, tokens and settings.

use slacktrail_simulator::{CallMatcher, Fault, FaultKind};

use crate::binary::Slacktrail;
use crate::slack::{ORGANIZATION, Slack};

#[tokio::test]
async fn missing_token_error_names_token_variable() {
    let ran = Slacktrail::alone().run(&["pull", "--dir", "logs"]).await.exits(1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: `SLACK_TOKEN` is not set
    hint: set it to the user token (`xoxp-...`) of a Slack app with the scopes `auditlogs:read` and `admin`
    ");
}

#[tokio::test]
async fn invalid_token_is_not_echoed() {
    let ran = Slacktrail::alone().token("xoxp-secret with a space").run(&["pull", "--dir", "logs"]).await.exits(1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: `SLACK_TOKEN` is not a Slack token
      caused by: the token is empty or contains invalid characters; a user token starts with `xoxp-`
    hint: copy the complete user token again
    ");
}

#[tokio::test]
async fn failing_slack_is_reported_with_hint() {
    let slack = Slack::organization().await;
    slack.world().fault(Fault::every(CallMatcher::any(), FaultKind::Html(502)));
    let ran = Slacktrail::of(&slack).token(ORGANIZATION).run(&["pull", "--dir", "logs"]).await.exits(1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: Slack answered `auth.test` with HTTP status 502 and no error code
    hint: run the command again in a minute
    ");
}

#[tokio::test]
async fn url_that_would_expose_token_is_rejected() {
    let slacktrail = Slacktrail::alone().token(ORGANIZATION).with("SLACK_API_URL", "http://slack.com/api/");
    let ran = slacktrail.run(&["pull", "--dir", "logs"]).await.exits(1);
    assert!(ran.stderr.starts_with("error: `SLACK_API_URL` would send the token unencrypted"), "{}", ran.stderr);
}

#[tokio::test]
async fn wrong_usage_has_own_exit_code_and_no_flag_takes_token() {
    for arguments in [
        &["pull"][..],
        &["pull", "--dir", "logs", "--token", "x"],
        &["pull", "--dir", "logs", "--logs", "everything"],
        &["pull", "--dir", "logs", "--since", "yesterday"],
        &["pull", "Acme", "--dir", "logs"],
        &["pull", "--dir", "logs", "--name", " "],
        &["set", "acme", "--dir", "logs", "--name", ""],
        &["set", "acme", "--dir", "logs", "--logs", "audit"],
        &["backfill", "acme", "--log", "audit", "--day", "2017-01-01"],
        &["demo", "--seconds", "0"],
        &["verify", "acme"],
        &["verify", "acme", "--log", "audit", "--day", "yesterday"],
        &["verify", "acme", "--log", "audit", "--day", "2026/11/20"],
        &["verify", "acme", "--log", "audit", "--day", "2999-01-01"],
        &["verify", "Acme", "--log", "audit", "--day", "2026-11-20"],
        &["verify", "acme", "--log", "audit,messages", "--day", "2026-11-20"],
        &["verify", "acme", "--day", "2026-11-20", "--month", "2026-11"],
        &["verify", "acme", "--day", "2026-11-20", "--to", "2026-11-21"],
        &["verify", "acme", "--from", "2026-11-20"],
        &["verify", "acme", "--month", "2026-11-20"],
        &["verify", "acme", "--month", "2026-11", "--report", "november.pdf"],
        &["connect", "acme", "--plan", "free"],
        &["frobnicate"],
    ] {
        let ran = Slacktrail::alone().token(ORGANIZATION).run(arguments).await.exits(2);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn invalid_app_credentials_are_rejected_and_not_echoed() {
    for (arguments, stdin, exit_code, expected) in [
        (&["--client-id", "hush-hush"][..], "", 2, "`--client-id` is not a client ID"),
        (
            &["--client-id", "1.2", "--client-secret-stdin"],
            "hush hush",
            1,
            "standard input is not a Slack client secret",
        ),
        (&["--client-id", "1.2", "--client-secret-stdin"], "", 1, "standard input is not a Slack client secret"),
    ] {
        let arguments = [&["connect", "acme"], arguments].concat();
        let ran = Slacktrail::alone().run_with(&arguments, stdin).await.exits(exit_code);
        assert!(ran.stderr.contains(expected) && !ran.stderr.contains("hush"), "{}", ran.stderr);
    }
    let token = ["connect", "acme", "--token-stdin", "--client-id", "1.2"];
    assert!(Slacktrail::alone().run(&token).await.exits(2).stderr.contains("cannot be used with"));
}

#[tokio::test]
async fn empty_standard_input_is_not_token() {
    let slack = Slack::organization().await;
    let arguments = ["connect", "acme", "--name", "Acme", "--plan", "enterprise", "--token-stdin"];
    let ran = Slacktrail::of(&slack).run_with(&arguments, "\n").await.exits(1);
    assert!(ran.stderr.starts_with("error: standard input is not a Slack token"), "{}", ran.stderr);
}
