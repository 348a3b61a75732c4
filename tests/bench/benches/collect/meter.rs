//! What a process uses: CPU seconds, peak memory, and time on the wall.

use std::fs;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Linux counts a process's CPU time in hundredths of a second on every architecture (proc_pid_stat(5), USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// What was used. Without Linux's `/proc` only the wall time is known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Used {
    /// User and system time of all threads.
    pub(crate) cpu: Option<Duration>,
    /// The most memory that was resident since the process began, in bytes.
    pub(crate) memory_peak: Option<u64>,
    /// Time that passed.
    pub(crate) wall: Duration,
}

/// Measures this process from a moment on.
pub(crate) struct Meter {
    cpu: Option<Duration>,
    began: Instant,
}

impl Meter {
    /// Begins to measure.
    pub(crate) fn start() -> Meter {
        Meter { cpu: cpu(), began: Instant::now() }
    }

    /// What was used since.
    pub(crate) fn used(&self) -> Used {
        Used {
            cpu: cpu().zip(self.cpu).map(|(now, before)| now.saturating_sub(before)),
            memory_peak: memory_peak(),
            wall: self.began.elapsed(),
        }
    }
}

/// The 14th and 15th field of `/proc/self/stat`; the second, in parentheses, is a name that may hold anything.
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
