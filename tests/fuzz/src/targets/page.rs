//! Log responses, read as the response to each kind of request.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use slacktrail_core::slack::{Advance, Page, PageError, PageReader, Request, Response};

use super::{now, response};
use crate::error_text::assert_safe_error;

/// Checks that a response is either rejected with a safe error, or a page that contains all rows of the body.
pub(super) fn response(bytes: &[u8]) {
    assert_chunk_independent(bytes);
    let response = response::read(bytes);
    for (request, list) in requests() {
        match response.page(&request, now()) {
            Ok(page) => assert_page(&response, &page, list),
            Err(page_error) => assert_page_error(&response, &request, &page_error),
        }
        let json: Result<IgnoredAny, _> = response.json(&request, now());
        if let Err(error) = json {
            assert_safe_error(&error);
        }
    }
}

/// Returns each kind of request for rows, and the field that contains them.
fn requests() -> [(Request, &'static str); 7] {
    let (oldest, latest) = (now().plus(-3600), now());
    [
        (Request::audit_logs(oldest, latest, 1000, None), "entries"),
        (Request::audit_logs(oldest, latest, 1000, Some("x")), "entries"),
        (Request::access_logs(999, None, None), "logins"),
        (Request::access_logs(999, Some("x"), None), "logins"),
        (Request::integration_logs(1000, 1, Some("T1")), "logs"),
        (Request::workspaces(None), "teams"),
        (Request::workspaces(Some("x")), "teams"),
    ]
}

fn assert_page(response: &Response, page: &Page, list: &str) {
    assert_eq!(response.status, 200, "accepted a page with another status");
    assert!(page.rows.iter().all(|row| serde_json::from_str::<IgnoredAny>(row).is_ok()), "a row is not JSON");
    // Parse the body with serde_json and compare: no row may be missing, added or changed. This is not possible for names that are not valid
    // text or occur twice, which Slack does not send.
    let Ok(body) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(&response.body) else { return };
    let count = |name: &str| response.body.windows(name.len()).filter(|at| *at == name.as_bytes()).count();
    if [list, "ok", "response_metadata", "next_cursor"].iter().any(|name| count(&format!("\"{name}\"")) > 1) {
        return;
    }
    let rows: Vec<Box<RawValue>> = match serde_json::from_str(body[list].get()) {
        Ok(rows) => rows,
        // PHP encodes a list with missing indexes as an object. A duplicate key means two rows.
        Err(_) => return,
    };
    assert!(page.rows.iter().eq(rows.iter().map(|row| row.get())), "the rows differ from those of the body");
    let ok: Option<bool> = body.get("ok").and_then(|ok| serde_json::from_str(ok.get()).ok());
    assert_ne!(ok, Some(false), "accepted an error as a page");
    let metadata = body.get("response_metadata").and_then(|value| serde_json::from_str::<Value>(value.get()).ok());
    let next = metadata.as_ref().and_then(|metadata| metadata.get("next_cursor"));
    if let Some(Value::String(next)) = next {
        let next = Some(next.clone()).filter(|next| !next.is_empty());
        assert_eq!(page.end.next, next, "the cursor differs from Slack's");
    }
}

/// Checks that the rows do not depend on how the body is split into chunks.
fn assert_chunk_independent(bytes: &[u8]) {
    let (size, bytes) = bytes.split_first().map_or((1, bytes), |(size, bytes)| (usize::from(*size).max(1), bytes));
    let read = |size: usize| {
        let mut reader = PageReader::new("logs");
        let (mut rows, mut chunks) = (Vec::new(), bytes.chunks(size));
        loop {
            match reader.advance() {
                Ok(Advance::Row) => rows.push(reader.row().json.into_owned()),
                Ok(Advance::End) => return Ok(rows),
                Ok(Advance::More) => match chunks.next() {
                    Some(chunk) => reader.push(chunk)?,
                    None => reader.end(),
                },
                Err(limit) => return Err(limit),
            }
        }
    };
    assert_eq!(read(size), read(usize::MAX), "chunks of {size} bytes change the rows");
}

fn assert_page_error(response: &Response, request: &Request, page_error: &PageError) {
    match page_error {
        PageError::StalePageCursor => assert!(request.has_page_cursor(), "rejected a page cursor that was not sent"),
        PageError::NoSuchPage => {}
        PageError::Error(error) => {
            assert_safe_error(error);
            #[derive(serde::Deserialize)]
            struct ErrorBody {
                error: String,
            }
            let body: Option<ErrorBody> = serde_json::from_slice(&response.body).ok();
            let limited = body.is_some_and(|body| body.error == error.code && body.error == "ratelimited");
            let must_wait = limited || response.status == 429;
            assert!(!must_wait || error.retry_after_seconds.is_some(), "a rate limit without a retry delay");
        }
    }
}
