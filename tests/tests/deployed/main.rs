//! Compares template.yaml with the compiled functions. It sets exactly the variables that they read, and grants exactly the permissions that they
//! use.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod permissions;

use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;
use slacktrail_adapters::settings::{OauthSettings, PollerSettings};
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::Second;
use slacktrail_ports::shard::SOURCES_MAX;
use slacktrail_simulator::oauth::App;
use slacktrail_simulator::settings::{Limits, ORGANIZATION_TOKEN};
use slacktrail_simulator::{Log, Settings};
use slacktrail_tests::aws_proxy::AwsProxy;
use slacktrail_tests::connecting::{issue_link, visit};
use slacktrail_tests::deployment::{ActivityGenerator, LocalDeployment, organization_source};
use slacktrail_tests::emulated_aws::EmulatedAws;
use slacktrail_tests::function::{Function, oauth_binary, poller_binary};
use slacktrail_tests::http_api::DOMAIN_NAME;
use slacktrail_tests::lambda_runtime_api::Emulator;
use slacktrail_tests::permissions::{Disagreement, Permission, compare};
use slacktrail_tests::stack::{DeployedFunction, Stack};

/// Variables that the functions read but the template does not set, with the reason.
const NOT_SET: [(&str, &str); 3] = [
    ("SLACK_API_URL", "only tests override Slack's URL"),
    ("SLACK_AUDIT_URL", "only tests override Slack's URL"),
    ("SLACK_AUTHORIZE_URL", "only tests override Slack's URL"),
];

/// Permissions of the roles that Lambda uses on behalf of the function, with the reason. The function itself never makes these calls.
const USED_BY_LAMBDA: [(&str, &str); 3] = [
    ("logs:CreateLogStream", "Lambda creates a log stream for each new process"),
    ("logs:PutLogEvents", "Lambda writes the log lines"),
    ("sqs:SendMessage", "Lambda sends failed events to the dead-letter queue"),
];

/// The stack, the local deployment that runs on it, and the proxy in front of AWS for the OAuth function.
struct DeployedStack {
    stack: Stack,
    local: LocalDeployment,
    oauth_proxy: AwsProxy,
}

impl DeployedStack {
    /// Deploys the stack. Returns `None` if moto is not installed.
    async fn start() -> Option<DeployedStack> {
        let moto = EmulatedAws::start_with_cloudformation()?;
        let stack = Stack::deploy(&moto, &[]);
        Some(DeployedStack::on(moto, stack).await)
    }

    async fn on(aws: EmulatedAws, stack: Stack) -> DeployedStack {
        let app = App::organization(&format!("https://{DOMAIN_NAME}/oauth/callback")).rotating();
        let settings = Settings { apps: vec![app], limits: Limits::OFF, ..Settings::organization() };
        let local = LocalDeployment::on(aws, stack.names(), settings).await;
        let oauth_proxy = AwsProxy::start(local.aws.endpoint()).await;
        DeployedStack { stack, local, oauth_proxy }
    }

    /// Returns the environment of a function as the stack sets it, with the URLs of the emulated AWS and the simulated Slack.
    fn environment(&self, function: &DeployedFunction, proxy: &AwsProxy) -> Vec<(String, String)> {
        let mut environment = self.local.services(proxy);
        environment.push(("AWS_LAMBDA_FUNCTION_NAME".to_owned(), function.name.clone()));
        environment.extend(function.environment.clone());
        environment.extend(function.credentials.clone());
        environment
    }

    fn poller(&self) -> Function {
        self.local.lambda.spawn(&poller_binary(), self.environment(&self.stack.poller, &self.local.proxy))
    }

    /// Connects a source through the OAuth function, as a browser does.
    async fn connect(&self, source: &Source) {
        let lambda = Emulator::start().await;
        let environment = self.environment(&self.stack.oauth, &self.oauth_proxy);
        let _function = lambda.spawn(&oauth_binary(), environment);
        let link_token = issue_link(&self.local, 1, source).await;
        visit(&self.local, &lambda, &format!("/oauth/start?grant={}", link_token.reveal())).await;
    }

