//! Workspaces of an organization that cannot be read, and whether their stream says so.

use std::collections::BTreeMap;

use slacktrail_collector::tick::StreamSummary;
use slacktrail_simulator::Response;

use crate::facts::LogFacts;

/// A workspace that cannot be read for a quarter of an hour must be told. Clocks may be set meanwhile.
const UNTOLD_SECONDS_MAX: i64 = 900 + 180;
/// Ticks that may say nothing meanwhile.
const UNTOLD_TICKS_MAX: u32 = 20;

/// Workspaces that were refused when they were asked for last, as the saved cursor may say, by their IDs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(BTreeMap<String, Untold>);

#[derive(Clone, Debug)]
struct Untold {
    /// The collector's clock when it was refused first.
    since: i64,
    /// Ticks since then that said nothing.
    ticks: u32,
}

impl Unread {
    /// Takes in Slack's list: a workspace that is not in it has gone.
    pub(super) fn note_list(&mut self, response: &Response) {
        let text = String::from_utf8_lossy(&response.body);
        if text.contains("\"teams\"") {
            self.0.retain(|id, _| text.contains(&format!("\"{id}\"")));
        }
    }

    /// Takes in what a tick was told of each of so many workspaces. Returns the invariant that it broke: it says that all is well though one could not
    /// be read for long.
    pub(super) fn end_tick(
        &mut self,
        facts: &LogFacts,
        summary: &StreamSummary,
        clock: i64,
        workspaces: usize,
    ) -> Option<String> {
        if !summary.polled {
            return None;
        }
        let code = summary.code.as_deref();
        // A tick that does not save the cursor does not remember what it was told.
        for (id, is_shown) in facts.workspaces.iter().filter(|_| facts.saved == Some(true)) {
            if *is_shown {
                self.0.remove(id);
            } else if code.is_none_or(|code| code == "workspaces_unreadable") {
                // With any other code it may have been taken for all Slack's error.
                self.0.entry(id.clone()).or_insert(Untold { since: clock, ticks: 0 });
            }
        }
        if self.0.len() == workspaces {
            self.0.clear(); // none can be read: that is the stream's own error
        }
        if code.is_some() {
            return None;
        }
        self.0.values_mut().for_each(|untold| untold.ticks += 1);
        let is_hidden = |untold: &Untold| clock - untold.since > UNTOLD_SECONDS_MAX && untold.ticks > UNTOLD_TICKS_MAX;
        let (id, untold) = self.0.iter().find(|(_, untold)| is_hidden(untold))?;
        Some(format!("unread: `{id}` cannot be read for {} seconds, and nobody is told", clock - untold.since))
    }
}
