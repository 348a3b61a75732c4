//! Responses of Slack that interrupt a verification, or never end it.

use super::*;

#[test]
fn slack_faults_are_reported_and_step_can_be_retried() {
    let mut harness = Harness::new(organization(), &[LogType::Audit]);
    harness.rows(Log::Audit, 9, 60);
    harness.settle();
    harness.pass(600);
    for kind in [FaultKind::EmptyPage, FaultKind::Oversize(7), FaultKind::StaleCursor, FaultKind::Html(502)] {
        harness.fault(Fault::nth(2, CallMatcher::log(Log::Audit), kind.clone()));
        let (ports, source, day) = (ports(&harness), source(&harness), day_ago(&harness, 0));
        let until = verify::until(day, now(&harness)).unwrap();
        let mut verification = run(begin(&ports, &source, LogType::Audit, (day, until))).unwrap();
        let mut failures = 0;
        let is_done = |step| matches!(step, Ok(Step::Done));
        while !is_done(run(verification.step(now(&harness))).inspect_err(|_| failures += 1)) {}
        let findings = run(verification.conclude(day, |_, _| ())).unwrap();
        assert_eq!((findings.verdict(), findings.slack_records), (Verdict::Complete, 9), "{kind:?}");
        assert_eq!(failures, u32::from(kind == FaultKind::Html(502)));
    }
}

#[test]
fn page_cursors_that_are_always_rejected_end_reading() {
    let settings = Settings { access_fill: Fill::UpTo(3), ..organization() };
    let mut harness = Harness::new(settings, &[LogType::Audit, LogType::Access]);
    harness.rows(Log::Audit, 9, 60);
    harness.rows(Log::Access, 9, 60);
    harness.settle();
    harness.pass(600);
    let day = day_ago(&harness, 0);
    for log in [Log::Audit, Log::Access] {
        harness.fault(Fault::every(CallMatcher::log(log).later_pages(), FaultKind::StaleCursor));
    }
    let audit = verify_day(&mut harness, LogType::Audit, day);
    assert_eq!(
        (audit.verdict(), audit.slack_records),
        (Verdict::Complete, 9),
        "each restart continues where the last one stopped"
    );

    assert_eq!(verification_error(&harness, LogType::Access).code, "pagination_loop");
}

#[test]
fn page_cursors_rejected_100_times_end_reading_that_advances() {
    let mut harness = Harness::new(Settings { audit_limit_max: 2, ..organization() }, &[LogType::Audit]);
    harness.rows(Log::Audit, 110, 60);
    harness.pass(600);
    harness.fault(Fault::every(CallMatcher::log(Log::Audit).later_pages(), FaultKind::StaleCursor));
    let error = verification_error(&harness, LogType::Audit);
    assert!(error.message.ends_with("Slack rejected its own page cursor 101 times"), "{error}");
}

#[test]
fn day_is_read_with_replaced_token() {
    // Slack rejects a token with an empty body in audit logs, and with an error code in the others.
    for log in [LogType::Audit, LogType::Access] {
        let mut harness = Harness::new(Settings { access_fill: Fill::UpTo(3), ..organization() }, &[log]);
        harness.rows(simulated(log), 9, 60);
        harness.settle();
        harness.pass(600);
        let (ports, source, day) = (ports(&harness), source(&harness), day_ago(&harness, 0));
        let range = (day, verify::until(day, now(&harness)).unwrap());
        let mut verification = run(begin(&ports, &source, log, range)).unwrap();
        assert_eq!(run(verification.step(now(&harness))).unwrap(), Step::More);
        harness.revoke();
        let other = slacktrail_simulator::tenant::Token::organization("xoxp-simulated-other");
        harness.settings(|settings| settings.tokens.insert(0, other));
        while run(verification.step(now(&harness))).unwrap() == Step::More {}
        let findings = run(verification.conclude(day, |_, _| ())).unwrap();
        assert_eq!((findings.verdict(), findings.slack_records), (Verdict::Complete, 9));
    }
}

#[test]
fn pages_without_new_rows_end_reading() {
    for kind in [Endless::SameCursor, Endless::FreshCursor, Endless::OldRows] {
        let mut harness = Harness::new(organization(), &[LogType::Audit]);
        harness.rows(Log::Audit, 9, 60);
        harness.pass(600);
        harness.fault(Fault::every(CallMatcher::log(Log::Audit), FaultKind::Endless(kind)));
        assert_eq!(verification_error(&harness, LogType::Audit).code, "pagination_loop", "{kind:?}");
    }
}

#[test]
fn pages_that_slack_does_not_return_make_verify_inconclusive() {
    let mut harness = Harness::new(organization(), &[LogType::Integration]);
    harness.rows(Log::Integration, 8, 60);
    harness.settle();
    harness.pass(600);
    let day = day_ago(&harness, 0);
    harness.settings(|settings| settings.integration_page_max = Some(1));
    let findings = verify_day(&mut harness, LogType::Integration, day);
    assert_eq!((findings.slack_records, findings.verdict()), (6, Verdict::Inconclusive));
    assert_eq!(findings.limitations, [Limitation::PagesEnd]);
}
