//! The users of the organization, their addresses and their devices. Every text is already escaped for a JSON string.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use crate::tenant::Tenant;

/// All users and workspaces.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    pub(super) people: Vec<Person>,
    /// The IDs of the workspaces. Contains at least one.
    pub(super) workspaces: Vec<String>,
    /// The ID of the organization. `None` for a standalone workspace.
    pub(super) organization: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
    /// An index into [`Directory::workspaces`].
    pub(super) workspace: usize,
    /// The home IP address.
    pub(super) home: String,
}

impl Directory {
    pub(super) fn new(tenant: &Tenant, people: usize, rng: &mut StdRng) -> Directory {
        let mut workspaces: Vec<String> = tenant.workspaces().iter().map(|workspace| workspace.id.clone()).collect();
        if workspaces.is_empty() {
            workspaces.push("T0".to_owned());
        }
        let organization = tenant.as_organization().map(|(id, _)| id.to_owned());
        let people = (0..people).map(|number| Person::new(number, workspaces.len(), rng)).collect();
        Directory { people, workspaces, organization }
    }

    pub(super) fn person(&self, rng: &mut StdRng) -> &Person {
        &self.people[rng.random_range(0..self.people.len())]
    }

    /// Returns the ID of the organization, or of the standalone workspace.
    pub(super) fn team(&self) -> &str {
        self.organization.as_deref().unwrap_or(&self.workspaces[0])
    }
}

impl Person {
    fn new(number: usize, workspaces: usize, rng: &mut StdRng) -> Person {
        let (first, last) = (pick(rng, &FIRST_NAMES), pick(rng, &LAST_NAMES));
        Person {
            id: id("W", number as u64),
            name: format!("{first} {last}"),
            email: format!("person{number}@acme.example"),
            workspace: number % workspaces,
            home: format!("203.0.113.{}", rng.random_range(1..255)),
        }
    }
}

/// Returns an ID in Slack's format: a letter, then nine uppercase letters or digits. It is unique per number below 2^32.
pub(super) fn id(letter: &str, number: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const SPACE: u64 = 36_u64.pow(9);
    // The factor is divisible by neither 2 nor 3, so it is coprime to 36^9. Different numbers below 2^32 therefore have different IDs.
    let mut rest = number.wrapping_add(1_000_003).wrapping_mul(3_000_000_019) % SPACE;
    let mut text = letter.to_owned();
    for _ in 0..9 {
        text.push(char::from(DIGITS[usize::try_from(rest % 36).unwrap_or(0)]));
        rest /= 36;
    }
    text
}

pub(super) fn new_id(letter: &str, rng: &mut StdRng) -> String {
    id(letter, u64::from(rng.next_u32()))
}

pub(super) fn pick<'a>(rng: &mut StdRng, choices: &[&'a str]) -> &'a str {
    choices.choose(rng).copied().unwrap_or_default()
}

/// Returns an IP address of the user: at home, in the office, or elsewhere.
pub(super) fn address(person: &Person, rng: &mut StdRng) -> String {
    match rng.random_range(0..10) {
        0..5 => person.home.clone(),
        5..8 => "198.51.100.7".to_owned(),
        8 => format!("10.{}.{}.{}", rng.random_range(0..256), rng.random_range(0..256), rng.random_range(1..255)),
        _ => format!("2001:db8:{:x}::{:x}", rng.random_range(1..0xffff), rng.random_range(1..0xffff)),
    }
}

pub(super) const BROWSERS: [&str; 5] = [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.45.69 Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15 Sonic Slack_SSB/4.45.69",
    "com.tinyspeck.chatlyio/25.08.30 (iPhone; iOS 18.6; Scale/3.00)",
];
/// Plain names, names with a raw and an escaped accent, and a name with a quotation mark.
const FIRST_NAMES: [&str; 12] =
    ["Ann", "Bo", "Chris", "Dana", "Eli", "Fay", r"Jos\u00e9", "Zoë", "Gus", "Hana", "Ivo", r#"Kim \"K\""#];
/// The last name ends with a line separator (U+2028), which is valid inside a JSON string.
const LAST_NAMES: [&str; 10] =
    ["Archer", "Brook", "Cole", "Dale", "Ember", "Ford", "Gale", "O'Hara", "Müller", "Ito\u{2028}"];
