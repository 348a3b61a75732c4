//! What a function answered, as HTTP.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::lambda_runtime_api::Answer;

/// What the caller gets of an answer that is a response; otherwise what is wrong with it.
pub(super) fn response(answer: Answer, request_id: &str) -> Result<Response<Full<Bytes>>, String> {
    let response = match answer {
        Answer::Response(value) if value.get("statusCode").is_some_and(|status| !status.is_null()) => shaped(value)?,
        Answer::Response(value) => inferred(value),
        Answer::Error(error) => return Err(format!("the function failed: {error}")),
        Answer::Silence => return Err("the function did not answer in time".to_owned()),
    };
    let (mut head, body) = response.into_parts();
    head.headers.insert("apigw-requestid", header_value(request_id)?);
    Ok(Response::from_parts(head, body))
}

/// An answer of API Gateway itself.
pub(super) fn message(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    json_body(status, json!({ "message": text }).to_string())
}

/// The response of a function that says how it shall look. Other fields are passed over, as the real one does: there are no
/// `multiValueHeaders` in this format, so what a function puts there is lost.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shaped {
    status_code: u16,
    headers: Option<BTreeMap<String, String>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

fn shaped(value: Value) -> Result<Response<Full<Bytes>>, String> {
    let shaped: Shaped =
        serde_json::from_value(value).map_err(|error| format!("the function's answer is malformed: {error}"))?;
    let status = StatusCode::from_u16(shaped.status_code).ok().filter(|status| (200..600).contains(&status.as_u16()));
    let status = status.ok_or_else(|| format!("{} is no status of a response", shaped.status_code))?;
    let body = shaped.body.unwrap_or_default();
    let body = match shaped.is_base64_encoded {
        Some(true) => STANDARD.decode(body).map_err(|error| format!("the body is not base64: {error}"))?,
        Some(false) | None => body.into_bytes(),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    for (name, value) in shaped.headers.unwrap_or_default() {
        let name = HeaderName::try_from(&name).map_err(|_| format!("`{name}` is no header's name"))?;
        // The length and the connection are the gateway's own.
        if !["connection", "content-length", "transfer-encoding"].contains(&name.as_str()) {
            response.headers_mut().insert(name, header_value(&value)?);
        }
    }
    // A function that forgets the type gets no page shown. Measured on the real one by the authors of
    // <https://github.com/aws/aws-lambda-dotnet/pull/1903> (2024-12); the documentation does not say.
    response.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    for cookie in shaped.cookies.unwrap_or_default() {
        response.headers_mut().append(SET_COOKIE, header_value(&cookie)?);
    }
    Ok(response)
}

/// The response of a function that only says what is in it.
fn inferred(value: Value) -> Response<Full<Bytes>> {
    let body = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    json_body(StatusCode::OK, body)
}

fn json_body(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::try_from(text).map_err(|_| format!("{text:?} is no header's value"))
}
