//! `status --watch`: refreshes the status every two seconds, until Ctrl-C or until the reader closes the pipe.
//!
//! In a terminal, each refresh redraws the screen. Otherwise, only changes are printed.

use std::io::IsTerminal;
use std::time::Duration;

use super::collected::Collection;
use super::report;
use super::stream_status::StreamStatus;
use super::{Observed, Snapshot};
use crate::cli_error::CliError;
use crate::{interrupt, terminal, zone};

/// The time between two refreshes.
const REFRESH_INTERVAL: Duration = Duration::from_secs(2);

/// Shows the status until Ctrl-C.
///
/// # Errors
/// Returns an error if the first read of the status fails. Later failures become warnings.
pub(super) async fn watch(observed: &Observed, json: bool) -> Result<(), CliError> {
    let first = observed.snapshot().await?;
    let show = async {
        if json || !std::io::stdout().is_terminal() {
            print_changes(observed, first, json).await
        } else {
            draw(observed, first).await
        }
    };
    tokio::select! {
        biased; // listen for Ctrl-C before the first screen is shown
        () = interrupt::ctrl_c() => Ok(()),
        () = show => Ok(()),
    }
}

/// Redraws the terminal after each refresh.
async fn draw(observed: &Observed, first: Snapshot) {
    let mut snapshot = first;
    let mut error = String::new();
    let mut is_first = true;
    loop {
        let now = zone::shown().time(snapshot.now);
        let heading = format!("slacktrail status at {now}; press Ctrl-C to stop");
        let text = format!("{heading}\n\n{}{error}", snapshot.report());
        if !terminal::draw(&text, report::colored, is_first) {
            return;
        }
        is_first = false;
        tokio::time::sleep(REFRESH_INTERVAL).await;
        match observed.snapshot().await {
            Ok(next) => (snapshot, error) = (next, String::new()),
            Err(cause) => error = format!("\n\nwarning: {cause}; showing the previous status"),
        }
    }
}

/// Prints each changed status: one line of JSON with all streams, or the report.
async fn print_changes(observed: &Observed, first: Snapshot, json: bool) {
    let mut printed: Option<Vec<StreamStatus>> = None;
    let mut printed_error = String::new();
    let mut snapshot: Result<Snapshot, CliError> = Ok(first);
    loop {
        match snapshot {
            Ok(snapshot) => {
                let current = without_lag(&snapshot);
                if printed.as_ref() != Some(&current) {
                    let text = if json {
                        terminal::json_line(&snapshot.statuses)
                    } else {
                        format!("{}\n\n", snapshot.report())
                    };
                    if !terminal::try_print(&text) {
                        return;
                    }
                    printed = Some(current);
                }
                printed_error.clear();
            }
            Err(error) if printed_error == error.to_string() => {}
            Err(error) => {
                printed_error = error.to_string();
                terminal::warn(error);
            }
        }
        tokio::time::sleep(REFRESH_INTERVAL).await;
        if terminal::is_closed() {
            return; // without a change, nothing is written that could fail
        }
        snapshot = observed.snapshot().await;
    }
}

/// Returns the statuses without their lag and the time of the last collection, which change as time passes.
fn without_lag(snapshot: &Snapshot) -> Vec<StreamStatus> {
    let fixed = |status: &StreamStatus| {
        let collection = status.collection.clone().map(|it| Collection { last_collected: None, ..it });
        StreamStatus { lag_seconds: None, collection, ..status.clone() }
    };
    snapshot.statuses.iter().map(fixed).collect()
}
