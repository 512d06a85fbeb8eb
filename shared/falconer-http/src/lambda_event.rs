//! Lambda events: a request of the gateway, a ping that keeps an instance warm, or an event that was sent to
//! the wrong function.
//!
//! Only what counts is read. A header with bytes of another century, or a context with members of a newer gateway, is
//! skipped as it was written.

use data_encoding::BASE64;
use lambda_http::Body;
use lambda_http::http::Response;
use serde::Serialize;
use serde_json::{Map, Value, json};

use falconer_domain::members::{Given, Members};

/// An HTTP request, as an HTTP API describes it in payload format 2.0.
pub(crate) struct HttpRequest {
    pub(crate) request_id: Option<String>,
    pub(crate) source_ip: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Members,
    pub(crate) body: Vec<u8>,
}

/// An event that is not a request of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotARequest {
    /// A schedule or a plug-in keeps the instance warm.
    Ping,
    /// Something else was pointed at the function. What it seems to be.
    From(&'static str),
}

/// A function's answer, as the gateway takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LambdaResponse {
    status_code: u16,
    headers: Map<String, Value>,
    /// Always empty. The gateway does without these two, but `cargo lambda watch` takes no answer that lacks them.
    multi_value_headers: Map<String, Value>,
    cookies: [String; 0],
    body: String,
    is_base64_encoded: bool,
}

impl HttpRequest {
    /// Reads an event.
    pub(crate) fn read(event: &str) -> Result<Self, NotARequest> {
        let Some(event) = Members::read(event) else { return Err(NotARequest::scalar(event)) };
        let Some(context) = event.object("requestContext") else {
            return Err(NotARequest::without_context(&event));
        };
        let http = context.object("http").unwrap_or_default();
        let Some(method) = http.text("method") else {
            return Err(NotARequest::From(other_gateway(&context)));
        };
        // A function URL has the same format, but neither throttle, CORS nor routes in front.
        if context.text("domainName").is_some_and(|name| name.contains(".lambda-url.")) {
            return Err(NotARequest::From("a function URL"));
        }
        let headers = event.object("headers").unwrap_or_default();
        Ok(Self {
            request_id: context.text("requestId"),
            source_ip: http.text("sourceIp").unwrap_or_default(),
            path: event.text("rawPath").or_else(|| http.text("path")).unwrap_or_default(),
            method,
            content_type: header(&headers, "content-type"),
            headers,
            body: body(&event),
        })
    }
}

fn header(headers: &Members, name: &str) -> Option<String> {
    let header = headers.0.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    match header.given() {
        Given::Text(value) => Some(value),
        _ => None,
    }
}

/// A body that says it is base64 and is not is taken as it is, and refused as what it is.
fn body(event: &Members) -> Vec<u8> {
    let body = event.text("body").unwrap_or_default().into_bytes();
    let is_base64 = event.find("isBase64Encoded").is_some_and(|index| event.0[index].is_true());
    if is_base64 { BASE64.decode(&body).unwrap_or(body) } else { body }
}

fn other_gateway(context: &Members) -> &'static str {
    let has = |name| context.find(name).is_some();
    if has("elb") {
        "an Application Load Balancer"
    } else if has("connectionId") {
        "a WebSocket API"
    } else if has("serviceNetworkArn") {
        "VPC Lattice"
    } else {
        "a REST API, or an HTTP API with payload format 1.0"
    }
}

impl NotARequest {
    fn scalar(event: &str) -> Self {
        // What `aws lambda invoke` without a payload sends, and a schedule whose input is a text.
        if matches!(event.trim(), "" | "null" | "\"\"" | "\"ping\"") {
            return Self::Ping;
        }
        Self::From("a direct invocation")
    }

    fn without_context(event: &Members) -> Self {
        let text = |name| event.text(name).unwrap_or_default();
        let (source, kind) = (text("source"), text("detail-type"));
        let says = |name| event.find(name).is_some();
        let is_schedule = source == "aws.events" || source == "aws.scheduler" || kind == "Scheduled Event";
        let is_plug_in =
            source.contains("warm") || ["warmer", "warmup", "ping", "keepalive"].into_iter().any(says);
        if event.0.is_empty() || is_schedule || is_plug_in {
            Self::Ping
        } else if says("Records") {
            Self::From("a queue, a topic, a stream or a bucket")
        } else if says("detail-type") {
            Self::From("EventBridge")
        } else if says("httpMethod") {
            Self::From("a gateway of another kind")
        } else {
            Self::From("a direct invocation")
        }
    }

