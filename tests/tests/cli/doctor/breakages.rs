//! Defects of a deployment. Each names the check that must fail and a part of the hint.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::DATE;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use slacktrail_tests::aws_proxy::{AwsCall, CannedResponse};
use slacktrail_tests::loopback;

use super::account::{EditAlarm, cbor_response, function_error, reject_checksum, with_logging};
use super::cbor;

/// A past date in HTTP's format.
const LONG_AGO: &str = "Sun, 22 Nov 2015 07:33:41 GMT";
const DEPLOY: &str = "deploy the stack again";

const ENCRYPTED_WITH_KMS: &str = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
    <SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:aws:kms:us-east-1:123456789012:key/1</KMSMasterKeyID>\
    </ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
const NO_KMS_KEY: &str = "<ParameterKey>KmsKeyArn</ParameterKey><ParameterValue/>";
const KMS_KEY: &str = "<ParameterKey>KmsKeyArn</ParameterKey>\
    <ParameterValue>arn:aws:kms:us-east-1:123456789012:key/1</ParameterValue>";

/// A defect.
pub(super) struct Breakage {
    /// The description of the defect.
    pub(super) what: &'static str,
    /// The check that fails.
    pub(super) check: &'static str,
    /// A part of the check's hint.
    pub(super) hint: &'static str,
    pub(super) how: How,
}

