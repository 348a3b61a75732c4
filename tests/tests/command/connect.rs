//! `connect` without AWS: what it refuses before it stores anything.

use crate::binary::Slacktrail;
use crate::slack::{ORGANISATION, Slack};

#[tokio::test]
async fn without_token_stdin_it_says_that_this_is_the_way() {
    let ran = Slacktrail::alone().run(&["connect", "acme", "--name", "Acme", "--plan", "enterprise"]).await.exits(1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: connecting needs the token of a Slack app
    hint: in this version the way is `--token-stdin`: slacktrail connect acme ... --token-stdin < token.txt
    ");
}

#[tokio::test]
async fn what_is_missing_to_find_the_deployment_is_named_at_once() {
    let slacktrail = Slacktrail::alone().with("AWS_REGION", "us-east-1");
    let arguments = ["connect", "acme", "--name", "Acme", "--plan", "enterprise", "--token-stdin"];
    let ran = slacktrail.run_with(&arguments, ORGANISATION).await.exits(1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: no deployment is named: neither `SLACKTRAIL_STACK` nor `SLACKTRAIL_BUCKET` and `SLACKTRAIL_TABLE` is set
    hint: set `SLACKTRAIL_STACK` to the name of the CloudFormation stack, as given to `sam deploy`
    ");
}

#[tokio::test]
async fn an_empty_standard_input_is_no_token() {
    let slack = Slack::organisation().await;
    let arguments = ["connect", "acme", "--name", "Acme", "--plan", "enterprise", "--token-stdin"];
    let ran = Slacktrail::of(&slack).run_with(&arguments, "\n").await.exits(1);
    assert!(ran.stderr.starts_with("error: standard input holds no Slack token"), "{}", ran.stderr);
}
