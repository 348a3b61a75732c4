//! `slacktrail verify` in a world whose records are known: days collected under each behavior of Slack, and records that the poller stores
//! during a verification.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod resume;
mod slack_faults;
mod workspaces;

use std::collections::HashSet;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use jiff::SignedDuration;
use slacktrail_archive::verify::{
    self, Checkpoint, Findings, InMemory, Kind, Lateness, Limitation, Outage, Period, Reason, Step, Unusable, Verdict,
    Verification, WorkingFiles,
};
use slacktrail_core::error::Error;
use slacktrail_core::record::RowId;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::Ports;
use slacktrail_simulation::SimulatedPorts;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulator::settings::{AccessColumn, AccessTeam, Direction, Fill, Layout, Limits, Paging, Seconds};
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{CallMatcher, Endless, Fault, FaultKind, Log, Row, Settings};

const DAY: i64 = 86_400;
/// The number of the process that runs the command.
const COMMAND: u32 = 1_000;
/// The maximum number of steps of a verification.
const STEPS_MAX: usize = 10_000;

type Simulated = Ports<SimulatedPorts, SimulatedPorts, SimulatedPorts, SimulatedPorts>;

fn organization() -> Settings {
    Settings { limits: Limits::OFF, audit_limit_max: 3, integration_count_max: 3, ..Settings::organization() }
}

/// Runs a future of the simulated world, which never waits for anything outside of it.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

fn ports(harness: &Harness) -> Simulated {
    let ports = SimulatedPorts::of(harness.world(), COMMAND);
    Ports { slack: ports.clone(), day_logs: ports.clone(), deployment: ports.clone(), credentials: ports }
}

fn source(harness: &Harness) -> Source {
    harness.world().with(|state| state.sources.values().next().unwrap().clone())
}

fn now(harness: &Harness) -> Second {
    Second::of(harness.now())
}

fn day_ago(harness: &Harness, days: i64) -> Day {
    now(harness).plus(-days * DAY).day()
}

type Verifying<'a> = Verification<'a, SimulatedPorts, SimulatedPorts, SimulatedPorts, SimulatedPorts, InMemory>;

async fn begin<'a>(
    ports: &'a Simulated,
    source: &'a Source,
    log: LogType,
    period: Period,
) -> Result<Verifying<'a>, Error> {
    Verification::begin(ports, source, log, period, InMemory::default()).await
}

/// Verifies a day. Calls `between` after Slack was read and before the archive is.
fn verify_while(harness: &mut Harness, log: LogType, day: Day, between: impl FnOnce(&mut Harness)) -> Findings {
    let (ports, source) = (ports(harness), source(harness));
    let period = Period::new(day, day, now(harness)).unwrap();
    let mut verification = run(begin(&ports, &source, log, period)).unwrap();
    let read = (0..STEPS_MAX).find(|_| run(verification.step(now(harness))).unwrap() == Step::Done);
    assert!(read.is_some(), "{:?}", verification.position());
    between(harness);
    run(verification.conclude(day, |_, _| ())).unwrap()
}

fn verify_day(harness: &mut Harness, log: LogType, day: Day) -> Findings {
    verify_while(harness, log, day, |_| ())
}

/// Returns the error that ends the verification of today.
fn verification_error(harness: &Harness, log: LogType) -> Error {
    let (ports, source, day) = (ports(harness), source(harness), day_ago(harness, 0));
    let period = Period::new(day, day, now(harness)).unwrap();
    let mut verification = run(begin(&ports, &source, log, period)).unwrap();
    (0..STEPS_MAX)
        .find_map(|_| run(verification.step(now(harness))).err())
        .expect("the verification ends with an error")
}

