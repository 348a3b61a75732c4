//! Support library of the tests that span several crates. The tests are in `tests/`.

pub mod archive;
pub mod aws_proxy;
#[cfg(target_os = "linux")] // requires Debian's Chromium
pub mod browser;
pub mod conformance;
pub mod connecting;
pub mod deployment;
pub mod emulated_aws;
pub mod fake_clock;
pub mod fake_timer;
pub mod function;
pub mod hostile_slack;
pub mod http_api;
pub mod lambda_runtime_api;
pub mod loopback;
pub mod permissions;
pub mod stack;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex even if another task panicked while it held the lock, because that panic is reported elsewhere.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns all files below a directory, including hidden ones. A directory that does not exist has none.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("a directory can be read").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
