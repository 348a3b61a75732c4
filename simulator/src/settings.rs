//! How this Slack behaves where the documentation is silent or contradicts itself. Every default is what most sources report.

use jiff::SignedDuration;

use crate::oauth::{App, Rules, User};
use crate::tenant::{Plan, Role, Tenant, Token, Workspace};

/// The token of the default organization.
pub const ORGANIZATION_TOKEN: &str = "xoxp-simulated-organization";
/// The token of the default workspace.
pub const WORKSPACE_TOKEN: &str = "xoxp-simulated-workspace";

/// Everything that can differ between one Slack and another. Plain data; see [`Settings::organization`] for the defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides shuffles and page lengths, and nothing else.
    pub seed: u64,
    /// The organization or workspace.
    pub tenant: Tenant,
    /// What it pays for.
    pub plan: Plan,
    /// The tokens it honours.
    pub tokens: Vec<Token>,
    /// How many calls a minute.
    pub limits: Limits,
    /// What the `Date` header adds to the true time: a caller's clock is wrong by the opposite.
    pub clock_offset: SignedDuration,
    /// How replies are laid out.
    pub layout: Layout,
    /// How typed what surrounds the rows is.
    pub envelope: Envelope,
    /// The connection breaks off after so many bytes of a longer body, as when a proxy has had enough. `None`: never.
    pub response_bytes_max: Option<usize>,
    /// After this long Slack refuses a page cursor. `None`: never.
    pub cursor_ttl: Option<SignedDuration>,
    /// Whether the last full page still names a cursor, to an empty page.
    pub trailing_empty_page: bool,
    /// What the Web API says to a token whose user is no admin.
    pub member_error: &'static str,

    /// Rows of an audit page if `limit` is not given.
    pub audit_limit_default: usize,
    /// The most rows that an audit `limit` can ask for; a larger one is cut down to it.
    pub audit_limit_max: usize,
    /// How full audit pages are.
    pub audit_fill: Fill,
    /// Whether a page may end inside a second.
    pub audit_seconds: Seconds,
    /// How audit rows of one second are ordered.
    pub audit_second_order: SecondOrder,
    /// How the end of an audit walk is told.
    pub audit_end: End,
    /// Whether an audit cursor forgets `oldest` and `latest`: a page asked for without them then walks on through all history.
    pub audit_cursor_forgets: bool,
    /// Whether a range that only partly lies before March 2018 or in the future is refused too.
    pub audit_range_strict: bool,
    /// Whether an unknown name in `action` fails the request.
    pub audit_action_strict: bool,

    /// What access rows are sorted by, newest first.
    pub access_order: AccessColumn,
    /// What the parameter `before` is compared with.
    pub before_column: AccessColumn,
    /// How an access cursor finds its place.
    pub access_paging: Paging,
    /// How full access pages are in cursor mode, and where there is no such mode.
    pub access_fill: Fill,
    /// Whether access logs know no cursor mode: `limit` and `cursor` are ignored, and pages are numbered.
    pub access_classic: bool,
    /// How the end of an access walk is told in cursor mode.
    pub access_end: End,
    /// The largest `limit`; above it the call fails with `invalid_limit`.
    pub access_limit_max: usize,
    /// What `team_id` means with an organization's token.
    pub access_team: AccessTeam,

    /// How integration rows are sorted.
    pub integration_order: Direction,
    /// The most rows of a page; a larger `count` is cut down to it.
    pub integration_count_max: usize,
    /// The last page that may be asked for. `None`: any.
    pub integration_page_max: Option<usize>,
    /// Whether the free plan has integration logs.
    pub integration_on_free: bool,

    /// The apps that can be installed. None of them by default: nobody comes to the consent page then.
    pub apps: Vec<App>,
    /// The people who can be in front of the consent page. The first is, unless another is named.
    pub users: Vec<User>,
    /// How OAuth behaves where the documentation is silent.
    pub oauth: Rules,
}

/// Calls that Slack allows in any 60 seconds; `None` is without limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Audit calls of the whole organization.
    pub audit: Option<u32>,
    /// How many of them other apps use up.
    pub audit_used_by_others: u32,
    /// Calls of a tier 2 method for one workspace.
    pub tier_two: Option<u32>,
    /// Calls of `auth.test`.
    pub auth_test: Option<u32>,
    /// Calls of `oauth.v2.access` by one app. It is of the same special tier as `auth.test`.
    pub oauth: Option<u32>,
    /// Calls of a tier 3 method, of which `auth.revoke` is one, for one workspace. `apps.uninstall` has no limit here: once
    /// it has succeeded there is nothing left to uninstall.
    pub tier_three: Option<u32>,
}

