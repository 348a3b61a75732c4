//! The pages: what a browser shows, without scripts and without a single byte from elsewhere.

use std::sync::LazyLock;

use askama::Template;
use askama::filters::HtmlSafe;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use slacktrail_shared::connection::{Connected, ConnectionId, Facts, Failure, Offer, RefusalKind};
use slacktrail_shared::source::{LogType, Source, shown_name};

use crate::handler::Outcome;

/// The one style sheet, which stands in each page.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// What a page may do: apply this style, and nothing else. The page with the button may send it here and go on to Slack.
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

/// The page that tells what came of a request; nothing where the browser goes on.
pub(crate) fn of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Offered(offer) => OfferedPage::of(offer).text(),
        Outcome::Started(_) => String::new(),
        Outcome::Connected(connected) => ConnectedPage::of(connected).text(),
        Outcome::Refused(failure) => RefusedPage::of(failure).text(),
        Outcome::NotFound => RefusedPage::nothing_here("There is nothing here").text(),
        Outcome::MethodNotAllowed(_) => RefusedPage::nothing_here("This address is for a browser to open").text(),
    }
}

#[derive(Template)]
#[template(path = "offered.html")]
struct OfferedPage<'a> {
    reference: Option<&'a ConnectionId>,
    label: String,
    tenant: Option<(String, &'a str)>,
    source: &'a Source,
    is_for_organization: bool,
    valid_until: String,
}

#[derive(Template)]
#[template(path = "connected.html")]
struct ConnectedPage<'a> {
    reference: Option<&'a ConnectionId>,
    label: String,
    tenant: String,
    source: &'a Source,
    facts: &'a Facts,
    is_verified: bool,
    logs: Vec<(LogType, Prose)>,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    reference: Option<&'a ConnectionId>,
    mark: &'static str,
    title: &'static str,
    message: Prose,
    hint: Prose,
}

/// A sentence of ours, in which backticks mark what is quoted or to be typed.
#[derive(Template)]
#[template(path = "prose.html")]
struct Prose {
    spans: Vec<Span>,
}

enum Span {
    Plain(String),
    Quoted(String),
}

/// It escapes what it holds itself.
impl HtmlSafe for Prose {}

