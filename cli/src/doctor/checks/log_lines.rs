//! `function_errors` and `log_format`: the functions logged no errors, and each of their log lines has its own level and timestamp.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use slacktrail_core::time::Second;

use super::functions::{SET_ARCHITECTURE, cannot_start};
use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::format::{counted, counted_as};

/// The maximum number of pages of log events to read. A page can be empty although more pages follow.
const PAGES_MAX: usize = 20;
/// The period that `function_errors` covers, which is as long as the period that `PollerErrorsAlarm` evaluates.
const ERRORS_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// The filter for lines of level ERROR and for Lambda's reports of failed invocations.
const ERRORS: &str = r#"{ $.level = "ERROR" || $.record.status = "error" || $.record.status = "failure" || $.record.status = "timeout" }"#;
/// The start of the detail of an error that Lambda reported.
const REPORTED: &str = "Lambda reported";
/// The period in which one invocation writes its lines. The next invocation starts a minute later.
const ONE_INVOCATION: SignedDuration = SignedDuration::from_secs(59);
/// The period that `log_format` covers.
const LINES_WITHIN: SignedDuration = SignedDuration::from_mins(5);
const LOG_FORMAT: &str = "deploy the stack again to set the function's log format to JSON, and remove layers and extensions that \
    rewrite its lines";
/// The prefixes of Lambda's own lines in the text format.
const LAMBDA_PREFIXES: [&str; 8] = [
    "START RequestId: ",
    "END RequestId: ",
    "REPORT RequestId: ",
    "INIT_START ",
    "INIT_REPORT ",
    "EXTENSION\t",
    "LOGS\t",
    "XRAY TraceId: ",
];
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

pub(super) async fn function_errors(facts: &Facts) -> Verdict {
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

pub(super) async fn log_format(facts: &Facts) -> Verdict {
    let poller = facts.poller.get()?;
    let mut own_lines = 0;
    for function in [Some(poller), facts.oauth.get().ok()].into_iter().flatten() {
        let group = &function.log_group;
        let name = function.arn.rsplit(':').next().unwrap_or_default();
        let format = function.log_format.as_deref().unwrap_or("JSON");
        ensure(format == "JSON", format!("the log format of `{name}` is `{format}`"), LOG_FORMAT)?;
        let events = read(facts, group, Timestamp::now() - LINES_WITHIN, None).await?.unwrap_or_default();
        let lines: Vec<Result<(), &str>> = events.iter().filter_map(|event| own_line(&event.text)).collect();
        let (own, faults) = (lines.len(), lines.iter().filter_map(|line| line.err()).collect::<Vec<_>>());
        if let Some(fault) = faults.first() {
            let (lines, differ) = (counted(own as u64, "line"), if faults.len() == 1 { "differs" } else { "differ" });
            let detail =
                format!("{} of {lines} in `{group}` {differ} from what `{name}` writes: {fault}", faults.len());
            return Err(Problem::failed(detail, LOG_FORMAT));
        }
        if own == 0 && function.arn == poller.arn {
            return Err(Problem::skipped_until(
                "the poller wrote no line of its own in the last 5 minutes, although it writes one for each stream",
                "connect a source (`slacktrail connect`), and run the command again",
            ));
        }
        own_lines += own;
    }
    let have = counted_as(own_lines as u64, "line of the functions has its", "lines of the functions have their");
    Ok(format!("{have} own level and timestamp"))
}

/// Returns whether a line of the function is unchanged, or why it must have been changed. Returns `None` for a line that Lambda or its runtime
/// wrote, and for a line with metrics. The function writes objects with `level`, `timestamp` and `fields`.
fn own_line(text: &str) -> Option<Result<(), &'static str>> {
    let Ok(Value::Object(line)) = serde_json::from_str::<Value>(text) else {
        let is_from_lambda = LAMBDA_PREFIXES.iter().any(|start| text.starts_with(start));
        return if is_from_lambda { None } else { Some(Err("a line is not JSON")) };
    };
    let text_of = |name: &str| line.get(name).and_then(Value::as_str);
    let is_report = text_of("type").is_some_and(|kind| kind.starts_with("platform."));
    if is_report || line.contains_key("_aws") {
        return None;
    }
    // Lambda wraps a line whose format it does not know into a line with a level of its own.
    let wrapped = line.get("message").is_some_and(|message| match message {
        Value::String(message) => serde_json::from_str(message).is_ok_and(|inner: Value| inner.is_object()),
        other => other.is_object(),
    });
    if wrapped {
        return Some(Err("a line is nested in another line's `message`, which hides its level"));
    }
    if !text_of("level").is_some_and(|level| LEVELS.contains(&level)) {
        return Some(Err("a line has no `level`"));
    }
    if text_of("timestamp").is_none_or(|time| time.parse::<Timestamp>().is_err()) {
        return Some(Err("a line has no `timestamp`"));
    }
    line.contains_key("fields").then_some(Ok(()))
}

