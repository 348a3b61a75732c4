//! `slacktrail sources`: what is connected.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use slacktrail_shared::ports::DeploymentStore;
use slacktrail_shared::source::{LogType, Plan, Source, SourceId};
use slacktrail_shared::trouble::Trouble;

use crate::aws;
use crate::failure::Failure;
use crate::logs;
use crate::table::{self, Column};
use crate::terminal::{self, Level};

/// List the connected sources
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A source as a program reads it.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    id: String,
    label: Option<String>,
    plan: Option<Plan>,
    logs: Vec<LogType>,
    since: Option<String>,
    organisation: Option<bool>,
    gov: Option<bool>,
    paused: Option<bool>,
    connected_at: Option<String>,
    /// Why it cannot be read.
    trouble: Option<String>,
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
pub(crate) async fn run(asked: &Arguments) -> Result<ExitCode, Failure> {
    let sources = aws::edges().await?.deployment.load().await?.sources;
    let listings: Vec<Listing> = sources
        .iter()
        .map(|(id, source)| match source {
            Ok(source) => Listing::of(source),
            Err(trouble) => Listing::unreadable(id, trouble),
        })
        .collect();
    if asked.json {
        terminal::print_json(&listings);
    } else if listings.is_empty() {
        terminal::note("no source is connected yet\nhint: slacktrail connect <id> --help");
    } else {
        terminal::print(&table(&listings));
    }
    for trouble in sources.into_values().filter_map(Result::err) {
        terminal::complain(Level::Error, &trouble.into());
    }
    Ok(ExitCode::SUCCESS)
}

fn table(listings: &[Listing]) -> String {
    let row = |listing: &Listing| {
        let is = |flag: Option<bool>, word: &'static str| flag.unwrap_or_default().then_some(word);
        let notes = [
            is(listing.organisation, "organisation"),
            is(listing.gov, "GovSlack"),
            is(listing.paused, "paused"),
            is(Some(listing.trouble.is_some()), "unreadable"),
        ];
        vec![
            listing.id.clone(),
            listing.label.clone().unwrap_or_default(),
            listing.plan.map(logs::plan_name).unwrap_or_default().to_owned(),
            logs::names(&listing.logs, " "),
            listing.since.as_deref().unwrap_or_default().chars().take(10).collect(),
            notes.into_iter().flatten().collect::<Vec<_>>().join(", "),
        ]
    };
    table::render(&COLUMNS, listings.iter().map(row).collect())
}

impl Listing {
    /// A source that can be read.
    pub(crate) fn of(source: &Source) -> Listing {
        Listing {
            id: source.id.to_string(),
            label: Some(source.label.clone()),
            plan: Some(source.plan),
            logs: source.logs.clone(),
            since: Some(source.since.to_string()),
            organisation: Some(source.organisation),
            gov: Some(source.gov),
            paused: Some(source.paused),
            connected_at: Some(source.connected_at.to_string()),
            trouble: None,
        }
    }

    fn unreadable(id: &SourceId, trouble: &Trouble) -> Listing {
        Listing {
            id: id.to_string(),
            label: None,
            plan: None,
            logs: Vec::new(),
            since: None,
            organisation: None,
            gov: None,
            paused: None,
            connected_at: None,
            trouble: Some(format!("{trouble}; {}", trouble.hint)),
        }
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_shared::time::Second;

    use super::*;

    #[test]
    fn the_table_fits_80_columns_with_long_names() {
        let source = Source {
            organisation: true,
            gov: true,
            paused: true,
            ..Source::new(
                "x".repeat(64).parse().unwrap(),
                "The Amalgamated Company of Companies, Incorporated",
                Plan::Enterprise,
                Second::MARCH_2018,
            )
        };
        let table = table(&[Listing::of(&source)]);
        assert!(table.lines().all(|line| line.chars().count() <= terminal::COLUMNS), "{table}");
        assert!(table.contains("2018-03-01"), "{table}");
    }
}
