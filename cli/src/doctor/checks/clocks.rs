//! `aws_clock` and `slack_clock`: how far this machine's clock differs.

use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};

/// A difference beyond this fails. AWS rejects requests whose time is off by more than 5 minutes.
const SKEW_SECONDS_MAX: i64 = 60;

pub(super) async fn aws(facts: &Facts) -> Verdict {
    let skew = facts.aws_clock_skew_seconds.get();
    compare("AWS", *skew.ok_or_else(|| Problem::skipped("needs a response of AWS with a `Date` header"))?)
}

pub(super) async fn slack(facts: &Facts) -> Verdict {
    let skew = facts.slack_clock_skew_seconds.get();
    compare("Slack", *skew.ok_or_else(|| Problem::skipped("needs a response of Slack with a `Date` header"))?)
}

fn compare(whose: &str, seconds_ahead: i64) -> Verdict {
    let apart = seconds_ahead.abs();
    let told = match seconds_ahead {
        1.. => format!("this machine's clock is {apart} s ahead of {whose}'s"),
        0 => format!("this machine's clock agrees with {whose}'s"),
        _ => format!("this machine's clock is {apart} s behind {whose}'s"),
    };
    ensure(apart <= SKEW_SECONDS_MAX, &told, "set this machine's clock, and let it synchronize (NTP)")?;
    Ok(told)
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
