//! Runs every target on its corpus and on mutations of it.
//!
//! - `FUZZ_SECONDS=60` sets the duration, and uses a new seed, which the test prints.
//! - `SEED=7` sets the seed.
//! - `FUZZ_TARGET=page` runs only one target.
#![expect(clippy::print_stdout, reason = "a search prints its progress")]

use std::env::var;
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use slacktrail_connect::Authorization;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::source::Source;
use slacktrail_fuzz::corpus::{folder, inputs};
use slacktrail_fuzz::mutate::Mutator;
use slacktrail_fuzz::{TARGETS, Target};
use slacktrail_ports::credentials::Credentials;
use slacktrail_ports::event::PollRequest;

/// The number of mutated inputs per target if `FUZZ_SECONDS` is not set.
const INPUTS: u64 = 4_000;
/// The maximum size of the corpus, which is part of the repository. It should contain no input that adds no coverage.
const CORPUS_BYTES_MAX: u64 = 200 << 10;
/// The maximum duration of one input, which usually takes less than a millisecond. A longer one indicates a loop.
const INPUT_MAX: Duration = Duration::from_secs(60);

#[test]
fn every_corpus_input_is_accepted_or_rejected_as_required() {
    for target in chosen() {
        for input in inputs(target.name) {
            let kept = catch_unwind(AssertUnwindSafe(|| (target.run)(&input.bytes)));
            assert!(kept.is_ok(), "input `{}` violates an invariant of {}", input.name, target.input);
        }
    }
}

/// Inputs of the corpus that their decoder must accept. After a change of the stored format, the others would no longer reach the code that
/// they were written for.
#[test]
fn complete_corpus_inputs_decode() {
    let texts = |target: &str, names: &[&str]| -> Vec<String> {
        names
            .iter()
            .map(|name| fs::read_to_string(folder(target).join(name)).expect("an input of the corpus"))
            .collect()
    };
    let states = ["canceled", "connected", "failed", "link-issued", "started", "verifying"];
    for text in texts("authorization", &states) {
        serde_json::from_str::<Authorization>(&text).expect(&text);
    }
    for text in
        texts("cursor", &["access", "audit", "backfills", "caught-up", "integration", "many-gaps", "reauthorize"])
    {
        Cursor::decode(&text).expect(&text);
    }
    for text in texts("source", &["whole"]) {
        let source: Source = serde_json::from_str(&text).expect(&text);
        assert!(source.organization && source.silent_after_seconds == Some(86_400), "{text}");
    }
    for text in texts("credentials", &["whole"]) {
        assert!(Credentials::decode(&text).is_some_and(|credentials| credentials.refresh_lease.is_some()), "{text}");
    }
    for text in texts("event", &["shard", "shard-backwards", "shard-of-all"]) {
        let event = serde_json::from_str(&text).expect(&text);
        assert!(matches!(PollRequest::of(&event), Ok(PollRequest::Shard(_))), "{text}");
    }
    for input in inputs("tick") {
        let text = String::from_utf8_lossy(&input.bytes).into_owned();
        let mut parts = text.lines().filter_map(|line| line.strip_prefix("--- ")?.split(' ').next());
        assert!(parts.all(|part| ["source", "cursor", "object", "damaged", "response"].contains(&part)), "{text}");
    }
}

#[test]
fn every_mutated_input_is_accepted_or_rejected_as_required() {
    let seconds: Option<u64> = number("FUZZ_SECONDS");
    let seed = number("SEED").unwrap_or_else(|| seconds.map_or(1, |_| fresh_seed()));
    let targets = chosen();
    let time = seconds.map(|seconds| Duration::from_secs(seconds) / u32::try_from(targets.len()).unwrap_or(1));
    for target in targets {
        search(target, seed, time);
    }
}

