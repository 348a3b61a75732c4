//! Waiting until the link was used and Slack's answer is verified; and giving up on it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use slacktrail_shared::connection::{Connection, ConnectionId, Facts, Refusal, Step};
use slacktrail_shared::error::{Error, ErrorKind};
use slacktrail_shared::ports::{ConnectionStore, ReplaceOutcome};
use slacktrail_shared::time::Second;

use crate::{duration, terminal};

/// How often the connection is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// So many looks in a row may fail for a reason that passes; the SDK has tried each of them three times.
const FAILED_LOOKS_MAX: u32 = 5;
/// The function that verifies has half a minute; beyond this it has ended without a word.
const VERIFYING_SECONDS_MAX: i64 = 60;
/// So long what is just being verified is waited for when somebody gives up.
const GIVE_UP_MAX: Duration = Duration::from_secs(40);
/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// What became of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// It is connected.
    Connected(Box<Facts>),
    /// It was refused.
    Refused(Refusal),
    /// Nobody finished it in time.
    Expired,
    /// It was verified, and no word came of it.
    Lost,
    /// It was given up, and can come to nothing any more.
    Cancelled,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Opening,
    Slack,
    Verifying,
}

/// What a look at a connection tells.
#[derive(Debug, Eq, PartialEq)]
enum Seen {
    Waiting(Stage),
    Over(End),
}

