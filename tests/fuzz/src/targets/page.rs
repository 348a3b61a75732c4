//! Replies of the logs, read as the answer to each request that there is.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use slacktrail_core::slack::{Advance, Page, PageError, PageReader, Request, Response};

use super::{now, response};
use crate::error_text::assert_tells_nothing;

/// A reply is a page, or refused in words that a log may hold; and a page is all of it that is there.
pub(super) fn response(bytes: &[u8]) {
    cut(bytes);
    let response = response::read(bytes);
    for (request, list) in requests() {
        match response.page(&request, now()) {
            Ok(page) => assert_page(&response, &page, list),
            Err(page_error) => assert_page_error(&response, &request, &page_error),
        }
        let json: Result<IgnoredAny, _> = response.json(&request, now());
        if let Err(error) = json {
            assert_tells_nothing(&error);
        }
    }
}

/// Each request for rows, with the name under which they come.
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
    assert_eq!(response.status, 200, "a page under another status");
    assert!(page.rows.iter().all(|row| serde_json::from_str::<IgnoredAny>(row).is_ok()), "a row that is not JSON");
    // Read again in another way: of a body that is JSON no row is left out, added or changed. A name that stands for no text, or that comes
    // twice, cannot be looked at so; it is none of Slack's.
    let Ok(body) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(&response.body) else { return };
    let count = |name: &str| response.body.windows(name.len()).filter(|at| *at == name.as_bytes()).count();
    if [list, "ok", "response_metadata", "next_cursor"].iter().any(|name| count(&format!("\"{name}\"")) > 1) {
        return;
    }
    let rows: Vec<Box<RawValue>> = match serde_json::from_str(body[list].get()) {
        Ok(rows) => rows,
        // PHP's list with gaps. A key that comes twice is two rows.
        Err(_) => return,
    };
    assert!(page.rows.iter().eq(rows.iter().map(|row| row.get())), "other rows than in the body");
    let ok: Option<bool> = body.get("ok").and_then(|ok| serde_json::from_str(ok.get()).ok());
    assert_ne!(ok, Some(false), "an error taken for a page");
    let metadata = body.get("response_metadata").and_then(|value| serde_json::from_str::<Value>(value.get()).ok());
    let next = metadata.as_ref().and_then(|metadata| metadata.get("next_cursor"));
    if let Some(Value::String(next)) = next {
        let next = Some(next.clone()).filter(|next| !next.is_empty());
        assert_eq!(page.end.next, next, "the end, or another cursor than Slack gave");
    }
}

/// However the body is cut into chunks, the same rows come out.
fn cut(bytes: &[u8]) {
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
    assert_eq!(read(size), read(usize::MAX), "other rows in chunks of {size} bytes");
}

fn assert_page_error(response: &Response, request: &Request, page_error: &PageError) {
    match page_error {
        PageError::StalePageCursor => assert!(request.has_page_cursor(), "there was no page cursor to refuse"),
        PageError::NoSuchPage => {}
        PageError::Error(error) => {
            assert_tells_nothing(error);
            #[derive(serde::Deserialize)]
            struct Said {
                error: String,
            }
            let said: Option<Said> = serde_json::from_slice(&response.body).ok();
            let limited = said.is_some_and(|said| said.error == error.code && said.error == "ratelimited");
            let must_wait = limited || response.status == 429;
            assert!(!must_wait || error.retry_after_seconds.is_some(), "limited, and asked again at once");
        }
    }
}