#[test]
fn corpus_is_small_and_has_one_folder_per_target() {
    let folders = fs::read_dir(folder("")).expect("a readable corpus");
    let mut names: Vec<_> = folders.map(|entry| entry.expect("a readable corpus").file_name()).collect();
    names.sort();
    assert_eq!(names, TARGETS.map(|target| target.name));
    let bytes: u64 = TARGETS.iter().flat_map(|target| inputs(target.name)).map(|input| input.bytes.len() as u64).sum();
    assert!(bytes <= CORPUS_BYTES_MAX, "the corpus is too large: {bytes} bytes");
}

fn chosen() -> Vec<Target> {
    let only = var("FUZZ_TARGET").ok();
    let chosen: Vec<_> =
        TARGETS.into_iter().filter(|target| only.as_ref().is_none_or(|name| name == target.name)).collect();
    assert!(
        !chosen.is_empty(),
        "unknown target in `FUZZ_TARGET`: expected one of {:?}",
        TARGETS.map(|target| target.name)
    );
    chosen
}

/// Searches for an input that makes a target panic, for `time` or for [`INPUTS`] inputs.
fn search(target: Target, seed: u64, time: Option<Duration>) {
    let seeds: Vec<Vec<u8>> = inputs(target.name).into_iter().map(|input| input.bytes).collect();
    let mut mutator = Mutator::new(&seeds, seed);
    let started = Instant::now();
    let mut running = Running::of(target);
    let mut count = 0;
    while time.map_or(count < INPUTS, |time| started.elapsed() < time) {
        let input = mutator.next_input();
        count += 1;
        running.write(&input);
        let tried = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            let small = shrink(target, input);
            let found = save(target, "found", &small);
            panic!(
                "seed {seed}, input {count}: target `{}` ({}) failed with {:?}; \
                 hint: fix the bug, then move the input from `{}` to `{}` under a descriptive name",
                target.name,
                target.input,
                String::from_utf8_lossy(&small),
                found.display(),
                folder(target.name).display()
            );
        }
        assert!(
            tried.elapsed() < INPUT_MAX,
            "seed {seed}, input {count}: too slow, see input `{}`",
            running.path.display()
        );
    }
    let rate = count * 1000 / (started.elapsed().as_millis() as u64).max(1);
    println!("{:12} {count:>9} inputs from seed {seed}, {rate:>6} per second: {}", target.name, target.input);
}

/// Removes all parts of the input that it does not need to make the target panic.
fn shrink(target: Target, mut input: Vec<u8>) -> Vec<u8> {
    let hook = take_hook();
    set_hook(Box::new(|_| {})); // the first panic has already printed its message
    let mut piece = input.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < input.len() {
            let mut shorter = input.clone();
            shorter.drain(at..(at + piece).min(input.len()));
            match catch_unwind(AssertUnwindSafe(|| (target.run)(&shorter))) {
                Err(_) => input = shorter,
                Ok(()) => at += piece,
            }
        }
        piece /= 2;
    }
    set_hook(hook);
    input
}

/// The file with the current input. It is written before the target runs, because a stack overflow aborts the process and leaves no other
/// trace.
struct Running {
    path: PathBuf,
    file: File,
}

impl Running {
    fn of(target: Target) -> Running {
        let path = path(target, "running");
        let file = File::create(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        Running { path, file }
    }

    fn write(&mut self, input: &[u8]) {
        let written = self.file.rewind().and_then(|()| self.file.write_all(input));
        let written = written.and_then(|()| self.file.set_len(input.len() as u64));
        written.unwrap_or_else(|error| panic!("`{}`: {error}", self.path.display()));
    }
}

fn path(target: Target, what: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}.{what}", target.name))
}

fn save(target: Target, what: &str, input: &[u8]) -> PathBuf {
    let file = path(target, what);
    fs::write(&file, input).unwrap_or_else(|error| panic!("`{}`: {error}", file.display()));
    file
}

fn number(variable: &str) -> Option<u64> {
    let text = var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("invalid number `{text}` in `{variable}`")))
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs())
}
