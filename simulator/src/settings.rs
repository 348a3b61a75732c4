//! Settings of the simulated Slack, including behavior that the documentation leaves open or contradicts. Each default is what most sources
//! report.

use jiff::SignedDuration;

use crate::oauth::{App, Rules, User};
use crate::tenant::{Plan, Role, Tenant, Token, Workspace};

/// The token of the default organization.
pub const ORGANIZATION_TOKEN: &str = "xoxp-simulated-organization";
/// The token of the default workspace.
pub const WORKSPACE_TOKEN: &str = "xoxp-simulated-workspace";

/// The tenant and the behavior of the simulated Slack. See [`Settings::organization`] for the defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The seed. It determines shuffles, page lengths, varying envelopes, codes and tokens.
    pub seed: u64,
    /// The organization or workspace.
    pub tenant: Tenant,
    /// The plan of the tenant.
    pub plan: Plan,
    /// The configured tokens.
    pub tokens: Vec<Token>,
    /// The rate limits.
    pub limits: Limits,
    /// The layout of JSON responses.
    pub layout: Layout,
    /// The form of the JSON around the rows.
    pub envelope: Envelope,
    /// The connection closes after this many bytes of a longer body, as behind a proxy with a size limit. `None` disables the limit.
    pub response_bytes_max: Option<usize>,
    /// The time after which Slack rejects a page cursor. `None` means never.
    pub cursor_ttl: Option<SignedDuration>,
    /// Whether a full last page contains a cursor, which leads to an empty page.
    pub trailing_empty_page: bool,

    /// The maximum `limit` of audit requests. A larger value is reduced to it.
    pub audit_limit_max: usize,
    /// How many of the requested rows audit pages contain.
    pub audit_fill: Fill,
    /// Whether an audit page may end inside a second.
    pub audit_seconds: Seconds,
    /// The order of audit rows within one second.
    pub audit_second_order: SecondOrder,
    /// How the last audit page shows that it is the last.
    pub audit_end: End,
    /// Whether an audit cursor drops `oldest` and `latest`. A request with a cursor but without these bounds then continues through all
    /// history.
    pub audit_cursor_forgets: bool,
    /// Whether Slack also rejects a range that lies only partly before March 2018 or in the future.
    pub audit_range_strict: bool,

    /// The column that access rows are sorted by, newest first.
    pub access_order: AccessColumn,
    /// The column that the parameter `before` is compared with.
    pub before_column: AccessColumn,
    /// How an access cursor stores its position.
    pub access_paging: Paging,
    /// How many of the requested rows access pages contain. Applies in cursor mode, and to all pages if `access_classic` is set.
    pub access_fill: Fill,
    /// Whether access logs have only numbered pages. Slack then ignores `limit` and `cursor`.
    pub access_classic: bool,
    /// How the last access page shows that it is the last, in cursor mode.
    pub access_end: End,
    /// The meaning of `team_id` with an organization's token.
    pub access_team: AccessTeam,

    /// The order of integration rows.
    pub integration_order: Direction,
    /// The maximum number of rows of an integration page. A larger `count` is reduced to it.
    pub integration_count_max: usize,
    /// The highest page number that Slack accepts. `None` means no maximum.
    pub integration_page_max: Option<usize>,

    /// The apps that can be installed. By default there are none, and the consent page returns an error.
    pub apps: Vec<App>,
    /// The users who can sign in to the consent page. By default, the first one is signed in.
    pub users: Vec<User>,
    /// OAuth behavior that the documentation leaves open.
    pub oauth: Rules,
}

/// The number of calls that Slack allows in any 60 seconds. `None` means no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Audit API calls, for the whole organization.
    pub audit: Option<u32>,
    /// The number of allowed audit API calls that other apps use.
    pub audit_used_by_others: u32,
    /// Calls of one tier 2 method by one app for one workspace.
    pub tier_two: Option<u32>,
}

/// A column of an access row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessColumn {
    /// The column `date_first`.
    First,
    /// The column `date_last`.
    Last,
}

/// How a cursor stores its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// By the key of the last returned row. New rows shift nothing.
    Keyset,
    /// By the number of returned rows. Each new first row shifts all later pages by one row.
    Offset,
}