    /// The answer: `ok` to a ping, and 400 to what came to the wrong address, in a shape that every gateway takes.
    pub(crate) fn reply(self) -> LambdaResponse {
        let (status_code, body) = match self {
            Self::Ping => (200, json!({ "status": "ok" })),
            Self::From(_) => {
                let message = "This function answers an API Gateway HTTP API with payload format 2.0.";
                (400, json!({ "message": message }))
            }
        };
        let headers = Map::from_iter([("content-type".to_owned(), json!("application/json"))]);
        LambdaResponse {
            status_code,
            headers,
            multi_value_headers: Map::new(),
            cookies: [],
            body: body.to_string(),
            is_base64_encoded: false,
        }
    }
}

impl From<Response<Body>> for LambdaResponse {
    fn from(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let header =
            |value: &lambda_http::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            status_code: parts.status.as_u16(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), json!(header(value))))
                .collect(),
            multi_value_headers: Map::new(),
            cookies: [],
            // Our bodies are JSON, and JSON is text: the gateway needs no base64.
            body: String::from_utf8_lossy(&body).into_owned(),
            is_base64_encoded: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &Value) -> Result<HttpRequest, NotARequest> {
        HttpRequest::read(&event.to_string())
    }

    fn post() -> Value {
        serde_json::from_str(include_str!("../../../events/verify/post.json")).unwrap()
    }

    #[test]
    fn a_request_is_read_for_what_counts() {
        let mut event = post();
        event["headers"] = json!({
            "x-caf\u{e9}": "\u{e9}\u{7}\n", "cookie": ["a"], "": null, "Content-Type": "text/plain", "broken name": 1,
        });
        event["requestContext"]["authorizer"] = json!([1]);
        event["queryStringParameters"] = json!(7);
        let request = read(&event).unwrap_or_else(|other| panic!("{other:?}"));
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/api/verify"));
        assert_eq!(
            (request.source_ip.as_str(), request.content_type.as_deref()),
            ("203.0.113.7", Some("text/plain"))
        );
        assert_eq!(request.request_id.as_deref(), Some("JKJaXmPLvHcESHA="));
        assert!(request.body.starts_with(b"{\"license\""));
    }

    #[test]
    fn base64_that_is_none_is_a_body_all_the_same() {
        let mut event = post();
        event["isBase64Encoded"] = true.into();
        event["body"] = "e30=".into();
        assert_eq!(read(&event).ok().unwrap().body, b"{}");
        event["body"] = "{}".into();
        assert_eq!(read(&event).ok().unwrap().body, b"{}");
    }

    #[test]
    fn other_events_are_told_apart() {
        let mut of_a_url = post();
        of_a_url["requestContext"]["domainName"] = "abc.lambda-url.eu-central-1.on.aws".into();
        for (event, expected) in [
            (json!(null), NotARequest::Ping),
            (json!({}), NotARequest::Ping),
            (json!({ "source": "aws.events", "detail-type": "Scheduled Event" }), NotARequest::Ping),
            (json!({ "source": "serverless-plugin-warmup" }), NotARequest::Ping),
            (json!({ "warmer": true }), NotARequest::Ping),
            (
                json!({ "source": "aws.s3", "detail-type": "Object Created" }),
                NotARequest::From("EventBridge"),
            ),
            (json!({ "Records": [{}] }), NotARequest::From("a queue, a topic, a stream or a bucket")),
            (json!({ "key1": "value1" }), NotARequest::From("a direct invocation")),
            (json!([1]), NotARequest::From("a direct invocation")),
            (of_a_url, NotARequest::From("a function URL")),
            (
                json!({ "httpMethod": "POST", "requestContext": { "elb": { "targetGroupArn": "a" } } }),
                NotARequest::From("an Application Load Balancer"),
            ),
            (
                json!({ "httpMethod": "POST", "requestContext": { "resourceId": "a" } }),
                NotARequest::From("a REST API, or an HTTP API with payload format 1.0"),
            ),
        ] {
            assert_eq!(read(&event).err(), Some(expected), "{event}");
        }
    }
}
