//! Tests `pull`: a run stores exactly the records that Slack returns, and the next run only new ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_ports::DeploymentStore;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row};
use slacktrail_tests::archive::Archive;

use crate::binary::Slacktrail;
use crate::slack::{ORGANIZATION, Slack, WORKSPACE, hours_ago};

fn assert_exact(slack: &Slack, directory: &Path) {
    Archive::of_directory(directory).assert_exactly(&slack.world(), "slack", &Log::ALL);
}

/// Returns the number of stored records of a log.
fn stored(directory: &Path, log: Log) -> usize {
    Archive::of_directory(directory).lines_under(log.name()).len()
}

/// Returns every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn pull_stores_exactly_slack_records_and_next_run_only_new_ones() {
    let slack = Slack::organization().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let slacktrail = Slacktrail::of(&slack).token(ORGANIZATION);

    let ran = slacktrail.run(&["pull", "--dir", path]).await.exits(0);
    assert_exact(&slack, directory.path());
    assert!(ran.stdout.contains("slack/audit") && ran.stderr.is_empty(), "{}{}", ran.stdout, ran.stderr);
    let stored = files(directory.path()).len();

    slacktrail.run(&["pull", "--dir", path]).await.exits(0);
    assert_exact(&slack, directory.path());
    assert_eq!(files(directory.path()).len(), stored, "no object is created without new records");

    slack.world().add(Row::small_audit(hours_ago(0), "new"));
    let ran = slacktrail.run(&["pull", "--dir", path, "--json"]).await.exits(0);
    assert_exact(&slack, directory.path());
    assert_eq!((&ran.json()[0]["log"], &ran.json()[0]["records"]), (&json!("audit"), &json!(1)));
}

#[tokio::test]
async fn one_log_may_be_pulled_and_another_later() {
    let slack = Slack::organization().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let slacktrail = Slacktrail::of(&slack).token(ORGANIZATION);

    slacktrail.run(&["pull", "--logs", "audit", "--dir", path, "--source", "acme", "--since", "24h"]).await.exits(0);
    assert_eq!(stored(directory.path(), Log::Audit), 2, "the records of the last day");
    assert_eq!(stored(directory.path(), Log::Access), 0);

    slacktrail.run(&["pull", "acme", "--logs", "access", "--dir", path]).await.exits(0); // the same source
    slacktrail.run(&["pull", "acme", "--dir", path, "--source", "acme"]).await.exits(2);
    assert_eq!(stored(directory.path(), Log::Access), 2);
    let status = Slacktrail::alone().run(&["status", "--dir", path, "--json"]).await.exits(0).json();
    let logs: Vec<_> = status.as_array().unwrap().iter().map(|entry| entry["log"].as_str().unwrap()).collect();
    assert_eq!(logs, ["audit", "access"], "the stream of the earlier run remains");
}

#[tokio::test]
async fn workspace_token_pulls_its_logs_and_explains_missing_audit_log() {
    let slack = Slack::workspace().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let slacktrail = Slacktrail::of(&slack).token(WORKSPACE);

    let rejected = slacktrail.run(&["pull", "--logs", "audit", "--dir", path]).await.exits(1);
    insta::assert_snapshot!(rejected.stderr, @r"
    error: the token belongs to the workspace `Workspace T1` (T1), but audit logs require an organization's token
    hint: ask the Org Owner to install the app on the organization, not on a workspace, and use that token; or collect only access and integration logs (`--logs access,integration`)
    ");
    slacktrail.run(&["pull", "--dir", path]).await.exits(0);
    assert_exact(&slack, directory.path());
}

#[tokio::test]
async fn source_cannot_change_from_workspace_to_organization() {
    let (workspace, organization) = (Slack::workspace().await, Slack::organization().await);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    Slacktrail::of(&workspace).token(WORKSPACE).run(&["pull", "--dir", path]).await.exits(0);
    let ran = Slacktrail::of(&organization).token(ORGANIZATION).run(&["pull", "--dir", path]).await.exits(1);
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
    let slack = Slack::organization().await;
    slack.world().fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::EmptyUnauthorized));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let slacktrail = Slacktrail::of(&slack).token(ORGANIZATION);

    let ran = slacktrail.run(&["pull", "--dir", path]).await.exits(1);
    // `auth.test` accepts the token, so a single rejection does not count as a revoked token.
    assert!(ran.stderr.contains("slack/audit: Slack answered `logs` with the error `invalid_auth"), "{}", ran.stderr);
    assert!(ran.stderr.contains("set `SLACK_TOKEN` to a new token"), "{}", ran.stderr);
    assert_eq!(stored(directory.path(), Log::Access), 3);

    // With a valid token, the same command immediately collects the missing records.
    slack.world().clear_faults();
    slacktrail.run(&["pull", "--dir", path]).await.exits(0);
    assert_exact(&slack, directory.path());
}

