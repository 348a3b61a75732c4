//! `alarms` and `alarm_states`: every alarm exists, notifies the topic, and is not raised. `metrics` checks the alarms' data.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use jiff::{SignedDuration, Timestamp};

use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::format::{counted, counted_as, quoted};

/// The time within which CloudWatch evaluates a new alarm: three periods of 5 minutes.
const EVALUATED_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// Reads the stack's alarms.
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
