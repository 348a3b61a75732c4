//! A source that is collected minute by minute.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use slacktrail_shared::source::LogType;
use slacktrail_shared::tick::StreamSummary;
use slacktrail_simulation::tenant::{Tenancy, simulated};
use slacktrail_simulator::Settings;
use slacktrail_simulator::settings::Limits;

pub(crate) fn unlimited(base: Settings) -> Settings {
    Settings { limits: Limits::OFF, ..base }
}

/// Returns a source that was collected a minute ago, with two further rows to collect.
pub(crate) fn with_two_new_rows(log: LogType, base: Settings) -> Tenancy {
    let mut tenancy = Tenancy::new(unlimited(base), &[log]);
    tenancy.rows(simulated(log), 4, 9);
    tenancy.tick();
    tenancy.pass(60);
    tenancy.rows(simulated(log), 2, 9);
    tenancy
}

/// Ticks, and lets a minute pass.
pub(crate) fn tick_and_pass(tenancy: &mut Tenancy) -> StreamSummary {
    let summary = tenancy.tick().into_iter().next().unwrap();
    tenancy.pass(60);
    summary
}
