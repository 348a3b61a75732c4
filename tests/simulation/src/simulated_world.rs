//! The state of the simulated world, and the faults that an operation can meet.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use slacktrail_connect::AuthorizationId;
use slacktrail_core::cursor::{Backfill, Cursor};
use slacktrail_core::source::{LogType, Plan, Source, SourceId, StreamId};
use slacktrail_core::time::Second;
use slacktrail_ports::shard::Shard;
use slacktrail_simulator::World;

use super::harness::simulated;
use super::oracle;
use super::rng::Rng;

/// A handle to the simulated world, which its processes share.
#[derive(Clone, Debug)]
pub struct SimulatedWorld(Rc<RefCell<State>>);

/// The whole state of the simulated world. A clone is independent.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The current time. It advances only on request.
    pub now: Timestamp,
    /// How far the collector's clock is ahead of `now`.
    pub clock_ahead: SignedDuration,
    /// How far the bucket's clock is ahead of `now`.
    pub bucket_ahead: SignedDuration,
    /// The simulated Slack.
    pub slack: World,
    /// Operations after which a tick's deadline is reached. `None`: no deadline.
    pub operations_max: Option<u32>,
    /// The time at which a tick's deadline is reached. `None`: no deadline.
    pub deadline: Option<Timestamp>,
    /// The bucket: the bytes and the creation time of each key.
    pub objects: BTreeMap<String, (Arc<[u8]>, Timestamp)>,
    /// The cursors in the table.
    pub cursors: BTreeMap<StreamId, StoredCursor>,
    /// The sources in the table.
    pub sources: BTreeMap<SourceId, Source>,
    /// Invalid texts that the table holds in place of a source.
    pub garbled_sources: BTreeMap<SourceId, String>,
    /// Authorizations: the number of replacements and the text of each.
    pub authorizations: BTreeMap<AuthorizationId, (u64, String)>,
    /// Secrets: the number of replacements and the text of each. `None`: deleted.
    pub credentials: BTreeMap<SourceId, (u64, Option<String>)>,
    /// When the versions of each secret were created. Secrets Manager keeps each for at least a day.
    pub(super) secret_versions: BTreeMap<SourceId, Vec<Timestamp>>,
    /// The shards that the poller was invoked with.
    pub invoked: Vec<Shard>,
    /// Keys in the bucket that slacktrail did not write.
    pub foreign: Vec<String>,
    /// The planned faults.
    pub faults: Vec<Fault>,
    /// The faults of the next creates in the bucket.
    pub create_faults: VecDeque<Option<FaultKind>>,
    /// Whether a planned fault occurred.
    pub struck: bool,
    /// Random faults, if any.
    pub chance: Option<Chance>,
    /// The parts that are unreachable.
    pub down: Vec<Part>,
    /// Operations that hang, if any.
    pub hang: Option<Hang>,
    /// Whether operations are traced.
    pub traced: bool,
    /// The trace, one line per operation: time, process, operation and result.
    pub trace: Vec<String>,
    /// The first violation of an invariant.
    pub broken: Option<String>,
    /// The mutation of the collector, if any.
    pub mutant: Option<super::mutant::Mutant>,
    /// The requested backfills: log, oldest and latest time.
    pub backfilled: Vec<(slacktrail_simulator::Log, Timestamp, Timestamp)>,
    /// The state of the oracle.
    pub(super) book: oracle::Book,
    /// Streams whose cursor was tampered with and has not been saved since.
    pub(super) tampered: Vec<LogType>,
    /// The size of the chunks in which Slack's responses arrive, in bytes. `None`: each response arrives whole.
    pub chunk_bytes: Option<usize>,
    /// The number of processes so far.
    pub(super) processes: u32,
    /// The number of operations of all processes so far.
    pub(super) operations: u64,
    /// Objects that `Mutant::CursorBeforeObject` reported as created and has not written yet.
    pub owed: Vec<(String, Vec<u8>)>,
}

