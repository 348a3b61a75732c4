//! Tests `--local`: every command shows times in the zone of `TZ`, and JSON, days and records stay in UTC.

use jiff::Timestamp;
use slacktrail_simulator::{Log, Row};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::binary::Slacktrail;
use crate::local::Local;
use crate::slack::hours_ago;
use crate::status::with_many_states;

/// A zone that needs no time zone database, an hour and a half ahead of UTC.
const ZONE: &str = "<+0130>-1:30";

/// Returns a time as it is shown in [`ZONE`].
fn in_zone(instant: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::posix(ZONE).unwrap();
    instant.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S+01:30").to_string()
}

/// Returns a directory of the source `acme`, for a command in [`ZONE`].
async fn pulled() -> Local {
    let local = Local::new().await;
    let slacktrail = local.slacktrail.clone().with("TZ", ZONE).with("XDG_CACHE_HOME", local.path());
    let local = Local { slacktrail, ..local };
    local.run(&["pull", "acme", "--since", "2026-01-31"]).await.exits(0);
    local
}

#[tokio::test]
async fn status_and_sources_show_local_times_and_json_stays_utc() {
    let directory = with_many_states().await;
    let slacktrail = Slacktrail::alone().with("TZ", ZONE);
    let status = ["status", "--dir", directory.path().to_str().unwrap()];
    let ran = slacktrail.run(&[&status[..], &["--local"]].concat()).await.exits(0);
    assert!(ran.stdout.contains("no record since 2026-11-20T09:30:00+01:30;"), "a stored message: {}", ran.stdout);
    let ran = slacktrail.run(&status).await.exits(0);
    assert!(ran.stdout.contains("no record since 2026-11-20T08:00:00Z;"), "`TZ` alone changes nothing: {}", ran.stdout);
    let json = slacktrail.run(&["--local", "status", "--json", status[1], status[2]]).await.exits(0);
    assert!(json.stdout.contains("2026-11-20T08:00:00Z") && !json.stdout.contains("+01:30"), "{}", json.stdout);

    let local = pulled().await;
    let ran = local.run(&["sources", "--local"]).await.exits(0);
    assert!(ran.stdout.contains("  2026-01-31 +01:30  "), "{}", ran.stdout);
    let ran = local.run(&["sources", "--local", "--json"]).await.exits(0).json();
    assert_eq!(ran[0]["since"], "2026-01-31T00:00:00Z");
}

#[tokio::test]
async fn verify_shows_local_times_and_unchanged_records() {
    const ID: &str = "2026-11-22T07:33:41Z"; // a record may contain what looks like a time
    let local = pulled().await;
    let at = hours_ago(59);
    local.slack.world().add(Row::small_audit(at, ID));
    let day = at.strftime("%Y-%m-%d").to_string();
    let verify = ["verify", "acme", "--logs", "audit", "--day", &day, "--show-records"];
    let ran = local.run(&[&verify[..], &["--local"]].concat()).await;
    assert!(ran.stdout.starts_with(&format!("acme/audit on {day} (UTC)\n")), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("\n  {} ", in_zone(at))), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("\"{ID}\"")), "{}", ran.stdout);
    let utc = local.run(&[&verify[..], &["--json"]].concat()).await.stdout;
    assert!(utc.contains(&at.to_string()), "{utc}");
    assert_eq!(local.run(&[&verify[..], &["--json", "--local"]].concat()).await.stdout, utc);
}

#[tokio::test]
async fn backfill_and_pull_show_local_times() {
    let local = pulled().await;
    let days = ["--from", "2024-01-01", "--to", "2024-01-31"];
    let backfill = [&["backfill", "acme", "--log", "audit", "--detach", "--local"], &days[..]].concat();
    let ran = local.run(&backfill).await.exits(0);
    let range = "`acme/audit` from 2024-01-01T01:30:00+01:30 to 2024-02-01T01:29:59+01:30";
    assert!(ran.stdout.starts_with(&format!("started to collect {range};")), "{}", ran.stdout);
    let ran = local.run(&[&backfill[..], &["--json"]].concat()).await.exits(0).json();
    assert_eq!((&ran["oldest"], &ran["latest"]), (&"2024-01-01T00:00:00Z".into(), &"2024-01-31T23:59:59Z".into()));

    local.slack.world().add(Row::small_audit(hours_ago(0), "new"));
    let mut child = local.start(&["pull", "acme", "--follow", "--local", "--logs", Log::Audit.name()]);
    let line = BufReader::new(child.stdout.take().unwrap()).lines().next_line().await.unwrap().unwrap();
    let time = line.split(' ').next().unwrap();
    assert!(time.ends_with("+01:30") && time.parse::<Timestamp>().is_ok(), "{line}");
}

#[tokio::test]
async fn unknown_zone_is_error_and_not_silently_utc() {
    let slacktrail = Slacktrail::alone().with("TZ", "Europe/Nowhere");
    let ran = slacktrail.run(&["status", "--dir", "elsewhere", "--local"]).await.exits(2);
    insta::assert_snapshot!(ran.stderr, @r"
    error: `--local` cannot show times: the time zone `Europe/Nowhere` in `TZ` is unknown
    hint: set `TZ` to a name such as `Europe/Berlin`; if it is right, install the time zone database (package `tzdata`)
    ");
    assert_eq!(ran.stdout, "");
    let ran = slacktrail.run(&["status", "--dir", "elsewhere"]).await.exits(1);
    assert!(ran.stderr.starts_with("error: directory `elsewhere` does not exist"), "{}", ran.stderr);
}
