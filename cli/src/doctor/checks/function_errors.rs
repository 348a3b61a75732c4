//! `function_errors`: the functions logged no errors.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use slacktrail_core::time::Second;

use super::functions::{SET_ARCHITECTURE, cannot_start};
use super::log_lines::{Event, create_hint, read};
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict};

/// The period that `function_errors` covers, which is as long as the period that `PollerErrorsAlarm` evaluates.
const ERRORS_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// The filter for lines of level ERROR and for Lambda's reports of failed invocations.
const ERRORS: &str = r#"{ $.level = "ERROR" || $.record.status = "error" || $.record.status = "failure" || $.record.status = "timeout" }"#;
/// The start of the detail of an error that Lambda reported.
const REPORTED: &str = "Lambda reported";
/// The period in which one invocation writes its lines. The next invocation starts a minute later.
const ONE_INVOCATION: SignedDuration = SignedDuration::from_secs(59);

pub(super) async fn check(facts: &Facts) -> Verdict {
    let now = Timestamp::now();
    let mut missing = None;
    for function in [facts.poller.get()?, facts.oauth.get()?] {
        let group = &function.log_group;
        let Some(events) = read(facts, group, now - ERRORS_WITHIN, Some(ERRORS)).await? else {
            missing = missing.or(Some(group));
            continue;
        };
        if let Some((written_at, error)) = newest_error(&events) {
            let detail = format!("the newest error in `{group}` is from {}: {error}", Second::of(written_at));
            let look_up = "run `slacktrail status`, and look up the code in docs/operations.md";
            return Err(Problem::failed(detail, if cannot_start(&error) { SET_ARCHITECTURE } else { look_up }));
        }
    }
    match missing {
        Some(group) => Err(Problem::skipped_until(
            format!(
                "the log group `{group}` does not exist, so its errors are unknown; the other function logged none"
            ),
            create_hint(group),
        )),
        None => Ok("neither function logged an error in the last 15 minutes".to_owned()),
    }
}

/// Returns the newest error and its time.
///
/// Lambda reports a failed invocation in several lines, and only some contain the reason. If the newest error is such a report, an
/// error of the same invocation that says that the binary cannot start replaces it.
fn newest_error(events: &[Event]) -> Option<(Timestamp, String)> {
    let errors = || events.iter().rev().filter_map(|event| Some((event.written_at, error_of(&event.text)?)));
    let (newest_at, newest) = errors().next()?;
    let of_invocation = errors().take_while(|(at, _)| newest_at.duration_since(*at) <= ONE_INVOCATION);
    let reason = of_invocation.map(|(_, error)| error).find(|error| cannot_start(error));
    Some((newest_at, reason.filter(|_| newest.starts_with(REPORTED)).unwrap_or(newest)))
}

/// Returns the description of the error that a line reports, or `None` if it reports no error.
fn error_of(text: &str) -> Option<String> {
    let line: Value = serde_json::from_str(text).ok()?;
    if line["level"] == "ERROR" {
        let fields = &line["fields"];
        let texts = [
            &fields["message"],
            &fields["code"],
            &fields["error_message"],
            &line["message"],
            &line["errorType"],
            &line["errorMessage"],
        ];
        return Some(texts.iter().filter_map(|text| text.as_str()).collect::<Vec<_>>().join("; "));
    }
    let record = &line["record"];
    let status = record["status"].as_str().filter(|status| ["error", "failure", "timeout"].contains(status))?;
    let kind = record["errorType"].as_str().map(|kind| format!(" and the error `{kind}`")).unwrap_or_default();
    Some(format!("{REPORTED} an invocation with the status `{status}`{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str =
        r#"{"timestamp":"2026-11-22T07:33:41.123Z","level":"INFO","fields":{"message":"stream collected"}}"#;
    const PLATFORM: &str =
        r#"{"time":"2026-11-22T07:33:41.123Z","type":"platform.report","record":{"status":"success"}}"#;

    #[test]
    fn reason_of_failed_start_is_found_beside_newest_report() {
        let event =
            |second, text: &str| Event { written_at: Timestamp::from_second(second).unwrap(), text: text.to_owned() };
        let start =
            r#"{"type":"platform.initReport","record":{"status":"error","errorType":"Runtime.InvalidEntrypoint"}}"#;
        let report = PLATFORM.replace("success", "error");
        let (at, error) = newest_error(&[event(10, start), event(11, &report)]).unwrap();
        assert_eq!(at.as_second(), 11);
        assert!(cannot_start(&error), "{error}");
        let (_, error) = newest_error(&[event(10, start), event(900, &report)]).unwrap();
        assert!(!cannot_start(&error), "an older failure is not the cause: {error}");
        assert_eq!(newest_error(&[event(10, OWN)]), None);
    }

    #[test]
    fn error_lines_and_failed_reports_are_errors() {
        assert_eq!(error_of(OWN), None);
        assert_eq!(error_of(PLATFORM), None);
        let timeout = PLATFORM.replace("success", "timeout");
        assert_eq!(error_of(&timeout).unwrap(), "Lambda reported an invocation with the status `timeout`");
        let line = r#"{"level":"ERROR","fields":{"message":"stream requires action","code":"token_revoked"}}"#;
        assert_eq!(error_of(line).unwrap(), "stream requires action; token_revoked");
    }
}
