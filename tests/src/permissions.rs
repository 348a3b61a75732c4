//! Compares the permissions that a role grants with the calls that a function made, like IAM.
//!
//! Statements may only allow, and the only supported condition is `dynamodb:LeadingKeys`, which limits a role to some partition keys.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::aws_proxy::AwsCall;
use crate::emulated_aws::{ACCOUNT_ID, REGION};

/// An action on a resource, either granted or requested. A granted one may contain the wildcards `*` and `?`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Permission {
    /// The IAM action, such as `s3:GetObject`.
    pub action: String,
    /// The ARN. For items of a table, `#` and their partition key follow.
    pub resource: String,
}

/// The only supported condition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    #[serde(rename = "ForAllValues:StringEquals")]
    equals: LeadingKeys,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeadingKeys {
    #[serde(rename = "dynamodb:LeadingKeys")]
    keys: OneOrMany,
}

/// A statement of a role's policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    /// The statement ID, which says what the statement is for.
    pub sid: String,
    effect: String,
    action: OneOrMany,
    resource: OneOrMany,
    condition: Option<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// The differences between granted and requested permissions.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Disagreement {
    /// Requested but not granted. AWS would reject the call.
    pub ungranted: BTreeSet<Permission>,
    /// Granted but never requested.
    pub unused: BTreeSet<Permission>,
}

impl Statement {
    /// Returns a permission for each combination of action, resource and partition key. Denials are not supported.
    pub fn permissions(&self) -> Vec<Permission> {
        assert_eq!(self.effect, "Allow", "{self:?}");
        let pairs = self.action.all().iter().flat_map(|action| self.resource.all().iter().map(move |on| (action, on)));
        let keys = self.condition.as_ref().map(|condition| condition.equals.keys.all());
        let resources = |on: &String| match keys {
            None => vec![on.clone()],
            Some(keys) => keys.iter().map(|key| format!("{on}#{key}")).collect(),
        };
        let of = |(action, on): (&String, &String)| {
            let permission = |resource| Permission { action: action.clone(), resource };
            resources(on).into_iter().map(permission).collect::<Vec<_>>()
        };
        pairs.flat_map(of).collect()
    }
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            OneOrMany::One(one) => std::slice::from_ref(one),
            OneOrMany::Many(many) => many,
        }
    }
}

/// Compares granted with requested permissions.
pub fn compare(granted: &[Permission], asked: &[Permission]) -> Disagreement {
    Disagreement {
        ungranted: asked.iter().filter(|asked| !granted.iter().any(|one| one.covers(asked))).cloned().collect(),
        unused: granted.iter().filter(|one| !asked.iter().any(|asked| one.covers(asked))).cloned().collect(),
    }
}

impl Permission {
    /// Returns the permission that a call requires (AWS Service Authorization Reference).
    ///
    /// Look up the action of an unsupported call in the reference, and add it here.
    pub fn needed_for(call: &AwsCall) -> Permission {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let (action, resource) = match call.target().and_then(|target| target.split_once('.')) {
            Some(("DynamoDB_20120810", action)) => {
                assert!(
                    !action.contains("Transact") && !action.contains("Batch"),
                    "{action} requires the permissions of its parts"
                );
                let table = arn("dynamodb", &format!("table/{}", text(&body["TableName"])));
                (format!("dynamodb:{action}"), format!("{table}#{}", partition_key(&body)))
            }
            Some(("secretsmanager", action)) => {
                let secret = format!("secret:{}-AbCdEf", text(&body["SecretId"])); // AWS appends six characters to the name
                (format!("secretsmanager:{action}"), arn("secretsmanager", &secret))
            }
            Some(_) => panic!("unsupported service: {call:?}"),
            None => match call.path().strip_prefix("/2015-03-31/functions/") {
                Some(rest) => {
                    let function = rest
                        .strip_suffix("/invocations")
                        .unwrap_or_else(|| panic!("unsupported Lambda call: {call:?}"));
                    ("lambda:InvokeFunction".to_owned(), arn("lambda", &format!("function:{function}")))
                }
                None => required_by_s3(call),
            },
        };
        Permission { action, resource }
    }

    /// Returns `true` if this granted permission allows the requested one.
    fn covers(&self, asked: &Permission) -> bool {
        matches(self.action.as_bytes(), asked.action.as_bytes())
            && matches(self.resource.as_bytes(), asked.resource.as_bytes())
    }
}

