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
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use slacktrail_collector::tick::{Poller, ResourceLimits, Summary, TickLimits};
use slacktrail_core::credentials::{Credentials, Grant};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::object::{DayLogId, GZIP_LEVEL, ObjectKey, decode, encode};
use slacktrail_core::record::{Record, RowId};
use slacktrail_core::secret::Token;
use slacktrail_core::slack::{Request, Response};
use slacktrail_core::source::{LogType, Plan, Source, SourceId, StreamId};
use slacktrail_core::time::Day;
use slacktrail_ports::{
    Body, CallAuth, CreateOutcome, CredentialStore, DayLogStore, Deployment, DeploymentStore, Ports, ReplaceOutcome,
    SecretVersion, Slack, StoredCredentials, StoredObject, StoredSource, Version,
};

use super::{now, response, row, text};
use crate::error_text::{assert_loggable, assert_safe_error};

/// The token that no output may contain.
const TOKEN: &str = "xoxp-1-hush0123456789";
/// The number of polls after which a tick counts as endless.
const POLLS_MAX: usize = 100_000;
/// The seconds between the two ticks.
const PAUSE_SECONDS: i64 = 60;

/// Checks that a tick stays within its limits, returns safe errors, and leaves readable objects and cursors.
pub(super) fn tick(bytes: &[u8]) {
    let environment = Rc::new(Environment::read(bytes));
    let fake = || FakePorts(Rc::clone(&environment));
    let poller = Poller::new(Ports { slack: fake(), day_logs: fake(), deployment: fake(), credentials: fake() });
    for pause in [0, PAUSE_SECONDS] {
        let limits = TickLimits { calls_max: None, resources: ResourceLimits::default(), deadline_reached: &|| false };
        match finish(poller.tick(now().plus(pause).instant(), &limits)) {
            Ok(summary) => assert_summary(&summary),
            Err(error) => assert_safe_error(&error),
        }
        environment.assert_calls_within_bounds();
    }
    environment.assert_objects();
}

/// The environment of the poller: the stored state and Slack.
struct Environment {
    source: String,
    responses: BTreeMap<String, Vec<Response>>,
    cursors: RefCell<BTreeMap<StreamId, (Version, String)>>,
    objects: RefCell<BTreeMap<String, (ObjectKey, Vec<u8>)>>,
    /// The keys of objects that the poller created.
    created: RefCell<BTreeSet<String>>,
    calls: RefCell<BTreeMap<String, u32>>,
}

#[derive(Clone)]
struct FakePorts(Rc<Environment>);

impl Environment {
    fn read(bytes: &[u8]) -> Environment {
        let id: SourceId = "acme".parse().expect("a valid ID");
        let source = Source::new(id.clone(), "Acme", Plan::Enterprise, now().plus(-86_400));
        let mut environment = Environment {
            source: serde_json::to_string(&source).expect("a source can be encoded"),
            responses: BTreeMap::new(),
            cursors: RefCell::default(),
            objects: RefCell::default(),
            created: RefCell::default(),
            calls: RefCell::default(),
        };
        for (head, body) in parts(bytes) {
            let words: Vec<&str> = head.split_whitespace().collect();
            match words[..] {
                ["source"] => environment.source = text(body).into_owned(),
                ["response", method] => {
                    environment.responses.entry(method.to_owned()).or_default().push(response::read(body))
                }
                ["cursor", log] => {
                    if let Ok(log) = log.parse() {
                        let stream = StreamId { source: id.clone(), log };
                        environment.cursors.borrow_mut().insert(stream, (Version(7), text(body).into_owned()));
                    }
                }
                [kind @ ("object" | "damaged"), log, day] => {
                    if let (Ok(log), Ok(day)) = (log.parse(), day.parse::<Day>()) {
                        environment.put(log, day, if kind == "object" { object(log, body) } else { body.to_vec() });
                    }
                }
                _ => {}
            }
        }
        environment
    }

    /// Adds the next object of a day log.
    fn put(&self, log: LogType, day: Day, bytes: Vec<u8>) {
        let log = DayLogId { stream: StreamId { source: "acme".parse().expect("a valid ID"), log }, day };
        let mut objects = self.objects.borrow_mut();
        let number = objects.values().filter(|(key, _)| key.log == log).count();
        let key = log.key(u32::try_from(number).map_or(u32::MAX, |number| number + 1));
        objects.insert(key.to_string(), (key, bytes));
    }

    fn assert_calls_within_bounds(&self) {
        for (method, calls) in std::mem::take(&mut *self.calls.borrow_mut()) {
            let bound = if method == "logs" { LogType::Audit } else { LogType::Access }.calls_per_tick_max();
            assert!(calls <= bound, "too many calls of `{method}` in one tick: {calls}");
        }
    }

