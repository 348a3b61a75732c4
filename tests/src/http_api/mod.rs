//! An emulated API Gateway HTTP API on loopback: HTTPS in front of a function of the emulated Lambda service.
//!
//! Each request becomes an event in payload format 2.0, and the function's result becomes the response. Behavior that AWS does not document
//! follows published measurements, which comments cite. The emulator supports only the stage `$default` and exact paths. It has no
//! authorizers, CORS or throttling.

mod answer;
mod event;
mod scripted_function;
mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
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
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::lambda_runtime_api::Emulator;
use crate::locked;
use crate::loopback::Server;

pub use self::event::{DOMAIN_NAME, event};
pub use self::scripted_function::ScriptedFunction;

use self::answer::message;
use self::event::Received;

/// API Gateway's quota for the request body. A larger body gets status 413.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// API Gateway's quota for the request line and all headers. A larger head gets status 431.
const HEAD_BYTES_MAX: usize = 10_240;
/// The time limit for the TLS handshake, and for the head of a request. The server then closes the connection.
const HEAD_TIME_MAX: Duration = Duration::from_secs(60);
/// The largest number of open connections. Further connections wait.
const CONNECTIONS_MAX: usize = 64;

/// The settings of an API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The routes, such as `GET /oauth/start`. Other requests get status 404 and do not reach a function.
    pub routes: Vec<String>,
    /// The `requestContext.domainName` of every event. `None` means `127.0.0.1:PORT`.
    pub domain_name: Option<String>,
    /// The function's timeout.
    pub timeout: Duration,
}

impl Settings {
    /// Creates settings with these routes, the loopback address as the domain name, and API Gateway's maximum timeout of 30 seconds.
    ///
    /// # Panics
    /// Panics if a route is not a method and an exact path, because `$default`, `ANY` and `{variables}` are not supported.
    pub fn new(routes: &[&str]) -> Settings {
        for route in routes {
            let exact = route.split_once(' ').is_some_and(|(method, path)| {
                method != "ANY" && method.bytes().all(|byte| byte.is_ascii_uppercase()) && path.starts_with('/')
            });
            assert!(exact && !route.contains('{'), "`{route}` is not a method and an exact path");
        }
        let routes = routes.iter().map(|&route| route.to_owned()).collect();
        Settings { routes, domain_name: None, timeout: Duration::from_secs(30) }
    }
}

/// A running API. Dropping this value stops it and aborts the requests in progress.
pub struct HttpApi {
    server: Server,
    certificate: Vec<u8>,
    gateway: Arc<Gateway>,
}

/// The state that all connections use.
struct Gateway {
    lambda: Arc<Emulator>,
    routes: Vec<String>,
    domain_name: Option<String>,
    timeout: Duration,
    requests: AtomicU64,
    errors: Mutex<Vec<String>>,
}

impl HttpApi {
    /// Starts an API on a free port, in front of the functions of `lambda`. Each function handles one request at a time.
    ///
    /// # Panics
    /// Panics if no port can be opened or no certificate can be created.
    pub async fn start(lambda: Arc<Emulator>, settings: Settings) -> HttpApi {
        let identity = tls::Identity::new();
        let gateway = Arc::new(Gateway {
            lambda,
            routes: settings.routes,
            domain_name: settings.domain_name,
            timeout: settings.timeout,
            requests: AtomicU64::new(1),
            errors: Mutex::default(),
        });
        let (acceptor, shared) = (identity.acceptor, Arc::clone(&gateway));
        let server = Server::start(CONNECTIONS_MAX, move |socket, caller| {
            converse(socket, caller, acceptor.clone(), Arc::clone(&shared))
        });
        HttpApi { server: server.await, certificate: identity.certificate, gateway }
    }

    /// Returns the address on which the API listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Returns the base URL, `https://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// Creates a client that trusts only this API's certificate and does not follow redirects.
    pub fn client(&self) -> reqwest::Client {
        let certificate =
            reqwest::Certificate::from_der(&self.certificate).expect("the generated certificate is valid");
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([certificate])
            .build()
            .expect("a client for loopback can be created")
    }

    /// Returns the certificate in PEM, for a process that reads it from `SSL_CERT_FILE`.
    pub fn certificate_pem(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        let lines = text.as_bytes().chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line)));
        format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
    }

    /// Returns the reasons of all responses with status 500, in order. As in API Gateway, the caller does not get them.
    pub fn errors(&self) -> Vec<String> {
        locked(&self.gateway.errors).clone()
    }
}

async fn converse(socket: TcpStream, caller: SocketAddr, acceptor: TlsAcceptor, gateway: Arc<Gateway>) {
    let Ok(address) = socket.local_addr() else { return };
    let Ok(Ok(stream)) = timeout(HEAD_TIME_MAX, acceptor.accept(socket)).await else {
        return; // the handshake failed or timed out
    };
    let service = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, std::convert::Infallible>(gateway.answer(request, caller, address).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.await; // an error means that the caller closed the connection
}

impl Gateway {
    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        caller: SocketAddr,
        address: SocketAddr,
    ) -> Response<Full<Bytes>> {
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
            Err(_) => return message(StatusCode::BAD_REQUEST, "Bad Request"), // the caller closed the connection while sending
        };
        let request_id = format!("{:015x}=", self.requests.fetch_add(1, Ordering::Relaxed));
        let event = Received {
            domain_name: &self.domain_name.clone().unwrap_or_else(|| address.to_string()),
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
        answer::response(answer, &request_id).unwrap_or_else(|reason| {
            locked(&self.errors).push(format!("{route_key}: {reason}"));
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        })
    }
}

/// Returns the size of the request line and headers as counted for the quota, without separators and line breaks.
fn head_bytes(head: &Parts) -> usize {
    let line = head.method.as_str().len() + head.uri.to_string().len();
    head.headers.iter().fold(line, |sum, (name, value)| sum + name.as_str().len() + value.len())
}

fn texts(head: &Parts) -> Vec<(&str, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    head.headers.iter().map(|(name, value)| (name.as_str(), text(value.as_bytes()))).collect()
}
