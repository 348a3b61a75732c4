//! Collects a backfill in a directory, with the token in `SLACK_TOKEN`. Ticks run as in `slacktrail pull`, so new records of the stream come
//! first.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use slacktrail_adapters::directory::DirectoryDeployment;
use slacktrail_adapters::http::SlackHttp;
use slacktrail_core::source::{Source, StreamId};
use slacktrail_ports::secret::Token;
use slacktrail_ports::{DeploymentStore, Version, sources};

use super::follow::{self, Followed};
use super::range::{Range, Rest};
use crate::cli_error::{CliError, Level};
use crate::deployed::Deployed;
use crate::directory;
use crate::environment::{self, now};
use crate::run::{self, Run, Until, Wall};

/// A collector of one stream, with a token that Slack accepted.
pub(super) struct Collector {
    slack: SlackHttp,
    path: PathBuf,
    token: Token,
    stream: StreamId,
}

impl Collector {
    /// Verifies the token in `SLACK_TOKEN` for the source. The first tick then retries a stream that Slack rejected before.
    pub(super) async fn new(path: &Path, source: &Source, stream: &StreamId) -> Result<Collector, CliError> {
        let (token, slack) = (environment::token()?, environment::slack()?);
        directory::identify(&slack, &token, source, Some(source), &[stream.log]).await?;
        let deployment = DirectoryDeployment::new(path);
        let stored = deployment.load().await?;
        let reconnect =
            |present: Source| Source { connected_at: directory::connected_at(&present, &stored, now()), ..present };
        sources::update(&deployment, &source.id, |present| present.map(reconnect)).await?;
        Ok(Collector { slack, path: path.to_owned(), token, stream: stream.clone() })
    }

    /// Runs ticks until the range is collected. `since` is the version of the cursor that first contains the gap.
    pub(super) async fn collect(
        self,
        deployed: &Deployed,
        range: Range,
        since: Option<Version>,
    ) -> Result<Followed, CliError> {
        let (pace, stream) = (Wall::new(), &self.stream);
        let mut run =
            Run::new(self.slack, &self.path, self.token, std::slice::from_ref(stream), run::Display::Progress);
        // In a terminal, the run shows its own progress.
        let mut progress = (!std::io::stderr().is_terminal()).then(|| follow::RestProgress::new(range));
        let mut is_complete = false;
        let after_tick = async |_: &run::Tick<'_>| {
            let rest = follow::read_rest(deployed, stream, range, since).await?;
            is_complete = rest == Rest::Nothing;
            if let Some(progress) = &mut progress {
                progress.show(&rest);
            }
            Ok(if is_complete { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        run.go(&pace, Until::Stopped, after_tick).await?;
        let stopped = CliError::interrupted(format!("stopped before the backfill of `{stream}` was complete"))
            .with_level(Level::Warning)
            .hint("run the same command again to continue; `slacktrail pull` continues it, too");
        Ok(if is_complete { Followed::Completed } else { Followed::Interrupted(stopped) })
    }
}