#[cfg(unix)]
#[tokio::test]
async fn interrupted_follow_ends_cleanly() {
    let slack = Slack::organization().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let slacktrail = Slacktrail::of(&slack).token(ORGANIZATION);
    let child = slacktrail.start(&["pull", "--follow", "--dir", path]);

    let visible = |log| slack.world().visible_rows(log, Timestamp::now()).count();
    let is_stored = async {
        while Log::ALL.iter().any(|log| stored(directory.path(), *log) < visible(*log)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), is_stored).await.expect("the first tick stores everything");
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let ran = slacktrail.end(child).await.exits(0);
    assert!(ran.stdout.contains("slack/integration"), "the table is printed at the end: {}", ran.stdout);
    assert_exact(&slack, directory.path());
}

#[tokio::test]
async fn token_is_in_no_file() {
    let slack = Slack::organization().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    Slacktrail::of(&slack).token(ORGANIZATION).run(&["pull", "--dir", path]).await.exits(0);
    let all = files(directory.path());
    assert!(all.len() > 6, "objects, cursors and a source: {all:?}");
    for path in all {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(ORGANIZATION.len()).any(|part| part == ORGANIZATION.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn pull_creates_private_directories() {
    use std::os::unix::fs::PermissionsExt;

    let slack = Slack::organization().await;
    let parent = tempfile::tempdir().unwrap();
    let created = parent.path().join("created/logs");
    let ran =
        Slacktrail::of(&slack).token(ORGANIZATION).run(&["pull", "--dir", created.to_str().unwrap()]).await.exits(0);
    assert_eq!(ran.stderr, "");
    for path in [parent.path().join("created"), created.clone(), created.join("audit"), created.join(".slacktrail")] {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", path.display());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn pull_writes_nothing_through_symbolic_link() {
    let slack = Slack::organization().await;
    let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(outside.path(), directory.path().join("audit")).unwrap();
    let path = directory.path().to_str().unwrap();
    let slacktrail = Slacktrail::of(&slack).token(ORGANIZATION);
    let ran = slacktrail.run(&["pull", "--dir", path]).await.exits(1);
    assert!(ran.stderr.contains("`audit` is a symbolic link"), "{}", ran.stderr);
    assert!(files(outside.path()).is_empty());
    fs::remove_file(directory.path().join("audit")).unwrap();
    assert_eq!(stored(directory.path(), Log::Access), 3, "the other logs are collected");
}

#[tokio::test]
async fn pull_of_same_slack_under_second_id_is_rejected_unless_forced() {
    let slack = Slack::organization().await;
    let directory = tempfile::tempdir().unwrap();
    let slacktrail = Slacktrail::of(&slack).token(ORGANIZATION).inside(directory.path());
    let pull = ["pull", "--dir", "logs", "--since", "1h"];
    slacktrail.run(&pull).await.exits(0);
    let second = [&pull[..], &["--source", "acme"]].concat();
    insta::assert_snapshot!(slacktrail.run(&second).await.exits(1).stderr, @r"
    error: `Organization E1` (E1) is already connected as source `slack`
    hint: run `slacktrail pull slack --dir logs` to continue that source; to store the same records twice, add `--force`
    ");
    slacktrail.run(&[&second[..], &["--force"]].concat()).await.exits(0);
    for again in [&pull[..], &second] {
        slacktrail.run(again).await.exits(0);
    }
}

#[tokio::test]
async fn quiet_stream_has_same_lag_in_pull_and_status() {
    let slack = Slack::organization().await;
    let directory = tempfile::tempdir().unwrap();
    let slacktrail = Slacktrail::of(&slack).token(ORGANIZATION).inside(directory.path());
    slacktrail.run(&["pull", "--dir", "logs"]).await.exits(0);
    // The cursor of a stream whose ticks have found nothing for 14 minutes.
    let deployment = DirectoryDeployment::new(directory.path().join("logs"));
    for (stream, (version, cursor)) in deployment.load().await.unwrap().cursors {
        let mut cursor = cursor.unwrap();
        (cursor.watermark, cursor.saved_at) = (cursor.watermark.plus(-840), cursor.saved_at.plus(-840));
        deployment.replace_cursor(&stream, Some(version), &cursor).await.unwrap();
    }
    let status = slacktrail.run(&["status", "--dir", "logs", "--json"]).await.exits(0).json();
    let pulled = slacktrail.run(&["pull", "--dir", "logs", "--json"]).await.exits(0).json();
    for streams in [&status, &pulled] {
        for stream in streams.as_array().unwrap() {
            assert!(stream["lag_seconds"].as_i64().unwrap() < 60, "{streams}");
        }
    }
    let table = slacktrail.run(&["status", "--dir", "logs"]).await.exits(0).stdout;
    assert!(table.lines().next().unwrap().contains("last checked"), "{table}");
}
