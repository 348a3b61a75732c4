//! The rows of a starting point's log.

use jiff::Timestamp;
use slacktrail_core::source::LogType;
use slacktrail_simulator::Row;

use super::starting_point::StartingPoint;

/// The same row with bytes that are no UTF-8 in one of its texts.
pub(super) fn damaged(row: Row) -> Row {
    // Not in a name that follows from an id: those tell no two rows apart.
    let texts = [
        ("user_login", "user_login\u{fffd}"),
        ("SlackWeb/0 x", "SlackWeb/0 \u{fffd}x"),
        ("\"added\"", "\"added\u{fffd}\""),
    ];
    let json = texts.into_iter().fold(row.json.to_string(), |json, (text, damaged)| json.replacen(text, damaged, 1));
    Row { json: json.into(), ..row }.damaged()
}

/// The same row with the time 0, at which no row of Slack's can be.
pub(super) fn of_no_time(row: Row) -> Row {
    let json = row.json.replace(&row.time.as_second().to_string(), "0");
    Row { json: json.into(), ..row }
}

/// A text of the same identity and another content.
pub(super) fn twin(json: &str) -> String {
    json.replacen("user_login", "user_logout", 1).replacen("\"isp\":null", "\"isp\":\"twin\"", 1).replacen(
        "\"added\"",
        "\"removed\"",
        1,
    )
}

/// A row of a starting point's log. Every fifth has text that is awkward in JSON; of access logs, users come back with another `date_first`; every
/// third integration row equals the one before it, where both are of one second.
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
