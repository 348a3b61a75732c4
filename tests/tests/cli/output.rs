//! Tests that a command fails if its output cannot be written, and that a closed pipe is no error.

use std::fs::File;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log};
use slacktrail_tests::emulated_aws::EmulatedAws;

use crate::aws::{CONNECT, deployed};
use crate::binary::{Ran, Slacktrail};
use crate::local::Local;
use crate::slack::{ORGANIZATION, Slack};

const ERROR: &str = "error: writing to standard output failed\n  caused by: No space left on device (os error 28)\n\
    hint: check where the output goes: the disk may be full; then run the command again\n";

/// Runs a command on a full disk, and asserts its exit code and its only error.
async fn fails_on_full_disk(slacktrail: &Slacktrail, arguments: &[&str], code: i32) {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let Ran { code: exit_code, stderr, .. } = slacktrail.run_into(arguments, ORGANIZATION, full).await;
    assert_eq!(exit_code, code, "{arguments:?}: {stderr}");
    assert!(stderr.ends_with(ERROR) && stderr.matches("error: ").count() == 1, "{arguments:?}: {stderr}");
}

/// Returns a directory with the records of the last hour.
async fn pulled() -> Local {
    Local::pulled(&["--since", "1h"]).await
}

fn yesterday() -> String {
    (Timestamp::now() - SignedDuration::from_hours(24)).strftime("%Y-%m-%d").to_string()
}

#[tokio::test]
async fn full_disk_is_error_of_help_version_and_demo() {
    let directory = tempfile::tempdir().unwrap();
    let slacktrail = Slacktrail::alone().inside(directory.path());
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["help", "status"],
        &["connect", "-h"],
        &["completions", "zsh"],
        &["demo", "--seconds", "5"],
    ] {
        fails_on_full_disk(&slacktrail, arguments, 1).await;
    }
}

#[tokio::test]
async fn full_disk_is_error_of_each_command_on_directory() {
    let local = pulled().await;
    for format in [&[][..], &["--json"]] {
        for arguments in [&["status", "--dir", "."][..], &["status", "--watch", "--dir", "."], &["pull", "--dir", "."]]
        {
            fails_on_full_disk(&local.slacktrail, &[arguments, format].concat(), 1).await;
        }
        let verify = ["verify", "slack", "--log", "audit", "--dir", ".", "--day", &yesterday()];
        fails_on_full_disk(&local.slacktrail, &[&verify[..], format].concat(), 3).await;
    }
}

#[tokio::test]
async fn full_disk_is_error_of_each_command_on_aws() {
    let Some(moto) = EmulatedAws::start() else { return };
    let no_slack = Slack::organization().await;
    let slacktrail = deployed(&moto, &no_slack).await;
    for format in [&[][..], &["--json"]] {
        let slack = Slack::organization().await; // because `disconnect` revokes its token
        let slacktrail = slacktrail.clone().with("SLACK_API_URL", &slack.api_url());
        let slacktrail = slacktrail.with("SLACK_AUDIT_URL", &slack.audit_url());
        let day = yesterday();
        for (arguments, code) in [
            (&CONNECT[..], 1),
            (&["sources"], 1),
            (&["status"], 1),
            (&["set", "acme", "--name", "Other"], 1),
            (&["pause", "acme"], 1),
            (&["resume", "acme"], 1),
            (&["backfill", "acme", "--log", "audit", "--from", "2024-01-01", "--to", "2024-01-31", "--detach"], 1),
            (&["verify", "acme", "--log", "audit", "--day", &day], 3),
            (&["disconnect", "acme", "--yes"], 1),
        ] {
            fails_on_full_disk(&slacktrail, &[arguments, format].concat(), code).await;
        }
    }
}

#[tokio::test]
async fn full_disk_is_error_of_doctor() {
    // Without moto, because the first call to its CloudFormation occupies it for many seconds on a busy machine.
    let slacktrail = Slacktrail::alone().signed_in().with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    for format in [&[][..], &["--json"]] {
        fails_on_full_disk(&slacktrail, &[&["doctor", "--stack", "slacktrail"], format].concat(), 1).await;
    }
}

