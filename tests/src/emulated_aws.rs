//! An emulated AWS account on loopback, in a child process for one test.
//!
//! Two independent emulators are available:
//! - moto, for most tests. It does not check permissions. It ignores the conditions of denials in bucket policies, so its buckets have no
//!   policy.
//! - ministack, which checks the caller's permissions on each call.
//!
//! If an emulator is not installed, the tests that need it print a message and pass, so that `cargo test` needs only Rust.
#![expect(clippy::print_stdout, reason = "a skipped test prints why")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use reqwest::Client;
use serde_json::Value;
use tempfile::NamedTempFile;

/// The environment variable with the path of the `moto_server` executable. `make e2e` sets it.
pub const MOTO_VARIABLE: &str = "SLACKTRAIL_MOTO";

/// The environment variable with the path of the Python interpreter that has ministack installed. `make e2e` sets it.
const MINISTACK_VARIABLE: &str = "SLACKTRAIL_MINISTACK";

/// The time limit for an emulator to start. This usually takes one second, but longer on a busy machine.
const START_MAX: Duration = Duration::from_secs(180);

pub(crate) const REGION: &str = "us-east-1";
/// The account of every caller that does not assume a role.
pub(crate) const ACCOUNT_ID: &str = "123456789012";
const ACCESS_KEY_ID: &str = "test";
const SECRET_ACCESS_KEY: &str = "test";

/// A running emulator with its own AWS account. Dropping this value stops it.
pub struct EmulatedAws {
    /// `None` if another process started the emulator.
    server: Option<Child>,
    endpoint: String,
    region: &'static str,
}

impl EmulatedAws {
    /// Starts moto and waits until it listens, or prints a message and returns `None` if [`MOTO_VARIABLE`] is not set.
    pub fn start() -> Option<EmulatedAws> {
        // Port 0 selects a free port, which moto prints.
        Some(EmulatedAws::launch(&executable()?, &["-H", "127.0.0.1", "-p", "0"].map(OsStr::new), &[]))
    }

    /// Starts moto like [`EmulatedAws::start`], extended by the template's resource types that moto's CloudFormation does not support.
    pub fn start_with_cloudformation() -> Option<EmulatedAws> {
        executable()?;
        Some(EmulatedAws::launch(&python(), &[checks("account.py").as_os_str()], &[]))
    }

    /// Starts ministack, which rejects each call that the caller's role does not allow.
    ///
    /// Prints a message and returns `None` if `SLACKTRAIL_MINISTACK` is not set.
    pub fn start_with_permissions() -> Option<EmulatedAws> {
        let Some(python) = std::env::var_os(MINISTACK_VARIABLE).map(PathBuf::from) else {
            println!("skipped: `{MINISTACK_VARIABLE}` is not set (`make e2e` sets it)");
            return None;
        };
        let arguments = ["-m", "hypercorn", "ministack.app:app", "--bind", "127.0.0.1:0"].map(OsStr::new);
        let keys = [("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)];
        Some(EmulatedAws::launch(&python, &arguments, &[&[("AUTH", "true")], &keys[..]].concat()))
    }

    fn launch(program: &Path, arguments: &[&OsStr], environment: &[(&str, &str)]) -> EmulatedAws {
        let printed = NamedTempFile::new().expect("a temporary file can be created");
        let output = || File::options().append(true).open(printed.path()).expect("a temporary file can be opened");
        let mut server = Command::new(program)
            .args(arguments)
            .env("PYTHONPATH", checks("moto")) // makes moto's conditional writes atomic
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", program.display()));
        let started = Instant::now();
        loop {
            let text = fs::read(printed.path()).expect("a temporary file can be read");
            let text = String::from_utf8_lossy(&text);
            if let Some(endpoint) = endpoint(&text) {
                return EmulatedAws { server: Some(server), endpoint, region: REGION };
            }
            let ended = server.try_wait().expect("the state of a child process can be read").is_some();
            if ended || started.elapsed() >= START_MAX {
                stop(&mut server);
                panic!("`{}` did not start:\n{text}", program.display());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the account of an emulator that another process has started.
    pub fn running_at(endpoint: String) -> EmulatedAws {
        EmulatedAws { server: None, endpoint, region: REGION }
    }

    /// Returns the same account with another region for its clients.
    #[must_use]
    pub fn in_region(self, region: &'static str) -> EmulatedAws {
        let mut aws = self;
        aws.region = region;
        aws
    }

    /// Returns the region of the clients.
    pub fn region(&self) -> &'static str {
        self.region
    }

    /// Returns the endpoint of all services, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the configuration of clients of this account, independent of the AWS settings of this machine.
    pub fn sdk_config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                ACCESS_KEY_ID,
                SECRET_ACCESS_KEY,
                None,
                None,
                "emulator",
            )))
            .endpoint_url(&self.endpoint)
            .region(Region::new(self.region))
            .build()
    }