pub(super) struct Event {
    pub(super) written_at: Timestamp,
    text: String,
}

/// Returns the events of a log group since `since`, oldest first, or `None` if the group does not exist.
pub(super) async fn read(
    facts: &Facts,
    group: &str,
    since: Timestamp,
    pattern: Option<&str>,
) -> Result<Option<Vec<Event>>, Problem> {
    let client = Client::new(&facts.config);
    let mut events = Vec::new();
    let mut next = None;
    for _ in 0..PAGES_MAX {
        let call = client.filter_log_events().log_group_name(group).start_time(since.as_millisecond());
        let page = call.set_filter_pattern(pattern.map(str::to_owned)).set_next_token(next).send().await;
        let page = match page {
            Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(None),
            page => page.map_err(problem("logs:FilterLogEvents"))?,
        };
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
    Ok(Some(events))
}

/// Returns the hint for a missing log group. Deploying an unchanged stack does not create the group again.
pub(super) fn create_hint(group: &str) -> String {
    format!(
        "create the log group, because the functions' roles cannot: `aws logs create-log-group --log-group-name {group}`; \
         then run the command again in two minutes"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn lambda_lines_are_not_function_lines() {
        for line in [
            PLATFORM,
            r#"{"_aws":{}}"#,
            "START RequestId: 1 Version: $LATEST\n",
            "END RequestId: 1\n",
            "REPORT RequestId: 1\tDuration: 2.00 ms\n",
            r#"{"timestamp":"2026-11-22T07:33:41Z","level":"INFO","message":"a plain text"}"#,
        ] {
            assert_eq!(own_line(line), None, "{line}");
        }
    }

    #[test]
    fn function_line_needs_own_level_and_rfc_3339_timestamp() {
        assert_eq!(own_line(OWN), Some(Ok(())));
        let wrapped = json!({"timestamp": "2026-11-22T07:33:41Z", "level": "INFO", "message": OWN}).to_string();
        let nested = json!({"timestamp": "2026-11-22T07:33:41Z", "level": "INFO", "message": {"level": "ERROR"}});
        for (line, fault) in [
            ("plain", "is not JSON"),
            ("[]", "is not JSON"),
            (&wrapped, "nested in another line's `message`"),
            (&nested.to_string(), "nested in another line's `message`"),
            (r#"{"fields":{"level":"INFO"},"timestamp":"2026-11-22T07:33:41Z"}"#, "has no `level`"),
            (r#"{"level":"LOUD","timestamp":"2026-11-22T07:33:41Z"}"#, "has no `level`"),
            (r#"{"level":"INFO"}"#, "has no `timestamp`"),
            (r#"{"level":"INFO","timestamp":"now"}"#, "has no `timestamp`"),
        ] {
            let found = own_line(line);
            assert!(found.is_some_and(|found| found.unwrap_err().contains(fault)), "{line}: {found:?}");
        }
    }
}
