//! One row of a log, with the instant from which Slack shows it. The JSON text is what Slack serves, byte for byte.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

/// The three logs.
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
    /// The three logs.
    pub const ALL: [Log; 3] = [Log::Audit, Log::Access, Log::Integration];

    /// The path that serves it: see [`crate::Request::path`].
    pub fn path(self) -> &'static str {
        match self {
            Log::Audit => "logs",
            Log::Access => "team.accessLogs",
            Log::Integration => "team.integrationLogs",
        }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The log it belongs to.
    pub log: Log,
    /// The workspace of an access or integration row in an organization. `None`: the organization itself, or the only workspace.
    pub workspace: Option<String>,
    /// `date_create` (audit), `date_first` (access), `date` (integration). Slack compares whole seconds.
    pub time: Timestamp,
    /// `date_last` of an access row.
    pub date_last: Option<Timestamp>,
    /// From when on Slack shows the row.
    pub visible_at: Timestamp,
    /// Whether Slack serves a byte that is no UTF-8 in the place of each U+FFFD of the text.
    pub is_damaged: bool,
    /// The row as Slack serves it.
    pub json: Arc<str>,
}

impl Row {
    /// An audit row, visible at once.
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

    /// An access row, visible at once.
    pub fn access(date_first: Timestamp, date_last: Timestamp, json: impl Into<Arc<str>>) -> Row {
        Row { log: Log::Access, date_last: Some(date_last), ..Row::audit(date_first, json) }
    }

    /// An integration row, visible at once.
    pub fn integration(time: Timestamp, json: impl Into<Arc<str>>) -> Row {
        Row { log: Log::Integration, ..Row::audit(time, json) }
    }

    /// The smallest audit row that says all a collector needs.
    pub fn small_audit(time: Timestamp, id: &str) -> Row {
        let second = time.as_second();
        Row::audit(time, format!(r#"{{"id":"{id}","date_create":{second},"action":"user_login"}}"#))
    }

    /// The smallest complete access row.
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

    /// The smallest integration row that says which app changed.
    pub fn small_integration(time: Timestamp, app: &str) -> Row {
        let second = time.as_second();
        let json = format!(
            r#"{{"user_id":"U1","user_name":"ann","date":"{second}","change_type":"added","app_id":"{app}","app_type":"{app}"}}"#
        );
        Row::integration(time, json)
    }

    /// The same row in a workspace of an organization.
    pub fn in_workspace(mut self, workspace: &str) -> Row {
        self.workspace = Some(workspace.to_owned());
        self
    }

    /// The same row, shown from `instant` on.
    pub fn visible_from(mut self, instant: Timestamp) -> Row {
        self.visible_at = instant;
        self
    }

    /// The same row with bytes that are no UTF-8, where its text has U+FFFD.
    pub fn damaged(mut self) -> Row {
        self.is_damaged = true;
        self
    }

    /// Whether Slack shows the row at `now`.
    pub fn is_visible(&self, now: Timestamp) -> bool {
        self.visible_at <= now
    }

    /// A field of the row as text: a string's content, anything else as JSON. `None` if the row lacks it.
    pub fn field(&self, name: &str) -> Option<String> {
        match serde_json::from_str::<Value>(&self.json).ok()?.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// An audit row's `id`.
    pub fn id(&self) -> Option<String> {
        self.field("id")
    }

    /// What tells this row from every other of its log and never changes: an audit row's id; an access row's user, IP, user agent
    /// and first date; an integration row's whole text (equal rows are possible: count them).
    pub fn identity(&self) -> String {
        match self.log {
            Log::Audit => self.id().unwrap_or_default(),
            Log::Access => ["user_id", "ip", "user_agent", "date_first"]
                .map(|name| self.field(name).unwrap_or_else(|| "null".to_owned()))
                .join("\u{1f}"),
            Log::Integration => self.json.to_string(),
        }
    }

    /// The second that Slack compares.
    pub(crate) fn second(&self) -> i64 {
        self.time.as_second()
    }

    /// The second of the last access; the first one where there is no last.
    pub(crate) fn last_second(&self) -> i64 {
        self.date_last.unwrap_or(self.time).as_second()
    }

    /// Moves an access row on to `now`: `date_last` and `count` change in place, every other byte stays.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        let last = self.date_last.unwrap_or(self.time).max(now);
        self.date_last = Some(last);
        let json = replace_number(&self.json, "date_last", |_| last.as_second());
        self.json = replace_number(&json, "count", |count| count + 1).into();
    }
}

/// Replaces the number after `"name":`. The quoted name cannot occur inside a string, where its quotes would be escaped.
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
