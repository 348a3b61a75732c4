//! Tests `verify` with a range of days and all logs: tables, hints, reports, and continuing after an interruption.

use std::path::Path;

use serde_json::{Value, json};
use slacktrail_archive::verify::MARGIN_SECONDS;
use slacktrail_core::source::Source;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row, Settings};
use slacktrail_tests::deployment::{BUCKET, LocalDeployment, organization_source};

use super::{COMPLETE, INCONCLUSIVE, MISMATCH, Pulled, at, day_of, lines_of, verdict, write_lines};
use crate::binary::{Ran, Slacktrail};
use crate::slack::ORGANIZATION;
#[cfg(target_os = "linux")]
use crate::terminal::Terminal;

/// The path of the Audit Logs API, by which the simulated Slack counts calls.
const AUDIT: &str = "logs";

/// Two days in a row, each with an audit record per hour, on pages of four records.
struct Hourly {
    pulled: Pulled,
    cache: tempfile::TempDir,
}

impl Hourly {
    async fn new() -> Hourly {
        let pulled = Pulled::empty().await;
        for hour in -24..24 {
            pulled.slack.world().add(Row::small_audit(at(hour * 3_600 + 1_800), &format!("hour {hour}")));
        }
        pulled.run(&["pull", "acme"]).await.exits(0);
        pulled.slack.world().settings_mut().audit_limit_max = 4;
        Hourly { pulled, cache: tempfile::tempdir().unwrap() }
    }

    fn slacktrail(&self) -> Slacktrail {
        let cache = self.cache.path().to_str().unwrap();
        Slacktrail::of(&self.pulled.slack).token(ORGANIZATION).with("XDG_CACHE_HOME", cache)
    }

    /// Returns the arguments that compare the audit logs of both days.
    fn arguments(&self) -> [String; 10] {
        let days = [day_of(at(-86_400)), day_of(at(0))];
        let [from, to] = days;
        let words = ["verify", "acme", "--log", "audit", "--from", &from, "--to", &to, "--dir", self.pulled.path()];
        words.map(str::to_owned)
    }

    async fn verify(&self, more: &[&str]) -> Ran {
        let arguments = self.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.slacktrail().run(&arguments).await
    }

    /// Runs a verification that stops at the seventh page. Returns the number of audit calls.
    async fn interrupt(&self) -> u32 {
        let audit = || CallMatcher::log(Log::Audit);
        self.pulled.slack.world().fault(Fault::nth(7, audit(), FaultKind::not_ok("no_permission")));
        let before = self.calls();
        let ran = self.verify(&[]).await.exits(INCONCLUSIVE);
        let kept =
            "\nkept what was read from Slack: the same command continues there within 24 hours\nerror: Slack answered";
        assert!(ran.stderr.contains(kept), "{}", ran.stderr);
        self.pulled.slack.world().clear_faults();
        self.calls() - before
    }

    fn calls(&self) -> u32 {
        self.pulled.slack.world().calls().of(AUDIT)
    }

    /// Returns the only directory with working files, or `None` if all are deleted.
    fn working_directory(&self) -> Option<std::path::PathBuf> {
        let entries = std::fs::read_dir(self.cache.path().join("slacktrail/verify")).unwrap();
        entries.map(|entry| entry.unwrap().path()).next()
    }
}

#[tokio::test]
async fn range_of_all_logs_is_read_once_and_has_table_per_log() {
    let hourly = Hourly::new().await;
    let before = hourly.calls();
    let (from, to) = (day_of(at(-86_400)), day_of(at(0)));
    let range = ["verify", "acme", "--from", &from, "--to", &to, "--dir", hourly.pulled.path()];
    let ran = hourly.slacktrail().with("COLUMNS", "100").run(&range).await.exits(COMPLETE);
    let rows: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let has_row = |cells: &str| {
        let cells: Vec<&str> = cells.split(' ').collect();
        let (counts, verdict) = cells.split_at(cells.len() - 1);
        let is_row = |row: &Vec<&str>| row.starts_with(counts) && row.last() == verdict.first();
        assert!(rows.iter().any(is_row), "{cells:?}: {}", ran.stdout);
    };
    has_row("day Slack stored objects missing changed duplicate unexpected latest verdict");
    has_row(&format!("{from} 24 24 1 0 0 0 0 complete"));
    has_row(&format!("{to} 29 29 1 0 0 0 0 complete"));
    has_row("total 53 53 2 0 0 0 0 complete");
    has_row(&format!("{from} 0 0 0 0 0 0 0 - complete"));
    has_row("total 2 2 1 0 0 0 0 complete");
    has_row("total 3 3 1 0 0 0 0 complete");
    assert!(ran.stdout.lines().filter(|line| line.starts_with("20")).all(|line| line.len() <= 100), "{}", ran.stdout);
    let range = format!("from {from} to {to}");
    assert!(
        ran.stdout.starts_with(&format!("acme (Organization E1) {range} (UTC)\n\naudit\n\nday ")),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains(", and then collected 53 earlier records back to "), "{}", ran.stdout);
    assert!(!ran.stdout.contains("outage"), "{}", ran.stdout);
    assert_eq!(
        verdict(&ran),
        format!("complete: 53 audit records, 2 access rows and 3 integration rows {range}, each in exactly one line")
            .replace(&to, "DAY")
    );
    assert_eq!(hourly.calls() - before, 14, "53 records on pages of four");
    assert_eq!(hourly.working_directory(), None, "the working files are deleted");
}

