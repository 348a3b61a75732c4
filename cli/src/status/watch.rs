//! `status --watch`: looks again every couple of seconds, until Ctrl-C or until nobody reads any more.
//!
//! A terminal is drawn anew each time. Anywhere else something is printed only when something has changed.

use std::io::IsTerminal;
use std::time::Duration;

use super::entry::Entry;
use super::report;
use super::{Deployed, Glance};
use crate::failure::Failure;
use crate::terminal::{self, Level};

/// From one look to the next.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Goes on until Ctrl-C.
///
/// # Errors
/// When the first look fails; later ones may.
pub(super) async fn watch(deployed: &Deployed, json: bool) -> Result<(), Failure> {
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
async fn draw(deployed: &Deployed, first: Glance) {
    let mut glance = first;
    let mut error = String::new();
    let mut is_first = true;
    loop {
        let heading = format!("slacktrail status at {}; Ctrl-C ends", glance.now);
        let text = format!("{heading}\n\n{}{error}", glance.report());
        if !terminal::draw(&text, report::coloured, is_first) {
            return;
        }
        is_first = false;
        tokio::time::sleep(LOOK_AGAIN).await;
        match deployed.look().await {
            Ok(next) => (glance, error) = (next, String::new()),
            Err(failure) => error = format!("\n\nwarning: {failure}: this is how it was before"),
        }
    }
}

/// Prints when something has changed: JSON of all streams in one line, or the table.
async fn print_changes(deployed: &Deployed, first: Glance, json: bool) {
    let mut printed: Option<Vec<Entry>> = None;
    let mut complained = String::new();
    let mut glance: Result<Glance, Failure> = Ok(first);
    loop {
        match glance {
            Ok(glance) => {
                let what = what_matters(&glance);
                if printed.as_ref() != Some(&what) {
                    let text =
                        if json { terminal::json_line(&glance.entries) } else { format!("{}\n\n", glance.report()) };
                    if !terminal::try_print(&text) {
                        return;
                    }
                    printed = Some(what);
                }
                complained.clear();
            }
            Err(failure) if complained == failure.to_string() => {}
            Err(failure) => {
                complained = failure.to_string();
                terminal::complain(Level::Warning, &failure);
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        glance = deployed.look().await;
    }
}

/// Without what changes by itself as time passes.
fn what_matters(glance: &Glance) -> Vec<Entry> {
    glance.entries.iter().map(|entry| Entry { lag_seconds: None, ..entry.clone() }).collect()
}
