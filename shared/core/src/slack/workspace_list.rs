//! The list of an organization's workspaces, `auth.teams.list` (docs.slack.dev/reference/methods/auth.teams.list).

use super::{PageError, Request};
use crate::error::Error;
use crate::time::Second;

/// Maximum pages of the list that are read.
const LIST_PAGES_MAX: u32 = 10;
/// Maximum entries of the list, and rows of any response that is not a page of a log: the requested page size times the maximum number of pages.
pub(super) const LISTED_MAX: usize = 10_000;
/// The interval at which the list of workspaces is read again.
const LISTED_SECONDS: i64 = 3_600;
/// Maximum length of an ID. Slack's IDs are far shorter.
const ID_BYTES_MAX: usize = 100;

/// Returns `true` if the list of workspaces must be read (again).
pub(crate) fn list_is_due(listed_at: Option<Second>, now: Second) -> bool {
    listed_at.is_none_or(|at| now.since(at) >= LISTED_SECONDS)
}

#[derive(serde::Deserialize)]
struct Workspace {
    id: String,
}

/// Returns the ID of a workspace on a page of `auth.teams.list`, or `None` if it has no valid ID.
pub fn workspace_id(json: &str) -> Option<String> {
    let workspace: Workspace = serde_json::from_str(json).ok()?;
    Some(workspace.id).filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()))
}

/// A list of workspaces that was read to its end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WorkspaceList {
    /// The workspaces' IDs in ascending order, each once.
    pub ids: Vec<String>,
    /// The number of entries without an ID, whose logs cannot be requested.
    pub without_id: usize,
}

impl WorkspaceList {
    /// Returns `true` if the list contains the workspace.
    pub fn has(&self, id: &str) -> bool {
        self.ids.binary_search_by(|listed| listed.as_str().cmp(id)).is_ok()
    }
}

/// The list of workspaces while its pages are read.
///
/// The caller sends [`request`](Self::request), passes the rows of the response to [`add`](Self::add), and then the next page's cursor to
/// [`end_page`](Self::end_page), until that returns the list. After an error of this type, the caller starts with a new value.
#[derive(Clone, Debug, Default)]
pub struct WorkspaceListing {
    list: WorkspaceList,
    page_cursor: Option<String>,
    pages: u32,
}

impl WorkspaceListing {
    /// Returns the request for the next page.
    pub fn request(&self) -> Request {
        Request::workspaces(self.page_cursor.as_deref())
    }

    /// Adds an entry of the current page.
    ///
    /// # Errors
    ///
    /// Returns an error if the list has more than 10,000 entries.
    pub fn add(&mut self, json: &str) -> Result<(), Error> {
        match workspace_id(json) {
            Some(id) => self.list.ids.push(id),
            None => self.list.without_id += 1,
        }
        if self.list.ids.len() + self.list.without_id > LISTED_MAX {
            return Err(list_error("it has more than 10,000 workspaces"));
        }
        Ok(())
    }

    /// Ends the current page. Returns the list if `next`, the cursor of the next page, is `None`.
    ///
    /// # Errors
    ///
    /// Returns an error if the list does not end within 10 pages, if the cursor leads to the same page, or if the list has no ID. Without a
    /// workspace nothing can be read, so an empty list must not look like a log without rows.
    pub fn end_page(&mut self, next: Option<String>) -> Result<Option<WorkspaceList>, Error> {
        self.pages += 1;
        if next.is_none() {
            let mut list = std::mem::take(&mut self.list);
            match list.without_id {
                _ if !list.ids.is_empty() => {}
                0 => return Err(no_workspace()),
                _ => return Err(list_error("no workspace in it has an ID")),
            }
            list.ids.sort_unstable();
            list.ids.dedup();
            return Ok(Some(list));
        }
        if next == self.page_cursor {
            return Err(list_error("its page cursor leads to the same page"));
        }
        if self.pages >= LIST_PAGES_MAX {
            return Err(list_error("it has more than 10 pages"));
        }
        self.page_cursor = next;
        Ok(None)
    }

    /// Returns the error for a response that is not a page of the list.
    pub fn page_error(error: PageError) -> Error {
        match error {
            PageError::Error(error) => error,
            PageError::StalePageCursor | PageError::NoSuchPage => list_error("Slack rejected its page cursor"),
        }
    }
}

fn no_workspace() -> Error {
    let message =
        "the app is on no workspace of the organization: Slack's list of workspaces (`auth.teams.list`) is empty";
    Error::slack("no_workspace", message)
}

/// Returns the error of an unusable list of workspaces. `what` names the cause.
fn list_error(what: &str) -> Error {
    let message = format!("Slack's list of the organization's workspaces (`auth.teams.list`) cannot be used: {what}");
    Error::slack("workspace_list_failed", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    /// Reads pages of these IDs, `-` for an entry without an ID. Each page but the last leads to the cursor of its number.
    fn listed(pages: &[&[&str]]) -> Result<WorkspaceList, String> {
        let mut listing = WorkspaceListing::default();
        for (page, number) in pages.iter().zip(1..) {
            for id in *page {
                let json = if *id == "-" { "{}".to_owned() } else { format!(r#"{{"id":"{id}"}}"#) };
                listing.add(&json).map_err(|error| error.message)?;
            }
            let next = (number < pages.len()).then(|| number.to_string());
            if let Some(list) = listing.end_page(next).map_err(|error| error.message)? {
                return Ok(list);
            }
        }
        Err("the list does not end".to_owned())
    }

    #[test]
    fn list_is_sorted_unique_and_counts_entries_without_id() {
        let list = |ids: &[&str], without_id| {
            Ok(WorkspaceList { ids: ids.iter().map(|id| (*id).to_owned()).collect(), without_id })
        };
        assert_eq!(listed(&[&["T2", "-"], &["T1", "T2"], &["-"]]), list(&["T1", "T2"], 2));
        assert_eq!(listed(&[&["T1"][..]; 10]), list(&["T1"], 0));
    }

    #[test]
    fn list_without_id_end_or_limit_is_error() {
        let full = ["T1"; 1_001];
        for (pages, what) in [
            (&[&[][..]][..], "(`auth.teams.list`) is empty"),
            (&[&["-"][..]][..], "no workspace in it has an ID"),
            (&[&["T1"][..]; 11], "it has more than 10 pages"),
            (&[&full[..]; 10], "it has more than 10,000 workspaces"),
        ] {
            let error = listed(pages).unwrap_err();
            assert!(error.ends_with(what), "{error}");
        }
        let mut listing = WorkspaceListing::default();
        let mut lead = |cursor: &str| listing.end_page(Some(cursor.to_owned())).map_err(|error| error.message);
        assert_eq!(lead("a"), Ok(None));
        assert!(lead("a").unwrap_err().ends_with("leads to the same page"));
        let rejected = WorkspaceListing::page_error(PageError::StalePageCursor);
        assert_eq!((rejected.kind, rejected.code.as_str()), (ErrorKind::Retry, "workspace_list_failed"));
    }

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
