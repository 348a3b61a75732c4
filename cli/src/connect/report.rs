//! What was verified, for people and for programs.

use serde::Serialize;
use slacktrail_shared::connection::Facts;
use slacktrail_shared::source::{LogType, Source, Tenant, shown_name};

use crate::sources::Listing;
use crate::table::{self, Column};
use crate::{logs, terminal};

/// A connected source as a program reads it.
#[derive(Debug, Serialize)]
struct Connected {
    #[serde(flatten)]
    source: Listing,
    facts: Verified,
}

#[derive(Debug, Serialize)]
struct Verified {
    tenant: Tenant,
    organization: bool,
    user: String,
    scopes: Vec<String>,
    rotates: bool,
    logs: Vec<VerifiedLog>,
}

#[derive(Debug, Serialize)]
struct VerifiedLog {
    log: LogType,
    newest: Option<String>,
    note: Option<String>,
}

/// Prints it as JSON, or else for people.
pub(super) fn print(source: &Source, facts: &Facts, again: bool, json: bool) {
    if json {
        terminal::print_json(&Connected { source: Listing::of(source), facts: Verified::of(facts) });
    } else {
        terminal::print(&words(source, facts, again));
    }
}

fn words(source: &Source, facts: &Facts, again: bool) -> String {
    let again = if again { " again" } else { "" };
    let kind = if facts.organization { "organization" } else { "workspace" };
    let mut lines = vec![format!("connected `{}`{again} to the {kind} {}", source.id, facts.tenant)];
    let rotates = if facts.rotates { "; its tokens rotate, and are refreshed in time" } else { "" };
    match (shown_name(&facts.user).as_str(), facts.scopes.is_empty()) {
        ("", true) => {}
        (user, true) => lines.push(format!("installed by {user}{rotates}")),
        (user, false) => lines.push(format!("installed by {user} with {}{rotates}", facts.scopes.join(", "))),
    }
    let rows = facts.logs.iter().map(|probed| vec![probed.log.to_string(), probed.words()]);
    lines.push(table::render(&[Column::Left("log"), Column::Left("verified")], rows.collect()));
    lines.push(format!("collecting {} since {}", logs::names(&source.logs, ", "), source.since));
    lines.push(match source.paused {
        true => format!("it is paused: `slacktrail resume {}` lets it go on", source.id),
        false => "the next tick begins, within a minute; `slacktrail status` shows how it goes".to_owned(),
    });
    lines.join("\n")
}

impl Verified {
    fn of(facts: &Facts) -> Verified {
        let Facts { tenant, organization, user, scopes, rotates, logs } = facts.clone();
        let logs = logs.into_iter().map(|probed| VerifiedLog {
            log: probed.log,
            newest: probed.newest.map(|newest| newest.to_string()),
            note: probed.note,
        });
        Verified { tenant, organization, user, scopes, rotates, logs: logs.collect() }
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_shared::connection::Probed;
    use slacktrail_shared::source::Plan;
    use slacktrail_shared::time::Second;

    use super::*;

    fn facts() -> Facts {
        let probed = |log, newest, note: Option<&str>| Probed { log, newest, note: note.map(str::to_owned) };
        Facts {
            tenant: Tenant { id: "E1".to_owned(), name: "Acme".to_owned() },
            organization: true,
            user: "W1".to_owned(),
            scopes: vec!["auditlogs:read".to_owned(), "admin".to_owned()],
            rotates: true,
            logs: vec![
                probed(LogType::Audit, Some(Second::MARCH_2018), None),
                probed(LogType::Access, None, None),
                probed(LogType::Integration, None, Some("the app is on no workspace of the organization yet")),
            ],
        }
    }

    #[test]
    fn report_lists_each_verified_fact() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::MARCH_2018);
        insta::assert_snapshot!(words(&source, &facts(), false), @r"
        connected `acme` to the organization `Acme` (E1)
        installed by W1 with auditlogs:read, admin; its tokens rotate, and are refreshed in time
        log          verified
        audit        readable, newest record 2018-03-01T00:00:00Z
        access       readable, no record yet
        integration  not verified yet: the app is on no workspace of the organization
                     yet
        collecting audit, access, integration since 2018-03-01T00:00:00Z
        the next tick begins, within a minute; `slacktrail status` shows how it goes
        ");
        let paused = Source { paused: true, ..source };
        assert!(words(&paused, &facts(), true).ends_with("it is paused: `slacktrail resume acme` lets it go on"));
    }
}
