//! Connections as they are stored, and the tickets that lead to them.

use slacktrail_shared::connection::{Connection, Ticket};

use super::{now, text};
use crate::error_text::assert_hides;

/// A connection comes back as it was.
pub(super) fn stored(bytes: &[u8]) {
    let Ok(connection) = serde_json::from_str::<Connection>(&text(bytes)) else { return };
    let again: Connection = serde_json::from_str(&connection.encode()).expect("what we encode can be decoded");
    assert_eq!(again, connection);
    let cookie = connection.cookie_name();
    assert!(cookie.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c)), "no cookie's name: {cookie:?}");
    let _ = connection.is_expired(now());
}

/// A ticket is exactly the text that it was made of, and shows its name alone.
pub(super) fn ticket(bytes: &[u8]) {
    let text = text(bytes);
    let Some(ticket) = Ticket::parse(&text) else { return };
    assert_eq!(ticket.reveal(), text, "another ticket");
    assert!(ticket.matches(&ticket.hash()));
    let secret = text.split_once('.').map(|(_, secret)| secret).expect("a ticket has a point");
    assert_hides(&ticket, secret);
    let (first, rest) = secret.split_at(1);
    let other = Ticket::parse(&format!("{}.{}{rest}", ticket.id, if first == "0" { "1" } else { "0" }));
    assert!(!other.expect("it has the form of a ticket").matches(&ticket.hash()), "another secret was let in");
}
