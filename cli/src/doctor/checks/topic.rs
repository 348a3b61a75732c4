//! `alarm_recipients`: somebody receives the alarms.

use aws_sdk_sns::Client;

use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict};

pub(super) async fn check(facts: &Facts) -> Verdict {
    let topic = &facts.deployed()?.topic;
    let subscriptions = Client::new(&facts.config).list_subscriptions_by_topic().topic_arn(topic).send().await;
    let subscriptions = subscriptions.map_err(problem("sns:ListSubscriptionsByTopic"))?;
    let arns: Vec<&str> = subscriptions.subscriptions().iter().filter_map(|one| one.subscription_arn()).collect();
    judge(&arns, facts.parameter("AlarmEmail")?, topic)
}

/// A subscription that waits has a word such as `PendingConfirmation` in place of its ARN.
fn judge(arns: &[&str], email: &str, topic: &str) -> Verdict {
    let confirmed = arns.iter().filter(|arn| arn.starts_with("arn:")).count();
    let subscribe = |address: &str| {
        format!(
            "subscribe an address: `aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint {address}`"
        )
    };
    match (confirmed, arns.len()) {
        (0, 0) if email.is_empty() => Err(Problem::skipped_until(
            "the parameter `AlarmEmail` is empty and the topic has no subscription: nobody receives alarms",
            subscribe("ADDRESS"),
        )),
        (0, 0) => Err(Problem::failed(
            format!("the topic has no subscription, although the parameter `AlarmEmail` is `{email}`"),
            subscribe(email),
        )),
        (0, _) => Err(Problem::failed(
            "no subscription of the alarm topic is confirmed: nobody receives alarms",
            "open the mail \"AWS Notification - Subscription Confirmation\" and follow its link",
        )),
        (confirmed, all) => Ok(format!("{confirmed} of {all} subscriptions of the alarm topic are confirmed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_needs_one_confirmed_subscription() {
        let judge = |arns: &[&str], email| judge(arns, email, "t");
        assert!(judge(&["arn:aws:sns:1", "PendingConfirmation"], "").is_ok());
        assert!(matches!(judge(&["PendingConfirmation"], ""), Err(Problem::Failed { .. })));
        assert!(matches!(judge(&[], "a@example.com"), Err(Problem::Failed { .. })));
        assert!(matches!(judge(&[], ""), Err(Problem::Skipped { .. })));
    }
}
