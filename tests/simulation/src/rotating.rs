//! A source whose app rotates its tokens, and processes that refresh them: what goes wrong, where, and whether a token was lost.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use slacktrail_collector::tick::{ResourceLimits, StreamSummary};
use slacktrail_core::health::State as Health;
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;
use slacktrail_simulator::oauth::{App, Consent, GraceReuse};
use slacktrail_simulator::{Outcome, Request, Row, Settings, World};

use super::oracle;
use super::process::{End, Process, Tick};
use super::simulated_world::{Fault, FaultKind, SimulatedWorld, asked};

const REDIRECT_URL: &str = "https://collector.example/oauth/callback";
/// A token is valid for twelve hours.
const TOKEN_TTL_SECONDS: i64 = 43_200;
/// Ticks that are run, at most, until a source must be well again: claims and grace periods are over by then.
const SETTLING_TICKS: u32 = 4;

/// How Slack treats a refresh token that was used.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    /// For how long it is honoured again.
    pub seconds: i64,
    /// What it gives then.
    pub reuse: GraceReuse,
}

/// A source whose app rotates its tokens.
pub struct Rotating {
    /// The simulated world.
    pub world: SimulatedWorld,
    process: Process,
    processes: u32,
    rows: u32,
}

impl Rotating {
    /// Connected at 14:00 UTC, with a token that was given at that moment.
    pub fn new(grace: Grace) -> Rotating {
        let now = Timestamp::constant(1_795_356_000, 0);
        let mut settings = Settings::organization();
        settings.apps = vec![App::organization(REDIRECT_URL).rotating()];
        settings.oauth.refresh_grace = SignedDuration::from_secs(grace.seconds);
        settings.oauth.grace_reuse = grace.reuse;
        let source = Source {
            logs: vec![LogType::Audit],
            organization: true,
            connected_at: Second::of(now),
            ..Source::new("acme".parse().expect("an id"), "Acme", Plan::Enterprise, Second::of(now))
        };
        let world = SimulatedWorld::new(now, World::new(settings), [source]);
        let process = Process::start(0, &world);
        let mut rotating = Rotating { world, process, processes: 1, rows: 0 };
        rotating.connect();
        rotating
    }

    /// Connects the source anew: consent, exchange, and what the callback stores.
    pub fn connect(&mut self) {
        self.world.with(|state| {
            let (now, app) = (state.now, state.slack.settings().apps[0].clone());
            let asked = format!(
                "client_id={}&user_scope=auditlogs:read&scope=team:read&redirect_uri={REDIRECT_URL}",
                app.client_id
            );
            let back = state.slack.consent(now, &asked, &Consent::organization()).expect("the Owner consents");
            let code = back.split_once("code=").expect("a code comes back").1.split('&').next().unwrap_or_default();
            let exchange = Request::post("oauth.v2.access").basic(&app.client_id, &app.client_secret);
            let exchange = exchange.with("code", code).with("redirect_uri", REDIRECT_URL);
            let Outcome::Response(response) = state.slack.answer(now, &exchange) else {
                panic!("no fault was scripted")
            };
            let granted: Value = serde_json::from_slice(&response.body).expect("Slack answers JSON");
            let user = &granted["authed_user"];
            let secret = serde_json::json!({
                "client_id": app.client_id,
                "client_secret": app.client_secret,
                "token": user["access_token"],
                "refresh_token": user["refresh_token"],
                "expires_at": Second::of(now).get() + TOKEN_TTL_SECONDS,
            });
            let id: slacktrail_core::source::SourceId = "acme".parse().expect("an id");
            let number = state.credentials.get(&id).map_or(0, |(number, _)| *number);
            state.credentials.insert(id.clone(), (number + 1, Some(secret.to_string())));
            state.sources.get_mut(&id).expect("it is there").connected_at = Second::of(now);
        });
    }

    /// Lets time pass, with a record at its end.
    pub fn pass(&mut self, seconds: i64) {
        self.world.pass(seconds);
        let row = Row::small_audit(self.world.now(), &format!("r{}", self.rows));
        self.rows += 1;
        self.world.with(|state| state.slack.add(row));
    }

    /// A minute passes, and a tick comes.
    pub fn minute(&mut self) -> Option<StreamSummary> {
        self.pass(60);
        self.tick()
    }

    /// Runs a tick; `None` when its process was killed or it failed as a whole. Another process follows on one that was killed.
    pub fn tick(&mut self) -> Option<StreamSummary> {
        match self.process.tick(None, ResourceLimits::default()) {
            End::Killed => self.restart(),
            End::Answered(answer) => return answer.ok()?.streams.into_iter().next(),
        }
        None
    }

    /// Another process goes on.
    pub fn restart(&mut self) {
        self.process = Process::start(self.processes, &self.world);
        self.processes += 1;
    }

    /// Begins a tick that is driven step by step.
    pub fn begin(&self) -> Tick {
        self.process.begin(None, ResourceLimits::default())
    }

    /// The next tick meets this fault at its operation of this number.
    pub fn fault(&self, operation: u32, kind: FaultKind) {
        let fault = Fault { process: self.processes - 1, operation: self.process.operations() + operation, kind };
        self.world.with(|state| state.faults = vec![fault]);
    }

    /// What a tick that rotates does, operation by operation.
    pub fn operations_of_tick(&mut self) -> Vec<String> {
        let before = self.world.with(|state| state.trace.len());
        self.tick();
        self.world.with(|state| state.trace[before..].iter().filter_map(|line| asked(line)).collect())
    }

    /// How often Slack has given tokens for a refresh token.
    pub fn refreshes(&self) -> usize {
        self.world.with(|state| state.slack.refreshes().len())
    }

    /// Ticks until all must be well, then beyond the lifetime of the first token and of the next one.
    ///
    /// # Errors
    /// The invariant that was broken, or the state in which the source ended.
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
            return Err(format!("the source ended as {:?}: {:?} {:?}", last.state, last.code, last.message));
        }
        self.world.with(oracle::check_end)
    }

    /// What happened, for a person to read.
    pub fn trace(&self) -> String {
        self.world.with(|state| state.trace[state.trace.len().saturating_sub(80)..].join("\n"))
    }
}
