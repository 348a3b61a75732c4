//! Tests `verify` with a complete and a corrupt archive, in a directory and in a deployment, and its exit codes. `period` tests ranges of days.

mod period;

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use slacktrail_archive::verify::MARGIN_SECONDS;
use slacktrail_core::object::{Lines, encode};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row};

use crate::binary::{Ran, Slacktrail};
use crate::local::Local;
use crate::slack::{ORGANIZATION, Slack, WORKSPACE, hours_ago};
#[cfg(target_os = "linux")]
use crate::terminal::Terminal;

/// The age of a day that re-reads no longer cover.
const DAYS_AGO: i64 = 4;
const COMPLETE: i32 = 0;
const MISMATCH: i32 = 1;
const INCONCLUSIVE: i32 = 3;

/// Returns the time `second` seconds after that day's start.
fn at(second: i64) -> Timestamp {
    // The same day throughout the tests, also if midnight passes.
    static TODAY: LazyLock<i64> = LazyLock::new(|| Timestamp::now().as_second() / 86_400 * 86_400);
    Timestamp::from_second(*TODAY - DAYS_AGO * 86_400 + second).unwrap()
}

fn day_of(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d").to_string()
}

/// A directory with Slack's records of the day: five audit records, two access rows and three integration rows.
struct Pulled(Local);

impl Pulled {
    async fn new() -> Pulled {
        let pulled = Pulled::empty().await;
        pulled.run(&["pull", "acme"]).await.exits(0);
        pulled
    }

    async fn empty() -> Pulled {
        let slack = Slack::organization().await;
        for second in 1..=5 {
            slack.world().add(Row::small_audit(at(second), &format!("day-{second}")));
        }
        for second in 1..=2 {
            let row = Row::small_access(at(second), hours_ago(30), &format!("W{second}"), "203.0.113.7", "x");
            slack.world().add(row.in_workspace("T1"));
        }
        for workspace in ["T1", "T1", "T2"] {
            slack.world().add(Row::small_integration(at(1), "A9").in_workspace(workspace));
        }
        Pulled(Local::of(slack, ORGANIZATION))
    }

    /// Replaces the simulated Slack.
    fn with_slack(self, slack: Slack) -> Pulled {
        Pulled(Local { slacktrail: Slacktrail::of(&slack).token(ORGANIZATION), slack, ..self.0 })
    }

    async fn verify(&self, log: &str, more: &[&str]) -> Ran {
        self.verify_day(log, &day_of(at(0)), more).await
    }

    async fn verify_day(&self, log: &str, day: &str, more: &[&str]) -> Ran {
        self.run(&[&["verify", "acme", "--log", log, "--day", day], more].concat()).await
    }

    fn object(&self, log: &str, number: u32) -> PathBuf {
        let day = at(0).strftime("%Y/%m/%d");
        self.directory.path().join(format!("{log}/{day}/acme-{number:06}.json.gz"))
    }

    /// Moves the audit lines after the first `count` lines from object 1 to a new object 2.
    fn split_audit(&self, count: usize) {
        let lines = lines_of(&self.object("audit", 1));
        write_lines(&self.object("audit", 1), &lines[..count]);
        write_lines(&self.object("audit", 2), &lines[count..]);
    }
}

impl Deref for Pulled {
    type Target = Local;

    fn deref(&self) -> &Local {
        &self.0
    }
}

fn lines_of(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    let (mut lines, mut texts) = (Lines::of(&bytes), Vec::new());
    while let Some((_, line)) = lines.next_line().unwrap() {
        texts.push(String::from_utf8(line.unwrap().to_vec()).unwrap());
    }
    texts
}

fn write_lines(path: &Path, lines: &[String]) {
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(path, encode(lines.iter().map(String::as_bytes), 1)).unwrap();
}

/// Returns the last line, with `DAY` for the day.
fn verdict(ran: &Ran) -> String {
    ran.stdout.trim_end().lines().last().unwrap_or_default().replace(&day_of(at(0)), "DAY")
}

