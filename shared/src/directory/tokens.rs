//! Tokens for a command on this machine: given when it starts, kept in memory, never written to the directory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ports::TokenStore;
use crate::secret::Token;
use crate::source::SourceId;
use crate::trouble::Trouble;

/// The token that the command was given, for every source, and those saved since for one.
#[derive(Debug)]
pub struct DirectoryTokens {
    given: Token,
    saved: Mutex<BTreeMap<SourceId, Token>>,
}

impl DirectoryTokens {
    /// Every source has this token until another is saved for it.
    pub fn new(given: Token) -> DirectoryTokens {
        DirectoryTokens { given, saved: Mutex::default() }
    }

    fn saved(&self) -> MutexGuard<'_, BTreeMap<SourceId, Token>> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner) // a token is in it whole or not at all
    }
}

impl TokenStore for DirectoryTokens {
    async fn token(&self, source: &SourceId) -> Result<Token, Trouble> {
        Ok(self.saved().get(source).unwrap_or(&self.given).clone())
    }

    async fn fresh_token(&self, source: &SourceId) -> Result<Token, Trouble> {
        self.token(source).await
    }

    async fn save_token(&self, source: &SourceId, token: &Token) -> Result<(), Trouble> {
        self.saved().insert(source.clone(), token.clone());
        Ok(())
    }
}
