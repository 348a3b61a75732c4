//! Defects of the alarms.

use serde_json::json;

use super::changes::*;
use super::{Breakage, How, broken};

/// Returns the defects of the alarms and their recipients.
pub(super) fn of_alarms() -> Vec<Breakage> {
    vec![
        broken(
            "an alarm with disabled actions",
            "alarms",
            "enable-alarm-actions",
            How::Alarm(|alarm| alarm["ActionsEnabled"] = json!(false)),
        ),
        broken("an alarm without an action", "alarms", DEPLOY, How::Alarm(|alarm| alarm["AlarmActions"] = json!([]))),
        broken(
            "an alarm without an action for missing data",
            "alarms",
            DEPLOY,
            How::Alarm(|alarm| alarm["InsufficientDataActions"] = json!([])),
        ),
        broken("a missing alarm", "alarms", DEPLOY, How::Alarm(|alarm| alarm["AlarmName"] = json!("other"))),
        broken(
            "log lines without extracted metrics",
            "metrics",
            "the log group `/aws/lambda/slacktrail-poller` exists and has the class `STANDARD`",
            without_data(|metric| metric["Namespace"] == "slacktrail"),
        ),
        broken(
            "a metric without data that is only used in metric math",
            "metrics",
            DEPLOY,
            without_data(|metric| metric["MetricName"] == "LagSeconds"),
        ),
        broken(
            "a poller without invocations",
            "metrics",
            "\"Poller not running\" in docs/operations.md",
            without_data(|metric| metric["MetricName"] == "Invocations"),
        ),
        broken(
            "alarms on a different function's metrics",
            "metrics",
            DEPLOY,
            How::Alarm(|alarm| {
                if alarm["Namespace"] == "slacktrail" {
                    alarm["Dimensions"][0]["Value"] = json!("other");
                }
            }),
        ),
        broken(
            "alarms on no metric of the poller",
            "metrics",
            DEPLOY,
            How::Alarm(|alarm| {
                alarm["Namespace"] = json!("AWS/S3");
                alarm["Dimensions"] = json!([]);
                alarm["Metrics"] = json!([]);
            }),
        ),
        broken(
            "a raised alarm",
            "alarm_states",
            "slacktrail status",
            How::Alarm(|alarm| alarm["StateValue"] = json!("ALARM")),
        ),
        broken(
            "an alarm without data",
            "alarm_states",
            "\"Poller not running\" in docs/operations.md",
            How::Alarm(|alarm| {
                alarm["StateValue"] = json!("INSUFFICIENT_DATA");
                alarm["AlarmConfigurationUpdatedTimestamp"] = json!(1_700_000_000);
            }),
        ),
        broken(
            "an unconfirmed subscription",
            "alarm_recipients",
            "Subscription Confirmation",
            edit(
                "ListSubscriptionsByTopic",
                "",
                "<SubscriptionArn>arn:aws:sns",
                "<SubscriptionArn>PendingConfirmation:",
            ),
        ),
        broken(
            "a topic without a subscription",
            "alarm_recipients",
            "aws sns subscribe",
            response("ListSubscriptionsByTopic", "", no_subscription),
        ),
    ]
}
