//! A directory conforms to the ports, and its errors name the path and the cause.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use slacktrail_adapters::directory::{
    DirectoryCollectors, DirectoryCredentials, DirectoryDayLogs, DirectoryDeployment,
};
use slacktrail_core::codes::Place;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::source::{LogType, Source};
use slacktrail_core::time::Second;
use slacktrail_ports::secret::Token;
use slacktrail_ports::sources;
use slacktrail_ports::{CreateOutcome, DayLogStore, DeploymentStore, ReplaceOutcome};
use slacktrail_tests::conformance::{self, day_log, source};
use slacktrail_tests::files;

fn put(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Returns the names of all files below a directory.
fn names(directory: &Path) -> Vec<String> {
    files(directory).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[tokio::test]
async fn directory_conforms_to_day_logs() {
    let root = tempfile::tempdir().unwrap();
    // The store creates a missing root.
    let under = root.path().join("a/b");
    let plant = async |key: &str| put(&under.join(key), "x");
    conformance::day_log_store(&DirectoryDayLogs::new(&under), plant, 20).await;
}

#[tokio::test]
async fn directory_conforms_to_sources_and_cursors() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join(".slacktrail");
    let garble = async |id: &slacktrail_core::source::SourceId| {
        put(&state.join(format!("sources/{id}.json")), "{\"id\":");
        put(&state.join(format!("cursors/{id}.audit.json")), "");
        put(&state.join("cursors/.slacktrail-tmp-abc"), "");
        put(&state.join("sources/README.txt"), "");
    };
    conformance::deployment_store(&DirectoryDeployment::new(root.path()), garble).await;
}

#[tokio::test]
async fn given_token_is_that_of_every_source() {
    let given = DirectoryCredentials::new(Token::new("xoxp-given").unwrap());
    let stored = slacktrail_ports::CredentialStore::credentials(&given, &source("third").id).await.unwrap();
    assert_eq!(conformance::token(stored), "xoxp-given");
}

#[test]
fn stream_is_marked_by_one_collector_until_it_ends() {
    let root = tempfile::tempdir().unwrap();
    let collectors = DirectoryCollectors::new(root.path());
    let [audit, access] = [LogType::Audit, LogType::Access].map(|log| conformance::stream("acme", log));
    let started = Second::MARCH_2018.plus(60);
    let [now, later] = [0, 60].map(|seconds| started.plus(seconds).instant());
    assert_eq!(collectors.collecting_since(&audit).unwrap(), None);
    assert!(files(root.path()).is_empty(), "a check creates nothing");
    let lock = collectors.lock(&audit, now).unwrap();
    assert!(lock.is_some() && collectors.lock(&audit, later).unwrap().is_none());
    assert_eq!(collectors.collecting_since(&audit).unwrap(), Some(started));
    assert_eq!(collectors.collecting_since(&access).unwrap(), None);
    drop(lock);
    assert_eq!(collectors.collecting_since(&audit).unwrap(), None);

    assert_eq!(collectors.last_collected(&audit).unwrap(), None);
    collectors.save(&audit, Second::MARCH_2018).unwrap();
    assert_eq!(collectors.last_collected(&audit).unwrap(), Some(Second::MARCH_2018));
    put(&root.path().join(".slacktrail/collected/acme.audit.json"), "{\"at\":\"soon\"}");
    assert_eq!(collectors.last_collected(&audit).unwrap(), None, "a malformed time is unknown");
}

#[test]
fn one_of_many_concurrent_creators_wins_and_readers_see_whole_object() {
    let root = tempfile::tempdir().unwrap();
    let key = day_log("acme", "2026/11/22").key(1);
    let start = Barrier::new(8);
    let bytes = |writer: u8| vec![writer; 300_000];
    let outcomes: Vec<CreateOutcome> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|writer| {
                let (store, key, start, bytes) = (DirectoryDayLogs::new(root.path()), &key, &start, &bytes);
                scope.spawn(move || {
                    start.wait();
                    let seen = block_on(store.read(key)).unwrap();
                    assert!(seen.is_none_or(|seen| (0..8).any(|writer| seen.bytes == bytes(writer))));
                    let created = block_on(store.create(key, bytes(writer))).unwrap();
                    let seen = block_on(store.read(key)).unwrap().unwrap();
                    assert_eq!(seen.bytes == bytes(writer), created == CreateOutcome::Created);
                    created
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == CreateOutcome::Created).count(), 1, "{outcomes:?}");
    assert_eq!(names(root.path()), ["acme-000001.json.gz"], "no temporary file remains");
}

#[test]
fn one_of_many_concurrent_replacers_wins_each_round() {
    const ROUNDS: u64 = 20;
    let root = tempfile::tempdir().unwrap();
    let acme = source("acme");
    let stream = conformance::stream("acme", LogType::Audit);
    let cursor = Cursor::first(&acme, stream.log, Second::EPOCH);
    let stored = || {
        let stored = block_on(DirectoryDeployment::new(root.path()).load()).unwrap();
        stored.cursors.get(&stream).map(|(version, _)| *version)
    };
    for _ in 0..ROUNDS {
        let (version, start) = (stored(), Barrier::new(4));
        let replace = || {
            let store = DirectoryDeployment::new(root.path());
            start.wait();
            block_on(store.replace_cursor(&stream, version, &cursor)).unwrap()
        };
        let outcomes: Vec<ReplaceOutcome> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(replace)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winners = outcomes.iter().filter(|outcome| **outcome != ReplaceOutcome::Conflict).count();
        assert_eq!(winners, 1, "{outcomes:?}");
    }
    assert_eq!(stored().unwrap().0, ROUNDS, "each replacement increments the version by one");
}

#[tokio::test]
async fn unusable_directory_is_named_with_hint() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("logs");
    put(&file, "a file");
    let key = day_log("acme", "2026/11/22").key(1);
    let logs = DirectoryDayLogs::new(&file);
    let deployment = DirectoryDeployment::new(&file);
    let errors: [Error; 5] = [
        logs.create(&key, b"x".to_vec()).await.unwrap_err(),
        logs.read(&key).await.unwrap_err(),
        logs.list(&key.day_log).await.unwrap_err(),
        deployment.load().await.unwrap_err(),
        sources::put(&deployment, &source("acme")).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Reconfigure, "not_a_directory"), "{error}");
        assert!(error.message.contains(&format!("`{}", file.display())), "{error}");
        assert!(error.hint(Place::Pull, None).contains("choose another directory"), "{error:?}");
    }
}

