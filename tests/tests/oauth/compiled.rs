//! Tests of the compiled function, started as Lambda starts it, with an emulated AWS.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_adapters::aws::connect_table_and_secrets;
use slacktrail_connect::{Authorization, AuthorizationStore, OneTimeToken};
use slacktrail_core::credentials::App as StoredApp;
use slacktrail_core::secret::ClientSecret;
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, DeploymentStore, ReplaceOutcome};
use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::{Log, Settings};
use slacktrail_tests::deployment::{Life, LocalDeployment, TABLE};
use slacktrail_tests::function::{Function, level_in_lambda, oauth_binary};
use slacktrail_tests::http_api::event;
use slacktrail_tests::lambda_runtime_api::{Answer as LambdaAnswer, Emulator};

use crate::browser::{Answer, grant, query_of};
use crate::site::{REDIRECT_URL, source};

/// The function's timeout in `template.yaml`.
const DEADLINE: Duration = Duration::from_secs(29);

struct Compiled {
    deployment: LocalDeployment,
    lambda: Emulator,
    functions: Vec<Function>,
}

impl Compiled {
    /// Starts a deployment with `functions` instances of the function. Returns `None` if moto is not installed.
    async fn start(functions: usize) -> Option<Compiled> {
        let app = App::organization(REDIRECT_URL).rotating();
        let settings = Settings { apps: vec![app], tokens: Vec::new(), ..Settings::organization() };
        let mut life = Life::new(&settings);
        let deployment = LocalDeployment::start(settings).await?;
        let now = Timestamp::now();
        life.happen(&mut deployment.slack(), now - jiff::SignedDuration::from_hours(2), now, 40);
        let lambda = Emulator::start().await;
        let binary = oauth_binary().unwrap();
        let functions = (0..functions).map(|_| lambda.spawn(&binary, deployment.oauth_environment())).collect();
        Some(Compiled { deployment, lambda, functions })
    }

    /// Stores the app's credentials and issues a link, as `slacktrail connect` does.
    async fn issue_link(&self, number: u8, source: &Source) -> OneTimeToken {
        let app = self.deployment.slack().settings().apps[0].clone();
        let app = StoredApp { client_id: app.client_id, client_secret: ClientSecret::new(&app.client_secret).unwrap() };
        let (table, secrets) = connect_table_and_secrets(&self.deployment.aws.sdk_config(), TABLE, "slacktrail/");
        slacktrail_ports::credentials::update(&secrets, &source.id, |known| Some(known.with_app(app.clone())))
            .await
            .unwrap();
        let now = Second::of(Timestamp::now());
        let (authorization, link_token) =
            Authorization::new([number; 16], [0x50 + number; 32], source.clone(), &app.client_id, now);
        assert_ne!(table.replace_authorization(None, &authorization).await.unwrap(), ReplaceOutcome::Conflict);
        link_token
    }

    async fn ask(&self, request: Value) -> Answer {
        match self.lambda.invoke(request, DEADLINE).await {
            LambdaAnswer::Response(answer) => Answer::of(&answer),
            other => panic!("the function returned no response: {other:?}"),
        }
    }

    /// Opens a link and consents. Returns the event of the callback.
    async fn consent(&self, link_token: &OneTimeToken) -> Value {
        let query = grant(link_token);
        let offered = self.ask(event("GET", "/oauth/start", &query, &[], &[])).await;
        assert_eq!(offered.status, 200, "{}", offered.body);
        let cookie = offered.cookies[0].split(';').next().unwrap().to_owned();
        let started = self.ask(event("POST", "/oauth/start", &query, &[], &[&cookie])).await;
        assert_eq!(started.status, 303, "{}", started.body);
        let back = self.deployment.slack().consent(Timestamp::now(), started.location(), &Consent::organization());
        event("GET", "/oauth/callback", &query_of(&back.unwrap()), &[], &[&cookie])
    }

    async fn lines(self) -> Vec<String> {
        let mut lines = Vec::new();
        for function in self.functions {
            lines.extend(function.kill().await);
        }
        lines
    }
}

