//! A function's answer as an HTTP response, as an HTTP API reads payload format 2.0.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use data_encoding::BASE64;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use serde::Deserialize;
use serde_json::Value;

/// The shape a function answers in when it wants more than a body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionAnswer {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response for a function's answer; an error is the function's fault and reaches the caller as 500.
pub(super) fn response(answer: &[u8], request_id: &str) -> Result<Response<Full<Bytes>>> {
    let value: Value = serde_json::from_slice(answer).context("it is not JSON")?;
    let mut response = if value["statusCode"].is_null() {
        bare(&value)?
    } else {
        let answer = serde_json::from_value(value).context("it has not the shape of an answer")?;
        full(answer)?
    };
    let request_id = HeaderValue::from_str(request_id)?;
    response.headers_mut().insert("apigw-requestid", request_id);
    Ok(response)
}

/// JSON without a status code is the body of a 200.
fn bare(value: &Value) -> Result<Response<Full<Bytes>>> {
    let body = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .context("it cannot be a response")
}

fn full(answer: FunctionAnswer) -> Result<Response<Full<Bytes>>> {
    let body = answer.body.unwrap_or_default().into_bytes();
    let body =
        if answer.is_base64_encoded { BASE64.decode(&body).context("its body is not base64")? } else { body };
    let mut response = Response::builder()
        .status(answer.status_code)
        .body(Full::new(Bytes::from(body)))
        .context("its status cannot be")?;
    let headers = response.headers_mut();
    for (name, value) in answer.headers.unwrap_or_default() {
        let (name, value) = header(&name, &value)?;
        headers.insert(name, value);
    }
    for (name, values) in answer.multi_value_headers.unwrap_or_default() {
        let values: Result<Vec<_>> = values.iter().map(|value| header(&name, value)).collect();
        let values = values?;
        if let Some((name, _)) = values.first() {
            headers.remove(name);
        }
        for (name, value) in values {
            headers.append(name, value);
        }
    }
    for cookie in answer.cookies.unwrap_or_default() {
        headers.append(SET_COOKIE, HeaderValue::from_str(&cookie)?);
    }
    // The gateway's own business, whatever the function says.
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONNECTION);
    Ok(response)
}

fn header(name: &str, value: &Value) -> Result<(HeaderName, HeaderValue)> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let name = HeaderName::from_bytes(name.as_bytes())
        .with_context(|| format!("it has a header that cannot be: {name:?}"))?;
    Ok((name, HeaderValue::from_str(&text)?))
}

#[cfg(test)]
mod tests;
