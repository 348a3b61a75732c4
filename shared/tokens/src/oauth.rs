//! Requests to `oauth.v2.access` and their responses: the grant of an installation, and refreshed tokens (docs.slack.dev, `oauth.v2.access`,
//! using token rotation).

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use slacktrail_core::error::Error;
use slacktrail_core::slack::{Request, Response};
use slacktrail_core::source::Tenant;
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::{Grant, TOKEN_TTL_SECONDS_MAX, TokenRefresh};
use slacktrail_ports::secret::Token;

/// The grant of an installation.
#[derive(Clone)]
pub struct Installation {
    /// The workspace, or the organization if the app is installed on one.
    pub tenant: Option<Tenant>,
    /// Whether the app is installed on a whole organization.
    pub organization: bool,
    /// The ID of the organization: the tenant itself, or the one that the workspace belongs to. `None` if Slack names none.
    pub organization_id: Option<String>,
    /// The ID of the user who installed the app: `U...` or `W...`.
    pub user: String,
    /// The granted user scopes, or `None` if Slack did not return them in a valid form.
    pub scopes: Option<Vec<String>>,
    /// The user's tokens, or `None` if no user scope was granted.
    pub grant: Option<Grant>,
    /// All tokens that Slack granted, to revoke them if the installation fails.
    pub tokens: GrantedTokens,
}

/// The tokens that Slack granted, as far as the response shows them. It may be incomplete or invalid.
///
/// It does not implement `Debug`, because the name in an invalid response may contain a token.
#[derive(Clone, Default)]
pub struct GrantedTokens {
    /// The workspace or organization that granted them, if the response names it.
    pub tenant: Option<Tenant>,
    /// The complete access tokens: the user's, and the app's own, which slacktrail never stores.
    pub access: Vec<Token>,
    /// Whether Slack may have granted other tokens.
    pub may_be_more: bool,
    /// Whether the response contains a refresh token, or an access token that has one.
    pub has_refresh_token: bool,
}

/// The tokens of a response, at the top level or in `authed_user`.
///
/// The tokens must be valid. Any other field is read if it has the expected type and ignored otherwise. Borrowing its JSON until then keeps a
/// response from using more memory.
#[derive(Deserialize)]
struct Tokens<'a> {
    #[serde(default, deserialize_with = "unless_empty")]
    access_token: Option<String>,
    #[serde(default, deserialize_with = "unless_empty")]
    refresh_token: Option<String>,
    #[serde(borrow)]
    token_type: Option<&'a RawValue>,
    #[serde(borrow)]
    expires_in: Option<&'a RawValue>,
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Exchanged<'a> {
    #[serde(borrow, default, deserialize_with = "unless_empty")]
    authed_user: Option<Tokens<'a>>,
    #[serde(borrow)]
    access_token: Option<&'a RawValue>,
    #[serde(borrow)]
    refresh_token: Option<&'a RawValue>,
}

/// The fields that say where an app was installed.
#[derive(Deserialize)]
struct Installed<'a> {
    #[serde(borrow)]
    team: Option<&'a RawValue>,
    #[serde(borrow)]
    enterprise: Option<&'a RawValue>,
    #[serde(borrow)]
    is_enterprise_install: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Refreshed<'a> {
    #[serde(borrow)]
    authed_user: Option<&'a RawValue>,
}

/// A workspace or an organization of a response.
#[derive(Deserialize)]
struct NamedId<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

/// The range to which the lifetime of a token with rotation is clamped. A longer-lived token is refreshed earlier than necessary.
const TOKEN_TTL_SECONDS: (i64, i64) = (60, TOKEN_TTL_SECONDS_MAX);
/// The lifetime of a token with rotation if Slack does not return it.
const TOKEN_TTL_DEFAULT_SECONDS: i64 = TOKEN_TTL_SECONDS_MAX;
/// Maximum length of a token. Slack's tokens have a few hundred bytes.
const TOKEN_BYTES_MAX: usize = 4096;
/// Maximum tokens that are read from an invalid response. A valid one has two: the user's and the app's own.
const REMAINING_TOKENS_MAX: usize = 4;
/// Maximum scopes that are kept. Slack documents about 300.
const SCOPES_MAX: usize = 500;
/// Maximum characters that are kept of a scope or an ID.
const WORD_CHARS_MAX: usize = 80;
/// Maximum characters that are kept of a name.
const NAME_CHARS_MAX: usize = 250;

