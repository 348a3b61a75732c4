//! `alarms`, `alarm_states`, `alarm_recipients`: every alarm exists, notifies the topic, and is not raised, and the topic has a confirmed
//! subscription. `metrics` checks the alarms' data.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use jiff::{SignedDuration, Timestamp};

use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::format::{counted, counted_as, quoted};

/// The time within which CloudWatch evaluates a new alarm: three periods of 5 minutes.
const EVALUATED_WITHIN: SignedDuration = SignedDuration::from_mins(15);

pub(super) async fn read(facts: &Facts) -> Result<Vec<MetricAlarm>, Problem> {
    let client = Client::new(&facts.config);
    let described = client.describe_alarms().set_alarm_names(Some(facts.deployed.get()?.alarms.clone())).send().await;
    Ok(described.map_err(problem("cloudwatch:DescribeAlarms"))?.metric_alarms().to_vec())
}

pub(super) async fn check(facts: &Facts) -> Verdict {
    let (found, deployed) = (read(facts).await?, facts.deployed.get()?);
    let named = |name: &String| found.iter().find(|alarm| alarm.alarm_name() == Some(name));
    let matching = |condition: fn(&MetricAlarm, &str) -> bool| {
        let alarms = found.iter().filter(|alarm| condition(alarm, &deployed.topic));
        alarms.filter_map(MetricAlarm::alarm_name).collect::<Vec<_>>()
    };
    let missing: Vec<&String> = deployed.alarms.iter().filter(|name| named(name).is_none()).collect();
    let hint = "deploy the stack again to create its alarms";
    ensure(!deployed.alarms.is_empty(), "the stack has no alarm", hint)?;
    ensure(missing.is_empty(), format!("alarms are missing: {}", quoted(missing, ", ")), hint)?;
    let disabled = matching(|alarm, _| alarm.actions_enabled() != Some(true));
    ensure(
        disabled.is_empty(),
        format!("alarms have disabled actions and send no notifications: {}", quoted(&disabled, ", ")),
        format!("enable them: `aws cloudwatch enable-alarm-actions --alarm-names {}`", disabled.join(" ")),
    )?;
    let elsewhere = matching(|alarm, topic| !notifies(alarm, topic));
    ensure(elsewhere.is_empty(), format!("alarms do not notify the alarm topic: {}", quoted(elsewhere, ", ")), hint)?;
    let alarms = deployed.alarms.len() as u64;
    Ok(format!("{} the alarm topic", counted_as(alarms, "alarm notifies", "alarms notify")))
}

/// Returns `true` if the alarm notifies `topic` when it is raised.
///
/// An alarm that treats missing data as missing must also notify the topic when data is insufficient.
fn notifies(alarm: &MetricAlarm, topic: &str) -> bool {
    let has_topic = |actions: &[String]| actions.iter().any(|action| action == topic);
    let can_lack_data = matches!(alarm.treat_missing_data(), None | Some("missing"));
    has_topic(alarm.alarm_actions()) && (!can_lack_data || has_topic(alarm.insufficient_data_actions()))
}

/// Checks that no alarm is raised or lacks data.
///
/// A new alarm lacks data until CloudWatch evaluates it. An older alarm lacks data only if the poller is not invoked. This check cannot
/// detect missing data of an alarm that treats it as good.
pub(super) async fn states(facts: &Facts) -> Verdict {
    let found = read(facts).await?;
    let now = Timestamp::now();
    let of_state = |state: StateValue| {
        let alarms = found.iter().filter(move |alarm| alarm.state_value() == Some(&state));
        alarms.collect::<Vec<_>>()
    };
    let names = |alarms: &[&MetricAlarm]| quoted(alarms.iter().filter_map(|alarm| alarm.alarm_name()), ", ");
    let raised = of_state(StateValue::Alarm);
    ensure(
        raised.is_empty(),
        format!("alarms are raised: {}", names(&raised)),
        "run `slacktrail status`, and see the alarm's section in docs/operations.md",
    )?;
    let (new, silent): (Vec<_>, Vec<_>) =
        of_state(StateValue::InsufficientData).into_iter().partition(|alarm| is_new(alarm, now));
    ensure(
        silent.is_empty(),
        format!("alarms have no data: {}", names(&silent)),
        "see \"Poller not running\" in docs/operations.md",
    )?;
    if !new.is_empty() {
        return Err(Problem::skipped_until(
            format!("alarms were created less than 15 minutes ago and are not evaluated yet: {}", names(&new)),
            "run the command again in 15 minutes",
        ));
    }
    Ok(format!("none of {} is raised", counted(found.len() as u64, "alarm")))
}

fn is_new(alarm: &MetricAlarm, now: Timestamp) -> bool {
    let configured =
        alarm.alarm_configuration_updated_timestamp().and_then(|time| Timestamp::from_second(time.secs()).ok());
    configured.is_some_and(|configured| now.duration_since(configured) < EVALUATED_WITHIN)
}

/// Checks that the alarm topic has a confirmed subscription.
pub(super) async fn recipients(facts: &Facts) -> Verdict {
    let topic = &facts.deployed.get()?.topic;
    let subscriptions =
        aws_sdk_sns::Client::new(&facts.config).list_subscriptions_by_topic().topic_arn(topic).send().await;
    let subscriptions = subscriptions.map_err(problem("sns:ListSubscriptionsByTopic"))?;
    let arns: Vec<&str> =
        subscriptions.subscriptions().iter().filter_map(|subscription| subscription.subscription_arn()).collect();
    judge_recipients(&arns, facts.parameter("AlarmEmail")?, topic)
}

/// Judges the subscriptions. An unconfirmed subscription has a word such as `PendingConfirmation` instead of an ARN.
fn judge_recipients(arns: &[&str], email: &str, topic: &str) -> Verdict {
    let confirmed = arns.iter().filter(|arn| arn.starts_with("arn:")).count();
    let subscribe = |address: &str| {
        format!(
            "subscribe an address: `aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint {address}`"
        )
    };
    match (confirmed, arns.len()) {
        (0, 0) if email.is_empty() => Err(Problem::skipped_until(
            "the parameter `AlarmEmail` is empty and the alarm topic has no subscription, so alarms have no recipient",
            subscribe("ADDRESS"),
        )),
        (0, 0) => Err(Problem::failed(
            format!("the alarm topic has no subscription, although the parameter `AlarmEmail` is `{email}`"),
            subscribe(email),
        )),
        (0, _) => Err(Problem::failed(
            "no subscription of the alarm topic is confirmed, so alarms have no recipient",
            "open the email \"AWS Notification - Subscription Confirmation\" and follow its link",
        )),
        (confirmed, all) => {
            let are = if confirmed == 1 { "is" } else { "are" };
            Ok(format!("{confirmed} of {} of the alarm topic {are} confirmed", counted(all as u64, "subscription")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::verdict::CheckOutcome;

    #[test]
    fn topic_needs_one_confirmed_subscription() {
        let judge = |arns: &[&str], email| judge_recipients(arns, email, "t");
        assert!(judge(&["arn:aws:sns:1", "PendingConfirmation"], "").is_ok());
        assert!(matches!(judge(&["PendingConfirmation"], ""), Err(problem) if problem.outcome == CheckOutcome::Failed));
        assert!(matches!(judge(&[], "a@example.com"), Err(problem) if problem.outcome == CheckOutcome::Failed));
        assert!(matches!(judge(&[], ""), Err(problem) if problem.outcome == CheckOutcome::Skipped));
    }
}
