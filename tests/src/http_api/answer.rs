//! Converts a function's result to an HTTP response.

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

/// Returns the HTTP response for a function's result.
///
/// # Errors
/// Returns the reason if the function failed, did not respond or returned an invalid response.
pub(super) fn response(answer: Answer, request_id: &str) -> Result<Response<Full<Bytes>>, String> {
    let response = match answer {
        Answer::Response(value) if value.get("statusCode").is_some_and(|status| !status.is_null()) => formatted(value)?,
        Answer::Response(value) => inferred(value),
        Answer::Error(error) => return Err(format!("the function failed: {error}")),
        Answer::NoResponse => return Err("the function did not respond in time".to_owned()),
    };
    let (mut head, body) = response.into_parts();
    head.headers.insert("apigw-requestid", header_value(request_id)?);
    Ok(Response::from_parts(head, body))
}

/// Creates a response of API Gateway itself.
pub(super) fn message(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    json_body(status, json!({ "message": text }).to_string())
}

/// A response in API Gateway's format. Other fields are ignored, as in API Gateway. This format has no `multiValueHeaders`, so a function
/// cannot use them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Formatted {
    status_code: u16,
    headers: Option<BTreeMap<String, String>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

fn formatted(value: Value) -> Result<Response<Full<Bytes>>, String> {
    let formatted: Formatted =
        serde_json::from_value(value).map_err(|error| format!("the function's response is malformed: {error}"))?;
    let status =
        StatusCode::from_u16(formatted.status_code).ok().filter(|status| (200..600).contains(&status.as_u16()));
    let status = status.ok_or_else(|| format!("invalid response status {}", formatted.status_code))?;
    let body = formatted.body.unwrap_or_default();
    let body = match formatted.is_base64_encoded {
        Some(true) => STANDARD.decode(body).map_err(|error| format!("the body is not base64: {error}"))?,
        Some(false) | None => body.into_bytes(),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    for (name, value) in formatted.headers.unwrap_or_default() {
        let name = HeaderName::try_from(&name).map_err(|_| format!("`{name}` is not a header name"))?;
        // The gateway sets these headers itself.
        if !["connection", "content-length", "transfer-encoding"].contains(&name.as_str()) {
            response.headers_mut().insert(name, header_value(&value)?);
        }
    }
    // A browser does not render the page of a function that omits the content type. The documentation does not mention this default. It was
    // measured in <https://github.com/aws/aws-lambda-dotnet/pull/1903> (2024-12).
    response.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    for cookie in formatted.cookies.unwrap_or_default() {
        response.headers_mut().append(SET_COOKIE, header_value(&cookie)?);
    }
    Ok(response)
}

/// Creates the response for a function that returns only a body.
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
    HeaderValue::try_from(text).map_err(|_| format!("{text:?} is not a header value"))
}
