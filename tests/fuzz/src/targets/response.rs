//! The input format of a Slack response: the status, the headers, an empty line, and the body.

use slacktrail_core::slack::Response;
use slacktrail_core::time::parse_http_date;

use super::text;

/// Reads a response. Without an empty line, the whole input is the body of a 200.
pub(super) fn read(bytes: &[u8]) -> Response {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\n\n") else {
        return Response { status: 200, body: bytes.to_vec(), ..Response::default() };
    };
    let head = text(&bytes[..end]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(200);
    let header = |name: &str| {
        let mut values = head.lines().filter_map(|line| line.split_once(':'));
        values.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    Response {
        status,
        retry_after: header("retry-after"),
        date: header("date").and_then(|date| parse_http_date(&date)),
        scopes: header("x-oauth-scopes"),
        body: bytes[end + 2..].to_vec(),
    }
}
