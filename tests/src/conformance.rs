//! Conformance suites for the adapters of the ports. The core relies on these requirements, so every adapter must meet them: AWS, the
//! directory, and the simulated stores of other tests.

use futures_util::future::join_all;
use slacktrail_connect::{Authorization, AuthorizationState, AuthorizationStore};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::object::{DayLogId, ObjectKey};
use slacktrail_core::source::{LogType, Plan, Source, SourceId, StreamId};
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::{Credentials, Grant};
use slacktrail_ports::secret::Token;
use slacktrail_ports::shard::Shard;
use slacktrail_ports::sources;
use slacktrail_ports::{
    CreateOutcome, CredentialStore, DayLogStore, DeploymentStore, ReplaceOutcome, SecretVersion, StoredCredentials,
    Version,
};

/// The number of writers that try to create the same object concurrently.
const CREATORS: usize = 8;
/// The number of concurrent puts that fill a long day log.
const PUTS_AT_ONCE: usize = 16;

/// Creates a source with this ID.
pub fn source(id: &str) -> Source {
    let id = id.parse().expect("a valid source ID");
    let label = format!("{id} \"Inc.\" \u{2713}");
    let source = Source::new(id, label, Plan::Enterprise, Second::MARCH_2018);
    Source { organization: true, connected_at: Second::EPOCH, ..source }
}

/// Returns a stream of the source with this ID.
pub fn stream(id: &str, log: LogType) -> StreamId {
    StreamId { source: id.parse().expect("a valid source ID"), log }
}

/// Returns the audit day log of a source.
pub fn day_log(id: &str, day: &str) -> DayLogId {
    DayLogId { stream: stream(id, LogType::Audit), day: day.parse().expect("a day") }
}

/// Checks all requirements of [`DayLogStore`] on an empty store.
///
/// `plant` stores a file under a key. `objects` is the length of a long day log, which should exceed the store's listing page size.
pub async fn day_log_store<S: DayLogStore>(store: &S, plant: impl AsyncFn(&str), objects: u32) {
    object_is_created_once_and_never_changes(store).await;
    exactly_one_concurrent_creator_wins(store).await;
    listing_is_complete_and_sorted_by_number(store, objects).await;
    listing_excludes_other_sources(store).await;
    unexpected_file_is_reported(store, plant).await;
}

async fn object_is_created_once_and_never_changes<S: DayLogStore>(store: &S) {
    let key = day_log("acme", "2026/11/01").key(1);
    assert!(ok(store.read(&key).await).is_none(), "an object that was never created does not exist");
    assert!(ok(store.list(&key.day_log).await).is_empty(), "a day log without objects is empty");

    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    assert_eq!(ok(store.create(&key, bytes.clone()).await), CreateOutcome::Created);
    assert_eq!(ok(store.create(&key, b"other".to_vec()).await), CreateOutcome::AlreadyExists);
    assert_eq!(
        ok(store.create(&key, bytes.clone()).await),
        CreateOutcome::AlreadyExists,
        "equal bytes make no difference"
    );

    let stored = ok(store.read(&key).await).expect("a created object can be read");
    assert_eq!(stored.bytes, bytes, "the bytes of the first create are stored unchanged");
    assert!(Second::of(stored.last_modified) > Second::MARCH_2018, "{}", stored.last_modified);
    assert!(ok(store.read(&key.day_log.key(2)).await).is_none(), "the next number is still free");

    let empty = key.day_log.key(3);
    assert_eq!(ok(store.create(&empty, Vec::new()).await), CreateOutcome::Created);
    assert_eq!(ok(store.read(&empty).await).expect("a created object can be read").bytes, b"");
}

async fn exactly_one_concurrent_creator_wins<S: DayLogStore>(store: &S) {
    let key = day_log("acme", "2026/11/02").key(1);
    let bytes = |writer: usize| format!("bytes of writer {writer}").into_bytes();
    let outcomes = join_all((0..CREATORS).map(|writer| store.create(&key, bytes(writer)))).await;
    let outcomes: Vec<CreateOutcome> = outcomes.into_iter().map(ok).collect();
    let winners: Vec<usize> = (0..CREATORS).filter(|&writer| outcomes[writer] == CreateOutcome::Created).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(ok(store.read(&key).await).expect("a created object can be read").bytes, bytes(winners[0]));
}

