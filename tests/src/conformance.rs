//! The conformance suite of the ports, for any adapter: the core relies on them, so the directory, AWS and whatever stands in for
//! either in other tests must keep the same ones.

use futures_util::future::join_all;
use slacktrail_core::authorization::{Authorization, AuthorizationState};
use slacktrail_core::credentials::{Credentials, Grant};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::object::{DayLogId, ObjectKey};
use slacktrail_core::secret::Token;
use slacktrail_core::shard::Shard;
use slacktrail_core::source::{LogType, Plan, Source, SourceId, StreamId};
use slacktrail_core::time::Second;
use slacktrail_ports::sources;
use slacktrail_ports::{
    AuthorizationStore, CreateOutcome, CredentialStore, DayLogStore, DeploymentStore, ReplaceOutcome, SecretVersion,
    StoredCredentials, Version,
};

/// Writers that try to create one object at the same time.
const CREATORS: usize = 8;
/// Puts that are under way at once while a long day log is filled.
const PUTS_AT_ONCE: usize = 16;

/// A source of this id.
///
/// # Panics
/// When `id` is not a source id.
pub fn source(id: &str) -> Source {
    let id = id.parse().expect("a source id");
    let label = format!("{id} \"Inc.\" \u{2713}");
    let source = Source::new(id, label, Plan::Enterprise, Second::MARCH_2018);
    Source { organization: true, connected_at: Second::EPOCH, ..source }
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

/// Every requirement of [`DayLogStore`], on an empty store. `plant` puts a file where an object of that key would be; a long day
/// log has `objects` objects, which should be more than the store lists at once.
///
/// # Panics
/// When the adapter breaks a requirement.
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
    assert_eq!(ok(store.create(&key, bytes.clone()).await), CreateOutcome::Created);
    assert_eq!(ok(store.create(&key, b"other".to_vec()).await), CreateOutcome::AlreadyExists);
    assert_eq!(
        ok(store.create(&key, bytes.clone()).await),
        CreateOutcome::AlreadyExists,
        "equal bytes are no exception"
    );

    let stored = ok(store.read(&key).await).expect("what was created is there");
    assert_eq!(stored.bytes, bytes, "the first bytes stay, and come back as they were");
    assert!(Second::of(stored.last_modified) > Second::MARCH_2018, "{}", stored.last_modified);
    assert!(ok(store.read(&key.log.key(2)).await).is_none(), "the next number is still free");

    let empty = key.log.key(3);
    assert_eq!(ok(store.create(&empty, Vec::new()).await), CreateOutcome::Created);
    assert_eq!(ok(store.read(&empty).await).expect("what was created is there").bytes, b"");
}

async fn of_concurrent_creators_exactly_one_wins<S: DayLogStore>(store: &S) {
    let key = day_log("acme", "2026/11/02").key(1);
    let bytes = |writer: usize| format!("bytes of writer {writer}").into_bytes();
    let outcomes = join_all((0..CREATORS).map(|writer| store.create(&key, bytes(writer)))).await;
    let outcomes: Vec<CreateOutcome> = outcomes.into_iter().map(ok).collect();
    let winners: Vec<usize> = (0..CREATORS).filter(|&writer| outcomes[writer] == CreateOutcome::Created).collect();
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
        assert!(created.into_iter().all(|created| ok(created) == CreateOutcome::Created));
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
        assert_eq!(ok(store.create(key, b"x".to_vec()).await), CreateOutcome::Created);
    }
    for key in &keys {
        assert_eq!(ok(store.list(&key.log).await), [key.number], "{key}");
    }
    let another_log = DayLogId { stream: stream("acme", LogType::Access), ..keys[0].log.clone() };
    assert!(ok(store.list(&another_log).await).is_empty(), "another log type's day log is another");
}