#[tokio::test]
async fn concurrent_callbacks_connect_source_once_and_next_tick_collects() {
    let Some(compiled) = Compiled::start(2).await else { return };
    let acme = source("acme", Second::of(Timestamp::now()));
    let link_token = compiled.issue_link(1, &acme).await;
    let callback = compiled.consent(&link_token).await;
    let (one, other) = tokio::join!(compiled.ask(callback.clone()), compiled.ask(callback.clone()));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410], "{} {}", one.body, other.body);
    assert_eq!(compiled.deployment.slack().calls().of("oauth.v2.access"), 1);

    let (table, secrets) = connect_table_and_secrets(&compiled.deployment.aws.sdk_config(), TABLE, "slacktrail/");
    let stored = table.load_source(&acme.id).await.unwrap().unwrap().1.unwrap();
    assert_eq!(stored.tenant.unwrap().id, "E1");
    let grant = secrets.reload_credentials(&acme.id).await.unwrap().unwrap().credentials.unwrap().grant.unwrap();
    assert_eq!(grant.tenant.as_deref(), Some("E1"), "the token is stored with its tenant");

    let poller = compiled.deployment.poller();
    compiled.deployment.drain().await;
    compiled.deployment.archive().await.assert_exactly(&compiled.deployment.slack(), "acme", &Log::ALL);
    drop(poller);

    let state = callback["queryStringParameters"]["state"].as_str().unwrap().split_once('.').unwrap().1.to_owned();
    let secrets = [
        state,
        callback["queryStringParameters"]["code"].as_str().unwrap().to_owned(),
        callback["cookies"][0].as_str().unwrap().split_once('=').unwrap().1.to_owned(),
        link_token.reveal().split_once('.').unwrap().1.to_owned(),
        grant.token.reveal().to_owned(),
        grant.token_refresh.unwrap().refresh_token.reveal().to_owned(),
        compiled.deployment.slack().settings().apps[0].client_secret.clone(),
    ];
    let items = format!("{:?}", compiled.deployment.items().await);
    let lines = compiled.lines().await;
    let parsed: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let outcomes: Vec<&str> = parsed.iter().filter_map(|line| line["fields"]["outcome"].as_str()).collect();
    assert_eq!(outcomes.len(), 4, "one line for each request: {lines:#?}");
    for secret in &secrets {
        assert!(!items.contains(secret), "{secret} is in the table: {items}");
        for text in lines.iter().chain([&one.body, &other.body]) {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

#[tokio::test]
async fn any_client_input_gets_page() {
    let Some(compiled) = Compiled::start(1).await else { return };
    let long = format!("grant={}", "x".repeat(8192));
    for (query, host, status) in [
        ("grant=\"<script>alert(1)</script>", "evil.example", 404),
        ("grant=x", "evil example:99999", 404),
        ("grant=x&grant=y", "[", 400),
        (&long, "é", 400),
        ("%%%", "", 400),
    ] {
        let headers = [("host", host), ("x-forwarded-proto", "1 gopher"), ("user-agent", "\u{202e}é")];
        let answer = compiled.ask(event("GET", "/oauth/start", query, &headers, &[])).await;
        assert_eq!(answer.status, status, "{host}: {}", answer.body);
        assert!(!answer.body.contains("script"), "{}", answer.body);
    }
    let lines = compiled.lines().await;
    assert!(lines.iter().all(|line| !line.contains("panicked") && !line.contains("ERROR")), "{lines:#?}");
}

#[tokio::test]
async fn missing_table_returns_page_and_logs_error() {
    let Some(mut compiled) = Compiled::start(0).await else { return };
    let mut environment = compiled.deployment.oauth_environment();
    environment
        .iter_mut()
        .filter(|(name, _)| name == "TABLE_NAME")
        .for_each(|(_, value)| *value = "elsewhere".to_owned());
    compiled.functions.push(compiled.lambda.spawn(&oauth_binary().unwrap(), environment));
    let link_token = compiled.issue_link(1, &source("acme", Second::of(Timestamp::now()))).await;
    let query = format!("grant={}", link_token.reveal());
    let answer = compiled.ask(event("GET", "/oauth/start", &query, &[], &[])).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(
        answer.body.contains("<code>no_such_table</code>") && !answer.body.contains("elsewhere"),
        "{}",
        answer.body
    );
    let lines = compiled.lines().await;
    let line = lines.iter().find(|line| line.contains("no_such_table")).expect("the log tells why");
    assert_eq!(level_in_lambda(line), "ERROR", "{line}");
    for part in ["elsewhere", "TABLE_NAME"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains(&link_token.id.to_string()), "the ID may be forged, so it is not logged: {line}");
}

#[tokio::test]
async fn unconfigured_function_names_every_bad_variable() {
    let lambda = Emulator::start().await;
    let environment =
        [("SLACK_API_URL", "ftp://x"), ("SLACK_AUTHORIZE_URL", "https://slack.com/a?b=c"), ("AWS_REGION", "us-east-1")];
    let Ok(binary) = oauth_binary() else { return };
    let function = lambda.spawn(&binary, environment);
    let (status, lines) = function.wait().await;
    assert!(!status.success());
    let output = lines.join("\n");
    for name in ["TABLE_NAME", "SLACK_API_URL", "SLACK_AUTHORIZE_URL"] {
        assert!(output.contains(name), "{output}");
    }
}
