//! Stores sources, cursors and authorizations in one DynamoDB table.
//!
//! Each kind has its own partition key, because an IAM policy can limit a role to partition keys (`dynamodb:LeadingKeys`). The poller writes only
//! cursors. The OAuth function writes only sources and authorizations.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `source` | `<source id>/source` | `version`: a number that each replacement increments; `source`: the source as JSON |
//! | `cursor` | `<source id>/cursor/<log type>` | `version`; `cursor`: the cursor as JSON |
//! | `authorization` | `<authorization id>` | `version`; `authorization`: the authorization as JSON; `expires_at`: Unix seconds, after which DynamoDB deletes it |
//!
//! The JSON of a cursor or an authorization is compressed if it is long ([`long_text`]).

use std::collections::HashMap;
use std::error::Error as StdError;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join;

use super::long_text;
use super::operation::Operation;
use slacktrail_connect::{Authorization, AuthorizationId, AuthorizationStore};
use slacktrail_core::cursor::Cursor;
use slacktrail_core::error::Error;
use slacktrail_core::source::{Source, SourceId, StreamId};
use slacktrail_ports::shard::Shard;
use slacktrail_ports::{Deployment, DeploymentStore, ReplaceOutcome, StoredCursor, StoredSource, Version};

/// The partition key of sources.
const SOURCES: &str = "source";
/// The partition key of cursors. A partition supports 1000 writes per second. 10,000 sources with three busy streams each need 500.
const CURSORS: &str = "cursor";
/// The partition key of authorizations.
const AUTHORIZATIONS: &str = "authorization";
/// The time for which an authorization is kept after it expires, so that the waiting command can read the outcome.
const KEPT_SECONDS: i64 = 86_400;

/// The memory limit for the sources that an invocation polls. It polls at most 100 sources, and each takes about 2 kB.
const SOURCES_BYTES_MAX: usize = 4 << 20;
/// The memory limit for the cursors of these sources, at most 300. A cursor takes about 6 kB, plus 0.4 kB for each workspace
/// that it waits for.
const CURSORS_BYTES_MAX: usize = 28 << 20;
/// The memory that an item takes in addition to its text.
const ITEM_BYTES: usize = 1 << 10;
/// The memory that a parsed JSON object takes in addition to its text, such as a workspace entry of a cursor or a part of a gap.
const OBJECT_BYTES: usize = 192;

type Item = HashMap<String, AttributeValue>;

/// A store of sources, cursors and authorizations in a DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoDeployment {
    client: Client,
    table: String,
}

impl DynamoDeployment {
    /// Creates a store in `table`, whose partition key is the string `pk` and whose sort key is the string `sk`.
    pub fn new(client: Client, table: impl Into<String>) -> DynamoDeployment {
        DynamoDeployment { client, table: table.into() }
    }

    /// Converts an error of the SDK. `doing` names the operation, up to the table.
    fn failed<E>(&self, doing: &str, permission: &str, error: SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let table = &self.table;
        let operation = Operation {
            doing: format!("{doing} table `{table}`"),
            resource: format!("table `{table}`"),
            missing_code: "no_such_table",
            permissions: format!("`{permission}` on `{table}`"),
        };
        operation.failed(error)
    }

