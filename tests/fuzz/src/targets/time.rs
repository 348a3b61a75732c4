//! Days, seconds, times and names as text.

use slacktrail_core::record::RowId;
use slacktrail_core::source::{LogType, SourceId, shown_name};
use slacktrail_core::time::{Day, Second, athena_time, parse_athena_time, parse_http_date};

fn time(text: &str) {
    if let Ok(day) = text.parse::<Day>() {
        assert_eq!(day.to_string(), text);
        assert_eq!((day.start().day(), day.end().day()), (day, day));
        assert!(
            day.end().since(day.start()) == 86_399 || day.to_string() == "9999/12/30",
            "the day has another length"
        );
    }
    if let Some(second) = parse_athena_time(text) {
        assert_eq!(&athena_time(second.instant())[..20], &text.as_bytes()[..20], "the time changed");
    }
    if let Some(instant) = parse_http_date(text) {
        assert!(Second::new(Second::of(instant).get()).is_some());
    }
    if let Ok(second) = serde_json::from_str::<Second>(text) {
        assert_eq!(serde_json::to_string(&second).ok().and_then(|text| serde_json::from_str(&text).ok()), Some(second));
        assert_eq!(Second::of(second.instant()), second);
        assert_eq!(parse_athena_time(&String::from_utf8_lossy(&athena_time(second.instant()))), Some(second));
        let day = second.day();
        assert!(day.start() <= second && second <= day.end());
        assert_eq!(day.to_string().parse(), Ok(day));
    }
}

/// Checks that every accepted time, source ID, log name and record ID is written exactly as it was read.
pub(super) fn text(bytes: &[u8]) {
    let text = super::text(bytes);
    time(&text);
    if let Ok(id) = text.parse::<SourceId>() {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(log) = text.parse::<LogType>() {
        assert_eq!(log.name(), text);
    }
    if let Ok(id) = text.parse::<RowId>() {
        assert_eq!(id.to_string(), text);
    }
    let shown = shown_name(&text);
    assert!(shown.chars().count() <= 80 && !shown.chars().any(|c| c.is_control() || c == '`'), "{shown:?}");
}
