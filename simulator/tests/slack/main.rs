//! What the simulated Slack does, said in sentences.

mod access;
mod account;
mod audit;
mod faults;
mod generate;
mod integration;
mod limits;
mod server;
mod walk;
