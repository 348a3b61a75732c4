//! The stage of one day: the simulated Slack, the clock, and the processes of one collector.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process_group};
use slacktrail_simulator::fake_clock::FakeClock;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Server, World};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::collector::{Collector, Placeholders};
use super::{measure, output};

/// The pause between two checks whether Slack has received a call.
const CHECK_INTERVAL: Duration = Duration::from_millis(2);
/// How long Slack holds a call back while the judge kills its caller.
const HELD_BACK: Duration = Duration::from_secs(3_600);
/// How long Slack holds the first calls of two runs back, so that they overlap.
const OVERLAP: Duration = Duration::from_secs(1);
/// The time limit of the other commands of a description.
const COMMAND_MAX: Duration = Duration::from_secs(120);

/// One collector and its Slack, for one day.
pub(crate) struct Stage<'a> {
    collector: &'a Collector,
    placeholders: Placeholders,
    world: Arc<Mutex<World>>,
    server: Server,
    /// How far Slack's clock is ahead of the machine's, in seconds.
    ahead: Arc<AtomicI64>,
    /// How far the collector's clock is ahead of Slack's, in seconds.
    pub(crate) skew: i64,
    clock: FakeClock,
    folder: PathBuf,
    service: Option<Child>,
    /// The running process of a continuous collector.
    running: Option<Run>,
    runs: usize,
    /// Files whose modification time agrees with the simulated clock.
    dated: Vec<PathBuf>,
}

/// A process of a run.
struct Run {
    process: Child,
    /// The file with its output.
    log: PathBuf,
    /// The number of bytes of the output that were read.
    read: usize,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending {
    /// Whether the collector reported an error.
    pub(crate) reported: bool,
    /// Whether the judge had to kill it because it did not end in time.
    pub(crate) timed_out: bool,
    /// If it ended with an exit code other than 0: its name, this code, and the end of its output.
    pub(crate) failure: Option<String>,
}

impl<'a> Stage<'a> {
    /// Starts Slack and the collector's service in the folder `folder`, which is empty.
    pub(crate) async fn start(
        collector: &'a Collector,
        world: World,
        folder: &Path,
        placeholders: Vec<(&'static str, String)>,
    ) -> io::Result<Stage<'a>> {
        let (world, ahead) = (Arc::new(Mutex::new(world)), Arc::new(AtomicI64::new(0)));
        let slack_clock = Arc::clone(&ahead);
        let now = move || Timestamp::now() + SignedDuration::from_secs(slack_clock.load(Ordering::Relaxed));
        let server = Server::start(Arc::clone(&world), Arc::new(now)).await?;
        let (own, logs) = (folder.join("collector"), folder.join("runs"));
        fs::create_dir(&own)?;
        fs::create_dir(&logs)?;
        let mut placeholders = Placeholders(placeholders);
        placeholders.0.extend([
            ("dir", own.to_string_lossy().into_owned()),
            ("copy", folder.join("state").to_string_lossy().into_owned()),
            ("here", collector.folder.to_string_lossy().into_owned()),
            ("api_url", server.api_url()),
            ("audit_url", server.audit_url()),
        ]);
        let clock = FakeClock::create(folder)?;
        let (folder, service) = (folder.to_owned(), None);
        let mut stage = Stage {
            collector,
            placeholders,
            world,
            server,
            ahead,
            skew: 0,
            clock,
            folder,
            service,
            running: None,
            runs: 0,
            dated: Vec::new(),
        };
        stage.service = stage.spawn(&collector.service, "service")?;
        stage.execute(&collector.prepare, "prepare").await?;
        Ok(stage)
    }

    /// Locks and returns the simulated Slack.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns Slack's time.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed))
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, seconds: i64) -> io::Result<()> {
        let ahead = self.ahead.fetch_add(seconds, Ordering::Relaxed) + seconds;
        self.clock.set_ahead(ahead + self.skew)
    }

