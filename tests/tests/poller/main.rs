//! The compiled poller against an emulated AWS and a simulated Slack: what it stores, what it costs, and what it withstands.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod collects;
mod costs;
mod envelopes;
mod errors;
mod hostile;
mod in_chaos;
mod killed;
mod progress;
mod shards;
mod token_refresh;
