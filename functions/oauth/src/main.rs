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
use slacktrail_connect::{CallbackPorts, WORK_MAX};
use slacktrail_core::settings::OauthSettings;
use slacktrail_core::time::Second;
use slacktrail_oauth::{Oauth, handle};
use slacktrail_ports::Timer;

/// One call to Slack, within the time that a callback may take (`slacktrail_connect`). API Gateway times out after 30 seconds
/// and would then show its own page, which does not say what happened.
const SLACK_CALL_MAX: Duration = Duration::from_secs(8);
/// One attempt of a call to AWS, and the call with its retries.
const AWS_MAX: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(7));
/// The app's credentials are read and the code is exchanged within [`WORK_MAX`], however long each call takes. So a message about the exchange
/// names the limit of that call, not of all the work.
const _: () = assert!(AWS_MAX.1.as_secs() + SLACK_CALL_MAX.as_secs() < WORK_MAX.as_secs());

/// Lambda's own clock.
#[derive(Debug)]
struct Clock;

impl Timer for Clock {
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
    let ports = CallbackPorts { slack, table, credentials, timer: Clock };
    let oauth = Oauth::new(ports, settings.slack_authorize_url);

    // `lambda_http::run` would first make an `http::Request` of the event, and it panics where a client's Host header or query
    // is not part of a URI.
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        // In a box: the compiler computes the layout of nested futures to a limited depth only.
        Ok::<_, Infallible>(Box::pin(handle(&oauth, &event.payload, Second::of(Timestamp::now()))).await)
    }))
    .await
}
