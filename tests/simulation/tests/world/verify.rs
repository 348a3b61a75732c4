//! `slacktrail verify` in a world whose records are known: days collected under each behavior of Slack, and records that the poller stores
//! during a verification.

mod resume;
mod slack_faults;
mod workspaces;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use slacktrail_archive::verify::{
    self, Checkpoint, Findings, Kind, Lateness, Limitation, Outage, Period, Reason, Step, Unusable, Verdict,
    Verification, WorkingFiles,
};
use slacktrail_core::error::Error;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::{Day, Second};
use slacktrail_ports::Ports;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulation::{SimulatedPorts, run};
use slacktrail_simulator::settings::{AccessColumn, AccessTeam, Direction, Fill, Layout, Limits, Paging, Seconds};
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{CallMatcher, Endless, Fault, FaultKind, Log, Row, Settings};

use crate::minutes::small_pages;

const DAY: i64 = 86_400;
/// The number of the process that runs the command.
const COMMAND: u32 = 1_000;
/// The maximum number of steps of a verification.
const STEPS_MAX: usize = 10_000;

/// Working files in memory.
#[derive(Clone, Debug, Default)]
struct InMemory {
    days: BTreeMap<Day, Vec<u8>>,
    checkpoint: Option<String>,
}

impl WorkingFiles for InMemory {
    fn append(&mut self, day: Day, entries: &[u8]) -> Result<(), Error> {
        self.days.entry(day).or_default().extend_from_slice(entries);
        Ok(())
    }

    fn save(&mut self, checkpoint: &str) -> Result<(), Error> {
        self.checkpoint = Some(checkpoint.to_owned());
        Ok(())
    }

    fn bytes(&self, day: Day) -> u64 {
        self.days.get(&day).map_or(0, |entries| entries.len() as u64)
    }

