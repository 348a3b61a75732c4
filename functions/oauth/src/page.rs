//! Renders the HTML pages. A page runs no scripts and loads nothing from other servers.

use std::sync::LazyLock;

use askama::Template;
use askama::filters::HtmlSafe;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use slacktrail_connect::{AuthorizationId, CallbackError, ConnectError, ConnectReport, Connected, Offer};
use slacktrail_core::source::{LogType, Source, shown_name};

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

/// Returns the page for an outcome. It is empty if the response redirects the browser.
pub(crate) fn of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Offered(offer) => OfferedPage::of(offer).text(),
        Outcome::Started(_) => String::new(),
        Outcome::Connected(connected) => ConnectedPage::of(connected).text(),
        Outcome::Failed(callback_error) => ErrorPage::of(callback_error).text(),
        Outcome::NotFound => ErrorPage::new("Page not found", &ConnectError::unsupported_request()).text(),
        Outcome::MethodNotAllowed(_) => {
            ErrorPage::new("Method not allowed", &ConnectError::unsupported_request()).text()
        }
    }
}

#[derive(Template)]
#[template(path = "offered.html")]
struct OfferedPage<'a> {
    reference: Option<&'a AuthorizationId>,
    label: String,
    tenant: Option<(String, &'a str)>,
    source: &'a Source,
    is_for_organization: bool,
    valid_until: String,
}

#[derive(Template)]
#[template(path = "connected.html")]
struct ConnectedPage<'a> {
    reference: Option<&'a AuthorizationId>,
    label: String,
    tenant: String,
    source: &'a Source,
    report: &'a ConnectReport,
    is_verified: bool,
    logs: Vec<(LogType, Prose)>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    reference: Option<&'a AuthorizationId>,
    mark: &'static str,
    title: &'static str,
    message: Prose,
    hint: Prose,
}

/// Text of slacktrail, in which backticks mark names and commands.
#[derive(Template)]
#[template(path = "prose.html")]
struct Prose {
    spans: Vec<Span>,
}

enum Span {
    Plain(String),
    Quoted(String),
}

/// The template of `Prose` already escapes its text.
impl HtmlSafe for Prose {}

