//! Life in the simulated organization: people sign in, share files, change roles and install apps, and all of it leaves rows.
//!
//! Everything follows from [`Activity::seed`]. Each log has dice of its own, so that changing one log's rate leaves the others alone,
//! and a span filled in one call or in many gives the same rows.

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::{Log, Row, Settings, World};

mod access;
mod actions;
mod audit;
mod details;
mod directory;
mod entity;
mod integration;

pub use actions::KNOWN_ACTIONS;
use directory::Directory;

const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// How many access rows are remembered as belonging to people who may come back.
const DEVICES_MAX: usize = 2_000;
/// Rows that one act leaves in the same second, in hundredths: most leave one, some up to four.
const ROWS_PER_ACT_PERCENT: i64 = 134;

/// How much happens. Rates are per day; 0 is none.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Decides everything.
    pub seed: u64,
    /// How many people there are; at least one.
    pub people: usize,
    /// Audit rows.
    pub audit_per_day: u32,
    /// New access rows.
    pub access_new_per_day: u32,
    /// Returns of known devices, which move an access row.
    pub access_returns_per_day: u32,
    /// Integration rows.
    pub integration_per_day: u32,
    /// Every row becomes visible up to this long after its time.
    pub settle_max: SignedDuration,
    /// Of 1,000 live rows, how many become visible late.
    pub late_per_mille: u32,
    /// A late row becomes visible up to this long after its time.
    pub late_max: SignedDuration,
}

impl Default for Activity {
    /// A company of 200 with 100,000 audit rows a day, of whose live rows 1 in 100 is up to two hours late.
    fn default() -> Activity {
        Activity {
            seed: 1,
            people: 200,
            audit_per_day: 100_000,
            access_new_per_day: 2_000,
            access_returns_per_day: 20_000,
            integration_per_day: 50,
            settle_max: SignedDuration::from_secs(3),
            late_per_mille: 10,
            late_max: SignedDuration::from_hours(2),
        }
    }
}

/// Makes rows for one world: it remembers the numbers of that world's access rows.
#[derive(Debug)]
pub struct Generator {
    activity: Activity,
    directory: Directory,
    audit: Stream,
    access: Stream,
    integration: Stream,
    /// Numbers of access rows whose users may come back.
    devices: Vec<usize>,
}

/// One log's dice, and when something happens next.
#[derive(Debug)]
struct Stream {
    dice: StdRng,
    next: Option<Timestamp>,
}

/// How soon rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Showing {
    /// Some of them late.
    Live,
    /// All of them soon after their time.
    Settled,
}

impl Generator {
    /// A generator for a world with these settings: its people work in the workspaces of its tenant.
    pub fn new(activity: Activity, settings: &Settings) -> Generator {
        let stream = |log: u64| Stream {
            dice: StdRng::seed_from_u64(activity.seed.wrapping_mul(8).wrapping_add(log)),
            next: None,
        };
        let mut dice = stream(0).dice;
        let directory = Directory::new(&settings.tenant, activity.people.max(1), &mut dice);
        let (audit, access, integration) = (stream(1), stream(2), stream(3));
        Generator { activity, directory, audit, access, integration, devices: Vec::new() }
    }

    /// Fills a span of history, up to but without `until`: every row is visible soon after its time.
    pub fn fill(&mut self, world: &mut World, from: Timestamp, until: Timestamp) {
        self.run(world, from, until, Showing::Settled);
    }

    /// Lets time pass from `from` up to but without `until`: some rows become visible late.
    pub fn advance(&mut self, world: &mut World, from: Timestamp, until: Timestamp) {
        self.run(world, from, until, Showing::Live);
    }

    /// One audit row of this time, visible at once: for a caller that wants an exact number of rows.
    pub fn audit_row(&mut self, time: Timestamp) -> Row {
        Row::audit(time, audit::record(&mut self.audit.dice, &self.directory, time))
    }

