//! Tests `slacktrail doctor` with a stack in the emulated account and the compiled functions. Without moto, the tests print a note and pass.
//!
//! moto runs no functions and no queries, ignores the conditions of bucket policies, and does not support CBOR. [`account`] adds these
//! features in a proxy.

mod account;
mod breakages;
mod cbor;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use slacktrail_tests::aws_proxy::{AwsCall, CannedResponse};
#[cfg(target_os = "linux")]
use tokio::sync::watch;

use self::account::Account;
use self::breakages::{Breakage, How};
use crate::binary::{Ran, Slacktrail};

/// Returns the names of the checks with this outcome.
fn of_outcome(findings: &Value, outcome: &str) -> Vec<String> {
    let findings = findings.as_array().unwrap().iter().filter(|finding| finding["outcome"] == outcome);
    findings.map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
}

/// Returns the names of all checks in report order.
fn names(findings: &Value) -> Vec<String> {
    let findings = findings.as_array().unwrap().iter();
    findings.map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
}

fn finding<'a>(findings: &'a Value, check: &str) -> &'a Value {
    findings.as_array().unwrap().iter().find(|finding| finding["check"] == check).unwrap()
}

async fn doctor(slacktrail: &Slacktrail) -> Ran {
    slacktrail.run(&["doctor", "--json"]).await
}

#[tokio::test]
async fn sound_deployment_passes_every_check() {
    let Some(account) = Account::deploy().await else { return };
    account.log_tick().await;
    let findings = doctor(&account.slacktrail).await.exits(0).json();
    assert_eq!(of_outcome(&findings, "failed"), [""; 0], "{findings:#}");
    let skipped = of_outcome(&findings, "skipped");
    assert_eq!(
        skipped,
        ["log_format", "secrets", "secret_policies", "athena_rows"],
        "no source is connected: {findings:#}"
    );

    account.collect().await;
    account.log_tick().await;
    let before = account.contents().await;
    let findings = doctor(&account.slacktrail).await.exits(0).json();
    assert_eq!(of_outcome(&findings, "passed").len(), 32, "{findings:#}");
    assert_eq!(finding(&findings, "alarm_states")["detail"], "none of 6 alarms is raised");
    for finding in findings.as_array().unwrap() {
        let mut keys: Vec<&str> = finding.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["check", "detail", "hint", "outcome"]);
        assert!(finding["hint"].is_null(), "{finding}");
    }
    assert_eq!(account.contents().await, before, "the checks leave nothing behind");

    // A stack that a flag names has its own URL.
    let elsewhere = account.slacktrail.with("SLACKTRAIL_URL", "http://127.0.0.1:9");
    let text = elsewhere.run(&["doctor", "--stack", "slacktrail"]).await.exits(0).stdout;
    assert!(text.starts_with("passed  credentials           arn:aws:sts::"), "{text}");
    assert!(text.ends_with("\n32 checks: 32 passed, 0 failed, 0 skipped\n"), "{text}");
    assert_eq!(text.lines().count(), 33, "{text}");
}

/// Applies a change, and returns the command to run.
fn arrange(account: &Account, how: How) -> Slacktrail {
    match how {
        How::Aws(script) => {
            account.aws.script(move |call| script(call));
        }
        How::Alarm(edit) => *account.edit_alarm.lock().unwrap() = Some(edit),
        How::Variable(name, value) => return account.slacktrail.clone().with(name, &value),
    }
    account.slacktrail.clone()
}

#[tokio::test]
async fn each_defect_fails_one_check_with_its_hint() {
    let Some(account) = Account::deploy().await else { return };
    account.collect().await;
    let before = account.contents().await;
    let mut seen_failing = BTreeSet::new();
    for Breakage { what, check, hint, how } in breakages::all(&account.api_url).await {
        account.log_tick().await;
        let slacktrail = arrange(&account, how);
        let findings = doctor(&slacktrail).await.exits(1).json();
        assert_eq!(of_outcome(&findings, "failed"), [check], "{what}: {findings:#}");
        let actual = finding(&findings, check)["hint"].as_str().unwrap().to_owned();
        assert!(actual.contains(hint), "{what}: {actual}");
        assert_eq!(account.contents().await, before, "{what}: the checks leave nothing behind");
        account.restore();
        seen_failing.insert(check.to_owned());
    }
    let findings = doctor(&account.slacktrail).await.json();
    assert_eq!(
        names(&findings).into_iter().collect::<BTreeSet<_>>(),
        seen_failing,
        "each check fails for at least one defect"
    );
}

