//! Tests `pull`: a run stores exactly the records that Slack returns, and the next run only new ones.

use std::fs;

use serde_json::json;
use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_ports::DeploymentStore;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row};
use slacktrail_tests::files;
#[cfg(unix)]
use tokio::io::{AsyncBufReadExt, BufReader};

#[cfg(unix)]
use crate::binary::interrupt;
use crate::local::Local;
use crate::slack::{ORGANIZATION, Slack, WORKSPACE, hours_ago};

#[tokio::test]
async fn pull_stores_exactly_slack_records_and_next_run_only_new_ones() {
    let local = Local::new().await;

    let ran = local.run(&["pull"]).await.exits(0);
    local.assert_exact(&Log::ALL);
    assert!(ran.stdout.contains("slack/audit") && ran.stderr.is_empty(), "{}{}", ran.stdout, ran.stderr);
    let stored = files(local.directory.path()).len();

    local.run(&["pull"]).await.exits(0);
    local.assert_exact(&Log::ALL);
    assert_eq!(files(local.directory.path()).len(), stored, "no object is created without new records");

    local.slack.world().add(Row::small_audit(hours_ago(0), "new"));
    let ran = local.run(&["pull", "--json"]).await.exits(0);
    local.assert_exact(&Log::ALL);
    assert_eq!((&ran.json()[0]["log"], &ran.json()[0]["records"]), (&json!("audit"), &json!(1)));
}

#[tokio::test]
async fn one_log_may_be_pulled_and_another_later() {
    let local = Local::new().await;

    local.run(&["pull", "--logs", "audit", "--source", "acme", "--since", "24h"]).await.exits(0);
    assert_eq!(local.stored(Log::Audit), 2, "the records of the last day");
    assert_eq!(local.stored(Log::Access), 0);

    local.run(&["pull", "acme", "--logs", "access"]).await.exits(0); // the same source
    local.run(&["pull", "acme", "--source", "acme"]).await.exits(2);
    assert_eq!(local.stored(Log::Access), 2);
    let status = local.run_alone(&["status", "--json"]).await.exits(0).json();
    let logs: Vec<_> = status.as_array().unwrap().iter().map(|entry| entry["log"].as_str().unwrap()).collect();
    assert_eq!(logs, ["audit", "access"], "the stream of the earlier run remains");
}

#[tokio::test]
async fn workspace_token_pulls_its_logs_and_explains_missing_audit_log() {
    let local = Local::of(Slack::workspace().await, WORKSPACE);
    let rejected = local.run(&["pull", "--logs", "audit"]).await.exits(1);
    insta::assert_snapshot!(rejected.stderr, @r"
    error: the token belongs to the workspace `Workspace T1` (T1), but audit logs require an organization's token
    hint: ask the Org Owner to install the app on the organization, not on a workspace, and use that token; or collect only access and integration logs (`--logs access,integration`)
    ");
    local.run(&["pull"]).await.exits(0);
    local.assert_exact(&Log::ALL);
}

#[tokio::test]
async fn source_cannot_change_from_workspace_to_organization() {
    let workspace = Local::of(Slack::workspace().await, WORKSPACE);
    workspace.run(&["pull"]).await.exits(0);
    let organization = Local::new().await;
    let ran = organization.slacktrail.run(&["pull", "--dir", workspace.path()]).await.exits(1);
    assert!(
        ran.stderr.starts_with(
            "error: source `slack` collects from `Workspace T1` (T1), but the token belongs to `Organization E1` (E1)"
        ),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn rejected_log_fails_run_and_others_are_stored() {
    let local = Local::new().await;
    local.slack.world().fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::EmptyUnauthorized));
    let ran = local.run(&["pull"]).await.exits(1);
    // `auth.test` accepts the token, so a single rejection does not count as a revoked token.
    assert!(ran.stderr.contains("slack/audit: Slack answered `logs` with the error `invalid_auth"), "{}", ran.stderr);
    assert!(ran.stderr.contains("set `SLACK_TOKEN` to a new token"), "{}", ran.stderr);
    assert_eq!(local.stored(Log::Access), 3);

    // With a valid token, the same command immediately collects the missing records.
    local.slack.world().clear_faults();
    local.run(&["pull"]).await.exits(0);
    local.assert_exact(&Log::ALL);
}

#[cfg(unix)]
#[tokio::test]
async fn interrupted_pull_exits_with_130() {
    let local = Local::new().await;
    local.slack.world().fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::Html(502)));
    let mut child = local.start(&["pull", "--logs", "audit"]);
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut next = async || messages.next_line().await.unwrap().unwrap();
    while !next().await.starts_with("warning: slack/audit: Slack answered `logs` with HTTP status 502") {}
    interrupt(&child, "-INT");
    while next().await != "warning: stopped before everything was collected" {}
    local.slacktrail.end(child).await.exits(130);
}

#[tokio::test]
async fn token_is_in_no_file() {
    let local = Local::pulled(&[]).await;
    let all = files(local.directory.path());
    assert!(all.len() > 6, "objects, cursors and a source: {all:?}");
    for path in all {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(ORGANIZATION.len()).any(|part| part == ORGANIZATION.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

#[tokio::test]
async fn pull_of_same_slack_under_second_id_is_rejected_unless_forced() {
    let pull = ["pull", "--since", "1h"];
    let local = Local::pulled(&pull[1..]).await;
    let second = [&pull[..], &["acme"]].concat();
    let rejected = local.run(&second).await.exits(1).stderr;
    insta::assert_snapshot!(local.shown(&rejected), @r"
    error: `Organization E1` (E1) is already connected as source `slack`
    hint: run `slacktrail pull slack --dir DIR` to continue that source; to store the same records twice, add `--force`
    ");
    local.run(&[&second[..], &["--force"]].concat()).await.exits(0);
    for again in [&pull[..], &second] {
        local.run(again).await.exits(0);
    }
}

#[tokio::test]
async fn quiet_stream_has_same_lag_in_pull_and_status() {
    let local = Local::pulled(&[]).await;
    // The cursor of a stream whose ticks have found nothing for 14 minutes.
    let deployment = DirectoryDeployment::new(local.directory.path());
    for (stream, (version, cursor)) in deployment.load().await.unwrap().cursors {
        let mut cursor = cursor.unwrap();
        (cursor.watermark, cursor.saved_at) = (cursor.watermark.plus(-840), cursor.saved_at.plus(-840));
        deployment.replace_cursor(&stream, Some(version), &cursor).await.unwrap();
    }
    let status = local.run(&["status", "--json"]).await.exits(0).json();
    let pulled = local.run(&["pull", "--json"]).await.exits(0).json();
    for streams in [&status, &pulled] {
        for stream in streams.as_array().unwrap() {
            assert!(stream["lag_seconds"].as_i64().unwrap() < 60, "{streams}");
        }
    }
    let table = local.run(&["status"]).await.exits(0).stdout;
    assert!(table.lines().next().unwrap().contains("last checked"), "{table}");
}
