//! Runs the compiled command in a pseudoterminal, types input, and reads the screen.

use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use pty_process::{Pty, Size};
use rustix::termios::{LocalModes, tcgetattr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::timeout;

use crate::binary::{Slacktrail, binary};

/// The time after which a wait fails.
const SHOW_MAX: Duration = Duration::from_secs(120);
/// The height of the screen, which is enough for everything that a command prints.
const ROWS: NonZero<u16> = NonZero::new(200).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();
/// The maximum size of the output that is read at once.
const READ_BYTES_MAX: usize = 4096;
/// The character that Ctrl-C sends.
const CTRL_C: &str = "\u{3}";

/// A terminal that runs the command. Dropping it ends the command.
pub(crate) struct Terminal {
    child: Child,
    pty: Pty,
    screen: vt100::Parser,
    /// All output with its control sequences.
    output: String,
    modes_before: LocalModes,
}

/// The result of a run in a terminal.
pub(crate) struct Shown {
    pub(crate) code: i32,
    /// The screen after the command has ended.
    pub(crate) screen: String,
    /// All output with its control sequences.
    pub(crate) output: String,
}

impl Terminal {
    pub(crate) fn start(slacktrail: &Slacktrail, arguments: &[&str]) -> Terminal {
        Terminal::run(slacktrail, &binary(), arguments)
    }

    /// Runs a line in a shell, which finds the command by its name. As at a prompt, Ctrl-C does not end the shell itself.
    pub(crate) fn typed(slacktrail: &Slacktrail, line: &str) -> Terminal {
        Terminal::typed_within(COLUMNS, slacktrail, line)
    }

    /// Runs a line in a shell like [`Terminal::typed`], in a terminal of this width.
    pub(crate) fn typed_within(columns: NonZero<u16>, slacktrail: &Slacktrail, line: &str) -> Terminal {
        let path = format!("{}:/usr/bin:/bin", binary().parent().unwrap().display());
        let script = format!("trap : INT\n{line}");
        Terminal::run_within(columns, &slacktrail.clone().with("PATH", &path), Path::new("/bin/sh"), &["-c", &script])
    }

    /// Starts a different program instead of the command.
    pub(crate) fn run(slacktrail: &Slacktrail, program: &Path, arguments: &[&str]) -> Terminal {
        Terminal::run_within(COLUMNS, slacktrail, program, arguments)
    }

    fn run_within(columns: NonZero<u16>, slacktrail: &Slacktrail, program: &Path, arguments: &[&str]) -> Terminal {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(ROWS.get(), columns.get())).unwrap();
        let modes_before = tcgetattr(&pty).unwrap().local_modes;
        let environment = slacktrail.environment().iter().map(|(name, value)| (name, value));
        let command = pty_process::Command::new(program).args(arguments).env_clear().envs(environment);
        let command = command.current_dir(slacktrail.directory().unwrap_or(Path::new(".")));
        let child = command.env("TERM", "xterm-256color").kill_on_drop(true).spawn(pts).unwrap();
        Terminal { child, pty, screen: vt100::Parser::new(ROWS, columns, 0), output: String::new(), modes_before }
    }

    /// Waits until the command has shown `text`. A question starts with `?` while it waits for its answer, and with `>` afterwards.
    ///
    /// The screen may already show something else: if this test runs late, the text and what replaces it arrive at once.
    pub(crate) async fn shows(&mut self, text: &str) {
        let start = self.output.len();
        self.until(&format!("show `{text}`"), |terminal| {
            let output = &terminal.output;
            let recent = output.floor_char_boundary(output.len().saturating_sub(2 * READ_BYTES_MAX)).max(start);
            terminal.screen().contains(text) || without_controls(&output[recent..]).contains(text)
        })
        .await;
    }

    /// Waits until the screen no longer shows `text`. A redrawn screen may arrive in parts.
    pub(crate) async fn hides(&mut self, text: &str) {
        self.until(&format!("hide `{text}`"), |terminal| !terminal.screen().contains(text)).await;
    }

    async fn until(&mut self, what: &str, holds: impl Fn(&Terminal) -> bool) {
        let reached = async {
            while !holds(self) {
                assert!(self.read().await, "the command ended and did not {what}:\n{}", self.screen());
            }
        };
        if timeout(SHOW_MAX, reached).await.is_err() {
            panic!("the command did not {what}:\n{}", self.screen());
        }
    }

    /// Waits until the terminal no longer echoes input.
    pub(crate) async fn hides_input(&self) {
        let hides = || !tcgetattr(&self.pty).unwrap().local_modes.contains(LocalModes::ECHO);
        slacktrail_tests::deployment::until("the input is hidden", hides).await;
    }

    pub(crate) async fn types(&mut self, text: &str) {
        self.pty.write_all(text.as_bytes()).await.unwrap();
    }

    /// Types `text` and presses Enter.
    pub(crate) async fn enters(&mut self, text: &str) {
        self.types(&format!("{text}\r")).await;
    }

    /// Presses Ctrl-C.
    pub(crate) async fn interrupts(&mut self) {
        self.types(CTRL_C).await;
    }

    pub(crate) fn screen(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits for the command to end, and asserts that it restored the terminal and printed no token.
    pub(crate) async fn end(mut self) -> Shown {
        let ended = timeout(SHOW_MAX, async { while self.read().await {} }).await;
        assert!(ended.is_ok(), "the command does not end:\n{}", self.screen());
        let status =
            timeout(SHOW_MAX, self.child.wait()).await.expect("the process ends after it closed its terminal").unwrap();
        assert_eq!(tcgetattr(&self.pty).unwrap().local_modes, self.modes_before, "the terminal's modes are restored");
        assert!(!self.screen.screen().hide_cursor(), "the cursor is visible");
        assert!(!self.screen.screen().bracketed_paste(), "bracketed paste is off");
        assert!(!self.output.contains("xoxp-"), "the output contains a token: {}", self.output);
        Shown { code: status.code().unwrap_or(-1), screen: self.screen(), output: self.output }
    }

    /// Reads available output. Returns `false` after the last writer has closed the terminal.
    async fn read(&mut self) -> bool {
        let mut bytes = [0; READ_BYTES_MAX];
        // Linux reports an error after the last writer has closed the terminal.
        let Ok(length @ 1..) = self.pty.read(&mut bytes).await else { return false };
        self.screen.process(&bytes[..length]);
        self.output.push_str(&String::from_utf8_lossy(&bytes[..length]));
        true
    }
}

/// Removes control sequences: those of the form `ESC [ ... letter`, and single control characters.
fn without_controls(output: &str) -> String {
    let mut parts = output.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest));
    }
    text.retain(|c| !c.is_control());
    text
}
