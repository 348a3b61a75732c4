//! Authorization through a link with a compiled oauth function that calls the hostile Slack.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use slacktrail_adapters::aws::connect_table_and_secrets;
use slacktrail_connect::{Authorization, AuthorizationStore as _};
use slacktrail_core::credentials::App;
use slacktrail_core::secret::ClientSecret;
use slacktrail_core::settings::SECRET_PREFIX;
use slacktrail_core::time::Second;
use slacktrail_simulator::oauth::Consent;

use super::Siege;
use crate::deployment::{TABLE, organization_source};
use crate::function::{Function, oauth_binary};
use crate::http_api::event;
use crate::lambda_runtime_api::{Answer, Emulator};

/// The timeout of the oauth function in the template.
const DEADLINE: Duration = Duration::from_secs(29);

impl Siege {
    /// Starts an oauth function for `lambda`.
    ///
    /// # Panics
    /// Panics if the binary does not exist.
    pub fn oauth(&self, lambda: &Emulator) -> Function {
        let mut environment = self.deployment.oauth_environment();
        environment.retain(|(name, _)| !name.starts_with("SLACK_A") || name == "SLACK_AUTHORIZE_URL");
        environment.extend(self.slack.environment().map(|(name, value)| (name.to_owned(), value)));
        lambda.spawn(&oauth_binary().unwrap_or_else(|error| panic!("{error}")), environment)
    }

    /// Creates a link for a new source, opens it, grants access at the simulated Slack, and returns the response of the callback.
    ///
    /// # Panics
    /// Panics if the function does not redirect to Slack or Slack does not redirect back.
    pub async fn go_to_slack_and_back(&self, lambda: &Emulator, number: u8) -> Answer {
        let grant = self.grant(number).await;
        let opened = answered(lambda, event("GET", "/oauth/start", &grant, &[], &[])).await;
        let cookie = opened["cookies"][0].as_str().and_then(|cookie| cookie.split(';').next()).unwrap_or_default();
        let started = answered(lambda, event("POST", "/oauth/start", &grant, &[], &[cookie])).await;
        let location = location(&started).unwrap_or_else(|| panic!("the response has no `Location` header: {started}"));
        let redirect = self.deployment.slack().consent(Timestamp::now(), location, &Consent::organization());
        let redirect = redirect.expect("Slack accepts the consent");
        let query = redirect.split_once('?').expect("the redirect URL has a query").1;
        lambda.invoke(event("GET", "/oauth/callback", query, &[], &[cookie]), DEADLINE).await
    }

    /// Creates an authorization like `slacktrail connect`, and returns the query of its link.
    async fn grant(&self, number: u8) -> String {
        let app = self.deployment.slack().settings().apps[0].clone();
        let secret = ClientSecret::new(&app.client_secret).expect("a valid client secret");
        let app = App { client_id: app.client_id, client_secret: secret };
        let source = organization_source(&format!("granted{number}"));
        let (table, secrets) = connect_table_and_secrets(&self.deployment.aws.sdk_config(), TABLE, SECRET_PREFIX);
        let update =
            slacktrail_ports::credentials::update(&secrets, &source.id, |known| Some(known.with_app(app.clone())))
                .await;
        update.expect("the secret is written");
        let now = Second::of(Timestamp::now());
        let (authorization, link_token) =
            Authorization::new([number; 16], [number ^ 0x55; 32], source, &app.client_id, now);
        table.replace_authorization(None, &authorization).await.expect("the authorization is written");
        format!("grant={}", link_token.reveal())
    }
}

async fn answered(lambda: &Emulator, event: Value) -> Value {
    match lambda.invoke(event, DEADLINE).await {
        Answer::Response(answer) => answer,
        other => panic!("the oauth function did not respond: {other:?}"),
    }
}

fn location(answer: &Value) -> Option<&str> {
    let mut headers = answer["headers"].as_object().into_iter().flatten();
    headers.find(|(name, _)| name.eq_ignore_ascii_case("location")).and_then(|(_, value)| value.as_str())
}
