//! Tokens in Secrets Manager: a source's secret is a JSON object, of which `token` is one field.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_secretsmanager::Client;
use serde_json::value::{RawValue, to_raw_value};

use super::attempt::{Attempt, Thing};
use crate::ports::TokenStore;
use crate::secret::Token;
use crate::source::SourceId;
use crate::trouble::{Remedy, Trouble};

/// The field that holds the token.
const TOKEN: &str = "token";

/// Tokens in secrets named `<prefix><source id>`.
#[derive(Debug)]
pub struct SecretsManagerTokens {
    client: Client,
    prefix: String,
    /// A warm function asks once for each source: reading a secret costs money and time.
    cache: Mutex<HashMap<SourceId, Token>>,
}

/// The fields of a secret, each as it is stored. It has no `Debug`, and no error about it repeats anything of it.
#[derive(Default)]
struct Secret(BTreeMap<String, Box<RawValue>>);

impl SecretsManagerTokens {
    /// Tokens in secrets whose names are `prefix` and the source's id.
    pub fn new(client: Client, prefix: impl Into<String>) -> SecretsManagerTokens {
        SecretsManagerTokens { client, prefix: prefix.into(), cache: Mutex::default() }
    }

    fn name(&self, source: &SourceId) -> String {
        format!("{}{source}", self.prefix)
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<SourceId, Token>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner) // a token is in it whole or not at all
    }

    fn attempt(&self, source: &SourceId, doing: &str, action: &str) -> Attempt {
        let name = self.name(source);
        let thing = Thing {
            name: format!("secret `{name}`"),
            missing_code: "no_such_secret",
            missing_hint: format!(
                "connect the source (`slacktrail connect {source}`), or see whether `SECRET_PREFIX` says `{}` by mistake",
                self.prefix
            ),
        };
        Attempt {
            doing: format!("{doing} secret `{name}`"),
            thing,
            permissions: format!("`secretsmanager:{action}` on `{name}`"),
        }
    }

    /// The text of a source's secret; `None` when there is no secret, or one without a value.
    async fn read(&self, source: &SourceId) -> Result<Option<String>, Trouble> {
        match self.client.get_secret_value().secret_id(self.name(source)).send().await {
            Ok(value) => Ok(Some(value.secret_string.unwrap_or_default())),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                Ok(None)
            }
            Err(error) => Err(self.attempt(source, "reading", "GetSecretValue").failed(error)),
        }
    }

    async fn put(&self, source: &SourceId, text: String) -> Result<(), Trouble> {
        match self.client.put_secret_value().secret_id(self.name(source)).secret_string(text).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.attempt(source, "writing", "PutSecretValue").failed(error)),
        }
    }

    /// Creates a source's secret; a secret that has no value yet is given one.
    async fn create(&self, source: &SourceId, text: String) -> Result<(), Trouble> {
        match self.client.create_secret().name(self.name(source)).secret_string(&text).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_exists_exception()) => {
                self.put(source, text).await
            }
            Err(error) => Err(self.attempt(source, "creating", "CreateSecret").failed(error)),
        }
    }
}

impl TokenStore for SecretsManagerTokens {
    async fn token(&self, source: &SourceId) -> Result<Token, Trouble> {
        let kept = self.cache().get(source).cloned();
        match kept {
            Some(token) => Ok(token),
            None => self.fresh_token(source).await,
        }
    }

    async fn fresh_token(&self, source: &SourceId) -> Result<Token, Trouble> {
        let text =
            self.read(source).await?.ok_or_else(|| self.attempt(source, "reading", "GetSecretValue").missing())?;
        let token = Secret::parse(&text)
            .and_then(|secret| secret.token())
            .ok_or_else(|| holds_no_token(&self.name(source), source))?;
        self.cache().insert(source.clone(), token.clone());
        Ok(token)
    }

    async fn save_token(&self, source: &SourceId, token: &Token) -> Result<(), Trouble> {
        match self.read(source).await? {
            None => self.create(source, Secret::default().with(token)).await?,
            // Text that is no secret of ours gives way; Secrets Manager keeps it as the previous version.
            Some(text) => self.put(source, Secret::parse(&text).unwrap_or_default().with(token)).await?,
        }
        self.cache().insert(source.clone(), token.clone());
        Ok(())
    }
}

impl Secret {
    /// `None` for what is not a JSON object. The parser's error would repeat parts of the text, so nobody sees it.
    fn parse(text: &str) -> Option<Secret> {
        serde_json::from_str(text).ok().map(Secret)
    }

    fn token(&self) -> Option<Token> {
        let text: String = serde_json::from_str(self.0.get(TOKEN)?.get()).ok()?;
        Token::new(&text).ok()
    }

    /// The secret's text with this token; other fields stay as they are.
    fn with(mut self, token: &Token) -> String {
        let value = to_raw_value(token.reveal()).expect("a text is JSON");
        self.0.insert(TOKEN.to_owned(), value);
        serde_json::to_string(&self.0).expect("an object of JSON values is JSON")
    }
}

fn holds_no_token(name: &str, source: &SourceId) -> Trouble {
    Trouble::ours(
        Remedy::Reconfigure,
        "unreadable_secret",
        format!("reading secret `{name}`: it is not of the form {{\"token\":\"xoxp-...\"}}"),
        format!("connect the source again (`slacktrail connect {source}`), or write the secret in that form"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_a_token_keeps_the_other_fields_as_they_are() {
        let secret =
            Secret::parse(r#"{"token":"xoxp-old","refresh":{"b":1.0,"a":[]},"n":12345678901234567890123}"#).unwrap();
        let saved = secret.with(&Token::new("xoxp-new").unwrap());
        assert_eq!(saved, r#"{"n":12345678901234567890123,"refresh":{"b":1.0,"a":[]},"token":"xoxp-new"}"#);
        assert_eq!(Secret::parse(&saved).unwrap().token().unwrap().reveal(), "xoxp-new");
    }

    #[test]
    fn what_is_not_a_secret_of_ours_holds_no_token() {
        for text in ["", "xoxp-1", "[]", "{}", r#"{"token":1}"#, r#"{"token":""}"#, r#"{"token":"a b"}"#] {
            assert!(Secret::parse(text).and_then(|secret| secret.token()).is_none(), "{text}");
        }
    }
}
