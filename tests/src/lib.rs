//! Support library of the tests that span several crates. The tests are in `tests/`.

pub mod archive;
#[cfg(target_os = "linux")] // requires Debian's Chromium
pub mod browser;
pub mod chaos_proxy;
pub mod conformance;
pub mod connecting;
pub mod counting_proxy;
pub mod deployment;
pub mod emulated_aws;
pub mod fake_clock;
pub mod function;
pub mod grants;
pub mod hostile_slack;
pub mod http_api;
pub mod lambda_runtime_api;
mod loopback;
pub mod patience;
pub mod scripted_aws;
pub mod stack;
