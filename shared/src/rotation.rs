//! Token rotation: a token that lives twelve hours is refreshed in time, by one writer, and the new pair is stored before it is used.
//!
//! A refresh token is good once, and Slack honours it a short while longer (docs.slack.dev, using token rotation). So whoever
//! refreshes first claims that by replacing the credentials, which only one can; then asks Slack; then stores what came. Whatever is
//! lost in between is asked for again at the next tick with the same refresh token, and a pair that could not be stored is kept in
//! memory until it can.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::credentials::{App, Attempt, Credentials, Grant, Renewal};
use crate::error::{Error, ErrorKind};
use crate::ports::{CallAuth, CredentialStore, ReplaceOutcome, SecretVersion, Slack, StoredCredentials};
use crate::secret::Token;
use crate::slack::{Request, error, oauth};
use crate::source::{Source, SourceId};
use crate::time::{CLOCK_SKEW_SECONDS, Second};

/// A token is refreshed when it has less than this to live, as Slack's own libraries do.
pub const EARLY_SECONDS: i64 = 2 * 3600;
/// A claim lasts longer than a call to Slack and one to the secret store may take (20 s and 25 s), and less than the minute until the next
/// tick, which may have to retry while Slack still honours the refresh token.
pub const ATTEMPT_SECONDS: i64 = 50;
/// A refusal is tried again this often.
const REFUSED_RETRY_SECONDS: i64 = 900;
/// Somebody else's write is met at most so often in one tick.
const ROUNDS_MAX: usize = 3;

/// What rotating remembers while the process lives: pairs that Slack has given and that could not be stored yet.
#[derive(Clone, Debug, Default)]
pub struct Rotations {
    unstored: RefCell<HashMap<SourceId, Unstored>>,
}

#[derive(Clone, Debug)]
struct Unstored {
    /// The refresh token that it was given for.
    after: Token,
    grant: Grant,
}

/// What came of a look at a source's token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rotation {
    /// It was not due, or is another invocation's to rotate.
    NotDue,
    /// It was rotated.
    Done {
        /// The secret's field whose time could not be true, so that the token counted as due.
        not_believed: Option<&'static str>,
    },
}

/// A token that could not be rotated.
#[derive(Clone, Debug)]
pub struct Overdue {
    /// Why.
    pub error: Error,
    /// Whether the token has ended meanwhile, so that there is nothing to collect with.
    pub ended: bool,
}

/// What is to be done about a source's token.
enum Due<'a> {
    /// Nothing.
    No,
    /// Nothing by us: somebody else is at it.
    Claimed,
    /// Nothing for now: Slack refused with this code.
    Refused(&'a str),
    /// Refresh it.
    Yes(&'a App, &'a Renewal),
    /// It cannot be refreshed, for the app's credentials are missing.
    NoApp,
}

impl Rotations {
    /// Refreshes the token of `source` if that is due.
    ///
    /// # Errors
    /// Why a token that is due could not be refreshed; [`ErrorKind::Reauthorize`] when it never can be again.
    pub async fn rotate<S: Slack, K: CredentialStore>(
        &self,
        (slack, store): (&S, &K),
        source: &Source,
        now: Second,
    ) -> Result<Rotation, Overdue> {
        let kept = self.unstored.borrow_mut().remove(&source.id);
        if let Some(unstored) = kept {
            // Whether its token has ended does not matter: the one that could not be stored is good.
            let stored = self.store(store, source, None, unstored).await;
            return stored.map(|is_done| done(is_done, None)).map_err(|error| Overdue { error, ended: false });
        }
        // Without credentials there is nothing to rotate; whoever needs them says what is wrong with them.
        let Ok(Some(mut stored)) = store.credentials(&source.id).await else { return Ok(Rotation::NotDue) };
        for round in 0..ROUNDS_MAX {
            let Some(credentials) = &stored.credentials else { return Ok(Rotation::NotDue) };
            let ended = credentials.ends_by(now);
            let overdue = |error| Overdue { error, ended };
            match due(credentials, now) {
                Due::No => return Ok(Rotation::NotDue),
                Due::Yes(app, renewal) => {
                    let not_believed = not_believed(credentials, now);
                    let claim = credentials.with_attempt(now.plus(ATTEMPT_SECONDS), None);
                    match store.replace_credentials(&source.id, Some(&stored.version), &claim).await.map_err(overdue)? {
                        ReplaceOutcome::Replaced(version) => {
                            let claimed = StoredCredentials { version, credentials: Some(claim) };
                            let refreshed = self.refresh((slack, store), source, (app, renewal), &claimed, now).await;
                            return refreshed.map(|is_done| done(is_done, not_believed)).map_err(overdue);
                        }
                        ReplaceOutcome::Conflict => {}
                    }
                }
                // What we know may be old: somebody may have connected the source again.
                Due::Refused(_) | Due::Claimed | Due::NoApp if round == 0 => {}
                Due::Refused(code) => return Err(overdue(refused(source, code))),
                Due::Claimed if ended => return Err(overdue(claimed(source))),
                Due::Claimed => return Ok(Rotation::NotDue),
                Due::NoApp => return Err(overdue(no_app(source))),
            }
            let fresh = store.reload_credentials(&source.id).await.map_err(overdue)?;
            let Some(fresh) = fresh else { return Ok(Rotation::NotDue) };
            stored = fresh;
        }
        Ok(Rotation::NotDue)
    }

