//! Implements the ports with AWS: day logs in S3, sources and cursors in DynamoDB, and credentials in Secrets Manager.
//!
//! Only the SDK retries calls. A failed call may have been applied, and the adapters do not find out, because the protocols of `day_log` and
//! `collect` handle both cases.
#![allow(clippy::disallowed_methods, reason = "an adapter does what the core only decides")]

mod dynamodb;
mod lambda;
mod long_text;
mod operation;
mod s3;
mod secrets_manager;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

pub use dynamodb::DynamoDeployment;
pub use lambda::LambdaInvoker;
pub use operation::rejects_credentials;
pub use s3::S3DayLogs;
pub use secrets_manager::{DELETION_IN_PROGRESS, SCHEDULED_FOR_DELETION, SecretsManagerCredentials};

use slacktrail_ports::Ports;

/// The time limit for establishing a connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// The time limit for one attempt of a call. The largest body is an object of a few MiB within one region.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// The time limit for a call with all its attempts. It is half of an invocation, so that a tick can still report the error.
const CALL_MAX: Duration = Duration::from_secs(25);
/// The number of attempts of a call, including the first. The SDK waits at most a second or two between attempts.
const ATTEMPTS_MAX: u32 = 3;

/// The names of the deployment's resources.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceNames {
    /// The log bucket (`BUCKET_NAME`).
    pub bucket: String,
    /// The table of sources and cursors (`TABLE_NAME`).
    pub table: String,
    /// The prefix of the secrets' names (`SECRET_PREFIX`).
    pub secret_prefix: String,
}

/// The three ports that AWS implements. [`AwsPorts::with`] adds Slack as the fourth.
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
    /// Creates the clients, and overrides the timeouts and the retries of `config`. Makes no call, so a wrong name causes an error only on first use.
    pub fn connect(config: &SdkConfig, names: ResourceNames) -> AwsPorts {
        let bounded = bounded(config);
        // A custom endpoint has only one host name, so the bucket's name must be part of the path.
        let s3 = aws_sdk_s3::config::Builder::from(&bounded).force_path_style(config.endpoint_url().is_some()).build();
        let (deployment, credentials) = connect_table_and_secrets(config, names.table, names.secret_prefix);
        let day_logs = S3DayLogs::new(aws_sdk_s3::Client::from_conf(s3), names.bucket);
        AwsPorts { day_logs, deployment, credentials }
    }

    /// Returns these three ports together with Slack.
    pub fn with<S>(self, slack: S) -> Ports<S, S3DayLogs, DynamoDeployment, SecretsManagerCredentials> {
        Ports { slack, day_logs: self.day_logs, deployment: self.deployment, credentials: self.credentials }
    }
}

/// Creates only the clients of the table and the secrets, for callers that do not collect.
pub fn connect_table_and_secrets(
    config: &SdkConfig,
    table: impl Into<String>,
    secret_prefix: impl Into<String>,
) -> (DynamoDeployment, SecretsManagerCredentials) {
    connect_table_and_secrets_within(config, (ATTEMPT_MAX, CALL_MAX), table, secret_prefix)
}

/// Creates the clients of the table and the secrets. `limits` are the time limits for one attempt of a call, and for the call with its retries.
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

/// Creates the invoker that dispatches the shards of a large deployment to `function`.
pub fn connect_invoker(config: &SdkConfig, function: impl Into<String>) -> LambdaInvoker {
    LambdaInvoker::new(aws_sdk_lambda::Client::new(&bounded(config)), function)
}

/// Returns `config` with the timeouts and the attempts of every call of slacktrail.
pub fn bounded(config: &SdkConfig) -> SdkConfig {
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

/// Loads the AWS settings from the environment, such as the region, the credentials and `AWS_ENDPOINT_URL`.
pub async fn sdk_config() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}
