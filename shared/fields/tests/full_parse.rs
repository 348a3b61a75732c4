//! Extracts the same fields from a full parse of the record. For random rows, both results must be equal.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

use std::fmt;
use std::net::IpAddr;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use slacktrail_fields::{Fields, Indicator, Kind, TOP_KEYS};

/// Keys of random rows. The last two are `id` and `email`, written with escapes.
const KEYS: [&str; 27] = [
    "id",
    "inviter",
    "date_create",
    "user_id",
    "ip",
    "user_agent",
    "date_first",
    "date_last",
    "date",
    "ip_address",
    "previous_ip_address",
    "email",
    "username",
    "user_name",
    "name",
    "user",
    "actor",
    "target_user",
    "external_user_email",
    "emails",
    "invited_emails",
    "new_value",
    "previous_value",
    "",
    "a\\\"}b",
    "\\u0069d",
    "em\\u0061il",
];
const SCALARS: [&str; 27] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "-0",
    "1795332821",
    "18446744073709551615",
    "1.5",
    "5.0",
    "-2E+3",
    "1e2",
    "\"\"",
    "\"x\"",
    "\"1795332821\"",
    "\"10.0.0.1\"",
    "\"2001:db8::1\"",
    "\"10.0.0.256\"",
    "\"a@b.example\"",
    "\"\\u0061@\\\\\"",
    "\"{\\\"id\\\":[\"",
    "\"\u{fc}\u{2028}\u{1f600}\"",
    "\"\\ud83d\\ude00 eight and more bytes\"",
    "\"1\\u0030.0.0.1\"",
    "\"<mailto:c@d.example|C>, e.f@g-h.example. @x i@j.1\"",
    "\"k@l.example\\nm@n..example \\u006f@p.example\"",
    "\"{\\\"q\\\":\\\"'r@s.example'\\\"}\"",
];
const PERSONS: [&str; 4] = ["user", "inviter", "kicker", "target_user"];
const SPACES: [&str; 4] = ["", "", " ", "\n\t\r "];

enum Tree {
    Text(String),
    Number(String),
    Null,
    Bool,
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

struct AnyTree;

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(parser: D) -> Result<Tree, D::Error> {
        parser.deserialize_any(AnyTree)
    }
}

impl<'de> Visitor<'de> for AnyTree {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Bool)
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Number(number.to_string()))
    }
    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Tree::Array(elements))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Found {
    top: [Option<String>; 8],
    indicators: Vec<(Kind, String)>,
}

impl Found {
    /// `path` contains the keys above `tree` and its own.
    fn find(&mut self, tree: &Tree, path: &[&str], top: Option<usize>) {
        let [.., parent, key] = path else { unreachable!("the root has two") };
        match tree {
            Tree::Object(members) => {
                members.iter().for_each(|(name, value)| self.find(value, &[path, &[name.as_str()]].concat(), None));
            }
            Tree::Array(elements) => elements.iter().for_each(|element| self.find(element, path, top)),
            Tree::Bool => {}
            Tree::Null => self.set(top, None),
            Tree::Number(digits) => self.set(top, Some(digits)),
            Tree::Text(text) => {
                self.set(top, Some(text));
                let kind = match *key {
                    "ip" | "ip_address" | "previous_ip_address" => {
                        text.parse::<IpAddr>().is_ok().then_some(Kind::IpAddress)
                    }
                    "email" | "emails" => text.contains('@').then_some(Kind::Email),
                    mail if mail.ends_with("_email") || mail.ends_with("_emails") => {
                        text.contains('@').then_some(Kind::Email)
                    }
                    "username" | "user_name" => (!text.is_empty()).then_some(Kind::Username),
                    "name" => (PERSONS.contains(parent) && !text.is_empty()).then_some(Kind::Username),
                    _ => None,
                };
                let is_setting = path.iter().any(|key| ["new_value", "previous_value"].contains(key));
                if kind.is_none() && top.is_none() && (is_setting || PERSONS.contains(key)) {
                    self.indicators.extend(addresses(text).into_iter().map(|address| (Kind::Email, address)));
                }
                self.indicators.extend(kind.map(|kind| (kind, text.clone())));
            }
        }
    }

