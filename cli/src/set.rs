//! `slacktrail set`: changes the settings of a source that need no authorization by Slack.

use clap::{ArgGroup, Args};
use serde::Serialize;
use slacktrail_adapters::sanitize::shown_line;
use slacktrail_core::source::{LogType, Source, SourceId};
use slacktrail_ports::sources;

use crate::cli_error::CliError;
use crate::deployed::{Location, in_directory};
use crate::outcome::Outcome;
use crate::sources::Listing;
use crate::typed_time::SilentAfter;
use crate::{logs, source};

const DAY_SECONDS: i64 = 86_400;

/// Change the settings of a source
///
/// Changes apply from the next tick on. The source needs no new token, so you can only remove logs, or add logs that its token can
/// read. `slacktrail connect` changes everything else.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("settings").required(true).multiple(true))]
pub(crate) struct Arguments {
    /// Source ID
    id: SourceId,
    /// Display name, stored with each record from now on
    #[arg(long, value_name = "LABEL", group = "settings", value_parser = source::parse_label)]
    name: Option<String>,
    /// Report a stream as silent after this long without a record: 24h, 3d or never
    #[arg(long, value_name = "DURATION", group = "settings")]
    silent_after: Option<SilentAfter>,
    /// Logs to collect, separated by commas: audit, access, integration. In a directory, `slacktrail pull --logs` selects them
    #[arg(long, value_name = "LOGS", value_delimiter = ',', group = "settings")]
    logs: Vec<LogType>,
    /// Print the source and the changes as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    location: Location,
}

/// The source afterwards, and what changed.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    #[serde(flatten)]
    source: Listing,
    changed: Vec<Change>,
}

/// A setting that changed, as text.
#[derive(Debug, Eq, PartialEq, Serialize)]
struct Change {
    setting: &'static str,
    before: String,
    after: String,
}

pub(crate) async fn run(args: Arguments) -> Result<Changed, CliError> {
    change(&args).await.map_err(|error| error.shown_at(args.location.place(), Some(&args.id)))
}

async fn change(args: &Arguments) -> Result<Changed, CliError> {
    if let (Some(directory), false) = (&args.location.dir, args.logs.is_empty()) {
        let pull = in_directory(&format!("pull {} --logs {}", args.id, logs::names(&args.logs, ",")), directory);
        return Err(CliError::invalid_argument(
            "`--logs` cannot be set in a directory, because each `pull` selects its logs",
        )
        .hint(format!("run `{pull}` to collect these logs")));
    }
    let deployed = args.location.open().await?;
    let before = deployed.find_connected(&args.id).await?;
    let after = apply(args, before.clone())?;
    let stored = sources::try_update(&deployed, &args.id, |present| {
        present.filter(|present| !present.disconnected).map(|present| apply(args, present)).transpose()
    });
    let after = stored.await?.unwrap_or(after);
    Ok(Changed { changed: changes(&before, &after), source: Listing::of(&after) })
}

/// Returns the source with the new settings.
fn apply(args: &Arguments, source: Source) -> Result<Source, CliError> {
    let logs = if args.logs.is_empty() { source.logs.clone() } else { logs::on_plan(source.plan, &args.logs)? };
    let has_scope = |log: &&LogType| source.logs.iter().any(|known| known.user_scope() == log.user_scope());
    if let Some(log) = logs.iter().find(|log| !has_scope(log)) {
        let message = format!("the token of source `{}` cannot read `{log}` logs", source.id);
        return Err(CliError::new(message).hint(format!(
            "run `slacktrail connect {} --logs {}` to grant the scope `{}`",
            source.id,
            logs::names(&logs, ","),
            log.user_scope()
        )));
    }
    let label = args.name.clone().unwrap_or(source.label);
    let silent_after_seconds = args.silent_after.map_or(source.silent_after_seconds, |silent_after| silent_after.0);
    Ok(Source { label, logs, silent_after_seconds, ..source })
}

fn changes(before: &Source, after: &Source) -> Vec<Change> {
    let settings = [
        ("name", before.label.clone(), after.label.clone()),
        ("silent_after", silent_after(before), silent_after(after)),
        ("logs", logs::names(&before.logs, ","), logs::names(&after.logs, ",")),
    ];
    let changed = settings.into_iter().filter(|(_, before, after)| before != after);
    changed.map(|(setting, before, after)| Change { setting, before, after }).collect()
}

