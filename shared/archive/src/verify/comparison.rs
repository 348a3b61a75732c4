//! Compares Slack's records with the stored lines. This module is pure and performs no I/O.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::value::RawValue;

use super::can_be_requested;
use super::findings::{Difference, Findings, Kind, Limitation, SkippedWorkspace};
use super::not_collected::pending_reason;
use super::outages::Timing;
use super::slack_records::{SlackRecords, digest};
use crate::reader::Object;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::line::StoredLine;
use slacktrail_core::object::missing_numbers;
use slacktrail_core::record::{Record, RowId};
use slacktrail_core::source::{LogType, StreamId};
use slacktrail_core::time::{Day, Second};

/// The maximum number of equal integration rows that are recognized.
const OCCURRENCES_MAX: u32 = 4096;

/// The location of a line.
#[derive(Clone, Copy, Debug)]
struct LineLocation {
    /// The object's number.
    object: u32,
    /// The line's number, counted from 1.
    line: u64,
}

/// The additional data for the findings.
pub(super) struct Known<'a> {
    pub(super) cursor: Option<&'a Cursor>,
    /// The last second that was requested from Slack.
    pub(super) until: Second,
    /// The day log's last object before Slack was read.
    pub(super) last_object: u32,
    pub(super) was_requested: bool,
    /// Whether Slack's pages ended before the whole day was read.
    pub(super) was_cut_short: bool,
    pub(super) skipped_workspaces: &'a [SkippedWorkspace],
    /// The IDs of the workspaces that the records were read from, by their number.
    pub(super) workspace_ids: &'a [String],
}

impl Known<'_> {
    /// Returns `true` if the record of this line was not requested from Slack, or if the line may have been stored after the request.
    fn is_new(&self, line: &UnexpectedLine) -> bool {
        line.time > self.until || line.location.object > self.last_object
    }

    /// Returns the ID of the workspace with this number.
    fn workspace(&self, number: Option<&u32>) -> Option<&str> {
        let index = usize::try_from(*number?).ok()?.checked_sub(1)?;
        self.workspace_ids.get(index).map(String::as_str)
    }
}

/// A comparison of a day, in progress.
#[derive(Debug)]
pub(super) struct Comparison {
    log: LogType,
    day: Day,
    slack_records: SlackRecords,
    /// The first line of each record that Slack did not return.
    unexpected: HashMap<RowId, UnexpectedLine>,
    differences: Vec<Difference>,
    objects: u64,
    lines: u64,
    renamed: u64,
    timing: Timing,
}

/// A line whose record Slack did not return.
#[derive(Debug)]
struct UnexpectedLine {
    location: LineLocation,
    time: Second,
    workspace: Option<String>,
}

impl Comparison {
    pub(super) fn new(log: LogType, day: Day, slack_records: SlackRecords) -> Comparison {
        Comparison {
            log,
            day,
            slack_records,
            unexpected: HashMap::new(),
            differences: Vec::new(),
            objects: 0,
            lines: 0,
            renamed: 0,
            timing: Timing::default(),
        }
    }

    /// Returns `true` if a line was found for each record that Slack returned.
    pub(super) fn is_whole(&self) -> bool {
        self.slack_records.rows.values().all(|row| row.object != 0)
    }

    /// Compares the lines of an object. A corrupt object is a difference after its readable lines.
    pub(super) fn process_object(&mut self, object: &Object) {
        self.objects += 1;
        let number = object.key.number;
        let read = object.for_each_line(|line, text| self.process_line(LineLocation { object: number, line }, text));
        if read.is_err() {
            self.differences.push(Difference { object: Some(number), ..difference(Kind::Unreadable) });
        }
    }

    /// Compares a line. `line` has no line break. It is `None` if the stored line does not end in one.
    fn process_line(&mut self, location: LineLocation, line: Option<&[u8]>) {
        self.lines += 1;
        let Some(line) = line.and_then(|line| StoredLine::read(self.log, line)) else {
            return self.add_difference(Kind::Unreadable, None, Some(location));
        };
        let record = Some((line.id, line.time));
        if line.time.day() != self.day {
            return self.add_difference(Kind::WrongDay, record, Some(location));
        }
        // The lines of this day have no time of their own.
        if can_be_requested(self.day) {
            self.timing.add(line.time, line.collected_at());
        }
        let ids = self.slack_records.ids_of_line(line.id);
        let is_stored = |id: &RowId| self.slack_records.rows.get(id).is_some_and(|row| row.object != 0);
        let new = ids.iter().copied().find(|id| !is_stored(id));
        for id in &ids {
            if let Some(row) = self.slack_records.rows.get_mut(id).filter(|row| row.object == 0) {
                row.object = location.object;
            }
        }
        let kind = match new.and_then(|id| self.slack_records.rows.get(&id)) {
            None if !ids.is_empty() => Some(Kind::Duplicate),
            Some(row) => {
                let digest = digest([line.slacks_part]);
                let is_same_time = self.day.start().plus(i64::from(row.second)) == line.time;
                let is_same = row.digest == digest || self.slack_records.has_form(line.id, digest);
                self.renamed += u64::from(self.log == LogType::Integration && !is_same);
                let is_right = if self.log == LogType::Audit { is_same } else { id_matches_content(self.log, &line) };
                (!is_right || !is_same_time).then_some(Kind::Changed)
            }
            None if self.unexpected.contains_key(&line.id) => Some(Kind::Duplicate),
            None => {
                let unexpected = UnexpectedLine { location, time: line.time, workspace: line.workspace() };
                self.unexpected.insert(line.id, unexpected);
                // Slack's bytes are not available, but the line's ID must still match its content.
                (self.log != LogType::Audit && !id_matches_content(self.log, &line)).then_some(Kind::Changed)
            }
        };
        if let Some(kind) = kind {
            self.add_difference(kind, record, Some(location));
        }
    }

