//! A full deployment on loopback: the compiled poller, an emulated Lambda service and AWS account, and a simulated Slack.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slacktrail_adapters::aws::{AwsPorts, ResourceNames};
use slacktrail_adapters::settings::SECRET_PREFIX;
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::{self, Credentials};
use slacktrail_ports::sources;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_simulator::{Activity, Generator, Log, Row, Server, Settings, World};

use crate::archive::Archive;
use crate::aws_proxy::AwsProxy;
use crate::conformance;
use crate::emulated_aws::EmulatedAws;
use crate::function::{Function, poller_binary};
use crate::lambda_runtime_api::{Answer, Emulator};

/// The name of the log bucket.
pub const BUCKET: &str = "slack-logs";
/// The name of the table with sources and cursors.
pub const TABLE: &str = "slacktrail";

/// The timeout of the poller in the template.
const DEADLINE: Duration = Duration::from_secs(55);
/// The number of invocations within which a backlog of a few hundred records must drain.
const TICKS_MAX: usize = 30;
/// The time limit for a condition to become true. Each usually takes milliseconds, but longer on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The pause between two checks of a condition.
const CHECK_INTERVAL: Duration = Duration::from_millis(2);

/// A local deployment. Dropping this value stops everything except for the pollers, which the test stops.
pub struct LocalDeployment {
    /// The emulated AWS account.
    pub aws: EmulatedAws,
    /// The proxy between the pollers and the AWS account.
    pub proxy: AwsProxy,
    /// The emulated Lambda service.
    pub lambda: Emulator,
    slack: Arc<Mutex<World>>,
    server: Server,
    binary: PathBuf,
    names: ResourceNames,
    answers: Mutex<Vec<String>>,
}

/// The `streams` list of a poller's response: a summary of each stream.
#[derive(Clone, Debug)]
pub struct Summary(pub Vec<Value>);

impl LocalDeployment {
    /// Starts everything except for a poller, with an empty bucket and table.
    ///
    /// Prints a message and returns `None` if moto is not available.
    pub async fn start(settings: Settings) -> Option<LocalDeployment> {
        let aws = EmulatedAws::start()?;
        aws.create_bucket(BUCKET).await;
        aws.create_table(TABLE).await;
        Some(LocalDeployment::on(aws, names(), settings).await)
    }

    /// Starts everything except for a poller, with a source `acme` that has an uncollected history of `hours` hours with `audit` audit rows.
    ///
    /// Prints a message and returns `None` if moto is not available.
    pub async fn with_history(
        settings: Settings,
        hours: i64,
        audit: usize,
    ) -> Option<(LocalDeployment, ActivityGenerator)> {
        let deployment = LocalDeployment::start(settings).await?;
        let activity = ActivityGenerator::new(&mut deployment.slack(), hours, audit);
        deployment.connect(&organization_source("acme"), ORGANIZATION_TOKEN).await;
        Some((deployment, activity))
    }

    /// Starts everything except for a poller, in an account that already has a bucket and a table with these names.
    pub async fn on(aws: EmulatedAws, names: ResourceNames, settings: Settings) -> LocalDeployment {
        let slack = Arc::new(Mutex::new(World::new(settings)));
        let server =
            Server::start(Arc::clone(&slack), Arc::new(Timestamp::now)).await.expect("loopback has a free port");
        LocalDeployment {
            proxy: AwsProxy::start(aws.endpoint()).await,
            lambda: Emulator::start().await,
            aws,
            slack,
            server,
            binary: poller_binary(),
            names,
            answers: Mutex::default(),
        }
    }

