//! Waiting until AWS has deleted the secret of a source that was disconnected a moment ago. It completes that in the background, and
//! until then no secret of the name can be made.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};
use slacktrail_adapters::aws::{DELETION_IN_PROGRESS, SCHEDULED_FOR_DELETION};
use slacktrail_core::error::Error;

use crate::cli_error::CliError;
use crate::terminal;

/// Seconds from one try to the next: a minute in all.
const PAUSES_SECONDS: [u64; 9] = [1, 2, 3, 4, 10, 10, 10, 10, 10];

/// Makes a call until the secret is not being deleted any more, or a minute has passed.
///
/// # Errors
/// Returns the call's error. If the secret is still being deleted, the hint names what its cause leaves to do.
pub(super) async fn wait_out<T>(call: impl AsyncFn() -> Result<T, Error>) -> Result<T, CliError> {
    wait_out_with(call, async |pause| tokio::time::sleep(pause).await).await
}

async fn wait_out_with<T>(
    call: impl AsyncFn() -> Result<T, Error>,
    pause: impl AsyncFn(Duration),
) -> Result<T, CliError> {
    let mut line: Option<ProgressBar> = None;
    let mut seconds_left: u64 = PAUSES_SECONDS.iter().sum();
    for seconds in PAUSES_SECONDS {
        match call().await {
            Err(error) if is_being_deleted(&error) => {
                show(line.get_or_insert_with(begin), seconds_left);
                pause(Duration::from_secs(seconds)).await;
                seconds_left -= seconds;
            }
            done => {
                line.inspect(ProgressBar::finish_and_clear);
                return Ok(done?);
            }
        }
    }
    line.inspect(ProgressBar::finish_and_clear);
    call().await.map_err(still_being_deleted)
}

/// Returns `true` if a secret cannot be used because it is being deleted, now or at the end of a recovery window.
pub(crate) fn is_being_deleted(error: &Error) -> bool {
    [DELETION_IN_PROGRESS, SCHEDULED_FOR_DELETION].contains(&error.code.as_str())
}

fn begin() -> ProgressBar {
    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if line.is_hidden() {
        terminal::note("waiting up to a minute for AWS to delete the former secret");
    }
    line
}

fn show(line: &ProgressBar, seconds_left: u64) {
    if let Ok(style) = indicatif::ProgressStyle::with_template("{spinner} {msg}") {
        line.set_style(style);
    }
    line.enable_steady_tick(Duration::from_millis(120));
    terminal::show_progress(line, &format!("waiting for AWS to delete the former secret ({seconds_left} s left)"));
}

/// A minute later no forced deletion is under way any more, so a secret that is still there is in a recovery window.
fn still_being_deleted(error: Error) -> CliError {
    let hint = match error.code.as_str() {
        DELETION_IN_PROGRESS => "wait some minutes".to_owned(),
        SCHEDULED_FOR_DELETION => error.hint.split("; ").next().unwrap_or_default().to_owned(),
        _ => return error.into(),
    };
    CliError::from(error).hint(format!("{hint}; then run the command again"))
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use slacktrail_core::error::ErrorKind;

    use super::*;

    fn to_error(code: &str) -> Error {
        Error::deployment(
            ErrorKind::Reconfigure,
            code,
            "creating secret `slacktrail/acme`: no",
            "restore it; or else wait",
        )
    }

    /// Tries a call that fails so often with this code, and returns what came of it, how often it was made, and the seconds waited.
    async fn tried(failures: usize, code: &str) -> (Result<(), CliError>, usize, u64) {
        let (calls, waited) = (Cell::new(0), RefCell::new(0));
        let call = async || {
            calls.set(calls.get() + 1);
            if calls.get() > failures { Ok(()) } else { Err(to_error(code)) }
        };
        let done = wait_out_with(call, async |pause: Duration| *waited.borrow_mut() += pause.as_secs()).await;
        (done, calls.get(), waited.into_inner())
    }

    #[tokio::test]
    async fn deleted_secret_is_awaited_for_up_to_one_minute() {
        for code in [DELETION_IN_PROGRESS, SCHEDULED_FOR_DELETION] {
            for (failures, calls, seconds) in [(0, 1, 0), (1, 2, 1), (3, 4, 6), (9, 10, 60)] {
                let (done, made, waited) = tried(failures, code).await;
                assert!(done.is_ok(), "{code} {failures}");
                assert_eq!((made, waited), (calls, seconds), "{code} {failures}");
            }
            let (done, made, waited) = tried(99, code).await;
            assert!(done.is_err(), "{code}");
            assert_eq!((made, waited), (10, 60), "{code}");
        }
    }

    #[tokio::test]
    async fn other_errors_are_not_awaited() {
        let (done, made, waited) = tried(1, "access_denied").await;
        assert_eq!((done.unwrap_err().next_action(), made, waited), (Some("restore it; or else wait"), 1, 0));
    }

    #[tokio::test]
    async fn hint_after_one_minute_depends_on_cause() {
        let hint = async |code: &str| tried(99, code).await.0.unwrap_err().next_action().unwrap().to_owned();
        assert_eq!(hint(DELETION_IN_PROGRESS).await, "wait some minutes; then run the command again");
        assert_eq!(hint(SCHEDULED_FOR_DELETION).await, "restore it; then run the command again");
    }
}
