//! The laws of the ports, asked of any adapter: the core relies on them, so the directory, AWS and whatever stands in for
//! either in other tests must keep the same ones.

use futures_util::future::join_all;
use slacktrail_shared::cursor::Cursor;
use slacktrail_shared::object::{DayLogId, ObjectKey};
use slacktrail_shared::ports::{Created, DayLogStore, DeploymentStore, Replaced, TokenStore, Version};
use slacktrail_shared::secret::Token;
use slacktrail_shared::source::{LogType, Plan, Source, SourceId, StreamId};
use slacktrail_shared::time::Second;
use slacktrail_shared::trouble::{Remedy, Trouble};

/// Writers that try to create one object at the same time.
const CREATORS: usize = 8;
/// Puts that are under way at once while a long day log is filled.
const PUTS_AT_ONCE: usize = 16;

/// A source of this id.
///
/// # Panics
/// When `id` is not a source id.
pub fn source(id: &str) -> Source {
    Source {
        id: id.parse().expect("a source id"),
        label: format!("{id} \"Inc.\" \u{2713}"),
        plan: Plan::Enterprise,
        logs: LogType::ALL.to_vec(),
        since: Second::MARCH_2018,
        organisation: true,
        gov: false,
        paused: false,
        connected_at: Second::EPOCH,
    }
}

/// A stream of the source of this id.
///
/// # Panics
/// When `id` is not a source id.
pub fn stream(id: &str, log: LogType) -> StreamId {
    StreamId { source: id.parse().expect("a source id"), log }
}

/// The day log of a source's audit logs.
///
/// # Panics
/// When `id` is not a source id or `day` not a day.
pub fn day_log(id: &str, day: &str) -> DayLogId {
    DayLogId { stream: stream(id, LogType::Audit), day: day.parse().expect("a day") }
}

/// Every law of [`DayLogStore`], on an empty store. `plant` puts a file where an object of that key would be; a long day
/// log has `objects` objects, which should be more than the store lists at once.
///
/// # Panics
/// When the adapter breaks a law.
pub async fn day_log_store<S: DayLogStore>(store: &S, plant: impl AsyncFn(&str), objects: u32) {
    an_object_is_created_once_and_never_changes(store).await;
    of_concurrent_creators_exactly_one_wins(store).await;
    a_listing_is_complete_and_in_order_of_numbers(store, objects).await;
    a_listing_leaves_other_sources_out(store).await;
    a_foreign_file_is_named(store, plant).await;
}

async fn an_object_is_created_once_and_never_changes<S: DayLogStore>(store: &S) {
    let key = day_log("acme", "2026/11/01").key(1);
    assert!(ok(store.read(&key).await).is_none(), "an object that was never created is not there");
    assert!(ok(store.list(&key.log).await).is_empty(), "a day log that was never written to is empty");

    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    assert_eq!(ok(store.create(&key, bytes.clone()).await), Created::Yes);
    assert_eq!(ok(store.create(&key, b"other".to_vec()).await), Created::Exists);
    assert_eq!(ok(store.create(&key, bytes.clone()).await), Created::Exists, "equal bytes are no exception");

    let stored = ok(store.read(&key).await).expect("what was created is there");
    assert_eq!(stored.bytes, bytes, "the first bytes stay, and come back as they were");
    assert!(Second::of(stored.last_modified) > Second::MARCH_2018, "{}", stored.last_modified);
    assert!(ok(store.read(&key.log.key(2)).await).is_none(), "the next number is still free");

    let empty = key.log.key(3);
    assert_eq!(ok(store.create(&empty, Vec::new()).await), Created::Yes);
    assert_eq!(ok(store.read(&empty).await).expect("what was created is there").bytes, b"");
}

async fn of_concurrent_creators_exactly_one_wins<S: DayLogStore>(store: &S) {
    let key = day_log("acme", "2026/11/02").key(1);
    let bytes = |writer: usize| format!("bytes of writer {writer}").into_bytes();
    let outcomes = join_all((0..CREATORS).map(|writer| store.create(&key, bytes(writer)))).await;
    let outcomes: Vec<Created> = outcomes.into_iter().map(ok).collect();
    let winners: Vec<usize> = (0..CREATORS).filter(|&writer| outcomes[writer] == Created::Yes).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(ok(store.read(&key).await).expect("what was created is there").bytes, bytes(winners[0]));
}

