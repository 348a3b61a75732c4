//! The app's credentials and the grant of its installation, stored in one secret per source.

mod change;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

pub use change::{token_of, update};

use crate::secret::{ClientSecret, Token};
use slacktrail_core::time::{CLOCK_SKEW_SECONDS, Second};

/// A source's secret. Its fields, all of them optional:
///
/// | field | meaning |
/// |---|---|
/// | `token` | the user token that logs are read with |
/// | `tenant` | the ID of the workspace or organization that granted the token |
/// | `refresh_token`, `expires_at` | with token rotation: the refresh token, and when the access token expires (Unix seconds) |
/// | `client_id`, `client_secret` | the credentials of the app that granted the token |
/// | `pending_client_id`, `pending_client_secret` | the credentials of the app that takes over with its first grant |
/// | `refresh_lease` | a refresh that is in progress or was rejected: `expires_at` (Unix seconds) and, if Slack rejected it, `error_code` |
/// | `writer_id` | a random ID of the writer, for a store that must distinguish identical texts of two writers |
///
/// Unknown fields are preserved.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The app that created the grant or, without a grant, the app to install. `None` if the source was not connected through OAuth.
    pub app: Option<App>,
    /// The app that replaces `app` with its first grant. Until then, `app` refreshes the grant, because Slack rejects a refresh by another app.
    /// The user may also never finish connecting the new app.
    pub pending_app: Option<App>,
    /// The grant of the installation, once the source is connected.
    pub grant: Option<Grant>,
    /// The lease of a refresh that is in progress or was rejected.
    pub refresh_lease: Option<RefreshLease>,
    others: BTreeMap<String, Box<RawValue>>,
}

/// A Slack app.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct App {
    /// The client ID.
    pub client_id: String,
    /// The client secret.
    pub client_secret: ClientSecret,
}

/// The grant of an installation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// The user token that logs are read with.
    pub token: Token,
    /// The refresh token and the expiry, if the app uses token rotation.
    pub token_refresh: Option<TokenRefresh>,
    /// The ID of the workspace or organization that granted the token, or `None` if a user wrote the secret.
    pub tenant: Option<String>,
}

/// A refresh token, and when its access token expires.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenRefresh {
    /// The refresh token. It is single-use, but Slack accepts it for a short time after its use, in case a response is lost.
    pub refresh_token: Token,
    /// When the access token expires, or [`Second::EPOCH`] if the secret has no valid `expires_at`.
    pub expires_at: Second,
}

/// The longest lifetime of an access token with token rotation (docs.slack.dev, using token rotation).
pub const TOKEN_TTL_SECONDS_MAX: i64 = 43_200;

impl TokenRefresh {
    /// Returns when the access token expires, or `None` if the stored time is implausible: later than Slack could have set by `now`, or before
    /// Slack had token rotation.
    pub fn plausible_expiry(&self, now: Second) -> Option<Second> {
        let latest = now.plus(TOKEN_TTL_SECONDS_MAX + CLOCK_SKEW_SECONDS);
        (Second::MARCH_2018..=latest).contains(&self.expires_at).then_some(self.expires_at)
    }
}

/// A lease on refreshing a token. Only its holder refreshes the token.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RefreshLease {
    /// Until then, no other writer refreshes the token.
    pub expires_at: Second,
    /// Slack's error code, if Slack rejected the refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}

const WRITER_ID: &str = "writer_id";
const APP_FIELDS: [&str; 2] = ["client_id", "client_secret"];
const PENDING_APP_FIELDS: [&str; 2] = ["pending_client_id", "pending_client_secret"];

impl Credentials {
    /// Encodes the credentials as the JSON of a secret.
    pub fn encode(&self) -> String {
        self.encode_as(None)
    }

