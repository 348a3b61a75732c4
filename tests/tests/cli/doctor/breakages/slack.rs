//! Defects of the way to Slack and to the API.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::DATE;
use slacktrail_tests::loopback;

use super::changes::*;
use super::{Breakage, How, broken};

/// Returns the defects of the connection to Slack.
pub(super) async fn of_slack() -> Vec<Breakage> {
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

pub(super) async fn of_api(api_url: &str) -> Vec<Breakage> {
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
