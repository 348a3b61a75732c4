//! Which logs are collected: by what was asked for, by the plan, and by the kind of token.

use slacktrail_core::source::{LogType, Plan};

use crate::cli_error::CliError;

/// Reads a plan's name as a command takes it, or as Slack writes it: `Business+`, `Enterprise Grid`. Case, spaces and `+` do not count.
///
/// # Errors
/// Returns an error that lists the names if there is no such plan.
pub(crate) fn parse_plan(text: &str) -> Result<Plan, String> {
    let letters: String =
        text.chars().filter(|c| !c.is_whitespace() && !"+-_".contains(*c)).collect::<String>().to_lowercase();
    match letters.as_str() {
        "enterprise" | "enterpriseplus" | "enterprisegrid" | "grid" => Ok(Plan::Enterprise),
        "business" | "businessplus" => Ok(Plan::Business),
        "pro" => Ok(Plan::Pro),
        "free" => Err("Slack's free plan has no logs; use `enterprise`, `business` or `pro`".to_owned()),
        _ => Err("use `enterprise`, `business` or `pro`, or Slack's own name of one of these plans".to_owned()),
    }
}

/// The word for a plan in commands.
pub(crate) fn plan_name(plan: Plan) -> &'static str {
    match plan {
        Plan::Enterprise => "enterprise",
        Plan::Business => "business",
        Plan::Pro => "pro",
    }
}

/// The logs to collect on a plan: those asked for, each once and in the order of every listing, or else all it allows.
///
/// # Errors
/// When a log is asked for that the plan does not have.
pub(crate) fn on_plan(plan: Plan, requested: &[LogType]) -> Result<Vec<LogType>, CliError> {
    if requested.is_empty() {
        return Ok(plan.logs().to_vec());
    }
    match requested.iter().find(|log| !plan.logs().contains(log)) {
        None => Ok(in_order(requested)),
        Some(log) => Err(CliError::new(format!("the plan `{}` has no `{log}` log", plan_name(plan)))
            .hint(format!("ask for `--logs {}`; audit logs need `--plan enterprise`", names(plan.logs(), ",")))),
    }
}

/// The same logs, each once, in the order of every listing.
pub(crate) fn in_order(logs: &[LogType]) -> Vec<LogType> {
    LogType::ALL.into_iter().filter(|log| logs.contains(log)).collect()
}

/// Their names in one line.
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
