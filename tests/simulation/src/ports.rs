//! The simulated ports of a process.

use std::hash::{DefaultHasher, Hash, Hasher};

use futures_util::stream;
use jiff::Timestamp;
use serde_json::Value;
use slacktrail_connect::{Authorization, AuthorizationId, AuthorizationStore};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::object::{DayLogId, KeyOwner, ObjectKey};
use slacktrail_core::slack::{Family, Request, Response};
use slacktrail_core::source::{LogType, Source, SourceId, StreamId};
use slacktrail_core::time::parse_http_date;
use slacktrail_ports::credentials::Credentials;
use slacktrail_ports::shard::Shard;
use slacktrail_ports::{
    Body, CallAuth, CreateOutcome, CredentialStore, DayLogStore, Deployment, DeploymentStore, Invoker, Ports,
    ReplaceOutcome, SecretVersion, Slack, StoredCredentials, StoredObject, StoredSource, Version,
};
use slacktrail_simulator as simulator;

use super::facts::CLOCK_SKEW_SECONDS;
use super::mutant::Mutant;
use super::oracle;
use super::process::Id;
use super::simulated_world::{NoResponse, Part, SimulatedWorld, State, StoredCursor};

/// All ports of one process in the simulated world.
#[derive(Clone, Debug)]
pub struct SimulatedPorts {
    world: SimulatedWorld,
    id: Id,
}

pub(super) fn ports(
    world: &SimulatedWorld,
    id: &Id,
) -> Ports<SimulatedPorts, SimulatedPorts, SimulatedPorts, SimulatedPorts> {
    let ports = SimulatedPorts { world: world.clone(), id: id.clone() };
    Ports { slack: ports.clone(), day_logs: ports.clone(), deployment: ports.clone(), credentials: ports }
}

impl SimulatedPorts {
    /// Creates the ports of a process without a poller.
    pub fn of(world: &SimulatedWorld, process: u32) -> SimulatedPorts {
        SimulatedPorts { world: world.clone(), id: Id::of(process) }
    }

    async fn operate<R>(
        &self,
        part: Part,
        what: impl Fn() -> String,
        effect: impl FnMut(&mut State) -> R,
    ) -> Result<R, Error> {
        self.world.operate(&self.id, part, false, &what, effect).await.map_err(|NoResponse| no_response(&what()))
    }

    /// Returns a response body that arrives in the configured chunks.
    fn body(&self, bytes: Vec<u8>, breaks_off: bool) -> Body {
        let length = self.world.with(|state| state.chunk_bytes);
        if length.is_none() && !breaks_off {
            return Body::whole(bytes);
        }
        let chunks = bytes.chunks(length.unwrap_or(usize::MAX)).map(|chunk| Ok(chunk.to_vec()));
        let end = breaks_off.then(|| {
            let message = "calling Slack: the response is incomplete";
            Err(Error::slack("incomplete_response", message))
        });
        Body::chunks(stream::iter(chunks.chain(end).collect::<Vec<_>>()))
    }

    async fn query<R>(&self, part: Part, what: impl Fn() -> String, view: impl Fn(&State) -> R) -> Result<R, Error> {
        self.world
            .operate(&self.id, part, true, &what, |state| view(state))
            .await
            .map_err(|NoResponse| no_response(&what()))
    }
}

fn no_response(what: &str) -> Error {
    Error::deployment("aws_unavailable", format!("`{what}` received no response"))
}

