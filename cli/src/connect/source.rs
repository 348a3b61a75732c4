//! Builds the source to connect from the arguments and the existing source.

use slacktrail_connect::ConnectedTenant;
use slacktrail_core::source::{LogType, Plan, Source, SourceId};
use slacktrail_core::time::Second;
use slacktrail_ports::DeploymentStore;

use super::Arguments;
use crate::cli_error::CliError;
use crate::typed_time::Since;
use crate::{format, logs, prompt, terminal};

/// Returns the flags that a new source requires and that are missing.
pub(super) fn missing(args: &Arguments, existing: Option<&Source>) -> Vec<&'static str> {
    let given = [("`--name`", args.name.is_some()), ("`--plan`", args.plan.is_some())];
    let missing = given.into_iter().filter(|(_, given)| existing.is_none() && !given);
    missing.map(|(name, _)| name).collect()
}

/// Returns an error that names all missing flags. Its hint is an example command line that ends with `rest`, and `otherwise`.
pub(super) fn incomplete(args: &Arguments, missing: &[&str], rest: &str, otherwise: &str) -> CliError {
    let id = &args.id;
    let (list, verb) = (format::list(missing), if missing.len() == 1 { "is" } else { "are" });
    let example = format!("`slacktrail connect {id} --name \"Acme\" --plan enterprise {rest}`");
    CliError::new(format!("source `{id}` cannot be connected: {list} {verb} missing"))
        .hint(format!("run {example}, for example{otherwise}"))
}

/// Describes the command that tries again: the same command, with flags for the answers that were not stored.
pub(super) fn again(args: &Arguments, questions: &[&str]) -> String {
    let name = args.name.as_deref().filter(|_| questions.contains(&"`--name`"));
    let plan = args.plan.filter(|_| questions.contains(&"`--plan`"));
    let name = name.map(|name| format!("--name {}", terminal::shell_word(name)));
    let plan = plan.map(|plan| format!("--plan {}", plan.name()));
    let flags: Vec<String> = name.into_iter().chain(plan).collect();
    match flags.is_empty() {
        true => "the same command again".to_owned(),
        false => format!("the same command again with `{}`", flags.join(" ")),
    }
}

pub(super) fn ask(args: Arguments, existing: Option<&Source>) -> Result<Arguments, CliError> {
    if existing.is_some() {
        return Ok(args);
    }
    let name = match args.name {
        Some(name) => name,
        None => prompt::text("Name of the source:", |name| match name {
            "" => Err("the name is stored with each record and cannot be empty".to_owned()),
            name => Ok(name.to_owned()),
        })?,
    };
    let plan = match args.plan {
        Some(plan) => plan,
        None => choose_plan()?,
    };
    Ok(Arguments { name: Some(name), plan: Some(plan), ..args })
}

fn choose_plan() -> Result<Plan, CliError> {
    let label = |plan: Plan| {
        let logs: Vec<&str> = plan.logs().iter().map(|log| log.name()).collect();
        format!("{} ({} logs)", plan.slack_names(), format::list(&logs))
    };
    // A user who types instead of selecting an option types Slack's name of the plan.
    let is_typed = |typed: &str, index: usize| {
        let plan = Plan::ALL[index];
        typed.parse() == Ok(plan) || label(plan).to_lowercase().contains(&typed.trim().to_lowercase())
    };
    let chosen = prompt::choice("Slack plan:", Plan::ALL.map(label).to_vec(), &is_typed)?;
    Ok(Plan::ALL.into_iter().find(|plan| label(*plan) == chosen).unwrap_or(Plan::Pro))
}

