//! Stored secrets.

use slacktrail_ports::credentials::Credentials;

use super::text;
use crate::error_text::assert_hides;

/// Checks that credentials are unchanged after they are encoded and decoded, including unknown fields, and that debug output hides secrets.
pub(super) fn secret(bytes: &[u8]) {
    let text = text(bytes);
    let Some(credentials) = Credentials::decode(&text) else { return };
    let encoded = credentials.encode();
    let again = Credentials::decode(&encoded).expect("encoded credentials can be decoded");
    assert_eq!(again.encode(), encoded);
    assert_eq!((&again.app, &again.pending_app), (&credentials.app, &credentials.pending_app));
    assert_eq!((&again.grant, &again.refresh_lease), (&credentials.grant, &credentials.refresh_lease));
    for app in [&credentials.app, &credentials.pending_app].into_iter().flatten() {
        assert_hides(&app.client_secret, app.client_secret.reveal());
    }
    if let Some(grant) = &credentials.grant {
        assert_hides(&grant, grant.token.reveal());
        assert!(grant.token.reveal().bytes().all(|c| c.is_ascii_graphic()), "the token is invalid in a header");
    }
    if let Some(token_refresh) = credentials.token_refresh() {
        assert_hides(&token_refresh, token_refresh.refresh_token.reveal());
    }
}
