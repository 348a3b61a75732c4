//! `poller_function`, `oauth_function`, `schedule`, `poller_runs`, `poller_responds`: each function has the template's settings and is ready to
//! run, the rule invokes the poller, the poller runs, and an invocation returns a summary.

use std::time::{Duration, Instant};

use aws_sdk_eventbridge::types::RuleState;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::log_lines;
use crate::doctor::aws::{for_invocation, problem};
use crate::doctor::facts::{Fact, Facts, FunctionFacts};
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::format::counted;

const RUNTIME: &str = "provided.al2023";
const DEPLOY_AGAIN: &str = "build and deploy the stack again";
/// The hint for a function whose architecture differs from its binary or its stack.
pub(super) const SET_ARCHITECTURE: &str = "from source, set `Architecture` in `deploy.toml` and nowhere else, then run \
    `sam build --config-file deploy.toml && sam deploy --config-file deploy.toml`; from an archive, deploy the archive for that \
    architecture";
/// The maximum age of the poller's newest log line. The poller is invoked every minute.
const RAN_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// The age below which a deployment may not have invoked the poller yet.
const DEPLOYED_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Returns `true` if `text` reports that Lambda cannot start the binary, which happens if it was built for a different architecture.
pub(super) fn cannot_start(text: &str) -> bool {
    text.contains("exec format error") || text.contains("Runtime.InvalidEntrypoint")
}

pub(super) async fn poller(facts: &Facts) -> Verdict {
    check(facts, &facts.deployed.get()?.poller, &facts.poller).await
}

pub(super) async fn oauth(facts: &Facts) -> Verdict {
    check(facts, &facts.deployed.get()?.oauth, &facts.oauth).await
}

async fn check(facts: &Facts, name: &str, found: &Fact<FunctionFacts>) -> Verdict {
    let response = Client::new(&facts.config).get_function_configuration().function_name(name).send().await;
    let response = response.map_err(problem("lambda:GetFunctionConfiguration"))?;
    let logging = response.logging_config();
    let log_group = logging.and_then(|logging| logging.log_group());
    found.set(FunctionFacts {
        arn: response.function_arn().unwrap_or_default().to_owned(),
        role: response.role().unwrap_or_default().to_owned(),
        log_group: log_group.map_or_else(|| format!("/aws/lambda/{name}"), str::to_owned),
        log_format: logging.and_then(|logging| logging.log_format()).map(|format| format.as_str().to_owned()),
    });
    let architecture = response.architectures().first().map_or("", |architecture| architecture.as_str());
    let wanted = facts.parameter("Architecture")?;
    let runtime = response.runtime().map_or("", |runtime| runtime.as_str());
    let state = response.state().map_or("", |state| state.as_str());
    let update = response.last_update_status().map_or("", |status| status.as_str());
    ensure(
        architecture == wanted,
        format!("`{name}` runs on `{architecture}`, but the parameter `Architecture` is `{wanted}`"),
        SET_ARCHITECTURE,
    )?;
    ensure(runtime == RUNTIME, format!("`{name}` has the runtime `{runtime}` instead of `{RUNTIME}`"), DEPLOY_AGAIN)?;
    let reason = response.state_reason().map(|reason| format!(": {reason}")).unwrap_or_default();
    ensure(
        matches!(state, "Active" | "Inactive"), // a function that was idle for weeks is inactive until its next invocation
        format!("`{name}` has the state `{state}`{reason}"),
        "wait a minute if it is `Pending`; otherwise deploy the stack again",
    )?;
    let reason = response.last_update_status_reason().map(|reason| format!(": {reason}")).unwrap_or_default();
    ensure(
        update == "Successful",
        format!("the last update of `{name}` has the status `{update}`{reason}"),
        "wait a minute if it is `InProgress`; otherwise deploy the stack again",
    )?;
    Ok(format!("`{name}` is active on `{architecture}` with the runtime `{runtime}`"))
}

pub(super) async fn schedule(facts: &Facts) -> Verdict {
    let rule = &facts.deployed.get()?.rule;
    let client = aws_sdk_eventbridge::Client::new(&facts.config);
    let described = client.describe_rule().name(rule).send().await.map_err(problem("events:DescribeRule"))?;
    let state = described.state().map_or("no state", RuleState::as_str);
    ensure(
        described.state() == Some(&RuleState::Enabled),
        format!("the rule `{rule}` has the state `{state}`"),
        format!("enable it: `aws events enable-rule --name {rule}`"),
    )?;
    let poller = &facts.poller.get()?.arn;
    let targets = client.list_targets_by_rule().rule(rule).send().await;
    let targets = targets.map_err(problem("events:ListTargetsByRule"))?;
    ensure(
        targets.targets().iter().any(|target| target.arn() == poller),
        format!("the rule `{rule}` does not invoke the poller"),
        "deploy the stack again to restore the rule's target",
    )?;
    Ok(format!("the rule `{rule}` is enabled: {}", described.schedule_expression().unwrap_or("no schedule")))
}