    /// Locks and returns the simulated Slack. Pollers wait for Slack while a test holds the lock.
    pub fn slack(&self) -> MutexGuard<'_, World> {
        self.slack.lock().expect("the lock is not poisoned")
    }

    /// Stores a source and its token, and replaces any previous ones.
    pub async fn connect(&self, source: &Source, token: &str) {
        self.connect_with(source, &json!({ "token": token })).await;
    }

    /// Returns the stored secret of a source.
    pub async fn secret(&self, source: &Source) -> Value {
        let name = format!("{}{}", self.names.secret_prefix, source.id);
        let value = self.aws.secrets_manager().get_secret_value().secret_id(name).send().await;
        let value = value.expect("the secret can be read");
        serde_json::from_str(value.secret_string().unwrap_or_default()).expect("the secret is JSON")
    }

    /// Stores a source and the fields of its secret, and replaces any previous ones.
    pub async fn connect_with(&self, source: &Source, secret: &Value) {
        connect(&self.ports(), source, secret).await;
    }

    /// Pauses a source, and keeps its cursors and credentials.
    pub async fn pause(&self, source: &Source) {
        let paused = Source { paused: true, ..source.clone() };
        sources::put(&self.ports().deployment, &paused).await.expect("the source is written");
    }

    pub(crate) fn ports(&self) -> AwsPorts {
        AwsPorts::connect(&self.aws.sdk_config(), self.names.clone())
    }

    /// Returns the environment variables of a poller.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.services(&self.proxy);
        environment.push(("BUCKET_NAME".to_owned(), self.names.bucket.clone()));
        environment.push(("TABLE_NAME".to_owned(), self.names.table.clone()));
        environment
    }

    /// Returns the environment variables of an oauth function.
    pub fn oauth_environment(&self) -> Vec<(String, String)> {
        let mut environment = self.aws.environment();
        environment.extend(self.slack_urls());
        environment.push(("TABLE_NAME".to_owned(), self.names.table.clone()));
        environment
    }

    /// Returns the environment variables for AWS (through `proxy`) and Slack, without those that the template sets.
    pub fn services(&self, proxy: &AwsProxy) -> Vec<(String, String)> {
        let mut environment = self.aws.environment();
        environment.push(("AWS_ENDPOINT_URL".to_owned(), proxy.endpoint())); // replaces that of the account
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

    /// Returns the environment variables with which the `slacktrail` command manages this deployment.
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

    /// Starts a poller with some environment variables changed or added, or removed if the value is `None`.
    pub fn poller_with(&self, changes: &[(&str, Option<&str>)]) -> Function {
        let mut environment = self.environment();
        environment.retain(|(name, _)| changes.iter().all(|(changed, _)| name != changed));
        environment.extend(changes.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned()))));
        self.lambda.spawn(&self.binary, environment)
    }

    /// Invokes a poller with an event.
    pub async fn invoke_with(&self, event: Value) -> Answer {
        let answer = self.lambda.invoke(event, DEADLINE).await;
        self.answers.lock().expect("the lock is not poisoned").push(format!("{answer:?}"));
        answer
    }

    /// Invokes a poller with `{}`.
    pub async fn invoke(&self) -> Summary {
        Summary::of(self.invoke_with(json!({})).await)
    }

    /// Invokes a poller until no stream has a gap, at most [`TICKS_MAX`] times, and returns the last summary.
    pub async fn drain(&self) -> Summary {
        let mut summary = self.invoke().await;
        for _ in 1..TICKS_MAX {
            if !summary.is_behind() {
                return summary;
            }
            summary = self.invoke().await;
        }
        panic!("gaps remain after {TICKS_MAX} invocations: {summary:#?}");
    }

    /// Reads all objects of the bucket.
    pub async fn archive(&self) -> Archive {
        Archive::read(&self.aws.s3(), &self.names.bucket).await
    }

    /// Returns all items of the table.
    pub async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let scanned =
            self.aws.dynamodb().scan().table_name(&self.names.table).send().await.expect("the table can be read");
        scanned.items().to_vec()
    }

    /// Deletes all cursors.
    pub async fn delete_cursors(&self) {
        let table = self.aws.dynamodb();
        for item in self.items().await {
            if item["sk"].as_s().is_ok_and(|key| key.contains("/cursor/")) {
                let delete = table.delete_item().table_name(&self.names.table);
                let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
                delete.send().await.expect("an item can be deleted");
            }
        }
    }

    /// Asserts that no object, table item, poller response or line of `lines` contains a secret.
    pub async fn assert_nowhere(&self, secret: &str, lines: &[String]) {
        for text in self.archive().await.texts() {
            assert!(!text.contains(secret), "an object contains the secret: {text}");
        }
        for item in self.items().await {
            assert!(!format!("{item:?}").contains(secret), "an item contains the secret: {item:?}");
        }
        for text in self.answers.lock().expect("the lock is not poisoned").iter().chain(lines) {
            assert!(!text.contains(secret), "a response or a log line contains the secret: {text}");
        }
    }
}

impl Summary {
    /// Returns the summary in a poller's response.
    pub fn of(answer: Answer) -> Summary {
        match answer {
            Answer::Response(mut summary) => match summary["streams"].take() {
                Value::Array(streams) => Summary(streams),
                other => panic!("`streams` of the response is not a list: `{other}`"),
            },
            other => panic!("the poller did not succeed: {other:?}"),
        }
    }

