//! A deployment with one source whose Slack is honest, and sources whose Slack is hostile.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slacktrail_core::source::{LogType, Source};
use slacktrail_simulator::oauth::App;
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::tenant::{Tenant, Token};
use slacktrail_simulator::{Log, Settings};

use super::scripts::log_of_long_records;
use super::{Asked, CannedResponse, HostileSlack};
use crate::archive::Archive;
use crate::deployment::{Life, LocalDeployment, TABLE, organization_source};
use crate::function::Function;
use crate::http_api::DOMAIN_NAME;

/// The source whose calls only the simulated Slack answers.
const HONEST: &str = "honest";
/// The largest number of hostile sources.
const HOSTILE_MAX: usize = 40;
/// The delay of AWS responses while large objects are read back.
const STORE_DELAY: Duration = Duration::from_secs(2);
/// The memory limit of a process in a test: the 128 MB of the smallest function, minus room for the binary and Lambda's own processes.
///
/// `RLIMIT_DATA` limits all memory that Lambda counts, except for the pages of the binary's file. This exception is useful, because a
/// debug binary is many times larger than the deployed binary.
pub const DATA_MAX: u64 = 100 << 20;

/// A deployment with hostile sources. Dropping this value stops everything except for the pollers.
pub struct Siege {
    /// The deployment with the simulated Slack.
    pub deployment: LocalDeployment,
    /// The hostile Slack between the functions and the simulated Slack.
    pub slack: HostileSlack,
    life: Life,
}

impl Siege {
    /// Starts a deployment with only the honest source, or prints a message and returns `None` if moto is not available.
    ///
    /// # Panics
    /// Panics if a component does not start.
    pub async fn start() -> Option<Siege> {
        let tokens = (0..HOSTILE_MAX).map(|number| hostile(number).1).chain([token(HONEST)]);
        let settings = Settings {
            tenant: Tenant::organization("E1", &["T1", "T2", "T3"]),
            tokens: tokens.map(|token| Token::organization(&token)).collect(),
            apps: vec![App::organization(&format!("https://{DOMAIN_NAME}/oauth/callback"))],
            limits: Limits::OFF,
            ..Settings::organization()
        };
        let mut life = Life::new(&settings);
        let deployment = LocalDeployment::start(settings).await?;
        let now = Timestamp::now();
        life.happen(&mut deployment.slack(), now - SignedDuration::from_hours(30), now, 80);
        let slack = HostileSlack::before(&deployment).await;
        deployment.connect(&organization_source(HONEST), &token(HONEST)).await;
        Some(Siege { deployment, slack, life })
    }

    /// Starts a poller that calls the hostile Slack.
    pub fn poller(&self) -> Function {
        self.poller_with(&[])
    }

    /// Starts a poller that calls the hostile Slack, with more environment variables.
    pub fn poller_with(&self, more: &[(&str, &str)]) -> Function {
        let environment = self.slack.environment();
        let slack = environment.iter().map(|(name, value)| (*name, Some(value.as_str())));
        let more = more.iter().map(|(name, value)| (*name, Some(*value)));
        self.deployment.poller_with(&slack.chain(more).collect::<Vec<_>>())
    }

    /// Connects hostile source `number` with one log type and a script for its calls. Returns the source ID.
    pub async fn connect(
        &self,
        number: usize,
        log: Log,
        script: impl Fn(&Asked) -> Option<CannedResponse> + Send + Sync + 'static,
    ) -> String {
        let (id, token) = hostile(number);
        self.slack.script(Some(&token), script);
        let log = match log {
            Log::Audit => LogType::Audit,
            Log::Access => LogType::Access,
            Log::Integration => LogType::Integration,
        };
        let source = Source { logs: vec![log], ..organization_source(&id) };
        self.deployment.connect(&source, &token).await;
        id
    }

    /// Collects a log of `mebibytes` MiB for each of `sources` hostile sources, and then deletes all cursors.
    ///
    /// The sources are collected one after the other, so that their objects are as large as possible. Without cursors, the next poller must
    /// read the objects back.
    ///
    /// # Panics
    /// Panics if a record is not stored.
    pub async fn store_large_objects(&self, sources: usize, mebibytes: i64) {
        let poller = self.poller();
        for number in 0..sources {
            let log = log_of_long_records(mebibytes);
            let id = self.connect(number, Log::Audit, move |asked| log.answer(asked)).await;
            self.deployment.drain().await;
            let stored = self.deployment.archive().await.lines_of(&id).len();
            assert_eq!(i64::try_from(stored), Ok(mebibytes), "number of records of `{id}`");
            self.pause(number).await;
        }
        poller.kill().await;
        for number in 0..sources {
            let (id, token) = hostile(number);
            let source = Source { logs: vec![LogType::Audit], ..organization_source(&id) };
            self.deployment.connect(&source, &token).await;
        }
        let table = self.deployment.aws.dynamodb();
        for item in self.deployment.items().await {
            if item["sk"].as_s().is_ok_and(|key| key.contains("/cursor/")) {
                let delete = table.delete_item().table_name(TABLE);
                let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
                delete.send().await.expect("an item can be deleted");
            }
        }
        self.deployment.proxy.slow_down(STORE_DELAY); // so that concurrent reads are in memory at the same time
    }

    /// Pauses hostile source `number`.
    pub async fn pause(&self, number: usize) {
        self.deployment.pause(&organization_source(&hostile(number).0)).await;
    }

    /// Leaves the calls of hostile source `number` to the simulated Slack.
    pub fn calm_down(&self, number: usize) {
        self.slack.calm_down(Some(&hostile(number).1));
    }

    /// Revokes the token of hostile source `number` at the simulated Slack.
    pub fn revoke(&self, number: usize) {
        self.deployment.slack().revoke(&hostile(number).1);
    }

    /// Adds records within the last 5 seconds to the honest Slack.
    pub fn go_on(&mut self) {
        self.life.go_on(&mut self.deployment.slack(), 8);
    }

    /// Asserts that all records of the honest source are stored, and returns the archive.
    ///
    /// # Panics
    /// Panics if the archive differs from the honest source's records.
    pub async fn assert_honest_is_stored(&self) -> Archive {
        let archive = self.deployment.archive().await;
        archive.assert_exactly(&self.deployment.slack(), HONEST, &Log::ALL);
        archive
    }
}

/// Returns the ID and the token of hostile source `number`.
fn hostile(number: usize) -> (String, String) {
    let id = format!("hostile{number}");
    let token = token(&id);
    (id, token)
}

fn token(id: &str) -> String {
    format!("xoxp-simulated-{id}")
}
