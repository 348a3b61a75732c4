//! Facts about the deployment that earlier checks found. A check is skipped if a fact that it requires is missing.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use aws_config::SdkConfig;
use jiff::Timestamp;

use super::aws;
use super::verdict::Problem;

/// The facts. Each is set by the check that finds it.
pub(super) struct Facts {
    /// The AWS configuration, with timeouts.
    pub(super) config: SdkConfig,
    /// The stack's name or ARN.
    pub(super) stack_name: String,
    /// The client for Slack and for the deployment's API. It sends no credentials.
    pub(super) http: reqwest::Client,
    /// Set by `credentials` if AWS accepts them.
    pub(super) caller_known: OnceCell<()>,
    /// How far the local clock is ahead of AWS's clock. Set by `credentials`, even if that check fails.
    pub(super) aws_clock_skew_seconds: OnceCell<i64>,
    /// How far the local clock is ahead of Slack's clock. Set by `slack`, even if that check fails.
    pub(super) slack_clock_skew_seconds: OnceCell<i64>,
    /// Set by `stack`, even if the stack's status is not complete.
    pub(super) described: OnceCell<DescribedStack>,
    /// Set by `outputs`.
    pub(super) deployed: OnceCell<Deployed>,
    /// Set by `poller_function`, even if that check fails.
    pub(super) poller: OnceCell<FunctionFacts>,
    /// Set by `oauth_function`, even if that check fails.
    pub(super) oauth: OnceCell<FunctionFacts>,
    /// Set by `athena_workgroup`.
    pub(super) workgroup_exists: OnceCell<()>,
    /// The IDs of the connected sources. Set by `secrets` as soon as the sources are read.
    pub(super) sources: OnceCell<Vec<String>>,
}

/// CloudFormation's description of the stack.
#[derive(Clone, Debug)]
pub(super) struct DescribedStack {
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) outputs: BTreeMap<String, String>,
    /// The time when the stack was created or last updated.
    pub(super) changed_at: Timestamp,
}

/// The physical names of the stack's resources.
#[derive(Clone, Debug)]
pub(super) struct Deployed {
    pub(super) bucket: String,
    pub(super) table: String,
    pub(super) secret_prefix: String,
    pub(super) url: String,
    pub(super) poller: String,
    pub(super) oauth: String,
    pub(super) rule: String,
    pub(super) database: String,
    pub(super) workgroup: String,
    pub(super) topic: String,
    pub(super) alarms: Vec<String>,
}

/// Lambda's description of a function.
#[derive(Clone, Debug)]
pub(super) struct FunctionFacts {
    pub(super) arn: String,
    /// The ARN of the function's role.
    pub(super) role: String,
    pub(super) log_group: String,
    /// `JSON` or `Text`, if Lambda reports the format.
    pub(super) log_format: Option<String>,
}

impl Facts {
    /// Creates an empty set of facts.
    pub(super) fn new(config: &SdkConfig, stack_name: String, http: reqwest::Client) -> Facts {
        Facts {
            config: aws::bounded(config),
            stack_name,
            http,
            caller_known: OnceCell::new(),
            aws_clock_skew_seconds: OnceCell::new(),
            slack_clock_skew_seconds: OnceCell::new(),
            described: OnceCell::new(),
            deployed: OnceCell::new(),
            poller: OnceCell::new(),
            oauth: OnceCell::new(),
            workgroup_exists: OnceCell::new(),
            sources: OnceCell::new(),
        }
    }

    /// Returns `Ok` if AWS accepts the credentials, otherwise a skip.
    pub(super) fn caller(&self) -> Result<(), Problem> {
        require(&self.caller_known, "credentials").copied()
    }

    /// Returns the IDs of the connected sources, or a skip.
    pub(super) fn sources(&self) -> Result<&[String], Problem> {
        require(&self.sources, "secrets").map(Vec::as_slice)
    }

    /// Returns the stack's parameters and outputs, or a skip.
    pub(super) fn described(&self) -> Result<&DescribedStack, Problem> {
        require(&self.described, "stack")
    }

    /// Returns the resource names, or a skip.
    pub(super) fn deployed(&self) -> Result<&Deployed, Problem> {
        require(&self.deployed, "outputs")
    }

    /// Returns the poller function, or a skip.
    pub(super) fn poller(&self) -> Result<&FunctionFacts, Problem> {
        require(&self.poller, "poller_function")
    }

    /// Returns the OAuth function, or a skip.
    pub(super) fn oauth(&self) -> Result<&FunctionFacts, Problem> {
        require(&self.oauth, "oauth_function")
    }

    /// Returns `Ok` if the Athena workgroup exists, otherwise a skip.
    pub(super) fn workgroup(&self) -> Result<(), Problem> {
        require(&self.workgroup_exists, "athena_workgroup").copied()
    }

    /// Returns the value of a stack parameter, or a skip. The value of an unknown parameter is empty.
    pub(super) fn parameter(&self, name: &str) -> Result<&str, Problem> {
        Ok(self.described()?.parameters.get(name).map_or("", String::as_str))
    }
}

fn require<'a, T>(fact: &'a OnceCell<T>, check: &str) -> Result<&'a T, Problem> {
    fact.get()
        .ok_or_else(|| Problem::skipped(format!("requires a result of the check `{check}`, which did not complete")))
}
