//! The Lambda function that connects Slack sources.

use std::convert::Infallible;
use std::time::Duration;
use std::{env, io};

use jiff::Timestamp;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn, tracing};
use slacktrail_oauth::{Oauth, handle};
use slacktrail_shared::aws::{connect_table_and_secrets, sdk_config};
use slacktrail_shared::connection::CallbackEdges;
use slacktrail_shared::http::SlackHttp;
use slacktrail_shared::sanitize::EscapedJson;
use slacktrail_shared::settings::OauthSettings;
use slacktrail_shared::time::Second;

/// One call to Slack. A callback waits for three, one after another, and API Gateway gives up after 30 seconds: the page would then
/// be API Gateway's, and would not tell what happened.
const SLACK_CALL_MAX: Duration = Duration::from_secs(8);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber_with_writer(|| EscapedJson(io::stdout()));

    let settings = OauthSettings::read(|name| env::var(name).ok())?;

    let slack = SlackHttp::with_patience(&settings.slack_api_url, &settings.slack_audit_url, SLACK_CALL_MAX)?;
    let (table, credentials) = connect_table_and_secrets(&sdk_config().await, settings.table, settings.secret_prefix);
    let oauth = Oauth::new(CallbackEdges { slack, table, credentials }, settings.slack_authorize_url);

    // `lambda_http::run` would first make an `http::Request` of the event, and it panics where a client's Host header or query
    // is not part of a URI.
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        Ok::<_, Infallible>(handle(&oauth, &event.payload, Second::of(Timestamp::now())).await)
    }))
    .await
}
