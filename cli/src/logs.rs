//! Selects the logs to collect on a plan.

use slacktrail_core::source::{LogType, Plan};

use crate::cli_error::CliError;

/// Returns the logs to collect: the requested logs as [`in_order`] returns them, or all logs of the plan if none is requested.
pub(crate) fn on_plan(plan: Plan, requested: &[LogType]) -> Result<Vec<LogType>, CliError> {
    if requested.is_empty() {
        return Ok(plan.logs().to_vec());
    }
    match requested.iter().find(|log| !plan.logs().contains(log)) {
        None => Ok(in_order(requested)),
        Some(log) => Err(CliError::new(format!("the plan `{}` has no `{log}` log", plan.name()))
            .hint(format!("use `--logs {}` (audit logs require `--plan enterprise`)", names(plan.logs(), ",")))),
    }
}

/// Returns `logs` without duplicates, in the order of [`LogType::ALL`].
pub(crate) fn in_order(logs: &[LogType]) -> Vec<LogType> {
    LogType::ALL.into_iter().filter(|log| logs.contains(log)).collect()
}

/// Returns the names of `logs`, joined by `separator`.
pub(crate) fn names(logs: &[LogType], separator: &str) -> String {
    logs.iter().map(|log| log.name()).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use LogType::{Access, Audit, Integration};

    use super::*;

    #[test]
    fn plan_selects_its_logs_and_duplicate_logs_are_ignored() {
        assert_eq!(on_plan(Plan::Enterprise, &[]).unwrap(), [Audit, Access, Integration]);
        assert_eq!(on_plan(Plan::Pro, &[]).unwrap(), [Access, Integration]);
        assert_eq!(on_plan(Plan::Enterprise, &[Integration, Audit, Integration]).unwrap(), [Audit, Integration]);
    }

    #[test]
    fn log_missing_from_plan_is_rejected_with_available_logs() {
        let error = on_plan(Plan::Business, &[Access, Audit]).unwrap_err();
        assert_eq!(error.to_string(), "the plan `business` has no `audit` log");
        assert!(error.next_action().unwrap().contains("--logs access,integration"));
    }
}
