//! What proves to Slack who we are: the app's credentials and the grant that its installation gave, as one secret holds them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::ports::{CredentialStore, Replaced};
use crate::secret::{ClientSecret, Token};
use crate::source::SourceId;
use crate::time::Second;
use crate::trouble::{Remedy, Trouble};

/// A source's secret. Its fields, all of them optional:
///
/// | field | meaning |
/// |---|---|
/// | `token` | the user token that logs are read with |
/// | `refresh_token`, `expires_at` | of an app with token rotation: what the next token is asked for with, and when this one ends (Unix seconds) |
/// | `client_id`, `client_secret` | the app's own |
/// | `rotation` | an attempt to rotate that is under way or was refused |
/// | `written_by` | a store's mark of the writer, where it must tell equal texts of two writers apart |
///
/// Fields that it does not know stay as they are.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The app's own, where the source was connected through OAuth.
    pub app: Option<App>,
    /// What its installation granted, once it is connected.
    pub grant: Option<Grant>,
    /// The last attempt to rotate the grant's token, until it has succeeded.
    pub rotation: Option<Attempt>,
    others: BTreeMap<String, Box<RawValue>>,
}

/// A Slack app.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct App {
    /// Its public name for Slack.
    pub client_id: String,
    /// What proves that we are it.
    pub client_secret: ClientSecret,
}

/// What an installation granted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// The user token that logs are read with.
    pub token: Token,
    /// How the next token is had, where the app rotates tokens.
    pub renewal: Option<Renewal>,
}

/// How the next token is had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Renewal {
    /// Good for one refresh; Slack honours it a little longer, for a lost reply.
    pub refresh_token: Token,
    /// When the present token ends.
    pub expires_at: Second,
}

/// An attempt to rotate a token: one writer at a time makes it.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Attempt {
    /// Until then nobody else makes one.
    pub until: Second,
    /// Slack's error code, when it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

const WRITTEN_BY: &str = "written_by";

impl Credentials {
    /// The text of a secret that holds them: JSON.
    pub fn encode(&self) -> String {
        self.encode_as(None)
    }

    /// The same with the writer's mark.
    pub(crate) fn encode_as(&self, writer: Option<&str>) -> String {
        let mut fields = self.others.clone();
        let mut put = |name: &str, value: Box<RawValue>| drop(fields.insert(name.to_owned(), value));
        if let Some(app) = &self.app {
            put("client_id", raw(&app.client_id));
            put("client_secret", raw(app.client_secret.reveal()));
        }
        if let Some(grant) = &self.grant {
            put("token", raw(grant.token.reveal()));
            if let Some(renewal) = &grant.renewal {
                put("refresh_token", raw(renewal.refresh_token.reveal()));
                put("expires_at", raw(&renewal.expires_at));
            }
        }
        if let Some(attempt) = &self.rotation {
            put("rotation", raw(attempt));
        }
        if let Some(writer) = writer {
            put(WRITTEN_BY, raw(writer));
        }
        serde_json::to_string(&fields).expect("an object of JSON values is JSON")
    }

    /// Reads a secret's text; `None` for what is not a JSON object. The parser's error would repeat parts of the text, so nobody sees
    /// it. A known field that is not of its form is as good as missing.
    pub fn decode(text: &str) -> Option<Credentials> {
        let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
        fields.remove(WRITTEN_BY);
        let client_id: Option<String> = take(&mut fields, "client_id");
        let client_secret = take(&mut fields, "client_secret").and_then(|text: String| ClientSecret::new(&text).ok());
        let token = take(&mut fields, "token").and_then(|text: String| Token::new(&text).ok());
        let refresh_token = take(&mut fields, "refresh_token").and_then(|text: String| Token::new(&text).ok());
        let expires_at = take(&mut fields, "expires_at");
        let renewal =
            refresh_token.zip(expires_at).map(|(refresh_token, expires_at)| Renewal { refresh_token, expires_at });
        Some(Credentials {
            app: client_id.zip(client_secret).map(|(client_id, client_secret)| App { client_id, client_secret }),
            grant: token.map(|token| Grant { token, renewal }),
            rotation: take(&mut fields, "rotation"),
            others: fields,
        })
    }

    /// How the next token is had, where the app rotates tokens.
    pub fn renewal(&self) -> Option<&Renewal> {
        self.grant.as_ref()?.renewal.as_ref()
    }