/// How many of the requested rows a page contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// All requested rows.
    Full,
    /// At most this many rows.
    UpTo(usize),
    /// A random number of rows, from zero to the requested number. The seed and the number of the call determine it.
    Varying,
}

/// Whether rows of one second stay on one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seconds {
    /// They do. A page exceeds `limit` to avoid splitting a second.
    Whole,
    /// They may not. A page ends at `limit`, and the cursor stores the position within the second.
    Split,
}

/// The order of audit rows inside one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondOrder {
    /// The same order at every call: the row added last comes first.
    Stable,
    /// A random order at every call.
    Shuffled,
}

/// How the last page shows that it is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By `"response_metadata":{"next_cursor":""}`.
    EmptyString,
    /// By `"response_metadata":{}`.
    EmptyObject,
    /// By omitting `response_metadata`.
    MissingKey,
}

/// The form of the JSON around the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// The documented form.
    Documented,
    /// Forms that PHP code may produce. They vary per response: `"response_metadata":[]`, `"next_cursor":false`, numbers as text, `"total":-1`,
    /// rows as an object (`{"0":...,"2":...}`), another order of keys, and invalid UTF-8.
    Php,
}

/// The meaning of `team_id` for access logs with an organization's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTeam {
    /// Without it, Slack returns all rows of the organization. With it, Slack returns only the workspace's rows of its team site and of
    /// third-party apps, whose user agents start with `SlackWeb ` or `ApiApp/`.
    Narrows,
    /// Without it, Slack returns `missing_argument`. With it, Slack returns all rows of that workspace.
    Required,
}

/// The order of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Page 1 contains the newest row.
    NewestFirst,
    /// Page 1 contains the oldest row.
    OldestFirst,
}

/// The layout of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One line.
    Compact,
    /// Indented, with line breaks between tokens.
    Pretty,
}

impl Limits {
    /// The rate limits that Slack documents.
    pub const SLACK: Limits = Limits { audit: Some(50), audit_used_by_others: 0, tier_two: Some(20) };
    /// No rate limits.
    pub const OFF: Limits = Limits { audit: None, audit_used_by_others: 0, tier_two: None };
}

impl Settings {
    /// Returns an Enterprise organization `E1` with workspaces `T1` and `T2`. Its owner has the token [`ORGANIZATION_TOKEN`].
    pub fn organization() -> Settings {
        let tenant = Tenant::organization("E1", &["T1", "T2"]);
        Settings::new(tenant, Plan::Enterprise, Token::organization(ORGANIZATION_TOKEN))
    }

    /// Returns a paid standalone workspace `T1`. An admin has the token [`WORKSPACE_TOKEN`].
    pub fn workspace() -> Settings {
        let tenant = Tenant::Single(Workspace::new("T1", "Workspace T1"));
        Settings::new(tenant, Plan::Paid, Token::workspace(WORKSPACE_TOKEN, "T1"))
    }

    fn new(tenant: Tenant, plan: Plan, token: Token) -> Settings {
        Settings {
            seed: 1,
            tenant,
            plan,
            tokens: vec![token],
            limits: Limits::SLACK,
            layout: Layout::Compact,
            envelope: Envelope::Documented,
            response_bytes_max: None,
            cursor_ttl: None,
            trailing_empty_page: false,
            audit_limit_max: 9_999,
            audit_fill: Fill::Full,
            audit_seconds: Seconds::Whole,
            audit_second_order: SecondOrder::Stable,
            audit_end: End::EmptyString,
            audit_cursor_forgets: true,
            audit_range_strict: false,
            access_order: AccessColumn::First,
            before_column: AccessColumn::First,
            access_paging: Paging::Keyset,
            access_fill: Fill::Full,
            access_classic: false,
            access_end: End::EmptyString,
            access_team: AccessTeam::Narrows,
            integration_order: Direction::NewestFirst,
            integration_count_max: 1_000,
            integration_page_max: Some(100),
            apps: Vec::new(),
            users: vec![User::new("W0OWNER", "Olga Owner", Role::Owner)],
            oauth: Rules::default(),
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::organization()
    }
}
