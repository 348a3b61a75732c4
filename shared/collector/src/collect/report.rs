//! The report of one stream's tick, from which the log line and the summary are made.

use crate::day_log::AppendStats;
use slacktrail_core::batch::Batch;
use slacktrail_core::error::Error;
use slacktrail_core::health::State;
use slacktrail_core::time::Second;

/// The outcome of one stream's tick.
#[derive(Debug, Default)]
pub struct Report {
    /// Number of calls to Slack.
    pub calls: u32,
    /// Number of pages read.
    pub pages: u32,
    /// The counts of what was stored.
    pub appended: AppendStats,
    /// Number of records that were stored although their ID or time was missing or invalid.
    pub malformed: u64,
    /// Number of stored records whose rows contained invalid UTF-8, which was replaced.
    pub repaired: u64,
    /// Number of rows that were not stored because another row of the response has the same record ID and different content.
    pub conflicting: u64,
    /// Number of records that Slack published after a tick had already read their time.
    pub late: u64,
    /// The greatest delay among these late records.
    pub late_seconds_max: i64,
    /// Number of gaps that remain.
    pub gaps: usize,
    /// The delay of live collection.
    pub lag_seconds: i64,
    /// The local clock minus Slack's clock, if they differ by more than a minute.
    pub clock_skew_seconds: Option<i64>,
    /// Number of workspaces that could not be read, plus entries without an ID in Slack's list of workspaces.
    pub workspaces_failing: usize,
    /// The state after the tick.
    pub state: State,
    /// The stored code and hint, if the state is not caused by an error of this tick.
    pub standing: Option<(String, Option<String>)>,
    /// The last error response that did not affect the whole stream. It becomes the tick's error if the tick reads no page.
    pub refused: Option<Error>,
    /// Whether a walk advanced or reached its end. Otherwise the tick is not a success, however many pages it read.
    pub advanced: bool,
    /// The time of the newest record that Slack returned, new or not.
    pub newest_shown: Option<Second>,
    /// Whether this tick recovered from `error`, so that the stream was polled.
    pub(crate) recovered: bool,
    /// The error of this tick.
    pub error: Option<Error>,
    /// Whether another invocation has replaced the cursor.
    pub conflict: bool,
}

/// Clock differences up to this are not reported.
const CLOCK_SKEW_REPORTED_SECONDS: i64 = 60;

impl Report {
    pub(crate) fn add_batch(&mut self, batch: &Batch, now: Second) {
        self.malformed += batch.counts.malformed;
        self.repaired += batch.counts.repaired;
        self.late += batch.counts.late;
        if let Some(oldest) = batch.counts.late_oldest {
            self.late_seconds_max = self.late_seconds_max.max(now.since(oldest));
        }
    }

    pub(crate) fn update_clock_skew(&mut self, skew_seconds: i64) {
        if skew_seconds.abs() > CLOCK_SKEW_REPORTED_SECONDS {
            self.clock_skew_seconds = Some(skew_seconds);
        }
    }
}