    /// Replaces an item if its version is `expected`. Version 0 stands for an item without a version, such as an item that was created manually.
    async fn replace(
        &self,
        put: PutItemFluentBuilder,
        expected: Option<Version>,
    ) -> Result<ReplaceOutcome, SdkError<PutItemError>> {
        let next = Version(expected.map_or(0, |version| version.0) + 1);
        let put = put.table_name(&self.table).item("version", number(next));
        let put = match expected {
            None => put.condition_expression("attribute_not_exists(#sk)").expression_attribute_names("#sk", "sk"),
            Some(Version(0)) => put
                .condition_expression("attribute_exists(#sk) AND attribute_not_exists(#version)")
                .expression_attribute_names("#sk", "sk")
                .expression_attribute_names("#version", "version"),
            Some(version) => put
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":expected", number(version)),
        };
        match put.send().await {
            Ok(_) => Ok(ReplaceOutcome::Replaced(next)),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(ReplaceOutcome::Conflict)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a page of the items in a shard with a consistent read. With `keys_only`, reads only their keys with an eventually consistent read, which
    /// costs half and may be some seconds old.
    async fn query(
        &self,
        partition: &str,
        shard: &Shard,
        keys_only: bool,
        from: Option<Item>,
    ) -> Result<QueryOutput, Error> {
        // Every key of a source starts with its sort prefix, and `~` sorts after every character that follows the prefix.
        let last_key = |id: &SourceId| text(format!("{}~", id.sort_prefix()));
        let first = shard.after.as_ref().map_or(text(" "), last_key);
        let last = shard.through.as_ref().map_or(text("~"), last_key);
        let condition = "#pk = :pk AND #sk BETWEEN :first AND :last";
        let query = self.client.query().table_name(&self.table).key_condition_expression(condition);
        let query = query.expression_attribute_names("#pk", "pk").expression_attribute_names("#sk", "sk");
        let query = query.expression_attribute_values(":pk", text(partition));
        let query = query.expression_attribute_values(":first", first).expression_attribute_values(":last", last);
        let query = query.set_projection_expression(keys_only.then(|| "#sk".to_owned()));
        // A stale cursor would make the poller read stored records again. Stale keys are harmless, because they only define shard boundaries, and the
        // shards together contain every source.
        let sent = query.consistent_read(!keys_only).set_exclusive_start_key(from).send().await;
        sent.map_err(|error| self.failed(&format!("reading {partition}s of"), "dynamodb:Query", error))
    }

    /// Reads every item of a partition that is in the shard. Returns `None` as soon as it has read more than `items_max` items.
    ///
    /// # Errors
    /// Returns an error if a read fails, or if the items take more than `bytes_max` of memory. The limit exists because anyone with write access to
    /// the table can store more than fits into the function's memory.
    async fn items(
        &self,
        partition: &str,
        shard: &Shard,
        items_max: usize,
        bytes_max: usize,
    ) -> Result<Option<Vec<Item>>, Error> {
        let (mut items, mut from, mut count, mut bytes) = (Vec::new(), None, 0, 0);
        // The loop ends with the table: a page has up to 1 MB and starts after the previous one.
        loop {
            let page = self.query(partition, shard, false, from).await?;
            for item in page.items.unwrap_or_default() {
                count += 1;
                if bytes <= bytes_max {
                    let item = readable(item);
                    bytes += bytes_of(&item);
                    items.push(item);
                }
            }
            from = page.last_evaluated_key;
            if count > items_max {
                return Ok(None);
            }
            if bytes > bytes_max {
                return Err(self.too_large(partition, bytes_max));
            }
            if from.is_none() {
                return Ok(Some(items));
            }
        }
    }

    fn too_large(&self, partition: &str, bytes_max: usize) -> Error {
        let table = &self.table;
        Error::deployment(
            "table_too_large",
            format!(
                "reading {partition}s of table `{table}`: the {partition}s of one invocation take more than {} MiB of memory, which is more than slacktrail writes",
                bytes_max >> 20
            ),
        )
    }

    /// Reads one item. `what` names it in errors.
    async fn get(&self, partition: &str, key: String, what: impl Fn() -> String) -> Result<Option<Item>, Error> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let sent = get.key("pk", text(partition)).key("sk", text(key)).send().await;
        let output = sent.map_err(|error| self.failed(&format!("reading {} of", what()), "dynamodb:GetItem", error))?;
        Ok(output.item.map(readable))
    }

