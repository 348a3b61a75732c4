//! Access rows: a user, a location and a device.

use jiff::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;

use super::directory::{BROWSERS, Directory, address, new_id, pick};
use crate::Row;

/// Returns the row of a user's first access with a device.
pub(super) fn row(rng: &mut StdRng, directory: &Directory, time: Timestamp) -> Row {
    let person = directory.person(rng);
    let second = time.as_second();
    let agent = match rng.random_range(0..10) {
        0 => format!("ApiApp/{} {}", new_id("A", rng), "python-requests/2.32.4"),
        1 => format!("SlackWeb {}", pick(rng, &BROWSERS)),
        2..5 => format!("SlackWeb/0 {}", pick(rng, &BROWSERS)),
        _ => pick(rng, &BROWSERS).to_owned(),
    };
    let ip = match rng.random_range(0..100) {
        0 => "null".to_owned(),
        1 => r#""""#.to_owned(),
        _ => format!(r#""{}""#, address(person, rng)),
    };
    let location = match rng.random_range(0..3) {
        0 => r#""isp":null,"country":null,"region":null"#,
        1 => r#""isp":"Example Net","country":"US","region":null"#,
        _ => r#""isp":"Beispiel Netz \u0026 Co","country":"DE","region":"BE""#,
    };
    let json = format!(
        r#"{{"user_id":"{}","username":"{}","date_first":{second},"date_last":{second},"count":1,"ip":{ip},"user_agent":"{agent}",{location}}}"#,
        person.id, person.name
    );
    let row = Row::access(time, time, json);
    match directory.organization {
        Some(_) => row.in_workspace(&directory.workspaces[person.workspace]),
        None => row,
    }
}
