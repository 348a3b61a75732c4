//! Tests of the OAuth function: what it accepts, what it rejects, and that no request exposes secrets or leaves partial state.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

// Helpers: a browser, the function over simulated ports, and captured log lines.
mod browser;
mod site;
mod spy;

// Tests.
mod compiled;
mod connects;
mod events;
mod exchange;
mod faults;
mod hostile;
mod layout;
mod links;
mod other_tenants;
mod rejections;
mod revocations;
mod secrets;
mod state;
mod tenants;