    /// Encodes the credentials with the writer's ID.
    pub fn encode_as(&self, writer: Option<&str>) -> String {
        let mut fields = self.others.clone();
        let mut put = |name: &str, value: Box<RawValue>| drop(fields.insert(name.to_owned(), value));
        for (app, [id, secret]) in [(&self.app, APP_FIELDS), (&self.pending_app, PENDING_APP_FIELDS)] {
            if let Some(app) = app {
                put(id, raw(&app.client_id));
                put(secret, raw(app.client_secret.reveal()));
            }
        }
        if let Some(grant) = &self.grant {
            put("token", raw(grant.token.reveal()));
            if let Some(tenant) = &grant.tenant {
                put("tenant", raw(tenant));
            }
            if let Some(token_refresh) = &grant.token_refresh {
                put("refresh_token", raw(token_refresh.refresh_token.reveal()));
                put("expires_at", raw(&token_refresh.expires_at));
            }
        }
        if let Some(lease) = &self.refresh_lease {
            put("refresh_lease", raw(lease));
        }
        if let Some(writer) = writer {
            put(WRITER_ID, raw(writer));
        }
        serde_json::to_string(&fields).expect("JSON values always serialize")
    }

    /// Decodes the JSON of a secret. Returns `None` if it is not a JSON object, without the parser's error, which might repeat secrets.
    ///
    /// A known field of an unexpected type counts as missing.
    pub fn decode(text: &str) -> Option<Credentials> {
        let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
        fields.remove(WRITER_ID);
        let app = take_app(&mut fields, APP_FIELDS);
        let pending_app = take_app(&mut fields, PENDING_APP_FIELDS);
        let token = take(&mut fields, "token").and_then(|text: String| Token::new(&text).ok());
        let refresh_token = take(&mut fields, "refresh_token").and_then(|text: String| Token::new(&text).ok());
        let expires_at = take(&mut fields, "expires_at").unwrap_or(Second::EPOCH);
        let tenant = take(&mut fields, "tenant");
        let token_refresh = refresh_token.map(|refresh_token| TokenRefresh { refresh_token, expires_at });
        Some(Credentials {
            app,
            pending_app,
            grant: token.map(|token| Grant { token, token_refresh, tenant }),
            refresh_lease: take(&mut fields, "refresh_lease"),
            others: fields,
        })
    }

    /// Returns the refresh token and the expiry, if the app uses token rotation.
    pub fn token_refresh(&self) -> Option<&TokenRefresh> {
        self.grant.as_ref()?.token_refresh.as_ref()
    }

    /// Returns `true` if the access token has expired at `now`. Returns `false` without token rotation, or if the expiry is unknown.
    pub fn is_expired_at(&self, now: Second) -> bool {
        self.token_refresh().and_then(|token_refresh| token_refresh.plausible_expiry(now)).is_some_and(|end| end <= now)
    }

    /// Returns the same credentials with a refresh lease.
    pub fn with_refresh_lease(&self, expires_at: Second, error_code: Option<String>) -> Credentials {
        Credentials { refresh_lease: Some(RefreshLease { expires_at, error_code }), ..self.clone() }
    }

    /// Returns the same credentials with another grant. This drops the lease, which belongs to the previous grant.
    #[must_use]
    pub fn with_grant(&self, grant: Grant) -> Credentials {
        Credentials { grant: Some(grant), refresh_lease: None, ..self.clone() }
    }

    /// Returns the same credentials with a refreshed grant. A refresh never changes the tenant, so that one stays.
    pub fn with_refreshed(&self, grant: Grant) -> Credentials {
        let tenant = self.grant.as_ref().and_then(|before| before.tenant.clone());
        self.with_grant(Grant { tenant, ..grant })
    }

    /// Returns the app with this client ID. Prefers the pending app, because the current app's secret may be outdated.
    pub fn app_of(&self, client_id: &str) -> Option<&App> {
        [&self.pending_app, &self.app].into_iter().flatten().find(|app| app.client_id == client_id)
    }

