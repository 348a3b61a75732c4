//! `credentials`: AWS accepts the credentials, and a region is set. Also reads AWS's clock.

use std::sync::{Arc, Mutex};

use aws_sdk_sts::Client;
use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use jiff::Timestamp;
use slacktrail_core::time::parse_http_date;

use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict};
use crate::{credentials, region};

pub(super) async fn check(facts: &Facts) -> Verdict {
    let Some(region) = region::of(&facts.config) else {
        return Err(Problem::failed("no AWS region is set", region::SET_REGION));
    };
    let config = credentials::load(facts.config.clone(), &facts.args)
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
    let difference = region::difference(&facts.args).map(|difference| format!("; {difference}")).unwrap_or_default();
    let (arn, region) = (identity.arn().unwrap_or("an identity without an ARN"), region::describe(region, &facts.args));
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
