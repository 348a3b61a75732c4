//! Makes the texts of codes and tokens: they look like Slack's, differ from each other, and follow from the seed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::TokenKind;

/// Keeps these texts apart from the dice that the logs are thrown with.
const OWN_DICE: u64 = 0x6f61_7574_6800_0000;
const BODY_LENGTH: usize = 48;

/// Counts what was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenGenerator {
    made: u64,
}

impl TokenGenerator {
    /// A code, as in `4724469134.4644010092847.232b...`.
    pub(crate) fn code(&mut self, seed: u64) -> String {
        let mut dice = self.dice(seed);
        let (first, second) = (digits(&mut dice, 10), digits(&mut dice, 13));
        format!("{first}.{second}.{}", letters(&mut dice, b"0123456789abcdef", BODY_LENGTH))
    }

    /// An access token. The prefixes of tokens that rotate are those of section 7.
    pub(crate) fn access_token(&mut self, seed: u64, kind: TokenKind, rotating: bool) -> String {
        let mut dice = self.dice(seed);
        let prefix = match kind {
            TokenKind::User => "xoxp",
            TokenKind::Bot => "xoxb",
        };
        if rotating {
            return format!("xoxe.{prefix}-1-{}", body(&mut dice));
        }
        let (first, second) = (digits(&mut dice, 11), digits(&mut dice, 11));
        format!("{prefix}-{first}-{second}-{}", body(&mut dice))
    }

    /// A refresh token.
    pub(crate) fn refresh_token(&mut self, seed: u64) -> String {
        format!("xoxe-1-{}", body(&mut self.dice(seed)))
    }

    fn dice(&mut self, seed: u64) -> StdRng {
        self.made += 1;
        StdRng::seed_from_u64(seed.rotate_left(16) ^ OWN_DICE ^ self.made)
    }
}

fn body(dice: &mut StdRng) -> String {
    letters(dice, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", BODY_LENGTH)
}

fn digits(dice: &mut StdRng, length: usize) -> String {
    letters(dice, b"123456789", length)
}

fn letters(dice: &mut StdRng, alphabet: &[u8], length: usize) -> String {
    (0..length).map(|_| char::from(alphabet[dice.random_range(0..alphabet.len())])).collect()
}
