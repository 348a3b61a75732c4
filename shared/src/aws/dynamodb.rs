//! Sources and cursors in DynamoDB, all under one partition key, so that one Query reads a whole deployment. Connections under way
//! are under another.
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `deployment` | `<source id>/source` | `source`: the source as JSON |
//! | `deployment` | `<source id>/cursor/<log type>` | `version`: a number, one more at each replacement; `cursor`: the cursor as JSON |
//! | `connection` | `<connection id>` | `version`; `connection`: the connection as JSON; `expires_at`: Unix seconds, after which DynamoDB deletes it |

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::AttributeValue;

use super::attempt::{Attempt, Thing};
use crate::connection::{Connection, ConnectionId};
use crate::cursor::Cursor;
use crate::ports::{ConnectionStore, Deployment, DeploymentStore, Replaced, Version};
use crate::share::Share;
use crate::source::{Source, SourceId, StreamId};
use crate::trouble::{Remedy, Trouble};

/// The partition key of everything that a tick reads. One partition takes 1000 writes a second; 10,000 sources whose three
/// streams are all busy make 500.
const PARTITION: &str = "deployment";

/// The partition key of connections under way.
const CONNECTIONS: &str = "connection";
/// A connection is kept so much longer than its link or state is good, for whoever asks what became of it.
const KEPT_SECONDS: i64 = 86_400;

type Item = HashMap<String, AttributeValue>;

/// Sources and cursors in a table.
#[derive(Clone, Debug)]
pub struct DynamoDeployment {
    client: Client,
    table: String,
}

impl DynamoDeployment {
    /// Sources and cursors in `table`, whose keys are the strings `pk` and `sk`.
    pub fn new(client: Client, table: impl Into<String>) -> DynamoDeployment {
        DynamoDeployment { client, table: table.into() }
    }

    fn attempt(&self, doing: String, permission: &str) -> Attempt {
        let table = &self.table;
        let thing = Thing {
            name: format!("table `{table}`"),
            missing_code: "no_such_table",
            missing_hint: format!(
                "see whether `TABLE_NAME` (`SLACKTRAIL_TABLE` on the command line) says `{table}` by mistake, and the region is right"
            ),
        };
        Attempt { doing, thing, permissions: format!("`{permission}` on `{table}`") }
    }

    /// Puts an item in place of the one whose version is `expected`.
    async fn replace(
        &self,
        put: PutItemFluentBuilder,
        expected: Option<Version>,
    ) -> Result<Replaced, SdkError<PutItemError>> {
        let next = Version(expected.map_or(0, |version| version.0) + 1);
        let put = put.table_name(&self.table).item("version", number(next));
        let put = match expected {
            None => put.condition_expression("attribute_not_exists(#sk)").expression_attribute_names("#sk", "sk"),
            Some(version) => put
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":expected", number(version)),
        };
        match put.send().await {
            Ok(_) => Ok(Replaced::Yes(next)),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(Replaced::Changed)
            }
            Err(error) => Err(error),
        }
    }

    /// A page of the items whose keys lie in a share, as they are now; or, for half of the price, their keys of some seconds ago.
    async fn query(&self, share: &Share, keys_only: bool, from: Option<Item>) -> Result<QueryOutput, Trouble> {
        // Every key of a source begins with its place, and `~` comes after whatever follows there.
        let last_key = |id: &SourceId| text(format!("{}~", id.place()));
        let first = share.after.as_ref().map_or(text(" "), last_key);
        let last = share.through.as_ref().map_or(text("~"), last_key);
        let condition = "#pk = :pk AND #sk BETWEEN :first AND :last";
        let query = self.client.query().table_name(&self.table).key_condition_expression(condition);
        let query = query.expression_attribute_names("#pk", "pk").expression_attribute_names("#sk", "sk");
        let query = query.expression_attribute_values(":pk", text(PARTITION));
        let query = query.expression_attribute_values(":first", first).expression_attribute_values(":last", last);
        let query = query.set_projection_expression(keys_only.then(|| "#sk".to_owned()));
        // An older cursor would cost reading again what is stored. Older names cost nothing: the shares cut at them have every source.
        let sent = query.consistent_read(!keys_only).set_exclusive_start_key(from).send().await;
        sent.map_err(|error| {
            self.attempt(format!("reading sources and cursors of table `{}`", self.table), "dynamodb:Query")
                .failed(error)
        })
    }
}

impl DeploymentStore for DynamoDeployment {
    async fn load(&self) -> Result<Deployment, Trouble> {
        self.load_share(&Share::default()).await
    }

    async fn load_at_most(&self, sources_max: usize) -> Result<Option<Deployment>, Trouble> {
        let page = self.query(&Share::default(), false, None).await?;
        let mut deployment = Deployment::default();
        page.items().iter().for_each(|item| take(item, &mut deployment));
        // What does not fit one reply of 1 MB may be few sources with large cursors: only their number decides.
        if page.last_evaluated_key.is_some() {
            deployment = match deployment.sources.len() > sources_max {
                true => return Ok(None),
                false => self.load().await?,
            };
        }
        Ok(Some(deployment).filter(|deployment| deployment.sources.len() <= sources_max))
    }

