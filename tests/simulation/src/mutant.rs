//! Deliberately wrong collectors: the test of the tests. Each is the real one with one edge bent, so that what it does to
//! the world is what that mistake in it would do.

use slacktrail_core::slack::Response;
use slacktrail_simulator::Request;

/// A mistake that others have made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mutant {
    /// Saves the cursor before the objects that it speaks of.
    CursorBeforeObject,
    /// Writes objects whether or not their key is taken.
    OverwritesObjects,
    /// Reads back only a day log's last few objects, however far back the gap reaches.
    ReadsBackTooLittle,
    /// Takes `oldest` for exclusive: `>` for `>=`.
    LosesTheBoundarySecond,
    /// Closes the gap when its first page is stored.
    MovesTheMarkOnPageOne,
    /// Takes an empty page for the end.
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

    /// Bends the reply's text, so that the rows in it stay what Slack sent.
    pub(super) fn alter_response(mutant: Option<Mutant>, response: &mut Response) {
        let Ok(text) = String::from_utf8(response.body.clone()) else { return };
        let empty = ["\"entries\":[]", "\"logins\":[]", "\"logs\":[]"].iter().any(|rows| text.contains(rows));
        let ends =
            mutant == Some(Mutant::MovesTheMarkOnPageOne) || (mutant == Some(Mutant::EndsAtAnEmptyPage) && empty);
        if ends {
            let text = text.replace("\"next_cursor\"", "\"no_cursor\"");
            let text = text.replace("\"pages\":", "\"pages\":1,\"pages_that_are\":");
            response.body = text.replace("\"total\":", "\"total_that_is\":").into_bytes();
        }
    }
}
