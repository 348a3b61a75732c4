//! The targets: one for each kind of bytes that come from outside.

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

/// A decoder and what it must keep to.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is also its corpus's.
    pub name: &'static str,
    /// What comes in.
    pub of: &'static str,
    /// Panics where the decoder breaks its promise.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 13] = [
    Target { name: "connection", of: "authorizations as stored", run: authorization::stored },
    Target { name: "credentials", of: "secrets as stored", run: credentials::secret },
    Target { name: "cursor", of: "cursors as stored", run: cursor::stored },
    Target { name: "event", of: "what the poller is invoked with", run: event::event },
    Target { name: "oauth", of: "responses of `oauth.v2.access`", run: oauth::response },
    Target { name: "object", of: "objects as stored, whole and damaged", run: object::stored },
    Target { name: "page", of: "responses of the logs: pages, errors, headers", run: page::response },
    Target { name: "row", of: "rows of each log, on their way to a line and back", run: row::row },
    Target { name: "source", of: "sources as stored", run: source::stored },
    Target { name: "stored_line", of: "lines as stored", run: stored_line::line },
    Target { name: "tick", of: "a whole tick: cursor, objects and Slack's responses", run: tick::tick },
    Target { name: "ticket", of: "one-time tokens in an address", run: authorization::one_time_token },
    Target { name: "time", of: "days, seconds and times", run: time::text },
];

/// The instant at which targets run: 22 November 2026.
const NOW: i64 = 1_795_332_840;

fn now() -> Second {
    Second::new(NOW).expect("it is a second of our days")
}

/// The text of an input, as an adapter hands it in.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
