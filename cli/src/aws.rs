//! Finds the deployment on AWS: the names of its bucket, table and secrets, and its public URL.
//!
//! Flags override environment variables, and environment variables override the outputs of the stack.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::SharedCredentialsProvider;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use clap::Args;
use slacktrail_adapters::aws::{AwsPorts, ResourceNames, rejects_credentials};
use slacktrail_adapters::settings::SECRET_PREFIX;

use crate::cli_error::{CliError, UNREACHABLE, chain};
use crate::credentials;
use crate::environment::variable;
use crate::format::{self, quoted};
use crate::region;

/// The hint for a code with which AWS rejects credentials.
pub(crate) const SIGN_IN: &str = "sign in again (`aws login` or `aws sso login`), and check this machine's clock";
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

/// The flags that name the deployment, the same for each command that calls AWS. Their group is `AwsArguments`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "AWS options")]
pub(crate) struct AwsArguments {
    /// CloudFormation stack of the deployment [env: SLACKTRAIL_STACK]
    #[arg(long, value_name = "NAME", value_parser = not_empty)]
    pub(crate) stack: Option<String>,
    /// AWS profile with the credentials and the region [env: AWS_PROFILE]
    #[arg(long, value_name = "NAME", value_parser = not_empty)]
    pub(crate) profile: Option<String>,
    /// AWS region of the deployment [env: AWS_REGION, AWS_DEFAULT_REGION]
    #[arg(long, value_name = "REGION", value_parser = not_empty)]
    pub(crate) region: Option<String>,
}

fn not_empty(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("the value is empty") } else { Ok(text.trim().to_owned()) }
}

/// A stack's name, and the flag or the variable that it comes from.
#[derive(Clone, Debug)]
pub(crate) struct StackName {
    pub(crate) name: String,
    pub(crate) origin: &'static str,
}

impl AwsArguments {
    /// Returns the name of the stack, from the flag or from `SLACKTRAIL_STACK`.
    pub(crate) fn stack(&self) -> Option<StackName> {
        let given = self.stack.clone().map(|name| StackName { name, origin: "--stack" });
        given.or_else(|| variable(STACK).map(|name| StackName { name, origin: STACK }))
    }

    /// Returns the value of a variable that overrides an output of the stack. A stack that a flag names has no override, because the
    /// variables describe the deployment of the environment.
    pub(crate) fn name_override(&self, name: &str) -> Option<String> {
        if self.stack.is_some() { None } else { variable(name) }
    }

    /// Loads the AWS settings from the flags, the environment and the profile.
    pub(crate) async fn sdk_config(&self) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let Some(profile) = &self.profile else { return loader.load().await };
        let config = loader.profile_name(profile).load().await;
        // As in the AWS CLI, a profile that a flag names overrides access keys in the environment, which the SDK would prefer.
        let provider = ProviderConfig::default().with_region(config.region().cloned());
        let provider = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
        config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
    }
}

/// Connects to the deployment that the flags or the environment name.
pub(crate) async fn ports(args: &AwsArguments) -> Result<AwsPorts, CliError> {
    let (config, stack) = look_up(args, &[BUCKET, TABLE]).await?;
    Ok(AwsPorts::connect(&config, names(|name| args.name_override(name), stack.as_ref())?))
}

/// Connects to the deployment that the flags or the environment name, and returns its public URL.
pub(crate) async fn ports_and_url(args: &AwsArguments) -> Result<(AwsPorts, String), CliError> {
    let (config, stack) = look_up(args, &[BUCKET, TABLE, URL]).await?;
    let variable = |name: &str| args.name_override(name);
    let ports = AwsPorts::connect(&config, names(variable, stack.as_ref())?);
    Ok((ports, url(variable, stack.as_ref())?))
}

/// Loads the AWS settings. Reads the outputs of the stack only if the variables do not name everything in `needed`.
async fn look_up(
    args: &AwsArguments,
    needed: &[(&str, &str)],
) -> Result<(SdkConfig, Option<(StackName, Outputs)>), CliError> {
    let config = args.sdk_config().await;
    let stack = args.stack();
    let is_complete = is_complete(needed, stack.is_some(), |name| args.name_override(name));
    let stack = stack.filter(|_| !is_complete);
    if stack.is_none() && !is_complete {
        // The caller first reports the missing settings, because the region and the credentials do not matter without them.
        return Ok((config, None));
    }
    let config = signed_in(config, args).await?;
    let Some(stack) = stack else { return Ok((config, None)) };
    let region = region::describe(region::of(&config).unwrap_or_default(), args);
    let outputs = outputs(&config, &region, &stack, args).await?;
    Ok((config, Some((stack, outputs))))
}