    async fn refresh<S: Slack, K: CredentialStore>(
        &self,
        (slack, store): (&S, &K),
        source: &Source,
        (app, renewal): (&App, &Renewal),
        claimed: &StoredCredentials,
        now: Second,
    ) -> Result<bool, Error> {
        let request = Request::refresh(&renewal.refresh_token);
        let response = slack.call_whole(source, &request, CallAuth::App(app)).await?;
        match oauth::refreshed(&response, &request, now) {
            Ok(grant) => {
                let unstored = Unstored { after: renewal.refresh_token.clone(), grant };
                self.store(store, source, Some(claimed.clone()), unstored).await
            }
            Err(error) if error.kind == ErrorKind::Retry => Err(error),
            Err(error) => note_refusal(store, source, &renewal.refresh_token, &error, now).await,
        }
    }

    /// Stores a pair; if that fails, keeps it for the next tick. `claimed`: the credentials as we know them, `None` to read them first.
    async fn store<K: CredentialStore>(
        &self,
        store: &K,
        source: &Source,
        claimed: Option<StoredCredentials>,
        unstored: Unstored,
    ) -> Result<bool, Error> {
        // Kept until it is known to be stored, whatever becomes of this future.
        self.unstored.borrow_mut().insert(source.id.clone(), unstored.clone());
        let mut known = claimed;
        for _ in 0..ROUNDS_MAX {
            let stored = match known.take() {
                Some(stored) => Some(stored),
                None => store.reload_credentials(&source.id).await?,
            };
            // Somebody has stored another pair or disconnected the source meanwhile: ours is of no use to anybody.
            let Some((version, credentials)) = stored.and_then(|stored| still_after(stored, &unstored.after)) else {
                break;
            };
            let renewed = credentials.with_refreshed(unstored.grant.clone());
            if let ReplaceOutcome::Replaced(_) = store.replace_credentials(&source.id, Some(&version), &renewed).await?
            {
                self.unstored.borrow_mut().remove(&source.id);
                return Ok(true);
            }
        }
        self.unstored.borrow_mut().remove(&source.id);
        Ok(false)
    }
}

/// The credentials, if their refresh token is still the one that was used.
fn still_after(stored: StoredCredentials, refresh_token: &Token) -> Option<(SecretVersion, Credentials)> {
    let credentials = stored.credentials?;
    let same = credentials.renewal().is_some_and(|renewal| renewal.refresh_token == *refresh_token);
    same.then_some((stored.version, credentials))
}

/// Slack refused for good, unless somebody has stored another pair meanwhile. It is written down, so that no tick asks in vain each minute.
async fn note_refusal<K: CredentialStore>(
    store: &K,
    source: &Source,
    refresh_token: &Token,
    error: &Error,
    now: Second,
) -> Result<bool, Error> {
    let stored = store.reload_credentials(&source.id).await?;
    let Some((version, credentials)) = stored.and_then(|stored| still_after(stored, refresh_token)) else {
        return Ok(false);
    };
    let noted = credentials.with_attempt(now.plus(REFUSED_RETRY_SECONDS), Some(error.code.clone()));
    store.replace_credentials(&source.id, Some(&version), &noted).await?;
    Err(refused(source, &error.code))
}

/// A token whose end is not believed is due: otherwise it might never be.
fn due(credentials: &Credentials, now: Second) -> Due<'_> {
    let is_due = |renewal: &&Renewal| renewal.believed_end(now).is_none_or(|end| end.since(now) < EARLY_SECONDS);
    let Some(renewal) = credentials.renewal().filter(is_due) else { return Due::No };
    let attempt = credentials.rotation.as_ref().filter(|attempt| is_believed(attempt, now) && attempt.until > now);
    match (attempt, &credentials.app) {
        (Some(Attempt { refused: Some(code), .. }), _) => Due::Refused(code),
        (Some(Attempt { refused: None, .. }), _) => Due::Claimed,
        (_, Some(app)) => Due::Yes(app, renewal),
        (_, None) => Due::NoApp,
    }
}

