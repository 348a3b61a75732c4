//! Finds a source by its ID, and names streams.

use std::collections::BTreeMap;

use slacktrail_core::error::Error;
use slacktrail_core::source::{LogType, Source, SourceId};

use crate::cli_error::CliError;
use crate::format::quoted;

/// The sources of a deployment by ID, or the error if a source cannot be read.
pub(crate) type Sources = BTreeMap<SourceId, Result<Source, Error>>;

/// The note if a deployment has no source.
pub(crate) const NO_SOURCE: &str = "no source is connected yet\nhint: run `slacktrail connect <id>` to connect one";

pub(crate) fn parse_label(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("expected the name that each record should contain"),
        _ => Ok(text.to_owned()),
    }
}

/// Returns the source with this ID. `list` is the command that lists the sources.
pub(crate) fn find(sources: &Sources, id: &SourceId, list: &str) -> Result<Source, CliError> {
    check_known(sources, id, list)?;
    Ok(sources[id].clone()?)
}

/// Checks that a source with this ID exists. `list` is the command that lists the sources, which the error names.
pub(crate) fn check_known(sources: &Sources, id: &SourceId, list: &str) -> Result<(), CliError> {
    if sources.contains_key(id) {
        return Ok(());
    }
    if sources.is_empty() {
        return Err(CliError::new(format!("source `{id}` not found: no source is connected yet"))
            .hint(format!("run `slacktrail connect {id}` to connect it")));
    }
    let hint = format!("use one of {} (`{list}` lists them)", quoted(sources.keys(), ", "));
    Err(CliError::new(format!("source `{id}` not found")).hint(hint))
}

/// Returns the source with this ID, unless it is disconnected.
pub(crate) fn find_connected(sources: &Sources, id: &SourceId, list: &str) -> Result<Source, CliError> {
    let source = find(sources, id, list)?;
    if source.disconnected {
        return Err(CliError::new(format!("source `{id}` is disconnected"))
            .hint(format!("run `slacktrail connect {id}` to reconnect it")));
    }
    Ok(source)
}

/// Returns the name of a stream, or of a source that cannot be read and whose logs are therefore unknown.
pub(crate) fn stream_name(source: &str, log: Option<LogType>) -> String {
    log.map_or_else(|| source.to_owned(), |log| format!("{source}/{log}"))
}

#[cfg(test)]
mod tests {
    use slacktrail_core::source::Plan;
    use slacktrail_core::time::Second;

    use super::*;

    fn source(id: &str) -> Source {
        Source::new(id.parse().unwrap(), "Acme", Plan::Enterprise, Second::MARCH_2018)
    }

    #[test]
    fn unknown_source_is_error_that_lists_known_sources() {
        let none = find(&Sources::new(), &"acme".parse().unwrap(), "slacktrail sources").unwrap_err();
        assert_eq!(none.to_string(), "source `acme` not found: no source is connected yet");
        let sources: Sources = ["beta", "gamma"].into_iter().map(|id| (id.parse().unwrap(), Ok(source(id)))).collect();
        let error = find(&sources, &"acme".parse().unwrap(), "slacktrail sources").unwrap_err();
        assert_eq!(error.to_string(), "source `acme` not found");
        assert!(error.next_action().unwrap().starts_with("use one of `beta`, `gamma` "));
        assert_eq!(find(&sources, &"beta".parse().unwrap(), "slacktrail sources").unwrap().id.as_str(), "beta");
    }

    #[test]
    fn disconnected_source_is_error_with_reconnect_hint() {
        let id: SourceId = "acme".parse().unwrap();
        let disconnected = Source { disconnected: true, ..source("acme") };
        let sources = Sources::from([(id.clone(), Ok(disconnected))]);
        let error = find_connected(&sources, &id, "slacktrail sources").unwrap_err();
        assert_eq!(error.to_string(), "source `acme` is disconnected");
        assert_eq!(error.next_action(), Some("run `slacktrail connect acme` to reconnect it"));
        assert!(find(&sources, &id, "slacktrail sources").is_ok());
    }
}