async fn listing_is_complete_and_sorted_by_number<S: DayLogStore>(store: &S, objects: u32) {
    let log = day_log("acme", "2026/11/03");
    // In lexical order, 1000000 comes before 999999.
    let numbers: Vec<u32> = (1..=objects).chain([999_998, 999_999, 1_000_000, 1_000_001, u32::MAX]).collect();
    for some in numbers.chunks(PUTS_AT_ONCE) {
        let created =
            join_all(some.iter().map(async |&number| store.create(&log.key(number), b"x".to_vec()).await)).await;
        assert!(created.into_iter().all(|created| ok(created) == CreateOutcome::Created));
    }
    let listed = ok(store.list(&log).await);
    let wrong = numbers.iter().zip(&listed).find(|(number, listed)| number != listed);
    assert!(listed == numbers, "{} of {} numbers; first difference: {wrong:?}", listed.len(), numbers.len());
}

async fn listing_excludes_other_sources<S: DayLogStore>(store: &S) {
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
        assert_eq!(ok(store.list(&key.day_log).await), [key.number], "{key}");
    }
    let another_log = DayLogId { stream: stream("acme", LogType::Access), ..keys[0].day_log.clone() };
    assert!(ok(store.list(&another_log).await).is_empty(), "another log type has another day log");
}

async fn unexpected_file_is_reported<S: DayLogStore>(store: &S, plant: impl AsyncFn(&str)) {
    let log = day_log("acme", "2026/11/06");
    assert_eq!(ok(store.create(&log.key(1), b"x".to_vec()).await), CreateOutcome::Created);
    plant("audit/2026/11/06/notes.txt").await;
    assert_eq!(ok(store.list(&log).await), [1], "a file without the day log's key prefix is ignored");
    plant("audit/2026/11/06/acme-notes.txt").await;
    let error = store.list(&log).await.expect_err("an unexpected file is an error");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Investigate, "unexpected_object"));
    assert!(error.message.contains("audit/2026/11/06/acme-notes.txt"), "{error}");
}

/// Checks all requirements of [`DeploymentStore`] on an empty store.
///
/// `corrupt` corrupts the stored source and its audit cursor.
pub async fn deployment_store<S: DeploymentStore>(store: &S, corrupt: impl AsyncFn(&SourceId)) {
    cursor_is_replaced_only_if_version_matches(store).await;
    exactly_one_concurrent_cursor_writer_wins(store).await;
    source_is_replaced_only_if_version_matches(store).await;
    exactly_one_concurrent_source_writer_wins(store).await;
    putting_source_replaces_previous_one(store).await;
    corrupt_items_do_not_hide_others(store, corrupt).await;
    shards_cover_every_source_once(store).await;
}

async fn shards_cover_every_source_once<S: DeploymentStore>(store: &S) {
    // `acme-2` sorts before `acme/`, although it sorts after `acme`.
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
    let loaded = ok(store.load_at_most(ids.len()).await).expect("the limit equals the number of sources");
    assert_eq!((loaded.sources.len(), loaded.cursors.len()), (all.sources.len(), all.cursors.len()));
}

async fn cursor_is_replaced_only_if_version_matches<S: DeploymentStore>(store: &S) {
    let loaded = ok(store.load().await);
    assert!(loaded.sources.is_empty() && loaded.cursors.is_empty(), "the store is empty");

    let stream = stream("acme", LogType::Audit);
    assert!(ok(store.load_stream(&stream).await).is_none(), "nothing was stored yet");
    let [first, second, third] = [1, 2, 3].map(|minute| cursor(&stream, minute));
    assert_eq!(
        ok(store.replace_cursor(&stream, Some(Version(1)), &first).await),
        ReplaceOutcome::Conflict,
        "no cursor is stored yet"
    );
    let version = replaced(store.replace_cursor(&stream, None, &first).await);
    assert_eq!(
        ok(store.replace_cursor(&stream, None, &second).await),
        ReplaceOutcome::Conflict,
        "a cursor is already stored"
    );
    assert_eq!(load_cursor(store, &stream).await, (version, first));

    let next = replaced(store.replace_cursor(&stream, Some(version), &second).await);
    assert_ne!(next, version);
    // The same call applied twice, and a call of a stale writer.
    assert_eq!(ok(store.replace_cursor(&stream, Some(version), &second).await), ReplaceOutcome::Conflict);
    assert_eq!(ok(store.replace_cursor(&stream, Some(version), &third).await), ReplaceOutcome::Conflict);
    assert_eq!(load_cursor(store, &stream).await, (next, second));
}

