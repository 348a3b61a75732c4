//! Rows of the logs. Each row contains the JSON that Slack returns, byte for byte, and the time from which Slack returns it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

/// The log types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Log {
    /// The Audit Logs API.
    Audit,
    /// `team.accessLogs`.
    Access,
    /// `team.integrationLogs`.
    Integration,
}

impl Log {
    /// All log types.
    pub const ALL: [Log; 3] = [Log::Audit, Log::Access, Log::Integration];

    /// Returns the short name: `audit`, `access` or `integration`.
    pub fn name(self) -> &'static str {
        match self {
            Log::Audit => "audit",
            Log::Access => "access",
            Log::Integration => "integration",
        }
    }

    /// Returns the path of the log (see [`crate::Request::path`]).
    pub fn path(self) -> &'static str {
        match self {
            Log::Audit => "logs",
            Log::Access => "team.accessLogs",
            Log::Integration => "team.integrationLogs",
        }
    }

    /// Returns the text that identifies a row in its log and never changes:
    ///
    /// - audit: the `id`
    /// - access: the user, IP address, user agent and first date
    /// - integration: the whole content, although equal rows can exist
    pub fn identity(self, row: &Value) -> String {
        match self {
            Log::Audit => text(&row["id"]),
            Log::Access => ["user_id", "ip", "user_agent", "date_first"].map(|name| text(&row[name])).join("\u{1f}"),
            Log::Integration => row.to_string(),
        }
    }
}

/// Returns the content of a string, or the JSON of any other value.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A row of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The log that contains the row.
    pub log: Log,
    /// The workspace of an access or integration row in an organization. `None` for the organization itself, or for a standalone workspace.
    pub workspace: Option<String>,
    /// `date_create` (audit), `date_first` (access) or `date` (integration). Slack compares whole seconds.
    pub time: Timestamp,
    /// `date_last` of an access row.
    pub date_last: Option<Timestamp>,
    /// The time from which Slack returns the row.
    pub visible_at: Timestamp,
    /// Whether Slack returns a byte that is invalid UTF-8 instead of each U+FFFD in the text.
    pub is_damaged: bool,
    /// The row as Slack returns it.
    pub json: Arc<str>,
}

impl Row {
    /// Creates an audit row that is visible immediately.
    pub fn audit(time: Timestamp, json: impl Into<Arc<str>>) -> Row {
        Row {
            log: Log::Audit,
            workspace: None,
            time,
            date_last: None,
            visible_at: time,
            is_damaged: false,
            json: json.into(),
        }
    }

    /// Creates an access row that is visible immediately.
    pub fn access(date_first: Timestamp, date_last: Timestamp, json: impl Into<Arc<str>>) -> Row {
        Row { log: Log::Access, date_last: Some(date_last), ..Row::audit(date_first, json) }
    }

    /// Creates an integration row that is visible immediately.
    pub fn integration(time: Timestamp, json: impl Into<Arc<str>>) -> Row {
        Row { log: Log::Integration, ..Row::audit(time, json) }
    }

    /// Creates an audit row with the minimum fields that a collector needs.
    pub fn small_audit(time: Timestamp, id: &str) -> Row {
        let second = time.as_second();
        Row::audit(time, format!(r#"{{"id":"{id}","date_create":{second},"action":"user_login"}}"#))
    }

    /// Creates a minimal complete access row.
    pub fn small_access(date_first: Timestamp, date_last: Timestamp, user: &str, ip: &str, agent: &str) -> Row {
        let (first, last) = (date_first.as_second(), date_last.as_second());
        let json = format!(
            concat!(
                r#"{{"user_id":"{user}","username":"{user}","date_first":{first},"date_last":{last},"count":1,"#,
                r#""ip":"{ip}","user_agent":"{agent}","isp":null,"country":null,"region":null}}"#
            ),
            user = user,
            first = first,
            last = last,
            ip = ip,
            agent = agent
        );
        Row::access(date_first, date_last, json)
    }

    /// Creates a minimal integration row for a change of `app`.
    pub fn small_integration(time: Timestamp, app: &str) -> Row {
        let second = time.as_second();
        let json = format!(
            r#"{{"user_id":"U1","user_name":"ann","date":"{second}","change_type":"added","app_id":"{app}","app_type":"{app}"}}"#
        );
        Row::integration(time, json)
    }

    /// Sets the workspace of the organization.
    pub fn in_workspace(mut self, workspace: &str) -> Row {
        self.workspace = Some(workspace.to_owned());
        self
    }

    /// Sets the time from which Slack returns the row.
    pub fn visible_from(mut self, instant: Timestamp) -> Row {
        self.visible_at = instant;
        self
    }

    /// Makes Slack return a byte that is invalid UTF-8 instead of each U+FFFD in the text.
    pub fn damaged(mut self) -> Row {
        self.is_damaged = true;
        self
    }

    /// Returns `true` if Slack returns the row at `now`.
    pub fn is_visible(&self, now: Timestamp) -> bool {
        self.visible_at <= now
    }

    /// Returns a field as text: the content of a string, or the JSON of any other value. Returns `None` if the field is missing.
    pub fn field(&self, name: &str) -> Option<String> {
        serde_json::from_str::<Value>(&self.json).ok()?.get(name).map(text)
    }

    /// Returns the `id` of an audit row.
    pub fn id(&self) -> Option<String> {
        self.field("id")
    }

    /// Returns the text that identifies this row (see [`Log::identity`]).
    pub fn identity(&self) -> String {
        self.log.identity(&serde_json::from_str(&self.json).unwrap_or_default())
    }

    /// Returns the row's time in seconds, as Slack compares it.
    pub(crate) fn second(&self) -> i64 {
        self.time.as_second()
    }

    /// Returns the time of the last access in seconds, or the row's time if the row has no `date_last`.
    pub(crate) fn last_second(&self) -> i64 {
        self.date_last.unwrap_or(self.time).as_second()
    }

    /// Updates `date_last` and `count` of an access row for an access at `now`. All other bytes stay the same.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        let last = self.date_last.unwrap_or(self.time).max(now);
        self.date_last = Some(last);
        let json = replace_number(&self.json, "date_last", |_| last.as_second());
        self.json = replace_number(&json, "count", |count| count + 1).into();
    }
}

/// Replaces the number after `"name":`. The quoted name cannot occur inside a string, because its quotes would be escaped there.
fn replace_number(json: &str, name: &str, change: impl Fn(i64) -> i64) -> String {
    let key = format!("\"{name}\":");
    let Some(found) = json.find(&key) else {
        return json.to_owned();
    };
    let start = found + key.len();
    let length = json[start..].bytes().take_while(u8::is_ascii_digit).count();
    let number = json[start..start + length].parse().unwrap_or(0);
    format!("{}{}{}", &json[..start], change(number), &json[start + length..])
}
