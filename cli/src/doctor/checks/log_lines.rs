//! Reads the functions' log lines.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use jiff::Timestamp;

use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::Problem;

/// The maximum number of pages of log events to read. A page can be empty although more pages follow.
const PAGES_MAX: usize = 20;

/// A log event.
pub(super) struct Event {
    pub(super) written_at: Timestamp,
    pub(super) text: String,
}

/// Returns the events of a log group since `since`, oldest first, or `None` if the group does not exist.
pub(super) async fn read(
    facts: &Facts,
    group: &str,
    since: Timestamp,
    pattern: Option<&str>,
) -> Result<Option<Vec<Event>>, Problem> {
    let client = Client::new(&facts.config);
    let mut events = Vec::new();
    let mut next = None;
    for _ in 0..PAGES_MAX {
        let call = client.filter_log_events().log_group_name(group).start_time(since.as_millisecond());
        let page = call.set_filter_pattern(pattern.map(str::to_owned)).set_next_token(next).send().await;
        let page = match page {
            Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(None),
            page => page.map_err(problem("logs:FilterLogEvents"))?,
        };
        events.extend(page.events().iter().filter_map(|event| {
            let written_at = Timestamp::from_millisecond(event.timestamp()?).ok()?;
            Some(Event { written_at, text: event.message()?.to_owned() })
        }));
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    events.sort_by_key(|event| event.written_at);
    Ok(Some(events))
}

/// Returns the hint for a missing log group. Deploying an unchanged stack does not create the group again.
pub(super) fn create_hint(group: &str) -> String {
    format!(
        "create the log group, because the functions' roles cannot: `aws logs create-log-group --log-group-name {group}`; \
         then run the command again in two minutes"
    )
}
