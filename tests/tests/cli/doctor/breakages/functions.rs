//! Defects of the functions.

use serde_json::json;
use slacktrail_tests::aws_proxy::CannedResponse;

use super::changes::*;
use super::{Breakage, broken};
use crate::doctor::account::function_error;

/// Returns the defects of the functions, their schedule and their logs.
pub(super) fn of_functions() -> Vec<Breakage> {
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
            "poller_responds",
            "\"Poller errors\" in docs/operations.md",
            response("Invoke", "", || {
                function_error(&json!({"errorType": "investigate", "errorMessage": "no bucket"}))
            }),
        ),
        broken(
            "a binary for a different architecture",
            "poller_responds",
            "deploy the archive for that architecture",
            response("Invoke", "", || {
                let message = "RequestId: 1 Error: fork/exec /var/task/bootstrap: exec format error";
                function_error(&json!({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}))
            }),
        ),
        broken(
            "a different function",
            "poller_responds",
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
