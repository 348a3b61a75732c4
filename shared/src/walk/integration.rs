//! The walk through integration logs: numbered pages without a time filter, in an order that is not documented, of rows
//! without an id. Equal rows are told apart by their occurrence number, so no row may be counted twice in one walk.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Step, records};
use crate::record::{Record, RowId};
use crate::slack::Page;
use crate::source::LogType;
use crate::time::Second;

/// Where an integration walk is.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct IntegrationWalk {
    /// The workspace that is being read, where an organisation is read workspace by workspace in the order of their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// How far back this workspace's walk goes, where that is further than the gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_from: Option<Second>,
    /// The page last stored (0: none yet). It is read again to go on, for a second may go on over its edge.
    #[serde(default)]
    pub page: u32,
    /// Whether Slack lists old rows first: then the walk goes from the last page to the first.
    #[serde(default)]
    pub oldest_first: bool,
}

/// What is known of a workspace of an organisation. The default: all its time is collected or in a gap.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceState {
    /// Slack's error code, while it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// All its time from here on is not yet collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_from: Option<Second>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Second>,
}

/// What is carried from page to page within a tick.
#[derive(Debug, Default)]
pub(super) struct Carry {
    /// The page to ask for, when it is not the one after the last.
    ask: Option<u32>,
    /// The page last taken, and what it looked like.
    page: Option<(u32, Fingerprint)>,
    /// How often each row of the second at its edge has come so far.
    edge: HashMap<RowId, u32>,
    /// A page that begins with rows of the last page's edge: a second that goes on, or rows that moved down by an insert.
    suspect: Option<Fingerprint>,
    /// A page that had another number of rows than it should have, and is asked for once more.
    odd: Option<u32>,
    /// A suspect page that was cleared: the page before it, read again after it, had not changed.
    cleared: Option<Fingerprint>,
}

type Fingerprint = [u8; 32];

impl Carry {
    pub(super) fn ask(&self, walk: &IntegrationWalk) -> u32 {
        self.ask.unwrap_or(walk.page.max(1))
    }
}

impl IntegrationWalk {
    pub(super) fn take_page<'a>(
        &mut self,
        range: RangeInclusive<Second>,
        carry: &mut Carry,
        page: &Page<'a>,
        workspace: Option<&'a str>,
    ) -> Step<'a> {
        let number = carry.ask(self);
        let pages = page.paging.map_or(1, |paging| paging.pages).max(1);
        let mut rows = records(LogType::Integration, &page.rows, workspace);
        let nothing_yet = Step { wanted: Vec::new(), done: false };
        // A page of another number of rows than it says itself is believed only the second time.
        let is_odd = page.paging.is_some_and(|paging| !paging.admits(number, rows.len()));
        if is_odd && carry.odd.replace(number) != Some(number) {
            carry.ask = Some(number);
            return nothing_yet;
        }
        if self.page == 0 {
            self.oldest_first = ascends(&rows);
            if self.oldest_first && number < pages {
                (self.page, carry.ask) = (pages, Some(pages));
                return nothing_yet;
            }
        }
        if self.oldest_first {
            rows.reverse();
        }
        let fingerprint = fingerprint(&rows);
        if let Some(ask) = carry.doubt(number, fingerprint, &rows, self.oldest_first) {
            carry.ask = Some(ask);
            return nothing_yet;
        }
        let through =
            !rows.is_empty() && rows.iter().all(|record| record.time.is_some_and(|time| time < *range.start()));
        let last_page = if self.oldest_first { number <= 1 } else { number >= pages };
        let wanted = carry.number(number, fingerprint, rows).into_iter();
        let wanted = wanted.filter(|(_, record)| record.time.is_none_or(|time| range.contains(&time))).collect();
        self.page = number;
        carry.ask = Some(if self.oldest_first { number.saturating_sub(1) } else { number.saturating_add(1) });
        Step { wanted, done: through || last_page }
    }

    /// How far back it goes in a gap that begins at `oldest`.
    pub(super) fn reach(&self, oldest: Second) -> Second {
        self.missing_from.map_or(oldest, |from| from.min(oldest))
    }

    /// Goes on to another workspace, from its first page.
    pub(crate) fn enter(&mut self, workspace: String, missing_from: Option<Second>) {
        *self = IntegrationWalk { workspace: Some(workspace), missing_from, ..IntegrationWalk::default() };
    }
}

