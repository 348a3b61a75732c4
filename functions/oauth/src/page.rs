//! Renders the HTML pages. A page runs no scripts and loads nothing from other servers.
//!
//! Its reader is a user of Slack, often an Org Owner, who has no command line. IDs, codes and commands are only in the last part of the page, which
//! is for the operator who sent the link.

use std::sync::LazyLock;

use askama::Template;
use askama::filters::{Escaper, Html};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use slacktrail_connect::{
    CallbackError, ConnectError, ConnectErrorKind, ConnectReport, Connected, LogProbe, Offer, PageText,
};
use slacktrail_core::source::{LogType, Source, SourceId, shown_name};
use slacktrail_core::time::Second;

use crate::handler::Outcome;

/// The style sheet, which every page contains.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// Returns the Content Security Policy of a page. It allows the page's own style only. The page with the button may also submit its form to this
/// website and follow the redirect to Slack.
pub(crate) fn content_security_policy(outcome: &Outcome) -> String {
    let forms = match outcome {
        Outcome::Offered(offer) => format!("'self' {}", offer.leads_to),
        _ => "'none'".to_owned(),
    };
    let hash = &*STYLE_HASH;
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
    )
}

/// Returns the page for an outcome, with the reference for the operator. It is empty if the response redirects the browser.
pub(crate) fn of(outcome: &Outcome, reference: Option<&str>) -> String {
    let page = match outcome {
        Outcome::Offered(offer) => OfferedPage::of(offer, reference).render(),
        Outcome::Started(_) => return String::new(),
        Outcome::Connected(connected) => ConnectedPage::of(connected, reference).render(),
        Outcome::Failed(callback_error) => ErrorPage::of(callback_error, reference).render(),
        Outcome::NotFound => ErrorPage::new("Page not found", &ConnectError::unsupported_request()).render(),
        Outcome::MethodNotAllowed(_) => {
            ErrorPage::new("Request not supported", &ConnectError::unsupported_request()).render()
        }
    };
    page.expect("a page is written to memory")
}

#[derive(Template)]
#[template(path = "offered.html")]
struct OfferedPage<'a> {
    reference: Option<&'a str>,
    label: String,
    tenant: Option<String>,
    source: &'a Source,
    logs: Vec<(&'static str, &'static str)>,
    is_for_organization: bool,
    minutes_left: i64,
    expires_at: Time,
}

#[derive(Template)]
#[template(path = "connected.html")]
struct ConnectedPage<'a> {
    reference: Option<&'a str>,
    label: String,
    tenant: String,
    source: &'a Source,
    report: &'a ConnectReport,
    is_verified: bool,
    needs_workspace: bool,
    /// The name of each log, its probe, and the time of its newest record.
    logs: Vec<(&'static str, &'a LogProbe, Option<Time>)>,
    /// Why logs are not verified yet, for the operator, as HTML.
    notes: Vec<String>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    reference: Option<&'a str>,
    kind: ConnectErrorKind,
    title: &'static str,
    text: PageText,
    source: Option<&'a SourceId>,
    /// The cause, as HTML.
    message: String,
    /// The next action, as HTML.
    hint: String,
}

/// A point in time: for the browser, and for the reader. Pages run no scripts, so they name UTC and do not show the reader's time zone.
struct Time {
    machine: String,
    label: String,
}

impl<'a> OfferedPage<'a> {
    fn of(offer: &'a Offer, reference: Option<&'a str>) -> OfferedPage<'a> {
        let Offer { source, expires_at, opened_at, .. } = offer;
        OfferedPage {
            reference,
            label: shown_name(&source.label),
            tenant: source.tenant.as_ref().map(|tenant| shown_name(&tenant.name)),
            source,
            logs: source.logs.iter().copied().map(log_label).collect(),
            is_for_organization: LogType::require_organization(&source.logs),
            minutes_left: (expires_at.since(*opened_at) / 60).max(1),
            expires_at: Time::of(*expires_at, "%H:%M UTC"),
        }
    }
}

impl<'a> ConnectedPage<'a> {
    fn of(connected: &'a Connected, reference: Option<&'a str>) -> ConnectedPage<'a> {
        let Connected { source, report, .. } = connected;
        let notes = report.logs.iter().filter(|log_probe| log_probe.note.is_some());
        ConnectedPage {
            reference,
            label: shown_name(&source.label),
            tenant: shown_name(&report.tenant.name),
            source,
            report,
            is_verified: report.logs.iter().all(|log_probe| log_probe.note.is_none()),
            needs_workspace: report.logs.iter().any(|log_probe| log_probe.needs_workspace),
            logs: report.logs.iter().map(verified).collect(),
            notes: notes
                .map(|log_probe| sentence(&format!("{} log: {}", log_probe.log, log_probe.describe())))
                .collect(),
        }
    }
}

