//! Two ticks whose external input comes from one fuzz input: the source, the cursors, the objects and Slack's responses.
//!
//! Each part of an input starts with a line `--- <part>`:
//!
//! - `source`: the stored source
//! - `cursor <log>`: the stored cursor of a log
//! - `object <log> <day>`: the next object of a day log, as rows, one per line
//! - `damaged <log> <day>`: the next object of a day log, as raw bytes
//! - `response <method>`: the next response of a method; the responses repeat in a cycle

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use slacktrail_collector::tick::{Poller, ResourceLimits, Summary, TickLimits};
use slacktrail_core::codes::Place;
use slacktrail_core::error::Error;
use slacktrail_core::object::{DayLogId, GZIP_LEVEL, KeyOwner, ObjectKey, decode, encode};
use slacktrail_core::record::{Record, RowId};
use slacktrail_core::slack::{Request, Response};
use slacktrail_core::source::{LogType, Plan, Source, StreamId};
use slacktrail_core::time::Day;
use slacktrail_ports::{Body, CallAuth, DeploymentStore, Ports, Slack};
use slacktrail_simulation::{SimulatedPorts, SimulatedWorld, StoredCursor, run};
use slacktrail_simulator::tenant::Token;
use slacktrail_simulator::{Settings, World};

use super::{now, response, row, text};
use crate::error_text::{assert_loggable, assert_safe_error};

/// The token that no output may contain.
const TOKEN: &str = "xoxp-1-hush0123456789";
/// The seconds between the two ticks.
const PAUSE_SECONDS: i64 = 60;

/// Checks that a tick stays within its limits, returns safe errors, and leaves readable objects and cursors.
pub(super) fn tick(bytes: &[u8]) {
    let environment = Environment::read(bytes);
    let ports = SimulatedPorts::of(&environment.world, 0);
    let poller = Poller::new(Ports {
        slack: environment.slack.clone(),
        day_logs: ports.clone(),
        deployment: ports.clone(),
        credentials: ports,
    });
    for pause in [0, PAUSE_SECONDS] {
        environment.world.pass(pause);
        let limits = TickLimits { resources: ResourceLimits::default(), deadline_reached: &|| false };
        let ticked = run(async {
            let deployment = poller.ports.deployment.load().await?;
            poller.tick(deployment, environment.world.now(), &limits).await
        });
        match ticked {
            Ok(summary) => assert_summary(&summary),
            Err(error) => assert_safe_error(&error),
        }
        environment.slack.assert_calls_within_bounds();
    }
    environment.assert_objects();
}

/// The environment of the poller: the stored state and Slack.
struct Environment {
    world: SimulatedWorld,
    slack: ScriptedSlack,
    /// The keys of the objects in the input.
    given: BTreeSet<String>,
}

/// A Slack that returns the responses of the input.
#[derive(Clone, Default)]
struct ScriptedSlack {
    responses: BTreeMap<String, Vec<Response>>,
    calls: Rc<RefCell<BTreeMap<String, u32>>>,
}

impl Environment {
    fn read(bytes: &[u8]) -> Environment {
        let source = Source::new("acme".parse().expect("a valid ID"), "Acme", Plan::Enterprise, now().plus(-86_400));
        let settings = Settings { tokens: vec![Token::organization(TOKEN)], ..Settings::organization() };
        let world = SimulatedWorld::new(now().instant(), World::new(settings), [source.clone()]);
        world.with(|state| state.traced = false);
        let mut environment = Environment { world, slack: ScriptedSlack::default(), given: BTreeSet::new() };
        for (head, body) in parts(bytes) {
            let words: Vec<&str> = head.split_whitespace().collect();
            match words[..] {
                ["source"] => environment.world.with(|state| {
                    state.garbled_sources.insert(source.id.clone(), text(body).into_owned());
                }),
                ["response", method] => {
                    environment.slack.responses.entry(method.to_owned()).or_default().push(response::read(body))
                }
                ["cursor", log] => {
                    if let Ok(log) = log.parse() {
                        let stream = StreamId { source: source.id.clone(), log };
                        let cursor = StoredCursor { version: 7, text: text(body).into_owned() };
                        environment.world.with(|state| state.cursors.insert(stream, cursor));
                    }
                }
                [kind @ ("object" | "damaged"), log, day] => {
                    if let (Ok(log), Ok(day)) = (log.parse(), day.parse::<Day>()) {
                        let stream = StreamId { source: source.id.clone(), log };
                        let bytes = if kind == "object" { object(log, body) } else { body.to_vec() };
                        environment.put(&DayLogId { stream, day }, &bytes);
                    }
                }
                _ => {}
            }
        }
        environment
    }