/// Returns the source to connect: the existing or a new source, with the arguments applied. `--since` applies if any of its logs is not in
/// `collected`, because a log that is already being collected keeps its start.
pub(super) fn merge(
    args: &Arguments,
    existing: Option<Source>,
    collected: &[LogType],
    now: Second,
) -> Result<Source, CliError> {
    let since = args.since.map(|since| since.resolve(now)).transpose()?;
    let is_new = existing.is_none();
    let mut source = match (existing, &args.name, args.plan) {
        (Some(existing), ..) => existing,
        (None, Some(label), Some(plan)) => Source::new(args.id.clone(), label, plan, Since::DEFAULT.resolve(now)?),
        (None, ..) => return Err(incomplete(args, &missing(args, None), "--token-stdin < token.txt", "")),
    };
    source.label = args.name.clone().unwrap_or(source.label);
    source.plan = args.plan.unwrap_or(source.plan);
    source.logs = logs::on_plan(source.plan, if args.logs.is_empty() { &source.logs } else { &args.logs })?;
    if is_new || !source.logs.iter().all(|log| collected.contains(log)) {
        source.since = since.unwrap_or(source.since);
    }
    source.silent_after_seconds = args.silent_after.map_or(source.silent_after_seconds, |after| after.0);
    Ok(Source { gov: source.gov || args.gov, disconnected: false, connected_at: now, ..source })
}

/// Describes what reconnecting an existing source keeps.
pub(super) fn kept(existing: &Source) -> String {
    let with = existing.tenant.as_ref().map(|tenant| format!(" {tenant}:")).unwrap_or_default();
    let logs = logs::names(&existing.logs, ", ");
    format!(
        "source `{}` exists:{with} {logs} since {}\ncollection continues where it stopped, so an outage is collected too",
        existing.id, existing.since
    )
}

/// What a deployment knows about a source to connect.
pub(super) struct Stored {
    /// The source, if it is connected or was.
    pub(super) existing: Option<Source>,
    /// Its logs that are already being collected.
    pub(super) collected: Vec<LogType>,
    /// The tenants of all other sources.
    pub(super) others: Vec<ConnectedTenant>,
}

/// Returns what is stored about the source and about the other sources. A source that cannot be read is connected as a new one, as the hint
/// of its error says.
pub(super) async fn stored<T: DeploymentStore>(deployment: &T, id: &SourceId) -> Result<Stored, CliError> {
    let mut stored = deployment.load().await?;
    let collected = stored.cursors.keys().filter(|stream| stream.source == *id).map(|stream| stream.log).collect();
    let existing = stored.sources.remove(id).and_then(Result::ok);
    Ok(Stored { existing, collected, others: ConnectedTenant::of_others(stored.sources.values().flatten(), id) })
}

/// Returns `true` if the source is collected. Reconnecting it does not make another source collect the same records.
pub(super) fn is_collected(existing: Option<&Source>) -> bool {
    existing.is_some_and(|existing| !existing.disconnected && existing.tenant.is_some())
}

/// Returns a warning if `--since` is set but has no effect, because logs of the source are already being collected.
pub(super) fn since_without_effect(args: &Arguments, source: &Source, collected: &[LogType]) -> Option<CliError> {
    let first = source.logs.iter().find(|log| collected.contains(log)).filter(|_| args.since.is_some())?;
    let id = &args.id;
    Some(CliError::new("`--since` has no effect on logs that are already being collected").hint(format!(
        "run `slacktrail backfill {id} --log {first} --from <day> --to <day>` to collect earlier records"
    )))
}

#[cfg(test)]
mod tests {
    use super::super::tests::args;
    use super::*;
    use slacktrail_core::source::{SILENT_AFTER_SECONDS, Tenant};

    fn now() -> Second {
        Second::of("2026-11-22T17:00:00Z".parse().unwrap())
    }

    fn first() -> Source {
        merge(&args("acme --name Acme --plan enterprise --logs audit,access"), None, &[], now()).unwrap()
    }

    #[test]
    fn new_source_collects_all_plan_logs_since_one_week_ago() {
        let source = merge(&args("acme --name Acme --plan enterprise"), None, &[], now()).unwrap();
        assert_eq!(source.logs, LogType::ALL);
        assert_eq!(source.since.to_string(), "2026-11-15T17:00:00Z");
        assert_eq!((source.connected_at, source.silent_after_seconds), (now(), Some(SILENT_AFTER_SECONDS)));
    }

