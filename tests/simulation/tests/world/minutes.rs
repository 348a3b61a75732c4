//! Helpers for a source that is collected once a minute.

use slacktrail_core::source::LogType;
use slacktrail_core::stream::StreamOutcome;
use slacktrail_simulation::harness::{Harness, simulated};
use slacktrail_simulator::Settings;
use slacktrail_simulator::settings::Limits;

pub(crate) fn unlimited(base: Settings) -> Settings {
    Settings { limits: Limits::OFF, ..base }
}

/// Returns an organization whose logs have pages of three rows, except access logs read by cursor.
pub(crate) fn small_pages() -> Settings {
    Settings { audit_limit_max: 3, integration_count_max: 3, ..unlimited(Settings::organization()) }
}

/// Returns a source that was collected a minute ago and has two new rows.
pub(crate) fn with_two_new_rows(log: LogType, base: Settings) -> Harness {
    let mut harness = Harness::new(unlimited(base), &[log]);
    harness.rows(simulated(log), 4, 9);
    harness.tick();
    harness.pass(60);
    harness.rows(simulated(log), 2, 9);
    harness
}

/// Runs a tick, and advances the time by a minute.
pub(crate) fn tick_and_pass(harness: &mut Harness) -> StreamOutcome {
    let summary = harness.tick().into_iter().next().unwrap();
    harness.pass(60);
    summary
}
