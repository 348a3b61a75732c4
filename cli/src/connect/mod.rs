//! `slacktrail connect`: gives the deployment a source, and Slack's consent to read its logs.
//!
//! There are two routes: [`token`] takes a user token that somebody has, and [`wizard`] leads through Slack's OAuth. Both begin with
//! the [`source`] that is meant and end with a [`report`] of what was verified. On the wizard's way are the [`app`] and how it is made
//! ([`new_app`]); then its installation ([`install`]): the [`link`], the [`browser`] that opens it, and [`waiting`] for what comes of it.

mod app;
mod browser;
pub(crate) mod deletion;
mod install;
mod link;
mod new_app;
mod public_url;
mod report;
mod silent_after;
mod source;
mod standard_input;
mod token;
mod waiting;
mod wizard;

use std::process::ExitCode;

use clap::Args;
use slacktrail_core::source::{LogType, Plan, SourceId};

use crate::cli_error::CliError;
use crate::logs;
use crate::since::Since;
use silent_after::SilentAfter;

/// Connect a Slack workspace or organization, or connect it again
///
/// Leads through making a Slack app and installing it; with `--token-stdin` it takes the user token of an app that is installed
/// already. Connecting an id that exists replaces its token: it goes on where it stopped, and keeps what is not given anew.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The source's id in file names and commands: lower case letters, digits and `-`
    id: SourceId,
    /// Its name for people, stored with each record
    #[arg(long, value_name = "LABEL")]
    name: Option<String>,
    /// The Slack plan that it is on: enterprise, business, pro, or Slack's own name such as "Business+"
    #[arg(long, value_name = "PLAN", value_parser = logs::parse_plan)]
    plan: Option<Plan>,
    /// The logs to collect: audit, access, integration, separated by commas [default: all that the plan has]
    #[arg(long, value_name = "LOGS", value_delimiter = ',')]
    logs: Vec<LogType>,
    /// How far back to begin: now, 12h, 7d, 2026-01-31 or all [default: 7d]
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Report a stream as silent after this long without a record: 24h, 3d or never [default: 24h]
    #[arg(long, value_name = "TIME")]
    silent_after: Option<SilentAfter>,
    /// It is on GovSlack
    #[arg(long)]
    gov: bool,
    /// The client id of the Slack app [or SLACK_CLIENT_ID]
    #[arg(long, value_name = "ID", conflicts_with = "token_stdin")]
    client_id: Option<String>,
    /// Read the app's client secret from standard input [or SLACK_CLIENT_SECRET]
    #[arg(long, conflicts_with = "token_stdin")]
    client_secret_stdin: bool,
    /// Enter another Slack app than the one that is stored
    #[arg(long, conflicts_with = "token_stdin")]
    new_app: bool,
    /// Create the app with token rotation (cannot be turned off later)
    #[arg(long, conflicts_with = "token_stdin")]
    token_rotation: bool,
    /// Open no browser
    #[arg(long)]
    no_browser: bool,
    /// Read the app's user token from standard input, and skip Slack's OAuth
    #[arg(long)]
    token_stdin: bool,
    /// Print the source and what was verified as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: Arguments) -> Result<ExitCode, CliError> {
    if args.token_stdin { token::connect(&args).await } else { wizard::connect(args).await }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Arguments;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Arguments,
    }

    /// The arguments of a command line without quotes.
    pub(super) fn args(line: &str) -> Arguments {
        Line::parse_from(std::iter::once("connect").chain(line.split_whitespace())).args
    }
}
