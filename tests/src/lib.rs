//! What the tests that cross crates stand on. The tests themselves are in `tests/`.

pub mod archive;
pub mod conformance;
pub mod counting_proxy;
pub mod deployment;
pub mod function;
pub mod lambda_runtime_api;
pub mod moto;
