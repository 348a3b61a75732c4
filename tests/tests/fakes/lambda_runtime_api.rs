//! Tests of the emulated Lambda Runtime API, with a plain HTTP client in place of a function.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use slacktrail_tests::lambda_runtime_api::{Answer, Emulator};

const DEADLINE: Duration = Duration::from_secs(20);

/// A client of the Runtime API, like the runtime in a function.
struct Runtime {
    client: Client,
    api: String,
}

struct Event {
    id: String,
    deadline_ms: u128,
    content: Value,
}

impl Runtime {
    fn of(emulator: &Emulator) -> Runtime {
        Runtime { client: Client::new(), api: format!("http://{}/2018-06-01/runtime", emulator.address()) }
    }

    async fn next(&self) -> Event {
        let response = self.client.get(format!("{}/invocation/next", self.api)).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("lambda-runtime-invoked-function-arn").starts_with("arn:aws:lambda:"));
        assert!(header("lambda-runtime-trace-id").starts_with("Root=1-"));
        Event {
            id: header("lambda-runtime-aws-request-id"),
            deadline_ms: header("lambda-runtime-deadline-ms").parse().unwrap(),
            content: serde_json::from_slice(&response.bytes().await.unwrap()).unwrap(),
        }
    }

    async fn post(&self, path: &str, body: Value) -> StatusCode {
        let request = self.client.post(format!("{}/{path}", self.api)).body(body.to_string());
        request.send().await.unwrap().status()
    }

    async fn respond(&self, event: &Event, body: Value) -> StatusCode {
        self.post(&format!("invocation/{}/response", event.id), body).await
    }
}

#[tokio::test]
async fn waiting_function_gets_event_and_its_response_is_returned() {
    let emulator = Emulator::start().await;
    let runtime = Runtime::of(&emulator);
    let function = async {
        let event = runtime.next().await;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        assert!(event.deadline_ms > now_ms && event.deadline_ms <= now_ms + DEADLINE.as_millis());
        runtime.respond(&event, json!({ "heard": event.content })).await
    };

    let (status, answer) = tokio::join!(function, emulator.invoke(json!({ "tick": 1 }), DEADLINE));

    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(answer, Answer::Response(json!({ "heard": { "tick": 1 } })));
}

#[tokio::test]
async fn function_error_is_returned() {
    let emulator = Emulator::start().await;
    let runtime = Runtime::of(&emulator);
    let failure = json!({ "errorType": "Reconfigure", "errorMessage": "no bucket" });
    let function = async {
        let event = runtime.next().await;
        runtime.post(&format!("invocation/{}/error", event.id), failure.clone()).await
    };

    let (_, answer) = tokio::join!(function, emulator.invoke(json!({}), DEADLINE));

    assert_eq!(answer, Answer::Error(failure));
}

#[tokio::test]
async fn failed_start_is_returned_to_waiting_events_or_next_one() {
    let emulator = Emulator::start().await;
    let runtime = Runtime::of(&emulator);
    let failure = json!({ "errorType": "Reconfigure", "errorMessage": "`BUCKET_NAME` is not set" });

    runtime.post("init/error", failure.clone()).await;
    assert_eq!(emulator.invoke(json!({}), DEADLINE).await, Answer::Error(failure.clone()));

    let invocations = async { tokio::join!(emulator.invoke(json!(1), DEADLINE), emulator.invoke(json!(2), DEADLINE)) };
    let (answers, _) = tokio::join!(invocations, runtime.post("init/error", failure.clone()));
    assert_eq!(answers, (Answer::Error(failure.clone()), Answer::Error(failure)));
}

#[tokio::test]
async fn two_functions_of_one_service_get_one_event_each() {
    let emulator = Emulator::start().await;
    let (first, second) = (Runtime::of(&emulator), Runtime::of(&emulator));
    let functions = async {
        let (one, other) = tokio::join!(first.next(), second.next());
        second.respond(&other, other.content.clone()).await; // the response to the later event may come first
        first.respond(&one, one.content.clone()).await;
    };
    let invocations =
        async { tokio::join!(emulator.invoke(json!("a"), DEADLINE), emulator.invoke(json!("b"), DEADLINE)) };

    let ((), answers) = tokio::join!(functions, invocations);

    assert_eq!(answers, (Answer::Response(json!("a")), Answer::Response(json!("b"))));
}

#[tokio::test]
async fn missing_response_ends_at_deadline_and_late_response_is_rejected() {
    let emulator = Emulator::start().await;
    let runtime = Runtime::of(&emulator);

    let (event, answer) = tokio::join!(runtime.next(), emulator.invoke(json!({}), Duration::from_millis(20)));

    assert_eq!(answer, Answer::NoResponse);
    assert_eq!(runtime.respond(&event, json!("late")).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn event_of_ended_test_is_never_delivered() {
    let emulator = Emulator::start().await;
    let runtime = Runtime::of(&emulator);
    let gone = emulator.invoke(json!("gone"), DEADLINE);
    assert!(tokio::time::timeout(Duration::ZERO, gone).await.is_err());

    let function = async {
        let event = runtime.next().await;
        runtime.respond(&event, event.content.clone()).await
    };
    let (_, answer) = tokio::join!(function, emulator.invoke(json!("here"), DEADLINE));

    assert_eq!(answer, Answer::Response(json!("here")));
}

#[cfg(unix)]
#[tokio::test]
async fn function_sees_lambda_and_given_environment_and_can_be_killed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("poller");
    let text = "#!/bin/sh\necho \"$AWS_LAMBDA_FUNCTION_NAME $BUCKET_NAME ${HOME-nobody}\"\necho \"$AWS_LAMBDA_RUNTIME_API\" >&2\nexec sleep 600\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let emulator = Emulator::start().await;

    let function = emulator.spawn(&script, [("BUCKET_NAME", "logs")]);
    while function.lines().len() < 2 {
        tokio::task::yield_now().await;
    }
    let mut lines = function.kill().await;

    lines.sort();
    assert_eq!(lines, [emulator.address().to_string(), "poller logs nobody".to_owned()]);
}