impl Tokens<'_> {
    /// Returns `true` if this is evidently the app's own token. A missing or unexpected `token_type` proves nothing.
    fn is_of_bot(&self) -> bool {
        let has_bot_prefix = |token: &String| token.starts_with("xoxb-") || token.starts_with("xoxe.xoxb-");
        self.access_token.as_ref().is_some_and(has_bot_prefix)
            || read::<String>(self.token_type).is_some_and(|kind| kind.eq_ignore_ascii_case("bot"))
    }

    /// Returns the grant, or `None` if the access token is missing or invalid.
    fn grant(&self, now: Second) -> Option<Grant> {
        let token = token(self.access_token.as_deref()?)?;
        let ttl = whole_number(self.expires_in)
            .unwrap_or(TOKEN_TTL_DEFAULT_SECONDS)
            .clamp(TOKEN_TTL_SECONDS.0, TOKEN_TTL_SECONDS.1);
        let refresh_token = self.refresh_token.as_deref().and_then(self::token);
        let token_refresh =
            refresh_token.map(|refresh_token| TokenRefresh { refresh_token, expires_at: now.plus(ttl) });
        Some(Grant { token, token_refresh, tenant: None })
    }

    fn scopes(&self) -> Option<Vec<String>> {
        let scopes: String = read(self.scope)?;
        let words = scopes.split(',').map(plain).filter(|scope| !scope.is_empty());
        Some(words.take(SCOPES_MAX).collect())
    }
}

/// Deserializes a field that must be valid, unless it is one of PHP's empty values.
fn unless_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = <&RawValue>::deserialize(deserializer)?.get();
    if is_empty(text) {
        return Ok(None);
    }
    // Do not include serde's message, because it may repeat the value.
    serde_json::from_str(text).map(Some).map_err(|_| D::Error::custom("a field has another type"))
}

/// Returns `true` if a field's JSON is one of PHP's empty values.
fn is_empty(json: &str) -> bool {
    let packed: String = json.chars().take(8).filter(|character| !character.is_ascii_whitespace()).collect();
    matches!(packed.as_str(), "null" | "false" | "[]" | "{}" | "0" | "\"\"")
}

/// Returns the value of a field, if it has the expected type.
fn read<T: DeserializeOwned>(field: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(field?.get()).ok()
}

/// Returns a number that is written as a number or as text.
fn whole_number(field: Option<&RawValue>) -> Option<i64> {
    let text = field?.get().trim_matches('"').trim();
    let whole = || text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number as i64);
    text.parse().ok().or_else(whole)
}

fn tenant(field: Option<&RawValue>) -> Option<Tenant> {
    let named: NamedId<'_> = serde_json::from_str(field?.get()).ok()?;
    let id = plain(&read::<String>(named.id)?);
    let name = read::<String>(named.name).unwrap_or_default().chars().take(NAME_CHARS_MAX).collect();
    (!id.is_empty()).then_some(Tenant { id, name })
}

fn token(text: &str) -> Option<Token> {
    Token::new(text).ok().filter(|token| token.reveal().len() <= TOKEN_BYTES_MAX)
}

fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(WORD_CHARS_MAX).collect()
}

/// Requests tokens for a code (docs.slack.dev, `oauth.v2.access`). The code is valid for ten minutes and can be used once.
pub fn exchange_request(code: &str, redirect_url: &str) -> Request {
    let arguments = vec![("code", code.to_owned()), ("redirect_uri", redirect_url.to_owned())];
    Request::form("oauth.v2.access", arguments)
}

/// Requests new tokens for a refresh token (docs.slack.dev, using token rotation).
pub fn refresh_request(refresh_token: &Token) -> Request {
    let refresh_token = refresh_token.reveal().to_owned();
    let arguments = vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", refresh_token)];
    Request::form("oauth.v2.access", arguments)
}

