//! A small CloudWatch: metric data is put, and read in periods, with the service's own limits.

mod cbor;
mod data;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::server::{Call, Server, ServerReaction};
use data::{MetricData, MetricsRefusal};

/// The protocol of the SDK; another client may send JSON.
const CBOR: &str = "application/cbor";
const JSON: &str = "application/x-amz-json-1.0";

/// A running CloudWatch, its metrics in memory. Dropping it closes the port.
pub struct CloudWatch {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    data: MetricData,
    rights: Rights,
}

/// The rights of every caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// Any operation.
    #[default]
    All,
    /// None: each request is denied, as by a policy without the action.
    None,
}

impl CloudWatch {
    /// Listens on 127.0.0.1:`port` (0: any free one), without a metric.
    ///
    /// # Errors
    /// The port is in use.
    pub fn start(port: u16) -> Result<Self> {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let server = Server::start(port, move |call| {
            let reply = answer(&shared, &call);
            async move { reply }
        })?;
        Ok(Self { server, state })
    }

    /// The value of `AWS_ENDPOINT_URL_CLOUDWATCH`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.url()
    }

    /// Gives every caller these rights from now on.
    pub fn grant(&self, rights: Rights) {
        lock(&self.state).rights = rights;
    }
}

/// The operation that the path of a request in CBOR ends with.
pub(crate) fn operation(path: &str) -> Option<&str> {
    path.rsplit_once("/operation/").map(|(_, operation)| operation)
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A panic under this lock is a failed test already; the next one should see the state, not a second panic.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(state: &Mutex<State>, call: &Call) -> ServerReaction {
    let header = |name: &str| call.head.headers.get(name).and_then(|value| value.to_str().ok());
    let is_cbor = header("content-type") == Some(CBOR);
    let by_header = header("x-amz-target").and_then(|target| target.rsplit('.').next());
    let named = by_header.or_else(|| operation(call.head.uri.path())).unwrap_or_default();
    let request = if is_cbor { cbor::read(&call.body) } else { serde_json::from_slice(&call.body).ok() };
    let mut state = lock(state);
    let outcome = match (state.rights, request) {
        (Rights::None, _) => Err(MetricsRefusal::denied(named)),
        (Rights::All, Some(request)) => state.data.perform(named, &request),
        (Rights::All, None) => Err(MetricsRefusal::unreadable()),
    };
    let (status, body) = match outcome {
        Ok(body) => (200, body),
        Err(refusal) => (refusal.status, json!({ "__type": refusal.code, "message": refusal.message })),
    };
    written(status, &body, is_cbor)
}

fn written(status: u16, body: &Value, is_cbor: bool) -> ServerReaction {
    let response = Response::builder().status(status);
    let response = if is_cbor {
        let bytes = Full::new(Bytes::from(cbor::write(body)));
        response.header("content-type", CBOR).header("smithy-protocol", "rpc-v2-cbor").body(bytes)
    } else {
        response.header("content-type", JSON).body(Full::new(Bytes::from(body.to_string())))
    };
    response.map_or(ServerReaction::Abort, ServerReaction::Answer)
}

#[cfg(test)]
mod tests;
