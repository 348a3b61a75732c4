//! The targets, one per kind of external input.

mod authorization;
mod credentials;
mod cursor;
mod event;
mod oauth;
mod object;
mod page;
mod response;
mod row;
mod source;
mod stored_line;
mod tick;
mod time;

use slacktrail_core::time::Second;

/// A decoder and its invariants.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target and of its corpus.
    pub name: &'static str,
    /// The kind of input.
    pub input: &'static str,
    /// Panics if the decoder violates an invariant.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 13] = [
    Target { name: "authorization", input: "stored authorizations", run: authorization::stored },
    Target { name: "credentials", input: "stored secrets", run: credentials::secret },
    Target { name: "cursor", input: "stored cursors", run: cursor::stored },
    Target { name: "event", input: "events that invoke the poller", run: event::event },
    Target { name: "oauth", input: "responses of `oauth.v2.access`", run: oauth::response },
    Target { name: "object", input: "stored objects, intact and damaged", run: object::stored },
    Target { name: "one_time_token", input: "one-time tokens in links", run: authorization::one_time_token },
    Target { name: "page", input: "log responses: pages, errors, headers", run: page::response },
    Target { name: "row", input: "rows of each log, written to lines and read back", run: row::row },
    Target { name: "source", input: "stored sources", run: source::stored },
    Target { name: "stored_line", input: "stored lines", run: stored_line::line },
    Target { name: "tick", input: "a tick: cursor, objects and Slack responses", run: tick::tick },
    Target { name: "time", input: "days, seconds and times", run: time::text },
];

/// The current time of the targets: 22 November 2026.
const NOW: i64 = 1_795_332_840;

fn now() -> Second {
    Second::new(NOW).expect("a valid second")
}

/// Returns the text of an input as an adapter passes it, with invalid UTF-8 replaced.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
