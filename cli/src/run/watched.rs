//! Wraps the collector's ports, so that progress is visible during a tick and not only after it.

use std::cell::Cell;
use std::rc::Rc;

use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::slack::{Request, Response};
use slacktrail_core::source::{Source, SourceId, StreamId};
use slacktrail_ports::{Body, CallAuth, Deployment, DeploymentStore, ReplaceOutcome, Slack, StoredSource, Version};

use super::progress::Progress;
use crate::terminal;

/// The error code for a directory that another process has locked. The adapter waits two seconds before it returns this error.
pub(super) const LOCKED: &str = "directory_locked";
/// How often the run tries to get the lock: half a minute in total.
const LOCK_TRIES: u32 = 15;

/// A Slack port that counts pages.
#[derive(Debug)]
pub(crate) struct WatchedSlack<S> {
    pub(super) slack: S,
    pub(super) progress: Rc<Progress>,
}

impl<S: Slack> Slack for WatchedSlack<S> {
    async fn call(&self, source: &Source, request: &Request, auth: CallAuth<'_>) -> Result<Response<Body>, Error> {
        let response = self.slack.call(source, request, auth).await?;
        if let Some(log) = request.log() {
            self.progress.add_page(&StreamId { source: source.id.clone(), log });
        }
        Ok(response)
    }
}

/// A deployment that contains only some logs of one source, and shows the progress of its cursors.
///
/// A directory can contain other sources, which the token does not belong to.
#[derive(Debug)]
pub(crate) struct WatchedDeployment<T> {
    deployment: T,
    progress: Rc<Progress>,
    /// The streams, which belong to one source.
    streams: Vec<StreamId>,
    /// The remaining tries to get the lock.
    lock_tries: Cell<u32>,
}

impl<T> WatchedDeployment<T> {
    pub(crate) fn new(deployment: T, progress: Rc<Progress>, streams: Vec<StreamId>) -> WatchedDeployment<T> {
        WatchedDeployment { deployment, progress, streams, lock_tries: Cell::new(LOCK_TRIES) }
    }

    /// Uses up one try to get the lock, and prints the first time that the run waits. The adapter has already waited.
    async fn wait_for_lock(&self, error: &Error) {
        if self.lock_tries.replace(self.lock_tries.get() - 1) == LOCK_TRIES {
            self.progress.suspend(|| terminal::note(&format!("{error}; waiting up to half a minute for the lock")));
        }
        tokio::task::yield_now().await; // so that Ctrl-C is handled
    }
}

impl<T: DeploymentStore> DeploymentStore for WatchedDeployment<T> {
    async fn load(&self) -> Result<Deployment, Error> {
        let mut deployment = self.deployment.load().await?;
        deployment.sources.retain(|id, _| self.streams.iter().any(|stream| stream.source == *id));
        for source in deployment.sources.values_mut().flatten() {
            source.logs.retain(|log| self.streams.iter().any(|stream| stream.log == *log));
        }
        Ok(deployment)
    }

    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<ReplaceOutcome, Error> {
        loop {
            match self.deployment.replace_cursor(stream, expected, cursor).await {
                Err(error) if error.code == LOCKED && self.lock_tries.get() > 1 => self.wait_for_lock(&error).await,
                replaced => {
                    if replaced.is_ok() {
                        self.lock_tries.set(LOCK_TRIES);
                        self.progress.update_cursor(stream, cursor);
                    }
                    return replaced;
                }
            }
        }
    }

    async fn load_source(&self, id: &SourceId) -> Result<Option<StoredSource>, Error> {
        self.deployment.load_source(id).await
    }

    async fn replace_source(&self, expected: Option<Version>, source: &Source) -> Result<ReplaceOutcome, Error> {
        self.deployment.replace_source(expected, source).await
    }
}

#[cfg(test)]
mod tests {
    use slacktrail_core::source::{LogType, Plan};
    use slacktrail_core::time::Second;

    use super::*;

    /// A directory that another process keeps locked for this many more tries.
    struct Locked(Cell<u32>);

    impl DeploymentStore for Locked {
        async fn load(&self) -> Result<Deployment, Error> {
            Ok(Deployment::default())
        }

        async fn replace_cursor(&self, _: &StreamId, _: Option<Version>, _: &Cursor) -> Result<ReplaceOutcome, Error> {
            match self.0.get() {
                0 => Ok(ReplaceOutcome::Replaced(Version(1))),
                tries => {
                    self.0.set(tries - 1);
                    Err(Error::deployment(LOCKED, "locked"))
                }
            }
        }

        async fn load_source(&self, _: &SourceId) -> Result<Option<StoredSource>, Error> {
            Ok(None)
        }

        async fn replace_source(&self, _: Option<Version>, _: &Source) -> Result<ReplaceOutcome, Error> {
            Ok(ReplaceOutcome::Conflict)
        }
    }

    #[tokio::test]
    async fn foreign_lock_is_awaited_for_limited_tries() {
        let source = Source::new("acme".parse().unwrap(), "Acme", Plan::Pro, Second::EPOCH);
        let stream = StreamId { source: source.id.clone(), log: LogType::Access };
        let cursor = Cursor::first(&source, stream.log, Second::EPOCH);
        for (held, expected) in [(0, true), (LOCK_TRIES - 1, true), (LOCK_TRIES, false), (1_000, false)] {
            let progress = Rc::new(Progress::new(&[]));
            let locked = Locked(Cell::new(held));
            let watched = WatchedDeployment::new(locked, progress, vec![stream.clone()]);
            let replaced = watched.replace_cursor(&stream, None, &cursor).await;
            assert_eq!(replaced.is_ok(), expected, "held for {held} tries: {replaced:?}");
            let tries = watched.deployment.0.get();
            assert_eq!(held - tries, held.min(LOCK_TRIES), "given up after {LOCK_TRIES} tries");
        }
    }
}
