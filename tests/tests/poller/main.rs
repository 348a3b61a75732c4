//! Tests of the compiled poller with an emulated AWS and a simulated Slack: what it stores, how many calls it makes, and how it handles errors.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod collects;
mod costs;
mod errors;
mod hostile;
mod in_chaos;
mod killed;
mod shards;
mod token_refresh;