    fn read(&self, day: Day, process: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        self.days.get(&day).into_iter().for_each(|entries| process(entries));
        Ok(())
    }
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

type Verifying = Verification<'static, SimulatedPorts, SimulatedPorts, SimulatedPorts, SimulatedPorts, InMemory>;

/// Returns the ports of the command and the source. They live until the end of the test process, so that a verification can borrow them.
fn ports_and_source(
    harness: &Harness,
) -> (&'static Ports<SimulatedPorts, SimulatedPorts, SimulatedPorts, SimulatedPorts>, &'static Source) {
    let ports = SimulatedPorts::of(harness.world(), COMMAND);
    let ports = Ports { slack: ports.clone(), day_logs: ports.clone(), deployment: ports.clone(), credentials: ports };
    (Box::leak(Box::new(ports)), Box::leak(Box::new(source(harness))))
}

fn begin(harness: &Harness, log: LogType, period: Period) -> Verifying {
    let (ports, source) = ports_and_source(harness);
    run(Verification::begin(ports, source, log, period, InMemory::default())).unwrap()
}

fn begin_day(harness: &Harness, log: LogType, day: Day) -> Verifying {
    begin(harness, log, Period::new(day, day, now(harness)).unwrap())
}

fn begin_today(harness: &Harness, log: LogType) -> (Day, Verifying) {
    let day = day_ago(harness, 0);
    (day, begin_day(harness, log, day))
}

/// Reads the rest from Slack, and returns the findings of a day.
fn finish(harness: &Harness, verification: &mut Verifying, day: Day) -> Findings {
    assert!(read(harness, verification, STEPS_MAX), "{:?}", verification.position());
    run(verification.conclude(day, |_, _| ())).unwrap()
}

/// Returns a source whose rows, a minute apart, were collected ten minutes ago.
fn collected(settings: Settings, log: LogType, rows: u32) -> Harness {
    let mut harness = Harness::new(settings, &[log]);
    harness.rows(simulated(log), rows, 60);
    harness.settle();
    harness.pass(600);
    harness
}

fn outages_of(harness: &Harness, log: LogType, days: i64) -> Vec<Outage> {
    let mut verification = begin(harness, log, last_days(harness, days));
    assert!(read(harness, &mut verification, STEPS_MAX));
    compare_all(&mut verification);
    run(verification.outages()).unwrap()
}

/// Verifies a day. Calls `between` after Slack was read and before the archive is.
fn verify_while(harness: &mut Harness, log: LogType, day: Day, between: impl FnOnce(&mut Harness)) -> Findings {
    let mut verification = begin_day(harness, log, day);
    assert!(read(harness, &mut verification, STEPS_MAX), "{:?}", verification.position());
    between(harness);
    run(verification.conclude(day, |_, _| ())).unwrap()
}

fn verify_day(harness: &mut Harness, log: LogType, day: Day) -> Findings {
    verify_while(harness, log, day, |_| ())
}

/// Returns the error that ends the verification of today.
fn verification_error(harness: &Harness, log: LogType) -> Error {
    let (_, mut verification) = begin_today(harness, log);
    (0..STEPS_MAX)
        .find_map(|_| run(verification.step(now(harness))).err())
        .expect("the verification ends with an error")
}

#[test]
fn every_collected_day_is_complete_with_any_slack_settings() {
    let varying = Settings { audit_fill: Fill::Varying, access_fill: Fill::Varying, ..small_pages() };
    let by_last = Settings { access_order: AccessColumn::Last, access_paging: Paging::Offset, ..small_pages() };
    let ascending = Settings { integration_order: Direction::OldestFirst, trailing_empty_page: true, ..small_pages() };
    let pretty = Settings { layout: Layout::Pretty, ..small_pages() };
    let without_integration = &[LogType::Audit, LogType::Access]; // the oracle knows integration rows in one layout only
    for (settings, logs) in [
        (small_pages(), &LogType::ALL[..]),
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
    let mut harness = Harness::new(small_pages(), &[LogType::Audit]);
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
    let mut harness = Harness::new(small_pages(), &[LogType::Audit]);
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
        let settings = Settings { access_order: order, ..small_pages() };
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
    let mut harness = Harness::new(small_pages(), &[LogType::Audit]);
    harness.rows(Log::Audit, 2, 60);
    let odd = Row::audit(harness.now(), r#"{"id":"odd","date_create":"soon"}"#);
    harness.add(odd);
    harness.settle();
    harness.pass(600);
    let today = day_ago(&harness, 0);
    let findings = verify_day(&mut harness, LogType::Audit, today);
    assert_eq!((findings.verdict(), findings.slack_records, findings.undated), (Verdict::Complete, 2, 1));

    let calls = harness.calls();
    let day = Second::EPOCH.day();
    let mut verification = begin_day(&harness, LogType::Audit, day);
    let findings = finish(&harness, &mut verification, day);
    assert_eq!((findings.verdict(), findings.lines), (Verdict::Inconclusive, 1));
    assert_eq!(harness.calls(), calls, "Slack has no pages for undated rows");
    assert_eq!(findings.lateness, Lateness::default(), "the rows have no time");
    assert_eq!(run(verification.outages()).unwrap(), []);
}

#[test]
fn later_since_of_reconnected_source_excuses_no_missing_record() {
    let mut harness = Harness::new(small_pages(), &[LogType::Audit]);
    harness.settle();
    let (day, start) = (day_ago(&harness, 3), now(&harness));
    harness.late_row(Log::Audit, 3 * DAY); // never collected
    for since in [start, start.plus(-99 * DAY)] {
        harness.edit_source(|source| source.since = since);
        let findings = verify_day(&mut harness, LogType::Audit, day);
        assert_eq!((findings.count(Kind::Missing), findings.verdict()), (1, Verdict::Mismatch), "{since}");
    }
    harness.late_row(Log::Audit, 9 * DAY); // before the start of collection
    let day = day_ago(&harness, 9);
    let findings = verify_day(&mut harness, LogType::Audit, day);
    let reasons: Vec<_> = findings.differences.iter().map(|it| (it.kind, it.reason)).collect();
    assert_eq!(reasons, [(Kind::NotCollectedYet, Some(Reason::BeforeSince))], "{:?}", source(&harness).since);
}

/// Returns an organization whose access logs Slack returns only per workspace.
fn by_workspace() -> Settings {
    Settings { access_team: AccessTeam::Required, access_fill: Fill::UpTo(3), ..small_pages() }
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
    let mut harness = Harness::new(Settings { access_fill: Fill::UpTo(3), ..small_pages() }, &[LogType::Access]);
    let newest = now(&harness);
    nine_access_rows(&mut harness, 0);
    harness.settle();
    harness.pass(600);
    let (day, mut verification) = begin_today(&harness, LogType::Access);
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
    let mut harness = collected(small_pages(), LogType::Audit, 9);
    let (day, before) = (day_ago(&harness, 0), harness.world().with(|state| state.trace.len()));
    let findings = verify_day(&mut harness, LogType::Audit, day);
    assert_eq!((findings.verdict(), findings.pages), (Verdict::Complete, 3));
    let operations = |what: &str| {
        harness.world().with(|state| state.trace[before..].iter().filter(|line| line.contains(what)).count())
    };
    assert_eq!((operations("credentials"), operations("list audit/")), (1, 2));
}

/// Runs steps until Slack is read, or until `steps` steps are done.
fn read(harness: &Harness, verification: &mut Verifying, steps: usize) -> bool {
    (0..steps).any(|_| run(verification.step(now(harness))).unwrap() == Step::Done)
}

fn compare_all(verification: &mut Verifying) -> Vec<Findings> {
    let days: Vec<Day> = verification.period().days().collect();
    days.into_iter().map(|day| run(verification.conclude(day, |_, _| ())).unwrap()).collect()
}

fn last_days(harness: &Harness, days: i64) -> Period {
    Period::new(day_ago(harness, days - 1), day_ago(harness, 0), now(harness)).unwrap()
}

#[test]
fn period_is_read_once_and_has_findings_of_each_day() {
    for log in LogType::ALL {
        let mut harness = Harness::new(small_pages(), &[log]);
        four_days(&mut harness);
        let period = last_days(&harness, 6);
        let days: Vec<Findings> = period.days().map(|day| verify_day(&mut harness, log, day)).collect();
        let most_pages = days.iter().map(|findings| findings.pages).max().unwrap();

        let mut verification = begin(&harness, log, period);
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
    let mut harness = Harness::new(small_pages(), &[LogType::Audit]);
    harness.rows(Log::Audit, 300, 600);
    harness.pass(600);
    let period = last_days(&harness, 4);
    let mut verification = begin(&harness, LogType::Audit, period);
    while run(verification.step(now(&harness))).unwrap() == Step::More {}
    let files = verification.into_files();
    let bytes: u64 = period.days().map(|day| files.bytes(day)).sum();
    assert_eq!(bytes, 300 * verify::ENTRY_BYTES as u64, "each record is in the working files");
    let checkpoint = files.checkpoint.as_deref().unwrap();
    assert!(checkpoint.len() < 2_000, "what else is kept does not grow with the records: {checkpoint}");
}

#[test]
fn time_before_first_tick_is_initial_history_and_not_outage() {
    for log in LogType::ALL {
        let mut harness = Harness::new(small_pages(), &[log]);
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
            let outages = outages_of(&harness, log, days);
            let is_history: Vec<bool> = outages.iter().map(Outage::is_initial_history).collect();
            assert_eq!(is_history, [true, false], "{log}, {days} days: {outages:?}");
        }
    }
}
