//! `api`: the API invokes the OAuth function, which reads the table and returns the page for an unknown link.

use slacktrail_adapters::random;
use slacktrail_connect::{AuthorizationId, ConnectErrorKind, OneTimeToken};

use super::functions::SET_ARCHITECTURE;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Verdict, ensure};
use crate::doctor::web;

pub(super) async fn check(facts: &Facts) -> Verdict {
    let base = facts.deployed.get()?.url.trim_end_matches('/');
    let link = OneTimeToken::new(AuthorizationId::of(random::bytes()?), random::bytes()?); // a random link, which does not exist
    let address = format!("{base}/oauth/start");
    let response = web::get(
        &facts.http,
        &format!("{address}?grant={}", link.reveal()),
        "check the network and the URL; for errors of the function, see \"OAuth errors\" in docs/operations.md",
    )
    .await?;
    let logs = "run `sam logs --stack-name $SLACKTRAIL_STACK --name OAuth` to find the function's error";
    let hint = if response.status >= 500 {
        format!("{logs}; if it is `Runtime.InvalidEntrypoint`, the architecture is wrong: {SET_ARCHITECTURE}")
    } else {
        format!("{logs}, or deploy the stack again")
    };
    ensure(
        response.status == 404 && response.body.contains(ConnectErrorKind::Unknown.title()),
        format!("`{address}` returned HTTP status {} and an unexpected page for an unknown link", response.status),
        hint,
    )?;
    Ok(format!("`{address}` rejects an unknown link with the expected page"))
}