/// Checks that the poller wrote a log line recently.
///
/// Reads the log because log lines arrive within seconds, whereas CloudWatch publishes Lambda's metrics minutes late.
pub(super) async fn runs(facts: &Facts) -> Verdict {
    let group = &facts.poller.get()?.log_group;
    let now = Timestamp::now();
    let Some(events) = log_lines::read(facts, group, now - RAN_WITHIN, None).await? else {
        return Err(Problem::failed(format!("the log group `{group}` does not exist"), log_lines::create_hint(group)));
    };
    let newest = events.iter().map(|event| event.written_at).max();
    match newest {
        Some(newest) => Ok(format!("the newest log line is {} s old", now.duration_since(newest).as_secs().max(0))),
        None if now.duration_since(facts.described.get()?.changed_at) < DEPLOYED_WITHIN => Err(Problem::skipped_until(
            "the deployment started less than ten minutes ago, and the poller has not run yet",
            "run the command again in two minutes",
        )),
        None => Err(Problem::failed(
            format!("the poller wrote no line to `{group}` in the last two minutes"),
            "see \"Poller not running\" in docs/operations.md",
        )),
    }
}

/// Invokes the poller. An additional tick is harmless, because ticks may overlap.
pub(super) async fn responds(facts: &Facts) -> Verdict {
    let poller = &facts.deployed.get()?.poller;
    let started = Instant::now();
    let client = Client::new(&for_invocation(&facts.config));
    let response = client.invoke().function_name(poller).payload(Blob::new("{}")).send().await;
    let response = response.map_err(problem("lambda:InvokeFunction"))?;
    let payload = response.payload().map(Blob::as_ref).unwrap_or_default();
    summarize(response.function_error(), payload, started.elapsed())
}

fn summarize(error: Option<&str>, payload: &[u8], took: Duration) -> Verdict {
    let response: Value = serde_json::from_slice(payload).unwrap_or(Value::Null);
    if let Some(error) = error {
        let message = response["errorMessage"].as_str().unwrap_or(error);
        if [&response["errorType"], &response["errorMessage"]]
            .iter()
            .any(|text| text.as_str().is_some_and(cannot_start))
        {
            let detail = format!(
                "Lambda cannot start the poller, probably because it was built for a different architecture: {message}"
            );
            return Err(Problem::failed(detail, SET_ARCHITECTURE));
        }
        return Err(Problem::failed(
            format!("the poller failed: {message}"),
            "see \"Poller errors\" in docs/operations.md, and run `sam logs --stack-name $SLACKTRAIL_STACK --name Poller`",
        ));
    }
    let Some(streams) = response["streams"].as_array() else {
        return Err(Problem::failed(
            "the poller's response is not a summary",
            "check that the deployed function is slacktrail's poller, and deploy the stack again",
        ));
    };
    let shards = response["shards"].as_u64().map(|shards| format!("; {}", counted(shards, "further invocation")));
    let shards = shards.unwrap_or_default();
    let streams = counted(streams.len() as u64, "stream");
    Ok(format!("an invocation returned {streams} in {:.1} s{shards}", took.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::verdict::CheckOutcome;

    #[test]
    fn binary_of_other_architecture_cannot_start() {
        for (text, expected) in [
            ("RequestId: 1 Error: fork/exec /var/task/bootstrap: exec format error", true),
            ("Runtime.InvalidEntrypoint", true),
            ("Runtime.ExitError", false),
        ] {
            assert_eq!(cannot_start(text), expected, "{text}");
        }
    }

    #[test]
    fn architecture_hint_names_commands_of_readme() {
        let readme = include_str!("../../../../README.md");
        let command = "sam build --config-file deploy.toml && sam deploy --config-file deploy.toml";
        assert!(readme.contains(command) && SET_ARCHITECTURE.contains(command));
    }

    #[test]
    fn response_is_summary_of_streams_or_error() {
        let summarize = |error, payload: &str| summarize(error, payload.as_bytes(), Duration::from_millis(1_234));
        assert_eq!(summarize(None, r#"{"streams":[{},{}]}"#).unwrap(), "an invocation returned 2 streams in 1.2 s");
        let dispatched = summarize(None, r#"{"streams":[],"shards":3}"#).unwrap();
        assert_eq!(dispatched, "an invocation returned 0 streams in 1.2 s; 3 further invocations");
        for (error, payload, expected) in [
            (Some("Unhandled"), r#"{"errorType":"x","errorMessage":"no bucket"}"#, "the poller failed: no bucket"),
            (Some("Unhandled"), "", "the poller failed: Unhandled"),
            (
                Some("Unhandled"),
                r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: 1 Error: exec format error"}"#,
                "Lambda cannot start the poller, probably because it was built for a different architecture: RequestId: 1 Error: exec format error",
            ),
            (None, "null", "the poller's response is not a summary"),
        ] {
            let problem = summarize(error, payload).unwrap_err();
            assert_eq!((problem.outcome, problem.detail.as_str()), (CheckOutcome::Failed, expected));
        }
    }
}
