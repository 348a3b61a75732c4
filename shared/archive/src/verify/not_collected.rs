//! Determines from the stream's cursor which records may not be stored yet.

use super::findings::Reason;
use slacktrail_core::cursor::{Cursor, REREADS};
use slacktrail_core::time::Second;

/// Returns why a record of this time may not be stored yet, or `None` if it must be stored. `cursor` is the stream's cursor after Slack was read.
/// The source's `since` may differ from the cursor's, because it applies to logs without a cursor only.
pub(super) fn pending_reason(cursor: Option<&Cursor>, workspace: Option<&str>, time: Second) -> Option<Reason> {
    let Some(cursor) = cursor else { return Some(Reason::NeverCollected) };
    let missing_since = workspace.and_then(|workspace| cursor.workspaces.missing_since(workspace));
    let reread_from = (0..REREADS.len()).map(|index| cursor.reread_from(index)).min();
    [
        (cursor.gaps.iter().any(|gap| (gap.oldest..=gap.latest).contains(&time)), Reason::InGap),
        (time < cursor.since, Reason::BeforeSince),
        (time > cursor.watermark, Reason::SinceLastTick),
        (missing_since.is_some_and(|from| time >= from), Reason::SkippedWorkspace),
        (reread_from.is_some_and(|from| time >= from), Reason::BeforeReread),
    ]
    .into_iter()
    .find_map(|(holds, reason)| holds.then_some(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::source::{LogType, Plan, Source};
    use slacktrail_core::walk::Walk;
    use slacktrail_core::walk::{Gap, GapKind};
    use slacktrail_core::workspaces::WorkspaceState;

    const HOUR: i64 = 3600;

    fn at(hours: i64) -> Second {
        Second::new(1_800_000_000 + hours * HOUR).unwrap()
    }

    /// Returns a cursor that covers hours -300 to 0. Its last re-reads started at hour 0.
    fn settled() -> Cursor {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, at(-300));
        let mut cursor = Cursor::first(&source, LogType::Audit, at(0));
        cursor.gaps.clear();
        cursor
    }

    #[test]
    fn record_must_be_stored_unless_cursor_says_it_is_pending() {
        let mut gapped = settled();
        let walk = Walk::begin(LogType::Audit, at(-200));
        gapped.gaps.push(Gap { walk, ..Gap::unwalked(LogType::Audit, GapKind::Backlog, at(-200), at(-100)) });
        let mut skipped = settled();
        let state = WorkspaceState { missing_since: Some(at(-90)), ..WorkspaceState::default() };
        skipped.workspaces.0.insert("T1".to_owned(), state);
        for (cursor, hours, expected) in [
            (&settled(), -299, None),
            (&settled(), -300, None),
            (&settled(), -301, Some(Reason::BeforeSince)),
            (&settled(), 1, Some(Reason::SinceLastTick)),
            (&settled(), 0, Some(Reason::BeforeReread)),
            (&settled(), -26, Some(Reason::BeforeReread)),
            (&settled(), -27, None),
            (&gapped, -200, Some(Reason::InGap)),
            (&gapped, -100, Some(Reason::InGap)),
            (&gapped, -201, None),
            (&gapped, -99, None),
            (&skipped, -90, Some(Reason::SkippedWorkspace)),
            (&skipped, -91, None),
        ] {
            assert_eq!(pending_reason(Some(cursor), Some("T1"), at(hours)), expected, "{hours}");
        }
        assert_eq!(pending_reason(Some(&skipped), Some("T2"), at(-90)), None, "an unread workspace concerns no other");
        assert_eq!(pending_reason(None, None, at(-90)), Some(Reason::NeverCollected));
    }
}
