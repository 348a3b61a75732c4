//! `secrets` and `secret_policies`: each connected source has its secret, and no resource policy grants access to one. Reads no secret
//! value.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use slacktrail_adapters::aws::connect_table_and_secrets;
use slacktrail_ports::DeploymentStore;

use super::policy;
use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::format::{counted, counted_as};

pub(super) async fn exist(facts: &Facts) -> Verdict {
    let ids = read_sources(facts).await?;
    let (client, prefix) = (Client::new(&facts.config), &facts.deployed.get()?.secret_prefix);
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
    let have = counted_as(ids.len() as u64, "source has its", "sources have their");
    Ok(format!("{have} secret below `{prefix}`"))
}

pub(super) async fn policies(facts: &Facts) -> Verdict {
    let ids = facts.sources.get()?;
    let (client, prefix) = (Client::new(&facts.config), &facts.deployed.get()?.secret_prefix);
    for id in ids {
        let name = format!("{prefix}{id}");
        let response = client.get_resource_policy().secret_id(&name).send().await;
        let response = match response {
            Err(error) if error.code() == Some("ResourceNotFoundException") => continue, // `secrets` has already reported the missing secret
            response => response.map_err(problem("secretsmanager:GetResourcePolicy"))?,
        };
        ensure(
            !response.resource_policy().is_some_and(grants_access),
            format!("the resource policy of secret `{name}` grants access to it"),
            format!(
                "delete the policy unless another system needs the token: `aws secretsmanager delete-resource-policy --secret-id {name}`"
            ),
        )?;
    }
    let secrets = counted(ids.len() as u64, "secret");
    Ok(format!("no resource policy grants access to a secret; checked {secrets}"))
}

/// Reads the IDs of the connected sources. A disconnected source has no secret.
async fn read_sources(facts: &Facts) -> Result<&Vec<String>, Problem> {
    let deployed = facts.deployed.get()?;
    let (table, _) = connect_table_and_secrets(&facts.config, &deployed.table, &deployed.secret_prefix);
    let sources = table.load().await?.sources.into_values().flatten().filter(|source| !source.disconnected);
    let ids: Vec<String> = sources.map(|source| source.id.to_string()).collect();
    if ids.is_empty() {
        return Err(Problem::skipped_until(
            "no source is connected yet",
            "run `slacktrail connect <id>` to connect one",
        ));
    }
    facts.sources.set(ids);
    facts.sources.get()
}

/// Returns `true` if the policy has a statement that allows anything. slacktrail's functions need none, because their roles have the
/// permissions.
fn grants_access(policy: &str) -> bool {
    policy::allowing(policy).is_none_or(|statements| !statements.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_policy_with_only_denials_admits_no_principal() {
        for (policy, expected) in [
            (r#"{"Statement":[{"Effect":"Deny","Principal":"*"}]}"#, false),
            (r#"{"Statement":[]}"#, false),
            (r#"{"Statement":{"Effect":"Allow","Principal":"*"}}"#, true),
            (r#"{"Statement":[{"Effect":"Deny"},{"Effect":"Allow"}]}"#, true),
            ("not JSON", true),
        ] {
            assert_eq!(grants_access(policy), expected, "{policy}");
        }
    }
}