#[tokio::test]
async fn failed_or_killed_create_leaves_no_object() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDayLogs::new(root.path());
    let log = day_log("acme", "2026/11/22");
    let day = root.path().join("audit/2026/11/22");
    // The temporary file of a killed process, and a directory with the name of an object.
    put(&day.join(".slacktrail-tmp-Xy12"), "half an obj");
    fs::create_dir(day.join("acme-000001.json.gz")).unwrap();
    assert_eq!(store.create(&log.key(1), b"x".to_vec()).await.unwrap(), CreateOutcome::AlreadyExists);
    assert_eq!(store.read(&log.key(1)).await.unwrap_err().kind, ErrorKind::Reconfigure);
    assert_eq!(names(root.path()), [".slacktrail-tmp-Xy12"], "the failed create leaves no temporary file");

    fs::remove_dir(day.join("acme-000001.json.gz")).unwrap();
    assert!(store.list(&log).await.unwrap().is_empty());
    assert_eq!(store.create(&log.key(1), b"x".to_vec()).await.unwrap(), CreateOutcome::Created);
    assert_eq!(store.list(&log).await.unwrap(), [1]);
}

#[tokio::test]
async fn keys_of_directory_are_listed_and_foreign_file_is_error() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDayLogs::new(root.path());
    assert_eq!(store.keys().unwrap(), []);
    let log = |source, day| day_log(source, day);
    let keys = [
        log("acme", "2026/11/22").key(1),
        log("acme", "2026/11/22").key(2),
        log("acme", "2026/11/23").key(1),
        log("acme-2", "2026/11/22").key(1),
    ];
    for key in keys.iter().rev() {
        store.create(key, b"x".to_vec()).await.unwrap();
    }
    put(&root.path().join("audit/2026/11/22/.slacktrail-tmp-Xy12"), "half an obj");
    put(&root.path().join("notes.txt"), "outside of the logs");
    assert_eq!(store.keys().unwrap(), keys);

    for (foreign, code) in
        [("audit/2026/11/22/acme-1.json.gz", "unexpected_object"), ("access/notes.txt", "not_a_directory")]
    {
        let path = root.path().join(foreign);
        put(&path, "foreign");
        let error = store.keys().unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(&format!("`{}", path.display())), "{error}");
        fs::remove_file(path).unwrap();
    }
}

