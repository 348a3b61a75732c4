//! Replies of `oauth.v2.access`: what an installation granted, and what a refresh gave (docs.slack.dev, `oauth.v2.access`, using token
//! rotation).

use serde::Deserialize;

use super::reply::Reply;
use super::request::Request;
use crate::credentials::{Grant, Renewal};
use crate::secret::Token;
use crate::source::Tenant;
use crate::time::Second;
use crate::trouble::{Remedy, Trouble};

/// What an installation granted.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The workspace, or the organisation of an installation there.
    pub tenant: Option<Tenant>,
    /// Whether it is on a whole organisation.
    pub organisation: bool,
    /// Who installed the app: `U...` or `W...`.
    pub user: String,
    /// The user scopes that were granted.
    pub scopes: Vec<String>,
    /// The user's tokens; `None` when no user scope was granted.
    pub grant: Option<Grant>,
}

/// Tokens as Slack gives them, in either place of a reply.
#[derive(Deserialize)]
struct Tokens {
    access_token: Option<String>,
    token_type: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
    #[serde(default)]
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Exchanged {
    authed_user: Option<AuthedUser>,
    team: Option<Tenant>,
    enterprise: Option<Tenant>,
    #[serde(default)]
    is_enterprise_install: Option<bool>,
}

#[derive(Deserialize)]
struct AuthedUser {
    #[serde(default)]
    id: Option<String>,
    #[serde(flatten)]
    tokens: Tokens,
}

#[derive(Deserialize)]
struct Refreshed {
    #[serde(flatten)]
    tokens: Tokens,
    authed_user: Option<AuthedUser>,
}

/// A token's life is within these, whatever Slack says: a minute to ten years.
const LIFE_SECONDS: (i64, i64) = (60, 315_360_000);

impl Tokens {
    fn is_of_user(&self) -> bool {
        self.access_token.is_some() && self.token_type.as_deref() == Some("user")
    }

