use slacktrail_simulator::settings::{Limits, ORGANIZATION_TOKEN};
use slacktrail_simulator::{Family, Log, Request, Settings, World};

use crate::walk::{asking, error, response};

#[test]
fn call_beyond_limit_returns_retry_after() {
    let mut world = World::new(Settings::default());
    for second in 0..50 {
        assert_eq!(response(&mut world, second, &asking(Log::Audit)).status, 200);
    }
    let rejected = response(&mut world, 50, &asking(Log::Audit));
    assert_eq!((rejected.status, rejected.header("Retry-After")), (429, Some("10")));
    assert_eq!(rejected.body, br#"{"error":"rate_limited","ok":false}"#);
    assert_eq!(response(&mut world, 59, &asking(Log::Audit)).status, 429);
    assert_eq!(response(&mut world, 60, &asking(Log::Audit)).status, 200);
}

#[test]
fn other_apps_use_up_organization_limit() {
    let limits = Limits { audit_used_by_others: 49, ..Limits::SLACK };
    let mut world = World::new(Settings { limits, ..Settings::default() });
    assert_eq!(response(&mut world, 0, &asking(Log::Audit)).status, 200);
    assert_eq!(response(&mut world, 0, &asking(Log::Audit)).status, 429);
}

#[test]
fn each_method_and_workspace_has_own_limit() {
    let mut world = World::new(Settings::default());
    let team = |team: &str| asking(Log::Integration).with("team_id", team);
    for _ in 0..20 {
        assert_eq!(response(&mut world, 0, &team("T1")).status, 200);
    }
    assert_eq!(error(&mut world, 0, &team("T1")), (429, "ratelimited".to_owned()));
    assert_eq!(response(&mut world, 0, &team("T2")).status, 200);
    assert_eq!(response(&mut world, 0, &asking(Log::Access)).status, 200);
}

#[test]
fn calls_are_counted_by_method() {
    let mut world = World::new(Settings::default());
    let test = Request::get(Family::Web, "auth.test").bearer(ORGANIZATION_TOKEN);
    for second in [0, 1, 120] {
        response(&mut world, second, &test);
    }
    response(&mut world, 0, &asking(Log::Audit));
    let calls = world.calls();
    assert_eq!((calls.total(), calls.of("auth.test")), (4, 3));
    world.reset_calls();
    assert_eq!(world.calls().total(), 0);
}
