//! Tests the usual ways to sign in to AWS. A server on loopback replaces AWS. It issues credentials, and records which credentials sign
//! the call that reads the stack.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use slacktrail_tests::loopback::serve;
use tempfile::TempDir;

use crate::aws::described;
use crate::binary::Slacktrail;

/// The secret that a container or an instance presents to get its role's credentials.
const TOKEN: &str = "metadata-token";

/// A server that replaces AWS, and the user's home directory.
struct Aws {
    endpoint: String,
    /// The access key of each call that reads the stack.
    callers: Arc<Mutex<Vec<String>>>,
    home: TempDir,
}

impl Aws {
    async fn start() -> Aws {
        let callers = Arc::<Mutex<Vec<String>>>::default();
        let recorded = Arc::clone(&callers);
        let routes = Router::new().fallback(move |request| respond(request, Arc::clone(&recorded)));
        Aws { endpoint: format!("http://{}", serve(routes).await), callers, home: tempfile::tempdir().unwrap() }
    }

    /// Returns the command of a user with no settings except `~/.aws/config`.
    fn slacktrail(&self, config: &str) -> Slacktrail {
        self.write(".aws/config", config);
        Slacktrail::alone().with_all([
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("HOME", self.home.path().to_str().unwrap()),
            ("PATH", "/usr/bin:/bin"), // for the shell that runs a credential process
            ("SLACKTRAIL_STACK", "slacktrail"),
        ])
    }

    /// Writes a file below the home directory.
    fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Runs a command that reads the stack, and returns the access key that it used.
    async fn caller(&self, slacktrail: Slacktrail) -> String {
        let ran = slacktrail.run(&["sources"]).await.exits(1);
        assert!(ran.stderr.contains("has no output `BucketName`"), "{}", ran.stderr);
        let callers = self.callers.lock().unwrap();
        assert_eq!(callers.len(), 1, "{callers:?}");
        callers[0].clone()
    }

    /// Runs a command without usable credentials, and returns its error, which has one line, and its hint.
    async fn error_without_credentials(&self, slacktrail: Slacktrail, flags: &[&str]) -> (String, String) {
        let ran = slacktrail.run(&[&["sources"], flags].concat()).await.exits(1);
        assert_eq!(*self.callers.lock().unwrap(), [""; 0], "{}", ran.stderr);
        let lines: Vec<&str> = ran.stderr.lines().collect();
        let [error, hint] = lines[..] else { panic!("{}", ran.stderr) };
        for internal in ["ProviderError", "dispatch failure", "Attempted", "{"] {
            assert!(!ran.stderr.contains(internal), "the error contains the SDK's internals: {}", ran.stderr);
        }
        (error.strip_prefix("error: ").unwrap().to_owned(), hint.strip_prefix("hint: ").unwrap().to_owned())
    }
}

