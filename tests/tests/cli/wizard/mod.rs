//! Tests `connect` through OAuth, in a terminal and in a pipe, with the OAuth function's core code and a simulated Slack.

mod in_pipe;
#[cfg(target_os = "linux")] // the tests support only Linux pseudoterminals
mod in_terminal;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_adapters::random;
use slacktrail_connect::{
    self, Authorization, AuthorizationId, AuthorizationStore, Callback, CallbackPorts, ConnectError, ConnectReport,
    OneTimeToken, cookie_name,
};
use slacktrail_core::time::Second;
use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_tests::emulated_aws::EmulatedAws;
use slacktrail_tests::fake_timer::FakeTimer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;

use crate::aws::{TABLE, deployed, ports, secret};
use crate::binary::Slacktrail;
use crate::slack::Slack;

const URL: &str = "https://connect.example";
const REDIRECT_URL: &str = "https://connect.example/oauth/callback";
const NEW: [&str; 6] = ["connect", "acme", "--name", "Acme", "--plan", "enterprise"];

/// The starts of the lines that `connect` prints in a pipe while it waits.
const WAITING: [&str; 3] = ["waiting for the link", "the link was opened", "verifying what Slack"];

/// A deployment on an emulated AWS, a simulated Slack, and a Slack app.
struct Stage {
    moto: EmulatedAws,
    slack: Slack,
    app: App,
    slacktrail: Slacktrail,
}

impl Stage {
    /// Starts with an organization. Prints a note and returns `None` without moto.
    async fn organization() -> Option<Stage> {
        Stage::start(Slack::organization().await, App::organization(REDIRECT_URL)).await
    }

    async fn workspace() -> Option<Stage> {
        Stage::start(Slack::workspace().await, App::workspace(REDIRECT_URL, "T1")).await
    }

    async fn start(slack: Slack, app: App) -> Option<Stage> {
        let moto = EmulatedAws::start()?;
        slack.world().settings_mut().apps = vec![app.clone()];
        let slacktrail = deployed(&moto, &slack).await.with("SLACKTRAIL_URL", URL);
        Some(Stage { moto, slack, app, slacktrail })
    }

    /// Returns the command with the app's credentials in its environment.
    #[cfg(target_os = "linux")]
    fn with_app(&self) -> Slacktrail {
        let slacktrail = self.slacktrail.clone().with("SLACK_CLIENT_ID", &self.app.client_id);
        slacktrail.with("SLACK_CLIENT_SECRET", &self.app.client_secret)
    }

    /// Returns the source's secret.
    async fn secret(&self) -> Option<Value> {
        secret(&self.moto, "slacktrail/acme").await
    }

    async fn sources(&self) -> Value {
        self.slacktrail.run(&["sources", "--json"]).await.exits(0).json()
    }

    /// Returns every authorization in the table.
    async fn authorizations(&self) -> Vec<Authorization> {
        let scanned = self.moto.dynamodb().scan().table_name(TABLE).send().await.unwrap();
        let texts = scanned.items().iter().filter_map(|item| item.get("authorization")?.as_s().ok());
        texts.map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// Opens a link, responds to Slack's consent page, and follows the redirect to the callback.
    async fn open(&self, link: &str, consent: &Consent) -> Result<ConnectReport, ConnectError> {
        let link_token = link.strip_prefix("https://connect.example/oauth/start?grant=").unwrap();
        let (ports, now) = (ports(&self.moto), Second::of(Timestamp::now()));
        let urls = (self.slack.authorize_url(), REDIRECT_URL);
        let bits = random::bytes().unwrap();
        let started =
            slacktrail_connect::start(&ports.deployment, link_token, (&urls.0, urls.1), |_| None, bits, now).await;
        let started = started.map_err(|callback_error| callback_error.connect_error)?;
        let back = self.slack.world().consent(Timestamp::now(), &started.location, consent).unwrap();
        let parameter = |name: &str| {
            let query = back.split_once('?').unwrap().1;
            form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        let (state, code) = (parameter("state"), parameter("code"));
        let params = Callback { state: Some(&state), code: Some(&code), error: None };
        let slack = SlackHttp::new(&self.slack.api_url(), &self.slack.audit_url()).unwrap();
        let (table, credentials) = (ports.deployment, ports.credentials);
        let ports = CallbackPorts { slack, table, credentials, timer: FakeTimer::default() };
        let cookie = |name: &str| (name == cookie_name(&started.authorization)).then(|| started.cookie_value.clone());
        let done = slacktrail_connect::callback(&ports, params, cookie, now).await;
        done.map(|connected| connected.report).map_err(|callback_error| callback_error.connect_error)
    }

    /// Changes a stored authorization.
    async fn force(&self, link: &str, change: impl Fn(Authorization) -> Authorization) {
        let id: AuthorizationId = OneTimeToken::parse(link.split_once("grant=").unwrap().1).unwrap().id;
        let store = ports(&self.moto).deployment;
        let (version, authorization) = store.load_authorization(&id).await.unwrap().unwrap();
        store.replace_authorization(Some(version), &change(authorization)).await.unwrap();
    }

    async fn pipe(&self, arguments: &[&str]) -> (Child, String, String) {
        connect(&self.slacktrail, &self.app, arguments).await
    }
}

/// Starts `connect` in a pipe with the app's credentials, and returns the child, its link, and its output up to the link.
pub(crate) async fn connect(slacktrail: &Slacktrail, app: &App, arguments: &[&str]) -> (Child, String, String) {
    let credentials = ["--client-id", &app.client_id, "--client-secret-stdin"];
    let mut child = slacktrail.start(&[arguments, &credentials].concat());
    child.stdin.take().unwrap().write_all(app.client_secret.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut output = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        output.push_str(&format!("{line}\n"));
        if line.contains("/oauth/start?grant=") {
            child.stderr = Some(lines.into_inner().into_inner());
            return (child, line.trim().to_owned(), output);
        }
    }
    panic!("`connect` printed no link:\n{output}");
}

pub(crate) fn link(screen: &str) -> String {
    screen.lines().find(|line| line.contains("/oauth/start?grant=")).unwrap().trim().to_owned()
}

/// Removes everything that differs between runs: links, times, and lines about waiting, which a fast run does not print.
fn plain(text: &str) -> String {
    let waits = |line: &&str| WAITING.iter().any(|words| line.starts_with(words));
    let line = |line: &str| -> String {
        if line.starts_with("https://api.slack.com/apps?") {
            return "<link to Slack>".to_owned();
        }
        if let Some((before, _)) = line.split_once("?grant=") {
            return format!("{before}?grant=<grant>");
        }
        if let Some((before, _)) = line.split_once("the reference ") {
            return format!("{before}the reference <reference>");
        }
        let words = line.split(' ').map(|word| match word.trim_end_matches(',').parse::<Timestamp>() {
            Ok(_) => "<time>",
            Err(_) => word,
        });
        words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    text.trim_start().lines().filter(|line| !waits(line)).map(line).collect::<Vec<_>>().join("\n")
}
