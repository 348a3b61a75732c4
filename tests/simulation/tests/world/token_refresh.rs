//! Token rotation: no single fault and no second poller loses a token pair that could have been kept.
#![allow(clippy::print_stdout, reason = "tests print how many schedules they ran")]

mod rotating;

use jiff::SignedDuration;
use rotating::{Grace, Rotating};
use serde_json::{Value, json};
use slacktrail_collector::tick::{ResourceLimits, Summary};
use slacktrail_core::health::State;
use slacktrail_core::source::LogType;
use slacktrail_core::time::Second;
use slacktrail_simulation::{End, FaultKind, Hang, Process, SimulatedWorld, Tick};
use slacktrail_simulator::oauth::{App, GraceReuse};
use slacktrail_simulator::{CallMatcher, Fault, FaultKind as SlackFault};

use crate::shards::deployment;

/// Just before the last two hours of a twelve-hour token, and just after.
const NOT_YET: i64 = 10 * 3_600 - 120;
const DUE: i64 = 300;

/// Slack accepts a used refresh token for two minutes, and returns the same pair again or a new one.
const GRACES: [Grace; 2] =
    [Grace { seconds: 120, reuse: GraceReuse::SamePair }, Grace { seconds: 120, reuse: GraceReuse::NewPair }];
/// Slack accepts no used refresh token.
const NO_GRACE: Grace = Grace { seconds: 0, reuse: GraceReuse::NewPair };

/// Returns a source whose token is due for a refresh in the next tick.
fn due(grace: Grace) -> Rotating {
    let mut rotating = Rotating::new(grace);
    rotating.tick();
    rotating.pass(NOT_YET);
    rotating.tick();
    assert_eq!(rotating.refreshes(), 0, "a token is refreshed only in its last two hours");
    rotating.pass(DUE);
    rotating
}

/// Returns a [`due`] source whose poller is suspended after this many steps of the refreshing tick, or `None` if the tick has fewer steps.
/// The next tick has a new process.
fn suspended(grace: Grace, steps: u32) -> Option<(Rotating, Tick)> {
    let mut rotating = due(grace);
    let mut tick = rotating.harness.begin();
    if (0..steps).any(|_| tick.step().is_some()) {
        return None;
    }
    rotating.harness.restart();
    Some((rotating, tick))
}

fn must_outlive(mut rotating: Rotating, what: &str) -> Rotating {
    if let Err(invariant) = rotating.outlive_two_tokens() {
        panic!("{what}: {invariant}\n{}", rotating.trace());
    }
    rotating
}

#[test]
fn token_is_refreshed_once_in_time_and_stored_before_use() {
    let mut rotating = due(GRACES[0]);
    let operations = rotating.harness.operations_of_tick();
    let at = |what: &str| operations.iter().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}"));
    let (lease, refresh) = (at("replace credentials"), at("slack oauth.v2.access"));
    let store = refresh + operations[refresh..].iter().position(|line| line.contains("replace credentials")).unwrap();
    assert!(lease < refresh && refresh < store && store < at("slack logs"), "{operations:#?}");
    assert!(!operations.join("\n").contains("xoxe"), "{operations:#?}");
    assert_eq!(rotating.refreshes(), 1);
    for _ in 0..10 {
        rotating.minute();
    }
    assert_eq!(rotating.refreshes(), 1, "a new token is not refreshed");
    let rotating = must_outlive(rotating, "no fault");
    assert_eq!(rotating.refreshes(), 2, "the tokens are refreshed exactly once more within 21 hours");
}

#[test]
fn no_single_fault_during_refresh_loses_token() {
    let mut schedules = 0;
    for grace in GRACES {
        let operations = due(grace).harness.operations_of_tick().len() as u32;
        for operation in 0..operations {
            for kind in FaultKind::ALL {
                let mut rotating = due(grace);
                rotating.harness.fault_at(operation, kind);
                rotating.tick();
                must_outlive(rotating, &format!("{grace:?}, {kind:?} at operation {operation}"));
                schedules += 1;
            }
        }
    }
    println!("{schedules} schedules");
}

