//! Sources, log types and streams: what there is to collect.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::sanitize::steers;
use crate::time::{CLOCK_SKEW_SECONDS, Second};

/// One of the three logs that Slack keeps.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogType {
    /// The Audit Logs API of an Enterprise organization.
    Audit,
    /// `team.accessLogs`: who used Slack from which address and device.
    Access,
    /// `team.integrationLogs`: apps and integrations added, changed, removed.
    Integration,
}

impl LogType {
    /// All log types, in the order of every listing.
    pub const ALL: [LogType; 3] = [LogType::Audit, LogType::Access, LogType::Integration];

    /// The word for it in keys, tables and commands.
    pub fn name(self) -> &'static str {
        match self {
            LogType::Audit => "audit",
            LogType::Access => "access",
            LogType::Integration => "integration",
        }
    }

    /// The value of `p_log_type`: the name that the Panther SIEM made customary.
    pub fn panther_log_type(self) -> &'static str {
        match self {
            LogType::Audit => "Slack.AuditLogs",
            LogType::Access => "Slack.AccessLogs",
            LogType::Integration => "Slack.IntegrationLogs",
        }
    }

    /// Whether people at work keep it going, so that its silence says something. Apps come and go weeks apart.
    pub fn expects_regular_traffic(self) -> bool {
        match self {
            LogType::Audit | LogType::Access => true,
            LogType::Integration => false,
        }
    }

    /// Calls to Slack that one tick may make for a stream: half of what Slack allows a minute (audit 50, which all apps of
    /// an organization share; the other two 20), so that another app's calls still find room.
    pub fn calls_per_tick_max(self) -> u32 {
        match self {
            LogType::Audit => 25,
            LogType::Access | LogType::Integration => 10,
        }
    }
}

impl fmt::Display for LogType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LogType {
    type Err = String;
    fn from_str(text: &str) -> Result<LogType, String> {
        LogType::ALL
            .into_iter()
            .find(|log| log.name() == text)
            .ok_or_else(|| format!("`{text}` is not a log type: it is one of audit, access, integration"))
    }
}

/// A source's name: 1 to 64 lower case letters, digits and `-`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceId(String);

impl SourceId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What sources are ordered by wherever they are stored: the text that all keys of one begin with. `acme-2/` comes before `acme/`.
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
            Err(format!("`{text}` is not a source id: use 1 to 64 lower case letters, digits and `-`"))
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

/// The Slack plan that a source is on, which decides the logs that it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Enterprise: all three logs.
    Enterprise,
    /// Business+: access and integration logs.
    Business,
    /// Pro: access and integration logs.
    Pro,
}

impl Plan {
    /// The logs that the plan allows.
    pub fn logs(self) -> &'static [LogType] {
        match self {
            Plan::Enterprise => &LogType::ALL,
            Plan::Business | Plan::Pro => &[LogType::Access, LogType::Integration],
        }
    }
}

/// One Slack installation: everything about it but its secret.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its name in keys and commands.
    pub id: SourceId,
    /// Its name for people, stored with each record as `p_source_label`.
    pub label: String,
    /// The plan it is on.
    pub plan: Plan,
    /// The logs to collect, each once.
    pub logs: Vec<LogType>,
    /// The time from which records are wanted.
    pub since: Second,
    /// Whether the token belongs to a whole organization: then integration logs are read once for each workspace.
    #[serde(default)]
    pub organization: bool,
    /// Whether it lives on GovSlack, which has hosts of its own.
    #[serde(default)]
    pub gov: bool,
    /// Whether somebody has paused it.
    #[serde(default)]
    pub paused: bool,
    /// Whether it was disconnected: it has no credentials, and its cursors wait for it to be connected again.
    #[serde(default)]
    pub disconnected: bool,
    /// The Slack that it is, once that is known. Connecting it again with another Slack is refused: the records of two would lie in
    /// one day log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Tenant>,
    /// Seconds without a record after which a stream is silent; `None`: never. See [`LogType::expects_regular_traffic`].
    #[serde(default = "silent_after_default")]
    pub silent_after_seconds: Option<i64>,
    /// When it was last connected: a stream that was refused before this is tried again at once.
    pub connected_at: Second,
}

/// The Slack that a source is: a workspace, or a whole organization.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// `T...`, or `E...` of an organization.
    pub id: String,
    /// Its name, as it was when the source was connected.
    pub name: String,
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", shown_name(&self.name), shown_name(&self.id))
    }
}

/// A name from outside as a sentence and a page may quote it: at most 80 characters, without those that [steer](steers) and without
/// the one that would end the quotation.
pub fn shown_name(name: &str) -> String {
    name.chars().filter(|c| *c != '`' && !steers(*c)).take(80).collect()
}

/// Without a record for a day somebody should look.
pub const SILENT_AFTER_SECONDS: i64 = 86_400;

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn silent_after_default() -> Option<i64> {
    Some(SILENT_AFTER_SECONDS)
}

/// One source's log type: the unit of collection, with one cursor.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId {
    /// Whose log.
    pub source: SourceId,
    /// Which log.
    pub log: LogType,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.log)
    }
}

impl Source {
    /// A source that is collected from `since` on, with all else as it is by default.
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

    /// The same without times of the future, beyond what clocks may differ: they would hide records and silence. A `connected_at` that is not
    /// believed is [`Second::EPOCH`].
    #[must_use]
    pub fn believed(self, now: Second) -> Source {
        let latest = now.plus(CLOCK_SKEW_SECONDS);
        let since = if self.since > latest { now } else { self.since };
        let connected_at = if self.connected_at > latest { Second::EPOCH } else { self.connected_at };
        Source { since, connected_at, ..self }
    }

    /// Whether it is collected at all.
    pub fn is_active(&self) -> bool {
        !self.paused && !self.disconnected
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
            assert!(wrong.parse::<SourceId>().unwrap_err().contains("lower case"), "{wrong}");
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

    #[test]
    fn tick_may_use_half_of_slack_rate_limit() {
        assert_eq!(LogType::ALL.map(LogType::calls_per_tick_max), [25, 10, 10]);
    }
}
