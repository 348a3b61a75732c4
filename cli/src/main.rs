//! The `slacktrail` command: connects sources, shows the state of collection, and collects into a local directory without an AWS account.
//!
//! Read in this order:
//! - [`arguments`]: the command line. Each command has its own module: [`connect`], [`sources`], [`status`],
//!   [`set`], [`pause`], [`disconnect`], [`backfill`], [`verify`], [`doctor`], [`pull`], [`demo`], [`completions`].
//! - [`outcome`]: what the modules of all commands have in common.
//! - [`run`]: runs ticks of the collector on this machine, for `pull`, `backfill --dir` and `demo`.
//! - [`deployed`]: the stack or the directory that a command works on.
//! - [`environment`], [`aws`], [`directory`], [`credentials`], [`region`], [`identity`], [`source`], [`logs`], [`days`], [`typed_time`]:
//!   the settings of a command, its source, the selected days, and the owner of a token.
//! - [`cli_error`], [`state`], [`terminal`], [`prompt`], [`interrupt`], [`progress`], [`table`], [`format`], [`zone`]: the
//!   output and the prompts.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod arguments;
mod aws;
mod backfill;
mod cli_error;
mod completions;
mod connect;
mod credentials;
mod days;
mod demo;
mod deployed;
mod directory;
mod disconnect;
mod doctor;
mod environment;
mod format;
mod identity;
mod interrupt;
mod logs;
mod outcome;
mod pause;
mod progress;
mod prompt;
mod pull;
mod region;
mod run;
mod set;
mod source;
mod sources;
mod state;
mod status;
mod table;
mod terminal;
mod typed_time;
mod verify;
mod zone;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use outcome::{reject, show, show_usage, until_ctrl_c};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => return show_usage(&usage),
    };
    if arguments.local
        && let Err(error) = zone::use_local()
    {
        return reject(&error);
    }
    match arguments.command {
        Command::Backfill(args) => show(args.json, backfill::run(args).await),
        Command::Completions(args) => show(false, completions::print(&args, Arguments::command())),
        Command::Man(args) => show(false, completions::write_man_pages(&args, Arguments::command())),
        Command::Connect(args) => show(args.json, connect::run(args).await),
        Command::Demo(args) => until_ctrl_c(args.json, demo::run(args)).await,
        Command::Disconnect(args) => until_ctrl_c(args.json, disconnect::run(args)).await,
        Command::Doctor(args) => show(args.json, doctor::run(args).await),
        Command::Pause(args) => until_ctrl_c(args.json, pause::run(args, true)).await,
        Command::Resume(args) => until_ctrl_c(args.json, pause::run(args, false)).await,
        Command::Pull(args) => show(args.json && !args.prints_ticks(), pull::run(args).await),
        Command::Sources(args) => until_ctrl_c(args.json, sources::run(args)).await,
        Command::Set(args) => until_ctrl_c(args.json, set::run(args)).await,
        Command::Status(args) if args.watch => show(false, status::watch(args).await),
        Command::Status(args) => until_ctrl_c(args.json, status::run(args)).await,
        Command::Verify(args) => show(args.json, verify::run(args).await),
    }
}
