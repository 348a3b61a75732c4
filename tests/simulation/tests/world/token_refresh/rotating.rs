//! A source whose app uses token rotation, and the processes that refresh its tokens.

use jiff::SignedDuration;
use serde_json::Value;
use slacktrail_core::health::State;
use slacktrail_core::source::{LogType, SourceId};
use slacktrail_core::stream::StreamOutcome;
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::{Credentials, update};
use slacktrail_simulation::harness::Harness;
use slacktrail_simulation::{End, SimulatedPorts, oracle, run};
use slacktrail_simulator::oauth::{App, Consent, GraceReuse};
use slacktrail_simulator::{Log, Settings};

const REDIRECT_URL: &str = "https://collector.example/oauth/callback";
/// The lifetime of an access token: twelve hours.
const TOKEN_TTL_SECONDS: i64 = 43_200;
/// The number of the process that stores the grants of reconnects.
const CALLBACK: u32 = u32::MAX;
/// Ticks after which a source must be healthy: refresh leases and grace periods are over by then.
const SETTLING_TICKS: u32 = 4;

/// How Slack treats a refresh token that was already used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grace {
    /// How long Slack accepts it again.
    pub(crate) seconds: i64,
    /// The tokens that Slack then returns.
    pub(crate) reuse: GraceReuse,
}

/// A source whose app uses token rotation.
pub(crate) struct Rotating {
    pub(crate) harness: Harness,
}

impl Rotating {
    /// Connects a source at 14:00 UTC, with a token issued at that time.
    pub(crate) fn new(grace: Grace) -> Rotating {
        let mut settings = Settings::organization();
        settings.apps = vec![App::organization(REDIRECT_URL).rotating()];
        settings.oauth.refresh_grace = SignedDuration::from_secs(grace.seconds);
        settings.oauth.grace_reuse = grace.reuse;
        let mut harness = Harness::new(settings, &[LogType::Audit]);
        harness.calls_max = None;
        harness.edit_source(|source| source.since = source.connected_at);
        let mut rotating = Rotating { harness };
        rotating.connect();
        rotating
    }

    /// Reconnects the source: consent, code exchange, and the update that the callback stores.
    pub(crate) fn connect(&mut self) {
        let now = self.harness.now();
        let secret = self.harness.world().with(|state| {
            let app = state.slack.settings().apps[0].clone();
            let granted = state.slack.install(now, &app, "auditlogs:read", &Consent::organization());
            let user = &granted["authed_user"];
            serde_json::json!({
                "client_id": app.client_id,
                "client_secret": app.client_secret,
                "token": user["access_token"],
                "refresh_token": user["refresh_token"],
                "expires_at": Second::of(now).get() + TOKEN_TTL_SECONDS,
            })
        });
        let id: SourceId = "acme".parse().unwrap();
        let granted = Credentials::decode(&secret.to_string()).unwrap();
        let ports = SimulatedPorts::of(self.harness.world(), CALLBACK);
        run(update(&ports, &id, |_| Some(granted.clone()))).unwrap();
        self.harness.edit_source(|source| source.connected_at = Second::of(now));
    }

    /// Returns the stored access token.
    pub(crate) fn token(&self) -> String {
        let secret =
            self.harness.world().with(|state| state.credentials.values().next().and_then(|(_, text)| text.clone()));
        let secret: Value = serde_json::from_str(&secret.unwrap()).unwrap();
        secret["token"].as_str().unwrap().to_owned()
    }

    /// Advances the time, and adds a record at the new time.
    pub(crate) fn pass(&mut self, seconds: i64) {
        self.harness.pass(seconds);
        self.harness.rows(Log::Audit, 1, 0);
    }

    /// Advances the time by a minute, and runs a tick.
    pub(crate) fn minute(&mut self) -> Option<StreamOutcome> {
        self.pass(60);
        self.tick()
    }

    /// Runs a tick. Returns `None` if its process was killed or the tick failed. Replaces a killed process.
    pub(crate) fn tick(&mut self) -> Option<StreamOutcome> {
        match self.harness.try_tick() {
            End::Killed => self.harness.restart(),
            End::Answered(answer) => return answer.ok()?.streams.into_iter().next(),
        }
        None
    }

    /// Returns how often Slack has issued tokens for a refresh token.
    pub(crate) fn refreshes(&self) -> usize {
        self.harness.world().with(|state| state.slack.refreshes())
    }

    /// Runs ticks until the source must be healthy, and on beyond the lifetimes of the current token and the next one. Returns the violation,
    /// or the state of a source that is not healthy at the end.
    pub(crate) fn outlive_two_tokens(&mut self) -> Result<(), String> {
        for _ in 0..SETTLING_TICKS {
            self.minute();
        }
        for hours in [3, 9, 9] {
            self.pass(hours * 3_600);
            for _ in 0..SETTLING_TICKS {
                self.minute();
            }
        }
        let last = self.minute().ok_or("the last tick failed")?;
        if !matches!(last.state, State::Ok | State::CatchingUp) {
            return Err(format!("the source ended as {:?}: {:?}", last.state, last.error()));
        }
        self.harness.world().with(oracle::check_end)
    }

    /// Returns the last lines of the trace.
    pub(crate) fn trace(&self) -> String {
        self.harness.world().with(|state| state.trace[state.trace.len().saturating_sub(80)..].join("\n"))
    }
}
