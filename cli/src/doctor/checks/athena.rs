//! `athena_workgroup`, `athena_tables`, `athena_views`, `athena_rows`: queries run within the scan limit and return every stored line.

use std::time::{Duration, Instant};

use aws_sdk_athena::Client;
use aws_sdk_athena::types::{QueryExecutionContext, QueryExecutionState, QueryExecutionStatus};
use jiff::{SignedDuration, Timestamp};
use slacktrail_core::object::Lines;

use crate::doctor::aws::{problem, s3};
use crate::doctor::facts::{Facts, StackResources};
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::format;

/// The tables, one for each log type. A test compares them with the template.
const TABLES: [&str; 3] = ["access", "audit", "integration"];
const VIEWS: [&str; 3] = ["access_events", "audit_events", "integration_events"];
/// The timeout for one query. Athena needs a second or two for a day.
const QUERY_MAX: Duration = Duration::from_secs(60);
/// The pause between two requests for a query's state.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The days whose rows are counted, in hours before now. Yesterday comes first, because it gets fewer new objects than today.
const DAYS: [i64; 2] = [24, 0];
/// Texts in Athena's error for a missing permission of Glue, S3, KMS or Lake Formation.
const DENIALS: [&str; 4] = ["AccessDenied", "Access Denied", "not authorized", "Insufficient permissions"];
/// The maximum number of comparisons of a day that gets new objects during each comparison.
const ATTEMPTS_MAX: usize = 3;
/// The maximum number of objects of a day. Reading more would take minutes.
const OBJECTS_MAX: usize = 200;
/// The maximum total size of a day's objects.
const BYTES_MAX: i64 = 64 << 20;

/// What was found out about a day, or why the day cannot be compared.
type OfDay<T> = Result<T, &'static str>;

pub(super) async fn workgroup(facts: &Facts) -> Verdict {
    let name = &facts.deployed.get()?.workgroup;
    let response = Client::new(&facts.config).get_work_group().work_group(name).send().await;
    let response = response.map_err(problem("athena:GetWorkGroup"))?;
    facts.workgroup.set(());
    let configuration = response.work_group().and_then(|group| group.configuration());
    let limit = configuration.and_then(|configuration| configuration.bytes_scanned_cutoff_per_query());
    let is_enforced = configuration.and_then(|configuration| configuration.enforce_work_group_configuration());
    let wanted = facts.parameter("QueryScanBytesMax")?;
    ensure(
        is_enforced == Some(true),
        format!("workgroup `{name}` does not enforce its settings, so a query can scan any amount of data"),
        "deploy the stack again, or set it in the Athena console",
    )?;
    ensure(
        limit.is_some_and(|limit| limit.to_string() == wanted),
        format!("workgroup `{name}` does not have the stack's scan limit of {wanted} bytes"),
        "deploy the stack again, or set it in the Athena console",
    )?;
    Ok(format!("workgroup `{name}` limits each query to {wanted} bytes"))
}

pub(super) async fn tables(facts: &Facts) -> Verdict {
    query_today(facts, &TABLES).await
}

pub(super) async fn views(facts: &Facts) -> Verdict {
    query_today(facts, &VIEWS).await
}

/// Queries one row of today from each table or view. Selects all columns, because Athena reads and checks only the selected ones.
async fn query_today(facts: &Facts, names: &[&str]) -> Verdict {
    let day = day_of(Timestamp::now());
    facts.workgroup.get()?;
    for name in names {
        let sql = format!("select * from {name} where day = '{day}' limit 1");
        query(facts, name, &sql).await?;
    }
    Ok(format!("queries for today succeed: {}", names.join(", ")))
}

pub(super) async fn rows(facts: &Facts) -> Verdict {
    facts.workgroup.get()?;
    let now = Timestamp::now();
    let (mut compared, mut skipped) = (Vec::new(), Vec::new());
    for log in TABLES {
        match compare_newest(facts, log, now).await? {
            Ok(found) => compared.push(found),
            Err(reasons) => skipped.push(format!("{log} ({reasons})")),
        }
    }
    judge_rows(&compared, &skipped)
}

/// Compares the first of [`DAYS`] that can be compared, or returns the reasons why none can.
async fn compare_newest(facts: &Facts, log: &str, now: Timestamp) -> Result<Result<String, String>, Problem> {
    let mut reasons = Vec::new();
    for hours_ago in DAYS {
        let day = day_of(now - SignedDuration::from_hours(hours_ago));
        match compare(facts, log, &day).await? {
            Ok(lines) => return Ok(Ok(format!("{log} {day}: {lines}"))),
            Err(reason) => reasons.push(format!("{day} {reason}")),
        }
    }
    Ok(Err(reasons.join(", ")))
}

