//! Runs the compiled command with an environment of its own, and holds every run to never telling a token.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::slack::Slack;

/// Beyond this the command hangs.
const RUN_MAX: Duration = Duration::from_secs(120);

/// The command with some of its environment.
#[derive(Clone)]
pub(crate) struct Slacktrail {
    environment: Vec<(String, String)>,
    directory: Option<PathBuf>,
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Slacktrail {
    /// The command where no Slack and no AWS can be reached, and no token is set.
    pub(crate) fn alone() -> Slacktrail {
        let nowhere = "http://127.0.0.1:9/";
        let slacktrail = Slacktrail { environment: Vec::new(), directory: None };
        slacktrail
            .with("SLACK_API_URL", nowhere)
            .with("SLACK_AUDIT_URL", nowhere)
            .with("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// The command with a simulated Slack.
    pub(crate) fn of(slack: &Slack) -> Slacktrail {
        let alone = Slacktrail::alone();
        alone.with("SLACK_API_URL", &slack.api_url()).with("SLACK_AUDIT_URL", &slack.audit_url())
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Slacktrail {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Slacktrail {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// The same, run in this directory.
    pub(crate) fn inside(self, directory: &Path) -> Slacktrail {
        Slacktrail { directory: Some(directory.to_owned()), ..self }
    }

    pub(crate) fn token(self, token: &str) -> Slacktrail {
        self.with("SLACK_TOKEN", token)
    }

    /// Runs it with these arguments.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "").await
    }

    /// Runs it with this on its standard input.
    pub(crate) async fn run_with(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut child = self.start(arguments);
        let mut pipe = child.stdin.take().unwrap();
        let _ = pipe.write_all(stdin.as_bytes()).await; // it may have ended without reading
        drop(pipe);
        self.end(child).await
    }

    /// All of its environment.
    pub(crate) fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The directory that it is run in, if that is not this process's own.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(binary());
        command.args(arguments).env_clear().envs(self.environment.iter().cloned()).kill_on_drop(true);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Waits for its end.
    pub(crate) async fn end(&self, child: Child) -> Ran {
        let output = timeout(RUN_MAX, child.wait_with_output()).await.expect("the command ends").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ran = Ran { code: code(output.status), stdout: text(output.stdout), stderr: text(output.stderr) };
        for told in [&ran.stdout, &ran.stderr] {
            assert!(!told.contains("xoxp-s") && !told.contains("\u{1b}["), "a token, or colour in a pipe: {told}");
        }
        ran
    }
}

impl Ran {
    /// Asserts its exit code, telling what it said.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

/// The command as it was built beside this test.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap(); // <target>/debug/deps/<test>
    let folder = test.ancestors().nth(2).unwrap();
    let binary = folder.join("slacktrail").with_extension(std::env::consts::EXE_EXTENSION);
    assert!(binary.is_file(), "there is no `{}`; hint: `cargo build -p slacktrail-cli` builds it", binary.display());
    binary
}