    /// One new access row of this time, visible at once.
    pub fn access_row(&mut self, time: Timestamp) -> Row {
        access::row(&mut self.access.dice, &self.directory, time)
    }

    /// One integration row of this time, visible at once.
    pub fn integration_row(&mut self, time: Timestamp) -> Row {
        integration::row(&mut self.integration.dice, &self.directory, time)
    }

    fn run(&mut self, world: &mut World, from: Timestamp, until: Timestamp, showing: Showing) {
        let per_act = mean_gap(self.activity.audit_per_day).map(|gap| gap.saturating_mul(ROWS_PER_ACT_PERCENT) / 100);
        while let Some(time) = self.audit.happen(per_act, from, until) {
            for _ in 0..rows_of_an_act(&mut self.audit.dice) {
                let row = self.audit_row(time);
                world.add(self.show(row, showing));
            }
        }
        let (new, returns) = (self.activity.access_new_per_day, self.activity.access_returns_per_day);
        let per_visit = mean_gap(new.saturating_add(returns));
        while let Some(time) = self.access.happen(per_visit, from, until) {
            let is_new = self.access.dice.random_range(0..new.saturating_add(returns)) < new;
            self.visit(world, time, is_new, showing);
        }
        while let Some(time) = self.integration.happen(mean_gap(self.activity.integration_per_day), from, until) {
            let row = self.integration_row(time);
            let row = self.show(row, showing);
            // The same change twice in one second: two equal rows, and both are true.
            if self.integration.dice.random_ratio(1, 10) {
                world.add(row.clone());
            }
            world.add(row);
        }
    }

    /// A person opens Slack: on something new, or on a device that has a row already.
    fn visit(&mut self, world: &mut World, time: Timestamp, is_new: bool, showing: Showing) {
        if !is_new && !self.devices.is_empty() {
            let device = self.access.dice.random_range(0..self.devices.len());
            return world.touch_access(self.devices[device], time);
        }
        let row = self.access_row(time);
        let number = world.add(self.show(row, showing));
        if self.devices.len() < DEVICES_MAX {
            self.devices.push(number);
        } else {
            let forgotten = self.access.dice.random_range(0..DEVICES_MAX);
            self.devices[forgotten] = number;
        }
    }

    /// Decides when a row is shown.
    fn show(&mut self, row: Row, showing: Showing) -> Row {
        let dice = match row.log {
            Log::Audit => &mut self.audit.dice,
            Log::Access => &mut self.access.dice,
            Log::Integration => &mut self.integration.dice,
        };
        let late = showing == Showing::Live && dice.random_range(0..1_000) < self.activity.late_per_mille;
        let most = if late { self.activity.late_max } else { self.activity.settle_max };
        let delay = dice.random_range(0..=most.as_secs().max(0));
        let visible_at = row.time.saturating_add(SignedDuration::from_secs(delay)).unwrap_or(row.time);
        row.visible_from(visible_at)
    }
}

impl Stream {
    /// The next time that something happens before `until`; gaps are between nothing and twice the mean.
    fn happen(&mut self, mean_gap: Option<i64>, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let mean = mean_gap?;
        let mut gap = || SignedDuration::from_micros(self.dice.random_range(0..=mean.saturating_mul(2)));
        let time = match self.next {
            Some(next) if next >= from => next,
            _ => from.saturating_add(gap()).unwrap_or(from),
        };
        if time >= until {
            self.next = Some(time);
            return None;
        }
        self.next = time.saturating_add(gap()).ok();
        Some(time)
    }
}

/// Microseconds between two of so many things a day.
fn mean_gap(per_day: u32) -> Option<i64> {
    (per_day > 0).then(|| (DAY_MICROSECONDS / i64::from(per_day)).max(1))
}

/// See [`ROWS_PER_ACT_PERCENT`].
fn rows_of_an_act(dice: &mut StdRng) -> usize {
    match dice.random_range(0..100) {
        0..80 => 1,
        80..90 => 2,
        90..96 => 3,
        _ => 4,
    }
}
