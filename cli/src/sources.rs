//! `slacktrail sources`: lists the connected sources. Other commands find a source by its ID here.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use slacktrail_core::error::Error;
use slacktrail_core::source::{LogType, Plan, Source, SourceId, Tenant};
use slacktrail_ports::DeploymentStore;

use crate::aws;
use crate::cli_error::CliError;
use crate::logs;
use crate::table::{self, Column};
use crate::terminal::{self, Level};

/// List the connected sources
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Print the sources as JSON
    #[arg(long)]
    json: bool,
}

/// The sources of a deployment by ID, or the error if a source cannot be read.
pub(crate) type Sources = BTreeMap<SourceId, Result<Source, Error>>;

/// Returns the source with this ID.
///
/// # Errors
/// Returns an error that lists the known sources if none has this ID, or an error if the source cannot be read.
pub(crate) fn find(sources: &Sources, id: &SourceId) -> Result<Source, CliError> {
    match sources.get(id) {
        Some(source) => Ok(source.clone()?),
        None if sources.is_empty() => {
            Err(CliError::new(format!("source `{id}` not found: no source is connected yet"))
                .hint(format!("run `slacktrail connect {id}` to connect it")))
        }
        None => {
            let names: Vec<String> = sources.keys().map(|id| format!("`{id}`")).collect();
            let hint = format!("use one of {} (`slacktrail sources` lists them)", names.join(", "));
            Err(CliError::new(format!("source `{id}` not found")).hint(hint))
        }
    }
}

/// Returns the source with this ID, unless it is disconnected.
///
/// # Errors
/// Returns an error if no source has this ID, or if the source cannot be read or is disconnected.
pub(crate) fn find_connected(sources: &Sources, id: &SourceId) -> Result<Source, CliError> {
    let source = find(sources, id)?;
    if source.disconnected {
        return Err(CliError::new(format!("source `{id}` is disconnected"))
            .hint(format!("run `slacktrail connect {id}` to reconnect it")));
    }
    Ok(source)
}

/// A source, as printed with `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    id: String,
    label: Option<String>,
    plan: Option<Plan>,
    logs: Vec<LogType>,
    since: Option<String>,
    organization: Option<bool>,
    gov: Option<bool>,
    paused: Option<bool>,
    disconnected: Option<bool>,
    /// The workspace or organization, once it is known.
    tenant: Option<Tenant>,
    /// `null` if its streams are never reported as silent.
    silent_after_seconds: Option<i64>,
    connected_at: Option<String>,
    /// Why the source cannot be read.
    error: Option<String>,
}

const COLUMNS: [Column; 6] = [
    Column::Left("source"),
    Column::Left("name"),
    Column::Left("plan"),
    Column::Left("logs"),
    Column::Left("since"),
    Column::Left("notes"),
];

/// Runs the command.
pub(crate) async fn run(args: &Arguments) -> Result<ExitCode, CliError> {
    let sources = aws::ports().await?.deployment.load().await?.sources;
    let listings: Vec<Listing> = sources
        .iter()
        .map(|(id, source)| match source {
            Ok(source) => Listing::of(source),
            Err(error) => Listing::unreadable(id, error),
        })
        .collect();
    if args.json {
        terminal::print_json(&listings);
    } else if listings.is_empty() {
        terminal::note("no source is connected yet\nhint: run `slacktrail connect <id>` to connect one");
    } else {
        terminal::print(&table(&listings));
    }
    for error in sources.into_values().filter_map(Result::err) {
        terminal::print_error(Level::Error, &error.into());
    }
    Ok(ExitCode::SUCCESS)
}

fn table(listings: &[Listing]) -> String {
    let row = |listing: &Listing| {
        vec![
            listing.id.clone(),
            listing.label.clone().unwrap_or_default(),
            listing.plan.map(logs::plan_name).unwrap_or_default().to_owned(),
            logs::names(&listing.logs, " "),
            listing.since.as_deref().unwrap_or_default().chars().take(10).collect(),
            listing.notes(),
        ]
    };
    table::render(&COLUMNS, listings.iter().map(row).collect())
}

