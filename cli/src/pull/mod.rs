//! `slacktrail pull`: runs the collector with a local directory, without an AWS account.

mod tick_line;

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_connect::{ConnectedTenant, check_not_connected, first_source};
use slacktrail_core::codes::Place;
use slacktrail_core::source::{LogType, Plan, Source, SourceId, StreamId};
use slacktrail_core::time::Second;
use slacktrail_ports::DeploymentStore;
use slacktrail_ports::secret::Token;
use slacktrail_ports::sources;

use crate::cli_error::{CliError, Level};
use crate::deployed::in_directory;
use crate::environment::{self, now};
use crate::identity::Identity;
use crate::outcome::Outcome;
use crate::run::{Display, Pace, Run, Totals, Until, Wall};
use crate::typed_time::Since;
use crate::{directory, interrupt, logs, source, terminal};

/// Collect into a local directory, without an AWS account
///
/// Reads the token from SLACK_TOKEN. Run it again to continue where it stopped. No record is stored twice.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Source ID in file names and commands: lowercase letters, digits and `-` [default: slack]
    #[arg(value_name = "ID")]
    id: Option<SourceId>,
    /// Another form of the source ID
    #[arg(long, value_name = "ID", hide = true, conflicts_with = "id")]
    source: Option<SourceId>,
    /// Logs to collect, separated by commas: audit, access, integration [default: all that the token can read]
    #[arg(long, value_name = "LOGS", value_delimiter = ',')]
    logs: Vec<LogType>,
    /// Directory to store the logs in
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Display name of the source [default: its name in Slack]
    #[arg(long, value_name = "LABEL", value_parser = source::parse_label)]
    name: Option<String>,
    /// How far back to start: now, 12h, 7d, 2026-01-31 or all [default: 7d]
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Collect a workspace or organization even if another source in the directory already collects it
    #[arg(long)]
    force: bool,
    /// Use GovSlack
    #[arg(long)]
    gov: bool,
    /// Keep collecting every minute until Ctrl-C; in a pipe, print a line per tick
    #[arg(long)]
    follow: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER_HELP: &str = "\
Columns:
  records, objects, size  stored by this run (compressed)
  gaps                    ranges that are not collected yet
  lag                     age of the newest time up to which
                          all is stored, after this run
  state                   see `slacktrail status --help`

Exit code: 0 if everything that Slack returns is stored; with --follow, 0 after Ctrl-C.
With --follow and a standard output that is not a terminal, each tick prints one line, or one JSON object with --json: \
`time`, `error` and `streams`, with the fields of `pull --json` for this tick.";

/// The source ID if none is given.
const DEFAULT_ID: &str = "slack";

impl Arguments {
    fn id(&self) -> SourceId {
        let given = self.id.as_ref().or(self.source.as_ref()).cloned();
        given.unwrap_or_else(|| DEFAULT_ID.parse().expect("the ID is valid"))
    }

    /// Returns `true` if each tick prints a line, and the end of the run nothing.
    pub(crate) fn prints_ticks(&self) -> bool {
        self.follow && !std::io::stdout().is_terminal()
    }
}

/// The totals of a run.
pub(crate) struct Pulled {
    totals: Totals,
    is_complete: bool,
    is_stopped: bool,
    /// Whether each tick has printed a line.
    has_printed: bool,
}

/// Collects into the directory. The command succeeds if everything that Slack returns is stored, or with `--follow`, when the user stops it.
pub(crate) async fn run(args: Arguments) -> Result<Pulled, CliError> {
    pull(&args).await.map_err(|error| error.shown_at(Place::CommandWithToken, Some(&args.id())))
}

