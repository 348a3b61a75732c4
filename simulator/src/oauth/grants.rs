//! Grants: which user installed which app where, and the issued tokens (docs.slack.dev, using token rotation).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::App;
use super::consent::Code;
use super::token_generator::TokenGenerator;
use crate::World;
use crate::settings::Settings;
use crate::tenant::{Install, Role, Token};

/// The lifetime of an access token with token rotation (docs.slack.dev, using token rotation).
pub(crate) const ACCESS_TOKEN_TTL: SignedDuration = SignedDuration::from_secs(43_200);
/// The maximum number of valid access tokens with an expiry per grant. One more revokes the oldest (docs.slack.dev, using token rotation).
const LIVE_TOKENS_MAX: usize = 2;

/// The identity that a token acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// The user who approved the installation.
    User,
    /// The app's bot.
    Bot,
}

/// An app's grant at one workspace or organization, for one user or for its bot. Scopes accumulate until it is revoked.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) kind: TokenKind,
    /// The ID of the user or bot.
    pub(crate) user: String,
    pub(crate) install: Install,
    /// The accumulated scopes, in the order in which they were first granted.
    pub(crate) scopes: Vec<String>,
    /// All issued access tokens, oldest first.
    pub(crate) tokens: Vec<AccessToken>,
    /// All issued refresh tokens, oldest first.
    pub(crate) refresh_tokens: Vec<RefreshToken>,
    pub(crate) is_revoked: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    /// The token as a caller sends it.
    pub(crate) text: String,
    /// When the token expires, which is the first second in which it is no longer valid.
    pub(crate) expires: Option<Timestamp>,
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
    pub(crate) kind: TokenKind,
    pub(crate) user: String,
    pub(crate) expires: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Oauth {
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) refreshes: usize,
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

impl Oauth {
    /// Returns the issued access token with this text, even if it is expired or its grant is revoked.
    pub(crate) fn find(&self, settings: &Settings, text: &str) -> Option<(Token, Issued)> {
        let mut tokens = self.grants.iter().flat_map(|grant| grant.tokens.iter().map(move |token| (grant, token)));
        let (grant, access) = tokens.find(|(_, token)| token.text == text)?;
        let user = settings.users.iter().find(|user| user.id == grant.user);
        let token = Token {
            text: access.text.clone(),
            install: grant.install.clone(),
            rights: user.map_or(Role::Member, |user| user.rights),
            scopes: grant.scopes.clone(),
        };
        let issued = Issued {
            client_id: grant.client_id.clone(),
            kind: grant.kind,
            user: grant.user.clone(),
            expires: access.expires,
        };
        Some((token, issued))
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
            !grant.is_revoked
                && grant.client_id == client_id
                && grant.kind == kind
                && grant.user == user
                && grant.install == *install
        })
    }
}

impl World {
    /// Returns all issued access tokens that are valid at `now`: not expired, revoked or invalidated. With rotation, a grant has at most two.
    pub fn live_tokens(&self, now: Timestamp) -> Vec<String> {
        let tokens = self.oauth.grants.iter().flat_map(|grant| &grant.tokens);
        tokens.filter(|token| self.is_live(token, now)).map(|token| token.text.clone()).collect()
    }

    pub(crate) fn is_live(&self, token: &AccessToken, now: Timestamp) -> bool {
        token.expires.is_none_or(|expires| expires > now) && !self.invalidated.contains_key(&token.text)
    }

    /// Creates a token pair for the grant at `index`. With rotation, a third valid access token revokes the oldest one.
    pub(crate) fn new_pair(&mut self, now: Timestamp, index: usize, app: &App) -> Pair {
        let (seed, rotating) = (self.settings.seed, app.token_rotation);
        let expires = rotating.then(|| now.saturating_add(ACCESS_TOKEN_TTL).unwrap_or(Timestamp::MAX));
        let text = self.oauth.token_generator.access_token(seed, self.oauth.grants[index].kind, rotating);
        let refresh = rotating.then(|| self.oauth.token_generator.refresh_token(seed));
        let access = AccessToken { text, expires };
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
