//! Tests that each error of each AWS call of each command is one sentence with a hint. `doctor` has its own tests. Without moto, the tests
//! print a note and pass.

use std::collections::BTreeSet;

use slacktrail_core::source::LogType;
use slacktrail_tests::aws_proxy::{AwsCall, AwsProxy, CannedResponse};

use crate::aws::{BUCKET, TABLE, described};
use crate::binary::{Ran, Slacktrail};
use crate::daily::Deployed;
use crate::slack::ORGANIZATION;

/// Each AWS call of the commands, and the permission that it needs.
const CALLS: [(&str, &str); 10] = [
    ("DescribeStacks", "`cloudformation:DescribeStacks` on the stack"),
    ("Query", "`dynamodb:Query` on `streams`"),
    ("GetItem", "`dynamodb:GetItem` on `streams`"),
    ("PutItem", "`dynamodb:PutItem` on `streams`"),
    ("GetSecretValue", "`secretsmanager:GetSecretValue` on `slacktrail/"),
    ("PutSecretValue", "`secretsmanager:PutSecretValue` on `slacktrail/"),
    ("DeleteSecret", "`secretsmanager:DeleteSecret` on `slacktrail/acme`"),
    ("CreateSecret", "`secretsmanager:CreateSecret` on `slacktrail/beta`"),
    ("ListObjects", "`s3:ListBucket` on `logs`"),
    ("GetObject", "`s3:GetObject` on `logs/*`"),
];

fn name(call: &AwsCall) -> String {
    match (call.action.as_str(), call.query().contains("list-type")) {
        ("GET", true) => "ListObjects".to_owned(),
        ("GET", false) => "GetObject".to_owned(),
        (action, _) => action.to_owned(),
    }
}

/// What AWS answers to a call.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Denied,
    KeyDenied,
    KeyDisabled,
    Expired,
    Skewed,
    WrongRegion,
    Throttled,
    Broken,
    Missing,
}

/// The faults to try with a call. Transient ones are retried, which takes seconds, so that few calls meet them.
fn faults_of(called: &str) -> Vec<Fault> {
    use Fault::{Broken, Denied, Expired, KeyDenied, KeyDisabled, Missing, Skewed, Throttled, WrongRegion};
    let mut faults = vec![Denied, Expired, Skewed];
    if called != "DescribeStacks" {
        faults.extend([KeyDenied, KeyDisabled]);
    }
    if ["ListObjects", "GetObject"].contains(&called) {
        faults.push(WrongRegion);
    }
    if ["DescribeStacks", "Query"].contains(&called) {
        faults.extend([Throttled, Broken]);
    }
    if !["PutSecretValue", "CreateSecret", "DeleteSecret"].contains(&called) {
        faults.push(Missing); // otherwise the secret may be missing
    }
    faults
}

/// The start of AWS's message for a denied action.
const USER: &str = "User: arn:aws:iam::123456789012:user/ann is not authorized to perform:";
const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/0f3c";