    /// Returns the same credentials with the app of the next grant. The app is pending if a grant of another app exists.
    #[must_use]
    pub fn with_app(&self, app: App) -> Credentials {
        match self.grant {
            Some(_) if self.app.as_ref() == Some(&app) => Credentials { pending_app: None, ..self.clone() },
            Some(_) => Credentials { pending_app: Some(app), ..self.clone() },
            None => Credentials { app: Some(app), pending_app: None, ..self.clone() },
        }
    }

    /// Returns the same credentials with a grant of the app with this client ID, which becomes the current app. Returns `None` if no app has
    /// this ID.
    #[must_use]
    pub fn with_grant_of(&self, client_id: &str, grant: Grant) -> Option<Credentials> {
        let app = self.app_of(client_id)?.clone();
        Some(Credentials { app: Some(app), pending_app: None, ..self.with_grant(grant) })
    }
}

/// Hides values and the names of unknown fields, because either may be a secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Credentials { app, pending_app, grant, refresh_lease, others } = self;
        f.debug_struct("Credentials")
            .field("app", app)
            .field("pending_app", pending_app)
            .field("grant", grant)
            .field("refresh_lease", refresh_lease)
            .field("other_fields", &others.len())
            .finish()
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Credentials) -> bool {
        self.encode() == other.encode()
    }
}

fn raw<T: serde::Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    to_raw_value(value).expect("text and numbers always serialize")
}

fn take_app(fields: &mut BTreeMap<String, Box<RawValue>>, [id, secret]: [&str; 2]) -> Option<App> {
    let client_id: Option<String> = take(fields, id);
    let client_secret = take(fields, secret).and_then(|text: String| ClientSecret::new(&text).ok());
    client_id.zip(client_secret).map(|(client_id, client_secret)| App { client_id, client_secret })
}