async fn a_foreign_file_is_named<S: DayLogStore>(store: &S, plant: impl AsyncFn(&str)) {
    let log = day_log("acme", "2026/11/06");
    assert_eq!(ok(store.create(&log.key(1), b"x".to_vec()).await), CreateOutcome::Created);
    plant("audit/2026/11/06/notes.txt").await;
    assert_eq!(ok(store.list(&log).await), [1], "what does not begin as the day log's keys do is nobody's concern");
    plant("audit/2026/11/06/acme-notes.txt").await;
    let error = store.list(&log).await.expect_err("a foreign file is an error");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Investigate, "unexpected_object"));
    assert!(error.message.contains("audit/2026/11/06/acme-notes.txt"), "{error}");
}

/// Every requirement of [`DeploymentStore`], on an empty store. `garble` makes what is stored about a source, and about its audit
/// cursor, unreadable.
///
/// # Panics
/// When the adapter breaks a requirement.
pub async fn deployment_store<S: DeploymentStore>(store: &S, garble: impl AsyncFn(&SourceId)) {
    a_cursor_is_replaced_only_if_its_version_is_unchanged(store).await;
    of_concurrent_replacers_exactly_one_wins(store).await;
    a_source_is_replaced_only_if_its_version_is_unchanged(store).await;
    of_concurrent_writers_of_a_source_exactly_one_wins(store).await;
    a_source_is_stored_in_place_of_the_one_before(store).await;
    what_cannot_be_read_hides_nothing_else(store, garble).await;
    shares_together_hold_every_source_once(store).await;
}

async fn shares_together_hold_every_source_once<S: DeploymentStore>(store: &S) {
    // Without its slash, `acme-2` would come after `acme`.
    for id in ["acme-2", "acme2", "zulu"] {
        ok(sources::put(store, &source(id)).await);
    }
    let all = ok(store.load().await);
    let mut ids: Vec<SourceId> = all.sources.keys().cloned().collect();
    ids.sort_by_key(SourceId::sort_prefix);
    assert_eq!(ok(store.source_ids().await), ids);
    for sources_max in 1..=ids.len() {
        let (mut sources, mut cursors) = (Vec::new(), Vec::new());
        for shard in Shard::cut(&ids, sources_max) {
            let loaded = ok(store.load_shard(&shard).await);
            assert!(loaded.sources.len() <= sources_max, "{shard:?}");
            sources.extend(loaded.sources.into_keys());
            cursors.extend(loaded.cursors.into_keys());
        }
        sources.sort();
        cursors.sort_by_key(ToString::to_string);
        let mut expected: Vec<StreamId> = all.cursors.keys().cloned().collect();
        expected.sort_by_key(ToString::to_string);
        assert_eq!(sources, all.sources.keys().cloned().collect::<Vec<_>>());
        assert_eq!(cursors, expected);
    }
    assert!(ok(store.load_at_most(ids.len() - 1).await).is_none());
    let loaded = ok(store.load_at_most(ids.len()).await).expect("so many are not too many");
    assert_eq!((loaded.sources.len(), loaded.cursors.len()), (all.sources.len(), all.cursors.len()));
}

async fn a_cursor_is_replaced_only_if_its_version_is_unchanged<S: DeploymentStore>(store: &S) {
    let loaded = ok(store.load().await);
    assert!(loaded.sources.is_empty() && loaded.cursors.is_empty(), "nothing was stored yet");

    let stream = stream("acme", LogType::Audit);
    assert!(ok(store.load_stream(&stream).await).is_none(), "nothing was stored yet");
    let [first, second, third] = [1, 2, 3].map(|minute| cursor(&stream, minute));
    assert_eq!(
        ok(store.replace_cursor(&stream, Some(Version(1)), &first).await),
        ReplaceOutcome::Conflict,
        "there is none yet"
    );
    let version = replaced(store.replace_cursor(&stream, None, &first).await);
    assert_eq!(ok(store.replace_cursor(&stream, None, &second).await), ReplaceOutcome::Conflict, "there is one by now");
    assert_eq!(load_cursor(store, &stream).await, (version, first));

    let next = replaced(store.replace_cursor(&stream, Some(version), &second).await);
    assert_ne!(next, version);
    // The same call applied twice, and one of somebody who is late.
    assert_eq!(ok(store.replace_cursor(&stream, Some(version), &second).await), ReplaceOutcome::Conflict);
    assert_eq!(ok(store.replace_cursor(&stream, Some(version), &third).await), ReplaceOutcome::Conflict);
    assert_eq!(load_cursor(store, &stream).await, (next, second));
}

