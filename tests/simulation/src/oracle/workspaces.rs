//! Checks that a stream reports workspaces of its organization that cannot be read.

use std::collections::BTreeMap;

use slacktrail_core::stream::StreamOutcome;
use slacktrail_simulator::Response;

use crate::facts::LogFacts;

/// How long a workspace may be unreadable before its stream must report it: a quarter of an hour, and three minutes for clocks that change.
const UNREPORTED_SECONDS_MAX: i64 = 900 + 180;
/// Ticks after which the stream must report it.
const UNREPORTED_TICKS_MAX: u32 = 20;

/// The workspaces whose last request was rejected, by ID, as far as the saved cursor can know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(BTreeMap<String, Unreported>);

#[derive(Clone, Debug)]
struct Unreported {
    /// The collector's clock at the first rejection.
    since: i64,
    /// Ticks without an error code since then.
    ticks: u32,
}

impl Unread {
    /// Removes workspaces that are missing from Slack's list.
    pub(super) fn record_list(&mut self, response: &Response) {
        let text = String::from_utf8_lossy(&response.body);
        if text.contains("\"teams\"") {
            self.0.retain(|id, _| text.contains(&format!("\"{id}\"")));
        }
    }

    /// Records how Slack answered a tick for each workspace. Returns the violation if the tick reports no error although a workspace has been
    /// unreadable for long.
    pub(super) fn end_tick(
        &mut self,
        facts: &LogFacts,
        summary: &StreamOutcome,
        clock: i64,
        workspaces: usize,
    ) -> Option<String> {
        if !summary.polled {
            return None;
        }
        let code = summary.code();
        // If a tick does not save the cursor, the next tick does not know those answers.
        for (id, is_shown) in facts.workspaces.iter().filter(|_| facts.saved == Some(true)) {
            if *is_shown {
                self.0.remove(id);
            } else if code.is_none_or(|code| code == "workspaces_unreadable") {
                // With any other code, the tick may have treated the error as one of the whole stream.
                self.0.entry(id.clone()).or_insert(Unreported { since: clock, ticks: 0 });
            }
        }
        if self.0.len() == workspaces {
            self.0.clear(); // if no workspace can be read, the stream itself has an error
        }
        if code.is_some() {
            return None;
        }
        self.0.values_mut().for_each(|unreported| unreported.ticks += 1);
        let is_hidden = |unreported: &Unreported| {
            clock - unreported.since > UNREPORTED_SECONDS_MAX && unreported.ticks > UNREPORTED_TICKS_MAX
        };
        // A tick that was shown the workspace reports no error for it, even if another tick saves its cursor first.
        let was_shown = |id: &String| facts.workspaces.get(id) == Some(&true);
        let (id, unreported) = self.0.iter().find(|(id, unreported)| is_hidden(unreported) && !was_shown(id))?;
        Some(format!(
            "unread: `{id}` has been unreadable for {} seconds, and the stream reports no error",
            clock - unreported.since
        ))
    }
}
