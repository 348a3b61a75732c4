//! Lambda's Runtime API on loopback: what the service says to a function, for the compiled functions.
//!
//! A function asks it for the next event and posts its answer; a test hands in events and awaits the answers. It freezes
//! nothing and limits no memory, and it ends no function that runs past its deadline: a test does that with [`Function::kill`].

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::function::Function;

/// Time an event waits for a function to ask for it: Lambda's own bound for a function's start.
const START_MAX: Duration = Duration::from_secs(10);

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The function's result.
    Response(Value),
    /// The function's error, with `errorType` and `errorMessage`; or why it could not start, which Lambda gives to the
    /// caller in the same way.
    Error(Value),
    /// The deadline went by, or no function asked for the event within 10 seconds: it is slow, dead or was never there.
    Silence,
}

/// One emulated Lambda service. It ends with this value; functions attached to it share one queue of events.
pub struct Emulator {
    address: SocketAddr,
    queue: Arc<Queue>,
    server: JoinHandle<()>,
    ids: AtomicU64,
}

impl Emulator {
    /// Starts it on a free port.
    pub async fn start() -> Emulator {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let queue = Arc::new(Queue::default());
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&queue));
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("a bound listener can be served");
        });
        Emulator { address, queue, server, ids: AtomicU64::new(1) }
    }

    /// What a function finds in `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands `event` to the next function that asks, gives it `deadline` from then on, and waits for its answer.
    ///
    /// An invocation that is dropped before a function has asked for it is never handed out.
    pub async fn invoke(&self, event: Value, deadline: Duration) -> Answer {
        let id = format!("00000000-0000-4000-8000-{:012x}", self.ids.fetch_add(1, Ordering::Relaxed));
        let (taken, is_taken) = oneshot::channel();
        let (answer, is_answered) = oneshot::channel();
        self.queue.push(Invocation { id: id.clone(), event, deadline, taken, answer });
        let answer = match timeout(START_MAX, is_taken).await {
            Ok(Ok(())) => timeout(deadline, is_answered).await,
            Ok(Err(_)) => Ok(is_answered.await), // answered without being handed out: a function could not start
            Err(elapsed) => Err(elapsed),
        };
        self.queue.forget(&id);
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Answer::Silence,
        }
    }

    /// Starts `binary` as this service's function: [`Function::spawn`].
    pub fn spawn<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        binary: &Path,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Function {
        Function::spawn(binary, self.address, environment)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An event on its way to a function.
struct Invocation {
    id: String,
    event: Value,
    deadline: Duration,
    taken: oneshot::Sender<()>,
    answer: oneshot::Sender<Answer>,
}

/// Events that wait for a function, and those that a function has.
#[derive(Default)]
struct Queue {
    events: Mutex<Events>,
    pushed: Notify,
}

#[derive(Default)]
struct Events {
    waiting: VecDeque<Invocation>,
    running: HashMap<String, oneshot::Sender<Answer>>,
    /// Of a function that could not start while no event waited: the next event's answer.
    start_failure: Option<Value>,
}

impl Queue {
    fn push(&self, invocation: Invocation) {
        let mut events = locked(&self.events);
        match events.start_failure.take() {
            Some(failure) => invocation.refuse(failure),
            None => events.waiting.push_back(invocation),
        }
        self.pushed.notify_one();
    }

    /// The id, content and deadline of the oldest event that its test still waits for; returns only when there is one.
    async fn take(&self) -> (String, Value, Duration) {
        loop {
            let (taken, more) = {
                let mut events = locked(&self.events);
                (events.take(), !events.waiting.is_empty())
            };
            if more {
                self.pushed.notify_one(); // two notices that came at once count as one, and another taker may sleep
            }
            if let Some(taken) = taken {
                return taken;
            }
            self.pushed.notified().await;
        }
    }

    /// False when no function has the event `id`: it is unknown, or its test no longer waits.
    fn answer(&self, id: &str, answer: Answer) -> bool {
        let sender = locked(&self.events).running.remove(id);
        sender.is_some_and(|sender| sender.send(answer).is_ok())
    }

    /// Answers every event that waits for a function to start, or else the next one.
    fn fail_start(&self, failure: Value) {
        let mut events = locked(&self.events);
        if events.waiting.is_empty() {
            events.start_failure = Some(failure);
            return;
        }
        for invocation in events.waiting.drain(..) {
            invocation.refuse(failure.clone());
        }
    }

    fn forget(&self, id: &str) {
        locked(&self.events).running.remove(id);
    }
}

impl Events {
    fn take(&mut self) -> Option<(String, Value, Duration)> {
        self.waiting.retain(|invocation| !invocation.answer.is_closed());
        let Invocation { id, event, deadline, taken, answer } = self.waiting.pop_front()?;
        self.running.insert(id.clone(), answer);
        let _ = taken.send(()); // a test that waits no longer needs no notice
        Some((id, event, deadline))
    }
}

impl Invocation {
    fn refuse(self, failure: Value) {
        let _ = self.answer.send(Answer::Error(failure)); // a test that waits no longer needs no notice
    }
}

async fn next(State(queue): State<Arc<Queue>>) -> Response {
    let (id, event, deadline) = queue.take().await;
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
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

/// Lambda answers 400 to an id that it does not wait for.
fn accepted(is_awaited: bool) -> StatusCode {
    if is_awaited { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn locked(events: &Mutex<Events>) -> MutexGuard<'_, Events> {
    events.lock().expect("no holder of this lock panics")
}
