//! Token rotation: a refresh token becomes a new pair, once. Section 7.

use jiff::Timestamp;
use serde_json::Value;

use super::exchange::{bot_user, place_fields, token_fields};
use super::grants::Pair;
use super::{App, GraceReuse, TokenKind};
use crate::api_error::ApiError;
use crate::{Request, Response, World};

/// One call of `oauth.v2.access` with a refresh token that was granted, whether or not its reply arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// When.
    pub at: Timestamp,
    /// The app.
    pub client_id: String,
    /// The refresh token that was sent.
    pub used: String,
    /// The access token that was given.
    pub access_token: String,
    /// The refresh token that was given.
    pub refresh_token: String,
    /// Whether the token that was sent had been used before and was in its grace period.
    pub in_grace: bool,
}

impl World {
    /// Every refresh that was granted, in order.
    pub fn refreshes(&self) -> &[Refresh] {
        &self.oauth.refreshes
    }

    /// How often this refresh token was honoured. More than once is a caller that lost a reply, or two callers at once.
    pub fn refreshes_with(&self, refresh_token: &str) -> usize {
        self.oauth.refreshes.iter().filter(|refresh| refresh.used == refresh_token).count()
    }

    pub(crate) fn refresh(&mut self, now: Timestamp, app: &App, request: &Request) -> Result<Response, ApiError> {
        let refused = || ApiError::new("invalid_refresh_token");
        let text = request.parameter("refresh_token").ok_or_else(refused)?;
        let (place, number) = self.refresh_place(app, text).ok_or_else(refused)?;
        let replaced = self.oauth.grants[place].refresh_tokens[number].replaced.clone();
        let in_grace = replaced.is_some();
        let pair = match replaced {
            None => {
                let pair = self.new_pair(now, place, app);
                self.oauth.grants[place].refresh_tokens[number].replaced = Some((now, pair.clone()));
                pair
            }
            Some((since, _)) if now.duration_since(since) >= self.settings.oauth.refresh_grace => return Err(refused()),
            Some((_, pair)) => self.pair_in_grace(now, place, app, pair),
        };
        self.oauth.refreshes.push(Refresh {
            at: now,
            client_id: app.client_id.clone(),
            used: text.to_owned(),
            access_token: pair.access.text.clone(),
            refresh_token: pair.refresh.clone().unwrap_or_default(),
            in_grace,
        });
        Ok(self.refresh_response(now, place, app, &pair))
    }

    /// What a refresh token gives that was used a moment ago.
    fn pair_in_grace(&mut self, now: Timestamp, place: usize, app: &App, before: Pair) -> Pair {
        let is_same = self.settings.oauth.grace_reuse == GraceReuse::SamePair && self.is_live(&before.access, now);
        if is_same { before } else { self.new_pair(now, place, app) }
    }

    /// The token stands at the top level, a person's too: `token_type` says whose it is.
    fn refresh_response(&self, now: Timestamp, place: usize, app: &App, pair: &Pair) -> Response {
        let grant = &self.oauth.grants[place];
        let mut body = token_fields(now, grant, pair);
        match grant.kind {
            TokenKind::User => body.insert("user_id".to_owned(), grant.user.as_str().into()),
            TokenKind::Bot => body.insert("bot_user_id".to_owned(), bot_user(app).into()),
        };
        body.extend(place_fields(&self.settings, app, &grant.install));
        if let Some(json) = self.settings.oauth.refreshed_token_type {
            body.remove("token_type");
            body.extend(serde_json::from_str(json).ok().map(|value: Value| ("token_type".to_owned(), value)));
        }
        Response::json(200, Value::Object(body).to_string())
    }

    /// The grant of the app, and the number in it, of a refresh token whose grant has not ended.
    fn refresh_place(&self, app: &App, text: &str) -> Option<(usize, usize)> {
        let mut grants = self.oauth.grants.iter().enumerate();
        grants.find_map(|(place, grant)| {
            let is_open = grant.client_id == app.client_id && grant.ended.is_none();
            let number = grant.refresh_tokens.iter().position(|token| token.text == text)?;
            is_open.then_some((place, number))
        })
    }
}
