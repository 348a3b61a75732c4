//! The `slacktrail` command.
fn main() {}
