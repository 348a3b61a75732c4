//! The compiled `slacktrail`, as a person runs it: against a simulated Slack on loopback, a directory, and an emulated AWS.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod archive;
mod aws;
mod binary;
mod connect;
mod daily;
mod demo;
mod doctor;
mod journey;
mod pull;
#[cfg(target_os = "linux")] // as `terminal`
mod readme;
mod rejections;
mod sign_in;
mod slack;
mod status;
#[cfg(target_os = "linux")] // whose terminals it knows
mod terminal;
mod verify;
mod wizard;
