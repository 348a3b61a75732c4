//! Measures the CPU time, peak memory and wall time of a process.

use std::fs;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Linux counts a process's CPU time in hundredths of a second on every architecture (proc_pid_stat(5), USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// The measured resource usage. Without Linux's `/proc`, only the wall time is known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Used {
    /// The user and system time of all threads.
    pub(crate) cpu: Option<Duration>,
    /// The peak resident memory since the process started, in bytes.
    pub(crate) memory_peak: Option<u64>,
    /// The wall time.
    pub(crate) wall: Duration,
}

/// Measures this process from the time when it was created.
pub(crate) struct Meter {
    cpu: Option<Duration>,
    started: Instant,
}

impl Meter {
    /// Starts a measurement.
    pub(crate) fn start() -> Meter {
        Meter { cpu: cpu(), started: Instant::now() }
    }

    /// Returns the usage since the start.
    pub(crate) fn used(&self) -> Used {
        Used {
            cpu: cpu().zip(self.cpu).map(|(now, before)| now.saturating_sub(before)),
            memory_peak: memory_peak(),
            wall: self.started.elapsed(),
        }
    }
}

/// Returns the sum of the 14th and 15th field of `/proc/self/stat`. The second field is a name in parentheses that may contain any character.
fn cpu() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(TICK * (ticks(11)? + ticks(12)?))
}

fn memory_peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
}