    /// Adds a finding for an object that was listed but no longer exists.
    pub(super) fn add_missing_object(&mut self, object: u32) {
        self.differences.push(Difference { object: Some(object), ..difference(Kind::MissingObject) });
    }

    /// Adds a finding for each missing object. `numbers` are the numbers of all objects in ascending order.
    pub(super) fn add_missing_objects(&mut self, numbers: &[u32]) {
        missing_numbers(numbers).for_each(|object| self.add_missing_object(object));
    }

    fn add_difference(&mut self, kind: Kind, record: Option<(RowId, Second)>, location: Option<LineLocation>) {
        self.differences.push(Difference {
            id: record.map(|(id, _)| id),
            time: record.map(|(_, time)| time),
            object: location.map(|location| location.object),
            line: location.map(|location| location.line),
            ..difference(kind)
        });
    }

    /// Returns the findings, once all lines are processed, and when the lines were stored.
    pub(super) fn finish(mut self, stream: &StreamId, known: Known<'_>) -> (Findings, Timing) {
        let slack_records = self.slack_records.len() as u64;
        self.add_missing_records(&known);
        let mut limitations = Vec::new();
        if !known.was_requested {
            limitations.push(Limitation::NotRequested);
        } else if self.log == LogType::Audit
            && slack_records == 0
            && self.unexpected.values().any(|line| !known.is_new(line))
        {
            limitations.push(Limitation::NoLongerReturned);
        }
        let not_compared = self.add_unexpected_lines(&known, !limitations.is_empty());
        if known.was_cut_short {
            limitations.push(Limitation::PagesEnd);
        }
        self.differences.sort_by_key(|it| (it.kind, it.time, it.object, it.line, it.id));
        let findings = Findings {
            stream: stream.clone(),
            day: self.day,
            until: known.until,
            pages: 0,
            slack_records,
            objects: self.objects,
            lines: self.lines,
            differences: self.differences,
            not_compared,
            renamed: self.renamed,
            undated: 0,
            lateness: self.timing.lateness(),
            skipped_workspaces: known.skipped_workspaces.to_vec(),
            limitations,
            omitted: BTreeMap::new(),
        };
        (findings, self.timing)
    }

    fn add_missing_records(&mut self, known: &Known<'_>) {
        let missing = self.slack_records.rows.iter().filter(|(_, row)| row.object == 0).map(|(id, row)| {
            let time = self.day.start().plus(i64::from(row.second));
            let reason = pending_reason(known.cursor, known.workspace(self.slack_records.workspaces.get(id)), time);
            let kind = if reason.is_some() { Kind::NotCollectedYet } else { Kind::Missing };
            Difference { id: Some(*id), time: Some(time), reason, ..difference(kind) }
        });
        self.differences.extend(missing);
    }

    /// Reports the lines whose records Slack should have returned. Returns the number of the other lines, which were not compared.
    fn add_unexpected_lines(&mut self, known: &Known<'_>, is_inconclusive: bool) -> u64 {
        let changed: HashSet<RowId> =
            self.differences.iter().filter(|it| it.kind == Kind::Changed).filter_map(|it| it.id).collect();
        let mut not_compared = 0;
        for (id, line) in std::mem::take(&mut self.unexpected) {
            let is_skipped =
                |workspace: &String| known.skipped_workspaces.iter().any(|skipped| skipped.id == *workspace);
            if is_inconclusive || known.is_new(&line) || line.workspace.as_ref().is_some_and(is_skipped) {
                not_compared += 1;
            } else if !changed.contains(&id) {
                self.add_difference(Kind::Unexpected, Some((id, line.time)), Some(line.location));
            }
        }
        not_compared
    }
}

fn difference(kind: Kind) -> Difference {
    Difference { kind, id: None, time: None, object: None, line: None, reason: None }
}

/// Returns `true` if a line's ID matches its content. An integration row may have the ID of any of several equal rows.
fn id_matches_content(log: LogType, line: &StoredLine<'_>) -> bool {
    let workspace = line.workspace();
    line.slacks_json().any(|json| {
        let Ok(row) = RawValue::from_string(json) else { return false };
        let record = Record::read(log, workspace.as_deref(), row.get());
        match log {
            LogType::Integration => (1..=OCCURRENCES_MAX).any(|number| record.id.with_ordinal(number) == line.id),
            LogType::Audit | LogType::Access => record.id == line.id,
        }
    })
}
