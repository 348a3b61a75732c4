//! A single rejection does not count as a revoked token, and a single error does not require action.

use slacktrail_core::codes::Place;
use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_simulation::harness::simulated;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Settings};

use crate::minutes::{tick_and_pass, with_two_new_rows};

/// Returns errors other than a revoked token that require action, as Slack or a proxy returns them.
fn persistent_errors() -> Vec<(LogType, FaultKind, &'static str, State)> {
    let web = |code: &'static str, state| (LogType::Access, FaultKind::not_ok(code), code, state);
    vec![
        web("missing_scope", State::Reconfigure),
        web("no_permission", State::Reconfigure),
        web("not_allowed_token_type", State::Reconfigure),
        web("access_denied", State::Reconfigure),
        web("team_access_not_granted", State::Reconfigure),
        web("paid_only", State::Reconfigure),
        web("invalid_arguments", State::Failing),
        (LogType::Audit, FaultKind::Status(403, String::new()), "access_denied", State::Reconfigure),
        (LogType::Audit, FaultKind::Status(404, String::new()), "http_404", State::Failing),
        (
            LogType::Audit,
            FaultKind::AuditError(403, "feature_not_enabled".to_owned()),
            "feature_not_enabled",
            State::Reconfigure,
        ),
    ]
}

#[test]
fn error_requires_action_only_if_next_tick_repeats_it() {
    for (log, kind, code, state) in persistent_errors() {
        for is_repeated in [false, true] {
            let mut harness = with_two_new_rows(log, Settings::organization());
            let fault = if is_repeated { Fault::every } else { Fault::next };
            harness.fault(fault(CallMatcher::log(simulated(log)), kind.clone()));
            let summary = tick_and_pass(&mut harness);
            assert_eq!((summary.state, summary.code()), (State::Waiting, Some(code)), "{code}");
            let hint = summary.hint(Place::Poller);
            assert!(hint.is_some_and(|hint| hint.starts_with("wait for the next tick")), "{code}");
            let summary = tick_and_pass(&mut harness);
            if is_repeated {
                assert_eq!((summary.state, summary.code()), (state, Some(code)), "{code}");
            } else {
                assert_eq!((summary.polled, summary.state, harness.missing()), (true, State::Ok, None), "{code}");
            }
        }
    }
}

#[test]
fn token_rejection_is_confirmed_by_next_tick_if_slack_cannot_say() {
    let mut harness = with_two_new_rows(LogType::Audit, Settings::organization());
    harness.fault(Fault::every(CallMatcher::path("auth.test"), FaultKind::Hangup));
    harness.revoke();
    assert_eq!(tick_and_pass(&mut harness).state, State::Waiting);
    assert_eq!(tick_and_pass(&mut harness).state, State::Reauthorize);
}

#[test]
fn repeated_retry_after_is_honored_each_time() {
    let mut harness = with_two_new_rows(LogType::Audit, Settings::organization());
    harness.fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::throttled("300")));
    let polled = (0..16).filter(|_| tick_and_pass(&mut harness).polled).count();
    assert_eq!(polled, 4, "every five minutes");
}

#[test]
fn stream_that_reads_pages_after_outage_is_catching_up() {
    let base = Settings { audit_limit_max: 1, ..Settings::organization() };
    let mut harness = with_two_new_rows(LogType::Audit, base);
    harness.fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::Hangup));
    for _ in 0..20 {
        tick_and_pass(&mut harness);
    }
    harness.heal();
    harness.rows(Log::Audit, 20, 50);
    harness.calls_max = Some(3);
    let summary = tick_and_pass(&mut harness);
    assert_eq!((summary.counts.pages, summary.state, summary.code()), (3, State::CatchingUp, None));
}

#[test]
fn error_with_clock_ahead_is_reported_after_one_call() {
    for (code, status) in [("missing_scope", 403), ("invalid_range", 400)] {
        for ahead in [0, 60] {
            let mut harness = with_two_new_rows(LogType::Audit, Settings::organization());
            let calls = harness.calls();
            harness.clock_ahead(ahead);
            harness.fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::AuditError(status, code.to_owned())));
            let summary = tick_and_pass(&mut harness);
            // The collector requests a range that ends in Slack's future once more, up to Slack's present.
            let calls_expected = if code == "invalid_range" && ahead > 0 { 2 } else { 1 };
            assert_eq!((harness.calls() - calls, summary.code()), (calls_expected, Some(code)), "{ahead}");
        }
    }
}
