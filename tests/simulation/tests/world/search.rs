//! Tests of the search: a schedule's name reproduces it, and a small search runs in `cargo test`. `make simulate` searches a million
//! schedules.

use slacktrail_core::cursor::Cursor;
use slacktrail_core::source::LogType;
use slacktrail_simulation::search::workers::{Work, search};
use slacktrail_simulation::search::{Kind, REGRESSIONS, Run, Schedule, StartingPoint, bounded, starting_points};

#[test]
fn schedule_name_reproduces_schedule() {
    for name in [
        "audit/live/plain/warm@none",
        "access/backlog/last-offset/cold@0.3=ResponseLost,1.2=KilledAfter",
        "integration/daily/org-oldest/warm@interleave2:A3.B2.A1",
        "audit/cursor-lost/split/cold@suspend:5+2,0.4=Twice",
        "randomized/access/17",
    ] {
        let schedule = Schedule::parse(name).unwrap();
        assert_eq!(schedule.to_string(), name);
        let (first, second) = (schedule.repeat(None), schedule.repeat(None));
        assert_eq!(first, second, "a replay is identical");
        assert_eq!(first.0, Ok(()), "{}", first.1.join("\n"));
        assert!(first.1.len() > 20, "{:?}", first.1);
    }
    assert!(Schedule::parse("audit/live/plain@none").is_none());
}

#[test]
fn regression_schedules_break_no_invariant() {
    for name in REGRESSIONS {
        let (outcome, trace) = Schedule::parse(name).unwrap().repeat(None);
        assert_eq!(outcome, Ok(()), "{}", trace.join("\n"));
    }
}

#[test]
fn no_single_fault_in_live_tick_loses_or_duplicates_record() {
    let live = LogType::ALL.into_iter().flat_map(starting_points).filter(|start| start.scenario.name == "live");
    let jobs = live.map(|start| (Kind::Single, start)).collect();
    let (tally, found) =
        search(&Work { jobs, seeds: (1, 10), logs: LogType::ALL.to_vec(), until: None, mutant: None }, 2, &|_, _| {});
    assert!(found.is_none(), "{found:?}");
    assert!(tally.total() > 1_000, "{tally:?}");
}

#[test]
fn scenario_with_backlog_has_backlog_when_search_starts() {
    for start in
        LogType::ALL.into_iter().flat_map(starting_points).filter(|start| start.scenario.name.starts_with("backlog"))
    {
        let cursors = Run::new(&start, None, false).world().with(|state| state.cursors.clone());
        let gaps = |text: &str| Cursor::decode(text).unwrap().gaps.len();
        assert!(cursors.values().any(|stored| gaps(&stored.text) > 0), "{}", start.name());
    }
}

#[test]
fn every_scenario_of_every_log_is_searched_for_every_kind() {
    let jobs = bounded();
    for start in LogType::ALL.into_iter().flat_map(starting_points) {
        for kind in Kind::EXHAUSTIVE {
            let same = |job: &(Kind, StartingPoint)| {
                (job.0, job.1.log, job.1.scenario.name) == (kind, start.log, start.scenario.name)
            };
            assert!(jobs.iter().any(same), "{kind:?} {}", start.name());
        }
    }
}

#[test]
fn every_schedule_in_table_of_mutants_exists() {
    let document = include_str!("../../../../docs/simulation.md");
    let (_, table) = document.split_once("    mutant   ").unwrap();
    let rows: Vec<&str> = table.lines().skip(1).take_while(|line| line.starts_with("    ")).collect();
    assert!(rows.len() > 70, "{} rows", rows.len());
    for row in rows {
        let name = row.split_whitespace().last().unwrap();
        let schedule = Schedule::parse(name).unwrap_or_else(|| panic!("`{name}` is no schedule: {row}"));
        assert_eq!(schedule.to_string(), name);
    }
}
