//! Finds the deployment on AWS: the names of its bucket, table and secrets, and its public URL.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use slacktrail_adapters::aws::{AwsPorts, ResourceNames, sdk_config};
use slacktrail_core::settings::SECRET_PREFIX;

use crate::cli_error::{CliError, chain};
use crate::environment::variable;
use crate::format::quoted;
use crate::region;

/// The variable that names the CloudFormation stack.
const STACK: &str = "SLACKTRAIL_STACK";
/// The timeout for reading the stack.
const STACK_READ_MAX: Duration = Duration::from_secs(20);

// Each setting: its environment variable, and the stack output that replaces an unset variable.
const BUCKET: (&str, &str) = ("SLACKTRAIL_BUCKET", "BucketName");
const TABLE: (&str, &str) = ("SLACKTRAIL_TABLE", "TableName");
const PREFIX: (&str, &str) = ("SECRET_PREFIX", "SecretPrefix");
const URL: (&str, &str) = ("SLACKTRAIL_URL", "ApiUrl");

type Outputs = BTreeMap<String, String>;

/// Connects to the deployment that the environment names.
///
/// # Errors
/// Returns an error that names every missing setting, or an error if the stack cannot be read.
pub(crate) async fn ports() -> Result<AwsPorts, CliError> {
    let (config, outputs) = look_up(&[BUCKET, TABLE]).await?;
    Ok(AwsPorts::connect(&config, names(variable, outputs.as_ref())?))
}

/// Connects to the deployment that the environment names, and returns its public URL.
///
/// # Errors
/// Returns an error if a setting or the public URL is missing, or if the stack cannot be read.
pub(crate) async fn ports_and_url() -> Result<(AwsPorts, String), CliError> {
    let (config, outputs) = look_up(&[BUCKET, TABLE, URL]).await?;
    let ports = AwsPorts::connect(&config, names(variable, outputs.as_ref())?);
    Ok((ports, url(variable, outputs.as_ref())?))
}

/// Loads the AWS settings. Reads the outputs of the stack only if a variable in `needed` is not set.
async fn look_up(needed: &[(&str, &str)]) -> Result<(SdkConfig, Option<Outputs>), CliError> {
    let config = sdk_config().await;
    let Some(region) = region::of(&config) else {
        return Err(CliError::new("no AWS region is set").hint(region::SET_REGION));
    };
    let is_complete = needed.iter().all(|(name, _)| variable(name).is_some());
    let outputs = match variable(STACK) {
        Some(stack) if !is_complete => Some(outputs(&config, region, &stack).await?),
        _ => None,
    };
    Ok((config, outputs))
}

/// Returns the resource names. Variables override the outputs of the stack.
fn names(variable: impl Fn(&str) -> Option<String>, outputs: Option<&Outputs>) -> Result<ResourceNames, CliError> {
    let find = |(name, output): (&str, &str)| variable(name).or_else(|| outputs?.get(output).cloned());
    match (find(BUCKET), find(TABLE)) {
        (Some(bucket), Some(table)) => {
            Ok(ResourceNames { bucket, table, secret_prefix: find(PREFIX).unwrap_or_else(|| SECRET_PREFIX.to_owned()) })
        }
        (bucket, table) => {
            let missing = [(BUCKET, bucket), (TABLE, table)].into_iter().filter(|(_, found)| found.is_none());
            Err(missing_names(&missing.map(|(setting, _)| setting).collect::<Vec<_>>(), outputs.is_some()))
        }
    }
}

/// Returns the public URL. Its variable overrides the output of the stack.
fn url(variable: impl Fn(&str) -> Option<String>, outputs: Option<&Outputs>) -> Result<String, CliError> {
    let (name, output) = URL;
    variable(name).or_else(|| outputs?.get(output).cloned()).ok_or_else(|| {
        let reason = match outputs {
            Some(_) => format!("the stack that `{STACK}` names has no output `{output}`"),
            None => format!("neither `{STACK}` nor `{name}` is set"),
        };
        CliError::new(format!("the deployment's public URL is unknown: {reason}")).hint(format!(
            "set `{STACK}` to a stack that has the current template, or connect with an existing user token (`--token-stdin`), which needs no URL"
        ))
    })
}

