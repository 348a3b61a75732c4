//! Tests of AWS errors: denied calls, malformed responses, no response, and missing credentials or settings.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use slacktrail_adapters::aws::AwsPorts;
use slacktrail_core::codes::Place;
use slacktrail_core::error::{Error, ErrorKind};
use slacktrail_ports::shard::Shard;
use slacktrail_ports::{CreateOutcome, CredentialStore, DayLogStore, DeploymentStore, SecretVersion};
use slacktrail_tests::conformance::{credentials, day_log, source};
use slacktrail_tests::loopback::{reserve, serve};

use crate::names;

fn connect(endpoint: &str) -> AwsPorts {
    let credentials = Credentials::new("id", "key-hidden", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .build();
    AwsPorts::connect(&config, names())
}

/// Starts an AWS endpoint that returns this response to every request, until the test ends.
async fn answering(status: u16, body: &'static str) -> AwsPorts {
    let answer = move || async move { (StatusCode::from_u16(status).unwrap(), body) };
    connect(&format!("http://{}", serve(Router::new().fallback(answer)).await))
}

fn assert_error(error: &Error, kind: ErrorKind, code: &str, in_text: &str) {
    assert_eq!((error.kind, error.code.as_str()), (kind, code), "{error:?}");
    let text = format!("{error}; {}", error.hint(Place::Poller, None));
    assert!(text.contains(in_text), "{text}");
    assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
}

#[tokio::test]
async fn failed_create_distinguishes_existing_object_from_conflict() {
    let key = day_log("acme", "2026/11/22").key(1);
    let conflict = "<Error><Code>ConditionalRequestConflict</Code><Message>m</Message></Error>";
    let exists = "<Error><Code>PreconditionFailed</Code><Message>m</Message></Error>";
    assert_eq!(
        answering(409, conflict).await.day_logs.create(&key, Vec::new()).await.unwrap(),
        CreateOutcome::Conflict
    );
    assert_eq!(
        answering(412, exists).await.day_logs.create(&key, Vec::new()).await.unwrap(),
        CreateOutcome::AlreadyExists
    );
}

#[tokio::test]
async fn missing_s3_permission_is_named() {
    let ports = answering(403, "<Error><Code>AccessDenied</Code><Message>m</Message></Error>").await;
    let key = day_log("acme", "2026/11/22").key(1);
    let create = ports.day_logs.create(&key, Vec::new()).await.unwrap_err();
    assert_error(&create, ErrorKind::Reconfigure, "access_denied", "`s3:PutObject` on `logs/*`");
    assert!(create.message.contains("`audit/2026/11/22/acme-000001.json.gz`"), "{create}");
    let list = ports.day_logs.list(&key.day_log).await.unwrap_err();
    assert_error(&list, ErrorKind::Reconfigure, "access_denied", "`s3:ListBucket` on `logs`");
    // Without s3:ListBucket, S3 returns the same error for a missing object.
    let read = ports.day_logs.read(&key).await.unwrap_err();
    assert_error(
        &read,
        ErrorKind::Reconfigure,
        "access_denied",
        "`s3:GetObject` on `logs/*` and `s3:ListBucket` on `logs`",
    );
}

#[tokio::test]
async fn missing_dynamodb_or_secrets_manager_permission_is_named() {
    let ports = answering(400, r#"{"__type":"AccessDeniedException","Message":"m"}"#).await;
    let acme = source("acme");
    let load = ports.deployment.load().await.unwrap_err();
    assert_error(&load, ErrorKind::Reconfigure, "access_denied", "`dynamodb:Query` on `streams`");
    let read = ports.deployment.load_source(&acme.id).await.unwrap_err();
    assert_error(&read, ErrorKind::Reconfigure, "access_denied", "`dynamodb:GetItem` on `streams`");
    let save = ports.deployment.replace_source(None, &acme).await.unwrap_err();
    assert_error(&save, ErrorKind::Reconfigure, "access_denied", "`dynamodb:PutItem` on `streams`");
    let token = ports.credentials.credentials(&acme.id).await.unwrap_err();
    assert_error(
        &token,
        ErrorKind::Reconfigure,
        "access_denied",
        "`secretsmanager:GetSecretValue` on `slacktrail/acme`",
    );
}

#[tokio::test]
async fn secret_with_too_many_versions_is_named() {
    let text = r#"{"__type":"LimitExceededException","Message":"You have reached the maximum number of versions"}"#;
    let ports = answering(400, text).await;
    let (version, new) = (SecretVersion("v1".to_owned()), credentials("xoxp-1"));
    let replaced = ports.credentials.replace_credentials(&source("acme").id, Some(&version), &new).await;
    let expected = "writing secret `slacktrail/acme`: it has too many versions of the last 24 hours";
    assert_error(&replaced.unwrap_err(), ErrorKind::Investigate, "too_many_secret_versions", expected);
}

/// Starts an AWS endpoint whose table has endless pages of cursors with this text, until the test ends. Also returns the number of those pages that
/// were read.
async fn with_endless_cursors(text: String) -> (AwsPorts, Arc<AtomicUsize>) {
    let pages = Arc::new(AtomicUsize::new(0));
    let page_count = Arc::clone(&pages);
    let answer = move |request: String| {
        let is_of_cursors = request.contains(r#"{"S":"cursor"}"#);
        let number = if is_of_cursors { page_count.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let items: Vec<Value> = (0..if is_of_cursors { 10 } else { 0 })
            .map(|n| json!({"pk": {"S": "cursor"}, "sk": {"S": format!("s{number}-{n}/cursor/audit")}, "cursor": {"S": text}}))
            .collect();
        let mut page = json!({"Items": items, "Count": items.len()});
        // Page 100 is the last one, so that the test fails instead of hanging if the poller does not stop.
        if is_of_cursors && number < 100 {
            page["LastEvaluatedKey"] = json!({"pk": {"S": "cursor"}, "sk": {"S": format!("s{number}")}});
        }
        async move { page.to_string() }
    };
    (connect(&format!("http://{}", serve(Router::new().fallback(answer)).await)), pages)
}

#[tokio::test]
async fn poller_stops_reading_cursors_that_exceed_its_memory() {
    let entries: Vec<String> = (0..10_000).map(|n| format!(r#""{n}":{{}}"#)).collect();
    let small = format!(r#"{{"workspaces":{{{}}}}}"#, entries.join(","));
    for (text, pages_max) in [("x".repeat(100_000), 15), (small, 2), (String::new(), 100)] {
        let (ports, pages) = with_endless_cursors(text.clone()).await;
        let shard = Shard::default();
        let loads =
            [ports.deployment.load_at_most(100).await.map(drop), ports.deployment.load_shard(&shard).await.map(drop)];
        if text.is_empty() {
            assert!(loads.iter().all(Result::is_ok), "1,010 empty items fit into memory: {loads:?}");
            continue;
        }
        for error in loads.map(Result::unwrap_err) {
            assert_error(&error, ErrorKind::Investigate, "table_too_large", "items of this partition");
            assert!(error.message.contains("table `streams`"), "{error}");
        }
        let pages = pages.load(Ordering::Relaxed);
        assert!(pages <= 2 * pages_max, "{pages} pages were read");
    }
}

#[tokio::test]
async fn malformed_aws_response_is_not_echoed() {
    let ports = answering(200, r#"{"SecretString":"{\"token\":\"xoxp-hidden\"}","VersionId":12, hidden"#).await;
    let error = ports.credentials.credentials(&source("acme").id).await.unwrap_err();
    assert_error(&error, ErrorKind::Retry, "aws_unavailable", "next tick");
    let hidden = credentials("xoxp-hidden");
    let error = ports.credentials.replace_credentials(&source("acme").id, None, &hidden).await.unwrap_err();
    assert_error(&error, ErrorKind::Retry, "aws_unavailable", "next tick");
}

#[tokio::test]
async fn unreachable_aws_is_retried_later() {
    let (_socket, address) = reserve();
    let error = connect(&format!("http://{address}")).deployment.load().await.unwrap_err();
    assert_error(&error, ErrorKind::Retry, "aws_unavailable", "next tick");
}

#[tokio::test]
async fn missing_credentials_or_region_names_settings() {
    let config =
        SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("us-east-1")).build();
    let error = AwsPorts::connect(&config, names()).deployment.load().await.unwrap_err();
    assert_error(&error, ErrorKind::Reconfigure, "no_aws_credentials", "`AWS_PROFILE`");

    let credentials = Credentials::new("id", "key-hidden", None, None, "test");
    let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
    let config = config.credentials_provider(SharedCredentialsProvider::new(credentials)).build();
    let error = AwsPorts::connect(&config, names()).deployment.load().await.unwrap_err();
    assert_error(&error, ErrorKind::Reconfigure, "no_aws_credentials", "`AWS_REGION`");
}

#[tokio::test]
async fn endpoint_without_scheme_is_named_and_request_is_not_shown() {
    for endpoint in ["127.0.0.1:5000", "nonsense"] {
        let ports = connect(endpoint);
        let hidden = credentials("xoxp-hidden");
        let save = ports.credentials.replace_credentials(&source("acme").id, None, &hidden).await.unwrap_err();
        let load = ports.deployment.load().await.unwrap_err();
        for error in [save, load] {
            assert_error(&error, ErrorKind::Reconfigure, "bad_aws_endpoint", "`AWS_ENDPOINT_URL`");
            assert_eq!(error.causes(), None, "the SDK's error contains the request");
        }
    }
}
