//! The checkpoint of a verification, from which a later process can continue.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::period::Period;
use super::reading::ReadingState;
use super::{Verification, WorkingFiles};
use slacktrail_core::source::{LogType, Source, SourceId};
use slacktrail_core::time::{CLOCK_SKEW_SECONDS, Day, Second};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Slack};

/// The version of the format. Another version is not continued.
const FORMAT: u32 = 1;
/// The age above which a checkpoint is not continued, so that the result does not mix what Slack returned on different days.
const AGE_SECONDS_MAX: i64 = 86_400;

/// The position of a verification after a page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    format: u32,
    source: SourceId,
    /// The ID of the tenant, because the same source ID may belong to another tenant in another deployment.
    tenant: Option<String>,
    organization: bool,
    pub(super) log: LogType,
    pub(super) period: Period,
    /// When the checkpoint was made.
    saved_at: Second,
    pub(super) last_objects: BTreeMap<Day, u32>,
    pub(super) reading: ReadingState,
}

/// The reason why a checkpoint cannot be continued.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// It is not a checkpoint, or its working files do not match it.
    #[error("its files are damaged")]
    Damaged,
    /// Another version of slacktrail wrote it.
    #[error("another version of slacktrail wrote its files")]
    OtherVersion,
    /// The source, its tenant, the log or the days differ.
    #[error("the source has changed since")]
    OtherRequest,
    /// It is more than a day old, or from the future.
    #[error("it is more than 24 hours old")]
    TooOld,
}

impl Checkpoint {
    pub(super) fn of<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore, W: WorkingFiles>(
        verification: &Verification<'_, S, D, T, K, W>,
        now: Second,
    ) -> Checkpoint {
        let source = verification.source;
        Checkpoint {
            format: FORMAT,
            source: source.id.clone(),
            tenant: source.tenant.as_ref().map(|tenant| tenant.id.clone()),
            organization: source.organization,
            log: verification.stream.log,
            period: verification.period,
            saved_at: now,
            last_objects: verification.last_objects.clone(),
            reading: verification.reading.state.clone(),
        }
    }

    /// Encodes the checkpoint as JSON.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a checkpoint contains only text, numbers and lists")
    }

    /// Decodes a checkpoint that can be continued at `now` to compare the same days of the same log.
    ///
    /// # Errors
    /// Returns the reason why it cannot be continued.
    pub fn decode(
        text: &str,
        source: &Source,
        log: LogType,
        (first, last): (Day, Day),
        now: Second,
    ) -> Result<Checkpoint, Unusable> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let format = serde_json::from_str::<Format>(text).map_err(|_| Unusable::Damaged)?.format;
        if format != FORMAT {
            return Err(Unusable::OtherVersion);
        }
        let checkpoint: Checkpoint = serde_json::from_str(text).map_err(|_| Unusable::Damaged)?;
        let tenant = source.tenant.as_ref().map(|tenant| &tenant.id);
        let of_request = checkpoint.source == source.id
            && checkpoint.tenant.as_ref() == tenant
            && checkpoint.organization == source.organization
            && checkpoint.log == log
            && (checkpoint.period.first(), checkpoint.period.last()) == (first, last);
        let age = now.since(checkpoint.saved_at);
        if !of_request {
            return Err(Unusable::OtherRequest);
        }
        if (-CLOCK_SKEW_SECONDS..=AGE_SECONDS_MAX).contains(&age) { Ok(checkpoint) } else { Err(Unusable::TooOld) }
    }

    /// Returns when the checkpoint was made.
    pub fn saved_at(&self) -> Second {
        self.saved_at
    }

    /// Returns the number of pages that were read from Slack before.
    pub fn pages(&self) -> u32 {
        self.reading.pages
    }
}
