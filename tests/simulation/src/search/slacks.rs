//! The behaviors of Slack that its documentation leaves open or contradicts. The exhaustive search uses a set that covers every setting.
//! Randomized runs sample any combination.

use jiff::SignedDuration;
use slacktrail_core::source::LogType;
use slacktrail_simulator::Settings;
use slacktrail_simulator::settings::{
    AccessColumn, AccessTeam, Direction, End, Envelope, Fill, Layout, Limits, Paging, SecondOrder, Seconds,
};

use crate::rng::Rng;

/// A Slack with its name in schedules.
#[derive(Clone, Debug)]
pub struct Slack {
    /// The name.
    pub name: &'static str,
    /// Its settings.
    pub settings: Settings,
    /// Whether the source is an organization. Its log is read per workspace, except by [`Slack::is_whole`].
    pub organization: bool,
}

/// The rows per page: few, so that a few records reach every page boundary.
const ROWS: usize = 3;

fn small(base: Settings) -> Settings {
    Settings {
        limits: Limits::OFF,
        audit_limit_max: ROWS,
        access_fill: Fill::UpTo(ROWS),
        integration_count_max: ROWS,
        ..base
    }
}

/// Returns the covering set of a log.
pub fn covering(log: LogType) -> Vec<Slack> {
    let slack = |name, settings| Slack { name, settings, organization: false };
    let base = || small(Settings::organization());
    match log {
        LogType::Audit => vec![
            slack("plain", base()),
            slack(
                "split",
                Settings {
                    audit_seconds: Seconds::Split,
                    audit_second_order: SecondOrder::Shuffled,
                    audit_end: End::EmptyObject,
                    audit_cursor_forgets: false,
                    trailing_empty_page: true,
                    ..base()
                },
            ),
            slack(
                "varying",
                Settings {
                    audit_fill: Fill::Varying,
                    audit_end: End::MissingKey,
                    audit_range_strict: true,
                    layout: Layout::Pretty,
                    seed: 7,
                    ..base()
                },
            ),
            slack("php", Settings { envelope: Envelope::Php, ..base() }),
        ],
        LogType::Access => vec![
            slack("first-keyset", access(base(), AccessColumn::First, Paging::Keyset)),
            slack(
                "first-offset",
                Settings { access_end: End::EmptyObject, ..access(base(), AccessColumn::First, Paging::Offset) },
            ),
            slack("last-keyset", access(base(), AccessColumn::Last, Paging::Keyset)),
            slack(
                "last-offset",
                Settings {
                    layout: Layout::Pretty,
                    envelope: Envelope::Php,
                    ..access(base(), AccessColumn::Last, Paging::Offset)
                },
            ),
            slack(
                "trailing",
                Settings {
                    trailing_empty_page: true,
                    access_end: End::MissingKey,
                    before_column: AccessColumn::First,
                    ..access(base(), AccessColumn::Last, Paging::Offset)
                },
            ),
            slack("classic", Settings { access_classic: true, ..access(base(), AccessColumn::First, Paging::Offset) }),
            Slack {
                organization: true,
                ..slack(
                    "by-workspace",
                    Settings {
                        access_team: AccessTeam::Required,
                        ..access(base(), AccessColumn::Last, Paging::Keyset)
                    },
                )
            },
            Slack { organization: true, ..slack("whole", access(base(), AccessColumn::Last, Paging::Keyset)) },
        ],
        LogType::Integration => {
            let ordered = |base: Settings, integration_order| {
                let layout = if integration_order == Direction::OldestFirst { Layout::Pretty } else { Layout::Compact };
                Settings { integration_order, layout, ..small(base) }
            };
            let of_organization =
                |name, order| Slack { organization: true, ..slack(name, ordered(Settings::organization(), order)) };
            vec![
                slack("newest", ordered(Settings::workspace(), Direction::NewestFirst)),
                slack("oldest", ordered(Settings::workspace(), Direction::OldestFirst)),
                of_organization("org-newest", Direction::NewestFirst),
                of_organization("org-oldest", Direction::OldestFirst),
                Slack {
                    organization: true,
                    ..slack(
                        "org-php",
                        Settings {
                            envelope: Envelope::Php,
                            ..ordered(Settings::organization(), Direction::NewestFirst)
                        },
                    )
                },
            ]
        }
    }
}

