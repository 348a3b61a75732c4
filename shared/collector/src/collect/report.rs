//! How a stream's tick went: what its log line and the answer's summary say.

use crate::day_log::AppendStats;
use slacktrail_core::batch::Batch;
use slacktrail_core::error::Error;
use slacktrail_core::health::State;
use slacktrail_core::time::Second;

/// How a stream's tick went.
#[derive(Debug, Default)]
pub struct Report {
    /// Calls to Slack.
    pub calls: u32,
    /// Pages read.
    pub pages: u32,
    /// What was stored.
    pub appended: AppendStats,
    /// Records without an identity or a time that could be read, which were stored all the same.
    pub malformed: u64,
    /// Records of whose rows bytes were replaced that are not UTF-8.
    pub repaired: u64,
    /// Rows that were not stored because another row of the same reply has their identity and says something else.
    pub conflicting: u64,
    /// Records that Slack showed only after a tick had passed their time.
    pub late: u64,
    /// By how many seconds the latest of them came late.
    pub late_seconds_max: i64,
    /// Gaps left.
    pub gaps: usize,
    /// Seconds by which live collection is behind.
    pub lag_seconds: i64,
    /// Our clock less Slack's in seconds, when they are more than a minute apart.
    pub clock_skew_seconds: Option<i64>,
    /// Workspaces of the organization that could not be read, and entries of Slack's list of them that have no ID.
    pub workspaces_failing: usize,
    /// The state after the tick.
    pub state: State,
    /// The recorded code and remedy, where the state is not of this tick's error.
    pub standing: Option<(String, Option<String>)>,
    /// The last refusal of Slack's that was no error of the stream: all the same, a tick that read nothing else is not well.
    pub refused: Option<Error>,
    /// Whether a walk has advanced or come to its end. Without that a tick proves nothing, however many pages it was shown.
    pub advanced: bool,
    /// The time of the newest record that Slack has shown, stored before or not.
    pub newest_shown: Option<Second>,
    /// Whether the error is one that this tick has mended: the stream was polled.
    pub(crate) recovered: bool,
    /// What went wrong.
    pub error: Option<Error>,
    /// Whether another invocation was found to be ahead.
    pub conflict: bool,
}

/// Clocks further apart than this are reported.
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
