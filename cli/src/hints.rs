//! What the person at the terminal can do about an error. The collector's own hints are worded for a log line, where the next tick
//! tries again by itself; here somebody may run a command again, or look on while the poller or `pull` tries.

use slacktrail_core::error::{Error, ErrorKind};

/// Who tries again by itself, while somebody looks on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Collector {
    /// The deployment's poller.
    Poller,
    /// `slacktrail pull`, whose token is in the environment.
    Pull,
}

/// Returns the hint of a command that failed with an error. Nobody else repeats what it did.
pub(crate) fn of_command(error: &Error) -> Option<String> {
    let hint = match error.kind {
        ErrorKind::Retry if error.code == "directory_locked" => error.hint.clone(),
        ErrorKind::Retry => {
            // What the collector's hint says of an error that stays is right here too.
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

/// Returns the hint about a stream that a collector goes on with.
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
                "nothing to do: the next tick tries again; if it stays, see AWS's health dashboard",
                format!("{AGAIN}; if it stays, see AWS's health dashboard"),
            ),
            (
                "the next tick asks again; if it stays, see whether a firewall or proxy lets `slack.com` through",
                format!("{AGAIN}; if it stays, see whether a firewall or proxy lets `slack.com` through"),
            ),
            ("run it again; if it stays, look after the disk", format!("{AGAIN}; if it stays, look after the disk")),
            ("the next tick reads on; see that nobody else writes", format!("{AGAIN}; see that nobody else writes")),
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
        let refused = Response { status: 401, ..Response::default() };
        let request = Request::audit_logs(Second::EPOCH, Second::EPOCH, 1, None);
        let Err(PageError::Error(error)) = refused.page(&request, Second::EPOCH) else { panic!("a page") };
        let hint = of_stream(&error.hint, Collector::Pull);
        assert!(hint.starts_with("set `SLACK_TOKEN` to a new token"), "{hint}");
    }
}
