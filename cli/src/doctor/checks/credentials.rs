//! `credentials`, `aws_clock`, `slack_clock`: AWS accepts the credentials, a region is set, and the local clock agrees with AWS's and Slack's
//! clocks.

use std::sync::{Arc, Mutex};

use aws_sdk_sts::Client;
use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use jiff::Timestamp;
use slacktrail_core::time::parse_http_date;

use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::environment::variable;
use crate::{credentials, region};

/// The maximum difference. AWS rejects requests whose time is off by more than 5 minutes.
const SKEW_SECONDS_MAX: i64 = 60;

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
    let difference =
        region::difference(&facts.args, variable).map(|difference| format!("; {difference}")).unwrap_or_default();
    let (arn, region) = (identity.arn().unwrap_or("an identity without an ARN"), region::describe(region, &facts.args));
    Ok(format!("{arn} in region {region}{difference}"))
}

pub(super) async fn aws_clock(facts: &Facts) -> Verdict {
    compare_clocks("AWS", *facts.aws_clock_skew_seconds.get()?)
}

pub(super) async fn slack_clock(facts: &Facts) -> Verdict {
    compare_clocks("Slack", *facts.slack_clock_skew_seconds.get()?)
}

fn compare_clocks(whose: &str, seconds_ahead: i64) -> Verdict {
    let skew = seconds_ahead.abs();
    let detail = match seconds_ahead {
        1.. => format!("this machine's clock is {skew} s ahead of {whose}'s"),
        0 => format!("this machine's clock agrees with {whose}'s"),
        _ => format!("this machine's clock is {skew} s behind {whose}'s"),
    };
    ensure(skew <= SKEW_SECONDS_MAX, &detail, "set this machine's clock, and enable time synchronization (NTP)")?;
    Ok(detail)
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
    use super::*;

    #[test]
    fn clock_may_differ_by_one_minute_either_way() {
        for (seconds, passes) in [(0, true), (60, true), (-60, true), (61, false), (-61, false), (i64::MAX, false)] {
            assert_eq!(compare_clocks("AWS", seconds).is_ok(), passes, "{seconds}");
        }
    }
}
