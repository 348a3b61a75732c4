//! Runs the compiled command with an isolated environment, and asserts that no run prints a token.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use slacktrail_tests::function::built_here;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::slack::Slack;

/// The time after which a run counts as hanging.
const RUN_MAX: Duration = Duration::from_secs(120);

/// The command with its environment.
#[derive(Clone)]
pub(crate) struct Slacktrail {
    environment: Vec<(String, String)>,
    directory: Option<PathBuf>,
}

/// The result of a run.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Slacktrail {
    /// Returns the command without a token, and with unreachable Slack and AWS.
    pub(crate) fn alone() -> Slacktrail {
        let nowhere = "http://127.0.0.1:9/";
        let slacktrail = Slacktrail { environment: Vec::new(), directory: None };
        slacktrail
            .with("SLACK_API_URL", nowhere)
            .with("SLACK_AUDIT_URL", nowhere)
            .with("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// Returns the command with a simulated Slack.
    pub(crate) fn of(slack: &Slack) -> Slacktrail {
        let alone = Slacktrail::alone();
        alone.with("SLACK_API_URL", &slack.api_url()).with("SLACK_AUDIT_URL", &slack.audit_url())
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Slacktrail {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_all<T: AsRef<str>>(self, variables: impl IntoIterator<Item = (T, T)>) -> Slacktrail {
        variables.into_iter().fold(self, |slacktrail, (name, value)| slacktrail.with(name.as_ref(), value.as_ref()))
    }

    /// Sets an access key and a region.
    pub(crate) fn signed_in(self) -> Slacktrail {
        self.with_all([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")])
    }

    pub(crate) fn without(mut self, name: &str) -> Slacktrail {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// Returns the command with a working directory.
    pub(crate) fn inside(self, directory: &Path) -> Slacktrail {
        Slacktrail { directory: Some(directory.to_owned()), ..self }
    }

    pub(crate) fn token(self, token: &str) -> Slacktrail {
        self.with("SLACK_TOKEN", token)
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "").await
    }

    /// Runs the command with this standard input.
    pub(crate) async fn run_with(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut child = self.start(arguments);
        let mut pipe = child.stdin.take().unwrap();
        let _ = pipe.write_all(stdin.as_bytes()).await; // fails if the command ended without reading
        drop(pipe);
        self.end(child).await
    }

    pub(crate) fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Returns the working directory, or `None` for this process's own.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Runs the command with its standard output in a file.
    pub(crate) async fn run_into(&self, arguments: &[&str], stdin: &str, stdout: std::fs::File) -> Ran {
        let mut child = self.start_into(arguments, stdout.into());
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes()).await; // fails if the command ended without reading
        self.end(child).await
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.start_into(arguments, Stdio::piped())
    }

    fn start_into(&self, arguments: &[&str], stdout: Stdio) -> Child {
        let mut command = Command::new(binary());
        command.args(arguments).env_clear().envs(self.environment.iter().cloned()).kill_on_drop(true);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Waits for the command to end, and asserts that it printed no token and no color.
    pub(crate) async fn end(&self, child: Child) -> Ran {
        let output = timeout(RUN_MAX, child.wait_with_output()).await.expect("the command ends").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ran =
            Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) };
        for output in [&ran.stdout, &ran.stderr] {
            assert!(!output.contains("xoxp-s") && !output.contains("\u{1b}["), "a token, or color in a pipe: {output}");
        }
        ran
    }
}

impl Ran {
    /// Asserts the exit code. Prints the output on failure.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// Sends a signal to a process, such as `-INT`.
pub(crate) fn interrupt(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
}

/// Returns the path of the compiled command.
pub(crate) fn binary() -> PathBuf {
    built_here("slacktrail")
}
