//! The totals of a run by stream, and the table of them.

use serde::Serialize;
use slacktrail_collector::tick::Summary;
use slacktrail_core::codes::Place;
use slacktrail_core::health::{Class, State};
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_core::stream::TickCounts;

use crate::table::{self, Column};
use crate::{format, state};

/// The totals of a run.
#[derive(Debug)]
pub(crate) struct Totals {
    streams: Vec<Total>,
}

/// The totals of one stream, and its last state.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Total {
    pub(crate) source: String,
    pub(crate) log: LogType,
    /// What the ticks of this run read and stored.
    #[serde(flatten)]
    pub(crate) counts: TickCounts,
    pub(crate) gaps: usize,
    pub(crate) lag_seconds: i64,
    pub(crate) state: Option<State>,
    pub(crate) code: Option<String>,
    pub(crate) hint: Option<String>,
}

const COLUMNS: [Column; 7] = [
    Column::Left("stream"),
    Column::Right("records"),
    Column::Right("objects"),
    Column::Right("size"),
    Column::Right("gaps"),
    Column::Right("lag"),
    Column::Left("state"),
];

impl Totals {
    pub(crate) fn new(streams: Vec<StreamId>) -> Totals {
        let none = |stream: StreamId| Total {
            source: stream.source.to_string(),
            log: stream.log,
            counts: TickCounts::default(),
            gaps: 0,
            lag_seconds: 0,
            state: None,
            code: None,
            hint: None,
        };
        Totals { streams: streams.into_iter().map(none).collect() }
    }

    pub(crate) fn add(&mut self, summary: &Summary) {
        for stream in &summary.streams {
            let of_stream = |total: &&mut Total| {
                total.source == stream.source.as_str() && stream.log.is_none_or(|log| log == total.log)
            };
            for total in self.streams.iter_mut().filter(of_stream) {
                total.counts += stream.counts;
                total.gaps = stream.gaps;
                total.lag_seconds = stream.lag_seconds;
                total.state = Some(stream.state);
                total.code = stream.code().map(str::to_owned);
                total.hint = stream.hint(Place::Pull);
            }
        }
    }

    /// Returns `true` if everything that Slack returns is stored for every stream.
    pub(crate) fn is_ok(&self) -> bool {
        self.streams.iter().all(Total::is_ok)
    }

    pub(crate) fn streams(&self) -> &[Total] {
        &self.streams
    }

    pub(crate) fn table(&self) -> String {
        let row = |total: &Total| {
            vec![
                format!("{}/{}", total.source, total.log),
                format::count(total.counts.records),
                format::count(total.counts.objects),
                format::size(total.counts.bytes),
                total.gaps.to_string(),
                format::duration(total.lag_seconds),
                total.state.map_or("-".to_owned(), state::label),
            ]
        };
        table::render_without(&["objects", "gaps"], &COLUMNS, self.streams.iter().map(row).collect())
    }
}

impl Total {
    /// Returns `true` if everything that Slack returns is stored.
    pub(crate) fn is_ok(&self) -> bool {
        self.state.map(State::class) == Some(Class::Current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal;

    #[test]
    fn run_table_fits_80_columns_with_largest_numbers() {
        let stream = |log| StreamId { source: "a-source-with-a-rather-long-id-of-its-own".parse().unwrap(), log };
        let mut totals = Totals::new(LogType::ALL.map(stream).to_vec());
        for total in &mut totals.streams {
            (total.counts.records, total.counts.objects, total.counts.bytes) = (123_456_789, 12_345, 98_765_432_109);
            (total.gaps, total.lag_seconds, total.state) = (16, 86_399, Some(State::Reauthorize));
        }
        let table = totals.table();
        assert!(table.lines().all(|line| line.chars().count() <= terminal::COLUMNS), "{table}");
        assert!(table.contains("123,456,789"), "{table}");
    }

    #[test]
    fn run_without_tick_is_not_ok() {
        let stream = StreamId { source: "slack".parse().unwrap(), log: LogType::Audit };
        assert!(!Totals::new(vec![stream]).is_ok());
    }
}