    /// Whether the token has ended by `now`. One that does not rotate never does.
    pub fn ends_by(&self, now: Second) -> bool {
        self.renewal().is_some_and(|renewal| renewal.expires_at <= now)
    }

    /// The same with an attempt to rotate.
    pub(crate) fn with_attempt(&self, until: Second, refused: Option<String>) -> Credentials {
        Credentials { rotation: Some(Attempt { until, refused }), ..self.clone() }
    }

    /// The same with another grant, which no attempt to rotate the one before concerns.
    #[must_use]
    pub fn with_grant(&self, grant: Grant) -> Credentials {
        Credentials { grant: Some(grant), rotation: None, ..self.clone() }
    }
}

/// Somebody else's write is met at most so often.
const ROUNDS_MAX: usize = 4;

/// Changes a source's credentials, whoever else does so at the same time: reads them, applies `change` and replaces them, again if
/// somebody was first. What is stored and is nothing of ours gives way. Returns whether `change` had anything to change.
///
/// # Errors
/// By remedy; [`Remedy::TryLater`] when others were first each time.
pub async fn update<K: CredentialStore>(
    store: &K,
    source: &SourceId,
    change: impl Fn(Credentials) -> Option<Credentials>,
) -> Result<bool, Trouble> {
    for _ in 0..ROUNDS_MAX {
        let (version, present) = match store.fresh_credentials(source).await? {
            Some(stored) => (Some(stored.version), stored.credentials.unwrap_or_default()),
            None => (None, Credentials::default()),
        };
        let Some(changed) = change(present) else { return Ok(false) };
        if let Replaced::Yes(_) = store.replace_credentials(source, version.as_ref(), &changed).await? {
            return Ok(true);
        }
    }
    Err(Trouble::ours(
        Remedy::TryLater,
        "credentials_contended",
        format!("writing the secret of source `{source}`: somebody else wrote it each time"),
        "try again",
    ))
}

/// Neither a value nor the names of fields that we do not know: either may be a secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Credentials { app, grant, rotation, others } = self;
        f.debug_struct("Credentials")
            .field("app", app)
            .field("grant", grant)
            .field("rotation", rotation)
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
    to_raw_value(value).expect("texts and numbers are JSON")
}

/// Takes a known field out, if it is of its form.
fn take<T: DeserializeOwned>(fields: &mut BTreeMap<String, Box<RawValue>>, name: &str) -> Option<T> {
    serde_json::from_str(fields.remove(name)?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = concat!(
        r#"{"b":{"c":1.0,"a":[]},"client_id":"1.2","client_secret":"hush","expires_at":1795332821,"n":12345678901234567890123,"#,
        r#""refresh_token":"xoxe-1-r","rotation":{"until":5},"token":"xoxe.xoxp-1-t"}"#
    );

    #[test]
    fn credentials_come_back_as_they_were_with_fields_that_we_do_not_know() {
        assert_eq!(Credentials::decode(WHOLE).unwrap().encode(), WHOLE);
        let token_alone = Credentials::decode(r#"{"token":" xoxp-1 "}"#).unwrap();
        assert_eq!(token_alone.encode(), r#"{"token":"xoxp-1"}"#);
        assert!(token_alone.app.is_none() && token_alone.grant.unwrap().renewal.is_none());
    }

    #[test]
    fn what_is_not_a_secret_of_ours_holds_no_token() {
        for text in ["", "xoxp-1", "[]", "{}", r#"{"token":1}"#, r#"{"token":""}"#, r#"{"token":"a b"}"#] {
            assert!(Credentials::decode(text).and_then(|credentials| credentials.grant).is_none(), "{text}");
        }
    }

    #[test]
    fn a_new_grant_forgets_the_attempt_to_rotate_the_old_one_and_keeps_the_app() {
        let again = Credentials::decode(WHOLE)
            .unwrap()
            .with_grant(Grant { token: Token::new("xoxp-new").unwrap(), renewal: None });
        assert_eq!(again.rotation, None);
        assert_eq!(again.app.as_ref().unwrap().client_id, "1.2");
        assert!(!again.encode().contains("xoxe"), "{}", again.encode());
    }

    #[test]
    fn credentials_show_nothing_of_themselves() {
        let shown = format!("{:?}", Credentials::decode(&WHOLE.replace("\"b\"", "\"xoxp-hidden\"")).unwrap());
        for secret in ["hush", "xoxe", "xoxp", "12345678901234567890123"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
