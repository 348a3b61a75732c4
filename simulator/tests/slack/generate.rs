use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::Value;
use slacktrail_simulator::{Activity, Generator, Log, Settings, World};

use crate::walk::at;

const HOUR: i64 = 3_600;

fn activity() -> Activity {
    Activity { audit_per_day: 48_000, integration_per_day: 2_400, late_per_mille: 100, ..Activity::default() }
}

/// Generates an hour of history, then an hour of live rows in this many steps.
fn generated(activity: Activity, steps: i64) -> World {
    let settings = Settings::default();
    let mut generator = Generator::new(activity, &settings);
    let mut world = World::new(settings);
    generator.fill(&mut world, at(0), at(HOUR));
    for step in 0..steps {
        let (from, until) = (HOUR + step * HOUR / steps, HOUR + (step + 1) * HOUR / steps);
        generator.advance(&mut world, at(from), at(until));
    }
    world
}

#[test]
fn seed_determines_rows_regardless_of_step_size() {
    let (one, two) = (generated(activity(), 1), generated(activity(), 60));
    for log in Log::ALL {
        assert_eq!(one.rows(log), two.rows(log));
    }
    let other = generated(Activity { seed: 2, ..activity() }, 1);
    assert_ne!(one.rows(Log::Audit)[0], other.rows(Log::Audit)[0]);
}

#[test]
fn configured_rates_are_kept() {
    let world = generated(activity(), 1);
    let near = |log, expected: usize| {
        let rows = world.rows(log).len();
        assert!((expected * 8 / 10..expected * 12 / 10).contains(&rows), "{log:?}: {rows}");
    };
    near(Log::Audit, 4_000);
    near(Log::Access, 166);
    near(Log::Integration, 220);
    let none = Activity { audit_per_day: 0, integration_per_day: 0, ..activity() };
    assert!(generated(none, 1).rows(Log::Audit).is_empty());
}

#[test]
fn audit_records_have_realistic_size_and_oddities() {
    let world = generated(activity(), 1);
    let rows = world.rows(Log::Audit);
    let bytes: usize = rows.iter().map(|row| row.json.len()).sum();
    let average = bytes / rows.len();
    assert!((550..900).contains(&average), "{average}");

    let ids: BTreeSet<String> = rows.iter().filter_map(|row| row.id()).collect();
    assert_eq!(ids.len(), rows.len());
    let seconds: BTreeSet<i64> = rows.iter().map(|row| row.time.as_second()).collect();
    assert!(seconds.len() < rows.len() * 9 / 10, "some rows share a second");
    let oddities = [
        r#""ip_address":"""#,
        r#""ip_address":"redacted""#,
        r#""ip_address":"1.23.45.678""#,
        r#""session_id":null"#,
        r#""session_id":""#,
        r#""session_id":1"#,
        r#""new_attribute""#,
        r#""is_internal_integration":false,"app_owner_id""#,
        r#""is_internal_integration":true"#,
        "\u{2028}",
        r"\u2028",
        r"\/",
        r#""exporting_team_id":"#,
        r#""new_value":["#,
        r#""new_value":{"#,
        r#""actor":{"type":"app""#,
        r#""app":null"#,
        r#""acting_agent""#,
    ];
    for oddity in oddities {
        assert!(rows.iter().any(|row| row.json.contains(oddity)), "{oddity}");
    }
    assert!(rows.iter().any(|row| row.field("entity").is_none()), "some rows have no entity");
}

#[test]
fn every_row_is_json_and_contains_its_time() {
    let world = generated(activity(), 1);
    let fields = [(Log::Audit, "date_create"), (Log::Access, "date_first"), (Log::Integration, "date")];
    for (log, field) in fields {
        for row in world.rows(log) {
            assert_eq!(row.field(field), Some(row.time.as_second().to_string()), "{}", row.json);
            assert!(!row.json.contains('\n'));
        }
    }
    let row = &world.rows(Log::Integration)[0];
    let row: Value = serde_json::from_str(&row.json).expect("JSON");
    assert!(row["date"].is_string());
}

#[test]
fn some_live_rows_are_late_and_no_historic_row_is() {
    let world = generated(activity(), 1);
    let late =
        |row: &&slacktrail_simulator::Row| row.visible_at.duration_since(row.time) > SignedDuration::from_secs(4);
    let (settled, live): (Vec<_>, Vec<_>) = world.rows(Log::Audit).iter().partition(|row| row.time < at(HOUR));
    assert_eq!(settled.iter().copied().filter(late).count(), 0);
    let percent = live.iter().copied().filter(late).count() * 100 / live.len();
    assert!((5..15).contains(&percent), "{percent}");
}

#[test]
fn users_return_on_their_devices() {
    let world = generated(activity(), 1);
    let rows = world.rows(Log::Access);
    assert!(rows.iter().any(|row| row.date_last > Some(row.time)));
    assert!(rows.iter().any(|row| row.field("count").is_some_and(|count| count != "1")));
    for row in rows {
        let last = row.date_last.map(|last| last.as_second().to_string());
        assert_eq!(row.field("date_last"), last);
        assert!(row.workspace.is_some());
    }
    let agents =
        [r#""user_agent":"ApiApp/"#, r#""user_agent":"SlackWeb/0 "#, r#""user_agent":"SlackWeb "#, r#""isp":null"#];
    assert!(agents.iter().all(|text| rows.iter().any(|row| row.json.contains(text))));
}

#[test]
fn integration_rows_include_apps_services_and_equal_rows() {
    let world = generated(activity(), 1);
    let rows = world.rows(Log::Integration);
    for text in [r#""app_id":"A"#, r#""service_id":1"#, r#""service_id":"1"#, r#""rss_feed":true"#, r#""reason":""#] {
        assert!(rows.iter().any(|row| row.json.contains(text)), "{text}");
    }
    assert!(rows.windows(2).any(|pair| pair[0].json == pair[1].json && pair[0].workspace == pair[1].workspace));
}

#[test]
fn standalone_workspace_has_rows_without_workspace() {
    let settings = Settings::workspace();
    let mut generator = Generator::new(Activity::default(), &settings);
    assert_eq!(generator.access_row(at(0)).workspace, None);
    assert_eq!(generator.integration_row(at(0)).workspace, None);
    assert!(generator.audit_row(at(0)).json.contains(r#""team":"T1""#));
}