    fn set(&mut self, top: Option<usize>, text: Option<&String>) {
        if let Some(top) = top {
            self.top[top] = text.cloned();
        }
    }

    /// Returns the fields from the tree of `json`.
    fn in_tree(json: &str) -> Found {
        let mut found = Found::default();
        let Tree::Object(members) = serde_json::from_str(json).unwrap() else { return found };
        for (key, value) in &members {
            found.find(value, &["", key.as_str()], TOP_KEYS.iter().position(|top| top == key));
        }
        found.indicators.sort();
        found.indicators.dedup();
        found
    }

    /// Returns the fields from [`Fields::of_json`].
    fn in_fields(json: &str) -> Found {
        let fields = Fields::of_json(json).unwrap();
        let own = |Indicator { kind, text }: &Indicator<'_>| (*kind, text.clone().into_owned());
        Found {
            top: TOP_KEYS.map(|key| fields.scalar(key).map(str::to_owned)),
            indicators: fields.indicators.iter().map(own).collect(),
        }
    }
}

/// Returns the addresses in a text by extending each `@` to both sides as far as an address may reach.
fn addresses(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let is_part = |c: &&char| c.is_alphanumeric() || "@.'-+_!#$%*^~".contains(**c);
    let signs = (0..chars.len()).filter(|&at| chars[at] == '@');
    let found = signs.filter_map(|at| {
        let before: String = chars[..at].iter().rev().take_while(is_part).collect();
        let after: String = chars[at + 1..].iter().take_while(is_part).collect();
        let local: String = before.trim_end_matches(['.', '\'']).chars().rev().collect();
        let domain = after.trim_end_matches(['.', '\'']);
        let labels: Vec<&str> = domain.split('.').collect();
        let is_whole = !format!("{local}{domain}").contains('@') && !local.is_empty() && !labels.contains(&"");
        let is_name = labels.len() > 1 && labels.last().is_some_and(|last| last.chars().any(char::is_alphabetic));
        (is_whole && is_name).then(|| format!("{local}@{domain}"))
    });
    found.collect()
}

/// A deterministic sequence of pseudorandom numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn write_object(&mut self, depth: usize, out: &mut String) {
        out.push('{');
        for member in 0..self.below(6) {
            out.push_str(if member > 0 { "," } else { "" });
            let parts = [self.of(&SPACES), "\"", self.of(&KEYS), "\"", self.of(&SPACES), ":"];
            out.push_str(&parts.concat());
            self.write_value(depth, out);
        }
        out.push_str(self.of(&SPACES));
        out.push('}');
    }

    fn write_value(&mut self, depth: usize, out: &mut String) {
        out.push_str(self.of(&SPACES));
        match self.below(6) {
            0 | 1 if depth < 5 => self.write_object(depth + 1, out),
            2 if depth < 5 => {
                out.push('[');
                for element in 0..self.below(4) {
                    out.push_str(if element > 0 { "," } else { "" });
                    self.write_value(depth + 1, out);
                }
                out.push(']');
            }
            _ => out.push_str(self.of(&SCALARS)),
        }
        out.push_str(self.of(&SPACES));
    }
}

#[test]
fn fields_of_random_rows_match_full_parse() {
    let mut dice = Dice(1);
    let mut indicators = 0;
    for _ in 0..50_000 {
        let mut json = String::new();
        dice.write_object(0, &mut json);
        let found = Found::in_fields(&json);
        assert_eq!(found, Found::in_tree(&json), "{json}");
        indicators += found.indicators.len();
    }
    assert!(indicators > 10_000, "{indicators} indicators are too few to show anything");
}
