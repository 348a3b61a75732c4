//! An AWS account on loopback, as a child process for one test.
//!
//! There are two emulators, independent of one another. moto is the usual one. It checks no permissions, and it applies the denials of a
//! bucket policy without their conditions, so no policy is set on its buckets. ministack checks the caller's permissions at each call.
//!
//! Where an emulator is not installed the tests that need it say so and pass: `cargo test` needs nothing but Rust.
#![expect(clippy::print_stdout, reason = "a test that was skipped says so")]

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

/// The variable with the path of the `moto_server` executable; `make e2e` sets it.
pub const MOTO_VARIABLE: &str = "SLACKTRAIL_MOTO";

/// The variable with the path of the Python that ministack is installed for; `make e2e` sets it.
const MINISTACK_VARIABLE: &str = "SLACKTRAIL_MINISTACK";

/// Time from start to the first answer. Usually one second; a machine that is busy with other tests needs more.
const START_MAX: Duration = Duration::from_secs(60);

/// The region of an account, unless a test names another.
pub(crate) const REGION: &str = "us-east-1";
/// Of any caller, unless it takes a role.
pub(crate) const ACCOUNT_ID: &str = "123456789012";
const ACCESS_KEY_ID: &str = "test";
const SECRET_ACCESS_KEY: &str = "test";

/// A running emulator with an AWS account of its own. It ends with this value.
pub struct EmulatedAws {
    server: Child,
    endpoint: String,
    region: &'static str,
}

impl EmulatedAws {
    /// Starts moto and waits until it answers; `None`, and a printed line, where [`MOTO_VARIABLE`] is not set.
    ///
    /// # Panics
    /// When moto is there but does not start: what it printed is in the message.
    pub fn start() -> Option<EmulatedAws> {
        // Any free port, which it then names.
        Some(EmulatedAws::launch(&executable()?, &["-H", "127.0.0.1", "-p", "0"].map(OsStr::new), &[]))
    }

    /// Starts it in the same way with the types of resource of the template that CloudFormation has and moto has not.
    ///
    /// # Panics
    /// As [`EmulatedAws::start`].
    pub fn start_with_cloudformation() -> Option<EmulatedAws> {
        executable()?;
        Some(EmulatedAws::launch(&python(), &[checks("account.py").as_os_str()], &[]))
    }

    /// Starts ministack, which refuses each call that the caller's role does not grant; `None`, and a printed line, where it is not named.
    ///
    /// # Panics
    /// As [`EmulatedAws::start`].
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
        let printed = NamedTempFile::new().expect("a temporary file can be made");
        let output = || File::options().append(true).open(printed.path()).expect("a temporary file can be opened");
        let server = Command::new(program)
            .args(arguments)
            .env("PYTHONPATH", checks("moto")) // moto's conditional writes are atomic then
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", program.display()));
        let mut aws = EmulatedAws { server, endpoint: String::new(), region: REGION };
        let started = Instant::now();
        while aws.endpoint.is_empty() {
            let text = fs::read(printed.path()).expect("a temporary file can be read");
            let text = String::from_utf8_lossy(&text);
            let ended = aws.server.try_wait().expect("a child's state can be asked").is_some();
            assert!(!ended && started.elapsed() < START_MAX, "`{}` did not start:\n{text}", program.display());
            aws.endpoint = endpoint(&text).unwrap_or_default();
            thread::sleep(Duration::from_millis(20));
        }
        aws
    }

    /// Returns the same account, used in another region. Each account has all regions.
    #[must_use]
    pub fn in_region(self, region: &'static str) -> EmulatedAws {
        let mut aws = self;
        aws.region = region;
        aws
    }

    /// Returns the region in which the account is used.
    pub fn region(&self) -> &'static str {
        self.region
    }

    /// The address of every service, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Settings for clients of this account, built without a look at this machine's own AWS settings.
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

    /// The same settings as environment variables, for a function that runs as a process.
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

    /// A client of S3. The SDK writes a bucket into the path by itself where the endpoint is a bare IP address.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.sdk_config())
    }

    /// A client of DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk_config())
    }

    /// A client of Secrets Manager.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.sdk_config())
    }

    /// Calls a service that the tests have no client of: `target` is its action, as in `Logs_20140328.PutLogEvents`.
    ///
    /// # Panics
    /// Panics if moto answers an error.
    pub async fn call(&self, service: &str, target: &str, body: Value) -> Value {
        // moto tells services apart by what was signed, and looks at no signature.
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.region
        );
        let client = Client::builder().no_proxy().build().expect("a client for loopback can be made");
        let call = client.post(&self.endpoint).header("authorization", signed).header("x-amz-target", target);
        let call = call.header("content-type", "application/x-amz-json-1.1").body(body.to_string());
        let response = call.send().await.expect("moto answers");
        let (status, text) = (response.status(), response.text().await.expect("moto ends its answer"));
        assert!(status.is_success(), "`{target}` failed: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Makes a bucket such as the template's log bucket.
    pub async fn create_bucket(&self, name: &str) {
        self.s3().create_bucket().bucket(name).send().await.expect("moto creates a bucket");
    }

    /// Makes a table with the keys of the template's.
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

    /// Makes the secret `name`, with `value` as its current version.
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
        end(&mut self.server);
    }
}

/// The `moto_server` that [`MOTO_VARIABLE`] names; `None`, and a printed line, where it names none.
pub fn executable() -> Option<PathBuf> {
    let executable = std::env::var_os(MOTO_VARIABLE).map(PathBuf::from);
    if executable.is_none() {
        println!("skipped: `{MOTO_VARIABLE}` is not set (`make e2e` sets it)");
    }
    executable
}

/// The Python that moto is installed for.
///
/// # Panics
/// When no `moto_server` is named.
pub(crate) fn python() -> PathBuf {
    executable().expect("only who has started moto asks").with_file_name("python")
}

/// A file of `checks/deploy`.
pub(crate) fn checks(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../checks/deploy").join(file)
}

/// Where a server says that it listens: it does by then.
fn endpoint(printed: &str) -> Option<String> {
    let (_, rest) = printed.split_once("Running on ")?;
    let (endpoint, _) = rest.split_once('\n')?;
    endpoint.split_whitespace().next().map(str::to_owned)
}

fn end(server: &mut Child) {
    let _ = server.kill(); // it may have ended by itself
    let _ = server.wait();
}