/// Checks the region, and returns `config` with loaded credentials.
pub(crate) async fn signed_in(config: SdkConfig, args: &AwsArguments) -> Result<SdkConfig, CliError> {
    let Some(region) = region::of(&config) else {
        let missing = || CliError::new("no AWS region is set").hint(region::SET_REGION);
        return Err(credentials::unusable_profile(&config, args).await.unwrap_or_else(missing));
    };
    region::check(region, args)?;
    credentials::load(config, args).await
}

/// Returns `true` if the variables name everything in `needed`. If a stack is named, they must also name the prefix of its secrets, because
/// the default prefix may be another stack's.
fn is_complete(needed: &[(&str, &str)], has_stack: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let prefix = has_stack.then_some(&PREFIX);
    needed.iter().chain(prefix).all(|(name, _)| variable(name).is_some())
}

/// Returns the resource names. Variables override the outputs of the stack.
fn names(
    variable: impl Fn(&str) -> Option<String>,
    stack: Option<&(StackName, Outputs)>,
) -> Result<ResourceNames, CliError> {
    let find = |(name, output): (&str, &str)| variable(name).or_else(|| stack?.1.get(output).cloned());
    match (find(BUCKET), find(TABLE)) {
        (Some(bucket), Some(table)) => {
            Ok(ResourceNames { bucket, table, secret_prefix: find(PREFIX).unwrap_or_else(|| SECRET_PREFIX.to_owned()) })
        }
        (bucket, table) => {
            let missing = [(BUCKET, bucket), (TABLE, table)].into_iter().filter(|(_, found)| found.is_none());
            Err(missing_names(&missing.map(|(setting, _)| setting).collect::<Vec<_>>(), stack.map(|(stack, _)| stack)))
        }
    }
}

/// Returns the public URL. Its variable overrides the output of the stack.
fn url(variable: impl Fn(&str) -> Option<String>, stack: Option<&(StackName, Outputs)>) -> Result<String, CliError> {
    let (name, output) = URL;
    variable(name).or_else(|| stack?.1.get(output).cloned()).ok_or_else(|| {
        let reason = match stack {
            Some((stack, _)) => format!("the stack that `{}` names has no output `{output}`", stack.origin),
            None => format!("neither `{STACK}` nor `{name}` is set"),
        };
        CliError::new(format!("the deployment's public URL is unknown: {reason}")).hint(format!(
            "set `{STACK}` to a stack that has the current template, or connect with an existing user token (`--token-stdin`), which needs no URL"
        ))
    })
}

fn missing_names(missing: &[(&str, &str)], read_stack: Option<&StackName>) -> CliError {
    if let Some(stack) = read_stack {
        let outputs = quoted(missing.iter().map(|(_, output)| output), " and ");
        CliError::new(format!("the stack that `{}` names has no output {outputs}", stack.origin))
            .hint("check that this is a slacktrail stack and that its deployment is complete")
    } else {
        let variables = quoted(missing.iter().map(|(name, _)| name), " and ");
        CliError::new(format!("no deployment is configured: neither `{STACK}` nor {variables} is set"))
            .hint(format!("set `{STACK}` (or `--stack`) to the name of the CloudFormation stack that `sam deploy` created; `--dir` selects a directory that `slacktrail pull` writes"))
    }
}

async fn outputs(
    config: &SdkConfig,
    region: &str,
    stack: &StackName,
    args: &AwsArguments,
) -> Result<Outputs, CliError> {
    let timeouts = TimeoutConfig::builder().operation_timeout(STACK_READ_MAX).build();
    let client = Client::new(&config.clone().into_builder().timeout_config(timeouts).build());
    let described = client.describe_stacks().stack_name(&stack.name).send().await;
    let described = described.map_err(|error| {
        let hint = stack_hint(&error, region::of(config).unwrap_or_default(), args);
        let cause = match (error.message().filter(|message| !message.trim().is_empty()), error.code()) {
            (Some(message), _) => message.to_owned(),
            (None, Some(code)) => format!("AWS returned `{code}`"),
            (None, None) => chain(&error),
        };
        let StackName { name, origin } = stack;
        let message = format!("reading stack `{name}` (from `{origin}`) failed in region {region}");
        CliError::new(message).with_source(cause).hint(hint)
    })?;
    let outputs = described.stacks().iter().flat_map(|stack| stack.outputs());
    Ok(outputs
        .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
        .collect())
}

