//! The Lambda Runtime API, under a prefix that says which instance speaks: `/{function}/{instance}/2018-06-01/runtime/…`.

use std::sync::Arc;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;

use super::pool::{Dispatched, InvocationOutcome, Pool};
use crate::server::{Call, ServerReaction, json};

/// The largest answer of a synchronous invocation: 6 MB and some room for its JSON, as Lambda counts it.
const LARGEST_ANSWER_BYTES: usize = 6_291_556;

const CONTENT_TYPE: &str = "application/json";

pub(super) async fn handle(pool: Arc<Pool>, call: Call) -> ServerReaction {
    let path = call.head.uri.path().to_owned();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let [function, instance, "2018-06-01", "runtime", what @ ..] = segments.as_slice() else {
        return refuse(404, "UnknownPath", "not a path of the Runtime API");
    };
    let Ok(instance) = instance.parse::<usize>() else {
        return refuse(404, "UnknownInstance", "instances are numbered");
    };
    match (call.head.method.as_str(), what) {
        ("GET", ["invocation", "next"]) => match pool.next(function, instance).await {
            Some(job) => event(function, job),
            // A process that is to go away gets no answer: nobody must mistake it for an event.
            None => ServerReaction::Abort,
        },
        ("POST", ["invocation", id, "response"]) => {
            if call.body.len() > LARGEST_ANSWER_BYTES {
                let error = br#"{"errorType":"Function.ResponseSizeTooLarge"}"#;
                pool.respond(function, instance, id, InvocationOutcome::Failed(Bytes::from_static(error)));
                return refuse(413, "RequestEntityTooLarge", "the answer is too large");
            }
            accept(pool.respond(function, instance, id, InvocationOutcome::Answered(call.body)))
        }
        ("POST", ["invocation", id, "error"]) => {
            pool.remark(function, instance, format!("failed {id}: {}", text(&call.body)));
            accept(pool.respond(function, instance, id, InvocationOutcome::Failed(call.body)))
        }
        ("POST", ["init", "error"]) => {
            pool.remark(function, instance, format!("failed to start: {}", text(&call.body)));
            accept(true)
        }
        _ => refuse(404, "UnknownPath", "not a path of the Runtime API"),
    }
}

fn event(function: &str, job: Dispatched) -> ServerReaction {
    let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{function}");
    let trace = trace_id(&job);
    let response = Response::builder()
        .header("content-type", CONTENT_TYPE)
        .header("lambda-runtime-aws-request-id", job.request_id)
        .header("lambda-runtime-deadline-ms", job.deadline_milliseconds)
        .header("lambda-runtime-invoked-function-arn", arn)
        .header("lambda-runtime-trace-id", trace)
        .body(Full::new(job.event));
    response.map_or(ServerReaction::Abort, ServerReaction::Answer)
}

/// In X-Ray's shape: seconds in hexadecimal, then 96 bits, here those of the request's id.
fn trace_id(job: &Dispatched) -> String {
    let seconds = job.deadline_milliseconds / 1000;
    let unique: String = job.request_id.chars().filter(char::is_ascii_hexdigit).take(24).collect();
    format!("Root=1-{seconds:08x}-{unique:0<24};Sampled=0")
}

fn accept(known: bool) -> ServerReaction {
    if known {
        return json(202, CONTENT_TYPE, br#"{"status":"OK"}"#.to_vec());
    }
    refuse(400, "InvalidRequestID", "Invalid request ID")
}

fn refuse(status: u16, kind: &str, message: &str) -> ServerReaction {
    let body = serde_json::json!({ "errorType": kind, "errorMessage": message });
    json(status, CONTENT_TYPE, body.to_string().into_bytes())
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}
