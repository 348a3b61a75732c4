//! S3, DynamoDB and Secrets Manager, as emulated by moto, conform to the ports. Errors name missing resources.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use slacktrail_adapters::aws::{AwsPorts, DELETION_IN_PROGRESS, SCHEDULED_FOR_DELETION};
use slacktrail_core::codes::Place;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_core::source::{LogType, SourceId, StreamId};
use slacktrail_core::time::Second;
use slacktrail_core::workspaces::{WorkspaceState, Workspaces};
use slacktrail_ports::credentials::token_of;
use slacktrail_ports::credentials::update;
use slacktrail_ports::shard::Shard;
use slacktrail_ports::sources;
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, ReplaceOutcome, Version};
use slacktrail_tests::aws_proxy::AwsProxy;
use slacktrail_tests::conformance::{self, day_log, source, stream, token};
use slacktrail_tests::emulated_aws::EmulatedAws;

/// More objects than S3 lists in one response.
const OBJECTS: u32 = 1005;

fn connect(moto: &EmulatedAws) -> AwsPorts {
    AwsPorts::connect(&moto.sdk_config(), crate::names())
}

/// Puts an item under the partition key of its kind.
async fn put_item(moto: &EmulatedAws, key: &str, attributes: &[(&str, AttributeValue)]) {
    let partition = if key.contains("/cursor") { "cursor" } else { "source" };
    let put = moto.dynamodb().put_item().table_name("streams");
    let put = put.item("pk", AttributeValue::S(partition.into())).item("sk", AttributeValue::S(key.into()));
    let put = attributes.iter().fold(put, |put, (name, value)| put.item(*name, value.clone()));
    put.send().await.unwrap();
}

fn hint(error: &Error) -> String {
    error.hint(Place::Command, Some("acme"))
}

fn assert_named(error: &Error, kind: ErrorKind, code: &str, in_message: &str, in_hint: &str) {
    assert_eq!((error.kind, error.code.as_str()), (kind, code), "{error:?}");
    assert!(error.message.contains(in_message), "{error}");
    let hint = hint(error);
    assert!(hint.contains(in_hint), "{hint}");
}

#[tokio::test]
async fn s3_conforms_to_day_logs() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_bucket("logs").await;
    let s3 = moto.s3();
    let plant = async |key: &str| {
        s3.put_object().bucket("logs").key(key).body(ByteStream::from_static(b"x")).send().await.unwrap();
    };
    conformance::day_log_store(&connect(&moto).day_logs, plant, OBJECTS).await;

    let object = s3.head_object().bucket("logs").key("audit/2026/11/01/acme-000001.json.gz").send().await.unwrap();
    assert_eq!(object.content_type(), Some("application/x-ndjson"));
    assert_eq!(object.content_encoding(), None);
}

#[tokio::test]
async fn dynamodb_conforms_to_sources_and_cursors() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_table("streams").await;
    let garble = async |id: &SourceId| {
        put_item(&moto, &format!("{id}/source"), &[("source", AttributeValue::S("{\"id\":".into()))]).await;
        put_item(&moto, &format!("{id}/cursor/audit"), &[("version", AttributeValue::N("7".into()))]).await;
    };
    conformance::deployment_store(&connect(&moto).deployment, garble).await;
}

#[tokio::test]
async fn secrets_manager_conforms_to_credentials() {
    let Some(moto) = EmulatedAws::start() else { return };
    conformance::credential_store(&connect(&moto).credentials, &connect(&moto).credentials).await;
}

#[tokio::test]
async fn dynamodb_conforms_to_authorizations() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_table("streams").await;
    conformance::authorization_store(&connect(&moto).deployment).await;
}

#[tokio::test]
async fn items_of_later_versions_in_table_are_ignored() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_table("streams").await;
    for key in ["acme/grant", "Not An Id/source", "acme/source/more", "acme/cursor", "acme/cursor/new_log", "settings"]
    {
        put_item(&moto, key, &[]).await;
    }
    let deployment = connect(&moto).deployment;
    let loaded = deployment.load().await.unwrap();
    assert!(loaded.sources.is_empty() && loaded.cursors.is_empty(), "{loaded:?}");

    put_item(&moto, "acme/cursor/audit", &[("cursor", AttributeValue::S("{}".into()))]).await;
    let (version, cursor) = &deployment.load().await.unwrap().cursors[&stream("acme", LogType::Audit)];
    assert_eq!((*version, cursor.as_ref().unwrap_err().code.as_str()), (Version(0), "malformed_cursor"));
}

