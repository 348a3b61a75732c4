//! `slacktrail demo`: runs the real collector against a simulated Slack, and checks that each record is stored exactly once.

mod check;
mod organization;
mod time;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_core::source::{LogType, Plan, Source, StreamId};
use slacktrail_core::time::Second;
use slacktrail_ports::secret::Token;
use slacktrail_ports::sources;

use crate::cli_error::CliError;
use crate::outcome::Outcome;
use crate::run::{Display, Run, Tick, Total, Totals, Until};
use crate::{format, state, terminal};
use check::{Checked, Verdict};
use organization::Organization;
use time::{Immediate, Live, SimulatedTime};

/// Collect from a simulated Slack with injected faults, then check the result (no account, no network)
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// New or empty directory to store the logs in [default: ./logs/demo-1, ./logs/demo-2, ...]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Seconds to collect for (one second is a minute of simulated time)
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = parse_seconds)]
    seconds: u32,
    /// Print the result as JSON, and everything else to standard error
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER_HELP: &str = "\
Columns:
  records, objects, size  stored by the demo (compressed)
  gaps                    ranges that are not collected yet
  lag                     age of the newest time up to which
                          all is stored, at the end
  state                   see `slacktrail status --help`

Counts below the table, and their names in JSON:
  compared           records that the simulated Slack
                     returned (`slack_records`)
  stored objects     files that were read back (`objects`)
  missing            records that are in no line
  duplicate          further lines of a record
                     (`duplicates`)
  unexpected         lines that Slack did not return
  in the wrong file  lines in a file of another day
                     (`wrong_day`)
  missing objects    numbers that a day log skips
                     (`missing_objects`)

With --json, the result is one object: `directory`, `exact`, these counts, `late` (records that came late), `late_seconds_max` (the \
longest delay), `newest_file`, and `streams`, with the fields of `pull --json`.

Exit code: 0 if each record is in exactly one line, in the right file, and all streams are ok.";

fn parse_seconds(text: &str) -> Result<u32, &'static str> {
    text.parse().ok().filter(|seconds| (5..=600).contains(seconds)).ok_or("expected a number from 5 to 600")
}

const INTRODUCTION_COLUMNS_MAX: usize = 76;

/// The source ID in the file names.
const SOURCE: &str = "acme";

/// What was collected, and how it compares with the simulated Slack.
pub(crate) struct Demonstrated {
    totals: Totals,
    checked: Checked,
    directory: PathBuf,
}

/// Runs the demo. It succeeds if all streams are ok and the stored records are exactly those of the simulated Slack.
pub(crate) async fn run(args: Arguments) -> Result<Demonstrated, CliError> {
    let directory = fresh_directory(args.dir)?;
    let time = Arc::new(SimulatedTime::with_activity_of(args.seconds));
    let width = terminal::columns().min(INTRODUCTION_COLUMNS_MAX);
    let introduction = terminal::wrapped(organization::INTRODUCTION, "", width);
    if args.json {
        terminal::note(&introduction);
    } else {
        terminal::print(&format!("{introduction}\n"));
        terminal::check_output()?;
    }
    let organization = Organization::start(Arc::clone(&time)).await?;

    let totals = collect(&organization, &time, &directory, args.seconds).await?;

    let checked = check::check(&directory, &organization.visible_rows(time.now())).await?;
    organization.close().await;
    Ok(Demonstrated { totals, checked, directory })
}

/// The result, as printed with `--json`.
#[derive(Debug, Serialize)]
struct DemonstratedJson<'a> {
    directory: String,
    /// Whether each record is in exactly one line, in the right file.
    exact: bool,
    #[serde(flatten)]
    verdict: &'a Verdict,
    /// The number of records that came late.
    late: u64,
    late_seconds_max: i64,
    newest_file: Option<String>,
    streams: &'a [Total],
}

impl Demonstrated {
    /// Returns the number of records that came late, and the longest delay in seconds.
    fn lateness(&self) -> (u64, i64) {
        let counts = || self.totals.streams().iter().map(|total| total.counts);
        (counts().map(|counts| counts.late).sum(), counts().map(|counts| counts.late_seconds_max).max().unwrap_or(0))
    }
}

impl Outcome for Demonstrated {
    fn json(&self) -> impl Serialize {
        let (late, late_seconds_max) = self.lateness();
        DemonstratedJson {
            directory: self.directory.display().to_string(),
            exact: self.checked.verdict.is_exact(),
            verdict: &self.checked.verdict,
            late,
            late_seconds_max,
            newest_file: self.checked.newest.as_deref().map(|file| file.display().to_string()),
            streams: self.totals.streams(),
        }
    }

    fn print(&self) {
        let Demonstrated { totals, checked, directory } = self;
        terminal::print(&totals.table());
        let (late, latest) = self.lateness();
        let (late, time) = (
            format::counted_as(late, "record came late and was", "records came late and were"),
            if late == 1 { "its time" } else { "their time" },
        );
        let sentence = format!("{late} stored up to {} after {time}.", format::duration(latest));
        let verdict = checked.verdict.to_string();
        for lines in [&sentence, &verdict] {
            terminal::print("");
            lines.lines().for_each(|line| terminal::print(&terminal::wrapped(line, "", terminal::columns())));
        }
        terminal::print("");
        for (log, line) in &checked.samples {
            terminal::print(&terminal::shorten(&format!("{log}: {line}"), terminal::columns()));
        }
        terminal::print(&format!("\nThe files are in {}. To view one:", directory.display()));
        if let Some(newest) = &checked.newest {
            terminal::print(&format!(
                "    gzip -dc {} | head -1 | python3 -m json.tool",
                terminal::shell_word(&newest.display().to_string())
            ));
        }
    }

