//! `role_policies`: the functions' roles can access only the secrets below the prefix, and the OAuth function's role cannot create log
//! objects.
//!
//! Reads the roles' inline and attached policies. Denials and a permissions boundary can only remove permissions from these.

use aws_sdk_iam::Client;
use aws_sdk_iam::error::ProvideErrorMetadata;
use percent_encoding::percent_decode_str;

use super::bucket_policy::log_prefixes;
use super::policy::{self, Statement, is_match, reaches_below};
use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};

/// The actions that the functions need on a secret.
const SECRET_ACTIONS: [&str; 2] = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"];
/// An example of a secret's name after the prefix. AWS appends a hyphen and six characters to each name.
const SOME_SECRET: &str = "a-AbCdEf";
/// A role's policy, with its statements that allow something.
struct Policy {
    name: String,
    statements: Vec<Statement>,
}

pub(super) async fn check(facts: &Facts) -> Verdict {
    let (poller, oauth, deployed) = (facts.poller.get()?, facts.oauth.get()?, facts.deployed.get()?);
    let client = Client::new(&facts.config);
    for function in [poller, oauth] {
        let role = function.role.rsplit('/').next().unwrap_or_default();
        let policies = read(&client, role).await?;
        judge_secrets(role, &policies, &secrets_below(&function.arn, &deployed.secret_prefix))?;
        if function.arn == oauth.arn {
            judge_uploads(role, &policies, &log_prefixes(deployed))?;
        }
    }
    let prefix = &deployed.secret_prefix;
    Ok(format!(
        "both roles can access the secrets below `{prefix}` and no others; the OAuth role cannot create log objects"
    ))
}

/// Returns the ARN prefix of the secrets whose names start with `prefix`.
fn secrets_below(function_arn: &str, prefix: &str) -> String {
    let parts: Vec<&str> = function_arn.splitn(6, ':').collect(); // arn:aws:lambda:<region>:<account>:function:<name>
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    format!("arn:{}:secretsmanager:{}:{}:secret:{prefix}", part(1), part(3), part(4))
}

/// Fails unless the policies allow [`SECRET_ACTIONS`] on the secrets below an ARN prefix and on no others.
fn judge_secrets(role: &str, policies: &[Policy], below: &str) -> Result<(), Problem> {
    for action in SECRET_ACTIONS {
        let mut is_allowed = false;
        for (policy, statement) in covering(policies, action) {
            for resource in statement.resources() {
                ensure(
                    resource.starts_with(below),
                    format!(
                        "the role `{role}` can access other secrets: statement `{}` of its policy `{}` allows `{action}` on \
                         `{resource}`",
                        statement.id(),
                        policy.name
                    ),
                    restore(policy),
                )?;
                is_allowed |= is_match(resource, &format!("{below}{SOME_SECRET}"));
            }
        }
        ensure(
            is_allowed,
            format!("no policy of the role `{role}` allows `{action}` on `{below}*`"),
            "deploy the stack again, or restore the role's policy from the template",
        )?;
    }
    Ok(())
}

/// Fails if the policies allow uploads below the log prefixes.
fn judge_uploads(role: &str, policies: &[Policy], log_prefixes: &[String]) -> Result<(), Problem> {
    for (policy, statement) in covering(policies, "s3:PutObject") {
        let reaches = |resource: &&str| log_prefixes.iter().any(|prefix| reaches_below(resource, prefix));
        ensure(
            !statement.resources().iter().any(reaches),
            format!(
                "the role `{role}` can create log objects: statement `{}` of its policy `{}` allows `s3:PutObject`",
                statement.id(),
                policy.name
            ),
            restore(policy),
        )?;
    }
    Ok(())
}

fn covering<'a>(policies: &'a [Policy], action: &'a str) -> impl Iterator<Item = (&'a Policy, &'a Statement)> {
    let all = policies.iter().flat_map(|policy| policy.statements.iter().map(move |statement| (policy, statement)));
    all.filter(move |(_, statement)| statement.covers(action))
}

fn restore(policy: &Policy) -> String {
    format!("remove the statement, or detach the policy `{}`, because the template does not define it", policy.name)
}

