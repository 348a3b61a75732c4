//! Defects of a deployment. Each names the check that must fail and a part of the hint.

mod alarms;
mod changes;
mod functions;
mod harmless;
mod queries;
mod slack;
mod stack;
mod storage;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use slacktrail_tests::aws_proxy::{AwsCall, CannedResponse};

use super::account::EditAlarm;

pub(super) use harmless::{inconclusive, sound};

/// A defect.
pub(super) struct Breakage {
    /// The description of the defect.
    pub(super) what: &'static str,
    /// The check that fails.
    pub(super) check: &'static str,
    /// A part of the check's hint.
    pub(super) hint: &'static str,
    pub(super) how: How,
}

/// The change that causes a defect.
pub(super) enum How {
    /// AWS responds differently.
    Aws(Script),
    /// An environment variable of the command has a different value.
    Variable(&'static str, String),
    /// CloudWatch describes each alarm differently.
    Alarm(EditAlarm),
}

type Script = Arc<dyn Fn(AwsCall) -> BoxFuture<'static, Option<CannedResponse>> + Send + Sync>;

/// Returns every defect.
pub(super) async fn all(api_url: &str) -> Vec<Breakage> {
    let parts = [
        stack::of_stack(),
        functions::of_functions(),
        storage::of_storage(),
        slack::of_slack().await,
        queries::of_queries(),
        alarms::of_alarms(),
        slack::of_api(api_url).await,
    ];
    parts.into_iter().flatten().collect()
}

fn broken(what: &'static str, check: &'static str, hint: &'static str, how: How) -> Breakage {
    Breakage { what, check, hint, how }
}