    /// `None` when there is no access token that could be one.
    fn grant(&self, now: Second) -> Option<Grant> {
        let token = Token::new(self.access_token.as_deref()?).ok()?;
        let refresh_token = self.refresh_token.as_deref().and_then(|text| Token::new(text).ok());
        let renewal = refresh_token.zip(self.expires_in).map(|(refresh_token, seconds)| Renewal {
            refresh_token,
            expires_at: now.plus(seconds.clamp(LIFE_SECONDS.0, LIFE_SECONDS.1)),
        });
        Some(Grant { token, renewal })
    }
}

/// Reads the reply to a code's exchange.
///
/// # Errors
/// As [`Reply::page`].
pub fn installation(reply: &Reply, request: &Request, now: Second) -> Result<Installation, Trouble> {
    let exchanged: Exchanged = reply.json(request, now)?;
    let organisation = exchanged.is_enterprise_install.unwrap_or(false);
    let tenant = if organisation { exchanged.enterprise } else { exchanged.team };
    let user = exchanged.authed_user;
    let scopes = user.as_ref().and_then(|user| user.tokens.scope.as_deref()).unwrap_or_default();
    let plain = |text: &str| text.chars().filter(char::is_ascii_graphic).take(80).collect::<String>();
    Ok(Installation {
        tenant,
        organisation,
        scopes: scopes.split(',').map(plain).filter(|scope| !scope.is_empty()).collect(),
        grant: user.as_ref().and_then(|user| user.tokens.grant(now)),
        user: user.and_then(|user| user.id).map(|id| plain(&id)).unwrap_or_default(),
    })
}

/// Reads the reply to a refresh: of a user's token it comes at the top level, unlike when a code is exchanged.
///
/// # Errors
/// As [`Reply::page`]; and [`Remedy::TryLater`] when it holds no user token that can be refreshed in its turn.
pub fn refreshed(reply: &Reply, request: &Request, now: Second) -> Result<Grant, Trouble> {
    let refreshed: Refreshed = reply.json(request, now)?;
    let tokens = match (&refreshed.tokens, &refreshed.authed_user) {
        (tokens, _) if tokens.is_of_user() => tokens,
        (tokens, None) => tokens,
        (_, Some(user)) => &user.tokens,
    };
    tokens.grant(now).filter(|grant| tokens.is_of_user() && grant.renewal.is_some()).ok_or_else(|| {
        Trouble::slack(
            Remedy::TryLater,
            "unreadable_reply",
            format!("Slack answered `{}` without a user token that can be refreshed again", request.method),
            "the next tick asks again; if it stays, connect the source again",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Second = Second::EPOCH;

    fn reply(body: &str) -> Reply {
        Reply { status: 200, body: body.as_bytes().to_vec(), ..Reply::default() }
    }

    fn installed(body: &str) -> Installation {
        installation(&reply(body), &Request::exchange("c", "r"), NOW).unwrap()
    }

    #[test]
    fn an_organisations_installation_has_no_team() {
        let installed = installed(
            r#"{"ok":true,"app_id":"A1","authed_user":{"id":"W1","scope":"auditlogs:read,admin","access_token":"xoxp-1","token_type":"user"},
            "team":null,"enterprise":{"id":"E1","name":"Acme"},"is_enterprise_install":true,"access_token":"xoxb-1","token_type":"bot"}"#,
        );
        assert!(installed.organisation);
        assert_eq!(installed.tenant.unwrap().id, "E1");
        assert_eq!(installed.scopes, ["auditlogs:read", "admin"]);
        let grant = installed.grant.unwrap();
        assert_eq!((grant.token.reveal(), grant.renewal), ("xoxp-1", None));
    }

    #[test]
    fn a_workspaces_installation_within_an_organisation_is_the_workspaces() {
        let installed = installed(
            r#"{"ok":true,"authed_user":{"id":"U1","scope":"admin","access_token":"xoxe.xoxp-1-a","token_type":"user","refresh_token":"xoxe-1-r","expires_in":43200},
            "team":{"id":"T1","name":"One"},"enterprise":{"id":"E1","name":"Acme"},"is_enterprise_install":false}"#,
        );
        assert_eq!((installed.organisation, installed.tenant.unwrap().id.as_str()), (false, "T1"));
        assert_eq!(installed.grant.unwrap().renewal.unwrap().expires_at, NOW.plus(43_200));
    }

    #[test]
    fn an_installation_without_user_scopes_grants_nothing() {
        let installed = installed(r#"{"ok":true,"authed_user":{"id":"U1"},"team":{"id":"T1","name":"One"}}"#);
        assert!(installed.grant.is_none() && installed.scopes.is_empty());
    }

    #[test]
    fn a_reply_of_another_shape_is_told_without_its_values() {
        for body in [
            r#"{"ok":true,"authed_user":"xoxp-1-secret"}"#,
            r#"{"ok":true,"authed_user":{"id":"U1","access_token":"xoxp-1-secret","expires_in":"xoxe-1-secret"}}"#,
            r#"{"ok":true,"team":"xoxp-1-secret"}"#,
            r#"{"ok":true,"is_enterprise_install":"xoxp-1-secret"}"#,
            r#"{"ok":true,"authed_user":{"access_token":"xoxp-1-secret""#,
        ] {
            let trouble = installation(&reply(body), &Request::exchange("c", "r"), NOW).unwrap_err();
            assert_eq!(trouble.code, "unreadable_reply", "{body}");
            assert!(!format!("{trouble:?} {trouble}").contains("secret"), "{trouble:?}");
        }
    }

    #[test]
    fn a_refreshed_user_token_comes_at_the_top_level_and_a_bots_is_not_taken_for_it() {
        let request = Request::refresh(&Token::new("xoxe-1-r").unwrap());
        let refresh = |body: &str| refreshed(&reply(body), &request, NOW);
        let tokens = r#""access_token":"xoxe.xoxp-1-b","refresh_token":"xoxe-1-s","expires_in":43200"#;
        let grant =
            refresh(&format!(r#"{{"ok":true,{tokens},"token_type":"user","scope":"admin","team":null}}"#)).unwrap();
        assert_eq!(grant.token.reveal(), "xoxe.xoxp-1-b");
        assert_eq!(grant.renewal.unwrap().refresh_token.reveal(), "xoxe-1-s");
        let nested =
            r#"{"ok":true,"access_token":"xoxb-1","token_type":"bot","authed_user":{TOKENS,"token_type":"user"}}"#;
        assert_eq!(refresh(&nested.replace("TOKENS", tokens)).unwrap().token.reveal(), "xoxe.xoxp-1-b");
        for body in [
            r#"{"ok":true,"access_token":"xoxb-1","token_type":"bot"}"#.to_owned(),
            r#"{"ok":true,"access_token":"xoxp-1","token_type":"user"}"#.to_owned(),
            r#"{"ok":true}"#.to_owned(),
        ] {
            assert_eq!(refresh(&body).unwrap_err().code, "unreadable_reply", "{body}");
        }
        assert_eq!(refresh(r#"{"ok":false,"error":"invalid_refresh_token"}"#).unwrap_err().remedy, Remedy::Reauthorize);
    }
}
