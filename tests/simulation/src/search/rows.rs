//! The rows of a starting point's log.

use jiff::Timestamp;
use slacktrail_core::source::LogType;
use slacktrail_simulator::Row;

use super::starting_point::StartingPoint;

/// Returns the row with bytes that are not UTF-8 in one of its texts.
pub(super) fn damaged(row: Row) -> Row {
    // Only texts that distinguish rows are damaged, not names that follow from an ID.
    let texts = [
        ("user_login", "user_login\u{fffd}"),
        ("SlackWeb/0 x", "SlackWeb/0 \u{fffd}x"),
        ("\"added\"", "\"added\u{fffd}\""),
    ];
    let json = texts.into_iter().fold(row.json.to_string(), |json, (text, damaged)| json.replacen(text, damaged, 1));
    Row { json: json.into(), ..row }.damaged()
}

/// Returns the row with the time 0, which no row of Slack can have.
pub(super) fn of_no_time(row: Row) -> Row {
    let json = row.json.replace(&row.time.as_second().to_string(), "0");
    Row { json: json.into(), ..row }
}

/// Returns the row with a text of 1,000 characters.
pub(super) fn long(row: Row) -> Row {
    let text = "x".repeat(1_000);
    let json = row.json.replacen("SlackWeb/0 x", &text, 1).replacen("\"ann\"", &format!("\"{text}\""), 1);
    Row { json: json.into(), ..row }
}

/// Returns JSON with the same ID and different content.
pub(super) fn twin(json: &str) -> String {
    json.replacen("user_login", "user_logout", 1).replacen("\"isp\":null", "\"isp\":\"twin\"", 1).replacen(
        "\"added\"",
        "\"removed\"",
        1,
    )
}

/// Creates a row of a starting point's log. Every fifth row contains characters that JSON escapes. In access logs, users return with
/// another `date_first`. In integration logs, three consecutive rows of the same second are equal.
pub(super) fn row(start: &StartingPoint, number: u32, users: u32, time: Timestamp) -> Row {
    let awkward = if number.is_multiple_of(5) { r#" \"\u00e9\\é"# } else { "" };
    let name = format!("r{number}{awkward}");
    let row = match start.log {
        LogType::Audit => Row::small_audit(time, &name),
        LogType::Access => {
            let user = format!("r{}{awkward}", number % users);
            Row::small_access(time, time, &user, "203.0.113.7", "SlackWeb/0 x")
        }
        LogType::Integration => Row::small_integration(time, &format!("A{}", number / 3)),
    };
    match (start.slack.organization, number % 2) {
        (false, _) => row,
        (true, 0) => row.in_workspace("T1"),
        (true, _) => row.in_workspace("T2"),
    }
}