impl Listing {
    pub(crate) fn of(source: &Source) -> Listing {
        Listing {
            id: source.id.to_string(),
            label: Some(source.label.clone()),
            plan: Some(source.plan),
            logs: source.logs.clone(),
            since: Some(source.since.to_string()),
            organization: Some(source.organization),
            gov: Some(source.gov),
            paused: Some(source.paused),
            disconnected: Some(source.disconnected),
            tenant: source.tenant.clone(),
            silent_after_seconds: source.silent_after_seconds,
            connected_at: Some(source.connected_at.to_string()),
            error: None,
        }
    }

    fn unreadable(id: &SourceId, error: &Error) -> Listing {
        Listing {
            id: id.to_string(),
            label: None,
            plan: None,
            logs: Vec::new(),
            since: None,
            organization: None,
            gov: None,
            paused: None,
            disconnected: None,
            tenant: None,
            silent_after_seconds: None,
            connected_at: None,
            error: Some(format!("{error}; {}", error.hint)),
        }
    }

    /// Returns the tenant and the unusual settings, for the column `notes`.
    fn notes(&self) -> String {
        let is = |flag: Option<bool>, word: &str| flag.unwrap_or_default().then(|| word.to_owned());
        let kind = if self.organization == Some(true) { "organization" } else { "workspace" };
        let tenant = self.tenant.as_ref().map(|tenant| format!("{kind} {}", tenant.id));
        let notes = [
            tenant.or_else(|| is(self.organization, "organization")),
            is(self.gov, "GovSlack"),
            is(self.paused, "paused"),
            is(self.disconnected, "disconnected"),
            is(Some(self.error.is_some()), "unreadable"),
        ];
        notes.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::time::Second;

    use super::*;

    fn source(id: &str) -> Source {
        Source::new(id.parse().unwrap(), "Acme", Plan::Enterprise, Second::MARCH_2018)
    }

    #[test]
    fn source_table_fits_80_columns_with_long_names() {
        let source = Source {
            label: "The Amalgamated Company of Companies, Incorporated".to_owned(),
            organization: true,
            gov: true,
            paused: true,
            tenant: Some(Tenant { id: "E0123456789".to_owned(), name: "Amalgamated".to_owned() }),
            ..source(&"x".repeat(64))
        };
        let table = table(&[Listing::of(&source)]);
        assert!(table.lines().all(|line| line.chars().count() <= terminal::COLUMNS), "{table}");
        assert!(table.contains("2018-03-01"), "{table}");
    }

    #[test]
    fn notes_show_tenant_and_unusual_settings() {
        let tenant = |id: &str| Some(Tenant { id: id.to_owned(), name: "Acme".to_owned() });
        let notes = |source: Source| Listing::of(&source).notes();
        assert_eq!(notes(source("acme")), "");
        assert_eq!(notes(Source { organization: true, ..source("acme") }), "organization");
        assert_eq!(notes(Source { organization: true, tenant: tenant("E1"), ..source("acme") }), "organization E1");
        assert_eq!(
            notes(Source { tenant: tenant("T1"), disconnected: true, ..source("acme") }),
            "workspace T1, disconnected"
        );
        assert_eq!(notes(Source { paused: true, gov: true, ..source("acme") }), "GovSlack, paused");
    }

    #[test]
    fn unknown_source_is_error_that_lists_known_sources() {
        let none = find(&Sources::new(), &"acme".parse().unwrap()).unwrap_err();
        assert_eq!(none.to_string(), "source `acme` not found: no source is connected yet");
        let sources: Sources = ["beta", "gamma"].into_iter().map(|id| (id.parse().unwrap(), Ok(source(id)))).collect();
        let error = find(&sources, &"acme".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "source `acme` not found");
        assert!(error.next_action().unwrap().starts_with("use one of `beta`, `gamma` "));
        assert_eq!(find(&sources, &"beta".parse().unwrap()).unwrap().id.as_str(), "beta");
    }

    #[test]
    fn disconnected_source_is_error_with_reconnect_hint() {
        let id: SourceId = "acme".parse().unwrap();
        let disconnected = Source { disconnected: true, ..source("acme") };
        let sources = Sources::from([(id.clone(), Ok(disconnected))]);
        let error = find_connected(&sources, &id).unwrap_err();
        assert_eq!(error.to_string(), "source `acme` is disconnected");
        assert_eq!(error.next_action(), Some("run `slacktrail connect acme` to reconnect it"));
        assert!(find(&sources, &id).is_ok());
    }
}
