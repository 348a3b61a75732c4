//! The Slack plans, in one table.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::LogType;

/// The Slack plan of a source, which determines its logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Enterprise, with all three logs.
    Enterprise,
    /// Business+, with access and integration logs.
    Business,
    /// Pro, with access and integration logs.
    Pro,
}

/// A row of the table.
struct Row {
    name: &'static str,
    slack_names: &'static str,
    /// The accepted names, in lowercase and without spaces and `+-_`.
    spellings: &'static [&'static str],
    logs: &'static [LogType],
}

/// The logs of a workspace.
const OF_WORKSPACE: [LogType; 2] = [LogType::Access, LogType::Integration];

impl Plan {
    /// All plans, in the order of lists.
    pub const ALL: [Plan; 3] = [Plan::Enterprise, Plan::Business, Plan::Pro];

    fn row(self) -> Row {
        match self {
            Plan::Enterprise => Row {
                name: "enterprise",
                slack_names: "Enterprise: Enterprise+ or Enterprise Grid",
                spellings: &["enterprise", "enterpriseplus", "enterprisegrid", "grid"],
                logs: &LogType::ALL,
            },
            Plan::Business => Row {
                name: "business",
                slack_names: "Business+",
                spellings: &["business", "businessplus"],
                logs: &OF_WORKSPACE,
            },
            Plan::Pro => Row { name: "pro", slack_names: "Pro", spellings: &["pro"], logs: &OF_WORKSPACE },
        }
    }

    /// Returns the least plan of a token that belongs to an organization or to a workspace.
    pub fn of_token(is_organization: bool) -> Plan {
        if is_organization { Plan::Enterprise } else { Plan::Business }
    }

    /// Returns the name of the plan in commands and in the table.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns Slack's names of the plan.
    pub fn slack_names(self) -> &'static str {
        self.row().slack_names
    }

    /// Returns the logs that the plan includes.
    pub fn logs(self) -> &'static [LogType] {
        self.row().logs
    }
}

impl FromStr for Plan {
    type Err = &'static str;

    /// Parses a name of slacktrail or of Slack, such as `Business+` or `Enterprise Grid`. Ignores case, spaces and `+-_`.
    fn from_str(text: &str) -> Result<Plan, &'static str> {
        let letters = text.chars().filter(|c| !c.is_whitespace() && !"+-_".contains(*c));
        let letters = letters.collect::<String>().to_lowercase();
        let plan = Plan::ALL.into_iter().find(|plan| plan.row().spellings.contains(&letters.as_str()));
        plan.ok_or(match letters.as_str() {
            "free" => "Slack's free plan has no logs; use `enterprise`, `business` or `pro`",
            _ => "use `enterprise`, `business` or `pro`, or Slack's name for one of these plans",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_names_parse_as_slack_writes_them() {
        for (plan, names) in [
            (
                Plan::Enterprise,
                &["Enterprise", "ENTERPRISE+", "Enterprise +", "Enterprise Grid", " enterprise-grid", "Grid"][..],
            ),
            (Plan::Business, &["Business+", "BUSINESS +", "Business Plus", "business-plus"]),
            (Plan::Pro, &["Pro", " PRO "]),
        ] {
            for name in names.iter().copied().chain([plan.name()]) {
                assert_eq!(name.parse(), Ok(plan), "{name}");
            }
            assert_eq!(serde_json::to_value(plan).unwrap(), plan.name());
        }
        for name in ["", "+", "free", "Enterprises", "Professional"] {
            assert!(name.parse::<Plan>().unwrap_err().contains("`enterprise`, `business` or `pro`"), "{name}");
        }
    }
}
