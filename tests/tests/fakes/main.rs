//! What stands in for AWS and for a person's browser in the other tests.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[cfg(target_os = "linux")] // where it knows how to start one
mod browser;
mod emulated_aws;
mod http_api;
mod lambda_runtime_api;