impl Carry {
    /// The page to read before this one can be believed, if any.
    ///
    /// Rows at its head that equal rows at the last page's edge are either equal rows, which count on, or the same rows moved
    /// down by an insert at the head, which do not. An insert would have changed the last page too: so that is read again, and
    /// only if it is unchanged this page, read once more and unchanged, is believed.
    fn doubt(&mut self, number: u32, fingerprint: Fingerprint, rows: &[Record<'_>], oldest_first: bool) -> Option<u32> {
        let (last, last_fingerprint) = self.page?;
        let after = if oldest_first { last.saturating_sub(1) } else { last.saturating_add(1) };
        if number == last {
            if self.suspect.is_some() && fingerprint == last_fingerprint {
                self.cleared = self.suspect.take();
                return Some(after);
            }
            // It changed: what was counted on its edge is void, and it is taken as a new page.
            *self = Carry::default();
            return None;
        }
        let suspicious = rows.iter().any(|record| self.edge.contains_key(&record.id));
        if suspicious && self.cleared != Some(fingerprint) {
            self.suspect = Some(fingerprint);
            return Some(last);
        }
        None
    }

    /// Numbers equal rows, going on from the last page's edge. A row's time is part of its identity, so equal rows share a second.
    fn number<'a>(&mut self, number: u32, fingerprint: Fingerprint, rows: Vec<Record<'a>>) -> Vec<(RowId, Record<'a>)> {
        let edge_time = rows.iter().rev().find_map(|record| record.time);
        let mut counts = std::mem::take(&mut self.edge);
        let numbered: Vec<_> = rows
            .into_iter()
            .map(|record| {
                let count = counts.entry(record.id).or_insert(0);
                *count += 1;
                (record.id.occurrence(*count), record)
            })
            .collect();
        let on_edge = |id: &RowId| {
            numbered.iter().any(|(_, record)| record.id == *id && (record.time == edge_time || record.time.is_none()))
        };
        counts.retain(|id, _| on_edge(id));
        *self = Carry { page: Some((number, fingerprint)), edge: counts, ..Carry::default() };
        numbered
    }
}

/// Whether the rows' times go up, from the first to the last. Rows of one second, or a single one, say nothing, and newest first is
/// customary.
fn ascends(rows: &[Record<'_>]) -> bool {
    let mut times = rows.iter().filter_map(|record| record.time);
    times.next().zip(times.next_back()).is_some_and(|(first, last)| first < last)
}

fn fingerprint(rows: &[Record<'_>]) -> Fingerprint {
    let mut hash = Sha256::new();
    rows.iter().for_each(|record| hash.update(record.id.0));
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    #[test]
    fn an_order_is_told_by_the_ends_of_a_page_whatever_stands_between() {
        let ascends = |times: &[u32]| {
            let rows: Vec<Box<RawValue>> =
                times.iter().map(|time| RawValue::from_string(format!(r#"{{"date":"{time}"}}"#)).unwrap()).collect();
            let rows: Vec<&RawValue> = rows.iter().map(AsRef::as_ref).collect();
            super::ascends(&records(LogType::Integration, &rows, None))
        };
        assert!(ascends(&[1, 2, 3]) && ascends(&[1, 3, 2, 4]));
        assert!(!ascends(&[3, 2, 1]) && !ascends(&[4, 2, 3, 1]));
        assert!(!ascends(&[2, 2, 2]) && !ascends(&[2]) && !ascends(&[]));
    }
}
