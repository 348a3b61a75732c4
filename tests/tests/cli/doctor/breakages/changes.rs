//! Changes of what AWS responds, from which defects are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::header::DATE;
use futures_util::FutureExt;
use serde_json::{Value, json};
use slacktrail_tests::aws_proxy::{AwsCall, CannedResponse};

use super::How;
use crate::doctor::account::{cbor_response, reject_checksum, with_logging};
use crate::doctor::cbor;

/// A past date in HTTP's format.
pub(super) const LONG_AGO: &str = "Sun, 22 Nov 2015 07:33:41 GMT";
pub(super) const DEPLOY: &str = "deploy the stack again";

pub(super) const ENCRYPTED_WITH_KMS: &str = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
    <SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:aws:kms:us-east-1:123456789012:key/1</KMSMasterKeyID>\
    </ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
pub(super) const NO_KMS_KEY: &str = "<ParameterKey>KmsKeyArn</ParameterKey><ParameterValue/>";
pub(super) const KMS_KEY: &str = "<ParameterKey>KmsKeyArn</ParameterKey>\
    <ParameterValue>arn:aws:kms:us-east-1:123456789012:key/1</ParameterValue>";

/// Replaces text in the response to calls of `action` whose path or body contains `at`.
pub(super) fn edit(action: &'static str, at: &'static str, from: &'static str, to: &'static str) -> How {
    edit_response(move |call| is_of(call, action, at), move |response| response.replace(from, to))
}

/// Edits the description of the stack with its real age, and answers other calls.
pub(super) fn with_stack(
    edit: fn(CannedResponse) -> CannedResponse,
    answer: fn(&AwsCall) -> Option<CannedResponse>,
) -> How {
    How::Aws(Arc::new(move |call| {
        async move { if call.action == "DescribeStacks" { Some(edit(call.pass_on().await)) } else { answer(&call) } }
            .boxed()
    }))
}

/// Returns a canned response to calls of `action` whose path or body contains `at`.
pub(super) fn response(action: &'static str, at: &'static str, response: fn() -> CannedResponse) -> How {
    respond(move |call| is_of(call, action, at).then(response))
}

pub(super) fn is_of(call: &AwsCall, action: &str, at: &str) -> bool {
    call.action == action && (call.path().contains(at) || call.text().contains(at))
}

/// Answers calls without the account, or leaves them to it.
pub(super) fn respond(script: impl Fn(&AwsCall) -> Option<CannedResponse> + Send + Sync + 'static) -> How {
    How::Aws(Arc::new(move |call| std::future::ready(script(&call)).boxed()))
}

/// Edits the account's response to the calls that `is_match` selects.
pub(super) fn edit_response(
    is_match: impl Fn(&AwsCall) -> bool + Send + Sync + 'static,
    edit: impl Fn(CannedResponse) -> CannedResponse + Send + Sync + 'static,
) -> How {
    let edit = Arc::new(edit);
    How::Aws(Arc::new(move |call| {
        let (is_match, edit) = (is_match(&call), Arc::clone(&edit));
        async move { if is_match { Some(edit(call.pass_on().await)) } else { None } }.boxed()
    }))
}

/// Edits calls before the account receives them, except those for which `edit` returns `None`.
pub(super) fn edit_call(edit: fn(AwsCall) -> Option<AwsCall>) -> How {
    How::Aws(Arc::new(move |call| async move { Some(edit(call)?.pass_on().await) }.boxed()))
}

/// Denies calls of `action` with an error in XML.
pub(super) fn denied(action: &'static str, code: &'static str) -> How {
    respond(move |call| {
        let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>");
        (call.action == action).then(|| CannedResponse::new(403, "text/xml", body))
    })
}

/// Sets an old date in the responses to `action`.
pub(super) fn old_date(action: &'static str) -> How {
    edit_response(
        move |call| call.action == action,
        |mut response| {
            response.headers.insert(DATE, LONG_AGO.parse().unwrap());
            response
        },
    )
}

