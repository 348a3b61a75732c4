//! `outputs`: the stack has every output and resource that the other checks use.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackResourceSummary;

use crate::doctor::aws::problem;
use crate::doctor::facts::{Facts, StackResources};
use crate::doctor::verdict::{Problem, Verdict};
use crate::environment::variable;
use crate::format::{counted, quoted};

/// The outputs that `slacktrail` and the checks read.
const OUTPUTS: [&str; 8] = [
    "AlarmTopic",
    "ApiUrl",
    "AthenaWorkGroup",
    "BucketName",
    "DatabaseName",
    "PollerFunctionName",
    "SecretPrefix",
    "TableName",
];
pub(super) async fn check(facts: &Facts) -> Verdict {
    let described = facts.described.get()?;
    let missing: Vec<&str> = OUTPUTS.into_iter().filter(|name| !described.outputs.contains_key(*name)).collect();
    if !missing.is_empty() {
        return Err(incomplete("output", &missing));
    }
    let resources = resources(facts).await?;
    let named = |logical: &str| resources.iter().find(|resource| resource.logical_resource_id() == Some(logical));
    let (oauth, rules) = (named("OAuth"), of_type(&resources, "AWS::Events::Rule"));
    let (Some(oauth), [rule]) = (oauth.and_then(|resource| resource.physical_resource_id()), &rules[..]) else {
        return Err(incomplete("resource", &["OAuth", "the poller's rule"]));
    };
    let output = |name: &str| described.outputs[name].clone();
    let deployed = StackResources {
        bucket: output("BucketName"),
        table: output("TableName"),
        secret_prefix: output("SecretPrefix"),
        url: variable("SLACKTRAIL_URL").unwrap_or_else(|| output("ApiUrl")),
        poller: output("PollerFunctionName"),
        oauth: oauth.to_owned(),
        rule: rule.clone(),
        database: output("DatabaseName"),
        workgroup: output("AthenaWorkGroup"),
        topic: output("AlarmTopic"),
        alarms: of_type(&resources, "AWS::CloudWatch::Alarm"),
    };
    facts.deployed.set(deployed);
    Ok(format!(
        "{}, {}",
        counted(described.outputs.len() as u64, "output"),
        counted(resources.len() as u64, "resource")
    ))
}

async fn resources(facts: &Facts) -> Result<Vec<StackResourceSummary>, Problem> {
    let resources = Client::new(&facts.config).list_stack_resources().stack_name(&facts.stack_name);
    let resources = resources.into_paginator().items().send().try_collect().await;
    resources.map_err(problem("cloudformation:ListStackResources"))
}

fn of_type(resources: &[StackResourceSummary], kind: &str) -> Vec<String> {
    let matching = resources.iter().filter(|resource| resource.resource_type() == Some(kind));
    matching.filter_map(|resource| resource.physical_resource_id().map(str::to_owned)).collect()
}

fn incomplete(what: &str, names: &[&str]) -> Problem {
    Problem::failed(
        format!("the stack has no {what} {}", quoted(names, ", ")),
        "check that it is a slacktrail stack, and deploy the current template",
    )
}
