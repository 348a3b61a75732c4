//! Reports the connected source and what was verified, as text or as JSON.

use serde::Serialize;
use slacktrail_connect::ConnectReport;
use slacktrail_core::source::{LogType, Source, Tenant, shown_name};

use crate::logs;
use crate::outcome::Outcome;
use crate::sources::Listing;
use crate::table::{self, Column};
use crate::zone::{self, Zone};

/// A connected source, and what was verified.
pub(crate) struct Connected {
    pub(super) source: Source,
    pub(super) report: ConnectReport,
    /// Whether the source existed before.
    pub(super) again: bool,
}

/// A connected source, as printed with `--json`.
#[derive(Debug, Serialize)]
struct ConnectedJson {
    #[serde(flatten)]
    source: Listing,
    verified: Verified,
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

impl Outcome for Connected {
    fn json(&self) -> impl Serialize {
        ConnectedJson { source: Listing::of(&self.source), verified: Verified::of(&self.report) }
    }

    fn text(&self) -> String {
        self.describe(zone::shown())
    }
}

impl Connected {
    fn describe(&self, zone: &Zone) -> String {
        let Connected { source, report, again } = self;
        let connected = if *again { "reconnected" } else { "connected" };
        let kind = if report.organization { "organization" } else { "workspace" };
        let mut lines = vec![format!("{connected} `{}` to the {kind} {}", source.id, report.tenant)];
        let rotates = if report.rotates { "; its tokens rotate, and the poller refreshes them" } else { "" };
        match (shown_name(&report.user).as_str(), report.scopes.is_empty()) {
            ("", true) => {}
            (user, true) => lines.push(format!("installed by {user}{rotates}")),
            (user, false) => lines.push(format!("installed by {user} with {}{rotates}", report.scopes.join(", "))),
        }
        let rows = report
            .logs
            .iter()
            .map(|log_probe| vec![log_probe.log.to_string(), zone.message(&log_probe.describe()).into_owned()]);
        lines.push(table::render(&[Column::Left("log"), Column::Left("verified")], rows.collect()));
        lines.push(format!("collecting {} since {}", logs::names(&source.logs, ", "), zone.time(source.since)));
        lines.push(match source.paused {
            true => format!("the source is paused; run `slacktrail resume {}` to continue", source.id),
            false => "the next tick starts within a minute; run `slacktrail status` to see the progress".to_owned(),
        });
        lines.join("\n")
    }
}

impl Verified {
    fn of(report: &ConnectReport) -> Verified {
        let ConnectReport { tenant, organization, user, scopes, rotates, logs } = report.clone();
        let logs = logs.into_iter().map(|log_probe| VerifiedLog {
            log: log_probe.log,
            newest: log_probe.newest.map(|newest| newest.to_string()),
            note: log_probe.note,
        });
        Verified { tenant, organization, user, scopes, rotates, logs: logs.collect() }
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_connect::LogProbe;
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    use super::*;

    fn report() -> ConnectReport {
        let log_probe = |log, newest, note: Option<&str>| LogProbe {
            log,
            newest,
            note: note.map(str::to_owned),
            needs_workspace: false,
        };
        ConnectReport {
            tenant: Tenant { id: "E1".to_owned(), name: "Acme".to_owned() },
            organization: true,
            user: "W1".to_owned(),
            scopes: vec!["auditlogs:read".to_owned(), "admin".to_owned()],
            rotates: true,
            logs: vec![
                log_probe(LogType::Audit, Some(Second::MARCH_2018), None),
                log_probe(LogType::Access, None, None),
                log_probe(LogType::Integration, None, Some("the app is on no workspace of the organization yet")),
            ],
        }
    }

    #[test]
    fn report_lists_each_verified_fact() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::MARCH_2018);
        let connected = Connected { source, report: report(), again: false };
        insta::assert_snapshot!(connected.describe(&Zone::Utc), @r"
        connected `acme` to the organization `Acme` (E1)
        installed by W1 with auditlogs:read, admin; its tokens rotate, and the poller refreshes them
        log          verified
        audit        readable, newest record 2018-03-01T00:00:00Z
        access       readable, no record yet
        integration  not verified yet: the app is on no workspace of the organization
                     yet
        collecting audit, access, integration since 2018-03-01T00:00:00Z
        the next tick starts within a minute; run `slacktrail status` to see the progress
        ");
        let zone = Zone::Local(jiff::tz::TimeZone::posix("CET-1").unwrap());
        let text = connected.describe(&zone);
        assert!(text.contains("newest record 2018-03-01T01:00:00+01:00\n"), "{text}");
        assert!(text.contains(" since 2018-03-01T01:00:00+01:00\n"), "{text}");
        let paused = Source { paused: true, ..connected.source };
        let text = Connected { source: paused, again: true, ..connected }.describe(&Zone::Utc);
        assert!(text.starts_with("reconnected `acme` to "), "{text}");
        assert!(text.ends_with("the source is paused; run `slacktrail resume acme` to continue"), "{text}");
    }
}
