//! A proxy on loopback in front of the emulated AWS that refuses calls and loses replies, as a seed has it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, EXPECT, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Client;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::loopback::accept;

/// A longer body is refused: the largest is an object of a few MiB.
const BODY_BYTES_MAX: usize = 64 << 20;
/// One call in so many begins a spell of faults.
const CALLS_TO_A_SPELL: u32 = 24;
/// Calls of a spell, at most: more than the SDK makes attempts, so that some errors reach the poller.
const SPELL_CALLS_MAX: u32 = 6;

/// What happens to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mishap {
    /// It is answered with a 503, and AWS does not hear of it.
    Refused,
    /// The connection breaks before AWS hears of it.
    Unsent,
    /// The connection breaks after AWS has done it.
    Unanswered,
}

/// How many calls met what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mishaps {
    /// All calls.
    pub calls: u32,
    /// [`Mishap::Refused`].
    pub refused: u32,
    /// [`Mishap::Unsent`].
    pub unsent: u32,
    /// [`Mishap::Unanswered`].
    pub unanswered: u32,
}

/// A proxy in front of one endpoint. It ends with this value.
pub struct ChaosProxy {
    address: SocketAddr,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

struct Desk {
    upstream: String,
    client: Client,
    fate: Mutex<Fate>,
}

/// What is in store for the calls to come. Which call meets it depends on the order in which they come.
struct Fate {
    dice: StdRng,
    spell: Option<(Mishap, u32)>,
    is_over: bool,
    met: Mishaps,
}

/// Ends a connection without an answer.
#[derive(Debug)]
struct HungUp;

impl ChaosProxy {
    /// Starts it on a free port, in front of `upstream`, such as `http://127.0.0.1:40123`.
    pub async fn start(upstream: &str, seed: u64) -> ChaosProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let client = Client::builder().no_proxy().no_gzip().build().expect("a client for loopback can be made");
        let dice = StdRng::seed_from_u64(seed);
        let fate = Mutex::new(Fate { dice, spell: None, is_over: false, met: Mishaps::default() });
        let desk = Arc::new(Desk { upstream: upstream.to_owned(), client, fate });
        let server = tokio::spawn(accept(listener, {
            let desk = Arc::clone(&desk);
            move |socket| converse(socket, Arc::clone(&desk))
        }));
        ChaosProxy { address, desk, server }
    }

    /// Its own endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on every call is passed on, and so is every answer.
    pub fn calm_down(&self) {
        locked(&self.desk.fate).is_over = true;
    }

    /// What calls have met so far.
    pub fn met(&self) -> Mishaps {
        locked(&self.desk.fate).met
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fate {
    /// What happens to the next call.
    fn next(&mut self) -> Option<Mishap> {
        self.met.calls += 1;
        if self.is_over {
            return None;
        }
        if self.spell.is_none() && self.dice.random_ratio(1, CALLS_TO_A_SPELL) {
            let kinds = [Mishap::Refused, Mishap::Unsent, Mishap::Unanswered];
            let kind = kinds[self.dice.random_range(0..kinds.len())];
            self.spell = Some((kind, self.dice.random_range(1..=SPELL_CALLS_MAX)));
        }
        let (kind, left) = self.spell?;
        self.spell = Some((kind, left - 1)).filter(|(_, left)| *left > 0);
        *match kind {
            Mishap::Refused => &mut self.met.refused,
            Mishap::Unsent => &mut self.met.unsent,
            Mishap::Unanswered => &mut self.met.unanswered,
        } += 1;
        Some(kind)
    }
}

async fn converse(socket: TcpStream, desk: Arc<Desk>) {
    let service = service_fn(move |request| pass_on(Arc::clone(&desk), request));
    // An error here is a caller who was killed, or our own hanging up.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}

async fn pass_on(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HungUp> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| HungUp)?.to_bytes();
    let fate = locked(&desk.fate).next();
    match fate {
        Some(Mishap::Refused) => return Ok(bare(StatusCode::SERVICE_UNAVAILABLE)),
        Some(Mishap::Unsent) => return Err(HungUp),
        Some(Mishap::Unanswered) | None => {}
    }
    let url = format!("{}{}", desk.upstream, head.uri);
    let sent = desk.client.request(head.method, url).headers(end_to_end(head.headers)).body(body).send().await;
    let Ok(response) = sent else { return Ok(bare(StatusCode::BAD_GATEWAY)) };
    let (status, headers) = (response.status(), end_to_end(response.headers().clone()));
    let Ok(body) = response.bytes().await else { return Ok(bare(StatusCode::BAD_GATEWAY)) };
    if fate == Some(Mishap::Unanswered) {
        return Err(HungUp);
    }
    let mut response = Response::new(Full::new(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Without the headers that belong to one connection.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [HOST, CONNECTION, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

impl std::fmt::Display for HungUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hung up on purpose")
    }
}

impl std::error::Error for HungUp {}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}
