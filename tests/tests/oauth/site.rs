//! The function over simulated ports: one deployment, one Slack, and a clock that moves only when told.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_connect::CallbackPorts;
use slacktrail_core::authorization::{Authorization, AuthorizationId, AuthorizationState, OneTimeToken};
use slacktrail_core::credentials::{self, Credentials};
use slacktrail_core::secret::ClientSecret;
use slacktrail_core::settings::SLACK_AUTHORIZE_URL;
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;
use slacktrail_oauth::{Oauth, handle};
use slacktrail_ports::{AuthorizationStore, ReplaceOutcome};
use slacktrail_simulation::{Fault, SimulatedPorts, SimulatedWorld, State};
use slacktrail_simulator::oauth::{App, User};
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::tenant::Role;
use slacktrail_simulator::{Row, Settings, World};
use slacktrail_tests::patience::Patience;

use crate::browser::Answer;
use crate::spy::{Line, Spy};

/// Where Slack sends people back to.
pub(crate) const REDIRECT_URL: &str = "https://abcde12345.execute-api.us-east-1.amazonaws.com/oauth/callback";
/// Polls after which a request is taken to wait for something that never comes.
const POLLS_MAX: usize = 10_000;
/// The member who becomes an admin, and the owner.
pub(crate) const ADMIN: &str = "W0ADMIN";

/// The function and all around it.
pub(crate) struct Site {
    pub(crate) world: SimulatedWorld,
    pub(crate) spy: Spy,
    links: Cell<u8>,
    processes: Cell<u32>,
    pub(crate) patience: Patience,
    /// Every answer that was ever given, as JSON.
    pub(crate) answers: RefCell<Vec<String>>,
}

/// Everything that a callback could change.
#[derive(Debug, PartialEq)]
pub(crate) struct Stored {
    credentials: Vec<(String, Option<String>)>,
    sources: Vec<Source>,
}

type SimulatedOauth = Oauth<SimulatedPorts, SimulatedPorts, SimulatedPorts, Patience>;

impl Site {
    /// With an organization's app and a workspace's, and a record in each log.
    pub(crate) fn new() -> Site {
        Site::with(vec![App::organization(REDIRECT_URL), App::workspace(REDIRECT_URL, "T1")])
    }

    pub(crate) fn with(apps: Vec<App>) -> Site {
        let now = Timestamp::constant(1_795_356_000, 0);
        let mut settings = Settings { apps, tokens: Vec::new(), limits: Limits::OFF, ..Settings::organization() };
        settings.users.push(User::new(ADMIN, "Ada Admin", Role::Admin));
        let mut slack = World::new(settings);
        slack.add(Row::small_audit(now, "one"));
        Site {
            world: SimulatedWorld::new(now, slack, []),
            spy: Spy::new(),
            links: Cell::new(0),
            processes: Cell::new(0),
            patience: Patience::default(),
            answers: RefCell::default(),
        }
    }

    /// The same in a world that goes its own way.
    pub(crate) fn on(self, world: SimulatedWorld) -> Site {
        Site { world, ..self }
    }

