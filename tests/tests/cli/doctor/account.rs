//! A sound deployment: the emulated account with the features that moto lacks, the compiled functions, simulated Slack, and the command.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::types::{BucketVersioningStatus, PublicAccessBlockConfiguration, VersioningConfiguration};
use jiff::Timestamp;
use serde_json::{Value, json};
use slacktrail_simulator::Settings;
use slacktrail_simulator::settings::{Limits, ORGANIZATION_TOKEN};
use slacktrail_tests::archive::Archive;
use slacktrail_tests::aws_proxy::{AwsCall, AwsProxy, CannedResponse};
use slacktrail_tests::connecting::Connecting;
use slacktrail_tests::deployment::{ActivityGenerator, LocalDeployment, organization_source};
use slacktrail_tests::emulated_aws::EmulatedAws;
use slacktrail_tests::function::Function;
use slacktrail_tests::lambda_runtime_api::Answer;
use slacktrail_tests::stack::Stack;
use tempfile::NamedTempFile;

use super::cbor;
use crate::binary::Slacktrail;

/// The poller and its log group, as the template names them.
const POLLER: &str = "slacktrail-poller";
const LOG_GROUP: &str = "/aws/lambda/slacktrail-poller";
/// The timeout of an invocation, as in the template.
const INVOCATION_MAX: Duration = Duration::from_secs(55);

/// A function that edits CloudWatch's description of an alarm.
pub(super) type EditAlarm = fn(&mut Value);

/// The account. Dropping it stops everything.
pub(super) struct Account {
    pub(super) local: Arc<LocalDeployment>,
    pub(super) aws: AwsProxy,
    pub(super) slacktrail: Slacktrail,
    pub(super) api_url: String,
    pub(super) bucket: String,
    /// Edits each alarm before the command receives it.
    pub(super) edit_alarm: Arc<Mutex<Option<EditAlarm>>>,
    scripts: usize,
    poller: Function,
    _connecting: Connecting,
    _certificate: NamedTempFile,
}

impl Account {
    /// Deploys the stack without a source. Returns `None` if moto is missing.
    pub(super) async fn deploy() -> Option<Account> {
        Some(Account::deploy_on(EmulatedAws::start_with_cloudformation()?).await)
    }

    pub(super) async fn deploy_in(region: &'static str) -> Option<Account> {
        Some(Account::deploy_on(EmulatedAws::start_with_cloudformation()?.in_region(region)).await)
    }

    async fn deploy_on(moto: EmulatedAws) -> Account {
        // moto reports x86_64 for every function.
        let stack = Stack::deploy(&moto, &["Architecture=x86_64", "AlarmEmail=ops@example.com"]);
        let bucket = stack.names().bucket;
        set_up_bucket(&moto, &bucket).await;
        let aws = AwsProxy::start(moto.endpoint()).await;
        let settings = Settings { limits: Limits::OFF, ..Settings::organization() };
        let local = Arc::new(LocalDeployment::on(moto, stack.names(), settings).await);
        let connecting = Connecting::start(&local).await;
        let mut certificate = NamedTempFile::new().unwrap();
        certificate.write_all(connecting.api.certificate_pem().as_bytes()).unwrap();

        let api_url = connecting.api.url();
        let slacktrail = Slacktrail::alone()
            .with_all(local.command_environment())
            .without("SLACKTRAIL_BUCKET")
            .without("SLACKTRAIL_TABLE")
            .with("AWS_ENDPOINT_URL", &aws.endpoint())
            .with("SLACKTRAIL_STACK", "slacktrail")
            .with("SLACKTRAIL_URL", &api_url)
            .with("SSL_CERT_FILE", certificate.path().to_str().unwrap());

        let url = api_url.clone();
        aws.script(move |call| describe_stack(url.clone(), call));
        aws.script(log_json);
        let lambda = Arc::clone(&local);
        aws.script(move |call| invoke(Arc::clone(&lambda), call));
        aws.respond(enforce_policy);
        aws.script(rename_versioning);
        let policy = policy_of(&bucket);
        aws.respond(move |call| get_bucket_policy(call, &policy));
        let edit_alarm = Arc::new(Mutex::new(None));
        let (with_alarms, edit) = (Arc::clone(&local), Arc::clone(&edit_alarm));
        aws.script(move |call| {
            let edit = *edit.lock().unwrap();
            describe_alarms(Arc::clone(&with_alarms), edit, call)
        });
        let with_metrics = Arc::clone(&local);
        aws.script(move |call| get_metric_data(Arc::clone(&with_metrics), call));
        let (s3, logs) = (local.aws.s3(), bucket.clone());
        let scripts = 1 + aws.script(move |call| query(s3.clone(), logs.clone(), call));
        let poller = local.poller_with(&[("AWS_LAMBDA_FUNCTION_NAME", Some(POLLER))]);
        let account = Account {
            local,
            aws,
            slacktrail,
            api_url,
            bucket,
            edit_alarm,
            scripts,
            poller,
            _connecting: connecting,
            _certificate: certificate,
        };
        account.local.aws.call("logs", "Logs_20140328.CreateLogStream", log_stream()).await;
        account.local.invoke().await;
        account
    }

