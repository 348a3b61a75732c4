//! `table_conditions`: DynamoDB rejects a write whose condition is false. The poller replaces every cursor with a conditional write.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use slacktrail_adapters::random;

use crate::doctor::PROBE;
use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict};

pub(super) async fn check(facts: &Facts) -> Verdict {
    let table = &facts.deployed.get()?.table;
    let client = Client::new(&facts.config);
    let key = AttributeValue::S(format!("{:032x}", u128::from_be_bytes(random::bytes()?)));
    let pk = || AttributeValue::S(PROBE.to_owned());
    let put = client.put_item().table_name(table).item("pk", pk()).item("sk", key.clone());
    let written = put.condition_expression("attribute_exists(pk)").send().await; // false, because the item does not exist
    match written {
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
            Ok(format!("table `{table}` rejects a write whose condition is false"))
        }
        Err(error) => Err(problem("dynamodb:PutItem")(error)),
        Ok(_) => {
            let deleted = client.delete_item().table_name(table).key("pk", pk()).key("sk", key).send().await;
            deleted.map_err(problem("dynamodb:DeleteItem"))?;
            Err(Problem::failed(
                format!("table `{table}` accepted a write whose condition is false"),
                "check the endpoint settings, because DynamoDB itself would reject this write",
            ))
        }
    }
}
