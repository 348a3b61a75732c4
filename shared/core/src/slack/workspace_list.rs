//! The list of an organization's workspaces, `auth.teams.list` (docs.slack.dev/reference/methods/auth.teams.list).

use crate::error::{Error, ErrorKind};

/// Maximum pages of the list that are read, with 10,000 workspaces in total.
pub const LIST_PAGES_MAX: u32 = 10;
/// Maximum length of an ID. Slack's IDs are far shorter.
const ID_BYTES_MAX: usize = 100;

#[derive(serde::Deserialize)]
struct Workspace {
    id: String,
}

/// Returns the ID of a workspace on a page of `auth.teams.list`, or `None` if it has no valid ID.
pub fn workspace_id(json: &str) -> Option<String> {
    let workspace: Workspace = serde_json::from_str(json).ok()?;
    Some(workspace.id).filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()))
}

/// Returns the error of an unusable list of workspaces. `what` names the cause.
pub fn list_error(what: &str) -> Error {
    let message = format!("Slack's list of the organization's workspaces (`auth.teams.list`) cannot be used: {what}");
    Error::slack(ErrorKind::Retry, "workspace_list_failed", message, "wait for the next tick, which tries again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_id_has_at_most_100_bytes() {
        let read = |bytes: usize| {
            let id = "T".repeat(bytes);
            workspace_id(&format!(r#"{{"id":"{id}","name":7}}"#)).map(|read| read == id)
        };
        assert_eq!((read(0), read(1), read(100), read(101)), (None, Some(true), Some(true), None));
        for odd in [r#"{"name":"x"}"#, r#"{"id":7}"#, "null", "[]", "\"T1\""] {
            assert_eq!(workspace_id(odd), None, "{odd}");
        }
    }
}
