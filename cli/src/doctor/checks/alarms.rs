//! `alarms` and `alarm_states`: every alarm exists, notifies, and is not raised. `metrics` looks for the data.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use jiff::{SignedDuration, Timestamp};

use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};

/// An alarm has been evaluated once by then: three periods of 5 minutes.
const EVALUATED_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// Returns the alarms of the stack.
pub(super) async fn read(facts: &Facts) -> Result<Vec<MetricAlarm>, Problem> {
    let client = Client::new(&facts.config);
    let described = client.describe_alarms().set_alarm_names(Some(facts.deployed()?.alarms.clone())).send().await;
    Ok(described.map_err(problem("cloudwatch:DescribeAlarms"))?.metric_alarms().to_vec())
}

pub(super) async fn check(facts: &Facts) -> Verdict {
    let (found, deployed) = (read(facts).await?, facts.deployed()?);
    let named = |name: &String| found.iter().find(|alarm| alarm.alarm_name() == Some(name));
    let wanting = |lacks: fn(&MetricAlarm, &str) -> bool| {
        let alarms = found.iter().filter(|alarm| lacks(alarm, &deployed.topic));
        alarms.filter_map(MetricAlarm::alarm_name).map(str::to_owned).collect::<Vec<_>>()
    };
    let missing: Vec<String> = deployed.alarms.iter().filter(|name| named(name).is_none()).cloned().collect();
    let hint = "deploy the stack again: its template makes the alarms";
    ensure(!deployed.alarms.is_empty(), "the stack has no alarm", hint)?;
    ensure(missing.is_empty(), format!("alarms are missing: {}", list(&missing)), hint)?;
    let disabled = wanting(|alarm, _| alarm.actions_enabled() != Some(true));
    ensure(
        disabled.is_empty(),
        format!("alarms notify nobody, because their actions are disabled: {}", list(&disabled)),
        format!("enable them: `aws cloudwatch enable-alarm-actions --alarm-names {}`", disabled.join(" ")),
    )?;
    let elsewhere = wanting(|alarm, topic| !notifies(alarm, topic));
    ensure(elsewhere.is_empty(), format!("alarms do not notify the alarm topic: {}", list(&elsewhere)), hint)?;
    Ok(format!("{} alarms notify the alarm topic", deployed.alarms.len()))
}

/// Whether an alarm notifies a topic when it is raised, and when its data end unless it counts missing data as good or bad.
fn notifies(alarm: &MetricAlarm, topic: &str) -> bool {
    let among = |actions: &[String]| actions.iter().any(|action| action == topic);
    let data_may_end = matches!(alarm.treat_missing_data(), None | Some("missing"));
    among(alarm.alarm_actions()) && (!data_may_end || among(alarm.insufficient_data_actions()))
}

/// An alarm lacks data until it is first evaluated. After that, only a poller that is not invoked leaves one without data. An alarm that
/// counts missing data as good is not seen here to lack them.
pub(super) async fn states(facts: &Facts) -> Verdict {
    let found = read(facts).await?;
    let now = Timestamp::now();
    let of_state = |state: StateValue| {
        let alarms = found.iter().filter(move |alarm| alarm.state_value() == Some(&state));
        alarms.collect::<Vec<_>>()
    };
    let names = |alarms: &[&MetricAlarm]| {
        list(&alarms.iter().filter_map(|alarm| alarm.alarm_name()).map(str::to_owned).collect::<Vec<_>>())
    };
    let raised = of_state(StateValue::Alarm);
    ensure(
        raised.is_empty(),
        format!("alarms are raised: {}", names(&raised)),
        "run `slacktrail status`, and see the alarm's heading in docs/operations.md",
    )?;
    let (new, silent): (Vec<_>, Vec<_>) =
        of_state(StateValue::InsufficientData).into_iter().partition(|alarm| is_new(alarm, now));
    ensure(
        silent.is_empty(),
        format!("alarms have no data: {}", names(&silent)),
        "see \"No ticks\" in docs/operations.md",
    )?;
    if !new.is_empty() {
        return Err(Problem::skipped_until(
            format!("alarms were made less than 15 minutes ago and are not evaluated yet: {}", names(&new)),
            "run the command again in 15 minutes",
        ));
    }
    Ok(format!("none of {} alarms is raised", found.len()))
}

fn is_new(alarm: &MetricAlarm, now: Timestamp) -> bool {
    let configured =
        alarm.alarm_configuration_updated_timestamp().and_then(|time| Timestamp::from_second(time.secs()).ok());
    configured.is_some_and(|configured| now.duration_since(configured) < EVALUATED_WITHIN)
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
