//! Which days a command works on: the values of `--day`, `--month`, and `--from` with `--to`, which mean the same for each command.

use clap::{ArgGroup, Args};
use slacktrail_core::time::{Day, Second};

use crate::cli_error::CliError;
use crate::typed_time::{self, shown_day};

/// The flags that select whole UTC days.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("days").required(true).args(["day", "month", "from"]))]
pub(crate) struct DaysArguments {
    /// Day (UTC), such as 2026-10-20
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    day: Option<Day>,
    /// Month (UTC), such as 2026-10
    #[arg(long, value_name = "MONTH", value_parser = parse_month)]
    month: Option<Days>,
    /// First day (UTC)
    #[arg(long, value_name = "DAY", value_parser = parse_day, requires = "to")]
    from: Option<Day>,
    /// Last day (UTC), inclusive: --from 2026-10-01 --to 2026-10-31 is October
    #[arg(long, value_name = "DAY", value_parser = parse_day, requires = "from", conflicts_with_all = ["day", "month"])]
    to: Option<Day>,
}

fn parse_day(text: &str) -> Result<Day, &'static str> {
    typed_time::day(text).ok_or("expected a day such as `2026-11-20`")
}

fn parse_month(text: &str) -> Result<Days, &'static str> {
    let (first, last) = typed_time::month(text).ok_or("expected a month such as `2026-10`")?;
    Ok(Days { first, last })
}

/// The days that a user selected, with both ends inclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Days {
    pub(crate) first: Day,
    pub(crate) last: Day,
}

impl DaysArguments {
    /// Returns `true` if one day was selected with `--day`.
    pub(crate) fn is_single(&self) -> bool {
        self.day.is_some()
    }

    pub(crate) fn resolve(&self, now: Second) -> Result<Days, CliError> {
        let (flag, first, last) = match (self.day, self.month, self.from.zip(self.to)) {
            (Some(day), ..) => ("--day", day, day),
            (_, Some(month), _) => ("--month", month.first, month.last),
            (.., days) => {
                let (from, to) =
                    days.expect("the group `days` requires one of the flags, and `--from` requires `--to`");
                ("--from", from, to)
            }
        };
        if last < first {
            return Err(CliError::invalid_argument(format!(
                "`--to` ({}) is before `--from` ({})",
                shown_day(last),
                shown_day(first)
            ))
            .hint("use the last day for `--to`: `--from 2026-10-01 --to 2026-10-31` is October"));
        }
        if first.start() > now {
            return Err(CliError::invalid_argument(format!("`{flag}` is in the future: {}", shown_day(first)))
                .hint("use today (UTC) or an earlier day"));
        }
        Ok(Days { first, last })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::{Args as _, Command, FromArgMatches};

    use super::*;

    /// Returns the days that flags select on 2026-11-22, or the error.
    pub(crate) fn days(flags: &str) -> Result<Days, String> {
        let command = DaysArguments::augment_args(Command::new("test").no_binary_name(true));
        let matches = command.try_get_matches_from(flags.split(' ')).map_err(|error| error.to_string())?;
        let args = DaysArguments::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        args.resolve(Second::of("2026-11-22T17:00:05Z".parse().unwrap())).map_err(|error| error.to_string())
    }

    #[test]
    fn days_include_first_and_last_one() {
        for (flags, first, last) in [
            ("--day 2026-11-22", "2026-11-22", "2026-11-22"),
            ("--month 2024-02", "2024-02-01", "2024-02-29"),
            ("--from 2026-10-01 --to 2026-10-31", "2026-10-01", "2026-10-31"),
            ("--from 2026-10-01 --to 2026-10-01", "2026-10-01", "2026-10-01"),
            ("--from 2026-11-22 --to 2030-01-01", "2026-11-22", "2030-01-01"),
        ] {
            let days = days(flags).unwrap();
            assert_eq!((shown_day(days.first).as_str(), shown_day(days.last).as_str()), (first, last), "{flags}");
        }
    }

    #[test]
    fn invalid_days_are_rejected() {
        for (flags, error) in [
            ("--from 2026-11-02 --to 2026-11-01", "`--to` (2026-11-01) is before `--from` (2026-11-02)"),
            ("--day 2026-11-23", "`--day` is in the future: 2026-11-23"),
            ("--month 2026-12", "`--month` is in the future: 2026-12-01"),
            ("--from 2026-11-23 --to 2026-11-24", "`--from` is in the future: 2026-11-23"),
            ("--json", "unexpected argument"),
            ("--from 2026-11-02", "--to <DAY>"),
            ("--to 2026-11-02", "--from <DAY>"),
            ("--day 2026-11-02 --month 2026-11", "cannot be used with"),
            ("--day 2026-11-02 --to 2026-11-03", "cannot be used with"),
            ("--day today", "expected a day such as"),
            ("--month 2026-10-01", "expected a month such as"),
        ] {
            assert!(days(flags).unwrap_err().contains(error), "{flags}: {:?}", days(flags));
        }
    }
}