/// Passes if at least one log was compared. The detail names the logs that were not.
fn judge_rows(compared: &[String], skipped: &[String]) -> Verdict {
    let not_compared = format!("not compared: {}", skipped.join(", "));
    if compared.is_empty() {
        return Err(Problem::skipped(not_compared));
    }
    let equal = format!("Athena's row counts equal the objects' line counts ({})", compared.join(", "));
    Ok(if skipped.is_empty() { equal } else { format!("{equal}; {not_compared}") })
}

/// Compares the rows of a day with the lines of its objects, and returns their number.
async fn compare(facts: &Facts, log: &str, day: &str) -> Result<OfDay<u64>, Problem> {
    let (client, bucket) = (s3(&facts.config), &facts.deployed.get()?.bucket);
    for _ in 0..ATTEMPTS_MAX {
        let before = match list(&client, bucket, log, day).await? {
            Ok(keys) => keys,
            Err(reason) => return Ok(Err(reason)),
        };
        let lines = count_lines(&client, bucket, &before).await?;
        let counted = query(facts, log, &format!("select count(*) from {log} where day = '{day}'")).await?;
        if list(&client, bucket, log, day).await? != Ok(before) {
            continue; // the poller added an object during the comparison
        }
        let hint = "see \"Verify completeness\" in docs/operations.md, and compare the table with the template";
        ensure(
            counted.as_deref() == Some(&lines.to_string()),
            format!(
                "rows of {log} on {day}: Athena counts {}, but the objects have {}",
                counted.as_deref().unwrap_or("none"),
                format::counted(lines, "line")
            ),
            hint,
        )?;
        return Ok(Ok(lines));
    }
    Ok(Err("got new objects during each comparison"))
}

/// Lists the keys of a day's objects, unless the day is too large to read. The first page is enough, because it has up to 1,000 keys.
async fn list(client: &aws_sdk_s3::Client, bucket: &str, log: &str, day: &str) -> Result<OfDay<Vec<String>>, Problem> {
    let list = client.list_objects_v2().bucket(bucket).prefix(format!("{log}/{day}/"));
    let listed = list.send().await.map_err(problem("s3:ListBucket"))?;
    let objects = listed.contents();
    let bytes: i64 = objects.iter().filter_map(|object| object.size()).sum();
    if objects.len() > OBJECTS_MAX || bytes > BYTES_MAX {
        return Ok(Err("is too large to compare"));
    }
    let keys: Vec<String> = objects.iter().filter_map(|object| object.key().map(str::to_owned)).collect();
    Ok(if keys.is_empty() { Err("has no object yet") } else { Ok(keys) })
}

async fn count_lines(client: &aws_sdk_s3::Client, bucket: &str, keys: &[String]) -> Result<u64, Problem> {
    let mut lines = 0;
    for key in keys {
        let object = client.get_object().bucket(bucket).key(key).send().await;
        let object = object.map_err(problem("s3:GetObject"))?;
        let broken = |reason: String| {
            let hint = "see \"Corrupt object\" in docs/operations.md";
            Problem::failed(format!("object `{key}` cannot be read: {reason}"), hint)
        };
        let bytes = object.body.collect().await.map_err(|error| broken(error.to_string()))?.into_bytes();
        lines += lines_of(&bytes).map_err(|error| broken(error.to_string()))?;
    }
    Ok(lines)
}

/// Counts the line breaks of any gzip file, because Athena reads files that slacktrail did not write, too.
fn lines_of(gzip: &[u8]) -> std::io::Result<u64> {
    let (mut lines, mut count) = (Lines::of(gzip), 0);
    while let Some((_, line)) = lines.next_line()? {
        count += u64::from(line.is_some());
    }
    Ok(count)
}

fn failed(name: &str, reason: &str) -> Problem {
    let detail = format!("a query of `{name}` failed: {reason}");
    if DENIALS.iter().any(|denial| reason.contains(denial)) {
        let needed = "`glue:GetDatabase`, `glue:GetTable`, `s3:GetObject` and `s3:ListBucket`";
        Problem::skipped_until(
            detail,
            format!("allow {needed}, and `SELECT` on the tables if Lake Formation is enabled"),
        )
    } else {
        Problem::failed(detail, "deploy the stack again to restore its tables and views")
    }
}