    /// Returns the same configuration as environment variables, for a child process.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", self.region),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Creates an S3 client. The SDK puts the bucket name into the path because the endpoint is an IP address.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.sdk_config())
    }

    /// Creates a DynamoDB client.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk_config())
    }

    /// Creates a Secrets Manager client.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.sdk_config())
    }

    /// Calls a service for which the tests have no client. `target` is the action, such as `Logs_20140328.PutLogEvents`.
    pub async fn call(&self, service: &str, target: &str, body: Value) -> Value {
        // moto finds the service in the credential scope, and does not check the signature.
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.region
        );
        let client = Client::builder().no_proxy().build().expect("a client for loopback can be created");
        let call = client.post(&self.endpoint).header("authorization", signed).header("x-amz-target", target);
        let call = call.header("content-type", "application/x-amz-json-1.1").body(body.to_string());
        let response = call.send().await.expect("moto responds");
        let (status, text) = (response.status(), response.text().await.expect("moto completes its response"));
        assert!(status.is_success(), "`{target}` failed: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Creates a bucket.
    pub async fn create_bucket(&self, name: &str) {
        self.s3().create_bucket().bucket(name).send().await.expect("moto creates a bucket");
    }

    /// Creates a table with the key schema of the template's table.
    pub async fn create_table(&self, name: &str) {
        let attribute = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .expect("name and type are set")
        };
        let key = |name: &str, key_type: KeyType| {
            KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().expect("name and type are set")
        };
        self.dynamodb()
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk"))
            .attribute_definitions(attribute("sk"))
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .send()
            .await
            .expect("moto creates a table");
    }

    /// Creates the secret `name` with `value` as its current version.
    pub async fn create_secret(&self, name: &str, value: &str) {
        self.secrets_manager()
            .create_secret()
            .name(name)
            .secret_string(value)
            .send()
            .await
            .expect("moto creates a secret");
    }
}

impl Drop for EmulatedAws {
    fn drop(&mut self) {
        self.server.as_mut().map(stop);
    }
}

/// Returns the `moto_server` that [`MOTO_VARIABLE`] names, or prints a message and returns `None` if it is not set.
pub fn executable() -> Option<PathBuf> {
    let executable = std::env::var_os(MOTO_VARIABLE).map(PathBuf::from);
    if executable.is_none() {
        println!("skipped: `{MOTO_VARIABLE}` is not set (`make e2e` sets it)");
    }
    executable
}

/// Returns the Python interpreter that has moto installed. [`MOTO_VARIABLE`] must be set.
pub(crate) fn python() -> PathBuf {
    executable().expect("moto is running").with_file_name("python")
}

/// Returns the path of a file in `checks/deploy`.
pub(crate) fn checks(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../checks/deploy").join(file)
}

/// Returns the endpoint that an emulator prints once it listens.
fn endpoint(printed: &str) -> Option<String> {
    let (_, rest) = printed.split_once("Running on ")?;
    let (endpoint, _) = rest.split_once('\n')?;
    endpoint.split_whitespace().next().map(str::to_owned)
}

fn stop(server: &mut Child) {
    let _ = server.kill(); // fails if the process has already ended
    let _ = server.wait();
}