/// Returns the modes of a directory and of everything below it.
fn modes(directory: &Path) -> Vec<(std::path::PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    let mut modes = vec![(directory.to_owned(), mode(directory))];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { modes.extend(self::modes(&path)) } else { modes.push((path.clone(), mode(&path))) }
    }
    modes
}

#[tokio::test]
async fn only_owner_can_read_collected_logs() {
    let above = tempfile::tempdir().unwrap();
    // The store also creates the root and its parents.
    let root = above.path().join("a/b/logs");
    DirectoryDayLogs::new(&root).create(&day_log("acme", "2026/11/22").key(1), b"x".to_vec()).await.unwrap();
    let deployment = DirectoryDeployment::new(&root);
    sources::put(&deployment, &source("acme")).await.unwrap();
    replace_cursor(&deployment).await.unwrap();
    let modes = modes(&above.path().join("a"));
    assert!(modes.len() >= 14, "{modes:?}");
    for (path, mode) in modes {
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{} has mode {mode:o}", path.display());
    }
}

#[tokio::test]
async fn directories_below_world_readable_root_are_private() {
    use std::os::unix::fs::PermissionsExt;

    let root = tempfile::tempdir().unwrap();
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir_all(root.path().join("audit/2026")).unwrap();
    for path in [root.path().to_owned(), root.path().join("audit"), root.path().join("audit/2026")] {
        set(&path, 0o755);
    }
    DirectoryDayLogs::new(root.path()).create(&day_log("acme", "2026/11/22").key(1), b"x".to_vec()).await.unwrap();
    let mode = |path: &str| fs::metadata(root.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("audit"), mode("audit/2026/11")), (0o755, 0o700, 0o700), "the root keeps its mode");
}

#[tokio::test]
async fn directory_is_created_in_folder_that_cannot_be_listed() {
    use std::os::unix::fs::PermissionsExt;

    let above = tempfile::tempdir().unwrap();
    let set = |mode| fs::set_permissions(above.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o300); // restricts every user except root
    let key = day_log("acme", "2026/11/22").key(1);
    let created = DirectoryDayLogs::new(above.path().join("logs")).create(&key, b"x".to_vec()).await;
    set(0o700);
    assert_eq!(created.unwrap(), CreateOutcome::Created);
}

async fn replace_cursor(deployment: &DirectoryDeployment) -> Result<ReplaceOutcome, Error> {
    let acme = source("acme");
    let stream = conformance::stream("acme", LogType::Audit);
    deployment.replace_cursor(&stream, None, &Cursor::first(&acme, stream.log, Second::EPOCH)).await
}

/// Performs all operations in a directory, and returns the error of each, if any.
async fn use_all(root: &Path) -> Vec<(&'static str, Option<Error>)> {
    let key = day_log("acme", "2026/11/22").key(1);
    let (logs, deployment) = (DirectoryDayLogs::new(root), DirectoryDeployment::new(root));
    vec![
        ("create", logs.create(&key, b"x".to_vec()).await.err()),
        ("read", logs.read(&key).await.err()),
        ("list", logs.list(&key.day_log).await.err()),
        ("save", sources::put(&deployment, &source("acme")).await.err()),
        ("replace", replace_cursor(&deployment).await.err()),
        ("load", deployment.load().await.err()),
    ]
}