async fn of_concurrent_replacers_exactly_one_wins<S: DeploymentStore>(store: &S) {
    let stream = stream("busy", LogType::Access);
    let mut expected = None;
    for round in 0..3 {
        let cursors: Vec<Cursor> = (0..4).map(|writer| cursor(&stream, 10 * round + writer)).collect();
        let outcomes = join_all(cursors.iter().map(|cursor| store.replace_cursor(&stream, expected, cursor))).await;
        let outcomes: Vec<ReplaceOutcome> = outcomes.into_iter().map(ok).collect();
        let winners: Vec<usize> =
            (0..outcomes.len()).filter(|&writer| outcomes[writer] != ReplaceOutcome::Conflict).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        let (version, stored) = load_cursor(store, &stream).await;
        assert_eq!((ReplaceOutcome::Replaced(version), &stored), (outcomes[winners[0]], &cursors[winners[0]]));
        expected = Some(version);
    }
}

async fn a_source_is_replaced_only_if_its_version_is_unchanged<S: DeploymentStore>(store: &S) {
    let first = source("acme");
    let [second, third] = ["second", "third"].map(|label| Source { label: label.to_owned(), ..first.clone() });
    assert_eq!(ok(store.replace_source(Some(Version(1)), &first).await), ReplaceOutcome::Conflict, "there is none yet");
    let version = replaced(store.replace_source(None, &first).await);
    assert_eq!(ok(store.replace_source(None, &second).await), ReplaceOutcome::Conflict, "there is one by now");
    let next = replaced(store.replace_source(Some(version), &second).await);
    assert_ne!(next, version);
    // The same call applied twice, and one of a writer that is late.
    for late in [&second, &third] {
        assert_eq!(ok(store.replace_source(Some(version), late).await), ReplaceOutcome::Conflict);
    }
    let (stored, read) = ok(store.load_source(&first.id).await).expect("it is there");
    assert_eq!((stored, ok(read)), (next, second));
}

async fn of_concurrent_writers_of_a_source_exactly_one_wins<S: DeploymentStore>(store: &S) {
    let mut expected = None;
    for round in 0..3 {
        let label = |writer: usize| format!("round {round}, writer {writer}");
        let sources: Vec<Source> = (0..4).map(|writer| Source { label: label(writer), ..source("other") }).collect();
        let outcomes = join_all(sources.iter().map(|source| store.replace_source(expected, source))).await;
        let won: Vec<usize> =
            (0..4).filter(|&writer| matches!(outcomes[writer], Ok(ReplaceOutcome::Replaced(_)))).collect();
        assert_eq!(won.len(), 1, "{outcomes:?}");
        let (version, stored) = ok(store.load_source(&source("other").id).await).expect("it is there");
        assert_eq!(ok(stored), sources[won[0]]);
        expected = Some(version);
    }
}

async fn a_source_is_stored_in_place_of_the_one_before<S: DeploymentStore>(store: &S) {
    let mut acme = source("acme");
    ok(sources::put(store, &acme).await);
    acme.paused = true;
    ok(sources::put(store, &acme).await);
    ok(sources::put(store, &source("other")).await);
    let loaded = ok(store.load().await);
    let sources: Vec<&Source> =
        loaded.sources.values().map(|source| source.as_ref().expect("it can be read")).collect();
    assert_eq!(sources, [&acme, &source("other")]);
    assert_eq!(ok(ok(store.load_source(&acme.id).await).expect("it is there").1), acme);
    assert!(ok(store.load_source(&source("nobody").id).await).is_none(), "one that was never stored is not there");
    assert!(loaded.cursors.contains_key(&stream("acme", LogType::Audit)), "a source's cursors stay");
}

