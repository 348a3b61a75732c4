//! A reader who types README's commands in a terminal and an empty folder, with the template deployed to an emulated account, the compiled
//! functions, and a simulated Slack.

use std::path::Path;

use slacktrail_simulator::oauth::{App, Redirects};
use slacktrail_simulator::settings::Limits;
use slacktrail_simulator::{Row, Settings};
use slacktrail_tests::connecting::visit;
use slacktrail_tests::deployment::{ActivityGenerator, LocalDeployment};
use slacktrail_tests::emulated_aws::EmulatedAws;
use slacktrail_tests::function::{Function, oauth_binary};
use slacktrail_tests::lambda_runtime_api::Emulator;
use slacktrail_tests::stack::Stack;
use tempfile::TempDir;

use super::Interaction;
use crate::binary::Slacktrail;
use crate::terminal::Terminal;
use crate::wizard::link;

/// The variables that the reader does not have. README's `export` sets only the stack and the region.
const NAMES: [&str; 3] = ["AWS_REGION", "SLACKTRAIL_BUCKET", "SLACKTRAIL_TABLE"];

/// The reader and their environment.
pub(super) struct Reader {
    slacktrail: Slacktrail,
    deployment: LocalDeployment,
    oauth: Emulator,
    /// A variable that `read` has set and that is not exported yet.
    read: Option<(String, String)>,
    folder: TempDir,
    _functions: [Function; 2],
}

impl Reader {
    /// Deploys the stack. Prints a note and returns `None` without moto.
    pub(super) async fn start() -> Option<Reader> {
        let moto = EmulatedAws::start_with_cloudformation()?;
        let names = Stack::deploy(&moto, &[]).names();
        let app = App { redirects: Redirects::Any, ..App::organization("") };
        let settings = Settings { apps: vec![app], limits: Limits::OFF, ..Settings::organization() };
        let deployment = LocalDeployment::on(moto, names, settings).await;
        add_records(&deployment);

        let oauth = Emulator::start().await;
        let functions = [deployment.poller(), oauth.spawn(&oauth_binary(), deployment.oauth_environment())];
        let folder = tempfile::tempdir().unwrap();
        let account = deployment.command_environment().into_iter().filter(|(name, _)| !NAMES.contains(&name.as_str()));
        let slacktrail = Slacktrail::alone().with_all(account).inside(folder.path());
        Some(Reader { slacktrail, deployment, oauth, read: None, folder, _functions: functions })
    }

    /// Sets a variable for all later commands, like `export NAME=value`, or like `export NAME` after `read`.
    pub(super) fn export(&mut self, assignment: &str) {
        let (name, value) = match (assignment.split_once('='), &self.read) {
            (Some(assigned), _) => assigned,
            (None, Some((name, value))) if name == assignment => (name.as_str(), value.as_str()),
            (None, read) => panic!("`{assignment}` has no value: {read:?}"),
        };
        self.slacktrail = self.slacktrail.clone().with(name, value);
    }

    /// Runs `read` in a shell, pastes a secret, and asserts that the variable contains the secret and the screen does not show it.
    pub(super) async fn pastes(&mut self, options: &str, secret: &str) {
        let name = options.split(' ').next_back().unwrap();
        let line = format!("read {options} && printf %s \"${name}\" > read");
        let mut terminal = Terminal::run(
            &self.slacktrail.clone().with("PATH", "/usr/bin:/bin"),
            Path::new("/bin/bash"),
            &["-c", &line],
        );
        terminal.hides_input().await;
        terminal.enters(secret).await;
        let shown = terminal.end().await;
        assert_eq!((shown.code, shown.screen.trim()), (0, ""), "{line}");
        let read = std::fs::read_to_string(self.folder.path().join("read")).unwrap();
        assert_eq!(read, secret);
        self.read = Some((name.to_owned(), read));
    }

    /// Types a command, interacts with it, and returns the screen after the command has succeeded.
    pub(super) async fn types(&self, command: &str, interaction: Interaction) -> String {
        if let Interaction::TickBefore = interaction {
            self.deployment.drain().await;
        }
        let mut terminal = Terminal::typed(&self.slacktrail, command);
        match interaction {
            Interaction::Wait | Interaction::TickBefore | Interaction::Paste(_) => {}
            Interaction::Connect => self.connect(&mut terminal).await,
            Interaction::TickOnce(shown) => {
                terminal.shows(shown).await;
                self.deployment.drain().await;
            }
            Interaction::Interrupt(shown) => {
                terminal.shows(shown).await;
                terminal.interrupts().await;
            }
            Interaction::Answer(question, answer) => {
                terminal.shows(question).await;
                terminal.enters(answer).await;
            }
        }
        let shown = terminal.end().await;
        assert_eq!(shown.code, 0, "{command}\n{}", shown.screen);
        shown.screen
    }

    /// Enters the app's credentials, and opens the link in a browser.
    async fn connect(&self, terminal: &mut Terminal) {
        let app = self.deployment.slack().settings().apps[0].clone();
        for (question, answer) in [("? Client ID:", app.client_id), ("? Client Secret:", app.client_secret)] {
            terminal.shows(question).await;
            terminal.enters(&answer).await;
        }
        terminal.shows("waiting for the link to be opened").await;
        visit(&self.deployment, &self.oauth, &link(&terminal.screen())).await;
    }
}

/// Adds the activity of the last three hours, and two records on the day that README backfills.
fn add_records(deployment: &LocalDeployment) {
    ActivityGenerator::new(&mut deployment.slack(), 3, 40);
    for (time, id) in [("2024-01-15T09:00:00Z", "morning"), ("2024-01-15T17:00:00Z", "evening")] {
        deployment.slack().add(Row::small_audit(time.parse().unwrap(), id));
    }
}
