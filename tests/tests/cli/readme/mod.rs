//! README: each command that it shows is typed here, in README's order, or checked in another way that is written down here.

mod commands;
mod elsewhere;
mod local;
mod reader;

use elsewhere::ELSEWHERE;
use reader::Reader;

use crate::slack::ORGANIZATION;

/// What goes on while a command runs.
#[derive(Clone, Copy)]
enum Meanwhile {
    /// It ends by itself.
    Wait,
    /// It ends by itself; the poller was invoked before, as it is each minute.
    TickBefore,
    /// Once the screen shows this, the poller is invoked, which it waits for.
    TickOnce(&'static str),
    /// It asks for an app's credentials, and for a visit to Slack.
    Connect,
    /// It reads this without showing it.
    Paste(&'static str),
    /// It asks this, and is answered that.
    Answer(&'static str, &'static str),
    /// It goes on until Ctrl-C, which is pressed once the screen shows this.
    Interrupt(&'static str),
}
use Meanwhile::{Answer, Connect, Interrupt, Paste, TickBefore, TickOnce, Wait};

/// Every command that is typed, what goes on meanwhile, and what the screen shows in the end.
const TYPED: [(&str, Meanwhile, &str); 16] = [
    ("export AWS_DEFAULT_REGION=us-east-1", Wait, ""),
    ("export SLACKTRAIL_STACK=slacktrail", Wait, ""),
    (r#"slacktrail connect acme --name "Acme" --plan enterprise"#, Connect, "connected `acme` to the organization"),
    ("slacktrail status", TickBefore, "acme    integration  ok"),
    ("slacktrail sources", Wait, "acme    Acme  enterprise"),
    ("slacktrail status --watch", Interrupt("acme    integration  ok"), "slacktrail status at "),
    ("slacktrail pause acme", Wait, "paused `acme`"),
    ("slacktrail resume acme", Wait, "resumed `acme`"),
    (
        "slacktrail backfill acme --log audit --from 2024-01-01 --to 2024-02-01",
        TickOnce("collecting acme/audit from 2024-01-01T00:00:00Z"),
        "collected acme/audit from 2024-01-01T00:00:00Z to 2024-01-31T23:59:59Z",
    ),
    ("slacktrail verify acme --log audit --day 2024-01-15", Wait, "complete: 2 records of 2024-01-15"),
    ("slacktrail disconnect acme", Answer("Disconnect it?", "y"), "disconnected `acme`"),
    ("read -rs SLACK_TOKEN", Paste(ORGANIZATION), ""),
    ("export SLACK_TOKEN", Wait, ""),
    ("slacktrail pull --logs audit --dir ./logs", Wait, "slack/audit"),
    ("slacktrail pull --dir ./logs --follow", Interrupt("pages, ok"), "slack/integration"),
    ("slacktrail status --dir ./logs", Wait, "slack   integration  ok"),
];

#[test]
fn every_readme_command_is_typed_or_checked_elsewhere() {
    let elsewhere = |command: &&str| ELSEWHERE.iter().any(|(other, ..)| other == command);
    let (elsewhere, typed): (Vec<&str>, Vec<&str>) = commands::shown().into_iter().partition(elsewhere);
    assert_eq!(typed, TYPED.map(|(command, ..)| command), "README's commands, and what is typed here");
    assert_eq!(elsewhere, ELSEWHERE.map(|(command, ..)| command), "README's commands, and what is checked elsewhere");
}

#[tokio::test]
async fn reader_who_types_readme_commands_gets_promised_output() {
    let Some(mut reader) = Reader::start().await else { return };
    for (command, meanwhile, telling) in TYPED {
        if let Some(assignment) = command.strip_prefix("export ") {
            reader.export(assignment);
            continue;
        }
        if let (Some(options), Paste(secret)) = (command.strip_prefix("read "), meanwhile) {
            reader.pastes(options, secret).await;
            continue;
        }
        let screen = reader.types(command, meanwhile).await;
        assert!(screen.contains(telling), "`{command}` does not show `{telling}`:\n{screen}");
    }
}