#[tokio::test]
async fn table_of_several_pages_is_loaded_whole() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_table("streams").await;
    let deployment = connect(&moto).deployment;
    // A response of DynamoDB has at most 1 MB.
    for number in 0..12 {
        let source =
            slacktrail_core::source::Source { label: "x".repeat(200_000), ..source(&format!("acme-{number}")) };
        sources::put(&deployment, &source).await.unwrap();
    }
    assert_eq!(deployment.load().await.unwrap().sources.len(), 12);
}

#[tokio::test]
async fn cursor_of_10_000_unreadable_workspaces_is_saved_and_loaded() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_table("streams").await;
    let deployment = connect(&moto).deployment;
    let (acme, now) = (source("acme"), Second::MARCH_2018);
    let state = |number: i64| WorkspaceState {
        code: Some("team_access_not_granted".to_owned()),
        missing_since: Some(now.plus(number)),
        since: Some(now.plus(3 * number)),
        not_before: Some(now.plus(7 * number)),
    };
    let mut cursor = Cursor::first(&acme, LogType::Access, now);
    cursor.workspaces = Workspaces((0..10_000).map(|number| (format!("T{number:010}"), state(number))).collect());
    assert!(cursor.encode().len() > 1_000_000, "DynamoDB rejects items of more than 400 kB");
    let stream = StreamId { source: acme.id.clone(), log: LogType::Access };
    let replaced = deployment.replace_cursor(&stream, None, &cursor).await.unwrap();
    assert_eq!(replaced, ReplaceOutcome::Replaced(Version(1)));
    let loaded = deployment.load_stream(&stream).await.unwrap();
    let of_shard = deployment.load_shard(&Shard::default()).await.unwrap().cursors.remove(&stream);
    for (version, loaded) in [loaded.unwrap(), of_shard.unwrap()] {
        assert_eq!((version, loaded.unwrap()), (Version(1), cursor.clone()));
    }
}

#[tokio::test]
async fn credentials_are_cached_and_other_secret_fields_are_kept() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_secret(
        "slacktrail/acme",
        r#"{"token":"xoxp-1","client_id":"1.2","client_secret":"s","later":{"b":1.0}}"#,
    )
    .await;
    let (store, other) = (connect(&moto).credentials, connect(&moto).credentials);
    let acme = source("acme").id;
    assert_eq!(token(store.credentials(&acme).await.unwrap()), "xoxp-1");

    let grant = conformance::credentials("xoxp-2").grant.unwrap();
    update(&other, &acme, |known| Some(known.with_grant(grant.clone()))).await.unwrap();
    assert_eq!(token(store.credentials(&acme).await.unwrap()), "xoxp-1", "the cached credentials are returned");
    assert_eq!(token(store.reload_credentials(&acme).await.unwrap()), "xoxp-2");
    assert_eq!(token(store.credentials(&acme).await.unwrap()), "xoxp-2", "the reloaded credentials are cached");

    let value = moto.secrets_manager().get_secret_value().secret_id("slacktrail/acme").send().await.unwrap();
    let mut fields: serde_json::Value = serde_json::from_str(value.secret_string().unwrap()).unwrap();
    assert_eq!(fields.as_object_mut().unwrap().remove("writer_id").unwrap().as_str().unwrap().len(), 32);
    assert_eq!(fields.to_string(), r#"{"client_id":"1.2","client_secret":"s","later":{"b":1.0},"token":"xoxp-2"}"#);
}

#[tokio::test]
async fn secret_without_value_gets_one() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.secrets_manager().create_secret().name("slacktrail/acme").send().await.unwrap();
    let (store, acme) = (connect(&moto).credentials, source("acme").id);
    assert!(store.credentials(&acme).await.unwrap().is_none());
    update(&store, &acme, |_| Some(conformance::credentials("xoxp-1"))).await.unwrap();
    assert_eq!(token(store.reload_credentials(&acme).await.unwrap()), "xoxp-1");
}

