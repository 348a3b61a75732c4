//! A directory keeps the laws of the ports, and says what is wrong with it.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use slacktrail_shared::directory::{DirectoryCredentials, DirectoryDayLogs, DirectoryDeployment};
use slacktrail_shared::ports::{Created, DayLogStore, DeploymentStore};
use slacktrail_shared::secret::Token;
use slacktrail_shared::trouble::{Remedy, Trouble};
use slacktrail_tests::conformance::{self, day_log, source};

fn put(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The names of all files under a directory, hidden ones too.
fn files(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(files(&path));
        } else {
            names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    names
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[tokio::test]
async fn a_directory_keeps_the_laws_of_day_logs() {
    let root = tempfile::tempdir().unwrap();
    // A root that is not there yet is made.
    let under = root.path().join("a/b");
    let plant = async |key: &str| put(&under.join(key), "x");
    conformance::day_log_store(&DirectoryDayLogs::new(&under), plant, 20).await;
}

#[tokio::test]
async fn a_directory_keeps_the_laws_of_sources_and_cursors() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join(".slacktrail");
    let garble = async |id: &slacktrail_shared::source::SourceId| {
        put(&state.join(format!("sources/{id}.json")), "{\"id\":");
        put(&state.join(format!("cursors/{id}.audit.json")), "");
        put(&state.join("cursors/.slacktrail-tmp-abc"), "");
        put(&state.join("sources/README.txt"), "");
    };
    conformance::deployment_store(&DirectoryDeployment::new(root.path()), garble).await;
}

#[tokio::test]
async fn credentials_in_memory_keep_the_laws_of_credentials_and_a_given_token_is_everybodys() {
    let empty = DirectoryCredentials::empty();
    conformance::credential_store(&empty, &empty).await;
    let given = DirectoryCredentials::new(Token::new("xoxp-given").unwrap());
    let stored = slacktrail_shared::ports::CredentialStore::credentials(&given, &source("third").id).await.unwrap();
    assert_eq!(conformance::token(stored), "xoxp-given");
}

#[test]
fn of_creators_on_many_threads_exactly_one_wins_and_nobody_sees_less_than_all_its_bytes() {
    let root = tempfile::tempdir().unwrap();
    let key = day_log("acme", "2026/11/22").key(1);
    let start = Barrier::new(8);
    let bytes = |writer: u8| vec![writer; 300_000];
    let outcomes: Vec<Created> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|writer| {
                let (store, key, start, bytes) = (DirectoryDayLogs::new(root.path()), &key, &start, &bytes);
                scope.spawn(move || {
                    start.wait();
                    let seen = block_on(store.read(key)).unwrap();
                    assert!(seen.is_none_or(|seen| (0..8).any(|writer| seen.bytes == bytes(writer))));
                    let created = block_on(store.create(key, bytes(writer))).unwrap();
                    let seen = block_on(store.read(key)).unwrap().unwrap();
                    assert_eq!(seen.bytes == bytes(writer), created == Created::Yes);
                    created
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Created::Yes).count(), 1, "{outcomes:?}");
    assert_eq!(files(root.path()), ["acme-000001.json.gz"], "no unfinished file is left");
}

#[test]
fn of_replacers_on_many_threads_exactly_one_wins_each_round() {
    use slacktrail_shared::cursor::Cursor;
    use slacktrail_shared::ports::Replaced;
    use slacktrail_shared::time::Second;

    let root = tempfile::tempdir().unwrap();
    let acme = source("acme");
    let stream = conformance::stream("acme", slacktrail_shared::source::LogType::Audit);
    let replacements: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let store = DirectoryDeployment::new(root.path());
                    let mut won = 0;
                    for _ in 0..20 {
                        let version = block_on(store.load()).unwrap().cursors.get(&stream).map(|(version, _)| *version);
                        let cursor = Cursor::first(&acme, stream.log, Second::EPOCH);
                        let replaced = block_on(store.replace_cursor(&stream, version, &cursor)).unwrap();
                        won += usize::from(replaced != Replaced::Changed);
                    }
                    won
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let version = block_on(DirectoryDeployment::new(root.path()).load()).unwrap().cursors[&stream].0;
    assert_eq!(version.0, replacements as u64, "each replacement counted one, and none was lost");
}

#[tokio::test]
async fn a_directory_that_cannot_be_one_is_named_with_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("logs");
    put(&file, "a file");
    let key = day_log("acme", "2026/11/22").key(1);
    let logs = DirectoryDayLogs::new(&file);
    let deployment = DirectoryDeployment::new(&file);
    let troubles: [Trouble; 5] = [
        logs.create(&key, b"x".to_vec()).await.unwrap_err(),
        logs.read(&key).await.unwrap_err(),
        logs.list(&key.log).await.unwrap_err(),
        deployment.load().await.unwrap_err(),
        deployment.save_source(&source("acme")).await.unwrap_err(),
    ];
    for trouble in troubles {
        assert_eq!((trouble.remedy, trouble.code.as_str()), (Remedy::Reconfigure, "not_a_directory"), "{trouble}");
        assert!(trouble.message.contains(&format!("`{}", file.display())), "{trouble}");
        assert!(trouble.hint.contains("choose another directory"), "{}", trouble.hint);
    }
}

#[tokio::test]
async fn a_create_that_fails_and_one_that_was_killed_leave_no_object_behind() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDayLogs::new(root.path());
    let log = day_log("acme", "2026/11/22");
    let day = root.path().join("audit/2026/11/22");
    // What a kill leaves, and an object's name that is taken by something that is no file.
    put(&day.join(".slacktrail-tmp-Xy12"), "half an obj");
    fs::create_dir(day.join("acme-000001.json.gz")).unwrap();
    assert_eq!(store.create(&log.key(1), b"x".to_vec()).await.unwrap(), Created::Exists);
    assert_eq!(store.read(&log.key(1)).await.unwrap_err().remedy, Remedy::Reconfigure);
    assert_eq!(files(root.path()), [".slacktrail-tmp-Xy12"], "the refused one is gone");

    fs::remove_dir(day.join("acme-000001.json.gz")).unwrap();
    assert!(store.list(&log).await.unwrap().is_empty());
    assert_eq!(store.create(&log.key(1), b"x".to_vec()).await.unwrap(), Created::Yes);
    assert_eq!(store.list(&log).await.unwrap(), [1]);
}

#[cfg(unix)]
#[tokio::test]
async fn only_their_owner_may_read_collected_logs() {
    use std::os::unix::fs::PermissionsExt;

    let root = tempfile::tempdir().unwrap();
    let key = day_log("acme", "2026/11/22").key(1);
    DirectoryDayLogs::new(root.path()).create(&key, b"x".to_vec()).await.unwrap();
    let mode = fs::metadata(root.path().join(key.to_string())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