#[tokio::test]
async fn every_difference_of_range_has_hint_and_narrow_terminal_shows_sum() {
    let hourly = Hourly::new().await;
    let day = at(-86_400).strftime("%Y/%m/%d");
    std::fs::remove_file(hourly.pulled.directory.path().join(format!("audit/{day}/acme-000001.json.gz"))).unwrap();
    let path = hourly.pulled.object("audit", 1);
    let mut lines = lines_of(&path);
    lines[3] = lines[3].replacen("user_login", "user_logout", 1);
    write_lines(&path, &lines);

    let arguments = hourly.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = hourly.slacktrail().with("COLUMNS", "60").run(&arguments).await.exits(MISMATCH);
    let (from, to) = (day_of(at(-86_400)), day_of(at(0)));
    let stdout = &ran.stdout;
    let table: Vec<&str> = stdout.lines().filter(|line| line.starts_with("20") || line.starts_with("total")).collect();
    assert_eq!(
        table,
        [
            format!("{from}     24       0           24       24  mismatch"),
            format!("{to}     29      29            1        0  mismatch"),
            "total          53      29           25       24  mismatch".to_owned(),
        ]
    );
    assert!(table.iter().all(|line| line.len() <= 60), "{stdout}");
    assert!(stdout.contains("  and 4 more; `--json` lists up to 20 per day\n"), "{stdout}");
    let backfill = format!(
        "hint: audit: run `slacktrail backfill acme --log audit --day {from} --dir {}` to collect the missing records of {from}",
        hourly.pulled.path()
    );
    assert!(stdout.contains(&backfill), "{stdout}");
    assert!(stdout.contains(&format!("hint: audit: restore the listed objects of {to} from a backup")), "{stdout}");
    let verdict = format!("mismatch: 24 missing, 1 changed (audit on {from} to {to})");
    assert_eq!(stdout.trim_end().lines().last(), Some(verdict.as_str()));

    let json = hourly.verify(&["--json", "--show-records"]).await.exits(MISMATCH).json();
    let log = &json["logs"][0];
    assert_eq!((&json["verdict"], &log["missing"], &log["changed"]), (&json!("mismatch"), &json!(24), &json!(1)));
    assert_eq!((&log["days"][0]["missing"], &log["days"][0]["differences_omitted"]), (&json!(24), &json!(4)));
    let changed = &log["days"][1]["differences"][0];
    assert_eq!((&changed["kind"], &changed["stored"]), (&json!("changed"), &json!(lines[3])));
    assert_eq!(log["hints"].as_array().unwrap().len(), 2, "{log}");
}

#[tokio::test]
async fn failed_run_continues_without_reading_pages_again() {
    let hourly = Hourly::new().await;
    assert_eq!(hourly.interrupt().await, 7);
    assert!(hourly.working_directory().is_some());
    let before = hourly.calls();
    let ran = hourly.verify(&["--json"]).await.exits(COMPLETE);
    assert!(
        ran.stderr.starts_with("continuing the comparison of the audit logs, which stopped after page 6 ("),
        "{}",
        ran.stderr
    );
    assert_eq!(hourly.calls() - before, 8, "29 of 53 records are left, and the last one is read again");
    let log = &ran.json()["logs"][0];
    assert_eq!((&log["slack_records"], &log["lines"], &log["continued"]), (&json!(53), &json!(53), &json!(true)));
    assert_eq!(hourly.working_directory(), None);
    let ran = hourly.verify(&[]).await.exits(COMPLETE);
    assert!(!ran.stderr.contains("continuing"), "{}", ran.stderr);
}