fn missing_names(missing: &[(&str, &str)], stack_was_read: bool) -> CliError {
    if stack_was_read {
        let outputs = quoted(missing.iter().map(|(_, output)| output), " and ");
        CliError::new(format!("the stack that `{STACK}` names has no output {outputs}"))
            .hint("check that this is a slacktrail stack and that its deployment is complete")
    } else {
        let variables = quoted(missing.iter().map(|(name, _)| name), " and ");
        CliError::new(format!("no deployment is configured: neither `{STACK}` nor {variables} is set"))
            .hint(format!("set `{STACK}` to the name of the CloudFormation stack that `sam deploy` created"))
    }
}

async fn outputs(config: &SdkConfig, region: &str, stack: &str) -> Result<Outputs, CliError> {
    let timeouts = TimeoutConfig::builder().operation_timeout(STACK_READ_MAX).build();
    let client = Client::new(&config.clone().into_builder().timeout_config(timeouts).build());
    let described =
        client.describe_stacks().stack_name(stack).send().await.map_err(|error| stack_error(stack, region, error))?;
    let outputs = described.stacks().iter().flat_map(|stack| stack.outputs());
    Ok(outputs
        .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
        .collect())
}

fn stack_error<E>(stack: &str, region: &str, error: SdkError<E>) -> CliError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let hint = match error.code() {
        Some("ValidationError") => format!("check the stack name, and {}", region::hint(region)),
        Some("AccessDenied" | "AccessDeniedException") => {
            format!("allow `cloudformation:DescribeStacks` on the stack, or set `{}` and `{}`", BUCKET.0, TABLE.0)
        }
        Some(_) => "look up this error in the AWS documentation".to_owned(),
        None if has_no_credentials(&error) => {
            "sign in again (`aws login` or `aws sso login`), or set `AWS_PROFILE` to a profile with credentials"
                .to_owned()
        }
        None => "check the network connection to AWS".to_owned(),
    };
    let cause = error.message().map_or_else(|| chain(&error), str::to_owned);
    let region = region::describe(region);
    CliError::new(format!("reading stack `{stack}` (from `{STACK}`) failed in region {region}"))
        .with_source(cause)
        .hint(hint)
}

/// Returns `true` if the SDK made no call because it could not load credentials. Network errors have another kind.
fn has_no_credentials<E>(error: &SdkError<E>) -> bool {
    matches!(error, SdkError::DispatchFailure(error) if error.is_other() && error.as_other().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variable_overrides_stack_output() {
        let outputs = map(&[("BucketName", "b"), ("TableName", "t"), ("SecretPrefix", "p/")]);
        let named = names(|_| None, Some(&outputs)).unwrap();
        assert_eq!((named.bucket.as_str(), named.table.as_str(), named.secret_prefix.as_str()), ("b", "t", "p/"));
        let variables = map(&[("SLACKTRAIL_BUCKET", "other")]);
        assert_eq!(names(|name| variables.get(name).cloned(), Some(&outputs)).unwrap().bucket, "other");
        let variables = map(&[("SLACKTRAIL_BUCKET", "b"), ("SLACKTRAIL_TABLE", "t")]);
        assert_eq!(names(|name| variables.get(name).cloned(), None).unwrap().secret_prefix, "slacktrail/");
    }

    #[test]
    fn all_missing_settings_are_named_at_once() {
        let error = names(|_| None, None).unwrap_err();
        for name in ["`SLACKTRAIL_STACK`", "`SLACKTRAIL_BUCKET`", "`SLACKTRAIL_TABLE`"] {
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = names(|_| None, Some(&map(&[("TableName", "t")]))).unwrap_err();
        assert!(error.to_string().ends_with("has no output `BucketName`"), "{error}");
    }

    #[test]
    fn missing_public_url_suggests_token() {
        let outputs = map(&[("ApiUrl", "https://a.example")]);
        assert_eq!(url(|_| None, Some(&outputs)).unwrap(), "https://a.example");
        let variables = map(&[("SLACKTRAIL_URL", "https://b.example")]);
        assert_eq!(url(|name| variables.get(name).cloned(), Some(&outputs)).unwrap(), "https://b.example");
        for (outputs, expected) in [(Some(map(&[])), "no output `ApiUrl`"), (None, "nor `SLACKTRAIL_URL` is set")] {
            let error = url(|_| None, outputs.as_ref()).unwrap_err();
            assert!(error.to_string().ends_with(expected), "{error}");
            assert!(error.next_action().unwrap().contains("`--token-stdin`"));
        }
    }
}
