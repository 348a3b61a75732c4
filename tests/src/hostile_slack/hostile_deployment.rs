//! A deployment with one source whose Slack is honest, and sources whose Slack is hostile.

use std::time::Duration;

use slacktrail_core::source::{LogType, Source};
use slacktrail_simulator::oauth::App;
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::tenant::{Tenant, Token};
use slacktrail_simulator::{Log, Settings};

use super::scripts::log_of_long_records;
use super::{HostileSlack, Input};
use crate::archive::Archive;
use crate::connecting::{authorize, issue_link};
use crate::deployment::{ActivityGenerator, LocalDeployment, organization_source};
use crate::function::{Function, oauth_binary};
use crate::http_api::DOMAIN_NAME;
use crate::lambda_runtime_api::{Answer, Emulator};

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
pub struct HostileDeployment {
    /// The deployment with the simulated Slack.
    pub deployment: LocalDeployment,
    /// The hostile Slack between the functions and the simulated Slack.
    pub slack: HostileSlack,
    activity: ActivityGenerator,
}

impl HostileDeployment {
    /// Starts a deployment with only the honest source, or prints a message and returns `None` if moto is not available.
    pub async fn start() -> Option<HostileDeployment> {
        let tokens = (0..HOSTILE_MAX).map(|number| hostile(number).1).chain([token(HONEST)]);
        let settings = Settings {
            tenant: Tenant::organization("E1", &["T1", "T2", "T3"]),
            tokens: tokens.map(|token| Token::organization(&token)).collect(),
            apps: vec![App::organization(&format!("https://{DOMAIN_NAME}/oauth/callback"))],
            limits: Limits::OFF,
            ..Settings::organization()
        };
        let deployment = LocalDeployment::start(settings).await?;
        let activity = ActivityGenerator::new(&mut deployment.slack(), 30, 80);
        let slack = HostileSlack::before(&deployment).await;
        deployment.connect(&organization_source(HONEST), &token(HONEST)).await;
        Some(HostileDeployment { deployment, slack, activity })
    }

    /// Starts a poller that calls the hostile Slack.
    pub fn poller(&self) -> Function {
        let environment = self.slack.environment();
        self.deployment.poller_with(&environment.each_ref().map(|(name, value)| (*name, Some(value.as_str()))))
    }

    /// Starts an oauth function for `lambda` that calls the hostile Slack.
    pub fn oauth(&self, lambda: &Emulator) -> Function {
        let mut environment = self.deployment.oauth_environment();
        environment.extend(self.slack.environment().map(|(name, value)| (name.to_owned(), value)));
        lambda.spawn(&oauth_binary(), environment)
    }

    /// Creates a link for a new source, authorizes it at the simulated Slack, and returns the response of the callback.
    pub async fn authorize(&self, lambda: &Emulator, number: u8) -> Answer {
        let link_token = issue_link(&self.deployment, number, &organization_source(&format!("granted{number}"))).await;
        authorize(&self.deployment, lambda, &format!("grant={}", link_token.reveal())).await
    }

    /// Connects hostile source `number`, which reads `input`. Returns the source ID.
    pub async fn connect(&self, number: usize, input: &Input) -> String {
        let (id, token) = hostile(number);
        self.slack.script(Some(&token), &input.script);
        let log = input.log.name().parse().expect("a log type");
        let source = Source { logs: vec![log], ..organization_source(&id) };
        self.deployment.connect(&source, &token).await;
        id
    }

    /// Collects a log of `mebibytes` MiB for each of `sources` hostile sources, and then deletes all cursors.
    ///
    /// The sources are collected one after the other, so that their objects are as large as possible. Without cursors, the next poller must
    /// read the objects back.
    pub async fn store_large_objects(&self, sources: usize, mebibytes: i64) {
        let poller = self.poller();
        for number in 0..sources {
            let id = self.connect(number, &log_of_long_records(mebibytes)).await;
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
        self.deployment.delete_cursors().await;
        self.deployment.proxy.slow_down(STORE_DELAY); // so that concurrent reads are in memory at the same time
    }

    /// Pauses hostile source `number`.
    pub async fn pause(&self, number: usize) {
        self.deployment.pause(&organization_source(&hostile(number).0)).await;
    }

    /// Adds records within the last 5 seconds to the honest Slack.
    pub fn add_recent_rows(&mut self) {
        self.activity.add_recent_rows(&mut self.deployment.slack(), 8);
    }

    /// Asserts that all records of the honest source are stored, and returns the archive.
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