#[test]
fn pair_received_by_live_process_is_kept_without_grace_period() {
    let operations = due(NO_GRACE).harness.operations_of_tick();
    let refresh = operations.iter().position(|line| line.contains("oauth.v2.access")).unwrap() as u32;
    for operation in 0..operations.len() as u32 {
        for kind in FaultKind::ALL {
            // The pair exists only in a lost response, or in the memory of a process that no longer exists.
            let unavoidably_lost = match kind {
                FaultKind::ResponseLost | FaultKind::Twice | FaultKind::KilledAfter => operation == refresh,
                FaultKind::KilledBefore => operation == refresh + 1,
                FaultKind::Rejected => false,
            };
            let mut rotating = due(NO_GRACE);
            rotating.harness.fault_at(operation, kind);
            rotating.tick();
            if !unavoidably_lost {
                must_outlive(rotating, &format!("{kind:?} at operation {operation}"));
            } else {
                let summary = rotating.minute().unwrap();
                assert_eq!((summary.state, summary.code()), (State::Reauthorize, Some("invalid_refresh_token")));
            }
        }
    }
}

#[test]
fn two_concurrent_pollers_refresh_token_once() {
    for grace in [GRACES[0], GRACES[1], NO_GRACE] {
        let mut schedules = 0;
        for steps in 1.. {
            let Some((mut rotating, first)) = suspended(grace, steps) else { break };
            rotating.tick();
            first.run();
            assert_eq!(rotating.refreshes(), 1, "suspended after {steps} steps\n{}", rotating.trace());
            must_outlive(rotating, &format!("{grace:?}, suspended after {steps} steps"));
            schedules += 1;
        }
        assert!(schedules > 5, "{schedules} operations are too few for a tick that refreshes a token");
    }
}

#[test]
fn poller_resumed_ticks_later_does_not_undo_newer_token() {
    for grace in GRACES {
        for later in [1, 2, 4] {
            for steps in 1.. {
                let Some((mut rotating, first)) = suspended(grace, steps) else { break };
                for _ in 0..later {
                    rotating.minute();
                }
                first.run();
                must_outlive(rotating, &format!("{grace:?}, suspended after {steps} steps for {later} ticks"));
            }
        }
    }
}

#[test]
fn invalid_refresh_token_is_reported_and_collection_lasts_until_expiry() {
    let mut rotating = due(GRACES[0]);
    invalidate_refresh_token(&rotating);
    let summary = rotating.minute().unwrap();
    assert_eq!((summary.state, summary.code()), (State::Reauthorize, Some("invalid_refresh_token")));
    assert_eq!(summary.counts.records, 2, "records since the last tick are still collected");
    let calls = refresh_calls(&rotating);
    for _ in 0..10 {
        let summary = rotating.minute().unwrap();
        assert_eq!((summary.state, summary.counts.records), (State::Reauthorize, 1));
    }
    assert_eq!(refresh_calls(&rotating), calls, "a rejected refresh is not retried each minute");

    rotating.pass(2 * 3_600);
    let ended = rotating.tick().unwrap();
    assert_eq!((ended.state, ended.counts.calls), (State::Reauthorize, 0), "an expired token is not used");
    rotating.pass(3_600);
    rotating.connect();
    let again = rotating.tick().unwrap();
    assert_eq!(
        (again.state, again.counts.records),
        (State::Ok, 2),
        "the first tick after the reconnect collects the outage"
    );
    must_outlive(rotating, "after a reconnect");
}

