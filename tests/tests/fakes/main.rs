//! Tests of the fakes that other tests use: the emulated AWS, API Gateway and Lambda Runtime API, and the browser.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

#[cfg(target_os = "linux")] // starting a browser is supported on Linux only
mod browser;
mod emulated_aws;
mod http_api;
mod lambda_runtime_api;