/// Parses the response to the exchange of a code.
///
/// # Errors
///
/// Returns an error if Slack returned one, if the response is not JSON, or if a token in it is not text.
pub fn installation(response: &Response, request: &Request, now: Second) -> Result<Installation, Error> {
    let exchanged: Exchanged<'_> = response.json(request, now)?;
    let installed = response.json::<Installed<'_>>(request, now)?;
    let (tenant, organization) = installed.tenant();
    let user = exchanged.authed_user.as_ref();
    let grant = user.and_then(|user| user.grant(now));
    let bot = read::<String>(exchanged.access_token).as_deref().and_then(token);
    let is_user_unreadable = grant.is_none() && user.is_some_and(|user| user.access_token.is_some());
    let is_there = |field: Option<&RawValue>| field.is_some_and(|field| !is_empty(field.get()));
    let is_bot_unreadable = bot.is_none() && is_there(exchanged.access_token);
    let tokens = GrantedTokens {
        tenant: tenant.clone(),
        access: grant.iter().map(|grant| grant.token.clone()).chain(bot).collect(),
        may_be_more: is_user_unreadable || is_bot_unreadable,
        has_refresh_token: user.is_some_and(|user| user.refresh_token.is_some()) || is_there(exchanged.refresh_token),
    };
    Ok(Installation {
        tenant,
        organization,
        organization_id: self::tenant(installed.enterprise).map(|enterprise| enterprise.id),
        scopes: user.and_then(Tokens::scopes),
        grant,
        user: user.and_then(|user| read::<String>(user.id)).map(|id| plain(&id)).unwrap_or_default(),
        tokens,
    })
}

impl Installed<'_> {
    /// Returns the workspace or organization, and whether it is an organization. An installation on an organization has no team.
    fn tenant(&self) -> (Option<Tenant>, bool) {
        let (team, enterprise) = (tenant(self.team), tenant(self.enterprise));
        let organization = read(self.is_enterprise_install).unwrap_or(team.is_none() && enterprise.is_some());
        (if organization { enterprise } else { team }, organization)
    }
}

/// Returns the tokens in a response that [`installation`] rejects, or in its first part.
pub fn granted_tokens(body: &[u8]) -> GrantedTokens {
    let is_whole = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let tenant = serde_json::from_slice::<Installed<'_>>(body).ok().and_then(|installed| installed.tenant().0);
    // The body may end in the middle of a token, so ignore its last word.
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let end = body.iter().rposition(|byte| !is_of_token(byte)).unwrap_or(0);
    let words = || body[..end].split(|byte| !is_of_token(byte)).filter_map(|word| std::str::from_utf8(word).ok());
    let has_refresh_token = words().any(|word| word.starts_with("xoxe-") || word.starts_with("xoxe.xox"));
    let is_access_token = |word: &&str| ["xoxp-", "xoxb-", "xoxe.xox"].iter().any(|prefix| word.starts_with(prefix));
    let mut access: Vec<Token> = Vec::new();
    for token in words().filter(is_access_token).filter_map(token) {
        if access.len() <= REMAINING_TOKENS_MAX && !access.contains(&token) {
            access.push(token);
        }
    }
    let may_be_more = !is_whole || access.is_empty() || access.len() > REMAINING_TOKENS_MAX;
    access.truncate(REMAINING_TOKENS_MAX);
    GrantedTokens { tenant, access, may_be_more, has_refresh_token }
}

