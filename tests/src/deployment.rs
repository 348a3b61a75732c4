//! A whole deployment on loopback: the compiled poller, the emulated Lambda service and AWS, and the simulated Slack.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slacktrail_adapters::aws::{AwsPorts, ResourceNames};
use slacktrail_core::credentials::{Credentials, Grant};
use slacktrail_core::secret::Token;
use slacktrail_core::settings::SECRET_PREFIX;
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;
use slacktrail_ports::sources;
use slacktrail_simulator::{Activity, Generator, Log, Row, Server, Settings, World};

use crate::archive::{Archive, name};
use crate::conformance;
use crate::counting_proxy::CountingProxy;
use crate::emulated_aws::EmulatedAws;
use crate::function::{Function, poller_binary};
use crate::lambda_runtime_api::{Answer, Emulator};

/// The log bucket.
pub const BUCKET: &str = "slack-logs";
/// The table of sources and cursors.
pub const TABLE: &str = "slacktrail";

/// Time of an invocation, as in the template.
const DEADLINE: Duration = Duration::from_secs(60);
/// Invocations after which a backlog of a few hundred records must be gone.
const TICKS_MAX: usize = 30;
/// Time for a condition that comes about by itself; a test that waits longer has found a fault.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// The pause between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A deployment. All of it ends with this value; pollers that a test started are the test's.
pub struct LocalDeployment {
    /// The AWS account.
    pub aws: EmulatedAws,
    /// What stands between the pollers and the account.
    pub proxy: CountingProxy,
    /// The Lambda service.
    pub lambda: Emulator,
    slack: Arc<Mutex<World>>,
    server: Server,
    binary: PathBuf,
    names: ResourceNames,
    answers: Mutex<Vec<String>>,
}

/// What the poller answered: a summary of each stream.
#[derive(Clone, Debug)]
pub struct Summary(pub Vec<Value>);

