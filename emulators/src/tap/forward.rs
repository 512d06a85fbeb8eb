//! The way of one request through the tap.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Request, Response, Uri, header};
use serde_json::Value;
use tokio::sync::watch;

use super::record::{consumed, resources};
use super::{Fault, Seen, TapRecord, TapState, lock};
use crate::cloudwatch;
use crate::server::{Call, ServerReaction, json};
use crate::sts;

/// The content type of errors the tap makes up: the SDK reads the body whatever it says.
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

pub(super) async fn handle(
    shared: Arc<TapState>,
    mut healed: watch::Receiver<u64>,
    call: Call,
) -> ServerReaction {
    // Before the rules are asked: a healing from here on either empties them or ends the hanging.
    healed.mark_unchanged();
    // A task of its own: what has been sent takes effect even if the sender stops waiting for the answer.
    let task = tokio::spawn(async move {
        let (number, fault) = shared.arrived(&call);
        let (status, consumed, reply) = shared.perform(&fault, healed, call).await;
        shared.done(number, status, consumed);
        reply
    });
    task.await.unwrap_or(ServerReaction::Abort)
}

type Performed = (Option<u16>, Vec<(String, f64)>, ServerReaction);

impl TapState {
    fn arrived(&self, call: &Call) -> (u64, Fault) {
        let request: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        // Numbered under the lock, so that the records are in the order of their numbers.
        let mut records = lock(&self.records);
        let seen = Seen {
            operation: operation(call),
            resources: resources(&request),
            number: self.next_number.fetch_add(1, Ordering::Relaxed),
        };
        let fault = lock(&self.rules).decide(&seen);
        records.push(TapRecord {
            operation: seen.operation,
            resources: seen.resources,
            number: seen.number,
            request,
            started: Instant::now(),
            finished: None,
            status: None,
            fault: fault.clone(),
            consumed: Vec::new(),
        });
        (seen.number, fault)
    }

    fn done(&self, number: u64, status: Option<u16>, consumed: Vec<(String, f64)>) {
        let mut records = lock(&self.records);
        // It is missing if the test has forgotten the records meanwhile.
        if let Some(record) = records.iter_mut().find(|record| record.number == number) {
            record.finished = Some(Instant::now());
            record.status = status;
            record.consumed = consumed;
        }
    }

    async fn perform(&self, fault: &Fault, mut healed: watch::Receiver<u64>, call: Call) -> Performed {
        match fault {
            Fault::Pass => self.forward(call).await,
            Fault::Reset => (None, Vec::new(), ServerReaction::Abort),
            Fault::Hang => {
                // An error is the tap's own end.
                let _ = healed.changed().await;
                (None, Vec::new(), ServerReaction::Abort)
            }
            Fault::Error { status, body } => {
                let reply = json(*status, CONTENT_TYPE, body.to_string().into_bytes());
                (Some(*status), Vec::new(), reply)
            }
            Fault::DropReply => {
                let (_, consumed, _) = self.forward(call).await;
                (None, consumed, ServerReaction::Abort)
            }
            Fault::Delay(duration) => {
                tokio::time::sleep(*duration).await;
                self.forward(call).await
            }
        }
    }

    async fn forward(&self, call: Call) -> Performed {
        let Some(request) = self.request(call) else {
            return (None, Vec::new(), ServerReaction::Abort);
        };
        // An upstream that is down looks from here as it would without the tap.
        let Ok(response) = self.client.send(request).await else {
            return (None, Vec::new(), ServerReaction::Abort);
        };
        let status = response.status().as_u16();
        let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        (Some(status), consumed(&answer), ServerReaction::Answer(reply(response)))
    }

    fn request(&self, call: Call) -> Option<Request<Full<Bytes>>> {
        let body =
            if self.measures_capacity.load(Ordering::Relaxed) { with_capacity(&call) } else { call.body };
        let path = call.head.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri: Uri = format!("{}{path}", self.upstream).parse().ok()?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = call.head.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = call.head.headers;
        // The length may have changed, and each side's connection is its own affair.
        for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
            request.headers_mut().remove(name);
        }
        Some(request)
    }
}

fn reply(response: Response<Bytes>) -> Response<Full<Bytes>> {
    let (mut head, body) = response.into_parts();
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
        head.headers.remove(name);
    }
    Response::from_parts(head, Full::new(body))
}

/// The body, asking for what the request costs. Only DynamoDB's item operations know the member.
fn with_capacity(call: &Call) -> Bytes {
    let operation = operation(call);
    let about_items = ["Item", "Query", "Scan"].iter().any(|part| operation.contains(part));
    let is_dynamodb = target(&call.head).starts_with("DynamoDB_");
    match serde_json::from_slice::<Value>(&call.body) {
        Ok(Value::Object(mut body)) if about_items && is_dynamodb => {
            body.insert("ReturnConsumedCapacity".to_owned(), Value::from("TOTAL"));
            Bytes::from(Value::Object(body).to_string())
        }
        _ => call.body.clone(),
    }
}

/// By its header, its path, or the form in its body.
fn operation(call: &Call) -> String {
    let target = target(&call.head);
    let named = target.rsplit('.').next().filter(|named| !named.is_empty());
    let named = named.or_else(|| cloudwatch::operation(call.head.uri.path()));
    named.or_else(|| sts::action(&call.body)).unwrap_or_default().to_owned()
}

fn target(head: &Parts) -> &str {
    head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default()
}
