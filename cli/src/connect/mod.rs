//! `slacktrail connect`: adds a source to the deployment, and gets Slack's authorization to read its logs.
//!
//! The command has two routes: [`token`] takes an existing user token, and [`wizard`] guides the user through Slack's OAuth. Both start with
//! the [`source`] to connect, and end with a [`report`] of what was verified. The wizard first sets up the [`app`] ([`new_app`]). Then it
//! installs the app ([`install`]): it shows the link, opens it in the [`browser`], and is [`waiting`] for the result.

mod app;
mod browser;
pub(crate) mod deletion;
mod install;
mod new_app;
mod public_url;
mod report;
mod source;
mod token;
mod waiting;
mod wizard;

use std::convert::Infallible;

use clap::Args;
use slacktrail_core::codes::Place;
use slacktrail_core::source::{LogType, Plan, SourceId};

use crate::aws::AwsArguments;
use crate::cli_error::CliError;
use crate::deployed::no_directory;
use crate::typed_time::{SilentAfter, Since};
use report::Connected;

/// Connect or reconnect a Slack workspace or organization
///
/// Guides you through creating and installing a Slack app. With --token-stdin, uses the user token of an app that is already
/// installed. Connecting an existing ID replaces its token: collection continues where it stopped, and all settings stay unless
/// you pass new ones.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Source ID in file names and commands: lowercase letters, digits and `-`
    id: SourceId,
    /// Display name, stored with each record
    #[arg(long, value_name = "LABEL", value_parser = crate::source::parse_label)]
    name: Option<String>,
    /// Slack plan: enterprise, business, pro, or Slack's own name such as "Business+"
    #[arg(long, value_name = "PLAN")]
    plan: Option<Plan>,
    /// Logs to collect, separated by commas: audit, access, integration [default: all logs of the plan]
    #[arg(long, value_name = "LOGS", value_delimiter = ',')]
    logs: Vec<LogType>,
    /// How far back to start: now, 12h, 7d, 2026-01-31 or all [default: 7d]
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Report a stream as silent after this long without a record: 24h, 3d or never [default: 24h]
    #[arg(long, value_name = "DURATION")]
    silent_after: Option<SilentAfter>,
    /// Use GovSlack
    #[arg(long)]
    gov: bool,
    /// Client ID of the Slack app [env: SLACK_CLIENT_ID]
    #[arg(long, value_name = "ID", conflicts_with = "token_stdin")]
    client_id: Option<String>,
    /// Read the app's client secret from standard input [env: SLACK_CLIENT_SECRET]
    #[arg(long, conflicts_with = "token_stdin")]
    client_secret_stdin: bool,
    /// Connect a workspace or organization even if another source already collects it
    #[arg(long)]
    force: bool,
    /// Use another Slack app than the stored one
    #[arg(long, conflicts_with = "token_stdin")]
    new_app: bool,
    /// Create the app with token rotation (cannot be turned off later)
    #[arg(long, conflicts_with = "token_stdin")]
    token_rotation: bool,
    /// Do not open a browser
    #[arg(long)]
    no_browser: bool,
    /// Read the app's user token from standard input instead of using Slack's OAuth
    #[arg(long)]
    token_stdin: bool,
    /// Print the source and the verification as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[arg(long = "dir", value_name = "DIR", hide = true, value_parser = no_directory("a directory stores no token: run `slacktrail pull --dir DIR` with the token in SLACK_TOKEN"))]
    _dir: Option<Infallible>,
    #[command(flatten)]
    pub(super) aws: AwsArguments,
}

const AFTER_HELP: &str = "\
Columns:
  log       log that is collected
  verified  result of a test read: the time of the newest
            record, or why the log cannot be read yet; the
            poller keeps trying

Exit code: 0 if the source is connected.";

pub(crate) async fn run(args: Arguments) -> Result<Connected, CliError> {
    let id = args.id.clone();
    let connected = if args.token_stdin { token::connect(&args).await } else { wizard::connect(args).await };
    connected.map_err(|error| error.shown_at(Place::Command, Some(&id)))
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

    /// Parses the arguments of a command line without quotes.
    pub(super) fn args(line: &str) -> Arguments {
        Line::parse_from(std::iter::once("connect").chain(line.split_whitespace())).args
    }
}