/// Responds as CloudFormation, STS, IAM Identity Center, a container's agent, and an instance's metadata service.
async fn respond(request: Request, callers: Arc<Mutex<Vec<String>>>) -> Response {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap_or(Bytes::new()).to_vec()).unwrap();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has_metadata_token = [header("x-aws-ec2-metadata-token"), header("authorization")].contains(&TOKEN);
    match (head.method.as_str(), head.uri.path()) {
        ("POST", "/") if body.contains("Action=DescribeStacks") => {
            let signed = header(AUTHORIZATION.as_str()).split_once("Credential=").unwrap().1;
            callers.lock().unwrap().push(signed.split('/').next().unwrap().to_owned());
            described(&[]).into_response() // these tests only check who reads the stack
        }
        ("POST", "/") if body.contains("Action=AssumeRole") => format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>test\
             </SecretAccessKey><SessionToken>test</SessionToken><Expiration>{}</Expiration></Credentials><AssumedRoleUser>\
             <Arn>arn:aws:sts::123456789012:assumed-role/reader/a</Arn><AssumedRoleId>A:a</AssumedRoleId></AssumedRoleUser>\
             </AssumeRoleResult></AssumeRoleResponse>",
            in_an_hour()
        )
        .into_response(),
        ("GET", "/federation/credentials") if header("x-amz-sso_bearer_token") == "sso-token" => {
            let expiration = Timestamp::now().as_millisecond() + 3_600_000;
            let role = json!({ "accessKeyId": "SSO", "secretAccessKey": "test", "sessionToken": "test", "expiration": expiration });
            json!({ "roleCredentials": role }).to_string().into_response()
        }
        ("GET", "/container") if has_metadata_token => role_credentials("CONTAINER").to_string().into_response(),
        ("PUT", "/latest/api/token") => ([("x-aws-ec2-metadata-token-ttl-seconds", "60")], TOKEN).into_response(),
        ("GET", "/latest/meta-data/placement/region") if has_metadata_token => "us-east-1".into_response(),
        ("GET", "/latest/meta-data/iam/security-credentials/") if has_metadata_token => "reader".into_response(),
        ("GET", "/latest/meta-data/iam/security-credentials/reader") if has_metadata_token => {
            role_credentials("INSTANCE").to_string().into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn in_an_hour() -> String {
    (Timestamp::now() + SignedDuration::from_hours(1)).to_string()
}

/// Returns a role's credentials in the format for containers and instances.
fn role_credentials(key: &str) -> Value {
    json!({
        "Code": "Success",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Type": "AWS-HMAC",
        "AccessKeyId": key,
        "SecretAccessKey": "test",
        "Token": "test",
        "Expiration": in_an_hour(),
    })
}

#[tokio::test]
async fn profile_with_access_key_signs_in() {
    let aws = Aws::start().await;
    let slacktrail = aws.slacktrail("[profile ann]\nregion = us-east-1\n").with("AWS_PROFILE", "ann");
    aws.write(".aws/credentials", "[ann]\naws_access_key_id = PROFILE\naws_secret_access_key = test\n");
    assert_eq!(aws.caller(slacktrail).await, "PROFILE");
}

#[tokio::test]
async fn profile_that_assumes_role_signs_in() {
    let aws = Aws::start().await;
    let config = "[default]\nregion = us-east-1\nrole_arn = arn:aws:iam::123456789012:role/reader\nsource_profile = ann\n\n\
        [profile ann]\naws_access_key_id = PROFILE\naws_secret_access_key = test\n";
    assert_eq!(aws.caller(aws.slacktrail(config)).await, "ASSUMED");
}

#[tokio::test]
async fn credential_process_signs_in_and_its_failure_is_named() {
    let printed = json!({
        "Version": 1, "AccessKeyId": "PROCESS", "SecretAccessKey": "test", "SessionToken": "test", "Expiration": in_an_hour(),
    });
    let aws = Aws::start().await;
    aws.write("printed.json", printed.to_string());
    let process = format!("cat {}", aws.home.path().join("printed.json").display());
    let config = format!("[default]\nregion = us-east-1\ncredential_process = {process}\n");
    assert_eq!(aws.caller(aws.slacktrail(&config)).await, "PROCESS");

    let aws = Aws::start().await;
    let config = "[profile ann]\nregion = us-east-1\ncredential_process = /no/such/program\n";
    let (error, hint) = aws.error_without_credentials(aws.slacktrail(config), &["--profile", "ann"]).await;
    assert!(error.starts_with("loading the AWS credentials of profile `ann` failed: "), "{error}");
    assert!(error.contains("/no/such/program: not found"), "{error}");
    assert!(hint.starts_with("run the profile's `credential_process` yourself"), "{hint}");
}

#[tokio::test]
async fn container_role_signs_in() {
    let aws = Aws::start().await;
    let slacktrail =
        aws.slacktrail("").with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/container", aws.endpoint));
    let slacktrail = slacktrail.with("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN).with("AWS_REGION", "us-east-1");
    assert_eq!(aws.caller(slacktrail).await, "CONTAINER");
}

#[tokio::test]
async fn instance_role_signs_in_and_its_region_is_used() {
    let aws = Aws::start().await;
    let slacktrail = aws.slacktrail("").without("AWS_EC2_METADATA_DISABLED");
    let slacktrail = slacktrail.with("AWS_EC2_METADATA_SERVICE_ENDPOINT", &aws.endpoint);
    assert_eq!(aws.caller(slacktrail).await, "INSTANCE");
}

/// A profile for IAM Identity Center, as `aws configure sso` writes it.
const SSO: &str = "[default]\nregion = us-east-1\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = reader\n\n\
    [sso-session work]\nsso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n";

/// The file in which `aws sso login` stores the token of the session `work`. Its name is the SHA-1 of the session's name.
const SSO_TOKEN: &str = ".aws/sso/cache/e274eeff768c6396088ec6eb091f4bf4d47ab1e0.json";

fn sso_token(expires_at: &str) -> String {
    json!({ "accessToken": "sso-token", "expiresAt": expires_at, "region": "us-east-1" }).to_string()
}

#[tokio::test]
async fn identity_center_session_signs_in() {
    let aws = Aws::start().await;
    aws.write(SSO_TOKEN, sso_token(&in_an_hour()));
    assert_eq!(aws.caller(aws.slacktrail(SSO)).await, "SSO");
}

#[tokio::test]
async fn missing_or_expired_identity_center_token_is_named() {
    let aws = Aws::start().await;
    let (missing, hint) = aws.error_without_credentials(aws.slacktrail(SSO), &[]).await;
    assert!(missing.contains("failed to load the cached SSO token"), "{missing}");
    assert_eq!(hint, "run `aws sso login` to sign in again");
    aws.write(SSO_TOKEN, sso_token("2026-01-01T00:00:00Z"));
    let (expired, hint) = aws.error_without_credentials(aws.slacktrail(SSO), &["--profile", "default"]).await;
    assert!(expired.contains("the SSO token has expired") && !expired.contains("sso-token"), "{expired}");
    assert_eq!(hint, "run `aws sso login --profile default` to sign in again");
}

#[tokio::test]
async fn aws_login_session_signs_in_and_missing_token_is_named() {
    const SESSION: &str = "arn:aws:iam::123456789012:user/ann";
    let aws = Aws::start().await;
    let name: String = Sha256::digest(SESSION).iter().map(|byte| format!("{byte:02x}")).collect();
    let slacktrail = aws.slacktrail(&format!("[profile ann]\nlogin_session = {SESSION}\nregion = us-east-1\n"));
    let slacktrail = slacktrail.with("AWS_PROFILE", "ann");
    let (error, hint) = aws.error_without_credentials(slacktrail.clone(), &[]).await;
    assert!(error.contains(&format!("{name}.json`")), "{error}");
    assert_eq!(hint, "run `aws login --profile ann` to sign in again");

    let session = json!({
        "accessToken": {
            "accessKeyId": "LOGIN",
            "secretAccessKey": "test",
            "sessionToken": "test",
            "accountId": "123456789012",
            "expiresAt": in_an_hour(),
        },
        "tokenType": "urn:aws:params:oauth:token-type:access_token_sigv4",
        "refreshToken": "refresh",
        "idToken": "id",
        "clientId": "arn:aws:signin:::devtools/same-device",
        "dpopKey": "none",
    });
    aws.write(format!(".aws/login/cache/{name}.json"), session.to_string());
    assert_eq!(aws.caller(slacktrail).await, "LOGIN");
}

#[tokio::test]
async fn missing_sign_in_is_error_with_hint() {
    let aws = Aws::start().await;
    let (error, hint) = aws.error_without_credentials(aws.slacktrail("[default]\nregion = us-east-1\n"), &[]).await;
    assert!(error.starts_with("no AWS credentials found"), "{error}");
    assert!(hint.starts_with("sign in (`aws login` or `aws sso login`)"), "{hint}");
}

#[tokio::test]
async fn missing_profile_is_named_with_its_origin() {
    let aws = Aws::start().await;
    let slacktrail =
        aws.slacktrail("[profile ann]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = bob\n");
    let flag = ["--profile", "eve"];
    for (slacktrail, flags, expected) in [
        (slacktrail.clone(), &flag[..], "AWS profile `eve` (from `--profile`) does not exist"),
        (
            slacktrail.clone().with("AWS_REGION", "us-east-1"),
            &flag,
            "AWS profile `eve` (from `--profile`) does not exist",
        ),
        (slacktrail.clone().with("AWS_PROFILE", "eve"), &[], "AWS profile `eve` (from `AWS_PROFILE`) does not exist"),
        (
            slacktrail.with("AWS_PROFILE", "ann").with("AWS_REGION", "us-east-1"),
            &[],
            "AWS profile `ann` names the source profile `bob`, which does not exist",
        ),
    ] {
        let (error, hint) = aws.error_without_credentials(slacktrail, flags).await;
        assert_eq!(
            (error.as_str(), hint.as_str()),
            (expected, "run `aws configure list-profiles` to see your profiles")
        );
    }
}

#[tokio::test]
async fn missing_token_file_of_web_identity_is_named() {
    let aws = Aws::start().await;
    let slacktrail = aws.slacktrail("").with("AWS_REGION", "us-east-1").with("AWS_ROLE_ARN", "arn:aws:iam::1:role/a");
    let slacktrail = slacktrail.with("AWS_WEB_IDENTITY_TOKEN_FILE", "/no/such/file");
    let (error, hint) = aws.error_without_credentials(slacktrail, &[]).await;
    assert_eq!(error, "loading the AWS credentials failed: No such file or directory (os error 2)");
    assert!(hint.ends_with("it is `/no/such/file`"), "{hint}");
}

#[tokio::test]
async fn flags_override_profile_and_keys_of_environment() {
    let aws = Aws::start().await;
    aws.write(".aws/credentials", "[ann]\naws_access_key_id = PROFILE\naws_secret_access_key = test\n");
    let slacktrail = aws.slacktrail("[profile ann]\nregion = eu-west-1\n[profile bob]\nregion = eu-west-2\n");
    let slacktrail = slacktrail.with("AWS_ACCESS_KEY_ID", "KEY").with("AWS_SECRET_ACCESS_KEY", "test");
    let slacktrail = slacktrail.with("AWS_PROFILE", "bob").with("SLACKTRAIL_STACK", "other");
    let slacktrail = slacktrail.with("SLACKTRAIL_BUCKET", "other").with("SLACKTRAIL_TABLE", "other");
    let flags = ["--stack", "slacktrail", "--profile", "ann", "--region", "us-east-1"];
    for command in [
        &["sources"][..],
        &["status"],
        &["pause", "acme"],
        &["resume", "acme"],
        &["disconnect", "acme"],
        &["verify", "acme", "--log", "audit", "--day", "2026-01-01"],
        &["backfill", "acme", "--log", "audit", "--day", "2026-01-01"],
        &["connect", "acme"],
    ] {
        let ran = slacktrail.run(&[command, &flags].concat()).await.exits(if command[0] == "verify" { 3 } else { 1 });
        let expected = "the stack that `--stack` names has no output `BucketName` and `TableName`";
        assert!(ran.stderr.contains(expected), "{command:?}: {}", ran.stderr);
        assert_eq!(aws.callers.lock().unwrap().drain(..).collect::<Vec<_>>(), ["PROFILE"], "{command:?}");
    }
}

#[tokio::test]
async fn unreachable_aws_is_one_sentence_with_hint() {
    let slacktrail = Slacktrail::alone().signed_in().with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    insta::assert_snapshot!(slacktrail.run(&["sources", "--stack", "slacktrail"]).await.exits(1).stderr, @r"
    error: reading stack `slacktrail` (from `--stack`) failed in region `us-east-1` (from `AWS_REGION`)
      caused by: Connection refused (os error 111)
    hint: check the network connection to AWS, the region, and `AWS_ENDPOINT_URL` if it is set
    ");
    let slacktrail = slacktrail.with("SLACKTRAIL_BUCKET", "logs").with("SLACKTRAIL_TABLE", "streams");
    let stderr = slacktrail.run(&["sources", "--json"]).await.exits(1).stderr;
    insta::assert_snapshot!(stderr.replace("reading cursors", "reading sources"), @r"
    error: reading sources of table `streams`: AWS could not be reached
      caused by: Connection refused (os error 111)
    hint: check the network connection to AWS, the region, and `AWS_ENDPOINT_URL` if it is set
    ");
}
