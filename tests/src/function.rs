//! A compiled function as a process of its own: started as Lambda starts it, and ended as Lambda ends it.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The variable with the path of the compiled poller; `make e2e` sets it.
pub const POLLER_VARIABLE: &str = "SLACKTRAIL_POLLER";

/// The variable with the path of the compiled oauth function; `make e2e` sets it.
pub const OAUTH_VARIABLE: &str = "SLACKTRAIL_OAUTH";

/// The variable with a command that runs the functions, such as an emulator of another processor; `make arm64` sets it.
const RUNNER_VARIABLE: &str = "SLACKTRAIL_RUNNER";

/// Time for a process that is expected to end; a test that waits longer has found a fault.
const END_MAX: Duration = Duration::from_secs(60);

/// A function that runs as a process. It is killed when this value is dropped.
pub struct Function {
    process: Child,
    lines: Arc<Lines>,
    readers: [JoinHandle<()>; 2],
}

impl Function {
    /// Starts `binary` as Lambda would: with the Runtime API at `runtime_api`, with `environment` and what Lambda itself
    /// sets, and with nothing of this process's own environment.
    ///
    /// # Panics
    /// When the file cannot be run.
    pub fn spawn<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        binary: &Path,
        runtime_api: SocketAddr,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Function {
        let name = binary.file_stem().expect("a binary has a name").to_string_lossy();
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

    /// The process's number, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// The most memory that was resident since the process began, in bytes; `None` where there is no `/proc`, or the process has ended.
    pub fn memory_peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
    }

    /// The CPU time of all its threads up to now; `None` where there is no `/proc`, or the process has ended.
    pub fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()?)).ok()?;
        // User and system time in hundredths of a second: fields 14 and 15 (proc_pid_stat(5)). The second, a name, may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
    }

    /// Limits its data to `bytes`: heap, stacks and private mappings (`RLIMIT_DATA`). An allocation beyond ends it. Lambda limits resident
    /// memory, which no process may set for itself; this limit also counts what is mapped and not touched, and not the binary's file.
    ///
    /// Returns `false` where a process cannot be limited so.
    #[cfg(target_os = "linux")]
    pub fn limit_data(&self, bytes: u64) -> bool {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let pid = self.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        pid.is_some_and(|pid| prlimit(Some(pid), Resource::Data, limit).is_ok())
    }

    /// Returns `false`: a process cannot be limited so here.
    #[cfg(not(target_os = "linux"))]
    pub fn limit_data(&self, _bytes: u64) -> bool {
        false
    }

    /// Every line that it has written up to now, to standard output and standard error.
    pub fn lines(&self) -> Vec<String> {
        locked(&self.lines).clone()
    }

    /// Waits until it has written a line that contains `text`: an answer may be there before what was written for it has been read.
    ///
    /// # Panics
    /// When there is none after a minute.
    pub async fn wrote(&self, text: &str) {
        let written = async {
            while !self.lines().iter().any(|line| line.contains(text)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = timeout(END_MAX, written).await.is_ok();
        assert!(in_time, "no line with `{text}` among {:#?}", self.lines());
    }

    /// Ends it at once, wherever it is (`kill -9`), and returns every line that it had written.
    pub async fn kill(mut self) -> Vec<String> {
        let _ = self.process.start_kill(); // it may have ended by itself
        self.wait().await.1
    }

    /// Waits for it to end by itself: its status, and every line that it had written.
    ///
    /// # Panics
    /// When it has not ended after a minute.
    pub async fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let ended = async {
            let status = self.process.wait().await.expect("a child can be waited for");
            for reader in &mut self.readers {
                reader.await.expect("a reader of lines does not panic");
            }
            status
        };
        let status = timeout(END_MAX, ended).await.expect("a function ends within a minute");
        (status, self.lines())
    }
}

/// Returns the command that runs a function.
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

/// The compiled poller: the file that [`POLLER_VARIABLE`] names, or else `poller` in the folder that this test was built in.
///
/// # Errors
/// A sentence that names the command which builds it.
pub fn poller_binary() -> Result<PathBuf, String> {
    binary(POLLER_VARIABLE, "poller")
}

/// The compiled oauth function, in the same way.
///
/// # Errors
/// As [`poller_binary`].
pub fn oauth_binary() -> Result<PathBuf, String> {
    binary(OAUTH_VARIABLE, "oauth")
}

fn binary(variable: &str, name: &str) -> Result<PathBuf, String> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let binary = named.unwrap_or_else(|| built_here(name));
    if binary.is_file() {
        return Ok(binary);
    }
    Err(format!("found no {name} at `{}`; hint: `cargo build --workspace --bins` builds it", binary.display()))
}

/// A binary of this workspace, as it was built beside whatever runs this: `<target>/debug/deps/<test>` or `<target>/debug/<binary>`.
pub fn built_here(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a process knows its own file");
    let folder = this.parent().expect("a file is in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.join(name).with_extension(std::env::consts::EXE_EXTENSION)
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

fn locked(lines: &Lines) -> MutexGuard<'_, Vec<String>> {
    lines.lock().expect("no holder of this lock panics")
}
