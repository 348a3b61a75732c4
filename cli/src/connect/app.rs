//! Gets the credentials of the source's Slack app from flags, the environment, the stored secret or a prompt. Slack checks them before
//! anything is stored.

use slacktrail_core::error::Error;
use slacktrail_core::source::Source;
use slacktrail_core::time::Second;
use slacktrail_ports::credentials::update;
use slacktrail_ports::credentials::{App, Credentials};
use slacktrail_ports::secret::ClientSecret;
use slacktrail_ports::{CallAuth, CredentialStore, Slack};
use slacktrail_tokens::oauth::exchange_request;

use super::Arguments;
use crate::cli_error::CliError;
use crate::environment;
use crate::prompt;

/// What to do about text that is not a client ID.
const COPY_CLIENT_ID: &str = "copy the two numbers with a dot between them from the app's `Basic Information` page";

/// The app credentials in flags and the environment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Given {
    client_id: Option<String>,
    client_secret: Option<ClientSecret>,
}

/// The app credentials that are known without a prompt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Known {
    /// `is_stored`: from the source's secret, otherwise from flags and the environment.
    Complete {
        app: App,
        is_stored: bool,
    },
    Partial(Given),
}

impl Given {
    /// Reads flags, standard input and the environment.
    ///
    /// # Errors
    /// Returns an error if a value cannot be a client ID or a client secret. The error does not repeat the value.
    pub(super) fn read(args: &Arguments) -> Result<Given, CliError> {
        let client_id = args.client_id.clone().map(|text| (text, "--client-id"));
        let of_environment = || environment::variable("SLACK_CLIENT_ID").map(|text| (text, "SLACK_CLIENT_ID"));
        let client_id = client_id.or_else(of_environment).map(|(text, origin)| {
            let wrong = || CliError::invalid_argument(format!("`{origin}` is not a client ID")).hint(COPY_CLIENT_ID);
            parse_client_id(&text).ok_or_else(wrong)
        });
        let client_secret = match args.client_secret_stdin {
            true => Some((prompt::from_stdin("--client-secret-stdin", "client secret")?, "standard input")),
            false => environment::variable("SLACK_CLIENT_SECRET").map(|text| (text, "`SLACK_CLIENT_SECRET`")),
        };
        let client_secret = client_secret.map(|(text, origin)| {
            ClientSecret::new(&text).map_err(|error| {
                CliError::new(format!("{origin} is not a Slack client secret"))
                    .with_source(error)
                    .hint("copy it again from the app's `Basic Information` page")
            })
        });
        Ok(Given { client_id: client_id.transpose()?, client_secret: client_secret.transpose()? })
    }

    /// Completes these credentials from the source's secret, unless the user wants another app.
    pub(super) fn with_stored(self, stored: Option<&Credentials>, new_app: bool) -> Known {
        let stored = stored.filter(|_| !new_app);
        let stored = match (&self.client_id, &self.client_secret) {
            (_, Some(_)) => None,
            (Some(client_id), None) => stored.and_then(|stored| stored.app_of(client_id)),
            (None, None) => stored.and_then(|stored| stored.pending_app.as_ref().or(stored.app.as_ref())),
        };
        match (stored, self) {
            (Some(app), _) => Known::Complete { app: app.clone(), is_stored: true },
            (None, Given { client_id: Some(client_id), client_secret: Some(client_secret) }) => {
                Known::Complete { app: App { client_id, client_secret }, is_stored: false }
            }
            (None, given) => Known::Partial(given),
        }
    }

    pub(super) fn missing(&self) -> Vec<&'static str> {
        let client_id = self.client_id.is_none().then_some("`--client-id`");
        let client_secret = self.client_secret.is_none().then_some("`--client-secret-stdin`");
        client_id.into_iter().chain(client_secret).collect()
    }

    pub(super) fn ask(self) -> Result<App, CliError> {
        let client_id = match self.client_id {
            Some(client_id) => client_id,
            None => prompt::text("Client ID:", |text| {
                parse_client_id(text).ok_or_else(|| format!("this is not a client ID: {COPY_CLIENT_ID}"))
            })?,
        };
        let client_secret = match self.client_secret {
            Some(client_secret) => client_secret,
            None => {
                prompt::secret("Client Secret:", |text| ClientSecret::new(text).map_err(|error| error.to_string()))?
            }
        };
        Ok(App { client_id, client_secret })
    }
}

/// Parses a client ID. Client IDs are shown and stored in plain text, so this function rejects everything else, such as a client secret.
fn parse_client_id(text: &str) -> Option<String> {
    let text = text.trim();
    let (team, app) = text.split_once('.').filter(|_| text.len() <= 64)?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    (is_number(team) && is_number(app)).then(|| text.to_owned())
}

