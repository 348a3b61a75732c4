//! The Lambda function that connects Slack sources.

use std::convert::Infallible;
use std::env;
use std::time::Duration;

use jiff::Timestamp;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};
use slacktrail_adapters::aws::{connect_table_and_secrets_within, sdk_config};
use slacktrail_adapters::http::SlackHttp;
use slacktrail_adapters::log;
use slacktrail_adapters::settings::OauthSettings;
use slacktrail_connect::{CallbackPorts, Timer, WORK_MAX};
use slacktrail_core::time::Second;
use slacktrail_oauth::{Oauth, handle};

/// The longest time for one call to Slack. All work of a callback must fit into its time limit (see `slacktrail_connect`). API Gateway
/// times out after 30 seconds and would then show its own error page, which does not name the cause.
const SLACK_CALL_MAX: Duration = Duration::from_secs(8);
/// The longest time for one attempt of an AWS call, and for the call with its retries.
const AWS_MAX: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(7));
/// Reading the app's credentials and exchanging the code fit into [`WORK_MAX`] even if both calls time out. A slow exchange therefore reports
/// the time limit of that call, and not the limit of the whole callback.
const _: () = assert!(AWS_MAX.1.as_secs() + SLACK_CALL_MAX.as_secs() < WORK_MAX.as_secs());

/// The timer of the Tokio runtime.
#[derive(Debug)]
struct TokioTimer;

impl Timer for TokioTimer {
    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(limit, work).await.ok()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init();

    let settings = OauthSettings::read(|name| env::var(name).ok())?;

    let slack = SlackHttp::with_timeout(&settings.slack_api_url, &settings.slack_audit_url, SLACK_CALL_MAX)?;
    let config = sdk_config().await;
    let (table, credentials) =
        connect_table_and_secrets_within(&config, AWS_MAX, settings.table, settings.secret_prefix);
    let ports = CallbackPorts { slack, table, credentials, timer: TokioTimer };
    let oauth = Oauth { ports, authorize_url: settings.slack_authorize_url };

    // `lambda_http::run` would first convert the event to an `http::Request`. That conversion panics if the client's Host header or query string
    // is not valid in a URI.
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        // Boxed, because the compiler limits the depth to which it computes the layout of nested futures.
        Ok::<_, Infallible>(Box::pin(handle(&oauth, &event.payload, Second::of(Timestamp::now()))).await)
    }))
    .await
}
