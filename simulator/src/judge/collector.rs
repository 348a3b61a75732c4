//! The description of a collector: a TOML file that says how to start it, and where and how it writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use slacktrail_simulator::Log;

/// A collector, as its description file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Collector {
    /// The name and version, for the table.
    pub(crate) name: String,
    /// The logs that it can collect: `audit`, `access`, `integration`.
    pub(crate) logs: Vec<String>,
    /// A command that runs once before the first run of a day, for example to write configuration files.
    #[serde(default)]
    pub(crate) prepare: Vec<String>,
    /// A command that runs in the background from before the first run to the end of a day, such as an emulated cloud.
    #[serde(default)]
    pub(crate) service: Vec<String>,
    /// The command of one run.
    pub(crate) run: Vec<String>,
    /// Whether the collector keeps running and polls by itself. Otherwise, a run must end by itself.
    #[serde(default)]
    pub(crate) continuous: bool,
    /// The command to measure, which ends when everything is collected, if it is not `run`.
    #[serde(default)]
    pub(crate) run_once: Vec<String>,
    /// A file in which `run` writes the CPU seconds and the peak memory so far, if it starts more than the collector.
    #[serde(default)]
    pub(crate) usage: Option<String>,
    /// The time after which the judge kills a run that should end by itself, or that it lets a continuous collector poll, in seconds.
    #[serde(default = "run_seconds")]
    run_seconds: f64,
    /// Environment variables of all commands.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Where and how it writes records.
    pub(crate) output: Output,
    /// Where it stores how far it has come.
    pub(crate) state: State,
    /// How it reports an error, besides an exit code other than 0.
    #[serde(default)]
    pub(crate) reported: Reported,
    /// The folder of the description file.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

/// Where and how a collector writes records.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    /// The file or folder with the records: JSON, one value per line, optionally compressed with gzip.
    pub(crate) path: String,
    /// A command that runs after each run and writes the records there, for example from a bucket.
    #[serde(default)]
    pub(crate) fetch: Vec<String>,
    /// The JSON pointer of Slack's row in a line. An empty pointer is the whole line.
    #[serde(default)]
    pub(crate) row: String,
    /// The fields that the collector adds to Slack's row. `*` at the end stands for any rest.
    #[serde(default)]
    pub(crate) added: Vec<String>,
    /// Whether the path of a file contains the day of its records (UTC), as `yyyy/mm/dd`, `yyyy-mm-dd` or `yyyymmdd`.
    #[serde(default)]
    pub(crate) by_day: bool,
}

/// Where a collector stores how far it has come.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// The file or folder with the state. It may be a part of the output's folder.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// A command that saves a copy of the state in `{copy}`, if the state is not a file.
    #[serde(default)]
    pub(crate) save: Vec<String>,
    /// A command that restores this copy.
    #[serde(default)]
    pub(crate) restore: Vec<String>,
}

/// How a collector reports an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reported {
    /// A run has reported an error if its output contains one of these texts.
    #[serde(default)]
    pub(crate) texts: Vec<String>,
    /// Whether an exit code other than 0 does not report an error, because the collector also has one for other reasons.
    #[serde(default)]
    pub(crate) ignore_exit_code: bool,
}

/// The names of the placeholders.
const PLACEHOLDERS: [&str; 8] = ["dir", "here", "audit_url", "api_url", "token", "log", "organization", "copy"];

/// The values of the placeholders in a description, such as `{dir}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placeholders(pub(crate) Vec<(&'static str, String)>);

fn run_seconds() -> f64 {
    30.0
}

impl Collector {
    /// Reads a description file.
    pub(crate) fn read(file: &Path) -> Result<Collector, String> {
        let named = |error: &dyn std::fmt::Display| format!("`{}`: {error}", file.display());
        let text = std::fs::read_to_string(file).map_err(|error| named(&error))?;
        let mut collector: Collector = toml::from_str(&text).map_err(|error| named(&error))?;
        if let Some(unknown) = collector.logs.iter().find(|log| Log::ALL.iter().all(|known| known.name() != *log)) {
            return Err(named(&format!("unknown log `{unknown}`; use `audit`, `access` or `integration`")));
        }
        if !(0.1..=600.0).contains(&collector.run_seconds) {
            return Err(named(&format!("`run_seconds` is {}; use 0.1 to 600", collector.run_seconds)));
        }
        if collector.run.is_empty() {
            return Err(named(&"`run` is empty; write the program and its arguments as a list"));
        }
        if collector.state.path.is_none() && (collector.state.save.is_empty() || collector.state.restore.is_empty()) {
            return Err(named(&"`state` needs either `path`, or both `save` and `restore`"));
        }
        if !collector.output.row.is_empty() && !collector.output.row.starts_with('/') {
            let row = &collector.output.row;
            return Err(named(&format!("`output.row` is `{row}`; use a JSON pointer, such as `/{row}`")));
        }
        if let Some(unknown) = collector.unknown_placeholder() {
            let known: Vec<String> = PLACEHOLDERS.iter().map(|name| format!("`{{{name}}}`")).collect();
            return Err(named(&format!("unknown placeholder `{{{unknown}}}`; use {}", known.join(", "))));
        }
        let folder = std::path::absolute(file).map_err(|error| named(&error))?;
        collector.folder = folder.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(collector)
    }

