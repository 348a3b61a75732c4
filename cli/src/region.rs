//! The AWS region, and the setting that names it.
//!
//! `--region` comes first. The AWS SDK then reads `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile, and the metadata of an EC2 instance. SAM
//! ignores `AWS_REGION`. A command may therefore look for the stack in the wrong region.

use aws_config::SdkConfig;

use crate::aws::AwsArguments;
use crate::cli_error::CliError;
use crate::environment::variable;

const FIRST: &str = "AWS_REGION";
const SECOND: &str = "AWS_DEFAULT_REGION";

/// The hint if no setting names a region.
pub(crate) const SET_REGION: &str =
    "set `AWS_DEFAULT_REGION` (or `--region`) to the region of `sam deploy`, or set a region in the AWS profile";

/// Returns the region in `config`, unless it is empty.
pub(crate) fn of(config: &SdkConfig) -> Option<&str> {
    config.region().map(|region| region.as_ref()).filter(|region| !region.is_empty())
}

/// Returns a region with the setting that names it.
pub(crate) fn describe(region: &str, args: &AwsArguments) -> String {
    format!("`{region}` (from {})", origin(args, variable))
}

/// Checks that the text can be the name of a region. The SDK would report another text as an internal error.
pub(crate) fn check(region: &str, args: &AwsArguments) -> Result<(), CliError> {
    if region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(());
    }
    Err(CliError::new(format!("{} is not the name of an AWS region", describe(region, args)))
        .hint("use a name such as `eu-west-1`"))
}

fn origin(args: &AwsArguments, variable: impl Fn(&str) -> Option<String>) -> String {
    if args.region.is_some() {
        return "`--region`".to_owned();
    }
    match [FIRST, SECOND].into_iter().find(|name| variable(name).is_some()) {
        Some(name) => format!("`{name}`"),
        None => match args.profile.clone().or_else(|| variable("AWS_PROFILE")) {
            Some(profile) => format!("the AWS profile `{profile}`"),
            None => "the AWS settings".to_owned(), // the default profile, or the metadata of an EC2 instance
        },
    }
}

/// Returns why `sam deploy` uses another region, or `None` if no setting causes that.
pub(crate) fn difference(args: &AwsArguments, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    if args.region.is_some() {
        return None; // the user names a region for this command only
    }
    let (first, second) = (variable(FIRST)?, variable(SECOND)?);
    (first != second).then(|| format!("`sam deploy` reads `{SECOND}`, which is `{second}`"))
}

/// Returns the hint for a stack that was not found in `region`.
pub(crate) fn hint(region: &str, args: &AwsArguments, variable: impl Fn(&str) -> Option<String>) -> String {
    if args.region.is_some() {
        return format!("check that `sam deploy` used region `{region}`; otherwise pass its region as `--region`");
    }
    if let Some(difference) = difference(args, &variable) {
        return format!("unset `{FIRST}` if the stack is in the other region: {difference}");
    }
    let ignored = if variable(FIRST).is_some() { format!(" (which ignores `{FIRST}`)") } else { String::new() };
    let set = if ignored.is_empty() { SECOND } else { FIRST };
    format!(
        "check that `sam deploy`{ignored} used region `{region}`; otherwise set `{set}` to the region of `sam deploy`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
    }

    fn none() -> AwsArguments {
        AwsArguments::default()
    }

    #[test]
    fn region_origin_is_first_setting_read_by_sdk() {
        assert_eq!(origin(&none(), of(&[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "b")])), "`AWS_REGION`");
        assert_eq!(origin(&none(), of(&[("AWS_DEFAULT_REGION", "b")])), "`AWS_DEFAULT_REGION`");
        assert_eq!(origin(&none(), of(&[("AWS_PROFILE", "work")])), "the AWS profile `work`");
        assert_eq!(origin(&none(), of(&[])), "the AWS settings", "an instance has no profile");
        let region = AwsArguments { region: Some("c".to_owned()), ..none() };
        assert_eq!(origin(&region, of(&[("AWS_REGION", "a")])), "`--region`");
        let profile = AwsArguments { profile: Some("ann".to_owned()), ..none() };
        assert_eq!(origin(&profile, of(&[("AWS_PROFILE", "work")])), "the AWS profile `ann`");
    }

    #[test]
    fn text_that_is_no_region_is_named_with_its_origin() {
        let args = |region: &str| AwsArguments { region: Some(region.to_owned()), ..none() };
        assert!(check("eu-west-1", &args("eu-west-1")).is_ok());
        for text in ["foo bar", "eu_west_1", "eu-west-1/", "https://eu"] {
            let error = check(text, &args(text)).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` (from `--region`) is not the name of an AWS region"));
        }
    }

    #[test]
    fn hint_names_variable_read_by_sam() {
        let both = hint("a", &none(), of(&[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "b")]));
        assert!(
            both.starts_with("unset `AWS_REGION`") && both.ends_with("`AWS_DEFAULT_REGION`, which is `b`"),
            "{both}"
        );
        let first = hint("a", &none(), of(&[("AWS_REGION", "a")]));
        assert!(first.contains("which ignores `AWS_REGION`"), "{first}");
        for pairs in [&[("AWS_DEFAULT_REGION", "a")][..], &[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "a")], &[]] {
            assert_eq!(difference(&none(), of(pairs)), None, "{pairs:?}");
        }
    }
}
