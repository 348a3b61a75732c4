//! An API Gateway HTTP API on loopback: HTTPS in front of a function of the emulated Lambda service.
//!
//! Each request becomes an event of payload format 2.0, and the function's answer becomes the reply. Where AWS's documentation
//! leaves something open, what others have measured on the real one is said at the line that follows it. It has no stages but
//! `$default`, no authorizers, no CORS and no throttling; its routes are exact paths.

mod answer;
mod event;
mod scripted_function;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::lambda_runtime_api::Emulator;

pub use self::event::{DOMAIN_NAME, event};
pub use self::scripted_function::ScriptedFunction;

use self::answer::message;
use self::event::Received;

/// A longer body is answered 413: the real one's quota, which a request reaches before Lambda's own.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// A longer request line and headers, all together, are answered 431: the real one's quota.
const HEAD_BYTES_MAX: usize = 10_240;
/// Time for the TLS handshake, and again for the head of a request; the connection is closed then.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 64;

/// What an API is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Such as `GET /oauth/start`. Whatever else is asked is answered 404, and no function hears of it.
    pub routes: Vec<String>,
    /// The API's own name, `requestContext.domainName` of every event; `None` is `127.0.0.1:PORT`.
    pub domain_name: Option<String>,
    /// The function's timeout.
    pub timeout: Duration,
}

impl Settings {
    /// These routes, the loopback address as a name and 30 seconds, which is the longest that the real one waits.
    ///
    /// # Panics
    /// When a route is no method and exact path: `$default`, `ANY` and `{variables}` are not emulated.
    pub fn new(routes: &[&str]) -> Settings {
        for route in routes {
            let exact = route.split_once(' ').is_some_and(|(method, path)| {
                method != "ANY" && method.bytes().all(|byte| byte.is_ascii_uppercase()) && path.starts_with('/')
            });
            assert!(exact && !route.contains('{'), "`{route}` is no method and exact path");
        }
        let routes = routes.iter().map(|&route| route.to_owned()).collect();
        Settings { routes, domain_name: None, timeout: Duration::from_secs(30) }
    }
}

/// A running API. It ends with this value; requests under way are cut off then.
pub struct HttpApi {
    address: SocketAddr,
    certificate: Vec<u8>,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

/// What every connection needs.
struct Desk {
    lambda: Arc<Emulator>,
    routes: Vec<String>,
    domain_name: String,
    timeout: Duration,
    requests: AtomicU64,
    errors: Mutex<Vec<String>>,
}

impl HttpApi {
    /// Starts it on a free port, in front of the functions of `lambda`: as many requests run at once as functions ask there.
    ///
    /// # Panics
    /// When no port can be opened or no certificate made.
    pub async fn start(lambda: Arc<Emulator>, settings: Settings) -> HttpApi {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let identity = tls::Identity::new();
        let desk = Arc::new(Desk {
            lambda,
            routes: settings.routes,
            domain_name: settings.domain_name.unwrap_or_else(|| address.to_string()),
            timeout: settings.timeout,
            requests: AtomicU64::new(1),
            errors: Mutex::default(),
        });
        let server = tokio::spawn(serve(listener, identity.acceptor, Arc::clone(&desk)));
        HttpApi { address, certificate: identity.certificate, desk, server }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base, `https://127.0.0.1:PORT`, without a slash.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// A client that trusts this API's certificate and no other, and follows no redirect.
    pub fn client(&self) -> reqwest::Client {
        let certificate = reqwest::Certificate::from_der(&self.certificate).expect("the certificate was just made");
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([certificate])
            .build()
            .expect("a client for loopback can be made")
    }

    /// Its certificate in PEM, for a process that trusts it by `SSL_CERT_FILE`.
    pub fn certificate_pem(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        let lines = text.as_bytes().chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line)));
        format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
    }

    /// Why requests were answered 500, in order. As with the real one, the caller is not told.
    pub fn errors(&self) -> Vec<String> {
        locked(&self.desk.errors).clone()
    }
}

impl Drop for HttpApi {
    fn drop(&mut self) {
        self.server.abort(); // drops the set of connections, which ends them
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                // A caller that is gone before it is accepted is that caller's matter.
                if let Ok((socket, caller)) = accepted {
                    connections.spawn(converse(socket, caller, acceptor.clone(), Arc::clone(&desk)));
                }
            }
        }
    }
}

async fn converse(socket: TcpStream, caller: SocketAddr, acceptor: TlsAcceptor, desk: Arc<Desk>) {
    let Ok(Ok(stream)) = timeout(HEAD_TIME_MAX, acceptor.accept(socket)).await else {
        return; // slow, or no TLS
    };
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, std::convert::Infallible>(desk.answer(request, caller).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.await; // an error is a caller who left
}

impl Desk {
    async fn answer(&self, request: hyper::Request<Incoming>, caller: SocketAddr) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        if head_bytes(&head) > HEAD_BYTES_MAX {
            return message(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
        }
        let route_key = format!("{} {}", head.method, head.uri.path());
        if !self.routes.contains(&route_key) {
            return message(StatusCode::NOT_FOUND, "Not Found");
        }
        let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
            }
            Err(_) => return message(StatusCode::BAD_REQUEST, "Bad Request"), // the caller left while it sent
        };
        let request_id = format!("{:015x}=", self.requests.fetch_add(1, Ordering::Relaxed));
        let event = Received {
            domain_name: &self.domain_name,
            request_id: &request_id,
            time: Timestamp::now(),
            source_ip: caller.ip(),
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &texts(&head),
            body: &body,
        };
        let answer = self.lambda.invoke(event.to_event(), self.timeout).await;
        answer::response(answer, &request_id).unwrap_or_else(|why| {
            locked(&self.errors).push(format!("{route_key}: {why}"));
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        })
    }
}

/// The size of the request line and the headers, as they are counted for the quota: without separators and line breaks.
fn head_bytes(head: &Parts) -> usize {
    let line = head.method.as_str().len() + head.uri.to_string().len();
    head.headers.iter().fold(line, |sum, (name, value)| sum + name.as_str().len() + value.len())
}

fn texts(head: &Parts) -> Vec<(&str, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    head.headers.iter().map(|(name, value)| (name.as_str(), text(value.as_bytes()))).collect()
}

fn locked(errors: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    errors.lock().expect("no holder of this lock panics")
}
