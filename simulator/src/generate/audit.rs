//! Audit records as an organization leaves them: mostly plain, now and then with one of the oddities that break strict readers.

use std::fmt::Write as _;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::directory::{BROWSERS, Directory, Person, address, pick};
use super::{details, entity};

/// One record as JSON text. It is written as text, not built as a value, because duplicate keys and escapes are part of it.
pub(super) fn record(dice: &mut StdRng, directory: &Directory, time: Timestamp) -> String {
    let person = directory.person(dice);
    let (action, entity, details) = act(dice, directory, person, time);
    let mut json = String::with_capacity(1_024);
    let second = time.as_second();
    let _ = write!(json, r#"{{"id":"{}","date_create":{second},"action":"{action}","actor":"#, uuid(dice));
    if dice.random_ratio(1, 50) {
        json.push_str(&entity::app(dice, directory));
    } else {
        json.push_str(&entity::user(person, directory, dice));
    }
    // A record without an entity is rare, but exists.
    if !dice.random_ratio(1, 100) {
        let _ = write!(json, r#","entity":{entity}"#);
    }
    let _ = write!(json, r#","context":{}"#, context(dice, directory, person));
    if !details.is_empty() {
        let _ = write!(json, r#","details":{details}"#);
    }
    if dice.random_ratio(1, 40) {
        json.push_str(r#","new_attribute":{"since":"2026-09","values":[1,2.50,1e3,null,true]}"#);
    }
    json.push('}');
    json
}

/// An action with its entity and details; no details is an empty text.
fn act(dice: &mut StdRng, directory: &Directory, person: &Person, time: Timestamp) -> (&'static str, String, String) {
    let other = directory.person(dice);
    match dice.random_range(0..100) {
        0..24 => {
            let action = pick(dice, &["user_login", "user_login", "user_logout", "user_login_failed"]);
            (
                action,
                entity::user(person, directory, dice),
                r#"{"type":"web","is_sso":true,"is_two_factor":true}"#.to_owned(),
            )
        }
        24..46 => (
            pick(dice, &["file_downloaded", "file_uploaded", "file_shared"]),
            entity::file(dice),
            details::shared(dice),
        ),
        46..64 => {
            let action = pick(dice, &["user_channel_join", "user_channel_leave"]);
            (
                action,
                entity::channel(dice, directory),
                format!(r#"{{"inviter":{}}}"#, entity::user(other, directory, dice)),
            )
        }
        64..72 => {
            let action = pick(dice, &["public_channel_created", "private_channel_created", "public_channel_archive"]);
            (action, entity::channel(dice, directory), String::new())
        }
        72..82 => {
            let action = pick(dice, &["app_installed", "app_scopes_expanded", "app_approved", "app_uninstalled"]);
            (action, entity::app(dice, directory), details::installed(dice))
        }
        82..88 => ("role_assigned", entity::user(other, directory, dice), details::changed(dice)),
        88..92 => {
            let action = pick(dice, &["pref.two_factor_auth_changed", "pref.retention_changed"]);
            (action, entity::place(directory, person), details::changed(dice))
        }
        92..95 => ("manual_export_started", entity::place(directory, person), details::export(dice)),
        95..98 => ("anomaly", entity::user(person, directory, dice), details::anomaly(dice, time)),
        98 => ("huddle_started", entity::huddle(dice, person, time), String::new()),
        _ => ("message_tombstoned", entity::message(dice, directory, time), String::new()),
    }
}

fn context(dice: &mut StdRng, directory: &Directory, person: &Person) -> String {
    let location = match (&directory.organization, dice.random_ratio(1, 3)) {
        (Some(id), true) => {
            format!(r#"{{"type":"enterprise","id":"{id}","name":"Acme","domain":"acme"}}"#)
        }
        _ => {
            let id = &directory.workspaces[person.workspace];
            format!(r#"{{"type":"workspace","id":"{id}","name":"Acme {id}","domain":"acme-{}"}}"#, id.to_lowercase())
        }
    };
    let ip = match dice.random_range(0..100) {
        0..4 => String::new(),
        4..7 => "redacted".to_owned(),
        7..9 => "1.23.45.678".to_owned(),
        _ => address(person, dice),
    };
    let session = match dice.random_range(0..10) {
        0..2 => "null".to_owned(),
        2..5 => format!(r#""{}""#, dice.random_range(100_000_000_000_u64..999_999_999_999)),
        _ => dice.random_range(10_000_000_000_000_u64..20_000_000_000_000).to_string(),
    };
    let agent = if dice.random_ratio(1, 25) { "" } else { pick(dice, &BROWSERS) };
    let extra = match dice.random_range(0..30) {
        0 => r#","app":null"#,
        1 => concat!(
            r#","acting_agent":"slackbot_ai","agent_message":"#,
            r#"{"channel_id":"D0AGENT","message_ts":"1787670000.000100","thread_ts":"1787669999.000200"}"#
        ),
        _ => "",
    };
    format!(r#"{{"location":{location},"ua":"{agent}","ip_address":"{ip}","session_id":{session}{extra}}}"#)
}

fn uuid(dice: &mut StdRng) -> String {
    let (high, low) = (dice.next_u64(), dice.next_u64());
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