    /// Connects a source, and collects the records of the last 30 hours.
    pub(super) async fn collect(&self) {
        self.local.connect(&organization_source("acme"), ORGANIZATION_TOKEN).await;
        let _activity = ActivityGenerator::new(&mut self.local.slack(), 30, 60);
        self.local.drain().await;
        self.poller.wrote("stream collected").await;
    }

    /// Writes these lines to the poller's log with the current time.
    async fn log(&self, lines: &[Value]) {
        let now = Timestamp::now().as_millisecond();
        let events: Vec<Value> =
            lines.iter().map(|line| json!({"timestamp": now, "message": line.to_string()})).collect();
        let mut body = log_stream();
        body["logEvents"] = json!(events);
        self.local.aws.call("logs", "Logs_20140328.PutLogEvents", body).await;
    }

    /// Publishes the metrics of a tick: those that CloudWatch extracts from the poller's line, and Lambda's own.
    async fn publish(&self, line: &Value) {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        // The previous minute, because a query excludes its end, which in the first second of a minute is that minute.
        let minute = line["_aws"]["Timestamp"].as_i64().unwrap() / 60_000 - 1;
        let dimensions = directive["Dimensions"][0].as_array().unwrap().iter();
        let dimensions: Vec<Value> =
            dimensions.map(|name| json!({"Name": name, "Value": line[name.as_str().unwrap()]})).collect();
        let names = directive["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap());
        let embedded: Vec<(&str, Value)> = names.map(|name| (name, line[name].clone())).collect();
        let counted = vec![("Invocations", json!(1)), ("Errors", json!(0))];
        for (namespace, values) in [(&directive["Namespace"], embedded), (&json!("AWS/Lambda"), counted)] {
            let data = values.into_iter().map(|(name, value)| {
                json!({"MetricName": name, "Dimensions": dimensions, "Timestamp": minute * 60, "Value": value})
            });
            let body = json!({"Namespace": namespace, "MetricData": data.collect::<Vec<_>>()});
            self.local.aws.call("monitoring", "GraniteServiceVersion20100801.PutMetricData", body).await;
        }
    }

    /// Sends the lines of the compiled poller's newest tick to CloudWatch, between Lambda's platform lines.
    pub(super) async fn log_tick(&self) {
        self.poller.wrote("_aws").await;
        let written: Vec<Value> = self.poller.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        // The line with the metrics is a tick's last one.
        let mut ticks = written.split_inclusive(|line| line["_aws"].is_object());
        let newest = ticks.rfind(|tick| tick[tick.len() - 1]["_aws"].is_object()).unwrap();
        self.publish(&newest[newest.len() - 1]).await;
        let now = Timestamp::now().to_string();
        let mut lines = vec![json!({"time": now, "type": "platform.start", "record": {"requestId": "1"}})];
        lines.extend_from_slice(newest);
        lines.push(json!({"time": now, "type": "platform.report", "record": {"requestId": "1", "status": "success"}}));
        self.log(&lines).await;
    }

    /// Removes the scripts that a test has added.
    pub(super) fn restore(&self) {
        self.aws.keep(self.scripts);
        *self.edit_alarm.lock().unwrap() = None;
    }

    /// Returns the key and the version of each probe in the bucket.
    pub(super) async fn probes(&self) -> Vec<(String, String)> {
        let listed = self.local.aws.s3().list_object_versions().bucket(&self.bucket).prefix("slacktrail-doctor/");
        let listed = listed.send().await.unwrap();
        let versions = listed.versions().iter();
        versions.map(|version| (version.key().unwrap().to_owned(), version.version_id().unwrap().to_owned())).collect()
    }

    /// Returns every version of every object in the bucket, and the keys of every item in the table.
    pub(super) async fn contents(&self) -> Vec<String> {
        let listed = self.local.aws.s3().list_object_versions().bucket(&self.bucket).send().await.unwrap();
        let versions =
            listed.versions().iter().map(|version| format!("{:?} {:?}", version.key(), version.version_id()));
        let markers =
            listed.delete_markers().iter().map(|marker| format!("{:?} {:?}", marker.key(), marker.version_id()));
        let items = self.local.items().await;
        let items = items.iter().map(|item| format!("{:?} {:?}", item["pk"], item["sk"]));
        let mut contents: Vec<String> = versions.chain(markers).chain(items).collect();
        contents.sort();
        contents
    }
}

fn log_stream() -> Value {
    json!({"logGroupName": LOG_GROUP, "logStreamName": "2026/11/22/[$LATEST]0123456789abcdef"})
}

/// Applies the bucket settings that moto's CloudFormation ignores.
async fn set_up_bucket(moto: &EmulatedAws, bucket: &str) {
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    moto.s3().put_bucket_versioning().bucket(bucket).versioning_configuration(enabled).send().await.unwrap();
    let blocked = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .block_public_policy(true)
        .ignore_public_acls(true)
        .restrict_public_buckets(true)
        .build();
    moto.s3().put_public_access_block().bucket(bucket).public_access_block_configuration(blocked).send().await.unwrap();
}

/// Makes the stack months old, and its API that of the emulator.
async fn describe_stack(api_url: String, call: AwsCall) -> Option<CannedResponse> {
    if call.action != "DescribeStacks" {
        return None;
    }
    let response = call.pass_on().await;
    let text = String::from_utf8_lossy(&response.body).into_owned();
    let Some((before, rest)) = text.split_once("<CreationTime>") else { return Some(response) };
    let (_, after) = rest.split_once("</CreationTime>").unwrap();
    let text = format!("{before}<CreationTime>2026-01-01T00:00:00Z</CreationTime>{after}");
    let (before, rest) = text.split_once("<OutputKey>ApiUrl</OutputKey>").unwrap();
    let (_, after) = rest.split_once("</OutputValue>").unwrap();
    let body = format!("{before}<OutputKey>ApiUrl</OutputKey><OutputValue>{api_url}</OutputValue>{after}");
    Some(CannedResponse { body: body.into(), ..response })
}

/// Adds the template's log settings to each function, because moto ignores them.
async fn log_json(call: AwsCall) -> Option<CannedResponse> {
    if call.action != "GetFunctionConfiguration" {
        return None;
    }
    let function = call.path().split('/').find(|part| part.starts_with("slacktrail-")).unwrap().to_owned();
    let logging =
        json!({"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "LogGroup": format!("/aws/lambda/{function}")});
    Some(with_logging(call.pass_on().await, &logging))
}

/// Adds log settings to the description of a function.
pub(super) fn with_logging(response: CannedResponse, logging: &Value) -> CannedResponse {
    let mut described: Value = serde_json::from_slice(&response.body).unwrap();
    described["LoggingConfig"] = logging.clone();
    CannedResponse { body: described.to_string().into(), ..response }
}

/// Runs the compiled poller, because moto runs no function without Docker.
async fn invoke(local: Arc<LocalDeployment>, call: AwsCall) -> Option<CannedResponse> {
    if call.action != "Invoke" {
        return None;
    }
    assert!(call.path().contains("/slacktrail-poller/"), "{}", call.path());
    let event = serde_json::from_slice(&call.body).unwrap();
    Some(match local.lambda.invoke(event, INVOCATION_MAX).await {
        Answer::Response(summary) => CannedResponse::json(200, summary.to_string()),
        Answer::Error(error) => function_error(&error),
        Answer::NoResponse => CannedResponse::json(504, "{}"),
    })
}

/// Returns Lambda's response to a failed invocation.
pub(super) fn function_error(error: &Value) -> CannedResponse {
    let mut response = CannedResponse::json(200, error.to_string());
    response.headers.insert("x-amz-function-error", "Unhandled".parse().unwrap());
    response
}

/// Returns the account's alarms in CBOR.
async fn describe_alarms(
    local: Arc<LocalDeployment>,
    edit: Option<EditAlarm>,
    call: AwsCall,
) -> Option<CannedResponse> {
    const FIELDS: [&str; 11] = [
        "ActionsEnabled",
        "AlarmActions",
        "AlarmConfigurationUpdatedTimestamp",
        "AlarmName",
        "Dimensions",
        "InsufficientDataActions",
        "MetricName",
        "Metrics",
        "Namespace",
        "StateValue",
        "TreatMissingData",
    ];
    if call.action != "DescribeAlarms" {
        return None;
    }
    let mut described = local.aws.call("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", json!({})).await;
    let mut alarms = Vec::new();
    for alarm in described["MetricAlarms"].as_array_mut().unwrap() {
        assert!(call.text().contains(alarm["AlarmName"].as_str().unwrap()), "the request names each alarm");
        alarm.as_object_mut().unwrap().retain(|field, _| FIELDS.contains(&field.as_str()));
        if let Some(edit) = edit {
            edit(alarm);
        }
        alarms.push(alarm.take());
    }
    Some(cbor_response(200, &json!({ "MetricAlarms": alarms })))
}

/// Returns the account's metrics in CBOR.
async fn get_metric_data(local: Arc<LocalDeployment>, call: AwsCall) -> Option<CannedResponse> {
    if call.action != "GetMetricData" {
        return None;
    }
    let request = cbor::decode(&call.body);
    assert_eq!(request["EndTime"].as_f64().unwrap() - request["StartTime"].as_f64().unwrap(), 900.0, "{request}");
    let data = local.aws.call("monitoring", "GraniteServiceVersion20100801.GetMetricData", request).await;
    Some(cbor_response(200, &data))
}

/// Builds a CloudWatch response.
pub(super) fn cbor_response(status: u16, body: &Value) -> CannedResponse {
    let mut response = CannedResponse::new(status, "application/cbor", cbor::encode(body));
    response.headers.insert("smithy-protocol", "rpc-v2-cbor".parse().unwrap());
    response
}

/// Enforces the bucket policy's denial with its condition, which moto ignores, and rejects wrong checksums, which moto accepts.
fn enforce_policy(call: &AwsCall) -> Option<CannedResponse> {
    let protected = ["audit", "access", "integration"];
    if call.action != "PUT" || !protected.iter().any(|prefix| call.key().starts_with(&format!("{prefix}/"))) {
        return None;
    }
    if !call.headers.contains_key("if-none-match") {
        return Some(CannedResponse::s3_error(403, "AccessDenied", "explicit deny in a resource-based policy"));
    }
    reject_checksum(call)
}

/// Returns the template's bucket policy. moto does not have it, because moto would ignore the conditions.
fn policy_of(bucket: &str) -> String {
    let objects = ["audit", "access", "integration"].map(|log| format!("arn:aws:s3:::{bucket}/{log}/*"));
    let deny = |action: &str, resource: Value, condition: Value| {
        json!({
            "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource, "Condition": condition
        })
    };
    let statements = [
        deny("s3:*", json!(format!("arn:aws:s3:::{bucket}/*")), json!({"Bool": {"aws:SecureTransport": "false"}})),
        deny("s3:PutObject", json!(objects), json!({"Null": {"s3:if-none-match": "true"}})),
    ];
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn get_bucket_policy(call: &AwsCall, policy: &str) -> Option<CannedResponse> {
    let is_match = call.action == "GET" && call.query().split('&').any(|part| part.starts_with("policy"));
    is_match.then(|| CannedResponse::new(200, "application/json", policy.to_owned()))
}

/// Renames the XML element of a bucket's versioning from moto's name to S3's name.
async fn rename_versioning(call: AwsCall) -> Option<CannedResponse> {
    if call.action != "GET" || !call.query().starts_with("versioning") {
        return None;
    }
    Some(call.pass_on().await.replace("GetBucketVersioningResponse", "VersioningConfiguration"))
}

/// Rejects an upload whose checksum is zero.
pub(super) fn reject_checksum(call: &AwsCall) -> Option<CannedResponse> {
    let is_zero = call.headers.get("x-amz-checksum-crc32").is_some_and(|value| value == "AAAAAA==");
    is_zero.then(|| {
        CannedResponse::s3_error(400, "BadDigest", "The CRC32 you specified did not match the calculated checksum.")
    })
}

/// Runs queries, because moto invents results: returns the number of stored lines of the day that a query names.
async fn query(s3: aws_sdk_s3::Client, bucket: String, call: AwsCall) -> Option<CannedResponse> {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let id = body["QueryExecutionId"].as_str().unwrap_or_default();
    match call.action.as_str() {
        "StartQueryExecution" => {
            assert_eq!(body["WorkGroup"], "slacktrail");
            assert_eq!(body["QueryExecutionContext"]["Database"], "slacktrail");
            let sql = body["QueryString"].as_str().unwrap();
            let words: Vec<&str> = sql.split(' ').collect();
            let from = words.iter().position(|word| *word == "from").unwrap();
            let day = sql.split('\'').nth(1).unwrap();
            let prefix = format!("{}/{day}/", words[from + 1]);
            let counts = sql.contains("count(*)");
            let rows = if counts { Archive::read(&s3, &bucket).await.lines_under(&prefix).len() } else { 0 };
            Some(CannedResponse::json(200, json!({"QueryExecutionId": format!("rows-{rows}")}).to_string()))
        }
        "GetQueryExecution" => {
            let execution = json!({"QueryExecutionId": id, "Status": {"State": "SUCCEEDED"}});
            Some(CannedResponse::json(200, json!({"QueryExecution": execution}).to_string()))
        }
        "GetQueryResults" => {
            let row = |text: &str| json!({"Data": [{"VarCharValue": text}]});
            let rows = [row("_col0"), row(id.strip_prefix("rows-").unwrap())];
            Some(CannedResponse::json(200, json!({"ResultSet": {"Rows": rows}}).to_string()))
        }
        _ => None,
    }
}
