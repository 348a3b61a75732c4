//! Requests one page in tests, or walks a log to its end.

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_simulator::{Log, Request, Response, Row, Settings, World};

/// The number of pages after which a walk counts as endless.
const PAGES_MAX: usize = 1_000;
/// The start time of these tests, a Thursday in 2026.
const START: i64 = 1_780_000_000;

/// Returns the time this many seconds after the start.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::constant(START + seconds, 0)
}

/// Returns the time this many seconds after the start, in Slack's format.
pub(crate) fn epoch(seconds: i64) -> i64 {
    START + seconds
}

/// Creates an organization with one audit row per pair of second and ID.
pub(crate) fn audit_world(settings: Settings, rows: &[(i64, &str)]) -> World {
    let mut world = World::new(settings);
    for (second, id) in rows {
        world.add(Row::small_audit(at(*second), id));
    }
    world
}

/// Returns a request for a log with the organization's token.
pub(crate) fn asking(log: Log) -> Request {
    Request::for_log(log).bearer(ORGANIZATION_TOKEN)
}

/// Returns the response. Panics if the connection closes.
pub(crate) fn response(world: &mut World, now: i64, request: &Request) -> Response {
    world.answer(at(now), request).response().expect("a response")
}

pub(crate) fn json(world: &mut World, now: i64, request: &Request) -> Value {
    serde_json::from_slice(&response(world, now, request).body).expect("JSON")
}

/// Returns the status and the `error` of the response.
pub(crate) fn error(world: &mut World, now: i64, request: &Request) -> (u16, String) {
    let response = response(world, now, request);
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(body["ok"], false);
    (response.status, body["error"].as_str().expect("a code").to_owned())
}

pub(crate) fn error_code(world: &mut World, now: i64, request: &Request) -> String {
    error(world, now, request).1
}

/// Returns one field of every row of a page of any log.
pub(crate) fn column(page: &Value, field: &str) -> Vec<String> {
    let rows = ["entries", "logins", "logs"].iter().find_map(|key| page[key].as_array());
    let text = |row: &Value| match &row[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    rows.expect("rows").iter().map(text).collect()
}

/// Returns the cursor of the next page.
pub(crate) fn next(page: &Value) -> Option<String> {
    let cursor = page["response_metadata"]["next_cursor"].as_str()?;
    (!cursor.is_empty()).then(|| cursor.to_owned())
}

/// Walks all pages by cursor at one instant, and returns a field of each row per page.
pub(crate) fn walk(world: &mut World, now: i64, request: &Request, field: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let asked = match &cursor {
            Some(cursor) => request.clone().with("cursor", cursor),
            None => request.clone(),
        };
        let page = json(world, now, &asked);
        pages.push(column(&page, field));
        cursor = next(&page);
        if cursor.is_none() {
            return pages;
        }
    }
    panic!("the walk did not end after {PAGES_MAX} pages");
}
