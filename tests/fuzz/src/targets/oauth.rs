//! Responses of `oauth.v2.access`.

use slacktrail_ports::credentials::Grant;
use slacktrail_ports::secret::Token;
use slacktrail_tokens::oauth::{exchange_request, granted_tokens, installation, refresh_request, refreshed};

use super::{now, response};
use crate::error_text::{assert_hides, assert_safe_error};

/// The range in seconds that the lifetime of a token is limited to.
const TOKEN_TTL_SECONDS: std::ops::RangeInclusive<i64> = 60..=43_200;

/// Checks that debug output and errors reveal no granted token.
pub(super) fn response(bytes: &[u8]) {
    let response = response::read(bytes);
    match installation(&response, &exchange_request("c0de", "https://x/"), now()) {
        Ok(installed) => {
            installed.grant.iter().for_each(assert_grant);
            let scopes = installed.scopes.iter().flatten();
            assert!(scopes.clone().chain([&installed.user]).all(|text| text.len() <= 80 && is_plain(text)));
            assert!(scopes.clone().all(|scope| !scope.is_empty()) && scopes.count() <= 500);
            let shown = installed.tenant.as_ref().map(ToString::to_string).unwrap_or_default();
            assert!(shown.len() <= 400 && !shown.chars().any(char::is_control), "{shown:?}");
        }
        Err(error) => assert_safe_error(&error),
    }
    let granted = granted_tokens(&response.body);
    assert!(granted.access.len() <= 4 && (granted.may_be_more || !granted.access.is_empty()));
    granted.access.iter().for_each(|token| assert_hides(token, token.reveal()));
    let refresh_token = Token::new("xoxe-1-before").expect("a valid token");
    match refreshed(&response, &refresh_request(&refresh_token), now()) {
        Ok(grant) => {
            assert!(grant.token_refresh.is_some(), "the grant has no refresh token");
            assert_grant(&grant);
        }
        Err(error) => assert_safe_error(&error),
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_graphic())
}

fn assert_grant(grant: &Grant) {
    assert!(is_plain(grant.token.reveal()), "the token is invalid in a header");
    assert_hides(&grant, grant.token.reveal());
    if let Some(token_refresh) = &grant.token_refresh {
        assert_hides(grant, token_refresh.refresh_token.reveal());
        assert!(TOKEN_TTL_SECONDS.contains(&token_refresh.expires_at.since(now())), "token lifetime out of range");
    }
}