    /// Asserts that the poller's objects are readable and repeat no record that an earlier object contains, whatever the input contains.
    fn assert_objects(&self) {
        let mut known: BTreeMap<&DayLogId, BTreeSet<RowId>> = BTreeMap::new();
        let objects = self.objects.borrow();
        let mut in_order: Vec<_> = objects.values().collect();
        in_order.sort_by_key(|(key, _)| (&key.log, key.number));
        for (key, bytes) in in_order {
            let is_created = self.created.borrow().contains(&key.to_string());
            let known = known.entry(&key.log).or_default();
            let read = decode(key, bytes, |id, _| assert!(known.insert(id) || !is_created, "`{key}` repeats a record"));
            assert!(read.is_ok() || !is_created, "`{key}` cannot be read back: {read:?}");
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

fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
    panic!("the tick did not end after {POLLS_MAX} polls");
}

fn assert_summary(summary: &Summary) {
    let json = serde_json::to_string(summary).expect("a summary can be encoded");
    assert!(!json.contains(TOKEN), "token in {json}");
    for stream in &summary.streams {
        let (message, cause) =
            (stream.error().map(|error| error.message.clone()), stream.error().and_then(Error::causes));
        [stream.code(), stream.hint(), message.as_deref(), cause.as_deref()]
            .into_iter()
            .flatten()
            .for_each(assert_loggable);
    }
}

impl Slack for FakePorts {
    async fn call(&self, _: &Source, request: &Request, _: CallAuth<'_>) -> Result<Response<Body>, Error> {
        let mut calls = self.0.calls.borrow_mut();
        let calls = calls.entry(request.method.to_owned()).or_default();
        *calls += 1;
        let responses = self.0.responses.get(request.method).map_or(&[][..], Vec::as_slice);
        let turn = usize::try_from(*calls - 1).unwrap_or(0) % responses.len().max(1);
        let response = responses.get(turn).cloned().unwrap_or(Response { status: 503, ..Response::default() });
        let Response { status, retry_after, date, scopes, body } = response;
        Ok(Response { status, retry_after, date, scopes, body: Body::whole(body) })
    }
}

impl DayLogStore for FakePorts {
    async fn create(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<CreateOutcome, Error> {
        let name = key.to_string();
        if self.0.objects.borrow().contains_key(&name) {
            return Ok(CreateOutcome::AlreadyExists);
        }
        self.0.created.borrow_mut().insert(name.clone());
        self.0.objects.borrow_mut().insert(name, (key.clone(), bytes));
        Ok(CreateOutcome::Created)
    }

    async fn read(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let objects = self.0.objects.borrow();
        let found = objects.get(&key.to_string());
        Ok(found.map(|(_, bytes)| StoredObject { bytes: bytes.clone(), last_modified: now().instant() }))
    }

    async fn list(&self, log: &DayLogId) -> Result<Vec<u32>, Error> {
        let objects = self.0.objects.borrow();
        let mut numbers: Vec<u32> =
            objects.values().filter(|(key, _)| key.log == *log).map(|(key, _)| key.number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

impl DeploymentStore for FakePorts {
    async fn load(&self) -> Result<Deployment, Error> {
        let mut deployment = Deployment::default();
        deployment.insert_source("acme".parse().expect("a valid ID"), &self.0.source);
        for (stream, (version, text)) in &*self.0.cursors.borrow() {
            deployment.insert_cursor(stream.clone(), Some(*version), text);
        }
        Ok(deployment)
    }

    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<ReplaceOutcome, Error> {
        let mut cursors = self.0.cursors.borrow_mut();
        if cursors.get(stream).map(|(version, _)| *version) != expected {
            return Ok(ReplaceOutcome::Conflict);
        }
        let encoded = cursor.encode();
        assert_eq!(
            Cursor::decode(&encoded).as_ref().ok(),
            Some(cursor),
            "the cursor changed when it was encoded: {encoded}"
        );
        let next = Version(expected.map_or(1, |version| version.0 + 1));
        cursors.insert(stream.clone(), (next, encoded));
        Ok(ReplaceOutcome::Replaced(next))
    }

    async fn load_source(&self, _: &SourceId) -> Result<Option<StoredSource>, Error> {
        unreachable!("a tick loads all sources together")
    }

    async fn replace_source(&self, _: Option<Version>, _: &Source) -> Result<ReplaceOutcome, Error> {
        unreachable!("a tick changes no source")
    }
}

impl CredentialStore for FakePorts {
    async fn credentials(&self, _: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        let token = Token::new(TOKEN).expect("a valid token");
        let grant = Grant { token, token_refresh: None, tenant: None };
        let credentials = Some(Credentials::default().with_grant(grant));
        Ok(Some(StoredCredentials { version: SecretVersion("1".to_owned()), credentials }))
    }

    async fn reload_credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        self.credentials(source).await
    }

    async fn replace_credentials(
        &self,
        _: &SourceId,
        _: Option<&SecretVersion>,
        _: &Credentials,
    ) -> Result<ReplaceOutcome<SecretVersion>, Error> {
        Ok(ReplaceOutcome::Conflict)
    }

    async fn delete_credentials(&self, _: &SourceId) -> Result<(), Error> {
        unreachable!("a tick deletes no secret")
    }
}
