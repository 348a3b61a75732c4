//! `poller_function` and `oauth_function`: each function has the template's settings and is ready to run.

use aws_sdk_lambda::Client;

use crate::doctor::aws::problem;
use crate::doctor::facts::{Fact, Facts, FunctionFacts};
use crate::doctor::verdict::{Verdict, ensure};

const RUNTIME: &str = "provided.al2023";
const DEPLOY_AGAIN: &str = "build and deploy the stack again";
/// The hint for a function whose architecture differs from its binary or its stack.
pub(super) const SET_ARCHITECTURE: &str = "from source, set `Architecture` in `deploy.toml` and nowhere else, then run \
    `sam build --config-file deploy.toml && sam deploy --config-file deploy.toml`; from an archive, deploy the archive for that \
    architecture";

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
