//! Verifications that are interrupted and continued.

use super::*;

/// Interrupts a verification after each number of pages, lets `between` change the world, and resumes it. Checks the findings.
fn resume_after_each_page(
    settings: &Settings,
    log: LogType,
    between: impl Fn(&mut Harness),
    check: impl Fn(&[Findings], &str),
) {
    for pages in 1.. {
        let mut harness = Harness::new(settings.clone(), &[log]);
        match settings.access_team {
            AccessTeam::Required => three_days_of_two_workspaces(&mut harness),
            _ => four_days(&mut harness),
        }
        let period = last_days(&harness, 6);
        let mut interrupted = begin(&harness, log, period);
        let is_done = (0..pages).any(|_| run(interrupted.step(now(&harness))).unwrap() == Step::Done);
        let files = interrupted.into_files();
        harness.world().with(|state| state.broken = None); // the calls of a tick are limited, but the command's pacer limits those of verify
        between(&mut harness);
        let asked = (period.first(), period.last());
        let (ports, source) = ports_and_source(&harness);
        let checkpoint =
            Checkpoint::decode(files.checkpoint.as_deref().unwrap(), source, log, asked, now(&harness)).unwrap();
        let mut verification = Verification::resume(ports, source, checkpoint, files);
        assert!(is_done || read(&harness, &mut verification, STEPS_MAX));
        check(&compare_all(&mut verification), &format!("{log} after {pages} pages"));
        if is_done {
            assert!(pages > 3, "{log}: there is something to interrupt");
            return;
        }
    }
}

#[test]
fn interrupted_reading_resumes_without_loss_or_false_duplicates() {
    let by_last = Settings { access_order: AccessColumn::Last, access_paging: Paging::Offset, ..small_pages() };
    let ascending = Settings { integration_order: Direction::OldestFirst, ..small_pages() };
    for (settings, log) in [
        (small_pages(), LogType::Audit),
        (Settings { access_fill: Fill::UpTo(3), ..small_pages() }, LogType::Access),
        (Settings { access_fill: Fill::UpTo(3), ..by_last }, LogType::Access),
        (Settings { access_fill: Fill::UpTo(3), ..by_workspace() }, LogType::Access),
        (small_pages(), LogType::Integration),
        (ascending, LogType::Integration),
    ] {
        let settings = Settings { cursor_ttl: Some(SignedDuration::from_mins(10)), ..settings };
        let complete = |found: &[Findings], when: &str| {
            for findings in found {
                assert_eq!((findings.verdict(), &findings.differences[..]), (Verdict::Complete, &[][..]), "{when}");
            }
            let records: u64 = found.iter().map(|findings| findings.slack_records).sum();
            assert!(records >= 27, "{when}: {records}");
        };
        resume_after_each_page(&settings, log, |_| (), complete);
        // New rows move others to later pages, page cursors expire, and the poller stores the new rows.
        let later = |harness: &mut Harness| {
            harness.rows(simulated(log), 5, 60);
            harness.settle_within(5);
            harness.pass(3_600);
            harness.settle_within(5);
        };
        resume_after_each_page(&settings, log, later, complete);
    }
}

#[test]
fn checkpoint_of_other_request_or_day_is_not_resumed() {
    let mut harness = Harness::new(small_pages(), &[LogType::Audit]);
    harness.rows(Log::Audit, 9, 60);
    harness.settle();
    let (source, period) = (source(&harness), last_days(&harness, 3));
    let mut verification = begin(&harness, LogType::Audit, period);
    run(verification.step(now(&harness))).unwrap();
    let text = verification.into_files().checkpoint.unwrap();
    let asked = (period.first(), period.last());
    let unusable = |text: &str, source: &Source, log, asked, seconds: i64| {
        Checkpoint::decode(text, source, log, asked, now(&harness).plus(seconds)).err()
    };
    let audit = LogType::Audit;
    assert_eq!(unusable(&text, &source, audit, asked, DAY), None);
    assert_eq!(unusable(&text, &source, audit, asked, DAY + 1), Some(Unusable::TooOld));
    assert_eq!(unusable(&text, &source, audit, asked, -601), Some(Unusable::TooOld), "the clock was wrong");
    assert_eq!(unusable(&text, &source, LogType::Access, asked, 0), Some(Unusable::OtherRequest));
    assert_eq!(unusable(&text, &source, audit, (asked.0, asked.0), 0), Some(Unusable::OtherRequest));
    let other = slacktrail_core::source::Tenant { id: "E9".to_owned(), name: "Other".to_owned() };
    let other = Source { tenant: Some(other), ..source.clone() };
    assert_eq!(unusable(&text, &other, audit, asked, 0), Some(Unusable::OtherRequest));
    assert_eq!(unusable(&text[1..], &source, audit, asked, 0), Some(Unusable::Damaged));
    let newer = text.replacen(r#""format":1"#, r#""format":2"#, 1);
    assert_eq!(unusable(&newer, &source, audit, asked, 0), Some(Unusable::OtherVersion));
}