#[test]
fn replaced_token_is_used_from_next_tick_on() {
    for is_new_process in [false, true] {
        let mut rotating = Rotating::new(GRACES[0]);
        rotating.minute().unwrap();
        let idle = rotating.harness.operations_of_tick();
        assert!(
            !idle.iter().any(|line| line.contains("reload credentials")),
            "an idle tick reloads no secret: {idle:#?}"
        );

        // Slack still accepts the old token, so that no rejection makes the poller look for a new one.
        let replaced = rotating.token();
        rotating.pass(60);
        rotating.connect();
        assert_ne!(rotating.token(), replaced);
        if is_new_process {
            rotating.harness.restart();
        }
        rotating.pass(60);
        let operations = rotating.harness.operations_of_tick();
        // A new process has no old token.
        let reloads = operations.iter().filter(|line| line.contains("reload credentials")).count();
        assert_eq!(reloads, usize::from(!is_new_process), "{operations:#?}");

        // From then on, nothing uses the old token: Slack rejects it, and no call is rejected.
        rotating.harness.world().with(|state| state.slack.revoke(&replaced));
        rotating.pass(60);
        let after = rotating.harness.operations_of_tick();
        let calls = after.iter().filter(|line| line.contains("slack logs")).count();
        assert!(calls == 1 && !after.iter().any(|line| line.contains("reload credentials")), "{after:#?}");
        assert_eq!(rotating.minute().unwrap().state, State::Ok);
        must_outlive(rotating, "after a replaced token");
    }
}

fn refresh_calls(rotating: &Rotating) -> usize {
    rotating
        .harness
        .world()
        .with(|state| state.trace.iter().filter(|line| line.contains("slack oauth.v2.access")).count())
}

#[test]
fn token_that_expired_while_not_polled_is_refreshed_before_use() {
    let mut rotating = Rotating::new(GRACES[0]);
    rotating.tick();
    rotating.pass(5 * 86_400);
    let tick = rotating.tick().unwrap();
    assert_eq!((tick.state, tick.counts.records), (State::Ok, 1));
    assert_eq!(rotating.refreshes(), 1);
}

#[test]
fn slack_outage_before_token_expiry_waits_without_requiring_action() {
    let mut rotating = due(GRACES[0]);
    fail_refreshes(&rotating, |refresh| Fault::every(refresh, SlackFault::Html(502)));
    assert_eq!(rotating.minute().unwrap().state, State::Ok, "a failed refresh is no error while the token is valid");
    rotating.pass(2 * 3_600);
    let ended = rotating.tick().unwrap();
    assert_eq!((ended.state, ended.code()), (State::Waiting, Some("http_502")));
    rotating.harness.heal();
    assert_eq!(rotating.minute().unwrap().state, State::Ok);
    must_outlive(rotating, "after an outage");
}

/// Returns a source whose stored secret was edited just after its token was issued.
fn with_secret(edit: impl Fn(&mut Value)) -> Rotating {
    let mut rotating = Rotating::new(GRACES[0]);
    rotating.tick();
    rotating.harness.world().with(|state| {
        let (version, secret) = state.credentials.values_mut().next().unwrap();
        let mut fields: Value = serde_json::from_str(secret.as_ref().unwrap()).unwrap();
        edit(&mut fields);
        (*version, *secret) = (*version + 1, Some(fields.to_string()));
    });
    rotating.harness.restart();
    rotating
}

#[test]
fn token_with_unknown_expiry_is_used_while_refresh_fails() {
    let mut rotating = with_secret(|secret| secret["expires_at"] = json!(0));
    fail_refreshes(&rotating, |refresh| Fault::every(refresh, SlackFault::Html(502)));
    let tick = rotating.minute().unwrap();
    assert_eq!((tick.state, tick.counts.records), (State::Ok, 1));
}

fn fail_refreshes(rotating: &Rotating, fault: impl Fn(CallMatcher) -> Fault) {
    rotating.harness.world().with(|state| state.slack.fault(fault(CallMatcher::path("oauth.v2.access"))));
}

fn invalidate_refresh_token(rotating: &Rotating) {
    rotating.harness.world().with(|state| {
        let (_, secret) = state.credentials.values_mut().next().unwrap();
        *secret = secret.as_ref().map(|text| text.replace("xoxe-1-", "xoxe-1-dead-"));
    });
}

