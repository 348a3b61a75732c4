//! Tests `connect`, `sources` and `status` with an emulated AWS. Without moto, the tests print a note and pass.

use serde_json::{Value, json};
use slacktrail_adapters::aws::{AwsPorts, ResourceNames};
use slacktrail_adapters::settings::SECRET_PREFIX;
use slacktrail_tests::emulated_aws::EmulatedAws;

use crate::binary::Slacktrail;
use crate::slack::{ORGANIZATION, Slack, WORKSPACE};

pub(crate) const CONNECT: [&str; 7] = ["connect", "acme", "--name", "Acme", "--plan", "enterprise", "--token-stdin"];

pub(crate) const BUCKET: &str = "logs";
pub(crate) const TABLE: &str = "streams";

/// Creates a bucket and a table in `moto`, and returns the command for them and for `slack`.
pub(crate) async fn deployed(moto: &EmulatedAws, slack: &Slack) -> Slacktrail {
    moto.create_bucket(BUCKET).await;
    moto.create_table(TABLE).await;
    let slacktrail = Slacktrail::of(slack).with_all(moto.environment());
    slacktrail.with("SLACKTRAIL_BUCKET", BUCKET).with("SLACKTRAIL_TABLE", TABLE)
}

/// Returns the ports of the functions of [`deployed`].
pub(crate) fn ports(moto: &EmulatedAws) -> AwsPorts {
    let names = ResourceNames { bucket: BUCKET.into(), table: TABLE.into(), secret_prefix: SECRET_PREFIX.into() };
    AwsPorts::connect(&moto.sdk_config(), names)
}

pub(crate) async fn secret(moto: &EmulatedAws, name: &str) -> Option<Value> {
    let value = moto.secrets_manager().get_secret_value().secret_id(name).send().await.ok()?;
    let mut secret: Value = serde_json::from_str(value.secret_string()?).unwrap();
    secret.as_object_mut()?.remove("writer_id"); // random
    Some(secret)
}

