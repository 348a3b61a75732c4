//! Waits until AWS has deleted the secret of a source that was just disconnected. AWS deletes it in the background. Until then, no secret
//! with that name can be created.

use std::time::Duration;

use slacktrail_adapters::aws::{DELETION_IN_PROGRESS, SCHEDULED_FOR_DELETION};
use slacktrail_core::codes::Place;
use slacktrail_core::error::Error;
use slacktrail_core::source::SourceId;

use crate::cli_error::CliError;
use crate::progress::ProgressLine;

/// The seconds between tries, one minute in total.
const PAUSES_SECONDS: [u64; 9] = [1, 2, 3, 4, 10, 10, 10, 10, 10];

/// Repeats a call until the secret of `source` is no longer being deleted, or one minute has passed.
///
/// # Errors
/// Returns the error of the last call.
pub(super) async fn wait_out<T>(source: &SourceId, call: impl AsyncFn() -> Result<T, Error>) -> Result<T, CliError> {
    let called = wait_out_with(call, async |pause| tokio::time::sleep(pause).await).await;
    called.map_err(|error| CliError::at(Place::Command, Some(source), &error))
}

async fn wait_out_with<T>(call: impl AsyncFn() -> Result<T, Error>, pause: impl AsyncFn(Duration)) -> Result<T, Error> {
    let mut line: Option<ProgressLine> = None;
    let mut seconds_left: u64 = PAUSES_SECONDS.iter().sum();
    for seconds in PAUSES_SECONDS {
        match call().await {
            Err(error) if is_being_deleted(&error) => {
                line.get_or_insert_with(|| ProgressLine::new(None)).show_step(
                    &format!("waiting for AWS to delete the previous secret ({seconds_left} s left)"),
                    "deletion",
                    "waiting up to a minute for AWS to delete the previous secret",
                );
                pause(Duration::from_secs(seconds)).await;
                seconds_left -= seconds;
            }
            result => return result,
        }
    }
    drop(line);
    call().await
}

/// Returns `true` if a secret cannot be used because it is being deleted, now or at the end of a recovery window.
pub(crate) fn is_being_deleted(error: &Error) -> bool {
    [DELETION_IN_PROGRESS, SCHEDULED_FOR_DELETION].contains(&error.code.as_str())
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    fn to_error(code: &str) -> Error {
        Error::deployment(code, "creating secret `slacktrail/acme`: no")
    }

    /// Makes a call that fails `failures` times with `code`. Returns the result, the number of calls, and the seconds waited.
    async fn tried(failures: usize, code: &str) -> (Result<(), Error>, usize, u64) {
        let (calls, waited) = (Cell::new(0), RefCell::new(0));
        let call = async || {
            calls.set(calls.get() + 1);
            if calls.get() > failures { Ok(()) } else { Err(to_error(code)) }
        };
        let pause = async |pause: Duration| *waited.borrow_mut() += pause.as_secs();
        let result = wait_out_with(call, pause).await;
        (result, calls.get(), waited.into_inner())
    }

    #[tokio::test]
    async fn deleted_secret_is_awaited_for_up_to_one_minute() {
        for code in [DELETION_IN_PROGRESS, SCHEDULED_FOR_DELETION] {
            for (failures, calls, seconds) in [(0, 1, 0), (1, 2, 1), (3, 4, 6), (9, 10, 60)] {
                let (result, made, waited) = tried(failures, code).await;
                assert!(result.is_ok(), "{code} {failures}");
                assert_eq!((made, waited), (calls, seconds), "{code} {failures}");
            }
            let (result, made, waited) = tried(99, code).await;
            assert!(result.is_err(), "{code}");
            assert_eq!((made, waited), (10, 60), "{code}");
        }
    }

    #[tokio::test]
    async fn other_errors_are_not_awaited() {
        let (result, made, waited) = tried(1, "access_denied").await;
        assert_eq!((result.unwrap_err().code.as_str(), made, waited), ("access_denied", 1, 0));
    }
}