    /// Returns the summary of one stream, which must appear exactly once.
    pub fn stream(&self, source: &str, log: Log) -> &Value {
        let matching: Vec<&Value> =
            self.0.iter().filter(|stream| stream["source"] == source && stream["log"] == log.name()).collect();
        match matching[..] {
            [stream] => stream,
            _ => panic!("{} entries for {source}/{}: {self:?}", matching.len(), log.name()),
        }
    }

    /// Returns `true` if a stream that is not paused has gaps.
    pub fn is_behind(&self) -> bool {
        self.0.iter().any(|stream| stream["gaps"] != 0 && stream["state"] != "paused")
    }
}

/// Returns the names of the bucket, the table and the secrets.
pub fn names() -> ResourceNames {
    ResourceNames { bucket: BUCKET.into(), table: TABLE.into(), secret_prefix: SECRET_PREFIX.into() }
}

/// Stores a source and the fields of its secret, and replaces any previous ones.
pub async fn connect(ports: &AwsPorts, source: &Source, secret: &Value) {
    let credentials = Credentials::decode(&secret.to_string()).expect("the secret is an object");
    let stored = credentials::update(&ports.credentials, &source.id, |_| Some(credentials.clone()));
    stored.await.expect("the secret is written");
    sources::put(&ports.deployment, source).await.expect("the source is written");
}

/// Creates a source for the organization with all three log types, collected since three days ago.
pub fn organization_source(id: &str) -> Source {
    let since = Second::of(Timestamp::now()).plus(-3 * 86_400);
    Source { since, ..conformance::source(id) }
}

/// Waits up to a minute until `condition` returns `true`. `what` describes the condition.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let checks = async {
        while !condition() {
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    };
    tokio::time::timeout(WAIT_MAX, checks).await.unwrap_or_else(|_| panic!("timed out waiting until {what}"));
}

/// A generator of activity in the simulated organization.
pub struct ActivityGenerator {
    generator: Generator,
    devices: Vec<usize>,
    known: HashSet<String>,
}

impl ActivityGenerator {
    /// Creates a generator for this Slack, and adds a history of the last `hours` hours, with `audit` audit rows.
    pub fn new(world: &mut World, hours: i64, audit: usize) -> ActivityGenerator {
        let generator = Generator::new(Activity::default(), world.settings());
        let mut activity = ActivityGenerator { generator, devices: Vec::new(), known: HashSet::new() };
        let now = Timestamp::now();
        activity.add_rows(world, now - SignedDuration::from_hours(hours), now, audit);
        activity
    }

    /// Adds `audit` audit rows, half as many access rows and a quarter as many integration rows, spread evenly over a time range.
    ///
    /// Audit rows come in pairs with equal times, and every fifth integration row is added twice.
    pub fn add_rows(&mut self, world: &mut World, from: Timestamp, until: Timestamp, audit: usize) {
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

    /// Returns an access row with a new identity. Slack merges access rows with the same user, location, device and second.
    fn new_device(&mut self, time: Timestamp) -> Row {
        loop {
            let row = self.generator.access_row(time);
            if self.known.insert(row.identity()) {
                return row;
            }
        }
    }

    /// Adds rows within the last 5 seconds of the current UTC day, and updates the access rows of some known devices.
    ///
    /// All of them are of one day, because a test that counts objects would otherwise fail just after midnight.
    pub fn add_recent_rows(&mut self, world: &mut World, audit: usize) {
        let now = Timestamp::now();
        let of_day = SignedDuration::from_millis(now.as_millisecond().rem_euclid(86_400_000));
        self.add_rows(world, now - of_day.min(SignedDuration::from_secs(5)), now, audit);
        for device in self.devices.iter().step_by(7) {
            world.touch_access(*device, now);
        }
    }
}

/// Returns time `index` of `count` evenly spaced times, from `from` (inclusive) to `until` (exclusive).
fn between(from: Timestamp, until: Timestamp, index: usize, count: usize) -> Timestamp {
    let span = until.as_millisecond() - from.as_millisecond();
    let [index, count] = [index, count.max(1)].map(|number| i64::try_from(number).expect("a small number"));
    Timestamp::from_millisecond(from.as_millisecond() + span * index / count).expect("a valid timestamp")
}
