//! The AWS region, and the setting that names it.
//!
//! The AWS SDK reads `AWS_REGION`, then `AWS_DEFAULT_REGION`, then the profile. SAM ignores `AWS_REGION`. A command may therefore look for the
//! stack in the wrong region.

use aws_config::SdkConfig;

use crate::environment::variable;

const FIRST: &str = "AWS_REGION";
const SECOND: &str = "AWS_DEFAULT_REGION";

/// The hint if no setting names a region.
pub(crate) const SET_REGION: &str =
    "set `AWS_DEFAULT_REGION` to the region of `sam deploy`, or set a region in the profile that `AWS_PROFILE` names";

/// Returns the region in `config`, unless it is empty.
pub(crate) fn of(config: &SdkConfig) -> Option<&str> {
    config.region().map(|region| region.as_ref()).filter(|region| !region.is_empty())
}

/// Returns a region with the setting that names it.
pub(crate) fn describe(region: &str) -> String {
    format!("`{region}` (from {})", origin(variable))
}

/// Returns why `sam deploy` uses another region, or `None` if no setting causes that.
pub(crate) fn difference() -> Option<String> {
    difference_of(variable)
}

/// Returns the hint for a stack that was not found in `region`.
pub(crate) fn hint(region: &str) -> String {
    hint_of(region, variable)
}

fn origin(variable: impl Fn(&str) -> Option<String>) -> String {
    match [FIRST, SECOND].into_iter().find(|name| variable(name).is_some()) {
        Some(name) => format!("`{name}`"),
        None => format!("the AWS profile `{}`", variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned())),
    }
}

fn difference_of(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (first, second) = (variable(FIRST)?, variable(SECOND)?);
    (first != second).then(|| format!("`sam deploy` reads `{SECOND}`, which is `{second}`"))
}

fn hint_of(region: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    if let Some(difference) = difference_of(&variable) {
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

    #[test]
    fn region_origin_is_first_setting_read_by_sdk() {
        assert_eq!(origin(of(&[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "b")])), "`AWS_REGION`");
        assert_eq!(origin(of(&[("AWS_DEFAULT_REGION", "b")])), "`AWS_DEFAULT_REGION`");
        assert_eq!(origin(of(&[("AWS_PROFILE", "work")])), "the AWS profile `work`");
        assert_eq!(origin(of(&[])), "the AWS profile `default`");
    }

    #[test]
    fn hint_names_variable_read_by_sam() {
        let both = hint_of("a", of(&[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "b")]));
        assert!(
            both.starts_with("unset `AWS_REGION`") && both.ends_with("`AWS_DEFAULT_REGION`, which is `b`"),
            "{both}"
        );
        let first = hint_of("a", of(&[("AWS_REGION", "a")]));
        assert!(first.contains("which ignores `AWS_REGION`"), "{first}");
        for pairs in [&[("AWS_DEFAULT_REGION", "a")][..], &[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "a")], &[]] {
            assert_eq!(difference_of(of(pairs)), None, "{pairs:?}");
        }
    }
}