impl Slack for SimulatedPorts {
    async fn call(&self, source: &Source, request: &Request, caller: CallAuth<'_>) -> Result<Response<Body>, Error> {
        self.id.count_call(&self.world, request.method);
        self.id.note(|facts| facts.of_call(source, request.method).calls += 1);
        let outcome = self
            .operate(
                Part::Slack,
                || format!("slack {request:?}"),
                |state| {
                    let mut simulated = simulated_request(request, caller);
                    Mutant::alter_request(state.mutant, &mut simulated);
                    let outcome = state.slack.answer(state.now, &simulated);
                    if request.method == simulator::Log::Access.path() {
                        state.book.note_shown(state.slack.visible_rows(simulator::Log::Access, state.now));
                    }
                    outcome
                },
            )
            .await;
        match outcome {
            Ok(simulator::Outcome::Response(response)) => {
                self.world.trace_result(|| describe(&response));
                let breaks_off = response.breaks_off;
                self.world.with(|state| {
                    self.id.note(|facts| oracle::note_response(state, facts, source, request, &response));
                });
                let mut response = Response {
                    status: response.status,
                    retry_after: response.header("Retry-After").map(str::to_owned),
                    date: response.header("Date").and_then(parse_http_date),
                    scopes: response.header("x-oauth-scopes").map(str::to_owned),
                    body: response.body,
                };
                if let Some(mutant) = self.world.with(|state| state.mutant) {
                    Mutant::alter_response(Some(mutant), &mut response);
                }
                let Response { status, retry_after, date, scopes, body } = response;
                Ok(Response { status, retry_after, date, scopes, body: self.body(body, breaks_off) })
            }
            Ok(simulator::Outcome::Hangup) | Err(_) => Err(Error::slack("unreachable", "Slack is unreachable")),
        }
    }
}

/// Formats a response for the trace.
fn describe(response: &simulator::Response) -> String {
    let body = String::from_utf8_lossy(&response.body);
    if body.contains("xox") {
        return format!("{} (contains a token)", response.status);
    }
    let short: String = body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect();
    format!("{} {short}", response.status)
}

fn simulated_request(request: &Request, caller: CallAuth<'_>) -> simulator::Request {
    let family = match request.family {
        Family::Audit => simulator::Family::Audit,
        Family::Web => simulator::Family::Web,
    };
    let simulated = simulator::Request::get(family, request.method);
    let mut simulated = match caller {
        CallAuth::User(token) => simulated.bearer(token.reveal()),
        CallAuth::App(app) => simulated.basic(&app.client_id, app.client_secret.reveal()),
    };
    if request.post {
        simulated.method = simulator::Method::Post;
    }
    for (name, value) in &request.arguments {
        simulated = simulated.with(name, value);
    }
    simulated
}

impl DayLogStore for SimulatedPorts {
    async fn create(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<CreateOutcome, Error> {
        let key = key.to_string();
        let created = self
            .operate(
                Part::Bucket,
                || format!("create {key}"),
                |state| {
                    let before = (state.objects.len(), state.book.lines.len());
                    let created = state.create(&key, &bytes);
                    if state.objects.len() > before.0 {
                        self.id.note(|facts| facts.note_created(&key, &bytes, &state.book.lines[before.1..]));
                    }
                    created
                },
            )
            .await;
        match created {
            Ok(CreateOutcome::Created) => self.id.note(|facts| facts.note_acknowledged(&key)),
            Ok(CreateOutcome::AlreadyExists) => self.id.note(|facts| facts.note_exists(&key)),
            _ => {}
        }
        self.world.trace_result(|| format!("{created:?}"));
        created
    }

    async fn read(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let key = key.to_string();
        self.query(
            Part::Bucket,
            || format!("read {key}"),
            |state| {
                let (bytes, created) = state.objects.get(&key)?.clone();
                Some(StoredObject {
                    bytes: bytes.to_vec(),
                    last_modified: Mutant::last_modified(state.mutant, created),
                })
            },
        )
        .await
    }

    async fn list(&self, log: &DayLogId) -> Result<Vec<u32>, Error> {
        self.query(
            Part::Bucket,
            || format!("list {}", log.prefix()),
            |state| {
                let (mut numbers, prefix) = (Vec::new(), log.prefix());
                let objects = state.objects.range(prefix.clone()..).map(|(key, _)| key);
                let objects = objects.take_while(|key| key.starts_with(&prefix));
                for key in objects.chain(state.foreign.iter().filter(|key| key.starts_with(&prefix))) {
                    match log.read_key(key) {
                        KeyOwner::This(number) => numbers.push(number),
                        KeyOwner::OtherSource => {}
                        KeyOwner::Unknown => return Err(unexpected_object(key)),
                    }
                }
                numbers.sort_unstable();
                Ok(numbers)
            },
        )
        .await?
    }
}

fn unexpected_object(key: &str) -> Error {
    let message = format!("listing a day log: `{key}` is not an object that slacktrail writes");
    Error::deployment("unexpected_object", message)
}

impl State {
    fn create(&mut self, key: &str, bytes: &[u8]) -> CreateOutcome {
        if self.is_busy() {
            return CreateOutcome::Conflict;
        }
        match self.mutant {
            Some(Mutant::CursorBeforeObject) => {
                self.owed.push((key.to_owned(), bytes.to_vec()));
                return CreateOutcome::Created;
            }
            Some(Mutant::OverwritesObjects) => {}
            _ if self.objects.contains_key(key) => return CreateOutcome::AlreadyExists,
            _ => {}
        }
        self.put(key, bytes);
        CreateOutcome::Created
    }

