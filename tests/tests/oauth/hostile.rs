//! Runs the compiled OAuth function against a hostile Slack. Its memory stays bounded, and it connects the next source.
#![expect(clippy::print_stdout, reason = "the test reports if it cannot limit memory")]

use slacktrail_tests::hostile_slack::{DATA_MAX, HostileDeployment, Outcome, oauth_inputs};
use slacktrail_tests::lambda_runtime_api::{Answer, Emulator};

fn status(answer: &Answer) -> u64 {
    match answer {
        Answer::Response(answer) => answer["statusCode"].as_u64().unwrap(),
        other => panic!("the function returned no response: {other:?}"),
    }
}

#[tokio::test]
async fn hostile_installations_fit_memory_and_do_not_affect_next_one() {
    let Some(hostile) = HostileDeployment::start().await else { return };
    let lambda = Emulator::start().await;
    let oauth = hostile.oauth(&lambda);
    if !oauth.limit_data(DATA_MAX) {
        println!("not limited: this machine cannot limit the data size of a process (`prlimit`)");
    }
    for (input, number) in oauth_inputs().into_iter().zip(1..) {
        hostile.slack.script(None, &input.script);
        let answer = hostile.authorize(&lambda, number).await;
        let status = status(&answer);
        println!("{}: {status}, peak {:?} MiB", input.name, oauth.memory_peak().map(|bytes| bytes >> 20));
        let is_connected = status == 200 && input.outcome != Outcome::Error;
        assert!(is_connected || (400..600).contains(&status), "{}: {answer:?}", input.name);
    }
    hostile.slack.clear_scripts();
    assert_eq!(status(&hostile.authorize(&lambda, 100).await), 200);
    let lines = oauth.kill().await;
    assert!(lines.len() > oauth_inputs().len(), "each request has a line: {lines:#?}");
    assert!(lines.iter().all(|line| !line.contains("panicked") && !line.contains("abcdefgh")), "{lines:#?}");
}
