//! One tick of all streams.
//!
//! A tick loads the sources and cursors, refreshes tokens that expire soon, collects the streams that are due, and returns a [`Summary`]. It
//! collects a limited number of streams concurrently, and each as soon as its token is refreshed. An error of one stream does not affect the
//! others.

mod eligibility;
mod refreshes;
mod resources;
mod stream_caches;
mod summary;

use std::collections::HashMap;

use futures_util::future::join_all;
use futures_util::lock::Mutex;
use jiff::Timestamp;

use eligibility::{eligibility, first_at};
use refreshes::Refreshes;
use resources::Places;
pub(crate) use resources::StreamLimits;
pub use resources::{Quota, ResourceLimits};
use stream_caches::StreamCaches;
pub use summary::Summary;

use crate::collect::Collector;
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::source::{Source, StreamId};
use slacktrail_core::stream::StreamOutcome;
use slacktrail_core::time::Second;
use slacktrail_ports::{CredentialStore, DayLogStore, Deployment, DeploymentStore, Ports, Slack, Version};
use slacktrail_tokens::TokenRefreshSummary;
use slacktrail_tokens::refresh::{RefreshFailure, TokenRefresher};

/// Collects all streams of a deployment, tick by tick. Its caches only save reads: without them, a tick stores the same records.
#[derive(Clone, Debug)]
pub struct Poller<S, D, T, K> {
    /// The ports that all ticks use.
    pub ports: Ports<S, D, T, K>,
    caches: StreamCaches,
    token_refresher: TokenRefresher,
}

/// The limits of one tick.
pub struct TickLimits<'a> {
    /// The limits of calls, CPU and memory.
    pub resources: ResourceLimits,
    /// Returns `true` if the tick must stop.
    pub deadline_reached: &'a dyn Fn() -> bool,
}

impl<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> Poller<S, D, T, K> {
    /// Creates a poller with empty caches.
    pub fn new(ports: Ports<S, D, T, K>) -> Self {
        Poller { ports, caches: StreamCaches::default(), token_refresher: TokenRefresher::default() }
    }

    /// Collects every stream of `deployment` that is due. The caller has just loaded `deployment`.
    ///
    /// # Errors
    ///
    /// Returns the first error if every due stream failed because of the deployment.
    pub async fn tick(
        &self,
        deployment: Deployment,
        now: Timestamp,
        limits: &TickLimits<'_>,
    ) -> Result<Summary, Error> {
        let Deployment { sources, cursors } = deployment;
        let mut cursors: HashMap<_, _> = cursors.into_iter().collect();
        let mut streams = Vec::new();
        let mut due = Vec::new();
        for (id, source) in sources {
            match source {
                Err(error) => streams.push(StreamOutcome::unreadable(id, None, error)),
                Ok(source) if source.disconnected => {}
                Ok(source) => {
                    let source = source.believed(Second::of(now));
                    for log in source.logs.clone() {
                        let stream = StreamId { source: id.clone(), log };
                        match eligibility(&source, &stream, cursors.remove(&stream), Second::of(now)) {
                            Ok(stored) => due.push((source.clone(), (stream, stored))),
                            Err(outcome) => streams.push(*outcome),
                        }
                    }
                }
            }
        }
        let (concurrent, cached_ids) = limits.resources.of_streams(due.len());
        let stream_limits = StreamLimits {
            calls_max: limits.resources.calls_max,
            gzip_level: limits.resources.gzip_level,
            batch_bytes: limits.resources.batch_bytes.split(concurrent),
            cached_ids_max: cached_ids.split(concurrent),
            cached_ids_total: cached_ids.total,
            deadline_reached: limits.deadline_reached,
            long_rows: &Mutex::new(()),
        };
        self.caches.retain(|stream| due.iter().any(|(_, (polled, _))| polled == stream));
        let first = first_at(now, due.len());
        due.rotate_left(first);
        let (mut polled, token_refreshes) = self.poll_due(due, concurrent, now, &stream_limits).await;
        streams.append(&mut polled);
        streams.sort_by(|a, b| (&a.source, a.log).cmp(&(&b.source, b.log)));
        match summary::failure(&streams) {
            Some(error) => Err(error),
            None => Ok(Summary { streams, shards: None, token_refreshes }),
        }
    }

    /// Collects the streams in `due`, each as soon as the token of its source is refreshed or found not to be due.
    async fn poll_due(
        &self,
        due: Vec<(Source, DueStream)>,
        concurrent: usize,
        now: Timestamp,
        limits: &StreamLimits<'_>,
    ) -> (Vec<StreamOutcome>, Vec<TokenRefreshSummary>) {
        let mut sources: Vec<(Source, Vec<DueStream>)> = Vec::new();
        for (source, stream) in due {
            match sources.iter_mut().find(|(other, _)| other.id == source.id) {
                Some((_, streams)) => streams.push(stream),
                None => sources.push((source, vec![stream])),
            }
        }
        let ports = (&self.ports.slack, &self.ports.credentials);
        let refreshes = Refreshes::new(&self.token_refresher, ports, limits.deadline_reached);
        let places = Places::new(concurrent);
        let polled = sources.into_iter().map(async |(source, streams)| {
            let refreshed = refreshes.refresh(&source, Second::of(now)).await;
            let failure = refreshed.as_ref().err();
            let outcomes = streams.into_iter().map(async |(stream, stored)| {
                let _place = places.take().await;
                // On the heap, so that a stream that waits takes no memory for its tick.
                Box::pin(self.tick_stream(&source, &stream, stored, failure, now, limits)).await
            });
            (join_all(outcomes).await, TokenRefreshSummary::of(&source.id, &refreshed))
        });
        let (outcomes, refreshes): (Vec<_>, Vec<_>) = join_all(polled).await.into_iter().unzip();
        (outcomes.into_iter().flatten().collect(), refreshes.into_iter().flatten().collect())
    }

    async fn tick_stream(
        &self,
        source: &Source,
        stream: &StreamId,
        stored: Option<(Version, Cursor)>,
        refresh_failure: Option<&RefreshFailure>,
        now: Timestamp,
        limits: &StreamLimits<'_>,
    ) -> StreamOutcome {
        let mut cache = self.caches.take(stream);
        let collector = Collector::new(&self.ports, (source, stream), now, limits, stored, &mut cache);
        let outcome = collector.collect(refresh_failure).await;
        self.caches.keep(stream, cache, limits.cached_ids_total);
        outcome
    }
}

/// A stream that is due, with its stored cursor.
type DueStream = (StreamId, Option<(Version, Cursor)>);
