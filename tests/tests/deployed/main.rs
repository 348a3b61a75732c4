//! What template.yaml deploys is what the compiled functions need: the variables that they read and the permissions that they use, no
//! fewer and no more.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod permissions;

use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use slacktrail_adapters::aws::connect_table_and_secrets;
use slacktrail_core::authorization::{Authorization, OneTimeToken};
use slacktrail_core::credentials::App as StoredApp;
use slacktrail_core::secret::ClientSecret;
use slacktrail_core::settings::{OauthSettings, PollerSettings};
use slacktrail_core::shard::SOURCES_MAX;
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::Second;
use slacktrail_ports::{AuthorizationStore, ReplaceOutcome};
use slacktrail_simulator::oauth::App;
use slacktrail_simulator::settings::{Limits, ORGANIZATION_TOKEN};
use slacktrail_simulator::{Log, Settings};
use slacktrail_tests::connecting::visit;
use slacktrail_tests::counting_proxy::CountingProxy;
use slacktrail_tests::deployment::{Life, LocalDeployment, organization_source};
use slacktrail_tests::emulated_aws::EmulatedAws;
use slacktrail_tests::function::{Function, oauth_binary};
use slacktrail_tests::grants::{Disagreement, Permission, compare};
use slacktrail_tests::http_api::DOMAIN_NAME;
use slacktrail_tests::lambda_runtime_api::Emulator;
use slacktrail_tests::stack::{DeployedFunction, Stack};

/// Read by the functions, and not the template's to set, with why.
const NOT_SET: [(&str, &str); 3] = [
    ("SLACK_API_URL", "Slack has one address; tests have another"),
    ("SLACK_AUDIT_URL", "Slack has one address; tests have another"),
    ("SLACK_AUTHORIZE_URL", "Slack has one address; tests have another"),
];

/// Granted to a role for what Lambda does in the function's name, so that the function itself never asks, with why.
const USED_BY_LAMBDA: [(&str, &str); 3] = [
    ("logs:CreateLogStream", "Lambda opens one for each new process"),
    ("logs:PutLogEvents", "Lambda writes the log lines"),
    ("sqs:SendMessage", "Lambda puts an event there that a function failed to handle"),
];

/// The stack, what runs on it, and what stands between the oauth function and its account.
struct Deployed {
    stack: Stack,
    local: LocalDeployment,
    oauth_proxy: CountingProxy,
}

impl Deployed {
    /// `None` where there is no moto.
    async fn start() -> Option<Deployed> {
        let moto = EmulatedAws::start_with_cloudformation()?;
        let stack = Stack::deploy(&moto);
        Some(Deployed::on(moto, stack).await)
    }

    async fn on(aws: EmulatedAws, stack: Stack) -> Deployed {
        let app = App::organization(&format!("https://{DOMAIN_NAME}/oauth/callback")).rotating();
        let settings = Settings { apps: vec![app], limits: Limits::OFF, ..Settings::organization() };
        let local = LocalDeployment::on(aws, stack.names(), settings).await;
        let oauth_proxy = CountingProxy::start(local.aws.endpoint()).await;
        Deployed { stack, local, oauth_proxy }
    }

    /// Exactly what a function of the stack finds in its environment, and where the emulated AWS and the simulated Slack are.
    fn environment(&self, function: &DeployedFunction, proxy: &CountingProxy) -> Vec<(String, String)> {
        let mut environment = self.local.services(proxy);
        environment.push(("AWS_LAMBDA_FUNCTION_NAME".to_owned(), function.name.clone()));
        environment.extend(function.environment.clone());
        environment.extend(function.credentials.clone());
        environment
    }

    fn poller(&self) -> Function {
        let binary = slacktrail_tests::function::poller_binary().unwrap();
        self.local.lambda.spawn(&binary, self.environment(&self.stack.poller, &self.local.proxy))
    }

    /// What `slacktrail connect` does until it waits.
    async fn grant(&self, source: &Source) -> OneTimeToken {
        let app = self.local.slack().settings().apps[0].clone();
        let app = StoredApp { client_id: app.client_id, client_secret: ClientSecret::new(&app.client_secret).unwrap() };
        let names = self.stack.names();
        let (table, secrets) =
            connect_table_and_secrets(&self.local.aws.sdk_config(), names.table, names.secret_prefix);
        slacktrail_ports::credentials::update(&secrets, &source.id, |known| Some(known.with_app(app.clone())))
            .await
            .unwrap();
        let now = Second::of(Timestamp::now());
        let (authorization, link_token) = Authorization::new([1; 16], [2; 32], source.clone(), &app.client_id, now);
        assert_ne!(table.replace_authorization(None, &authorization).await.unwrap(), ReplaceOutcome::Conflict);
        link_token
    }

