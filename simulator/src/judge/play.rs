//! Plays a day with a collector.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::settings::Settings;
use slacktrail_simulator::tenant::Tenant;
use slacktrail_simulator::{Call, CallMatcher, Fault, FaultKind, Log, Row, World};

use super::collector::Collector;
use super::days::{Day, Step};
use super::stage::{Ending, Stage};
use super::verdict::{self, Verdict};

struct Play<'a> {
    collector: &'a Collector,
    log: Log,
    stage: Stage<'a>,
    token: String,
    /// The tenant in which no workspace is barred.
    tenant: Tenant,
    /// The number of rows so far, which makes each row different.
    rows: usize,
    /// The time of the last row.
    last: Option<Timestamp>,
    /// The numbers of the access rows.
    access: Vec<usize>,
    /// Whether something is wrong that the collector must report.
    is_wrong: bool,
    /// When each record was first found in the output.
    stored_at: HashMap<String, Timestamp>,
    first_run: Option<Timestamp>,
    verdict: Verdict,
}

pub(crate) async fn play(collector: &Collector, day: &Day, folder: &Path) -> io::Result<Verdict> {
    let token = day.settings.tokens.first().map(|token| token.text.clone()).unwrap_or_default();
    let organization = day.settings.tenant.workspaces().len() > 1;
    let placeholders =
        vec![("token", token.clone()), ("log", day.log.name().to_owned()), ("organization", organization.to_string())];
    let mut world = World::new(day.settings.clone());
    world.keep_journal();
    let stage = Stage::start(collector, world, folder, placeholders).await?;
    let mut play = Play {
        collector,
        log: day.log,
        stage,
        token,
        tenant: day.settings.tenant.clone(),
        rows: 0,
        last: None,
        access: Vec::new(),
        is_wrong: false,
        stored_at: HashMap::new(),
        first_run: None,
        verdict: Verdict::default(),
    };
    for step in &day.steps {
        play.step(step).await?;
    }
    play.finish(&day.settings).await
}