    pub(crate) fn slack<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        self.world.with(|state| f(&mut state.slack))
    }

    pub(crate) fn settings<R>(&self, f: impl FnOnce(&mut Settings) -> R) -> R {
        self.slack(|slack| f(slack.settings_mut()))
    }

    pub(crate) fn now(&self) -> Second {
        Second::of(self.world.now())
    }

    /// The app of this index.
    pub(crate) fn app(&self, index: usize) -> App {
        self.slack(|slack| slack.settings().apps[index].clone())
    }

    /// What `slacktrail connect` does until it waits: stores the app's credentials and makes a link.
    pub(crate) fn issue_link(&self, source: &Source, app: usize) -> OneTimeToken {
        let app = self.app(app);
        let app = credentials::App {
            client_id: app.client_id,
            client_secret: ClientSecret::new(&app.client_secret).unwrap(),
        };
        let ports = self.ports();
        self.links.set(self.links.get() + 1);
        let number = self.links.get();
        let (authorization, link_token) =
            Authorization::new([0xa0 ^ number; 16], [0xc0 ^ number; 32], source.clone(), &app.client_id, self.now());
        run(async {
            slacktrail_ports::credentials::update(&ports, &source.id, |known| Some(known.with_app(app.clone())))
                .await
                .unwrap();
            let made = ports.replace_authorization(None, &authorization).await.unwrap();
            assert_ne!(made, ReplaceOutcome::Conflict, "an authorization's ID is random");
        })
        .unwrap();
        link_token
    }

    /// Ports of a process of their own.
    pub(crate) fn ports(&self) -> SimulatedPorts {
        self.processes.set(self.processes.get() + 1);
        SimulatedPorts::of(&self.world, self.processes.get())
    }

    /// Strikes the next request, at its operation of the fault's number.
    pub(crate) fn strike_next(&self, fault: Fault) {
        let process = self.processes.get() + 1;
        self.world.with(|state| state.faults = vec![Fault { process, ..fault }]);
    }

    pub(crate) fn oauth(&self) -> SimulatedOauth {
        let ports = self.ports();
        let (slack, table, timer) = (ports.clone(), ports.clone(), self.patience.clone());
        let ports = CallbackPorts { slack, table, credentials: ports, timer };
        Oauth::new(ports, SLACK_AUTHORIZE_URL)
    }

    /// One request as API Gateway hands it over.
    pub(crate) async fn request(&self, event: Value) -> Answer {
        let event = serde_json::from_value(event).expect("an event of API Gateway");
        let answer = handle(&self.oauth(), &event, self.now()).await;
        let answer = serde_json::to_value(answer).expect("an answer is JSON");
        self.answers.borrow_mut().push(answer.to_string());
        Answer::of(&answer)
    }

    /// What the function has logged last.
    pub(crate) fn line(&self) -> Line {
        self.spy.lines().pop().expect("a request logs a line")
    }

    pub(crate) fn stored(&self) -> Stored {
        self.world.with(|state| Stored {
            credentials: state.credentials.iter().map(|(id, (_, text))| (id.to_string(), text.clone())).collect(),
            sources: state.sources.values().cloned().collect(),
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
        self.world.with(|state| authorization(state, id))
    }

    /// Replaces this authorization.
    pub(crate) fn change(&self, id: &AuthorizationId, change: impl Fn(&Authorization) -> Authorization) {
        self.world.with(|state| {
            let text = change(&authorization(state, id)).encode();
            let stored = state.authorizations.get_mut(id).unwrap();
            *stored = (stored.0 + 1, text);
        });
    }

    /// Changes the state of an authorization, as the command may.
    pub(crate) fn set_state(&self, id: &AuthorizationId, next: AuthorizationState) {
        self.world.with(|state| set_state(state, id, next));
    }
}

pub(crate) fn set_state(state: &mut State, id: &AuthorizationId, next: AuthorizationState) {
    let text = authorization(state, id).with_state(next).encode();
    let stored = state.authorizations.get_mut(id).unwrap();
    *stored = (stored.0 + 1, text);
}

fn authorization(state: &State, id: &AuthorizationId) -> Authorization {
    serde_json::from_str(&state.authorizations[id].1).unwrap()
}

/// A source as `slacktrail connect` means it: with all logs of the plan.
pub(crate) fn source(id: &str, now: Second) -> Source {
    Source::new(id.parse().unwrap(), "Acme", Plan::Enterprise, now.plus(-86_400))
}

/// A source whose app is on one workspace.
pub(crate) fn workspace_source(id: &str, now: Second) -> Source {
    let logs = vec![LogType::Access, LogType::Integration];
    Source { logs, plan: Plan::Business, ..source(id, now) }
}

/// Runs what waits for nothing but the simulated ports; `None` when its process was killed.
pub(crate) fn run<R>(future: impl Future<Output = R>) -> Option<R> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return Some(result);
        }
    }
    None
}
