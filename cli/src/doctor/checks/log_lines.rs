//! `function_errors` and `log_format`: what the functions have logged, and whether CloudWatch has each line's level and time.

use aws_sdk_cloudwatchlogs::Client;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};

/// The time that errors are looked for. An alarm needs as long.
const ERRORS_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// The time whose lines are looked at.
const LINES_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// The pages of log events that are read. A page may be empty although more follow.
const PAGES_MAX: usize = 20;
/// Selects lines of level ERROR, and Lambda's own reports of invocations that did not succeed.
const ERRORS: &str = r#"{ $.level = "ERROR" || $.record.status = "error" || $.record.status = "failure" || $.record.status = "timeout" }"#;
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// One line of a log group.
pub(super) struct Event {
    pub(super) written_at: Timestamp,
    pub(super) text: String,
}

/// Returns the lines that a log group got since `since`, oldest first.
pub(super) async fn read(
    facts: &Facts,
    group: &str,
    since: Timestamp,
    pattern: Option<&str>,
) -> Result<Vec<Event>, Problem> {
    let client = Client::new(&facts.config);
    let mut events = Vec::new();
    let mut next = None;
    for _ in 0..PAGES_MAX {
        let call = client.filter_log_events().log_group_name(group).start_time(since.as_millisecond());
        let page = call.set_filter_pattern(pattern.map(str::to_owned)).set_next_token(next).send().await;
        let page = page.map_err(problem("logs:FilterLogEvents"))?;
        events.extend(page.events().iter().filter_map(|event| {
            let written_at = Timestamp::from_millisecond(event.timestamp()?).ok()?;
            Some(Event { written_at, text: event.message()?.to_owned() })
        }));
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    events.sort_by_key(|event| event.written_at);
    Ok(events)
}

pub(super) async fn errors(facts: &Facts) -> Verdict {
    let now = Timestamp::now();
    for function in [facts.poller()?, facts.oauth()?] {
        let group = &function.log_group;
        let events = read(facts, group, now - ERRORS_WITHIN, Some(ERRORS)).await?;
        let mut errors = events.iter().rev().filter_map(|event| Some((event, error_of(&event.text)?)));
        if let Some((event, error)) = errors.next() {
            return Err(Problem::failed(
                format!(
                    "the newest error in `{group}` is of {}: {error}",
                    event.written_at.strftime("%Y-%m-%dT%H:%M:%SZ")
                ),
                "run `slacktrail status`, and look the code up in docs/operations.md",
            ));
        }
    }
    Ok("no error line of either function in the last 15 minutes".to_owned())
}

/// Returns what a line tells if it tells of an error.
fn error_of(text: &str) -> Option<String> {
    let line: Value = serde_json::from_str(text).ok()?;
    if line["level"] == "ERROR" {
        let fields = &line["fields"];
        let texts = [&fields["message"], &fields["code"], &fields["message_text"], &line["message"]];
        return Some(texts.iter().filter_map(|text| text.as_str()).collect::<Vec<_>>().join("; "));
    }
    let status = line["record"]["status"].as_str().filter(|status| ["error", "failure", "timeout"].contains(status))?;
    Some(format!("Lambda reported an invocation with the status `{status}`"))
}

pub(super) async fn format(facts: &Facts) -> Verdict {
    let group = &facts.poller()?.log_group;
    let events = read(facts, group, Timestamp::now() - LINES_WITHIN, None).await?;
    let lines: Vec<&str> = events.iter().map(|event| event.text.as_str()).filter(|text| is_own(text)).collect();
    if lines.is_empty() {
        return Err(Problem::skipped_until(
            "the poller itself wrote no line in the last 5 minutes: it writes one for each stream",
            "connect a source (`slacktrail connect`), and run the command again",
        ));
    }
    let without = lines.iter().filter(|text| !has_level_and_time(text)).count();
    ensure(
        without == 0,
        format!("{without} of {} lines of the poller in `{group}` have no `level` and `timestamp`", lines.len()),
        "set the function's log format to JSON: deploy the stack again",
    )?;
    Ok(format!("{} lines of the poller have their level and timestamp", lines.len()))
}

/// Returns `true` if the poller wrote the line: not Lambda's platform, and not a line of metrics, which has no level.
fn is_own(text: &str) -> bool {
    serde_json::from_str::<Value>(text).map_or(true, |line| {
        let is_platform = line["type"].as_str().is_some_and(|kind| kind.starts_with("platform."));
        !is_platform && line.get("_aws").is_none()
    })
}

fn has_level_and_time(text: &str) -> bool {
    let Ok(line) = serde_json::from_str::<Value>(text) else { return false };
    let has_level = line["level"].as_str().is_some_and(|level| LEVELS.contains(&level));
    has_level && line["timestamp"].as_str().is_some_and(|time| time.parse::<Timestamp>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str =
        r#"{"timestamp":"2026-11-22T07:33:41.123Z","level":"INFO","fields":{"message":"stream collected"}}"#;
    const PLATFORM: &str =
        r#"{"time":"2026-11-22T07:33:41.123Z","type":"platform.report","record":{"status":"success"}}"#;

    #[test]
    fn platform_and_metric_lines_are_not_the_pollers() {
        for (line, own) in [(OWN, true), (PLATFORM, false), (r#"{"_aws":{}}"#, false), ("plain text", true)] {
            assert_eq!(is_own(line), own, "{line}");
        }
    }

    #[test]
    fn line_needs_level_and_rfc_3339_timestamp() {
        assert!(has_level_and_time(OWN));
        for line in [
            "plain",
            r#"{"level":"INFO"}"#,
            r#"{"level":"LOUD","timestamp":"2026-11-22T07:33:41Z"}"#,
            r#"{"level":"INFO","timestamp":"now"}"#,
        ] {
            assert!(!has_level_and_time(line), "{line}");
        }
    }

    #[test]
    fn error_lines_and_failed_reports_are_errors() {
        assert_eq!(error_of(OWN), None);
        assert_eq!(error_of(PLATFORM), None);
        let timeout = PLATFORM.replace("success", "timeout");
        assert_eq!(error_of(&timeout).unwrap(), "Lambda reported an invocation with the status `timeout`");
        let line = r#"{"level":"ERROR","fields":{"message":"stream needs a person","code":"token_revoked"}}"#;
        assert_eq!(error_of(line).unwrap(), "stream needs a person; token_revoked");
    }
}