/// Returns `true` if the call deletes an existing version of a probe. The check first deletes the nonexistent version `null`.
fn is_removal(call: &AwsCall) -> bool {
    call.action == "DELETE" && call.key().starts_with("slacktrail-doctor/") && !call.query().contains("versionId=null")
}

#[tokio::test]
async fn leftover_probe_is_named_with_version_and_command() {
    let Some(account) = Account::deploy().await else { return };
    let before = account.contents().await;
    for (response, reason) in [
        (CannedResponse::s3_error(403, "AccessDenied", "not you"), ": not you"),
        (CannedResponse::new(204, "", ""), ""),
    ] {
        account.log_tick().await;
        account.aws.respond(move |call| is_removal(call).then(|| response.clone()));
        let findings = doctor(&account.slacktrail).await.exits(1).json();
        assert_eq!(of_outcome(&findings, "failed"), ["upload_once"], "{findings:#}");
        let [(key, version)] = &account.probes().await[..] else { panic!("one probe remains") };
        let finding = finding(&findings, "upload_once");
        assert_eq!(
            finding["detail"],
            format!("the probe `{key}` could not be deleted: version `{version}` remains{reason}")
        );
        let bucket = &account.bucket;
        let command = format!("aws s3api delete-object --bucket {bucket} --key {key} --version-id {version}");
        assert_eq!(finding["hint"], format!("delete the probe: `{command}`"));
        account.restore();
        let delete = account.local.aws.s3().delete_object().bucket(bucket).key(key).version_id(version);
        delete.send().await.unwrap();
        assert_eq!(account.contents().await, before);
    }
}

#[tokio::test]
async fn harmless_state_passes_and_inconclusive_check_is_skipped_with_reason() {
    let Some(account) = Account::deploy().await else { return };
    account.collect().await;
    for (states, outcome) in [(breakages::sound(), "passed"), (breakages::inconclusive(), "skipped")] {
        for Breakage { what, check, hint, how } in states {
            account.log_tick().await;
            let findings = doctor(&arrange(&account, how)).await.exits(0).json();
            let finding = finding(&findings, check);
            assert_eq!(finding["outcome"], outcome, "{what}: {finding}");
            assert!(finding["detail"].as_str().unwrap().contains(hint), "{what}: {finding}");
            account.restore();
        }
    }
}

/// A call that AWS denies, the missing permission, and the check that is then inconclusive.
const DENIALS: [(&str, &str, &str); 27] = [
    ("GetCallerIdentity", "sts:GetCallerIdentity", "credentials"),
    ("DescribeStacks", "cloudformation:DescribeStacks", "stack"),
    ("ListStackResources", "cloudformation:ListStackResources", "outputs"),
    ("GetFunctionConfiguration", "lambda:GetFunctionConfiguration", "poller_function"),
    ("DescribeRule", "events:DescribeRule", "schedule"),
    ("ListTargetsByRule", "events:ListTargetsByRule", "schedule"),
    ("FilterLogEvents", "logs:FilterLogEvents", "poller_runs"),
    ("Invoke", "lambda:InvokeFunction", "poller_responds"),
    ("PUT", "s3:PutObject", "bucket_policy"),
    ("GET policy", "s3:GetBucketPolicy", "bucket_grants"),
    ("DELETE", "s3:DeleteObjectVersion", "upload_once"),
    ("GET versioning", "s3:GetBucketVersioning", "bucket_versioning"),
    ("GET encryption", "s3:GetEncryptionConfiguration", "bucket_encryption"),
    ("GET publicAccessBlock", "s3:GetBucketPublicAccessBlock", "bucket_public_access"),
    ("GET list-type", "s3:ListBucket", "athena_rows"),
    ("PutItem", "dynamodb:PutItem", "table_conditions"),
    ("DescribeSecret", "secretsmanager:DescribeSecret", "secrets"),
    ("GetResourcePolicy", "secretsmanager:GetResourcePolicy", "secret_policies"),
    ("ListRolePolicies", "iam:ListRolePolicies", "role_policies"),
    ("GetRolePolicy", "iam:GetRolePolicy", "role_policies"),
    ("ListAttachedRolePolicies", "iam:ListAttachedRolePolicies", "role_policies"),
    ("GetWorkGroup", "athena:GetWorkGroup", "athena_workgroup"),
    ("StartQueryExecution", "athena:StartQueryExecution", "athena_tables"),
    ("DescribeAlarms", "cloudwatch:DescribeAlarms", "alarms"),
    ("GetMetricData", "cloudwatch:GetMetricData", "metrics"),
    ("ListSubscriptionsByTopic", "sns:ListSubscriptionsByTopic", "alarm_recipients"),
    ("Query", "dynamodb:Query", "secrets"),
];