/// Whether somebody may have written the attempt by `now`. Otherwise it would keep everybody from rotating for as long as it says.
fn is_believed(attempt: &Attempt, now: Second) -> bool {
    let lasts = if attempt.refused.is_some() { REFUSED_RETRY_SECONDS } else { ATTEMPT_SECONDS };
    attempt.until.since(now) <= lasts + CLOCK_SKEW_SECONDS
}

/// The field whose time cannot be true.
fn not_believed(credentials: &Credentials, now: Second) -> Option<&'static str> {
    let is_doubtful = credentials.rotation.as_ref().is_some_and(|attempt| !is_believed(attempt, now));
    match credentials.renewal()?.believed_end(now) {
        None => Some("expires_at"),
        Some(_) => is_doubtful.then_some("rotation"),
    }
}

fn done(is_done: bool, not_believed: Option<&'static str>) -> Rotation {
    if is_done { Rotation::Done { not_believed } } else { Rotation::NotDue }
}

fn refused(source: &Source, code: &str) -> Error {
    let mut error = error::to_error("oauth.v2.access", code, None);
    error.message = format!("refreshing the token of source `{}`: {}", source.id, error.message);
    error
}

fn claimed(source: &Source) -> Error {
    Error::slack(
        ErrorKind::Retry,
        "token_expired",
        format!("the token of source `{}` has ended, and another invocation is refreshing it", source.id),
        "nothing to do: the next tick has the new one",
    )
}