async fn exactly_one_concurrent_cursor_writer_wins<S: DeploymentStore>(store: &S) {
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

async fn source_is_replaced_only_if_version_matches<S: DeploymentStore>(store: &S) {
    let first = source("acme");
    let [second, third] = ["second", "third"].map(|label| Source { label: label.to_owned(), ..first.clone() });
    assert_eq!(
        ok(store.replace_source(Some(Version(1)), &first).await),
        ReplaceOutcome::Conflict,
        "no source is stored yet"
    );
    let version = replaced(store.replace_source(None, &first).await);
    assert_eq!(ok(store.replace_source(None, &second).await), ReplaceOutcome::Conflict, "a source is already stored");
    let next = replaced(store.replace_source(Some(version), &second).await);
    assert_ne!(next, version);
    // The same call applied twice, and a call of a stale writer.
    for stale in [&second, &third] {
        assert_eq!(ok(store.replace_source(Some(version), stale).await), ReplaceOutcome::Conflict);
    }
    let (stored, read) = ok(store.load_source(&first.id).await).expect("the source is stored");
    assert_eq!((stored, ok(read)), (next, second));
}

async fn exactly_one_concurrent_source_writer_wins<S: DeploymentStore>(store: &S) {
    let mut expected = None;
    for round in 0..3 {
        let label = |writer: usize| format!("round {round}, writer {writer}");
        let sources: Vec<Source> = (0..4).map(|writer| Source { label: label(writer), ..source("other") }).collect();
        let outcomes = join_all(sources.iter().map(|source| store.replace_source(expected, source))).await;
        let won: Vec<usize> =
            (0..4).filter(|&writer| matches!(outcomes[writer], Ok(ReplaceOutcome::Replaced(_)))).collect();
        assert_eq!(won.len(), 1, "{outcomes:?}");
        let (version, stored) = ok(store.load_source(&source("other").id).await).expect("the source is stored");
        assert_eq!(ok(stored), sources[won[0]]);
        expected = Some(version);
    }
}

async fn putting_source_replaces_previous_one<S: DeploymentStore>(store: &S) {
    let mut acme = source("acme");
    ok(sources::put(store, &acme).await);
    acme.paused = true;
    ok(sources::put(store, &acme).await);
    ok(sources::put(store, &source("other")).await);
    let loaded = ok(store.load().await);
    let sources: Vec<&Source> =
        loaded.sources.values().map(|source| source.as_ref().expect("the source can be read")).collect();
    assert_eq!(sources, [&acme, &source("other")]);
    assert_eq!(ok(ok(store.load_source(&acme.id).await).expect("the source is stored").1), acme);
    assert!(
        ok(store.load_source(&source("nobody").id).await).is_none(),
        "a source that was never stored does not exist"
    );
    assert!(loaded.cursors.contains_key(&stream("acme", LogType::Audit)), "a source's cursors are kept");
}

async fn corrupt_items_do_not_hide_others<S: DeploymentStore>(store: &S, corrupt: impl AsyncFn(&SourceId)) {
    let [broken, whole] = ["broken", "whole"].map(source);
    for source in [&broken, &whole] {
        ok(sources::put(store, source).await);
        for log in LogType::ALL {
            let stream = StreamId { source: source.id.clone(), log };
            replaced(store.replace_cursor(&stream, None, &cursor(&stream, 1)).await);
        }
    }
    corrupt(&broken.id).await;

    let loaded = ok(store.load().await);
    let error = loaded.sources[&broken.id].as_ref().expect_err("the source is corrupt");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Investigate, "corrupt_source"));
    assert!(error.message.contains("`broken`"), "{error}");
    assert_eq!(loaded.sources[&whole.id].as_ref().expect("the source can be read"), &whole);
    let alone = ok(store.load_source(&broken.id).await).expect("the source is stored");
    assert_eq!(alone.1.expect_err("the source is corrupt").code, "corrupt_source");
    for (stream, (_, read)) in
        loaded.cursors.iter().filter(|(stream, _)| [&broken.id, &whole.id].contains(&&stream.source))
    {
        let is_corrupt = stream.source == broken.id && stream.log == LogType::Audit;
        assert_eq!(read.is_err(), is_corrupt, "{stream}: {read:?}");
    }
    assert_eq!(loaded.cursors.keys().filter(|stream| stream.source == broken.id).count(), LogType::ALL.len());

    replaced(store.replace_source(Some(alone.0), &broken).await);
    assert_eq!(
        ok(ok(store.load_source(&broken.id).await).expect("the source is stored").1),
        broken,
        "connecting again replaces a corrupt source"
    );
    assert_eq!(ok(store.replace_source(Some(alone.0), &broken).await), ReplaceOutcome::Conflict);
}