/// The first second of the year 2100.
const YEAR_2100: i64 = 4_102_444_800;

/// A stored cursor.
#[derive(Clone, Debug)]
pub struct StoredCursor {
    /// The number of replacements.
    pub version: u64,
    /// The encoded cursor.
    pub text: String,
}

/// The service that an operation uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// Slack.
    Slack,
    /// The bucket.
    Bucket,
    /// The table.
    Table,
    /// The secrets.
    Secrets,
}

/// Operations that hang until they time out, without an effect.
#[derive(Clone, Copy, Debug)]
pub struct Hang {
    /// The start of the operation, as in the trace.
    pub operation: &'static str,
    /// The seconds until the operation times out.
    pub seconds: i64,
}

/// Random faults.
#[derive(Clone, Debug)]
pub struct Chance {
    /// The random number generator.
    pub rng: Rng,
    /// One in this many operations meets a fault.
    pub one_in: u64,
}

/// A planned fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The number of the process.
    pub process: u32,
    /// The number of its operation, counted from 0.
    pub operation: u32,
    /// The kind of the fault.
    pub kind: FaultKind,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// The operation is rejected and has no effect.
    Rejected,
    /// The operation takes effect, but its response is lost.
    ResponseLost,
    /// The operation takes effect twice, as when a client retries a call whose first response was lost. The second response arrives.
    Twice,
    /// The process is killed before the operation.
    KilledBefore,
    /// The process is killed after the operation takes effect.
    KilledAfter,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [FaultKind; 5] = [
        FaultKind::Rejected,
        FaultKind::ResponseLost,
        FaultKind::Twice,
        FaultKind::KilledBefore,
        FaultKind::KilledAfter,
    ];
    /// The kinds that differ for a read-only operation.
    pub const OF_READS: [FaultKind; 2] = [FaultKind::Rejected, FaultKind::KilledBefore];
}

/// The start of every scenario, an afternoon, so that a scenario can choose to pass midnight: 2026-11-22 14:00:00 UTC.
pub const BEGINNING: Timestamp = Timestamp::constant(1_795_356_000, 0);

/// Returns the source `acme` of a workspace, connected at `now`, which collects the last seven days of these logs.
pub(super) fn acme(now: Timestamp, logs: &[LogType]) -> Source {
    let id = "acme".parse().expect("an ID");
    Source {
        logs: logs.to_vec(),
        connected_at: Second::of(now),
        ..Source::new(id, "Acme", Plan::Enterprise, Second::of(now).plus(-7 * 86_400))
    }
}

impl State {
    /// Edits the stored cursor of a log, and returns the result of `edit`, or `None` if the log has no cursor.
    pub(super) fn edit_cursor<R>(&mut self, log: LogType, edit: impl FnOnce(&mut Cursor) -> R) -> Option<R> {
        let (_, stored) = self.cursors.iter_mut().find(|(stream, _)| stream.log == log)?;
        let mut cursor = Cursor::decode(&stored.text).expect("a stored cursor is valid");
        let result = edit(&mut cursor);
        *stored = StoredCursor { version: stored.version + 1, text: cursor.encode() };
        Some(result)
    }

    /// Returns `true` if, by chance, a create conflicts with a concurrent create of the same key.
    pub(super) fn is_busy(&mut self) -> bool {
        self.chance.as_mut().is_some_and(|chance| chance.rng.below(chance.one_in) == 0)
    }

    /// Returns `true` if the oracle judges each tick. It does so for a single valid source and a collector that is no mutant.
    pub(super) fn is_judged(&self) -> bool {
        self.sources.len() == 1 && self.mutant.is_none() && self.garbled_sources.is_empty()
    }

