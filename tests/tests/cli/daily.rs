//! Tests `pause`, `resume`, `disconnect` and `backfill` with an emulated AWS. Without moto, the tests print a note and pass.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slacktrail_adapters::aws::{DynamoDeployment, S3DayLogs, SecretsManagerCredentials};
use slacktrail_adapters::http::SlackHttp;
use slacktrail_collector::tick::{Poller, ResourceLimits, TickLimits};
use slacktrail_core::source::{LogType, Plan, Source};
use slacktrail_core::time::Second;
use slacktrail_ports::DeploymentStore;
use slacktrail_ports::sources;
use slacktrail_simulator::{CallMatcher, Fault, FaultKind, Log, Row};
use slacktrail_tests::archive::Archive;
use slacktrail_tests::aws_proxy::AwsProxy;
use slacktrail_tests::emulated_aws::EmulatedAws;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use crate::aws::{BUCKET, deployed, ports};
use crate::binary::Slacktrail;
use crate::slack::{ORGANIZATION, Slack};

const SECRET: &str = "slacktrail/acme";

/// A deployment with the source `acme`, which collects the last 30 hours of its logs, and the command.
pub(crate) struct Deployed {
    pub(crate) moto: EmulatedAws,
    pub(crate) slack: Slack,
    pub(crate) slacktrail: Slacktrail,
    poller: Poller<SlackHttp, S3DayLogs, DynamoDeployment, SecretsManagerCredentials>,
}

impl Deployed {
    pub(crate) async fn start(logs: &[LogType]) -> Option<Deployed> {
        let moto = EmulatedAws::start()?;
        let slack = Slack::organization().await;
        let slacktrail = deployed(&moto, &slack).await;
        moto.create_secret(SECRET, &json!({"token": ORGANIZATION}).to_string()).await;
        let ports = ports(&moto);
        let now = Second::of(Timestamp::now());
        let source = Source {
            logs: logs.to_vec(),
            organization: true,
            connected_at: now.plus(-3_600),
            ..Source::new("acme".parse().unwrap(), "Acme", Plan::Enterprise, now.plus(-30 * 3_600))
        };
        sources::put(&ports.deployment, &source).await.unwrap();
        let http = SlackHttp::new(&slack.api_url(), &slack.audit_url()).unwrap();
        Some(Deployed { poller: Poller::new(ports.with(http)), moto, slack, slacktrail })
    }

    pub(crate) async fn tick(&self) {
        self.tick_at(Timestamp::now()).await;
    }

    async fn tick_at(&self, now: Timestamp) {
        let limits = TickLimits { resources: ResourceLimits::default(), deadline_reached: &|| false };
        let deployment = self.poller.ports.deployment.load().await.unwrap();
        self.poller.tick(deployment, now, &limits).await.unwrap();
    }

    /// Returns the state of the only stream.
    async fn state(&self) -> String {
        let status = self.slacktrail.run(&["status", "--json"]).await.exits(0).json();
        status[0]["state"].as_str().unwrap().to_owned()
    }

    async fn archive(&self) -> Archive {
        Archive::read(&self.moto.s3(), BUCKET).await
    }

    async fn has_secret(&self) -> bool {
        self.moto.secrets_manager().get_secret_value().secret_id(SECRET).send().await.is_ok()
    }

    async fn source(&self) -> Value {
        self.slacktrail.run(&["sources", "--json"]).await.exits(0).json()[0].take()
    }

    /// Returns the days of the rows that were `from_hours` and `to_hours` old at the start.
    fn days(&self, from_hours: i64, to_hours: i64) -> (String, String) {
        let day = |hours| self.slack.hours_before(hours).strftime("%Y-%m-%d").to_string();
        (day(from_hours), day(to_hours))
    }

    /// Starts `backfill` with these arguments, and waits for its first message.
    async fn backfill(&self, arguments: &[&str]) -> (Child, Lines<BufReader<ChildStderr>>, String) {
        let mut child = self.slacktrail.start(&[&["backfill", "acme"], arguments].concat());
        let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = messages.next_line().await.unwrap().unwrap();
        (child, messages, first)
    }