    /// Runs the collector once. A continuous collector polls for a while, and keeps running.
    pub(crate) async fn run(&mut self) -> io::Result<Ending> {
        let mut run = match self.running.take() {
            Some(running) => {
                self.wait_as_asked().await;
                running
            }
            None => self.start_run()?,
        };
        let status = ended(&mut run, self.collector.run_max()).await?;
        let ending = self.ending(run, status).await?;
        self.fetch().await?;
        Ok(ending)
    }

    /// Lets a running collector wait as long as Slack asked it to with its last response. Only the wall clock is simulated, so the collector would
    /// otherwise sleep through minutes of the day.
    async fn wait_as_asked(&self) {
        let calls = || self.world().journal().len();
        let asked = self.world().journal().last().and_then(|call| Some((call.at, call.retry_after_seconds?)));
        let Some((_, seconds)) = asked.filter(|(at, seconds)| *at + SignedDuration::from_secs(*seconds) <= self.now())
        else {
            return;
        };
        let before = calls();
        let called = async {
            while calls() == before {
                sleep(CHECK_INTERVAL).await;
            }
        };
        let _ = timeout(Duration::from_secs(seconds.unsigned_abs()), called).await; // it may also wait longer
    }

    /// Runs the collector twice at the same time.
    pub(crate) async fn run_twice(&mut self) -> io::Result<Ending> {
        self.stop_running().await?;
        for _ in 0..2 {
            self.world().fault(Fault::next(CallMatcher::any(), FaultKind::Delay(OVERLAP)));
        }
        let (mut first, mut second) = (self.start_run()?, self.start_run()?);
        let limit = self.collector.run_max();
        let (one, other) = tokio::join!(ended(&mut first, limit), ended(&mut second, limit));
        let (first, second) = (self.ending(first, one?).await?, self.ending(second, other?).await?);
        self.stop_running().await?;
        self.world().clear_faults();
        self.fetch().await?;
        Ok(Ending {
            reported: first.reported || second.reported,
            timed_out: first.timed_out || second.timed_out,
            failure: first.failure.or(second.failure),
        })
    }

    /// Runs the collector and kills it while Slack handles its call number `call` to a log.
    pub(crate) async fn run_killed(&mut self, log: Log, call: u32) -> io::Result<()> {
        self.stop_running().await?;
        let before = self.world().calls().of(log.path());
        self.world().fault(Fault::nth(call, CallMatcher::log(log), FaultKind::Delay(HELD_BACK)));
        let mut run = self.start_run()?;
        let called = async {
            while self.world().calls().of(log.path()) < before + call {
                sleep(CHECK_INTERVAL).await;
            }
        };
        // It ends earlier if it needs fewer calls.
        tokio::select! {
            () = called => {}
            _ = ended(&mut run, self.collector.run_max()) => {}
        }
        kill(&mut run.process).await?;
        self.world().clear_faults();
        self.fetch().await
    }

    /// Runs the collector, and then restores its earlier state, as after a kill between the output and the state.
    pub(crate) async fn run_losing_state(&mut self) -> io::Result<()> {
        self.stop_running().await?;
        let copy = self.folder.join("state");
        let path = self.collector.state.path.as_ref().map(|path| PathBuf::from(self.placeholders.fill(path)));
        match &path {
            Some(path) => replace(path, &copy)?,
            None => self.execute(&self.collector.state.save, "save").await?,
        }
        self.run().await?;
        self.stop_running().await?;
        match &path {
            Some(path) => replace(&copy, path)?,
            None => self.execute(&self.collector.state.restore, "restore").await?,
        }
        Ok(())
    }

    /// Runs the collector once to its end, and returns the peak resident memory of its largest process.
    pub(crate) async fn measured_run(&mut self, interval: Duration) -> io::Result<u64> {
        self.runs += 1;
        let name = format!("run-{}", self.runs);
        let process = match self.spawn(&self.collector.run_once, &name)? {
            None if !self.collector.continuous => self.spawn(&self.collector.run, &name)?,
            once => once,
        };
        let mut process = process.ok_or_else(|| io::Error::other("a continuous collector needs `run_once`"))?;
        let group = process.id().unwrap_or_default();
        let measured = measure::memory_peak(group, interval, || Ok(process.try_wait()?.is_some()));
        match timeout(COMMAND_MAX, measured).await {
            Ok(peak) => peak,
            Err(_) => {
                kill(&mut process).await?;
                Err(io::Error::other(format!("a run did not end in {} s", COMMAND_MAX.as_secs())))
            }
        }
    }

