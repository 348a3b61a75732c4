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
/// A text of the SDK that means that a file has a syntax error.
const UNPARSED: &str = "could not parse profile file";
const NOT_FOUND: &str = "no credentials found in chain";
/// The hint if a role cannot be assumed.
const TRUST_POLICY: &str = "check that the role exists, and that its trust policy allows your identity to assume it";
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
pub(crate) async fn load(config: SdkConfig, args: &AwsArguments) -> Result<SdkConfig, CliError> {
    let Some(provider) = config.credentials_provider() else { return Ok(config) };
    let credentials = provider.provide_credentials().await.map_err(|error| failed(&error, args, variable))?;
    let loaded = Loaded { first: Arc::new(Mutex::new(Some(credentials))), provider };
    Ok(config.into_builder().credentials_provider(SharedCredentialsProvider::new(loaded)).build())
}

/// Returns the error if the AWS configuration cannot be parsed, or if the profile that the flags or the environment name does not exist.
pub(crate) async fn unusable_profile(config: &SdkConfig, args: &AwsArguments) -> Option<CliError> {
    let error = config.credentials_provider()?.provide_credentials().await.err()?;
    unusable(&chain(&error), args, &variable)
}

fn failed(error: &CredentialsError, args: &AwsArguments, variable: impl Fn(&str) -> Option<String>) -> CliError {
    let text = chain(error);
    if let Some(error) = unusable(&text, args, &variable) {
        return error;
    }
    let profile = profile(args, &variable);
    let with_profile = profile.as_ref().map(|name| format!(" --profile {name}")).unwrap_or_default();
    if text.contains(NOT_FOUND) {
        let named = profile.map_or_else(|| "a profile".to_owned(), |name| format!("profile `{name}`"));
        let message = format!("no AWS credentials found: neither in the environment, nor in {named}, nor from a role");
        return CliError::new(message)
            .hint("sign in (`aws login` or `aws sso login`), or name a profile with credentials (`--profile` or `AWS_PROFILE`)");
    }
    if let (Some(name), true) = (&profile, text.is_empty()) {
        // The SDK says nothing about a profile that it does not use.
        return CliError::new(format!("AWS profile `{name}` does not exist or has no credentials")).hint(
            "run `aws configure list-profiles` to see your profiles, and sign in (`aws login` or `aws sso login`)",
        );
    }
    let of_profile = profile.map(|name| format!(" of profile `{name}`")).unwrap_or_default();
    let lower = text.to_lowercase();
    let hint = match &lower {
        // STS names the caller, which may be a role of IAM Identity Center with `SSO` in its name.
        text if text.contains("accessdenied") && text.contains("sts:assumerole") => TRUST_POLICY.to_owned(),
        text if text.contains("sso") => format!("run `aws sso login{with_profile}` to sign in again"),
        text if text.contains("login") => format!("run `aws login{with_profile}` to sign in again"),
        text if text.contains("external process") => {
            "run the profile's `credential_process` yourself to see its error, and sign in to it again".to_owned()
        }
        text if text.contains("accessdenied") => TRUST_POLICY.to_owned(),
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

/// Returns the error if the SDK cannot parse its files, or did not find a profile.
fn unusable(text: &str, args: &AwsArguments, variable: &impl Fn(&str) -> Option<String>) -> Option<CliError> {
    if !text.contains(UNPARSED) {
        return undefined(text, args, variable);
    }
    let file = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
    let config = file("AWS_CONFIG_FILE", "~/.aws/config");
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
    let message = format!("the AWS settings cannot be parsed: `{config}` or `{credentials}` has a syntax error");
    Some(CliError::new(message).hint("correct the file; `aws configure list` names it"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(profile: Option<&str>, error: CredentialsError, variables: &[(&str, &str)]) -> CliError {
        let variable =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).into());
        let args = AwsArguments { profile: profile.map(str::to_owned), ..AwsArguments::default() };
        failed(&error, &args, variable)
    }

    #[test]
    fn profile_without_credentials_is_named() {
        let error = error_of(Some("ann"), CredentialsError::not_loaded_no_source(), &[]);
        assert_eq!(error.to_string(), "AWS profile `ann` does not exist or has no credentials");
        assert!(error.next_action().unwrap().starts_with("run `aws configure list-profiles`"));
        let in_chain = || CredentialsError::not_loaded(NOT_FOUND);
        let error = error_of(None, in_chain(), &[("AWS_PROFILE", "bob")]);
        assert!(error.to_string().ends_with("nor in profile `bob`, nor from a role"), "{error}");
        let error = error_of(None, in_chain(), &[]);
        assert!(error.to_string().ends_with("nor in a profile, nor from a role"), "{error}");
    }

    #[test]
    fn role_that_cannot_be_assumed_has_hint_about_trust_policy() {
        let denied = "AccessDenied: User: arn:aws:sts::1:assumed-role/AWSReservedSSO_ReadOnly_1/ann is not authorized to \
                      perform: sts:AssumeRole on resource: arn:aws:iam::1:role/logs";
        for (text, expected) in [
            (denied, TRUST_POLICY),
            ("AccessDenied: no", TRUST_POLICY),
            ("the SSO session has expired", "run `aws sso login --profile ann` to sign in again"),
        ] {
            let error = error_of(Some("ann"), CredentialsError::provider_error(text), &[]);
            assert_eq!(error.next_action(), Some(expected), "{text}");
        }
    }

    #[test]
    fn syntax_error_of_aws_settings_names_files() {
        let unparsed = || {
            let text = format!("ProfileFile provider could not be built: invalid profile: {UNPARSED}");
            CredentialsError::invalid_configuration(text)
        };
        let error = error_of(None, unparsed(), &[("AWS_CONFIG_FILE", "/etc/aws")]);
        let expected = "the AWS settings cannot be parsed: `/etc/aws` or `~/.aws/credentials` has a syntax error";
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.next_action(), Some("correct the file; `aws configure list` names it"));
    }
}
