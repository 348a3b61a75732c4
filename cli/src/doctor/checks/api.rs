//! `api`: the API reaches the OAuth function, which reads its table and answers with the page for an unknown link.

use slacktrail_adapters::random;
use slacktrail_core::authorization::{AuthorizationId, ConnectError, OneTimeToken};

use super::functions::SET_ARCHITECTURE;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Verdict, ensure};
use crate::doctor::web;

pub(super) async fn check(facts: &Facts) -> Verdict {
    let base = facts.deployed()?.url.trim_end_matches('/');
    let link = OneTimeToken::new(AuthorizationId::of(random::bytes()?), random::bytes()?); // no link that was ever made
    let address = format!("{base}/oauth/start");
    let answer = web::get(
        &facts.http,
        &format!("{address}?grant={}", link.reveal()),
        "check the network and the URL; see \"OAuth errors\" in docs/operations.md for the function",
    )
    .await?;
    let connect_error = ConnectError::unknown().message;
    let phrase = &connect_error[1..]; // the page begins the sentence with a capital letter
    let logs = "see `sam logs --stack-name $SLACKTRAIL_STACK --name OAuth` for why the function failed";
    let hint = if answer.status >= 500 {
        format!("{logs}; if that names `Runtime.InvalidEntrypoint`, the architecture is wrong: {SET_ARCHITECTURE}")
    } else {
        format!("{logs}, or deploy the stack again")
    };
    ensure(
        answer.status == 404 && answer.body.contains(phrase),
        format!("`{address}` answers an unknown link with HTTP status {} and another page", answer.status),
        hint,
    )?;
    Ok(format!("`{address}` answers an unknown link with its page"))
}
