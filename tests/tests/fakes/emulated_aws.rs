//! Tests of the behavior of the emulated AWS on which the end-to-end tests rely.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use slacktrail_tests::emulated_aws::EmulatedAws;

#[tokio::test]
async fn emulated_object_is_created_only_once() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_bucket("logs").await;
    let create = |body: &'static [u8]| {
        moto.s3()
            .put_object()
            .bucket("logs")
            .key("audit/2026/11/22/acme-000001.json.gz")
            .if_none_match("*")
            .body(ByteStream::from_static(body))
            .send()
    };

    create(b"first").await.unwrap();
    let error = create(b"second").await.unwrap_err();

    assert_eq!(error.raw_response().unwrap().status().as_u16(), 412);
    let object =
        moto.s3().get_object().bucket("logs").key("audit/2026/11/22/acme-000001.json.gz").send().await.unwrap();
    assert_eq!(object.body.collect().await.unwrap().to_vec(), b"first");
}

#[tokio::test]
async fn emulated_item_is_replaced_only_if_version_is_unchanged() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_table("streams").await;
    let replace = |version: &str, expected: &str| {
        moto.dynamodb()
            .put_item()
            .table_name("streams")
            .item("pk", AttributeValue::S("acme".to_owned()))
            .item("sk", AttributeValue::S("audit".to_owned()))
            .item("version", AttributeValue::N(version.to_owned()))
            .condition_expression("attribute_not_exists(pk) OR version = :expected")
            .expression_attribute_values(":expected", AttributeValue::N(expected.to_owned()))
            .send()
    };

    replace("1", "0").await.unwrap();
    replace("2", "1").await.unwrap();
    let error = replace("2", "1").await.unwrap_err();

    assert!(error.into_service_error().is_conditional_check_failed_exception());
}

#[tokio::test]
async fn emulated_secret_is_found_by_name() {
    let Some(moto) = EmulatedAws::start() else { return };
    moto.create_secret("slacktrail/acme", r#"{"token":"xoxp-1"}"#).await;

    let secret = moto.secrets_manager().get_secret_value().secret_id("slacktrail/acme").send().await.unwrap();

    assert_eq!(secret.secret_string(), Some(r#"{"token":"xoxp-1"}"#));
}