/// Checks all requirements of [`CredentialStore`]. `another` is a second adapter of the same store, with its own cache.
pub async fn credential_store<S: CredentialStore>(store: &S, another: &S) {
    let [acme, other] = ["acme", "other"].map(|id| source(id).id);
    assert!(ok(store.credentials(&other).await).is_none(), "credentials that were never stored do not exist");

    let first = stored_as(store, &acme, None, "xoxp-1").await;
    assert_eq!(token(ok(store.credentials(&acme).await)), "xoxp-1");
    assert_eq!(token(ok(store.reload_credentials(&acme).await)), "xoxp-1");
    assert_eq!(ok(store.reload_credentials(&acme).await).expect("the credentials are stored").version, first);
    let again = store.replace_credentials(&acme, None, &credentials("xoxp-1")).await;
    assert_eq!(
        ok(again),
        ReplaceOutcome::Conflict,
        "credentials exist, so a writer that expects none does not replace them"
    );

    let second = stored_as(another, &acme, Some(&first), "xoxp-2").await;
    let stale = store.replace_credentials(&acme, Some(&first), &credentials("xoxp-3")).await;
    assert_eq!(ok(stale), ReplaceOutcome::Conflict, "another writer was first");
    assert_eq!(token(ok(store.reload_credentials(&acme).await)), "xoxp-2");
    let third = stored_as(store, &acme, Some(&second), "xoxp-3").await;
    assert_eq!(token(ok(store.credentials(&acme).await)), "xoxp-3", "the cache is updated after a write");

    // Two writers of equal credentials make two writes. Each writer must know whether its own write succeeded.
    let same = credentials("xoxp-4");
    let outcomes =
        join_all([store, another, store, another].map(|store| store.replace_credentials(&acme, Some(&third), &same)));
    let won = outcomes.await.into_iter().filter(|outcome| matches!(outcome, Ok(ReplaceOutcome::Replaced(_)))).count();
    assert_eq!(won, 1, "exactly one of several writers replaces a version");

    assert!(ok(store.credentials(&other).await).is_none(), "another source's credentials are unchanged");
    ok(store.delete_credentials(&acme).await);
    ok(store.delete_credentials(&acme).await);
    assert!(ok(store.reload_credentials(&acme).await).is_none(), "deleted credentials do not exist");
    assert!(ok(store.credentials(&acme).await).is_none(), "deleted credentials are not cached");
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
        ReplaceOutcome::Conflict => panic!("the version was {expected:?}, but the credentials were not replaced"),
    }
}

/// Creates credentials that contain only a token.
pub fn credentials(text: &str) -> Credentials {
    let token = Token::new(text).expect("a valid token");
    Credentials::default().with_grant(Grant { token, token_refresh: None, tenant: None })
}

/// Returns the token of stored credentials.
pub fn token(stored: Option<StoredCredentials>) -> String {
    let grant = stored.and_then(|stored| stored.credentials).and_then(|credentials| credentials.grant);
    grant.expect("a token is stored").token.reveal().to_owned()
}

/// Checks all requirements of [`AuthorizationStore`].
pub async fn authorization_store<S: AuthorizationStore>(store: &S) {
    let (authorization, _) = Authorization::new([1; 16], [2; 32], source("acme"), "1.2", Second::MARCH_2018);
    let (other, _) = Authorization::new([3; 16], [2; 32], source("other"), "1.2", Second::MARCH_2018);
    assert!(
        ok(store.load_authorization(&authorization.id).await).is_none(),
        "an authorization that was never stored does not exist"
    );
    let first = replaced(store.replace_authorization(None, &authorization).await);
    replaced(store.replace_authorization(None, &other).await);
    assert_eq!(ok(store.replace_authorization(None, &authorization).await), ReplaceOutcome::Conflict);
    assert_eq!(ok(store.load_authorization(&authorization.id).await), Some((first, authorization.clone())));

    let verifying = authorization.with_state(AuthorizationState::Verifying);
    let outcomes = join_all((0..4).map(|_| store.replace_authorization(Some(first), &verifying))).await;
    let won = outcomes.into_iter().filter(|outcome| matches!(outcome, Ok(ReplaceOutcome::Replaced(_)))).count();
    assert_eq!(won, 1, "exactly one of several concurrent callbacks uses a state");
    assert_eq!(
        ok(store.load_authorization(&authorization.id).await).expect("the authorization is stored").1,
        verifying
    );
    assert_eq!(
        ok(store.load_authorization(&other.id).await).expect("the authorization is stored").1,
        other,
        "another authorization is unchanged"
    );
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
        ReplaceOutcome::Conflict => panic!("the version was unchanged, but nothing was replaced"),
    }
}

fn ok<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}; {error:?}"))
}
