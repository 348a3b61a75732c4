//! The result of a check, and its line in the report.

use serde::Serialize;

use slacktrail_core::codes::Place;

use crate::cli_error::chain;

/// The result of a check: the detail of a passed check, or the reason why it did not pass.
pub(super) type Verdict = Result<String, Problem>;

/// The reason why a check did not pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Problem {
    pub(super) outcome: CheckOutcome,
    pub(super) detail: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    /// Creates a failure with a hint: the deployment does not meet the check.
    pub(super) fn failed(detail: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem { outcome: CheckOutcome::Failed, detail: detail.into(), hint: Some(hint.into()) }
    }

    /// Creates a skip with its reason: the check is inconclusive.
    pub(super) fn skipped(reason: impl Into<String>) -> Problem {
        Problem { outcome: CheckOutcome::Skipped, detail: reason.into(), hint: None }
    }

    /// Creates a skip with its reason, and with a hint that makes the check possible.
    pub(super) fn skipped_until(reason: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem { hint: Some(hint.into()), ..Problem::skipped(reason) }
    }
}

impl From<slacktrail_core::error::Error> for Problem {
    fn from(error: slacktrail_core::error::Error) -> Problem {
        let is_denied = error.code == "access_denied";
        let (detail, hint) = (chain(&error), error.hint(Place::Command, None));
        if is_denied { Problem::skipped_until(detail, hint) } else { Problem::failed(detail, hint) }
    }
}

/// Returns `Ok` if `holds`, otherwise a failure.
pub(super) fn ensure(holds: bool, detail: impl Into<String>, hint: impl Into<String>) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::failed(detail, hint)) }
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CheckOutcome {
    Passed,
    Failed,
    Skipped,
}

impl CheckOutcome {
    /// Returns the label that the report shows.
    pub(super) fn label(self) -> &'static str {
        match self {
            CheckOutcome::Passed => "passed",
            CheckOutcome::Failed => "failed",
            CheckOutcome::Skipped => "skipped",
        }
    }
}

/// One entry of the report. Scripts rely on the field names.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Finding {
    pub(super) check: &'static str,
    pub(super) outcome: CheckOutcome,
    pub(super) detail: String,
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn of(check: &'static str, verdict: Verdict) -> Finding {
        let Problem { outcome, detail, hint } = verdict
            .map_or_else(|problem| problem, |detail| Problem { outcome: CheckOutcome::Passed, detail, hint: None });
        Finding { check, outcome, detail, hint }
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::error::Error;

    use super::*;

    #[test]
    fn denied_permission_skips_check_and_other_error_fails_it() {
        let to_error = |code| Error::deployment(code, "reading table `t` failed");
        let denied = Problem::from(to_error("access_denied"));
        assert_eq!((denied.outcome, denied.detail.as_str()), (CheckOutcome::Skipped, "reading table `t` failed"));
        assert!(denied.hint.unwrap().starts_with("allow the needed permissions"));
        assert_eq!(Problem::from(to_error("no_tls")).outcome, CheckOutcome::Failed);
    }
}