impl LocalDeployment {
    /// Starts everything but a poller, with an empty bucket and table; `None`, and a printed line, where there is no moto.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(settings: Settings) -> Option<LocalDeployment> {
        let aws = EmulatedAws::start()?;
        aws.create_bucket(BUCKET).await;
        aws.create_table(TABLE).await;
        let names = ResourceNames { bucket: BUCKET.into(), table: TABLE.into(), secret_prefix: SECRET_PREFIX.into() };
        Some(LocalDeployment::on(aws, names, settings).await)
    }

    /// Starts everything but a poller in an account that has a bucket and a table of these names.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn on(aws: EmulatedAws, names: ResourceNames, settings: Settings) -> LocalDeployment {
        let slack = Arc::new(Mutex::new(World::new(settings)));
        let server =
            Server::start(Arc::clone(&slack), Arc::new(Timestamp::now)).await.expect("loopback has a free port");
        LocalDeployment {
            proxy: CountingProxy::start(aws.endpoint()).await,
            lambda: Emulator::start().await,
            aws,
            slack,
            server,
            binary: poller_binary().unwrap_or_else(|why| panic!("{why}")),
            names,
            answers: Mutex::default(),
        }
    }

    /// The simulated Slack. Pollers wait while a test holds it.
    pub fn slack(&self) -> MutexGuard<'_, World> {
        self.slack.lock().expect("no holder of this lock panics")
    }

    /// Stores a source and its token, in place of what was there.
    pub async fn connect(&self, source: &Source, token: &str) {
        let ports = self.ports();
        let grant = Grant { token: Token::new(token).expect("a token"), token_refresh: None, tenant: None };
        let granted = slacktrail_ports::credentials::update(&ports.credentials, &source.id, |known| {
            Some(known.with_grant(grant.clone()))
        });
        granted.await.expect("the secret is written");
        sources::put(&ports.deployment, source).await.expect("the source is written");
    }

    /// The secret of a source, as it is stored.
    ///
    /// # Panics
    /// When there is none.
    pub async fn secret(&self, source: &Source) -> Value {
        let name = format!("{}{}", self.names.secret_prefix, source.id);
        let value = self.aws.secrets_manager().get_secret_value().secret_id(name).send().await;
        let value = value.expect("the secret can be read");
        serde_json::from_str(value.secret_string().unwrap_or_default()).expect("the secret is JSON")
    }

    /// Stores a source and its secret's fields, in place of what was there.
    pub async fn connect_with(&self, source: &Source, secret: &Value) {
        let ports = self.ports();
        let credentials = Credentials::decode(&secret.to_string()).expect("the secret is an object");
        let stored =
            slacktrail_ports::credentials::update(&ports.credentials, &source.id, |_| Some(credentials.clone()));
        stored.await.expect("the secret is written");
        sources::put(&ports.deployment, source).await.expect("the source is written");
    }

    /// Stops collecting a source, and leaves all else of it.
    pub async fn pause(&self, source: &Source) {
        let paused = Source { paused: true, ..source.clone() };
        sources::put(&self.ports().deployment, &paused).await.expect("the source is written");
    }

    fn ports(&self) -> AwsPorts {
        AwsPorts::connect(&self.aws.sdk_config(), self.names.clone())
    }

    /// The environment of a poller of this deployment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.services(&self.proxy);
        environment.push(("BUCKET_NAME".to_owned(), self.names.bucket.clone()));
        environment.push(("TABLE_NAME".to_owned(), self.names.table.clone()));
        environment
    }

    /// The environment of an oauth function of this deployment.
    pub fn oauth_environment(&self) -> Vec<(String, String)> {
        let mut environment = self.aws.environment();
        environment.extend(self.slack_urls());
        environment.push(("TABLE_NAME".to_owned(), self.names.table.clone()));
        environment
    }

    /// What Lambda itself tells a function of its account, and where Slack is: nothing that the template sets.
    pub fn services(&self, proxy: &CountingProxy) -> Vec<(String, String)> {
        let mut environment = self.aws.environment();
        environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL");
        environment.push(("AWS_ENDPOINT_URL".to_owned(), proxy.endpoint()));
        environment.extend(self.slack_urls());
        environment
    }

    fn slack_urls(&self) -> [(String, String); 3] {
        [
            ("SLACK_API_URL", self.server.api_url()),
            ("SLACK_AUDIT_URL", self.server.audit_url()),
            ("SLACK_AUTHORIZE_URL", self.server.authorize_url()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    /// The environment of the command of somebody who looks after this deployment.
    pub fn command_environment(&self) -> Vec<(String, String)> {
        let mut environment = self.aws.environment();
        environment.extend(
            [
                ("SLACKTRAIL_BUCKET", self.names.bucket.clone()),
                ("SLACKTRAIL_TABLE", self.names.table.clone()),
                ("SLACK_API_URL", self.server.api_url()),
                ("SLACK_AUDIT_URL", self.server.audit_url()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        environment
    }

    /// Starts a poller.
    pub fn poller(&self) -> Function {
        self.lambda.spawn(&self.binary, self.environment())
    }

    /// Starts a poller with other or further variables; one without a value is left out.
    pub fn poller_with(&self, changes: &[(&str, Option<&str>)]) -> Function {
        let mut environment = self.environment();
        environment.retain(|(name, _)| changes.iter().all(|(changed, _)| name != changed));
        environment.extend(changes.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned()))));
        self.lambda.spawn(&self.binary, environment)
    }

    /// Hands an event to a poller.
    pub async fn invoke_with(&self, event: Value) -> Answer {
        let answer = self.lambda.invoke(event, DEADLINE).await;
        self.answers.lock().expect("no holder of this lock panics").push(format!("{answer:?}"));
        answer
    }

    /// Invokes a poller with `{}`.
    ///
    /// # Panics
    /// When it answers an error, or not at all.
    pub async fn invoke(&self) -> Summary {
        Summary::of(self.invoke_with(json!({})).await)
    }

    /// Invokes a poller until nothing is left to collect, and returns its last answer.
    ///
    /// # Panics
    /// When something is still left after [`TICKS_MAX`] invocations.
    pub async fn drain(&self) -> Summary {
        let mut summary = self.invoke().await;
        for _ in 1..TICKS_MAX {
            if !summary.is_behind() {
                return summary;
            }
            summary = self.invoke().await;
        }
        panic!("something is still left to collect after {TICKS_MAX} invocations: {summary:#?}");
    }

    /// Everything in the bucket.
    pub async fn archive(&self) -> Archive {
        Archive::read(&self.aws.s3(), &self.names.bucket).await
    }

    /// Every item of the table.
    pub async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let scanned =
            self.aws.dynamodb().scan().table_name(&self.names.table).send().await.expect("the table can be read");
        scanned.items().to_vec()
    }

    /// Asserts that a secret is in no object, no item, no answer and none of these lines.
    ///
    /// # Panics
    /// When it is; the message repeats what it is in.
    pub async fn assert_nowhere(&self, secret: &str, lines: &[String]) {
        for text in self.archive().await.texts() {
            assert!(!text.contains(secret), "an object holds the secret: {text}");
        }
        for item in self.items().await {
            assert!(!format!("{item:?}").contains(secret), "an item holds the secret: {item:?}");
        }
        for text in self.answers.lock().expect("no holder of this lock panics").iter().chain(lines) {
            assert!(!text.contains(secret), "an answer or a log line holds the secret: {text}");
        }
    }
}

impl Summary {
    /// The summary in an answer.
    ///
    /// # Panics
    /// When the answer is an error or silence.
    pub fn of(answer: Answer) -> Summary {
        match answer {
            Answer::Response(mut summary) => match summary["streams"].take() {
                Value::Array(streams) => Summary(streams),
                other => panic!("the answer's streams are `{other}`"),
            },
            other => panic!("the poller did not succeed: {other:?}"),
        }
    }

    /// How a stream's tick went.
    ///
    /// # Panics
    /// When there is not exactly one such stream.
    pub fn stream(&self, source: &str, log: Log) -> &Value {
        let matching: Vec<&Value> =
            self.0.iter().filter(|stream| stream["source"] == source && stream["log"] == name(log)).collect();
        match matching[..] {
            [stream] => stream,
            _ => panic!("{} entries for {source}/{}: {self:?}", matching.len(), name(log)),
        }
    }

    /// Whether a stream has gaps left.
    pub fn is_behind(&self) -> bool {
        self.0.iter().any(|stream| stream["gaps"] != 0 && stream["state"] != "paused")
    }
}

/// A source of the organization with all three logs, wanted from three days ago on.
pub fn organization_source(id: &str) -> Source {
    let since = Second::of(Timestamp::now()).plus(-3 * 86_400);
    Source { since, ..conformance::source(id) }
}

/// Returns once `condition` holds.
///
/// # Panics
/// When it does not within half a minute.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let looked = async {
        while !condition() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(WAIT_MAX, looked).await.unwrap_or_else(|_| panic!("it never came about that {what}"));
}

