//! `aws_clock` and `slack_clock`: the local clock agrees with AWS's and Slack's clocks.

use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Verdict, ensure};

/// The maximum difference. AWS rejects requests whose time is off by more than 5 minutes.
const SKEW_SECONDS_MAX: i64 = 60;

pub(super) async fn aws(facts: &Facts) -> Verdict {
    compare("AWS", *facts.aws_clock_skew_seconds.get()?)
}

pub(super) async fn slack(facts: &Facts) -> Verdict {
    compare("Slack", *facts.slack_clock_skew_seconds.get()?)
}

fn compare(whose: &str, seconds_ahead: i64) -> Verdict {
    let skew = seconds_ahead.abs();
    let detail = match seconds_ahead {
        1.. => format!("this machine's clock is {skew} s ahead of {whose}'s"),
        0 => format!("this machine's clock agrees with {whose}'s"),
        _ => format!("this machine's clock is {skew} s behind {whose}'s"),
    };
    ensure(skew <= SKEW_SECONDS_MAX, &detail, "set this machine's clock, and enable time synchronization (NTP)")?;
    Ok(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_may_differ_by_one_minute_either_way() {
        for (seconds, passes) in [(0, true), (60, true), (-60, true), (61, false), (-61, false), (i64::MAX, false)] {
            assert_eq!(compare("AWS", seconds).is_ok(), passes, "{seconds}");
        }
    }
}
