//! Tests `status --dir`.

use std::fs;

use jiff::Timestamp;
use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::health::{Health, State};
use slacktrail_core::sanitize::steers;
use slacktrail_core::source::{LogType, Plan, Source, StreamId};
use slacktrail_core::time::Second;
use slacktrail_core::walk::{Gap, GapKind};
use slacktrail_ports::DeploymentStore;
use slacktrail_ports::sources;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::binary::{Ran, Slacktrail, interrupt};

async fn status(directory: &TempDir, arguments: &[&str]) -> Ran {
    Slacktrail::alone().run(&[&["status", "--dir", directory.path().to_str().unwrap()], arguments].concat()).await
}

#[tokio::test]
async fn status_table_is_followed_by_hints() {
    let directory = tempfile::tempdir().unwrap();
    let source = Source {
        organization: true,
        connected_at: Second::of(Timestamp::now()).plus(-5_430),
        ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::MARCH_2018)
    };
    sources::put(&DirectoryDeployment::new(directory.path()), &source).await.unwrap();
    let state = directory.path().join(".slacktrail");
    fs::write(state.join("sources/beta.json"), r#"{"id":"beta","from":"the future"}"#).unwrap();
    fs::create_dir_all(state.join("cursors")).unwrap();
    fs::write(state.join("cursors/acme.audit.json"), r#"{"version":3,"cursor":{"format":99}}"#).unwrap();

    let ran = status(&directory, &[]).await.exits(0);
    insta::assert_snapshot!(ran.stdout, @r"
    source  log          state    last checked  last record  lag  backlog
    acme    audit        failing  -             -              -  -
    acme    access       waiting  -             -              -  -
    acme    integration  waiting  -             -              -  -
    beta    -            failing  -             -              -  -

    acme: never collected; collection is not running

    acme/audit: failing (newer_cursor)
      the stored cursor has format 99, but this slacktrail reads formats up to 1;
      use the newer slacktrail that wrote it

    acme/access: waiting
      run `slacktrail pull acme --dir DIR` to start the first tick

    acme/integration: waiting
      run `slacktrail pull acme --dir DIR` to start the first tick

    beta: failing (corrupt_source)
      reading source `beta`: the stored source is malformed; use the newer
      slacktrail that wrote it, restore its file in `.slacktrail/sources` from a
      backup, or delete the file: `slacktrail pull beta --dir DIR` then creates it,
      and keeps its cursors
    ");
}

#[tokio::test]
async fn stored_text_cannot_control_terminal_and_json_keeps_it() {
    let directory = tempfile::tempdir().unwrap();
    let deployment = DirectoryDeployment::new(directory.path());
    let now = Second::of(Timestamp::now());
    let source = Source::new("acme".parse().unwrap(), "Acme\u{1b}]0;x\u{7}", Plan::Enterprise, now.plus(-60));
    sources::put(&deployment, &source).await.unwrap();
    let (code, message) =
        ("x\u{1b}[31m", "bell\u{7} c1\u{9b}2J bidi\u{202e} del\u{7f} \u{1b}]8;;https://x\u{1b}\\ \rfake");
    let mut cursor = Cursor::first(&source, LogType::Audit, now.plus(-60));
    cursor.health.state = State::Failing;
    (cursor.health.code, cursor.health.message) = (Some(code.to_owned()), Some(message.to_owned()));
    let stream = StreamId { source: source.id.clone(), log: LogType::Audit };
    deployment.replace_cursor(&stream, None, &cursor).await.unwrap();

    let steering = |text: &str| text.chars().find(|c| steers(*c) && *c != '\n');
    let ran = status(&directory, &[]).await.exits(0);
    assert_eq!(steering(&ran.stdout), None, "{:?}", ran.stdout);
    assert!(ran.stdout.contains("acme/audit: failing (x\u{fffd}[31m)"), "{}", ran.stdout);
    let ran = status(&directory, &["--json"]).await.exits(0);
    assert_eq!(steering(&ran.stdout), None, "{:?}", ran.stdout);
    assert_eq!(ran.json()[0]["code"].as_str(), Some(code));
    assert_eq!(ran.json()[0]["error"].as_str(), Some(message));
}

/// Creates a directory with streams in several states.
///
/// Ages are half a unit above the displayed values, so that a slow run displays the same values.
pub(crate) async fn with_many_states() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let deployment = DirectoryDeployment::new(directory.path());
    let now = Second::of(Timestamp::now());
    let ago = |seconds: i64| now.plus(-seconds);
    let source = |id: &str| Source::new(id.parse().unwrap(), id, Plan::Enterprise, ago(7 * 86_400));
    let ok = |log| {
        let health = Health {
            since: Some(ago(3 * 86_400 + 4 * 3_600 + 1_800)),
            last_success: Some(ago(150)),
            last_record: Some(ago(150)),
            ..Health::default()
        };
        let mut cursor = Cursor::first(&source("acme"), log, ago(3_630));
        (cursor.health, cursor.gaps) = (health, Vec::new());
        cursor
    };
    let with_state = |mut cursor: Cursor, state, code: Option<&str>, message: Option<&str>| {
        (cursor.health.state, cursor.health.code) = (state, code.map(str::to_owned));
        cursor.health.message = message.map(str::to_owned);
        cursor
    };
    let mut behind = with_state(ok(LogType::Audit), State::CatchingUp, None, None);
    behind.gaps.push(Gap::unwalked(LogType::Audit, GapKind::Backlog, ago(200_000), ago(100_000)));
    let silent = "Slack responds, but has returned no record since 2026-11-20T08:00:00Z";
    let rejected = "Slack answered `team.integrationLogs` with the error `token_revoked`";
    let cursors = [
        ("acme", LogType::Audit, behind),
        ("acme", LogType::Access, with_state(ok(LogType::Access), State::Silent, Some("silent_stream"), Some(silent))),
        (
            "acme",
            LogType::Integration,
            with_state(ok(LogType::Integration), State::Reauthorize, Some("token_revoked"), Some(rejected)),
        ),
        ("beta", LogType::Audit, ok(LogType::Audit)),
    ];
    for (id, log, cursor) in cursors {
        let stream = StreamId { source: id.parse().unwrap(), log };
        deployment.replace_cursor(&stream, None, &cursor).await.unwrap();
    }
    let logs = vec![LogType::Audit];
    sources::put(&deployment, &source("acme")).await.unwrap();
    sources::put(&deployment, &Source { logs: logs.clone(), ..source("beta") }).await.unwrap();
    sources::put(&deployment, &Source { logs: logs.clone(), paused: true, ..source("gamma") }).await.unwrap();
    sources::put(&deployment, &Source { logs, disconnected: true, ..source("old") }).await.unwrap();
    directory
}

#[tokio::test]
async fn status_table_is_readable_in_80_columns_without_color() {
    let directory = with_many_states().await;
    let ran = status(&directory, &[]).await.exits(0);
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    insta::assert_snapshot!(ran.stdout, @r"
    source  log          state        last checked  last record  lag  backlog
    acme    audit        catching up  2 min ago     2 min ago    1 h  1 d 3 h
    acme    access       silent       2 min ago     2 min ago    1 h  -
    acme    integration  reauthorize  2 min ago     2 min ago    1 h  -
    beta    audit        ok           2 min ago     2 min ago    1 h  -
    gamma   audit        paused       -             -              -  -

    acme: last collected 2 min ago; collection is not running
    beta: last collected 2 min ago; collection is not running
    gamma: never collected; collection is paused

    acme/access: silent, last checked 2 min ago
      Slack responds, but has returned no record since 2026-11-20T08:00:00Z; check
      in Slack whether users are active; if nobody is, raise the threshold:
      `slacktrail set acme --silent-after 72h --dir DIR`

    acme/integration: reauthorize (token_revoked), last checked 2 min ago
      Slack answered `team.integrationLogs` with the error `token_revoked`; set
      `SLACK_TOKEN` to a new token: the token was revoked or the app removed

    1 disconnected source not shown; run `slacktrail sources` for a list
    ");
}

#[tokio::test]
async fn status_table_drops_columns_and_breaks_no_word_in_60_columns() {
    let directory = with_many_states().await;
    let path = directory.path().to_str().unwrap();
    for (columns, heading) in [
        ("60", "source  log          state        last checked  lag  backlog"),
        ("100", "source  log          state        for      last checked  last record  lag  backlog"),
    ] {
        let ran = Slacktrail::alone().with("COLUMNS", columns).run(&["status", "--dir", path]).await.exits(0);
        let width = columns.parse().unwrap();
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= width), "{}", ran.stdout);
        assert_eq!(ran.stdout.lines().next(), Some(heading));
        assert!(ran.stdout.contains("acme    integration  reauthorize  "), "{}", ran.stdout);
    }
}

