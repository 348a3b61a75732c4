//! A deployment of 10,000 sources, which is split into shards for independent invocations.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use slacktrail_collector::dispatch::{DispatchOutcome, dispatch_shards};
use slacktrail_collector::tick::Summary;
use slacktrail_core::error::Error;
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;
use slacktrail_ports::DeploymentStore;
use slacktrail_ports::shard::{SOURCES_MAX, Shard};
use slacktrail_simulation::{BEGINNING, End, Fault, FaultKind, Process, SimulatedPorts, SimulatedWorld, run};
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::{Row, Settings, World};

/// The number of the scheduled process. The processes of the shards have smaller numbers.
const ROOT: u32 = 1_000_000;

/// Returns a deployment of this many sources with these logs. Slack shows each of them one record per log.
pub(crate) fn deployment(sources: usize, logs: &[LogType]) -> SimulatedWorld {
    let now = BEGINNING;
    let slack = World::new(Settings { limits: Limits::OFF, ..Settings::organization() });
    let source = |number: usize| Source {
        logs: logs.to_vec(),
        organization: true,
        connected_at: Second::of(now),
        ..Source::new(format!("acme-{number}").parse().unwrap(), "Acme", Plan::Enterprise, Second::of(now).plus(-3_600))
    };
    let world = SimulatedWorld::new(now, slack, (0..sources).map(source));
    world.with(|state| state.traced = false);
    show(&world, "a");
    world
}

/// Adds one record to each log.
fn show(world: &SimulatedWorld, name: &str) {
    let time = world.now() - SignedDuration::from_secs(30);
    world.with(|state| {
        state.slack.add(Row::small_audit(time, name));
        state.slack.add(Row::small_access(time, time, "U1", "192.0.2.1", name));
        state.slack.add(Row::small_integration(time, name).in_workspace("T1"));
    });
}

/// Dispatches the shards, as the scheduled invocation does in a deployment that is too large for it.
fn dispatch(world: &SimulatedWorld) -> Result<DispatchOutcome, Error> {
    let ports = SimulatedPorts::of(world, ROOT);
    assert!(run(ports.load_at_most(SOURCES_MAX))?.is_none(), "one invocation cannot poll the whole deployment");
    run(dispatch_shards(&ports, &ports))
}

/// Polls each dispatched shard in a process of its own.
fn poll_shards(world: &SimulatedWorld) -> Vec<Option<Summary>> {
    let shards = world.with(|state| std::mem::take(&mut state.invoked));
    shards.iter().map(|shard| poll(&Process::start(world), shard)).collect()
}

fn poll(process: &Process, shard: &Shard) -> Option<Summary> {
    match process.tick_shard(shard) {
        End::Answered(answer) => answer.ok(),
        End::Killed => None,
    }
}

