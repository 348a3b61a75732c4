//! Sources, log types and streams.

mod log_type;
mod plan;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::sanitize::steers;
use crate::time::{CLOCK_SKEW_SECONDS, Second};

pub use log_type::LogType;
pub use plan::Plan;

/// The ID of a source: 1 to 64 lowercase letters, digits and `-`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceId(String);

impl SourceId {
    /// Returns the ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the prefix of all keys of the source, by which sources are ordered wherever they are stored. `acme-2/` sorts before `acme/`.
    pub fn sort_prefix(&self) -> String {
        format!("{}/", self.0)
    }
}

impl FromStr for SourceId {
    type Err = String;
    fn from_str(text: &str) -> Result<SourceId, String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=64).contains(&text.len()) && text.chars().all(plain) {
            Ok(SourceId(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a source ID: use 1 to 64 lowercase letters, digits and `-`"))
        }
    }
}

impl TryFrom<String> for SourceId {
    type Error = String;
    fn try_from(text: String) -> Result<SourceId, String> {
        text.parse()
    }
}

impl From<SourceId> for String {
    fn from(id: SourceId) -> String {
        id.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A connected Slack workspace or organization, without its credentials.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The ID in keys and commands.
    pub id: SourceId,
    /// The display name, which each record contains as `p_source_label`.
    pub label: String,
    /// The Slack plan.
    pub plan: Plan,
    /// The logs to collect, without duplicates.
    #[serde(deserialize_with = "distinct")]
    pub logs: Vec<LogType>,
    /// The start of the time range to collect.
    pub since: Second,
    /// Whether the token belongs to a whole organization, whose integration logs must be read per workspace.
    #[serde(default)]
    pub organization: bool,
    /// Whether the source is on GovSlack, which has its own hosts.
    #[serde(default)]
    pub gov: bool,
    /// Whether the source is paused.
    #[serde(default)]
    pub paused: bool,
    /// Whether the source is disconnected. It then has no credentials, and its cursors remain for a reconnect.
    #[serde(default)]
    pub disconnected: bool,
    /// The connected workspace or organization, once known. Another one must not be connected, because both would share the same day logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Tenant>,
    /// How long a stream may have no records before it is silent. `None` means forever. See [`LogType::expects_regular_traffic`].
    #[serde(default = "silent_after_default")]
    pub silent_after_seconds: Option<i64>,
    /// When the source was last connected. A stream with an error from before that is tried immediately.
    pub connected_at: Second,
}

/// A workspace or organization that a source is bound to.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// The ID: `T...` for a workspace, `E...` for an organization.
    pub id: String,
    /// The name when the source was connected.
    pub name: String,
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", shown_name(&self.name), shown_name(&self.id))
    }
}

/// Returns an external name as messages and pages may quote it: at most 80 characters, without control characters (see [`steers`]) and
/// backticks.
pub fn shown_name(name: &str) -> String {
    name.chars().filter(|c| *c != '`' && !steers(*c)).take(80).collect()
}

/// The default of [`Source::silent_after_seconds`]: one day.
pub const SILENT_AFTER_SECONDS: i64 = 86_400;

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn silent_after_default() -> Option<i64> {
    Some(SILENT_AFTER_SECONDS)
}

/// Reads logs without duplicates. Otherwise, a tick would collect the same stream several times, beyond Slack's rate limit.
fn distinct<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LogType>, D::Error> {
    let (mut logs, mut known) = (Vec::<LogType>::deserialize(deserializer)?, BTreeSet::new());
    logs.retain(|log| known.insert(*log));
    Ok(logs)
}

/// One log type of one source. A stream is collected with one cursor.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId {
    /// The source.
    pub source: SourceId,
    /// The log type.
    pub log: LogType,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.log)
    }
}

impl Source {
    /// Creates a source that is collected since `since`, with default settings.
    pub fn new(id: SourceId, label: impl Into<String>, plan: Plan, since: Second) -> Source {
        Source {
            id,
            label: label.into(),
            plan,
            logs: plan.logs().to_vec(),
            since,
            organization: false,
            gov: false,
            paused: false,
            disconnected: false,
            tenant: None,
            silent_after_seconds: Some(SILENT_AFTER_SECONDS),
            connected_at: since,
        }
    }

    /// Limits stored times to the present, allowing for clock skew. A time in the future would hide records and silence. A `connected_at` in the
    /// future becomes [`Second::EPOCH`].
    #[must_use]
    pub fn believed(self, now: Second) -> Source {
        let latest = now.plus(CLOCK_SKEW_SECONDS);
        let since = if self.since > latest { now } else { self.since };
        let connected_at = if self.connected_at > latest { Second::EPOCH } else { self.connected_at };
        Source { since, connected_at, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_name_cannot_control_surrounding_text() {
        assert_eq!(
            shown_name("Große <b>& Söhne</b> \u{1f469}\u{200d}\u{1f680}"),
            "Große <b>& Söhne</b> \u{1f469}\u{200d}\u{1f680}"
        );
        assert_eq!(shown_name("a\u{1b}[31mb\u{202e}c\u{2066}d\u{200f}e\n`f"), "a[31mbcdef");
        assert_eq!(shown_name(&"é".repeat(99)).chars().count(), 80);
        let tenant = Tenant { id: "T1\u{202e}`".to_owned(), name: "x`y".to_owned() };
        assert_eq!(tenant.to_string(), "`xy` (T1)");
    }

    #[test]
    fn source_id_is_lower_case_letters_digits_and_dashes() {
        for right in ["acme", "a", "acme-2", &"x".repeat(64)] {
            assert!(right.parse::<SourceId>().is_ok(), "{right}");
        }
        for wrong in ["", "Acme", "a/b", "a b", "ä", "a.b", &"x".repeat(65)] {
            assert!(wrong.parse::<SourceId>().unwrap_err().contains("lowercase"), "{wrong}");
        }
    }

    #[test]
    fn future_times_are_trusted_only_within_clock_skew() {
        let now = Second::MARCH_2018;
        let believed = |ahead: i64| {
            let time = now.plus(ahead);
            let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, time).believed(now);
            (source.since, source.connected_at)
        };
        for ahead in [-1, 0, CLOCK_SKEW_SECONDS] {
            assert_eq!(believed(ahead), (now.plus(ahead), now.plus(ahead)), "{ahead}");
        }
        assert_eq!(believed(CLOCK_SKEW_SECONDS + 1), (now, Second::EPOCH));
    }

    #[test]
    fn stream_name_is_source_and_log_and_silent_after_defaults_to_one_day() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::EPOCH);
        let stream = StreamId { source: source.id.clone(), log: "audit".parse().unwrap() };
        assert_eq!((stream.to_string().as_str(), source.id.as_str()), ("acme/audit", "acme"));
        assert!("audits".parse::<LogType>().is_err());
        let mut stored = serde_json::to_value(&source).unwrap();
        stored.as_object_mut().unwrap().remove("silent_after_seconds");
        assert_eq!(serde_json::from_value::<Source>(stored).unwrap().silent_after_seconds, Some(86_400));
    }
}
