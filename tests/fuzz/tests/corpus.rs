//! Every target, over its corpus and over what a seed makes of it.
//!
//! `FUZZ_SECONDS=60` searches for so long, from a seed of its own that it prints; `SEED=7` from that one; `FUZZ_TARGET=page` in one target.
#![expect(clippy::print_stdout, reason = "a search says what it did")]

use std::env::var;
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use slacktrail_fuzz::corpus::{folder, inputs};
use slacktrail_fuzz::mutate::Mutator;
use slacktrail_fuzz::{TARGETS, Target};

/// Inputs that each target gets in every run of the tests.
const INPUTS: u64 = 4_000;
/// The corpus is part of the repository: inputs that show nothing new do not belong there.
const CORPUS_BYTES_MAX: u64 = 200 << 10;
/// An input that takes longer has found a loop.
const INPUT_MAX: Duration = Duration::from_secs(10);

#[test]
fn every_corpus_input_is_accepted_or_rejected_as_required() {
    for target in chosen() {
        for input in inputs(target.name) {
            let kept = catch_unwind(AssertUnwindSafe(|| (target.run)(&input.bytes)));
            assert!(kept.is_ok(), "`{}` breaks a promise of {}", input.name, target.of);
        }
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
    let folders = fs::read_dir(folder("")).expect("the corpus can be read");
    let mut names: Vec<_> = folders.map(|entry| entry.expect("the corpus can be read").file_name()).collect();
    names.sort();
    assert_eq!(names, TARGETS.map(|target| target.name));
    let bytes: u64 = TARGETS.iter().flat_map(|target| inputs(target.name)).map(|input| input.bytes.len() as u64).sum();
    assert!(bytes <= CORPUS_BYTES_MAX, "the corpus has {bytes} bytes");
}

fn chosen() -> Vec<Target> {
    let only = var("FUZZ_TARGET").ok();
    let chosen: Vec<_> =
        TARGETS.into_iter().filter(|target| only.as_ref().is_none_or(|name| name == target.name)).collect();
    assert!(!chosen.is_empty(), "there is no target of that name: {:?}", TARGETS.map(|target| target.name));
    chosen
}

/// Looks for an input that a target does not bear. Without a time it tries [`INPUTS`].
fn search(target: Target, seed: u64, time: Option<Duration>) {
    let seeds: Vec<Vec<u8>> = inputs(target.name).into_iter().map(|input| input.bytes).collect();
    let mut mutator = Mutator::new(&seeds, seed);
    let begun = Instant::now();
    let mut running = Running::of(target);
    let mut count = 0;
    while time.map_or(count < INPUTS, |time| begun.elapsed() < time) {
        let input = mutator.next_input();
        count += 1;
        running.note(&input);
        let tried = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            let small = shrink(target, input);
            let found = keep(target, "found", &small);
            panic!(
                "seed {seed}, input {count}: `{}` breaks a promise of {}: {:?}; hint: it is in `{}`; mend what it shows, and put it into `{}` under a name that says what it is",
                target.name,
                target.of,
                String::from_utf8_lossy(&small),
                found.display(),
                folder(target.name).display()
            );
        }
        assert!(tried.elapsed() < INPUT_MAX, "seed {seed}, input {count}: too slow, see `{}`", running.path.display());
    }
    let rate = count * 1000 / (begun.elapsed().as_millis() as u64).max(1);
    println!("{:12} {count:>9} inputs from seed {seed}, {rate:>6} a second: {}", target.name, target.of);
}

/// The input without whatever it does not need to break the same target.
fn shrink(target: Target, mut input: Vec<u8>) -> Vec<u8> {
    let hook = take_hook();
    set_hook(Box::new(|_| {})); // what it breaks was said once
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

/// The file of the input that is being tried. It is written before, for an overflow of the stack ends the process and leaves nothing
/// else behind.
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

    fn note(&mut self, input: &[u8]) {
        let noted = self.file.rewind().and_then(|()| self.file.write_all(input));
        let noted = noted.and_then(|()| self.file.set_len(input.len() as u64));
        noted.unwrap_or_else(|error| panic!("`{}`: {error}", self.path.display()));
    }
}

fn path(target: Target, what: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}.{what}", target.name))
}

fn keep(target: Target, what: &str, input: &[u8]) -> PathBuf {
    let file = path(target, what);
    fs::write(&file, input).unwrap_or_else(|error| panic!("`{}`: {error}", file.display()));
    file
}

fn number(variable: &str) -> Option<u64> {
    let text = var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{variable}` is `{text}`, which is no number")))
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs())
}
