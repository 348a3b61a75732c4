//! The commands, as they are typed. What a command takes is defined beside what it does.

use clap::{Parser, Subcommand};

use crate::{backfill, connect, demo, disconnect, doctor, pause, pull, sources, status, verify};

/// Collects Slack's security logs exactly once: into your own S3 bucket, or into a directory of this machine.
#[derive(Debug, Parser)]
#[command(name = "slacktrail", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Connect(connect::Arguments),
    Sources(sources::Arguments),
    Status(status::Arguments),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Disconnect(disconnect::Arguments),
    Backfill(backfill::Arguments),
    Verify(verify::Arguments),
    Doctor(doctor::Arguments),
    Pull(pull::Arguments),
    Demo(demo::Arguments),
}

const AFTER_HELP: &str = "\
Environment:
  SLACKTRAIL_STACK    the CloudFormation stack to work on; or instead of it:
  SLACKTRAIL_BUCKET, SLACKTRAIL_TABLE, SECRET_PREFIX, and for `connect` SLACKTRAIL_URL
  AWS_REGION, or else AWS_DEFAULT_REGION            the region; `sam deploy` reads the second only
  AWS_PROFILE, ...                                  as for every AWS tool
  SLACK_TOKEN         the token that `pull` uses, and `verify --dir`
  SLACK_CLIENT_ID, SLACK_CLIENT_SECRET              the app's credentials that `connect` uses
  SLACK_API_URL, SLACK_AUDIT_URL                    instead of Slack's own
  NO_COLOR            no colours";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    /// Every `slacktrail ...` that a document shows on a line of its own.
    fn documented() -> Vec<&'static str> {
        let documents = [
            include_str!("../../README.md"),
            include_str!("../../docs/operations.md"),
            include_str!("../../docs/upgrade.md"),
            include_str!("../../docs/security.md"),
        ];
        let lines = documents.into_iter().flat_map(str::lines);
        let commands = lines.filter_map(|line| line.strip_prefix("    slacktrail "));
        commands.map(|line| line.split(['#', '<', '>', '|']).next().unwrap_or_default()).collect()
    }

    #[test]
    fn every_documented_command_parses() {
        assert!(documented().len() >= 12, "{:?}", documented());
        for line in documented() {
            let words = line.split_whitespace().map(|word| word.trim_matches('"'));
            if let Err(error) = Arguments::try_parse_from(std::iter::once("slacktrail").chain(words)) {
                panic!("slacktrail {line}: {error}");
            }
        }
    }

    #[test]
    fn no_flag_takes_token() {
        for command in Arguments::command().get_subcommands() {
            for argument in command.get_arguments() {
                let takes_value = argument.get_action().takes_values();
                assert!(!(takes_value && argument.get_id().as_str().contains("token")), "{argument:?}");
            }
        }
    }
}
