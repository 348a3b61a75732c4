//! A stream's cursor: what it still has to do. Positions only; safety rests on the day logs alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::health::Health;
use crate::source::{LogType, Source};
use crate::time::{Day, Second};
use crate::trouble::{Remedy, Trouble};
use crate::walk::{Walk, WorkspaceState};

/// The form in which cursors are written. A greater number is of a newer slacktrail, and refused.
const FORMAT: u32 = 1;

/// Gaps that a cursor keeps at most; beyond, the two oldest neighbours become one, which costs reading between them again.
pub const GAPS_MAX: usize = 16;

/// Seconds before `top` that each tick reads again, for records that Slack shows late.
pub const OVERLAP_SECONDS: i64 = 300;

/// A re-read of the recent past, on a schedule of its own: `(every, back)` in seconds.
///
/// A record that is up to L late is found for certain when `back - every >= L`: some re-read then comes after it has
/// become visible and still reaches back to its time. So the daily one must reach 50 hours back to keep the 26 hours
/// that we promise, and the hourly one finds most late records, those up to an hour late, soon.
pub const REREADS: [(i64, i64); 2] = [(3600, 2 * 3600), (24 * 3600, 50 * 3600)];

/// A range of time that is not yet collected, both ends inclusive.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Why it is to be collected, which decides its turn.
    pub kind: GapKind,
    /// Its first second.
    pub oldest: Second,
    /// Its last second. Of a half-walked audit gap: the oldest second stored so far.
    pub latest: Second,
    /// How far its walk has come.
    pub walk: Walk,
}

impl Gap {
    /// The second back to which its walk goes.
    fn reach(&self) -> Second {
        self.walk.stop().unwrap_or(self.oldest)
    }
}

/// Why a gap is to be collected; in the order in which gaps have their turn.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// What happened since the last tick.
    Live,
    /// What is left of an earlier tick, an outage, or the time before the first tick.
    Backlog,
    /// A look for records that Slack showed late.
    Reread,
    /// A time that somebody asked to have collected, whatever was collected of it before.
    Backfill,
}

/// A stream's cursor.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    format: u32,
    /// All time up to here is collected or in a gap.
    pub top: Second,
    /// What is not yet collected.
    pub gaps: Vec<Gap>,
    /// The number of the last object of recent day logs, as far as this cursor's writer knew.
    pub heads: BTreeMap<Day, u32>,
    /// When each of [`REREADS`] last began.
    pub rereads: [Second; REREADS.len()],
    /// Access: rows first seen before this are known to be stored.
    pub floor: Second,
    /// Access: the column that Slack sorts by, once seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sorted_by: Option<crate::walk::Column>,
    /// Integration, with an organisation's token: the workspaces, and what of each is missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workspaces: BTreeMap<String, WorkspaceState>,
    /// Slack asked us not to call before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Second>,
    /// How the stream is doing.
    pub health: Health,
    /// When this was written.
    pub saved_at: Second,
}

impl Cursor {
    /// The cursor of a stream that was never collected: everything from the source's `since` is a gap.
    pub fn first(source: &Source, log: LogType, now: Second) -> Cursor {
        let since = source.since.min(now);
        let gap = Gap { kind: GapKind::Backlog, oldest: since, latest: now, walk: Walk::begin(log, since, now, false) };
        Cursor {
            format: FORMAT,
            top: now,
            gaps: vec![gap],
            heads: BTreeMap::new(),
            rereads: [now; REREADS.len()],
            floor: since,
            sorted_by: None,
            workspaces: BTreeMap::new(),
            not_before: None,
            health: Health::default(),
            saved_at: now,
        }
    }

    /// Opens the gaps that this tick adds: the time since the last one with an overlap, and re-reads that are due. Returns
    /// whether that must not be forgotten.
    pub(crate) fn open_gaps(
        &mut self,
        source: &Source,
        log: LogType,
        now: Second,
        overlap_seconds: i64,
        live: bool,
    ) -> bool {
        let mut lasting = false;
        if live {
            // What an earlier tick left half walked is backlog now; what it left untouched is the same gap, grown.
            let (untouched, mut kept): (Vec<Gap>, Vec<Gap>) =
                self.gaps.drain(..).partition(|gap| gap.kind == GapKind::Live && !gap.walk.is_under_way());
            kept.iter_mut().filter(|gap| gap.kind == GapKind::Live).for_each(|gap| gap.kind = GapKind::Backlog);
            self.gaps = kept;
            lasting |= !untouched.is_empty();
            let reach = self.top.min(now).plus(-overlap_seconds).max(source.since.min(now));
            let reach = untouched.iter().map(Gap::reach).min().map_or(reach, |earlier| reach.min(earlier));
            let walk = Walk::begin(log, reach, now, self.gaps.is_empty());
            self.gaps.push(Gap { kind: GapKind::Live, oldest: self.from(log, reach), latest: now, walk });
            self.top = self.top.max(now);
        }
        for (index, (every, back)) in REREADS.into_iter().enumerate() {
            if now.since(self.rereads[index]) >= every {
                // From where the last one could not yet be sure; after a day without ticks that is further back.
                let reach = self.rereads[index].plus(every - back).max(source.since.min(now));
                let walk = Walk::begin(log, reach, now, false);
                self.gaps.push(Gap { kind: GapKind::Reread, oldest: self.from(log, reach), latest: now, walk });
                self.rereads[index] = now;
                lasting = true;
            }
        }
        self.limit_gaps(log, now);
        lasting
    }

