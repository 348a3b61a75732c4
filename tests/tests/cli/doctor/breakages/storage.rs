//! Defects of what stores records, cursors and tokens.

use serde_json::json;
use slacktrail_tests::aws_proxy::CannedResponse;

use super::changes::*;
use super::{Breakage, broken};

/// Returns the defects of the bucket, the table, the secrets and the roles.
pub(super) fn of_storage() -> Vec<Breakage> {
    vec![
        broken("a bucket without its policy", "bucket_policy", "restore the bucket policy", accept_uploads()),
        broken("a bucket that stores wrong checksums", "bucket_policy", "restore the bucket policy", store_uploads()),
        broken(
            "a bucket that other principals can write to",
            "bucket_grants",
            "remove the statement",
            bucket_policy(|| {
                json!({"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}).to_string()
            }),
        ),
        broken("uploads that ignore the condition", "upload_once", "endpoint settings", ignore_condition()),
        broken(
            "a bucket without versioning",
            "bucket_versioning",
            DEPLOY,
            s3_settings(
                "versioning",
                200,
                "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
            ),
        ),
        broken(
            "a bucket without encryption",
            "bucket_encryption",
            DEPLOY,
            s3_settings("encryption", 200, "<ServerSideEncryptionConfiguration/>"),
        ),
        broken(
            "a bucket with a KMS key that the stack does not set",
            "bucket_encryption",
            DEPLOY,
            s3_settings("encryption", 200, ENCRYPTED_WITH_KMS),
        ),
        broken(
            "a bucket without the KMS key of its stack",
            "bucket_encryption",
            DEPLOY,
            edit("DescribeStacks", "", NO_KMS_KEY, KMS_KEY),
        ),
        broken(
            "a bucket without a public access block",
            "bucket_public_access",
            DEPLOY,
            s3_settings("publicAccessBlock", 404, "<Error><Code>NoSuchPublicAccessBlockConfiguration</Code></Error>"),
        ),
        broken(
            "a bucket that blocks public access only partly",
            "bucket_public_access",
            DEPLOY,
            s3_settings(
                "publicAccessBlock",
                200,
                "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>",
            ),
        ),
        broken("a table that ignores conditions", "table_conditions", "endpoint settings", ignore_table_condition()),
        broken(
            "a source without its secret",
            "secrets",
            "slacktrail connect acme",
            response("DescribeSecret", "", || CannedResponse::json(400, r#"{"__type":"ResourceNotFoundException"}"#)),
        ),
        broken(
            "a secret that is scheduled for deletion",
            "secrets",
            "slacktrail connect acme",
            response("DescribeSecret", "", || {
                CannedResponse::json(200, r#"{"Name":"slacktrail/acme","DeletedDate":1795332821}"#)
            }),
        ),
        broken(
            "a secret with public access",
            "secret_policies",
            "delete-resource-policy --secret-id slacktrail/acme",
            response("GetResourcePolicy", "", || {
                let policy = json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"}]}).to_string();
                CannedResponse::json(200, json!({"ResourcePolicy": policy}).to_string())
            }),
        ),
        broken(
            "a role that reads every secret",
            "role_policies",
            "remove the statement",
            widen_role("secretsmanager:*"),
        ),
        broken(
            "a role without the template's policy",
            "role_policies",
            DEPLOY,
            edit("ListRolePolicies", "PollerRole", "<member>poller</member>", ""),
        ),
        broken("a role that can create log objects", "role_policies", "remove the statement", widen_role("s3:Put*")),
        broken("a role with an AWS managed policy", "role_policies", "detach the policy", attach_policy()),
    ]
}
