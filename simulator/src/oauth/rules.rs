//! How OAuth behaves here where the documentation is silent.

use jiff::SignedDuration;

/// What can differ. The defaults are the likelier reading of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The code for a code that was exchanged before: `invalid_code`, or the `code_already_used` of older reports (section 6.3).
    pub used_code_error: &'static str,
    /// Whether a reinstall by the same person of an app without rotation gives the same token again (inferred).
    pub reinstall_same_token: bool,
    /// How long a refresh token goes on working after it was used. Section 7 says "a short grace period" without a length.
    pub refresh_grace: SignedDuration,
    /// What a used refresh token gives during its grace period.
    pub grace_reuse: GraceReuse,
    /// The JSON of `token_type` in a reply to a refresh, empty to leave it out; `None`: as documented.
    pub refreshed_token_type: Option<&'static str>,
    /// Whether `team=E...` preselects the organization on the consent page (section 6.1: unconfirmed).
    pub team_preselects_organization: bool,
}

/// What a refresh token gives when it is used once more during its grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraceReuse {
    /// The pair that it gave before: a lost reply costs nothing. A new pair if that access token has been ended since.
    SamePair,
    /// One more pair, which counts against the two live access tokens.
    NewPair,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            used_code_error: "invalid_code",
            reinstall_same_token: true,
            refresh_grace: SignedDuration::from_secs(120),
            grace_reuse: GraceReuse::SamePair,
            refreshed_token_type: None,
            team_preselects_organization: false,
        }
    }
}