#[tokio::test]
async fn missing_permission_skips_its_check_and_is_named() {
    let Some(account) = Account::deploy().await else { return };
    account.collect().await;
    let before = account.contents().await;
    for (denied, permission, check) in DENIALS {
        account.log_tick().await;
        account.aws.respond(move |call| {
            let (action, query) = denied.split_once(' ').unwrap_or((denied, ""));
            let is_denied = call.action == action && call.query().contains(query);
            let response = match call.action.as_str() {
                "GetCallerIdentity"
                | "DescribeStacks"
                | "ListStackResources"
                | "ListSubscriptionsByTopic"
                | "ListRolePolicies"
                | "GetRolePolicy"
                | "ListAttachedRolePolicies" => {
                    let error =
                        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
                    CannedResponse::new(403, "text/xml", error)
                }
                "DescribeAlarms" | "GetMetricData" => denied_cbor(),
                "GET" | "PUT" | "DELETE" => CannedResponse::s3_error(403, "AccessDenied", "no"),
                _ => denied_json(),
            };
            is_denied.then_some(response)
        });
        let findings = doctor(&account.slacktrail).await.exits(0).json();
        assert_eq!(of_outcome(&findings, "failed"), [""; 0], "{denied}: {findings:#}");
        let finding = finding(&findings, check);
        assert_eq!(finding["outcome"], "skipped", "{finding}");
        let named = ["detail", "hint"].map(|text| finding[text].as_str().unwrap().to_owned()).join("; ");
        assert!(named.contains(&format!("`{permission}`")), "{finding}");
        assert_eq!(account.contents().await, before, "{denied}: the checks leave nothing behind");
        account.restore();
    }
}

fn denied_cbor() -> CannedResponse {
    let error = json!({"__type": "com.amazonaws.cloudwatch#AccessDeniedException", "message": "no"});
    account::cbor_response(403, &error)
}