#[tokio::test]
async fn status_of_one_source_shows_only_its_streams() {
    let directory = with_many_states().await;
    let json = status(&directory, &["beta", "--json"]).await.exits(0).json();
    assert_eq!((json.as_array().unwrap().len(), json[0]["source"].as_str()), (1, Some("beta")));
    status(&directory, &["beta", "--check"]).await.exits(0);
    let ran = status(&directory, &["old"]).await.exits(0);
    assert_eq!(ran.stdout, "1 disconnected source not shown; run `slacktrail sources` for a list\n");
    let unknown = status(&directory, &["delta"]).await.exits(1);
    assert!(unknown.stderr.contains("use one of `acme`, `beta`, `gamma`, `old`"), "{}", unknown.stderr);
}

#[tokio::test]
async fn check_exit_code_shows_whether_action_is_required() {
    let directory = with_many_states().await;
    status(&directory, &["--check", "--json"]).await.exits(1);
    let cursors = directory.path().join(".slacktrail/cursors");
    for log in ["access", "integration"] {
        fs::remove_file(cursors.join(format!("acme.{log}.json"))).unwrap();
    }
    status(&directory, &["--check"]).await.exits(0);
    status(&directory, &["--check", "--watch"]).await.exits(2);
}

#[tokio::test]
async fn watch_in_pipe_prints_one_json_line_per_change_until_ctrl_c() {
    let directory = with_many_states().await;
    let slacktrail = Slacktrail::alone();
    let mut child = slacktrail.start(&["status", "--watch", "--json", "--dir", directory.path().to_str().unwrap()]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next =
        async || -> serde_json::Value { serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap() };
    let state = |entries: &serde_json::Value, source: &str| {
        let of_source = entries.as_array().unwrap().iter().find(|entry| entry["source"] == source);
        of_source.map(|entry| entry["state"].as_str().unwrap().to_owned())
    };
    let first = next().await;
    assert_eq!((state(&first, "beta").as_deref(), state(&first, "gamma").as_deref()), (Some("ok"), Some("paused")));

    let deployment = DirectoryDeployment::new(directory.path());
    let beta = deployment.load().await.unwrap().sources.remove(&"beta".parse().unwrap()).unwrap().unwrap();
    sources::put(&deployment, &Source { paused: true, ..beta }).await.unwrap();
    let second = next().await;
    assert_eq!(state(&second, "beta").as_deref(), Some("paused"));

    interrupt(&child, "-INT");
    slacktrail.end(child).await.exits(0);
}

#[tokio::test]
async fn watch_ends_when_reader_closes_pipe() {
    let directory = with_many_states().await;
    let slacktrail = Slacktrail::alone();
    let arguments = ["status", "--watch", "--dir", directory.path().to_str().unwrap()];
    let mut child = slacktrail.start(&arguments);
    drop(child.stdout.take());
    slacktrail.end(child).await.exits(0);

    // The reader closes the pipe after the report was written, and nothing changes afterwards.
    let mut child = slacktrail.start(&arguments);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines.next_line().await.unwrap().unwrap().contains("disconnected source") {}
    drop(lines);
    slacktrail.end(child).await.exits(0);
}

#[cfg(target_os = "linux")] // the tests support only Linux pseudoterminals
#[tokio::test]
async fn ctrl_c_at_first_screen_ends_watch_cleanly() {
    let directory = with_many_states().await;
    let arguments = ["status", "--watch", "--dir", directory.path().to_str().unwrap()];
    for _ in 0..20 {
        // Repeated, because Ctrl-C interrupts a command that does not listen for it yet only by chance.
        let mut terminal = crate::terminal::Terminal::start(&Slacktrail::alone(), &arguments);
        terminal.shows("press Ctrl-C to stop").await;
        terminal.interrupts().await;
        let shown = terminal.end().await;
        assert_eq!(shown.code, 0, "{}", shown.screen);
    }
}