    /// Returns `true` if Slack still accepts the token.
    async fn is_token_valid(&self) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        Slacktrail::of(&self.slack).token(ORGANIZATION).run(&["pull", "--dir", path, "--logs", "audit"]).await.code == 0
    }
}

#[tokio::test]
async fn records_during_pause_are_collected_after_resume() {
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    deployed.tick().await;
    let stored = deployed.archive().await.keys().len();
    insta::assert_snapshot!(deployed.slacktrail.run(&["pause", "acme"]).await.exits(0).stdout, @r"
    paused `acme`: the current tick finishes, and no new tick starts
    Slack keeps its logs; run `slacktrail resume acme` to continue where collection stopped
    ");
    assert_eq!(deployed.state().await, "paused");
    deployed
        .slack
        .world()
        .add(Row::small_audit(Timestamp::from_second(Timestamp::now().as_second()).unwrap(), "meanwhile"));
    deployed.tick().await;
    assert_eq!(deployed.archive().await.keys().len(), stored);
    let again = deployed.slacktrail.run(&["pause", "acme"]).await.exits(0).stdout;
    let expected = "`acme` is already paused; run `slacktrail resume acme` to continue where collection stopped\n";
    assert_eq!(again, expected);

    let resumed = deployed.slacktrail.run(&["resume", "acme", "--json"]).await.exits(0).json();
    assert_eq!((&resumed["id"], &resumed["paused"]), (&json!("acme"), &json!(false)));
    deployed.tick().await;
    assert!(deployed.archive().await.texts().any(|text| text.contains("meanwhile")));
    let again = deployed.slacktrail.run(&["resume", "acme"]).await.exits(0).stdout;
    assert_eq!(again, "`acme` is not paused; nothing to resume\n");
}

#[tokio::test]
async fn disconnecting_revokes_token_deletes_secret_and_keeps_logs() {
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    deployed.tick().await;
    let stored = deployed.archive().await.keys().len();
    let cursors = async || {
        let ports = &deployed.poller.ports;
        ports.deployment.load().await.unwrap().cursors.len()
    };
    insta::assert_snapshot!(deployed.slacktrail.run(&["disconnect", "acme"]).await.exits(1).stderr, @r"
    error: disconnecting `acme` requires confirmation, but standard input or standard error is not a terminal
    hint: run `slacktrail disconnect acme --yes` to skip confirmation
    ");
    let unknown = deployed.slacktrail.run(&["disconnect", "other", "--yes"]).await.exits(1).stderr;
    assert!(unknown.starts_with("error: source `other` not found\n"), "{unknown}");
    assert_eq!(deployed.source().await["disconnected"], false);
    assert!(deployed.has_secret().await);

    insta::assert_snapshot!(deployed.slacktrail.run(&["disconnect", "acme", "--yes"]).await.exits(0).stdout, @r"
    disconnected `acme`: Slack revoked its token, and its secret was deleted
    its logs stay; run `slacktrail connect acme` to continue where collection stopped
    ");
    assert!(!deployed.has_secret().await && !deployed.is_token_valid().await);
    assert_eq!(deployed.source().await["disconnected"], true);
    assert_eq!((deployed.archive().await.keys().len(), cursors().await), (stored, 1));
    deployed.tick().await;

    let status = deployed.slacktrail.run(&["status"]).await.exits(0);
    assert_eq!(status.stdout, "1 disconnected source not shown; run `slacktrail sources` for a list\n");
    let sources = deployed.slacktrail.run(&["sources"]).await.exits(0).stdout;
    assert!(sources.contains("disconnected"), "{sources}");
    let again = deployed.slacktrail.run(&["disconnect", "acme", "--json"]).await.exits(0).json();
    assert_eq!(again, json!({"source": "acme", "disconnected": true, "token": "none", "secret_deleted": false}));
    insta::assert_snapshot!(deployed.slacktrail.run(&["pause", "acme"]).await.exits(1).stderr, @r"
    error: source `acme` is disconnected
    hint: run `slacktrail connect acme` to reconnect it
    ");
}

#[tokio::test]
async fn connect_after_disconnect_waits_until_aws_deleted_secret() {
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    deployed.slacktrail.run(&["disconnect", "acme", "--yes"]).await.exits(0);
    const AGAIN: &str = "xoxp-simulated-again";
    let token = slacktrail_simulator::tenant::Token::organization(AGAIN);
    deployed.slack.world().settings_mut().tokens.push(token);

    let proxy = AwsProxy::start(deployed.moto.endpoint()).await;
    let slacktrail = deployed.slacktrail.clone().with("AWS_ENDPOINT_URL", &proxy.endpoint());
    let message = "You can't create this secret because a secret with this name is already scheduled for deletion.";
    proxy.reject("CreateSecret", 1, "InvalidRequestException", message);
    let ran = slacktrail.run_with(&["connect", "acme", "--token-stdin"], AGAIN).await.exits(0);
    assert_eq!(ran.stderr, "waiting up to a minute for AWS to delete the previous secret\n");
    let creations = proxy.take_calls().iter().filter(|call| *call == "CreateSecret").count();
    assert_eq!((creations, deployed.has_secret().await), (2, true));

    // The source is disconnected again while AWS still deletes the first secret.
    slacktrail.run(&["disconnect", "acme", "--yes"]).await.exits(0);
    let message = "You can't perform this operation on the secret because it was marked for deletion.";
    proxy.reject("GetSecretValue", 1, "InvalidRequestException", message);
    let ran = slacktrail.run(&["disconnect", "acme"]).await.exits(0);
    assert_eq!(ran.stdout, "`acme` is already disconnected and has no secret\n");
}

#[tokio::test]
async fn failed_revocation_keeps_secret_until_retry_succeeds() {
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    deployed.slack.world().fault(Fault::every(CallMatcher::path("auth.revoke"), FaultKind::Html(502)));
    insta::assert_snapshot!(deployed.slacktrail.run(&["disconnect", "acme", "--yes"]).await.exits(1).stderr, @r"
    error: the token of source `acme` could not be revoked
      caused by: Slack answered `auth.revoke` with HTTP status 502 and no error code
    hint: run the command again in a minute (collection has stopped, and the secret is kept); or use `--force`, and remove the app in Slack yourself
    ");
    assert!(deployed.has_secret().await && deployed.is_token_valid().await);
    assert_eq!(deployed.source().await["disconnected"], true, "no further tick uses the token");

    deployed.slack.world().clear_faults();
    let fault = FaultKind::not_ok("invalid_auth"); // Slack also returns this code to a caller whose IP address is not allowed
    deployed.slack.world().fault(Fault::next(CallMatcher::path("auth.revoke"), fault));
    deployed.slacktrail.run(&["disconnect", "acme", "--yes"]).await.exits(1);
    assert!(deployed.has_secret().await);

    let outcome = deployed.slacktrail.run(&["disconnect", "acme", "--yes", "--json"]).await.exits(0).json();
    assert_eq!(outcome, json!({"source": "acme", "disconnected": true, "token": "revoked", "secret_deleted": true}));
    assert!(!deployed.has_secret().await);
}

#[tokio::test]
async fn force_deletes_secret_despite_failed_revocation() {
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    deployed.slack.world().fault(Fault::every(CallMatcher::path("auth.revoke"), FaultKind::Hangup));
    let ran = deployed.slacktrail.run(&["disconnect", "acme", "--yes", "--force"]).await.exits(0);
    assert!(ran.stderr.contains("warning: the token of source `acme` could not be revoked"), "{}", ran.stderr);
    assert!(ran.stdout.contains("its token may still be valid (remove the app in Slack)"), "{}", ran.stdout);
    assert!(!deployed.has_secret().await);
}

#[tokio::test]
async fn backfill_is_awaited_and_collects_time_before_source_once() {
    let Some(deployed) = Deployed::start(&LogType::ALL).await else { return };
    deployed.tick().await;
    for (log, kind) in [("audit", Log::Audit), ("access", Log::Access), ("integration", Log::Integration)] {
        let (from, to) = deployed.days(60, 59);
        let (child, _messages, first) = deployed.backfill(&["--log", log, "--from", &from, "--to", &to]).await;
        assert!(first.starts_with(&format!("collecting `acme/{log}` from {from}T00:00:00Z to ")), "{first}");
        deployed.tick().await;
        let ran = deployed.slacktrail.end(child).await.exits(0);
        assert!(ran.stdout.starts_with(&format!("collected `acme/{log}` from {from}T00:00:00Z to ")), "{}", ran.stdout);
        deployed.archive().await.assert_exactly(&deployed.slack.world(), "acme", &[kind]);
    }
    let stored = deployed.archive().await.keys().len();
    let (from, to) = deployed.days(60, 0);
    let arguments = ["--log", "audit", "--from", &from, "--to", &to, "--json"];
    let (child, _messages, _) = deployed.backfill(&arguments).await;
    deployed.tick().await;
    let again = deployed.slacktrail.end(child).await.exits(0).json();
    assert_eq!((&again["log"], &again["state"]), (&json!("audit"), &json!("completed")));
    assert_eq!(deployed.archive().await.keys().len(), stored, "stored records are not stored again");
}

#[tokio::test]
async fn deleted_day_is_collected_again_by_backfill() {
    let Some(deployed) = Deployed::start(&LogType::ALL).await else { return };
    deployed.tick().await;
    let day = deployed.slack.hours_before(1).strftime("%Y/%m/%d").to_string();
    for (log, kind) in [("audit", Log::Audit), ("access", Log::Access), ("integration", Log::Integration)] {
        deployed.slacktrail.run(&["pause", "acme"]).await.exits(0);
        deployed.tick().await;
        let (archive, prefix) = (deployed.archive().await, format!("{log}/{day}/acme-"));
        let deleted: Vec<&str> = archive.keys().into_iter().filter(|key| key.starts_with(&prefix)).collect();
        assert!(!deleted.is_empty(), "{:?}", archive.keys());
        for key in deleted {
            deployed.moto.s3().delete_object().bucket(BUCKET).key(key).send().await.unwrap();
        }
        deployed.slacktrail.run(&["resume", "acme"]).await.exits(0);
        let (from, to) = deployed.days(60, 0);
        let (child, _messages, _) = deployed.backfill(&["--log", log, "--from", &from, "--to", &to]).await;
        deployed.tick().await;
        deployed.slacktrail.end(child).await.exits(0);
        deployed.archive().await.assert_exactly(&deployed.slack.world(), "acme", &[kind]);
    }
}

#[tokio::test]
async fn backfill_can_be_detached_repeated_and_requested_before_first_tick() {
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    let (from, to) = deployed.days(60, 59);
    let arguments = ["backfill", "acme", "--log", "audit", "--from", &from, "--to", &to, "--detach"];
    let json = [&arguments[..], &["--json"]].concat();
    let started = deployed.slacktrail.run(&json).await.exits(0).json();
    assert_eq!((&started["state"], &started["oldest"]), (&json!("started"), &json!(format!("{from}T00:00:00Z"))));
    assert_eq!(deployed.slacktrail.run(&json).await.exits(0).json()["state"], "in_progress");
    let messages = deployed.slacktrail.run(&arguments).await.exits(0).stdout;
    assert!(
        messages.starts_with("already collecting `acme/audit` from ") && messages.contains("`slacktrail status`"),
        "{messages}"
    );
    let status = deployed.slacktrail.run(&["status", "--json"]).await.exits(0).json();
    let kinds: Vec<&str> =
        status[0]["gaps"].as_array().unwrap().iter().map(|gap| gap["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["backlog", "backfill"]);
    deployed.tick().await;
    deployed.archive().await.assert_exactly(&deployed.slack.world(), "acme", &[Log::Audit]);
}

#[tokio::test]
async fn stalled_backfill_is_reported_with_hint() {
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    deployed.tick().await;
    deployed.slack.world().revoke(ORGANIZATION);
    let (from, to) = deployed.days(60, 59);
    let (child, mut messages, _) = deployed.backfill(&["--log", "audit", "--from", &from, "--to", &to]).await;
    deployed.tick().await;
    let mut rest = String::new();
    while let Some(line) = messages.next_line().await.unwrap() {
        rest += &format!("{line}\n");
    }
    deployed.slacktrail.end(child).await.exits(1);
    let error =
        "error: `acme/audit` is not being collected: Slack answered `logs` with the error `invalid_authentication`\n";
    assert!(rest.contains(error), "the error is only the cause: {rest}");
    assert!(rest.contains("hint: connect the source again"), "{rest}");
    assert!(rest.trim_end().ends_with("; the backfill then continues"), "{rest}");
}

#[tokio::test]
async fn backfill_that_cannot_be_collected_is_rejected() {
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    let backfill = async |log, from, to| {
        deployed.slacktrail.run(&["backfill", "acme", "--log", log, "--from", from, "--to", to]).await
    };
    insta::assert_snapshot!(backfill("access", "2024-01-01", "2024-01-31").await.exits(1).stderr, @r"
    error: source `acme` does not collect `access` logs
    hint: use one of audit, or run `slacktrail connect acme --logs ...` to change the logs
    ");
    insta::assert_snapshot!(backfill("audit", "2024-02-01", "2024-01-31").await.exits(2).stderr, @r"
    error: `--to` (2024-01-31) is before `--from` (2024-02-01)
    hint: use the last day for `--to`: `--from 2026-10-01 --to 2026-10-31` is October
    ");
    backfill("audit", "2999-01-01", "2999-02-01").await.exits(2);
    backfill("audit", "yesterday", "2024-02-01").await.exits(2);
    deployed.slacktrail.run(&["pause", "acme"]).await.exits(0);
    insta::assert_snapshot!(backfill("audit", "2024-01-01", "2024-01-31").await.exits(1).stderr, @r"
    error: source `acme` is paused
    hint: run `slacktrail resume acme` first, or use `--detach` to collect the range after you resume the source
    ");
    assert!(deployed.poller.ports.deployment.load().await.unwrap().cursors.is_empty());
}

#[tokio::test]
async fn rejected_stream_waits_for_next_tick_after_reconnect() {
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    deployed.slack.world().revoke(ORGANIZATION);
    deployed.tick().await;
    assert_eq!(deployed.state().await, "reauthorize");
    deployed.slacktrail.run(&["status", "--check"]).await.exits(1);

    deployed.slack.world().restore(ORGANIZATION);
    let ports = &deployed.poller.ports;
    let source = ports.deployment.load().await.unwrap().sources.remove(&"acme".parse().unwrap()).unwrap().unwrap();
    let again = Source { connected_at: Second::of(Timestamp::now()).plus(1), ..source };
    sources::put(&ports.deployment, &again).await.unwrap();
    let status = deployed.slacktrail.run(&["status", "--check", "--json"]).await.exits(0).json();
    assert_eq!(status[0]["state"], "waiting");
    assert_eq!(status[0]["hint"], "wait a minute: the source was reconnected, and the poller retries");
    deployed.tick().await;
    assert_eq!(deployed.state().await, "ok");
}

#[cfg(target_os = "linux")]
mod at_a_terminal {
    use super::*;
    use crate::terminal::Terminal;

    #[tokio::test]
    async fn disconnect_asks_and_does_nothing_without_yes() {
        let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
        for no in ["", "n"] {
            let mut terminal = Terminal::start(&deployed.slacktrail, &["disconnect", "acme"]);
            terminal.shows("Disconnect it?").await;
            terminal.enters(no).await;
            let shown = terminal.end().await;
            assert_eq!(shown.code, 1, "{}", shown.screen);
            assert!(shown.screen.contains("nothing was changed: source `acme` stays connected"), "{}", shown.screen);
        }
        let mut terminal = Terminal::start(&deployed.slacktrail, &["disconnect", "acme"]);
        terminal.shows("Disconnect it?").await;
        terminal.interrupts().await;
        let shown = terminal.end().await;
        assert_eq!(shown.code, 130, "{}", shown.screen);
        assert!(shown.screen.contains("interrupted: nothing was changed"), "{}", shown.screen);
        assert_eq!(deployed.source().await["disconnected"], false);
        let mut terminal = Terminal::start(&deployed.slacktrail, &["disconnect", "acme"]);
        terminal.shows("Disconnect it?").await;
        terminal.enters("y").await;
        let shown = terminal.end().await;
        assert_eq!(shown.code, 0, "{}", shown.screen);
        assert!(!deployed.has_secret().await);
    }

    #[tokio::test]
    async fn backfill_shows_bar_and_ctrl_c_leaves_it_running() {
        let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
        deployed.tick().await;
        let (from, to) = deployed.days(60, 59);
        let arguments = ["backfill", "acme", "--log", "audit", "--from", &from, "--to", &to];
        let mut terminal = Terminal::start(&deployed.slacktrail, &arguments);
        terminal.shows("0 %").await;
        terminal.interrupts().await;
        let shown = terminal.end().await;
        assert_eq!(shown.code, 130, "{}", shown.screen);
        assert!(shown.screen.contains("continues in the background"), "{}", shown.screen);
        deployed.tick().await;
        deployed.archive().await.assert_exactly(&deployed.slack.world(), "acme", &[Log::Audit]);
    }

    #[tokio::test]
    async fn status_is_redrawn_until_ctrl_c() {
        let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
        let mut terminal = Terminal::start(&deployed.slacktrail, &["status", "--watch"]);
        terminal.shows("waiting").await;
        deployed.tick().await;
        terminal.shows("  ok  ").await;
        terminal.hides("waiting").await;
        terminal.interrupts().await;
        let shown = terminal.end().await;
        assert_eq!(shown.code, 0, "{}", shown.screen);
        assert!(shown.output.contains("\u{1b}[32mok\u{1b}[0m"), "states are colored in a terminal");
    }
}

#[tokio::test]
async fn replaced_token_is_used_from_next_tick_while_old_one_is_valid() {
    const NEW: &str = "xoxp-simulated-new";
    let Some(deployed) = Deployed::start(&[LogType::Audit]).await else { return };
    deployed.tick().await;
    deployed.slack.world().settings_mut().tokens.push(slacktrail_simulator::tenant::Token::organization(NEW));
    deployed.slacktrail.run_with(&["connect", "acme", "--token-stdin"], NEW).await.exits(0);
    deployed.slack.world().revoke(NEW); // shows which token the next tick uses
    deployed.tick_at(Timestamp::now() + SignedDuration::from_mins(1)).await; // a state of the second of `connect` does not count
    assert_eq!(deployed.state().await, "reauthorize", "the tick used the old token");
    assert!(!deployed.slack.world().refuses(ORGANIZATION));
}

#[tokio::test]
async fn settings_change_without_new_token() {
    let Some(deployed) = Deployed::start(&[LogType::Audit, LogType::Access]).await else { return };
    let ran = deployed.slacktrail.run(&["set", "acme", "--silent-after", "3d", "--name", "Acme Inc"]).await.exits(0);
    insta::assert_snapshot!(ran.stdout, @r"
    changed name of `acme`: Acme -> Acme Inc
    changed silent-after of `acme`: 24h -> 3d
    ");
    let ran = deployed.slacktrail.run(&["set", "acme", "--logs", "audit", "--json"]).await.exits(0).json();
    let change = json!([{ "setting": "logs", "before": "audit,access", "after": "audit" }]);
    assert_eq!((&ran["id"], &ran["changed"]), (&json!("acme"), &change));
    let source = deployed.source().await;
    assert_eq!((&source["label"], &source["silent_after_seconds"]), (&json!("Acme Inc"), &json!(259_200)));
    let again = deployed.slacktrail.run(&["set", "acme", "--logs", "audit"]).await.exits(0);
    assert_eq!(again.stdout, "`acme` already has these settings\n");
    let ran = deployed.slacktrail.run(&["set", "acme", "--logs", "access"]).await.exits(1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: the token of source `acme` cannot read `access` logs
    hint: run `slacktrail connect acme --logs access` to grant the scope `admin`
    ");
    let unknown = deployed.slacktrail.run(&["status", "other"]).await.exits(1);
    assert_eq!(
        unknown.stderr,
        "error: source `other` not found\nhint: use one of `acme` (`slacktrail sources` lists them)\n"
    );
}
