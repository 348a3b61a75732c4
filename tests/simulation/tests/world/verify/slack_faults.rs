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
        let period = Period::new(day, day, now(&harness)).unwrap();
        let mut verification = run(begin(&ports, &source, LogType::Audit, period)).unwrap();
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
        let period = Period::new(day, day, now(&harness)).unwrap();
        let mut verification = run(begin(&ports, &source, log, period)).unwrap();
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

#[test]
fn rows_that_move_during_long_access_walk_are_compared() {
    const ROWS: usize = 5_600;
    const MOVING: usize = 600;
    let settings = Settings { access_order: AccessColumn::Last, ..organization() };
    let mut harness = Harness::new(settings, &[LogType::Access]);
    let day = day_ago(&harness, 3);
    let age = |row: usize| 3 * DAY + row as i64;
    (1..ROWS).for_each(|row| harness.late_row(Log::Access, age(row)));
    harness.settle();
    harness.late_row(Log::Access, age(ROWS)); // never collected
    harness.settings(|settings| settings.access_fill = Fill::UpTo(100));

    let (ports, source) = (ports(&harness), source(&harness));
    let period = Period::new(day, day, now(&harness)).unwrap();
    let mut verification = run(begin(&ports, &source, LogType::Access, period)).unwrap();
    assert_eq!(run(verification.step(now(&harness))).unwrap(), Step::More);
    // The oldest rows move to the start of the log before the first pass reaches them, so only the second pass reads them.
    harness.pass(60);
    (ROWS - MOVING..ROWS).for_each(|row| harness.touch(row));
    harness.pass(60);
    assert!(read(&harness, &mut verification, STEPS_MAX));
    let findings = run(verification.conclude(day, |_, _| ())).unwrap();
    assert_eq!((findings.slack_records, findings.lines), (ROWS as u64, ROWS as u64 - 1));
    assert_eq!((findings.count(Kind::Missing), findings.differences.len()), (1, 1));
}

#[test]
fn consecutive_empty_pages_do_not_end_verify() {
    for log in [LogType::Audit, LogType::Access] {
        let settings = Settings { access_fill: Fill::UpTo(3), ..organization() };
        let mut harness = Harness::new(settings, &[log]);
        harness.rows(simulated(log), 9, 60);
        harness.settle();
        harness.pass(600);
        for page in 2..40 {
            let empty = FaultKind::Endless(Endless::SameCursor);
            harness.fault(Fault::nth(page, CallMatcher::log(simulated(log)), empty));
        }
        let day = day_ago(&harness, 0);
        let findings = verify_day(&mut harness, log, day);
        assert_eq!((findings.verdict(), findings.slack_records), (Verdict::Complete, 9), "{log}");
        assert!(findings.pages > 40, "{log}: {}", findings.pages);
    }
}

#[test]
fn second_that_fills_many_pages_is_compared() {
    const ROWS: u32 = 7_000;
    let settings = Settings { audit_seconds: Seconds::Split, audit_limit_max: 1_000, ..organization() };
    let mut harness = Harness::new(settings, &[LogType::Audit]);
    harness.rows(Log::Audit, ROWS, 0);
    harness.settle();
    harness.pass(600);
    harness.settings(|settings| settings.audit_limit_max = 10);
    let day = day_ago(&harness, 0);
    let findings = verify_day(&mut harness, LogType::Audit, day);
    assert_eq!((findings.verdict(), findings.slack_records), (Verdict::Complete, u64::from(ROWS)));
}

