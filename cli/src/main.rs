//! The `slacktrail` command: connects sources, shows the state of collection, and collects into a local directory without an AWS account.
//!
//! Read in this order:
//! - [`arguments`]: the command line. Each command has its own module: [`connect`], [`sources`], [`status`],
//!   [`pause`], [`disconnect`], [`backfill`], [`verify`], [`doctor`], [`pull`], [`demo`].
//! - [`run`]: runs ticks of the collector on this machine, for `pull` and `demo`.
//! - [`environment`], [`aws`], [`region`], [`identity`], [`logs`], [`since`]: the settings of a command, and the owner of a token.
//! - [`cli_error`], [`hints`], [`terminal`], [`prompt`], [`table`], [`duration`]: the output and the prompts.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod arguments;
mod aws;
mod backfill;
mod cli_error;
mod connect;
mod demo;
mod disconnect;
mod doctor;
mod duration;
mod environment;
mod hints;
mod identity;
mod logs;
mod pause;
mod prompt;
mod pull;
mod region;
mod run;
mod since;
mod sources;
mod status;
mod table;
mod terminal;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use cli_error::CliError;
use terminal::Level;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Backfill(args) => backfill::run(args).await,
        Command::Connect(args) => connect::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Disconnect(args) => disconnect::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Pause(args) => pause::pause(&args).await,
        Command::Resume(args) => pause::resume(&args).await,
        Command::Pull(args) => pull::run(args).await,
        Command::Sources(args) => sources::run(&args).await,
        Command::Status(args) => status::run(args).await,
        Command::Verify(args) => verify::run(args).await,
    };
    result.unwrap_or_else(|error: CliError| {
        terminal::print_error(Level::Error, &error);
        ExitCode::FAILURE
    })
}
