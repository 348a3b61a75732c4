//! A function that is a closure of the test: it speaks with Lambda as a compiled one does, without a process.

use reqwest::Client;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::lambda_runtime_api::Emulator;

/// A function in this process, which answers one event at a time. It ends with this value.
pub struct ScriptedFunction(JoinHandle<()>);

impl ScriptedFunction {
    /// Answers every event of `lambda` with what `answer` makes of it: a response, or an error with `errorType` and
    /// `errorMessage`.
    pub fn start(
        lambda: &Emulator,
        mut answer: impl FnMut(Value) -> Result<Value, Value> + Send + 'static,
    ) -> ScriptedFunction {
        let api = format!("http://{}/2018-06-01/runtime/invocation", lambda.address());
        let client = Client::builder().no_proxy().build().expect("a client for loopback can be made");
        ScriptedFunction(tokio::spawn(async move {
            // The service's end is this function's end.
            while let Ok(response) = client.get(format!("{api}/next")).send().await {
                let id =
                    response.headers()["lambda-runtime-aws-request-id"].to_str().expect("an id is text").to_owned();
                let Ok(event) = response.bytes().await else { return };
                let event = serde_json::from_slice(&event).expect("an event is JSON");
                let (path, body) = match answer(event) {
                    Ok(response) => ("response", response),
                    Err(error) => ("error", error),
                };
                // Refused when the test no longer waits for it, which is no matter of a function.
                let _ = client.post(format!("{api}/{id}/{path}")).body(body.to_string()).send().await;
            }
        }))
    }
}

impl Drop for ScriptedFunction {
    fn drop(&mut self) {
        self.0.abort();
    }
}
