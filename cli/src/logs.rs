//! Selects the logs to collect on a plan, and parses plan names.

use slacktrail_core::source::{LogType, Plan};

use crate::cli_error::CliError;

/// Parses a plan name of the CLI or of Slack, such as `Business+` or `Enterprise Grid`. Ignores case, spaces and `+-_`.
///
/// # Errors
/// Returns an error that lists the plans if the name is unknown or the plan has no logs.
pub(crate) fn parse_plan(text: &str) -> Result<Plan, String> {
    let letters: String =
        text.chars().filter(|c| !c.is_whitespace() && !"+-_".contains(*c)).collect::<String>().to_lowercase();
    match letters.as_str() {
        "enterprise" | "enterpriseplus" | "enterprisegrid" | "grid" => Ok(Plan::Enterprise),
        "business" | "businessplus" => Ok(Plan::Business),
        "pro" => Ok(Plan::Pro),
        "free" => Err("Slack's free plan has no logs; use `enterprise`, `business` or `pro`".to_owned()),
        _ => Err("use `enterprise`, `business` or `pro`, or Slack's name for one of these plans".to_owned()),
    }
}

/// Returns the name of a plan in the CLI.
pub(crate) fn plan_name(plan: Plan) -> &'static str {
    match plan {
        Plan::Enterprise => "enterprise",
        Plan::Business => "business",
        Plan::Pro => "pro",
    }
}

/// Returns the logs to collect: the requested logs as [`in_order`] returns them, or all logs of the plan if none is requested.
///
/// # Errors
/// Returns an error if the plan does not have a requested log.
pub(crate) fn on_plan(plan: Plan, requested: &[LogType]) -> Result<Vec<LogType>, CliError> {
    if requested.is_empty() {
        return Ok(plan.logs().to_vec());
    }
    match requested.iter().find(|log| !plan.logs().contains(log)) {
        None => Ok(in_order(requested)),
        Some(log) => Err(CliError::new(format!("the plan `{}` has no `{log}` log", plan_name(plan)))
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
    fn plan_names_parse_as_slack_writes_them() {
        for (plan, names) in [
            (
                Plan::Enterprise,
                &[
                    "enterprise",
                    "Enterprise",
                    "ENTERPRISE+",
                    "Enterprise +",
                    "Enterprise Grid",
                    " enterprise-grid",
                    "Grid",
                ][..],
            ),
            (Plan::Business, &["business", "Business+", "BUSINESS +", "Business Plus", "business-plus"]),
            (Plan::Pro, &["pro", "Pro", " PRO "]),
        ] {
            for name in names {
                assert_eq!(parse_plan(name), Ok(plan), "{name}");
            }
        }
        for name in ["", "+", "free", "Enterprises", "Professional"] {
            assert!(parse_plan(name).unwrap_err().contains("`enterprise`, `business` or `pro`"), "{name}");
        }
    }

    #[test]
    fn log_missing_from_plan_is_rejected_with_available_logs() {
        let error = on_plan(Plan::Business, &[Access, Audit]).unwrap_err();
        assert_eq!(error.to_string(), "the plan `business` has no `audit` log");
        assert!(error.next_action().unwrap().contains("--logs access,integration"));
    }
}