/// Waits until the connection has come to an end.
///
/// # Errors
/// When it cannot be looked at any more.
pub(super) async fn wait<C: ConnectionStore>(connections: &C, id: &ConnectionId) -> Result<End, Error> {
    let mut display = Display::new();
    let (mut failed_looks, mut verifying_since) = (0, None);
    loop {
        let now = Second::of(Timestamp::now());
        match connections.load_connection(id).await {
            Ok(found) => {
                failed_looks = 0;
                let connection = found.map(|(_, connection)| connection);
                match seen(connection.as_ref(), verifying_since, now) {
                    Seen::Over(end) => return Ok(end),
                    Seen::Waiting(stage) => {
                        if stage == Stage::Verifying {
                            verifying_since.get_or_insert(now);
                        }
                        display.show(stage, connection.map_or(0, |connection| connection.expires_at.since(now)));
                    }
                }
            }
            Err(error) if error.kind == ErrorKind::Retry && failed_looks < FAILED_LOOKS_MAX => failed_looks += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn seen(connection: Option<&Connection>, verifying_since: Option<Second>, now: Second) -> Seen {
    // DynamoDB deletes it a day after its time at the earliest; earlier somebody else has.
    let Some(connection) = connection else { return Seen::Over(End::Cancelled) };
    match &connection.step {
        Step::Granted | Step::Started if connection.is_expired(now) => Seen::Over(End::Expired),
        Step::Granted => Seen::Waiting(Stage::Opening),
        Step::Started => Seen::Waiting(Stage::Slack),
        Step::Verifying if verifying_since.is_some_and(|since| now.since(since) > VERIFYING_SECONDS_MAX) => {
            Seen::Over(End::Lost)
        }
        Step::Verifying => Seen::Waiting(Stage::Verifying),
        Step::Connected(facts) => Seen::Over(End::Connected(facts.clone())),
        Step::Refused(refusal) => Seen::Over(End::Refused(refusal.clone())),
        Step::Cancelled => Seen::Over(End::Cancelled),
    }
}

/// Makes the link and the state good for nothing, in bounded time. What is just being verified cannot be called back: its end is
/// waited for.
pub(super) async fn give_up<C: ConnectionStore>(connections: &C, id: &ConnectionId) -> End {
    tokio::time::timeout(GIVE_UP_MAX, cancel(connections, id)).await.unwrap_or(End::Lost)
}

async fn cancel<C: ConnectionStore>(connections: &C, id: &ConnectionId) -> End {
    let mut told = false;
    loop {
        // Each step happens once and there are three, so that this ends; and it is bounded by who calls it.
        match connections.load_connection(id).await {
            Ok(None) => return End::Cancelled,
            Ok(Some((version, connection))) => match &connection.step {
                Step::Granted | Step::Started => {
                    let cancelled = connection.at(Step::Cancelled);
                    match connections.replace_connection(Some(version), &cancelled).await {
                        Ok(ReplaceOutcome::Replaced(_)) => return End::Cancelled,
                        Ok(ReplaceOutcome::Conflict) => continue,
                        Err(_) => {}
                    }
                }
                Step::Verifying if told => {}
                Step::Verifying => {
                    terminal::note("what Slack granted is just being verified: waiting for what comes of it");
                    told = true;
                }
                Step::Connected(facts) => return End::Connected(facts.clone()),
                // What was refused may have left something to do.
                Step::Refused(refusal) => return End::Refused(refusal.clone()),
                Step::Cancelled => return End::Cancelled,
            },
            Err(_) => {}
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A spinner with what is waited for; where standard error is no terminal, a line for each stage.
#[derive(Debug)]
struct Display {
    spinner: ProgressBar,
    stage: Option<Stage>,
}

impl Display {
    fn new() -> Display {
        let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            spinner.set_style(style);
        }
        Display { spinner, stage: None }
    }

    fn show(&mut self, stage: Stage, seconds_left: i64) {
        let words = match stage {
            Stage::Opening => "waiting for the link to be opened",
            Stage::Slack => "the link was opened; waiting for an answer on Slack's page",
            Stage::Verifying => "verifying what Slack granted",
        };
        let left = match stage {
            Stage::Opening | Stage::Slack => format!(" ({} left)", duration::words(seconds_left)),
            Stage::Verifying => String::new(),
        };
        if self.spinner.is_hidden() {
            if self.stage != Some(stage) {
                terminal::note(words);
            }
        } else {
            self.spinner.enable_steady_tick(TURN);
            terminal::show_progress(&self.spinner, &format!("{words}{left}"));
        }
        self.stage = Some(stage);
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use slacktrail_shared::connection::RefusalKind;
    use slacktrail_shared::ports::Version;
    use slacktrail_shared::source::{Plan, Source, Tenant};

    use super::*;

    const NOW: Second = Second::MARCH_2018;

    fn granted() -> Connection {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, NOW);
        Connection::grant([1; 16], [2; 32], source, "1.2", NOW).0
    }

    fn facts() -> Box<Facts> {
        let tenant = Tenant { id: "E1".to_owned(), name: "Acme".to_owned() };
        let (user, scopes, logs) = ("W1".to_owned(), Vec::new(), Vec::new());
        Box::new(Facts { tenant, organization: true, user, scopes, rotates: false, logs })
    }

    fn refusal() -> Refusal {
        let (message, hint) = ("no".to_owned(), "try".to_owned());
        Refusal { kind: RefusalKind::Denied, message, hint }
    }

    #[test]
    fn each_authorization_state_is_awaited_or_final() {
        let waiting = |stage| Seen::Waiting(stage);
        for (step, seconds, expected) in [
            (granted().step, 599, waiting(Stage::Opening)),
            (granted().step, 600, Seen::Over(End::Expired)),
            (Step::Started, 599, waiting(Stage::Slack)),
            (Step::Started, 600, Seen::Over(End::Expired)),
            (Step::Verifying, 700, waiting(Stage::Verifying)),
            (Step::Connected(facts()), 700, Seen::Over(End::Connected(facts()))),
            (Step::Refused(refusal()), 700, Seen::Over(End::Refused(refusal()))),
            (Step::Cancelled, 0, Seen::Over(End::Cancelled)),
        ] {
            assert_eq!(seen(Some(&granted().at(step.clone())), None, NOW.plus(seconds)), expected, "{step:?}");
        }
        assert_eq!(seen(None, None, NOW), Seen::Over(End::Cancelled));
        let verifying = granted().at(Step::Verifying);
        assert_eq!(seen(Some(&verifying), Some(NOW), NOW.plus(60)), waiting(Stage::Verifying));
        assert_eq!(seen(Some(&verifying), Some(NOW), NOW.plus(61)), Seen::Over(End::Lost));
    }

    /// A connection that is elsewhere each time somebody wants to replace it.
    struct Moving {
        present: RefCell<Connection>,
        next: RefCell<Vec<Step>>,
    }

    impl ConnectionStore for Moving {
        async fn load_connection(&self, _: &ConnectionId) -> Result<Option<(Version, Connection)>, Error> {
            Ok(Some((Version(1), self.present.borrow().clone())))
        }

        async fn replace_connection(
            &self,
            _: Option<Version>,
            connection: &Connection,
        ) -> Result<ReplaceOutcome, Error> {
            let next = self.next.borrow_mut().pop();
            *self.present.borrow_mut() = connection.at(next.clone().unwrap_or_else(|| connection.step.clone()));
            Ok(if next.is_none() { ReplaceOutcome::Replaced(Version(2)) } else { ReplaceOutcome::Conflict })
        }
    }

    #[tokio::test]
    async fn canceling_takes_effect_unless_outcome_came_first() {
        for (next, expected) in [
            (vec![], End::Cancelled),
            (vec![Step::Started], End::Cancelled),
            (vec![Step::Connected(facts()), Step::Started], End::Connected(facts())),
            (vec![Step::Refused(refusal())], End::Refused(refusal())),
        ] {
            let store = Moving { present: RefCell::new(granted()), next: RefCell::new(next) };
            assert_eq!(give_up(&store, &granted().id).await, expected);
            let is_over =
                matches!(store.present.borrow().step, Step::Cancelled | Step::Connected(_) | Step::Refused(_));
            assert!(is_over, "{:?}", store.present);
        }
    }
}
