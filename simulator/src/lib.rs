//! A local Slack simulator for the demo, the tests and the benchmark.
//!
//! [`World`] holds rows, faults and settings. It returns one [`Outcome`] for one [`Request`] at one instant. It performs no I/O, reads no
//! clock and is deterministic. [`Server`] serves a world over HTTP on loopback, and [`Generator`] fills it with realistic rows.
//!
//! ```
//! use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
//! use slacktrail_simulator::{Log, Request, Row, Settings, World};
//!
//! let now = jiff::Timestamp::constant(1_780_000_000, 0);
//! let mut slack = World::new(Settings::organization());
//! slack.add(Row::small_audit(now, "a"));
//! let request = Request::for_log(Log::Audit).bearer(ORGANIZATION_TOKEN).with("limit", 3);
//! let response = slack.answer(now, &request).response().expect("no scripted hangup");
//! assert_eq!(response.status, 200);
//! ```
//!
//! The simulator is written from Slack's public API documentation, independently of the collector.

mod request;
pub use request::{Family, Method, Request};

mod response;
pub use response::{Outcome, Response};

mod page;
pub use page::Shown;

mod row;
pub use row::{Log, Row};

mod world;
pub use world::World;

// Settings, scripted faults and call counts of a world.
pub mod settings;
pub use settings::Settings;

pub mod tenant;

mod faults;
pub use faults::{CallMatcher, Endless, Fault, FaultKind, When};

mod calls;
pub use calls::{Call, Calls};

pub mod oauth;

// Generated rows.
pub mod generate;
pub use generate::{Activity, Generator};

// The check of what a collector stored.
mod comparison;
pub use comparison::{Comparison, Differences, Stored};

// A clock for other processes.
pub mod fake_clock;

// HTTP.
pub mod server;
pub use server::Server;

// The endpoints.
mod access;
mod account;
mod audit;
mod integration;

// Authentication, visibility and pagination, which the endpoints share.
mod api_error;
mod auth;
mod cursor;
mod layout;
mod row_store;
mod throttle;
mod visibility;
