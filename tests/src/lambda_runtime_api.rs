//! An emulated Lambda Runtime API on loopback, for the compiled functions.
//!
//! A function requests the next event and posts its result. A test submits events and waits for the results. The emulator does not freeze
//! functions, limit their memory or stop functions that exceed their deadline. Tests use [`Function::kill`] for that.

use std::collections::{HashMap, VecDeque};
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
use tokio::sync::{Notify, oneshot};
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
    /// The error of the function or of its initialization, with `errorType` and `errorMessage`. Lambda reports both to the caller in the
    /// same way.
    Error(Value),
    /// No result before the deadline, or no function requested the event within a minute.
    NoResponse,
}

/// An emulated Lambda service with one queue of events for all of its functions. Dropping this value stops it.
pub struct Emulator {
    server: Server,
    queue: Arc<Queue>,
    ids: AtomicU64,
}

impl Emulator {
    /// Starts the service on a free port.
    pub async fn start() -> Emulator {
        let queue = Arc::new(Queue::default());
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&queue));
        Emulator { server: Server::of(routes).await, queue, ids: AtomicU64::new(1) }
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
        self.queue.push(Invocation { id: id.clone(), event, deadline, taken, answer });
        let answer = match timeout(START_MAX, is_taken).await {
            Ok(Ok(())) => timeout(wait_max, is_answered).await,
            Ok(Err(_)) => Ok(is_answered.await), // a function failed to initialize
            Err(elapsed) => Err(elapsed),
        };
        self.queue.remove(&id);
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Answer::NoResponse,
        }
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

/// An event that waits for a function.
struct Invocation {
    id: String,
    event: Value,
    deadline: Duration,
    taken: oneshot::Sender<()>,
    answer: oneshot::Sender<Answer>,
}

/// The queue of waiting events, and the events in progress.
#[derive(Default)]
struct Queue {
    events: Mutex<Events>,
    pushed: Notify,
}

#[derive(Default)]
struct Events {
    waiting: VecDeque<Invocation>,
    running: HashMap<String, oneshot::Sender<Answer>>,
    /// The error of a function that failed to initialize while no event was waiting. The next event gets it as its result.
    start_failure: Option<Value>,
}

impl Queue {
    fn push(&self, invocation: Invocation) {
        let mut events = locked(&self.events);
        match events.start_failure.take() {
            Some(failure) => invocation.fail(failure),
            None => events.waiting.push_back(invocation),
        }
        self.pushed.notify_one();
    }

    /// Waits for an event, and returns the ID, content and deadline of the oldest event that a test still waits for.
    async fn take(&self) -> (String, Value, Duration) {
        loop {
            let (taken, more) = {
                let mut events = locked(&self.events);
                (events.take(), !events.waiting.is_empty())
            };
            if more {
                self.pushed.notify_one(); // `Notify` merges simultaneous notifications, so wake another waiting function
            }
            if let Some(taken) = taken {
                return taken;
            }
            self.pushed.notified().await;
        }
    }

    /// Completes an event. Returns `false` if the ID is unknown or the test no longer waits.
    fn answer(&self, id: &str, answer: Answer) -> bool {
        let sender = locked(&self.events).running.remove(id);
        sender.is_some_and(|sender| sender.send(answer).is_ok())
    }

    /// Fails all waiting events, or the next event if none is waiting.
    fn fail_start(&self, failure: Value) {
        let mut events = locked(&self.events);
        if events.waiting.is_empty() {
            events.start_failure = Some(failure);
            return;
        }
        for invocation in events.waiting.drain(..) {
            invocation.fail(failure.clone());
        }
    }

    fn remove(&self, id: &str) {
        locked(&self.events).running.remove(id);
    }
}

impl Events {
    fn take(&mut self) -> Option<(String, Value, Duration)> {
        self.waiting.retain(|invocation| !invocation.answer.is_closed());
        let Invocation { id, event, deadline, taken, answer } = self.waiting.pop_front()?;
        self.running.insert(id.clone(), answer);
        let _ = taken.send(()); // fails if the test no longer waits
        Some((id, event, deadline))
    }
}

impl Invocation {
    fn fail(self, failure: Value) {
        let _ = self.answer.send(Answer::Error(failure)); // fails if the test no longer waits
    }
}

async fn next(State(queue): State<Arc<Queue>>) -> Response {
    let (id, event, deadline) = queue.take().await;
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

async fn response(State(queue): State<Arc<Queue>>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    accepted(queue.answer(&id, Answer::Response(json(&body))))
}

async fn error(State(queue): State<Arc<Queue>>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    accepted(queue.answer(&id, Answer::Error(json(&body))))
}

async fn init_error(State(queue): State<Arc<Queue>>, body: Bytes) -> StatusCode {
    queue.fail_start(json(&body));
    StatusCode::ACCEPTED
}

/// Returns the status of a posted result. Lambda returns 400 for an ID without a pending invocation.
fn accepted(is_awaited: bool) -> StatusCode {
    if is_awaited { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
