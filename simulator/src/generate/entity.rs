//! The actors and entities of audit records, as JSON text.

use jiff::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;

use super::directory::{Directory, Person, new_id, pick};

pub(super) fn user(person: &Person, directory: &Directory, rng: &mut StdRng) -> String {
    let Person { id, name, email, .. } = person;
    let account = if rng.random_ratio(1, 3) { r#","account_type":"FULL_MEMBER""# } else { "" };
    let team = directory.team();
    format!(r#"{{"type":"user","user":{{"id":"{id}","name":"{name}","email":"{email}","team":"{team}"{account}}}}}"#)
}

pub(super) fn app(rng: &mut StdRng, directory: &Directory) -> String {
    format!(
        concat!(
            r#"{{"type":"app","app":{{"id":"{id}","name":"Build Watcher","is_distributed":false,"#,
            r#""is_directory_approved":false,"is_workflow_app":false,"scopes":["channels:history","users:read","files:read"],"#,
            r#""scopes_bot":["chat:write","commands"],"creator":"{creator}","team":"{team}"}}}}"#
        ),
        id = new_id("A", rng),
        creator = directory.person(rng).id,
        team = directory.team()
    )
}

pub(super) fn file(rng: &mut StdRng) -> String {
    let title = pick(rng, &["Q3 plan", r"Q3 \u2028 plan", "Ro\u{2028}ad \u{1f680} map", r#"\"final\" \\ v2\n"#, ""]);
    let kind = pick(rng, &["pdf", "png", "text/plain", "docx"]);
    let id = new_id("F", rng);
    format!(r#"{{"type":"file","file":{{"id":"{id}","name":"{id}.{kind}","filetype":"{kind}","title":"{title}"}}}}"#)
}

pub(super) fn channel(rng: &mut StdRng, directory: &Directory) -> String {
    let (id, privacy) = (new_id("C", rng), pick(rng, &["public", "private", "DM", "MPDM"]));
    let shared = if rng.random_ratio(1, 5) {
        format!(r#","teams_shared_with":["{}","T0FRIENDS"]"#, directory.workspaces[0])
    } else {
        String::new()
    };
    format!(
        r#"{{"type":"channel","channel":{{"id":"{id}","name":"proj-{}","privacy":"{privacy}","is_shared":false,"is_org_shared":true{shared}}}}}"#,
        id.to_lowercase()
    )
}

pub(super) fn workspace(directory: &Directory, person: &Person) -> String {
    let id = &directory.workspaces[person.workspace];
    format!(r#"{{"type":"workspace","workspace":{{"id":"{id}","name":"Acme {id}","domain":"acme-corp"}}}}"#)
}

pub(super) fn huddle(rng: &mut StdRng, person: &Person, time: Timestamp) -> String {
    let (start, end) = (time.as_second() - 600, time.as_second());
    format!(
        r#"{{"type":"huddle","huddle":{{"id":"{}","date_start":{start},"date_end":{end},"participants":["{}"]}}}}"#,
        new_id("R", rng),
        person.id
    )
}

pub(super) fn message(rng: &mut StdRng, directory: &Directory, time: Timestamp) -> String {
    let (team, channel, second) = (directory.team(), new_id("C", rng), time.as_second());
    format!(
        r#"{{"type":"message","message":{{"team":"{team}","channel":"{channel}","timestamp":"{second}.{:06}"}}}}"#,
        rng.random_range(0..1_000_000)
    )
}
