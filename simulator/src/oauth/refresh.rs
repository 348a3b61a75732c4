//! Token rotation: exchanges a single-use refresh token for a new token pair (docs.slack.dev, using token rotation).

use jiff::Timestamp;
use serde_json::Value;

use super::exchange::{bot_user, install_fields, token_fields};
use super::grants::Pair;
use super::{App, GraceReuse, TokenKind};
use crate::api_error::ApiError;
use crate::{Request, Response, World};

/// A successful refresh. Its response may have been lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The time of the refresh.
    pub at: Timestamp,
    /// The client ID of the app.
    pub client_id: String,
    /// The refresh token of the request.
    pub used: String,
    /// The access token of the response.
    pub access_token: String,
    /// The refresh token of the response.
    pub refresh_token: String,
    /// Whether the refresh token had already been used or replaced, and was in its grace period.
    pub in_grace: bool,
}

impl World {
    /// Returns all successful refreshes, in order.
    pub fn refreshes(&self) -> &[Refresh] {
        &self.oauth.refreshes
    }

    /// Returns the number of successful refreshes with this token. More than one means that a response was lost, or that two callers refreshed
    /// at once.
    pub fn refreshes_with(&self, refresh_token: &str) -> usize {
        self.oauth.refreshes.iter().filter(|refresh| refresh.used == refresh_token).count()
    }

    pub(crate) fn refresh(&mut self, now: Timestamp, app: &App, request: &Request) -> Result<Response, ApiError> {
        let rejected = || ApiError::new("invalid_refresh_token");
        let text = request.parameter("refresh_token").ok_or_else(rejected)?;
        let (index, number) = self.find_refresh_token(app, text).ok_or_else(rejected)?;
        let replaced = self.oauth.grants[index].refresh_tokens[number].replaced.clone();
        let in_grace = replaced.is_some();
        let pair = match replaced {
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
        self.oauth.refreshes.push(Refresh {
            at: now,
            client_id: app.client_id.clone(),
            used: text.to_owned(),
            access_token: pair.access.text.clone(),
            refresh_token: pair.refresh.clone().unwrap_or_default(),
            in_grace,
        });
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
        if let Some(json) = self.settings.oauth.refreshed_token_type {
            body.remove("token_type");
            body.extend(serde_json::from_str(json).ok().map(|value: Value| ("token_type".to_owned(), value)));
        }
        Response::json(200, Value::Object(body).to_string())
    }

    /// Returns the index of the app's active grant that contains the refresh token, and the token's index in that grant.
    fn find_refresh_token(&self, app: &App, text: &str) -> Option<(usize, usize)> {
        let mut grants = self.oauth.grants.iter().enumerate();
        grants.find_map(|(index, grant)| {
            let is_open = grant.client_id == app.client_id && grant.ended.is_none();
            let number = grant.refresh_tokens.iter().position(|token| token.text == text)?;
            is_open.then_some((index, number))
        })
    }
}
