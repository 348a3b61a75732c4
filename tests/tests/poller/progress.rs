//! Tests of the compiled poller over several ticks with a fake clock. A stream without progress reports an error, and a single rejection of the
//! token does not count as a revocation.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_simulator::Log;
use slacktrail_tests::emulated_aws;
use slacktrail_tests::fake_clock::{FakeClock, rerun_with_fake_clock};
use slacktrail_tests::hostile_slack::{CannedResponse, HostileDeployment, SlackCall};

const ENDLESS: &str = "progress::endless_pages_end_walk_and_lag_grows_until_records_are_stored";
const MINUTE: Duration = Duration::from_secs(60);

fn audit(request: &SlackCall, response: impl FnOnce(i64) -> String) -> Option<CannedResponse> {
    let latest = request.number("latest").unwrap_or(0);
    (request.method == "logs").then(|| CannedResponse::text(response(latest)))
}

/// Connects one source for each kind of endless pages. Returns their IDs and log types.
async fn connect_endless(hostile: &HostileDeployment) -> Vec<(String, Log)> {
    let old = Timestamp::now().as_second() - 100;
    let old = format!(r#"{{"id":"old","date_create":{old},"action":"user_login"}}"#);
    let empty = |request: &SlackCall| {
        audit(request, |_| r#"{"entries":[],"response_metadata":{"next_cursor":"same="}}"#.to_owned())
    };
    let old_rows = move |request: &SlackCall| {
        audit(request, |_| format!(r#"{{"entries":[{old}],"response_metadata":{{"next_cursor":"same="}}}}"#))
    };
    let changing = |request: &SlackCall| {
        let next = request.number;
        audit(request, |_| format!(r#"{{"entries":[],"response_metadata":{{"next_cursor":"next{next}="}}}}"#))
    };
    let access = |request: &SlackCall| {
        let response = r#"{"ok":true,"logins":[],"response_metadata":{"next_cursor":"same="}}"#;
        (request.method == "team.accessLogs").then(|| CannedResponse::text(response))
    };
    let integration = |request: &SlackCall| {
        let page = request.number("page").unwrap_or(1);
        let paging = format!(r#"{{"count":1000,"total":1000000,"page":{page},"pages":1000}}"#);
        (request.method == "team.integrationLogs")
            .then(|| CannedResponse::text(format!(r#"{{"ok":true,"logs":[],"paging":{paging}}}"#)))
    };
    vec![
        (hostile.connect(0, Log::Audit, empty).await, Log::Audit),
        (hostile.connect(1, Log::Audit, old_rows).await, Log::Audit),
        (hostile.connect(2, Log::Audit, changing).await, Log::Audit),
        (hostile.connect(3, Log::Access, access).await, Log::Access),
        (hostile.connect(4, Log::Integration, integration).await, Log::Integration),
    ]
}

#[tokio::test]
async fn endless_pages_end_walk_and_lag_grows_until_records_are_stored() {
    if emulated_aws::executable().is_none() {
        return;
    }
    let Some(clock) = FakeClock::of_this_process() else { return rerun_with_fake_clock(ENDLESS) };
    let Some(mut hostile) = HostileDeployment::start().await else { return };
    let endless = connect_endless(&hostile).await;
    let variables = FakeClock::environment();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    let poller = hostile.poller_with(&variables);
    let mut lags: Vec<Vec<i64>> = vec![Vec::new(); endless.len()];
    let mut times: Vec<[i64; 2]> = Vec::new();
    for _ in 0..3 {
        hostile.add_recent_rows();
        hostile.slack.take_calls();
        let start = Timestamp::now().as_second();
        let summary = hostile.deployment.invoke().await;
        times.push([start, Timestamp::now().as_second()]);
        hostile.assert_honest_is_stored().await;
        for ((id, log), lags) in endless.iter().zip(&mut lags) {
            let stream = summary.stream(id, *log);
            assert_eq!((&stream["code"], &stream["state"]), (&"no_progress".into(), &"waiting".into()), "{stream}");
            lags.push(stream["lag_seconds"].as_i64().unwrap());
        }
        clock.pass(MINUTE);
    }
    for (lags, (id, log)) in lags.iter().zip(&endless) {
        // The lag grows by the time between two ticks. Each was measured at some second of its tick.
        for (lags, ticks) in lags.windows(2).zip(times.windows(2)) {
            let ([first_start, first_end], [second_start, second_end]) = (ticks[0], ticks[1]);
            let passed = second_start - first_end..=second_end - first_start;
            assert!(
                passed.contains(&(lags[1] - lags[0])),
                "{id}/{log:?}: {lags:?}, but {passed:?} seconds have passed"
            );
        }
    }

    clock.pass(15 * MINUTE);
    let summary = hostile.deployment.invoke().await;
    for (id, log) in &endless {
        assert_eq!(summary.stream(id, *log)["state"], "failing", "{summary:?}");
    }
    poller.wrote(r#""StreamsRequiringAction":5"#).await;

    (0..endless.len()).for_each(|number| hostile.clear_script(number));
    for _ in 0..2 {
        clock.pass(MINUTE);
        hostile.deployment.drain().await; // a live round of workspaces starts only after the round of the backlog
    }
    let archive = hostile.deployment.archive().await;
    for (id, log) in endless.iter().filter(|(id, _)| id != "hostile1") {
        archive.assert_exactly(&hostile.deployment.slack(), id, &[*log]);
    }
    poller.kill().await;
}

/// Rejects the first call of a method, and leaves all other calls to the simulated Slack.
fn reject_once(method: &'static str, status: u16, body: &'static str) -> impl Fn(&SlackCall) -> Option<CannedResponse> {
    move |request| (request.method == method && request.number == 0).then(|| CannedResponse::text(body).status(status))
}

#[tokio::test]
async fn single_token_rejection_costs_one_tick_and_revocation_shows_at_once() {
    let Some(hostile) = HostileDeployment::start().await else { return };
    let rejection = r#"{"ok":false,"error":"invalid_auth"}"#;
    let sources = [
        (hostile.connect(0, Log::Audit, reject_once("logs", 401, "")).await, Log::Audit, "invalid_authentication"),
        (
            hostile.connect(1, Log::Access, reject_once("team.accessLogs", 200, rejection)).await,
            Log::Access,
            "invalid_auth",
        ),
        (
            hostile.connect(2, Log::Integration, reject_once("auth.teams.list", 200, rejection)).await,
            Log::Integration,
            "invalid_auth",
        ),
    ];
    let revoked = hostile.connect(3, Log::Audit, |_| None).await;
    hostile.revoke(3);
    let poller = hostile.poller();
    let summary = hostile.deployment.invoke().await;
    for (id, log, code) in &sources {
        let stream = summary.stream(id, *log);
        assert_eq!((&stream["state"], &stream["code"]), (&"waiting".into(), &Value::from(*code)), "{stream}");
    }
    assert_eq!(summary.stream(&revoked, Log::Audit)["state"], "reauthorize", "{summary:?}");

    let summary = hostile.deployment.invoke().await;
    let archive = hostile.assert_honest_is_stored().await;
    for (id, log, _) in &sources {
        assert_eq!(summary.stream(id, *log)["state"], "ok", "{summary:?}");
        archive.assert_exactly(&hostile.deployment.slack(), id, &[*log]);
    }
    poller.kill().await;
}

#[tokio::test]
async fn unconfirmed_token_rejection_counts_at_next_tick() {
    let Some(hostile) = HostileDeployment::start().await else { return };
    let id = hostile
        .connect(0, Log::Audit, |request| match &*request.method {
            "logs" => Some(CannedResponse::text("").status(401)),
            "auth.test" => Some(CannedResponse::text("").status(500)),
            _ => None,
        })
        .await;
    let poller = hostile.poller();
    for state in ["waiting", "reauthorize"] {
        let summary = hostile.deployment.invoke().await;
        let stream = summary.stream(&id, Log::Audit);
        assert_eq!((&stream["state"], &stream["code"]), (&state.into(), &"invalid_authentication".into()), "{stream}");
    }
    poller.kill().await;
}