/// Returns the count of a kind in the report's table.
fn count(ran: &Ran, kind: &str) -> String {
    let line = ran.stdout.lines().find(|line| line.starts_with(kind)).unwrap_or_else(|| panic!("{}", ran.stdout));
    line[kind.len()..].trim().to_owned()
}

#[tokio::test]
async fn pulled_day_is_complete_in_every_log() {
    let pulled = Pulled::new().await;
    let audit = pulled.verify("audit", &[]).await.exits(COMPLETE);
    insta::assert_snapshot!(audit.stdout.replace(&day_of(at(0)), "DAY"), @r"
    acme/audit on DAY (UTC)

                       count
    Slack records          5
    stored lines           5
    objects                1
    missing                0
    not collected yet      0
    unexpected             0
    changed                0
    duplicate              0
    wrong day              0
    unreadable             0
    missing objects        0

    complete: 5 records of DAY, each in exactly one line, bytes equal
    ");
    assert_eq!(audit.stderr, "");
    assert_eq!(pulled.verify("audit", &["--json"]).await.exits(COMPLETE).json()["differences"], json!([]));
    let access = pulled.verify("access", &[]).await.exits(COMPLETE);
    assert_eq!(verdict(&access), "complete: 2 rows first used on DAY, each in exactly one line");
    assert!(access.stdout.contains("note: Slack updates access rows on every use"), "{}", access.stdout);
    let integration = pulled.verify("integration", &[]).await.exits(COMPLETE);
    assert_eq!(verdict(&integration), "complete: 3 rows of DAY, each in exactly one line");
    assert!(integration.stderr.starts_with("reading integration logs from now back to "), "{}", integration.stderr);
}

#[tokio::test]
async fn moved_row_is_no_difference_and_rename_is_reported() {
    let pulled = Pulled::new().await;
    let row = pulled.slack.world().rows(Log::Access).len() - 1;
    pulled.slack.world().touch_access(row, Timestamp::now());
    pulled.verify("access", &[]).await.exits(COMPLETE);

    let path = pulled.object("integration", 1);
    let renamed: Vec<String> = lines_of(&path).iter().map(|line| line.replacen(r#""ann""#, r#""anna""#, 1)).collect();
    write_lines(&path, &renamed);
    let ran = pulled.verify("integration", &[]).await.exits(COMPLETE);
    assert!(
        ran.stdout.contains("note: 3 rows differ only in the name of a user or app that was renamed"),
        "{}",
        ran.stdout
    );
}

#[tokio::test]
async fn deleted_object_is_missing_with_its_records() {
    let pulled = Pulled::new().await;
    pulled.split_audit(2);
    assert_eq!(
        verdict(&pulled.verify("audit", &[]).await.exits(COMPLETE)),
        "complete: 5 records of DAY, each in exactly one line, bytes equal"
    );
    fs::remove_file(pulled.object("audit", 1)).unwrap();
    let ran = pulled.verify("audit", &[]).await.exits(MISMATCH);
    assert_eq!(verdict(&ran), "mismatch: 2 missing, 1 missing object on DAY");
    let (day, time) = (at(0).strftime("%Y/%m/%d"), at(1));
    assert!(ran.stdout.contains(&format!("missing:\n  {time} ")), "{}", ran.stdout);
    let hint = format!("\nhint: restore the missing objects of {} from a backup", day_of(at(0)));
    assert!(ran.stdout.contains(&hint), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("missing objects:\n  audit/{day}/acme-000001.json.gz")), "{}", ran.stdout);
    assert!(!ran.stdout.contains("user_login"), "records are shown only with `--show-records`: {}", ran.stdout);
}

#[tokio::test]
async fn altered_line_is_changed_and_shown_only_on_request() {
    let pulled = Pulled::new().await;
    let mut lines = lines_of(&pulled.object("audit", 1));
    lines[3] = lines[3].replacen("user_login", "user_logout", 1);
    write_lines(&pulled.object("audit", 1), &lines);

    let ran = pulled.verify("audit", &[]).await.exits(MISMATCH);
    assert_eq!(verdict(&ran), "mismatch: 1 changed on DAY");
    assert!(ran.stdout.contains("acme-000001.json.gz line 4\n") && !ran.stdout.contains("user_log"), "{}", ran.stdout);
    let shown = pulled.verify("audit", &["--show-records"]).await.exits(MISMATCH).stdout;
    let slack = pulled
        .slack
        .world()
        .rows(Log::Audit)
        .iter()
        .find(|row| row.id().as_deref() == Some("day-4"))
        .unwrap()
        .json
        .clone();
    assert!(shown.contains(&format!("    Slack:  {slack}\n    stored: {}\n", lines[3])), "{shown}");
    let item = &pulled.verify("audit", &["--show-records", "--json"]).await.exits(MISMATCH).json()["differences"][0];
    assert_eq!((item["kind"].as_str(), item["slack"].as_str()), (Some("changed"), Some(&*slack)));
    assert_eq!((item["object"].as_str().unwrap().ends_with("acme-000001.json.gz"), &item["line"]), (true, &json!(4)));
}

#[tokio::test]
async fn record_shown_late_is_pending_or_missing_if_too_late() {
    let pulled = Pulled::new().await;
    let late = hours_ago(20);
    pulled.slack.world().add(Row::small_audit(late, "late"));
    let ran = pulled.verify_day("audit", &day_of(late), &[]).await.exits(INCONCLUSIVE);
    assert_eq!((count(&ran, "missing"), count(&ran, "not collected yet")), ("0".to_owned(), "1".to_owned()));
    assert!(ran.stdout.contains("note: 1 not collected yet: published late by Slack"), "{}", ran.stdout);

    pulled.slack.world().add(Row::small_audit(at(6), "later than promised"));
    let ran = pulled.verify("audit", &[]).await.exits(MISMATCH);
    assert_eq!(verdict(&ran), "mismatch: 1 missing on DAY");
}

#[tokio::test]
async fn extra_record_is_defect_only_in_audit_log_that_slack_still_has() {
    let pulled = Pulled::new().await;
    let bare = Slack::organization().await;
    bare.world().add(Row::small_audit(at(1), "day-1"));
    let pulled = pulled.with_slack(bare);
    assert_eq!(verdict(&pulled.verify("audit", &[]).await.exits(MISMATCH)), "mismatch: 4 unexpected on DAY");
    let ran = pulled.verify("access", &[]).await.exits(COMPLETE);
    assert_eq!(count(&ran, "unexpected"), "2");
    assert!(ran.stdout.contains("note: unexpected rows are no mismatch here"), "{}", ran.stdout);
    let forgotten = pulled.with_slack(Slack::organization().await);
    let ran = forgotten.verify("audit", &[]).await.exits(INCONCLUSIVE);
    assert!(ran.stdout.contains("note: Slack no longer returns any record of the day"), "{}", ran.stdout);
}

#[tokio::test]
async fn uncollected_day_is_inconclusive_with_reason() {
    let recent = Pulled::empty().await;
    recent.run(&["pull", "acme", "--since", "24h"]).await.exits(0);
    let ran = recent.verify("audit", &[]).await.exits(INCONCLUSIVE);
    assert_eq!(
        verdict(&ran),
        "inconclusive: 5 records of DAY are not collected yet; everything compared so far matches"
    );
    assert!(
        ran.stdout.contains("note: 5 not collected yet: older than the start of collection of `acme`"),
        "{}",
        ran.stdout
    );

    let rejected = Pulled::empty().await;
    rejected.slack.world().fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::not_ok("internal_error")));
    rejected.slack.world().fault(Fault::every(CallMatcher::log(Log::Access), FaultKind::not_ok("no_permission")));
    rejected.run(&["pull", "acme", "--logs", "access"]).await.exits(1);
    rejected.slack.world().clear_faults();
    let json = rejected.verify("access", &["--json"]).await.exits(INCONCLUSIVE).json();
    assert_eq!(
        (&json["not_collected_yet"], &json["differences"][0]["reason"]),
        (&json!(2), &json!("in_gap")),
        "{json}"
    );
}

