//! Tests `connect` without AWS: invalid input is rejected before anything is stored.

use crate::binary::Slacktrail;
use crate::slack::{ORGANIZATION, Slack};

#[tokio::test]
async fn missing_public_url_suggests_token() {
    let slacktrail = Slacktrail::alone().with("AWS_REGION", "us-east-1");
    let slacktrail = slacktrail.with("SLACKTRAIL_BUCKET", "logs").with("SLACKTRAIL_TABLE", "streams");
    let ran = slacktrail.run(&["connect", "acme", "--name", "Acme", "--plan", "enterprise"]).await.exits(1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: the deployment's public URL is unknown: neither `SLACKTRAIL_STACK` nor `SLACKTRAIL_URL` is set
    hint: set `SLACKTRAIL_STACK` to a stack that has the current template, or connect with an existing user token (`--token-stdin`), which needs no URL
    ");
}

#[tokio::test]
async fn invalid_app_credentials_are_rejected_and_not_echoed() {
    for (arguments, stdin, expected) in [
        (&["--client-id", "hush-hush"][..], "", "this is not a client ID"),
        (&["--client-id", "1.2", "--client-secret-stdin"], "hush hush", "standard input is not a Slack client secret"),
        (&["--client-id", "1.2", "--client-secret-stdin"], "", "standard input is not a Slack client secret"),
    ] {
        let arguments = [&["connect", "acme"], arguments].concat();
        let ran = Slacktrail::alone().run_with(&arguments, stdin).await.exits(1);
        assert!(ran.stderr.contains(expected) && !ran.stderr.contains("hush"), "{}", ran.stderr);
    }
    let token = ["connect", "acme", "--token-stdin", "--client-id", "1.2"];
    assert!(Slacktrail::alone().run(&token).await.exits(2).stderr.contains("cannot be used with"));
}

#[tokio::test]
async fn missing_deployment_settings_are_named_at_once() {
    let arguments = ["connect", "acme", "--name", "Acme", "--plan", "enterprise", "--token-stdin"];
    let ran = Slacktrail::alone().run_with(&arguments, ORGANIZATION).await.exits(1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: no deployment is configured: neither `SLACKTRAIL_STACK` nor `SLACKTRAIL_BUCKET` and `SLACKTRAIL_TABLE` is set
    hint: set `SLACKTRAIL_STACK` (or `--stack`) to the name of the CloudFormation stack that `sam deploy` created; `--dir` selects a directory that `slacktrail pull` writes
    ");
}

#[tokio::test]
async fn empty_standard_input_is_not_token() {
    let slack = Slack::organization().await;
    let arguments = ["connect", "acme", "--name", "Acme", "--plan", "enterprise", "--token-stdin"];
    let ran = Slacktrail::of(&slack).run_with(&arguments, "\n").await.exits(1);
    assert!(ran.stderr.starts_with("error: standard input is not a Slack token"), "{}", ran.stderr);
}
