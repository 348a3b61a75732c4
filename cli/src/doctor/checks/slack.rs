//! `slack`: this machine can reach Slack's Web API and Audit Logs API. The functions use a different network.

use jiff::Timestamp;
use serde_json::Value;

use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Verdict, ensure};
use crate::doctor::web;
use crate::environment::slack_urls;

const HINT: &str = "check Slack's status page, and whether a firewall or proxy blocks the host";

/// Calls both hosts without a token. Any JSON object, such as Slack's error for the missing token, proves that the host is reachable.
pub(super) async fn check(facts: &Facts) -> Verdict {
    let (api, audit) = slack_urls();
    for url in [format!("{}/api.test", api.trim_end_matches('/')), format!("{}/schemas", audit.trim_end_matches('/'))] {
        let response = web::get(&facts.http, &url, HINT).await?;
        if let Some(date) = response.date {
            facts.slack_clock_skew_seconds.set(Timestamp::now().as_second() - date.as_second()); // keeps the first host's clock
        }
        let is_slack = serde_json::from_str::<Value>(&response.body).is_ok_and(|json| json.is_object());
        ensure(is_slack, format!("`{url}` returned HTTP status {} without a JSON object", response.status), HINT)?;
    }
    Ok("Slack's Web API and Audit Logs API respond".to_owned())
}