/// People at work in the simulated organization.
pub struct Life {
    generator: Generator,
    devices: Vec<usize>,
    known: HashSet<String>,
}

impl Life {
    /// In a Slack with these settings.
    pub fn new(settings: &Settings) -> Life {
        Life { generator: Generator::new(Activity::default(), settings), devices: Vec::new(), known: HashSet::new() }
    }

    /// Adds `audit` audit rows, half as many access rows and a quarter as many integration rows, evenly between two
    /// instants: audit rows two to a second, every fifth integration row twice over.
    pub fn happen(&mut self, world: &mut World, from: Timestamp, until: Timestamp, audit: usize) {
        for i in 0..audit {
            world.add(self.generator.audit_row(between(from, until, i / 2, audit.div_ceil(2))));
        }
        for i in 0..audit / 2 {
            let row = self.new_device(between(from, until, i, audit / 2));
            self.devices.push(world.add(row));
        }
        for i in 0..audit / 4 {
            let row = self.generator.integration_row(between(from, until, i, audit / 4));
            if i % 5 == 0 {
                world.add(row.clone());
            }
            world.add(row);
        }
    }

    /// An access row unlike all before: two of one user, place, device and second would be one row to Slack.
    fn new_device(&mut self, time: Timestamp) -> Row {
        loop {
            let row = self.generator.access_row(time);
            if self.known.insert(row.identity()) {
                return row;
            }
        }
    }

    /// Adds rows of the last few seconds, and lets some known devices come back.
    pub fn go_on(&mut self, world: &mut World, audit: usize) {
        let now = Timestamp::now();
        self.happen(world, now - SignedDuration::from_secs(5), now, audit);
        for device in self.devices.iter().step_by(7) {
            world.touch_access(*device, now);
        }
    }
}

/// The instant of thing `index` of `count`, from `from` on and before `until`.
fn between(from: Timestamp, until: Timestamp, index: usize, count: usize) -> Timestamp {
    let span = until.as_millisecond() - from.as_millisecond();
    let [index, count] = [index, count.max(1)].map(|number| i64::try_from(number).expect("a small number"));
    Timestamp::from_millisecond(from.as_millisecond() + span * index / count).expect("an instant of these days")
}