/// Parses the response to a refresh.
///
/// A refreshed user token is at the top level, unlike in an exchange. Only a token that is evidently a bot's is rejected, because Slack has used
/// up the refresh token: if this function rejects the new pair, it is lost.
///
/// # Errors
///
/// Returns an error under the same conditions as [`installation`], and one of kind [`Retry`](slacktrail_core::error::ErrorKind::Retry) if the response contains no user token
/// with a refresh token.
pub fn refreshed(response: &Response, request: &Request, now: Second) -> Result<Grant, Error> {
    let top: Tokens<'_> = response.json(request, now)?;
    let user = response.json::<Refreshed<'_>>(request, now)?.authed_user;
    let user = user.and_then(|user| serde_json::from_str::<Tokens<'_>>(user.get()).ok());
    let of_user = [Some(top), user].into_iter().flatten().filter(|tokens| !tokens.is_of_bot());
    let mut refreshable = of_user.filter_map(|tokens| tokens.grant(now)).filter(|grant| grant.token_refresh.is_some());
    refreshable.next().ok_or_else(|| {
        Error::slack(
            "invalid_response",
            format!("Slack answered `{}` without a user token that can be refreshed again", request.method),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use slacktrail_core::error::ErrorKind;

    const NOW: Second = Second::EPOCH;

    fn response(body: &str) -> Response {
        Response { status: 200, body: body.as_bytes().to_vec(), ..Response::default() }
    }

    fn installed(body: &str) -> Installation {
        installation(&response(body), &exchange_request("c", "r"), NOW).unwrap()
    }

    #[test]
    fn empty_php_values_count_as_missing() {
        for nothing in ["null", "false", "[]", "{ }", "0", "\"\""] {
            let body = format!(r#"{{"ok":true,"team":{{"id":"T1"}},"authed_user":{nothing}}}"#);
            assert!(installed(&body).grant.is_none(), "{nothing}");
            let body = format!(r#"{{"ok":true,"authed_user":{{"access_token":"xoxp-1","refresh_token":{nothing}}}}}"#);
            assert!(installed(&body).grant.unwrap().token_refresh.is_none(), "{nothing}");
            let body = format!(
                r#"{{"ok":true,"access_token":"xoxe.xoxp-1","refresh_token":"xoxe-1","token_type":"user","authed_user":{nothing}}}"#
            );
            assert!(refreshed(&response(&body), &exchange_request("c", "r"), NOW).is_ok(), "{nothing}");
        }
    }

    #[test]
    fn installation_without_team_is_of_organization_by_default() {
        for (fields, organization, id) in [
            (r#""team":null,"enterprise":{"id":"E1"},"is_enterprise_install":true"#, true, "E1"),
            (r#""team":{"id":"T1"},"enterprise":{"id":"E1"},"is_enterprise_install":false"#, false, "T1"),
            (r#""team":{"id":"T1"},"enterprise":{"id":"E1"}"#, false, "T1"),
            (r#""enterprise":{"id":"E1"}"#, true, "E1"),
            (r#""team":"x","enterprise":{"id":"E1"},"is_enterprise_install":{}"#, true, "E1"),
            (r#""team":{"id":"T1","name":null},"enterprise":"x","is_enterprise_install":"no""#, false, "T1"),
        ] {
            let installed = installed(&format!(r#"{{"ok":true,"authed_user":null,{fields}}}"#));
            assert_eq!((installed.organization, installed.tenant.unwrap().id.as_str()), (organization, id), "{fields}");
            assert!(installed.grant.is_none() && installed.scopes.is_none(), "no user scope was granted");
        }
    }

    #[test]
    fn token_of_user_is_grant_and_token_of_app_is_only_revoked() {
        let installed = installed(
            r#"{"ok":true,"authed_user":{"id":"W1","scope":"auditlogs:read,admin","access_token":"xoxp-1","token_type":"user"},
            "enterprise":{"id":"E1"},"access_token":"xoxb-1","token_type":"bot"}"#,
        );
        assert_eq!(
            (installed.user.as_str(), installed.scopes.unwrap()),
            ("W1", vec!["auditlogs:read".to_owned(), "admin".to_owned()])
        );
        let grant = installed.grant.unwrap();
        assert_eq!((grant.token.reveal(), grant.token_refresh), ("xoxp-1", None));
        assert_eq!(revealed(&installed.tokens), ["xoxp-1", "xoxb-1"]);
    }

    fn revealed(tokens: &GrantedTokens) -> Vec<&str> {
        tokens.access.iter().map(Token::reveal).collect()
    }

    #[test]
    fn fields_of_unexpected_type_are_ignored_and_numbers_may_be_text() {
        for (fields, seconds) in [
            (r#""expires_in":43200,"scope":["admin"]"#, 43_200),
            (r#""expires_in":"3600","scope":{}"#, 3600),
            (r#""expires_in":3600.9,"scope":null"#, 3600),
            (r#""expires_in":"soon","token_type":{}"#, TOKEN_TTL_DEFAULT_SECONDS),
            (r#""expires_in":[1,2],"scope":1"#, TOKEN_TTL_DEFAULT_SECONDS),
            (r#""expires_in":-5"#, 60),
            (r#""expires_in":315360000"#, 43_200),
        ] {
            let installed = installed(&format!(
                r#"{{"ok":true,"authed_user":{{"id":7,"access_token":"xoxp-1","refresh_token":"xoxe-1-r",{fields}}},"access_token":[]}}"#
            ));
            assert_eq!((installed.scopes, installed.user.as_str()), (None, ""));
            assert_eq!(installed.grant.unwrap().token_refresh.unwrap().expires_at, NOW.plus(seconds), "{fields}");
        }
    }

    #[test]
    fn long_lists_and_texts_are_truncated() {
        let long = "x,".repeat(400_000);
        let installed = installed(&format!(
            r#"{{"ok":true,"authed_user":{{"id":"{long}","access_token":"xoxp-{long}","scope":"{long}"}},
            "team":{{"id":"T{long}","name":"{long}"}}}}"#
        ));
        assert_eq!((installed.scopes.unwrap().len(), installed.user.len()), (SCOPES_MAX, WORD_CHARS_MAX));
        assert!(installed.grant.is_none(), "the token is too long");
        let tenant = installed.tenant.unwrap();
        assert_eq!((tenant.id.len(), tenant.name.len()), (WORD_CHARS_MAX, NAME_CHARS_MAX));
    }

    #[test]
    fn malformed_response_is_reported_without_its_values() {
        for body in [
            r#"{"ok":true,"authed_user":"xoxp-1-secret"}"#,
            r#"{"ok":true,"authed_user":{"id":"U1","access_token":{"xoxp-1-secret":1}}}"#,
            r#"{"ok":true,"authed_user":{"id":"U1","access_token":"xoxp-1","refresh_token":["xoxe-1-secret"]}}"#,
            r#"{"ok":true,"authed_user":{"access_token":"xoxp-1-secret""#,
        ] {
            let error = installation(&response(body), &exchange_request("c", "r"), NOW).err().unwrap();
            assert_eq!(error.code, "invalid_response", "{body}");
            assert!(!format!("{error:?} {error}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn complete_tokens_in_broken_exchange_are_found() {
        let user = r#"{"ok":true,"access_token":"xoxb-1-b","refresh_token":"xoxe-1-r","authed_user":{"id":"U1","access_token":"xoxe.xoxp-1-u","#;
        for (body, tokens, tenant, may_be_more) in [
            (
                format!(r#"{user}"refresh_token":[1]}},"team":{{"id":"T1"}}}}"#),
                vec!["xoxb-1-b", "xoxe.xoxp-1-u"],
                Some("T1"),
                false,
            ),
            (user.to_owned(), vec!["xoxb-1-b", "xoxe.xoxp-1-u"], None, true),
            (user[..user.len() - 4].to_owned(), vec!["xoxb-1-b"], None, true),
            (user[..20].to_owned(), vec![], None, true),
            (String::new(), vec![], None, true),
            (r#"{"ok":true,"team":{"id":"T1"}}"#.to_owned(), vec![], Some("T1"), true),
            (r#"["xoxp-1","xoxp-1","xoxp-2"]"#.to_owned(), vec!["xoxp-1", "xoxp-2"], None, false),
            (
                r#"["xoxp-1","xoxp-2","xoxp-3","xoxp-4","xoxp-5"]"#.to_owned(),
                vec!["xoxp-1", "xoxp-2", "xoxp-3", "xoxp-4"],
                None,
                true,
            ),
        ] {
            let found = granted_tokens(body.as_bytes());
            let found_tenant = found.tenant.as_ref().map(|tenant| tenant.id.as_str());
            assert_eq!((revealed(&found), found_tenant, found.may_be_more), (tokens, tenant, may_be_more), "{body}");
        }
    }

    #[test]
    fn refresh_token_in_exchange_is_detected_anywhere() {
        for (fields, is_there) in [
            (r#""authed_user":{"access_token":"xoxp-1"},"access_token":"xoxb-1""#, false),
            (r#""authed_user":{"access_token":"xoxp-1","refresh_token":""},"refresh_token":[]"#, false),
            (r#""authed_user":{"access_token":"xoxe.xoxp-1","refresh_token":"xoxe-1-r"}"#, true),
            (r#""authed_user":{"access_token":"xoxe.xoxp-1","refresh_token":"not one"}"#, true),
            (r#""authed_user":{"id":"U1"},"access_token":"xoxe.xoxb-1","refresh_token":"xoxe-1-r""#, true),
            (r#""authed_user":{"id":"U1"},"access_token":"xoxe.xoxb-1","refresh_token":{"a":1}"#, true),
        ] {
            let tokens = installed(&format!(r#"{{"ok":true,{fields}}}"#)).tokens;
            assert_eq!(tokens.has_refresh_token, is_there, "{fields}");
        }
        for (body, is_there) in [
            (r#"{"access_token":"xoxp-1","refresh_token":["x"]}"#, false),
            (r#"{"access_token":"xoxp-1","refresh_token":["xoxe-1-r"]}"#, true),
            (r#"{"access_token":"xoxe.xoxp-1","refr"#, true),
        ] {
            assert_eq!(granted_tokens(body.as_bytes()).has_refresh_token, is_there, "{body}");
        }
    }

    #[test]
    fn malformed_token_is_detected() {
        let unreadable = |body: &str| installed(body).tokens.may_be_more;
        assert!(unreadable(r#"{"ok":true,"authed_user":{"access_token":"xoxp bad"},"team":{"id":"T1"}}"#));
        assert!(unreadable(r#"{"ok":true,"authed_user":{"access_token":"xoxp-1"},"access_token":{"a":1}}"#));
        assert!(!unreadable(r#"{"ok":true,"authed_user":{"access_token":"xoxp-1"},"access_token":[]}"#));
        assert!(!unreadable(r#"{"ok":true,"authed_user":{"id":"U1"},"team":{"id":"T1"}}"#));
    }

    #[test]
    fn refreshed_user_token_is_found_and_bot_token_is_rejected() {
        let request = refresh_request(&Token::new("xoxe-1-r").unwrap());
        let refresh = |body: &str| refreshed(&response(&format!(r#"{{"ok":true,{body}}}"#)), &request, NOW);
        let tokens = r#""access_token":"xoxe.xoxp-2","refresh_token":"xoxe-2","expires_in":43200"#;
        let top = |others: &str| format!("{tokens}{others}");
        for body in [
            top(""),
            tokens.replace("43200", r#""43200""#),
            top(r#","token_type":"user","authed_user":{"id":"U1","access_token":"xoxp-other"}"#),
            top(r#","token_type":null"#),
            top(r#","token_type":{"a":1}"#),
            top(r#","token_type":"oauth""#),
            top(r#","authed_user":"U1""#),
            top(r#","authed_user":{"id":[],"access_token":{"a":1}}"#),
            top(r#","team":7,"enterprise":"","scope":7,"is_enterprise_install":"no""#),
            format!(r#""access_token":"xoxb-1","token_type":"bot","authed_user":{{{tokens},"token_type":"user"}}"#),
        ] {
            let grant = refresh(&body).unwrap();
            let token_refresh = grant.token_refresh.unwrap();
            let found = (grant.token.reveal(), token_refresh.refresh_token.reveal(), token_refresh.expires_at);
            assert_eq!(found, ("xoxe.xoxp-2", "xoxe-2", NOW.plus(43_200)), "{body}");
        }
        for body in [
            r#""access_token":"xoxb-1","token_type":"bot""#.to_owned(),
            top(r#","token_type":"bot""#),
            tokens.replace("xoxp", "xoxb"),
            tokens.replace("xoxe.xoxp", "xoxb"),
            r#""access_token":"xoxp-1","token_type":"user""#.to_owned(),
            r#""team":null"#.to_owned(),
        ] {
            assert_eq!(refresh(&body).unwrap_err().code, "invalid_response", "{body}");
        }
        let rejected = refreshed(&response(r#"{"ok":false,"error":"invalid_refresh_token"}"#), &request, NOW);
        assert_eq!(rejected.unwrap_err().kind, ErrorKind::Reauthorize);
    }
}