    /// Opens a gap for a time that somebody wants collected, which yields to everything else. Returns whether that is news: asking
    /// again while it is under way changes nothing.
    pub fn backfill(&mut self, log: LogType, oldest: Second, latest: Second, now: Second) -> bool {
        let latest = latest.min(now);
        let under_way = |gap: &Gap| gap.kind == GapKind::Backfill && gap.oldest == oldest && gap.latest <= latest;
        if oldest > latest || self.gaps.iter().any(under_way) {
            return false;
        }
        self.gaps.push(Gap { kind: GapKind::Backfill, oldest, latest, walk: Walk::begin(log, oldest, now, false) });
        self.limit_gaps(log, now);
        true
    }

    /// An access gap filters by first appearance from the floor on; how far its walk goes is another thing.
    fn from(&self, log: LogType, oldest: Second) -> Second {
        if log == LogType::Access { self.floor } else { oldest }
    }

    fn limit_gaps(&mut self, log: LogType, now: Second) {
        self.gaps.sort_by_key(|gap| (gap.latest, gap.oldest));
        while self.gaps.len() > GAPS_MAX {
            let (older, newer) = (self.gaps.remove(0), self.gaps.remove(0));
            let kind = older.kind.min(newer.kind).max(GapKind::Backlog);
            let walk = Walk::begin(log, older.reach().min(newer.reach()), now, false);
            self.gaps.insert(
                0,
                Gap { kind, oldest: older.oldest.min(newer.oldest), latest: older.latest.max(newer.latest), walk },
            );
        }
    }

    /// The index of the gap whose turn it is: live work first, then the backlog, re-reads, and backfills, each newest first.
    pub(crate) fn next_gap(&self) -> Option<usize> {
        (0..self.gaps.len()).min_by_key(|&index| (self.gaps[index].kind, std::cmp::Reverse(self.gaps[index].latest)))
    }

    /// Whether there is time that is neither collected nor merely to be read again.
    pub fn is_behind(&self) -> bool {
        self.gaps.iter().any(|gap| gap.kind != GapKind::Reread)
    }

    /// Seconds by which live collection is behind `now`.
    pub fn lag_seconds(&self, now: Second) -> i64 {
        let live = self.gaps.iter().filter(|gap| gap.kind == GapKind::Live).map(Gap::reach).min();
        now.since(live.unwrap_or(self.top)).max(0)
    }

    /// The cursor as it is stored: JSON.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a cursor holds only text and numbers")
    }

    /// Reads a stored cursor.
    ///
    /// # Errors
    /// [`Remedy::Investigate`] for a cursor of a newer slacktrail and for one that no slacktrail wrote.
    pub fn decode(text: &str) -> Result<Cursor, Trouble> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let format = serde_json::from_str::<Format>(text).map_err(malformed)?.format;
        if format > FORMAT {
            let message =
                format!("the stored cursor has format {format}, and this slacktrail reads formats up to {FORMAT}");
            return Err(Trouble::ours(
                Remedy::Investigate,
                "newer_cursor",
                message,
                "deploy the newer slacktrail that wrote it",
            ));
        }
        let cursor: Cursor = serde_json::from_str(text).map_err(malformed)?;
        match cursor.gaps.iter().find(|gap| gap.oldest > gap.latest) {
            None => Ok(cursor),
            Some(gap) => Err(malformed(format!("a gap ends at {} before it begins at {}", gap.latest, gap.oldest))),
        }
    }
}

fn malformed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Trouble {
    Trouble::ours(
        Remedy::Investigate,
        "malformed_cursor",
        "the stored cursor is not one that slacktrail wrote",
        "restore it from the table's backup, or delete it: the stream is then collected again from its start, and nothing is stored twice",
    )
    .because(cause)
}