async fn pull(args: &Arguments) -> Result<Pulled, CliError> {
    let token = environment::token()?;
    let slack = environment::slack()?;
    let logs = prepare(args, &slack, &token).await?;

    let (pace, prints_ticks) = (Wall::new(), args.prints_ticks());
    let display = if prints_ticks { Display::Errors } else { Display::Progress };
    let streams: Vec<StreamId> = logs.iter().map(|log| StreamId { source: args.id(), log: *log }).collect();
    let mut run = Run::new(slack, &args.dir, token, &streams, display);
    let until = if args.follow { Until::Stopped } else { Until::CaughtUp };
    run.go(&pace, until, async |tick| {
        let is_read = !prints_ticks || tick_line::print(&streams, tick, args.json);
        Ok(if is_read { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })
    .await?;
    let totals = run.finish();
    Ok(Pulled {
        is_complete: args.follow || totals.is_ok(),
        totals,
        is_stopped: pace.is_stopped(),
        has_printed: prints_ticks,
    })
}

impl Outcome for Pulled {
    fn json(&self) -> impl Serialize {
        self.totals.streams()
    }

    fn print(&self) {
        if !self.has_printed {
            terminal::print(&self.totals.table());
        }
    }

    fn problems(&self) -> Vec<CliError> {
        let stopped = CliError::new("stopped before everything was collected").with_level(Level::Warning);
        let is_cut_off = self.is_stopped && !self.is_complete;
        is_cut_off.then(|| stopped.hint("run the same command again to continue")).into_iter().collect()
    }

    fn exit_code(&self) -> u8 {
        match (self.is_complete, self.is_stopped) {
            (true, _) => 0,
            (false, true) => interrupt::EXIT_CODE,
            (false, false) => 1,
        }
    }
}

/// Verifies the token and stores the source in the directory. Returns the logs of this run.
async fn prepare(args: &Arguments, slack: &SlackHttp, token: &Token) -> Result<Vec<LogType>, CliError> {
    let (id, now) = (args.id(), now());
    let since = args.since.map(|since| since.resolve(now)).transpose()?;
    directory::check_not_file(&args.dir)?;
    let deployment = DirectoryDeployment::new(&args.dir);
    let mut stored = deployment.load().await?;
    let existing = stored.sources.remove(&id).transpose()?;
    if existing.as_ref().is_some_and(|existing| existing.paused) {
        let resume = in_directory(&format!("resume {id}"), &args.dir);
        return Err(CliError::new(format!("source `{id}` is paused"))
            .hint(format!("run `{resume}` first; collection then continues where it stopped")));
    }
    if since.is_some() && stored.cursors.keys().any(|stream| stream.source == id) {
        let message = format!("`--since` has no effect on logs that `{}` already contains", args.dir.display());
        let backfill = in_directory(&format!("backfill {id} --log <log> --from <day> --to <day>"), &args.dir);
        terminal::warn(CliError::new(message).hint(format!("run `{backfill}` to collect earlier records")));
    }

    let gov = args.gov || existing.as_ref().is_some_and(|existing| existing.gov);
    let new = Source { gov, ..new_source(&id, now) };
    let identity = directory::identify(slack, token, &new, existing.as_ref(), &args.logs).await?;
    let logs = if args.logs.is_empty() { identity.logs().to_vec() } else { logs::in_order(&args.logs) };
    let has_new_log = logs.iter().any(|log| !stored.cursors.contains_key(&StreamId { source: id.clone(), log: *log }));
    let since = since.filter(|_| has_new_log);
    let change = Change { label: args.name.as_deref(), logs: &logs, since, new: &new, identity: &identity };
    let connect = |present: Option<Source>| {
        let source = change.apply(present);
        Source { connected_at: directory::connected_at(&source, &stored, now), ..source }
    };

    let is_collected = existing.as_ref().is_some_and(|existing| existing.tenant.is_some());
    if !args.force && !is_collected {
        let others = ConnectedTenant::of_others(stored.sources.values().flatten(), &id);
        let (source, tenant, organization_id) = (change.apply(existing), identity.tenant(), identity.organization_id());
        check_not_connected(&source, &tenant, organization_id, &others).map_err(|error| {
            let first = first_source(&source, &tenant, organization_id, &others);
            let first = first.map_or(&id, |first| &first.source);
            let pull = in_directory(&format!("pull {first}"), &args.dir);
            CliError::new(error.message)
                .hint(format!("run `{pull}` to continue that source; to store the same records twice, add `--force`"))
        })?;
    }
    let has_tenant = |present: &Source| present.tenant.as_ref().is_none_or(|was| was.id == identity.tenant().id);
    let saved =
        sources::update(&deployment, &id, |present| present.as_ref().is_none_or(has_tenant).then(|| connect(present)));
    if saved.await?.is_none() {
        let message = format!("another process bound source `{id}` to another workspace or organization");
        return Err(CliError::new(message).hint("use another directory, or another source ID"));
    }
    Ok(logs)
}

/// What a run sets of its source.
struct Change<'a> {
    label: Option<&'a str>,
    logs: &'a [LogType],
    since: Option<Second>,
    /// The source to store if none is stored yet.
    new: &'a Source,
    identity: &'a Identity,
}

impl Change<'_> {
    /// Applies the change to the source that is stored now. Another process may have stored it since this run has loaded it, for example with
    /// other logs, so everything that the run does not set stays.
    fn apply(&self, present: Option<Source>) -> Source {
        let team = Some(self.identity.team.as_str()).filter(|team| !team.is_empty());
        let label = self.label.or(team.filter(|_| present.is_none())).map(str::to_owned);
        let mut source = present.unwrap_or_else(|| self.new.clone());
        source.label = label.unwrap_or(source.label);
        source.plan = Plan::of_token(self.identity.is_organization());
        source.logs = logs::in_order(&[source.logs.as_slice(), self.logs].concat());
        source.since = self.since.unwrap_or(source.since);
        source.gov = self.new.gov;
        source.organization = self.identity.is_organization();
        source.tenant = Some(self.identity.tenant());
        source
    }
}

fn new_source(id: &SourceId, now: Second) -> Source {
    Source {
        logs: Vec::new(),
        connected_at: now,
        ..Source::new(id.clone(), id.to_string(), Plan::Business, Since::DEFAULT.resolve(now).unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_that_start_together_keep_each_others_logs_and_settings() {
        let now = Second::MARCH_2018.plus(86_400);
        let identity = serde_json::from_str(r#"{"team":"Acme","team_id":"E1","is_enterprise_install":true}"#).unwrap();
        let new = new_source(&"slack".parse().unwrap(), now);
        let run =
            |log: &'static [LogType]| Change { label: None, logs: log, since: None, new: &new, identity: &identity };
        let first = run(&[LogType::Audit]).apply(None);
        assert_eq!((first.label.as_str(), &first.logs[..]), ("Acme", &[LogType::Audit][..]));
        let set = Source { label: "Acme Inc".to_owned(), silent_after_seconds: Some(7), paused: true, ..first };
        let both = run(&[LogType::Access]).apply(Some(set.clone()));
        assert_eq!(both, Source { logs: vec![LogType::Audit, LogType::Access], ..set });
        let renamed = Change { label: Some("Other"), since: Some(now), ..run(&[LogType::Access]) };
        assert_eq!(renamed.apply(Some(both.clone())), Source { label: "Other".to_owned(), since: now, ..both });
    }
}