async fn read(client: &Client, role: &str) -> Result<Vec<Policy>, Problem> {
    let names = client.list_role_policies().role_name(role).into_paginator().items().send().try_collect().await;
    let names: Vec<String> = names.map_err(|error| match error.code() {
        Some("NoSuchEntity") => {
            Problem::failed(format!("the role `{role}` does not exist"), "deploy the stack again to restore the role")
        }
        _ => problem("iam:ListRolePolicies")(error),
    })?;
    let mut policies = Vec::new();
    for name in names {
        let response = client.get_role_policy().role_name(role).policy_name(&name).send().await;
        let response = response.map_err(problem("iam:GetRolePolicy"))?;
        policies.push(Policy::of(name, response.policy_document())?);
    }
    let attached = client.list_attached_role_policies().role_name(role).into_paginator().items().send();
    let attached = attached.try_collect().await.map_err(problem("iam:ListAttachedRolePolicies"))?;
    for arn in attached.into_iter().filter_map(|policy| policy.policy_arn) {
        let response = client.get_policy().policy_arn(&arn).send().await.map_err(problem("iam:GetPolicy"))?;
        let version = response.policy().and_then(|policy| policy.default_version_id()).unwrap_or_default();
        let response = client.get_policy_version().policy_arn(&arn).version_id(version).send().await;
        let response = response.map_err(problem("iam:GetPolicyVersion"))?;
        let document = response.policy_version().and_then(|version| version.document()).unwrap_or_default();
        policies.push(Policy::of(arn, document)?);
    }
    Ok(policies)
}

impl Policy {
    /// Parses a policy document as IAM returns it: percent-encoded JSON.
    fn of(name: String, document: &str) -> Result<Policy, Problem> {
        let statements = policy::allowing(&percent_decode_str(document).decode_utf8_lossy()).ok_or_else(|| {
            Problem::failed(format!("the policy `{name}` is invalid"), "check the policy in the IAM console")
        })?;
        Ok(Policy { name, statements })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const BELOW: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:slacktrail/";

    fn policies(statements: Value) -> Vec<Policy> {
        vec![Policy::of("p".to_owned(), &json!({ "Statement": statements }).to_string()).unwrap()]
    }

    fn reading(resource: &str) -> Vec<Policy> {
        policies(json!([{"Effect": "Allow", "Action": SECRET_ACTIONS, "Resource": resource}]))
    }

    #[test]
    fn secret_arn_has_account_and_region_of_function() {
        assert_eq!(
            secrets_below("arn:aws:lambda:eu-west-1:123456789012:function:slacktrail-poller", "slacktrail/"),
            BELOW
        );
    }

    #[test]
    fn role_reaches_only_secrets_below_its_prefix() {
        let judge = |policies: &[Policy]| judge_secrets("r", policies, BELOW);
        assert_eq!(judge(&reading(&format!("{BELOW}*"))), Ok(()));
        for wide in ["*", "arn:aws:secretsmanager:*:123456789012:secret:slacktrail/*", &BELOW.replace("trail/", "*")] {
            assert!(judge(&reading(wide)).is_err(), "{wide}");
        }
        assert!(judge(&reading(&format!("{BELOW}acme-??????"))).is_err(), "not every secret below the prefix");
        assert!(judge(&policies(json!([]))).is_err());
        let mut attached = reading(&format!("{BELOW}*"));
        attached.extend(policies(json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})));
        assert!(judge(&attached).is_err());
    }

    #[test]
    fn uploads_below_log_prefixes_are_found() {
        let judge = |resource: &str| {
            let statements =
                json!([{"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::other/*", resource]}]);
            judge_uploads("r", &policies(statements), &["arn:aws:s3:::logs/audit/".to_owned()])
        };
        assert!(judge("arn:aws:s3:::logs/audit/*").is_err());
        assert!(judge("*").is_err());
        assert!(judge("arn:aws:s3:::logs/inventory/*").is_ok());
    }

    #[test]
    fn policy_documents_are_decoded() {
        for document in
            ["%7B%22Statement%22%3A%7B%22Sid%22%3A%20%22%C3%A9+%25%22%7D%7D", r#"{"Statement":{"Sid":"é+%"}}"#]
        {
            assert_eq!(Policy::of("p".to_owned(), document).unwrap().statements[0].id(), "é+%");
        }
    }
}