impl Play<'_> {
    async fn step(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Rows { count, ago } => (0..*count).for_each(|index| self.add(ago + index)),
            Step::History { count, apart } => (0..*count).rev().for_each(|index| self.add(1 + apart * index)),
            Step::SameSecond { count } => (0..*count).for_each(|_| {
                let ago = self.last.map_or(0, |last| self.stage.now().as_second() - last.as_second());
                self.add(ago);
            }),
            Step::HugeRow(bytes) => {
                let row = self.row(1);
                let json = row.json.replacen('{', &format!("{{\"padding\":\"{}\",", "x".repeat(*bytes)), 1);
                self.show(Row { json: json.into(), ..row });
            }
            Step::RowsOf(workspace, count) => (0..*count).for_each(|index| {
                let row = self.row(1 + index).in_workspace(workspace);
                self.show(row);
            }),
            Step::Return(count) => {
                let now = self.stage.now();
                let numbers: Vec<usize> = self.access.iter().take(*count).copied().collect();
                numbers.into_iter().for_each(|number| self.stage.world().touch_access(number, now));
            }
            Step::Pass(seconds) => self.stage.pass(*seconds)?,
            Step::Skew(seconds) => {
                self.stage.skew = *seconds;
                self.stage.pass(0)?;
            }
            Step::Run => {
                let ending = self.stage.run().await?;
                self.record_report(ending.reported);
                self.count(ending);
                self.after_run()?;
            }
            Step::RunTwice => {
                let ending = self.stage.run_twice().await?;
                self.count(ending);
                self.after_run()?;
            }
            Step::RunKilled(call) => {
                self.stage.run_killed(self.log, *call).await?;
                self.after_run()?;
            }
            Step::RunLosingState => {
                self.stage.run_losing_state().await?;
                self.after_run()?;
            }
            Step::Fault(call, kind) => {
                self.stage.world().fault(Fault::nth(*call, CallMatcher::log(self.log), kind.clone()))
            }
            Step::Broken(kind) => {
                // The fault hides rows until `Step::Healed`, so the collector must report it.
                self.is_wrong = true;
                self.stage.world().fault(Fault::every(CallMatcher::log(self.log), kind.clone()));
            }
            Step::RowBetweenPages { ago } => {
                let row = self.row(*ago);
                let insert = FaultKind::Insert(vec![row]);
                self.stage.world().fault(Fault::nth(2, CallMatcher::log(self.log), insert));
            }
            Step::Revoked => {
                self.is_wrong = true;
                self.stage.world().revoke(&self.token);
            }
            Step::Barred(workspace) => {
                self.is_wrong = true;
                let mut world = self.stage.world();
                if let Some(workspace) = world.settings_mut().tenant.workspace_mut(workspace) {
                    workspace.owner_belongs = false;
                }
            }
            Step::Healed => {
                self.is_wrong = false;
                self.stage.world().restore(&self.token);
                self.stage.world().clear_faults();
                self.stage.world().settings_mut().tenant = self.tenant.clone();
            }
        }
        Ok(())
    }

    /// Records whether a run has reported an error, if something is wrong.
    fn record_report(&mut self, reported: bool) {
        if self.is_wrong {
            self.verdict.reported = Some(reported || self.verdict.reported == Some(true));
        }
    }

    /// Counts a run that did not end in time, and keeps the failure of one that failed.
    fn count(&mut self, ending: Ending) {
        self.verdict.runs_timed_out += usize::from(ending.timed_out);
        self.verdict.failed_runs.extend(ending.failure);
    }

    fn row(&mut self, ago: i64) -> Row {
        self.rows += 1;
        let (time, number) = (self.stage.now() - SignedDuration::from_secs(ago), self.rows);
        self.last = Some(time);
        match self.log {
            Log::Audit => Row::small_audit(time, &format!("row-{number}")),
            Log::Access => Row::small_access(time, time, &format!("U{number}"), "203.0.113.7", "Mozilla/5.0"),
            Log::Integration => Row::small_integration(time, &format!("A{number}")),
        }
    }

    fn add(&mut self, ago: i64) {
        let row = self.row(ago);
        self.show(row);
    }

    /// Adds a row that Slack shows from now on.
    fn show(&mut self, row: Row) {
        let now = self.stage.now();
        let visible_at = if self.first_run.is_some() { now } else { row.time.min(now) };
        let number = self.stage.world().add(row.visible_from(visible_at));
        self.access.push(number);
    }

    /// Records when each record was first stored.
    fn after_run(&mut self) -> io::Result<()> {
        let now = self.stage.now();
        for id in verdict::identities(self.collector, self.log, &self.stage.lines()?) {
            self.stored_at.entry(id).or_insert(now);
        }
        self.first_run.get_or_insert(now);
        Ok(())
    }

    async fn finish(mut self, settings: &Settings) -> io::Result<Verdict> {
        let (lines, now, log) = (self.stage.lines()?, self.stage.now(), self.log);
        let world = self.stage.world().clone();
        verdict::compare(self.collector, log, world.visible_rows(log, now), &lines, &mut self.verdict);
        let after_first = |row: &&Row| self.first_run.is_some_and(|first| row.visible_at > first);
        let delays = world.visible_rows(log, now).filter(after_first).filter_map(|row| {
            let stored_at = self.stored_at.get(&row.identity())?;
            Some(stored_at.duration_since(row.visible_at).as_secs())
        });
        self.verdict.delay_max_seconds = delays.max().unwrap_or(0);
        self.verdict.calls = world.journal().len();
        let too_many = calls_too_many(world.journal(), log, settings);
        self.verdict.calls_too_many = too_many.len();
        self.verdict.examples.extend(too_many);
        self.verdict.secrets = self.stage.files_with(&self.token)?;
        if lines.is_empty() && self.verdict.missing > 0 {
            let path = self.stage.output_path();
            self.verdict.examples.insert(0, format!("no line: `output.path` is `{}`", path.display()));
        }
        self.stage.stop().await?;
        Ok(self.verdict)
    }
}

/// Returns a description of each call for pages above Slack's limit in any minute, or before the time that Slack asked to wait.
fn calls_too_many(journal: &[Call], log: Log, settings: &Settings) -> Vec<String> {
    let allowed = match log {
        Log::Audit => settings.limits.audit,
        Log::Access | Log::Integration => settings.limits.tier_two,
    };
    let (mut recent, mut not_before, mut calls) = (HashMap::<_, VecDeque<i64>>::new(), i64::MIN, Vec::new());
    for call in journal.iter().filter(|call| call.path == log.path()) {
        let at = call.at.as_second();
        let team = call.query.iter().find(|(name, _)| name == "team_id").map(|(_, id)| id.clone());
        let window = recent.entry(team).or_default();
        while window.front().is_some_and(|first| first + 60 <= at) {
            window.pop_front();
        }
        window.push_back(at);
        if let Some(allowed) = allowed.filter(|allowed| window.len() > *allowed as usize) {
            calls.push(format!("calls too many: {} calls in a minute, Slack allows {allowed}", window.len()));
        } else if at < not_before {
            calls.push(format!("calls too many: {} s before the end of `Retry-After`", not_before - at));
        }
        if let Some(seconds) = call.retry_after_seconds {
            not_before = at + seconds;
        }
    }
    calls
}
