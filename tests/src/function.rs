//! A compiled function in its own process, which a test starts and kills like Lambda.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::locked;

/// The environment variable with a command that runs the functions, such as an emulator of another architecture. `make arm64` sets it.
const RUNNER_VARIABLE: &str = "SLACKTRAIL_RUNNER";

/// The time limit for a process to exit or to write an expected line.
const END_MAX: Duration = Duration::from_secs(60);

/// A running function. Dropping this value kills its process.
pub struct Function {
    process: Child,
    lines: Arc<Lines>,
    readers: [JoinHandle<()>; 2],
}

impl Function {
    /// Starts `binary` like Lambda, with the Runtime API at `runtime_api`.
    ///
    /// The process gets `environment` and the variables that Lambda sets, and does not inherit the environment of the test.
    pub fn spawn<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        binary: &Path,
        runtime_api: SocketAddr,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Function {
        let name = binary.file_stem().expect("a binary has a file name").to_string_lossy();
        let mut process = command(binary)
            .env_clear()
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_NAME", &*name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[$LATEST]0123456789abcdef")
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string())
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run `{}`: {error}", binary.display()));
        let lines = Arc::default();
        let readers = [
            read_lines(process.stdout.take().expect("standard output is piped"), &lines),
            read_lines(process.stderr.take().expect("standard error is piped"), &lines),
        ];
        Function { process, lines, readers }
    }

    /// Returns the process ID, or `None` if the process has ended.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Returns the peak resident memory in bytes, or `None` if the process has ended or the system has no `/proc`.
    pub fn memory_peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
    }

    /// Returns the CPU time of all threads, or `None` if the process has ended or the system has no `/proc`.
    pub fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()?)).ok()?;
        // Fields 14 and 15 contain user and system time in 1/100 second (proc_pid_stat(5)). Field 2 is a name with arbitrary characters.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
    }

    /// Limits heap, stacks and private mappings of the process to `bytes` (`RLIMIT_DATA`). Returns `false` if the limit cannot be set.
    ///
    /// An allocation beyond the limit ends the process. Lambda limits resident memory, for which a process has no limit. `RLIMIT_DATA`
    /// also counts memory that is mapped but not used, and does not count the binary's file.
    #[cfg(target_os = "linux")]
    pub fn limit_data(&self, bytes: u64) -> bool {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let pid = self.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        pid.is_some_and(|pid| prlimit(Some(pid), Resource::Data, limit).is_ok())
    }

    /// Returns `false`, because this system does not support the limit.
    #[cfg(not(target_os = "linux"))]
    pub fn limit_data(&self, _bytes: u64) -> bool {
        false
    }

    /// Returns the lines that the function has written to standard output and standard error so far.
    pub fn lines(&self) -> Vec<String> {
        locked(&self.lines).clone()
    }

    /// Waits up to a minute until the function has written a line that contains `text`.
    ///
    /// A response may arrive before the lines that the function wrote earlier.
    pub async fn wrote(&self, text: &str) {
        let written = async {
            while !self.lines().iter().any(|line| line.contains(text)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = timeout(END_MAX, written).await.is_ok();
        assert!(in_time, "no line contains `{text}`: {:#?}", self.lines());
    }

    /// Kills the process (`SIGKILL`), and returns all lines that it wrote.
    pub async fn kill(mut self) -> Vec<String> {
        let _ = self.process.start_kill(); // fails if the process has already ended
        self.wait().await.1
    }

    /// Waits up to a minute until the process exits, and returns its exit status and all lines that it wrote.
    pub async fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let ended = async {
            let status = self.process.wait().await.expect("a child process can be waited for");
            for reader in &mut self.readers {
                reader.await.expect("a reader of lines does not panic");
            }
            status
        };
        let status = timeout(END_MAX, ended).await.expect("the process exits within a minute");
        (status, self.lines())
    }
}

/// Creates the command that runs a function.
fn command(binary: &Path) -> Command {
    let runner = std::env::var(RUNNER_VARIABLE).unwrap_or_default();
    let mut words = runner.split_whitespace();
    match words.next() {
        None => Command::new(binary),
        Some(program) => {
            let mut command = Command::new(program);
            command.args(words).arg(binary);
            command
        }
    }
}

/// Returns the level that Lambda assigns to a log line: INFO, unless the line has a level and a timestamp in RFC 3339.
pub fn level_in_lambda(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let has_timestamp = line["timestamp"].as_str().is_some_and(|time| time.parse::<Timestamp>().is_ok());
    line["level"].as_str().filter(|_| has_timestamp).unwrap_or("INFO").to_owned()
}

/// Returns the path of the compiled poller: the value of `SLACKTRAIL_POLLER` (`make e2e` sets it), or `poller` in the build directory.
pub fn poller_binary() -> PathBuf {
    std::env::var_os("SLACKTRAIL_POLLER").map_or_else(|| built_here("poller"), PathBuf::from)
}

/// Returns the path of the compiled oauth function: the value of `SLACKTRAIL_OAUTH` (`make e2e` sets it), or `oauth` in the build directory.
pub fn oauth_binary() -> PathBuf {
    std::env::var_os("SLACKTRAIL_OAUTH").map_or_else(|| built_here("oauth"), PathBuf::from)
}

/// Returns the path of a compiled binary of this workspace.
pub fn built_here(name: &str) -> PathBuf {
    let binary = build_directory().join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(binary.is_file(), "no `{}`; hint: build it with `cargo build --workspace --bins`", binary.display());
    binary
}

/// Returns the directory `<target>/<profile>`. The current executable is `<target>/<profile>/deps/<test>` or `<target>/<profile>/<binary>`.
pub(crate) fn build_directory() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this executable is known");
    let directory = this.parent().expect("a file is in a directory");
    if directory.ends_with("deps") { directory.parent().unwrap_or(directory) } else { directory }.to_owned()
}

fn read_lines(pipe: impl AsyncRead + Unpin + Send + 'static, lines: &Arc<Lines>) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    tokio::spawn(async move {
        let mut pipe = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = pipe.next_line().await {
            locked(&lines).push(line);
        }
    })
}

type Lines = Mutex<Vec<String>>;
