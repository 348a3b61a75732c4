//! `slacktrail doctor`: checks a deployment in its AWS account.
//!
//! [`checks`] lists the checks in order. Each check uses the [`facts`] that earlier checks found, and returns a [`verdict`]. A check
//! removes everything that it creates.

mod aws;
mod checks;
mod facts;
mod verdict;

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::aws::AwsArguments;
use crate::cli_error::CliError;
use crate::deployed::no_directory;
use crate::format;
use crate::interrupt;
use crate::outcome::Outcome;
use crate::terminal;
use crate::zone;
use checks::{CHECKS, web};
use facts::Facts;
use verdict::{CheckOutcome, Finding, Problem};

/// The key prefix of temporary objects, and the partition key of temporary table items.
const PROBE: &str = "slacktrail-doctor";
/// The timeout for one check, which can make many calls.
const CHECK_MAX: Duration = Duration::from_secs(300);
/// The width of the column for check names.
const NAME_COLUMNS: usize = 20;

/// Check the deployment in your AWS account
///
/// Checks every part of the deployment, and verifies that AWS rejects forbidden operations. Removes everything that it creates.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[arg(long = "dir", value_name = "DIR", hide = true, value_parser = no_directory("`doctor` checks only AWS: run `slacktrail status --dir DIR`"))]
    _dir: Option<Infallible>,
    #[command(flatten)]
    aws: AwsArguments,
}

const AFTER_HELP: &str = "\
Exit code: 1 if a check failed, otherwise 0. A check is skipped if it is inconclusive: a permission is missing, \
an earlier check failed, or no data exists yet.
For what each check verifies and which permissions it needs, see docs/operations.md.";

pub(crate) async fn run(args: Arguments) -> Result<Vec<Finding>, CliError> {
    let stack = args.aws.stack().ok_or_else(|| {
        CliError::new("no stack is specified: neither `--stack` nor `SLACKTRAIL_STACK` is set")
            .hint("set `SLACKTRAIL_STACK` to the name of the CloudFormation stack that `sam deploy` created")
    })?;
    let facts = Facts::new(&args.aws.sdk_config().await, stack.name, args.aws, web::client()?);
    run_checks(&facts, args.json).await
}

impl Outcome for Vec<Finding> {
    fn json(&self) -> impl Serialize {
        self
    }

    /// Prints the totals, because [`run_checks`] has printed the findings.
    fn print(&self) {
        terminal::print(&totals(self));
    }

    fn exit_code(&self) -> u8 {
        u8::from(self.iter().any(|finding| finding.outcome == CheckOutcome::Failed))
    }
}

/// Runs the checks in sequence. Prints each finding immediately, unless `json` is set.
///
/// Ctrl-C stops the command, but not during a check that may create something.
async fn run_checks(facts: &Facts, json: bool) -> Result<Vec<Finding>, CliError> {
    let mut interrupt = pin!(interrupt::ctrl_c());
    let mut findings = Vec::new();
    for check in &CHECKS {
        let running = async {
            tokio::time::timeout(CHECK_MAX, (check.run)(facts)).await.unwrap_or_else(|_| {
                let detail = format!("no result within {} seconds", CHECK_MAX.as_secs());
                Err(Problem::failed(detail, "check the network, and run the command again"))
            })
        };
        let finding = tokio::select! {
            biased;
            () = &mut interrupt, if !check.creates => {
                return Err(CliError::interrupted("interrupted: the remaining checks did not run"));
            }
            verdict = running => Finding::of(check.name, verdict),
        };
        if !json {
            terminal::print_painted(&zone::shown().message(&line(&finding, terminal::result_columns())), painted);
            terminal::check_output()?;
        }
        findings.push(finding);
    }
    Ok(findings)
}

/// Formats a finding as one line, and its hint as a second line, both wrapped at `width`. External text may contain line breaks, so they become
/// spaces.
fn line(finding: &Finding, width: Option<usize>) -> String {
    let Finding { check, outcome, detail, hint } = finding;
    let fitted = |text: &str, indent: usize| terminal::wrapped(text, &" ".repeat(indent), width.unwrap_or(usize::MAX));
    let head = format!("{}  {check:NAME_COLUMNS$}  ", outcome.label());
    let mut text = head.clone() + fitted(detail, head.len()).trim_start();
    if let Some(hint) = hint {
        text.push_str(&format!("\n{}", fitted(&format!("hint: {hint}"), 0)));
    }
    text
}

/// Colors the outcome and the word `hint`.
fn painted(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    let color = match word {
        "passed" => 32,
        "failed" => 31,
        _ => 33,
    };
    let rest = text[word.len()..].replace("\nhint: ", "\n\x1b[1;36mhint\x1b[0m: ");
    format!("\x1b[{color}m{word}\x1b[0m{rest}")
}

fn totals(findings: &[Finding]) -> String {
    let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    format!(
        "{}: {} passed, {} failed, {} skipped",
        format::counted(findings.len() as u64, "check"),
        count(CheckOutcome::Passed),
        count(CheckOutcome::Failed),
        count(CheckOutcome::Skipped)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn check_names_are_unique_and_fit_column() {
        let names: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), CHECKS.len());
        assert!(names.iter().all(|name| name.len() <= NAME_COLUMNS), "{names:?}");
    }

    #[test]
    fn hint_has_own_line_and_detail_has_one_line() {
        let finding = Finding::of("stack", Err(Problem::failed("it is\nbroken", "deploy\nagain")));
        assert_eq!(line(&finding, None), "failed  stack                 it is broken\nhint: deploy again");
        let narrow = "failed  stack                 it is\n                              broken\nhint: deploy again";
        assert_eq!(line(&finding, Some(40)), narrow);
        let painted = painted(&line(&finding, None));
        assert!(painted.starts_with("\x1b[31mfailed\x1b[0m  stack"), "{painted}");
        assert!(painted.contains("\n\x1b[1;36mhint\x1b[0m: deploy"), "{painted}");
        assert_eq!(totals(&[finding]), "1 check: 0 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn operations_document_lists_every_check_in_order() {
        let document = include_str!("../../../docs/operations.md");
        let section = document.split("## Doctor\n").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(rows.collect::<Vec<_>>(), CHECKS.map(|check| check.name));
    }
}