    /// Connects a source as a browser does, by the oauth function.
    async fn connect(&self, source: &Source) {
        let lambda = Emulator::start().await;
        let environment = self.environment(&self.stack.oauth, &self.oauth_proxy);
        let _function = lambda.spawn(&oauth_binary().unwrap(), environment);
        let link = format!("https://{DOMAIN_NAME}/oauth/start?grant={}", self.grant(source).await.reveal());
        visit(&self.local, &lambda, &link).await;
    }

    /// Makes a source's token one that ends soon.
    async fn let_token_end_soon(&self, source: &Source) {
        let mut secret = self.local.secret(source).await;
        secret["expires_at"] = json!(Second::of(Timestamp::now()).get() + 3_600);
        self.local.connect_with(source, &secret).await;
    }

    /// Connects a source of all logs, and has two processes collect it, the first with a token that it has to rotate. Returns the second.
    async fn connect_collect_and_rotate(&self) -> Function {
        let acme = Source { logs: LogType::ALL.to_vec(), ..organization_source("acme") };
        let (now, mut life) = (Timestamp::now(), Life::new(self.local.slack().settings()));
        life.happen(&mut self.local.slack(), now - SignedDuration::from_hours(3), now, 40);

        self.connect(&acme).await;
        self.let_token_end_soon(&acme).await;
        let poller = self.poller();
        self.local.drain().await;
        assert_eq!(self.local.slack().refreshes().len(), 1, "the token was rotated");
        poller.kill().await;

        life.go_on(&mut self.local.slack(), 20);
        let poller = self.poller(); // it reads back what the other had written
        self.local.drain().await;
        self.local.archive().await.assert_exactly(&self.local.slack(), "acme", &Log::ALL);
        poller
    }
}

/// Compares a role with the calls of its function, but for what Lambda does, which has to be granted all the same.
fn disagreement(function: &DeployedFunction, proxy: &CountingProxy) -> Disagreement {
    let granted = function.statements.iter().flat_map(|statement| statement.permissions());
    let (of_lambda, granted): (Vec<Permission>, Vec<Permission>) =
        granted.partition(|granted| USED_BY_LAMBDA.iter().any(|(action, _)| granted.action == *action));
    assert!(of_lambda.iter().any(|granted| granted.action == "logs:PutLogEvents"), "nobody would see its log lines");
    let asked: Vec<Permission> = proxy.take().iter().map(Permission::needed_for).collect();
    compare(&granted, &asked)
}

#[tokio::test]
async fn deployed_functions_use_exactly_their_granted_permissions() {
    let Some(deployed) = Deployed::start().await else { return };
    let poller = deployed.connect_collect_and_rotate().await;

    for number in 0..SOURCES_MAX {
        let source = Source { logs: vec![LogType::Audit], ..organization_source(&format!("acme-{number}")) };
        deployed.local.connect(&source, ORGANIZATION_TOKEN).await;
    }
    assert!(deployed.local.invoke().await.0.is_empty(), "two further invocations poll what is one source too many");
    poller.kill().await;

    for (function, proxy) in
        [(&deployed.stack.poller, &deployed.local.proxy), (&deployed.stack.oauth, &deployed.oauth_proxy)]
    {
        assert_eq!(
            disagreement(function, proxy),
            Disagreement::default(),
            "the role of {} in template.yaml is to grant what is ungranted, and no longer what is unused",
            function.name
        );
    }
}

#[test]
fn function_variables_are_exactly_those_set_in_template() {
    let Some(moto) = EmulatedAws::start_with_cloudformation() else { return };
    let stack = Stack::deploy(&moto);
    let asked = RefCell::new(BTreeSet::new());
    let note = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        None
    };
    let set = |function: &DeployedFunction| function.environment.keys().cloned().collect::<BTreeSet<_>>();
    let left_to_defaults = |name: &String| NOT_SET.iter().any(|(not_set, _)| name == not_set);
    let read = || asked.take().into_iter().filter(|name| !left_to_defaults(name)).collect::<BTreeSet<_>>();

    PollerSettings::read(note).unwrap_err();
    assert_eq!(read(), set(&stack.poller));
    OauthSettings::read(note).unwrap_err();
    assert_eq!(read(), set(&stack.oauth));
}

#[test]
fn stack_outputs_match_deployed_resources() {
    let Some(moto) = EmulatedAws::start_with_cloudformation() else { return };
    let stack = Stack::deploy(&moto);
    let output = |name: &str| stack.outputs[name].as_str();
    assert_eq!(output("BucketName"), stack.poller.environment["BUCKET_NAME"]);
    assert_eq!(output("TableName"), stack.poller.environment["TABLE_NAME"]);
    assert_eq!(output("SecretPrefix"), stack.oauth.environment["SECRET_PREFIX"]);
    assert_eq!((output("StackName"), output("PollerFunctionName")), ("slacktrail", "slacktrail-poller"));
    assert!(
        output("ApiUrl").starts_with("https://") && output("ApiUrl").ends_with(".amazonaws.com"),
        "{}",
        output("ApiUrl")
    );
    assert!(output("AlarmTopic").starts_with("arn:aws:sns:us-east-1:"), "{}", output("AlarmTopic"));
}
