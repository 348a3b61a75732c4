//! Tests README's commands. Each command is either typed here, in README's order, or checked as [`elsewhere`] describes.

mod commands;
mod elsewhere;
mod local;
mod reader;

use elsewhere::ELSEWHERE;
use reader::Reader;

use crate::slack::ORGANIZATION;

/// The interaction with a command while it runs.
#[derive(Clone, Copy)]
enum Interaction {
    /// Waits for the command to end.
    Wait,
    /// Invokes the poller, then runs the command and waits for it to end.
    TickBefore,
    /// Invokes the poller as soon as the screen shows this text. The command waits for the result.
    TickOnce(&'static str),
    /// Enters an app's credentials, and opens the link.
    Connect,
    /// Pastes this secret, which the command does not show.
    Paste(&'static str),
    /// Responds to a question with an answer.
    Answer(&'static str, &'static str),
    /// Presses Ctrl-C as soon as the screen shows this text.
    Interrupt(&'static str),
}
use Interaction::{Answer, Connect, Interrupt, Paste, TickBefore, TickOnce, Wait};

/// Every typed command, the interaction with it, and a part of its final screen.
const TYPED: [(&str, Interaction, &str); 18] = [
    ("export AWS_DEFAULT_REGION=us-east-1", Wait, ""),
    ("export SLACKTRAIL_STACK=slacktrail", Wait, ""),
    (r#"slacktrail connect acme --name "Acme" --plan enterprise"#, Connect, "connected `acme` to the organization"),
    ("slacktrail status", TickBefore, "acme    integration  ok"),
    ("slacktrail sources", Wait, "acme    Acme  enterprise"),
    ("slacktrail status --watch", Interrupt("acme    integration  ok"), "slacktrail status at "),
    ("slacktrail set acme --silent-after 3d", Wait, "changed silent-after of `acme`: 24h -> 3d"),
    ("slacktrail pause acme", Wait, "paused `acme`"),
    ("slacktrail resume acme", Wait, "resumed `acme`"),
    (
        "slacktrail backfill acme --log audit --month 2024-01",
        TickOnce("collecting `acme/audit` from 2024-01-01T00:00:00Z"),
        "collected `acme/audit` from 2024-01-01T00:00:00Z to 2024-01-31T23:59:59Z",
    ),
    ("slacktrail verify acme --logs audit --day 2024-01-15", Wait, "complete: 2 records of 2024-01-15"),
    (
        "slacktrail verify acme --month 2024-01 --report january.html",
        Wait,
        "from 2024-01-01 to 2024-01-31, each in exactly one line",
    ),
    ("slacktrail disconnect acme", Answer("Disconnect it?", "y"), "disconnected `acme`"),
    ("read -rs SLACK_TOKEN", Paste(ORGANIZATION), ""),
    ("export SLACK_TOKEN", Wait, ""),
    ("slacktrail pull --logs audit --dir ./logs", Wait, "slack/audit"),
    ("slacktrail pull --dir ./logs --follow", Interrupt(", ok"), "slack/integration"),
    ("slacktrail status --dir ./logs", Wait, "slack   integration  ok"),
];

#[test]
fn every_readme_command_is_typed_or_checked_elsewhere() {
    let elsewhere = |command: &&str| ELSEWHERE.iter().any(|(other, ..)| other == command);
    let (elsewhere, typed): (Vec<&str>, Vec<&str>) = commands::shown().into_iter().partition(elsewhere);
    assert_eq!(typed, TYPED.map(|(command, ..)| command), "README's commands, and the commands typed here");
    assert_eq!(
        elsewhere,
        ELSEWHERE.map(|(command, ..)| command),
        "README's commands, and the commands checked elsewhere"
    );
}

#[tokio::test]
async fn reader_who_types_readme_commands_gets_promised_output() {
    let Some(mut reader) = Reader::start().await else { return };
    for (command, interaction, expected) in TYPED {
        if let Some(assignment) = command.strip_prefix("export ") {
            reader.export(assignment);
            continue;
        }
        if let (Some(options), Paste(secret)) = (command.strip_prefix("read "), interaction) {
            reader.pastes(options, secret).await;
            continue;
        }
        let screen = reader.types(command, interaction).await;
        let unwrapped = screen.replace('\n', " ");
        assert!(unwrapped.contains(expected), "`{command}` does not show `{expected}`:\n{screen}");
    }
}