#[test]
fn secret_rejected_for_a_day_has_room_for_reconnects() {
    let mut rotating = due(GRACES[0]);
    invalidate_refresh_token(&rotating);
    for minute in 0..24 * 60 {
        let tick = rotating.minute().unwrap();
        assert_eq!((tick.state, tick.code()), (State::Reauthorize, Some("invalid_refresh_token")), "minute {minute}");
    }
    for _ in 0..20 {
        rotating.connect();
    }
    assert_eq!(rotating.minute().unwrap().state, State::Ok);
    must_outlive(rotating, "after a reconnect");
}

#[test]
fn refresh_failing_for_110_minutes_succeeds_before_expiry() {
    // A process of its own from this minute on waits for the end of its predecessor's lease.
    for restarted_at in [None, Some(1), Some(60), Some(90), Some(100), Some(105), Some(109)] {
        let mut rotating = due(GRACES[0]);
        fail_refreshes(&rotating, |refresh| Fault::every(refresh, SlackFault::Status(500, String::new())));
        let mut minutes = 0;
        while rotating.refreshes() == 0 {
            if restarted_at == Some(minutes) {
                rotating.harness.restart();
            }
            if minutes == 110 {
                rotating.harness.heal();
            }
            let tick = rotating.minute().unwrap();
            assert_eq!(tick.state, State::Ok, "restarted at {restarted_at:?}, minute {minutes}");
            minutes += 1;
        }
        assert!((111..115).contains(&minutes), "restarted at {restarted_at:?}: refreshed after {minutes} minutes");
        assert!(restarted_at.is_some() || minutes == 111, "the holder of the lease retries each minute: {minutes}");
        must_outlive(rotating, "after an outage");
    }
}

#[test]
fn secret_whose_refresh_fails_for_two_days_has_room_for_reconnects() {
    for is_new_process in [false, true] {
        let mut rotating = due(GRACES[0]);
        fail_refreshes(&rotating, |refresh| Fault::every(refresh, SlackFault::Html(502)));
        for minute in 0..48 * 60 {
            let tick = rotating.minute().unwrap();
            assert_ne!(tick.code(), Some("too_many_secret_versions"), "minute {minute}");
            if is_new_process {
                rotating.harness.restart();
            }
        }
        rotating.harness.heal();
        for _ in 0..20 {
            rotating.connect();
        }
        rotating.minute();
        assert_eq!(rotating.minute().unwrap().state, State::Ok);
        must_outlive(rotating, "after an outage");
    }
}

#[test]
fn retry_after_of_refresh_is_honored_while_collection_continues() {
    let mut rotating = due(GRACES[0]);
    fail_refreshes(&rotating, |refresh| Fault::next(refresh, SlackFault::throttled("600")));
    rotating.minute();
    assert_eq!(refresh_calls(&rotating), 1);
    for minute in 1..10 {
        let tick = rotating.minute().unwrap();
        assert_eq!((tick.state, tick.counts.records), (State::Ok, 1), "minute {minute}");
        assert_eq!(refresh_calls(&rotating), 1, "minute {minute}");
    }
    rotating.minute();
    assert_eq!((refresh_calls(&rotating), rotating.refreshes()), (2, 1));
}

#[test]
fn single_error_about_other_request_does_not_reject_refresh() {
    for stray in [SlackFault::not_ok("invalid_auth"), SlackFault::not_ok("missing_scope"), SlackFault::Html(404)] {
        let mut rotating = due(GRACES[0]);
        fail_refreshes(&rotating, |refresh| Fault::next(refresh, stray.clone()));
        assert_eq!(rotating.minute().unwrap().state, State::Ok, "{stray:?}");
        assert_eq!(rotating.minute().unwrap().state, State::Ok, "{stray:?}");
        assert_eq!(rotating.refreshes(), 1, "{stray:?}: the next tick repeats the refresh");
        must_outlive(rotating, &format!("{stray:?}"));
    }
}

