//! The line that `pull --follow` prints after each tick if standard output is not a terminal.

use serde::Serialize;
use slacktrail_core::source::StreamId;

use crate::run::{Tick, Total, Totals};
use crate::{format, state, terminal, zone};

/// A line of JSON. Scripts rely on the field names.
#[derive(Serialize)]
struct Line<'a> {
    /// When the tick started.
    time: String,
    /// Why the tick failed as a whole.
    error: Option<String>,
    /// What this tick read and stored, by stream. Empty if the tick failed as a whole.
    streams: &'a [Total],
}

/// Prints the line of a tick and flushes it. Returns `false` if the reader is gone.
pub(super) fn print(streams: &[StreamId], tick: &Tick<'_>, json: bool) -> bool {
    let (totals, error) = match tick.outcome {
        Ok(summary) => {
            let mut totals = Totals::new(streams.to_vec());
            totals.add(summary);
            (totals, None)
        }
        Err(error) => (Totals::new(Vec::new()), Some(error.to_string())),
    };
    terminal::try_print(&match json {
        true => terminal::json_line(&Line { time: tick.started_at.to_string(), error, streams: totals.streams() }),
        false => {
            let zone = zone::shown();
            let error = error.as_deref().map(|error| zone.message(error));
            format!("{}\n", text(&zone.time(tick.started_at), error.as_deref(), totals.streams()))
        }
    })
}

fn text(time: &str, error: Option<&str>, streams: &[Total]) -> String {
    match error {
        Some(error) => format!("{time} tick failed: {error}"),
        None => format!("{time} {}", streams.iter().map(describe).collect::<Vec<_>>().join("; ")),
    }
}

fn describe(total: &Total) -> String {
    let Total { source, log, counts, lag_seconds, .. } = total;
    let records = format::counted(counts.records, "record");
    let state = total.state.map_or("-".to_owned(), state::label);
    let code = total.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{source}/{log}: {records}, lag {}, {state}{code}", format::duration(*lag_seconds))
}

#[cfg(test)]
mod tests {
    use slacktrail_core::health::State;
    use slacktrail_core::source::LogType;

    use super::*;

    #[test]
    fn tick_is_one_line_of_text() {
        let stream = |log| StreamId { source: "slack".parse().unwrap(), log };
        let totals = Totals::new(vec![stream(LogType::Audit), stream(LogType::Access)]);
        let mut streams = totals.streams().to_vec();
        (streams[0].counts.records, streams[0].lag_seconds, streams[0].state) = (1, 3, Some(State::Ok));
        (streams[1].counts.records, streams[1].state) = (1_234, Some(State::Waiting));
        streams[1].code = Some("ratelimited".to_owned());
        let line = text("2026-11-22T17:00:05Z", None, &streams);
        insta::assert_snapshot!(line, @"2026-11-22T17:00:05Z slack/audit: 1 record, lag 3 s, ok; slack/access: 1,234 records, lag 0 s, waiting (ratelimited)");
        assert_eq!(text("2026-11-22T17:00:05Z", Some("x"), &[]), "2026-11-22T17:00:05Z tick failed: x");
    }
}
