//! A loopback proxy in front of the emulated AWS that rejects calls and drops responses at random, from a seed.

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

/// The largest body that the proxy accepts. The largest object has a few MiB.
const BODY_BYTES_MAX: usize = 64 << 20;
/// On average, one in this many calls starts a burst of faults.
const CALLS_PER_BURST: u32 = 24;
/// The largest number of calls in a burst. It exceeds the SDK's attempts, so that some errors reach the poller.
const BURST_CALLS_MAX: u32 = 6;

/// A fault that the proxy injects into a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mishap {
    /// The proxy responds with status 503 and does not send the call to AWS.
    Refused,
    /// The proxy closes the connection before it sends the call to AWS.
    Unsent,
    /// The proxy closes the connection after AWS has processed the call.
    Unanswered,
}

/// The number of calls, and of injected faults by kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mishaps {
    /// All calls, including those without a fault.
    pub calls: u32,
    /// Calls with [`Mishap::Refused`].
    pub refused: u32,
    /// Calls with [`Mishap::Unsent`].
    pub unsent: u32,
    /// Calls with [`Mishap::Unanswered`].
    pub unanswered: u32,
}

/// A proxy in front of one endpoint. Dropping this value stops it.
pub struct ChaosProxy {
    address: SocketAddr,
    context: Arc<Context>,
    server: JoinHandle<()>,
}

struct Context {
    upstream: String,
    client: Client,
    faults: Mutex<FaultSource>,
}

/// The source of faults. The order of the calls determines which call gets which fault.
struct FaultSource {
    rng: StdRng,
    burst: Option<(Mishap, u32)>,
    is_over: bool,
    met: Mishaps,
}

/// Closes a connection without a response.
#[derive(Debug)]
struct HungUp;

impl ChaosProxy {
    /// Starts the proxy on a free port, in front of `upstream`, such as `http://127.0.0.1:40123`.
    pub async fn start(upstream: &str, seed: u64) -> ChaosProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let client = Client::builder().no_proxy().no_gzip().build().expect("a client for loopback can be created");
        let rng = StdRng::seed_from_u64(seed);
        let faults = Mutex::new(FaultSource { rng, burst: None, is_over: false, met: Mishaps::default() });
        let context = Arc::new(Context { upstream: upstream.to_owned(), client, faults });
        let server = tokio::spawn(accept(listener, {
            let context = Arc::clone(&context);
            move |socket| converse(socket, Arc::clone(&context))
        }));
        ChaosProxy { address, context, server }
    }

    /// Returns the endpoint of the proxy.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops injecting faults.
    pub fn calm_down(&self) {
        locked(&self.context.faults).is_over = true;
    }

    /// Returns the counts so far.
    pub fn met(&self) -> Mishaps {
        locked(&self.context.faults).met
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FaultSource {
    /// Returns the fault for the next call.
    fn next(&mut self) -> Option<Mishap> {
        self.met.calls += 1;
        if self.is_over {
            return None;
        }
        if self.burst.is_none() && self.rng.random_ratio(1, CALLS_PER_BURST) {
            let kinds = [Mishap::Refused, Mishap::Unsent, Mishap::Unanswered];
            let kind = kinds[self.rng.random_range(0..kinds.len())];
            self.burst = Some((kind, self.rng.random_range(1..=BURST_CALLS_MAX)));
        }
        let (kind, left) = self.burst?;
        self.burst = Some((kind, left - 1)).filter(|(_, left)| *left > 0);
        *match kind {
            Mishap::Refused => &mut self.met.refused,
            Mishap::Unsent => &mut self.met.unsent,
            Mishap::Unanswered => &mut self.met.unanswered,
        } += 1;
        Some(kind)
    }
}

async fn converse(socket: TcpStream, context: Arc<Context>) {
    let service = service_fn(move |request| pass_on(Arc::clone(&context), request));
    // An error means that the caller was killed or that the proxy closed the connection on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}

async fn pass_on(context: Arc<Context>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HungUp> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| HungUp)?.to_bytes();
    let fault = locked(&context.faults).next();
    match fault {
        Some(Mishap::Refused) => return Ok(bare(StatusCode::SERVICE_UNAVAILABLE)),
        Some(Mishap::Unsent) => return Err(HungUp),
        Some(Mishap::Unanswered) | None => {}
    }
    let url = format!("{}{}", context.upstream, head.uri);
    let sent = context.client.request(head.method, url).headers(end_to_end(head.headers)).body(body).send().await;
    let Ok(response) = sent else { return Ok(bare(StatusCode::BAD_GATEWAY)) };
    let (status, headers) = (response.status(), end_to_end(response.headers().clone()));
    let Ok(body) = response.bytes().await else { return Ok(bare(StatusCode::BAD_GATEWAY)) };
    if fault == Some(Mishap::Unanswered) {
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

/// Removes the headers that apply to one connection only, and `Host`.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [HOST, CONNECTION, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

impl std::fmt::Display for HungUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for HungUp {}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("the lock is not poisoned")
}
