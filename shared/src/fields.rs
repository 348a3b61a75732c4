//! One pass over a record's JSON: the few scalars that name and date it, and the addresses, e-mails and user names anywhere
//! in it. Nothing here decides what a record is, and no shape is required: every value may be missing or of another type.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The keys that mean something to us at the top of a record.
pub(crate) const TOP_KEYS: [&str; 8] =
    ["id", "date_create", "user_id", "ip", "user_agent", "date_first", "date_last", "date"];

/// What a record's JSON holds that we use.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    /// The scalars under [`TOP_KEYS`], in that order. Of a key that comes twice the last counts, as in every common parser.
    top: [Option<Cow<'a, str>>; TOP_KEYS.len()],
    pub(crate) ip_addresses: Vec<Cow<'a, str>>,
    pub(crate) emails: Vec<Cow<'a, str>>,
    pub(crate) usernames: Vec<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    /// Reads a record. `None` when it is not a JSON object.
    ///
    /// A record whose text our parser cannot decode whole (a lone surrogate, nesting beyond its bound) is read one level
    /// deep, so that it still has its identity and its time; it then has no addresses, e-mails and user names.
    pub(crate) fn read(json: &'a str) -> Option<Fields<'a>> {
        if !json.starts_with('{') {
            return None;
        }
        let mut fields = Fields::default();
        let mut parser = serde_json::Deserializer::from_str(json);
        if (Node { fields: &mut fields, parent: Key::Other, key: Key::Other, depth: 0 })
            .deserialize(&mut parser)
            .is_ok()
        {
            return Some(fields);
        }
        let mut fields = Fields::default();
        let mut parser = serde_json::Deserializer::from_str(json);
        parser.deserialize_map(Shallow { fields: &mut fields }).is_ok().then_some(fields)
    }

    /// The text of the scalar under `key`, one of [`TOP_KEYS`]: a string's content or a number's digits.
    pub(crate) fn scalar(&self, key: &str) -> Option<&str> {
        let index = TOP_KEYS.iter().position(|top| *top == key)?;
        self.top[index].as_deref()
    }

    fn set_top(&mut self, key: Key, value: Option<Cow<'a, str>>) {
        if let Key::Top(index) | Key::TopAddress(index) = key {
            self.top[index] = value;
        }
    }

    fn note_text(&mut self, parent: Key, key: Key, text: Cow<'a, str>) {
        match key {
            // Slack writes `redacted`, nothing, and impossible addresses here: they stay in the record, and are no address.
            Key::Address | Key::TopAddress(_) if text.parse::<std::net::IpAddr>().is_ok() => {
                self.ip_addresses.push(text)
            }
            Key::Email if text.contains('@') => self.emails.push(text),
            Key::Username if !text.is_empty() => self.usernames.push(text),
            // Everything has a `name`; a user's is the one under `user`.
            Key::Name if parent == Key::User && !text.is_empty() => self.usernames.push(text),
            _ => {}
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    Top(usize),
    TopAddress(usize),
    Address,
    Email,
    Username,
    Name,
    User,
    Other,
}

impl Key {
    fn of(text: &str, depth: usize) -> Key {
        if depth == 1
            && let Some(index) = TOP_KEYS.iter().position(|top| *top == text)
        {
            return if text == "ip" { Key::TopAddress(index) } else { Key::Top(index) };
        }
        match text {
            "ip" | "ip_address" | "previous_ip_address" => Key::Address,
            "email" => Key::Email,
            "username" | "user_name" => Key::Username,
            "name" => Key::Name,
            "user" => Key::User,
            _ => Key::Other,
        }
    }
}

/// A value on the way through, with the key it stands under and the key above that.
struct Node<'f, 'a> {
    fields: &'f mut Fields<'a>,
    parent: Key,
    key: Key,
    depth: usize,
}

impl<'a> Node<'_, 'a> {
    fn take_text(self, text: Cow<'a, str>) {
        if let Key::Top(_) | Key::TopAddress(_) = self.key {
            self.fields.set_top(self.key, Some(text.clone()));
        }
        self.fields.note_text(self.parent, self.key, text);
    }

    fn take_number(self, digits: impl fmt::Display) {
        if let Key::Top(_) | Key::TopAddress(_) = self.key {
            self.fields.set_top(self.key, Some(Cow::Owned(digits.to_string())));
        }
    }
}

impl<'a> DeserializeSeed<'a> for Node<'_, 'a> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Node<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.depth + 1;
        while let Some(key) = map.next_key_seed(KeySeed { depth })? {
            map.next_value_seed(Node { fields: self.fields, parent: self.key, key, depth })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.depth + 1;
        while seq.next_element_seed(Node { fields: self.fields, parent: self.parent, key: self.key, depth })?.is_some()
        {
        }
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.take_text(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.take_text(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.take_number(number);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.take_number(number);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.take_number(number); // a whole number prints without a point
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.fields.set_top(self.key, None);
        Ok(())
    }
}

struct KeySeed {
    depth: usize,
}

impl<'a> DeserializeSeed<'a> for KeySeed {
    type Value = Key;
    fn deserialize<D: Deserializer<'a>>(self, parser: D) -> Result<Key, D::Error> {
        parser.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, text: &str) -> Result<Key, E> {
        Ok(Key::of(text, self.depth))
    }
}

/// The way through a record that cannot be decoded whole: top level only, other values skipped unread.
struct Shallow<'f, 'a> {
    fields: &'f mut Fields<'a>,
}

impl<'a> Visitor<'a> for Shallow<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed { depth: 1 })? {
            if let Key::Top(_) | Key::TopAddress(_) = key {
                let value: &'a RawValue = map.next_value()?;
                self.fields.set_top(key, shallow_scalar(value.get()));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

fn shallow_scalar(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first() {
        Some(b'"') => Some(
            serde_json::from_str::<String>(json).map_or_else(|_| Cow::Borrowed(json.trim_matches('"')), Cow::Owned),
        ),
        Some(b'-' | b'0'..=b'9') => Some(Cow::Borrowed(json)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_emails_and_user_names_are_found_anywhere_and_only_real_ones() {
        let json = r#"{"id":"1","actor":{"type":"user","user":{"id":"W1","name":"Ann \"A\"","email":"ann@example.com"}},
            "entity":{"type":"channel","channel":{"name":"general"}},"details":{"inviter":{"user":{"name":"Bob","email":"none"}}},
            "context":{"ip_address":"redacted","list":[{"ip":"2001:db8::1"}]},"ip":"203.0.113.7","username":""}"#;
        let fields = Fields::read(json).unwrap();
        assert_eq!(fields.usernames, ["Ann \"A\"", "Bob"]);
        assert_eq!(fields.emails, ["ann@example.com"]);
        assert_eq!(fields.ip_addresses, ["2001:db8::1", "203.0.113.7"]);
        assert_eq!(fields.scalar("ip"), Some("203.0.113.7"));
    }

    #[test]
    fn scalars_are_read_as_text_whatever_their_type_and_the_last_of_two_counts() {
        let fields = Fields::read(
            r#"{"id":1,"id":"b","date_create":1787670000,"date":"1787670001","date_last":1.5,"user_id":null}"#,
        )
        .unwrap();
        assert_eq!(fields.scalar("id"), Some("b"));
        assert_eq!(fields.scalar("date_create"), Some("1787670000"));
        assert_eq!(fields.scalar("date"), Some("1787670001"));
        assert_eq!(fields.scalar("date_last"), Some("1.5"));
        assert_eq!(fields.scalar("user_id"), None);
        assert_eq!(Fields::read(r#"{"user":{"id":"inner"}}"#).unwrap().scalar("id"), None);
    }

    #[test]
    fn a_record_that_cannot_be_decoded_whole_keeps_its_identity_and_time() {
        let surrogate = r#"{"id":"a","note":"\ud800","date_create":5}"#;
        let deep = format!(r#"{{"id":"a","deep":{}{},"date_create":5}}"#, "[".repeat(500), "]".repeat(500));
        let huge = r#"{"id":"a","number":1e999,"date_create":5}"#;
        for json in [surrogate, &deep, huge] {
            let fields = Fields::read(json).unwrap();
            assert_eq!((fields.scalar("id"), fields.scalar("date_create")), (Some("a"), Some("5")), "{json}");
        }
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for json in ["null", "[]", "\"text\"", "7"] {
            assert!(Fields::read(json).is_none(), "{json}");
        }
    }
}
