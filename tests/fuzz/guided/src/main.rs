//! Runs the target that `FUZZ_TARGET` names with coverage-guided inputs.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use slacktrail_fuzz::{TARGETS, Target};

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let names = TARGETS.map(|target| target.name);
    TARGETS
        .into_iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("unknown target `{name}` in `FUZZ_TARGET`: expected one of {names:?}"))
});

fuzz_target!(|bytes: &[u8]| (CHOSEN.run)(bytes));
