//! `log_format`: each log line of the functions has its own level and timestamp.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::log_lines::read;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::format::{counted, counted_as};

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

pub(super) async fn check(facts: &Facts) -> Verdict {
    let poller = facts.poller.get()?;
    let mut own_lines = 0;
    for function in [Some(poller), facts.oauth.get().ok()].into_iter().flatten() {
        let group = &function.log_group;
        let name = function.arn.rsplit(':').next().unwrap_or_default();
        let format = function.log_format.as_deref().unwrap_or("JSON");
        ensure(format == "JSON", format!("the log format of `{name}` is `{format}`"), LOG_FORMAT)?;
        let events = read(facts, group, Timestamp::now() - LINES_WITHIN, None).await?.unwrap_or_default();
        let kinds: Vec<Line> = events.iter().map(|event| classify(&event.text)).collect();
        let faults: Vec<&str> = kinds.iter().filter_map(Line::fault).collect();
        let own = kinds.iter().filter(|kind| !matches!(kind, Line::Lambda)).count();
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

/// The origin of a log line.
#[derive(Debug, Eq, PartialEq)]
enum Line {
    /// A line that Lambda or its runtime wrote, or a line with metrics.
    Lambda,
    /// An unchanged line of the function.
    Own,
    /// A line of the function that was changed, with the reason for this conclusion.
    Changed(&'static str),
}

impl Line {
    fn fault(&self) -> Option<&'static str> {
        match self {
            Line::Changed(fault) => Some(fault),
            Line::Lambda | Line::Own => None,
        }
    }
}

/// Classifies a line. The function writes objects with `level`, `timestamp` and `fields`.
fn classify(text: &str) -> Line {
    let Ok(Value::Object(line)) = serde_json::from_str::<Value>(text) else {
        let is_from_lambda = LAMBDA_PREFIXES.iter().any(|start| text.starts_with(start));
        return if is_from_lambda { Line::Lambda } else { Line::Changed("a line is not JSON") };
    };
    let text_of = |name: &str| line.get(name).and_then(Value::as_str);
    let is_report = text_of("type").is_some_and(|kind| kind.starts_with("platform."));
    if is_report || line.contains_key("_aws") {
        return Line::Lambda;
    }
    // Lambda wraps a line whose format it does not know into a line with a level of its own.
    let wrapped = line.get("message").is_some_and(|message| match message {
        Value::String(message) => serde_json::from_str(message).is_ok_and(|inner: Value| inner.is_object()),
        other => other.is_object(),
    });
    if wrapped {
        return Line::Changed("a line is nested in another line's `message`, which hides its level");
    }
    if !text_of("level").is_some_and(|level| LEVELS.contains(&level)) {
        return Line::Changed("a line has no `level`");
    }
    if text_of("timestamp").is_none_or(|time| time.parse::<Timestamp>().is_err()) {
        return Line::Changed("a line has no `timestamp`");
    }
    if line.contains_key("fields") { Line::Own } else { Line::Lambda }
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
    fn lambda_lines_are_not_function_lines() {
        for line in [
            PLATFORM,
            r#"{"_aws":{}}"#,
            "START RequestId: 1 Version: $LATEST\n",
            "END RequestId: 1\n",
            "REPORT RequestId: 1\tDuration: 2.00 ms\n",
            r#"{"timestamp":"2026-11-22T07:33:41Z","level":"INFO","message":"a plain text"}"#,
        ] {
            assert_eq!(classify(line), Line::Lambda, "{line}");
        }
    }

    #[test]
    fn function_line_needs_own_level_and_rfc_3339_timestamp() {
        assert_eq!(classify(OWN), Line::Own);
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
            let kind = classify(line);
            assert!(kind.fault().is_some_and(|reason| reason.contains(fault)), "{line}: {kind:?}");
        }
    }
}
