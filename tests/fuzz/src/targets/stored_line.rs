//! Stored lines, including lines that slacktrail did not write.

use slacktrail_core::line::StoredLine;
use slacktrail_core::source::LogType;
use slacktrail_core::time::athena_time;

/// Checks that a line is either rejected or contains the fields that were read from it.
pub(super) fn line(bytes: &[u8]) {
    let mut logs = 0;
    for log in LogType::ALL {
        let Some(line) = StoredLine::read(log, bytes) else { continue };
        logs += 1;
        let written = athena_time(line.time.instant());
        let fields = format!(
            r#""p_log_type":"{}","p_row_id":"{}","p_event_time":"{}"#,
            log.panther_log_type(),
            line.id,
            String::from_utf8_lossy(&written[..20])
        );
        let holds = bytes.windows(fields.len()).any(|window| window == fields.as_bytes());
        assert!(holds, "accepted a line without {fields}");
        assert!(line.slacks_json().count() > 0);
        let _ = line.workspace();
    }
    assert!(logs <= 1, "accepted a line for two logs");
}