    /// Reads the sources and the cursors of a shard concurrently, each within its memory limit.
    async fn read(
        &self,
        shard: &Shard,
        (sources_bytes_max, cursors_bytes_max): (usize, usize),
    ) -> Result<Deployment, Error> {
        let all = |partition, bytes_max| self.items(partition, shard, usize::MAX, bytes_max);
        let (sources, cursors) = try_join(all(SOURCES, sources_bytes_max), all(CURSORS, cursors_bytes_max)).await?;
        Ok(deployment(sources.unwrap_or_default().iter().chain(&cursors.unwrap_or_default())))
    }
}

impl DeploymentStore for DynamoDeployment {
    async fn load(&self) -> Result<Deployment, Error> {
        // Only commands call this. A deployment may have thousands of sources, and the user's machine has enough memory for them.
        self.read(&Shard::default(), (usize::MAX, usize::MAX)).await
    }

    async fn load_at_most(&self, sources_max: usize) -> Result<Option<Deployment>, Error> {
        // Sources come first, so that the cursors of a deployment that is too large are not read.
        let shard = Shard::default();
        let sources = self.items(SOURCES, &shard, sources_max, SOURCES_BYTES_MAX).await?;
        let Some(sources) = sources else { return Ok(None) };
        let cursors = self.items(CURSORS, &shard, usize::MAX, CURSORS_BYTES_MAX).await?;
        Ok(Some(deployment(sources.iter().chain(&cursors.unwrap_or_default()))))
    }

    async fn load_shard(&self, shard: &Shard) -> Result<Deployment, Error> {
        self.read(shard, (SOURCES_BYTES_MAX, CURSORS_BYTES_MAX)).await
    }

    async fn source_ids(&self) -> Result<Vec<SourceId>, Error> {
        let mut ids = Vec::new();
        let mut from = None;
        loop {
            let page = self.query(SOURCES, &Shard::default(), true, from).await?;
            let sources = page.items().iter().filter_map(|item| text_of(item, "sk")?.strip_suffix("/source"));
            ids.extend(sources.filter_map(|id| id.parse::<SourceId>().ok()));
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(ids);
            }
        }
    }

    async fn replace_cursor(
        &self,
        stream: &StreamId,
        expected: Option<Version>,
        cursor: &Cursor,
    ) -> Result<ReplaceOutcome, Error> {
        let put = self.client.put_item().item("pk", text(CURSORS)).item("sk", text(cursor_key(stream)));
        let put = put.item("cursor", long_text::to_attribute(cursor.encode()));
        let replaced = self.replace(put, expected).await;
        // The result is also `Conflict` if an attempt succeeded, its response was lost, and the SDK retried. The next tick then loads the cursor that
        // this attempt wrote.
        let doing = || format!("replacing the cursor of `{stream}` in");
        replaced.map_err(|error| self.failed(&doing(), "dynamodb:PutItem", error))
    }

    async fn load_stream(&self, stream: &StreamId) -> Result<Option<StoredCursor>, Error> {
        let item = self.get(CURSORS, cursor_key(stream), || format!("the cursor of `{stream}`")).await?;
        Ok(item.and_then(|item| deployment([&item]).cursors.remove(stream)))
    }

    async fn load_source(&self, id: &SourceId) -> Result<Option<StoredSource>, Error> {
        let Some(item) = self.get(SOURCES, source_key(id), || format!("source `{id}`")).await? else { return Ok(None) };
        let source = deployment([&item]).sources.remove(id);
        Ok(source.map(|source| (version_of(&item).unwrap_or(Version(0)), source)))
    }

    async fn replace_source(&self, expected: Option<Version>, source: &Source) -> Result<ReplaceOutcome, Error> {
        let json = serde_json::to_string(source).expect("a source holds only text and numbers");
        let put = self.client.put_item().item("pk", text(SOURCES)).item("sk", text(source_key(&source.id)));
        let replaced = self.replace(put.item("source", text(json)), expected).await;
        replaced.map_err(|error| self.failed(&format!("saving source `{}` in", source.id), "dynamodb:PutItem", error))
    }
}

