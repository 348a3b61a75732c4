//! Audit records. Most are plain. Some have an oddity that breaks strict parsers.

use std::fmt::Write as _;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::directory::{BROWSERS, Directory, Person, address, pick};
use super::{details, entity};

/// Returns a record as JSON text. It is not built as a JSON value, because it may contain duplicate keys and specific escapes.
pub(super) fn record(rng: &mut StdRng, directory: &Directory, time: Timestamp) -> String {
    let person = directory.person(rng);
    let (action, entity, details) = event(rng, directory, person, time);
    let mut json = String::with_capacity(1_024);
    let second = time.as_second();
    let _ = write!(json, r#"{{"id":"{}","date_create":{second},"action":"{action}","actor":"#, uuid(rng));
    if rng.random_ratio(1, 50) {
        json.push_str(&entity::app(rng, directory));
    } else {
        json.push_str(&entity::user(person, directory, rng));
    }
    // Slack rarely returns records without an entity, but it does.
    if !rng.random_ratio(1, 100) {
        let _ = write!(json, r#","entity":{entity}"#);
    }
    let _ = write!(json, r#","context":{}"#, context(rng, directory, person));
    if !details.is_empty() {
        let _ = write!(json, r#","details":{details}"#);
    }
    if rng.random_ratio(1, 40) {
        json.push_str(r#","new_attribute":{"since":"2026-09","values":[1,2.50,1e3,null,true]}"#);
    }
    json.push('}');
    json
}

/// Returns an action, its entity and its details. Empty details mean that the record has none.
fn event(rng: &mut StdRng, directory: &Directory, person: &Person, time: Timestamp) -> (&'static str, String, String) {
    let other = directory.person(rng);
    match rng.random_range(0..100) {
        0..24 => {
            let action = pick(rng, &["user_login", "user_login", "user_logout", "user_login_failed"]);
            (
                action,
                entity::user(person, directory, rng),
                r#"{"type":"web","is_sso":true,"is_two_factor":true}"#.to_owned(),
            )
        }
        24..46 => {
            (pick(rng, &["file_downloaded", "file_uploaded", "file_shared"]), entity::file(rng), details::shared(rng))
        }
        46..64 => {
            let action = pick(rng, &["user_channel_join", "user_channel_leave"]);
            (
                action,
                entity::channel(rng, directory),
                format!(r#"{{"inviter":{}}}"#, entity::user(other, directory, rng)),
            )
        }
        64..72 => {
            let action = pick(rng, &["public_channel_created", "private_channel_created", "public_channel_archive"]);
            (action, entity::channel(rng, directory), String::new())
        }
        72..82 => {
            let action = pick(rng, &["app_installed", "app_scopes_expanded", "app_approved", "app_uninstalled"]);
            (action, entity::app(rng, directory), details::installed(rng))
        }
        82..88 => ("role_assigned", entity::user(other, directory, rng), details::changed(rng)),
        88..92 => {
            let action = pick(rng, &["pref.two_factor_auth_changed", "pref.retention_changed"]);
            (action, entity::workspace(directory, person), details::changed(rng))
        }
        92..95 => ("manual_export_started", entity::workspace(directory, person), details::export(rng)),
        95..98 => ("anomaly", entity::user(person, directory, rng), details::anomaly(rng, time)),
        98 => ("huddle_started", entity::huddle(rng, person, time), String::new()),
        _ => ("message_tombstoned", entity::message(rng, directory, time), String::new()),
    }
}

fn context(rng: &mut StdRng, directory: &Directory, person: &Person) -> String {
    let location = match (&directory.organization, rng.random_ratio(1, 3)) {
        (Some(id), true) => {
            format!(r#"{{"type":"enterprise","id":"{id}","name":"Acme","domain":"acme"}}"#)
        }
        _ => {
            let id = &directory.workspaces[person.workspace];
            format!(r#"{{"type":"workspace","id":"{id}","name":"Acme {id}","domain":"acme-{}"}}"#, id.to_lowercase())
        }
    };
    let ip = match rng.random_range(0..100) {
        0..4 => String::new(),
        4..7 => "redacted".to_owned(),
        7..9 => "1.23.45.678".to_owned(),
        _ => address(person, rng),
    };
    let session = match rng.random_range(0..10) {
        0..2 => "null".to_owned(),
        2..5 => format!(r#""{}""#, rng.random_range(100_000_000_000_u64..999_999_999_999)),
        _ => rng.random_range(10_000_000_000_000_u64..20_000_000_000_000).to_string(),
    };
    let agent = if rng.random_ratio(1, 25) { "" } else { pick(rng, &BROWSERS) };
    let extra = match rng.random_range(0..30) {
        0 => r#","app":null"#,
        1 => concat!(
            r#","acting_agent":"slackbot_ai","agent_message":"#,
            r#"{"channel_id":"D0AGENT","message_ts":"1787670000.000100","thread_ts":"1787669999.000200"}"#
        ),
        _ => "",
    };
    format!(r#"{{"location":{location},"ua":"{agent}","ip_address":"{ip}","session_id":{session}{extra}}}"#)
}

fn uuid(rng: &mut StdRng) -> String {
    let (high, low) = (rng.next_u64(), rng.next_u64());
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