/// Counts the operations of `work` by the first word of their names.
fn counted(world: &SimulatedWorld, work: impl FnOnce()) -> BTreeMap<String, usize> {
    world.with(|state| state.traced = true);
    work();
    world.with(|state| state.traced = false);
    let mut counts = BTreeMap::new();
    for line in world.with(|state| std::mem::take(&mut state.trace)) {
        let operation = line.split_once(" #").expect("the trace contains only operations").1;
        let word = operation.split_whitespace().nth(1).expect("the operation has a name");
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

fn operations(counts: &[(&str, usize)]) -> BTreeMap<String, usize> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// The operations of a shard with 100 idle sources, each an organization of two workspaces. The real adapter caches a secret as long as its
/// process runs. The simulation does not.
const IDLE: [(&str, usize); 3] = [("load", 1), ("credentials", 400), ("slack", 400)];
/// The additional operations for one record in each stream.
const BUSY: [(&str, usize); 2] = [("create", 300), ("replace", 300)];

/// Counts how often each source was polled.
fn polls(summaries: &[Option<Summary>]) -> BTreeMap<String, usize> {
    let mut polls = BTreeMap::new();
    for stream in summaries.iter().flatten().flat_map(|summary| &summary.streams).filter(|stream| stream.polled) {
        *polls.entry(stream.source.to_string()).or_default() += 1;
    }
    polls
}

#[test]
fn ten_thousand_sources_are_polled_once_per_tick_at_same_shard_cost() {
    for sources in [1_000, 10_000] {
        let shards = sources / SOURCES_MAX;
        let world = deployment(sources, &LogType::ALL);
        let processes: Vec<Process> = (0..shards).map(|_| Process::start(&world)).collect();
        for minute in ["first", "busy", "idle"] {
            if minute == "busy" {
                show(&world, "b");
            }
            let of_root = counted(&world, || assert_eq!(dispatch(&world).unwrap().invoked, shards));
            assert_eq!(of_root, operations(&[("load", 2), ("invoke", shards)]));
            let dispatched = world.with(|state| std::mem::take(&mut state.invoked));
            let mut summaries = Vec::new();
            for (process, shard) in processes.iter().zip(&dispatched) {
                let counts = counted(&world, || summaries.push(poll(process, shard)));
                match minute {
                    "busy" => assert_eq!(counts, operations(&[&IDLE[..], &BUSY].concat())),
                    "idle" => assert_eq!(counts, operations(&IDLE)),
                    _ => {}
                }
            }
            let polled = polls(&summaries);
            assert_eq!(polled.len(), sources);
            assert!(polled.values().all(|times| *times == LogType::ALL.len()), "{polled:?}");
            let mut streams = summaries.iter().flatten().flat_map(|summary| &summary.streams);
            let records = u64::from(minute != "idle");
            assert!(streams.all(|stream| stream.counts.records == records), "the record of each stream is stored once");
            world.pass(60);
        }
    }
}

#[test]
fn failed_shard_affects_no_other_and_next_tick_polls_it() {
    let world = deployment(1_000, &[LogType::Audit]);
    dispatch(&world).unwrap();
    world.with(|state| state.faults = vec![Fault { process: 3, operation: 0, kind: FaultKind::KilledBefore }]);
    let summaries = poll_shards(&world);
    assert_eq!(summaries.iter().filter(|summary| summary.is_none()).count(), 1);
    assert_eq!(polls(&summaries).len(), 900);
    world.with(|state| state.faults.clear());
    dispatch(&world).unwrap();
    assert_eq!(polls(&poll_shards(&world)).len(), 1_000);
}

#[test]
fn failed_shard_dispatch_is_reported_and_other_shards_are_polled() {
    let world = deployment(1_000, &[LogType::Audit]);
    // The first two operations read the deployment. The fifth operation dispatches the third shard.
    world.with(|state| state.faults = vec![Fault { process: ROOT, operation: 4, kind: FaultKind::Rejected }]);
    let dispatched = dispatch(&world).unwrap();
    assert_eq!((dispatched.invoked, dispatched.errors.len()), (9, 1));
    assert_eq!(polls(&poll_shards(&world)).len(), 900);
}

#[test]
fn deployment_without_dispatched_shard_is_error() {
    let world = deployment(1_000, &[LogType::Audit]);
    let rejected = |operation| Fault { process: ROOT, operation, kind: FaultKind::Rejected };
    world.with(|state| state.faults = (2..20).map(rejected).collect());
    assert!(dispatch(&world).is_err());
}

#[test]
fn disconnected_source_is_neither_polled_nor_reported() {
    let world = deployment(2, &[LogType::Audit]);
    let process = Process::start(&world);
    let streams = |polled: Option<Summary>| polled.unwrap().streams.len();
    assert_eq!(streams(poll(&process, &Shard::default())), 2);
    let calls = || world.with(|state| state.slack.calls().total());
    let before = calls();
    assert_eq!(before, 2);
    world.with(|state| {
        state.sources.values_mut().for_each(|source| source.disconnected = source.id.as_str() == "acme-0")
    });
    assert_eq!(streams(poll(&process, &Shard::default())), 1);
    assert_eq!(calls() - before, 1, "Slack is not called for the disconnected source");
}
