//! Every single fault at every operation of a tick, for every log, in every scenario: nothing is lost and nothing doubled.
#![allow(clippy::print_stdout, missing_docs, reason = "a test says how much it tried")]

use slacktrail_shared::source::LogType;
use slacktrail_simulation::FaultKind;
use slacktrail_simulation::scenario::{Broken, Scenario};

fn fail(scenario: &Scenario, what: &str, broken: &Broken) -> ! {
    let dull = |line: &&String| line.ends_with("load") || line.ends_with("credentials");
    let trace: Vec<_> = broken.trace.iter().filter(|line| !dull(line)).take(200).cloned().collect();
    panic!(
        "{} / {} / {what}\n{}\n{:?}\n{}",
        scenario.log,
        scenario.name,
        broken.law,
        (
            scenario.settings.access_order,
            scenario.settings.access_paging,
            scenario.settings.integration_order,
            scenario.organisation
        ),
        trace.join("\n")
    )
}

fn every_single_fault(log: LogType) {
    let mut schedules = 0;
    for scenario in Scenario::all(log) {
        let operations = scenario.run(None, None).unwrap_or_else(|broken| fail(&scenario, "no fault", &broken));
        assert!(operations >= 3, "a tick of `{}` loads, gets a token and calls Slack at least", scenario.name);
        for operation in 0..operations {
            for kind in FaultKind::ALL {
                if let Err(broken) = scenario.run(Some((operation, kind)), None) {
                    fail(&scenario, &format!("{kind:?} at operation {operation}"), &broken);
                }
                schedules += 1;
            }
        }
    }
    println!("{log}: {schedules} schedules");
}

fn every_interleaving(log: LogType) {
    let mut schedules = 0;
    for scenario in Scenario::all(log) {
        for later in [0, 1, 3] {
            for steps in 1.. {
                match scenario.run_interleaved(steps, later) {
                    Ok(true) => break,
                    Ok(false) => schedules += 1,
                    Err(broken) => {
                        fail(&scenario, &format!("stopped after {steps} steps, on again {later} ticks later"), &broken)
                    }
                }
            }
        }
    }
    println!("{log}: {schedules} schedules");
}

#[test]
fn no_single_fault_loses_or_doubles_an_audit_record() {
    every_single_fault(LogType::Audit);
}

#[test]
fn no_single_fault_loses_or_doubles_an_access_record() {
    every_single_fault(LogType::Access);
}

#[test]
fn no_single_fault_loses_or_doubles_an_integration_record() {
    every_single_fault(LogType::Integration);
}

#[test]
fn two_invocations_at_once_lose_and_double_no_audit_record() {
    every_interleaving(LogType::Audit);
}

#[test]
fn two_invocations_at_once_lose_and_double_no_access_record() {
    every_interleaving(LogType::Access);
}

#[test]
fn two_invocations_at_once_lose_and_double_no_integration_record() {
    every_interleaving(LogType::Integration);
}