    fn put(&mut self, key: &str, bytes: &[u8]) {
        let created = self.now.saturating_add(self.bucket_ahead).unwrap_or(self.now);
        let before = self.objects.insert(key.to_owned(), (bytes.into(), created));
        let checked = match before {
            Some((before, _)) if *before == *bytes => Ok(()),
            Some(_) => Err(format!("overwritten: object `{key}`")),
            None => oracle::check_object(self, key, bytes),
        };
        if let Err(invariant) = checked {
            self.broken.get_or_insert(invariant);
        }
    }

    fn cursor(&self, stream: &StreamId) -> Option<Value> {
        serde_json::from_str(&self.cursors.get(stream)?.text).ok()
    }

    fn replace(&mut self, stream: &StreamId, expected: Option<Version>, text: &str) -> ReplaceOutcome {
        let version = self.cursors.get(stream).map(|cursor| Version(cursor.version));
        if version != expected {
            return ReplaceOutcome::Conflict;
        }
        let next = version.map_or(1, |version| version.0 + 1);
        self.cursors.insert(stream.clone(), StoredCursor { version: next, text: text.to_owned() });
        if let Err(invariant) = oracle::check_cursor(self, stream.log == LogType::Audit, text) {
            self.broken.get_or_insert(invariant);
        }
        ReplaceOutcome::Replaced(Version(next))
    }
}

impl State {
    /// Returns the text that the table holds for a source.
    fn source_text(&self, id: &SourceId) -> Option<String> {
        let text = self.sources.get(id).map(text_of)?;
        Some(self.garbled_sources.get(id).cloned().unwrap_or(text))
    }
}

fn text_of(source: &Source) -> String {
    serde_json::to_string(source).expect("a source is valid JSON")
}

/// Returns a hash of the text as the version of a source, so that a test can edit the source without counting.
fn version_of(text: &str) -> Version {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    Version(hasher.finish())
}

/// Returns the newest time that a cursor claims anything about, including its gaps.
fn newest_time(cursor: &Value) -> Option<i64> {
    let is_claim = |key: &str| !matches!(key, "health" | "not_before" | "workspaces");
    match cursor {
        Value::Object(fields) => {
            fields.iter().filter(|(key, _)| is_claim(key)).filter_map(|(_, value)| newest_time(value)).max()
        }
        Value::Array(values) => values.iter().filter_map(newest_time).max(),
        value => value.as_i64(),
    }
}

impl DeploymentStore for SimulatedPorts {
    async fn load(&self) -> Result<Deployment, Error> {
        self.load_shard(&Shard::default()).await
    }

