//! Mutants of the collector, which test the simulation itself. Each is the real collector behind one port that behaves differently, and has
//! the effect of a typical mistake.

use slacktrail_simulator::Request;

/// A mistake in a collector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mutant {
    /// Saves the cursor before the objects that it covers.
    CursorBeforeObject,
    /// Writes an object even if its key exists.
    OverwritesObjects,
    /// Reads back only the last objects of a day log, regardless of where the gap starts.
    ReadsBackTooLittle,
    /// Treats `oldest` as exclusive: `>` instead of `>=`.
    LosesTheBoundarySecond,
    /// Closes the gap after its first page is stored.
    ClosesGapAfterFirstPage,
    /// Treats an empty page as the end of the log.
    EndsAtAnEmptyPage,
}

impl Mutant {
    pub(super) fn alter_request(mutant: Option<Mutant>, request: &mut Request) {
        if mutant == Some(Mutant::LosesTheBoundarySecond) {
            for (_, value) in request.query.iter_mut().filter(|(name, _)| name == "oldest") {
                *value = value.parse::<i64>().map_or(value.clone(), |oldest| (oldest + 1).to_string());
            }
        }
    }

    /// Edits the text of a response, so that its rows stay as Slack sent them.
    pub(super) fn alter_response(self, body: &mut Vec<u8>) {
        let Ok(text) = std::str::from_utf8(body) else { return };
        let empty = ["\"entries\":[]", "\"logins\":[]", "\"logs\":[]"].iter().any(|rows| text.contains(rows));
        if self == Mutant::ClosesGapAfterFirstPage || (self == Mutant::EndsAtAnEmptyPage && empty) {
            let text = text.replace("\"next_cursor\"", "\"no_cursor\"");
            let text = text.replace("\"pages\":", "\"pages\":1,\"pages_that_are\":");
            *body = text.replace("\"total\":", "\"total_that_is\":").into_bytes();
        }
    }
}