#[tokio::test]
async fn no_symbolic_link_leads_out_of_directory() {
    use std::os::unix::fs::symlink;

    const DIRECTORY: bool = false;
    const FILE: bool = true;
    for (link, is_file, rejected) in [
        ("audit", DIRECTORY, &["create", "read", "list"][..]),
        ("audit/2026", DIRECTORY, &["create", "read", "list"]),
        ("audit/2026/11/22", DIRECTORY, &["create", "read", "list"]),
        (".slacktrail", DIRECTORY, &["save", "replace", "load"]),
        (".slacktrail/sources", DIRECTORY, &["save", "load"]),
        (".slacktrail/cursors", DIRECTORY, &["replace", "load"]),
        (".slacktrail/lock", FILE, &["save", "replace"]),
        ("audit/2026/11/22/acme-000001.json.gz", FILE, &["read"]),
        (".slacktrail/cursors/acme.audit.json", FILE, &["replace"]),
    ] {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = root.path().join(link);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let target = if is_file { outside.path().join("file") } else { outside.path().to_owned() };
        if is_file {
            fs::write(&target, "theirs").unwrap();
        }
        symlink(&target, &path).unwrap();
        let outcomes = use_all(root.path()).await;
        for (what, error) in outcomes {
            assert_eq!(error.is_some(), rejected.contains(&what), "{link}: {what}: {error:?}");
            if let Some(error) = error {
                let named = format!("`{}` is a symbolic link", path.file_name().unwrap().to_string_lossy());
                assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Reconfigure, "symbolic_link"), "{error}");
                assert!(error.message.contains(&named), "{error}");
            }
        }
        let outside_files = names(outside.path());
        assert_eq!(outside_files, if is_file { vec!["file"] } else { vec![] }, "{link}: nothing was written outside");
        if is_file {
            assert_eq!(fs::read_to_string(&target).unwrap(), "theirs", "{link}");
        }
    }
}

#[tokio::test]
async fn link_in_place_of_source_or_cursor_affects_only_that_one() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let deployment = DirectoryDeployment::new(root.path());
    sources::put(&deployment, &source("acme")).await.unwrap();
    let path = root.path().join(".slacktrail/sources/acme.json");
    fs::rename(&path, outside.path().join("acme.json")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("acme.json"), &path).unwrap();
    let loaded = deployment.load().await.unwrap().sources.remove(&source("acme").id).unwrap();
    assert_eq!(loaded.unwrap_err().code, "symbolic_link");
    // `put` reads a source before it replaces it. It therefore fails, and keeps the link and its target.
    let error = sources::put(&deployment, &Source { paused: true, ..source("acme") }).await.unwrap_err();
    assert_eq!(error.code, "symbolic_link");
    assert!(!fs::read_to_string(outside.path().join("acme.json")).unwrap().contains("\"paused\":true"));
}

#[tokio::test]
async fn root_may_be_symbolic_link_and_pipe_is_not_object() {
    let (above, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = above.path().join("logs");
    std::os::unix::fs::symlink(outside.path(), &root).unwrap();
    assert!(use_all(&root).await.iter().all(|(_, error)| error.is_none()), "the user may choose a link as the root");

    let log = day_log("acme", "2026/11/22");
    let pipe = outside.path().join(log.key(2).to_string());
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = DirectoryDayLogs::new(&root).read(&log.key(2)).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Reconfigure, "not_a_file"), "{error}");
}

#[tokio::test]
async fn foreign_lock_is_reported_after_limited_wait() {
    let root = tempfile::tempdir().unwrap();
    let deployment = DirectoryDeployment::new(root.path()).with_timeout(std::time::Duration::ZERO);
    let path = root.path().join(".slacktrail/lock");
    put(&path, "");
    let foreign = fs::File::options().write(true).open(&path).unwrap();
    foreign.lock().unwrap();
    let error = replace_cursor(&deployment).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Retry, "directory_locked"), "{error}");
    assert!(error.message.ends_with("another process holds the lock"), "{error}");
    drop(foreign);
    replace_cursor(&deployment).await.unwrap();
}