fn denied_json() -> CannedResponse {
    let mut response = CannedResponse::json(400, r#"{"__type":"AccessDeniedException","message":"no"}"#);
    response.headers.insert("x-amzn-errortype", "AccessDeniedException".parse().unwrap());
    response
}

#[tokio::test]
async fn without_aws_only_credentials_and_slack_are_checked() {
    let slacktrail = Slacktrail::alone().with("SLACKTRAIL_STACK", "slacktrail");
    let ran = slacktrail.run(&["doctor"]).await.exits(1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "failed  credentials           no AWS region is set", "{}", ran.stdout);
    assert!(lines[1].starts_with("hint: set `AWS_DEFAULT_REGION`"), "{}", ran.stdout);
    let findings = |slacktrail: Slacktrail| async move { doctor(&slacktrail).await.exits(1).json() };

    let unreachable = findings(slacktrail.clone().signed_in().with("AWS_ENDPOINT_URL", "http://127.0.0.1:9")).await;
    assert_eq!(of_outcome(&unreachable, "failed"), ["credentials", "slack"], "{unreachable:#}");
    assert!(finding(&unreachable, "credentials")["hint"].as_str().unwrap().starts_with("check the network"));
    assert!(of_outcome(&unreachable, "passed").is_empty());
    assert!(!unreachable.to_string().contains("DispatchFailure"), "errors contain no internal types: {unreachable:#}");

    let without_credentials = findings(slacktrail.with("AWS_REGION", "us-east-1")).await;
    assert_eq!(of_outcome(&without_credentials, "failed"), ["credentials", "slack"], "{without_credentials:#}");
}

#[tokio::test]
async fn deployment_in_other_region_passes_and_wrong_region_is_named() {
    let Some(account) = Account::deploy_in("eu-west-1").await else { return };
    account.collect().await;
    account.log_tick().await;
    let slacktrail = account.slacktrail.clone().without("AWS_REGION").with("AWS_DEFAULT_REGION", "eu-west-1");
    let findings = doctor(&slacktrail).await.exits(0).json();
    assert_eq!(of_outcome(&findings, "passed"), names(&findings), "{findings:#}");
    let detail = finding(&findings, "credentials")["detail"].as_str().unwrap();
    assert!(detail.ends_with(" in region `eu-west-1` (from `AWS_DEFAULT_REGION`)"), "{detail}");

    let elsewhere = slacktrail.with("AWS_REGION", "us-east-1");
    let findings = doctor(&elsewhere).await.exits(1).json();
    assert_eq!(of_outcome(&findings, "failed"), ["stack"], "{findings:#}");
    let difference = "`sam deploy` reads `AWS_DEFAULT_REGION`, which is `eu-west-1`";
    let detail = finding(&findings, "credentials")["detail"].as_str().unwrap();
    assert!(detail.ends_with(&format!(" in region `us-east-1` (from `AWS_REGION`); {difference}")), "{detail}");
    let hint = finding(&findings, "stack")["hint"].as_str().unwrap();
    assert!(hint.contains("unset `AWS_REGION`") && hint.ends_with(difference), "{hint}");
    let stderr = elsewhere.run(&["status"]).await.exits(1).stderr;
    assert!(
        stderr.contains("failed in region `us-east-1` (from `AWS_REGION`)") && stderr.contains(difference),
        "{stderr}"
    );
    assert!(stderr.contains("\nhint: check the stack name"), "{stderr}");
}

#[tokio::test]
async fn doctor_without_stack_says_how_to_name_one() {
    insta::assert_snapshot!(Slacktrail::alone().run(&["doctor"]).await.exits(1).stderr, @r"
    error: no stack is specified: neither `--stack` nor `SLACKTRAIL_STACK` is set
    hint: set `SLACKTRAIL_STACK` to the name of the CloudFormation stack that `sam deploy` created
    ");
}

#[cfg(target_os = "linux")] // the tests support only Linux pseudoterminals
#[tokio::test]
async fn ctrl_c_during_upload_leaves_nothing_behind() {
    let Some(account) = Account::deploy().await else { return };
    account.log_tick().await;
    let before = account.contents().await;
    let (stored, mut is_stored) = watch::channel(false);
    let (interrupted, is_interrupted) = watch::channel(false);
    account.aws.script(move |call| {
        let (stored, mut is_interrupted) = (stored.clone(), is_interrupted.clone());
        Box::pin(async move {
            if call.action != "PUT" || !call.key().starts_with("slacktrail-doctor/") {
                return None;
            }
            let response = call.pass_on().await;
            stored.send_replace(true);
            let _ = is_interrupted.wait_for(|is| *is).await; // an error means that the test has ended
            Some(response)
        })
    });
    let mut terminal = crate::terminal::Terminal::start(&account.slacktrail, &["doctor"]);
    is_stored.wait_for(|is| *is).await.unwrap();
    assert_ne!(account.contents().await, before, "the probe exists");
    terminal.interrupts().await;
    interrupted.send_replace(true);
    let shown = terminal.end().await;
    assert_eq!(shown.code, 130, "{}", shown.screen);
    assert!(shown.screen.contains("interrupted: the remaining checks did not run"), "{}", shown.screen);
    assert_eq!(account.contents().await, before);
}