/// Returns the partition key of a DynamoDB call: of the item to put or get, or of the items to query.
fn partition_key(body: &Value) -> &str {
    let found = [&body["Item"]["pk"], &body["Key"]["pk"], &body["ExpressionAttributeValues"][":pk"]];
    found.into_iter().find_map(|key| key["S"].as_str()).unwrap_or_else(|| panic!("no partition key in {body}"))
}

/// Returns the action and the resource of an S3 call. The method, and whether the path names an object, determine the action.
fn required_by_s3(call: &AwsCall) -> (String, String) {
    let path = call.path().trim_matches('/');
    let action = match (call.method.as_str(), path.contains('/')) {
        ("GET" | "HEAD", true) => "s3:GetObject",
        ("PUT", true) => "s3:PutObject",
        ("GET" | "HEAD", false) => "s3:ListBucket",
        _ => panic!("unsupported S3 call: {call:?}"),
    };
    (action.to_owned(), format!("arn:aws:s3:::{path}"))
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns `true` if `text` matches `pattern`, where `*` matches any text and `?` any single byte.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
        ([b'?', pattern @ ..], [_, text @ ..]) => matches(pattern, text),
        ([one, pattern @ ..], [other, text @ ..]) => one == other && matches(pattern, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(action: &str, resource: &str) -> Permission {
        Permission { action: action.to_owned(), resource: resource.to_owned() }
    }

    #[test]
    fn iam_patterns_match_as_in_aws() {
        for (pattern, text, is_matched) in [
            ("s3:GetObject", "s3:GetObject", true),
            ("s3:GetObject", "s3:GetObjectAcl", false),
            ("s3:Get*", "s3:GetObject", true),
            ("arn:aws:s3:::logs/audit/*", "arn:aws:s3:::logs/audit/2026/11/22/acme-000001.json.gz", true),
            ("arn:aws:s3:::logs/audit/*", "arn:aws:s3:::logs/access/2026", false),
            ("*a?c", "xxabc", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), is_matched, "{pattern} {text}");
        }
    }

    #[test]
    fn leading_keys_limit_permission_to_their_items() {
        let statement: Statement = serde_json::from_value(serde_json::json!({
            "Sid": "S", "Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "t",
            "Condition": { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["source", "authorization"] } },
        }))
        .expect("a policy statement");
        let granted = statement.permissions();
        assert_eq!(granted.len(), 2);
        let asked = [permission("dynamodb:PutItem", "t#cursor")];
        assert_eq!(compare(&granted, &asked).ungranted, asked.into());
    }

    #[test]
    fn missing_and_excess_permissions_are_both_found() {
        let asked = [permission("s3:GetObject", "arn:aws:s3:::logs/audit/1")];
        let granted = permission("s3:GetObject", "arn:aws:s3:::logs/audit/*");
        let more = permission("s3:DeleteObject", "arn:aws:s3:::logs/audit/*");
        assert_eq!(compare(std::slice::from_ref(&granted), &asked), Disagreement::default());
        assert_eq!(compare(&[], &asked).ungranted, asked.into());
        let asked = [permission("s3:GetObject", "arn:aws:s3:::logs/audit/1")];
        assert_eq!(compare(&[granted, more.clone()], &asked).unused, [more].into());
    }

    #[test]
    fn call_needs_action_of_its_service_on_named_resource() {
        let call = AwsCall::new;
        for (call, action, resource) in [
            (call("PUT", "/logs/audit/1?x-id=PutObject", None, ""), "s3:PutObject", "arn:aws:s3:::logs/audit/1"),
            (call("GET", "/logs/?list-type=2", None, ""), "s3:ListBucket", "arn:aws:s3:::logs"),
            (
                call(
                    "POST",
                    "/",
                    Some("DynamoDB_20120810.Query"),
                    r#"{"TableName":"t","ExpressionAttributeValues":{":pk":{"S":"source"}}}"#,
                ),
                "dynamodb:Query",
                "arn:aws:dynamodb:us-east-1:123456789012:table/t#source",
            ),
            (
                call("POST", "/", Some("secretsmanager.GetSecretValue"), r#"{"SecretId":"slacktrail/acme"}"#),
                "secretsmanager:GetSecretValue",
                "arn:aws:secretsmanager:us-east-1:123456789012:secret:slacktrail/acme-AbCdEf",
            ),
            (
                call("POST", "/2015-03-31/functions/poller/invocations", None, ""),
                "lambda:InvokeFunction",
                "arn:aws:lambda:us-east-1:123456789012:function:poller",
            ),
        ] {
            assert_eq!(Permission::needed_for(&call), permission(action, resource));
        }
    }
}