/// Returns `line` with the current time to queries for log lines that contain `at`.
pub(super) fn log_line(at: &'static str, line: &'static str) -> How {
    respond(move |call| {
        let now = jiff::Timestamp::now().as_millisecond();
        let body = json!({"events": [{"timestamp": now, "message": line}]}).to_string();
        let is_match =
            is_of(call, "FilterLogEvents", at) && call.text().contains("filterPattern") == (at == "filterPattern");
        is_match.then(|| CannedResponse::json(200, body))
    })
}

/// Sets S3's response for one of the bucket's settings.
pub(super) fn s3_settings(setting: &'static str, status: u16, body: &'static str) -> How {
    respond(move |call| {
        let is_match = call.action == "GET" && call.query().starts_with(setting);
        is_match.then(|| CannedResponse::new(status, "application/xml", body))
    })
}

pub(super) fn is_upload(call: &AwsCall) -> bool {
    call.action == "PUT" && call.path().contains("slacktrail-doctor")
}

/// Ignores the bucket policy, and rejects wrong checksums as S3 does.
pub(super) fn accept_uploads() -> How {
    respond(|call| if is_upload(call) { reject_checksum(call) } else { None })
}

/// Ignores the bucket policy, and stores every upload.
pub(super) fn store_uploads() -> How {
    edit_response(is_upload, |response| response)
}

/// Removes the condition from each upload outside of the day logs.
pub(super) fn ignore_condition() -> How {
    edit_call(|mut call| {
        call.headers.remove("if-none-match");
        (call.action == "PUT" && call.key().starts_with("slacktrail-doctor/")).then_some(call)
    })
}

/// Removes the condition from each write to the table.
pub(super) fn ignore_table_condition() -> How {
    edit_call(|mut call| {
        if call.action != "PutItem" {
            return None;
        }
        let mut body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
        body.as_object_mut().unwrap().remove("ConditionExpression");
        call.body = body.to_string().into();
        Some(call)
    })
}

