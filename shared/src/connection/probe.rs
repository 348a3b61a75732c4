//! Whether a log can be read, and what it shows first.

use super::{Probed, Refusal};
use crate::collect::workspace_id;
use crate::error::{Error, ErrorKind};
use crate::ports::{CallAuth, Slack};
use crate::record::Record;
use crate::secret::Token;
use crate::slack::{Refusal as SlackRefusal, Request};
use crate::source::{LogType, Source};
use crate::time::Second;

/// Reads the head of a log with a user's token. What will pass by itself, or is one workspace's matter, is noted and does not stop the
/// connection.
///
/// # Errors
/// Why the log cannot be read.
pub async fn probe<S: Slack>(
    slack: &S,
    source: &Source,
    log: LogType,
    token: &Token,
    now: Second,
) -> Result<Probed, Refusal> {
    let mut by_workspace = source.organization && log == LogType::Integration;
    let mut shown = match by_workspace {
        true => newest_of_a_workspace(slack, source, log, token, now).await,
        false => newest(slack, source, log, token, None, now).await,
    };
    // Slack gives this organization's access logs one workspace at a time.
    if source.organization && log == LogType::Access && matches!(&shown, Err(error) if error.code == "missing_argument")
    {
        by_workspace = true;
        shown = newest_of_a_workspace(slack, source, log, token, now).await;
    }
    match shown {
        Ok(newest) => Ok(Probed { log, newest, note: None }),
        Err(error) if by_workspace || error.kind == ErrorKind::Retry => Ok(Probed::not_yet(log, error.message)),
        Err(error) => Err(Refusal::of_probe(log, &error)),
    }
}

async fn newest_of_a_workspace<S: Slack>(
    slack: &S,
    source: &Source,
    log: LogType,
    token: &Token,
    now: Second,
) -> Result<Option<Second>, Error> {
    let request = Request::workspaces(None);
    let response = slack.call_whole(source, &request, CallAuth::User(token)).await?;
    let workspaces = match response.page(&request, now) {
        Ok(page) => page.rows,
        Err(SlackRefusal::Error(error)) => return Err(error),
        Err(SlackRefusal::StalePageCursor | SlackRefusal::NoSuchPage) => Vec::new(), // we asked for neither
    };
    let Some(first) = workspaces.iter().find_map(|workspace| workspace_id(workspace)) else {
        return Err(Error::slack(
            ErrorKind::Reconfigure,
            "no_workspace",
            format!("the app is on no workspace of the organization yet: add it to those whose {log} logs you want"),
            "add it in the organization's app management page",
        ));
    };
    newest(slack, source, log, token, Some(&first), now).await
}

/// The time of the record that a log shows first.
async fn newest<S: Slack>(
    slack: &S,
    source: &Source,
    log: LogType,
    token: &Token,
    workspace: Option<&str>,
    now: Second,
) -> Result<Option<Second>, Error> {
    let request = Request::probe(log, now, workspace);
    let response = slack.call_whole(source, &request, CallAuth::User(token)).await?;
    match response.page(&request, now) {
        Ok(page) => Ok(page.rows.iter().filter_map(|row| Record::read(log, workspace, row).time).max()),
        Err(SlackRefusal::Error(error)) => Err(error),
        Err(SlackRefusal::StalePageCursor | SlackRefusal::NoSuchPage) => Ok(None), // we asked for neither
    }
}
