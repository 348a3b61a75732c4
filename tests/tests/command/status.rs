//! `status` of a directory.

use std::fs;

use slacktrail_shared::directory::DirectoryDeployment;
use slacktrail_shared::ports::DeploymentStore;
use slacktrail_shared::source::{Plan, Source};
use slacktrail_shared::time::Second;

use crate::binary::Slacktrail;
use crate::slack::{ORGANISATION, Slack};

#[tokio::test]
async fn json_has_the_keys_of_the_contract() {
    let slack = Slack::organisation().await;
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().to_str().unwrap();
    Slacktrail::of(&slack).token(ORGANISATION).run(&["pull", "--to", to]).await.exits(0);

    let status = Slacktrail::alone().run(&["status", "--json", "--to", to]).await.exits(0).json();
    let entries = status.as_array().unwrap();
    let logs: Vec<_> = entries.iter().map(|entry| entry["log"].as_str().unwrap()).collect();
    assert_eq!(logs, ["audit", "access", "integration"]);
    for entry in entries {
        let keys: Vec<_> = entry.as_object().unwrap().keys().map(String::as_str).collect();
        let mut contract =
            ["source", "log", "state", "code", "remedy", "last_success", "last_record", "lag_seconds", "gaps"];
        contract.sort_unstable();
        assert_eq!(keys, contract);
        assert_eq!((entry["source"].as_str(), entry["state"].as_str()), (Some("slack"), Some("ok")));
        for time in ["last_success", "last_record"] {
            let time = entry[time].as_str().unwrap();
            assert!(time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        }
        assert!(entry["lag_seconds"].as_i64().unwrap() < 600 && entry["gaps"].as_array().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_table_is_followed_by_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let source = Source {
        organisation: true,
        ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, Second::MARCH_2018)
    };
    DirectoryDeployment::new(directory.path()).save_source(&source).await.unwrap();
    let state = directory.path().join(".slacktrail");
    fs::write(state.join("sources/beta.json"), r#"{"id":"beta","from":"the future"}"#).unwrap();
    fs::create_dir_all(state.join("cursors")).unwrap();
    fs::write(state.join("cursors/acme.audit.json"), r#"{"version":3,"cursor":{"format":99}}"#).unwrap();

    let ran = Slacktrail::alone().run(&["status", "--to", directory.path().to_str().unwrap()]).await.exits(0);
    insta::assert_snapshot!(ran.stdout, @r"
    source  log          state    last success  last record  lag  gaps
    acme    audit        failing  -             -              -  0
    acme    access       waiting  -             -              -  0
    acme    integration  waiting  -             -              -  0
    beta    -            failing  -             -              -  0

    acme/audit (newer_cursor): the stored cursor has format 99, and this slacktrail reads formats up to 1; deploy the newer slacktrail that wrote it

    acme/access: waits for its first tick: run `slacktrail pull`

    acme/integration: waits for its first tick: run `slacktrail pull`

    beta (unreadable_source): reading source `beta`: what is stored is not a source that this slacktrail knows; connect it again (`slacktrail connect beta`): its cursors stay; or deploy the newer slacktrail that wrote it
    ");
}

#[tokio::test]
async fn a_directory_that_nothing_was_pulled_into_is_an_error() {
    let ran = Slacktrail::alone().run(&["status", "--to", "no-such-directory"]).await.exits(1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: nothing was ever pulled into `no-such-directory`
    hint: give the directory that `slacktrail pull --to` was given
    ");
}
