//! Adapts the collector's hints to the terminal. The collector writes them for a log line, where the next tick retries. At a terminal, the
//! user runs the command again, or waits while the poller or `pull` retries.

use slacktrail_core::error::{Error, ErrorKind};

/// What retries a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Collector {
    /// The deployment's poller.
    Poller,
    /// `slacktrail pull`, which reads its token from the environment.
    Pull,
}

/// Returns the hint for a command that failed with `error`. Nothing but the user retries it.
pub(crate) fn of_command(error: &Error) -> Option<String> {
    let hint = match error.kind {
        ErrorKind::Retry if error.code == "directory_locked" => error.hint.clone(),
        ErrorKind::Retry => {
            // The other parts of the hint also apply here: they say what to do if the error persists.
            let is_replaced = |part: &str| {
                part.is_empty()
                    || part.contains("tick")
                    || ["nothing to do", "run "].iter().any(|start| part.starts_with(start))
            };
            let further = error.hint.split("; ").filter(|part| !is_replaced(part));
            std::iter::once("run the command again in a minute").chain(further).collect::<Vec<_>>().join("; ")
        }
        ErrorKind::Reauthorize | ErrorKind::Reconfigure | ErrorKind::Investigate => {
            of_stream(&error.hint, Collector::Poller)
        }
    };
    Some(hint).filter(|hint| !hint.is_empty())
}

/// Returns the hint for a stream that `collector` retries.
pub(crate) fn of_stream(hint: &str, collector: Collector) -> String {
    match collector {
        Collector::Poller => hint.replace("the next tick", "the poller"),
        Collector::Pull => hint
            .replace("the next tick", "`slacktrail pull`")
            .replace("connect the source again", "set `SLACK_TOKEN` to a new token"),
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::slack::{PageError, Request, Response};
    use slacktrail_core::time::Second;

    use super::*;

    fn later(hint: &str) -> Error {
        Error::deployment(ErrorKind::Retry, "x", "x", hint)
    }

    #[test]
    fn command_hint_says_run_again_and_not_wait_for_tick() {
        const AGAIN: &str = "run the command again in a minute";
        for (hint, expected) in [
            ("", AGAIN.to_owned()),
            ("nothing to do: Slack limits calls, and the next tick asks again when it may", AGAIN.to_owned()),
            (
                "nothing to do: the next tick tries again; if this persists, check AWS's health dashboard",
                format!("{AGAIN}; if this persists, check AWS's health dashboard"),
            ),
            (
                "wait for the next tick; if this persists, check whether a firewall or proxy blocks `slack.com`",
                format!("{AGAIN}; if this persists, check whether a firewall or proxy blocks `slack.com`"),
            ),
            ("run it again; if this persists, check the disk", format!("{AGAIN}; if this persists, check the disk")),
            ("the next tick retries; stop the other writer", format!("{AGAIN}; stop the other writer")),
        ] {
            assert_eq!(of_command(&later(hint)), Some(expected), "{hint}");
        }
        let other = Error::deployment(ErrorKind::Reconfigure, "x", "x", "set `AWS_REGION`");
        assert_eq!(of_command(&other).as_deref(), Some("set `AWS_REGION`"));
        assert_eq!(of_command(&Error::deployment(ErrorKind::Investigate, "x", "x", "")), None);
    }

    #[test]
    fn every_slack_code_has_hint_for_terminal() {
        for code in ["ratelimited", "internal_error", "team_added_to_org", "whatever", "token_revoked", "missing_scope"]
        {
            let body = format!(r#"{{"ok":false,"error":"{code}"}}"#).into_bytes();
            let response = Response { status: 200, body, ..Response::default() };
            let Err(PageError::Error(error)) = response.page(&Request::revoke(), Second::EPOCH) else {
                panic!("{code}")
            };
            let hint = of_command(&error).unwrap();
            assert!(!hint.contains("tick"), "{code}: {hint}");
        }
    }

    #[test]
    fn stream_hint_names_poller_or_pull() {
        let hint = "nothing to do: the next tick asks again";
        assert_eq!(of_stream(hint, Collector::Poller), "nothing to do: the poller asks again");
        assert_eq!(of_stream(hint, Collector::Pull), "nothing to do: `slacktrail pull` asks again");
    }

    #[test]
    fn hint_for_rejected_pull_token_names_slack_token() {
        let rejected = Response { status: 401, ..Response::default() };
        let request = Request::audit_logs(Second::EPOCH, Second::EPOCH, 1, None);
        let Err(PageError::Error(error)) = rejected.page(&request, Second::EPOCH) else { panic!("a page") };
        let hint = of_stream(&error.hint, Collector::Pull);
        assert!(hint.starts_with("set `SLACK_TOKEN` to a new token"), "{hint}");
    }
}