    /// Returns the fault that this operation of a process meets.
    fn next_fault(&mut self, process: u32, operation: u32, part: Part, only_reads: bool) -> Option<FaultKind> {
        let planned = self.faults.iter().find(|fault| (fault.process, fault.operation) == (process, operation));
        if let Some(kind) = planned.map(|planned| planned.kind) {
            self.struck = true;
            return Some(kind);
        }
        if part == Part::Bucket
            && !only_reads
            && let Some(fault) = self.create_faults.pop_front()
        {
            return fault;
        }
        if self.down.contains(&part) {
            return Some(FaultKind::Rejected);
        }
        let chance = self.chance.as_mut()?;
        (chance.rng.below(chance.one_in) == 0).then(|| chance.rng.pick(&FaultKind::ALL))
    }
}

/// Returns the operation on a line of the trace, without time, process and result.
pub(super) fn operation_in(line: &str) -> Option<String> {
    let (_, operation) = line.split_once(" #")?;
    let what = operation.split_once(' ')?.1;
    Some(what.split(" = ").next().unwrap_or(what).trim().to_owned())
}

/// Formats a time for the trace.
fn clock(now: Timestamp) -> String {
    now.strftime("%dT%H:%M:%S").to_string()
}

/// An operation received no response.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoResponse;

impl SimulatedWorld {
    /// Creates a world at `now` with this Slack and these sources.
    pub fn new(now: Timestamp, slack: World, sources: impl IntoIterator<Item = Source>) -> SimulatedWorld {
        let sources = sources.into_iter().map(|source| (source.id.clone(), source)).collect();
        SimulatedWorld(Rc::new(RefCell::new(State { now, slack, sources, traced: true, ..State::default() })))
    }