/// Returns the time after which a stream is silent, in the form of `--silent-after`.
fn silent_after(source: &Source) -> String {
    match source.silent_after_seconds {
        None => "never".to_owned(),
        Some(seconds) if seconds > DAY_SECONDS && seconds % DAY_SECONDS == 0 => format!("{}d", seconds / DAY_SECONDS),
        Some(seconds) => format!("{}h", seconds / 3_600),
    }
}

impl Outcome for Changed {
    fn json(&self) -> impl Serialize {
        self
    }

    fn text(&self) -> String {
        let id = &self.source.id;
        if self.changed.is_empty() {
            return format!("`{id}` already has these settings");
        }
        // A name may contain line breaks, which could forge a line.
        let line = |Change { setting, before, after }: &Change| {
            let [before, after] = [before, after].map(|value| shown_line(value));
            format!("changed {} of `{id}`: {before} -> {after}", setting.replace('_', "-"))
        };
        self.changed.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    use super::*;
    use crate::cli_error::USAGE_CODE;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Arguments,
    }

    fn args(line: &str) -> Arguments {
        Line::parse_from(std::iter::once("set").chain(line.split_whitespace())).args
    }

    fn acme(logs: &[LogType]) -> Source {
        Source {
            logs: logs.to_vec(),
            ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::MARCH_2018)
        }
    }

    #[test]
    fn only_given_settings_change() {
        let before = acme(&LogType::ALL);
        let after = apply(&args("acme --silent-after never"), before.clone()).unwrap();
        assert_eq!(after, Source { silent_after_seconds: None, ..before.clone() });
        let change = Change { setting: "silent_after", before: "24h".to_owned(), after: "never".to_owned() };
        assert_eq!(changes(&before, &after), [change]);
        let after = apply(&args("acme --name B --logs integration,access"), before.clone()).unwrap();
        assert_eq!((after.label.as_str(), after.logs.as_slice()), ("B", &[LogType::Access, LogType::Integration][..]));
        assert_eq!(changes(&before, &after).len(), 2);
    }

    #[test]
    fn silent_after_is_shown_as_typed() {
        for typed in ["never", "1h", "24h", "36h", "3d"] {
            let after = apply(&args(&format!("acme --silent-after {typed}")), acme(&LogType::ALL)).unwrap();
            assert_eq!(silent_after(&after), typed);
        }
    }

    #[test]
    fn name_with_line_break_cannot_forge_line() {
        let before = acme(&LogType::ALL);
        let after = Source { label: "Acme\nchanged logs".to_owned(), ..before.clone() };
        let changed = Changed { changed: changes(&before, &after), source: Listing::of(&after) };
        assert_eq!(changed.text(), "changed name of `acme`: Acme -> Acme changed logs");
    }

    #[test]
    fn log_without_scope_requires_connect() {
        let error = apply(&args("acme --logs audit,access"), acme(&[LogType::Access])).unwrap_err();
        assert_eq!(error.to_string(), "the token of source `acme` cannot read `audit` logs");
        let hint = "run `slacktrail connect acme --logs audit,access` to grant the scope `auditlogs:read`";
        assert_eq!(error.next_action(), Some(hint));
        assert!(apply(&args("acme --logs access,integration"), acme(&[LogType::Access])).is_ok(), "the same scope");
    }

    #[test]
    fn blank_name_is_rejected() {
        let error = Line::try_parse_from(["set", "acme", "--name", " "]).err().unwrap().to_string();
        assert!(error.contains("expected the name that each record should contain"), "{error}");
    }

    #[tokio::test]
    async fn logs_in_directory_are_set_by_pull() {
        let error = change(&args("acme --logs audit,access --dir logs")).await.unwrap_err();
        assert_eq!(error.exit_code, Some(USAGE_CODE), "{error}");
        let hint = "run `slacktrail pull acme --logs audit,access --dir logs` to collect these logs";
        assert_eq!(error.next_action(), Some(hint));
    }

    #[test]
    fn at_least_one_setting_is_required() {
        assert!(Line::try_parse_from(["set", "acme"]).is_err());
    }
}
