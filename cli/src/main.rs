//! `slacktrail`: connects Slack, shows how collection is doing, and collects on a laptop without an AWS account.
//!
//! Read in this order:
//! - [`arguments`]: the commands. Each is a module of its own: [`connect`], [`sources`], [`status`],
//!   [`pause`], [`disconnect`], [`backfill`], [`verify`], [`doctor`], [`pull`], [`demo`].
//! - [`run`]: ticks of the collector on this machine, which `pull` and `demo` share.
//! - [`environment`], [`aws`], [`identity`], [`logs`], [`since`]: what the commands are told, and by whom.
//! - [`failure`], [`hints`], [`terminal`], [`prompt`], [`table`], [`span`]: what the person at the terminal sees.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may end in a panic"))]

mod arguments;
mod aws;
mod backfill;
mod connect;
mod demo;
mod disconnect;
mod doctor;
mod environment;
mod failure;
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
mod span;
mod status;
mod table;
mod terminal;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::Failure;
use terminal::Level;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Backfill(asked) => backfill::run(asked).await,
        Command::Connect(asked) => connect::run(asked).await,
        Command::Demo(asked) => demo::run(asked).await,
        Command::Disconnect(asked) => disconnect::run(asked).await,
        Command::Doctor(asked) => doctor::run(asked).await,
        Command::Pause(asked) => pause::pause(&asked).await,
        Command::Resume(asked) => pause::resume(&asked).await,
        Command::Pull(asked) => pull::run(asked).await,
        Command::Sources(asked) => sources::run(&asked).await,
        Command::Status(asked) => status::run(asked).await,
        Command::Verify(asked) => verify::run(asked).await,
    };
    done.unwrap_or_else(|failure: Failure| {
        terminal::complain(Level::Error, &failure);
        ExitCode::FAILURE
    })
}