async fn a_listing_is_complete_and_in_order_of_numbers<S: DayLogStore>(store: &S, objects: u32) {
    let log = day_log("acme", "2026/11/03");
    // By name, 1000000 comes before 999999.
    let numbers: Vec<u32> = (1..=objects).chain([999_998, 999_999, 1_000_000, 1_000_001, u32::MAX]).collect();
    for some in numbers.chunks(PUTS_AT_ONCE) {
        let created =
            join_all(some.iter().map(async |&number| store.create(&log.key(number), b"x".to_vec()).await)).await;
        assert!(created.into_iter().all(|created| ok(created) == Created::Yes));
    }
    let listed = ok(store.list(&log).await);
    let wrong = numbers.iter().zip(&listed).find(|(number, listed)| number != listed);
    assert!(listed == numbers, "{} of {} numbers; first in a wrong place: {wrong:?}", listed.len(), numbers.len());
}

async fn a_listing_leaves_other_sources_out<S: DayLogStore>(store: &S) {
    let day = "2026/11/04";
    let keys: [ObjectKey; 5] = [
        day_log("acme", day).key(7),
        day_log("acme-2", day).key(1),
        day_log("acme-000001", day).key(2),
        day_log("other", day).key(3),
        day_log("acme", "2026/11/05").key(4),
    ];
    for key in &keys {
        assert_eq!(ok(store.create(key, b"x".to_vec()).await), Created::Yes);
    }
    for key in &keys {
        assert_eq!(ok(store.list(&key.log).await), [key.number], "{key}");
    }
    let another_log = DayLogId { stream: stream("acme", LogType::Access), ..keys[0].log.clone() };
    assert!(ok(store.list(&another_log).await).is_empty(), "another log type's day log is another");
}

async fn a_foreign_file_is_named<S: DayLogStore>(store: &S, plant: impl AsyncFn(&str)) {
    let log = day_log("acme", "2026/11/06");
    assert_eq!(ok(store.create(&log.key(1), b"x".to_vec()).await), Created::Yes);
    plant("audit/2026/11/06/notes.txt").await;
    assert_eq!(ok(store.list(&log).await), [1], "what does not begin as the day log's keys do is nobody's concern");
    plant("audit/2026/11/06/acme-notes.txt").await;
    let trouble = store.list(&log).await.expect_err("a foreign file is an error");
    assert_eq!((trouble.remedy, trouble.code.as_str()), (Remedy::Investigate, "foreign_object"));
    assert!(trouble.message.contains("audit/2026/11/06/acme-notes.txt"), "{trouble}");
}

/// Every law of [`DeploymentStore`], on an empty store. `garble` makes what is stored about a source, and about its audit
/// cursor, unreadable.
///
/// # Panics
/// When the adapter breaks a law.
pub async fn deployment_store<S: DeploymentStore>(store: &S, garble: impl AsyncFn(&SourceId)) {
    a_cursor_is_replaced_only_if_its_version_is_unchanged(store).await;
    of_concurrent_replacers_exactly_one_wins(store).await;
    a_source_is_stored_in_place_of_the_one_before(store).await;
    what_cannot_be_read_hides_nothing_else(store, garble).await;
}

async fn a_cursor_is_replaced_only_if_its_version_is_unchanged<S: DeploymentStore>(store: &S) {
    let loaded = ok(store.load().await);
    assert!(loaded.sources.is_empty() && loaded.cursors.is_empty(), "nothing was stored yet");

    let stream = stream("acme", LogType::Audit);
    let [first, second, third] = [1, 2, 3].map(|minute| cursor(&stream, minute));
    assert_eq!(
        ok(store.replace_cursor(&stream, Some(Version(1)), &first).await),
        Replaced::Changed,
        "there is none yet"
    );
    let version = replaced(store.replace_cursor(&stream, None, &first).await);
    assert_eq!(ok(store.replace_cursor(&stream, None, &second).await), Replaced::Changed, "there is one by now");
    assert_eq!(load_cursor(store, &stream).await, (version, first));

    let next = replaced(store.replace_cursor(&stream, Some(version), &second).await);
    assert_ne!(next, version);
    // The same call applied twice, and one of somebody who is late.
    assert_eq!(ok(store.replace_cursor(&stream, Some(version), &second).await), Replaced::Changed);
    assert_eq!(ok(store.replace_cursor(&stream, Some(version), &third).await), Replaced::Changed);
    assert_eq!(load_cursor(store, &stream).await, (next, second));
}

