//! Generates rows of an active organization: users sign in, share files, change roles and install apps.
//!
//! [`Activity::seed`] determines all rows. Each log has its own random number generator, so that the rate of one log does not affect the
//! others. A time range produces the same rows whether it is filled in one call or in many.

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::{Log, Row, Settings, World};

mod access;
mod audit;
mod details;
mod directory;
mod entity;
mod integration;

use directory::Directory;

const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// The maximum number of access rows whose users may return.
const DEVICES_MAX: usize = 2_000;
/// The average number of audit rows per event, in percent. Most events have one row, some have up to four in the same second.
const ROWS_PER_EVENT_PERCENT: i64 = 134;

/// The rates of activity, per day. 0 disables a kind of row.
#[derive(Clone, Debug)]
pub struct Activity {
    /// The seed that determines all rows.
    pub seed: u64,
    /// The number of users, at least one.
    pub people: usize,
    /// Audit rows per day.
    pub audit_per_day: u32,
    /// New access rows per day.
    pub access_new_per_day: u32,
    /// Returns of known devices per day. Each one updates an access row.
    pub access_returns_per_day: u32,
    /// Integration rows per day.
    pub integration_per_day: u32,
    /// The maximum delay after which a row becomes visible, unless it is late.
    pub settle_max: SignedDuration,
    /// The number of late rows per 1,000 live rows.
    pub late_per_mille: u32,
    /// The maximum delay after which a late row becomes visible.
    pub late_max: SignedDuration,
}

impl Default for Activity {
    /// Returns the activity of 200 users with 100,000 audit rows per day. 1 in 100 live rows is up to two hours late.
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

/// Generates rows for one world. It stores the numbers of that world's access rows.
#[derive(Debug)]
pub struct Generator {
    activity: Activity,
    directory: Directory,
    audit: Stream,
    access: Stream,
    integration: Stream,
    /// The numbers of access rows whose users may return.
    devices: Vec<usize>,
}

/// The random number generator of one log, and the time of its next event.
#[derive(Debug)]
struct Stream {
    rng: StdRng,
    next: Option<Timestamp>,
}

/// When rows become visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timing {
    /// Some rows are late.
    Live,
    /// No rows are late.
    Settled,
}

impl Generator {
    /// Creates a generator for a world with these settings. The users belong to the workspaces of its tenant.
    pub fn new(activity: Activity, settings: &Settings) -> Generator {
        let stream = |log: u64| Stream {
            rng: StdRng::seed_from_u64(activity.seed.wrapping_mul(8).wrapping_add(log)),
            next: None,
        };
        let mut rng = stream(0).rng;
        let directory = Directory::new(&settings.tenant, activity.people.max(1), &mut rng);
        let (audit, access, integration) = (stream(1), stream(2), stream(3));
        Generator { activity, directory, audit, access, integration, devices: Vec::new() }
    }

    /// Adds historic rows from `from` (inclusive) to `until` (exclusive). No row is late.
    pub fn fill(&mut self, world: &mut World, from: Timestamp, until: Timestamp) {
        self.run(world, from, until, Timing::Settled);
    }

    /// Adds live rows from `from` (inclusive) to `until` (exclusive). Some rows are late.
    pub fn advance(&mut self, world: &mut World, from: Timestamp, until: Timestamp) {
        self.run(world, from, until, Timing::Live);
    }

    /// Returns an audit row that is visible immediately, for callers that need an exact number of rows.
    pub fn audit_row(&mut self, time: Timestamp) -> Row {
        Row::audit(time, audit::record(&mut self.audit.rng, &self.directory, time))
    }

    /// Returns a new access row that is visible immediately.
    pub fn access_row(&mut self, time: Timestamp) -> Row {
        access::row(&mut self.access.rng, &self.directory, time)
    }

    /// Returns an integration row that is visible immediately.
    pub fn integration_row(&mut self, time: Timestamp) -> Row {
        integration::row(&mut self.integration.rng, &self.directory, time)
    }

    fn run(&mut self, world: &mut World, from: Timestamp, until: Timestamp, timing: Timing) {
        let per_event =
            mean_gap(self.activity.audit_per_day).map(|gap| gap.saturating_mul(ROWS_PER_EVENT_PERCENT) / 100);
        while let Some(time) = self.audit.next_time(per_event, from, until) {
            for _ in 0..rows_per_event(&mut self.audit.rng) {
                let row = self.audit_row(time);
                world.add(self.set_visibility(row, timing));
            }
        }
        let (new, returns) = (self.activity.access_new_per_day, self.activity.access_returns_per_day);
        let per_visit = mean_gap(new.saturating_add(returns));
        while let Some(time) = self.access.next_time(per_visit, from, until) {
            let is_new = self.access.rng.random_range(0..new.saturating_add(returns)) < new;
            self.add_access(world, time, is_new, timing);
        }
        while let Some(time) = self.integration.next_time(mean_gap(self.activity.integration_per_day), from, until) {
            let row = self.integration_row(time);
            let row = self.set_visibility(row, timing);
            // The same change can happen twice in one second. Both rows are then equal and valid.
            if self.integration.rng.random_ratio(1, 10) {
                world.add(row.clone());
            }
            world.add(row);
        }
    }

    /// Records that a user opens Slack, either on a new device or on one that already has a row.
    fn add_access(&mut self, world: &mut World, time: Timestamp, is_new: bool, timing: Timing) {
        if !is_new && !self.devices.is_empty() {
            let device = self.access.rng.random_range(0..self.devices.len());
            return world.touch_access(self.devices[device], time);
        }
        let row = self.access_row(time);
        let number = world.add(self.set_visibility(row, timing));
        if self.devices.len() < DEVICES_MAX {
            self.devices.push(number);
        } else {
            let replaced = self.access.rng.random_range(0..DEVICES_MAX);
            self.devices[replaced] = number;
        }
    }

    /// Picks the time when a row becomes visible.
    fn set_visibility(&mut self, row: Row, timing: Timing) -> Row {
        let rng = match row.log {
            Log::Audit => &mut self.audit.rng,
            Log::Access => &mut self.access.rng,
            Log::Integration => &mut self.integration.rng,
        };
        let late = timing == Timing::Live && rng.random_range(0..1_000) < self.activity.late_per_mille;
        let most = if late { self.activity.late_max } else { self.activity.settle_max };
        let delay = rng.random_range(0..=most.as_secs().max(0));
        let visible_at = row.time.saturating_add(SignedDuration::from_secs(delay)).unwrap_or(row.time);
        row.visible_from(visible_at)
    }
}

impl Stream {
    /// Returns the time of the next event before `until`. The interval to the event after it is between zero and twice the mean.
    fn next_time(&mut self, mean_gap: Option<i64>, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let mean = mean_gap?;
        let mut gap = || SignedDuration::from_micros(self.rng.random_range(0..=mean.saturating_mul(2)));
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

/// Returns the mean interval in microseconds between `per_day` events.
fn mean_gap(per_day: u32) -> Option<i64> {
    (per_day > 0).then(|| (DAY_MICROSECONDS / i64::from(per_day)).max(1))
}

/// Returns a random number of rows with the mean [`ROWS_PER_EVENT_PERCENT`].
fn rows_per_event(rng: &mut StdRng) -> usize {
    match rng.random_range(0..100) {
        0..80 => 1,
        80..90 => 2,
        90..96 => 3,
        _ => 4,
    }
}
