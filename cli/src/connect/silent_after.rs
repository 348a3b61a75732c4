//! `--silent-after`: how long a stream may have no records before it is silent.

use std::str::FromStr;

/// Seconds without a record after which a stream is silent, or `None` for never.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct SilentAfter(pub(super) Option<i64>);

impl FromStr for SilentAfter {
    type Err = String;

    fn from_str(text: &str) -> Result<SilentAfter, String> {
        let wrong = || "use `never`, or a duration such as `24h` or `3d`".to_owned();
        if text == "never" {
            return Ok(SilentAfter(None));
        }
        let (number, unit) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
            (Some(number), _) => (number, 3_600),
            (_, Some(number)) => (number, 86_400),
            _ => return Err(wrong()),
        };
        let number: u16 = number.parse().map_err(|_| wrong())?;
        if number == 0 { Err(wrong()) } else { Ok(SilentAfter(Some(i64::from(number) * unit))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_after_is_hours_days_or_never() {
        for (text, expected) in [("24h", Some(86_400)), ("3d", Some(259_200)), ("1h", Some(3_600)), ("never", None)] {
            assert_eq!(text.parse(), Ok(SilentAfter(expected)), "{text}");
        }
        for text in ["", "h", "0h", "-1d", "24", "90m", "1.5d", "always", "99999999d", "ä"] {
            assert!(text.parse::<SilentAfter>().unwrap_err().contains("`24h`"), "{text}");
        }
    }
}