fn no_app(source: &Source) -> Error {
    Error::slack(
        ErrorKind::Reauthorize,
        "no_client_secret",
        format!(
            "the token of source `{}` must be refreshed, and its secret holds no client id and client secret",
            source.id
        ),
        format!("connect the source again (`slacktrail connect {}`)", source.id),
    )
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::ports::Body;
    use crate::slack::Response;
    use crate::source::Plan;

    const NOW: Second = Second::MARCH_2018;

    /// A secret whose first look gives what was stored before. Nothing is to be written, and Slack is not to be asked.
    struct ReplacedSecret {
        before: Credentials,
        after: Credentials,
    }

    fn stored(credentials: &Credentials) -> Result<Option<StoredCredentials>, Error> {
        Ok(Some(StoredCredentials { version: SecretVersion("1".to_owned()), credentials: Some(credentials.clone()) }))
    }

    impl CredentialStore for ReplacedSecret {
        async fn credentials(&self, _: &SourceId) -> Result<Option<StoredCredentials>, Error> {
            stored(&self.before)
        }

        async fn reload_credentials(&self, _: &SourceId) -> Result<Option<StoredCredentials>, Error> {
            stored(&self.after)
        }

        async fn replace_credentials(
            &self,
            _: &SourceId,
            _: Option<&SecretVersion>,
            _: &Credentials,
        ) -> Result<ReplaceOutcome<SecretVersion>, Error> {
            unreachable!()
        }

        async fn delete_credentials(&self, _: &SourceId) -> Result<(), Error> {
            unreachable!()
        }
    }

    impl Slack for ReplacedSecret {
        async fn call(&self, _: &Source, _: &Request, _: CallAuth<'_>) -> Result<Response<Body>, Error> {
            unreachable!()
        }
    }

    #[test]
    fn token_that_cannot_be_refreshed_is_judged_by_current_secret() {
        let now = NOW.plus(1_000);
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, now);
        let read = |expires_in: i64, app: &str, rotation: &str| {
            let (expires_at, until) = (now.plus(expires_in).get(), now.plus(ATTEMPT_SECONDS).get());
            let rotation = rotation.replace("UNTIL", &until.to_string());
            let grant = format!(r#""token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{expires_at}"#);
            Credentials::decode(&format!("{{{grant}{app}{rotation}}}")).unwrap()
        };
        let app = r#","client_id":"1.2","client_secret":"hush""#;
        let (claim, refusal) =
            (r#","rotation":{"until":UNTIL}"#, r#","rotation":{"until":UNTIL,"refused":"invalid_refresh_token"}"#);
        let rotate = |before: Credentials, after: Credentials| {
            let store = ReplacedSecret { before, after };
            let rotated = Rotations::default().rotate((&store, &store), &source, now).now_or_never().unwrap();
            rotated.map_err(|overdue| (overdue.error.code, overdue.ended))
        };
        for (expires_in, app, rotation, expected) in [
            (60, app, claim, None),
            (-60, app, claim, Some(("token_expired", true))),
            (60, app, refusal, Some(("invalid_refresh_token", false))),
            (60, "", "", Some(("no_client_secret", false))),
        ] {
            let credentials = read(expires_in, app, rotation);
            let expected = expected.map_or(Ok(Rotation::NotDue), |(code, ended)| Err((code.to_owned(), ended)));
            assert_eq!(rotate(credentials.clone(), credentials.clone()), expected, "{expires_in} {rotation}");
            let connected_again = read(43_200, app, "");
            assert_eq!(rotate(credentials, connected_again), Ok(Rotation::NotDue), "{expires_in} {rotation}");
        }
    }

    fn word(expires_in: i64, rotation: &str) -> (&'static str, Option<&'static str>) {
        let expires_at = NOW.get() + expires_in;
        let secret = format!(
            r#"{{"client_id":"1.2","client_secret":"hush","token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{expires_at}{rotation}}}"#
        );
        let credentials = Credentials::decode(&secret).unwrap();
        let word = match due(&credentials, NOW) {
            Due::No => "no",
            Due::Claimed => "claimed",
            Due::Refused(_) => "refused",
            Due::Yes(..) => "yes",
            Due::NoApp => "no app",
        };
        (word, not_believed(&credentials, NOW))
    }

    #[test]
    fn refresh_lease_blocks_others_only_for_its_longest_duration() {
        let claim = |seconds: i64| word(60, &format!(r#","rotation":{{"until":{}}}"#, NOW.get() + seconds));
        let refusal =
            |seconds: i64| word(60, &format!(r#","rotation":{{"until":{},"refused":"x"}}"#, NOW.get() + seconds));
        assert_eq!(claim(0), ("yes", None));
        assert_eq!(claim(ATTEMPT_SECONDS + CLOCK_SKEW_SECONDS), ("claimed", None));
        assert_eq!(claim(ATTEMPT_SECONDS + CLOCK_SKEW_SECONDS + 1), ("yes", Some("rotation")));
        assert_eq!(refusal(REFUSED_RETRY_SECONDS + CLOCK_SKEW_SECONDS), ("refused", None));
        assert_eq!(refusal(REFUSED_RETRY_SECONDS + CLOCK_SKEW_SECONDS + 1), ("yes", Some("rotation")));
        for unreadable in [r#"{"until":"soon"}"#, r#"{"until":1e300}"#, "[]", "5"] {
            assert_eq!(word(60, &format!(r#","rotation":{unreadable}"#)), ("yes", None), "{unreadable}");
        }
    }

    #[test]
    fn token_with_implausible_expiry_is_due() {
        assert_eq!(word(43_200 + CLOCK_SKEW_SECONDS, ""), ("no", None));
        assert_eq!(word(43_200 + CLOCK_SKEW_SECONDS + 1, ""), ("yes", Some("expires_at")));
        assert_eq!(word(-NOW.get(), ""), ("yes", Some("expires_at")));
    }

    #[test]
    fn token_is_due_two_hours_before_expiry_for_one_writer() {
        let now = Second::MARCH_2018.plus(1_000);
        let due = |ends: i64, rest: &str| {
            let ends = now.plus(ends).get();
            let text = format!(r#"{{"token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{ends}{rest}}}"#);
            match due(&Credentials::decode(&text).unwrap(), now) {
                Due::No => "no".to_owned(),
                Due::Yes(..) => "yes".to_owned(),
                Due::Refused(code) => code.to_owned(),
                Due::Claimed => "claimed".to_owned(),
                Due::NoApp => "no app".to_owned(),
            }
        };
        let app = r#","client_id":"1.2","client_secret":"0123456789abcdef""#;
        let attempt =
            |until: i64, refused: &str| format!(r#"{app},"rotation":{{"until":{}{refused}}}"#, now.plus(until).get());
        let refused = r#","refused":"invalid_refresh_token""#;
        for (ends, rest, expected) in [
            (EARLY_SECONDS, app.to_owned(), "no"),
            (EARLY_SECONDS - 1, app.to_owned(), "yes"),
            (-1, app.to_owned(), "yes"),
            (0, String::new(), "no app"),
            (0, attempt(1, ""), "claimed"),
            (0, attempt(0, ""), "yes"),
            (0, attempt(1, refused), "invalid_refresh_token"),
            (0, attempt(0, refused), "yes"),
        ] {
            assert_eq!(due(ends, &rest), expected, "{ends} {rest}");
        }
        let ended = |ends: i64| {
            let text =
                format!(r#"{{"token":"xoxe.xoxp-1","refresh_token":"xoxe-1","expires_at":{}}}"#, now.plus(ends).get());
            Credentials::decode(&text).unwrap().ends_by(now)
        };
        assert_eq!([-1, 0, 1].map(ended), [true, true, false]);
    }
}
