//! Lists the objects of one day of one log, and counts their lines.

use aws_sdk_s3::Client;
use slacktrail_core::object::Lines;

use crate::doctor::aws::{problem, s3};
use crate::doctor::facts::Facts;
use crate::doctor::verdict::Problem;

/// The maximum number of objects of a day. Reading more would take minutes.
const OBJECTS_MAX: usize = 200;
/// The maximum total size of a day's objects.
const BYTES_MAX: i64 = 64 << 20;

/// The log bucket.
pub(super) struct Objects<'a> {
    client: Client,
    bucket: &'a str,
}

/// The keys of a day's objects, unless the day is too large to read.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum DayObjects {
    None,
    TooLarge,
    Keys(Vec<String>),
}

impl<'a> Objects<'a> {
    /// Creates a client for `bucket`.
    pub(super) fn new(facts: &Facts, bucket: &'a str) -> Objects<'a> {
        Objects { client: s3(&facts.config), bucket }
    }

    /// Lists the objects of a day such as `2026/11/22`. The first page is enough, because it has up to 1,000 keys.
    pub(super) async fn of_day(&self, log: &str, day: &str) -> Result<DayObjects, Problem> {
        let list = self.client.list_objects_v2().bucket(self.bucket).prefix(format!("{log}/{day}/"));
        let listed = list.send().await.map_err(problem("s3:ListBucket"))?;
        let objects = listed.contents();
        let bytes: i64 = objects.iter().filter_map(|object| object.size()).sum();
        if objects.len() > OBJECTS_MAX || bytes > BYTES_MAX {
            return Ok(DayObjects::TooLarge);
        }
        let keys: Vec<String> = objects.iter().filter_map(|object| object.key().map(str::to_owned)).collect();
        Ok(if keys.is_empty() { DayObjects::None } else { DayObjects::Keys(keys) })
    }

    /// Counts the lines of the objects with these keys.
    pub(super) async fn count_lines(&self, keys: &[String]) -> Result<u64, Problem> {
        let mut lines = 0;
        for key in keys {
            let object = self.client.get_object().bucket(self.bucket).key(key).send().await;
            let object = object.map_err(problem("s3:GetObject"))?;
            let broken = |reason: String| {
                Problem::failed(
                    format!("object `{key}` cannot be read: {reason}"),
                    "see \"Corrupt object\" in docs/operations.md",
                )
            };
            let bytes = object.body.collect().await.map_err(|error| broken(error.to_string()))?.into_bytes();
            lines += lines_of(&bytes).map_err(|error| broken(error.to_string()))?;
        }
        Ok(lines)
    }
}

/// Counts the line breaks of any gzip file, because Athena reads files that slacktrail did not write, too.
fn lines_of(gzip: &[u8]) -> std::io::Result<u64> {
    let (mut lines, mut count) = (Lines::of(gzip), 0);
    while let Some((_, line)) = lines.next_line()? {
        count += u64::from(line.is_some());
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use slacktrail_core::object;

    use super::*;

    #[test]
    fn lines_of_object_are_counted_and_corruption_is_error() {
        let gzip = object::encode([&b"{}\n"[..], b"{}\n", b"{}\n"], 1);
        assert_eq!(lines_of(&gzip).unwrap(), 3);
        assert!(lines_of(&gzip[..gzip.len() / 2]).is_err());
        assert!(lines_of(b"no gzip").is_err());
    }
}