fn stack_hint<E: ProvideErrorMetadata>(error: &SdkError<E>, region: &str, args: &AwsArguments) -> String {
    match error.code() {
        Some("ValidationError") => format!("check the stack name, and {}", region::hint(region, args, variable)),
        Some("AccessDenied" | "AccessDeniedException") => {
            let variables = format::list(&[BUCKET, TABLE, PREFIX].map(|(name, _)| format!("`{name}`")));
            format!("allow `cloudformation:DescribeStacks` on the stack, or set {variables}")
        }
        Some(code) if rejects_credentials(code) => SIGN_IN.to_owned(),
        _ if is_transient(error) => {
            "run the command again in a minute; if this persists, check AWS's health dashboard".to_owned()
        }
        Some(_) => "look up this error in the AWS documentation".to_owned(),
        None => UNREACHABLE.to_owned(),
    }
}

/// Returns `true` if AWS throttled the call or failed itself.
fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let is_throttled = error.code().is_some_and(|code| code.contains("Throttl"));
    is_throttled || error.raw_response().is_some_and(|response| response.status().is_server_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn stack(pairs: &[(&str, &str)]) -> (StackName, Outputs) {
        (StackName { name: "slacktrail".to_owned(), origin: STACK }, map(pairs))
    }

    #[test]
    fn variable_overrides_stack_output() {
        let outputs = stack(&[("BucketName", "b"), ("TableName", "t"), ("SecretPrefix", "p/")]);
        let named = names(|_| None, Some(&outputs)).unwrap();
        assert_eq!((named.bucket.as_str(), named.table.as_str(), named.secret_prefix.as_str()), ("b", "t", "p/"));
        let variables = map(&[("SLACKTRAIL_BUCKET", "other")]);
        assert_eq!(names(|name| variables.get(name).cloned(), Some(&outputs)).unwrap().bucket, "other");
        let variables = map(&[("SLACKTRAIL_BUCKET", "b"), ("SLACKTRAIL_TABLE", "t")]);
        assert_eq!(names(|name| variables.get(name).cloned(), None).unwrap().secret_prefix, "slacktrail/");
    }

    #[test]
    fn named_stack_is_read_unless_variables_name_secret_prefix() {
        const BOTH: &[&str] = &["SLACKTRAIL_BUCKET", "SLACKTRAIL_TABLE"];
        const ALL: &[&str] = &["SLACKTRAIL_BUCKET", "SLACKTRAIL_TABLE", "SECRET_PREFIX"];
        for (set, has_stack, expected) in
            [(BOTH, true, false), (ALL, true, true), (BOTH, false, true), (&BOTH[..1], false, false)]
        {
            let variable = |name: &str| set.contains(&name).then(|| "x".to_owned());
            assert_eq!(is_complete(&[BUCKET, TABLE], has_stack, variable), expected, "{set:?} {has_stack}");
        }
    }

    #[test]
    fn all_missing_settings_are_named_at_once() {
        let error = names(|_| None, None).unwrap_err();
        for name in ["`SLACKTRAIL_STACK`", "`SLACKTRAIL_BUCKET`", "`SLACKTRAIL_TABLE`"] {
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = names(|_| None, Some(&stack(&[("TableName", "t")]))).unwrap_err();
        assert!(error.to_string().ends_with("has no output `BucketName`"), "{error}");
    }

    #[test]
    fn missing_public_url_suggests_token() {
        let outputs = stack(&[("ApiUrl", "https://a.example")]);
        assert_eq!(url(|_| None, Some(&outputs)).unwrap(), "https://a.example");
        let variables = map(&[("SLACKTRAIL_URL", "https://b.example")]);
        assert_eq!(url(|name| variables.get(name).cloned(), Some(&outputs)).unwrap(), "https://b.example");
        for (outputs, expected) in [(Some(stack(&[])), "no output `ApiUrl`"), (None, "nor `SLACKTRAIL_URL` is set")] {
            let error = url(|_| None, outputs.as_ref()).unwrap_err();
            assert!(error.to_string().ends_with(expected), "{error}");
            assert!(error.next_action().unwrap().contains("`--token-stdin`"));
        }
    }
}
