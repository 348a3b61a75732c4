//! Puts a world behind HTTP on loopback. It turns HTTP into a [`Request`] and an [`Outcome`] into HTTP, and decides nothing else.

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
/// A longer body of a request closes the connection: no log method needs one.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the server asks for the time: a test gives it a time of its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A world behind HTTP. It serves until [`Server::stop`] or until it is dropped; calls under way are cut off then.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// What every connection needs.
#[derive(Clone)]
struct Desk {
    world: Arc<Mutex<World>>,
    clock: Clock,
}

/// Ends a connection without an answer.
#[derive(Debug)]
struct HungUp;

impl Server {
    /// Serves `world` on a free port of loopback, from inside any tokio runtime with I/O and time.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start(world: Arc<Mutex<World>>, clock: Clock) -> io::Result<Server> {
        Server::start_on(0, world, clock).await
    }

    /// Serves `world` on this port of loopback; 0 is any free one.
    ///
    /// # Errors
    /// If the port cannot be opened.
    pub async fn start_on(port: u16, world: Arc<Mutex<World>>, clock: Clock) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(serve(listener, Desk { world, clock }, stopped));
        Ok(Server { address, stop, task })
    }

    /// The base of the Web API: `http://127.0.0.1:PORT/api/`.
    pub fn api_url(&self) -> String {
        format!("http://{}{API_PREFIX}", self.address)
    }

    /// The base of the audit API: `http://127.0.0.1:PORT/audit/v1/`.
    pub fn audit_url(&self) -> String {
        format!("http://{}{AUDIT_PREFIX}", self.address)
    }

    /// Where a browser is sent to install an app: `http://127.0.0.1:PORT/oauth/v2/authorize`.
    pub fn authorize_url(&self) -> String {
        format!("http://{}{BROWSER_PREFIX}authorize", self.address)
    }

    /// Closes the port and every connection.
    pub async fn stop(self) {
        drop(self.stop);
        // The task only ends; it cannot fail but by a panic, which has been reported by then.
        let _ = self.task.await;
    }
}

/// Accepts connections until the sender of `stopped` is gone. Dropping the set of connections then closes them all.
async fn serve(listener: TcpListener, desk: Desk, mut stopped: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // A caller that is gone before it is accepted is that caller's matter.
                if let Ok((socket, _)) = accepted {
                    connections.spawn(converse(socket, desk.clone()));
                }
            }
        }
    }
}

async fn converse(socket: TcpStream, desk: Desk) {
    // Small replies would wait for the caller's acknowledgement otherwise.
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| answer(desk.clone(), request));
    let connection = http1::Builder::new()
        .auto_date_header(false) // the simulated Slack has its own date, or none
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(socket), service);
    // An error here is a caller who left, or our own hanging up.
    let _ = connection.await;
}

async fn answer(desk: Desk, request: hyper::Request<Incoming>) -> Result<hyper::Response<Body>, HungUp> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| HungUp)?.to_bytes();
    let Some(request) = read(&head, &body) else {
        return respond(Response::text(404, "not found: the paths here begin with /api/, /audit/v1/ or /oauth/v2/\n"));
    };
    let outcome = {
        let now = (desk.clock)();
        desk.world.lock().unwrap_or_else(PoisonError::into_inner).answer(now, &request)
    };
    let Outcome::Response(response) = outcome else {
        return Err(HungUp);
    };
    if !response.delay.is_zero() {
        tokio::time::sleep(response.delay).await;
    }
    respond(response)
}

/// What was asked, if the path belongs to one of the families.
fn read(head: &hyper::http::request::Parts, body: &[u8]) -> Option<Request> {
    let path = head.uri.path();
    let families = [(API_PREFIX, Family::Web), (AUDIT_PREFIX, Family::Audit), (BROWSER_PREFIX, Family::Browser)];
    let (path, family) =
        families.into_iter().find_map(|(prefix, family)| Some((path.strip_prefix(prefix)?, family)))?;
    // Slack's word is case-sensitive: `bearer` is no token at all.
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

/// User and password of HTTP Basic, whose word is not case-sensitive.
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
    // Only a scripted status or header can be unfit for HTTP: there is no answer to give then.
    http.body(Body { bytes: Some(response.body.into()), breaks_off: response.breaks_off, was_sent: false })
        .map_err(|_| HungUp)
}

/// The bytes of a reply, after which the connection may break off.
struct Body {
    bytes: Option<Bytes>,
    breaks_off: bool,
    /// Whether hyper had its turn to send what it holds, before the connection breaks off.
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
        out.write_str("the connection was closed without an answer")
    }
}

impl std::error::Error for HungUp {}
