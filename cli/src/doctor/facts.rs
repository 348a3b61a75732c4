//! What the checks know of the deployment. A check that needs a fact which no earlier check found is skipped.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use aws_config::SdkConfig;
use jiff::Timestamp;

use super::aws;
use super::verdict::Problem;

/// The facts, each set by the check that finds it.
pub(super) struct Facts {
    /// The settings of AWS, with a time limit on each call.
    pub(super) config: SdkConfig,
    /// The stack's name or ARN.
    pub(super) stack_name: String,
    /// The client for Slack and the API. It sends no credentials.
    pub(super) http: reqwest::Client,
    /// Set by `credentials`.
    pub(super) caller_known: OnceCell<()>,
    /// How far this machine's clock is ahead of AWS's. Set by `credentials`, even if that check fails.
    pub(super) aws_clock_skew_seconds: OnceCell<i64>,
    /// The same of Slack's. Set by `slack`, even if that check fails.
    pub(super) slack_clock_skew_seconds: OnceCell<i64>,
    /// Set by `stack`, even if its status is not complete.
    pub(super) described: OnceCell<DescribedStack>,
    /// Set by `outputs`.
    pub(super) deployed: OnceCell<Deployed>,
    /// Set by `poller_function` and `oauth_function`, even if the function is not as it should be.
    pub(super) poller: OnceCell<FunctionFacts>,
    pub(super) oauth: OnceCell<FunctionFacts>,
    /// Set by `athena_workgroup`.
    pub(super) workgroup_exists: OnceCell<()>,
    /// Set by `secrets` as soon as the sources are read.
    pub(super) sources: OnceCell<Vec<String>>,
}

/// The stack as CloudFormation describes it.
#[derive(Clone, Debug)]
pub(super) struct DescribedStack {
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) outputs: BTreeMap<String, String>,
    /// When it was created or last updated.
    pub(super) changed_at: Timestamp,
}

/// The resources of the stack, by the names that AWS gave them.
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

/// A function as Lambda knows it.
#[derive(Clone, Debug)]
pub(super) struct FunctionFacts {
    pub(super) arn: String,
    /// The ARN of its role.
    pub(super) role: String,
    pub(super) log_group: String,
    /// `JSON` or `Text`, if Lambda says so.
    pub(super) log_format: Option<String>,
}

impl Facts {
    /// Knows nothing yet.
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

    /// Returns `Ok` if AWS accepts the credentials, or a skip.
    pub(super) fn caller(&self) -> Result<(), Problem> {
        need(&self.caller_known, "credentials").copied()
    }

    /// Returns the ids of the sources that have a secret, or a skip.
    pub(super) fn sources(&self) -> Result<&[String], Problem> {
        need(&self.sources, "secrets").map(Vec::as_slice)
    }

    /// Returns the stack's parameters and outputs, or a skip.
    pub(super) fn described(&self) -> Result<&DescribedStack, Problem> {
        need(&self.described, "stack")
    }

    /// Returns the resources, or a skip.
    pub(super) fn deployed(&self) -> Result<&Deployed, Problem> {
        need(&self.deployed, "outputs")
    }

    /// Returns the poller function, or a skip.
    pub(super) fn poller(&self) -> Result<&FunctionFacts, Problem> {
        need(&self.poller, "poller_function")
    }

    /// Returns the OAuth function, or a skip.
    pub(super) fn oauth(&self) -> Result<&FunctionFacts, Problem> {
        need(&self.oauth, "oauth_function")
    }

    /// Returns `Ok` if queries can run, or a skip.
    pub(super) fn workgroup(&self) -> Result<(), Problem> {
        need(&self.workgroup_exists, "athena_workgroup").copied()
    }

    /// Returns the value of a parameter of the stack, or a skip.
    pub(super) fn parameter(&self, name: &str) -> Result<&str, Problem> {
        Ok(self.described()?.parameters.get(name).map_or("", String::as_str))
    }
}

fn need<'a, T>(fact: &'a OnceCell<T>, check: &str) -> Result<&'a T, Problem> {
    fact.get().ok_or_else(|| Problem::skipped(format!("needs the check `{check}`, which did not get that far")))
}
