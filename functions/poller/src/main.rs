//! The Lambda function that collects Slack logs every minute.

mod handler;
mod metrics;

use std::env;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use slacktrail_adapters::aws::{AwsPorts, connect_invoker, sdk_config};
use slacktrail_adapters::http::SlackHttp;
use slacktrail_adapters::log;
use slacktrail_adapters::settings::PollerSettings;
use slacktrail_collector::tick::Poller;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init();

    let settings = PollerSettings::read(|name| env::var(name).ok())?;

    let slack = SlackHttp::new(&settings.slack_api_url, &settings.slack_audit_url)?;
    let config = sdk_config().await;
    let invoker = connect_invoker(&config, env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default());
    let poller = Poller::new(AwsPorts::connect(&config, settings.names).with(slack));

    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        poller.ports.slack.finish_by(handler::calls_finish_by(event.context.deadline()));
        handler::handle(&poller, &invoker, event)
    }))
    .await
}
