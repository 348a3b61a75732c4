//! A function that runs as a closure in the test. It uses the Runtime API like a compiled function, but needs no process.

use reqwest::Client;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::lambda_runtime_api::Emulator;

/// A function in this process that handles one event at a time. Dropping this value stops it.
pub struct ScriptedFunction(JoinHandle<()>);

impl ScriptedFunction {
    /// Starts a function that passes every event of `lambda` to `answer`.
    ///
    /// `answer` returns a response, or an error with `errorType` and `errorMessage`.
    pub fn start(
        lambda: &Emulator,
        mut answer: impl FnMut(Value) -> Result<Value, Value> + Send + 'static,
    ) -> ScriptedFunction {
        let api = format!("http://{}/2018-06-01/runtime/invocation", lambda.address());
        let client = Client::builder().no_proxy().build().expect("a client for loopback can be created");
        ScriptedFunction(tokio::spawn(async move {
            // The function stops when the emulated service stops.
            while let Ok(response) = client.get(format!("{api}/next")).send().await {
                let id =
                    response.headers()["lambda-runtime-aws-request-id"].to_str().expect("an ID is text").to_owned();
                let Ok(event) = response.bytes().await else { return };
                let event = serde_json::from_slice(&event).expect("an event is JSON");
                let (path, body) = match answer(event) {
                    Ok(response) => ("response", response),
                    Err(error) => ("error", error),
                };
                // The service rejects the result if the test no longer waits for it.
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