/// Sets a bucket policy with this statement.
pub(super) fn bucket_policy(statement: fn() -> String) -> How {
    respond(move |call| {
        let is_match = call.action == "GET" && call.query().split('&').any(|part| part.starts_with("policy"));
        let policy = || CannedResponse::new(200, "application/json", format!(r#"{{"Statement":[{}]}}"#, statement()));
        is_match.then(policy)
    })
}

/// Allows the OAuth function's role to perform `action` on all resources, in addition to its access to the secrets.
pub(super) fn widen_role(action: &'static str) -> How {
    respond(move |call| {
        let is_match = call.action == "GetRolePolicy" && call.text().contains("PolicyName=oauth");
        let policy = || {
            let secrets = json!({
                "Effect": "Allow",
                "Action": ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
                "Resource": "arn:aws:secretsmanager:us-east-1:123456789012:secret:slacktrail/*",
            });
            let everything = json!({"Effect": "Allow", "Action": action, "Resource": "*"});
            let document = encoded(&json!({"Statement": [secrets, everything]}));
            iam("GetRolePolicy", &format!("<PolicyName>oauth</PolicyName><PolicyDocument>{document}</PolicyDocument>"))
        };
        is_match.then(policy)
    })
}

/// Attaches an AWS managed policy to each role.
pub(super) fn attach_policy() -> How {
    const ARN: &str = "arn:aws:iam::aws:policy/ReadAllSecrets";
    respond(|call| {
        let response = match call.action.as_str() {
            "ListAttachedRolePolicies" => Some(format!(
                "<AttachedPolicies><member><PolicyName>ReadAllSecrets</PolicyName><PolicyArn>{ARN}</PolicyArn></member></AttachedPolicies>"
            )),
            "GetPolicy" => Some(format!("<Policy><Arn>{ARN}</Arn><DefaultVersionId>v2</DefaultVersionId></Policy>")),
            "GetPolicyVersion" => {
                assert!(call.text().contains("VersionId=v2"));
                let statement = json!({"Effect": "Allow", "Action": "secretsmanager:Get*", "Resource": "*"});
                let document = encoded(&json!({ "Statement": statement }));
                Some(format!("<PolicyVersion><Document>{document}</Document></PolicyVersion>"))
            }
            _ => None,
        };
        response.map(|result| iam(&call.action, &result))
    })
}

/// Percent-encodes a policy as IAM does.
pub(super) fn encoded(policy: &serde_json::Value) -> String {
    form_urlencoded::byte_serialize(policy.to_string().as_bytes()).collect()
}

/// Builds a response in IAM's format.
pub(super) fn iam(action: &str, result: &str) -> CannedResponse {
    let body = format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>");
    CannedResponse::new(200, "text/xml", body)
}

/// Makes queries that contain `part` fail.
pub(super) fn fail_query(part: &'static str) -> How {
    fail_query_with(part, "TABLE_NOT_FOUND")
}

pub(super) fn fail_query_with(part: &'static str, reason: &'static str) -> How {
    respond(move |call| {
        let text = call.text();
        let response = match call.action.as_str() {
            "StartQueryExecution" if text.contains(part) => Some(json!({"QueryExecutionId": "failed"})),
            "GetQueryExecution" if text.contains(r#""failed""#) => {
                Some(json!({"QueryExecution": {"Status": {"State": "FAILED", "StateChangeReason": reason}}}))
            }
            _ => None,
        };
        response.map(|response| CannedResponse::json(200, response.to_string()))
    })
}

/// Adds an object to every second listing of a day.
pub(super) fn add_objects() -> How {
    let listings = AtomicUsize::new(0);
    edit_response(
        |call| call.action == "GET" && call.query().starts_with("list-type=2"),
        move |response| {
            let text = String::from_utf8_lossy(&response.body);
            let is_first = !text.contains("<Contents>") || listings.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
            if is_first {
                return response;
            }
            let added = text.replacen("<Contents>", "<Contents><Key>added</Key><Size>1</Size></Contents><Contents>", 1);
            CannedResponse { body: added.into(), ..response }
        },
    )
}

/// Makes a function's log group missing.
pub(super) fn no_log_group(function: &'static str) -> How {
    respond(move |call| {
        let is_match = is_of(call, "FilterLogEvents", &format!("/aws/lambda/slacktrail-{function}"));
        let error =
            || CannedResponse::json(400, r#"{"__type":"ResourceNotFoundException","message":"no such log group"}"#);
        is_match.then(error)
    })
}

pub(super) fn no_events() -> CannedResponse {
    CannedResponse::json(200, r#"{"events":[]}"#)
}

/// Sets the poller's log settings.
pub(super) fn set_logging(logging: serde_json::Value) -> How {
    edit_response(
        |call| is_of(call, "GetFunctionConfiguration", "slacktrail-poller"),
        move |response| with_logging(response, &logging),
    )
}

/// Returns current data for all metrics except those that `is_missing` selects.
pub(super) fn without_data(is_missing: fn(&Value) -> bool) -> How {
    respond(move |call| {
        (call.action == "GetMetricData").then(|| {
            let request = cbor::decode(&call.body);
            let results = request["MetricDataQueries"].as_array().unwrap().iter().map(|query| {
                let is_missing = is_missing(&query["MetricStat"]["Metric"]);
                let timestamps = if is_missing { json!([]) } else { json!([request["EndTime"]]) };
                json!({"Id": query["Id"], "StatusCode": "Complete", "Timestamps": timestamps})
            });
            cbor_response(200, &json!({"MetricDataResults": results.collect::<Vec<_>>()}))
        })
    })
}

/// Makes the listings of a log's objects empty.
pub(super) fn without_objects(log: &'static str) -> How {
    const NONE: &str = "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>";
    respond(move |call| {
        let is_match = call.action == "GET" && call.query().contains(&format!("prefix={log}%2F"));
        is_match.then(|| CannedResponse::new(200, "application/xml", NONE))
    })
}

pub(super) fn no_subscription() -> CannedResponse {
    const NONE: &str = "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions/>\
        </ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>";
    CannedResponse::new(200, "text/xml", NONE)
}

/// Sets each row count to a wrong number.
pub(super) fn count_wrong() -> How {
    respond(|call| {
        let row = |text: &str| json!({"Data": [{"VarCharValue": text}]});
        let response = json!({"ResultSet": {"Rows": [row("_col0"), row("987654321")]}}).to_string();
        (call.action == "GetQueryResults").then(|| CannedResponse::json(200, response))
    })
}
