//! `slacktrail connect`: gives the deployment a source and its token.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use slacktrail_shared::aws::AwsEdges;
use slacktrail_shared::credentials::{self, Grant};
use slacktrail_shared::ports::DeploymentStore;
use slacktrail_shared::secret::Token;
use slacktrail_shared::source::{LogType, Plan, Source, SourceId};
use slacktrail_shared::time::Second;

use crate::failure::Failure;
use crate::identity::Identity;
use crate::logs::{self, PlanName};
use crate::since::Since;
use crate::sources::Listing;
use crate::terminal::{self, Level};
use crate::{aws, environment};

/// Connect a Slack workspace or organisation, or connect it again
///
/// Connecting an id that exists replaces its token. It goes on where it stopped, and keeps what is not given anew.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The source's id in file names and commands: lower case letters, digits and `-`
    id: SourceId,
    /// Its name for people, stored with each record
    #[arg(long, value_name = "LABEL")]
    name: Option<String>,
    /// The Slack plan that it is on
    #[arg(long)]
    plan: Option<PlanName>,
    /// The logs to collect [default: all that the plan has]
    #[arg(long, value_name = "LOGS", value_delimiter = ',')]
    logs: Vec<LogType>,
    /// How far back to begin: now, 12h, 7d, 2026-01-31 or all [default: 7d]
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// It is on GovSlack
    #[arg(long)]
    gov: bool,
    /// Read the app's user token from standard input
    #[arg(long)]
    token_stdin: bool,
    /// Print the source as JSON
    #[arg(long)]
    json: bool,
}

/// A token is shorter than this; more on standard input is something else.
const TOKEN_BYTES_MAX: u64 = 4 << 10;

/// Runs the command.
pub(crate) async fn run(asked: Arguments) -> Result<ExitCode, Failure> {
    if !asked.token_stdin {
        return Err(Failure::new("connecting needs the token of a Slack app").hint(format!(
            "in this version the way is `--token-stdin`: slacktrail connect {} ... --token-stdin < token.txt",
            asked.id
        )));
    }
    let now = Second::of(Timestamp::now());
    let slack = environment::slack()?;
    let token = read_token()?;
    let edges = aws::edges().await?;

    let mut stored = edges.deployment.load().await?;
    // One that cannot be read is connected anew, as its trouble says.
    let existing = stored.sources.remove(&asked.id).and_then(Result::ok);
    let mut source = merge(&asked, existing.clone(), now)?;
    let identity = Identity::ask(&slack, &source, &token, now).await.map_err(Failure::of_call)?;
    identity.check_logs(&source.logs)?;
    if let Some(existing) = &existing {
        identity.check_same_kind(existing)?;
    }
    source.organisation = identity.is_organisation();
    save(&edges, &source, &token).await?;

    if asked.since.is_some() && stored.cursors.keys().any(|stream| stream.source == source.id) {
        let message = "`--since` changes nothing for logs that are being collected already";
        terminal::complain(Level::Warning, &Failure::new(message).hint("connect under another id to begin earlier"));
    }
    report(&asked, &source, &identity, existing.is_some());
    Ok(ExitCode::SUCCESS)
}

/// The source that is meant: what is given, and else what was there before.
fn merge(asked: &Arguments, existing: Option<Source>, now: Second) -> Result<Source, Failure> {
    let since = asked.since.map(|since| since.resolve(now)).transpose()?;
    let plan = asked.plan.map(Plan::from);
    let source = match existing {
        Some(existing) => Source {
            label: asked.name.clone().unwrap_or(existing.label),
            plan: plan.unwrap_or(existing.plan),
            logs: if asked.logs.is_empty() { existing.logs } else { asked.logs.clone() },
            since: since.unwrap_or(existing.since),
            gov: existing.gov || asked.gov,
            connected_at: now,
            ..Source { label: String::new(), logs: Vec::new(), ..existing }
        },
        None => match (&asked.name, plan) {
            (Some(label), Some(plan)) => {
                let since = since.map_or_else(|| Since::DEFAULT.resolve(now), Ok)?;
                let source = Source::new(asked.id.clone(), label, plan, since);
                Source { logs: asked.logs.clone(), gov: asked.gov, connected_at: now, ..source }
            }
            (label, plan) => return Err(incomplete(&asked.id, label.is_some(), plan.is_some())),
        },
    };
    let logs = logs::on_plan(source.plan, &source.logs)?;
    Ok(Source { logs, ..source })
}

