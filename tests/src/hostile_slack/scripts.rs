//! The catalog of hostile responses, which would exhaust the memory of a collector that buffers whole responses, pages or rows.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use slacktrail_simulator::Log;

use super::pages::AuditLog;
use super::pages::{access_row, integration_row, ordinary_record, page, small_record};
use super::{Script, SlackCall, StreamedResponse};

const MIB: usize = 1 << 20;
/// The decompressed size of the responses of zeros: just below 64 MiB, the size in their names.
const BOMB_BYTES: usize = (64 << 20) - (128 << 10);

/// The required outcome for a stream that reads an input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Exactly this many records are stored, and the stream reports no error.
    Stored(u64),
    /// The stream reports an error.
    Error,
    /// At least this many records are stored, and the stream may report an error.
    AtLeast(u64),
    /// Anything that fits into memory and does not affect the honest source.
    Any,
}

/// A hostile log.
#[derive(Clone)]
pub struct Input {
    /// A short description of what it sends.
    pub name: &'static str,
    /// The log type that sends it.
    pub log: Log,
    /// The required outcome.
    pub outcome: Outcome,
    /// The number of ticks within which the outcome must be reached.
    pub ticks: usize,
    /// `true` if the input takes too long for a test that runs every time.
    pub is_slow: bool,
    /// The script that responds to the calls.
    pub script: Script,
}

impl Input {
    fn new(
        name: &'static str,
        log: Log,
        outcome: Outcome,
        script: impl Fn(&SlackCall) -> Option<StreamedResponse> + Send + Sync + 'static,
    ) -> Input {
        Input { name, log, outcome, ticks: 1, is_slow: false, script: Arc::new(script) }
    }

    fn audit(
        name: &'static str,
        outcome: Outcome,
        response: impl Fn(i64) -> StreamedResponse + Send + Sync + 'static,
    ) -> Input {
        Input::new(name, Log::Audit, outcome, move |call| {
            let time = call.number("latest").unwrap_or(0);
            (call.method == "logs").then(|| response(time))
        })
    }

    fn log(name: &'static str, outcome: Outcome, log: AuditLog) -> Input {
        Input::new(name, Log::Audit, outcome, move |call| log.answer(call))
    }

    fn slow(self) -> Input {
        Input { is_slow: true, ..self }
    }

    fn within(self, ticks: usize) -> Input {
        Input { ticks, ..self }
    }
}

/// Creates a page of audit records with this text between the brackets.
fn page_of_entries(rows: &str) -> StreamedResponse {
    StreamedResponse::text(format!("{{\"entries\":[{rows}]}}"))
}

/// Returns the time 400 seconds ago.
fn recently() -> i64 {
    Timestamp::now().as_second() - 400
}

/// Repeats a text up to about `bytes` bytes.
fn repeated(text: &str, bytes: usize) -> impl Iterator<Item = Vec<u8>> + Send + use<> {
    let piece = text.repeat((64 << 10) / text.len());
    let count = bytes.div_ceil(piece.len());
    std::iter::repeat_n(piece.into_bytes(), count)
}

/// Creates a response of a head, a repeated text, and a tail.
fn filled(head: &str, filling: &str, bytes: usize, tail: &str) -> StreamedResponse {
    let (head, tail) = (head.as_bytes().to_vec(), tail.as_bytes().to_vec());
    StreamedResponse::of(std::iter::once(head).chain(repeated(filling, bytes)).chain([tail]))
}

/// Returns text that gzip cannot shrink by more than a quarter.
///
/// gzip finds repetitions only within 32 KiB, so parts of one long text are sufficient.
fn noise(seed: i64, bytes: usize) -> &'static str {
    static NOISE: LazyLock<String> = LazyLock::new(|| {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let letter = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(LETTERS[(state >> 33) as usize % LETTERS.len()])
        };
        (0..6 * MIB).map(letter).collect()
    });
    let start = usize::try_from(seed * 99_991).unwrap_or(0) % (NOISE.len() - bytes);
    &NOISE[start..start + bytes]
}

