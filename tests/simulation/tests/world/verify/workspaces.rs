//! Logs that are read workspace by workspace.

use super::*;

#[test]
fn one_failing_workspace_is_inconclusive_and_all_failing_is_token_error() {
    let mut harness = Harness::new(organization(), &[LogType::Integration]);
    harness.rows(Log::Integration, 8, 60);
    harness.settle();
    harness.pass(600);
    let day = day_ago(&harness, 0);
    let bar = |harness: &mut Harness, number: usize| {
        harness.settings(|settings| {
            if let Tenant::Organization { workspaces, .. } = &mut settings.tenant {
                workspaces[number].owner_belongs = false;
            }
        });
    };
    bar(&mut harness, 1);
    let findings = verify_day(&mut harness, LogType::Integration, day);
    let skipped: Vec<_> = findings.skipped_workspaces.iter().map(|it| (it.id.as_str(), it.code.as_str())).collect();
    assert_eq!(skipped, [("T2", "invalid_auth")]);
    assert_eq!((findings.slack_records, findings.not_compared, findings.verdict()), (4, 4, Verdict::Inconclusive));

    bar(&mut harness, 0);
    assert_eq!(verification_error(&harness, LogType::Integration).code, "invalid_auth");
}

#[test]
fn access_logs_that_need_team_id_are_compared_per_workspace() {
    let mut harness = Harness::new(by_workspace(), &[LogType::Access]);
    three_days_of_two_workspaces(&mut harness);
    let mut shown = 0;
    for days in 0..5 {
        let day = day_ago(&harness, days);
        let findings = verify_day(&mut harness, LogType::Access, day);
        assert_eq!((findings.verdict(), &findings.differences[..]), (Verdict::Complete, &[][..]), "{day}");
        shown += findings.slack_records;
    }
    assert_eq!(shown, 27);
}

#[test]
fn access_rows_stored_before_team_id_was_needed_are_no_difference() {
    let settings = Settings { access_team: AccessTeam::Narrows, ..by_workspace() };
    let mut harness = Harness::new(settings, &[LogType::Access]);
    nine_access_rows(&mut harness, 0);
    harness.settle();
    harness.pass(600);
    let day = day_ago(&harness, 0);
    harness.settings(|settings| settings.access_team = AccessTeam::Required);
    let findings = verify_day(&mut harness, LogType::Access, day);
    assert_eq!((findings.verdict(), findings.slack_records, findings.lines), (Verdict::Complete, 9, 9), "{findings:?}");
}

#[test]
fn listed_workspace_without_id_makes_verify_inconclusive() {
    let mut harness = Harness::new(organization(), &[LogType::Integration]);
    harness.rows(Log::Integration, 8, 60);
    harness.settle();
    harness.pass(600);
    let day = day_ago(&harness, 0);
    let list = |teams: &str| FaultKind::Status(200, format!(r#"{{"ok":true,"teams":[{teams}]}}"#));
    harness.fault(Fault::every(CallMatcher::path("auth.teams.list"), list(r#"{"id":"T1"},{"name":"x"},{"id":"T2"}"#)));
    let findings = verify_day(&mut harness, LogType::Integration, day);
    let skipped: Vec<_> = findings.skipped_workspaces.iter().map(|it| (it.id.as_str(), it.code.as_str())).collect();
    assert_eq!(skipped, [("(no ID)", "workspace_list_failed")]);
    assert_eq!((findings.slack_records, findings.verdict()), (8, Verdict::Inconclusive), "{findings:?}");

    harness.world().with(|state| state.slack.clear_faults());
    harness.fault(Fault::every(CallMatcher::path("auth.teams.list"), list(r#"{"name":"x"}"#)));
    let (ports, source) = (ports(&harness), source(&harness));
    let period = Period::new(day, day, now(&harness)).unwrap();
    let mut verification = run(begin(&ports, &source, LogType::Integration, period)).unwrap();
    for _ in 0..2 {
        assert_eq!(run(verification.step(now(&harness))).unwrap_err().code, "workspace_list_failed");
    }
}

#[test]
fn only_access_logs_of_organization_are_read_per_workspace_instead() {
    for (settings, log, code) in [
        (Settings { limits: Limits::OFF, ..Settings::workspace() }, LogType::Access, "missing_argument"),
        (organization(), LogType::Audit, "missing_argument"),
        (organization(), LogType::Access, "invalid_arguments"),
    ] {
        let mut harness = Harness::new(settings, &[log]);
        let calling = if log == LogType::Audit { CallMatcher::log(Log::Audit) } else { CallMatcher::log(Log::Access) };
        harness.fault(Fault::every(calling, FaultKind::not_ok(code)));
        assert_eq!(verification_error(&harness, log).code, code, "{log}");
        assert_eq!(harness.calls(), 1, "{log}: no workspace is requested");
    }
    let mut harness = Harness::new(by_workspace(), &[LogType::Access]);
    harness.fault(Fault::every(CallMatcher::log(Log::Access).team("T2"), FaultKind::not_ok("missing_argument")));
    assert_eq!(
        verification_error(&harness, LogType::Access).code,
        "missing_argument",
        "the log is already read per workspace"
    );
}

#[test]
fn failed_workspace_list_ends_step() {
    let page = FaultKind::Status(
        200,
        r#"{"ok":true,"teams":[{"id":"T1"}],"response_metadata":{"next_cursor":"more"}}"#.to_owned(),
    );
    let list = || CallMatcher::path("auth.teams.list");
    for (faults, code) in [
        (vec![Fault::every(list(), FaultKind::not_ok("missing_argument"))], "missing_argument"),
        (
            vec![
                Fault::every(list().first_pages(), page.clone()),
                Fault::every(list().later_pages(), FaultKind::StaleCursor),
            ],
            "workspace_list_failed",
        ),
        (vec![Fault::every(list(), page.clone())], "workspace_list_failed"),
    ] {
        let mut harness = Harness::new(by_workspace(), &[LogType::Access]);
        faults.into_iter().for_each(|fault| harness.fault(fault));
        assert_eq!(verification_error(&harness, LogType::Access).code, code);
    }
}

#[test]
fn workspace_list_restarts_if_page_cursor_is_rejected() {
    let mut harness = Harness::new(by_workspace(), &[LogType::Access]);
    nine_access_rows(&mut harness, 0);
    harness.settle_within(10);
    harness.pass(600);
    let (ports, source, day) = (ports(&harness), source(&harness), day_ago(&harness, 0));
    let first = r#"{"ok":true,"teams":[{"id":"T1"},{"name":"x"}],"response_metadata":{"next_cursor":"more"}}"#;
    let list = || CallMatcher::path("auth.teams.list");
    harness.fault(Fault::next(list(), FaultKind::Status(200, first.to_owned())));
    harness.fault(Fault::next(list().later_pages(), FaultKind::StaleCursor));
    let period = Period::new(day, day, now(&harness)).unwrap();
    let mut verification = run(begin(&ports, &source, LogType::Access, period)).unwrap();
    let steps: Vec<_> = (0..STEPS_MAX)
        .map(|_| run(verification.step(now(&harness))))
        .take_while(|step| !matches!(step, Ok(Step::Done)))
        .collect();
    let errors: Vec<_> = steps.iter().filter_map(|step| step.as_ref().err()).map(|error| error.code.as_str()).collect();
    assert_eq!(errors, ["workspace_list_failed"]);
    let findings = run(verification.conclude(day, |_, _| ())).unwrap();
    assert_eq!((findings.verdict(), findings.slack_records), (Verdict::Complete, 9), "{findings:?}");
}