#[tokio::test]
async fn closed_pipe_is_no_error_and_keeps_exit_code() {
    let local = pulled().await;
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["status", "--dir", "."], 0),
        (&["status", "--dir", ".", "--json"], 0),
        (&["pull", "--dir", "."], 0),
        (&["status", "--dir", "elsewhere"], 1),
    ] {
        let mut child = local.slacktrail.start(arguments);
        drop(child.stdout.take());
        let ran = local.slacktrail.end(child).await.exits(code);
        assert_eq!(ran.stderr.is_empty(), code == 0, "{arguments:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn completions_of_each_shell_name_commands_and_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Slacktrail::alone().run(&["completions", shell]).await.exits(0).stdout;
        for word in ["backfill", "silent-after", "slacktrail"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
    Slacktrail::alone().run(&["completions", "tcsh"]).await.exits(2);
}

#[tokio::test]
async fn man_pages_cover_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    Slacktrail::alone().run(&["man", path]).await.exits(0);
    for page in ["slacktrail.1", "slacktrail-status.1", "slacktrail-connect.1", "slacktrail-set.1"] {
        let text = std::fs::read_to_string(directory.path().join(page)).unwrap();
        assert!(text.starts_with(".ie") && text.contains(".SH NAME"), "{page}: {text}");
    }
    assert!(!directory.path().join("slacktrail-man.1").exists(), "a hidden command has no page");
}

/// Types a command in a terminal of 60 columns and in one of 100, presses Ctrl-C when it `shows` a text, and returns the lines of each screen
/// without the last one, which must be the prompt.
async fn interrupted(slacktrail: &Slacktrail, command: &str, shows: &str) -> Vec<Vec<String>> {
    let mut screens = Vec::new();
    for columns in [60, 100] {
        let line = format!("{command}; echo \"[$?] prompt\"");
        let columns = std::num::NonZero::new(columns).unwrap();
        let mut terminal = crate::terminal::Terminal::typed_within(columns, slacktrail, &line);
        terminal.shows(shows).await;
        terminal.interrupts().await;
        let screen = terminal.end().await.screen;
        let mut lines: Vec<String> = screen.trim_end().lines().map(str::to_owned).collect();
        assert!(lines.last().unwrap().ends_with("] prompt"), "{command} at {columns}: {screen}");
        for left in [" pages", " page,", "^C", "left to collect", "━", "╌", "⠋", "⠙"] {
            assert!(!screen.contains(left), "{command} at {columns} leaves `{left}`:\n{screen}");
        }
        lines.pop();
        screens.push(lines);
    }
    screens
}

#[tokio::test]
async fn ctrl_c_leaves_clean_line_and_prompt_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let slacktrail = Slacktrail::alone().inside(directory.path());
    interrupted(&slacktrail, "slacktrail demo --seconds 60", " pages").await;
    let local = pulled().await;
    for lines in interrupted(&local.slacktrail, "slacktrail pull --dir . --follow", " page, ok").await {
        assert!(lines.iter().any(|line| line.starts_with("slack/audit")), "the totals: {lines:?}");
    }
    for lines in interrupted(&local.slacktrail, "slacktrail status --watch --dir .", "collection is not running").await
    {
        assert!(lines.last().unwrap().ends_with("collection is not running"), "{lines:?}");
    }
}

#[tokio::test]
async fn second_ctrl_c_abandons_tick_and_removes_progress() {
    let local = pulled().await;
    local.slack.world().fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::Delay(Duration::from_secs(600))));
    let line = "slacktrail pull --dir .; echo \"[$?] prompt\"";
    let mut terminal = crate::terminal::Terminal::typed(&local.slacktrail, line);
    terminal.shows("integration  0 records, 2 pages").await;
    terminal.interrupts().await;
    terminal.shows("press Ctrl-C again").await;
    terminal.interrupts().await;
    let expected = "finishing the tick; press Ctrl-C again to stop at once\n[130] prompt";
    assert_eq!(terminal.end().await.screen.trim(), expected);
}