#[test]
fn every_collected_day_is_complete_with_any_slack_settings() {
    let varying = Settings { audit_fill: Fill::Varying, access_fill: Fill::Varying, ..organization() };
    let by_last = Settings { access_order: AccessColumn::Last, access_paging: Paging::Offset, ..organization() };
    let ascending = Settings { integration_order: Direction::OldestFirst, trailing_empty_page: true, ..organization() };
    let pretty = Settings { layout: Layout::Pretty, ..organization() };
    let without_integration = &[LogType::Audit, LogType::Access]; // the oracle knows integration rows in one layout only
    for (settings, logs) in [
        (organization(), &LogType::ALL[..]),
        (varying, &LogType::ALL),
        (by_last, &LogType::ALL),
        (ascending, &LogType::ALL),
        (pretty, without_integration),
    ] {
        let mut harness = Harness::new(settings, logs);
        four_days(&mut harness);
        for log in logs {
            let mut shown = 0;
            for days in 0..6 {
                let day = day_ago(&harness, days);
                let findings = verify_day(&mut harness, *log, day);
                assert_eq!(
                    (findings.verdict(), &findings.differences[..]),
                    (Verdict::Complete, &[][..]),
                    "{log} {day}"
                );
                assert_eq!((findings.not_compared, findings.undated, findings.renamed), (0, 0, 0), "{log} {day}");
                shown += findings.slack_records;
            }
            let all = if *log == LogType::Integration { 44 } else { 36 };
            assert_eq!(shown, all, "each {log} record is in one of these days");
        }
    }
}

/// Adds and collects four days, each with nine rows per log and two equal integration rows.
fn four_days(harness: &mut Harness) {
    for _ in 0..4 {
        for log in Log::ALL {
            harness.rows(log, 9, 1_000);
        }
        for _ in 0..2 {
            let equal = Row::small_integration(harness.now(), "Equal").in_workspace("T1");
            harness.add(equal);
        }
        harness.settle_within(10);
        harness.pass(DAY - 600);
    }
    harness.settle_within(40);
}

#[test]
fn records_stored_during_verify_are_neither_missing_nor_extra() {
    let mut harness = Harness::new(organization(), &[LogType::Audit]);
    harness.rows(Log::Audit, 9, 60);
    harness.settle();
    harness.pass(3_600);
    harness.late_row(Log::Audit, 4_000);
    let day = day_ago(&harness, 0);
    let findings = verify_while(&mut harness, LogType::Audit, day, |harness| {
        harness.late_row(Log::Audit, 4_001); // the verification has already passed this time
        harness.settle_within(2);
        harness.assert_complete();
    });
    assert_eq!(
        (findings.verdict(), findings.slack_records, findings.lines),
        (Verdict::Complete, 10, 11),
        "{findings:?}"
    );
    assert_eq!(findings.not_compared, 1);
}

#[test]
fn late_record_is_pending_until_last_re_read_and_missing_afterwards() {
    let mut harness = Harness::new(organization(), &[LogType::Audit]);
    harness.rows(Log::Audit, 9, 60);
    harness.settle();
    harness.pass(3 * 3_600);
    harness.settle_within(2);
    harness.late_row(Log::Audit, 2 * 3_600 + 1_800);
    let day = day_ago(&harness, 0);
    let findings = verify_day(&mut harness, LogType::Audit, day);
    let reasons: Vec<_> = findings.differences.iter().map(|it| (it.kind, it.reason)).collect();
    assert_eq!(reasons, [(Kind::NotCollectedYet, Some(Reason::BeforeReread))]);
    assert_eq!(findings.verdict(), Verdict::Inconclusive);

    for _ in 0..26 {
        harness.pass(3_600);
        harness.settle_within(1);
    }
    assert_eq!(
        verify_day(&mut harness, LogType::Audit, day).verdict(),
        Verdict::Complete,
        "the daily re-read finds the record"
    );

    harness.late_row(Log::Audit, 60 * 3_600);
    let day = now(&harness).plus(-60 * 3_600).day();
    let findings = verify_day(&mut harness, LogType::Audit, day);
    assert_eq!(
        (findings.count(Kind::Missing), findings.verdict()),
        (1, Verdict::Mismatch),
        "later than slacktrail guarantees to collect"
    );
}

#[test]
fn access_row_used_again_after_storing_is_no_difference() {
    for order in [AccessColumn::First, AccessColumn::Last] {
        let settings = Settings { access_order: order, access_limit_max: 1_000, ..organization() };
        let mut harness = Harness::new(settings, &[LogType::Access]);
        harness.rows(Log::Access, 9, 60);
        let day = day_ago(&harness, 0);
        harness.settle();
        harness.pass(2 * DAY);
        harness.touch(4);
        harness.settle_within(2);
        let findings = verify_day(&mut harness, LogType::Access, day);
        assert_eq!(
            (findings.verdict(), findings.slack_records, findings.lines),
            (Verdict::Complete, 9, 9),
            "{order:?}: {findings:?}"
        );
    }
}

