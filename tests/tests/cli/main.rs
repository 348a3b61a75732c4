//! Tests the compiled `slacktrail` command with a simulated Slack on loopback, a directory, and an emulated AWS.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod aws;
mod aws_faults;
mod binary;
mod daily;
mod demo;
mod directory;
mod doctor;
mod journey;
mod local;
mod local_times;
#[cfg(target_os = "linux")] // uses `/dev/full`
mod output;
mod pull;
#[cfg(target_os = "linux")] // uses `terminal`
mod readme;
mod rejections;
mod sign_in;
mod slack;
mod status;
#[cfg(target_os = "linux")] // supports only Linux pseudoterminals
mod terminal;
mod verify;
mod wizard;
