//! Days at random, from seeds: everything that may happen, mixed. A failure names its seed; `SEED=... SEEDS=1` repeats it.
#![allow(clippy::print_stdout, missing_docs, reason = "a test says how much it tried")]

use slacktrail_shared::source::LogType;
use slacktrail_simulation::tenant::Tenancy;
use slacktrail_simulator::settings::{AccessColumn, Direction, Fill, Limits, Paging};
use slacktrail_simulator::{Calling, Fault, FaultKind, Log, Settings};

/// A generator of its own, so that a seed means the same for ever (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap_or(0)]
    }
}

fn number(seed: &str, default: u64) -> u64 {
    std::env::var(seed).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn slack(dice: &mut Dice, log: Log) -> Settings {
    let base =
        if log == Log::Integration && dice.below(2) == 0 { Settings::workspace() } else { Settings::organisation() };
    Settings {
        limits: Limits::OFF,
        audit_limit_max: 3,
        access_fill: Fill::UpTo(3),
        access_order: dice.pick(&[AccessColumn::First, AccessColumn::Last]),
        access_paging: dice.pick(&[Paging::Keyset, Paging::Offset]),
        integration_count_max: 3,
        integration_order: dice.pick(&[Direction::NewestFirst, Direction::OldestFirst]),
        ..base
    }
}

fn happen(dice: &mut Dice, tenancy: &mut Tenancy, log: Log) {
    let fault = match dice.below(24) {
        0 => Some(FaultKind::StaleCursor),
        1 => Some(FaultKind::EmptyPage),
        2 => Some(FaultKind::Html(502)),
        3 => Some(FaultKind::Truncated),
        4 => Some(FaultKind::Hangup),
        5 => Some(FaultKind::throttled("61")),
        6 => Some(FaultKind::Oversize(7)),
        _ => None,
    };
    if let Some(kind) = fault {
        let nth = u32::try_from(1 + dice.below(4)).unwrap_or(1);
        tenancy.fault(Fault::nth(nth, Calling::log(log), kind));
    }
    match dice.below(40) {
        0 => tenancy.lose_cursors(),
        1..=3 => tenancy.restart(),
        4 => tenancy.pass(3_600 * i64::try_from(dice.below(30)).unwrap_or(1)),
        5 => tenancy.late_row(log, i64::try_from(dice.below(90_000)).unwrap_or(1)),
        6..=9 => {
            let steps = u32::try_from(1 + dice.below(20)).unwrap_or(1);
            tenancy.kill_a_tick_after(steps);
        }
        _ => {}
    }
    let count = dice.pick(&[0, 0, 1, 2, 7]);
    tenancy.rows(log, count, dice.pick(&[0, 1, 9]));
    if log == Log::Access {
        let rows = tenancy.row_count().max(1);
        (0..dice.below(4)).for_each(|_| {
            let row = usize::try_from(dice.below(rows)).unwrap_or(0);
            tenancy.touch(row);
        });
    }
}

fn days(log: LogType, simulated: Log, seed: u64) {
    let mut dice = Dice(seed);
    let mut tenancy = Tenancy::new(slack(&mut dice, simulated), &[log]);
    tenancy.calls_max = dice.pick(&[9, 12, 50]);
    tenancy.seen_max(dice.pick(&[12, 60, 10_000]));
    tenancy.rows(simulated, 12, 700);
    for _ in 0..60 {
        tenancy.pass(dice.pick(&[30, 60, 60, 60, 90, 600]));
        happen(&mut dice, &mut tenancy, simulated);
        if dice.below(8) != 0 {
            tenancy.tick();
        }
    }
    tenancy.forget_faults();
    for _ in 0..60 {
        tenancy.pass(3_600); // until the daily re-read has come round for all of it
        tenancy.settle_within(3);
    }
    tenancy.settle_within(30);
    tenancy.assert_complete();
}

fn seeds(log: LogType, simulated: Log) {
    let first = number("SEED", 1);
    let count = number("SEEDS", 40);
    for seed in first..first + count {
        println!("{log} seed {seed}"); // of a test that fails, the last line says which
        days(log, simulated, seed);
    }
}

#[test]
fn random_days_lose_and_double_no_audit_record() {
    seeds(LogType::Audit, Log::Audit);
}

#[test]
fn random_days_lose_and_double_no_access_record() {
    seeds(LogType::Access, Log::Access);
}

#[test]
fn random_days_lose_and_double_no_integration_record() {
    seeds(LogType::Integration, Log::Integration);
}