#[test]
fn pages_that_break_off_are_requested_with_fewer_rows() {
    for log in LogType::ALL {
        let settings = Settings { audit_limit_max: 1_000, integration_count_max: 1_000, ..organization() };
        let mut harness = Harness::new(settings, &[log]);
        harness.rows(simulated(log), 60, 7);
        harness.settle();
        harness.pass(600);
        harness.settings(|settings| settings.response_bytes_max = Some(2_000));
        let (ports, source, day) = (ports(&harness), source(&harness), day_ago(&harness, 0));
        let period = Period::new(day, day, now(&harness)).unwrap();
        let mut verification = run(begin(&ports, &source, log, period)).unwrap();
        let mut failures = 0; // since the last success, as the pacer counts them
        for _ in 0..STEPS_MAX {
            match run(verification.step(now(&harness))) {
                Ok(Step::Done) => break,
                Ok(Step::More) => failures = 0,
                Err(error) => {
                    assert_eq!(error.code, "incomplete_response");
                    failures += 1;
                    assert!(failures < 6, "{log}: {error}");
                }
            }
        }
        let findings = run(verification.conclude(day, |_, _| ())).unwrap();
        assert_eq!((findings.verdict(), findings.slack_records), (Verdict::Complete, 60), "{log}: {findings:?}");
    }
}

#[test]
fn rows_beyond_last_small_page_are_read_with_larger_pages() {
    let settings = Settings { integration_page_max: Some(3), integration_count_max: 1_000, ..organization() };
    for (failures, verdict) in [(1, Verdict::Complete), (u32::MAX, Verdict::Inconclusive)] {
        let mut harness = Harness::new(settings.clone(), &[LogType::Integration]);
        let row = |harness: &mut Harness| harness.integration_row().in_workspace("T1");
        for _ in 0..2_000 {
            let row = row(&mut harness);
            harness.add(row);
        }
        harness.settle();
        harness.pass(600);
        match failures {
            1 => harness.fault(Fault::next(CallMatcher::log(Log::Integration), FaultKind::Truncated)),
            _ => harness.settings(|settings| settings.response_bytes_max = Some(60_000)),
        }
        let (ports, source, day) = (ports(&harness), source(&harness), day_ago(&harness, 0));
        let period = Period::new(day, day, now(&harness)).unwrap();
        let mut verification = run(begin(&ports, &source, LogType::Integration, period)).unwrap();
        assert!((0..200).any(|_| matches!(run(verification.step(now(&harness))), Ok(Step::Done))));
        let findings = run(verification.conclude(day, |_, _| ())).unwrap();
        assert_eq!(findings.verdict(), verdict, "{findings:?}");
    }
}

#[test]
fn range_that_ends_in_slacks_future_ends_five_minutes_before_its_present() {
    let settings = Settings { audit_range_strict: true, ..organization() };
    let mut harness = Harness::new(settings, &[LogType::Audit]);
    harness.rows(Log::Audit, 9, 600);
    harness.settle();
    harness.clock_ahead(600);
    let (ports, source, day) = (ports(&harness), source(&harness), day_ago(&harness, 0));
    let local = now(&harness).plus(600);
    let period = Period::new(day, day, local).unwrap();
    let mut verification = run(begin(&ports, &source, LogType::Audit, period)).unwrap();
    assert!((0..STEPS_MAX).any(|_| run(verification.step(local)).unwrap() == Step::Done));
    let until = now(&harness).plus(-verify::MARGIN_SECONDS);
    assert_eq!(verification.period().until(), until);
    let findings = run(verification.conclude(day, |_, _| ())).unwrap();
    assert_eq!((findings.verdict(), findings.slack_records, findings.until), (Verdict::Complete, 9, until));
}

#[test]
fn day_that_slack_has_not_reached_has_no_records() {
    let settings = Settings { audit_range_strict: true, ..organization() };
    let mut harness = Harness::new(settings, &[LogType::Audit]);
    harness.rows(Log::Audit, 9, 600);
    harness.settle();
    let (ports, source) = (ports(&harness), source(&harness));
    let local = now(&harness).day().end().plus(400); // past midnight, by a wrong clock
    let period = Period::new(local.day(), local.day(), local).unwrap();
    let mut verification = run(begin(&ports, &source, LogType::Audit, period)).unwrap();
    assert!((0..STEPS_MAX).any(|_| run(verification.step(local)).unwrap() == Step::Done));
    let findings = run(verification.conclude(local.day(), |_, _| ())).unwrap();
    assert_eq!((findings.slack_records, findings.until), (0, local.day().start()));
}
