//! Invokes the poller asynchronously, once for each shard.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;

use super::operation::Operation;
use slacktrail_core::error::Error;
use slacktrail_ports::Invoker;
use slacktrail_ports::event::SHARD;
use slacktrail_ports::shard::Shard;

/// Invokes a function with the event `{"shard": ...}`, without waiting for its result.
#[derive(Clone, Debug)]
pub struct LambdaInvoker {
    client: Client,
    function: String,
}

impl LambdaInvoker {
    /// Creates an invoker of the function with this name.
    pub fn new(client: Client, function: impl Into<String>) -> LambdaInvoker {
        LambdaInvoker { client, function: function.into() }
    }
}

impl Invoker for LambdaInvoker {
    async fn invoke(&self, shard: &Shard) -> Result<(), Error> {
        let event = serde_json::json!({ SHARD: shard }).to_string();
        let invoke = self.client.invoke().function_name(&self.function).invocation_type(InvocationType::Event);
        match invoke.payload(Blob::new(event)).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let function = &self.function;
                let operation = Operation {
                    doing: format!("dispatching a shard to function `{function}`"),
                    resource: format!("function `{function}`"),
                    missing_code: "no_such_function",
                    permissions: format!("`lambda:InvokeFunction` on `{function}`"),
                };
                Err(operation.failed(error))
            }
        }
    }
}
