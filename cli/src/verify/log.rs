//! Compares one log: reads it from Slack, then each day from the archive.

use slacktrail_archive::verify::{Checkpoint, Period, Step, Verification, WorkingFiles};
use slacktrail_core::source::{LogType, Source};
use slacktrail_ports::{CredentialStore, DayLogStore, DeploymentStore, Ports, Slack};

use super::compared::{Archive, ComparedLog};
use super::pacer::Pacer;
use super::progress::Progress;
use super::records::{self, EXAMPLES_MAX, Records};
use super::working_directory::WorkingDirectory;
use crate::cli_error::CliError;
use crate::environment::now;
use crate::{format, terminal};

pub(super) struct LogComparison<'a, S, D, T, K> {
    pub(super) ports: &'a Ports<S, D, T, K>,
    pub(super) source: &'a Source,
    pub(super) log: LogType,
    pub(super) period: Period,
    /// Whether all differences are kept, because one log and one day were requested.
    pub(super) is_single: bool,
    pub(super) show_records: bool,
}

impl<'a, S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore> LogComparison<'a, S, D, T, K> {
    /// Compares the log. Also returns the working files, which another command needs if this one fails later.
    pub(super) async fn run(&self, archive: &Archive) -> Result<(ComparedLog, WorkingDirectory), CliError> {
        let mut files = WorkingDirectory::open(&archive.located().to_string(), self.source, self.log, self.period)?;
        let checkpoint = self.restore(&mut files)?;
        let is_continued = checkpoint.is_some();
        let can_be_continued = files.can_be_continued();
        let mut verification = match checkpoint {
            Some(checkpoint) => Verification::resume(self.ports, self.source, checkpoint, files),
            None => Verification::begin(self.ports, self.source, self.log, self.period, files).await?,
        };
        let compared = self.compare(&mut verification, is_continued).await.inspect_err(|_| {
            if can_be_continued && verification.position().pages > 0 {
                terminal::note("kept what was read from Slack: the same command continues there within 24 hours");
            }
        })?;
        Ok((compared, verification.into_files()))
    }

    /// Returns the checkpoint of an earlier command. If it cannot be continued, says why and deletes its files.
    fn restore(&self, files: &mut WorkingDirectory) -> Result<Option<Checkpoint>, CliError> {
        let days = (self.period.first(), self.period.last());
        let restored = files.restore().map_err(|error| format!("its files are damaged ({error})"));
        let checkpoint = restored.and_then(|text| {
            let decode = |text: String| Checkpoint::decode(&text, self.source, self.log, days, now());
            text.map(decode).transpose().map_err(|unusable| unusable.to_string())
        });
        match checkpoint {
            Ok(Some(checkpoint)) => {
                let age = format::age(Some(checkpoint.saved_at()), now());
                let pages = format::count(u64::from(checkpoint.pages()));
                terminal::note(&format!(
                    "continuing the comparison of the {} logs, which stopped after page {pages} ({age})",
                    self.log
                ));
                return Ok(Some(checkpoint));
            }
            Ok(None) => {}
            Err(unusable) => terminal::note(&format!(
                "an earlier comparison of the {} logs was interrupted, but cannot be continued: {unusable}; reading Slack from the start",
                self.log
            )),
        }
        files.clear()?;
        Ok(None)
    }

    async fn compare(
        &self,
        verification: &mut Verification<'a, S, D, T, K, WorkingDirectory>,
        is_continued: bool,
    ) -> Result<ComparedLog, CliError> {
        let progress = Progress::new(self.log, verification.period(), self.is_single);
        let mut pacer = Pacer::new(self.log.calls_per_tick_max());
        read(verification, &mut pacer, &progress).await?;
        let period = verification.period(); // only now, because reading may shorten it
        let (mut days, count) = (Vec::new(), period.days().count());
        for (index, day) in period.days().enumerate() {
            let mut findings =
                verification.conclude(day, |done, all| progress.show_objects((day, index, count), done, all)).await?;
            if !self.is_single {
                findings.keep_examples(EXAMPLES_MAX);
            }
            days.push(findings);
        }
        let mut records = Records::default();
        if self.show_records {
            records.load_stored_lines(verification, &days).await?;
            if let Some((ids, range)) = records::examples_in_slack(&days) {
                verification.read_again(ids, range);
                read(verification, &mut pacer, &progress).await?;
                records.slack.clone_from(verification.kept());
            }
        }
        let (outages, cursor) = (verification.outages().await?, verification.cursor_read().cloned());
        Ok(ComparedLog { records, outages, cursor, is_continued, ..ComparedLog::of(days) })
    }
}

/// Reads Slack, at a rate that leaves calls for collection.
async fn read<S: Slack, D: DayLogStore, T: DeploymentStore, K: CredentialStore, W: WorkingFiles>(
    verification: &mut Verification<'_, S, D, T, K, W>,
    pacer: &mut Pacer,
    progress: &Progress,
) -> Result<(), CliError> {
    loop {
        progress.show_position(&verification.position());
        pacer.wait_for_slot(progress).await;
        match verification.step(now()).await {
            Ok(Step::Done) => return Ok(()),
            Ok(Step::More) => pacer.reset_failures(),
            Err(error) => pacer.wait_before_retry(error, progress).await?,
        }
    }
}