    /// Returns the CPU seconds and the peak memory so far that the collector's own launcher has measured, if it has.
    ///
    /// # Errors
    /// Returns an error if the file is not `{"cpu_seconds": ..., "memory_peak": ...}`.
    pub(crate) fn reported_usage(&self) -> io::Result<Option<(f64, u64)>> {
        let Some(file) = &self.collector.usage else { return Ok(None) };
        let usage: serde_json::Value = serde_json::from_slice(&fs::read(self.placeholders.fill(file))?)?;
        let (cpu, memory) = (usage["cpu_seconds"].as_f64(), usage["memory_peak"].as_u64());
        cpu.zip(memory)
            .map(Some)
            .ok_or_else(|| io::Error::other(format!("`{file}` has no `cpu_seconds` and `memory_peak`")))
    }

    /// Returns the size of the files with records.
    pub(crate) fn output_bytes(&self) -> io::Result<u64> {
        self.output_files()?.iter().map(|file| Ok(fs::metadata(file)?.len())).sum()
    }

    /// Returns the lines that the collector has written.
    pub(crate) fn lines(&self) -> io::Result<Vec<output::Line>> {
        output::lines(&self.output_files()?)
    }

    /// Returns the number of files with records, and of outputs of runs, that contain `secret`.
    pub(crate) fn files_with(&self, secret: &str) -> io::Result<usize> {
        let mut files = self.output_files()?;
        files.extend(output::files(&self.folder.join("runs"))?);
        let contents = files.iter().map(|file| output::bytes(file));
        let found = contents.map(|bytes| Ok(contains(&bytes?, secret.as_bytes())));
        Ok(found.collect::<io::Result<Vec<bool>>>()?.into_iter().filter(|found| *found).count())
    }

