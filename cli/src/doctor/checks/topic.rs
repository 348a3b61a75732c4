//! `alarm_recipients`: the alarm topic has a confirmed subscription.

use aws_sdk_sns::Client;

use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict};
use crate::format::counted;

pub(super) async fn check(facts: &Facts) -> Verdict {
    let topic = &facts.deployed.get()?.topic;
    let subscriptions = Client::new(&facts.config).list_subscriptions_by_topic().topic_arn(topic).send().await;
    let subscriptions = subscriptions.map_err(problem("sns:ListSubscriptionsByTopic"))?;
    let arns: Vec<&str> =
        subscriptions.subscriptions().iter().filter_map(|subscription| subscription.subscription_arn()).collect();
    judge(&arns, facts.parameter("AlarmEmail")?, topic)
}

/// Judges the subscriptions. An unconfirmed subscription has a word such as `PendingConfirmation` instead of an ARN.
fn judge(arns: &[&str], email: &str, topic: &str) -> Verdict {
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
        let judge = |arns: &[&str], email| judge(arns, email, "t");
        assert!(judge(&["arn:aws:sns:1", "PendingConfirmation"], "").is_ok());
        assert!(matches!(judge(&["PendingConfirmation"], ""), Err(problem) if problem.outcome == CheckOutcome::Failed));
        assert!(matches!(judge(&[], "a@example.com"), Err(problem) if problem.outcome == CheckOutcome::Failed));
        assert!(matches!(judge(&[], ""), Err(problem) if problem.outcome == CheckOutcome::Skipped));
    }
}