#[tokio::test]
async fn today_is_compared_up_to_few_minutes_ago() {
    let pulled = Pulled::new().await;
    let before = Timestamp::now();
    let today = day_of(before);
    let ran = pulled.verify_day("audit", &today, &[]).await;
    let has_begun = |now: Timestamp| day_of(now - SignedDuration::from_secs(MARGIN_SECONDS)) == today;
    match (has_begun(before), has_begun(Timestamp::now())) {
        (true, true) => {
            let ran = ran.exits(COMPLETE);
            assert!(ran.stdout.contains("note: compared up to "), "{}", ran.stdout);
            assert!(verdict(&ran).contains(&format!("{today} up to {today}T")), "{}", ran.stdout);
        }
        (false, false) => assert!(ran.exits(INCONCLUSIVE).stderr.contains("only just begun")),
        _ => assert!([COMPLETE, INCONCLUSIVE].contains(&ran.code), "{}", ran.stderr), // the fifth minute of the day passed meanwhile
    }
}

#[tokio::test]
async fn slack_faults_are_retried_and_stale_cursors_restart_reading() {
    let pulled = Pulled::new().await;
    pulled.slack.world().settings_mut().audit_limit_max = 2;
    let audit = || CallMatcher::log(Log::Audit);
    pulled.slack.world().fault(Fault::nth(1, audit(), FaultKind::throttled("1")));
    pulled.slack.world().fault(Fault::nth(3, audit(), FaultKind::StaleCursor));
    pulled.slack.world().fault(Fault::nth(4, audit(), FaultKind::EmptyPage));
    let ran = pulled.verify("audit", &[]).await.exits(COMPLETE);
    assert!(
        ran.stderr.ends_with("`rate_limited`; retrying in 1 s\n") && ran.stderr.lines().count() == 1,
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn failed_verification_is_inconclusive_with_hint() {
    let pulled = Pulled::new().await;
    let day = day_of(at(0));
    let arguments = ["verify", "acme", "--log", "audit", "--day", &day, "--dir", pulled.path()];
    let ran = Slacktrail::of(&pulled.slack).run(&arguments).await.exits(INCONCLUSIVE);
    assert!(ran.stderr.starts_with("error: `SLACK_TOKEN` is not set\nhint: "), "{}", ran.stderr);
    let ran = pulled.run(&["verify", "beta", "--log", "audit", "--day", &day]).await.exits(INCONCLUSIVE);
    assert!(ran.stderr.starts_with("error: source `beta` not found\nhint: use one of `acme`"), "{}", ran.stderr);
    let workspace = Slack::workspace().await;
    let ran = Slacktrail::of(&workspace).token(WORKSPACE).run(&arguments).await.exits(INCONCLUSIVE);
    assert!(ran.stderr.starts_with("error: the token belongs to the workspace"), "{}", ran.stderr);

    pulled.slack.world().revoke(ORGANIZATION);
    let ran = pulled.verify("audit", &[]).await.exits(INCONCLUSIVE);
    insta::assert_snapshot!(ran.stderr, @r"
    error: Slack answered `auth.test` with the error `token_revoked`
    hint: set `SLACK_TOKEN` to a new token: the token was revoked or the app removed
    ");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn progress_is_shown_in_terminal_and_removed_afterwards() {
    let pulled = Pulled::new().await;
    pulled.slack.world().settings_mut().audit_limit_max = 2;
    pulled.slack.world().fault(Fault::nth(2, CallMatcher::log(Log::Audit), FaultKind::throttled("1")));
    let slacktrail = Slacktrail::of(&pulled.slack).token(ORGANIZATION);
    let day = day_of(at(0));
    let arguments = ["verify", "acme", "--log", "audit", "--day", &day, "--dir", pulled.path()];
    let mut terminal = Terminal::start(&slacktrail, &arguments);
    terminal.shows("2 records, 1 page,").await;
    let shown = terminal.end().await;
    assert_eq!(shown.code, COMPLETE, "{}", shown.output);
    assert!(shown.screen.lines().next().unwrap().ends_with("`rate_limited`; retrying in 1 s"), "{}", shown.screen);
    assert!(shown.screen.trim_end().ends_with("each in exactly one line, bytes equal"), "{}", shown.screen);
    assert!(!shown.screen.contains(" page"), "the progress line is removed: {}", shown.screen);
}