/// The change that causes a defect.
pub(super) enum How {
    /// AWS responds differently.
    Aws(Script),
    /// An environment variable of the command has a different value.
    Variable(&'static str, String),
    /// CloudWatch describes each alarm differently.
    Alarm(EditAlarm),
}

type Script = Arc<dyn Fn(AwsCall) -> BoxFuture<'static, Option<CannedResponse>> + Send + Sync>;

/// Returns every defect.
pub(super) async fn all(api_url: &str) -> Vec<Breakage> {
    let parts =
        [of_stack(), of_functions(), of_storage(), of_slack().await, of_queries(), of_alarms(), of_api(api_url).await];
    parts.into_iter().flatten().collect()
}

fn broken(what: &'static str, check: &'static str, hint: &'static str, how: How) -> Breakage {
    Breakage { what, check, hint, how }
}

/// Returns the defects of the stack, the credentials and the local clock.
fn of_stack() -> Vec<Breakage> {
    vec![
        broken("an expired session", "credentials", "sign in again", denied("GetCallerIdentity", "ExpiredToken")),
        broken("a wrong clock", "aws_clock", "set this machine's clock", old_date("GetCallerIdentity")),
        broken(
            "a deployment that was rolled back",
            "stack",
            "find the first failure in the stack's events",
            edit("DescribeStacks", "", ">CREATE_COMPLETE<", ">UPDATE_ROLLBACK_COMPLETE<"),
        ),
        broken(
            "a stack without an output",
            "outputs",
            "deploy the current template",
            edit("DescribeStacks", "", ">AthenaWorkGroup<", ">Other<"),
        ),
        broken(
            "a stack without a function",
            "outputs",
            "deploy the current template",
            edit("ListStackResources", "", ">OAuth<", ">Other<"),
        ),
        broken(
            "a stack with a different name",
            "stack",
            "check the stack's name",
            How::Variable("SLACKTRAIL_STACK", "other".to_owned()),
        ),
    ]
}

/// Returns the defects of the functions, their schedule and their logs.
fn of_functions() -> Vec<Breakage> {
    vec![
        broken(
            "a function whose architecture differs from the stack's",
            "poller_function",
            "set `Architecture` in `deploy.toml` and nowhere else",
            edit("GetFunctionConfiguration", "slacktrail-poller", "x86_64", "arm64"),
        ),
        broken(
            "a wrong runtime",
            "poller_function",
            "build and deploy",
            edit("GetFunctionConfiguration", "slacktrail-poller", "provided.al2023", "provided.al2"),
        ),
        broken(
            "a function that Lambda cannot start",
            "oauth_function",
            DEPLOY,
            edit("GetFunctionConfiguration", "slacktrail-oauth", r#""Active""#, r#""Failed""#),
        ),
        broken(
            "a failed update",
            "oauth_function",
            DEPLOY,
            edit("GetFunctionConfiguration", "slacktrail-oauth", r#""Successful""#, r#""Failed""#),
        ),
        broken(
            "a disabled rule",
            "schedule",
            "aws events enable-rule --name slacktrail-",
            edit("DescribeRule", "", "ENABLED", "DISABLED"),
        ),
        broken(
            "a rule that invokes a different function",
            "schedule",
            DEPLOY,
            edit("ListTargetsByRule", "", "slacktrail-poller", "other"),
        ),
        broken(
            "a poller that is not invoked",
            "poller_runs",
            "\"Poller not running\" in docs/operations.md",
            response("FilterLogEvents", "", no_events),
        ),
        broken(
            "a poller that fails",
            "poller_answers",
            "\"Poller errors\" in docs/operations.md",
            response("Invoke", "", || {
                function_error(&json!({"errorType": "investigate", "errorMessage": "no bucket"}))
            }),
        ),
        broken(
            "a binary for a different architecture",
            "poller_answers",
            "deploy the archive for that architecture",
            response("Invoke", "", || {
                let message = "RequestId: 1 Error: fork/exec /var/task/bootstrap: exec format error";
                function_error(&json!({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}))
            }),
        ),
        broken(
            "a different function",
            "poller_answers",
            "slacktrail's poller",
            response("Invoke", "", || CannedResponse::json(200, "{}")),
        ),
        broken(
            "a stream that requires action",
            "function_errors",
            "slacktrail status",
            log_line(
                "filterPattern",
                r#"{"level":"ERROR","timestamp":"2026-11-22T07:33:41Z","fields":{"code":"token_revoked"}}"#,
            ),
        ),
        broken(
            "a tick that timed out",
            "function_errors",
            "slacktrail status",
            log_line("filterPattern", r#"{"type":"platform.report","record":{"status":"timeout"}}"#),
        ),
        broken(
            "a function that cannot start because of its architecture",
            "function_errors",
            "set `Architecture` in `deploy.toml` and nowhere else",
            log_line(
                "filterPattern",
                r#"{"type":"platform.initReport","record":{"status":"error","errorType":"Runtime.InvalidEntrypoint"}}"#,
            ),
        ),
        broken("a poller without its log group", "poller_runs", "aws logs create-log-group", no_log_group("poller")),
        broken(
            "a function that logs text",
            "log_format",
            "log format to JSON",
            set_logging(json!({"LogFormat": "Text", "LogGroup": "/aws/lambda/slacktrail-poller"})),
        ),
        broken(
            "lines that are not JSON",
            "log_format",
            "log format to JSON",
            log_line("slacktrail-poller", "2026-11-22T07:33:41Z INFO stream collected"),
        ),
        broken(
            "lines nested in Lambda's lines",
            "log_format",
            "log format to JSON",
            log_line(
                "slacktrail-poller",
                r#"{"timestamp":"2026-11-22T07:33:41Z","level":"INFO","message":"{\"level\":\"ERROR\",\"fields\":{}}"}"#,
            ),
        ),
        broken(
            "lines without a top-level `level`",
            "log_format",
            "log format to JSON",
            log_line("slacktrail-poller", r#"{"timestamp":"2026-11-22T07:33:41Z","fields":{"level":"INFO"}}"#),
        ),
        broken(
            "lines without a timestamp",
            "log_format",
            "log format to JSON",
            log_line("slacktrail-poller", r#"{"level":"INFO","fields":{"message":"stream collected"}}"#),
        ),
    ]
}

/// Returns the defects of the bucket, the table, the secrets and the roles.
fn of_storage() -> Vec<Breakage> {
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

/// Returns the defects of Athena.
fn of_queries() -> Vec<Breakage> {
    vec![
        broken(
            "a workgroup with a wrong scan limit",
            "athena_workgroup",
            DEPLOY,
            edit("GetWorkGroup", "", "107374182400", "10000000000000"),
        ),
        broken(
            "a workgroup that does not enforce its settings",
            "athena_workgroup",
            DEPLOY,
            edit(
                "GetWorkGroup",
                "",
                r#""EnforceWorkGroupConfiguration": true"#,
                r#""EnforceWorkGroupConfiguration": false"#,
            ),
        ),
        broken(
            "a table that Athena cannot read",
            "athena_tables",
            DEPLOY,
            fail_query("select * from integration where"),
        ),
        broken("a stale view", "athena_views", DEPLOY, fail_query("select * from audit_events where")),
        broken("a wrong row count in Athena", "athena_rows", "\"Verify completeness\"", count_wrong()),
    ]
}

/// Returns the defects of the alarms and their recipients.
fn of_alarms() -> Vec<Breakage> {
    vec![
        broken(
            "an alarm with disabled actions",
            "alarms",
            "enable-alarm-actions",
            How::Alarm(|alarm| alarm["ActionsEnabled"] = json!(false)),
        ),
        broken("an alarm without an action", "alarms", DEPLOY, How::Alarm(|alarm| alarm["AlarmActions"] = json!([]))),
        broken(
            "an alarm without an action for missing data",
            "alarms",
            DEPLOY,
            How::Alarm(|alarm| alarm["InsufficientDataActions"] = json!([])),
        ),
        broken("a missing alarm", "alarms", DEPLOY, How::Alarm(|alarm| alarm["AlarmName"] = json!("other"))),
        broken(
            "log lines without extracted metrics",
            "metrics",
            "the log group `/aws/lambda/slacktrail-poller` exists and has the class `STANDARD`",
            without_data(|metric| metric["Namespace"] == "slacktrail"),
        ),
        broken(
            "a metric without data that is only used in metric math",
            "metrics",
            DEPLOY,
            without_data(|metric| metric["MetricName"] == "LagSeconds"),
        ),
        broken(
            "a poller without invocations",
            "metrics",
            "\"Poller not running\" in docs/operations.md",
            without_data(|metric| metric["MetricName"] == "Invocations"),
        ),
        broken(
            "alarms on a different function's metrics",
            "metrics",
            DEPLOY,
            How::Alarm(|alarm| {
                if alarm["Namespace"] == "slacktrail" {
                    alarm["Dimensions"][0]["Value"] = json!("other");
                }
            }),
        ),
        broken(
            "alarms on no metric of the poller",
            "metrics",
            DEPLOY,
            How::Alarm(|alarm| {
                alarm["Namespace"] = json!("AWS/S3");
                alarm["Dimensions"] = json!([]);
                alarm["Metrics"] = json!([]);
            }),
        ),
        broken(
            "a raised alarm",
            "alarm_states",
            "slacktrail status",
            How::Alarm(|alarm| alarm["StateValue"] = json!("ALARM")),
        ),
        broken(
            "an alarm without data",
            "alarm_states",
            "\"Poller not running\" in docs/operations.md",
            How::Alarm(|alarm| {
                alarm["StateValue"] = json!("INSUFFICIENT_DATA");
                alarm["AlarmConfigurationUpdatedTimestamp"] = json!(1_700_000_000);
            }),
        ),
        broken(
            "an unconfirmed subscription",
            "alarm_recipients",
            "Subscription Confirmation",
            edit(
                "ListSubscriptionsByTopic",
                "",
                "<SubscriptionArn>arn:aws:sns",
                "<SubscriptionArn>PendingConfirmation:",
            ),
        ),
        broken(
            "a topic without a subscription",
            "alarm_recipients",
            "aws sns subscribe",
            response("ListSubscriptionsByTopic", "", no_subscription),
        ),
    ]
}

/// Returns the defects of the connection to Slack.
async fn of_slack() -> Vec<Breakage> {
    vec![
        broken(
            "unreachable Slack",
            "slack",
            "firewall",
            How::Variable("SLACK_API_URL", "http://127.0.0.1:9/".to_owned()),
        ),
        broken(
            "Slack behind a captive portal",
            "slack",
            "firewall",
            How::Variable("SLACK_AUDIT_URL", serve_html().await),
        ),
        broken(
            "a clock that differs from Slack's",
            "slack_clock",
            "set this machine's clock",
            How::Variable("SLACK_API_URL", serve_old_date().await),
        ),
    ]
}

async fn of_api(api_url: &str) -> Vec<Breakage> {
    let failing = serve(Router::new().fallback(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "{}") })).await;
    vec![
        broken(
            "an API without its function",
            "api",
            "--name OAuth",
            How::Variable("SLACKTRAIL_URL", format!("{api_url}/other")),
        ),
        broken(
            "an API with a function that cannot start",
            "api",
            "the architecture is wrong",
            How::Variable("SLACKTRAIL_URL", failing),
        ),
    ]
}

/// Returns the states in which a check is inconclusive. `hint` is a part of the reason.
pub(super) fn inconclusive() -> Vec<Breakage> {
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
pub(super) fn sound() -> Vec<Breakage> {
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

/// Replaces text in the response to calls of `action` whose path or body contains `at`.
fn edit(action: &'static str, at: &'static str, from: &'static str, to: &'static str) -> How {
    edit_response(move |call| is_of(call, action, at), move |response| response.replace(from, to))
}

/// Edits the description of the stack with its real age, and answers other calls.
fn with_stack(edit: fn(CannedResponse) -> CannedResponse, answer: fn(&AwsCall) -> Option<CannedResponse>) -> How {
    How::Aws(Arc::new(move |call| {
        async move { if call.action == "DescribeStacks" { Some(edit(call.pass_on().await)) } else { answer(&call) } }
            .boxed()
    }))
}

/// Returns a canned response to calls of `action` whose path or body contains `at`.
fn response(action: &'static str, at: &'static str, response: fn() -> CannedResponse) -> How {
    respond(move |call| is_of(call, action, at).then(response))
}

fn is_of(call: &AwsCall, action: &str, at: &str) -> bool {
    call.action == action && (call.path().contains(at) || call.text().contains(at))
}

/// Answers calls without the account, or leaves them to it.
fn respond(script: impl Fn(&AwsCall) -> Option<CannedResponse> + Send + Sync + 'static) -> How {
    How::Aws(Arc::new(move |call| std::future::ready(script(&call)).boxed()))
}

/// Edits the account's response to the calls that `is_match` selects.
fn edit_response(
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
fn edit_call(edit: fn(AwsCall) -> Option<AwsCall>) -> How {
    How::Aws(Arc::new(move |call| async move { Some(edit(call)?.pass_on().await) }.boxed()))
}

/// Denies calls of `action` with an error in XML.
fn denied(action: &'static str, code: &'static str) -> How {
    respond(move |call| {
        let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>");
        (call.action == action).then(|| CannedResponse::new(403, "text/xml", body))
    })
}

/// Sets an old date in the responses to `action`.
fn old_date(action: &'static str) -> How {
    edit_response(
        move |call| call.action == action,
        |mut response| {
            response.headers.insert(DATE, LONG_AGO.parse().unwrap());
            response
        },
    )
}

/// Returns `line` with the current time to queries for log lines that contain `at`.
fn log_line(at: &'static str, line: &'static str) -> How {
    respond(move |call| {
        let now = jiff::Timestamp::now().as_millisecond();
        let body = json!({"events": [{"timestamp": now, "message": line}]}).to_string();
        let is_match =
            is_of(call, "FilterLogEvents", at) && call.text().contains("filterPattern") == (at == "filterPattern");
        is_match.then(|| CannedResponse::json(200, body))
    })
}

/// Sets S3's response for one of the bucket's settings.
fn s3_settings(setting: &'static str, status: u16, body: &'static str) -> How {
    respond(move |call| {
        let is_match = call.action == "GET" && call.query().starts_with(setting);
        is_match.then(|| CannedResponse::new(status, "application/xml", body))
    })
}

fn is_upload(call: &AwsCall) -> bool {
    call.action == "PUT" && call.path().contains("slacktrail-doctor")
}

/// Ignores the bucket policy, and rejects wrong checksums as S3 does.
fn accept_uploads() -> How {
    respond(|call| if is_upload(call) { reject_checksum(call) } else { None })
}

/// Ignores the bucket policy, and stores every upload.
fn store_uploads() -> How {
    edit_response(is_upload, |response| response)
}

/// Removes the condition from each upload outside of the day logs.
fn ignore_condition() -> How {
    edit_call(|mut call| {
        call.headers.remove("if-none-match");
        (call.action == "PUT" && call.key().starts_with("slacktrail-doctor/")).then_some(call)
    })
}

/// Removes the condition from each write to the table.
fn ignore_table_condition() -> How {
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
fn bucket_policy(statement: fn() -> String) -> How {
    respond(move |call| {
        let is_match = call.action == "GET" && call.query().split('&').any(|part| part.starts_with("policy"));
        let policy = || CannedResponse::new(200, "application/json", format!(r#"{{"Statement":[{}]}}"#, statement()));
        is_match.then(policy)
    })
}

/// Allows the OAuth function's role to perform `action` on all resources, in addition to its access to the secrets.
fn widen_role(action: &'static str) -> How {
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
fn attach_policy() -> How {
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
fn encoded(policy: &serde_json::Value) -> String {
    form_urlencoded::byte_serialize(policy.to_string().as_bytes()).collect()
}

/// Builds a response in IAM's format.
fn iam(action: &str, result: &str) -> CannedResponse {
    let body = format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>");
    CannedResponse::new(200, "text/xml", body)
}

/// Makes queries that contain `part` fail.
fn fail_query(part: &'static str) -> How {
    fail_query_with(part, "TABLE_NOT_FOUND")
}

fn fail_query_with(part: &'static str, reason: &'static str) -> How {
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
fn add_objects() -> How {
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
fn no_log_group(function: &'static str) -> How {
    respond(move |call| {
        let is_match = is_of(call, "FilterLogEvents", &format!("/aws/lambda/slacktrail-{function}"));
        let error =
            || CannedResponse::json(400, r#"{"__type":"ResourceNotFoundException","message":"no such log group"}"#);
        is_match.then(error)
    })
}

fn no_events() -> CannedResponse {
    CannedResponse::json(200, r#"{"events":[]}"#)
}

/// Sets the poller's log settings.
fn set_logging(logging: serde_json::Value) -> How {
    edit_response(
        |call| is_of(call, "GetFunctionConfiguration", "slacktrail-poller"),
        move |response| with_logging(response, &logging),
    )
}

/// Returns current data for all metrics except those that `is_missing` selects.
fn without_data(is_missing: fn(&Value) -> bool) -> How {
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
fn without_objects(log: &'static str) -> How {
    const NONE: &str = "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>";
    respond(move |call| {
        let is_match = call.action == "GET" && call.query().contains(&format!("prefix={log}%2F"));
        is_match.then(|| CannedResponse::new(200, "application/xml", NONE))
    })
}

fn no_subscription() -> CannedResponse {
    const NONE: &str = "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions/>\
        </ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>";
    CannedResponse::new(200, "text/xml", NONE)
}

/// Sets each row count to a wrong number.
fn count_wrong() -> How {
    respond(|call| {
        let row = |text: &str| json!({"Data": [{"VarCharValue": text}]});
        let response = json!({"ResultSet": {"Rows": [row("_col0"), row("987654321")]}}).to_string();
        (call.action == "GetQueryResults").then(|| CannedResponse::json(200, response))
    })
}

/// Serves an empty JSON object with an old date, and returns the base URL.
async fn serve_old_date() -> String {
    serve(Router::new().fallback(|| async { ([(DATE, LONG_AGO)], "{}") })).await
}

async fn serve_html() -> String {
    serve(Router::new().fallback(|| async { "<html>Sign in to the network</html>" })).await
}

async fn serve(routes: Router) -> String {
    format!("http://{}/", loopback::serve(routes).await)
}
