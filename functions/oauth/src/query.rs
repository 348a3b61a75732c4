//! Parses the query string. Four parameters are known. Each may appear once, and its length is limited.

use std::borrow::Cow;

use slacktrail_connect::ConnectError;

/// The maximum length of a query string. Those of slacktrail and Slack have a few hundred bytes.
const QUERY_BYTES_MAX: usize = 4096;
/// The maximum length of a known parameter's value. A one-time token has 97 bytes, and Slack's code about 90.
const VALUE_BYTES_MAX: usize = 512;

/// The known parameters of a query string. The type does not implement `Debug`, because that would show secrets.
#[derive(Default)]
pub(crate) struct Parameters {
    /// The one-time token of a link.
    pub(crate) grant: Option<String>,
    /// The one-time token with which slacktrail sent the browser to Slack.
    pub(crate) state: Option<String>,
    /// The code that Slack exchanges for tokens.
    pub(crate) code: Option<String>,
    /// Slack's error, if it sends no code.
    pub(crate) error: Option<String>,
}

impl Parameters {
    /// Returns the one-time token of a link.
    ///
    /// # Errors
    /// Returns an error if the parameter is missing.
    pub(crate) fn grant(&self) -> Result<&str, ConnectError> {
        self.grant.as_deref().ok_or_else(|| ConnectError::malformed("its `grant` is missing"))
    }

    /// Parses an undecoded query string. Treats an empty parameter as missing, because Slack sends `state=` without a state. Ignores unknown
    /// parameters, because Slack may add some.
    ///
    /// # Errors
    /// Returns an error if the query or a value is too long. Also returns an error if a known parameter is repeated, because a proxy that checked
    /// the request might have read the other value.
    pub(crate) fn read(query: &str) -> Result<Parameters, ConnectError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(ConnectError::malformed("it is too long"));
        }
        let mut parameters = Parameters::default();
        let mut seen: Vec<Cow<'_, str>> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value_of_name = match &*name {
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
            *value_of_name = Some(value.into_owned()).filter(|value| !value.is_empty());
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
