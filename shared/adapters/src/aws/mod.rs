//! The ports on AWS: day logs in S3, sources and cursors in DynamoDB, credentials in Secrets Manager.
//!
//! Nothing here retries beyond what the SDK does, and nothing needs to know whether a call that failed was applied: the
//! protocol of `day_log` and `collect` is made for that.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

mod dynamodb;
mod lambda;
mod operation;
mod s3;
mod secrets_manager;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

pub use dynamodb::DynamoDeployment;
pub use lambda::LambdaInvoker;
pub use s3::S3DayLogs;
pub use secrets_manager::{DELETION_IN_PROGRESS, SCHEDULED_FOR_DELETION, SecretsManagerCredentials};

use slacktrail_ports::Ports;

/// Beyond this there is no connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// One attempt of a call. The largest body is an object of a few MiB, within one region.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// A call with all its attempts: half of an invocation, so that a tick can still say what went wrong.
pub const CALL_MAX: Duration = Duration::from_secs(25);
/// Attempts of a call, the first included. The SDK waits a second or two at most in between.
const ATTEMPTS_MAX: u32 = 3;

/// What the deployment's things are called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceNames {
    /// The log bucket: `BUCKET_NAME`.
    pub bucket: String,
    /// The table of sources and cursors: `TABLE_NAME`.
    pub table: String,
    /// What the names of secrets begin with: `SECRET_PREFIX`.
    pub secret_prefix: String,
}

/// The three ports that AWS serves. Slack is the fourth: see [`AwsPorts::with`].
#[derive(Debug)]
pub struct AwsPorts {
    /// Day logs in S3.
    pub day_logs: S3DayLogs,
    /// Sources and cursors in DynamoDB.
    pub deployment: DynamoDeployment,
    /// Credentials in Secrets Manager.
    pub credentials: SecretsManagerCredentials,
}

impl AwsPorts {
    /// Makes the clients, with bounded time and three attempts whatever `config` says. Calls nobody: a wrong name shows at
    /// the first use of it.
    pub fn connect(config: &SdkConfig, names: ResourceNames) -> AwsPorts {
        let bounded = bounded(config);
        // An endpoint of one's own has one host name, so that the bucket must stand in the path.
        let s3 = aws_sdk_s3::config::Builder::from(&bounded).force_path_style(config.endpoint_url().is_some()).build();
        let (deployment, credentials) = connect_table_and_secrets(config, names.table, names.secret_prefix);
        let day_logs = S3DayLogs::new(aws_sdk_s3::Client::from_conf(s3), names.bucket);
        AwsPorts { day_logs, deployment, credentials }
    }

    /// The four ports together.
    pub fn with<S>(self, slack: S) -> Ports<S, S3DayLogs, DynamoDeployment, SecretsManagerCredentials> {
        Ports { slack, day_logs: self.day_logs, deployment: self.deployment, credentials: self.credentials }
    }
}

/// The ports of whoever collects nothing: the table and the secrets, as [`AwsPorts::connect`] makes them.
pub fn connect_table_and_secrets(
    config: &SdkConfig,
    table: impl Into<String>,
    secret_prefix: impl Into<String>,
) -> (DynamoDeployment, SecretsManagerCredentials) {
    connect_table_and_secrets_within(config, (ATTEMPT_MAX, CALL_MAX), table, secret_prefix)
}

/// The same, with other limits for one attempt of a call and for the call with its retries.
pub fn connect_table_and_secrets_within(
    config: &SdkConfig,
    limits: (Duration, Duration),
    table: impl Into<String>,
    secret_prefix: impl Into<String>,
) -> (DynamoDeployment, SecretsManagerCredentials) {
    let bounded = bounded_by(config, limits);
    (
        DynamoDeployment::new(aws_sdk_dynamodb::Client::new(&bounded), table),
        SecretsManagerCredentials::new(aws_sdk_secretsmanager::Client::new(&bounded), secret_prefix),
    )
}

/// Who has shares of a large deployment polled: the function of this name.
pub fn connect_invoker(config: &SdkConfig, function: impl Into<String>) -> LambdaInvoker {
    LambdaInvoker::new(aws_sdk_lambda::Client::new(&bounded(config)), function)
}

fn bounded(config: &SdkConfig) -> SdkConfig {
    bounded_by(config, (ATTEMPT_MAX, CALL_MAX))
}

fn bounded_by(config: &SdkConfig, (attempt_max, call_max): (Duration, Duration)) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_MAX)
        .operation_attempt_timeout(attempt_max)
        .operation_timeout(call_max)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX);
    config.clone().into_builder().timeout_config(timeouts).retry_config(retries).build()
}

/// The AWS settings of the environment: region, credentials, `AWS_ENDPOINT_URL`.
pub async fn sdk_config() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}