    /// Stops the service and Slack.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        self.stop_running().await?;
        if let Some(service) = &mut self.service {
            kill(service).await?;
        }
        self.server.stop().await;
        Ok(())
    }

    /// Returns the file or folder with the records.
    pub(crate) fn output_path(&self) -> PathBuf {
        PathBuf::from(self.placeholders.fill(&self.collector.output.path))
    }

    fn output_files(&self) -> io::Result<Vec<PathBuf>> {
        let state = self.collector.state.path.as_ref().map(|path| PathBuf::from(self.placeholders.fill(path)));
        let files = output::files(&self.output_path())?;
        Ok(files.into_iter().filter(|file| state.as_ref().is_none_or(|state| !file.starts_with(state))).collect())
    }

    fn start_run(&mut self) -> io::Result<Run> {
        self.runs += 1;
        let name = format!("run-{}", self.runs);
        let process = self.spawn(&self.collector.run, &name)?;
        let process = process.ok_or_else(|| io::Error::other("the collector has no command for a run"))?;
        Ok(Run { process, log: self.log_of(&name), read: 0 })
    }

    /// Returns how a run ended, and keeps a continuous collector that has not ended.
    async fn ending(&mut self, mut run: Run, status: Option<ExitStatus>) -> io::Result<Ending> {
        let timed_out = status.is_none() && !self.collector.continuous;
        if timed_out {
            kill(&mut run.process).await?;
        }
        let signs = &self.collector.reported;
        let failed = status.filter(|status| !status.success());
        let output = fs::read(&run.log)?;
        let new = &output[run.read.min(output.len())..];
        let failure = failed.map(|status| failure_of(&run, status, new));
        let reported = (failed.is_some() && !signs.ignore_exit_code)
            || signs.texts.iter().any(|word| contains(new, word.as_bytes()));
        run.read = output.len();
        if status.is_none() && self.collector.continuous {
            match &mut self.running {
                // The second of two runs at once.
                Some(_) => kill(&mut run.process).await?,
                None => self.running = Some(run),
            }
        }
        Ok(Ending { reported, timed_out, failure })
    }

    /// Stops a continuous collector.
    async fn stop_running(&mut self) -> io::Result<()> {
        match self.running.take() {
            Some(mut running) => kill(&mut running.process).await,
            None => Ok(()),
        }
    }

    /// Fetches the output, and gives new files the time of the simulated clock.
    pub(crate) async fn fetch(&mut self) -> io::Result<()> {
        self.execute(&self.collector.output.fetch, "fetch").await?;
        let ahead = Duration::from_secs(self.ahead.load(Ordering::Relaxed).unsigned_abs());
        for file in output::files(&self.folder.join("collector"))? {
            if !self.dated.contains(&file) {
                if let Ok(open) = File::options().write(true).open(&file) {
                    open.set_modified(SystemTime::now() + ahead)?;
                }
                self.dated.push(file);
            }
        }
        Ok(())
    }

    /// Runs a command of the description to its end, if there is one.
    async fn execute(&self, command: &[String], name: &str) -> io::Result<()> {
        let Some(mut process) = self.spawn(command, name)? else { return Ok(()) };
        let status = match timeout(COMMAND_MAX, process.wait()).await {
            Ok(status) => status?,
            Err(_) => {
                kill(&mut process).await?;
                return Err(io::Error::other(format!("`{name}` did not end in {} s", COMMAND_MAX.as_secs())));
            }
        };
        if status.success() {
            return Ok(());
        }
        let output = fs::read_to_string(self.log_of(name)).unwrap_or_default();
        Err(io::Error::other(format!("`{name}` failed with {status}: {output}")))
    }

    /// Starts a command of the description, if there is one.
    fn spawn(&self, command: &[String], name: &str) -> io::Result<Option<Child>> {
        if command.is_empty() {
            return Ok(None);
        }
        let words: Vec<String> = command.iter().map(|word| self.placeholders.fill(word)).collect();
        let log = File::options().create(true).append(true).open(self.log_of(name))?;
        let named = |error: io::Error| {
            let hint = "hint: commands run in `{dir}`; write a path with `{here}`, the folder of the description file";
            io::Error::new(error.kind(), format!("cannot run `{}`: {error}\n{hint}", words.join(" ")))
        };
        let spawned = Command::new(&words[0])
            .args(&words[1..])
            .envs(self.collector.environment(&self.placeholders))
            .envs(self.clock.environment())
            .current_dir(self.folder.join("collector"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        spawned.map(Some).map_err(named)
    }

    fn log_of(&self, name: &str) -> PathBuf {
        self.folder.join("runs").join(name)
    }
}

/// Describes a failed run by its name, its status and the last line of its output.
fn failure_of(run: &Run, status: ExitStatus, output: &[u8]) -> String {
    let name = run.log.file_name().unwrap_or_default().to_string_lossy();
    let output = String::from_utf8_lossy(output);
    let last = output.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output");
    format!("{name} ended with {status}: {last}")
}

/// Waits until a run ends, and returns its status, or `None` if it has not ended within `limit`.
async fn ended(run: &mut Run, limit: Duration) -> io::Result<Option<ExitStatus>> {
    timeout(limit, run.process.wait()).await.ok().transpose()
}

/// Kills a process and the processes that it has started.
async fn kill(process: &mut Child) -> io::Result<()> {
    let group = process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL); // fails if all of them have ended
    }
    process.wait().await.map(drop)
}

/// Replaces `to` by a copy of the file or folder `from`. Removes `to` if `from` does not exist.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(to)?,
        Ok(_) => fs::remove_file(to)?,
        Err(_) => {}
    }
    for file in output::files(from)? {
        let copy = match file.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => to.to_owned(),
            Ok(rest) => to.join(rest),
            Err(_) => continue,
        };
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&file, &copy)?;
    }
    Ok(())
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    !word.is_empty() && text.windows(word.len()).any(|window| window == word)
}