/// Checks an app's credentials with an invalid OAuth code, because Slack checks the credentials before the code.
///
/// # Errors
/// Returns an error only if Slack says that the credentials are wrong. If Slack does not respond, the installation shows whether they are right.
pub(super) async fn check<S: Slack>(
    slack: &S,
    source: &Source,
    app: &App,
    redirect_url: &str,
    now: Second,
) -> Result<(), CliError> {
    let request = exchange_request("slacktrail-checks-the-app", redirect_url);
    let response: Result<serde_json::Value, Error> = match slack.call_whole(source, &request, CallAuth::App(app)).await
    {
        Ok(response) => response.json(&request, now),
        Err(error) => Err(error),
    };
    let problem = match response.as_ref().err().map(|error| error.code.as_str()) {
        Some("invalid_client_id") => "Slack has no app with client ID",
        Some("bad_client_secret") => "Slack rejected the client secret of the app with client ID",
        _ => return Ok(()),
    };
    Err(CliError::new(format!("{problem} `{}`", app.client_id)).hint(format!(
        "copy both from the app's `Basic Information` page; to enter them again, run `slacktrail connect {} --new-app`",
        source.id
    )))
}

/// Stores an app's credentials in the source's secret. Keeps the grant of another app, which the poller still uses.
pub(super) async fn store<K: CredentialStore>(store: &K, source: &Source, app: &App) -> Result<(), Error> {
    let stored = update(store, &source.id, |credentials| {
        let with_app = credentials.with_app(app.clone());
        (with_app != credentials).then_some(with_app)
    });
    stored.await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use slacktrail_ports::credentials::Grant;
    use slacktrail_ports::secret::Token;

    use super::super::tests::args;
    use super::*;

    fn app(id: &str, secret: &str) -> App {
        App { client_id: id.to_owned(), client_secret: ClientSecret::new(secret).unwrap() }
    }

    fn given(id: Option<&str>, secret: Option<&str>) -> Given {
        let client_secret = secret.map(|text| ClientSecret::new(text).unwrap());
        Given { client_id: id.map(str::to_owned), client_secret }
    }

    #[test]
    fn given_app_overrides_stored_app_and_pending_overrides_active() {
        let (used, pending) = (app("1.1", "used"), app("2.2", "pending"));
        let grant = Grant { token: Token::new("xoxp-1").unwrap(), token_refresh: None, tenant: None };
        let stored = Credentials::default().with_app(used.clone()).with_grant(grant);
        let both = stored.with_app(pending.clone());
        let complete = |app, is_stored| Known::Complete { app, is_stored };
        for (given, credentials, new_app, expected) in [
            (given(Some("3.3"), Some("x")), Some(&stored), false, complete(app("3.3", "x"), false)),
            (given(Some("1.1"), Some("x")), Some(&stored), false, complete(app("1.1", "x"), false)),
            (given(None, None), Some(&stored), false, complete(used.clone(), true)),
            (given(None, None), Some(&both), false, complete(pending.clone(), true)),
            (given(Some("1.1"), None), Some(&both), false, complete(used.clone(), true)),
            (given(Some("3.3"), None), Some(&both), false, Known::Partial(given(Some("3.3"), None))),
            (given(None, Some("x")), Some(&both), false, Known::Partial(given(None, Some("x")))),
            (given(None, None), Some(&both), true, Known::Partial(given(None, None))),
            (given(None, None), None, false, Known::Partial(given(None, None))),
        ] {
            assert_eq!(given.clone().with_stored(credentials, new_app), expected, "{given:?}");
        }
    }

    #[test]
    fn missing_credentials_are_named_by_their_flags() {
        assert_eq!(given(None, None).missing(), ["`--client-id`", "`--client-secret-stdin`"]);
        assert_eq!(given(Some("1.1"), None).missing(), ["`--client-secret-stdin`"]);
        assert_eq!(given(None, Some("x")).missing(), ["`--client-id`"]);
    }

    #[test]
    fn client_id_is_two_numbers_and_other_input_is_not_echoed() {
        assert_eq!(parse_client_id(" 1000000000.1000000001\n").as_deref(), Some("1000000000.1000000001"));
        for wrong in ["", "1", "1.", ".1", "1.2.3", "0123456789abcdef0123456789abcdef", "A0123", "1.2:3"] {
            let args = Arguments { client_id: Some(wrong.to_owned()), ..args("acme") };
            let error = Given::read(&args).unwrap_err();
            assert_eq!(error.to_string(), "`--client-id` is not a client ID");
            assert_eq!((error.next_action(), error.exit_code), (Some(COPY_CLIENT_ID), Some(2)));
        }
    }
}
