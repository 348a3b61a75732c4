//! `secrets` and `secret_policies`: each source has its secret, and no policy opens one to others. No value is read.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use slacktrail_adapters::aws::connect_table_and_secrets;
use slacktrail_ports::DeploymentStore;

use super::policy;
use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};

pub(super) async fn exist(facts: &Facts) -> Verdict {
    let ids = read_sources(facts).await?;
    let (client, prefix) = (Client::new(&facts.config), &facts.deployed()?.secret_prefix);
    for id in ids {
        let name = format!("{prefix}{id}");
        let described = client.describe_secret().secret_id(&name).send().await;
        let absent = |state: &str| {
            Problem::failed(
                format!("the secret `{name}` of source `{id}` {state}"),
                format!("connect the source again: `slacktrail connect {id}`"),
            )
        };
        let described = described.map_err(|error| match error.code() {
            Some("ResourceNotFoundException") => absent("does not exist"),
            _ => problem("secretsmanager:DescribeSecret")(error),
        })?;
        if described.deleted_date().is_some() {
            return Err(absent("is scheduled for deletion"));
        }
    }
    Ok(format!("{} sources have their secret below `{prefix}`", ids.len()))
}

pub(super) async fn policies(facts: &Facts) -> Verdict {
    let ids = facts.sources()?;
    let (client, prefix) = (Client::new(&facts.config), &facts.deployed()?.secret_prefix);
    for id in ids {
        let name = format!("{prefix}{id}");
        let told = client.get_resource_policy().secret_id(&name).send().await;
        let told = match told {
            Err(error) if error.code() == Some("ResourceNotFoundException") => continue, // the check before this one tells
            told => told.map_err(problem("secretsmanager:GetResourcePolicy"))?,
        };
        ensure(
            !told.resource_policy().is_some_and(lets_others_in),
            format!("the resource policy of secret `{name}` lets other principals in"),
            format!(
                "delete the policy if nobody else needs the token: `aws secretsmanager delete-resource-policy --secret-id {name}`"
            ),
        )?;
    }
    Ok(format!("no resource policy opens a secret to others; {} secrets were looked at", ids.len()))
}

/// Reads the ids of the sources that have a secret: all but those that are disconnected.
async fn read_sources(facts: &Facts) -> Result<&Vec<String>, Problem> {
    let deployed = facts.deployed()?;
    let (table, _) = connect_table_and_secrets(&facts.config, &deployed.table, &deployed.secret_prefix);
    let loaded = table.load().await?;
    let mut ids = Vec::new();
    for (id, source) in loaded.sources {
        if source.is_ok_and(|source| !source.disconnected) {
            ids.push(id.to_string());
        }
    }
    if ids.is_empty() {
        return Err(Problem::skipped_until(
            "no source is connected yet",
            "connect one (`slacktrail connect <id> --help`)",
        ));
    }
    Ok(facts.sources.get_or_init(|| ids))
}

/// Returns `true` if a statement of the policy allows anything: slacktrail's functions need none, because their roles allow it.
fn lets_others_in(policy: &str) -> bool {
    policy::allowing(policy).is_none_or(|statements| !statements.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_policy_with_only_denials_admits_no_principal() {
        for (policy, lets_in) in [
            (r#"{"Statement":[{"Effect":"Deny","Principal":"*"}]}"#, false),
            (r#"{"Statement":[]}"#, false),
            (r#"{"Statement":{"Effect":"Allow","Principal":"*"}}"#, true),
            (r#"{"Statement":[{"Effect":"Deny"},{"Effect":"Allow"}]}"#, true),
            ("not JSON", true),
        ] {
            assert_eq!(lets_others_in(policy), lets_in, "{policy}");
        }
    }
}
