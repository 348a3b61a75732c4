//! The function over simulated ports: one deployment, one simulated Slack, and a fake clock.

use std::cell::{Cell, RefCell};
use std::future::Future;

use serde_json::Value;
use slacktrail_connect::{
    Authorization, AuthorizationId, AuthorizationState, CallbackPorts, ConnectError, OneTimeToken, SLACK_AUTHORIZE_URL,
};
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;
use slacktrail_oauth::{Oauth, handle};
use slacktrail_ports::credentials::Credentials;
use slacktrail_ports::secret::Token;
use slacktrail_simulation::{BEGINNING, Fault, SimulatedPorts, SimulatedWorld};
use slacktrail_simulator::oauth::{App, User};
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::tenant::Role;
use slacktrail_simulator::{Row, Settings, World};
use slacktrail_tests::connecting::store_authorization;
use slacktrail_tests::fake_timer::FakeTimer;

use crate::browser::{Answer, Browser};
use crate::spy::{Line, Spy};

/// The URL to which Slack redirects browsers.
pub(crate) const REDIRECT_URL: &str = "https://abcde12345.execute-api.us-east-1.amazonaws.com/oauth/callback";
/// The number of polls after which [`run`] gives up on a request.
const POLLS_MAX: u32 = 10_000;
/// The ID of a user with the role of an admin.
pub(crate) const ADMIN: &str = "W0ADMIN";

/// The function and its environment.
pub(crate) struct Site {
    pub(crate) world: SimulatedWorld,
    pub(crate) spy: Spy,
    links: Cell<u8>,
    processes: Cell<u32>,
    /// The seconds by which the local clock is ahead of Slack's.
    pub(crate) clock_ahead: Cell<i64>,
    pub(crate) timer: FakeTimer,
    /// All responses so far, as JSON.
    pub(crate) answers: RefCell<Vec<String>>,
}

type SimulatedOauth = Oauth<SimulatedPorts, SimulatedPorts, SimulatedPorts, FakeTimer>;

impl Site {
    /// Creates a site with two apps, one for an organization and one for a workspace, and with one audit record.
    pub(crate) fn new() -> Site {
        Site::with(vec![App::organization(REDIRECT_URL), App::workspace(REDIRECT_URL, "T1")])
    }

    pub(crate) fn with(apps: Vec<App>) -> Site {
        let now = BEGINNING;
        let mut settings = Settings { apps, tokens: Vec::new(), limits: Limits::OFF, ..Settings::organization() };
        settings.users.push(User::new(ADMIN, "Ada Admin", Role::Admin));
        let mut slack = World::new(settings);
        slack.add(Row::small_audit(now, "one"));
        Site {
            world: SimulatedWorld::new(now, slack, []),
            spy: Spy::new(),
            links: Cell::new(0),
            processes: Cell::new(0),
            clock_ahead: Cell::new(0),
            timer: FakeTimer::default(),
            answers: RefCell::default(),
        }
    }

    pub(crate) fn on(self, world: SimulatedWorld) -> Site {
        Site { world, ..self }
    }