#[tokio::test]
async fn secret_without_token_is_reported_without_its_content() {
    let Some(moto) = EmulatedAws::start() else { return };
    let store = connect(&moto).credentials;
    let texts = [("plain", "xoxp-s3cr3t"), ("number", r#"{"token":"xoxp s3cr3t"}"#), ("list", r#"["s3cr3t"]"#)];
    for (name, text) in texts {
        moto.create_secret(&format!("slacktrail/{name}"), text).await;
        let source = source(name);
        let stored = store.credentials(&source.id).await.unwrap();
        assert!(!format!("{stored:?} {store:?}").contains("s3cr3t"), "{stored:?}");
        let error = token_of(&source, stored).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Reconfigure);
        assert!(["unreadable_secret", "no_token"].contains(&error.code.as_str()), "{error}");
        assert!(error.message.contains(&format!("`{name}`")) && hint(&error).contains("slacktrail connect"), "{error}");
        update(&store, &source.id, |_| Some(conformance::credentials("xoxp-s3cr3t-2"))).await.unwrap();
        assert_eq!(token(store.credentials(&source.id).await.unwrap()), "xoxp-s3cr3t-2");
        assert!(!format!("{store:?}").contains("s3cr3t-2"));
    }
}

#[tokio::test]
async fn forced_deletion_and_recovery_window_are_distinguished() {
    let Some(moto) = EmulatedAws::start() else { return };
    let proxy = AwsProxy::start(moto.endpoint()).await;
    let config = moto.sdk_config().into_builder().endpoint_url(proxy.endpoint()).build();
    let (store, acme) = (AwsPorts::connect(&config, crate::names()).credentials, source("acme").id);
    let grant = |text: &str| conformance::credentials(text);

    // The message of AWS, as reported by users. moto completes a forced deletion immediately, so a proxy returns the message.
    const MESSAGE: &str =
        "You can't create this secret because a secret with this name is already scheduled for deletion.";
    proxy.reject("CreateSecret", 1, "InvalidRequestException", MESSAGE);
    let error = update(&store, &acme, |_| Some(grant("xoxp-1"))).await.unwrap_err();
    let (message, in_hint) = ("creating secret `slacktrail/acme`: AWS is still deleting", "again in a minute");
    assert_named(&error, ErrorKind::Retry, DELETION_IN_PROGRESS, message, in_hint);
    assert!(!error.message.contains("restore"), "the secret cannot be restored: {error}");
    update(&store, &acme, |_| Some(grant("xoxp-1"))).await.unwrap();

    let deleted = moto.secrets_manager().delete_secret().secret_id("slacktrail/acme").recovery_window_in_days(7);
    deleted.send().await.unwrap();
    for error in [
        store.reload_credentials(&acme).await.unwrap_err(),
        update(&store, &acme, |_| Some(grant("xoxp-2"))).await.unwrap_err(),
    ] {
        let message = "it is scheduled for deletion (`aws secretsmanager restore-secret --secret-id slacktrail/acme` restores it)";
        assert_named(&error, ErrorKind::Reconfigure, SCHEDULED_FOR_DELETION, message, "restore the secret");
    }

    proxy.reject("GetSecretValue", 1, "InvalidRequestException", "The secret is managed by another service.");
    let error = store.reload_credentials(&acme).await.unwrap_err();
    assert!(!hint(&error).contains("restore") && !error.message.contains("deletion"), "{error:?}");
}

#[tokio::test]
async fn missing_bucket_table_or_secret_is_named_with_its_setting() {
    let Some(moto) = EmulatedAws::start() else { return };
    let ports = connect(&moto);
    let key = day_log("acme", "2026/11/22").key(1);
    for error in [
        ports.day_logs.create(&key, b"x".to_vec()).await.unwrap_err(),
        ports.day_logs.read(&key).await.unwrap_err(),
        ports.day_logs.list(&key.day_log).await.unwrap_err(),
    ] {
        assert_named(&error, ErrorKind::Reconfigure, "no_such_bucket", "bucket `logs` does not exist", "`BUCKET_NAME`");
    }
    let acme = source("acme");
    for error in [ports.deployment.load().await.unwrap_err(), sources::put(&ports.deployment, &acme).await.unwrap_err()]
    {
        assert_named(&error, ErrorKind::Reconfigure, "no_such_table", "table `streams` does not exist", "`TABLE_NAME`");
    }
    let error = token_of(&acme, ports.credentials.credentials(&acme.id).await.unwrap()).unwrap_err();
    let missing = "secret of source `acme`: it does not exist";
    assert_named(&error, ErrorKind::Reconfigure, "no_such_secret", missing, "`slacktrail connect acme`");
}
