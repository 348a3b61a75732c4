//! `credentials`: a region is set, and AWS accepts the credentials.

use std::sync::{Arc, Mutex};

use aws_sdk_sts::Client;
use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use jiff::Timestamp;
use slacktrail_core::time::parse_http_date;

use crate::aws::signed_in;
use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict};
use crate::environment::variable;
use crate::region;

pub(super) async fn check(facts: &Facts) -> Verdict {
    let config = signed_in(facts.config.clone(), &facts.args)
        .await
        .map_err(|error| Problem::failed(error.to_string(), error.next_action().unwrap_or_default().to_owned()))?;
    let clock = ServerClock::default();
    let settings = Builder::from(&config).interceptor(clock.clone()).build();
    let response = Client::from_conf(settings).get_caller_identity().send().await;
    if let Some(ahead) = clock.seconds_ahead() {
        facts.aws_clock_skew_seconds.set(ahead);
    }
    let identity = response.map_err(problem("sts:GetCallerIdentity"))?;
    facts.caller.set(());
    let difference =
        region::difference(&facts.args, variable).map(|difference| format!("; {difference}")).unwrap_or_default();
    let arn = identity.arn().unwrap_or("an identity without an ARN");
    let region = region::describe(region::of(&config).unwrap_or_default(), &facts.args);
    Ok(format!("{arn} in region {region}{difference}"))
}

/// Records how far the local clock is ahead of the `Date` header of the last response.
#[derive(Clone, Debug, Default)]
struct ServerClock(Arc<Mutex<Option<i64>>>);

impl ServerClock {
    fn seconds_ahead(&self) -> Option<i64> {
        *self.0.lock().ok()?
    }
}

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(parse_http_date);
        if let (Some(date), Ok(mut seconds)) = (date, self.0.lock()) {
            *seconds = Some(Timestamp::now().as_second() - date.as_second());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{Region, SdkConfig};

    use super::super::web;
    use super::*;
    use crate::aws::AwsArguments;

    #[tokio::test]
    async fn missing_or_wrong_region_is_reported_before_a_call() {
        let wrong = "`foo bar` (from `--region`) is not the name of an AWS region";
        for (region, expected) in [(Some("foo bar"), wrong), (None, "no AWS region is set")] {
            let args = AwsArguments { region: region.map(str::to_owned), ..AwsArguments::default() };
            let config = SdkConfig::builder().region(region.map(Region::new)).build();
            let facts = Facts::new(&config, "slacktrail".to_owned(), args, web::client().unwrap());
            assert_eq!(check(&facts).await.unwrap_err().detail, expected);
        }
    }
}
