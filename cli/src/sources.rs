//! `slacktrail sources`: lists the connected sources.

use clap::Args;
use serde::Serialize;
use slacktrail_core::codes::Place;
use slacktrail_core::error::Error;
use slacktrail_core::source::{LogType, Plan, Source, SourceId, Tenant};
use slacktrail_core::time::Second;
use slacktrail_ports::DeploymentStore;

use crate::cli_error::CliError;
use crate::deployed::Location;
use crate::format::instant;
use crate::logs;
use crate::outcome::Outcome;
use crate::source::{NO_SOURCE, Sources};
use crate::table::{self, Column};
use crate::terminal;
use crate::zone::{self, Zone};

/// List the connected sources
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Print the sources as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    location: Location,
}

const AFTER_HELP: &str = "\
Columns:
  name   label of the source in each record
  plan   Slack plan
  logs   logs that slacktrail collects
  since  UTC day from which on it collects them; with --local
         the day of your time zone, with its offset
  notes  workspace or organization, and unusual settings";

/// A source, as printed with `--json`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Listing {
    pub(crate) id: String,
    label: Option<String>,
    plan: Option<Plan>,
    logs: Vec<LogType>,
    #[serde(serialize_with = "instant")]
    since: Option<Second>,
    organization: Option<bool>,
    gov: Option<bool>,
    paused: Option<bool>,
    disconnected: Option<bool>,
    /// The workspace or organization, once it is known.
    tenant: Option<Tenant>,
    /// `null` if its streams are never reported as silent.
    silent_after_seconds: Option<i64>,
    #[serde(serialize_with = "instant")]
    connected_at: Option<Second>,
    /// Why the source cannot be read.
    error: Option<String>,
    /// The next action if it cannot be read.
    hint: Option<String>,
}

const COLUMNS: [Column; 6] = [
    Column::Left("source"),
    Column::Left("name"),
    Column::Left("plan"),
    Column::Left("logs"),
    Column::Right("since"), // a date is never shortened
    Column::Left("notes"),
];

pub(crate) async fn run(args: Arguments) -> Result<Listings, CliError> {
    let list = async {
        let deployed = args.location.open().await?;
        Ok(Listings { sources: deployed.load().await?.sources, place: deployed.place() })
    };
    list.await.map_err(|error: CliError| error.shown_at(args.location.place(), None))
}

/// The sources to list.
pub(crate) struct Listings {
    sources: Sources,
    place: Place,
}

impl Listings {
    fn all(&self) -> Vec<Listing> {
        let listing = |(id, source): (&SourceId, &Result<Source, Error>)| match source {
            Ok(source) => Listing::of(source),
            Err(error) => Listing {
                id: id.to_string(),
                error: Some(error.message.clone()),
                hint: Some(error.hint(self.place, Some(id.as_str()))),
                ..Listing::default()
            },
        };
        self.sources.iter().map(listing).collect()
    }
}

impl Outcome for Listings {
    fn json(&self) -> impl Serialize {
        self.all()
    }

    fn print(&self) {
        if self.sources.is_empty() {
            terminal::note(NO_SOURCE);
        } else {
            terminal::print(&table(&self.all(), zone::shown()));
        }
    }

    fn problems(&self) -> Vec<CliError> {
        let problem = |(id, source): (&SourceId, &Result<Source, Error>)| {
            source.as_ref().err().map(|error| CliError::at(self.place, Some(id), error))
        };
        self.sources.iter().filter_map(problem).collect()
    }

    fn exit_code(&self) -> u8 {
        u8::from(self.sources.values().any(Result::is_err))
    }
}

fn table(listings: &[Listing], zone: &Zone) -> String {
    let row = |listing: &Listing| {
        vec![
            listing.id.clone(),
            listing.label.clone().unwrap_or_default(),
            listing.plan.map(Plan::name).unwrap_or_default().to_owned(),
            logs::names(&listing.logs, " "),
            listing.since.map(|since| zone.day(since)).unwrap_or_default(),
            listing.notes(),
        ]
    };
    // In 80 columns, wrapped cells make room for all columns.
    let dropped_first: &[&str] = if terminal::columns() < terminal::COLUMNS { &["plan", "since"] } else { &[] };
    table::render_without(dropped_first, &COLUMNS, listings.iter().map(row).collect())
}

impl Listing {
    pub(crate) fn of(source: &Source) -> Listing {
        Listing {
            id: source.id.to_string(),
            label: Some(source.label.clone()),
            plan: Some(source.plan),
            logs: source.logs.clone(),
            since: Some(source.since),
            organization: Some(source.organization),
            gov: Some(source.gov),
            paused: Some(source.paused),
            disconnected: Some(source.disconnected),
            tenant: source.tenant.clone(),
            silent_after_seconds: source.silent_after_seconds,
            connected_at: Some(source.connected_at),
            error: None,
            hint: None,
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
            is(Some(self.error.is_some()), "corrupt"),
        ];
        notes.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
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
        let table = table(&[Listing::of(&source)], &Zone::Utc);
        assert!(table.lines().all(|line| line.chars().count() <= terminal::COLUMNS), "{table}");
        assert!(table.contains("2018-03-01"), "{table}");
    }

    #[test]
    fn source_that_cannot_be_read_is_listed_and_exits_with_1() {
        let corrupt = Error::deployment("corrupt_source", "reading source `acme`: it is malformed");
        for (stored, notes, exit_code) in [(Ok(source("acme")), "", 0), (Err(corrupt), "corrupt", 1)] {
            let sources = Sources::from([("acme".parse().unwrap(), stored)]);
            let listings = Listings { sources, place: Place::Command };
            assert_eq!((listings.all()[0].notes().as_str(), listings.exit_code()), (notes, exit_code));
            assert_eq!(listings.problems().len(), usize::from(exit_code));
        }
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
}
