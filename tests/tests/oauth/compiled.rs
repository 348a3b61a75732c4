//! Tests of the compiled function, started as Lambda starts it, with an emulated AWS.

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_adapters::aws::connect_table_and_secrets;
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, DeploymentStore};
use slacktrail_simulator::oauth::App;
use slacktrail_simulator::{Log, Settings};
use slacktrail_tests::connecting::{DEADLINE, consent, issue_link};
use slacktrail_tests::deployment::{ActivityGenerator, LocalDeployment, TABLE};
use slacktrail_tests::function::{Function, level_in_lambda, oauth_binary};
use slacktrail_tests::http_api::event;
use slacktrail_tests::lambda_runtime_api::{Answer as LambdaAnswer, Emulator};

use crate::browser::{Answer, grant};
use crate::site::{REDIRECT_URL, source};

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
        let deployment = LocalDeployment::start(settings).await?;
        ActivityGenerator::new(&mut deployment.slack(), 2, 40);
        let lambda = Emulator::start().await;
        let binary = oauth_binary();
        let functions = (0..functions).map(|_| lambda.spawn(&binary, deployment.oauth_environment())).collect();
        Some(Compiled { deployment, lambda, functions })
    }

    async fn ask(&self, request: Value) -> Answer {
        match self.lambda.invoke(request, DEADLINE).await {
            LambdaAnswer::Response(answer) => Answer::of(&answer),
            other => panic!("the function returned no response: {other:?}"),
        }
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
    let link_token = issue_link(&compiled.deployment, 1, &acme).await;
    let callback = consent(&compiled.deployment, &compiled.lambda, &grant(&link_token)).await;
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
async fn missing_table_returns_page_and_logs_error() {
    let Some(mut compiled) = Compiled::start(0).await else { return };
    let mut environment = compiled.deployment.oauth_environment();
    environment.push(("TABLE_NAME".to_owned(), "elsewhere".to_owned()));
    compiled.functions.push(compiled.lambda.spawn(&oauth_binary(), environment));
    let link_token = issue_link(&compiled.deployment, 1, &source("acme", Second::of(Timestamp::now()))).await;
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
    let Some(binary) = std::env::var_os("SLACKTRAIL_OAUTH") else {
        return; // the function may not be compiled
    };
    let lambda = Emulator::start().await;
    let environment =
        [("SLACK_API_URL", "ftp://x"), ("SLACK_AUTHORIZE_URL", "https://slack.com/a?b=c"), ("AWS_REGION", "us-east-1")];
    let function = lambda.spawn(binary.as_ref(), environment);
    let (status, lines) = function.wait().await;
    assert!(!status.success());
    let output = lines.join("\n");
    for name in ["TABLE_NAME", "SLACK_API_URL", "SLACK_AUTHORIZE_URL"] {
        assert!(output.contains(name), "{output}");
    }
}
