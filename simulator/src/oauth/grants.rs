//! Grants: which user installed which app where, and the issued tokens (docs.slack.dev, using token rotation).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::consent::Code;
use super::token_generator::TokenGenerator;
use super::{App, Refresh};
use crate::World;
use crate::settings::Settings;
use crate::tenant::{Install, Role, Token};

/// The lifetime of an access token with token rotation (docs.slack.dev, using token rotation).
pub(crate) const ACCESS_TOKEN_TTL: SignedDuration = SignedDuration::from_secs(43_200);
/// The maximum number of valid access tokens with an expiry per grant. One more revokes the oldest (docs.slack.dev, using token rotation).
const LIVE_TOKENS_MAX: usize = 2;

/// The identity that a token acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenKind {
    /// The user who approved the installation.
    User,
    /// The app's bot.
    Bot,
}

/// An app's grant at one workspace or organization, for one user or for its bot. Scopes accumulate until it is revoked.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The client ID of the app.
    pub client_id: String,
    /// The identity that the tokens act for.
    pub kind: TokenKind,
    /// The ID of the user or bot.
    pub user: String,
    /// The installation target.
    pub install: Install,
    /// The accumulated scopes, in the order in which they were first granted.
    pub scopes: Vec<String>,
    /// All issued access tokens, oldest first.
    pub tokens: Vec<AccessToken>,
    /// When the grant was revoked or the app was removed.
    pub ended: Option<Timestamp>,
    /// The role of the user at the last approval. Used only if [`Settings::users`] no longer contains the user.
    pub rights: Role,
    /// All issued refresh tokens, oldest first.
    pub(crate) refresh_tokens: Vec<RefreshToken>,
}

/// An access token of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The token as a caller sends it.
    pub text: String,
    /// When the token was issued.
    pub issued: Timestamp,
    /// When the token expires.
    pub expires: Option<Timestamp>,
}

/// An access token that is valid at a given instant.
#[derive(Clone, Debug)]
pub struct LiveToken {
    /// The client ID of the app.
    pub client_id: String,
    /// The identity that the token acts for.
    pub kind: TokenKind,
    /// The ID of the user or bot.
    pub user: String,
    /// The token with its permissions.
    pub token: Token,
    /// When the token expires.
    pub expires: Option<Timestamp>,
}

/// A refresh token and the token pair that replaced it.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) text: String,
    /// When it was first used or replaced by a reinstall, and the token pair that replaced it.
    pub(crate) replaced: Option<(Timestamp, Pair)>,
}

/// The tokens of one exchange: an access token and, with rotation, a refresh token.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) access: AccessToken,
    pub(crate) refresh: Option<String>,
}

/// The details of an issued token that `auth.test` returns.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) client_id: String,
    pub(crate) app_id: String,
    pub(crate) app_name: String,
    pub(crate) kind: TokenKind,
    pub(crate) user: String,
    pub(crate) user_name: String,
    pub(crate) expires: Option<Timestamp>,
}

/// The state of OAuth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oauth {
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) refreshes: Vec<Refresh>,
    pub(crate) token_generator: TokenGenerator,
}

impl TokenKind {
    /// Returns the value of `token_type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            TokenKind::User => "user",
            TokenKind::Bot => "bot",
        }
    }
}

impl AccessToken {
    /// Returns `true` if the token is expired at `now`. It is no longer valid at the exact time of its expiry.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Grant {
    /// Returns the current role of the user.
    pub(crate) fn rights_now(&self, settings: &Settings) -> Role {
        settings.users.iter().find(|user| user.id == self.user).map_or(self.rights, |user| user.rights)
    }

    fn token(&self, settings: &Settings, access: &AccessToken) -> Token {
        Token {
            text: access.text.clone(),
            install: self.install.clone(),
            rights: self.rights_now(settings),
            scopes: self.scopes.clone(),
        }
    }
}

impl Oauth {
    /// Returns the issued access token with this text, even if it is expired or its grant is revoked.
    pub(crate) fn find(&self, settings: &Settings, text: &str) -> Option<(Token, Issued)> {
        let mut tokens = self.grants.iter().flat_map(|grant| grant.tokens.iter().map(move |token| (grant, token)));
        let (grant, access) = tokens.find(|(_, token)| token.text == text)?;
        let app = settings.apps.iter().find(|app| app.client_id == grant.client_id);
        let person = settings.users.iter().find(|user| user.id == grant.user);
        let issued = Issued {
            client_id: grant.client_id.clone(),
            app_id: app.map(|app| app.app_id.clone()).unwrap_or_default(),
            app_name: app.map(|app| app.name.clone()).unwrap_or_default(),
            kind: grant.kind,
            user: grant.user.clone(),
            user_name: person.map_or_else(|| "bot".to_owned(), |person| person.name.clone()),
            expires: access.expires,
        };
        Some((grant.token(settings, access), issued))
    }

    /// Returns the index of the active grant, if there is one.
    pub(crate) fn active_grant(
        &self,
        client_id: &str,
        kind: TokenKind,
        user: &str,
        install: &Install,
    ) -> Option<usize> {
        self.grants.iter().position(|grant| {
            grant.ended.is_none()
                && grant.client_id == client_id
                && grant.kind == kind
                && grant.user == user
                && grant.install == *install
        })
    }
}

impl World {
    /// Returns all grants, including revoked ones.
    pub fn grants(&self) -> &[Grant] {
        &self.oauth.grants
    }

    /// Returns all issued access tokens that are valid at `now`: not expired, revoked or invalidated. With rotation, a grant has at most two.
    pub fn live_tokens(&self, now: Timestamp) -> Vec<LiveToken> {
        let live = |grant: &Grant, access: &AccessToken| LiveToken {
            client_id: grant.client_id.clone(),
            kind: grant.kind,
            user: grant.user.clone(),
            token: grant.token(&self.settings, access),
            expires: access.expires,
        };
        let tokens = self.oauth.grants.iter().flat_map(|grant| grant.tokens.iter().map(move |token| (grant, token)));
        tokens.filter(|(_, token)| self.is_live(token, now)).map(|(grant, token)| live(grant, token)).collect()
    }

    pub(crate) fn is_live(&self, token: &AccessToken, now: Timestamp) -> bool {
        !token.is_expired(now) && !self.invalidated.contains_key(&token.text)
    }

    /// Creates a token pair for the grant at `index`. With rotation, a third valid access token revokes the oldest one.
    pub(crate) fn new_pair(&mut self, now: Timestamp, index: usize, app: &App) -> Pair {
        let (seed, rotating) = (self.settings.seed, app.token_rotation);
        let expires = rotating.then(|| now.saturating_add(ACCESS_TOKEN_TTL).unwrap_or(Timestamp::MAX));
        let text = self.oauth.token_generator.access_token(seed, self.oauth.grants[index].kind, rotating);
        let refresh = rotating.then(|| self.oauth.token_generator.refresh_token(seed));
        let access = AccessToken { text, issued: now, expires };
        let grant = &mut self.oauth.grants[index];
        grant.tokens.push(access.clone());
        grant.refresh_tokens.extend(refresh.clone().map(|text| RefreshToken { text, replaced: None }));
        let live: Vec<String> = self.oauth.grants[index]
            .tokens
            .iter()
            .filter(|token| token.expires.is_some() && self.is_live(token, now))
            .map(|token| token.text.clone())
            .collect();
        for oldest in live.iter().rev().skip(LIVE_TOKENS_MAX) {
            self.revoke(oldest);
        }
        Pair { access, refresh }
    }
}
