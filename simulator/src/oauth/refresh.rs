//! Token rotation: exchanges a single-use refresh token for a new token pair (docs.slack.dev, using token rotation).

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::App;
use super::exchange::{bot_user, install_fields, token_fields};
use super::grants::{Pair, TokenKind};
use crate::api_error::ApiError;
use crate::{Request, Response, World};

/// Rules for OAuth behavior that the documentation leaves open. The defaults are the most likely behavior.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a refresh token still works after its use. Slack does not document the length of this grace period.
    pub refresh_grace: SignedDuration,
    /// The response to a used refresh token in its grace period.
    pub grace_reuse: GraceReuse,
}

/// The response to a refresh token that is used again in its grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraceReuse {
    /// The same pair as before, or a new pair if that access token is no longer valid.
    SamePair,
    /// A new pair, which counts toward the limit of two valid access tokens.
    NewPair,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { refresh_grace: SignedDuration::from_secs(120), grace_reuse: GraceReuse::SamePair }
    }
}

impl World {
    /// Returns the number of successful refreshes, including those whose response was lost.
    pub fn refreshes(&self) -> usize {
        self.oauth.refreshes
    }

    pub(crate) fn refresh(&mut self, now: Timestamp, app: &App, request: &Request) -> Result<Response, ApiError> {
        let rejected = || ApiError::new("invalid_refresh_token");
        let text = request.parameter("refresh_token").ok_or_else(rejected)?;
        let (index, number) = self.find_refresh_token(app, text).ok_or_else(rejected)?;
        let pair = match self.oauth.grants[index].refresh_tokens[number].replaced.clone() {
            None => {
                let pair = self.new_pair(now, index, app);
                self.oauth.grants[index].refresh_tokens[number].replaced = Some((now, pair.clone()));
                pair
            }
            Some((since, _)) if now.duration_since(since) >= self.settings.oauth.refresh_grace => {
                return Err(rejected());
            }
            Some((_, pair)) => self.pair_in_grace(now, index, app, pair),
        };
        self.oauth.refreshes += 1;
        Ok(self.refresh_response(now, index, app, &pair))
    }

    /// Returns the token pair for a refresh token in its grace period.
    fn pair_in_grace(&mut self, now: Timestamp, index: usize, app: &App, before: Pair) -> Pair {
        let is_same = self.settings.oauth.grace_reuse == GraceReuse::SamePair && self.is_live(&before.access, now);
        if is_same { before } else { self.new_pair(now, index, app) }
    }

    /// Returns the response of a refresh. A user token is at the top level too, where `token_type` distinguishes it from a bot token.
    fn refresh_response(&self, now: Timestamp, index: usize, app: &App, pair: &Pair) -> Response {
        let grant = &self.oauth.grants[index];
        let mut body = token_fields(now, grant, pair);
        match grant.kind {
            TokenKind::User => body.insert("user_id".to_owned(), grant.user.as_str().into()),
            TokenKind::Bot => body.insert("bot_user_id".to_owned(), bot_user(app).into()),
        };
        body.extend(install_fields(&self.settings, app, &grant.install));
        Response::json(200, Value::Object(body).to_string())
    }

    /// Returns the index of the app's active grant that contains the refresh token, and the token's index in that grant.
    fn find_refresh_token(&self, app: &App, text: &str) -> Option<(usize, usize)> {
        let mut grants = self.oauth.grants.iter().enumerate();
        grants.find_map(|(index, grant)| {
            let is_open = grant.client_id == app.client_id && !grant.is_revoked;
            let number = grant.refresh_tokens.iter().position(|token| token.text == text)?;
            is_open.then_some((index, number))
        })
    }
}
