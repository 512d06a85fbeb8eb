//! HTTP requests from outside.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::ORIGIN;

use super::SOURCE_IP_HEADER;
use super::answer;
use super::event::{Received, event};
use super::pool::{InvocationOutcome, Pool};
use crate::ambient;
use crate::cors::Cors;
use crate::server::{Call, ServerReaction, json};

/// The largest request an HTTP API takes: 10 MB.
const LARGEST_REQUEST_BYTES: usize = 10 * 1024 * 1024;

pub(super) async fn handle(pool: Arc<Pool>, cors: Arc<Cors>, call: Call) -> ServerReaction {
    // A task of its own: in AWS, too, an invocation goes on when its caller hangs up.
    let task = tokio::spawn(async move { answer_call(&pool, &cors, call).await });
    task.await.unwrap_or(ServerReaction::Abort)
}

async fn answer_call(pool: &Pool, cors: &Cors, mut call: Call) -> ServerReaction {
    if call.body.len() > LARGEST_REQUEST_BYTES {
        return message(413, "Request Entity Too Large");
    }
    if let Some(response) = cors.preflight(&call.head) {
        return ServerReaction::Answer(response);
    }
    let source_ip = match call.head.headers.remove(SOURCE_IP_HEADER) {
        None => call.peer.ip(),
        Some(chosen) => match chosen.to_str().ok().and_then(|text| text.parse::<IpAddr>().ok()) {
            Some(address) => address,
            None => return message(400, "x-local-source-ip is not an address"),
        },
    };
    let Some((function, matched)) = pool.route(call.head.method.as_str(), call.head.uri.path()) else {
        return message(404, "Not Found");
    };
    let request_id = ambient::new_id();
    let received = Received {
        head: &call.head,
        body: &call.body,
        source_ip,
        request_id: &request_id,
        now_milliseconds: ambient::now_milliseconds(),
    };
    let event = Bytes::from(event(&received, &matched).to_string());
    match pool.invoke(function, event).await {
        Ok(InvocationOutcome::Answered(body)) => match answer::response(&body, &request_id) {
            Ok(mut response) => {
                cors.dress(call.head.headers.get(ORIGIN), response.headers_mut());
                ServerReaction::Answer(response)
            }
            Err(error) => {
                pool.remark(function, 0, format!("answered what API Gateway cannot use: {error:#}"));
                message(500, "Internal Server Error")
            }
        },
        Ok(InvocationOutcome::Failed(_) | InvocationOutcome::Died) | Err(_) => {
            message(500, "Internal Server Error")
        }
        Ok(InvocationOutcome::TimedOut | InvocationOutcome::GaveUp) => message(503, "Service Unavailable"),
    }
}

fn message(status: u16, text: &str) -> ServerReaction {
    let body = serde_json::json!({ "message": text });
    json(status, "application/json", body.to_string().into_bytes())
}