/// A column of an access row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessColumn {
    /// `date_first`
    First,
    /// `date_last`
    Last,
}

/// How a cursor finds its place again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// Below the last row that was served: nothing shifts.
    Keyset,
    /// By the number of rows served: a row inserted at the head shifts every later page by one.
    Offset,
}

/// How full pages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// As many rows as asked for.
    Full,
    /// Never more than this, whatever was asked for.
    UpTo(usize),
    /// Anything from none to as many as asked for, by the seed and the number of the call.
    Varying,
}

/// Whether rows of one second stay together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seconds {
    /// They do: a page exceeds `limit` rather than split a second.
    Whole,
    /// They do not: a page ends at `limit`, and the cursor knows where in the second.
    Split,
}

/// The order of audit rows inside one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondOrder {
    /// The same at every call: added last, shown first.
    Stable,
    /// Another one at every call.
    Shuffled,
}

/// How a reply says that there are no more pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `"response_metadata":{"next_cursor":""}`
    EmptyString,
    /// `"response_metadata":{}`
    EmptyObject,
    /// No `response_metadata` at all.
    MissingKey,
}

/// What stands around the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// What the documentation shows.
    Documented,
    /// What PHP code plausibly writes in its place, another form in each reply: `"response_metadata":[]`, `"next_cursor":false`, numbers as
    /// text, `"total":-1`, rows as an object (`{"0":...,"2":...}`), keys in another order, bytes that are no UTF-8.
    Php,
}

/// What `team_id` means for access logs with an organization's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTeam {
    /// Without it: all rows of the organization. With it: only that workspace's team-site and third-party-app rows (user agents
    /// that begin with `SlackWeb ` or `ApiApp/`).
    Narrows,
    /// Without it: `missing_argument`. With it: all rows of that workspace.
    Required,
}

/// Which end of a log comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The newest row on page 1.
    NewestFirst,
    /// The oldest row on page 1.
    OldestFirst,
}

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// On one line.
    Compact,
    /// Indented, with raw line breaks between the tokens.
    Pretty,
}

impl Limits {
    /// What Slack publishes.
    pub const SLACK: Limits = Limits {
        audit: Some(50),
        audit_used_by_others: 0,
        tier_two: Some(20),
        auth_test: Some(300),
        oauth: Some(300),
        tier_three: Some(50),
    };
    /// No limit at all.
    pub const OFF: Limits =
        Limits { audit: None, audit_used_by_others: 0, tier_two: None, auth_test: None, oauth: None, tier_three: None };
}

impl Settings {
    /// An Enterprise organization `E1` with workspaces `T1` and `T2` and one token, [`ORGANIZATION_TOKEN`], of its owner.
    pub fn organization() -> Settings {
        let tenant = Tenant::organization("E1", &["T1", "T2"]);
        Settings::new(tenant, Plan::Enterprise, Token::organization(ORGANIZATION_TOKEN))
    }

    /// A paid workspace `T1` of its own and one token, [`WORKSPACE_TOKEN`], of an admin.
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
            clock_offset: SignedDuration::ZERO,
            layout: Layout::Compact,
            envelope: Envelope::Documented,
            response_bytes_max: None,
            cursor_ttl: None,
            trailing_empty_page: false,
            member_error: "no_permission",
            audit_limit_default: 100,
            audit_limit_max: 9_999,
            audit_fill: Fill::Full,
            audit_seconds: Seconds::Whole,
            audit_second_order: SecondOrder::Stable,
            audit_end: End::EmptyString,
            audit_cursor_forgets: true,
            audit_range_strict: false,
            audit_action_strict: true,
            access_order: AccessColumn::First,
            before_column: AccessColumn::First,
            access_paging: Paging::Keyset,
            access_fill: Fill::Full,
            access_classic: false,
            access_end: End::EmptyString,
            access_limit_max: 1_000,
            access_team: AccessTeam::Narrows,
            integration_order: Direction::NewestFirst,
            integration_count_max: 1_000,
            integration_page_max: Some(100),
            integration_on_free: false,
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