fn incomplete(id: &SourceId, has_label: bool, has_plan: bool) -> Failure {
    let missing = match (has_label, has_plan) {
        (false, false) => "`--name` and `--plan`",
        (false, true) => "`--name`",
        _ => "`--plan`",
    };
    Failure::new(format!("source `{id}` is new, and {missing} is missing")).hint(format!(
        "for example: slacktrail connect {id} --name \"Acme\" --plan enterprise --token-stdin < token.txt"
    ))
}

fn read_token() -> Result<Token, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::new("standard input is a terminal, which would show the token as it is typed")
            .hint("redirect a file or a pipe to it: `--token-stdin < token.txt`"));
    }
    let mut text = String::new();
    let read = stdin.take(TOKEN_BYTES_MAX).read_to_string(&mut text);
    // Neither the text nor an error about it is repeated.
    read.map_err(|_| {
        Failure::new("standard input holds no text that is a token").hint("give the token alone, as text")
    })?;
    Token::new(&text).map_err(|error| {
        Failure::new("standard input holds no Slack token").because(error).hint("give the app's user token alone")
    })
}

/// Stores the token first: a source without its token would be refused at its first tick.
async fn save(edges: &AwsEdges, source: &Source, token: &Token) -> Result<(), Failure> {
    let grant = Grant { token: token.clone(), renewal: None };
    credentials::update(&edges.credentials, &source.id, |known| Some(known.with_grant(grant.clone()))).await?;
    edges.deployment.save_source(source).await?;
    Ok(())
}

fn report(asked: &Arguments, source: &Source, identity: &Identity, again: bool) {
    if asked.json {
        return terminal::print_json(&Listing::of(source));
    }
    let again = if again { " again" } else { "" };
    let kind = if identity.is_organisation() { "organisation" } else { "workspace" };
    terminal::print(&format!("connected `{}`{again} to the {kind} {identity}", source.id));
    terminal::print(&format!("collecting {} since {}", logs::names(&source.logs, ", "), source.since));
    terminal::print("the next tick begins; `slacktrail status` shows how it goes");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        asked: Arguments,
    }

    fn asked(line: &str) -> Arguments {
        Line::parse_from(std::iter::once("connect").chain(line.split_whitespace())).asked
    }

    fn now() -> Second {
        Second::of("2026-11-22T17:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_new_source_collects_what_its_plan_has_for_a_week() {
        let source = merge(&asked("acme --name Acme --plan enterprise"), None, now()).unwrap();
        assert_eq!(source.logs, LogType::ALL);
        assert_eq!(source.since.to_string(), "2026-11-15T17:00:00Z");
        assert_eq!(source.connected_at, now());
    }

    #[test]
    fn a_new_source_needs_a_name_and_a_plan() {
        let failure = merge(&asked("acme --plan pro"), None, now()).unwrap_err();
        assert_eq!(failure.to_string(), "source `acme` is new, and `--name` is missing");
    }

    #[test]
    fn connecting_again_keeps_what_is_not_given_anew() {
        let first = merge(&asked("acme --name Acme --plan enterprise --logs audit,access"), None, now()).unwrap();
        let first = Source { paused: true, organisation: true, ..first };
        let again = merge(&asked("acme"), Some(first.clone()), now().plus(60)).unwrap();
        assert_eq!(again, Source { connected_at: now().plus(60), ..first.clone() });
        let changed = merge(&asked("acme --name B --logs audit --since now"), Some(first.clone()), now()).unwrap();
        assert_eq!(
            (changed.label.as_str(), changed.logs.as_slice(), changed.since),
            ("B", &[LogType::Audit][..], now())
        );
        assert!(merge(&asked("acme --plan pro"), Some(first), now()).unwrap_err().to_string().contains("`audit`"));
    }

    #[test]
    fn audit_logs_on_a_plan_without_them_are_refused() {
        let failure = merge(&asked("acme --name Acme --plan business --logs audit"), None, now()).unwrap_err();
        assert_eq!(failure.to_string(), "the plan `business` has no `audit` log");
    }
}
