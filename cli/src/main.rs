//! `slacktrail`: connects Slack, shows how collection is doing, and collects on a laptop without an AWS account.
//!
//! Read in this order:
//! - [`arguments`]: the commands. Each is a module of its own: [`connect`], [`sources`], [`status`],
//!   [`pause`], [`disconnect`], [`backfill`], [`verify`], [`doctor`], [`pull`], [`demo`].
//! - [`run`]: ticks of the collector on this machine, which `pull` and `demo` share.
//! - [`environment`], [`aws`], [`identity`], [`logs`], [`since`]: what the commands are told, and by whom.
//! - [`cli_error`], [`hints`], [`terminal`], [`prompt`], [`table`], [`duration`]: what the person at the terminal sees.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

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
    let done = match Arguments::parse().command {
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
    done.unwrap_or_else(|error: CliError| {
        terminal::print_error(Level::Error, &error);
        ExitCode::FAILURE
    })
}