/// Returns AWS's response, or `None` if the service has no such error.
fn response(call: &AwsCall, fault: Fault) -> Option<CannedResponse> {
    let (permission, denied_key) = (permission(call), format!("{USER} kms:Decrypt on resource: {KEY}"));
    let denied = format!("{USER} {permission} because no identity-based policy allows the {permission} action");
    let skewed = "Signature expired: 20261120T000000Z is now earlier than 20261120T001500Z (20261120T002000Z - 5 min.)";
    Some(if call.target().is_some() {
        let is_secret = call.action.contains("Secret");
        let (code, message) = match fault {
            Fault::Denied => ("AccessDeniedException", denied.as_str()),
            Fault::KeyDenied if is_secret => ("AccessDeniedException", "Access to KMS is not allowed"),
            Fault::KeyDenied => ("AccessDeniedException", denied_key.as_str()),
            Fault::KeyDisabled if is_secret => {
                ("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text")
            }
            Fault::KeyDisabled => ("KMSDisabledException", "The key is disabled"),
            Fault::Expired => ("ExpiredTokenException", "The security token included in the request is expired"),
            Fault::Skewed => ("InvalidSignatureException", skewed),
            Fault::WrongRegion => return None,
            Fault::Throttled => ("ThrottlingException", "Rate exceeded"),
            Fault::Broken => return Some(CannedResponse::json(500, r#"{"__type":"InternalServerError"}"#)),
            Fault::Missing if is_secret => {
                ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
            }
            Fault::Missing => ("ResourceNotFoundException", "Requested resource not found"),
        };
        CannedResponse::json(400, format!(r#"{{"__type":"{code}","message":"{message}"}}"#))
    } else if call.action == "DescribeStacks" {
        let (status, code, message) = match fault {
            Fault::Denied => (403, "AccessDenied", denied.as_str()),
            Fault::Expired => (403, "ExpiredToken", "The security token included in the request is expired"),
            Fault::Skewed => (403, "SignatureDoesNotMatch", skewed),
            Fault::Throttled => (400, "Throttling", "Rate exceeded"),
            Fault::Broken => (500, "InternalFailure", ""),
            Fault::Missing => (400, "ValidationError", "Stack with id slacktrail does not exist"),
            Fault::KeyDenied | Fault::KeyDisabled | Fault::WrongRegion => return None,
        };
        let body =
            format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>");
        CannedResponse::new(status, "text/xml", body)
    } else {
        let (status, code, message) = match fault {
            Fault::Denied => (403, "AccessDenied", denied.as_str()),
            Fault::KeyDenied => (403, "AccessDenied", denied_key.as_str()),
            Fault::KeyDisabled => (400, "KMS.DisabledException", "The key is disabled"),
            Fault::Expired => (400, "ExpiredToken", "The provided token has expired."),
            Fault::Skewed => (
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            Fault::WrongRegion => (
                301,
                "PermanentRedirect",
                "The bucket you are attempting to access must be addressed using the specified endpoint.",
            ),
            Fault::Throttled => (503, "SlowDown", "Please reduce your request rate."),
            Fault::Broken => (500, "InternalError", "We encountered an internal error. Please try again."),
            Fault::Missing => (404, "NoSuchBucket", "The specified bucket does not exist"),
        };
        CannedResponse::s3_error(status, code, message)
    })
}

/// Returns the permission that a call needs, and its resource.
fn needed(called: &str) -> &'static str {
    CALLS.into_iter().find(|(call, _)| *call == called).expect("a call of the table").1
}

/// Returns the action in IAM's terms.
fn permission(call: &AwsCall) -> &'static str {
    needed(&name(call)).split('`').nth(1).unwrap()
}

/// The calls of each command. `{day}` is a day with stored objects.
const COMMANDS: [(&str, &str); 10] = [
    ("sources", "DescribeStacks Query"),
    ("status", "DescribeStacks Query"),
    ("set acme --silent-after 3d", "DescribeStacks Query GetItem PutItem"),
    ("pause acme", "DescribeStacks Query GetItem PutItem"),
    ("resume acme", "DescribeStacks Query GetItem PutItem"),
    ("backfill acme --log audit --day 2026-01-01 --detach", "DescribeStacks Query GetItem PutItem"),
    ("verify acme --log audit --day {day}", "DescribeStacks Query GetSecretValue ListObjects GetObject"),
    // connects again; the second command creates a secret
    ("connect acme --token-stdin", "DescribeStacks Query GetItem PutItem GetSecretValue PutSecretValue"),
    (
        "connect beta --name Beta --plan enterprise --token-stdin --force",
        "DescribeStacks Query GetItem PutItem GetSecretValue CreateSecret",
    ),
    ("disconnect acme --yes", "DescribeStacks Query GetItem PutItem GetSecretValue DeleteSecret"),
];

/// The deployment behind a proxy, and the command for it.
struct Faulty {
    aws: AwsProxy,
    slacktrail: Slacktrail,
    deployed: Deployed,
}

impl Faulty {
    async fn start() -> Option<Faulty> {
        let deployed = Deployed::start(&[LogType::Audit]).await?;
        deployed.tick().await;
        let aws = AwsProxy::start(deployed.moto.endpoint()).await;
        let stack = described(&[("BucketName", BUCKET), ("TableName", TABLE)]);
        aws.respond(move |call| {
            (call.action == "DescribeStacks").then(|| CannedResponse::new(200, "text/xml", stack.clone()))
        });
        let slacktrail = deployed.slacktrail.clone().with("AWS_ENDPOINT_URL", &aws.endpoint());
        let slacktrail = slacktrail.without("SLACKTRAIL_BUCKET").without("SLACKTRAIL_TABLE");
        let slacktrail = slacktrail.with("SLACKTRAIL_STACK", "slacktrail");
        Some(Faulty { aws, slacktrail, deployed })
    }

    /// Runs a command without a fault, and returns its calls.
    async fn calls(&self, command: &[&str]) -> BTreeSet<String> {
        self.aws.take();
        self.slacktrail.run_with(command, ORGANIZATION).await.exits(0);
        self.aws.take().iter().map(name).collect()
    }

    /// Runs a command, lets AWS answer each call of this name with an error, and checks what the command prints.
    async fn fails(&self, command: &[&str], called: &'static str, fault: Fault) {
        self.aws.respond(move |call| response(call, fault).filter(|_| name(call) == called));
        let Ran { code, stderr, .. } = self.slacktrail.run_with(command, ORGANIZATION).await;
        self.aws.keep(1);
        let what = format!("{command:?}, {called}, {fault:?}: exit code {code}\n{stderr}");
        assert_eq!(code, if command[0] == "verify" { 3 } else { 1 }, "{what}");
        let number = |start: &str| stderr.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!((number("error: "), number("hint: ")), (1, 1), "{what}");
        for internal in ["unhandled", "Error", "failure", "Sdk", "{", "Some(", "xml", "panicked"] {
            let words = stderr.replace("RequestTimeTooSkewed", "").replace("InternalServerError", "");
            let words =
                words.replace("InternalError", "").replace("InternalFailure", "").replace("DecryptionFailure", "");
            assert!(!words.contains(internal), "{internal} in {what}");
        }
        let hint = stderr.lines().find(|line| line.starts_with("hint: ")).unwrap();
        let (named, expected) = match fault {
            Fault::Denied => (&*stderr, needed(called)),
            Fault::KeyDenied => (&*stderr, "needed: `kms:Decrypt` on the KMS key"),
            Fault::KeyDisabled => (hint, "check that the KMS key is enabled"),
            Fault::Expired | Fault::Skewed => (hint, "`aws login` or `aws sso login`), and check th"),
            Fault::WrongRegion => (hint, "set `AWS_REGION` to the region of the bucket"),
            Fault::Throttled | Fault::Broken => (hint, "run the command again in a minute"),
            Fault::Missing => (&*stderr, " does not exist"),
        };
        assert!(named.contains(expected), "no {expected:?} in {what}");
    }
}

#[tokio::test]
async fn each_error_of_each_aws_call_is_one_sentence_with_hint() {
    let Some(faulty) = Faulty::start().await else { return };
    let day = faulty.deployed.slack.hours_before(20).strftime("%Y-%m-%d").to_string();
    let mut tried = BTreeSet::new();
    for (command, calls) in COMMANDS {
        let command = command.replace("{day}", &day);
        let command: Vec<&str> = command.split(' ').collect();
        for called in calls.split(' ') {
            // A command only shows the error of a call, so that one command tries all errors.
            let faults = if tried.insert(called) { faults_of(called) } else { vec![Fault::Denied] };
            for fault in faults {
                faulty.fails(&command, called, fault).await;
            }
        }
        let calls: BTreeSet<String> = calls.split(' ').map(str::to_owned).collect();
        assert_eq!(faulty.calls(&command).await, calls, "{command:?}");
    }
    assert_eq!(tried, CALLS.map(|(call, _)| call).into());
}