    /// Adds the next object of a day log.
    fn put(&mut self, log: &DayLogId, bytes: &[u8]) {
        let number = self.given.iter().filter(|name| name.starts_with(&log.prefix())).count();
        let name = log.key(u32::try_from(number).map_or(u32::MAX, |number| number + 1)).to_string();
        self.world.with(|state| state.objects.insert(name.clone(), (bytes.into(), state.now)));
        self.given.insert(name);
    }

    /// Asserts that the poller's objects are readable and repeat no record that an earlier object contains, whatever the input contains.
    fn assert_objects(&self) {
        let objects = self.world.with(|state| state.objects.clone());
        let mut known: BTreeMap<DayLogId, BTreeSet<RowId>> = BTreeMap::new();
        for (name, (bytes, _)) in objects {
            let (key, is_created) = (key_of(&name), !self.given.contains(&name));
            let known = known.entry(key.day_log.clone()).or_default();
            let read =
                decode(&key, &bytes, |id, _| assert!(known.insert(id) || !is_created, "`{key}` repeats a record"));
            assert!(read.is_ok() || !is_created, "`{key}` cannot be read back: {read:?}");
        }
    }
}

fn key_of(name: &str) -> ObjectKey {
    let (log, rest) = name.split_once('/').expect("a key starts with a log");
    let (day, _) = rest.rsplit_once('/').expect("a key contains a day");
    let stream = StreamId { source: "acme".parse().expect("a valid ID"), log: log.parse().expect("a log") };
    let log = DayLogId { stream, day: day.parse().expect("a day") };
    match log.read_key(name) {
        KeyOwner::This(number) => log.key(number),
        owner => panic!("`{name}` belongs to {owner:?}"),
    }
}

impl ScriptedSlack {
    fn assert_calls_within_bounds(&self) {
        for (method, calls) in std::mem::take(&mut *self.calls.borrow_mut()) {
            let bound = if method == "logs" { LogType::Audit } else { LogType::Access }.calls_per_tick_max();
            assert!(calls <= bound, "too many calls of `{method}` in one tick: {calls}");
        }
    }
}

/// Returns the parts of an input: the text after `---` on its first line, and the lines after it.
fn parts(bytes: &[u8]) -> Vec<(String, &[u8])> {
    const MARK: &[u8] = b"--- ";
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(MARK) && (at == 0 || bytes[at - 1] == b'\n'))
        .chain([bytes.len()])
        .collect();
    let part = |pair: &[usize]| {
        let part = &bytes[pair[0] + MARK.len()..pair[1]];
        let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        let body = part.get(end + 1..).unwrap_or_default();
        (text(&part[..end]).into_owned(), body.strip_suffix(b"\n").unwrap_or(body))
    };
    starts.windows(2).map(part).collect()
}

fn object(log: LogType, rows: &[u8]) -> Vec<u8> {
    let rows = text(rows);
    let rows = rows.lines().filter_map(|json| serde_json::value::RawValue::from_string(json.to_owned()).ok());
    let lines: Vec<Vec<u8>> = rows.map(|json| row::write(&Record::read(log, None, json.get()))).collect();
    encode(lines.iter().map(Vec::as_slice), GZIP_LEVEL)
}

fn assert_summary(summary: &Summary) {
    let json = serde_json::to_string(summary).expect("a summary can be encoded");
    assert!(!json.contains(TOKEN), "token in {json}");
    let logs: BTreeSet<_> = summary.streams.iter().map(|stream| stream.log).collect();
    assert_eq!(logs.len(), summary.streams.len(), "collected a stream twice: {json}");
    for stream in &summary.streams {
        let (message, cause) =
            (stream.error().map(|error| error.message.clone()), stream.error().and_then(Error::causes));
        [stream.code(), stream.hint(Place::Poller).as_deref(), message.as_deref(), cause.as_deref()]
            .into_iter()
            .flatten()
            .for_each(assert_loggable);
    }
}

impl Slack for ScriptedSlack {
    async fn call(&self, _: &Source, request: &Request, _: CallAuth<'_>) -> Result<Response<Body>, Error> {
        let mut calls = self.calls.borrow_mut();
        let calls = calls.entry(request.method.to_owned()).or_default();
        *calls += 1;
        let responses = self.responses.get(request.method).map_or(&[][..], Vec::as_slice);
        let turn = usize::try_from(*calls - 1).unwrap_or(0) % responses.len().max(1);
        let response = responses.get(turn).cloned().unwrap_or(Response { status: 503, ..Response::default() });
        let Response { status, retry_after, date, scopes, body } = response;
        Ok(Response { status, retry_after, date, scopes, body: Body::whole(body) })
    }
}
