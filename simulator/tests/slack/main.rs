//! Tests of the simulated Slack.

mod access;
mod account;
mod audit;
mod browser;
mod consent;
mod exchange;
mod faults;
mod generate;
mod install;
mod integration;
mod limits;
mod oddities;
mod refresh;
mod revoke;
mod server;
mod walk;
