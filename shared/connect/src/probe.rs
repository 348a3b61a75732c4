//! Checks whether a token can read a log.

use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::record::Record;
use slacktrail_core::slack::workspace_id;
use slacktrail_core::slack::{Page, PageError, Request};
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::Second;
use slacktrail_ports::secret::Token;
use slacktrail_ports::{CallAuth, Slack};

use crate::{ConnectError, LogProbe};

/// Reads the newest records of a log with a user token. A transient error, or an error of one workspace, becomes a note and does not fail the
/// authorization.
///
/// # Errors
/// Returns an error if Slack rejects the request with any other error.
pub async fn probe<S: Slack>(
    slack: &S,
    source: &Source,
    log: LogType,
    token: &Token,
    now: Second,
) -> Result<LogProbe, ConnectError> {
    let mut by_workspace = source.organization && log == LogType::Integration;
    let mut shown = match by_workspace {
        true => newest_of_a_workspace(slack, source, log, token, now).await,
        false => newest(slack, source, log, token, None, now).await,
    };
    // For this organization, Slack returns access logs only per workspace.
    if source.organization && log == LogType::Access && matches!(&shown, Err(error) if error.code == "missing_argument")
    {
        by_workspace = true;
        shown = newest_of_a_workspace(slack, source, log, token, now).await;
    }
    match shown {
        Ok(newest) => Ok(LogProbe { log, newest, note: None, needs_workspace: false }),
        Err(error) if by_workspace || error.kind == ErrorKind::Retry => {
            let needs_workspace = error.code == "no_workspace";
            Ok(LogProbe { needs_workspace, ..LogProbe::not_yet(log, error.message) })
        }
        Err(error) => Err(ConnectError::of_probe(log, &error)),
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
    let workspaces = rows(response.page(&request, now))?;
    let Some(first) = workspaces.iter().find_map(|workspace| workspace_id(workspace)) else {
        return Err(Error::slack(
            "no_workspace",
            format!(
                "the app is on no workspace of the organization yet: add it to the workspaces whose {log} logs you want"
            ),
        ));
    };
    newest(slack, source, log, token, Some(&first), now).await
}

/// Returns the time of the newest record.
async fn newest<S: Slack>(
    slack: &S,
    source: &Source,
    log: LogType,
    token: &Token,
    workspace: Option<&str>,
    now: Second,
) -> Result<Option<Second>, Error> {
    let request = match log {
        LogType::Audit => Request::audit_logs(Second::MARCH_2018, now, 1, None),
        LogType::Access => Request::access_logs(1, None, workspace),
        LogType::Integration => Request::integration_logs(1, 1, workspace),
    };
    let response = slack.call_whole(source, &request, CallAuth::User(token)).await?;
    let mut page = response.page(&request, now);
    // The local clock is ahead, so the range ends in Slack's future. Request only the part that Slack has reached.
    if let Some(date) = response.date.map(Second::of).filter(|date| *date < now)
        && log == LogType::Audit
        && matches!(&page, Err(PageError::Error(error)) if error.code == "invalid_range")
    {
        let request = Request::audit_logs(Second::MARCH_2018, date, 1, None);
        page = slack.call_whole(source, &request, CallAuth::User(token)).await?.page(&request, now);
    }
    Ok(rows(page)?.iter().filter_map(|row| Record::read(log, workspace, row).time).max())
}

fn rows(page: Result<Page, PageError>) -> Result<Vec<String>, Error> {
    match page {
        Ok(page) => Ok(page.rows),
        Err(PageError::Error(error)) => Err(error),
        Err(PageError::StalePageCursor | PageError::NoSuchPage) => Ok(Vec::new()), // the request names no page
    }
}
