//! Integration rows: apps and services that are added, changed or removed.

use jiff::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;

use super::directory::{Directory, id, pick};
use crate::Row;

const CHANGES: [&str; 6] = ["added", "removed", "enabled", "disabled", "updated", "expanded"];
const REASONS: [&str; 8] = ["user", "rate_limits", "slack", "errors", "system", "admin", "api_decline", "deauth"];
const APPS: [&str; 4] = ["Standup Bot", "Build Watcher", r"R\u00e9sum\u00e9 Reader", "Tickets \\/ Triage"];
const SCOPES: [&str; 3] = ["commands,chat:write", "channels:history,groups:history,users:read", "admin,files:read"];
const SERVICES: [&str; 3] = ["Google Calendar", "incoming-webhook", "Jenkins CI"];

/// Returns a row for one change in one workspace.
pub(super) fn row(rng: &mut StdRng, directory: &Directory, time: Timestamp) -> Row {
    let person = directory.person(rng);
    let change = pick(rng, &CHANGES);
    let mut json = format!(
        r#"{{"user_id":"{}","user_name":"{}","date":"{}","change_type":"{change}""#,
        person.id,
        person.name,
        time.as_second()
    );
    json.push_str(&subject(rng));
    if change == "disabled" {
        json.push_str(&format!(r#","reason":"{}""#, pick(rng, &REASONS)));
    }
    json.push('}');
    let row = Row::integration(time, json);
    match directory.organization {
        Some(_) => row.in_workspace(&directory.workspaces[person.workspace]),
        None => row,
    }
}

/// Returns the fields of the app, service or feed that changed.
fn subject(rng: &mut StdRng) -> String {
    let number = rng.random_range(0..20_u64);
    match rng.random_range(0..10) {
        0..6 => {
            let (app, scope) = (pick(rng, &APPS), pick(rng, &SCOPES));
            format!(r#","app_type":"{app}","app_id":"{}","scope":"{scope}""#, id("A", number))
        }
        6..8 => {
            format!(r#","service_id":{},"service_type":"{}""#, 1_234_567_890 + number, pick(rng, &SERVICES))
        }
        8 => {
            let (service, channel) = (pick(rng, &SERVICES), id("C", number));
            format!(r#","service_id":"{}","service_type":"{service}","channel":"{channel}""#, 1_234_567_890 + number)
        }
        _ => concat!(
            r#","service_id":"4455","service_type":"RSS","rss_feed":true,"rss_feed_change_type":"changed","#,
            r#""rss_feed_title":"Status","rss_feed_url":"https:\/\/status.example\/feed.rss""#
        )
        .to_owned(),
    }
}