    async fn load_shard(&self, shard: &Shard) -> Result<Deployment, Error> {
        let deployment = self.query(
            Part::Table,
            || "load".to_owned(),
            |state| {
                let mut deployment = Deployment::default();
                for id in state.sources.keys().filter(|id| shard.has(id)) {
                    deployment.insert_source(id.clone(), &state.source_text(id).expect("the source exists"));
                }
                for (stream, stored) in state.cursors.iter().filter(|(stream, _)| shard.has(&stream.source)) {
                    deployment.insert_cursor(stream.clone(), Some(Version(stored.version)), &stored.text);
                }
                deployment
            },
        );
        let deployment = deployment.await;
        self.id.note(|facts| facts.tampered = self.world.with(|state| state.tampered.clone()));
        deployment
    }

    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<ReplaceOutcome, Error> {
        let text = cursor.encode();
        debug_assert_eq!(Cursor::decode(&text).as_ref().ok(), Some(cursor), "the cursor changed when it was encoded");
        let what = || format!("replace {stream} {text}");
        let replaced = self
            .operate(Part::Table, what, |state| {
                let before = state.cursor(stream);
                let (suspended_for, clock, is_loaded) = self.id.note(|facts| {
                    let is_loaded = facts.of(stream.log).saved.is_none(); // a tick knows what it saved itself
                    (state.now.duration_since(facts.started), facts.clock.as_second(), is_loaded)
                });
                let replaced = state.replace(stream, expected, &text);
                // A tick that read its clock long ago takes a valid cursor for one of the future. Live collection then starts with that
                // clock.
                let newest = before.as_ref().filter(|_| is_loaded).and_then(newest_time);
                let is_future = newest > Some(clock + CLOCK_SKEW_SECONDS);
                let watermark = |cursor: Option<Value>| cursor.and_then(|cursor| cursor["watermark"].as_i64());
                let goes_back = watermark(state.cursor(stream)) < watermark(before);
                let goes_back = suspended_for.as_secs() >= CLOCK_SKEW_SECONDS && (is_future || goes_back);
                let begins = matches!(
                    replaced,
                    ReplaceOutcome::Replaced(Version(number)) if number == 1 || goes_back || state.tampered.contains(&stream.log)
                );
                if begins {
                    self.id.note(|facts| oracle::begin_stream(state, stream.log, facts));
                }
                replaced
            })
            .await;
        self.id.note(|facts| facts.note_saved(stream.log, matches!(replaced, Ok(ReplaceOutcome::Replaced(_)))));
        self.world.trace_result(|| format!("{replaced:?}"));
        // `Mutant::CursorBeforeObject` writes its objects only now.
        while let Some((key, bytes)) = self.world.with(|state| state.owed.pop()) {
            self.operate(Part::Bucket, || format!("delayed create {key}"), |state| state.put(&key, &bytes)).await?;
        }
        replaced
    }

    async fn load_source(&self, id: &SourceId) -> Result<Option<StoredSource>, Error> {
        let what = || format!("load source {id}");
        let text = self.query(Part::Table, what, |state| state.source_text(id)).await?;
        Ok(text.map(|text| {
            let mut deployment = Deployment::default();
            deployment.insert_source(id.clone(), &text);
            (version_of(&text), deployment.sources.remove(id).expect("the source was inserted above"))
        }))
    }

    async fn replace_source(&self, expected: Option<Version>, source: &Source) -> Result<ReplaceOutcome, Error> {
        self.operate(
            Part::Table,
            || format!("replace source {}", source.id),
            |state| {
                if state.source_text(&source.id).map(|text| version_of(&text)) != expected {
                    return ReplaceOutcome::Conflict;
                }
                state.garbled_sources.remove(&source.id);
                state.sources.insert(source.id.clone(), source.clone());
                ReplaceOutcome::Replaced(version_of(&text_of(source)))
            },
        )
        .await
    }
}

impl AuthorizationStore for SimulatedPorts {
    async fn load_authorization(&self, id: &AuthorizationId) -> Result<Option<(Version, Authorization)>, Error> {
        self.query(
            Part::Table,
            || "load an authorization".to_owned(), // as in the real adapter, the error omits the ID, because a caller may have invented it
            |state| {
                let (version, text) = state.authorizations.get(id)?;
                Some((Version(*version), serde_json::from_str(text).expect("the stored authorization is valid")))
            },
        )
        .await
    }

