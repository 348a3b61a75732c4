//! A Slack that runs on loopback: for the demo, the tests and the benchmark.
//!
//! [`World`] is the whole of it: rows, faults and settings, asked one [`Request`] at one instant and answering with one [`Outcome`].
//! It opens no socket, reads no clock and repeats itself exactly; [`Server`] puts it behind HTTP, and [`Generator`] fills it with life.
//!
//! ```
//! use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
//! use slacktrail_simulator::{Log, Request, Row, Settings, World};
//!
//! let now = jiff::Timestamp::constant(1_780_000_000, 0);
//! let mut slack = World::new(Settings::organization());
//! slack.add(Row::small_audit(now, "a"));
//! let request = Request::for_log(Log::Audit).bearer(ORGANIZATION_TOKEN).with("limit", 3);
//! let reply = slack.answer(now, &request).reply().expect("no hangup was scripted");
//! assert_eq!(reply.status, 200);
//! ```
//!
//! It is written from what is publicly known about Slack's APIs, never from what a collector expects of them.

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

// How a world is set up, and what it remembers.
pub mod settings;
pub use settings::Settings;

pub mod tenant;

mod faults;
pub use faults::{CallMatcher, Endless, Fault, FaultKind, When};

mod calls;
pub use calls::Calls;

pub mod oauth;

// Life: rows that look like an organization at work.
pub mod generate;
pub use generate::{Activity, Generator};

// The world behind HTTP.
pub mod server;
pub use server::Server;

// The three logs and the account, as each is asked for.
mod access;
mod account;
mod audit;
mod integration;
pub use audit::AUDIT_BEGINNING;

// What they share: who may ask, what they see, and how a page is put together.
mod api_error;
mod auth;
mod cursor;
mod layout;
mod row_store;
mod throttle;
mod visibility;