    fn problems(&self) -> Vec<CliError> {
        problem(self.checked.verdict.is_exact(), self.totals.streams()).into_iter().collect()
    }

    fn exit_code(&self) -> u8 {
        u8::from(!self.problems().is_empty())
    }
}

/// Collects as in production, with one tick per simulated minute, and then collects the late records.
async fn collect(
    organization: &Organization,
    time: &Arc<SimulatedTime>,
    directory: &Path,
    seconds: u32,
) -> Result<Totals, CliError> {
    let source = source(time);
    sources::put(&DirectoryDeployment::new(directory), &source).await?;
    let slack = SlackHttp::new(&organization.server.api_url(), &organization.server.audit_url())?;
    let token = Token::new(organization::TOKEN).expect("the token is valid");
    let streams = LogType::ALL.map(|log| StreamId { source: source.id.clone(), log });
    let mut run = Run::new(slack, directory, token, &streams, Display::Progress);
    let next = async |_: &Tick<'_>| Ok(ControlFlow::Continue(()));

    run.go(&Live::new(Arc::clone(time), seconds), Until::Stopped, next).await?;
    organization.stop_activity();
    time.skip_to(organization.all_visible_at());
    run.go(&Immediate::new(Arc::clone(time)), Until::CaughtUp, next).await?;
    // Records that are later than the overlap of a tick are found by the hourly re-read, so skip an hour.
    time.skip_to_present();
    run.go(&Immediate::new(Arc::clone(time)), Until::CaughtUp, next).await?;
    Ok(run.finish())
}

fn source(time: &SimulatedTime) -> Source {
    let (id, since) = (SOURCE.parse().expect("the ID is valid"), Second::of(time.history_start()));
    Source {
        organization: true,
        connected_at: Second::of(time.now()),
        ..Source::new(id, "Acme (simulated)", Plan::Enterprise, since)
    }
}

/// Returns the given directory if it is empty or does not exist. Without one, returns the first `./logs/demo-<n>` that does not exist.
fn fresh_directory(given: Option<PathBuf>) -> Result<PathBuf, CliError> {
    let Some(directory) = given else {
        let fresh = (1..).map(|number| Path::new("logs").join(format!("demo-{number}"))).find(|path| !path.exists());
        return Ok(fresh.expect("some number is unused"));
    };
    match std::fs::read_dir(&directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(directory),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(directory),
        Ok(false) => Err(CliError::new(format!("`{}` is not empty", directory.display()))
            .hint("use a new directory, because the demo compares everything in it")),
        Err(error) => Err(CliError::new(format!("`{}` cannot be read", directory.display()))
            .with_source(error)
            .hint("use a new directory")),
    }
}

/// Returns the first problem: records that differ, or a stream that is not ok.
fn problem(is_exact: bool, streams: &[Total]) -> Option<CliError> {
    let error = match streams.iter().find(|total| !total.is_ok()) {
        _ if !is_exact => CliError::new("the stored records are not exactly those of the simulated Slack"),
        None => return None,
        Some(Total { source, log, state, .. }) => {
            let state = state.map_or("not collected".to_owned(), state::label);
            CliError::new(format!("all records are stored, but the stream `{source}/{log}` is {state} at the end"))
        }
    };
    let error = error.hint("report this bug with the output above");
    Some(match streams.iter().find_map(|total| total.hint.clone()) {
        Some(hint) => error.with_source(hint),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use slacktrail_core::health::State;

    use super::*;

    #[test]
    fn problem_is_difference_or_stream_that_is_not_ok() {
        let stream = StreamId { source: SOURCE.parse().unwrap(), log: LogType::Audit };
        let totals = Totals::new(vec![stream]);
        let problem = |is_exact, state| {
            let total = Total { state: Some(state), ..totals.streams()[0].clone() };
            problem(is_exact, &[total]).map(|error| error.to_string())
        };
        let differs = "the stored records are not exactly those of the simulated Slack";
        let is_behind = "all records are stored, but the stream `acme/audit` is catching up at the end";
        assert_eq!(problem(true, State::Ok), None);
        assert_eq!(problem(true, State::CatchingUp).as_deref(), Some(is_behind));
        assert_eq!(problem(false, State::Ok).as_deref(), Some(differs));
        assert_eq!(problem(false, State::CatchingUp).as_deref(), Some(differs));
    }

    #[cfg(unix)]
    #[test]
    fn json_shows_directory_whose_name_is_not_utf8() {
        use std::os::unix::ffi::OsStrExt;

        let directory = PathBuf::from(std::ffi::OsStr::from_bytes(b"d\xff"));
        let checked = Checked { newest: Some(directory.join("f.gz")), ..Checked::default() };
        let demonstrated = Demonstrated { totals: Totals::new(Vec::new()), checked, directory };
        let json = terminal::json_text(&demonstrated.json());
        assert!(json.contains("\"d\u{fffd}\"") && json.contains("\"d\u{fffd}/f.gz\""), "{json}");
    }

    #[test]
    fn seconds_outside_range_are_rejected_with_range() {
        assert_eq!(["5", "600"].map(parse_seconds), [Ok(5), Ok(600)]);
        for text in ["4", "601", "-1", "x", ""] {
            assert_eq!(parse_seconds(text), Err("expected a number from 5 to 600"), "{text}");
        }
    }
}