impl<'a> OfferedPage<'a> {
    fn of(offer: &'a Offer) -> OfferedPage<'a> {
        let Offer { authorization, source, expires_at, .. } = offer;
        OfferedPage {
            reference: Some(authorization),
            label: shown_name(&source.label),
            tenant: source.tenant.as_ref().map(|tenant| (shown_name(&tenant.name), tenant.id.as_str())),
            source,
            is_for_organization: LogType::require_organization(&source.logs),
            valid_until: expires_at.instant().strftime("%H:%M UTC").to_string(),
        }
    }

    fn text(&self) -> String {
        self.render().expect("a page is written to memory")
    }
}

impl<'a> ConnectedPage<'a> {
    fn of(connected: &'a Connected) -> ConnectedPage<'a> {
        let Connected { authorization, source, report, .. } = connected;
        ConnectedPage {
            reference: Some(authorization),
            label: shown_name(&source.label),
            tenant: shown_name(&report.tenant.name),
            source,
            report,
            is_verified: report.logs.iter().all(|log_probe| log_probe.note.is_none()),
            logs: report.logs.iter().map(|log_probe| (log_probe.log, Prose::of(&log_probe.words()))).collect(),
        }
    }

    fn text(&self) -> String {
        self.render().expect("a page is written to memory")
    }
}

impl<'a> ErrorPage<'a> {
    fn of(callback_error: &'a CallbackError) -> ErrorPage<'a> {
        let connect_error = &callback_error.connect_error;
        ErrorPage {
            reference: callback_error.authorization.as_ref(),
            ..ErrorPage::new(connect_error.kind.title(), connect_error)
        }
    }

    fn new(title: &'static str, connect_error: &ConnectError) -> ErrorPage<'a> {
        ErrorPage {
            reference: None,
            mark: "Not connected",
            title,
            message: Prose::sentence(&connect_error.message),
            hint: Prose::sentence(&connect_error.hint),
        }
    }

    fn text(&self) -> String {
        self.render().expect("a page is written to memory")
    }
}

impl Prose {
    fn of(text: &str) -> Prose {
        let spans = text.split('`').map(str::to_owned).enumerate();
        Prose {
            spans: spans.map(|(i, text)| if i % 2 == 0 { Span::Plain(text) } else { Span::Quoted(text) }).collect(),
        }
    }

    /// Capitalizes `text` and appends a period. Messages have neither, so that the CLI can embed them in a line.
    fn sentence(text: &str) -> Prose {
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        Prose::of(&format!("{first}{}.", letters.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_connect::{ConnectErrorKind, LogProbe};
    use slacktrail_core::source::{Plan, Tenant};
    use slacktrail_core::time::Second;

    use super::*;

    fn connected(paused: bool) -> Outcome {
        let source = Source {
            paused,
            ..Source::new("acme".parse().unwrap(), "Acme & Söhne <GmbH>", Plan::Enterprise, Second::EPOCH)
        };
        let logs = vec![
            LogProbe { log: LogType::Audit, newest: Second::new(1_795_332_821), note: None },
            LogProbe { log: LogType::Access, newest: None, note: None },
            LogProbe { log: LogType::Integration, newest: None, note: Some("Slack answered `x` <i>".to_owned()) },
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
            leads_to: "https://slack.com".to_owned(),
            cookie_name: "c".to_owned(),
            cookie_value: "hidden".to_owned(),
        }))
    }

    #[test]
    fn link_page_names_source_and_has_one_button() {
        let page = of(&offered());
        insta::assert_snapshot!(main_of(&page), @r#"
        <h1>Connect <bdi>Acme &#38; Söhne &#60;GmbH&#62;</bdi> to slacktrail?</h1>
        <p>slacktrail will collect these logs into its own storage. Nothing changes until you continue.</p>
        <dl>
        <dt>Source</dt><dd><code>acme</code></dd>
        <dt>Slack</dt><dd><bdi>Acme &#60;b&#62;</bdi> <code>E1</code></dd>
        <dt>Logs</dt><dd><code>audit</code> <code>access</code> <code>integration</code></dd>
        <dt>Required role</dt><dd>Org Owner. In Slack, select the organization, not a workspace.</dd>
        <dt>Link</dt><dd>Single use, expires at 07:33 UTC.</dd>
        </dl>
        <form method="post">
        <button type="submit">Continue to Slack</button>
        </form>
        <p>If you did not expect this link, close this window.</p>
        <footer>
        <p>slacktrail · reference <code>07070707070707070707070707070707</code></p>
        </footer>
        "#);
        assert_eq!((page.matches("<form").count(), page.matches("<button").count()), (1, 1));
        assert!(!page.contains("<input") && !page.contains("hidden"), "the page contains no secret");
        let policy = content_security_policy(&offered());
        assert!(policy.contains("; form-action 'self' https://slack.com; "), "{policy}");
    }

    /// Returns the content of `<main>`.
    fn main_of(page: &str) -> &str {
        page.split_once("<main>").unwrap().1.split_once("</main>").unwrap().0.trim()
    }

    #[test]
    fn page_of_connected_source_matches_snapshot() {
        insta::assert_snapshot!(main_of(&of(&connected(false))), @r#"
        <p class="mark good"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/></svg>Connected</p>
        <h1><bdi>Acme &#38; Söhne &#60;GmbH&#62;</bdi> is connected</h1>
        <p>slacktrail stored the token, but could not verify every log: see below.</p>
        <dl>
        <dt>Source</dt><dd><code>acme</code></dd>
        <dt>Organization</dt><dd><bdi>Acme</bdi> <code>E1</code></dd>
        <dt>Installed by</dt><dd><code>W1</code></dd>
        <dt>Scopes</dt><dd><code>auditlogs:read</code> <code>admin</code></dd>
        <dt>Token</dt><dd>expires and is refreshed automatically</dd>
        </dl>
        <h2>Logs</h2>
        <dl>
        <dt>audit</dt><dd>readable, newest record 2026-11-22T07:33:41Z</dd>
        <dt>access</dt><dd>readable, no record yet</dd>
        <dt>integration</dt><dd>not verified yet: Slack answered <code>x</code> &#60;i&#62;</dd>
        </dl>
        <h2>What happens next</h2>
        <p>The first records arrive within about a minute, newest first. To follow progress, run <code>slacktrail status</code>.</p>
        <p>You can close this window.</p>
        <footer>
        <p>slacktrail · reference <code>07070707070707070707070707070707</code></p>
        </footer>
        "#);
        assert!(of(&connected(true)).contains("<code>slacktrail resume acme</code>"));
    }

    #[test]
    fn error_page_matches_snapshot() {
        let connect_error = ConnectError {
            kind: ConnectErrorKind::WrongTenant,
            message: "source `acme` collects from `<b>` (E1)".to_owned(),
            hint: "run `slacktrail connect acme` again".to_owned(),
        };
        let callback_error = CallbackError {
            connect_error,
            error: None,
            authorization: Some(AuthorizationId::of([7; 16])),
            source: None,
            is_final: true,
            token: None,
        };
        insta::assert_snapshot!(main_of(&of(&Outcome::Failed(Box::new(callback_error)))), @r#"
        <p class="mark bad"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="10"/><path d="m8.5 8.5 7 7m0-7-7 7"/></svg>Not connected</p>
        <h1>Different workspace or organization</h1>
        <p>Source <code>acme</code> collects from <code>&#60;b&#62;</code> (E1).</p>
        <h2>What to do</h2>
        <p>Run <code>slacktrail connect acme</code> again.</p>
        <footer>
        <p>slacktrail · reference <code>07070707070707070707070707070707</code></p>
        </footer>
        "#);
    }

    #[test]
    fn every_page_is_complete_accessible_and_loads_nothing() {
        for outcome in [offered(), connected(false), Outcome::NotFound, Outcome::MethodNotAllowed("GET")] {
            let page = of(&outcome);
            for part in ["<!doctype html>", "<html lang=\"en\">", "<title>", "<main>", "width=device-width", "</html>"]
            {
                assert!(page.contains(part), "{part}");
            }
            assert_eq!(page.matches("<h1>").count(), 1);
            for foreign in ["http:", "https:", "src=", "href=", "<script", "<link", "@import", "url(", " style="] {
                assert!(!page.contains(foreign), "{foreign}");
            }
        }
        assert!(STYLE.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn content_policy_allows_style_of_page() {
        let page = of(&connected(false));
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
