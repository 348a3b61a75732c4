//! What a role grants, and what a function asked for: IAM's own comparison, for roles that only allow, and on no condition but one:
//! `dynamodb:LeadingKeys`, which limits a role to some partition keys of a table.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::counting_proxy::Call;
use crate::emulated_aws::{ACCOUNT_ID, REGION};

/// An action on a resource: granted, where both may hold `*` and `?`, or asked for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Permission {
    /// Such as `s3:GetObject`.
    pub action: String,
    /// An ARN; of items of a table, followed by `#` and their partition key.
    pub resource: String,
}

/// The one condition that is known here.
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
    /// What it is for.
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

/// What was compared, and does not agree.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Disagreement {
    /// Asked for, and not granted: AWS would refuse it.
    pub ungranted: BTreeSet<Permission>,
    /// Granted, and never asked for.
    pub unused: BTreeSet<Permission>,
}

impl Statement {
    /// Every action with every resource, and with every partition key that it is limited to.
    ///
    /// # Panics
    /// When the statement denies: that is not compared here.
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

/// Compares what is granted with what was asked for.
pub fn compare(granted: &[Permission], asked: &[Permission]) -> Disagreement {
    Disagreement {
        ungranted: asked.iter().filter(|asked| !granted.iter().any(|one| one.covers(asked))).cloned().collect(),
        unused: granted.iter().filter(|one| !asked.iter().any(|asked| one.covers(asked))).cloned().collect(),
    }
}

impl Permission {
    /// What a call needs (Service Authorization Reference, actions of the four services).
    ///
    /// # Panics
    /// When it is a call of which that is not known here: find its action there, and say it here.
    pub fn needed_for(call: &Call) -> Permission {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let (action, resource) = match call.target.as_deref().and_then(|target| target.split_once('.')) {
            Some(("DynamoDB_20120810", action)) => {
                assert!(
                    !action.contains("Transact") && !action.contains("Batch"),
                    "{action} needs what its parts need"
                );
                let table = arn("dynamodb", &format!("table/{}", text(&body["TableName"])));
                (format!("dynamodb:{action}"), format!("{table}#{}", partition_key(&body)))
            }
            Some(("secretsmanager", action)) => {
                let secret = format!("secret:{}-AbCdEf", text(&body["SecretId"])); // AWS appends six characters to the name
                (format!("secretsmanager:{action}"), arn("secretsmanager", &secret))
            }
            Some(_) => panic!("of which service is {call:?}?"),
            None => match call.uri.strip_prefix("/2015-03-31/functions/") {
                Some(rest) => {
                    let function = rest.strip_suffix("/invocations").unwrap_or_else(|| panic!("what is {call:?}?"));
                    ("lambda:InvokeFunction".to_owned(), arn("lambda", &format!("function:{function}")))
                }
                None => needed_by_s3(call),
            },
        };
        Permission { action, resource }
    }

    /// Whether what is granted here allows what is asked for there.
    fn covers(&self, asked: &Permission) -> bool {
        matches(self.action.as_bytes(), asked.action.as_bytes())
            && matches(self.resource.as_bytes(), asked.resource.as_bytes())
    }
}

/// The partition key of a call to DynamoDB: of the item that it puts or gets, or of those that it queries.
fn partition_key(body: &Value) -> &str {
    let found = [&body["Item"]["pk"], &body["Key"]["pk"], &body["ExpressionAttributeValues"][":pk"]];
    found.into_iter().find_map(|key| key["S"].as_str()).unwrap_or_else(|| panic!("which partition is {body}?"))
}

/// S3 names its action nowhere: it is the method, and whether the path is a bucket's or an object's.
fn needed_by_s3(call: &Call) -> (String, String) {
    let path = call.uri.split('?').next().unwrap_or_default().trim_matches('/');
    let action = match (call.method.as_str(), path.contains('/')) {
        ("GET" | "HEAD", true) => "s3:GetObject",
        ("PUT", true) => "s3:PutObject",
        ("GET" | "HEAD", false) => "s3:ListBucket",
        _ => panic!("what does {call:?} need?"),
    };
    (action.to_owned(), format!("arn:aws:s3:::{path}"))
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether `text` is of `pattern`, in which `*` is any text and `?` any one character.
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
        .expect("a statement of a policy");
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
        let call = |method: &str, uri: &str, target: Option<&str>, body: &str| Call {
            method: method.to_owned(),
            uri: uri.to_owned(),
            target: target.map(str::to_owned),
            body: body.to_owned().into(),
            at: std::time::Instant::now(),
        };
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