async fn what_cannot_be_read_hides_nothing_else<S: DeploymentStore>(store: &S, garble: impl AsyncFn(&SourceId)) {
    let [broken, whole] = ["broken", "whole"].map(source);
    for source in [&broken, &whole] {
        ok(sources::put(store, source).await);
        for log in LogType::ALL {
            let stream = StreamId { source: source.id.clone(), log };
            replaced(store.replace_cursor(&stream, None, &cursor(&stream, 1)).await);
        }
    }
    garble(&broken.id).await;

    let loaded = ok(store.load().await);
    let error = loaded.sources[&broken.id].as_ref().expect_err("it cannot be read");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Investigate, "corrupt_source"));
    assert!(error.message.contains("`broken`"), "{error}");
    assert_eq!(loaded.sources[&whole.id].as_ref().expect("it can be read"), &whole);
    let alone = ok(store.load_source(&broken.id).await).expect("it is there");
    assert_eq!(alone.1.expect_err("it cannot be read").code, "corrupt_source");
    for (stream, (_, read)) in
        loaded.cursors.iter().filter(|(stream, _)| [&broken.id, &whole.id].contains(&&stream.source))
    {
        let is_garbled = stream.source == broken.id && stream.log == LogType::Audit;
        assert_eq!(read.is_err(), is_garbled, "{stream}: {read:?}");
    }
    assert_eq!(loaded.cursors.keys().filter(|stream| stream.source == broken.id).count(), LogType::ALL.len());

    replaced(store.replace_source(Some(alone.0), &broken).await);
    assert_eq!(ok(ok(store.load_source(&broken.id).await).expect("it is there").1), broken, "connecting mends it");
    assert_eq!(ok(store.replace_source(Some(alone.0), &broken).await), ReplaceOutcome::Conflict);
}

/// Every requirement of [`CredentialStore`], with `another` of the same store that keeps what it read by itself.
///
/// # Panics
/// When the adapter breaks a requirement.
pub async fn credential_store<S: CredentialStore>(store: &S, another: &S) {
    let [acme, other] = ["acme", "other"].map(|id| source(id).id);
    assert!(ok(store.credentials(&other).await).is_none(), "credentials that were never stored are not there");

    let first = stored_as(store, &acme, None, "xoxp-1").await;
    assert_eq!(token(ok(store.credentials(&acme).await)), "xoxp-1");
    assert_eq!(token(ok(store.reload_credentials(&acme).await)), "xoxp-1");
    assert_eq!(ok(store.reload_credentials(&acme).await).expect("they are there").version, first);
    let again = store.replace_credentials(&acme, None, &credentials("xoxp-1")).await;
    assert_eq!(ok(again), ReplaceOutcome::Conflict, "there are some, so nobody who expects none replaces them");

    let second = stored_as(another, &acme, Some(&first), "xoxp-2").await;
    let late = store.replace_credentials(&acme, Some(&first), &credentials("xoxp-3")).await;
    assert_eq!(ok(late), ReplaceOutcome::Conflict, "somebody else was first");
    assert_eq!(token(ok(store.reload_credentials(&acme).await)), "xoxp-2");
    let third = stored_as(store, &acme, Some(&second), "xoxp-3").await;
    assert_eq!(token(ok(store.credentials(&acme).await)), "xoxp-3", "what was kept gives way to what is stored");

    // Equal texts of two writers are two writes: each must know whether it was the one.
    let same = credentials("xoxp-4");
    let outcomes =
        join_all([store, another, store, another].map(|store| store.replace_credentials(&acme, Some(&third), &same)));
    let won = outcomes.await.into_iter().filter(|outcome| matches!(outcome, Ok(ReplaceOutcome::Replaced(_)))).count();
    assert_eq!(won, 1, "of several who replace the same version one succeeds");

    assert!(ok(store.credentials(&other).await).is_none(), "another source's credentials stay as they were");
    ok(store.delete_credentials(&acme).await);
    ok(store.delete_credentials(&acme).await);
    assert!(ok(store.reload_credentials(&acme).await).is_none(), "what was deleted is gone");
    assert!(ok(store.credentials(&acme).await).is_none(), "and nothing of it is kept");
    stored_as(store, &acme, None, "xoxp-5").await;
}