#[tokio::test]
async fn unwritable_cache_is_noted_and_days_are_compared() {
    let hourly = Hourly::new().await;
    std::fs::write(hourly.cache.path().join("slacktrail"), "a file in place of the directory").unwrap();
    let ran = hourly.verify(&[]).await.exits(COMPLETE);
    assert!(ran.stderr.starts_with("working files cannot be kept in `"), "{}", ran.stderr);
    assert!(ran.stderr.contains("so the command cannot continue after an interruption\n"), "{}", ran.stderr);
}

#[tokio::test]
async fn damaged_working_files_begin_anew_with_sentence() {
    let damages: [fn(&Path); 2] = [
        |file| std::fs::write(file, "x").unwrap(),
        |file| {
            let bytes: Vec<u8> = std::fs::read(file).unwrap().iter().map(|byte| byte ^ 1).collect();
            std::fs::write(file, bytes).unwrap();
        },
    ];
    for damage in damages {
        let hourly = Hourly::new().await;
        hourly.interrupt().await;
        damage(&hourly.working_directory().unwrap().join(day_of(at(0))));
        let before = hourly.calls();
        let ran = hourly.verify(&[]).await.exits(COMPLETE);
        let sentence =
            "an earlier comparison of the audit logs was interrupted, but cannot be continued: its files are damaged";
        assert!(ran.stderr.starts_with(sentence), "{}", ran.stderr);
        assert_eq!(hourly.calls() - before, 14);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ctrl_c_keeps_what_was_read() {
    let hourly = Hourly::new().await;
    hourly.pulled.slack.world().fault(Fault::nth(7, CallMatcher::log(Log::Audit), FaultKind::throttled("60")));
    let arguments = hourly.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut terminal = Terminal::start(&hourly.slacktrail(), &arguments);
    terminal.shows("retrying in 1 min").await;
    terminal.shows("24 records, 6 pages, back to ").await;
    terminal.interrupts().await;
    let shown = terminal.end().await;
    assert_eq!(shown.code, INCONCLUSIVE, "{}", shown.output);
    let end = "error: interrupted: the comparison is not complete\nhint: run the same command again within 24 hours to continue where it stopped";
    assert!(shown.screen.trim_end().ends_with(end), "{}", shown.screen);
    assert!(!shown.screen.contains("6 pages") && !shown.screen.contains("^C"), "{}", shown.screen);

    hourly.pulled.slack.world().clear_faults();
    let before = hourly.calls();
    let ran = hourly.verify(&[]).await.exits(COMPLETE);
    assert!(ran.stderr.starts_with("continuing the comparison of the audit logs"), "{}", ran.stderr);
    assert_eq!(hourly.calls() - before, 8);
}

#[tokio::test]
async fn report_that_cannot_be_written_is_error_before_slack_is_read() {
    let hourly = Hourly::new().await;
    let before = hourly.pulled.slack.world().calls().total();
    let report = hourly.cache.path().join("none/report.html");
    let ran = hourly.verify(&["--report", report.to_str().unwrap()]).await.exits(INCONCLUSIVE);
    assert!(
        ran.stderr.starts_with("error: writing the report `") && ran.stderr.contains("hint: choose"),
        "{}",
        ran.stderr
    );
    let ran = hourly.verify(&["--report", "report.pdf"]).await.exits(2);
    assert!(ran.stderr.contains("expected a name that ends in `.html`"), "{}", ran.stderr);
    assert_eq!(hourly.pulled.slack.world().calls().total(), before);
}

#[tokio::test]
async fn failed_run_keeps_older_report() {
    let hourly = Hourly::new().await;
    let report = hourly.cache.path().join("report.html");
    std::fs::write(&report, "older").unwrap();
    hourly.pulled.slack.world().fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::not_ok("no_permission")));
    hourly.verify(&["--report", report.to_str().unwrap()]).await.exits(INCONCLUSIVE);
    assert_eq!(std::fs::read_to_string(&report).unwrap(), "older");
    hourly.pulled.slack.world().clear_faults();
    let ran = hourly.verify(&["--report", report.to_str().unwrap()]).await.exits(COMPLETE);
    assert!(ran.stderr.ends_with(&format!("wrote the report to {}\n", report.display())), "{}", ran.stderr);
    assert!(std::fs::read_to_string(&report).unwrap().starts_with("<!doctype html>"));
}

#[tokio::test]
async fn month_in_progress_is_compared_up_to_few_minutes_ago() {
    let pulled = Pulled::new().await;
    // The first minutes of a month cannot be compared, so that in them the previous month is in progress.
    let month =
        (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(MARGIN_SECONDS)).strftime("%Y-%m").to_string();
    let arguments = ["verify", "acme", "--month", &month, "--dir", pulled.path()];
    let ran = Slacktrail::of(&pulled.slack).token(ORGANIZATION).run(&arguments).await;
    assert!(ran.stdout.contains("note: compared up to "), "{}", ran.stdout);
    assert!(ran.stdout.contains("(UTC)\n\naudit\n\nday"), "{}", ran.stdout);
    assert!(verdict(&ran).contains(" up to "), "{}", ran.stdout);
}

