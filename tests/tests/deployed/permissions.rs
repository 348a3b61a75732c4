//! Runs the functions in an emulated account that checks permissions. They work with the permissions of their roles, and other calls are denied.
//!
//! These tests do not check the condition `dynamodb:LeadingKeys` and the bucket policy, because ministack does not support them.

use std::error::Error as StdError;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as Table;
use aws_sdk_s3::Client as Bucket;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::Client as Secrets;
use serde_json::json;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_tests::deployment::{ActivityGenerator, organization_source};
use slacktrail_tests::emulated_aws::EmulatedAws;
use slacktrail_tests::stack::{DeployedFunction, Stack};

use crate::DeployedStack;

async fn deploy(without: &[&str]) -> Option<DeployedStack> {
    let aws = EmulatedAws::start_with_permissions()?;
    let stack = Stack::deploy_with_permissions(&aws, without);
    Some(DeployedStack::on(aws, stack).await)
}

/// Returns the settings of AWS clients with a function's role.
fn as_function(deployed: &DeployedStack, function: &DeployedFunction) -> SdkConfig {
    let [key, secret, session] =
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(|name| &function.credentials[name]);
    let credentials = Credentials::new(key, secret, Some(session.clone()), None, "role");
    let config = deployed.local.aws.sdk_config().into_builder();
    config.credentials_provider(SharedCredentialsProvider::new(credentials)).build()
}

fn assert_denied<T, E: ProvideErrorMetadata + StdError + 'static>(answer: Result<T, SdkError<E>>, action: &str) {
    let error = answer.err().unwrap_or_else(|| panic!("`{action}` succeeded without permission"));
    let code = error.code().unwrap_or_default();
    assert!(code.starts_with("AccessDenied"), "`{action}`: {error:?}");
}

#[tokio::test]
async fn call_that_role_lacks_is_denied_and_named_by_poller() {
    let Some(deployed) = deploy(&["AppendToDayLogs"]).await else { return };
    deployed.local.connect(&organization_source("acme"), ORGANIZATION_TOKEN).await;
    ActivityGenerator::new(&mut deployed.local.slack(), 1, 5);
    let poller = deployed.poller();
    let answer = format!("{:?}", deployed.local.invoke_with(json!({})).await);
    assert!(answer.contains("AccessDenied") && answer.contains("needed: `s3:PutObject` on"), "{answer}");
    poller.kill().await;
}

#[tokio::test]
async fn functions_work_with_their_roles_alone_which_deny_other_calls() {
    let Some(deployed) = deploy(&[]).await else { return };
    deployed.connect_collect_and_rotate().await.kill().await;
    let names = deployed.stack.names();
    deployed.local.aws.create_secret("other/acme", "{}").await;

    let poller = as_function(&deployed, &deployed.stack.poller);
    let bucket = Bucket::new(&poller);
    let deletion = bucket.delete_object().bucket(&names.bucket).key("audit/2026/11/22/acme-000001.json.gz");
    assert_denied(deletion.send().await, "s3:DeleteObject");
    assert_denied(bucket.put_object().bucket(&names.bucket).key("other/1").send().await, "s3:PutObject elsewhere");
    assert_denied(Table::new(&poller).scan().table_name(&names.table).send().await, "dynamodb:Scan");
    let secret = Secrets::new(&poller).get_secret_value().secret_id("other/acme");
    assert_denied(secret.send().await, "secretsmanager:GetSecretValue of another prefix");

    let oauth = as_function(&deployed, &deployed.stack.oauth);
    assert_denied(Bucket::new(&oauth).list_objects_v2().bucket(&names.bucket).send().await, "s3:ListBucket");
    let cursors = Table::new(&oauth).query().table_name(&names.table).key_condition_expression("pk = :pk");
    let cursors =
        cursors.expression_attribute_values(":pk", aws_sdk_dynamodb::types::AttributeValue::S("cursor".into()));
    assert_denied(cursors.send().await, "dynamodb:Query");
    let secret = Secrets::new(&oauth).create_secret().name("slacktrail/new").secret_string("{}");
    assert_denied(secret.send().await, "secretsmanager:CreateSecret");
}