    async fn load_share(&self, share: &Share) -> Result<Deployment, Trouble> {
        let mut deployment = Deployment::default();
        let mut from = None;
        // Bounded by the table: 1 MB a page, and each page starts after the one before.
        loop {
            let page = self.query(share, false, from).await?;
            page.items().iter().for_each(|item| take(item, &mut deployment));
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(deployment);
            }
        }
    }

    async fn source_ids(&self) -> Result<Vec<SourceId>, Trouble> {
        let mut ids = Vec::new();
        let mut from = None;
        loop {
            let page = self.query(&Share::default(), true, from).await?;
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
    ) -> Result<Replaced, Trouble> {
        let put = self
            .client
            .put_item()
            .item("pk", text(PARTITION))
            .item("sk", text(format!("{}cursor/{}", stream.source.place(), stream.log)));
        let put = put.item("cursor", text(cursor.encode()));
        let replaced = self.replace(put, expected).await;
        // Changed also when an attempt of ours was applied, its reply got lost, and the SDK tried again. The next tick loads
        // what is there, which is then what we meant.
        replaced.map_err(|error| {
            let doing = format!("replacing the cursor of `{stream}` in table `{}`", self.table);
            self.attempt(doing, "dynamodb:PutItem").failed(error)
        })
    }

    async fn load_source(&self, id: &SourceId) -> Result<Option<Result<Source, Trouble>>, Trouble> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let sent = get.key("pk", text(PARTITION)).key("sk", text(format!("{}source", id.place()))).send().await;
        let output = sent.map_err(|error| {
            self.attempt(format!("reading source `{id}` of table `{}`", self.table), "dynamodb:GetItem").failed(error)
        })?;
        let mut found = Deployment::default();
        if let Some(item) = output.item {
            take(&item, &mut found);
        }
        Ok(found.sources.remove(id))
    }

    async fn save_source(&self, source: &Source) -> Result<(), Trouble> {
        let json = serde_json::to_string(source).expect("a source holds only text and numbers");
        let put = self.client.put_item().table_name(&self.table);
        let put = put
            .item("pk", text(PARTITION))
            .item("sk", text(format!("{}source", source.id.place())))
            .item("source", text(json));
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self
                .attempt(format!("saving source `{}` in table `{}`", source.id, self.table), "dynamodb:PutItem")
                .failed(error)),
        }
    }
}

impl ConnectionStore for DynamoDeployment {
    async fn load_connection(&self, id: &ConnectionId) -> Result<Option<(Version, Connection)>, Trouble> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let sent = get.key("pk", text(CONNECTIONS)).key("sk", text(id.to_string())).send().await;
        let output = sent.map_err(|error| {
            self.attempt(format!("reading connection `{id}` of table `{}`", self.table), "dynamodb:GetItem")
                .failed(error)
        })?;
        let Some(item) = output.item else { return Ok(None) };
        let connection = serde_json::from_str(text_of(&item, "connection").unwrap_or_default());
        match (version_of(&item), connection) {
            (Some(version), Ok(connection)) => Ok(Some((version, connection))),
            _ => Err(Trouble::ours(
                Remedy::Investigate,
                "unreadable_connection",
                format!(
                    "reading connection `{id}` of table `{}`: it is not one that this slacktrail wrote",
                    self.table
                ),
                "run `slacktrail connect` again, of the same version as the deployment",
            )),
        }
    }

    async fn replace_connection(
        &self,
        expected: Option<Version>,
        connection: &Connection,
    ) -> Result<Replaced, Trouble> {
        let id = &connection.id;
        let put = self.client.put_item().item("pk", text(CONNECTIONS)).item("sk", text(id.to_string()));
        let delete_at = connection.expires_at.plus(KEPT_SECONDS).get().to_string();
        let put = put.item("connection", text(connection.encode())).item("expires_at", AttributeValue::N(delete_at));
        self.replace(put, expected).await.map_err(|error| {
            self.attempt(format!("saving connection `{id}` in table `{}`", self.table), "dynamodb:PutItem")
                .failed(error)
        })
    }
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(version: Version) -> AttributeValue {
    AttributeValue::N(version.0.to_string())
}

/// Adds an item to what is loaded. A key of another kind is ignored: other parts and later versions keep other things here.
fn take(item: &Item, deployment: &mut Deployment) {
    let Some((source, kind)) = text_of(item, "sk").and_then(|key| key.split_once('/')) else { return };
    let Ok(source) = source.parse::<SourceId>() else { return };
    match (kind, kind.strip_prefix("cursor/").map(str::parse)) {
        ("source", _) => deployment.take_source(source, text_of(item, "source").unwrap_or_default()),
        (_, Some(Ok(log))) => deployment.take_cursor(
            StreamId { source, log },
            version_of(item),
            text_of(item, "cursor").unwrap_or_default(),
        ),
        _ => {}
    }
}

fn text_of<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    item.get(attribute)?.as_s().ok().map(String::as_str)
}

fn version_of(item: &Item) -> Option<Version> {
    item.get("version")?.as_n().ok()?.parse().ok().map(Version)
}
