//! Tests that commands work on a directory of `slacktrail pull` as on a deployment.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};
use slacktrail_adapters::directory::{DirectoryCollectors, DirectoryDeployment};
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_ports::DeploymentStore;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout};

use crate::binary::{Slacktrail, interrupt};
use crate::local::Local;
use crate::slack::hours_ago;

fn stream(log: LogType) -> StreamId {
    StreamId { source: "slack".parse().unwrap(), log }
}

/// Returns the number of gaps of a stream.
async fn gaps(local: &Local, log: LogType) -> usize {
    let stored = DirectoryDeployment::new(local.directory.path()).load_stream(&stream(log)).await.unwrap();
    stored.unwrap().1.unwrap().gaps.len()
}

async fn first_line(child: &mut Child) -> (String, BufReader<ChildStdout>) {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).await.unwrap();
    (line, output)
}

#[tokio::test]
async fn sources_pause_and_resume_work_on_directory() {
    let local = Local::pulled(&[]).await;
    let sources = local.run_alone(&["sources", "--json"]).await.exits(0).json();
    assert_eq!((&sources[0]["id"], &sources[0]["paused"]), (&json!("slack"), &json!(false)));
    let table = local.run_alone(&["sources"]).await.exits(0).stdout;
    assert!(table.contains("slack ") && table.contains("audit access"), "{table}");

    let paused = local.run_alone(&["pause", "slack"]).await.exits(0).stdout;
    insta::assert_snapshot!(local.shown(&paused), @r"
    paused `slack`: the current tick finishes, and no new tick starts
    Slack keeps its logs; run `slacktrail resume slack --dir DIR` to continue where collection stopped
    ");
    local.slack.world().add(Row::small_audit(hours_ago(0), "meanwhile"));
    for follow in [&[][..], &["--follow"]] {
        let rejected = local.run(&[&["pull"], follow].concat()).await.exits(1).stderr;
        insta::allow_duplicates!(insta::assert_snapshot!(local.shown(&rejected), @r"
        error: source `slack` is paused
        hint: run `slacktrail resume slack --dir DIR` first; collection then continues where it stopped
        "));
    }
    let status = local.run_alone(&["status", "--json"]).await.exits(0).json();
    assert_eq!(status[0]["state"], "paused");

    let resumed = local.run_alone(&["resume", "slack"]).await.exits(0).stdout;
    insta::assert_snapshot!(local.shown(&resumed), @r"
    resumed `slack`: the next tick of `slacktrail pull` continues where collection stopped
    it also collects the records of the pause; run `slacktrail status --dir DIR` to see the progress
    ");
    local.run(&["pull"]).await.exits(0);
    local.assert_exact(&Log::ALL);
}

#[tokio::test]
async fn unknown_source_of_directory_is_error_that_lists_known_sources() {
    let local = Local::pulled(&["--logs", "audit"]).await;
    for command in [
        &["pause", "acme"][..],
        &["resume", "acme"],
        &["backfill", "acme", "--log", "audit", "--from", "2024-01-01", "--to", "2024-01-31"],
    ] {
        let ran = local.run_alone(command).await.exits(1);
        let expected =
            "error: source `acme` not found\nhint: use one of `slack` (`slacktrail sources --dir DIR` lists them)\n";
        assert_eq!(local.shown(&ran.stderr), expected, "{command:?}");
    }
    for command in [&["status"][..], &["sources"], &["pause", "slack"], &["resume", "slack"]] {
        let ran = Slacktrail::alone().run(&[command, &["--dir", "no-such-directory"]].concat()).await.exits(1);
        assert!(ran.stderr.starts_with("error: directory `no-such-directory` does not exist"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn commands_for_aws_only_say_what_to_do_with_directory() {
    for (command, expected) in [
        (&["connect", "acme"][..], "run `slacktrail pull --dir DIR` with the token in SLACK_TOKEN"),
        (&["disconnect", "acme"], "a directory stores no token"),
        (&["doctor"], "run `slacktrail status --dir DIR`"),
    ] {
        let ran = Slacktrail::alone().run(&[command, &["--dir", "logs"]].concat()).await.exits(2);
        assert!(ran.stderr.contains(expected), "{command:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn backfill_collects_range_of_directory_once() {
    let local = Local::pulled(&["--since", "24h"]).await;
    for (name, log) in [("audit", Log::Audit), ("access", Log::Access), ("integration", Log::Integration)] {
        let (from, to) = (local.day(60), local.day(59));
        let arguments = ["backfill", "slack", "--log", name, "--from", &from, "--to", &to];
        let ran = local.run(&arguments).await.exits(0);
        assert!(
            ran.stderr.starts_with(&format!("collecting `slack/{name}` from {from}T00:00:00Z to ")),
            "{}",
            ran.stderr
        );
        assert!(ran.stdout.starts_with(&format!("collected `slack/{name}` from {from}T00:00:00Z")), "{}", ran.stdout);
        local.assert_exact(&[log]);
        let again = local.run(&[&arguments[..], &["--json"]].concat()).await.exits(0);
        assert_eq!((&again.json()["log"], &again.json()["state"]), (&json!(name), &json!("completed")));
        local.assert_exact(&[log]);
    }
}

#[tokio::test]
async fn detached_backfill_needs_no_token_and_next_pull_collects_it() {
    let local = Local::pulled(&["--since", "24h", "--logs", "audit"]).await;
    let (from, to) = (local.day(60), local.day(59));
    let arguments = ["backfill", "slack", "--log", "audit", "--from", &from, "--to", &to];
    let without_token = local.run_alone(&arguments).await.exits(1);
    assert!(without_token.stderr.starts_with("error: `SLACK_TOKEN` is not set"), "{}", without_token.stderr);
    assert_eq!(gaps(&local, LogType::Audit).await, 0, "a failed command requests nothing");

    let detached = [&arguments[..], &["--detach"]].concat();
    let ran = local.run_alone(&detached).await.exits(0);
    assert!(ran.stdout.starts_with("started to collect `slack/audit` from "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("; the next tick of `slacktrail pull` collects it\n"), "{}", ran.stdout);
    let again = local.run_alone(&[&detached[..], &["--json"]].concat()).await.exits(0);
    assert_eq!(again.json()["state"], "in_progress");
    local.run(&["pull"]).await.exits(0);
    local.assert_exact(&[Log::Audit]);
}

#[tokio::test]
async fn backfill_waits_for_running_pull_and_takes_over_when_it_ends() {
    let local = Local::pulled(&["--since", "24h"]).await;
    let collectors = DirectoryCollectors::new(local.directory.path());
    let (from, to) = (local.day(60), local.day(59));
    for (name, log, is_collected) in [("audit", Log::Audit, true), ("access", Log::Access, false)] {
        let lock = collectors.lock(&stream(name.parse().unwrap()), Timestamp::now()).unwrap();
        let arguments = ["backfill", "slack", "--log", name, "--from", &from, "--to", &to, "--dir", local.path()];
        // Without a token, the command can only wait.
        let slacktrail = if is_collected { Slacktrail::alone() } else { local.slacktrail.clone() };
        let mut child = slacktrail.start(&arguments);
        let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
        while !messages.next_line().await.unwrap().unwrap().starts_with("another `slacktrail` collects this stream") {}
        if is_collected {
            local.run(&["pull"]).await.exits(0);
        }
        drop(lock);
        let ran = slacktrail.end(child).await.exits(0);
        assert!(ran.stdout.starts_with(&format!("collected `slack/{name}` from ")), "{}", ran.stdout);
        local.assert_exact(&[log]);
    }
}

#[tokio::test]
async fn interrupted_backfill_of_directory_is_continued_by_next_one() {
    let local = Local::pulled(&["--since", "24h", "--logs", "audit"]).await;
    let (from, to) = (local.day(60), local.day(59));
    let arguments = ["backfill", "slack", "--log", "audit", "--from", &from, "--to", &to];
    local.slack.world().fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::Html(502)));
    let mut child = local.start(&arguments);
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut next = async || messages.next_line().await.unwrap().unwrap();
    while !next().await.starts_with("warning: slack/audit: Slack answered `logs` with HTTP status 502") {}
    interrupt(&child, "-INT");
    while next().await != format!("warning: stopped before the backfill of `{}` was complete", stream(LogType::Audit)) {
    }
    local.slacktrail.end(child).await.exits(130);

    local.slack.world().clear_faults();
    let ran = local.run(&arguments).await.exits(0);
    assert!(ran.stderr.starts_with("already collecting `slack/audit` from "), "{}", ran.stderr);
    local.assert_exact(&[Log::Audit]);
}

#[tokio::test]
async fn backfill_of_paused_source_names_command_that_resumes_it() {
    let local = Local::pulled(&["--logs", "audit"]).await;
    local.run_alone(&["pause", "slack"]).await.exits(0);
    let day = local.day(60);
    let arguments = ["backfill", "slack", "--log", "audit", "--day", &day];
    let rejected = local.run(&arguments).await.exits(1);
    insta::assert_snapshot!(local.shown(&rejected.stderr), @r"
    error: source `slack` is paused
    hint: run `slacktrail resume slack --dir DIR` first, or use `--detach` to collect the range after you resume the source
    ");
    local.run(&[&arguments[..], &["--detach"]].concat()).await.exits(0);
    let other = local.run(&["backfill", "slack", "--log", "access", "--day", &day]).await.exits(1).stderr;
    assert!(other.contains("`slacktrail pull slack --logs access --dir "), "{other}");
}

#[tokio::test]
async fn deleted_day_of_directory_is_collected_again_by_backfill() {
    let local = Local::pulled(&[]).await;
    for (name, log) in [("audit", Log::Audit), ("access", Log::Access), ("integration", Log::Integration)] {
        for hours in [60, 1] {
            let day = local.day(hours);
            for object in fs::read_dir(local.day_log(name, &day)).unwrap() {
                fs::remove_file(object.unwrap().path()).unwrap(); // as `rm` does
            }
            let arguments = ["backfill", "slack", "--log", name, "--day", &day];
            let ran = local.run(&arguments).await.exits(0);
            assert!(!ran.stderr.contains("missing"), "{}", ran.stderr);
            local.assert_exact(&[log]);
        }
    }
    local.slack.world().add(Row::small_audit(hours_ago(0), "new"));
    local.run(&["pull"]).await.exits(0);
    local.assert_exact(&Log::ALL);
}

#[tokio::test]
async fn backfill_does_not_hide_partly_deleted_day() {
    let local = Local::pulled(&["--logs", "audit"]).await;
    // Its day already has an object with a row of the same time.
    local.slack.world().add(Row::small_audit(local.slack.hours_before(1), "late").visible_from(hours_ago(0)));
    let day = local.day(1);
    let backfill = ["backfill", "slack", "--log", "audit", "--day", &day];
    local.run(&backfill).await.exits(0);
    local.assert_exact(&[Log::Audit]);
    let objects = fs::read_dir(local.day_log("audit", &day)).unwrap().map(|object| object.unwrap().path());
    let objects: Vec<PathBuf> = objects.collect();
    assert!(objects.len() > 1, "{objects:?}");
    fs::remove_file(objects.iter().max().unwrap()).unwrap();
    let ran = local.run(&backfill).await.exits(1);
    assert!(ran.stderr.contains("is missing"), "{}", ran.stderr);
}

#[tokio::test]
async fn follow_in_pipe_prints_one_json_object_per_tick() {
    let local = Local::pulled(&["--logs", "audit"]).await;
    local.slack.world().add(Row::small_audit(hours_ago(0), "new"));
    let mut child = local.start(&["pull", "--follow", "--json"]);
    let (line, mut rest) = first_line(&mut child).await;
    let tick: Value = serde_json::from_str(&line).unwrap();
    let keys: Vec<&str> = tick.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["error", "streams", "time"]);
    assert!(tick["time"].as_str().unwrap().parse::<Timestamp>().is_ok() && tick["error"].is_null(), "{line}");
    let audit = &tick["streams"][0];
    assert_eq!((&audit["source"], &audit["log"], &audit["records"]), (&json!("slack"), &json!("audit"), &json!(1)));
    assert_eq!((&audit["state"], tick["streams"].as_array().unwrap().len()), (&json!("ok"), 3));

    interrupt(&child, "-INT");
    let ran = local.slacktrail.end(child).await.exits(0);
    let mut end = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut rest, &mut end).await.unwrap();
    assert_eq!((end.as_str(), ran.stderr.as_str()), ("", ""), "each tick is one line, and nothing else is printed");
    local.assert_exact(&Log::ALL);
}

#[tokio::test]
async fn follow_in_pipe_prints_one_line_per_tick_and_ends_with_reader() {
    let local = Local::pulled(&["--logs", "audit"]).await;
    let mut child = local.start(&["pull", "--follow", "--logs", "audit"]);
    let (line, _rest) = first_line(&mut child).await;
    let (time, streams) = line.trim_end().split_once(' ').unwrap();
    assert!(time.parse::<Timestamp>().is_ok(), "{line}");
    assert!(streams.starts_with("slack/audit: 0 records, lag ") && streams.ends_with(", ok"), "{line}");
    interrupt(&child, "-INT");
    local.slacktrail.end(child).await.exits(0);

    let mut child = local.start(&["pull", "--follow", "--logs", "audit"]);
    drop(child.stdout.take());
    assert_eq!(local.slacktrail.end(child).await.stderr, "", "a closed pipe ends the command");
}

#[tokio::test]
async fn status_says_when_directory_was_collected_and_ignores_killed_pull() {
    let local = Local::pulled(&["--logs", "audit"]).await;
    let status = async |arguments: &[&str]| local.run_alone(&[&["status"], arguments].concat()).await;
    let collection = async || {
        let status = status(&["--json"]).await.exits(0).json()[0].take();
        assert!(status["last_collected"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{status}");
        status["collecting"].as_bool().unwrap()
    };
    assert!(!collection().await);
    let text = status(&[]).await.exits(0).stdout;
    assert!(text.contains("\nslack: last collected ") && text.contains("; collection is not running"), "{text}");

    let mut child = local.start(&["pull", "--follow", "--logs", "audit"]);
    let (_, _rest) = first_line(&mut child).await;
    assert!(collection().await);
    assert!(status(&["--check"]).await.exits(0).stdout.contains("; collection is running"));
    interrupt(&child, "-KILL");
    local.slacktrail.end(child).await;
    assert!(!collection().await, "the system releases a killed process's lock");
}

#[tokio::test]
async fn directory_that_was_not_collected_for_too_long_is_unhealthy() {
    let local = Local::pulled(&["--logs", "audit"]).await;
    let status = async |arguments: &[&str]| local.run_alone(&[&["status", "--check"], arguments].concat()).await;
    status(&["--max-age", "1h"]).await.exits(0);
    assert!(status(&["--max-age", "soon"]).await.exits(2).stderr.contains("`1h`"));
    Slacktrail::alone().run(&["status", "--max-age", "1h"]).await.exits(2); // only for a directory

    // Two hours later, an idle stream has the same cursor. Only the stored times show it.
    let state = local.directory.path().join(".slacktrail");
    let earlier = |file: &str, fields: &[&str]| {
        let path = state.join(file);
        let mut stored: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for field in fields {
            let time = stored.pointer_mut(field).unwrap();
            *time = (hours_ago(2).as_second()).into();
        }
        fs::write(&path, stored.to_string()).unwrap();
    };
    earlier("cursors/slack.audit.json", &["/cursor/saved_at", "/cursor/health/last_success", "/cursor/health/since"]);
    earlier("sources/slack.json", &["/connected_at"]);
    status(&["--max-age", "1h"]).await.exits(0); // the tick's own time is recent
    earlier("collected/slack.audit.json", &["/at"]);
    status(&[]).await.exits(0); // without a limit, the age is a fact
    status(&["--max-age", "3h"]).await.exits(0);
    let unhealthy = status(&["--max-age", "1h", "--json"]).await.exits(1).json();
    assert_eq!((&unhealthy[0]["state"], &unhealthy[0]["code"]), (&json!("failing"), &json!("not_collected")));
    let text = status(&["--max-age", "1h"]).await.exits(1).stdout;
    assert!(
        text.contains("slack/audit: failing (not_collected)") && text.contains("run `slacktrail pull slack --dir DIR`"),
        "{text}"
    );

    let lock = DirectoryCollectors::new(local.directory.path()).lock(&stream(LogType::Audit), hours_ago(2)).unwrap();
    status(&[]).await.exits(1); // a process that collects it should have done so within three minutes
    drop(lock);
    local.run(&["pull"]).await.exits(0);
    status(&["--max-age", "1h"]).await.exits(0);
}
