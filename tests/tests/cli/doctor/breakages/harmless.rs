//! Responses that are no defect, or that leave a check without a result.

use serde_json::json;
use slacktrail_tests::aws_proxy::CannedResponse;

use super::changes::*;
use super::{Breakage, How, broken};
use crate::doctor::account::cbor_response;

/// Returns the states in which a check is inconclusive. `hint` is a part of the reason.
pub(in crate::doctor) fn inconclusive() -> Vec<Breakage> {
    vec![
        broken(
            "a bucket with Object Lock",
            "upload_once",
            "Object Lock would prevent the removal",
            edit(
                "DescribeStacks",
                "",
                "<ParameterKey>ObjectLockMode</ParameterKey><ParameterValue>off<",
                "<ParameterKey>ObjectLockMode</ParameterKey><ParameterValue>GOVERNANCE<",
            ),
        ),
        broken(
            "a new stack",
            "poller_runs",
            "the deployment started less than ten minutes ago",
            with_stack(|stack| stack, |call| (call.action == "FilterLogEvents").then(no_events)),
        ),
        broken(
            "a poller without streams",
            "log_format",
            "wrote no line",
            log_line("slacktrail-poller", r#"{"type":"platform.report","record":{"status":"success"}}"#),
        ),
        broken(
            "a poller whose log has only Lambda's text lines",
            "log_format",
            "wrote no line",
            log_line("slacktrail-poller", "REPORT RequestId: 1\tDuration: 2.00 ms\tBilled Duration: 3 ms"),
        ),
        broken(
            "an OAuth function without its log group",
            "function_errors",
            "the log group `/aws/lambda/slacktrail-oauth` does not exist",
            no_log_group("oauth"),
        ),
        broken(
            "a new stack without data",
            "metrics",
            "the deployment started less than 15 minutes ago: CloudWatch has no data of the last 15 minutes for `",
            with_stack(
                |stack| stack,
                |call| {
                    let none = || cbor_response(200, &json!({"MetricDataResults": []}));
                    (call.action == "GetMetricData").then(none)
                },
            ),
        ),
        broken(
            "new alarms",
            "alarm_states",
            "are not evaluated yet",
            How::Alarm(|alarm| alarm["StateValue"] = json!("INSUFFICIENT_DATA")),
        ),
        broken(
            "a query without permissions",
            "athena_views",
            "Insufficient permissions",
            fail_query_with("select * from audit_events where", "Insufficient permissions to execute the query"),
        ),
        broken("a day that gets new objects", "athena_rows", "got new objects during each comparison", add_objects()),
    ]
}

/// Returns unusual states that are no defects. `hint` is a part of the detail.
pub(in crate::doctor) fn sound() -> Vec<Breakage> {
    vec![
        broken(
            "an OAuth function that was never invoked",
            "function_errors",
            "neither function logged an error",
            respond(|call| is_of(call, "FilterLogEvents", "slacktrail-oauth").then(no_events)),
        ),
        broken("lines of only the poller", "log_format", "lines of the functions", no_log_group("oauth")),
        broken(
            "a bucket with the KMS key of its stack",
            "bucket_encryption",
            "is encrypted with `aws:kms` and the key `arn:aws:kms:us-east-1:123456789012:key/1`",
            with_stack(
                |stack| stack.replace(NO_KMS_KEY, KMS_KEY),
                |call| {
                    let is_match = call.action == "GET" && call.query().starts_with("encryption");
                    is_match.then(|| CannedResponse::new(200, "application/xml", ENCRYPTED_WITH_KMS))
                },
            ),
        ),
        broken("a new stack with data", "metrics", "`LagSeconds`", with_stack(|stack| stack, |_| None)),
        broken("a log without stored records", "athena_rows", "; not compared: access (", without_objects("access")),
    ]
}
