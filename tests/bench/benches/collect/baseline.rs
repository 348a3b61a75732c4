//! The baseline: the minimum cost of downloading and compressing the pages. It parses no record and stores no position, so a second run
//! would store everything again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use slacktrail_core::object::GZIP_LEVEL;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;

use crate::backlog::Backlog;
use crate::meter::Meter;
use crate::task::Run;
use crate::{Outcome, stored};

/// Downloads the backlog page by page and compresses the pages into `file`.
///
/// If `collected` is set, compresses the lines in that directory instead of the pages. Reads these lines before the measurement starts.
pub(crate) async fn run(backlog: Backlog, audit_url: &str, file: &Path, collected: Option<&Path>) -> Outcome<Run> {
    let read = |directory| stored::objects(directory)?.iter().map(|object| stored::lines(object)).collect();
    let stored_lines: Option<Vec<Vec<u8>>> = collected.map(read).transpose()?;
    let meter = Meter::start();
    let client = Client::builder()
        .user_agent("baseline")
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(20))
        .redirect(Policy::none())
        .no_proxy()
        .build()?;
    let mut gzip = GzEncoder::new(File::create(file)?, Compression::new(GZIP_LEVEL));
    let (mut calls, mut bytes, mut cursor) = (0, 0, None);
    loop {
        let call = client.get(url(backlog, audit_url, cursor.as_deref())?).bearer_auth(ORGANIZATION_TOKEN);
        let page = call.send().await?.error_for_status()?.bytes().await?;
        calls += 1;
        if stored_lines.is_none() {
            gzip.write_all(&page)?;
            bytes += page.len() as u64;
        }
        cursor = next_cursor(&page);
        if cursor.is_none() {
            break;
        }
    }
    for lines in stored_lines.iter().flatten() {
        gzip.write_all(lines)?;
        bytes += lines.len() as u64;
    }
    gzip.finish()?.sync_all()?;
    Ok(Run { used: meter.used(), calls, bytes, stored: std::fs::metadata(file)?.len() })
}

fn url(backlog: Backlog, audit_url: &str, cursor: Option<&str>) -> Outcome<Url> {
    let mut url = Url::parse(&format!("{audit_url}logs"))?;
    let (oldest, latest) = (backlog.since().get().to_string(), backlog.now.get().to_string());
    url.query_pairs_mut()
        .extend_pairs([("oldest", oldest.as_str()), ("latest", &latest), ("limit", "1000")])
        .extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
    Ok(url)
}

/// Returns the cursor of the next page, which is at the end of a page.
fn next_cursor(page: &[u8]) -> Option<String> {
    const KEY: &[u8] = br#""next_cursor":""#;
    let after = &page[memchr::memmem::rfind(page, KEY)? + KEY.len()..];
    let cursor = &after[..memchr::memchr(b'"', after)?];
    (!cursor.is_empty()).then(|| String::from_utf8_lossy(cursor).into_owned())
}
