//! A wall clock that a test can advance, for the test's own process and the processes that it starts.
//!
//! Compiled functions read the system clock, so a test of a full day would otherwise take a day. The fake clock works only on Linux.
//! Elsewhere, tests use the system clock.
#![expect(clippy::print_stdout, reason = "a test's output")]

use std::io::{BufRead as _, BufReader, Seek as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use slacktrail_simulator::fake_clock::{CLOCK_VARIABLE, FakeClock, PRELOAD_VARIABLE};
use tempfile::TempDir;

/// The clock of this process and of all processes started with [`TestClock::environment`].
#[derive(Debug)]
pub struct TestClock {
    /// `None` if this is the system clock.
    file: Option<std::fs::File>,
    ahead: AtomicI64,
}

impl TestClock {
    /// Returns the clock of this process, or `None` if the process must first be restarted with a fake clock by [`rerun_with_fake_clock`].
    pub fn of_this_process() -> Option<TestClock> {
        let path = std::env::var_os(CLOCK_VARIABLE);
        if path.is_none() && cfg!(target_os = "linux") {
            return None;
        }
        let open = |path| std::fs::File::options().write(true).open(path).expect("the clock file can be opened");
        Some(TestClock { file: path.map(open), ahead: AtomicI64::new(0) })
    }

    /// Advances the clock by whole seconds. Does nothing if this is the system clock.
    pub fn pass(&self, time: Duration) {
        let Some(mut file) = self.file.as_ref() else { return };
        let seconds = i64::try_from(time.as_secs()).expect("a short duration");
        let ahead = self.ahead.fetch_add(seconds, Ordering::Relaxed) + seconds;
        let written = file.rewind().and_then(|()| file.write_all(&ahead.to_ne_bytes()));
        written.expect("the clock file can be written");
    }

    /// Returns the total time by which the test has advanced the clock, in whole seconds.
    pub fn passed(&self) -> Duration {
        Duration::from_secs(self.ahead.load(Ordering::Relaxed).unsigned_abs())
    }

    /// Returns the environment variables that give a process the same clock.
    pub fn environment() -> Vec<(String, String)> {
        let variables = [CLOCK_VARIABLE, PRELOAD_VARIABLE].into_iter();
        variables.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
    }
}

/// Runs one test of this test binary again in a process with a fake clock, prints its output, and asserts that it passes. Needs a C compiler.
pub fn rerun_with_fake_clock(test: &str) {
    let directory = TempDir::new().expect("a temporary directory can be created");
    let clock = FakeClock::create(directory.path()).expect("the fake clock can be compiled");
    let binary = std::env::current_exe().expect("the path of this binary is known");
    let mut process = Command::new(binary)
        .args(["--exact", test, "--nocapture"])
        .envs(clock.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test can be run again");
    let lines = BufReader::new(process.stdout.take().expect("standard output is piped")).lines();
    lines.map_while(Result::ok).for_each(|line| println!("{line}"));
    let status = process.wait().expect("a child process can be waited for");
    assert!(status.success(), "`{test}` with a fake clock: {status}");
}
