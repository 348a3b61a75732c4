//! Waits for Ctrl-C.

use crate::terminal;

/// The exit code after Ctrl-C, as for a program that the signal has ended.
pub(crate) const EXIT_CODE: u8 = 130;

/// Returns after Ctrl-C, and removes its echo from the terminal. Never returns if Ctrl-C cannot be handled.
pub(crate) async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    terminal::clear_line();
}
