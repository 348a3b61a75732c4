//! `slacktrail status`: how each stream is doing, and what to do about those that are not well.

mod entry;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use slacktrail_shared::directory::DirectoryDeployment;
use slacktrail_shared::ports::{Deployment, DeploymentStore};
use slacktrail_shared::time::Second;

use crate::aws;
use crate::failure::Failure;
use crate::span;
use crate::table::{self, Column};
use crate::terminal;
use entry::{Entry, Place};

/// Show how each stream is doing
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Look at a directory that `pull` fills, instead of at the deployment
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

const COLUMNS: [Column; 7] = [
    Column::Left("source"),
    Column::Left("log"),
    Column::Left("state"),
    Column::Left("last success"),
    Column::Left("last record"),
    Column::Right("lag"),
    Column::Left("gaps"),
];

/// Runs the command. It succeeds when it can tell, whatever it has to tell.
pub(crate) async fn run(asked: Arguments) -> Result<ExitCode, Failure> {
    let (deployment, place) = match &asked.to {
        Some(directory) => (of_directory(directory).await?, Place::Directory),
        None => (aws::edges().await?.deployment.load().await?, Place::Aws),
    };
    let now = Second::of(Timestamp::now());
    let entries = entry::entries(&deployment, place, now);
    if asked.json {
        terminal::print_json(&entries);
    } else if entries.is_empty() {
        terminal::note("no source is connected yet\nhint: slacktrail connect <id> --help");
    } else {
        terminal::print(&report(&entries, now));
    }
    Ok(ExitCode::SUCCESS)
}

async fn of_directory(directory: &Path) -> Result<Deployment, Failure> {
    let deployment = DirectoryDeployment::new(directory).load().await?;
    if deployment.sources.is_empty() {
        return Err(Failure::new(format!("nothing was ever pulled into `{}`", directory.display()))
            .hint("give the directory that `slacktrail pull --to` was given"));
    }
    Ok(deployment)
}

/// The table, and below it a sentence for each stream that somebody should read about.
fn report(entries: &[Entry], now: Second) -> String {
    let row = |entry: &Entry| {
        vec![
            entry.source.clone(),
            entry.log.map_or("-", |log| log.name()).to_owned(),
            entry.state.name().replace('_', " "),
            span::ago(entry.last_success, now),
            span::ago(entry.last_record, now),
            entry.lag_seconds.map_or("-".to_owned(), span::words),
            entry.gaps_in_words(),
        ]
    };
    let mut text = table::render(&COLUMNS, entries.iter().map(row).collect());
    for entry in entries {
        if let Some(remedy) = &entry.remedy {
            let code = entry.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
            text.push_str(&format!("\n\n{}{code}: {remedy}", entry.name()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use entry::tests::{entry_of, troubled};

    #[test]
    fn the_table_fits_80_columns_and_remedies_stand_below_it() {
        let now = Second::EPOCH.plus(1_000_000);
        let entries = [entry_of("a-source-with-a-rather-long-id-of-its-own"), troubled()];
        let text = report(&entries, now);
        let (table, remedies) = text.split_once("\n\n").unwrap();
        assert!(table.lines().all(|line| line.chars().count() <= terminal::COLUMNS), "{table}");
        assert_eq!(remedies, "acme/audit (token_revoked): connect the source again");
    }
}
