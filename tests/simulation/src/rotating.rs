//! A source whose app uses token rotation, and the processes that refresh its tokens.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use jiff::SignedDuration;
use serde_json::Value;
use slacktrail_collector::tick::ResourceLimits;
use slacktrail_core::health::State as Health;
use slacktrail_core::source::{LogType, Source, SourceId};
use slacktrail_core::stream::StreamOutcome;
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::{Credentials, update};
use slacktrail_simulator::oauth::{App, Consent, GraceReuse};
use slacktrail_simulator::{Outcome, Request, Row, Settings, World};

use super::oracle;
use super::ports::SimulatedPorts;
use super::process::{End, Process, Tick};
use super::simulated_world::{BEGINNING, Fault, FaultKind, SimulatedWorld, acme, operation_in};

const REDIRECT_URL: &str = "https://collector.example/oauth/callback";
/// The lifetime of an access token: twelve hours.
const TOKEN_TTL_SECONDS: i64 = 43_200;
/// The number of the process that stores the grants of reconnects.
const CALLBACK: u32 = u32::MAX;
/// Ticks after which a source must be healthy: refresh leases and grace periods are over by then.
const SETTLING_TICKS: u32 = 4;

/// How Slack treats a refresh token that was already used.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    /// How long Slack accepts it again.
    pub seconds: i64,
    /// The tokens that Slack then returns.
    pub reuse: GraceReuse,
}

/// A source whose app uses token rotation.
pub struct Rotating {
    /// The simulated world.
    pub world: SimulatedWorld,
    process: Process,
    processes: u32,
    rows: u32,
}

impl Rotating {
    /// Connects a source at 14:00 UTC, with a token issued at that time.
    pub fn new(grace: Grace) -> Rotating {
        let now = BEGINNING;
        let mut settings = Settings::organization();
        settings.apps = vec![App::organization(REDIRECT_URL).rotating()];
        settings.oauth.refresh_grace = SignedDuration::from_secs(grace.seconds);
        settings.oauth.grace_reuse = grace.reuse;
        let source = Source { organization: true, since: Second::of(now), ..acme(now, &[LogType::Audit]) };
        let world = SimulatedWorld::new(now, World::new(settings), [source]);
        let process = Process::start(0, &world);
        let mut rotating = Rotating { world, process, processes: 1, rows: 0 };
        rotating.connect();
        rotating
    }

    /// Reconnects the source: consent, code exchange, and the update that the callback stores.
    ///
    /// # Panics
    /// Panics if the secret cannot be written.
    pub fn connect(&mut self) {
        let secret = self.world.with(|state| {
            let (now, app) = (state.now, state.slack.settings().apps[0].clone());
            let query = format!(
                "client_id={}&user_scope=auditlogs:read&scope=team:read&redirect_uri={REDIRECT_URL}",
                app.client_id
            );
            let redirect = state.slack.consent(now, &query, &Consent::organization()).expect("the Org Owner consents");
            let code =
                redirect.split_once("code=").expect("Slack returns a code").1.split('&').next().unwrap_or_default();
            let exchange = Request::post("oauth.v2.access").basic(&app.client_id, &app.client_secret);
            let exchange = exchange.with("code", code).with("redirect_uri", REDIRECT_URL);
            let Outcome::Response(response) = state.slack.answer(now, &exchange) else {
                panic!("Slack did not respond, although no fault is set")
            };
            let granted: Value = serde_json::from_slice(&response.body).expect("Slack returns JSON");
            let user = &granted["authed_user"];
            serde_json::json!({
                "client_id": app.client_id,
                "client_secret": app.client_secret,
                "token": user["access_token"],
                "refresh_token": user["refresh_token"],
                "expires_at": Second::of(now).get() + TOKEN_TTL_SECONDS,
            })
        });
        let id: SourceId = "acme".parse().expect("an ID");
        let granted = Credentials::decode(&secret.to_string()).expect("the credentials are valid");
        let ports = SimulatedPorts::of(&self.world, CALLBACK);
        run(update(&ports, &id, |_| Some(granted.clone()))).expect("the secret can be written");
        self.world.with(|state| {
            state.sources.get_mut(&id).expect("the source exists").connected_at = Second::of(state.now);
        });
    }

    /// Returns the stored access token.
    ///
    /// # Panics
    /// Panics if the source has no secret.
    pub fn token(&self) -> String {
        let secret = self.world.with(|state| state.credentials.values().next().and_then(|(_, text)| text.clone()));
        let secret: Value = serde_json::from_str(&secret.expect("the source has a secret")).expect("it is JSON");
        secret["token"].as_str().unwrap_or_default().to_owned()
    }

    /// Advances the time, and adds a record at the new time.
    pub fn pass(&mut self, seconds: i64) {
        self.world.pass(seconds);
        let row = Row::small_audit(self.world.now(), &format!("r{}", self.rows));
        self.rows += 1;
        self.world.with(|state| state.slack.add(row));
    }

    /// Advances the time by a minute, and runs a tick.
    pub fn minute(&mut self) -> Option<StreamOutcome> {
        self.pass(60);
        self.tick()
    }

    /// Runs a tick. Returns `None` if its process was killed or the tick failed. Replaces a killed process.
    pub fn tick(&mut self) -> Option<StreamOutcome> {
        match self.process.tick(None, ResourceLimits::default()) {
            End::Killed => self.restart(),
            End::Answered(answer) => return answer.ok()?.streams.into_iter().next(),
        }
        None
    }

    /// Replaces the process with a new one.
    pub fn restart(&mut self) {
        self.process = Process::start(self.processes, &self.world);
        self.processes += 1;
    }

    /// Starts a tick that the caller runs step by step.
    pub fn begin(&self) -> Tick {
        self.process.begin(None, ResourceLimits::default())
    }

    /// Injects a fault into an operation of the next tick.
    pub fn fault(&self, operation: u32, kind: FaultKind) {
        let fault = Fault { process: self.processes - 1, operation: self.process.operations() + operation, kind };
        self.world.with(|state| state.faults = vec![fault]);
    }

    /// Runs a tick, and returns its operations.
    pub fn operations_of_tick(&mut self) -> Vec<String> {
        let before = self.world.with(|state| state.trace.len());
        self.tick();
        self.world.with(|state| state.trace[before..].iter().filter_map(|line| operation_in(line)).collect())
    }

    /// Returns how often Slack has issued tokens for a refresh token.
    pub fn refreshes(&self) -> usize {
        self.world.with(|state| state.slack.refreshes())
    }

    /// Runs ticks until the source must be healthy, and on beyond the lifetimes of the current token and the next one.
    ///
    /// # Errors
    /// Returns the violation, or the state of a source that is not healthy at the end.
    pub fn outlive_two_tokens(&mut self) -> Result<(), String> {
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
        if !matches!(last.state, Health::Ok | Health::CatchingUp) {
            return Err(format!(
                "the source ended as {:?}: {:?} {:?}",
                last.state,
                last.code(),
                last.error().map(|error| error.message.clone())
            ));
        }
        self.world.with(oracle::check_end)
    }

    /// Returns the last lines of the trace.
    pub fn trace(&self) -> String {
        self.world.with(|state| state.trace[state.trace.len().saturating_sub(80)..].join("\n"))
    }
}

/// Runs a future of the simulated ports to its end.
fn run<R>(future: impl Future<Output = R>) -> R {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