impl<'a> OfferedPage<'a> {
    fn of(offer: &'a Offer) -> OfferedPage<'a> {
        let Offer { connection, source, expires_at, .. } = offer;
        OfferedPage {
            reference: Some(connection),
            label: shown_name(&source.label),
            tenant: source.tenant.as_ref().map(|tenant| (shown_name(&tenant.name), tenant.id.as_str())),
            source,
            is_for_organization: source.logs.contains(&LogType::Audit),
            valid_until: expires_at.instant().strftime("%H:%M UTC").to_string(),
        }
    }

    fn text(&self) -> String {
        self.render().expect("a page is written to memory")
    }
}

impl<'a> ConnectedPage<'a> {
    fn of(connected: &'a Connected) -> ConnectedPage<'a> {
        let Connected { connection, source, facts, .. } = connected;
        ConnectedPage {
            reference: Some(connection),
            label: shown_name(&source.label),
            tenant: shown_name(&facts.tenant.name),
            source,
            facts,
            is_verified: facts.logs.iter().all(|probed| probed.note.is_none()),
            logs: facts.logs.iter().map(|probed| (probed.log, Prose::of(&probed.words()))).collect(),
        }
    }

    fn text(&self) -> String {
        self.render().expect("a page is written to memory")
    }
}

impl<'a> RefusedPage<'a> {
    fn of(failure: &'a Failure) -> RefusedPage<'a> {
        RefusedPage {
            reference: failure.connection.as_ref(),
            mark: "Not connected",
            title: title(failure.refusal.kind),
            message: Prose::sentence(&failure.refusal.message),
            hint: Prose::sentence(&failure.refusal.hint),
        }
    }

    fn nothing_here(title: &'static str) -> RefusedPage<'a> {
        RefusedPage {
            reference: None,
            mark: "Not connected",
            title,
            message: Prose::sentence("no link of slacktrail and no page of Slack's leads here in this way"),
            hint: Prose::sentence("open the link that `slacktrail connect` prints, whole and unchanged"),
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

    /// Messages begin in lower case and end without a full stop, so that a terminal can put words before and after them.
    fn sentence(text: &str) -> Prose {
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        Prose::of(&format!("{first}{}.", letters.as_str()))
    }
}

fn title(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Malformed => "This address is not whole",
        RefusalKind::WithoutState => "Begin with slacktrail, not in Slack",
        RefusalKind::Unknown => "This link is not known",
        RefusalKind::Used => "This link was used before",
        RefusalKind::Expired => "This link is no longer good",
        RefusalKind::WrongBrowser => "Another browser began this",
        RefusalKind::Denied => "Access was declined",
        RefusalKind::WrongTenant => "This is not the Slack that the source had",
        RefusalKind::NotOrganization => "Audit logs need the whole organization",
        RefusalKind::MissingScope => "A permission is missing",
        RefusalKind::NotOnPlan => "This Slack plan does not have the log",
        RefusalKind::NotOwner => "Somebody with more rights has to do this",
        RefusalKind::WrongApp => "The Slack app is set up differently",
        RefusalKind::Superseded => "Somebody else changed this source meanwhile",
        RefusalKind::SlackRefused => "Slack refused",
        RefusalKind::SlackUnreachable => "Slack could not answer just now",
        RefusalKind::OutOfTime => "slacktrail ran out of time",
        RefusalKind::Ours => "slacktrail could not go on",
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_shared::connection::{Probed, Refusal};
    use slacktrail_shared::source::{Plan, Tenant};
    use slacktrail_shared::time::Second;

    use super::*;

    fn connected(paused: bool) -> Outcome {
        let source = Source {
            paused,
            ..Source::new("acme".parse().unwrap(), "Acme & Söhne <GmbH>", Plan::Enterprise, Second::EPOCH)
        };
        let logs = vec![
            Probed { log: LogType::Audit, newest: Second::new(1_795_332_821), note: None },
            Probed { log: LogType::Access, newest: None, note: None },
            Probed { log: LogType::Integration, newest: None, note: Some("Slack answered `x` <i>".to_owned()) },
        ];
        let facts = Facts {
            tenant: Tenant { id: "E1".to_owned(), name: "Acme\u{202e}".to_owned() },
            organization: true,
            user: "W1".to_owned(),
            scopes: vec!["auditlogs:read".to_owned(), "admin".to_owned()],
            rotates: true,
            logs,
        };
        Outcome::Connected(Box::new(Connected { connection: ConnectionId::of([7; 16]), source, facts, untold: None }))
    }

    fn offered() -> Outcome {
        let tenant = Some(Tenant { id: "E1".to_owned(), name: "Acme <b>".to_owned() });
        let source = Source::new("acme".parse().unwrap(), "Acme & Söhne <GmbH>", Plan::Enterprise, Second::EPOCH);
        Outcome::Offered(Box::new(Offer {
            connection: ConnectionId::of([7; 16]),
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
        <dt>Who</dt><dd>The Org Owner continues, and selects the organization in Slack, not a workspace.</dd>
        <dt>Link</dt><dd>Valid once, until 07:33 UTC.</dd>
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
        assert!(!page.contains("<input") && !page.contains("hidden"), "the page holds no secret");
        let policy = content_security_policy(&offered());
        assert!(policy.contains("; form-action 'self' https://slack.com; "), "{policy}");
    }

    /// What stands between `<main>` and `</main>`.
    fn main_of(page: &str) -> &str {
        page.split_once("<main>").unwrap().1.split_once("</main>").unwrap().0.trim()
    }

    #[test]
    fn page_of_connected_source_matches_snapshot() {
        insta::assert_snapshot!(main_of(&of(&connected(false))), @r#"
        <p class="mark good"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/></svg>Connected</p>
        <h1><bdi>Acme &#38; Söhne &#60;GmbH&#62;</bdi> is connected</h1>
        <p>The token is stored. A log could not be read just now: see below.</p>
        <dl>
        <dt>Source</dt><dd><code>acme</code></dd>
        <dt>Organization</dt><dd><bdi>Acme</bdi> <code>E1</code></dd>
        <dt>Installed by</dt><dd><code>W1</code></dd>
        <dt>Scopes</dt><dd><code>auditlogs:read</code> <code>admin</code></dd>
        <dt>Token</dt><dd>rotates: slacktrail renews it in time</dd>
        </dl>
        <h2>Logs</h2>
        <dl>
        <dt>audit</dt><dd>readable, newest record 2026-11-22T07:33:41Z</dd>
        <dt>access</dt><dd>readable, no record yet</dd>
        <dt>integration</dt><dd>not verified yet: Slack answered <code>x</code> &#60;i&#62;</dd>
        </dl>
        <h2>What happens next</h2>
        <p>Records arrive within about a minute, the newest first. <code>slacktrail status</code> shows how it goes.</p>
        <p>You can close this window.</p>
        <footer>
        <p>slacktrail · reference <code>07070707070707070707070707070707</code></p>
        </footer>
        "#);
        assert!(of(&connected(true)).contains("<code>slacktrail resume acme</code>"));
    }

    #[test]
    fn error_page_matches_snapshot() {
        let refusal = Refusal {
            kind: RefusalKind::WrongTenant,
            message: "source `acme` collects from `<b>` (E1)".to_owned(),
            hint: "run `slacktrail connect acme` again".to_owned(),
        };
        let failure = Failure {
            refusal,
            error: None,
            connection: Some(ConnectionId::of([7; 16])),
            source: None,
            is_over: true,
            token: None,
        };
        insta::assert_snapshot!(main_of(&of(&Outcome::Refused(Box::new(failure)))), @r#"
        <p class="mark bad"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="10"/><path d="m8.5 8.5 7 7m0-7-7 7"/></svg>Not connected</p>
        <h1>This is not the Slack that the source had</h1>
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
    fn every_error_kind_has_own_title() {
        let mut titles: Vec<&str> = RefusalKind::ALL.into_iter().map(title).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), RefusalKind::ALL.len());
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
                let [text_light, ground_light] = [text, ground].map(|name| luminance(colour(scheme, name)));
                let (bright, dim) = (text_light.max(ground_light), text_light.min(ground_light));
                let contrast = (bright + 0.05) / (dim + 0.05);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.1} is below AA of WCAG 2");
            }
        }
    }

    fn colour<'a>(scheme: &'a str, name: &str) -> &'a str {
        &scheme.split_once(&format!("--{name}: #")).unwrap().1[..6]
    }

    /// As WCAG 2 defines it.
    fn luminance(colour: &str) -> f64 {
        let parts = [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0);
        let linear = parts.map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }
}
