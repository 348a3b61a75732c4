//! A hiccup is no revoked token.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may end in a panic")]

use slacktrail_shared::health::State;
use slacktrail_shared::source::LogType;
use slacktrail_shared::tick::StreamSummary;
use slacktrail_simulation::tenant::{Tenancy, simulated};
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::{Calling, Fault, FaultKind, Settings};

fn tenancy(log: LogType, base: Settings) -> Tenancy {
    let mut tenancy = Tenancy::new(Settings { limits: Limits::OFF, ..base }, &[log]);
    tenancy.rows(simulated(log), 4, 9);
    tenancy.tick();
    tenancy.pass(60);
    tenancy.rows(simulated(log), 2, 9);
    tenancy
}

fn tick(tenancy: &mut Tenancy) -> StreamSummary {
    let summary = tenancy.tick().into_iter().next().unwrap();
    tenancy.pass(60);
    summary
}

#[test]
fn single_refusal_of_a_good_token_waits_for_a_minute() {
    let refusals = [
        (LogType::Audit, Settings::organisation(), FaultKind::EmptyUnauthorized, "invalid_authentication"),
        (LogType::Access, Settings::organisation(), FaultKind::not_ok("invalid_auth"), "invalid_auth"),
        (LogType::Integration, Settings::workspace(), FaultKind::not_ok("token_revoked"), "token_revoked"),
    ];
    for (log, base, kind, code) in refusals {
        let mut tenancy = tenancy(log, base);
        tenancy.fault(Fault::next(Calling::log(simulated(log)), kind));
        let summary = tick(&mut tenancy);
        assert_eq!((summary.state, summary.code.as_deref()), (State::Waiting, Some(code)), "{log}");
        let summary = tick(&mut tenancy);
        assert_eq!((summary.polled, summary.state, tenancy.missing()), (true, State::Ok, None), "{log}");
    }
}

#[test]
fn revoked_token_is_reported_in_the_tick_that_meets_it() {
    for (log, base) in [
        (LogType::Audit, Settings::organisation()),
        (LogType::Access, Settings::organisation()),
        (LogType::Integration, Settings::workspace()),
    ] {
        let mut tenancy = tenancy(log, base);
        tenancy.revoke();
        assert_eq!(tick(&mut tenancy).state, State::Reauthorize, "{log}");
    }
}

#[test]
fn refused_token_is_confirmed_by_the_next_tick_where_slack_cannot_say() {
    let mut tenancy = tenancy(LogType::Audit, Settings::organisation());
    tenancy.fault(Fault::every(Calling::path("auth.test"), FaultKind::Hangup));
    tenancy.revoke();
    assert_eq!(tick(&mut tenancy).state, State::Waiting);
    assert_eq!(tick(&mut tenancy).state, State::Reauthorize);
}
