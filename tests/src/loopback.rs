//! Servers and clients on loopback.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use reqwest::Client;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The largest body that [`serve_http`] accepts. The largest object has a few MiB.
const BODY_BYTES_MAX: usize = 64 << 20;

/// A server on a free port. Dropping this value stops it and closes all connections.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

/// Closes a connection without a response, or before the end of one.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
pub(crate) struct Closed;

impl Server {
    /// Starts a server that handles each connection in its own task.
    pub(crate) async fn start<F>(converse: impl Fn(TcpStream) -> F + Send + 'static) -> Server
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (listener, address) = bind().await;
        Server { address, task: tokio::spawn(accept(listener, converse)) }
    }

    pub(crate) async fn of(routes: Router) -> Server {
        let (listener, address) = bind().await;
        let task =
            tokio::spawn(async move { axum::serve(listener, routes).await.expect("a bound listener can be served") });
        Server { address, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves routes on a free port until the runtime of the test stops, and returns the address.
pub async fn serve(routes: Router) -> SocketAddr {
    let (listener, address) = bind().await;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// Opens a free port.
pub async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    (listener, address)
}

/// Reserves a port on which nothing listens. No other program can take it until the socket is dropped.
pub fn reserve() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket can be created");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("loopback has a free port");
    let address = socket.local_addr().expect("a bound socket has an address");
    (socket, address)
}

/// Creates a client for loopback that leaves responses as they are.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().no_gzip().build().expect("a client for loopback can be created")
}

async fn accept<F>(listener: TcpListener, converse: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // An error means that the caller closed the connection before it was accepted.
                if let Ok((socket, _)) = accepted {
                    let _ = socket.set_nodelay(true); // otherwise small responses wait for the caller's TCP acknowledgment
                    connections.spawn(converse(socket));
                }
            }
        }
    }
}

/// Serves the HTTP requests of a connection, each with its whole body.
pub(crate) async fn serve_http<B, F>(
    http: http1::Builder,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: impl Fn(Parts, Bytes) -> F,
) where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + 'static,
    F: Future<Output = Result<Response<B>, Closed>>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let answer = &answer;
        async move {
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| Closed)?.to_bytes();
            answer(head, body).await
        }
    });
    // An error means that the caller closed the connection or was killed, or that this server closed it on purpose.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

/// Sends a request to `url`, and returns the response, without the headers that apply to one connection or body only. `Host` stays,
/// because it is part of a signature.
pub(crate) async fn forward(
    client: &Client,
    url: String,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> reqwest::Result<(StatusCode, HeaderMap, Bytes)> {
    let is_head = method == Method::HEAD;
    let response = client.request(method, url).headers(end_to_end(headers)).body(body).send().await?;
    let (status, length) = (response.status(), response.headers().get(CONTENT_LENGTH).cloned());
    let mut headers = end_to_end(response.headers().clone());
    headers.extend(length.filter(|_| is_head).map(|length| (CONTENT_LENGTH, length)));
    Ok((status, headers, response.bytes().await?))
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
