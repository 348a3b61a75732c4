//! Generates codes and tokens in Slack's format. They are unique, and the seed determines them.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::TokenKind;

/// Separates these random numbers from those of the logs.
const RNG_SALT: u64 = 0x6f61_7574_6800_0000;
const BODY_LENGTH: usize = 48;

/// Generates codes and tokens, and counts them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenGenerator {
    generated: u64,
}

impl TokenGenerator {
    /// Returns a code, such as `4724469134.4644010092847.232b...`.
    pub(crate) fn code(&mut self, seed: u64) -> String {
        let mut rng = self.rng(seed);
        let (first, second) = (digits(&mut rng, 10), digits(&mut rng, 13));
        format!("{first}.{second}.{}", letters(&mut rng, b"0123456789abcdef", BODY_LENGTH))
    }

    /// Returns an access token. Rotating tokens have their own prefixes (docs.slack.dev, using token rotation).
    pub(crate) fn access_token(&mut self, seed: u64, kind: TokenKind, rotating: bool) -> String {
        let mut rng = self.rng(seed);
        let prefix = match kind {
            TokenKind::User => "xoxp",
            TokenKind::Bot => "xoxb",
        };
        if rotating {
            return format!("xoxe.{prefix}-1-{}", body(&mut rng));
        }
        let (first, second) = (digits(&mut rng, 11), digits(&mut rng, 11));
        format!("{prefix}-{first}-{second}-{}", body(&mut rng))
    }

    pub(crate) fn refresh_token(&mut self, seed: u64) -> String {
        format!("xoxe-1-{}", body(&mut self.rng(seed)))
    }

    fn rng(&mut self, seed: u64) -> StdRng {
        self.generated += 1;
        StdRng::seed_from_u64(seed.rotate_left(16) ^ RNG_SALT ^ self.generated)
    }
}

fn body(rng: &mut StdRng) -> String {
    letters(rng, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", BODY_LENGTH)
}

fn digits(rng: &mut StdRng, length: usize) -> String {
    letters(rng, b"123456789", length)
}

fn letters(rng: &mut StdRng, alphabet: &[u8], length: usize) -> String {
    (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}
