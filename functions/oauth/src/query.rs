//! The parameters of a query: the four that mean something, each once and of bounded length.

use std::borrow::Cow;

use slacktrail_core::authorization::ConnectError;

/// A longer query is not read. Ours and Slack's have a few hundred bytes.
const QUERY_BYTES_MAX: usize = 4096;
/// A parameter that means something is shorter: a one-time token has 97 bytes, Slack's code about 90.
const VALUE_BYTES_MAX: usize = 512;

/// What a query says. `Debug` would show secrets, so there is none.
#[derive(Default)]
pub(crate) struct Parameters {
    /// What makes a link good.
    pub(crate) grant: Option<String>,
    /// What makes a callback ours.
    pub(crate) state: Option<String>,
    /// What Slack gives tokens for.
    pub(crate) code: Option<String>,
    /// Why there is no code.
    pub(crate) error: Option<String>,
}

impl Parameters {
    /// What makes a link good.
    ///
    /// # Errors
    /// Returns an error if it is missing.
    pub(crate) fn grant(&self) -> Result<&str, ConnectError> {
        self.grant.as_deref().ok_or_else(|| ConnectError::malformed("its `grant` is missing"))
    }

    /// Reads a query as it came. An empty parameter is as good as none: Slack sends `state=` where it has no state. Others are
    /// passed over: Slack may come to send more.
    ///
    /// # Errors
    /// A parameter that comes twice could mean one thing to us and another to whoever checked it before, so that is refused; and
    /// what is too long.
    pub(crate) fn read(query: &str) -> Result<Parameters, ConnectError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(ConnectError::malformed("it is too long"));
        }
        let mut parameters = Parameters::default();
        let mut seen: Vec<Cow<'_, str>> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "grant" => &mut parameters.grant,
                "state" => &mut parameters.state,
                "code" => &mut parameters.code,
                "error" => &mut parameters.error,
                _ => continue,
            };
            if value.len() > VALUE_BYTES_MAX {
                return Err(ConnectError::malformed(&format!("its `{name}` is too long")));
            }
            if seen.contains(&name) {
                return Err(ConnectError::malformed(&format!("it has more than one `{name}`")));
            }
            *place = Some(value.into_owned()).filter(|value| !value.is_empty());
            seen.push(name);
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters_are_decoded_and_empty_ones_are_none() {
        let read =
            Parameters::read("code=a%2Bb+c&state=&foo=1&foo=2&error=x%C3%A9%ff&gran%74=g&=&%").unwrap_or_default();
        assert_eq!(read.code.as_deref(), Some("a+b c"));
        assert_eq!(read.state, None);
        assert_eq!(read.error.as_deref(), Some("xé\u{fffd}"));
        assert_eq!(read.grant.as_deref(), Some("g"));
    }

    #[test]
    fn repeated_or_overlong_parameter_is_rejected_and_not_echoed() {
        for query in [
            "state=hidden&state=hidden",
            "state=&state=hidden",
            "code=hidden&c%6fde=hidden",
            &format!("grant=hidden{}", "x".repeat(VALUE_BYTES_MAX)),
            &format!("error=hidden&other={}", "x".repeat(QUERY_BYTES_MAX)),
        ] {
            let connect_error = Parameters::read(query).err().unwrap();
            assert!(!format!("{connect_error:?}").contains("hidden"), "{connect_error:?}");
        }
        assert!(Parameters::read(&format!("code={}", "x".repeat(VALUE_BYTES_MAX))).is_ok());
    }
}
