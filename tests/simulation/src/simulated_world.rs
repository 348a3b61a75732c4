//! What there is in the simulated world, and what can go wrong with each operation on it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use slacktrail_core::authorization::AuthorizationId;
use slacktrail_core::shard::Shard;
use slacktrail_core::source::{Source, SourceId, StreamId};
use slacktrail_core::time::Second;
use slacktrail_simulator::World;

use super::oracle;
use super::rng::Rng;

/// The simulated world, shared by its processes.
#[derive(Clone, Debug)]
pub struct SimulatedWorld(Rc<RefCell<State>>);

/// Everything in the simulated world. A clone goes its own way.
#[derive(Clone, Debug)]
pub struct State {
    /// The time. It moves only when told.
    pub now: Timestamp,
    /// How far the collector's clock is ahead of it.
    pub clock_ahead: SignedDuration,
    /// How far the bucket's clock is ahead of it.
    pub bucket_ahead: SignedDuration,
    /// Slack.
    pub slack: World,
    /// Operations after which a tick is told that its time is up; none: it has all the time.
    pub operations_max: Option<u32>,
    /// The bucket: each key's bytes, and when they were created.
    pub objects: BTreeMap<String, (Arc<[u8]>, Timestamp)>,
    /// The table's cursors.
    pub cursors: BTreeMap<StreamId, StoredCursor>,
    /// The table's sources.
    pub sources: BTreeMap<SourceId, Source>,
    /// Texts that stand where a source should, and are none.
    pub garbled_sources: BTreeMap<SourceId, String>,
    /// Authorizations: the number of replacements and the text of each.
    pub authorizations: BTreeMap<AuthorizationId, (u64, String)>,
    /// The secrets: how often each was replaced, and its text; none once deleted.
    pub credentials: BTreeMap<SourceId, (u64, Option<String>)>,
    /// The shares that invocations were asked to poll.
    pub invoked: Vec<Shard>,
    /// Keys in the bucket that nobody here has written.
    pub foreign: Vec<String>,
    /// The faults in store.
    pub faults: Vec<Fault>,
    /// Whether one of them was met.
    pub struck: bool,
    /// Faults by chance, if any.
    pub chance: Option<Chance>,
    /// What cannot be reached at all.
    pub down: Vec<Part>,
    /// Whether there is a trace.
    pub traced: bool,
    /// One line for each operation: when, who, what, what came of it.
    pub trace: Vec<String>,
    /// The first invariant that was broken.
    pub broken: Option<String>,
    /// How a mutant differs.
    pub mutant: Option<super::mutant::Mutant>,
    /// Times that somebody asked to have collected besides what the source asks for.
    pub backfilled: Vec<(slacktrail_simulator::Log, Timestamp, Timestamp)>,
    /// What the oracle knows.
    pub(super) book: oracle::Book,
    /// Streams whose cursor somebody has tampered with, and no tick has saved another since.
    pub(super) tampered: Vec<slacktrail_core::source::LogType>,
    /// Slack's replies arrive in pieces of so many bytes; none: in one piece.
    pub chunk_bytes: Option<usize>,
    /// Operations so far, of all processes.
    pub(super) operations: u64,
    /// Objects that a wrong collector has promised and not written yet.
    pub owed: Vec<(String, Vec<u8>)>,
}

/// The first second of the year 2100.
const YEAR_2100: i64 = 4_102_444_800;

/// A stored cursor.
#[derive(Clone, Debug)]
pub struct StoredCursor {
    /// How often it was replaced.
    pub version: u64,
    /// Its text.
    pub text: String,
}

/// What an operation is made on.
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

/// Faults by chance.
#[derive(Clone, Debug)]
pub struct Chance {
    /// Where they come from.
    pub rng: Rng,
    /// Of so many operations one meets a fault.
    pub one_in: u64,
}

