//! An HTTP request as an API Gateway event, payload format 2.0.

use std::collections::BTreeMap;
use std::net::IpAddr;

use data_encoding::BASE64;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, USER_AGENT};
use hyper::http::request::Parts;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::template::Matched;

/// The part about the API, equal in every event of this gateway.
const ACCOUNT_ID: &str = "000000000000";
const API_ID: &str = "local";

/// A request and what is known about it.
pub(super) struct Received<'a> {
    pub(super) head: &'a Parts,
    pub(super) body: &'a Bytes,
    pub(super) source_ip: IpAddr,
    pub(super) request_id: &'a str,
    pub(super) now_milliseconds: u64,
}

pub(super) fn event(received: &Received<'_>, matched: &Matched<'_>) -> Value {
    let uri = &received.head.uri;
    let query = uri.query().unwrap_or_default();
    let headers = headers(received);
    let mut event = json!({
        "version": "2.0",
        "routeKey": matched.route.key(),
        "rawPath": uri.path(),
        "rawQueryString": query,
        "requestContext": request_context(received, matched),
        "isBase64Encoded": false,
    });
    event["headers"] = json!(headers);
    let cookies = cookies(&received.head.headers);
    if !cookies.is_empty() {
        event["cookies"] = Value::from(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(query_parameters(query));
    }
    if !matched.parameters.is_empty() {
        event["pathParameters"] = json!(matched.parameters);
    }
    if !received.body.is_empty() {
        let (body, is_base64) = body(received);
        event["body"] = Value::from(body);
        event["isBase64Encoded"] = Value::from(is_base64);
    }
    event
}

fn request_context(received: &Received<'_>, matched: &Matched<'_>) -> Value {
    let headers = &received.head.headers;
    let host = text(headers, &HOST);
    // Of `127.0.0.1:9000` and `[::1]:9000`, what comes before the port.
    let domain = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host.as_str(), |(domain, _)| domain);
    json!({
        "accountId": ACCOUNT_ID,
        "apiId": API_ID,
        "domainName": domain,
        "domainPrefix": domain.split('.').next().unwrap_or_default(),
        "http": {
            "method": received.head.method.as_str(),
            "path": received.head.uri.path(),
            "protocol": format!("{:?}", received.head.version),
            "sourceIp": received.source_ip.to_string(),
            "userAgent": text(headers, &USER_AGENT),
        },
        "requestId": received.request_id,
        "routeKey": matched.route.key(),
        "stage": "$default",
        "time": time(received.now_milliseconds),
        "timeEpoch": received.now_milliseconds,
    })
}

/// Names in lower case, repeated ones joined with a comma, cookies apart; with the ones that API Gateway adds.
fn headers(received: &Received<'_>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &received.head.headers {
        if name == COOKIE {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push(',');
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    // What the caller claims stands before what the gateway saw: only the last address is true.
    let seen = received.source_ip.to_string();
    joined
        .entry("x-forwarded-for".to_owned())
        .and_modify(|claimed| {
            claimed.push_str(", ");
            claimed.push_str(&seen);
        })
        .or_insert_with(|| seen.clone());
    joined.insert("x-forwarded-proto".to_owned(), "https".to_owned());
    joined.insert("x-forwarded-port".to_owned(), "443".to_owned());
    joined
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

fn query_parameters(query: &str) -> Map<String, Value> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        joined
            .entry(decoded(name))
            .and_modify(|all| {
                all.push(',');
                all.push_str(&value);
            })
            .or_insert(value);
    }
    joined.into_iter().map(|(name, value)| (name, Value::from(value))).collect()
}

/// An HTTP API hands over as text what says it is text, and everything else as base64.
fn body(received: &Received<'_>) -> (String, bool) {
    let kind = text(&received.head.headers, &CONTENT_TYPE).to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_textual = kind.is_empty()
        || kind.starts_with("text/")
        || matches!(kind, "application/json" | "application/xml" | "application/javascript");
    match std::str::from_utf8(received.body) {
        Ok(body) if is_textual => (body.to_owned(), false),
        _ => (BASE64.encode(received.body), true),
    }
}

/// As `22/Nov/2026:02:38:22 +0000`.
fn time(now_milliseconds: u64) -> String {
    i64::try_from(now_milliseconds)
        .ok()
        .and_then(|now| Timestamp::from_millisecond(now).ok())
        .map(|now| now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string())
        .unwrap_or_default()
}

fn text(headers: &HeaderMap, name: &hyper::header::HeaderName) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// Percent-decoding of a query's part; what is not an escape stays as it is.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        let escape = (*first == b'%').then(|| escaped(after)).flatten();
        let (byte, length) = match escape {
            Some(byte) => (byte, 3),
            None if *first == b'+' => (b' ', 1),
            None => (*first, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escaped(after: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let [high, low, ..] = after else { return None };
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests;
