//! `status --watch`: looks again every couple of seconds, until Ctrl-C or until nobody reads any more.
//!
//! A terminal is drawn anew each time. Anywhere else something is printed only when something has changed.

use std::io::IsTerminal;
use std::time::Duration;

use super::report;
use super::stream_status::StreamStatus;
use super::{Deployed, Snapshot};
use crate::cli_error::CliError;
use crate::terminal::{self, Level};

/// From one look to the next.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Goes on until Ctrl-C.
///
/// # Errors
/// When the first look fails; later ones may.
pub(super) async fn watch(deployed: &Deployed, json: bool) -> Result<(), CliError> {
    let first = deployed.look().await?;
    let show = async {
        if json || !std::io::stdout().is_terminal() {
            print_changes(deployed, first, json).await
        } else {
            draw(deployed, first).await
        }
    };
    tokio::select! {
        biased; // whoever sees the first screen may press Ctrl-C already
        _ = tokio::signal::ctrl_c() => Ok(()),
        () = show => Ok(()),
    }
}

/// Draws the terminal anew each time.
async fn draw(deployed: &Deployed, first: Snapshot) {
    let mut snapshot = first;
    let mut error = String::new();
    let mut is_first = true;
    loop {
        let heading = format!("slacktrail status at {}; Ctrl-C ends", snapshot.now);
        let text = format!("{heading}\n\n{}{error}", snapshot.report());
        if !terminal::draw(&text, report::coloured, is_first) {
            return;
        }
        is_first = false;
        tokio::time::sleep(LOOK_AGAIN).await;
        match deployed.look().await {
            Ok(next) => (snapshot, error) = (next, String::new()),
            Err(cause) => error = format!("\n\nwarning: {cause}: this is how it was before"),
        }
    }
}

/// Prints when something has changed: JSON of all streams in one line, or the table.
async fn print_changes(deployed: &Deployed, first: Snapshot, json: bool) {
    let mut printed: Option<Vec<StreamStatus>> = None;
    let mut printed_error = String::new();
    let mut snapshot: Result<Snapshot, CliError> = Ok(first);
    loop {
        match snapshot {
            Ok(snapshot) => {
                let what = what_matters(&snapshot);
                if printed.as_ref() != Some(&what) {
                    let text = if json {
                        terminal::json_line(&snapshot.statuses)
                    } else {
                        format!("{}\n\n", snapshot.report())
                    };
                    if !terminal::try_print(&text) {
                        return;
                    }
                    printed = Some(what);
                }
                printed_error.clear();
            }
            Err(error) if printed_error == error.to_string() => {}
            Err(error) => {
                printed_error = error.to_string();
                terminal::print_error(Level::Warning, &error);
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        snapshot = deployed.look().await;
    }
}

/// Without what changes by itself as time passes.
fn what_matters(snapshot: &Snapshot) -> Vec<StreamStatus> {
    snapshot.statuses.iter().map(|status| StreamStatus { lag_seconds: None, ..status.clone() }).collect()
}
