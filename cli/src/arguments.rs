//! The command line. The module of each command defines its arguments. Two commands that share a module have their help here.

use clap::{Parser, Subcommand};

use crate::{backfill, completions, connect, demo, disconnect, doctor, pause, pull, set, sources, status, verify};

/// Collect Slack's security logs exactly once, into your S3 bucket or a local directory
#[derive(Debug, Parser)]
#[command(name = "slacktrail", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Show times in the time zone of this machine (or of TZ), with their offset, instead of UTC. Days, JSON and reports stay in UTC
    #[arg(long, global = true)]
    pub(crate) local: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Connect(connect::Arguments),
    Sources(sources::Arguments),
    Status(status::Arguments),
    Set(set::Arguments),
    /// Stop collecting a source until you resume it
    ///
    /// Slack keeps its logs during the pause. After `slacktrail resume`, slacktrail collects the records of that time that Slack
    /// still returns. Pausing a paused source changes nothing.
    Pause(pause::Arguments),
    /// Resume a paused source
    ///
    /// Collection continues where it stopped and includes the records of the pause that Slack still returns. Resuming a source
    /// that is not paused changes nothing.
    Resume(pause::Arguments),
    Disconnect(disconnect::Arguments),
    Backfill(backfill::Arguments),
    Verify(verify::Arguments),
    Doctor(doctor::Arguments),
    Pull(pull::Arguments),
    Demo(demo::Arguments),
    Completions(completions::Arguments),
    #[command(hide = true)]
    Man(completions::ManArguments),
}

const AFTER_HELP: &str = "\
Environment (--stack, --profile and --region override it):
  SLACKTRAIL_STACK                      name of the CloudFormation stack
  SLACKTRAIL_BUCKET, SLACKTRAIL_TABLE,  override the outputs of the stack
  SECRET_PREFIX, SLACKTRAIL_URL         (only `connect` and `doctor` use the URL)
  AWS_REGION                            AWS region (`sam deploy` ignores it)
  AWS_DEFAULT_REGION                    AWS region if AWS_REGION is not set
  AWS_PROFILE, ...                      other settings of the AWS SDK
  SLACK_TOKEN                           user token, for `pull` and --dir
  SLACK_CLIENT_ID, SLACK_CLIENT_SECRET  app credentials for `connect`
  SLACK_API_URL, SLACK_AUDIT_URL        override the URLs of Slack
  TZ                                    time zone of --local, such as Europe/Berlin
  COLUMNS                               width of tables
  NO_COLOR                              disable colors";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    /// Returns each `slacktrail ...` command that the docs show on its own line.
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
    fn every_command_with_result_has_json() {
        for command in Arguments::command().get_subcommands() {
            let has_json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
            assert_eq!(has_json, !["completions", "man"].contains(&command.get_name()), "{}", command.get_name());
        }
    }

    /// The short descriptions of these flags differ, because a command says what they do there.
    const DESCRIBED_PER_COMMAND: [&str; 4] = ["dir", "force", "json", "log"];

    #[test]
    fn flag_has_same_meaning_and_value_in_every_command() {
        let mut flags = std::collections::BTreeMap::new();
        for command in Arguments::command().get_subcommands() {
            for flag in command.get_arguments().filter(|flag| !flag.is_hide_set()) {
                let Some(name) = flag.get_long() else { continue };
                let values: Vec<String> =
                    flag.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
                let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
                let verb = help.split([' ', ',']).take(2).collect::<Vec<_>>().join(" ");
                let verb = if DESCRIBED_PER_COMMAND.contains(&name) { String::new() } else { verb };
                let shape = (values, flag.get_value_delimiter(), verb);
                let first = flags.entry(name.to_owned()).or_insert_with(|| shape.clone());
                assert_eq!(*first, shape, "`--{name}` of `{}`", command.get_name());
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
