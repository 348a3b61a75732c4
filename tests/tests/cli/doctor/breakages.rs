//! Defects of a deployment. Each names the check that must fail and a part of the hint.

mod alarms;
mod changes;
mod functions;
mod harmless;
mod storage;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::DATE;
use futures_util::future::BoxFuture;
use slacktrail_tests::aws_proxy::{AwsCall, CannedResponse};
use slacktrail_tests::loopback;

use self::changes::*;

use super::account::EditAlarm;

pub(super) use harmless::{inconclusive, sound};

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
    let parts = [
        of_stack(),
        functions::of_functions(),
        storage::of_storage(),
        of_slack().await,
        of_queries(),
        alarms::of_alarms(),
        of_api(api_url).await,
    ];
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

/// Returns the defects of the connection to Slack.
async fn of_slack() -> Vec<Breakage> {
    let portal = serve(Router::new().fallback(|| async { "<html>Sign in to the network</html>" })).await;
    let old_date = serve(Router::new().fallback(|| async { ([(DATE, LONG_AGO)], "{}") })).await;
    vec![
        broken(
            "unreachable Slack",
            "slack",
            "firewall",
            How::Variable("SLACK_API_URL", "http://127.0.0.1:9/".to_owned()),
        ),
        broken("Slack behind a captive portal", "slack", "firewall", How::Variable("SLACK_AUDIT_URL", portal)),
        broken(
            "a clock that differs from Slack's",
            "slack_clock",
            "set this machine's clock",
            How::Variable("SLACK_API_URL", old_date),
        ),
    ]
}

/// Returns the defects of the HTTP API.
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

/// Serves routes, and returns the base URL.
async fn serve(routes: Router) -> String {
    format!("http://{}/", loopback::serve(routes).await)
}
