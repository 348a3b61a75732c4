//! What there is in the simulated world, and what can go wrong with each operation on it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use slacktrail_shared::connection::ConnectionId;
use slacktrail_shared::share::Share;
use slacktrail_shared::source::{Source, SourceId, StreamId};
use slacktrail_simulator::World;

use super::oracle;

/// The simulated world, shared by its processes.
#[derive(Clone, Debug)]
pub struct Stage(Rc<RefCell<State>>);

/// Everything in the simulated world.
#[derive(Debug)]
pub struct State {
    /// The time. It moves only when told.
    pub now: Timestamp,
    /// How far the collector's clock is ahead of it.
    pub clock_ahead: SignedDuration,
    /// Slack.
    pub slack: World,
    /// The bucket: each key's bytes, and when they were created.
    pub objects: BTreeMap<String, (Vec<u8>, Timestamp)>,
    /// The table's cursors.
    pub cursors: BTreeMap<StreamId, StoredCursor>,
    /// The table's sources.
    pub sources: BTreeMap<SourceId, Source>,
    /// Texts that stand where a source should, and are none.
    pub garbled_sources: BTreeMap<SourceId, String>,
    /// Connections under way: how often each was replaced, and its text.
    pub connections: BTreeMap<ConnectionId, (u64, String)>,
    /// The secrets: how often each was replaced, and its text; none once deleted.
    pub credentials: BTreeMap<SourceId, (u64, Option<String>)>,
    /// The shares that invocations were asked to poll.
    pub invoked: Vec<Share>,
    /// Keys in the bucket that nobody here has written.
    pub foreign: Vec<String>,
    /// The fault in store, if any.
    pub fault: Option<Fault>,
    /// Whether that fault has struck.
    pub struck: bool,
    /// One line for each operation: who, what, what came of it.
    pub trace: Vec<String>,
    /// The first law that was broken.
    pub broken: Option<String>,
    /// Every text of an access row that Slack has shown; the rows change.
    pub shown: std::collections::BTreeSet<String>,
    /// How a deliberately wrong collector differs.
    pub wrong: Option<super::wrong::Wrong>,
    /// What the bucket's lines say, as the oracle reads them when an object is created.
    pub(super) lines: Vec<oracle::Line>,
    /// How many of them were compared with what Slack has shown.
    pub(super) checked_lines: usize,
    /// What tells Slack's rows apart.
    pub(super) identities: oracle::Identities,
    /// Whether the bucket or the table changed since the laws were last checked.
    pub(super) changed: bool,
    /// Objects that a wrong collector has promised and not written yet.
    pub owed: Vec<(String, Vec<u8>)>,
}

/// A stored cursor.
#[derive(Clone, Debug)]
pub struct StoredCursor {
    /// How often it was replaced.
    pub version: u64,
    /// Its text.
    pub text: String,
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
    ReplyLost,
    /// It takes effect twice, as when a client repeats a call whose first reply was lost; the second reply arrives.
    Twice,
    /// The process is killed before it.
    KilledBefore,
    /// The process is killed right after it took effect.
    KilledAfter,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [FaultKind; 5] =
        [FaultKind::Refused, FaultKind::ReplyLost, FaultKind::Twice, FaultKind::KilledBefore, FaultKind::KilledAfter];
}

/// The operation had no reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoReply;

impl Stage {
    /// A world at `now` with this Slack and these sources.
    pub fn new(now: Timestamp, slack: World, sources: impl IntoIterator<Item = Source>) -> Stage {
        Stage(Rc::new(RefCell::new(State {
            now,
            clock_ahead: SignedDuration::ZERO,
            slack,
            objects: BTreeMap::new(),
            cursors: BTreeMap::new(),
            sources: sources.into_iter().map(|source| (source.id.clone(), source)).collect(),
            garbled_sources: BTreeMap::new(),
            connections: BTreeMap::new(),
            credentials: BTreeMap::new(),
            invoked: Vec::new(),
            foreign: Vec::new(),
            fault: None,
            struck: false,
            trace: Vec::new(),
            broken: None,
            shown: std::collections::BTreeSet::new(),
            wrong: None,
            lines: Vec::new(),
            checked_lines: 0,
            identities: oracle::Identities::default(),
            changed: false,
            owed: Vec::new(),
        })))
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

    /// One operation of a process: gives way, then takes effect unless a fault will have it otherwise.
    pub(super) async fn operate<R>(
        &self,
        process: &super::process::Id,
        what: String,
        mut effect: impl FnMut(&mut State) -> R,
    ) -> Result<R, NoReply> {
        give_way().await;
        let number = process.next_operation();
        let fault = self.with(|state| {
            let fault = state
                .fault
                .filter(|fault| (fault.process, fault.operation) == (process.number, number))
                .map(|fault| fault.kind);
            state.struck |= fault.is_some();
            let note = fault.map(|kind| format!(" !{kind:?}")).unwrap_or_default();
            state.trace.push(format!("p{} #{number:<3} {what}{note}", process.number));
            fault
        });
        let mut take_effect = || {
            self.with(|state| {
                let reply = effect(state);
                if state.broken.is_none() && std::mem::take(&mut state.changed) {
                    state.broken = oracle::check_step(state).err();
                }
                reply
            })
        };
        match fault {
            None => Ok(take_effect()),
            Some(FaultKind::Refused) => Err(NoReply),
            Some(FaultKind::ReplyLost) => {
                take_effect();
                Err(NoReply)
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
