//! An emulated API Gateway HTTP API on loopback: HTTPS in front of the oauth function of the emulated Lambda service.
//!
//! Each request becomes an event, and the function's result becomes the response. Requests to the oauth function need no body, so events
//! have none.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, SET_COOKIE};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use rcgen::CertifiedKey;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::lambda_runtime_api::{Answer, Emulator};
use crate::loopback::{Closed, Server, serve_http};

/// The domain name of the API in the events that [`event`] creates.
pub const DOMAIN_NAME: &str = "abcde12345.execute-api.us-east-1.amazonaws.com";
/// The routes of the template's HTTP API. Other requests get status 404 and do not reach the function.
const ROUTES: [&str; 3] = ["GET /oauth/start", "POST /oauth/start", "GET /oauth/callback"];
/// API Gateway's longest timeout.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running API. Dropping this value stops it and aborts the requests in progress.
pub struct HttpApi {
    server: Server,
    certificate: Vec<u8>,
}

impl HttpApi {
    /// Starts an API on a free port, in front of the functions of `lambda`. Each function handles one request at a time.
    pub async fn start(lambda: Arc<Emulator>) -> HttpApi {
        let (acceptor, certificate) = self_signed();
        let server = Server::start(move |socket: TcpStream| {
            let (acceptor, lambda) = (acceptor.clone(), Arc::clone(&lambda));
            async move {
                let Ok(address) = socket.local_addr() else { return };
                let Ok(stream) = acceptor.accept(socket).await else { return }; // a client that rejects the certificate
                serve_http(http1::Builder::new(), stream, |head, _| answer(&lambda, address, head)).await;
            }
        });
        HttpApi { server: server.await, certificate }
    }

    /// Returns the base URL, `https://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// Returns the certificate in PEM, for a process that reads it from `SSL_CERT_FILE`.
    pub fn certificate_pem(&self) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(&self.certificate))
    }
}

/// Creates a certificate for loopback. Returns a TLS acceptor with its private key, and the certificate in DER.
fn self_signed() -> (TlsAcceptor, Vec<u8>) {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()])
        .expect("a certificate for a fixed name can be created");
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    // The explicit provider makes this independent of the default provider of the process.
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .expect("the key belongs to the certificate");
    (TlsAcceptor::from(Arc::new(config)), cert.der().to_vec())
}

async fn answer(lambda: &Emulator, address: SocketAddr, head: Parts) -> Result<Response<Full<Bytes>>, Closed> {
    let path = head.uri.path();
    if !ROUTES.contains(&format!("{} {path}", head.method).as_str()) {
        return Ok(message(StatusCode::NOT_FOUND, "Not Found"));
    }
    let headers: Vec<(&str, &str)> =
        head.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let mut event = event(head.method.as_str(), path, head.uri.query().unwrap_or_default(), &headers, &[]);
    event["requestContext"]["domainName"] = json!(address.to_string());
    let response = match lambda.invoke(event, DEADLINE).await {
        Answer::Response(response) => serde_json::from_value::<FunctionResponse>(response).ok(),
        Answer::Error(_) | Answer::NoResponse => None,
    };
    let response = response.and_then(|response| response.into_response().ok());
    Ok(response.unwrap_or_else(|| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")))
}

/// Creates a response of API Gateway itself.
fn message(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let body = json!({ "message": text }).to_string();
    let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
    response.body(Full::new(body.into())).expect("the headers are valid")
}

/// A function's response in API Gateway's format, as far as the oauth function uses it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    headers: BTreeMap<String, String>,
    cookies: Vec<String>,
    body: Option<String>,
}

impl FunctionResponse {
    fn into_response(self) -> hyper::http::Result<Response<Full<Bytes>>> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value));
        let cookies = self.cookies.iter().map(|cookie| (SET_COOKIE.as_str(), cookie));
        let response = Response::builder().status(self.status_code);
        let response = headers.chain(cookies).fold(response, |response, (name, value)| response.header(name, value));
        response.body(Full::new(self.body.unwrap_or_default().into()))
    }
}

/// Creates the event of a request in payload format 2.0 (AWS, "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway").
///
/// `query` is the part after the question mark, or empty. `cookies` are pairs such as `__Host-state=1`. If `headers` contains no `host`, the
/// event has [`DOMAIN_NAME`] as its host. The domain name does not depend on the headers: API Gateway does not route a request with an
/// unknown `Host`, but a test can show that the function ignores it.
pub fn event(method: &str, path: &str, query: &str, headers: &[(&str, &str)], cookies: &[&str]) -> Value {
    let (sent_cookies, others): (Vec<_>, Vec<_>) =
        headers.iter().partition(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let added = [
        ("x-amzn-trace-id", "Root=1-6a214b00-0123456789abcdef01234567"),
        ("x-forwarded-for", "192.0.2.1"), // reserved for documentation (RFC 5737)
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ];
    let mut headers = joined(others.into_iter().chain(&added).map(|(name, value)| (name.to_ascii_lowercase(), *value)));
    headers.entry("host".to_owned()).or_insert_with(|| DOMAIN_NAME.to_owned());
    let sent_cookies = sent_cookies.iter().flat_map(|(_, value)| value.split(';')).map(str::trim);
    let cookies: Vec<&str> = sent_cookies.chain(cookies.iter().copied()).collect();
    let (route_key, now) = (format!("{method} {path}"), Timestamp::now());
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcde12345",
            "domainName": DOMAIN_NAME,
            "domainPrefix": "abcde12345",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": headers.get("user-agent").map_or("", String::as_str),
            },
            "requestId": "000000000000001=",
            "routeKey": route_key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    // API Gateway omits empty fields.
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(joined(form_urlencoded::parse(query.as_bytes()).into_owned()));
    }
    event
}

/// Joins the values of equal names with commas, as API Gateway does.
fn joined(pairs: impl Iterator<Item = (String, impl AsRef<str>)>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        let value = value.as_ref();
        all.entry(name).and_modify(|values| *values = format!("{values},{value}")).or_insert_with(|| value.to_owned());
    }
    all
}
