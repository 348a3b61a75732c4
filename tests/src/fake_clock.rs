//! A clock that a test moves, for the test's own process and every process that it starts: compiled functions ask the machine for the
//! time, so that a day of theirs would take a day. Linux only; elsewhere the clock is the machine's.
#![expect(clippy::print_stdout, reason = "a test's output")]

use std::io::{BufRead as _, BufReader, Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tempfile::TempDir;

/// The variable with the path of the file that says how far ahead the clock is.
const CLOCK_VARIABLE: &str = "SLACKTRAIL_CLOCK";
/// The variable with the libraries that a process loads before its own.
const PRELOAD_VARIABLE: &str = "LD_PRELOAD";

/// The clock of this process and of those that have [`MovableClock::environment`].
#[derive(Debug)]
pub struct MovableClock {
    /// None where the clock is the machine's.
    file: Option<std::fs::File>,
    ahead: AtomicI64,
}

impl MovableClock {
    /// The clock of this process; none where it has the machine's and could have one: [`run_again`] gives it one.
    ///
    /// # Panics
    /// When the clock's file cannot be opened.
    pub fn of_this_process() -> Option<MovableClock> {
        let path = std::env::var_os(CLOCK_VARIABLE);
        if path.is_none() && cfg!(target_os = "linux") {
            return None;
        }
        let open = |path| std::fs::File::options().write(true).open(path).expect("the clock's file can be opened");
        Some(MovableClock { file: path.map(open), ahead: AtomicI64::new(0) })
    }

    /// Lets time pass.
    ///
    /// # Panics
    /// When the clock's file cannot be written.
    pub fn pass(&self, time: Duration) {
        let Some(mut file) = self.file.as_ref() else { return };
        let seconds = i64::try_from(time.as_secs()).expect("not that long");
        let ahead = self.ahead.fetch_add(seconds, Ordering::Relaxed) + seconds;
        let written = file.rewind().and_then(|()| file.write_all(&ahead.to_ne_bytes()));
        written.expect("the clock's file can be written");
    }

    /// How much time a test has let pass, in whole seconds.
    pub fn passed(&self) -> Duration {
        Duration::from_secs(self.ahead.load(Ordering::Relaxed).unsigned_abs())
    }

    /// The variables of a process that is to have this clock too.
    pub fn environment() -> Vec<(String, String)> {
        let variables = [CLOCK_VARIABLE, PRELOAD_VARIABLE].into_iter();
        variables.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
    }
}

/// Runs one test of the present test binary once more, in a process whose clock can be moved, and prints what it prints.
///
/// # Panics
/// When the test fails there, or there is no C compiler.
pub fn run_again(test: &str) {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let (library, clock) = (folder.path().join("fake_clock.so"), folder.path().join("clock"));
    compile(&library);
    std::fs::write(&clock, 0_i64.to_ne_bytes()).expect("a temporary file can be written");
    let binary = std::env::current_exe().expect("a test knows its own file");
    let mut process = Command::new(binary)
        .args(["--exact", test, "--nocapture"])
        .env(CLOCK_VARIABLE, &clock)
        .env(PRELOAD_VARIABLE, &library)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test can be run again");
    let lines = BufReader::new(process.stdout.take().expect("standard output is piped")).lines();
    lines.map_while(Result::ok).for_each(|line| println!("{line}"));
    let status = process.wait().expect("a child can be waited for");
    assert!(status.success(), "`{test}` under a clock of its own: {status}");
}

fn compile(library: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fake_clock.c");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into()); // it is there where Rust can link
    let compiled = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(library)
        .arg(&source)
        .status();
    assert!(
        compiled.as_ref().is_ok_and(|status| status.success()),
        "cannot compile `{}`: {compiled:?}",
        source.display()
    );
}
