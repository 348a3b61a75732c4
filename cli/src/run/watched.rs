//! The collector's ports with somebody looking on, so that progress shows within a tick and not only after it.

use std::rc::Rc;

use slacktrail_shared::cursor::Cursor;
use slacktrail_shared::ports::{Body, Caller, Deployment, DeploymentStore, Replaced, Slack, Version};
use slacktrail_shared::slack::{Reply, Request};
use slacktrail_shared::source::{LogType, Source, SourceId, StreamId};
use slacktrail_shared::trouble::Trouble;

use super::progress::Progress;

/// Slack, whose pages are counted.
#[derive(Debug)]
pub(crate) struct WatchedSlack<S> {
    slack: S,
    progress: Rc<Progress>,
}

impl<S> WatchedSlack<S> {
    pub(crate) fn new(slack: S, progress: Rc<Progress>) -> WatchedSlack<S> {
        WatchedSlack { slack, progress }
    }
}

impl<S: Slack> Slack for WatchedSlack<S> {
    async fn call(&self, source: &Source, request: &Request, caller: Caller<'_>) -> Result<Reply<Body>, Trouble> {
        let reply = self.slack.call(source, request, caller).await?;
        if let Some(log) = request.log() {
            self.progress.take_page(&StreamId { source: source.id.clone(), log });
        }
        Ok(reply)
    }
}

/// A deployment of which only some logs of one source are seen, and whose cursors are looked at when they move.
///
/// A directory may hold other sources, which the token at hand does not belong to.
#[derive(Debug)]
pub(crate) struct WatchedDeployment<T> {
    deployment: T,
    progress: Rc<Progress>,
    source: SourceId,
    logs: Vec<LogType>,
}

impl<T> WatchedDeployment<T> {
    pub(crate) fn new(
        deployment: T,
        progress: Rc<Progress>,
        source: SourceId,
        logs: Vec<LogType>,
    ) -> WatchedDeployment<T> {
        WatchedDeployment { deployment, progress, source, logs }
    }
}

impl<T: DeploymentStore> DeploymentStore for WatchedDeployment<T> {
    async fn load(&self) -> Result<Deployment, Trouble> {
        let mut deployment = self.deployment.load().await?;
        deployment.sources.retain(|id, _| *id == self.source);
        for source in deployment.sources.values_mut().flatten() {
            source.logs.retain(|log| self.logs.contains(log));
        }
        Ok(deployment)
    }

    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<Replaced, Trouble> {
        let replaced = self.deployment.replace_cursor(stream, expected, cursor).await?;
        self.progress.take_cursor(stream, cursor);
        Ok(replaced)
    }

    async fn save_source(&self, source: &Source) -> Result<(), Trouble> {
        self.deployment.save_source(source).await
    }
}
