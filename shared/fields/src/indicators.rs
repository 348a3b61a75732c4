//! Decides which strings of a record are indicators, by the keys that they are under: IP addresses, emails and user names.

use std::borrow::Cow;
use std::net::IpAddr;

use super::{TOP_KEYS, top_key};

/// Maximum length of an email address in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const ADDRESS_LEN_MAX: usize = 254;

/// The kind of an indicator, in the order of a line's fields.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// An IP address.
    IpAddress,
    /// An email address.
    Email,
    /// The name of a user.
    Username,
}

/// A value that users search all logs for.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Indicator<'a> {
    /// The kind.
    pub kind: Kind,
    /// The text, borrowed from the record if it contains no escapes.
    pub text: Cow<'a, str>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Key {
    /// One of [`TOP_KEYS`], by its index.
    Top(usize),
    Address,
    Email,
    Username,
    Name,
    Person,
    /// The current or previous value of a setting: text, a list or an object, depending on the action.
    Setting,
    #[default]
    Other,
}

impl Key {
    pub(crate) fn of(text: &[u8], depth: usize) -> Key {
        if depth == 1
            && let Some(top) = top_key(text)
        {
            return Key::Top(top);
        }
        match text {
            b"ip" | b"ip_address" | b"previous_ip_address" => Key::Address,
            b"email" | b"emails" => Key::Email,
            b"username" | b"user_name" => Key::Username,
            b"name" => Key::Name,
            // In `details`, each of these may be an ID, a user, or an object that contains a user.
            b"user" | b"inviter" | b"kicker" | b"target_user" => Key::Person,
            b"new_value" | b"previous_value" => Key::Setting,
            other if other.ends_with(b"_email") || other.ends_with(b"_emails") => Key::Email, // for example `external_user_email`
            _ => Key::Other,
        }
    }
}

/// The position of a value.
#[derive(Clone, Copy, Default)]
pub(crate) struct Position {
    /// The key of the enclosing object.
    parent: Key,
    /// The key of the value.
    pub(crate) key: Key,
    /// Whether the value is inside a [`Key::Setting`].
    in_setting: bool,
}

impl Position {
    /// Returns the position of values in the object that starts here.
    pub(crate) fn inside(self) -> Position {
        Position { parent: self.key, key: Key::Other, in_setting: self.in_setting || self.key == Key::Setting }
    }

    /// Returns `true` if a string here may be a scalar or an indicator.
    pub(crate) fn wants_text(self) -> bool {
        self.key != Key::Other || self.in_setting
    }

    /// Returns `true` if a string here may contain email addresses among other words.
    pub(crate) fn may_hold_addresses(self) -> bool {
        self.in_setting || matches!(self.key, Key::Setting | Key::Person)
    }

    /// Returns the kind of indicator that a whole string here is, if any.
    pub(crate) fn kind_of(self, text: &str) -> Option<Kind> {
        match self.key {
            Key::Top(top) if TOP_KEYS[top] != "ip" => None,
            // Slack writes `redacted`, empty text and invalid addresses here. They stay in the record but are not indicators.
            Key::Address | Key::Top(_) if text.parse::<IpAddr>().is_ok() => Some(Kind::IpAddress),
            Key::Email if text.contains('@') => Some(Kind::Email),
            Key::Username if !text.is_empty() => Some(Kind::Username),
            // Many objects have a `name`. A user's name is the one under `user`, or under the user who invited or removed another.
            Key::Name if self.parent == Key::Person && !text.is_empty() => Some(Kind::Username),
            _ => None,
        }
    }
}

/// Returns the email addresses in a text, for example the one in `<mailto:ann@example.com|Ann>`. Scans the text once.
pub(crate) fn addresses_in(text: &str) -> impl Iterator<Item = &str> {
    let words = if text.contains('@') { text } else { "" }.split(ends_address);
    words.map(|word| word.trim_matches(['.', '\''])).filter(|word| is_address(word))
}

/// Returns `true` for a character that is not part of addresses, or so rarely that it more likely separates two.
fn ends_address(c: char) -> bool {
    c.is_whitespace() || c.is_control() || ",;:<>()[]{}\"`|/\\?=&".contains(c)
}

/// Returns `true` if a word is an address: a local part, and a domain whose last label is not a number.
fn is_address(word: &str) -> bool {
    let Some((local, domain)) = word.split_once('@') else { return false };
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    word.len() <= ADDRESS_LEN_MAX
        && !local.is_empty()
        && domain.split('.').all(is_label)
        && domain.rsplit_once('.').is_some_and(|(_, last)| last.contains(char::is_alphabetic))
}