    /// Changes the stored expiry of a source's token, so that the next tick refreshes it.
    async fn expire_token_soon(&self, source: &Source) {
        let mut secret = self.local.secret(source).await;
        secret["expires_at"] = json!(Second::of(Timestamp::now()).get() + 3_600);
        self.local.connect_with(source, &secret).await;
    }

    /// Connects a source with all logs, and collects it with two processes. The first must refresh the token. Returns the second.
    async fn connect_collect_and_rotate(&self) -> Function {
        let acme = Source { logs: LogType::ALL.to_vec(), ..organization_source("acme") };
        let mut activity = ActivityGenerator::new(&mut self.local.slack(), 3, 40);

        self.connect(&acme).await;
        self.expire_token_soon(&acme).await;
        let poller = self.poller();
        self.local.drain().await;
        assert_eq!(self.local.slack().refreshes(), 1, "the token was refreshed");
        poller.kill().await;

        activity.add_recent_rows(&mut self.local.slack(), 20);
        let poller = self.poller(); // reads the objects of the first process
        self.local.drain().await;
        self.local.archive().await.assert_exactly(&self.local.slack(), "acme", &Log::ALL);
        poller
    }
}

/// Compares the permissions of a role with the calls of its function, without the permissions that Lambda uses. Asserts that these are granted.
fn disagreement(function: &DeployedFunction, proxy: &AwsProxy) -> Disagreement {
    let granted = function.statements.iter().flat_map(|statement| statement.permissions());
    let (of_lambda, granted): (Vec<Permission>, Vec<Permission>) =
        granted.partition(|granted| USED_BY_LAMBDA.iter().any(|(action, _)| granted.action == *action));
    assert!(
        of_lambda.iter().any(|granted| granted.action == "logs:PutLogEvents"),
        "the role allows Lambda to write log lines"
    );
    let used: Vec<Permission> = proxy.take().iter().map(Permission::needed_for).collect();
    compare(&granted, &used)
}

#[tokio::test]
async fn deployed_functions_use_exactly_their_granted_permissions() {
    let Some(deployed) = DeployedStack::start().await else { return };
    let poller = deployed.connect_collect_and_rotate().await;

    for number in 0..SOURCES_MAX {
        let source = Source { logs: vec![LogType::Audit], ..organization_source(&format!("acme-{number}")) };
        deployed.local.connect(&source, ORGANIZATION_TOKEN).await;
    }
    assert!(
        deployed.local.invoke().await.0.is_empty(),
        "one invocation cannot poll that many sources, so it dispatches shards"
    );
    poller.kill().await;

    for (function, proxy) in
        [(&deployed.stack.poller, &deployed.local.proxy), (&deployed.stack.oauth, &deployed.oauth_proxy)]
    {
        assert_eq!(
            disagreement(function, proxy),
            Disagreement::default(),
            "in template.yaml, add the missing permissions to the role of {}, and remove the unused ones",
            function.name
        );
    }
}

#[test]
fn function_variables_and_outputs_match_template() {
    let Some(moto) = EmulatedAws::start_with_cloudformation() else { return };
    let stack = Stack::deploy(&moto, &[]);
    let variables = RefCell::new(BTreeSet::new());
    let record = |name: &str| {
        variables.borrow_mut().insert(name.to_owned());
        None
    };
    let set = |function: &DeployedFunction| function.environment.keys().cloned().collect::<BTreeSet<_>>();
    let has_default = |name: &String| NOT_SET.iter().any(|(not_set, _)| name == not_set);
    let read = || variables.take().into_iter().filter(|name| !has_default(name)).collect::<BTreeSet<_>>();

    PollerSettings::read(record).unwrap_err();
    assert_eq!(read(), set(&stack.poller));
    OauthSettings::read(record).unwrap_err();
    assert_eq!(read(), set(&stack.oauth));

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