    async fn replace_authorization(
        &self,
        expected: Option<Version>,
        authorization: &Authorization,
    ) -> Result<ReplaceOutcome, Error> {
        let text = authorization.encode();
        self.operate(
            Part::Table,
            || format!("replace authorization {text}"),
            |state| {
                let present = state.authorizations.get(&authorization.id).map(|(version, _)| Version(*version));
                if present != expected {
                    return ReplaceOutcome::Conflict;
                }
                let next = present.map_or(1, |version| version.0 + 1);
                state.authorizations.insert(authorization.id.clone(), (next, text.clone()));
                ReplaceOutcome::Replaced(Version(next))
            },
        )
        .await
    }
}

impl Invoker for SimulatedPorts {
    async fn invoke(&self, shard: &Shard) -> Result<(), Error> {
        self.operate(Part::Table, || format!("invoke {shard:?}"), |state| state.invoked.push(shard.clone())).await
    }
}

impl CredentialStore for SimulatedPorts {
    async fn credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        self.query(Part::Secrets, || "credentials".to_owned(), |state| state.stored_credentials(source)).await
    }

    async fn reload_credentials(&self, source: &SourceId) -> Result<Option<StoredCredentials>, Error> {
        self.query(Part::Secrets, || "reload credentials".to_owned(), |state| state.stored_credentials(source)).await
    }

    async fn replace_credentials(
        &self,
        source: &SourceId,
        expected: Option<&SecretVersion>,
        credentials: &Credentials,
    ) -> Result<ReplaceOutcome<SecretVersion>, Error> {
        let text = credentials.encode();
        // As in Secrets Manager, repeating a request that was applied is no second write.
        let mut applied = None;
        self.operate(
            Part::Secrets,
            || format!("replace credentials after {expected:?}"),
            |state| {
                let present = state.stored_credentials(source).map(|stored| stored.version);
                if applied.is_some() && present == applied {
                    return ReplaceOutcome::Replaced(present.expect("the credentials were written"));
                }
                if present.as_ref() != expected {
                    return ReplaceOutcome::Conflict;
                }
                let number = state.credentials.get(source).map_or(0, |(number, _)| *number) + 1;
                state.credentials.insert(source.clone(), (number, Some(text.clone())));
                applied = Some(SecretVersion(number.to_string()));
                ReplaceOutcome::Replaced(SecretVersion(number.to_string()))
            },
        )
        .await
    }

    async fn delete_credentials(&self, source: &SourceId) -> Result<(), Error> {
        self.operate(
            Part::Secrets,
            || "delete credentials".to_owned(),
            |state| {
                let number = state.credentials.get(source).map_or(0, |(number, _)| *number);
                state.credentials.insert(source.clone(), (number, None));
            },
        )
        .await
    }
}

impl State {
    /// Returns the stored credentials. A source without any uses the first token of the simulated Slack.
    fn stored_credentials(&self, source: &SourceId) -> Option<StoredCredentials> {
        let (number, text) = match self.credentials.get(source) {
            Some((number, text)) => (*number, text.clone()?),
            None => (0, format!("{{\"token\":\"{}\"}}", self.slack.settings().tokens.first()?.text)),
        };
        Some(StoredCredentials { version: SecretVersion(number.to_string()), credentials: Credentials::decode(&text) })
    }
}

impl Mutant {
    fn last_modified(mutant: Option<Mutant>, created: Timestamp) -> Timestamp {
        if mutant == Some(Mutant::ReadsBackTooLittle) { Timestamp::UNIX_EPOCH } else { created }
    }
}