fn json_report(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[tokio::test]
async fn deployment_is_verified_for_range_with_report_in_both_forms() {
    let settings = Settings { tenant: Tenant::organization("E1", &["T1", "T2"]), ..Settings::organization() };
    let Some(deployment) = LocalDeployment::start(settings).await else { return };
    for second in 1..=5 {
        deployment.slack().add(Row::small_audit(at(second), &format!("day-{second}")));
        deployment.slack().add(Row::small_audit(at(second - 86_400), &format!("before-{second}")));
    }
    let source = organization_source("acme");
    let source = Source { since: source.since.plus(-3 * 86_400), ..source };
    deployment.connect(&source, ORGANIZATION_TOKEN).await;
    let poller = deployment.poller();
    deployment.drain().await;
    drop(poller);

    let root = tempfile::tempdir().unwrap();
    let slacktrail = Slacktrail::alone().with_all(deployment.command_environment());
    let slacktrail = slacktrail.with("XDG_CACHE_HOME", root.path().to_str().unwrap());
    let (from, to) = (day_of(at(-86_400)), day_of(at(0)));
    let report = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let verify = async |report: &str| {
        let arguments = ["verify", "acme", "--from", &from, "--to", &to, "--log", "audit", "--report", report];
        slacktrail.run(&arguments).await
    };
    verify(&report("complete.json")).await.exits(COMPLETE);
    let complete = json_report(&root.path().join("complete.json"));
    let audit = &complete["logs"][0];
    assert_eq!((&complete["verdict"], &complete["source"]), (&json!("complete"), &json!("acme")), "{complete}");
    assert_eq!(complete["archive"], json!(format!("bucket {BUCKET}")));
    assert_eq!((&audit["slack_records"], &audit["objects"]), (&json!(10), &json!(2)));
    assert_eq!((&audit["lateness"]["over_1_hour"], &audit["outages"][0]["records"]), (&json!(10), &json!(10)));
    let history = &audit["outages"][0];
    let cause = "initial history, from before the first tick";
    assert_eq!((&history["kind"], &history["cause"]), (&json!("initial_history"), &json!(cause)));

    // One object is deleted, and a line of the other is changed.
    let key = |instant: jiff::Timestamp| format!("audit/{}/acme-000001.json.gz", instant.strftime("%Y/%m/%d"));
    let s3 = deployment.aws.s3();
    s3.delete_object().bucket(BUCKET).key(key(at(-86_400))).send().await.unwrap();
    let object = s3.get_object().bucket(BUCKET).key(key(at(0))).send().await.unwrap();
    let file = root.path().join("object.gz");
    std::fs::write(&file, object.body.collect().await.unwrap().into_bytes()).unwrap();
    let lines: Vec<String> = lines_of(&file).iter().map(|line| line.replacen(r#""day-2""#, r#""day-9""#, 1)).collect();
    write_lines(&file, &lines);
    let changed = std::fs::read(&file).unwrap();
    s3.put_object().bucket(BUCKET).key(key(at(0))).body(changed.into()).send().await.unwrap();

    let ran = verify(&report("mismatch.html")).await.exits(MISMATCH);
    let verdict = format!("mismatch: 5 missing, 1 changed (audit on {from} to {to})");
    assert_eq!(ran.stdout.trim_end().lines().last(), Some(verdict.as_str()), "{}", ran.stdout);
    let html = std::fs::read_to_string(root.path().join("mismatch.html")).unwrap();
    let html = html.replace("<time>", "").replace("</time>", "");
    let backfill = format!("slacktrail backfill acme --log audit --day {from}</code>");
    for part in [&*verdict, &backfill, "Corrupt object", &key(at(0)), "version "] {
        assert!(html.contains(part), "{part}: {html}");
    }
    verify(&report("mismatch.json")).await.exits(MISMATCH);
    let mismatch = json_report(&root.path().join("mismatch.json"));
    assert_eq!(mismatch["logs"][0]["days"][0]["missing"], json!(5), "{mismatch}");
    assert_eq!(mismatch["logs"][0]["hints"].as_array().unwrap().len(), 2);

    deployment.slack().revoke(ORGANIZATION_TOKEN);
    let stderr = verify(&report("none.json")).await.exits(INCONCLUSIVE).stderr;
    let error = "error: Slack answered `logs` with the error `invalid_authentication`\nhint: connect the source again";
    assert!(stderr.contains(error), "{stderr}");
}
