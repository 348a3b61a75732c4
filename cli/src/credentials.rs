//! Loads the AWS credentials before the first call to AWS, so that an error names its cause and not the call that failed.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use crate::aws::AwsArguments;
use crate::cli_error::{CliError, chain};
use crate::environment::variable;

/// Texts of the SDK that mean that a profile does not exist.
const UNDEFINED_PROFILE: &str = "was not defined: could not find source profile ";
const NOT_FOUND: &str = "no credentials found in chain";
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// Credentials that were loaded once, for the first call, and the provider for all later calls. Otherwise, a credential process would run twice.
#[derive(Clone, Debug)]
struct Loaded {
    first: Arc<Mutex<Option<Credentials>>>,
    provider: SharedCredentialsProvider,
}

impl ProvideCredentials for Loaded {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(credentials) => future::ProvideCredentials::ready(Ok(credentials)),
            None => self.provider.provide_credentials(),
        }
    }
}

/// Loads the credentials, and returns `config` with them.
///
/// # Errors
/// Returns an error that says why no credentials could be loaded, and how to sign in.
pub(crate) async fn load(config: SdkConfig, args: &AwsArguments) -> Result<SdkConfig, CliError> {
    let Some(provider) = config.credentials_provider() else { return Ok(config) };
    let credentials = provider.provide_credentials().await.map_err(|error| failed(&error, args, variable))?;
    let loaded = Loaded { first: Arc::new(Mutex::new(Some(credentials))), provider };
    Ok(config.into_builder().credentials_provider(SharedCredentialsProvider::new(loaded)).build())
}

/// Returns the error if the profile that the flags or the environment name does not exist.
pub(crate) async fn undefined_profile(config: &SdkConfig, args: &AwsArguments) -> Option<CliError> {
    let error = config.credentials_provider()?.provide_credentials().await.err()?;
    undefined(&chain(&error), args, &variable)
}

fn failed(error: &CredentialsError, args: &AwsArguments, variable: impl Fn(&str) -> Option<String>) -> CliError {
    let text = chain(error);
    if let Some(error) = undefined(&text, args, &variable) {
        return error;
    }
    let profile = profile(args, &variable);
    let with_profile = profile.as_ref().map(|name| format!(" --profile {name}")).unwrap_or_default();
    if text.contains(NOT_FOUND) {
        return CliError::new("no AWS credentials found: neither in the environment, nor in a profile, nor from a role")
            .hint("sign in (`aws login` or `aws sso login`), or name a profile with credentials (`--profile` or `AWS_PROFILE`)");
    }
    let of_profile = profile.map(|name| format!(" of profile `{name}`")).unwrap_or_default();
    let lower = text.to_lowercase();
    let hint = match &lower {
        text if text.contains("sso") => format!("run `aws sso login{with_profile}` to sign in again"),
        text if text.contains("login") => format!("run `aws login{with_profile}` to sign in again"),
        text if text.contains("external process") => {
            "run the profile's `credential_process` yourself to see its error, and sign in to it again".to_owned()
        }
        text if text.contains("accessdenied") => {
            "check that the role exists, and that its trust policy allows your identity to assume it".to_owned()
        }
        text if text.contains("no such file") => match variable(TOKEN_FILE) {
            Some(path) => format!("check that `{TOKEN_FILE}` names a file that you can read: it is `{path}`"),
            None => "check the files that the profile names in `~/.aws/config`".to_owned(),
        },
        text if text.contains("expired") => format!("run `aws login{with_profile}` or `aws sso login{with_profile}`"),
        text if ["lookup address", "connection refused"].iter().any(|part| text.contains(part)) => {
            "check the network connection to AWS, and the region".to_owned()
        }
        _ => "sign in again (`aws login` or `aws sso login`), or name another profile (`--profile`)".to_owned(),
    };
    CliError::new(format!(
        "loading the AWS credentials{of_profile} failed: {}",
        text.trim_end_matches("Stderr: ").trim_end_matches([' ', '.'])
    ))
    .hint(hint)
}

/// Returns the error if the SDK did not find a profile.
fn undefined(text: &str, args: &AwsArguments, variable: &impl Fn(&str) -> Option<String>) -> Option<CliError> {
    let rest = text.split_once(UNDEFINED_PROFILE)?.1;
    let (missing, referrer) = rest.split_once(" referenced from ")?;
    let referrer = referrer.split_whitespace().next().unwrap_or_default();
    let error = match referrer {
        // The SDK's words are `the root profile`.
        "the" => match profile(args, variable) {
            Some(_) if args.profile.is_some() => {
                CliError::new(format!("AWS profile `{missing}` (from `--profile`) does not exist"))
            }
            Some(_) => CliError::new(format!("AWS profile `{missing}` (from `AWS_PROFILE`) does not exist")),
            None => return None,
        },
        referrer => CliError::new(format!(
            "AWS profile `{referrer}` names the source profile `{missing}`, which does not exist"
        )),
    };
    Some(error.hint("run `aws configure list-profiles` to see your profiles"))
}

fn profile(args: &AwsArguments, variable: &impl Fn(&str) -> Option<String>) -> Option<String> {
    args.profile.clone().or_else(|| variable("AWS_PROFILE"))
}