#[test]
fn undated_rows_are_counted_and_their_day_is_not_requested() {
    let mut harness = Harness::new(organization(), &[LogType::Audit]);
    harness.rows(Log::Audit, 2, 60);
    let odd = Row::audit(harness.now(), r#"{"id":"odd","date_create":"soon"}"#);
    harness.add(odd);
    harness.settle();
    harness.pass(600);
    let today = day_ago(&harness, 0);
    let findings = verify_day(&mut harness, LogType::Audit, today);
    assert_eq!((findings.verdict(), findings.slack_records, findings.undated), (Verdict::Complete, 2, 1));

    let calls = harness.calls();
    let (ports, source, day) = (ports(&harness), source(&harness), Second::EPOCH.day());
    let mut verification =
        run(begin(&ports, &source, LogType::Audit, Period::new(day, day, now(&harness)).unwrap())).unwrap();
    assert!(read(&harness, &mut verification, 1));
    let findings = run(verification.conclude(day, |_, _| ())).unwrap();
    assert_eq!((findings.verdict(), findings.lines), (Verdict::Inconclusive, 1));
    assert_eq!(harness.calls(), calls, "Slack has no pages for undated rows");
    assert_eq!(findings.lateness, Lateness::default(), "the rows have no time");
    assert_eq!(run(verification.outages()).unwrap(), []);
}

#[test]
fn later_since_of_reconnected_source_excuses_no_missing_record() {
    let mut harness = Harness::new(organization(), &[LogType::Audit]);
    harness.settle();
    let (day, start) = (day_ago(&harness, 3), now(&harness));
    harness.late_row(Log::Audit, 3 * DAY); // never collected
    for (since, verdict) in [(start, Verdict::Mismatch), (start.plus(-99 * DAY), Verdict::Mismatch)] {
        harness.edit_source(|source| source.since = since);
        let findings = verify_day(&mut harness, LogType::Audit, day);
        assert_eq!((findings.count(Kind::Missing), findings.verdict()), (1, verdict), "{since}");
    }
    harness.late_row(Log::Audit, 9 * DAY); // before the start of collection
    let day = day_ago(&harness, 9);
    let findings = verify_day(&mut harness, LogType::Audit, day);
    let reasons: Vec<_> = findings.differences.iter().map(|it| (it.kind, it.reason)).collect();
    assert_eq!(reasons, [(Kind::NotCollectedYet, Some(Reason::BeforeSince))], "{:?}", source(&harness).since);
}

/// Returns an organization whose access logs Slack returns only per workspace.
fn by_workspace() -> Settings {
    Settings { access_team: AccessTeam::Required, access_fill: Fill::UpTo(3), ..organization() }
}

/// Adds nine access rows, a minute apart, alternating between two workspaces.
fn nine_access_rows(harness: &mut Harness, first: i64) {
    for (number, workspace) in (first..first + 9).zip(["T1", "T2"].into_iter().cycle()) {
        let time = harness.now().saturating_sub(SignedDuration::from_secs((number - first) * 60)).unwrap();
        let row = Row::small_access(time, time, &format!("u{number}"), "203.0.113.7", "SlackWeb/0 x");
        harness.add(row.in_workspace(workspace));
    }
}

/// Adds and collects three days, each with nine access rows of two workspaces.
fn three_days_of_two_workspaces(harness: &mut Harness) {
    for first in [0, 9, 18] {
        nine_access_rows(harness, first);
        harness.settle_within(10);
        harness.pass(DAY);
    }
    harness.settle_within(40);
}

#[test]
fn position_reports_pages_and_how_far_back_they_go() {
    let mut harness = Harness::new(Settings { access_fill: Fill::UpTo(3), ..organization() }, &[LogType::Access]);
    let newest = now(&harness);
    nine_access_rows(&mut harness, 0);
    harness.settle();
    harness.pass(600);
    let (ports, source, day) = (ports(&harness), source(&harness), day_ago(&harness, 0));
    let period = Period::new(day, day, now(&harness)).unwrap();
    let mut verification = run(begin(&ports, &source, LogType::Access, period)).unwrap();
    for pages in 1..=3 {
        run(verification.step(now(&harness))).unwrap();
        let position = verification.position();
        assert_eq!((position.pages, position.records), (pages, 3 * u64::from(pages)));
        assert_eq!(position.oldest, Some(newest.plus(60 - 180 * i64::from(pages))));
    }
    while run(verification.step(now(&harness))).unwrap() == Step::More {}
    let pages = verification.position().pages;
    assert_eq!(run(verification.conclude(day, |_, _| ())).unwrap().pages, pages);
}

#[test]
fn complete_day_costs_one_token_read_and_two_day_listings() {
    let mut harness = Harness::new(organization(), &[LogType::Audit]);
    harness.rows(Log::Audit, 9, 60);
    harness.settle();
    harness.pass(600);
    let (day, before) = (day_ago(&harness, 0), harness.world().with(|state| state.trace.len()));
    let findings = verify_day(&mut harness, LogType::Audit, day);
    assert_eq!((findings.verdict(), findings.pages), (Verdict::Complete, 3));
    let operations = |what: &str| {
        harness.world().with(|state| state.trace[before..].iter().filter(|line| line.contains(what)).count())
    };
    assert_eq!((operations("credentials"), operations("list audit/")), (1, 2));
}

#[test]
fn stored_line_and_slack_json_of_chosen_records_can_be_shown() {
    let mut harness = Harness::new(organization(), &[LogType::Audit]);
    harness.rows(Log::Audit, 4, 60);
    harness.settle();
    harness.pass(600);
    let (ports, source, day) = (ports(&harness), source(&harness), day_ago(&harness, 0));
    let period = Period::new(day, day, now(&harness)).unwrap();
    let mut verification = run(begin(&ports, &source, LogType::Audit, period)).unwrap();
    while run(verification.step(now(&harness))).unwrap() == Step::More {}

    let stored = |object, line| run(verification.stored_line(day, object, line)).unwrap();
    let lines = [1, 2, 3, 4].map(|line| stored(1, line).unwrap());
    assert_eq!((stored(1, 5), stored(2, 1)), (None, None));
    let id_of = |line: &str| -> (RowId, String) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        (line["p_row_id"].as_str().unwrap().parse().unwrap(), line["id"].as_str().unwrap().to_owned())
    };
    let [first, second, ..] = lines.map(|line| id_of(&line));

    verification.read_again(HashSet::from([first.0, second.0]), day.start()..=day.end());
    while run(verification.step(now(&harness))).unwrap() == Step::More {}
    let slack = harness.world().with(|state| state.slack.rows(Log::Audit).to_vec());
    let json_of = |id: &str| slack.iter().find(|row| row.id().as_deref() == Some(id)).unwrap().json.clone();
    let kept: Vec<_> = verification.kept().iter().map(|(id, json)| (*id, json.clone())).collect();
    let mut expected = [first, second].map(|(id, of_slack)| (id, json_of(&of_slack).to_string()));
    expected.sort_unstable();
    assert_eq!(kept, expected);
}

