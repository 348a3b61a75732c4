//! `slack`: Slack's web methods and audit logs can be reached from this machine. The functions have a network of their own.

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_core::settings::{SLACK_API_URL, SLACK_AUDIT_URL};

use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Verdict, ensure};
use crate::doctor::web;
use crate::environment::variable;

const HINT: &str = "check Slack's status page, and whether a firewall or proxy blocks the host";

/// Calls both hosts without a token. Slack refuses that, and the refusal is the proof.
pub(super) async fn check(facts: &Facts) -> Verdict {
    let api = variable("SLACK_API_URL").unwrap_or_else(|| SLACK_API_URL.to_owned());
    let audit = variable("SLACK_AUDIT_URL").unwrap_or_else(|| SLACK_AUDIT_URL.to_owned());
    for url in [format!("{}/api.test", api.trim_end_matches('/')), format!("{}/schemas", audit.trim_end_matches('/'))] {
        let answer = web::get(&facts.http, &url, HINT).await?;
        if let Some(date) = answer.date {
            let _ = facts.slack_clock_skew_seconds.set(Timestamp::now().as_second() - date.as_second()); // of the first host
        }
        let is_slack = serde_json::from_str::<Value>(&answer.body).is_ok_and(|response| response.is_object());
        ensure(is_slack, format!("`{url}` answered with HTTP status {} and not with JSON", answer.status), HINT)?;
    }
    Ok("Slack's web methods and audit logs answer".to_owned())
}
