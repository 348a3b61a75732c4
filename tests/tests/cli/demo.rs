//! Tests `demo`, which checks at its end that it stored each record exactly once.

use crate::binary::Slacktrail;

const README: &str = include_str!("../../../README.md");
/// Units of sizes and durations.
const UNITS: [&str; 7] = ["B", "kB", "MB", "s", "min", "h", "d"];

#[tokio::test]
async fn demo_finds_every_record_once() {
    let directory = tempfile::tempdir().unwrap();
    let slacktrail = Slacktrail::alone().inside(directory.path());
    let ran = slacktrail.run(&["demo", "--seconds", "6"]).await.exits(0);
    for part in ["This Slack is simulated", "Exact: ", "missing 0, duplicate 0, ", "acme/integration", "logs/demo-1"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80 || line.starts_with("  gzip")), "{}", ran.stdout);
    assert!(ran.stderr.contains("HTTP status 500"), "injected faults are printed when they occur: {}", ran.stderr);

    let readme = shown_by_readme();
    let output = ran.stdout.lines().skip_while(|line| !line.starts_with("stream ")).filter(|line| !line.is_empty());
    let output: Vec<&str> = output.take(readme.len()).collect();
    let words_of = |lines: &[&str]| lines.iter().map(|line| words(line)).collect::<Vec<_>>();
    assert_eq!(words_of(&output), words_of(&readme), "README shows the demo's output");
    assert_eq!(output.last(), readme.last(), "README shows the demo's last line, with no missing or duplicate record");

    let again = slacktrail.run(&["demo", "--dir", "logs/demo-1"]).await.exits(1);
    assert!(again.stderr.starts_with("error: `logs/demo-1` is not empty"), "{}", again.stderr);
}

/// Returns the demo's output in README, from the table on and without empty lines.
fn shown_by_readme() -> Vec<&'static str> {
    let lines = README.lines().filter_map(|line| line.strip_prefix("    "));
    lines.skip_while(|line| !line.starts_with("stream ")).take_while(|line| !line.starts_with("make ")).collect()
}

/// Splits a line into cells without numbers and units, which differ between runs.
fn words(line: &str) -> Vec<String> {
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) || UNITS.contains(word);
    let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    cells.map(|cell| cell.split(' ').filter(|word| !is_number(word)).collect::<Vec<_>>().join(" ")).collect()
}
