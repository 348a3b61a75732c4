//! A deployment of 10,000 sources: shared out over invocations that know nothing of each other.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use slacktrail_shared::ports::DeploymentStore;
use slacktrail_shared::share::{HandedOut, SOURCES_MAX, hand_out};
use slacktrail_shared::source::{LogType, Plan, Source};
use slacktrail_shared::tick::Summary;
use slacktrail_shared::time::Second;
use slacktrail_shared::trouble::Trouble;
use slacktrail_simulation::{End, Fault, FaultKind, Process, SimulatedEdges, Stage};
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::{Row, Settings, World};

/// The process that the schedule starts; the shares' own follow.
const ROOT: u32 = 1_000_000;

/// So many sources with their audit logs, each of which shows two records.
fn deployment(sources: usize) -> Stage {
    let now = Timestamp::constant(1_795_356_000, 0);
    let mut slack = World::new(Settings { limits: Limits::OFF, ..Settings::organisation() });
    slack.add(Row::small_audit(now - jiff::SignedDuration::from_secs(90), "a"));
    slack.add(Row::small_audit(now - jiff::SignedDuration::from_secs(30), "b"));
    let source = |number: usize| Source {
        logs: vec![LogType::Audit],
        organisation: true,
        connected_at: Second::of(now),
        ..Source::new(format!("acme-{number}").parse().unwrap(), "Acme", Plan::Enterprise, Second::of(now).plus(-3_600))
    };
    Stage::new(now, slack, (0..sources).map(source))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

/// What the scheduled invocation does with a deployment that is too large for it.
fn share_out(stage: &Stage) -> Result<HandedOut, Trouble> {
    let edges = SimulatedEdges::of(stage, ROOT);
    assert!(run(edges.load_at_most(SOURCES_MAX))?.is_none(), "one invocation cannot poll all");
    run(hand_out(&edges, &edges))
}

/// Every share that was handed out, polled by a process of its own.
fn poll_shares(stage: &Stage) -> Vec<Option<Summary>> {
    let shares = stage.with(|state| std::mem::take(&mut state.invoked));
    let poll = |(number, share)| match Process::start(number, stage).tick_share(share) {
        End::Answered(answer) => answer.ok(),
        End::Killed => None,
    };
    (0..).zip(&shares).map(poll).collect()
}

/// How often each source was polled.
fn polls(summaries: &[Option<Summary>]) -> BTreeMap<String, usize> {
    let mut polls = BTreeMap::new();
    for stream in summaries.iter().flatten().flat_map(|summary| &summary.streams).filter(|stream| stream.polled) {
        *polls.entry(stream.source.clone()).or_default() += 1;
    }
    polls
}

#[test]
fn ten_thousand_sources_are_each_polled_once_a_tick_and_what_a_share_costs_does_not_grow() {
    let mut calls = Vec::new();
    for sources in [1_000, 10_000] {
        let stage = deployment(sources);
        for records in [2, 0] {
            let handed_out = share_out(&stage).unwrap();
            assert_eq!((handed_out.invoked, handed_out.troubles.len()), (sources / SOURCES_MAX, 0));
            let summaries = poll_shares(&stage);
            let polled = polls(&summaries);
            assert_eq!(polled.len(), sources);
            assert!(polled.values().all(|times| *times == 1), "{polled:?}");
            let streams = || summaries.iter().flatten().flat_map(|summary| &summary.streams);
            assert!(streams().all(|stream| stream.records == records), "each source's records are stored once");
            let of_share = |summary: &Summary| summary.streams.iter().map(|stream| stream.calls).sum::<u32>();
            calls.push(summaries.iter().flatten().map(of_share).max().unwrap());
            stage.pass(60);
        }
    }
    assert_eq!(calls, [100; 4], "a share of 100 idle or busy sources calls Slack 100 times, whatever their number");
}

#[test]
fn a_share_that_fails_touches_no_other_and_the_next_tick_polls_it() {
    let stage = deployment(1_000);
    share_out(&stage).unwrap();
    stage.with(|state| state.faults = vec![Fault { process: 3, operation: 0, kind: FaultKind::KilledBefore }]);
    let summaries = poll_shares(&stage);
    assert_eq!(summaries.iter().filter(|summary| summary.is_none()).count(), 1);
    assert_eq!(polls(&summaries).len(), 900);
    stage.with(|state| state.faults.clear());
    share_out(&stage).unwrap();
    assert_eq!(polls(&poll_shares(&stage)).len(), 1_000);
}

#[test]
fn a_share_that_cannot_be_handed_out_is_told_and_the_others_are_polled() {
    let stage = deployment(1_000);
    // Two operations read the deployment; the fifth hands the third share out.
    stage.with(|state| state.faults = vec![Fault { process: ROOT, operation: 4, kind: FaultKind::Refused }]);
    let handed_out = share_out(&stage).unwrap();
    assert_eq!((handed_out.invoked, handed_out.troubles.len()), (9, 1));
    assert_eq!(polls(&poll_shares(&stage)).len(), 900);
}