/// One fault: at a process's operation of this number, counted from 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Which process.
    pub process: u32,
    /// Which of its operations.
    pub operation: u32,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// What can go wrong with an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// It is refused and has no effect.
    Refused,
    /// It takes effect, and the reply is lost.
    ResponseLost,
    /// It takes effect twice, as when a client repeats a call whose first reply was lost; the second reply arrives.
    Twice,
    /// The process is killed before it.
    KilledBefore,
    /// The process is killed right after it took effect.
    KilledAfter,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [FaultKind; 5] = [
        FaultKind::Refused,
        FaultKind::ResponseLost,
        FaultKind::Twice,
        FaultKind::KilledBefore,
        FaultKind::KilledAfter,
    ];
    /// Those that differ where the operation only reads.
    pub const OF_READS: [FaultKind; 2] = [FaultKind::Refused, FaultKind::KilledBefore];
}

impl State {
    /// Whether by chance a create meets another one of the same key under way.
    pub(super) fn is_busy(&mut self) -> bool {
        self.chance.as_mut().is_some_and(|chance| chance.rng.below(chance.one_in) == 0)
    }

    /// Whether the oracle judges each tick: of one source, and of a collector that is not wrong on purpose.
    pub(super) fn is_judged(&self) -> bool {
        self.sources.len() == 1 && self.mutant.is_none() && self.garbled_sources.is_empty()
    }

    /// What goes wrong with a process's operation of this number.
    fn next_fault(&mut self, process: u32, operation: u32, part: Part) -> Option<FaultKind> {
        let planned = self.faults.iter().find(|fault| (fault.process, fault.operation) == (process, operation));
        if let Some(kind) = planned.map(|planned| planned.kind) {
            self.struck = true;
            return Some(kind);
        }
        if self.down.contains(&part) {
            return Some(FaultKind::Refused);
        }
        let chance = self.chance.as_mut()?;
        (chance.rng.below(chance.one_in) == 0).then(|| chance.rng.pick(&FaultKind::ALL))
    }
}

/// What an operation was, by its line in the trace: without when, by whom, and what came of it.
pub(super) fn asked(line: &str) -> Option<String> {
    let (_, operation) = line.split_once(" #")?;
    let what = operation.split_once(' ')?.1;
    Some(what.split(" = ").next().unwrap_or(what).trim().to_owned())
}

/// The time of day, as the trace tells it.
fn clock(now: Timestamp) -> String {
    now.strftime("%dT%H:%M:%S").to_string()
}

/// The operation had no reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoResponse;

impl SimulatedWorld {
    /// A world at `now` with this Slack and these sources.
    pub fn new(now: Timestamp, slack: World, sources: impl IntoIterator<Item = Source>) -> SimulatedWorld {
        SimulatedWorld(Rc::new(RefCell::new(State {
            now,
            clock_ahead: SignedDuration::ZERO,
            bucket_ahead: SignedDuration::ZERO,
            slack,
            operations_max: None,
            objects: BTreeMap::new(),
            cursors: BTreeMap::new(),
            sources: sources.into_iter().map(|source| (source.id.clone(), source)).collect(),
            garbled_sources: BTreeMap::new(),
            authorizations: BTreeMap::new(),
            credentials: BTreeMap::new(),
            invoked: Vec::new(),
            foreign: Vec::new(),
            faults: Vec::new(),
            struck: false,
            chance: None,
            down: Vec::new(),
            traced: true,
            trace: Vec::new(),
            broken: None,
            mutant: None,
            backfilled: Vec::new(),
            book: oracle::Book::default(),
            tampered: Vec::new(),
            chunk_bytes: None,
            operations: 0,
            owed: Vec::new(),
        })))
    }