fn access(base: Settings, access_order: AccessColumn, access_paging: Paging) -> Settings {
    Settings { access_order, access_paging, before_column: access_order, ..base }
}

impl Slack {
    /// Returns `true` if the source is an organization whose access logs are read as a whole.
    pub(super) fn is_whole(&self, log: LogType) -> bool {
        log == LogType::Access && self.organization && self.settings.access_team == AccessTeam::Narrows
    }
}

/// Returns a random combination of settings.
pub fn sampled(log: LogType, rng: &mut Rng) -> Slack {
    let by_workspace = log == LogType::Access && rng.one_in(5);
    let organization = by_workspace || log == LogType::Integration && rng.one_in(2);
    let single = log == LogType::Integration && !organization;
    let base = if single { Settings::workspace() } else { Settings::organization() };
    let ends = [End::EmptyString, End::EmptyObject, End::MissingKey];
    let columns = [AccessColumn::First, AccessColumn::Last];
    let integration_count_max = rng.pick(&[3, 8, 1_000]);
    let access_classic = rng.one_in(6);
    let mut settings = Settings {
        seed: rng.below(1 << 32),
        limits: rng.pick(&[Limits::OFF, Limits::SLACK, Limits { audit_used_by_others: 20, ..Limits::SLACK }]),
        layout: rng.pick(&[Layout::Compact, Layout::Compact, Layout::Pretty]),
        // An access walk needs its page cursor in the next tick. An audit walk can continue without it.
        cursor_ttl: match rng.below(4) {
            0 => Some(SignedDuration::from_secs(150)),
            1 if log == LogType::Audit => Some(SignedDuration::ZERO),
            _ => None,
        },
        trailing_empty_page: rng.one_in(3),
        audit_limit_max: rng.pick(&[3, 7, 100]),
        audit_fill: rng.pick(&[Fill::Full, Fill::Full, Fill::Varying]),
        audit_seconds: rng.pick(&[Seconds::Whole, Seconds::Split]),
        audit_second_order: rng.pick(&[SecondOrder::Stable, SecondOrder::Shuffled]),
        audit_end: rng.pick(&ends),
        audit_cursor_forgets: rng.one_in(2),
        audit_range_strict: rng.one_in(2),
        access_order: rng.pick(&columns),
        before_column: rng.pick(&columns),
        access_paging: rng.pick(&[Paging::Keyset, Paging::Offset]),
        // Slack does not show rows beyond 100 numbered pages.
        access_fill: rng.pick(if access_classic { &[Fill::Full] } else { &[Fill::UpTo(3), Fill::UpTo(9), Fill::Full] }),
        access_end: rng.pick(&ends),
        integration_count_max,
        // A run has more rows than 100 pages of three rows, and Slack does not show rows beyond them.
        integration_page_max: (integration_count_max > 3).then_some(100),
        integration_order: rng.pick(&[Direction::NewestFirst, Direction::OldestFirst]),
        envelope: rng.pick(&[Envelope::Documented, Envelope::Documented, Envelope::Php]),
        access_team: if by_workspace { AccessTeam::Required } else { AccessTeam::Narrows },
        access_classic,
        // With `access_classic`, the collector cannot choose the page size, so a page that is too long stays too long.
        response_bytes_max: (!access_classic && rng.one_in(6)).then_some(4_000),
        ..base
    };
    if integration_count_max == 1_000 && settings.response_bytes_max.is_none() && settings.seed.is_multiple_of(3) {
        settings.integration_page_max = Some(2); // after a page broke off, the collector requests small pages, and most rows are beyond the last one
    }
    Slack { name: "sampled", settings, organization }
}