impl<'a> ErrorPage<'a> {
    fn of(callback_error: &'a CallbackError, reference: Option<&'a str>) -> ErrorPage<'a> {
        let connect_error = &callback_error.connect_error;
        ErrorPage {
            reference,
            source: callback_error.source.as_ref(),
            ..ErrorPage::new(connect_error.page.title.unwrap_or(connect_error.kind.title()), connect_error)
        }
    }

    fn new(title: &'static str, connect_error: &ConnectError) -> ErrorPage<'a> {
        ErrorPage {
            reference: None,
            kind: connect_error.kind,
            title,
            text: PageText::clone(&connect_error.page),
            source: None,
            message: sentence(&connect_error.message),
            hint: sentence(&connect_error.hint),
        }
    }
}

/// Returns the name of a log type, and what its logs contain.
fn log_label(log: LogType) -> (&'static str, &'static str) {
    match log {
        LogType::Audit => ("Audit logs", "who did what"),
        LogType::Access => ("Access logs", "which users, addresses and devices signed in"),
        LogType::Integration => ("Integration logs", "which apps were added or removed"),
    }
}

fn verified(log_probe: &LogProbe) -> (&'static str, &LogProbe, Option<Time>) {
    let newest = log_probe.newest.map(|newest| Time::of(newest, "%-d %B %Y, %H:%M UTC"));
    (log_label(log_probe.log).0, log_probe, newest)
}

impl Time {
    fn of(second: Second, format: &str) -> Time {
        Time { machine: second.to_string(), label: second.instant().strftime(format).to_string() }
    }
}

/// Returns a message as an HTML sentence, in which names and commands are marked up. A message has backticks around these, starts in lower case
/// and has no period, so that the CLI can embed it in a line.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let mut html = String::new();
    for (index, part) in format!("{first}{}.", letters.as_str()).split('`').enumerate() {
        let is_quoted = index % 2 == 1;
        html.push_str(if is_quoted { "<code>" } else { "" });
        Html.write_escaped_str(&mut html, part).expect("writing to memory succeeds");
        html.push_str(if is_quoted { "</code>" } else { "" });
    }
    html
}

#[cfg(test)]
mod tests {
    use slacktrail_connect::AuthorizationId;
    use slacktrail_core::source::{Plan, Tenant};

    use super::*;

    fn connected(paused: bool) -> Outcome {
        let source = Source {
            paused,
            ..Source::new("acme".parse().unwrap(), "Acme & Söhne <GmbH>", Plan::Enterprise, Second::EPOCH)
        };
        let logs = vec![
            LogProbe { log: LogType::Audit, newest: Second::new(1_795_332_821), note: None, needs_workspace: false },
            LogProbe::not_yet(LogType::Access, "Slack answered `x` <i>".to_owned()),
            LogProbe {
                needs_workspace: true,
                ..LogProbe::not_yet(LogType::Integration, "the app is on no workspace".to_owned())
            },
        ];
        let report = ConnectReport {
            tenant: Tenant { id: "E1".to_owned(), name: "Acme\u{202e}".to_owned() },
            organization: true,
            user: "W1".to_owned(),
            scopes: vec!["auditlogs:read".to_owned(), "admin".to_owned()],
            rotates: true,
            logs,
        };
        Outcome::Connected(Box::new(Connected {
            authorization: AuthorizationId::of([7; 16]),
            source,
            report,
            notify_error: None,
        }))
    }

    fn offered() -> Outcome {
        let tenant = Some(Tenant { id: "E1".to_owned(), name: "Acme <b>".to_owned() });
        let source = Source::new("acme".parse().unwrap(), "Acme & Söhne <GmbH>", Plan::Enterprise, Second::EPOCH);
        Outcome::Offered(Box::new(Offer {
            authorization: AuthorizationId::of([7; 16]),
            source: Source { tenant, ..source },
            expires_at: Second::new(1_795_332_821).unwrap(),
            opened_at: Second::new(1_795_332_821 - 599).unwrap(),
            leads_to: "https://slack.com".to_owned(),
            cookie_value: "hidden".to_owned(),
        }))
    }