#[tokio::test]
async fn source_is_connected_listed_and_waits_for_first_tick() {
    let Some(moto) = EmulatedAws::start() else { return };
    let slack = Slack::organization().await;
    let slacktrail = deployed(&moto, &slack).await;

    let ran = slacktrail.run_with(&CONNECT, &format!(" {ORGANIZATION}\n")).await.exits(0);
    assert!(ran.stdout.starts_with("connected `acme` to the organization `Organization E1` (E1)\n"), "{}", ran.stdout);
    assert_eq!(secret(&moto, "slacktrail/acme").await, Some(json!({ "tenant": "E1", "token": ORGANIZATION })));

    let sources = slacktrail.run(&["sources", "--json"]).await.exits(0).json();
    assert_eq!(sources[0]["id"], "acme");
    assert_eq!(sources[0]["logs"], json!(["audit", "access", "integration"]));
    assert_eq!((&sources[0]["organization"], &sources[0]["plan"]), (&json!(true), &json!("enterprise")));
    let table = slacktrail.run(&["sources"]).await.exits(0).stdout;
    assert!(table.starts_with("source  name  plan"), "{table}");

    let status = slacktrail.run(&["status", "--json"]).await.exits(0).json();
    let states: Vec<_> = status.as_array().unwrap().iter().map(|entry| entry["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["waiting"; 3]);
}

#[tokio::test]
async fn reconnect_replaces_token_and_keeps_rest() {
    let Some(moto) = EmulatedAws::start() else { return };
    let slack = Slack::organization().await;
    let slacktrail = deployed(&moto, &slack).await;
    slacktrail.run_with(&[&CONNECT[..], &["--logs", "audit", "--since", "all"]].concat(), ORGANIZATION).await.exits(0);
    let before = slacktrail.run(&["sources", "--json"]).await.exits(0).json();

    const ROTATED: &str = "xoxp-simulated-rotated";
    let token = slacktrail_simulator::tenant::Token::organization(ROTATED);
    slack.world().settings_mut().tokens.push(token);
    slack.world().revoke(ORGANIZATION);
    slacktrail.run_with(&["connect", "acme", "--token-stdin"], ORGANIZATION).await.exits(1);
    let ran = slacktrail.run_with(&["connect", "acme", "--token-stdin", "--json"], ROTATED).await.exits(0);

    assert_eq!(secret(&moto, "slacktrail/acme").await, Some(json!({ "tenant": "E1", "token": ROTATED })));
    let after = slacktrail.run(&["sources", "--json"]).await.exits(0).json();
    for kept in ["label", "plan", "logs", "since", "organization", "paused"] {
        assert_eq!(after[0][kept], before[0][kept], "{kept}");
    }
    assert_eq!(after[0]["since"], "2018-03-01T00:00:00Z");
    let mut printed = ran.json();
    let verified = printed.as_object_mut().unwrap().remove("verified").unwrap();
    assert_eq!((&printed, &verified["tenant"]["id"]), (&after[0], &json!("E1")));
}

#[tokio::test]
async fn workspace_token_is_rejected_for_audit_logs_and_not_stored() {
    let Some(moto) = EmulatedAws::start() else { return };
    let slack = Slack::workspace().await;
    let slacktrail = deployed(&moto, &slack).await;

    let ran = slacktrail.run_with(&CONNECT, WORKSPACE).await.exits(1);
    assert!(ran.stderr.contains("hint: ask the Org Owner to install the app on the organization"), "{}", ran.stderr);
    assert_eq!(secret(&moto, "slacktrail/acme").await, None);
    assert_eq!(slacktrail.run(&["sources", "--json"]).await.exits(0).json(), json!([]));

    let arguments = ["connect", "acme", "--name", "Acme", "--plan", "business", "--token-stdin"];
    slacktrail.run_with(&arguments, WORKSPACE).await.exits(0);
    let incomplete = slacktrail.run_with(&["connect", "beta", "--token-stdin"], WORKSPACE).await.exits(1);
    assert!(incomplete.stderr.contains("`--name` and `--plan` are missing"), "{}", incomplete.stderr);
}

#[tokio::test]
async fn second_source_of_same_slack_is_rejected_unless_forced() {
    let Some(moto) = EmulatedAws::start() else { return };
    let slack = Slack::organization().await;
    let slacktrail = deployed(&moto, &slack).await;
    slacktrail.run_with(&CONNECT, ORGANIZATION).await.exits(0);
    let second = ["connect", "beta", "--name", "Beta", "--plan", "enterprise", "--token-stdin"];
    insta::assert_snapshot!(slacktrail.run_with(&second, ORGANIZATION).await.exits(1).stderr, @r"
    error: `Organization E1` (E1) is already connected as source `acme`
    hint: run `slacktrail connect acme` to reconnect that source; to collect the same records twice, run `slacktrail connect beta --force`
    ");
    assert_eq!(secret(&moto, "slacktrail/beta").await, None);
    assert_eq!(slacktrail.run(&["sources", "--json"]).await.exits(0).json().as_array().unwrap().len(), 1);
    slacktrail.run_with(&[&second[..], &["--force"]].concat(), ORGANIZATION).await.exits(0);
    slacktrail.run_with(&["connect", "beta", "--token-stdin"], ORGANIZATION).await.exits(0);
    slacktrail.run_with(&["connect", "acme", "--token-stdin"], ORGANIZATION).await.exits(0);
}

/// Returns CloudFormation's description of a stack with these outputs.
pub(crate) fn described(outputs: &[(&str, &str)]) -> String {
    let member = |(key, value): &(&str, &str)| {
        format!("<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>")
    };
    let outputs: String = outputs.iter().map(member).collect();
    format!(
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>slacktrail</StackName>\
         <CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>\
         <Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )
}