    /// Returns the first unknown placeholder in a path or variable. Commands may contain braces of their own, as in shell scripts.
    fn unknown_placeholder(&self) -> Option<&str> {
        let paths = [Some(&self.output.path), self.state.path.as_ref(), self.usage.as_ref()];
        let texts = paths.into_iter().flatten().chain(self.environment.values());
        let mut names = texts.flat_map(|text| text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)));
        names.find(|name| !PLACEHOLDERS.contains(name))
    }

    /// Returns `true` if the collector can collect this log.
    pub(crate) fn collects(&self, log: Log) -> bool {
        self.logs.iter().any(|name| name == log.name())
    }

    /// Returns the time limit of a run.
    pub(crate) fn run_max(&self) -> Duration {
        Duration::from_secs_f64(self.run_seconds)
    }

    /// Returns the environment variables of all commands.
    pub(crate) fn environment(&self, placeholders: &Placeholders) -> BTreeMap<String, String> {
        self.environment.iter().map(|(name, value)| (name.clone(), placeholders.fill(value))).collect()
    }

    /// Returns `true` if the collector adds this field to Slack's row.
    pub(crate) fn adds(&self, field: &str) -> bool {
        self.output.added.iter().any(|added| match added.strip_suffix('*') {
            Some(start) => field.starts_with(start),
            None => field == added,
        })
    }
}

impl Placeholders {
    /// Replaces the placeholders in a text.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Collector, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("collector.toml");
        std::fs::write(&file, text).unwrap();
        Collector::read(&file)
    }

    #[test]
    fn description_names_commands_output_and_state() {
        let collector = read(
            r#"
            name = "example 1.0"
            logs = ["audit"]
            run = ["collect", "--url={audit_url}", "{dir}/out"]
            [environment]
            TOKEN = "{token}"
            [output]
            path = "{dir}/out"
            added = ["received", "p_*"]
            [state]
            path = "{dir}/state"
            "#,
        )
        .unwrap();
        let placeholders =
            Placeholders(vec![("dir", "/d".into()), ("audit_url", "http://s/".into()), ("token", "t".into())]);
        let run: Vec<String> = collector.run.iter().map(|word| placeholders.fill(word)).collect();
        assert_eq!(run, ["collect", "--url=http://s/", "/d/out"]);
        assert_eq!(collector.environment(&placeholders)["TOKEN"], "t");
        assert!(collector.collects(Log::Audit) && !collector.collects(Log::Access));
        assert!(collector.adds("received") && collector.adds("p_row_id") && !collector.adds("id"));
    }

    #[test]
    fn invalid_description_is_rejected_with_its_reason() {
        let valid = "name = 'x'\nlogs = ['audit']\nrun = ['x']\n[output]\npath = 'o'\n[state]\npath = 's'\n";
        assert!(read(valid).is_ok());
        for (from, to, reason) in [
            ("['audit']", "['audits']", "unknown log `audits`"),
            ("run = ['x']", "run = []", "`run` is empty"),
            ("run = ['x']", "run = ['x']\nrun_seconds = 0", "`run_seconds` is 0"),
            ("path = 's'", "save = ['x']", "needs either `path`"),
            (
                "path = 'o'",
                "path = 'o'\nrow = 'event'",
                "`output.row` is `event`; use a JSON pointer, such as `/event`",
            ),
            ("path = 'o'", "path = '{dirs}/o'", "unknown placeholder `{dirs}`; use `{dir}`, "),
            ("name = 'x'", "nam = 'x'", "unknown field `nam`"),
        ] {
            let error = read(&valid.replace(from, to)).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