    /// The same world, which goes its own way from here.
    pub fn fork(&self) -> SimulatedWorld {
        SimulatedWorld(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// Looks at the world or changes it.
    pub fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.with(|state| state.now)
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.with(|state| {
            state.now = state.now.saturating_add(SignedDuration::from_secs(seconds)).expect("a year of four digits")
        });
    }

    /// Slack revokes the token.
    pub(super) fn revoke(&self) {
        self.with(|state| {
            let token = state.slack.settings().tokens[0].text.clone();
            state.slack.revoke(&token);
        });
    }

    /// Somebody connects the sources again: the token is good, and each source says since when.
    pub(super) fn connect(&self) {
        self.with(|state| {
            let token = state.slack.settings().tokens[0].text.clone();
            state.slack.restore(&token);
            let now = Second::of(state.now);
            state.sources.values_mut().for_each(|source| source.connected_at = now);
            state.operations += 1; // a tick that is under way is not alone
            state.book.note_connection(state.now);
        });
    }

    /// Slack refuses to let the source read a workspace of its organization, or lets it read it again.
    pub(super) fn bar(&self, workspace: &str, barred: bool) {
        self.with(|state| {
            let workspace = state.slack.settings_mut().tenant.workspace_mut(workspace);
            workspace.expect("it is the organization's").owner_belongs = !barred;
        });
    }

    /// Somebody writes times of the year 2100 into every cursor: all of them, or only how far the stream has come.
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

    /// The table forgets the cursors.
    pub(super) fn lose_cursors(&self) {
        self.with(|state| {
            state.cursors.clear();
            state.tampered.clear();
        });
    }

    /// Lets the oracle know that no stored cursor can be true any more.
    pub(super) fn mark_tampered(&self) {
        self.with(|state| state.tampered = state.cursors.keys().map(|stream| stream.log).collect());
    }

    /// Somebody changes every stored cursor.
    pub(super) fn edit_cursors(&self, edit: impl Fn(&mut serde_json::Value)) {
        self.with(|state| {
            for stored in state.cursors.values_mut() {
                let mut cursor: serde_json::Value = serde_json::from_str(&stored.text).expect("a cursor is JSON");
                edit(&mut cursor);
                *stored = StoredCursor { version: stored.version + 1, text: cursor.to_string() };
            }
        });
    }

    /// Adds to the trace what came of the last operation.
    pub(super) fn told(&self, what: impl FnOnce() -> String) {
        self.with(|state| {
            if let Some(last) = state.trace.last_mut().filter(|_| state.traced) {
                last.push_str(" = ");
                last.push_str(&what());
            }
        });
    }

    /// Adds a line to the trace that is no operation.
    pub fn note(&self, what: impl FnOnce() -> String) {
        self.with(|state| {
            if state.traced {
                state.trace.push(format!("{} -- {}", clock(state.now), what()));
            }
        });
    }

    /// One operation of a process: gives way, then takes effect unless a fault will have it otherwise.
    pub(super) async fn operate<R>(
        &self,
        process: &super::process::Id,
        part: Part,
        only_reads: bool,
        what: impl Fn() -> String,
        mut effect: impl FnMut(&mut State) -> R,
    ) -> Result<R, NoResponse> {
        give_way().await;
        let number = process.next_operation(only_reads);
        let fault = self.with(|state| {
            state.operations += 1;
            let fault = state.next_fault(process.number, number, part);
            if state.traced {
                let note = fault.map(|kind| format!(" !{kind:?}")).unwrap_or_default();
                state.trace.push(format!("{} p{} #{number:<3} {}{note}", clock(state.now), process.number, what()));
            }
            fault
        });
        process.note(|facts| {
            facts.operations += 1;
            facts.disturbed |= fault.is_some();
        });
        let mut take_effect = || self.with(&mut effect);
        match fault {
            None => Ok(take_effect()),
            Some(FaultKind::Refused) => Err(NoResponse),
            Some(FaultKind::ResponseLost) => {
                take_effect();
                Err(NoResponse)
            }
            Some(FaultKind::Twice) => {
                take_effect();
                Ok(take_effect())
            }
            Some(FaultKind::KilledBefore) => process.die().await,
            Some(FaultKind::KilledAfter) => {
                take_effect();
                process.die().await
            }
        }
    }
}

/// Gives way once, so that the driver chooses who goes on.
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut gave_way, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