    pub(crate) fn slack<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        self.world.with(|state| f(&mut state.slack))
    }

    pub(crate) fn valid_tokens(&self) -> Vec<String> {
        let now = self.world.now();
        self.slack(|slack| slack.live_tokens(now))
    }

    /// Returns `true` if the token is valid at Slack.
    pub(crate) fn is_valid(&self, token: &Token) -> bool {
        self.valid_tokens().iter().any(|valid| valid == token.reveal())
    }

    pub(crate) fn settings<R>(&self, f: impl FnOnce(&mut Settings) -> R) -> R {
        self.slack(|slack| f(slack.settings_mut()))
    }

    /// Returns the local time.
    pub(crate) fn now(&self) -> Second {
        Second::of(self.world.now()).plus(self.clock_ahead.get())
    }

    pub(crate) fn app(&self, index: usize) -> App {
        self.slack(|slack| slack.settings().apps[index].clone())
    }

    /// Stores the app's credentials and issues a link, as `slacktrail connect` does.
    pub(crate) fn issue_link(&self, source: &Source, app: usize) -> OneTimeToken {
        self.issue_link_with(source, app, |authorization| authorization)
    }

    /// Issues a link for the source `acme` with the app for an organization.
    pub(crate) fn link(&self) -> OneTimeToken {
        self.issue_link(&source("acme", self.now()), 0)
    }

    /// Returns a new browser, and a link for the source `acme`.
    pub(crate) fn visitor(&self) -> (Browser, OneTimeToken) {
        (Browser::new(), self.link())
    }

    /// Issues a link of an authorization that `change` has changed.
    pub(crate) fn issue_link_with(
        &self,
        source: &Source,
        app: usize,
        change: impl FnOnce(Authorization) -> Authorization,
    ) -> OneTimeToken {
        let app = self.app(app);
        let ports = self.ports();
        self.links.set(self.links.get() + 1);
        let number = self.links.get();
        let (authorization, link_token) =
            Authorization::new([0xa0 ^ number; 16], [0xc0 ^ number; 32], source.clone(), &app.client_id, self.now());
        let authorization = change(authorization);
        run(store_authorization(&ports, &ports, &app, &authorization)).unwrap();
        link_token
    }

    /// Returns the ports of a new process.
    pub(crate) fn ports(&self) -> SimulatedPorts {
        self.processes.set(self.processes.get() + 1);
        SimulatedPorts::of(&self.world, self.processes.get())
    }

    /// Injects a fault into the next request, at the fault's operation number.
    pub(crate) fn inject_fault(&self, fault: Fault) {
        let process = self.processes.get() + 1;
        self.world.with(|state| state.faults = vec![Fault { process, ..fault }]);
    }

    pub(crate) fn oauth(&self) -> SimulatedOauth {
        let ports = self.ports();
        let (slack, table, timer) = (ports.clone(), ports.clone(), self.timer.clone());
        let ports = CallbackPorts { slack, table, credentials: ports, timer };
        Oauth { ports, authorize_url: SLACK_AUTHORIZE_URL.to_owned() }
    }

    /// Sends one request, as API Gateway does.
    pub(crate) async fn request(&self, event: Value) -> Answer {
        let event = serde_json::from_value(event).expect("the event is valid");
        let answer = handle(&self.oauth(), &event, self.now()).await;
        let answer = serde_json::to_value(answer).expect("a response is JSON");
        self.answers.borrow_mut().push(answer.to_string());
        Answer::of(&answer)
    }

    /// Returns the last log line.
    pub(crate) fn line(&self) -> Line {
        self.spy.lines().pop().expect("every request logs a line")
    }

    /// Returns the secrets and the sources, which a callback can change.
    pub(crate) fn stored(&self) -> (Vec<Option<String>>, Vec<Source>) {
        self.world.with(|state| {
            let secrets = state.credentials.values().map(|(_, text)| text.clone());
            (secrets.collect(), state.sources.values().cloned().collect())
        })
    }

    pub(crate) fn source(&self, id: &str) -> Option<Source> {
        self.world.with(|state| state.sources.get(&id.parse().unwrap()).cloned())
    }

    pub(crate) fn credentials(&self, id: &str) -> Credentials {
        let text = self.world.with(|state| state.credentials.get(&id.parse().unwrap()).cloned());
        Credentials::decode(&text.and_then(|(_, text)| text).unwrap()).unwrap()
    }

    pub(crate) fn authorization(&self, id: &AuthorizationId) -> Authorization {
        self.world.with(|state| serde_json::from_str(&state.authorizations[id].1).unwrap())
    }

    /// Returns the error that the waiting command receives.
    pub(crate) fn reported_error(&self, id: &AuthorizationId) -> ConnectError {
        match self.authorization(id).state {
            AuthorizationState::Failed(connect_error) => connect_error,
            other => panic!("the command did not receive an error: {other:?}"),
        }
    }

    /// Replaces an authorization with the result of `change`.
    pub(crate) fn change(&self, id: &AuthorizationId, change: impl Fn(Authorization) -> Authorization) {
        let text = change(self.authorization(id)).encode();
        self.world.with(|state| {
            let stored = state.authorizations.get_mut(id).unwrap();
            *stored = (stored.0 + 1, text);
        });
    }

    pub(crate) fn set_state(&self, id: &AuthorizationId, next: AuthorizationState) {
        self.change(id, |authorization| authorization.with_state(next.clone()));
    }
}

/// Returns a new source with all logs of the Enterprise plan.
pub(crate) fn source(id: &str, now: Second) -> Source {
    Source::new(id.parse().unwrap(), "Acme", Plan::Enterprise, now.plus(-86_400))
}

/// Returns a new source whose app is installed on one workspace.
pub(crate) fn workspace_source(id: &str, now: Second) -> Source {
    let logs = vec![LogType::Access, LogType::Integration];
    Source { logs, plan: Plan::Business, ..source(id, now) }
}

/// Runs a future that waits for simulated ports only. Returns `None` if its process was killed.
pub(crate) fn run<R>(future: impl Future<Output = R>) -> Option<R> {
    slacktrail_simulation::run_within(POLLS_MAX, future)
}
