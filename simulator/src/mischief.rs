//! What a scripted fault does to a reply: it takes its place, or bends it.

use crate::refusal::{not_ok, throttled_code};
use crate::{Family, FaultKind, Reply};

/// The reply that a fault puts in the place of the true one.
pub(crate) fn instead(fault: &FaultKind, family: Family) -> Option<Reply> {
    Some(match fault {
        FaultKind::Status(status, text) if text.is_empty() => Reply::empty(*status),
        FaultKind::Status(status, text) => Reply::text(*status, text.as_str()),
        FaultKind::Html(status) => Reply::html(*status, HTML),
        FaultKind::EmptyUnauthorized => Reply::empty(401),
        FaultKind::NotOk { code, needed, provided } => Reply::json(200, not_ok(code, needed.clone(), provided.clone())),
        FaultKind::AuditError(status, code) => Reply::json(*status, not_ok(code, None, None)),
        FaultKind::Throttled { retry_after, body } => {
            let usual = || not_ok(throttled_code(family), None, None);
            let mut reply = Reply::json(429, body.clone().unwrap_or_else(usual));
            if let Some(text) = retry_after {
                reply.push("Retry-After", text.as_str());
            }
            reply
        }
        _ => return None,
    })
}

/// What a fault does to a reply, true or scripted.
pub(crate) fn bend(reply: &mut Reply, fault: &FaultKind) {
    match fault {
        FaultKind::Truncated => cut_off(reply, reply.body.len() / 2),
        FaultKind::Date(text) => {
            reply.headers.retain(|(name, _)| name != "Date");
            if let Some(text) = text {
                reply.push("Date", text.as_str());
            }
        }
        FaultKind::Delay(delay) => reply.delay += *delay,
        _ => {}
    }
}

/// Breaks a reply off after so many bytes.
pub(crate) fn cut_off(reply: &mut Reply, bytes: usize) {
    reply.body.truncate(bytes);
    if let Some(shown) = &mut reply.shown {
        shown.whole = false;
    }
}

const HTML: &str =
    "<!DOCTYPE html>\n<html><head><title>Slack</title></head><body><h1>Something went wrong</h1></body></html>\n";
