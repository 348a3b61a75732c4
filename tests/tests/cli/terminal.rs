//! Runs the compiled command in a terminal of its own: what a person types there, and what they see.

use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use pty_process::{Pty, Size};
use rustix::termios::{LocalModes, tcgetattr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::timeout;

use crate::binary::{Slacktrail, binary};

/// Beyond this what is waited for does not come.
const SHOW_MAX: Duration = Duration::from_secs(60);
/// All that a command prints stays on this screen.
const ROWS: NonZero<u16> = NonZero::new(200).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();
/// What a Ctrl-C is to a terminal.
const CTRL_C: &str = "\u{3}";

/// A terminal with the command in it. The command ends with this value.
pub(crate) struct Terminal {
    child: Child,
    pty: Pty,
    screen: vt100::Parser,
    /// All that was ever shown, with what steers the terminal.
    told: String,
    modes_before: LocalModes,
}

/// What a run in a terminal came to.
pub(crate) struct Shown {
    pub(crate) code: i32,
    /// The screen as the command left it.
    pub(crate) screen: String,
    /// All that was ever shown.
    pub(crate) told: String,
}

impl Terminal {
    /// Starts it with these arguments.
    pub(crate) fn start(slacktrail: &Slacktrail, arguments: &[&str]) -> Terminal {
        Terminal::run(slacktrail, &binary(), arguments)
    }

    /// Types a line to a shell, which finds the command by its name. As at a prompt, the shell itself outlives Ctrl-C.
    pub(crate) fn typed(slacktrail: &Slacktrail, line: &str) -> Terminal {
        let path = format!("{}:/usr/bin:/bin", binary().parent().unwrap().display());
        let script = format!("trap : INT\n{line}");
        Terminal::run(&slacktrail.clone().with("PATH", &path), Path::new("/bin/sh"), &["-c", &script])
    }

    /// Starts another program where the command would be.
    pub(crate) fn run(slacktrail: &Slacktrail, program: &Path, arguments: &[&str]) -> Terminal {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(ROWS.get(), COLUMNS.get())).unwrap();
        let modes_before = tcgetattr(&pty).unwrap().local_modes;
        let environment = slacktrail.environment().iter().map(|(name, value)| (name, value));
        let command = pty_process::Command::new(program).args(arguments).env_clear().envs(environment);
        let command = command.current_dir(slacktrail.directory().unwrap_or(Path::new(".")));
        let child = command.env("TERM", "xterm-256color").kill_on_drop(true).spawn(pts).unwrap();
        Terminal { child, pty, screen: vt100::Parser::new(ROWS, COLUMNS, 0), told: String::new(), modes_before }
    }

    /// Waits until the screen shows this. A question is `? ...` while it waits for its answer, and `> ...` afterwards.
    pub(crate) async fn shows(&mut self, text: &str) {
        let shown = async {
            while !self.screen.screen().contents().contains(text) {
                assert!(self.read().await, "it ended without showing `{text}`:\n{}", self.screen.screen().contents());
            }
        };
        if timeout(SHOW_MAX, shown).await.is_err() {
            panic!("it never showed `{text}`:\n{}", self.screen.screen().contents());
        }
    }

    /// Waits until the terminal shows nothing of what is typed.
    pub(crate) async fn hides_what_is_typed(&self) {
        let hides = || !tcgetattr(&self.pty).unwrap().local_modes.contains(LocalModes::ECHO);
        slacktrail_tests::deployment::until("what is typed is hidden", hides).await;
    }

    /// Types this.
    pub(crate) async fn types(&mut self, text: &str) {
        self.pty.write_all(text.as_bytes()).await.unwrap();
    }

    /// Types this and Enter.
    pub(crate) async fn enters(&mut self, text: &str) {
        self.types(&format!("{text}\r")).await;
    }

    /// Presses Ctrl-C.
    pub(crate) async fn interrupts(&mut self) {
        self.types(CTRL_C).await;
    }

    /// The screen as it is.
    pub(crate) fn screen(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits for its end, and asserts that it leaves the terminal as it was and has told no token.
    pub(crate) async fn end(mut self) -> Shown {
        let ended = timeout(SHOW_MAX, async { while self.read().await {} }).await;
        assert!(ended.is_ok(), "it does not end:\n{}", self.screen());
        let status = timeout(SHOW_MAX, self.child.wait()).await.expect("who closed its terminal ends").unwrap();
        assert_eq!(
            tcgetattr(&self.pty).unwrap().local_modes,
            self.modes_before,
            "the terminal is given back as it was"
        );
        assert!(!self.screen.screen().hide_cursor(), "the cursor is hidden");
        assert!(!self.screen.screen().bracketed_paste(), "pasting is marked");
        assert!(!self.told.contains("xoxp-"), "a token: {}", self.told);
        Shown { code: status.code().unwrap_or(-1), screen: self.screen(), told: self.told }
    }

    /// Reads what there is; false when nobody can write there any more.
    async fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        // Linux tells the end of the last writer as an error.
        let Ok(length @ 1..) = self.pty.read(&mut bytes).await else { return false };
        self.screen.process(&bytes[..length]);
        self.told.push_str(&String::from_utf8_lossy(&bytes[..length]));
        true
    }
}