/// Runs steps until Slack is read, or until `steps` steps are done.
fn read(harness: &Harness, verification: &mut Verifying<'_>, steps: usize) -> bool {
    (0..steps).any(|_| run(verification.step(now(harness))).unwrap() == Step::Done)
}

fn compare_all(verification: &mut Verifying<'_>) -> Vec<Findings> {
    let days: Vec<Day> = verification.period().days().collect();
    days.into_iter().map(|day| run(verification.conclude(day, |_, _| ())).unwrap()).collect()
}

/// Returns the period of the last `days` days.
fn last_days(harness: &Harness, days: i64) -> Period {
    Period::new(day_ago(harness, days - 1), day_ago(harness, 0), now(harness)).unwrap()
}

#[test]
fn period_is_read_once_and_has_findings_of_each_day() {
    for log in LogType::ALL {
        let mut harness = Harness::new(organization(), &[log]);
        four_days(&mut harness);
        let period = last_days(&harness, 6);
        let days: Vec<Findings> = period.days().map(|day| verify_day(&mut harness, log, day)).collect();
        let most_pages = days.iter().map(|findings| findings.pages).max().unwrap();

        let (ports, source) = (ports(&harness), source(&harness));
        let mut verification = run(begin(&ports, &source, log, period)).unwrap();
        assert!(read(&harness, &mut verification, STEPS_MAX));
        let pages = verification.position().pages;
        let found = compare_all(&mut verification);
        for (found, alone) in found.iter().zip(&days) {
            assert_eq!((found.day, found.until, found.verdict()), (alone.day, alone.until, Verdict::Complete), "{log}");
            assert_eq!(
                (found.slack_records, found.lines, found.objects, found.lateness),
                (alone.slack_records, alone.lines, alone.objects, alone.lateness),
                "{log}"
            );
        }
        assert_eq!(found.len(), days.len());
        if log != LogType::Audit {
            assert!(pages <= most_pages, "{log}: {pages} pages for all days, {most_pages} for the first day alone");
        }
    }
}