fn day_of(instant: Timestamp) -> String {
    instant.strftime("%Y/%m/%d").to_string()
}

/// Runs a query, and returns the first field of its first row.
async fn query(facts: &Facts, name: &str, sql: &str) -> Result<Option<String>, Problem> {
    let StackResources { database, workgroup, .. } = facts.deployed.get()?;
    let client = Client::new(&facts.config);
    let context = QueryExecutionContext::builder().database(database).build();
    let start = client.start_query_execution().query_string(sql).work_group(workgroup).query_execution_context(context);
    let started = start.send().await.map_err(problem("athena:StartQueryExecution"))?;
    let id = started.query_execution_id().unwrap_or_default();
    let began = Instant::now();
    loop {
        let response = client.get_query_execution().query_execution_id(id).send().await;
        let response = response.map_err(problem("athena:GetQueryExecution"))?;
        let status = response.query_execution().and_then(|execution| execution.status());
        match status.and_then(QueryExecutionStatus::state) {
            Some(QueryExecutionState::Succeeded) => break,
            Some(QueryExecutionState::Failed | QueryExecutionState::Cancelled) => {
                let reason =
                    status.and_then(|status| status.state_change_reason()).unwrap_or("Athena reported no reason");
                return Err(failed(name, reason));
            }
            _ if began.elapsed() > QUERY_MAX => {
                let _ = client.stop_query_execution().query_execution_id(id).send().await; // if this fails, Athena ends the query itself
                return Err(Problem::failed(
                    format!("a query of `{name}` did not finish within {} seconds", QUERY_MAX.as_secs()),
                    "run the command again in a few minutes; if this persists, check the AWS Health Dashboard",
                ));
            }
            _ => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
    let results = client.get_query_results().query_execution_id(id).send().await;
    let results = results.map_err(problem("athena:GetQueryResults"))?;
    let rows = results.result_set().map(|set| set.rows()).unwrap_or_default();
    let first = rows.get(1).and_then(|row| row.data().first()); // row 0 has the column names
    Ok(first.and_then(|field| field.var_char_value()).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use slacktrail_core::object;

    use super::*;
    use crate::doctor::verdict::CheckOutcome;

    #[test]
    fn lines_of_object_are_counted_and_corruption_is_error() {
        let gzip = object::encode([&b"{}\n"[..], b"{}\n", b"{}\n"], 1);
        assert_eq!(lines_of(&gzip).unwrap(), 3);
        assert!(lines_of(&gzip[..gzip.len() / 2]).is_err());
        assert!(lines_of(b"no gzip").is_err());
    }

    #[test]
    fn missing_query_permission_skips_and_other_reason_fails() {
        for reason in ["Insufficient permissions to execute the query", "Access Denied (Service: Amazon S3)"] {
            assert_eq!(failed("audit", reason).outcome, CheckOutcome::Skipped, "{reason}");
        }
        assert_eq!(failed("audit", "TABLE_NOT_FOUND: line 1:15").outcome, CheckOutcome::Failed);
    }

    #[test]
    fn logs_not_compared_are_named_and_do_not_pass() {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let verdict = judge_rows(&texts(&["audit 2026/11/22: 3"]), &texts(&["access (2026/11/22 has no object yet)"]));
        assert_eq!(
            verdict.unwrap(),
            "Athena's row counts equal the objects' line counts (audit 2026/11/22: 3); \
             not compared: access (2026/11/22 has no object yet)"
        );
        assert!(!judge_rows(&texts(&["audit 2026/11/22: 3"]), &[]).unwrap().contains("not compared"));
        assert_eq!(judge_rows(&[], &texts(&["access (x)"])).unwrap_err().outcome, CheckOutcome::Skipped);
    }

    #[test]
    fn tables_and_views_match_template() {
        let template = include_str!("../../../../template.yaml");
        let names_of = |kind: &str| {
            let inputs = template.split("TableInput:").skip(1);
            let of_kind = inputs.filter(|input| input.contains(&format!("TableType: {kind}")));
            let names = of_kind.filter_map(|input| input.split("Name: ").nth(1)?.lines().next());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let mut tables = names_of("EXTERNAL_TABLE");
        let mut views = names_of("VIRTUAL_VIEW");
        tables.sort();
        views.sort();
        assert_eq!((tables, views), (TABLES.map(str::to_owned).to_vec(), VIEWS.map(str::to_owned).to_vec()));
    }
}
