//! `demo`: it ends in the proof that it stored everything once.

use crate::binary::Slacktrail;

#[tokio::test]
async fn the_demonstration_finds_every_record_once() {
    let directory = tempfile::tempdir().unwrap();
    let slacktrail = Slacktrail::alone().inside(directory.path());
    let ran = slacktrail.run(&["demo", "--seconds", "6"]).await.exits(0);
    for part in ["This Slack is simulated", "Exact: ", "missing 0, doubled 0, ", "acme/integration", "logs/demo-1"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80 || line.starts_with("  gzip")), "{}", ran.stdout);
    assert!(ran.stderr.contains("HTTP status 500"), "its faults are told as they come: {}", ran.stderr);

    let again = slacktrail.run(&["demo", "--to", "logs/demo-1"]).await.exits(1);
    assert!(again.stderr.starts_with("error: `logs/demo-1` is not empty"), "{}", again.stderr);
}