#[test]
fn memory_holds_no_records_while_slack_is_read() {
    let mut harness = Harness::new(organization(), &[LogType::Audit]);
    harness.rows(Log::Audit, 300, 600);
    harness.pass(600);
    let period = last_days(&harness, 4);
    let (ports, source) = (ports(&harness), source(&harness));
    let mut verification = run(begin(&ports, &source, LogType::Audit, period)).unwrap();
    while run(verification.step(now(&harness))).unwrap() == Step::More {}
    let files = verification.into_files();
    let bytes: u64 = period.days().map(|day| files.bytes(day)).sum();
    assert_eq!(bytes, 300 * verify::ENTRY_BYTES as u64, "each record is in the working files");
    let checkpoint = files.checkpoint().unwrap();
    assert!(checkpoint.len() < 2_000, "what else is kept does not grow with the records: {checkpoint}");
}

#[test]
fn time_without_stored_objects_is_outage_with_its_records() {
    let mut harness = Harness::new(organization(), &[LogType::Audit]);
    harness.settle();
    for hours in 0..6 {
        harness.rows(Log::Audit, 3, 60);
        if !(2..4).contains(&hours) {
            harness.settle_within(2);
        }
        harness.pass(3_600);
    }
    harness.settle_within(2);
    let period = last_days(&harness, 2);
    let (ports, source) = (ports(&harness), source(&harness));
    let mut verification = run(begin(&ports, &source, LogType::Audit, period)).unwrap();
    assert!(read(&harness, &mut verification, STEPS_MAX));
    compare_all(&mut verification);
    let outages = run(verification.outages()).unwrap();
    let records: Vec<_> = outages.iter().map(|outage| outage.records).collect();
    assert_eq!(records, [Some(6)], "{outages:?}");
    assert!(outages[0].to.unwrap().since(outages[0].from) >= 7_200, "{outages:?}");
    assert!(!outages[0].is_initial_history(), "{outages:?}");
}

#[test]
fn time_before_first_tick_is_initial_history_and_not_outage() {
    for log in LogType::ALL {
        let mut harness = Harness::new(organization(), &[log]);
        for hours in 1..100 {
            harness.late_row(simulated(log), hours * 3_600);
        }
        harness.settle();
        // Collection then stops for two hours. The time of the last reconnect says nothing about the first tick.
        for _ in 0..4 {
            harness.pass(1_800);
            harness.rows(simulated(log), 1, 60);
        }
        harness.connect_again();
        harness.settle_within(4);
        // The first period contains the start of collection. The others start within the initial history.
        for days in [9, 5, 2] {
            let period = last_days(&harness, days);
            let (ports, source) = (ports(&harness), source(&harness));
            let mut verification = run(begin(&ports, &source, log, period)).unwrap();
            assert!(read(&harness, &mut verification, STEPS_MAX));
            compare_all(&mut verification);
            let outages = run(verification.outages()).unwrap();
            let is_history: Vec<bool> = outages.iter().map(Outage::is_initial_history).collect();
            assert_eq!(is_history, [true, false], "{log}, {days} days: {outages:?}");
        }
    }
}