/// Creates an audit record of about `bytes` bytes that gzip cannot shrink by much.
fn long_record(index: i64, time: i64, bytes: usize) -> Vec<u8> {
    let text = noise(index, bytes);
    format!(r#"{{"id":"long-{index}","date_create":{time},"details":{{"text":"{text}"}}}}"#).into_bytes()
}

/// Creates an audit record with `count` IP addresses and `count` email addresses, which slacktrail's fields repeat.
fn record_of_addresses(time: i64, count: usize) -> String {
    let addresses: Vec<String> = (0..count)
        .map(|index| {
            format!(r#""10.{}.{}.{}","p{index}@example.com""#, index >> 16 & 255, index >> 8 & 255, index & 255)
        })
        .collect();
    format!(
        r#"{{"id":"addresses","date_create":{time},"context":{{"ip_address":[{0}],"email":[{0}]}}}}"#,
        addresses.join(",")
    )
}

/// Returns a backlog of ordinary records, as a baseline.
pub fn ordinary_backlog() -> Input {
    let log = AuditLog::new(20_000, 1, recently(), ordinary_record);
    Input::log("an ordinary backlog of 20,000 records", Outcome::Stored(20_000), log).within(3)
}

/// Returns the inputs of all log types.
pub fn all_inputs() -> Vec<Input> {
    [audit_inputs(), access_inputs(), integration_inputs()].concat()
}

/// Returns a log of `rows` records of about 1 MiB that gzip cannot shrink by much.
pub(super) fn log_of_long_records(rows: i64) -> Input {
    let log = AuditLog::new(rows, 1, recently(), |index, time| long_record(index, time, MIB - 1024));
    Input::log("records of 1 MiB", Outcome::Any, log)
}

fn audit_inputs() -> Vec<Input> {
    let recent = recently();
    let deep = |time: i64| {
        let (open, close) = ("[".repeat(MIB), "]".repeat(MIB));
        format!(r#"{{"id":"deep","date_create":{time},"details":{open}{close}}}"#)
    };
    let ordinary = |time: i64| String::from_utf8_lossy(&ordinary_record(1, time)).into_owned();
    vec![
        Input::audit("64 MiB of zeros in 61 KiB of gzip", Outcome::Error, |_| {
            filled("{\"entries\":[0", ",0", BOMB_BYTES, "]}").gzip()
        }),
        Input::audit("1,000,000 small rows in a page", Outcome::Error, |time| {
            page("{\"entries\":[", (0..1_000_000).map(move |index| small_record(index, time)), "]}")
        })
        .slow(),
        Input::log("150,000 small rows in a page", Outcome::Stored(150_000), {
            AuditLog::new(150_000, 150_000, recent, small_record)
        })
        .within(3),
        Input::log("80,000 records of one second", Outcome::Stored(80_000), {
            AuditLog::new(80_000, 80_000, recent, ordinary_record)
        })
        .within(3),
        Input::log("1,000 rows of 70 kB", Outcome::Stored(1_000), {
            AuditLog::new(1_000, 1, recent, |index, time| long_record(index, time, 70_000))
        })
        .within(4),
        Input::log("400 rows of 1 MiB", Outcome::Stored(400), {
            AuditLog::new(400, 1, recent, |index, time| long_record(index, time, MIB))
        })
        .within(8)
        .slow(),
        Input::audit("1,048,576 levels in a row", Outcome::AtLeast(1), move |time| page_of_entries(&deep(time))),
        Input::audit("1,048,576 levels beside the rows", Outcome::Any, move |time| {
            let (open, close) = ("{\"a\":".repeat(MIB), "}".repeat(MIB));
            StreamedResponse::text(format!("{{\"more\":{open}1{close},\"entries\":[{}]}}", ordinary(time)))
        }),
        Input::audit("a row of 3 MiB", Outcome::Stored(1), |time| {
            StreamedResponse::of([b"{\"entries\":[".to_vec(), long_record(1, time, 3 * MIB), b"]}".to_vec()])
        }),
        Input::audit("a row of 100 MiB", Outcome::Error, |time| {
            let head = format!("{{\"entries\":[{{\"id\":\"long\",\"date_create\":{time},\"details\":\"");
            filled(&head, "abcdefgh", 100 * MIB, "\"}]}")
        }),
        Input::audit("a row of 100,000 addresses", Outcome::Any, |time| {
            page_of_entries(&record_of_addresses(time, 50_000))
        }),
        Input::audit("1,000 rows of 1,000 days", Outcome::AtLeast(1), |time| {
            page("{\"entries\":[", (0..1_000).map(move |day| ordinary_record(day, time - day * 86_400)), "]}")
        })
        .slow(),
        Input::audit("a string of 200 MiB beside the rows", Outcome::Any, |_| {
            filled("{\"more\":\"", "abcdefgh", 200 * MIB, "\",\"entries\":[]}")
        }),
        Input::audit("a page cursor of 64 MiB", Outcome::Error, |_| {
            filled("{\"entries\":[],\"response_metadata\":{\"next_cursor\":\"", "abcdefgh", 64 * MIB, "\"}}")
        }),
        Input::audit("a key of 64 MiB", Outcome::Error, |_| {
            filled("{\"", "abcdefgh", 64 * MIB, "\":1,\"entries\":[]}")
        }),
        Input::audit("an error code of 64 MiB", Outcome::Error, |_| {
            filled("{\"ok\":false,\"error\":\"", "abcdefgh", 64 * MIB, "\"}")
        }),
        Input::audit("64 MiB beside HTTP status 500", Outcome::Error, |_| {
            filled("<html>", "abcdefgh", 64 * MIB, "</html>").status(500)
        }),
        Input::audit("1 GiB of spaces in 1 MiB of gzip", Outcome::Error, |_| {
            filled("{\"entries\":", " ", 1024 * MIB, "[]}").gzip()
        })
        .slow(),
        Input::audit("an endless body", Outcome::Error, |_| filled("{\"entries\":[0", ",0", usize::MAX / 2, "")).slow(),
        Input::audit("a row that trickles", Outcome::Error, |time| {
            let row = long_record(1, time, 3 * MIB);
            StreamedResponse::of([b"{\"entries\":[".to_vec(), row, b"]}".to_vec()])
                .trickle(64 << 10, Duration::from_secs(2))
        })
        .slow(),
        Input::audit("rows that trickle", Outcome::Error, |time| {
            let rows = (0..1_000).map(move |index| ordinary_record(index, time));
            page("{\"entries\":[", rows, "]}").trickle(700, Duration::from_millis(100))
        })
        .slow(),
        Input::audit("64 headers of 64 KiB", Outcome::Error, |_| {
            let response = page_of_entries("");
            (0..64).fold(response, |response, index| response.header(format!("x-more-{index}"), vec![b'a'; 64 << 10]))
        }),
        Input::audit("a gzip that breaks off", Outcome::Error, |_| {
            filled("{\"entries\":[0", ",0", 8 * MIB, "]}").gzip().cut_off(4096)
        }),
    ]
}

fn access_inputs() -> Vec<Input> {
    let recent = recently();
    let logins = |outcome, name, response: fn(i64) -> StreamedResponse| {
        Input::new(name, Log::Access, outcome, move |call| (call.method == "team.accessLogs").then(|| response(recent)))
    };
    vec![
        logins(Outcome::Error, "1,000,000 access rows in a page", |recent| {
            let rows = (0..1_000_000).map(move |index| access_row(index, recent - index / 1_000));
            page("{\"ok\":true,\"logins\":[", rows, "]}")
        })
        .slow(),
        logins(Outcome::Stored(80_000), "80,000 access rows in a page", |recent| {
            let rows = (0..80_000).map(move |index| access_row(index, recent - index / 1_000));
            page("{\"ok\":true,\"logins\":[", rows, "]}")
        })
        .within(3),
        logins(Outcome::Error, "64 MiB of zeros as access rows", |_| {
            filled("{\"ok\":true,\"logins\":[0", ",0", BOMB_BYTES, "]}").gzip()
        })
        .slow(),
    ]
}

/// Returns the inputs of integration logs, and of the workspace list that reading them requires.
fn integration_inputs() -> Vec<Input> {
    let recent = recently();
    let logs = |name, outcome, method: &'static str, response: fn(i64) -> StreamedResponse| {
        Input::new(name, Log::Integration, outcome, move |call| (call.method == method).then(|| response(recent)))
    };
    vec![
        logs("1,000,000 integration rows in a page", Outcome::Error, "team.integrationLogs", |recent| {
            let rows = (0..1_000_000).map(move |index| integration_row(index, recent - index / 1_000));
            let paging = "],\"paging\":{\"count\":1000,\"total\":1000000,\"page\":1,\"pages\":1000}}";
            page("{\"ok\":true,\"logs\":[", rows, paging)
        }),
        logs("an integration row of 3 MiB, again and again", Outcome::Any, "team.integrationLogs", |recent| {
            let row = move |index| {
                let text = noise(index, 3 * MIB);
                format!(r#"{{"app_id":"A{index}","date":"{recent}","change_type":"added","reason":"{text}"}}"#)
                    .into_bytes()
            };
            let paging = "],\"paging\":{\"count\":1000,\"total\":40,\"page\":1,\"pages\":1}}";
            page("{\"ok\":true,\"logs\":[", (0..40).map(row), paging)
        })
        .slow(),
        logs("1,000,000 workspaces", Outcome::Error, "auth.teams.list", |_| {
            let team = |index| format!(r#"{{"id":"T{index:09}","name":"Team {index}"}}"#).into_bytes();
            page("{\"ok\":true,\"teams\":[", (0..1_000_000).map(team), "]}")
        }),
        logs("a workspace with an id of 64 MiB", Outcome::Error, "auth.teams.list", |_| {
            filled("{\"ok\":true,\"teams\":[{\"id\":\"T", "abcdefgh", 64 * MIB, "\",\"name\":\"a\"}]}")
        }),
        logs("64 MiB of zeros as workspaces", Outcome::Error, "auth.teams.list", |_| {
            filled("{\"ok\":true,\"teams\":[0", ",0", BOMB_BYTES, "]}").gzip()
        }),
    ]
}

/// Returns the inputs of an installation: the code exchange, the token check (`auth.test`), and the probe of each log.
pub fn oauth_inputs() -> Vec<Input> {
    let call = |name, outcome, method: &'static str, response: fn() -> StreamedResponse| {
        Input::new(name, Log::Audit, outcome, move |call| (call.method == method).then(response))
    };
    let installation =
        "{\"ok\":true,\"authed_user\":{\"id\":\"W1\",\"access_token\":\"xoxp-1\",\"token_type\":\"user\",\"scope\":\"";
    let scopes = move || filled(installation, "auditlogs:read,", 8 * MIB, "admin\"}}");
    vec![
        call("64 MiB of zeros as an exchange", Outcome::Error, "oauth.v2.access", || {
            filled("{\"ok\":true,\"more\":[0", ",0", BOMB_BYTES, "]}").gzip()
        }),
        call("a string of 64 MiB in an exchange", Outcome::Error, "oauth.v2.access", || {
            filled("{\"ok\":true,\"more\":\"", "abcdefgh", 64 * MIB, "\"}")
        }),
        call("1,048,576 levels in an exchange", Outcome::Error, "oauth.v2.access", || {
            StreamedResponse::text(format!("{{\"ok\":true,\"more\":{}{}}}", "[".repeat(MIB), "]".repeat(MIB)))
        }),
        Input::new("an exchange of 560,000 scopes", Log::Audit, Outcome::Error, move |call| {
            (call.method == "oauth.v2.access").then(scopes)
        }),
        call("64 MiB of zeros from `auth.test`", Outcome::Any, "auth.test", || {
            filled("{\"ok\":true,\"more\":[0", ",0", BOMB_BYTES, "]}").gzip()
        }),
        call("64 MiB of zeros from a probe", Outcome::Any, "logs", || {
            filled("{\"entries\":[0", ",0", BOMB_BYTES, "]}").gzip()
        }),
        call("1,000,000 workspaces at a probe", Outcome::Any, "auth.teams.list", || {
            let team = |index| format!(r#"{{"id":"T{index:09}","name":"Team {index}"}}"#).into_bytes();
            page("{\"ok\":true,\"teams\":[", (0..1_000_000).map(team), "]}")
        }),
    ]
}
