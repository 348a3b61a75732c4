//! The function that connects sources: what it lets pass, what it refuses, and that neither reveals or leaves anything.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

// A browser, the function over simulated ports, and what was logged.
mod browser;
mod site;
mod spy;

// What it does.
mod compiled;
mod connects;
mod events;
mod faults;
mod hostile;
mod links;
mod rejections;
mod secrets;
mod state;
mod tenants;
