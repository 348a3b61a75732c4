//! `stack` and `outputs`: the CloudFormation stack exists, its last deployment succeeded, and it has every output and resource that the other
//! checks use.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::StackResourceSummary;
use jiff::Timestamp;

use crate::doctor::aws::problem;
use crate::doctor::facts::{DescribedStack, Facts, StackResources};
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::environment::variable;
use crate::format::{counted, quoted};
use crate::region;

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

const DEPLOY_TEMPLATE: &str = "check that it is a slacktrail stack, and deploy the current template";

pub(super) async fn check(facts: &Facts) -> Verdict {
    facts.caller.get()?;
    let name = &facts.stack_name;
    let described = Client::new(&facts.config).describe_stacks().stack_name(name).send().await;
    let described = described.map_err(|error| match error.code() {
        Some("ValidationError") => missing(facts),
        _ => problem("cloudformation:DescribeStacks")(error),
    })?;
    let Some(stack) = described.stacks().first() else { return Err(missing(facts)) };
    let parameters = stack.parameters().iter();
    let outputs = stack.outputs().iter();
    facts.described.set(DescribedStack {
        parameters: parameters
            .filter_map(|parameter| {
                Some((parameter.parameter_key()?.to_owned(), parameter.parameter_value()?.to_owned()))
            })
            .collect(),
        outputs: outputs
            .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
            .collect(),
        changed_at: stack
            .last_updated_time()
            .or(stack.creation_time())
            .and_then(|time| Timestamp::from_second(time.secs()).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH),
    });
    let status = stack.stack_status().map_or("no status", |status| status.as_str());
    ensure(is_complete(status), format!("the stack `{name}` has the status `{status}`"), hint(status))?;
    Ok(format!("`{name}` has the status `{status}`"))
}

/// Returns `true` if the last deployment of the stack succeeded.
fn is_complete(status: &str) -> bool {
    matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" | "IMPORT_COMPLETE")
}

fn hint(status: &str) -> &'static str {
    if status.ends_with("_IN_PROGRESS") {
        "wait for the deployment to finish, then run the command again"
    } else {
        "find the first failure in the stack's events in the CloudFormation console, then deploy again"
    }
}

fn missing(facts: &Facts) -> Problem {
    let (name, region) = (&facts.stack_name, region::of(&facts.config).unwrap_or_default());
    Problem::failed(
        format!(
            "the stack `{name}` does not exist in this account in region {}",
            region::describe(region, &facts.args)
        ),
        format!(
            "check the stack's name (`--stack` or `SLACKTRAIL_STACK`) and the AWS profile, and {}",
            region::hint(region, &facts.args, variable)
        ),
    )
}

pub(super) async fn outputs(facts: &Facts) -> Verdict {
    let described = facts.described.get()?;
    let missing: Vec<&str> = OUTPUTS.into_iter().filter(|name| !described.outputs.contains_key(*name)).collect();
    if !missing.is_empty() {
        return Err(incomplete("output", &missing));
    }
    let resources = Client::new(&facts.config).list_stack_resources().stack_name(&facts.stack_name).into_paginator();
    let resources =
        resources.items().send().try_collect().await.map_err(problem("cloudformation:ListStackResources"))?;
    let (oauth, rule) = oauth_and_rule(&resources)?;
    let output = |name: &str| described.outputs[name].clone();
    let deployed = StackResources {
        bucket: output("BucketName"),
        table: output("TableName"),
        secret_prefix: output("SecretPrefix"),
        url: facts.args.name_override("SLACKTRAIL_URL").unwrap_or_else(|| output("ApiUrl")),
        poller: output("PollerFunctionName"),
        oauth,
        rule,
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

/// Returns the physical names of the OAuth function and of the rule that invokes the poller.
fn oauth_and_rule(resources: &[StackResourceSummary]) -> Result<(String, String), Problem> {
    let oauth = resources.iter().find(|resource| resource.logical_resource_id() == Some("OAuth"));
    let oauth = oauth.and_then(|resource| resource.physical_resource_id());
    let oauth = oauth.ok_or_else(|| incomplete("resource", &["OAuth"]))?;
    match &of_type(resources, "AWS::Events::Rule")[..] {
        [rule] => Ok((oauth.to_owned(), rule.clone())),
        rules => Err(Problem::failed(
            format!("the stack has {} instead of 1", counted(rules.len() as u64, "EventBridge rule")),
            DEPLOY_TEMPLATE,
        )),
    }
}

fn of_type(resources: &[StackResourceSummary], kind: &str) -> Vec<String> {
    let matching = resources.iter().filter(|resource| resource.resource_type() == Some(kind));
    matching.filter_map(|resource| resource.physical_resource_id().map(str::to_owned)).collect()
}

fn incomplete(what: &str, names: &[&str]) -> Problem {
    Problem::failed(format!("the stack has no {what} {}", quoted(names, ", ")), DEPLOY_TEMPLATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_function_and_second_rule_are_separate_problems() {
        let resource = |logical: &str, kind: &str| {
            let named = StackResourceSummary::builder().logical_resource_id(logical).physical_resource_id(logical);
            named.resource_type(kind).build()
        };
        let rule = |logical| resource(logical, "AWS::Events::Rule");
        let oauth = resource("OAuth", "AWS::Lambda::Function");
        let both = oauth_and_rule(&[oauth.clone(), rule("A")]).unwrap();
        assert_eq!(both, ("OAuth".to_owned(), "A".to_owned()));
        for (resources, expected) in [
            (vec![rule("A")], "the stack has no resource `OAuth`"),
            (vec![oauth.clone()], "the stack has 0 EventBridge rules instead of 1"),
            (vec![oauth, rule("A"), rule("B")], "the stack has 2 EventBridge rules instead of 1"),
        ] {
            assert_eq!(oauth_and_rule(&resources).unwrap_err().detail, expected);
        }
    }

    #[test]
    fn only_successful_deployment_is_complete() {
        for (status, complete) in [
            ("CREATE_COMPLETE", true),
            ("UPDATE_COMPLETE", true),
            ("UPDATE_ROLLBACK_COMPLETE", false),
            ("ROLLBACK_COMPLETE", false),
            ("UPDATE_IN_PROGRESS", false),
            ("DELETE_COMPLETE", false),
        ] {
            assert_eq!(is_complete(status), complete, "{status}");
        }
        assert!(hint("UPDATE_IN_PROGRESS").starts_with("wait"));
    }
}