/// Removes a known field and returns its value, if it has the expected type.
fn take<T: DeserializeOwned>(fields: &mut BTreeMap<String, Box<RawValue>>, name: &str) -> Option<T> {
    serde_json::from_str(fields.remove(name)?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = concat!(
        r#"{"b":{"c":1.0,"a":[]},"client_id":"1.2","client_secret":"hush","expires_at":1795332821,"n":12345678901234567890123,"#,
        r#""pending_client_id":"3.4","pending_client_secret":"hushed","refresh_lease":{"expires_at":5},"refresh_token":"xoxe-1-r","tenant":"E1","token":"xoxe.xoxp-1-t"}"#
    );

    #[test]
    fn credentials_survive_round_trip_with_unknown_fields() {
        assert_eq!(Credentials::decode(WHOLE).unwrap().encode(), WHOLE);
        let token_alone = Credentials::decode(r#"{"token":" xoxp-1 "}"#).unwrap();
        assert_eq!(token_alone.encode(), r#"{"token":"xoxp-1"}"#);
        assert!(token_alone.app.is_none() && token_alone.grant.unwrap().token_refresh.is_none());
    }

    #[test]
    fn refresh_lease_replaces_only_previous_lease() {
        let noted =
            Credentials::decode(WHOLE).unwrap().with_refresh_lease(Second::EPOCH.plus(7), Some("gone".to_owned()));
        assert_eq!(noted.encode(), WHOLE.replace(r#"{"expires_at":5}"#, r#"{"expires_at":7,"error_code":"gone"}"#));
    }

    #[test]
    fn malformed_secret_contains_no_token() {
        for text in ["", "xoxp-1", "[]", "{}", r#"{"token":1}"#, r#"{"token":""}"#, r#"{"token":"a b"}"#] {
            assert!(Credentials::decode(text).and_then(|credentials| credentials.grant).is_none(), "{text}");
        }
    }

    #[test]
    fn token_expiry_is_trusted_only_if_slack_could_have_issued_it() {
        let now = Second::new(1_795_356_000).unwrap();
        let latest = now.plus(TOKEN_TTL_SECONDS_MAX + CLOCK_SKEW_SECONDS);
        let read = |expires_at: &str| {
            let secret = format!(r#"{{"token":"xoxe.xoxp-1","refresh_token":"xoxe-1"{expires_at}}}"#);
            let credentials = Credentials::decode(&secret).unwrap();
            (credentials.token_refresh().unwrap().plausible_expiry(now), credentials.is_expired_at(now))
        };
        let stored = |second: i64| read(&format!(r#","expires_at":{second}"#));
        for (second, ended) in [(latest, false), (now.plus(1), false), (now, true), (now.plus(-31_536_000), true)] {
            assert_eq!(stored(second.get()), (Some(second), ended), "{second}");
        }
        for second in [latest.get() + 1, 4_102_444_800, 0, -5, i64::MAX] {
            assert_eq!(stored(second), (None, false), "{second}");
        }
        for unreadable in ["", r#","expires_at":"1795356000""#, r#","expires_at":[]"#, r#","expires_at":1e300"#] {
            assert_eq!(read(unreadable), (None, false), "{unreadable}");
        }
    }

    #[test]
    fn new_grant_clears_refresh_lease_and_keeps_app() {
        let again = Credentials::decode(WHOLE).unwrap().with_grant(Grant {
            token: Token::new("xoxp-new").unwrap(),
            token_refresh: None,
            tenant: None,
        });
        assert_eq!(again.refresh_lease, None);
        assert_eq!(again.app.as_ref().unwrap().client_id, "1.2");
        assert!(!again.encode().contains("xoxe") && !again.encode().contains("E1"), "{}", again.encode());
        let refreshed = Credentials::decode(WHOLE).unwrap().with_refreshed(again.grant.unwrap()).grant.unwrap();
        assert_eq!((refreshed.token.reveal(), refreshed.tenant.as_deref()), ("xoxp-new", Some("E1")));
    }

    #[test]
    fn new_app_is_pending_until_it_has_its_own_grant() {
        let app = |id: &str, secret: &str| App {
            client_id: id.to_owned(),
            client_secret: ClientSecret::new(secret).unwrap(),
        };
        let grant = |token: &str| Grant { token: Token::new(token).unwrap(), token_refresh: None, tenant: None };
        let (first, second, renewed) = (app("1.2", "a"), app("3.4", "b"), app("1.2", "c"));

        let fresh = Credentials::default().with_app(first.clone()).with_app(second.clone());
        assert_eq!(
            (fresh.app.as_ref(), &fresh.pending_app),
            (Some(&second), &None),
            "without a grant, nothing is refreshed"
        );

        let granted = Credentials::default().with_app(first.clone()).with_grant_of("1.2", grant("xoxp-1")).unwrap();
        for (next, kept) in [(&second, &first), (&renewed, &first)] {
            let both = granted.with_app(next.clone());
            assert_eq!((both.app.as_ref(), both.pending_app.as_ref()), (Some(kept), Some(next)));
            assert_eq!(both.app_of(&next.client_id), Some(next));
            assert_eq!(
                both.with_app(first.clone()),
                granted,
                "going back to the first app restores the previous state"
            );
            let taken = both.with_grant_of(&next.client_id, grant("xoxp-2")).unwrap();
            assert_eq!((taken.app.as_ref(), &taken.pending_app), (Some(next), &None));
            assert_eq!(taken.grant, Some(grant("xoxp-2")));
        }
        assert!(granted.with_grant_of("3.4", grant("xoxp-2")).is_none());

        let grantless = Credentials { pending_app: Some(second.clone()), ..Credentials::default() };
        assert_eq!(grantless.with_app(first.clone()), Credentials::default().with_app(first));
    }

    #[test]
    fn credentials_debug_output_hides_secrets() {
        let shown = format!("{:?}", Credentials::decode(&WHOLE.replace("\"b\"", "\"xoxp-hidden\"")).unwrap());
        for secret in ["hush", "xoxe", "xoxp", "12345678901234567890123"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
