//! Tests the program of `make local`, which runs a deployment and prints the variables that commands need in another terminal.

use std::path::Path;

use slacktrail_tests::emulated_aws::{self, MOTO_VARIABLE};
use slacktrail_tests::function::{oauth_binary, poller_binary};

use crate::binary::Slacktrail;
use crate::terminal::Terminal;

#[tokio::test]
async fn local_deployment_prints_variables_that_commands_need() {
    let Some(moto) = emulated_aws::executable() else { return };
    let [poller, oauth] = [poller_binary(), oauth_binary()];
    let environment = Slacktrail::alone().with(MOTO_VARIABLE, moto.to_str().unwrap());
    let environment = environment.with("SLACKTRAIL_POLLER", poller.to_str().unwrap());
    let environment = environment.with("SLACKTRAIL_OAUTH", oauth.to_str().unwrap());
    let mut local = Terminal::run(&environment, Path::new(env!("CARGO_BIN_EXE_local-deployment")), &[]);
    local.shows("Press Ctrl-C to stop everything").await;

    let printed = local.screen();
    let exports: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    // The last line is the `connect` command, which requires a visit to Slack.
    let (connect, exports) = exports.split_last().unwrap();
    assert!(connect.starts_with("slacktrail connect acme --name Acme"), "{printed}");
    let folder = Path::new(env!("CARGO_BIN_EXE_local-deployment")).parent().unwrap();
    assert_eq!(exports[0], format!("export PATH={}:$PATH", folder.display()));
    let line = format!("{}; slacktrail sources", exports.join("; "));
    let shown = Terminal::typed(&Slacktrail::alone(), &line).end().await;
    assert_eq!(shown.code, 0, "{}", shown.screen);
    assert!(shown.screen.contains("no source is connected yet"), "{}", shown.screen);

    local.interrupts().await;
    local.end().await;
}