async fn stored_as<S: CredentialStore>(
    store: &S,
    source: &SourceId,
    expected: Option<&SecretVersion>,
    token: &str,
) -> SecretVersion {
    match ok(store.replace_credentials(source, expected, &credentials(token)).await) {
        ReplaceOutcome::Replaced(version) => version,
        ReplaceOutcome::Conflict => panic!("the version was {expected:?}, yet the credentials were not replaced"),
    }
}

/// Credentials that are a token alone.
///
/// # Panics
/// When `text` is no token.
pub fn credentials(text: &str) -> Credentials {
    let token = Token::new(text).expect("a token");
    Credentials::default().with_grant(Grant { token, token_refresh: None, tenant: None })
}

/// The token of stored credentials.
///
/// # Panics
/// When there is none.
pub fn token(stored: Option<StoredCredentials>) -> String {
    let grant = stored.and_then(|stored| stored.credentials).and_then(|credentials| credentials.grant);
    grant.expect("there is a token").token.reveal().to_owned()
}

/// Every requirement of [`AuthorizationStore`].
///
/// # Panics
/// When the adapter breaks a requirement.
pub async fn authorization_store<S: AuthorizationStore>(store: &S) {
    let (authorization, _) = Authorization::new([1; 16], [2; 32], source("acme"), "1.2", Second::MARCH_2018);
    let (other, _) = Authorization::new([3; 16], [2; 32], source("other"), "1.2", Second::MARCH_2018);
    assert!(ok(store.load_authorization(&authorization.id).await).is_none(), "one that was never made is not there");
    let first = replaced(store.replace_authorization(None, &authorization).await);
    replaced(store.replace_authorization(None, &other).await);
    assert_eq!(ok(store.replace_authorization(None, &authorization).await), ReplaceOutcome::Conflict);
    assert_eq!(ok(store.load_authorization(&authorization.id).await), Some((first, authorization.clone())));

    let verifying = authorization.with_state(AuthorizationState::Verifying);
    let outcomes = join_all((0..4).map(|_| store.replace_authorization(Some(first), &verifying))).await;
    let won = outcomes.into_iter().filter(|outcome| matches!(outcome, Ok(ReplaceOutcome::Replaced(_)))).count();
    assert_eq!(won, 1, "a state is used once, however many callbacks come at once");
    assert_eq!(ok(store.load_authorization(&authorization.id).await).expect("it is there").1, verifying);
    assert_eq!(ok(store.load_authorization(&other.id).await).expect("it is there").1, other, "another one stays");
}

fn cursor(stream: &StreamId, minute: i64) -> Cursor {
    let now = Second::MARCH_2018.plus(60 * minute);
    Cursor::first(&source(stream.source.as_str()), stream.log, now)
}

async fn load_cursor<S: DeploymentStore>(store: &S, stream: &StreamId) -> (Version, Cursor) {
    let (version, alone) = ok(store.load_stream(stream).await).expect("the stream has a cursor");
    let (same, together) = ok(store.load().await).cursors.remove(stream).expect("the stream has a cursor");
    let alone = ok(alone);
    assert_eq!((same, ok(together)), (version, alone.clone()), "both reads return the same cursor");
    (version, alone)
}

fn replaced(outcome: Result<ReplaceOutcome, Error>) -> Version {
    match ok(outcome) {
        ReplaceOutcome::Replaced(version) => version,
        ReplaceOutcome::Conflict => panic!("the version was unchanged, yet nothing was replaced"),
    }
}

fn ok<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}; hint: {}; {error:?}", error.hint))
}
