//! What the tests that cross crates stand on. The tests themselves are in `tests/`.

pub mod conformance;
pub mod function;
pub mod lambda_runtime_api;
pub mod moto;
