//! Waits until the link is used and Slack's grant is verified, and cancels the authorization if the user gives up.

use std::ops::ControlFlow;
use std::time::Duration;

use slacktrail_connect::{
    Authorization, AuthorizationId, AuthorizationState, AuthorizationStore, ConnectError, ConnectReport,
};
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::time::Second;

use crate::environment::now;
use crate::progress::ProgressLine;
use crate::{format, terminal};

/// The time between two reads of the authorization.
const READ_INTERVAL: Duration = Duration::from_secs(1);
/// How many reads in a row may fail with a transient error. The SDK has tried each of them three times.
const FAILED_READS_MAX: u32 = 5;
/// The maximum time that the command waits for a verification. The OAuth function has a timeout of 29 seconds, so it has then ended without
/// a result.
const VERIFYING_SECONDS_MAX: i64 = 60;
/// How long a user who gives up waits for a verification in progress.
const GIVE_UP_MAX: Duration = Duration::from_secs(40);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum End {
    Connected(Box<ConnectReport>),
    Failed(ConnectError),
    Expired,
    /// The OAuth function started to verify the grant, but did not report the outcome.
    Lost,
    /// The authorization was canceled, and its link is invalid.
    Canceled,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Opening,
    Slack,
    Verifying,
}

pub(super) async fn wait<C: AuthorizationStore>(authorizations: &C, id: &AuthorizationId) -> Result<End, Error> {
    let mut line = ProgressLine::new(None);
    let (mut failed_reads, mut verifying_since) = (0, None);
    loop {
        let now = now();
        match authorizations.load_authorization(id).await {
            Ok(found) => {
                failed_reads = 0;
                let authorization = found.map(|(_, authorization)| authorization);
                match seen(authorization.as_ref(), verifying_since, now) {
                    ControlFlow::Break(end) => return Ok(end),
                    ControlFlow::Continue(stage) => {
                        if stage == Stage::Verifying {
                            verifying_since.get_or_insert(now);
                        }
                        let expires_at = authorization.map_or(now, |authorization| authorization.expires_at);
                        show(&mut line, stage, expires_at.since(now));
                    }
                }
            }
            Err(error) if error.kind == ErrorKind::Retry && failed_reads < FAILED_READS_MAX => failed_reads += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(READ_INTERVAL).await;
    }
}

/// Returns what the command waits for, or how the authorization ended.
fn seen(
    authorization: Option<&Authorization>,
    verifying_since: Option<Second>,
    now: Second,
) -> ControlFlow<End, Stage> {
    // DynamoDB deletes an authorization a day after it expires at the earliest, so another process has deleted this one.
    let Some(authorization) = authorization else { return ControlFlow::Break(End::Canceled) };
    match &authorization.state {
        AuthorizationState::LinkIssued | AuthorizationState::Started if authorization.is_expired(now) => {
            ControlFlow::Break(End::Expired)
        }
        AuthorizationState::LinkIssued => ControlFlow::Continue(Stage::Opening),
        AuthorizationState::Started => ControlFlow::Continue(Stage::Slack),
        AuthorizationState::Verifying
            if verifying_since.is_some_and(|since| now.since(since) > VERIFYING_SECONDS_MAX) =>
        {
            ControlFlow::Break(End::Lost)
        }
        AuthorizationState::Verifying => ControlFlow::Continue(Stage::Verifying),
        AuthorizationState::Connected(report) => ControlFlow::Break(End::Connected(report.clone())),
        AuthorizationState::Failed(connect_error) => ControlFlow::Break(End::Failed(connect_error.clone())),
        AuthorizationState::Canceled => ControlFlow::Break(End::Canceled),
    }
}

/// Cancels the authorization within a limited time. An authorization that is being verified cannot be canceled, so this waits for its end.
/// Only a transient error is tried again.
pub(super) async fn give_up<C: AuthorizationStore>(authorizations: &C, id: &AuthorizationId) -> End {
    tokio::time::timeout(GIVE_UP_MAX, cancel(authorizations, id)).await.unwrap_or(End::Lost)
}

async fn cancel<C: AuthorizationStore>(authorizations: &C, id: &AuthorizationId) -> End {
    let mut is_printed = false;
    loop {
        // The caller limits the time of this loop.
        match slacktrail_connect::cancel(authorizations, id).await {
            Ok(None | Some(AuthorizationState::Canceled)) => return End::Canceled,
            Ok(Some(AuthorizationState::Connected(report))) => return End::Connected(report),
            // A failed authorization may require a cleanup.
            Ok(Some(AuthorizationState::Failed(connect_error))) => return End::Failed(connect_error),
            Ok(Some(AuthorizationState::Verifying)) if !is_printed => {
                terminal::note("slacktrail is verifying what Slack granted; waiting for the result");
                is_printed = true;
            }
            Err(error) if error.kind != ErrorKind::Retry => return End::Lost,
            Ok(Some(_)) | Err(_) => {}
        }
        tokio::time::sleep(READ_INTERVAL).await;
    }
}

fn show(line: &mut ProgressLine, stage: Stage, seconds_left: i64) {
    let label = match stage {
        Stage::Opening => "waiting for the link to be opened",
        Stage::Slack => "the link was opened; waiting for a decision on Slack's page",
        Stage::Verifying => "verifying what Slack granted",
    };
    let left = match stage {
        Stage::Opening | Stage::Slack => format!(" ({} left)", format::duration(seconds_left)),
        Stage::Verifying => String::new(),
    };
    line.show_step(&format!("{label}{left}"), label, label);
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::ops::ControlFlow::{Break, Continue};

    use slacktrail_connect::ConnectErrorKind;
    use slacktrail_core::source::{Plan, Source, Tenant};
    use slacktrail_ports::{ReplaceOutcome, Version};

    use super::*;

    const NOW: Second = Second::MARCH_2018;

    fn link_issued() -> Authorization {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, NOW);
        Authorization::new([1; 16], [2; 32], source, "1.2", NOW).0
    }

    fn report() -> Box<ConnectReport> {
        let tenant = Tenant { id: "E1".to_owned(), name: "Acme".to_owned() };
        let (user, scopes, logs) = ("W1".to_owned(), Vec::new(), Vec::new());
        Box::new(ConnectReport { tenant, organization: true, user, scopes, rotates: false, logs })
    }

    fn connect_error() -> ConnectError {
        let (message, hint) = ("no".to_owned(), "try".to_owned());
        ConnectError { kind: ConnectErrorKind::Denied, message, hint, page: Box::default() }
    }

    #[test]
    fn each_authorization_state_is_awaited_or_final() {
        for (state, seconds, expected) in [
            (link_issued().state, 599, Continue(Stage::Opening)),
            (link_issued().state, 600, Break(End::Expired)),
            (AuthorizationState::Started, 599, Continue(Stage::Slack)),
            (AuthorizationState::Started, 600, Break(End::Expired)),
            (AuthorizationState::Verifying, 700, Continue(Stage::Verifying)),
            (AuthorizationState::Connected(report()), 700, Break(End::Connected(report()))),
            (AuthorizationState::Failed(connect_error()), 700, Break(End::Failed(connect_error()))),
            (AuthorizationState::Canceled, 0, Break(End::Canceled)),
        ] {
            assert_eq!(
                seen(Some(&link_issued().with_state(state.clone())), None, NOW.plus(seconds)),
                expected,
                "{state:?}"
            );
        }
        assert_eq!(seen(None, None, NOW), Break(End::Canceled));
        let verifying = link_issued().with_state(AuthorizationState::Verifying);
        assert_eq!(seen(Some(&verifying), Some(NOW), NOW.plus(60)), Continue(Stage::Verifying));
        assert_eq!(seen(Some(&verifying), Some(NOW), NOW.plus(61)), Break(End::Lost));
    }

    /// An authorization that changes state before each replacement.
    struct Moving {
        present: RefCell<Authorization>,
        next: RefCell<Vec<AuthorizationState>>,
    }

    impl AuthorizationStore for Moving {
        async fn load_authorization(&self, _: &AuthorizationId) -> Result<Option<(Version, Authorization)>, Error> {
            Ok(Some((Version(1), self.present.borrow().clone())))
        }

        async fn replace_authorization(
            &self,
            _: Option<Version>,
            authorization: &Authorization,
        ) -> Result<ReplaceOutcome, Error> {
            let next = self.next.borrow_mut().pop();
            *self.present.borrow_mut() =
                authorization.with_state(next.clone().unwrap_or_else(|| authorization.state.clone()));
            Ok(if next.is_none() { ReplaceOutcome::Replaced(Version(2)) } else { ReplaceOutcome::Conflict })
        }
    }

    #[tokio::test]
    async fn canceling_takes_effect_unless_outcome_came_first() {
        for (next, expected) in [
            (vec![], End::Canceled),
            (vec![AuthorizationState::Started], End::Canceled),
            (vec![AuthorizationState::Connected(report()), AuthorizationState::Started], End::Connected(report())),
            (vec![AuthorizationState::Failed(connect_error())], End::Failed(connect_error())),
        ] {
            let store = Moving { present: RefCell::new(link_issued()), next: RefCell::new(next) };
            assert_eq!(give_up(&store, &link_issued().id).await, expected);
            let is_over = matches!(
                store.present.borrow().state,
                AuthorizationState::Canceled | AuthorizationState::Connected(_) | AuthorizationState::Failed(_)
            );
            assert!(is_over, "{:?}", store.present);
        }
    }

    /// A table that rejects each read, and counts the reads.
    struct Rejecting(Cell<u32>);

    impl AuthorizationStore for Rejecting {
        async fn load_authorization(&self, _: &AuthorizationId) -> Result<Option<(Version, Authorization)>, Error> {
            self.0.set(self.0.get() + 1);
            Err(Error::deployment("credentials_refused", "the session has expired"))
        }

        async fn replace_authorization(&self, _: Option<Version>, _: &Authorization) -> Result<ReplaceOutcome, Error> {
            unreachable!("an authorization that cannot be read is not replaced")
        }
    }

    #[tokio::test]
    async fn canceling_is_tried_once_if_error_is_not_transient() {
        let store = Rejecting(Cell::new(0));
        assert_eq!(give_up(&store, &link_issued().id).await, End::Lost);
        assert_eq!(store.0.get(), 1);
    }
}