    /// Copies the world. The copy is independent.
    pub fn fork(&self) -> SimulatedWorld {
        SimulatedWorld(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// Calls `f` with the state of the world.
    pub fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        self.with(|state| state.now)
    }

    /// Advances the time.
    pub fn pass(&self, seconds: i64) {
        self.with(|state| {
            state.now = state.now.saturating_add(SignedDuration::from_secs(seconds)).expect("the time is in range")
        });
    }

    /// Revokes the token at Slack.
    pub(super) fn revoke(&self) {
        self.with(|state| {
            let token = state.slack.settings().tokens[0].text.clone();
            state.slack.revoke(&token);
        });
    }

    /// Reconnects the sources: Slack accepts the token again, and each source stores the time of the reconnect.
    pub(super) fn connect(&self) {
        self.with(|state| {
            let token = state.slack.settings().tokens[0].text.clone();
            state.slack.restore(&token);
            let now = Second::of(state.now);
            state.sources.values_mut().for_each(|source| source.connected_at = now);
            state.operations += 1; // a tick in progress is not alone
            state.book.record_connection(state.now);
        });
    }

    /// Bars the source from a workspace of its organization, or admits it again.
    pub(super) fn bar(&self, workspace: &str, barred: bool) {
        self.with(|state| {
            let workspace = state.slack.settings_mut().tenant.workspace_mut(workspace);
            workspace.expect("the workspace belongs to the organization").owner_belongs = !barred;
        });
    }

    /// Adds the app to a workspace of the organization, or removes it. Slack lists the workspaces that have the app.
    pub(super) fn list(&self, workspace: &str, is_listed: bool) {
        self.with(|state| {
            state.book.left.insert(workspace.to_owned());
            let workspace = state.slack.settings_mut().tenant.workspace_mut(workspace);
            workspace.expect("the workspace belongs to the organization").app_added = is_listed;
        });
    }

    /// Requests a backfill of the time between two ages in seconds, as `slacktrail backfill` does. Returns `None` if the log has no cursor.
    pub(super) fn backfill(&self, log: LogType, oldest_ago: i64, latest_ago: i64) -> Option<Backfill> {
        self.with(|state| {
            let now = Second::of(state.now);
            let (oldest, latest) = (now.plus(-oldest_ago), now.plus(-latest_ago));
            let outcome = state.edit_cursor(log, |cursor| cursor.backfill(log, oldest, latest, now));
            if outcome == Some(Backfill::Started) {
                state.backfilled.push((simulated(log), oldest.instant(), latest.instant()));
            }
            outcome
        })
    }

    /// Writes the year 2100 into every cursor: into all of its times, or only into its watermark.
    pub(super) fn tamper(&self, all: bool) {
        self.edit_cursors(|cursor| {
            cursor["watermark"] = YEAR_2100.into();
            if all {
                cursor["since"] = YEAR_2100.into();
                cursor["saved_at"] = YEAR_2100.into();
                cursor["not_before"] = YEAR_2100.into();
                cursor["rereads"] = vec![YEAR_2100; 2].into();
            }
        });
        self.mark_tampered();
    }

    /// Deletes the cursors from the table.
    pub(super) fn lose_cursors(&self) {
        self.with(|state| {
            state.cursors.clear();
            state.tampered.clear();
        });
    }

    /// Tells the oracle that every stored cursor is corrupt.
    pub(super) fn mark_tampered(&self) {
        self.with(|state| state.tampered = state.cursors.keys().map(|stream| stream.log).collect());
    }

    /// Edits every stored cursor.
    pub(super) fn edit_cursors(&self, edit: impl Fn(&mut serde_json::Value)) {
        self.with(|state| {
            for stored in state.cursors.values_mut() {
                let mut cursor: serde_json::Value = serde_json::from_str(&stored.text).expect("the cursor is JSON");
                edit(&mut cursor);
                *stored = StoredCursor { version: stored.version + 1, text: cursor.to_string() };
            }
        });
    }

    /// Appends the result of the last operation to the trace.
    pub(super) fn trace_result(&self, what: impl FnOnce() -> String) {
        self.with(|state| {
            if let Some(last) = state.trace.last_mut().filter(|_| state.traced) {
                last.push_str(" = ");
                last.push_str(&what());
            }
        });
    }

    /// Adds an external event to the trace.
    pub fn trace_event(&self, what: impl FnOnce() -> String) {
        self.with(|state| {
            if state.traced {
                state.trace.push(format!("{} -- {}", clock(state.now), what()));
            }
        });
    }

    /// Runs one operation of a process: yields to the other processes, then takes effect unless a fault prevents it.
    pub(super) async fn operate<R>(
        &self,
        process: &super::process::Id,
        part: Part,
        only_reads: bool,
        what: impl Fn() -> String,
        mut effect: impl FnMut(&mut State) -> R,
    ) -> Result<R, NoResponse> {
        yield_once().await;
        let number = process.next_operation(only_reads);
        let fault = self.with(|state| {
            state.operations += 1;
            let fault = state.next_fault(process.number, number, part, only_reads);
            if state.traced {
                let note = fault.map(|kind| format!(" !{kind:?}")).unwrap_or_default();
                state.trace.push(format!("{} p{} #{number:<3} {}{note}", clock(state.now), process.number, what()));
            }
            fault
        });
        process.record(|facts| {
            facts.operations += 1;
            facts.disturbed |= fault.is_some();
        });
        if let Some(hang) = self.with(|state| state.hang).filter(|hang| what().starts_with(hang.operation)) {
            let until = self.now().saturating_add(SignedDuration::from_secs(hang.seconds)).expect("in range");
            while self.now() < until {
                yield_once().await;
            }
            return Err(NoResponse);
        }
        let mut apply = || self.with(&mut effect);
        match fault {
            None => Ok(apply()),
            Some(FaultKind::Rejected) => Err(NoResponse),
            Some(FaultKind::ResponseLost) => {
                apply();
                Err(NoResponse)
            }
            Some(FaultKind::Twice) => {
                apply();
                Ok(apply())
            }
            Some(FaultKind::KilledBefore) => process.die().await,
            Some(FaultKind::KilledAfter) => {
                apply();
                process.die().await
            }
        }
    }
}

/// Yields once, so that the driver chooses which process runs next.
pub async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
