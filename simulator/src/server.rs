//! Serves a world over HTTP on loopback. It only converts HTTP requests to a [`Request`], and an [`Outcome`] to HTTP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::{Family, Method, Outcome, Request, Response, World};

const API_PREFIX: &str = "/api/";
const AUDIT_PREFIX: &str = "/audit/v1/";
const BROWSER_PREFIX: &str = "/oauth/v2/";
/// The maximum size of a request body. The server closes the connection if a body is longer.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Returns the current time of the server. Tests pass a fake clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An HTTP server for a world. It runs until [`Server::stop`] is called or it is dropped. Both abort calls in progress.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// The state that all connections share.
#[derive(Clone)]
struct Handler {
    world: Arc<Mutex<World>>,
    clock: Clock,
}

/// An error that closes the connection without a response.
#[derive(Debug)]
struct HungUp;

impl Server {
    /// Serves `world` on a free loopback port. Requires a Tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// Returns an error if no port can be opened.
    pub async fn start(world: Arc<Mutex<World>>, clock: Clock) -> io::Result<Server> {
        Server::start_on(0, world, clock).await
    }

    /// Serves `world` on this loopback port. 0 picks a free port.
    ///
    /// # Errors
    ///
    /// Returns an error if the port cannot be opened.
    pub async fn start_on(port: u16, world: Arc<Mutex<World>>, clock: Clock) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(serve(listener, Handler { world, clock }, stopped));
        Ok(Server { address, stop, task })
    }

    /// Returns the base URL of the Web API: `http://127.0.0.1:PORT/api/`.
    pub fn api_url(&self) -> String {
        format!("http://{}{API_PREFIX}", self.address)
    }

    /// Returns the base URL of the audit API: `http://127.0.0.1:PORT/audit/v1/`.
    pub fn audit_url(&self) -> String {
        format!("http://{}{AUDIT_PREFIX}", self.address)
    }

    /// Returns the URL of the consent page: `http://127.0.0.1:PORT/oauth/v2/authorize`.
    pub fn authorize_url(&self) -> String {
        format!("http://{}{BROWSER_PREFIX}authorize", self.address)
    }

    /// Closes the port and every connection.
    pub async fn stop(self) {
        drop(self.stop);
        // The task can fail only by a panic, which Rust has already reported.
        let _ = self.task.await;
    }
}

/// Accepts connections until the sender of `stopped` is dropped. Dropping the set of connections then closes all of them.
async fn serve(listener: TcpListener, handler: Handler, mut stopped: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // An error means that the caller disconnected before its connection was accepted.
                if let Ok((socket, _)) = accepted {
                    connections.spawn(handle_connection(socket, handler.clone()));
                }
            }
        }
    }
}

async fn handle_connection(socket: TcpStream, handler: Handler) {
    // Otherwise, small responses would wait for the caller's acknowledgment.
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| answer(handler.clone(), request));
    let connection = http1::Builder::new()
        .auto_date_header(false) // the world sets the `Date` header or omits it
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(socket), service);
    // An error means that the caller or a fault closed the connection.
    let _ = connection.await;
}

async fn answer(handler: Handler, request: hyper::Request<Incoming>) -> Result<hyper::Response<Body>, HungUp> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| HungUp)?.to_bytes();
    let Some(request) = read(&head, &body) else {
        return respond(Response::text(404, "not found: paths start with /api/, /audit/v1/ or /oauth/v2/\n"));
    };
    let outcome = {
        let now = (handler.clock)();
        handler.world.lock().unwrap_or_else(PoisonError::into_inner).answer(now, &request)
    };
    let Outcome::Response(response) = outcome else {
        return Err(HungUp);
    };
    if !response.delay.is_zero() {
        tokio::time::sleep(response.delay).await;
    }
    respond(response)
}

/// Returns the request, or `None` if the path belongs to no API family.
fn read(head: &hyper::http::request::Parts, body: &[u8]) -> Option<Request> {
    let path = head.uri.path();
    let families = [(API_PREFIX, Family::Web), (AUDIT_PREFIX, Family::Audit), (BROWSER_PREFIX, Family::Browser)];
    let (path, family) =
        families.into_iter().find_map(|(prefix, family)| Some((path.strip_prefix(prefix)?, family)))?;
    // Slack treats the scheme as case-sensitive: it ignores a token after `bearer`.
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|text| text.strip_prefix("Bearer ")).map(str::to_owned);
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let parameters = form_urlencoded::parse(body).into_owned().chain(form_urlencoded::parse(query).into_owned());
    Some(Request {
        family,
        method: if head.method == hyper::Method::GET { Method::Get } else { Method::Post },
        path: path.to_owned(),
        query: parameters.collect(),
        bearer,
        basic: authorization.and_then(basic),
    })
}

/// Returns the user name and password of HTTP Basic authentication. Its scheme is not case-sensitive.
fn basic(authorization: &str) -> Option<(String, String)> {
    let (_, text) = authorization.split_once(' ').filter(|(word, _)| word.eq_ignore_ascii_case("Basic"))?;
    let text = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}

fn respond(response: Response) -> Result<hyper::Response<Body>, HungUp> {
    let mut http = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        http = http.header(name, value);
    }
    // Only a scripted status or header can be invalid in HTTP. No response is possible in that case.
    http.body(Body { bytes: Some(response.body.into()), breaks_off: response.breaks_off, was_sent: false })
        .map_err(|_| HungUp)
}

/// The body of a response. The connection may close after it.
struct Body {
    bytes: Option<Bytes>,
    breaks_off: bool,
    /// Whether hyper was able to send the buffered bytes before the connection closes.
    was_sent: bool,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = HungUp;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HungUp>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if self.breaks_off && !std::mem::replace(&mut self.was_sent, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut self.breaks_off).then_some(Err(HungUp)))
    }

    fn is_end_stream(&self) -> bool {
        !self.breaks_off && self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if self.breaks_off { SizeHint::default() } else { SizeHint::with_exact(length) }
    }
}

impl std::fmt::Display for HungUp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the connection was closed without a response")
    }
}

impl std::error::Error for HungUp {}
