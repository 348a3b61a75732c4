//! Grants: which user allowed which app where, and the tokens that were issued. Sections 6.3, 6.4 and 7.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::consent::Code;
use super::token_generator::TokenGenerator;
use super::{App, Refresh};
use crate::World;
use crate::settings::Settings;
use crate::tenant::{Install, Role, Token};

/// The lifetime of an access token with token rotation (section 7).
pub(crate) const ACCESS_TOKEN_TTL: SignedDuration = SignedDuration::from_secs(43_200);
/// The maximum number of valid access tokens with an expiry per grant. One more revokes the oldest (section 7).
const LIVE_TOKENS_MAX: usize = 2;

/// Whom a token acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenKind {
    /// The person who consented.
    User,
    /// The app's own bot.
    Bot,
}

/// An app's grant at one workspace or organization, for one user or for its bot. Scopes accumulate until it is revoked.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The app.
    pub client_id: String,
    /// Whom its tokens act for.
    pub kind: TokenKind,
    /// The person, or the bot's own id.
    pub user: String,
    /// Where.
    pub install: Install,
    /// The scopes so far, in the order in which they were first granted.
    pub scopes: Vec<String>,
    /// Every access token so far, oldest first.
    pub tokens: Vec<AccessToken>,
    /// When it was revoked, or the app removed.
    pub ended: Option<Timestamp>,
    /// What the person was at the last consent; counts only if [`Settings::users`] no longer says what the person is.
    pub rights: Role,
    /// Every refresh token so far, oldest first.
    pub(crate) refresh_tokens: Vec<RefreshToken>,
}

/// An access token of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// What a caller sends.
    pub text: String,
    /// When it was made.
    pub issued: Timestamp,
    /// From when on it is refused as `token_expired`.
    pub expires: Option<Timestamp>,
}

/// An access token that is honoured at some instant.
#[derive(Clone, Debug)]
pub struct LiveToken {
    /// The app.
    pub client_id: String,
    /// Whom it acts for.
    pub kind: TokenKind,
    /// The person, or the bot's own id.
    pub user: String,
    /// The token as the logs see it.
    pub token: Token,
    /// When it expires.
    pub expires: Option<Timestamp>,
}

/// A refresh token and the token pair that replaced it.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) text: String,
    /// When it was first used or replaced by a reinstall, and the token pair that replaced it.
    pub(crate) replaced: Option<(Timestamp, Pair)>,
}

/// What one exchange gives: an access token, and with rotation a refresh token.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) access: AccessToken,
    pub(crate) refresh: Option<String>,
}

/// The token of a call that came out of OAuth: what `auth.test` says about it.
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
    /// The word of `token_type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            TokenKind::User => "user",
            TokenKind::Bot => "bot",
        }
    }
}

impl AccessToken {
    /// Whether its time is over at `now`: it is honoured up to, but not at, its expiry.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Grant {
    /// What its person is now.
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
    /// The issued access token with this text, expired ones and those of ended grants included.
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
    /// Every grant so far, those that ended included.
    pub fn grants(&self) -> &[Grant] {
        &self.oauth.grants
    }

    /// Every access token from OAuth that is honoured at `now`: neither expired, nor revoked, nor invalidated. Never more than two for
    /// each app, person and place with rotation.
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

    /// Makes a new pair for the grant at `place`. With rotation, and two access tokens alive, the oldest of them ends.
    pub(crate) fn new_pair(&mut self, now: Timestamp, place: usize, app: &App) -> Pair {
        let (seed, rotating) = (self.settings.seed, app.token_rotation);
        let expires = rotating.then(|| now.saturating_add(ACCESS_TOKEN_TTL).unwrap_or(Timestamp::MAX));
        let text = self.oauth.token_generator.access_token(seed, self.oauth.grants[place].kind, rotating);
        let refresh = rotating.then(|| self.oauth.token_generator.refresh_token(seed));
        let access = AccessToken { text, issued: now, expires };
        let grant = &mut self.oauth.grants[place];
        grant.tokens.push(access.clone());
        grant.refresh_tokens.extend(refresh.clone().map(|text| RefreshToken { text, replaced: None }));
        let live: Vec<String> = self.oauth.grants[place]
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