#[test]
fn repeated_error_of_refresh_is_reported_with_its_own_text() {
    for (fault, state, code, text) in [
        (SlackFault::Html(404), State::Failing, "http_404", "HTTP status 404"),
        (SlackFault::not_ok("invalid_auth"), State::Reauthorize, "invalid_auth", "the error `invalid_auth`"),
    ] {
        let mut rotating = due(GRACES[0]);
        fail_refreshes(&rotating, |refresh| Fault::every(refresh, fault.clone()));
        rotating.minute();
        for minute in 2..40 {
            let tick = rotating.minute().unwrap();
            assert_eq!((tick.state, tick.code()), (state, Some(code)), "minute {minute}");
            let message = &tick.error().unwrap().message;
            assert!(message.contains("source `acme`") && message.contains(text), "{message}");
            assert_eq!(tick.counts.records, 1, "minute {minute}: the token is still valid");
        }
        rotating.harness.heal();
        assert_eq!(rotating.minute().unwrap().state, State::Ok, "{code}: the next refresh succeeds");
    }
}

/// Returns a deployment of 20 sources with token rotation. Their tokens are due and expire in `expires_in` seconds.
fn twenty_sources(expires_in: i64) -> SimulatedWorld {
    let world = deployment(20, &[LogType::Audit]);
    world.with(|state| {
        let app = App::organization("https://collector.example/oauth/callback").rotating();
        let secret = json!({
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "token": state.slack.settings().tokens[0].text,
            "refresh_token": "xoxe-1-r",
            "expires_at": Second::of(state.now).get() + expires_in,
        });
        state.credentials = state.sources.keys().map(|id| (id.clone(), (1, Some(secret.to_string())))).collect();
        state.deadline = Some(state.now + SignedDuration::from_secs(50)); // the poller's deadline, less its reserve
    });
    world
}

/// Runs a tick while the time passes. Returns its summary and its duration in seconds.
fn timed_tick(world: &SimulatedWorld) -> (Summary, u32) {
    let mut tick = Process::start(world).begin(None, ResourceLimits::default());
    for second in 0..120 {
        for _ in 0..1_000 {
            if let Some(end) = tick.step() {
                let End::Answered(answer) = end else { panic!("the process was killed") };
                return (answer.unwrap(), second);
            }
        }
        world.pass(1);
    }
    panic!("the tick does not end");
}

#[test]
fn hanging_refreshes_delay_no_source_with_valid_token() {
    // A call to Slack times out after 20 seconds, and a write to Secrets Manager after 25.
    for hang in [
        Hang { operation: "slack oauth.v2.access", seconds: 20 },
        Hang { operation: "replace credentials", seconds: 25 },
    ] {
        let world = twenty_sources(3_600);
        world.with(|state| state.hang = Some(hang));
        let (summary, seconds) = timed_tick(&world);
        let collected: Vec<u64> = summary.streams.iter().map(|stream| stream.counts.records).collect();
        assert_eq!(collected, [1; 20], "{hang:?}");
        assert!(seconds <= 50, "{hang:?}: the tick took {seconds} seconds");
    }
}

#[test]
fn hanging_refreshes_of_expired_tokens_delay_no_other_source() {
    let world = twenty_sources(-60);
    world.with(|state| {
        state.hang = Some(Hang { operation: "slack oauth.v2.access", seconds: 20 });
        let token = state.slack.settings().tokens[0].text.clone();
        state.credentials.insert("acme-9".parse().unwrap(), (1, Some(json!({ "token": token }).to_string())));
    });
    let (summary, seconds) = timed_tick(&world);
    let of = |id: &str| summary.streams.iter().find(|stream| stream.source.as_str() == id).unwrap();
    assert_eq!((of("acme-9").state, of("acme-9").counts.records), (State::Ok, 1));
    assert_eq!((of("acme-0").state, of("acme-0").counts.calls), (State::Waiting, 0));
    assert!(seconds <= 60, "the tick took {seconds} seconds, so it started calls after its deadline");
}