    #[test]
    fn link_page_names_source_and_has_one_button() {
        let page = page(&offered());
        insta::assert_snapshot!(main_of(&page), @r#"
        <h1>Connect <bdi>Acme &#38; Söhne &#60;GmbH&#62;</bdi> to slacktrail?</h1>
        <p>The person who sent you this link asks for access to security logs of your Slack. slacktrail copies these logs to their AWS account. It reads no messages and no files. Nothing changes until you continue.</p>
        <dl>
        <dt>Slack</dt><dd><bdi>Acme &#60;b&#62;</bdi></dd>
        <dt>Audit logs</dt><dd>who did what</dd>
        <dt>Access logs</dt><dd>which users, addresses and devices signed in</dd>
        <dt>Integration logs</dt><dd>which apps were added or removed</dd>
        <dt>Who can do this</dt><dd>An Org Owner. On Slack's page, select the organization, not a workspace.</dd>
        <dt>This link</dt><dd>works once, for 9 more minutes, until <time datetime="2026-11-22T07:33:41Z">07:33 UTC</time></dd>
        </dl>
        <form method="post">
        <button type="submit">Continue to Slack</button>
        </form>
        <p>If you did not expect this link, close this window.</p>
        <section aria-labelledby="sender">
        <h2 id="sender">For the person who sent you this link</h2>
        <dl>
        <dt>Source</dt><dd><code>acme</code></dd>
        <dt>Reference</dt><dd><code>07070707</code></dd>
        </dl>
        </section>
        "#);
        assert_eq!((page.matches("<form").count(), page.matches("<button").count()), (1, 1));
        assert!(!page.contains("<input") && !page.contains("hidden"), "the page contains no secret");
        let policy = content_security_policy(&offered());
        assert!(policy.contains("; form-action 'self' https://slack.com; "), "{policy}");
    }

    /// Returns the page with a reference.
    fn page(outcome: &Outcome) -> String {
        of(outcome, Some("07070707"))
    }

    /// Returns the content of `<main>`.
    fn main_of(page: &str) -> &str {
        page.split_once("<main>").unwrap().1.split_once("</main>").unwrap().0.trim()
    }

    #[test]
    fn page_of_connected_source_matches_snapshot() {
        insta::assert_snapshot!(main_of(&page(&connected(false))), @r#"
        <p class="mark good"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/></svg>Connected</p>
        <h1><bdi>Acme &#38; Söhne &#60;GmbH&#62;</bdi> is connected</h1>
        <p>slacktrail can read logs of <bdi>Acme</bdi>, but could not check each of them yet.</p>
        <dl>
        <dt>Audit logs</dt><dd>readable, newest record <time datetime="2026-11-22T07:33:41Z">22 November 2026, 07:33 UTC</time></dd>
        <dt>Access logs</dt><dd>not checked yet. slacktrail keeps trying.</dd>
        <dt>Integration logs</dt><dd>not readable yet, because the app is on no workspace. In Slack, add it to the workspaces whose logs you want to collect.</dd>
        </dl>
        <h2>What happens next</h2>
        <p>slacktrail starts to collect within about a minute.</p>
        <p>To end the access later, remove the app in Slack. You can close this window.</p>
        <section aria-labelledby="sender">
        <h2 id="sender">For the person who sent you this link</h2>
        <p>To follow progress, run <code>slacktrail status</code>.</p>
        <p>Access log: not verified yet: Slack answered <code>x</code> &#60;i&#62;.</p>
        <p>Integration log: not verified yet: the app is on no workspace.</p>
        <dl>
        <dt>Source</dt><dd><code>acme</code></dd>
        <dt>Organization</dt><dd><code>E1</code></dd>
        <dt>Installed by</dt><dd><code>W1</code></dd>
        <dt>Scopes</dt><dd><code>auditlogs:read</code> <code>admin</code></dd>
        <dt>Token</dt><dd>expires and is refreshed automatically</dd>
        <dt>Reference</dt><dd><code>07070707</code></dd>
        </dl>
        </section>
        "#);
        assert!(page(&connected(true)).contains("<code>slacktrail resume acme</code>"));
    }

    #[test]
    fn error_page_matches_snapshot() {
        let connect_error = ConnectError {
            kind: ConnectErrorKind::WrongTenant,
            message: "source `acme` collects from `<b>` (E1)".to_owned(),
            hint: "run `slacktrail connect acme` again".to_owned(),
            page: Box::new(PageText {
                title: None,
                event: "This link is for <b>, but you chose Acme in Slack.".to_owned(),
                action: "Ask the person who sent you this link for a new one.".to_owned(),
                asks_for_reference: true,
                cleanup: "Also remove the app in Slack.",
            }),
        };
        let callback_error = CallbackError {
            connect_error,
            error: None,
            authorization: Some(AuthorizationId::of([7; 16])),
            source: Some("acme".parse().unwrap()),
            is_final: true,
            token: None,
        };
        insta::assert_snapshot!(main_of(&page(&Outcome::Failed(Box::new(callback_error)))), @r#"
        <p class="mark bad"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="10"/><path d="m8.5 8.5 7 7m0-7-7 7"/></svg>Not connected</p>
        <h1>Different workspace or organization</h1>
        <p>This link is for &#60;b&#62;, but you chose Acme in Slack.</p>
        <h2>What to do</h2>
        <p>Ask the person who sent you this link for a new one.</p>
        <p>Send them this reference: <code>07070707</code></p>
        <p>Also remove the app in Slack.</p>
        <section aria-labelledby="sender">
        <h2 id="sender">For the person who sent you this link</h2>
        <p>Source <code>acme</code> collects from <code>&#60;b&#62;</code> (E1).</p>
        <p>Run <code>slacktrail connect acme</code> again.</p>
        <dl>
        <dt>Source</dt><dd><code>acme</code></dd>
        <dt>Reference</dt><dd><code>07070707</code>, as in the log of the OAuth function</dd>
        </dl>
        </section>
        "#);
    }

    /// Returns the part of a page that is for the user who opened the link.
    fn for_user(page: &str) -> &str {
        main_of(page).split_once("<section").unwrap().0
    }

    #[test]
    fn user_reads_names_and_words_but_no_id_code_or_command() {
        for outcome in [offered(), connected(false), connected(true), Outcome::NotFound] {
            let page = page(&outcome);
            let text = for_user(&page);
            for technical in ["<code>", "acme", "E1", "W1", "auditlogs", "slacktrail status", "slacktrail connect"] {
                assert!(!text.contains(technical), "{technical} in {text}");
            }
        }
    }

    #[test]
    fn link_page_shows_full_minutes_left_and_at_least_one() {
        for (seconds, expected) in
            [(600, "10 more minutes"), (119, "1 more minute,"), (59, "1 more minute,"), (1, "1 more minute,")]
        {
            let Outcome::Offered(offer) = offered() else { panic!("an offer") };
            let opened_at = offer.expires_at.plus(-seconds);
            let page = page(&Outcome::Offered(Box::new(Offer { opened_at, ..*offer })));
            assert!(page.contains(expected), "{seconds}: {page}");
        }
    }

    #[test]
    fn every_page_is_complete_accessible_and_loads_nothing() {
        for outcome in [offered(), connected(false), Outcome::NotFound, Outcome::MethodNotAllowed("GET")] {
            let page = page(&outcome);
            for part in ["<!doctype html>", "<html lang=\"en\">", "<title>", "<main>", "width=device-width", "</html>"]
            {
                assert!(page.contains(part), "{part}");
            }
            assert_eq!(page.matches("<h1>").count(), 1);
            assert!(page.contains("For the person who sent you this link</h2>"), "{page}");
            for foreign in ["http:", "https:", "src=", "href=", "<script", "<link", "@import", "url(", " style="] {
                assert!(!page.contains(foreign), "{foreign}");
            }
        }
        assert!(STYLE.contains("time { white-space: nowrap; }"), "a time does not break in a narrow window");
    }

    #[test]
    fn content_policy_allows_style_of_page() {
        let page = page(&connected(false));
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = STANDARD.encode(Sha256::digest(style));
        let policy = content_security_policy(&connected(false));
        assert!(policy.contains(&format!("style-src 'sha256-{hash}';")) && policy.contains("form-action 'none';"));
        assert_eq!(page.matches("<style").count(), 1);
    }

    #[test]
    fn text_contrast_meets_wcag_in_both_color_schemes() {
        let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").unwrap();
        for scheme in [light, dark] {
            for (text, ground) in [
                ("text", "card"),
                ("quiet", "card"),
                ("good", "card"),
                ("bad", "card"),
                ("text", "code"),
                ("quiet", "code"),
                ("card", "text"),
            ] {
                let [text_light, ground_light] = [text, ground].map(|name| luminance(color(scheme, name)));
                let (bright, dim) = (text_light.max(ground_light), text_light.min(ground_light));
                let contrast = (bright + 0.05) / (dim + 0.05);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.1} is below level AA of WCAG 2");
            }
        }
    }

    fn color<'a>(scheme: &'a str, name: &str) -> &'a str {
        &scheme.split_once(&format!("--{name}: #")).unwrap().1[..6]
    }

    /// Returns the relative luminance, as defined by WCAG 2.
    fn luminance(color: &str) -> f64 {
        let parts = [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0);
        let linear = parts.map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }
}
