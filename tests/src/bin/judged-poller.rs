//! Runs the compiled poller on an emulated AWS, for the judge of collectors (`tests/comparison/slacktrail-poller.toml`).
//!
//! `judged-poller service|prepare|run|backlog|fetch|save|restore DIR`. The service is the emulated AWS. It writes its endpoint to
//! `DIR/endpoint`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints its output")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use slacktrail_adapters::aws::AwsPorts;
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;
use slacktrail_tests::archive::Archive;
use slacktrail_tests::deployment::{self, BUCKET, Summary, TABLE};
use slacktrail_tests::emulated_aws::EmulatedAws;
use slacktrail_tests::fake_clock::TestClock;
use slacktrail_tests::function::poller_binary;
use slacktrail_tests::lambda_runtime_api::{Answer, Emulator};

/// The timeout of the poller in the template.
const DEADLINE: Duration = Duration::from_secs(55);
/// The maximum number of invocations for a backlog.
const INVOCATIONS_MAX: usize = 100;
/// How far back the source starts.
const HISTORY_SECONDS: i64 = 7 * 86_400;
/// How long the service may need to start.
const START_MAX: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [action, directory] = arguments.as_slice() else { return usage() };
    let directory = Path::new(directory);
    match action.as_str() {
        "service" => serve(directory).await,
        "prepare" => connect(&aws(directory).await).await,
        "run" => return run(&aws(directory).await, directory, 1).await,
        "backlog" => return run(&aws(directory).await, directory, INVOCATIONS_MAX).await,
        "fetch" => Archive::read(&aws(directory).await.s3(), BUCKET).await.write_to(&directory.join("records")),
        "save" => save(&aws(directory).await, &copy()).await,
        "restore" => restore(&aws(directory).await, &copy()).await,
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: judged-poller service|prepare|run|backlog|fetch|save|restore DIR");
    ExitCode::from(2)
}

/// Runs the emulated AWS until the process is killed.
async fn serve(directory: &Path) {
    let aws = EmulatedAws::start().expect("moto is installed");
    aws.create_bucket(BUCKET).await;
    aws.create_table(TABLE).await;
    // Renaming makes the whole endpoint appear at once.
    let (new, file) = (directory.join("endpoint.new"), directory.join("endpoint"));
    std::fs::write(&new, aws.endpoint()).expect("a file can be written");
    std::fs::rename(&new, &file).expect("a file can be renamed");
    std::future::pending::<()>().await;
}

async fn aws(directory: &Path) -> EmulatedAws {
    let started = async {
        loop {
            match std::fs::read_to_string(directory.join("endpoint")) {
                Ok(endpoint) => return EmulatedAws::running_at(endpoint),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(START_MAX, started).await.expect("the emulated AWS starts")
}

/// Connects a source, as `slacktrail connect` does.
async fn connect(aws: &EmulatedAws) {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let log: LogType = variable("LOG").parse().expect("LOG is a log type");
    let organization = variable("ORGANIZATION") == "true";
    let ports = AwsPorts::connect(&aws.sdk_config(), deployment::names());
    let id = "acme".parse().expect("a valid source ID");
    let now = Second::of(jiff::Timestamp::now());
    let plan = if organization { Plan::Enterprise } else { Plan::Business };
    let source = Source::new(id, "Acme", plan, now.plus(-HISTORY_SECONDS));
    let source = Source { logs: vec![log], organization, connected_at: now, ..source };
    deployment::connect(&ports, &source, &json!({ "token": variable("SLACK_TOKEN") })).await;
}

/// Invokes a new poller until it has no gap left, at most `invocations_max` times, as Lambda invokes a warm function every minute. Prints its
/// log lines and its responses. Adds its CPU time and memory to the file `usage.json`.
async fn run(aws: &EmulatedAws, directory: &Path, invocations_max: usize) -> ExitCode {
    let lambda = Emulator::start().await;
    let mut environment = aws.environment();
    environment.extend(TestClock::environment());
    environment.extend([("BUCKET_NAME".to_owned(), BUCKET.to_owned()), ("TABLE_NAME".to_owned(), TABLE.to_owned())]);
    let urls = ["SLACK_API_URL", "SLACK_AUDIT_URL"];
    environment.extend(urls.map(|name| (name.to_owned(), std::env::var(name).unwrap_or_default())));
    let poller = lambda.spawn(&poller_binary(), environment);
    let mut ended = ExitCode::SUCCESS;
    for _ in 0..invocations_max {
        match lambda.invoke(json!({}), DEADLINE).await {
            Answer::Response(response) => {
                println!("{response}");
                if !Summary::of(Answer::Response(response)).is_behind() {
                    break;
                }
            }
            other => {
                println!("{other:?}");
                ended = ExitCode::FAILURE;
                break;
            }
        }
    }
    let usage = directory.join("usage.json");
    add_usage(&usage, poller.cpu().unwrap_or_default(), poller.memory_peak().unwrap_or_default());
    poller.kill().await.iter().for_each(|line| println!("{line}"));
    ended
}

/// Adds the CPU time of a run to that of earlier runs, and keeps the higher peak memory.
fn add_usage(file: &Path, cpu: Duration, memory_peak: u64) {
    let before: Value =
        std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let cpu_seconds = before["cpu_seconds"].as_f64().unwrap_or_default() + cpu.as_secs_f64();
    let memory_peak = before["memory_peak"].as_u64().unwrap_or_default().max(memory_peak);
    let usage = json!({ "cpu_seconds": cpu_seconds, "memory_peak": memory_peak });
    std::fs::write(file, usage.to_string()).expect("a file can be written");
}

/// Returns the file for a copy of the table.
fn copy() -> PathBuf {
    std::env::var_os("COPY").map(PathBuf::from).expect("COPY is set")
}

async fn scan(aws: &EmulatedAws) -> Vec<Value> {
    let mut scanned = aws.call("dynamodb", "DynamoDB_20120810.Scan", json!({ "TableName": TABLE })).await;
    match scanned["Items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// Saves all items of the table.
async fn save(aws: &EmulatedAws, copy: &Path) {
    std::fs::write(copy, json!(scan(aws).await).to_string()).expect("a file can be written");
}

/// Replaces all items of the table by the saved ones.
async fn restore(aws: &EmulatedAws, copy: &Path) {
    for item in scan(aws).await {
        let key = json!({ "pk": item["pk"], "sk": item["sk"] });
        aws.call("dynamodb", "DynamoDB_20120810.DeleteItem", json!({ "TableName": TABLE, "Key": key })).await;
    }
    let saved = std::fs::read(copy).expect("the copy can be read");
    let items: Vec<Value> = serde_json::from_slice(&saved).expect("the copy is a list of items");
    for item in items {
        aws.call("dynamodb", "DynamoDB_20120810.PutItem", json!({ "TableName": TABLE, "Item": item })).await;
    }
}
