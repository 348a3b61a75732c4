//! Tests of the compiled poller over several ticks with a fake clock. A stream without progress reports an error, and a single rejection of the
//! token does not count as a revocation.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_simulator::Log;
use slacktrail_tests::emulated_aws;
use slacktrail_tests::fake_clock::{MovableClock, run_again};
use slacktrail_tests::hostile_slack::{Asked, CannedResponse, Siege};

const ENDLESS: &str = "progress::endless_pages_end_walk_and_lag_grows_until_records_are_stored";
const MINUTE: Duration = Duration::from_secs(60);

fn audit(request: &Asked, response: impl FnOnce(i64) -> String) -> Option<CannedResponse> {
    let latest = request.number("latest").unwrap_or(0);
    (request.method == "logs").then(|| CannedResponse::text(response(latest)))
}

/// Connects one source for each kind of endless pages. Returns their IDs and log types.
async fn connect_endless(siege: &Siege) -> Vec<(String, Log)> {
    let old = Timestamp::now().as_second() - 100;
    let old = format!(r#"{{"id":"old","date_create":{old},"action":"user_login"}}"#);
    let empty = |request: &Asked| {
        audit(request, |_| r#"{"entries":[],"response_metadata":{"next_cursor":"same="}}"#.to_owned())
    };
    let old_rows = move |request: &Asked| {
        audit(request, |_| format!(r#"{{"entries":[{old}],"response_metadata":{{"next_cursor":"same="}}}}"#))
    };
    let changing = |request: &Asked| {
        let next = request.number;
        audit(request, |_| format!(r#"{{"entries":[],"response_metadata":{{"next_cursor":"next{next}="}}}}"#))
    };
    let access = |request: &Asked| {
        let response = r#"{"ok":true,"logins":[],"response_metadata":{"next_cursor":"same="}}"#;
        (request.method == "team.accessLogs").then(|| CannedResponse::text(response))
    };
    let integration = |request: &Asked| {
        let page = request.number("page").unwrap_or(1);
        let paging = format!(r#"{{"count":1000,"total":1000000,"page":{page},"pages":1000}}"#);
        (request.method == "team.integrationLogs")
            .then(|| CannedResponse::text(format!(r#"{{"ok":true,"logs":[],"paging":{paging}}}"#)))
    };
    vec![
        (siege.connect(0, Log::Audit, empty).await, Log::Audit),
        (siege.connect(1, Log::Audit, old_rows).await, Log::Audit),
        (siege.connect(2, Log::Audit, changing).await, Log::Audit),
        (siege.connect(3, Log::Access, access).await, Log::Access),
        (siege.connect(4, Log::Integration, integration).await, Log::Integration),
    ]
}

#[tokio::test]
async fn endless_pages_end_walk_and_lag_grows_until_records_are_stored() {
    if emulated_aws::executable().is_none() {
        return;
    }
    let Some(clock) = MovableClock::of_this_process() else { return run_again(ENDLESS) };
    let Some(mut siege) = Siege::start().await else { return };
    let endless = connect_endless(&siege).await;
    let variables = MovableClock::environment();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    let poller = siege.poller_with(&variables);
    let mut lags: Vec<Vec<i64>> = vec![Vec::new(); endless.len()];
    for _ in 0..3 {
        siege.go_on();
        siege.slack.take_asked();
        let summary = siege.deployment.invoke().await;
        siege.assert_honest_is_stored().await;
        for ((id, log), lags) in endless.iter().zip(&mut lags) {
            let stream = summary.stream(id, *log);
            assert_eq!((&stream["code"], &stream["state"]), (&"no_progress".into(), &"waiting".into()), "{stream}");
            lags.push(stream["lag_seconds"].as_i64().unwrap());
        }
        clock.pass(MINUTE);
    }
    for (lags, (id, log)) in lags.iter().zip(&endless) {
        assert!(lags.windows(2).all(|lags| (55..=75).contains(&(lags[1] - lags[0]))), "{id}/{log:?}: {lags:?}");
    }

    clock.pass(15 * MINUTE);
    let summary = siege.deployment.invoke().await;
    for (id, log) in &endless {
        assert_eq!(summary.stream(id, *log)["state"], "failing", "{summary:?}");
    }
    poller.wrote(r#""StreamsRequiringAction":5"#).await;

    (0..endless.len()).for_each(|number| siege.calm_down(number));
    for _ in 0..2 {
        clock.pass(MINUTE);
        siege.deployment.drain().await; // a live round of workspaces starts only after the round of the backlog
    }
    let archive = siege.deployment.archive().await;
    for (id, log) in endless.iter().filter(|(id, _)| id != "hostile1") {
        archive.assert_exactly(&siege.deployment.slack(), id, &[*log]);
    }
    poller.kill().await;
}

/// Rejects the first call of a method, and leaves all other calls to the simulated Slack.
fn reject_once(method: &'static str, status: u16, body: &'static str) -> impl Fn(&Asked) -> Option<CannedResponse> {
    move |request| (request.method == method && request.number == 0).then(|| CannedResponse::text(body).status(status))
}

#[tokio::test]
async fn single_token_rejection_costs_one_tick_and_revocation_shows_at_once() {
    let Some(siege) = Siege::start().await else { return };
    let rejection = r#"{"ok":false,"error":"invalid_auth"}"#;
    let sources = [
        (siege.connect(0, Log::Audit, reject_once("logs", 401, "")).await, Log::Audit, "invalid_authentication"),
        (
            siege.connect(1, Log::Access, reject_once("team.accessLogs", 200, rejection)).await,
            Log::Access,
            "invalid_auth",
        ),
        (
            siege.connect(2, Log::Integration, reject_once("auth.teams.list", 200, rejection)).await,
            Log::Integration,
            "invalid_auth",
        ),
    ];
    let revoked = siege.connect(3, Log::Audit, |_| None).await;
    siege.revoke(3);
    let poller = siege.poller();
    let summary = siege.deployment.invoke().await;
    for (id, log, code) in &sources {
        let stream = summary.stream(id, *log);
        assert_eq!((&stream["state"], &stream["code"]), (&"waiting".into(), &Value::from(*code)), "{stream}");
    }
    assert_eq!(summary.stream(&revoked, Log::Audit)["state"], "reauthorize", "{summary:?}");

    let summary = siege.deployment.invoke().await;
    let archive = siege.assert_honest_is_stored().await;
    for (id, log, _) in &sources {
        assert_eq!(summary.stream(id, *log)["state"], "ok", "{summary:?}");
        archive.assert_exactly(&siege.deployment.slack(), id, &[*log]);
    }
    poller.kill().await;
}

#[tokio::test]
async fn unconfirmed_token_rejection_counts_at_next_tick() {
    let Some(siege) = Siege::start().await else { return };
    let id = siege
        .connect(0, Log::Audit, |request| match &*request.method {
            "logs" => Some(CannedResponse::text("").status(401)),
            "auth.test" => Some(CannedResponse::text("").status(500)),
            _ => None,
        })
        .await;
    let poller = siege.poller();
    for state in ["waiting", "reauthorize"] {
        let summary = siege.deployment.invoke().await;
        let stream = summary.stream(&id, Log::Audit);
        assert_eq!((&stream["state"], &stream["code"]), (&state.into(), &"invalid_authentication".into()), "{stream}");
    }
    poller.kill().await;
}
