//! Replies of the logs, read as the answer to each request that there is.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use slacktrail_shared::slack::{Page, Refusal, Reply, Request};

use super::{now, reply};
use crate::telling::assert_tells_nothing;

/// A reply is a page, or refused in words that a log may hold; and a page is all of it that is there.
pub(super) fn reply(bytes: &[u8]) {
    let reply = reply::read(bytes);
    for (request, list) in requests() {
        match reply.page(&request, now()) {
            Ok(page) => assert_page(&reply, &page, list),
            Err(refusal) => assert_refusal(&reply, &request, &refusal),
        }
        let json: Result<IgnoredAny, _> = reply.json(&request, now());
        if let Err(trouble) = json {
            assert_tells_nothing(&trouble);
        }
    }
}

/// Each request for rows, with the name under which they come.
fn requests() -> [(Request, &'static str); 7] {
    let (oldest, latest) = (now().plus(-3600), now());
    [
        (Request::audit_logs(oldest, latest, None), "entries"),
        (Request::audit_logs(oldest, latest, Some("x")), "entries"),
        (Request::access_logs(None), "logins"),
        (Request::access_logs(Some("x")), "logins"),
        (Request::integration_logs(1, Some("T1")), "logs"),
        (Request::workspaces(None), "teams"),
        (Request::workspaces(Some("x")), "teams"),
    ]
}

fn assert_page(reply: &Reply, page: &Page<'_>, list: &str) {
    assert_eq!(reply.status, 200, "a page under another status");
    // Read again in another way: what is no JSON object is no page, and no row is left out, added or changed.
    let whole: Result<IgnoredAny, _> = serde_json::from_slice(&reply.body);
    assert!(whole.is_ok(), "a page that is no JSON");
    // A name that stands for no text cannot be looked at so; it is none of ours.
    let Ok(body) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(&reply.body) else { return };
    let rows: Vec<Box<RawValue>> = serde_json::from_str(body[list].get()).expect("rows are a list");
    assert!(page.rows.iter().map(|row| row.get()).eq(rows.iter().map(|row| row.get())), "other rows than in the body");
    let own = reply.body.as_ptr_range();
    let mut end = own.start;
    for row in &page.rows {
        let place = row.get().as_bytes().as_ptr_range();
        assert!(end <= place.start && place.end <= own.end, "a row that is no piece of the body");
        end = place.end;
    }
    let ok: Option<bool> = body.get("ok").and_then(|ok| serde_json::from_str(ok.get()).ok());
    assert_ne!(ok, Some(false), "an error taken for a page");
    let next = body.get("response_metadata").and_then(|metadata| {
        let metadata: Option<BTreeMap<String, Box<RawValue>>> = serde_json::from_str(metadata.get()).ok()?;
        serde_json::from_str::<Option<String>>(metadata?.get("next_cursor")?.get()).ok()?
    });
    assert_eq!(page.next, next.filter(|cursor| !cursor.is_empty()), "the end, or another cursor than Slack gave");
}

fn assert_refusal(reply: &Reply, request: &Request, refusal: &Refusal) {
    match refusal {
        Refusal::StalePageCursor => assert!(request.has_page_cursor(), "there was no page cursor to refuse"),
        Refusal::NoSuchPage => {}
        Refusal::Trouble(trouble) => {
            assert_tells_nothing(trouble);
            #[derive(serde::Deserialize)]
            struct Said {
                error: String,
            }
            let said: Option<Said> = serde_json::from_slice(&reply.body).ok();
            let limited = said.is_some_and(|said| said.error == trouble.code && said.error == "ratelimited");
            let must_wait = limited || reply.status == 429;
            assert!(!must_wait || trouble.retry_after_seconds.is_some(), "limited, and asked again at once");
        }
    }
}
