//! An emulated Lambda Runtime API on loopback, for the compiled functions.
//!
//! A function requests the next event and posts its result. A test submits events and waits for the results. The emulator does not freeze
//! functions, limit their memory or stop functions that exceed their deadline. Tests use [`Function::kill`] for that.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::function::Function;
use crate::locked;
use crate::loopback::Server;

/// The time limit for a function to request an event. Lambda allows 10 seconds for the initialization of a function, but a debug build on a
/// busy machine may need longer.
const START_MAX: Duration = Duration::from_secs(60);

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The result of the function.
    Response(Value),
    /// The error of the function, with `errorType` and `errorMessage`.
    Error(Value),
    /// No result before the deadline, or no function requested the event within a minute.
    NoResponse,
}

/// An emulated Lambda service with one queue of events for all of its functions. Dropping this value stops it.
pub struct Emulator {
    server: Server,
    events: Arc<Events>,
    ids: AtomicU64,
}

/// The events that wait for a function, and those in progress.
struct Events {
    sender: UnboundedSender<Invocation>,
    waiting: tokio::sync::Mutex<UnboundedReceiver<Invocation>>,
    running: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
}

/// An event that waits for a function.
struct Invocation {
    id: String,
    event: Value,
    deadline: Duration,
    taken: oneshot::Sender<()>,
    answer: oneshot::Sender<Answer>,
}

impl Emulator {
    /// Starts the service on a free port.
    pub async fn start() -> Emulator {
        let (sender, waiting) = unbounded_channel();
        let events = Arc::new(Events { sender, waiting: waiting.into(), running: Mutex::default() });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(Arc::clone(&events));
        Emulator { server: Server::of(routes).await, events, ids: AtomicU64::new(1) }
    }

    /// Returns the address for `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Passes `event` to the next function that requests one, and waits for its result.
    ///
    /// `deadline` starts when the function requests the event.
    ///
    /// If the future is dropped before a function requests the event, no function gets the event.
    pub async fn invoke(&self, event: Value, deadline: Duration) -> Answer {
        self.invoke_and_wait(event, deadline, deadline).await
    }

    /// Invokes a function like [`Emulator::invoke`], and waits for its result for `wait_max`, even if its `deadline` is earlier. A function
    /// on a busy machine may respond late.
    pub async fn invoke_and_wait(&self, event: Value, deadline: Duration, wait_max: Duration) -> Answer {
        let id = format!("00000000-0000-4000-8000-{:012x}", self.ids.fetch_add(1, Ordering::Relaxed));
        let (taken, is_taken) = oneshot::channel();
        let (answer, is_answered) = oneshot::channel();
        let invocation = Invocation { id: id.clone(), event, deadline, taken, answer };
        self.events.sender.send(invocation).expect("the receiver is beside the sender");
        let answer = match timeout(START_MAX, is_taken).await {
            Ok(_) => timeout(wait_max, is_answered).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        locked(&self.events.running).remove(&id);
        answer.unwrap_or(Answer::NoResponse)
    }

    /// Starts `binary` as a function of this service, with [`Function::spawn`].
    pub fn spawn<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        binary: &Path,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Function {
        Function::spawn(binary, self.address(), environment)
    }
}

impl Events {
    /// Completes an event. Lambda returns status 400 for an ID without a pending invocation.
    fn answer(&self, id: &str, answer: Answer) -> StatusCode {
        let sender = locked(&self.running).remove(id);
        let is_awaited = sender.is_some_and(|sender| sender.send(answer).is_ok());
        if is_awaited { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST }
    }
}

async fn next(State(events): State<Arc<Events>>) -> Response {
    let Invocation { id, event, deadline, taken, answer } = loop {
        let oldest = events.waiting.lock().await.recv().await.expect("the sender is beside the receiver");
        if !oldest.answer.is_closed() {
            break oldest;
        } // otherwise the test no longer waits for it
    };
    locked(&events.running).insert(id.clone(), answer);
    let _ = taken.send(()); // fails if the test no longer waits
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", (since_1970 + deadline).as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:slacktrail".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-6a214b00-0123456789abcdef01234567;Sampled=0".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn response(State(events): State<Arc<Events>>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    events.answer(&id, Answer::Response(json(&body)))
}

async fn error(State(events): State<Arc<Events>>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    events.answer(&id, Answer::Error(json(&body)))
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
