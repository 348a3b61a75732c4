//! Tests of the adapters: each store conforms to its port, and the HTTP client enforces its limits.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod aws;
mod aws_errors;
mod directory;
mod simulated;
mod slack_http;

use slacktrail_adapters::aws::ResourceNames;

/// Returns the names of the resources in the tests of AWS.
fn names() -> ResourceNames {
    ResourceNames { bucket: "logs".into(), table: "streams".into(), secret_prefix: "slacktrail/".into() }
}
