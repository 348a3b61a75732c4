//! Tests `demo`, which checks at its end that it stored each record exactly once.

use serde_json::json;

use crate::binary::Slacktrail;

/// The picture in README, which `make picture` records.
const PICTURE: &str = include_str!("../../../docs/demo.svg");
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
    assert!(
        ran.stdout.lines().all(|line| line.chars().count() <= 80 || line.starts_with("    gzip")),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("HTTP status 500"), "injected faults are printed when they occur: {}", ran.stderr);

    let picture = picture();
    let command = |line: &&str| line.starts_with("$ ");
    let shown: Vec<&str> =
        picture.iter().map(String::as_str).skip_while(command).take_while(|line| !is_sample(line)).collect();
    let output: Vec<&str> = ran.stdout.lines().filter(|line| !line.is_empty()).take(shown.len()).collect();
    let words_of = |lines: &[&str]| lines.iter().map(|line| words(line)).collect::<Vec<_>>();
    assert_eq!(words_of(&output), words_of(&shown), "the picture is out of date; hint: run `make picture`");
    assert_eq!(output.last(), shown.last(), "the picture shows the verdict, with no missing or duplicate record");
    let warning = picture.iter().find(|line| line.starts_with("warning: ")).expect("the picture shows injected faults");
    assert!(ran.stderr.contains(warning), "{warning} is not in {}; hint: run `make picture`", ran.stderr);

    let again = slacktrail.run(&["demo", "--dir", "logs/demo-1"]).await.exits(1);
    assert!(again.stderr.starts_with("error: `logs/demo-1` is not empty"), "{}", again.stderr);
}

#[tokio::test]
async fn demo_json_is_one_object_and_text_goes_to_standard_error() {
    let directory = tempfile::tempdir().unwrap();
    let slacktrail = Slacktrail::alone().inside(directory.path());
    let ran = slacktrail.run(&["demo", "--seconds", "5", "--json"]).await.exits(0);
    assert!(ran.stderr.starts_with("This Slack is simulated"), "{}", ran.stderr);
    let result = ran.json();
    assert_eq!((&result["exact"], &result["directory"]), (&json!(true), &json!("logs/demo-1")), "{result}");
    for count in ["missing", "duplicates", "unexpected", "wrong_day", "missing_objects"] {
        assert_eq!(result[count], 0, "{result}");
    }
    let streams = result["streams"].as_array().unwrap();
    let records: u64 = streams.iter().map(|stream| stream["records"].as_u64().unwrap()).sum();
    assert_eq!((streams.len(), result["slack_records"].as_u64()), (3, Some(records)), "{result}");
    assert!(directory.path().join(result["newest_file"].as_str().unwrap()).is_file(), "{result}");
    assert!(result["late"].as_u64().unwrap() > 0 && result["late_seconds_max"].as_i64().unwrap() > 0, "{result}");
}

/// Returns the lines in the picture, without empty ones.
fn picture() -> Vec<String> {
    let lines = PICTURE.lines().filter(|line| line.starts_with("<text "));
    let text =
        |line: &str| line.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect::<String>();
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&amp;", "&")];
    lines.map(|line| entities.iter().fold(text(line), |text, (entity, c)| text.replace(entity, c))).collect()
}

/// Returns `true` if the line shows a record, which differs between runs.
fn is_sample(line: &str) -> bool {
    line.contains(": {")
}

/// Splits a line into cells without numbers and units, which differ between runs.
fn words(line: &str) -> Vec<String> {
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) || UNITS.contains(word);
    let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    cells.map(|cell| cell.split(' ').filter(|word| !is_number(word)).collect::<Vec<_>>().join(" ")).collect()
}
