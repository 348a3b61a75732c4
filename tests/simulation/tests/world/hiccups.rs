//! A hiccup is no revoked token.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may end in a panic")]

use slacktrail_shared::health::State;
use slacktrail_shared::source::LogType;
use slacktrail_simulation::tenant::simulated;
use slacktrail_simulator::{Calling, Fault, FaultKind, Log, Settings};

use crate::minutes::{tick_and_pass, with_two_new_rows};

#[test]
fn single_refusal_of_a_good_token_waits_for_a_minute() {
    let refusals = [
        (LogType::Audit, Settings::organisation(), FaultKind::EmptyUnauthorized, "invalid_authentication"),
        (LogType::Access, Settings::organisation(), FaultKind::not_ok("invalid_auth"), "invalid_auth"),
        (LogType::Integration, Settings::workspace(), FaultKind::not_ok("token_revoked"), "token_revoked"),
    ];
    for (log, base, kind, code) in refusals {
        let mut tenancy = with_two_new_rows(log, base);
        tenancy.fault(Fault::next(Calling::log(simulated(log)), kind));
        let summary = tick_and_pass(&mut tenancy);
        assert_eq!((summary.state, summary.code.as_deref()), (State::Waiting, Some(code)), "{log}");
        let summary = tick_and_pass(&mut tenancy);
        assert_eq!((summary.polled, summary.state, tenancy.missing()), (true, State::Ok, None), "{log}");
    }
}

#[test]
fn denied_access_is_reported_when_the_next_tick_meets_it_too() {
    let mut tenancy = with_two_new_rows(LogType::Access, Settings::organisation());
    tenancy.fault(Fault::every(Calling::log(Log::Access), FaultKind::not_ok("access_denied")));
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Waiting);
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Reconfigure);
}

#[test]
fn revoked_token_is_reported_in_the_tick_that_meets_it() {
    for (log, base) in [
        (LogType::Audit, Settings::organisation()),
        (LogType::Access, Settings::organisation()),
        (LogType::Integration, Settings::workspace()),
    ] {
        let mut tenancy = with_two_new_rows(log, base);
        tenancy.revoke();
        assert_eq!(tick_and_pass(&mut tenancy).state, State::Reauthorize, "{log}");
    }
}

#[test]
fn refused_token_is_confirmed_by_the_next_tick_where_slack_cannot_say() {
    let mut tenancy = with_two_new_rows(LogType::Audit, Settings::organisation());
    tenancy.fault(Fault::every(Calling::path("auth.test"), FaultKind::Hangup));
    tenancy.revoke();
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Waiting);
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Reauthorize);
}

#[test]
fn refusal_of_the_token_before_a_reconnect_confirms_no_later_one() {
    let mut tenancy = with_two_new_rows(LogType::Audit, Settings::organisation());
    tenancy.fault(Fault::next(Calling::log(Log::Audit), FaultKind::EmptyUnauthorized));
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Waiting);
    tenancy.connect_again();
    tenancy.fault(Fault::next(Calling::log(Log::Audit), FaultKind::EmptyUnauthorized));
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Waiting, "the first refusal of this token");
    tenancy.fault(Fault::next(Calling::log(Log::Audit), FaultKind::EmptyUnauthorized));
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Reauthorize, "the second");
}

#[test]
fn refusal_before_a_page_was_read_confirms_no_later_one() {
    let base = Settings { audit_limit_max: 1, ..Settings::organisation() };
    let mut tenancy = with_two_new_rows(LogType::Audit, base);
    tenancy.fault(Fault::next(Calling::log(Log::Audit), FaultKind::EmptyUnauthorized));
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Waiting);
    tenancy.fault(Fault::next(Calling::log(Log::Audit).later_pages(), FaultKind::EmptyUnauthorized));
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Waiting);
    assert_eq!(tick_and_pass(&mut tenancy).state, State::Ok);
}