    #[test]
    fn all_missing_arguments_of_new_source_are_named() {
        for (line, expected) in [
            ("acme --plan pro", "source `acme` cannot be connected: `--name` is missing"),
            ("acme --name A", "source `acme` cannot be connected: `--plan` is missing"),
            ("acme", "source `acme` cannot be connected: `--name` and `--plan` are missing"),
        ] {
            assert_eq!(merge(&args(line), None, &[], now()).unwrap_err().to_string(), expected);
        }
        assert!(missing(&args("acme"), Some(&first())).is_empty());
    }

    #[test]
    fn unstored_answers_become_flags_of_next_command() {
        let args = Arguments { name: Some("Acme & Söhne".to_owned()), ..args("acme --plan business+") };
        assert_eq!(again(&args, &[]), "the same command again");
        assert_eq!(again(&args, &["`--name`"]), "the same command again with `--name 'Acme & Söhne'`");
        let both = "the same command again with `--name 'Acme & Söhne' --plan business`";
        assert_eq!(again(&args, &["`--name`", "`--plan`"]), both);
    }

    #[test]
    fn reconnect_keeps_settings_that_are_not_given() {
        let tenant = Some(Tenant { id: "E1".to_owned(), name: "Acme".to_owned() });
        let first = Source { paused: true, organization: true, tenant, silent_after_seconds: None, ..first() };
        let again = merge(&args("acme"), Some(first.clone()), &[], now().plus(60)).unwrap();
        assert_eq!(again, Source { connected_at: now().plus(60), ..first.clone() });
        let changed =
            merge(&args("acme --name B --logs audit --since now --silent-after 3d"), Some(first.clone()), &[], now())
                .unwrap();
        assert_eq!(
            (changed.label.as_str(), changed.logs.as_slice(), changed.since, changed.silent_after_seconds),
            ("B", &[LogType::Audit][..], now(), Some(259_200))
        );
        assert!(merge(&args("acme --plan pro"), Some(first), &[], now()).unwrap_err().to_string().contains("`audit`"));
    }

    #[test]
    fn since_applies_only_if_log_is_not_collected_yet() {
        let first = first();
        for since in ["now", "all"] {
            let merged = |line: &str, collected: &[LogType]| {
                merge(&args(&format!("{line} --since {since}")), Some(first.clone()), collected, now()).unwrap().since
            };
            assert_eq!(merged("acme", &[LogType::Access, LogType::Audit]), first.since);
            assert_ne!(merged("acme", &[LogType::Access]), first.since);
            assert_eq!(merged("acme --logs access", &[LogType::Access]), first.since);
            assert_ne!(merged("acme --logs access,integration", &[LogType::Access]), first.since);
        }
    }

    #[test]
    fn disconnected_source_can_be_reconnected() {
        let disconnected = Source { disconnected: true, ..first() };
        assert_eq!(merge(&args("acme"), Some(disconnected), &[], now()).unwrap(), first());
    }

    #[test]
    fn earlier_since_of_collected_log_suggests_backfill() {
        let source = Source { logs: vec![LogType::Access, LogType::Integration], ..first() };
        let warning = |line: &str, collected: &[LogType]| since_without_effect(&args(line), &source, collected);
        for collected in [&[LogType::Access][..], &[LogType::Audit, LogType::Access]] {
            let warning = warning("acme --since all", collected).unwrap();
            let backfill = "run `slacktrail backfill acme --log access";
            assert!(warning.next_action().unwrap().starts_with(backfill), "a log that the source collects: {warning}");
        }
        assert!(warning("acme --since all", &[]).is_none());
        assert!(warning("acme --since all", &[LogType::Audit]).is_none());
        assert!(warning("acme", &[LogType::Access]).is_none());
    }
}
