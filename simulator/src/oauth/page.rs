//! The HTML pages. They have no scripts, and a banner marks them as simulated.

use std::fmt::Write as _;

use super::authorize::InstallRequest;
use super::{TokenKind, User};
use crate::settings::Settings;
use crate::tenant::Install;
use crate::{Request, Response};

/// The query parameters that the form repeats.
const CARRIED: [&str; 5] = ["client_id", "scope", "user_scope", "redirect_uri", "state"];
const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:40em;margin:2em auto;padding:0 1em}\
    .simulated{background:#fd0;color:#000;padding:.5em 1em;font-weight:bold}button{font:inherit;padding:.3em 1.5em}";

/// Returns the consent page. Its form fields are `install`, `optional` and `decision`. Its buttons are `#allow` and `#deny`.
pub(crate) fn consent(
    settings: &Settings,
    request: &Request,
    install_request: &InstallRequest<'_>,
    user: &User,
    targets: &[Install],
) -> Response {
    let app = escape(&install_request.app.name);
    let mut body = format!("<h1>Install {app}?</h1>\n");
    let _ = writeln!(body, "<p>Signed in as <b id=\"user\">{}</b>.</p>", escape(&user.name));
    body.push_str("<form method=\"post\" action=\"/oauth/v2/consent\">\n");
    for (name, value) in CARRIED.iter().filter_map(|name| Some((*name, request.parameter(name)?))) {
        let _ = writeln!(body, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value));
    }
    body.push_str("<p><label>Install on <select name=\"install\">\n");
    for target in targets {
        option(&mut body, settings, target);
    }
    body.push_str("</select></label></p>\n");
    scopes(&mut body, install_request, TokenKind::User, "On your behalf");
    scopes(&mut body, install_request, TokenKind::Bot, "As a bot");
    body.push_str("<p><button id=\"allow\" name=\"decision\" value=\"allow\">Allow</button>\n");
    body.push_str("<button id=\"deny\" name=\"decision\" value=\"deny\">Cancel</button></p>\n</form>\n");
    Response::html(200, document(&format!("install {app}?"), &body))
}

/// Returns the page that shows an error code instead of the consent page.
pub(crate) fn error(code: &str) -> Response {
    let status = if code == "not_found" { 404 } else { 400 };
    let body = format!(
        "<h1>Something went wrong</h1>\n<p>The app cannot be installed: <code id=\"error\">{}</code></p>\n",
        escape(code)
    );
    Response::html(status, document("something went wrong", &body))
}

fn option(body: &mut String, settings: &Settings, target: &Install) {
    let (id, name) = match target {
        Install::Organization => {
            let (id, name) = settings.tenant.as_organization().unwrap_or_default();
            (id, format!("{name} (the whole organization)"))
        }
        Install::Workspace(id) => (id.as_str(), settings.tenant.workspace_name(id).to_owned()),
    };
    let _ = writeln!(body, "<option value=\"{}\">{}</option>", escape(id), escape(&name));
}

fn scopes(body: &mut String, install_request: &InstallRequest<'_>, kind: TokenKind, heading: &str) {
    if install_request.scopes(kind).is_empty() {
        return;
    }
    let _ = writeln!(body, "<h2>{heading}</h2>\n<ul>");
    for scope in install_request.scopes(kind) {
        let text = escape(scope);
        let _ = if install_request.app.is_optional(kind, scope) {
            let input = format!("<input type=\"checkbox\" name=\"optional\" value=\"{text}\" checked>");
            writeln!(body, "<li><label>{input} {text} (optional)</label></li>")
        } else {
            writeln!(body, "<li>{text}</li>")
        };
    }
    body.push_str("</ul>\n");
}

/// Returns a complete page. `title` and `body` must be HTML.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Simulated Slack: {title}</title>\
         <style>{STYLE}</style></head>\n<body>\n<p class=\"simulated\">Simulated Slack: nothing here is real</p>\n\
         {body}</body></html>\n"
    )
}

/// Escapes text for use in an HTML element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}