impl AuthorizationStore for DynamoDeployment {
    async fn load_authorization(&self, id: &AuthorizationId) -> Result<Option<(Version, Authorization)>, Error> {
        // The error does not name the ID, because it comes from an unauthenticated request.
        let item = self.get(AUTHORIZATIONS, id.to_string(), || "an authorization".to_owned()).await?;
        let Some(item) = item else { return Ok(None) };
        let authorization = serde_json::from_str(text_of(&item, "authorization").unwrap_or_default());
        match (version_of(&item), authorization) {
            (Some(version), Ok(authorization)) => Ok(Some((version, authorization))),
            _ => Err(Error::deployment(
                "corrupt_authorization",
                format!(
                    "reading an authorization of table `{}`: it is corrupt, or another version of slacktrail wrote it",
                    self.table
                ),
            )),
        }
    }

    async fn replace_authorization(
        &self,
        expected: Option<Version>,
        authorization: &Authorization,
    ) -> Result<ReplaceOutcome, Error> {
        let id = &authorization.id;
        let put = self.client.put_item().item("pk", text(AUTHORIZATIONS)).item("sk", text(id.to_string()));
        let delete_at = authorization.expires_at.plus(KEPT_SECONDS).get().to_string();
        let put = put.item("authorization", long_text::to_attribute(authorization.encode()));
        let put = put.item("expires_at", AttributeValue::N(delete_at));
        let replaced = self.replace(put, expected).await;
        replaced.map_err(|error| self.failed(&format!("saving authorization `{id}` in"), "dynamodb:PutItem", error))
    }
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(version: Version) -> AttributeValue {
    AttributeValue::N(version.0.to_string())
}

/// Returns the attributes of an item that are text or numbers. Long texts are decompressed.
fn readable(mut item: Item) -> Item {
    for value in item.values_mut() {
        if let Some(decompressed) = long_text::decompressed(value) {
            *value = text(decompressed);
        }
    }
    item.retain(|_, value| value.is_s() || value.is_n());
    item
}

/// Returns an upper estimate of the memory that an item and its parsed form take. The parsed form may contain the text a second time.
fn bytes_of(item: &Item) -> usize {
    let texts = item.values().filter_map(|value| value.as_s().or_else(|_| value.as_n()).ok());
    let bytes = texts.map(|text| 2 * text.len() + OBJECT_BYTES * text.bytes().filter(|byte| *byte == b'{').count());
    ITEM_BYTES + item.keys().map(String::len).sum::<usize>() + bytes.sum::<usize>()
}

fn cursor_key(stream: &StreamId) -> String {
    format!("{}cursor/{}", stream.source.sort_prefix(), stream.log)
}

fn source_key(id: &SourceId) -> String {
    format!("{}source", id.sort_prefix())
}

/// Returns the sources and cursors in these items. Ignores keys of other kinds, because later versions may store other items.
fn deployment<'a>(items: impl IntoIterator<Item = &'a Item>) -> Deployment {
    let mut deployment = Deployment::default();
    for item in items {
        let key = text_of(item, "sk").and_then(|key| key.split_once('/'));
        let Some((Ok(source), kind)) = key.map(|(source, kind)| (source.parse::<SourceId>(), kind)) else { continue };
        match (text_of(item, "pk"), kind, kind.strip_prefix("cursor/").map(str::parse)) {
            (Some(SOURCES), "source", _) => {
                deployment.insert_source(source, text_of(item, "source").unwrap_or_default());
            }
            (Some(CURSORS), _, Some(Ok(log))) => deployment.insert_cursor(
                StreamId { source, log },
                version_of(item),
                text_of(item, "cursor").unwrap_or_default(),
            ),
            _ => {}
        }
    }
    deployment
}

fn text_of<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    item.get(attribute)?.as_s().ok().map(String::as_str)
}

fn version_of(item: &Item) -> Option<Version> {
    item.get("version")?.as_n().ok()?.parse().ok().map(Version)
}