async fn of_concurrent_replacers_exactly_one_wins<S: DeploymentStore>(store: &S) {
    let stream = stream("busy", LogType::Access);
    let mut expected = None;
    for round in 0..3 {
        let cursors: Vec<Cursor> = (0..4).map(|writer| cursor(&stream, 10 * round + writer)).collect();
        let outcomes = join_all(cursors.iter().map(|cursor| store.replace_cursor(&stream, expected, cursor))).await;
        let outcomes: Vec<Replaced> = outcomes.into_iter().map(ok).collect();
        let winners: Vec<usize> = (0..outcomes.len()).filter(|&writer| outcomes[writer] != Replaced::Changed).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        let (version, stored) = load_cursor(store, &stream).await;
        assert_eq!((Replaced::Yes(version), &stored), (outcomes[winners[0]], &cursors[winners[0]]));
        expected = Some(version);
    }
}

async fn a_source_is_stored_in_place_of_the_one_before<S: DeploymentStore>(store: &S) {
    let mut acme = source("acme");
    ok(store.save_source(&acme).await);
    acme.paused = true;
    ok(store.save_source(&acme).await);
    ok(store.save_source(&source("other")).await);
    let loaded = ok(store.load().await);
    let sources: Vec<&Source> =
        loaded.sources.values().map(|source| source.as_ref().expect("it can be read")).collect();
    assert_eq!(sources, [&acme, &source("other")]);
    assert!(loaded.cursors.contains_key(&stream("acme", LogType::Audit)), "a source's cursors stay");
}

async fn what_cannot_be_read_hides_nothing_else<S: DeploymentStore>(store: &S, garble: impl AsyncFn(&SourceId)) {
    let [broken, whole] = ["broken", "whole"].map(source);
    for source in [&broken, &whole] {
        ok(store.save_source(source).await);
        for log in LogType::ALL {
            let stream = StreamId { source: source.id.clone(), log };
            replaced(store.replace_cursor(&stream, None, &cursor(&stream, 1)).await);
        }
    }
    garble(&broken.id).await;

    let loaded = ok(store.load().await);
    let trouble = loaded.sources[&broken.id].as_ref().expect_err("it cannot be read");
    assert_eq!((trouble.remedy, trouble.code.as_str()), (Remedy::Investigate, "unreadable_source"));
    assert!(trouble.message.contains("`broken`"), "{trouble}");
    assert_eq!(loaded.sources[&whole.id].as_ref().expect("it can be read"), &whole);
    for (stream, (_, read)) in
        loaded.cursors.iter().filter(|(stream, _)| [&broken.id, &whole.id].contains(&&stream.source))
    {
        let is_garbled = stream.source == broken.id && stream.log == LogType::Audit;
        assert_eq!(read.is_err(), is_garbled, "{stream}: {read:?}");
    }
    assert_eq!(loaded.cursors.keys().filter(|stream| stream.source == broken.id).count(), LogType::ALL.len());
}

/// Every law of [`TokenStore`] that needs one store only.
///
/// # Panics
/// When the adapter breaks a law.
pub async fn token_store<S: TokenStore>(store: &S) {
    let [acme, other] = ["acme", "other"].map(|id| source(id).id);
    let [first, second, third] = ["xoxp-1", "xoxp-2", "xoxp-3"].map(|text| Token::new(text).expect("a token"));
    ok(store.save_token(&acme, &first).await);
    ok(store.save_token(&other, &second).await);
    assert_eq!(ok(store.token(&acme).await), first);
    assert_eq!(ok(store.fresh_token(&acme).await), first);
    ok(store.save_token(&acme, &third).await);
    assert_eq!(ok(store.token(&acme).await), third, "a token kept from an earlier call gives way to one that is saved");
    assert_eq!(ok(store.fresh_token(&acme).await), third);
    assert_eq!(ok(store.token(&other).await), second, "another source's token stays");
}

fn cursor(stream: &StreamId, minute: i64) -> Cursor {
    let now = Second::MARCH_2018.plus(60 * minute);
    Cursor::first(&source(stream.source.as_str()), stream.log, now)
}

async fn load_cursor<S: DeploymentStore>(store: &S, stream: &StreamId) -> (Version, Cursor) {
    let (version, cursor) = ok(store.load().await).cursors.remove(stream).expect("there is a cursor");
    (version, ok(cursor))
}

fn replaced(outcome: Result<Replaced, Trouble>) -> Version {
    match ok(outcome) {
        Replaced::Yes(version) => version,
        Replaced::Changed => panic!("the version was unchanged, yet the cursor was not replaced"),
    }
}

fn ok<T>(result: Result<T, Trouble>) -> T {
    result.unwrap_or_else(|trouble| panic!("{trouble}; hint: {}; {trouble:?}", trouble.hint))
}
