//! Facts about the deployment that earlier checks found. A check is skipped if a fact that it requires is missing.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use aws_config::SdkConfig;
use jiff::Timestamp;

use super::verdict::Problem;
use crate::aws::AwsArguments;
use slacktrail_adapters::aws::bounded;

/// A fact that a check finds.
pub(super) struct Fact<T> {
    found: OnceCell<T>,
    /// Why the checks that require the fact are skipped without it.
    missing: String,
}

impl<T> Fact<T> {
    fn new(missing: &str) -> Fact<T> {
        Fact { found: OnceCell::new(), missing: missing.to_owned() }
    }

    fn of(check: &str) -> Fact<T> {
        Fact::new(&format!("requires a result of the check `{check}`, which did not complete"))
    }

    /// Sets the fact, unless it is set.
    pub(super) fn set(&self, fact: T) {
        let _ = self.found.set(fact);
    }

    /// Returns the fact, or a skip.
    pub(super) fn get(&self) -> Result<&T, Problem> {
        self.found.get().ok_or_else(|| Problem::skipped(&self.missing))
    }
}

/// The facts. Each is set by the check that finds it.
pub(super) struct Facts {
    /// The AWS configuration, with timeouts.
    pub(super) config: SdkConfig,
    /// The stack's name or ARN.
    pub(super) stack_name: String,
    /// The flags that name the stack, the profile and the region.
    pub(super) args: AwsArguments,
    /// The client for Slack and for the deployment's API. It sends no credentials.
    pub(super) http: reqwest::Client,
    /// Set by `credentials` if AWS accepts them.
    pub(super) caller: Fact<()>,
    /// How far the local clock is ahead of AWS's clock. Set by `credentials`, even if that check fails.
    pub(super) aws_clock_skew_seconds: Fact<i64>,
    /// How far the local clock is ahead of Slack's clock. Set by `slack`, even if that check fails.
    pub(super) slack_clock_skew_seconds: Fact<i64>,
    /// Set by `stack`, even if the stack's status is not complete.
    pub(super) described: Fact<DescribedStack>,
    /// Set by `outputs`.
    pub(super) deployed: Fact<StackResources>,
    /// Set by `poller_function`, even if that check fails.
    pub(super) poller: Fact<FunctionFacts>,
    /// Set by `oauth_function`, even if that check fails.
    pub(super) oauth: Fact<FunctionFacts>,
    /// Set by `athena_workgroup`.
    pub(super) workgroup: Fact<()>,
    /// The IDs of the connected sources. Set by `secrets` as soon as the sources are read.
    pub(super) sources: Fact<Vec<String>>,
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
pub(super) struct StackResources {
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
    pub(super) fn new(config: &SdkConfig, stack_name: String, args: AwsArguments, http: reqwest::Client) -> Facts {
        Facts {
            config: bounded(config),
            stack_name,
            args,
            http,
            caller: Fact::of("credentials"),
            aws_clock_skew_seconds: Fact::new("requires a response from AWS with a `Date` header"),
            slack_clock_skew_seconds: Fact::new("requires a response from Slack with a `Date` header"),
            described: Fact::of("stack"),
            deployed: Fact::of("outputs"),
            poller: Fact::of("poller_function"),
            oauth: Fact::of("oauth_function"),
            workgroup: Fact::of("athena_workgroup"),
            sources: Fact::of("secrets"),
        }
    }

    /// Returns the value of a stack parameter, or a skip. The value of an unknown parameter is empty.
    pub(super) fn parameter(&self, name: &str) -> Result<&str, Problem> {
        Ok(self.described.get()?.parameters.get(name).map_or("", String::as_str))
    }
}
