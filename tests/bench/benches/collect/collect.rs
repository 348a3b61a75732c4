//! slacktrail: runs ticks of the poller with its HTTP and directory adapters until no gap is left.

use std::path::Path;

use slacktrail_adapters::directory::{DirectoryCredentials, DirectoryDayLogs, DirectoryDeployment};
use slacktrail_adapters::http::SlackHttp;
use slacktrail_adapters::settings::SLACK_API_URL;
use slacktrail_collector::tick::{Poller, ResourceLimits, TickLimits};
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_ports::secret::Token;
use slacktrail_ports::{DeploymentStore, Ports};
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;

use crate::Outcome;
use crate::backlog::Backlog;
use crate::meter::Meter;
use crate::stored;
use crate::task::Run;

/// The maximum number of ticks for the whole backlog.
const TICKS_MAX: usize = 10;

/// Collects the backlog into `directory`.
pub(crate) async fn run(backlog: Backlog, audit_url: &str, directory: &Path) -> Outcome<Run> {
    let meter = Meter::start();
    let ports = Ports {
        slack: SlackHttp::new(SLACK_API_URL, audit_url)?,
        day_logs: DirectoryDayLogs::new(directory),
        deployment: DirectoryDeployment::new(directory),
        credentials: DirectoryCredentials::new(Token::new(ORGANIZATION_TOKEN)?),
    };
    slacktrail_ports::sources::put(&ports.deployment, &source(backlog)?).await?;
    let poller = Poller::new(ports);
    let limits = TickLimits {
        resources: ResourceLimits { calls_max: Some(u32::MAX), ..ResourceLimits::default() },
        deadline_reached: &|| false,
    };
    let mut calls = 0;
    for _ in 0..TICKS_MAX {
        let summary = poller.tick(poller.ports.deployment.load().await?, backlog.now.instant(), &limits).await?;
        for stream in &summary.streams {
            if let Some(error) = stream.error() {
                return Err(error.message.clone().into());
            }
            calls += u64::from(stream.counts.calls);
        }
        if summary.streams.iter().all(|stream| stream.gaps == 0) {
            let used = meter.used();
            let stored = stored::measure(directory)?;
            if stored.records != u64::from(backlog.records) {
                return Err(format!("collected {} of {} records", stored.records, backlog.records).into());
            }
            return Ok(Run { used, calls, bytes: stored.bytes, stored: stored.gzipped });
        }
    }
    Err(format!("the backlog is not complete after {TICKS_MAX} ticks").into())
}

fn source(backlog: Backlog) -> Outcome<Source> {
    Ok(Source {
        logs: vec![LogType::Audit],
        organization: true,
        connected_at: backlog.now,
        ..Source::new("acme".parse()?, "Acme", Plan::Enterprise, backlog.since())
    })
}
