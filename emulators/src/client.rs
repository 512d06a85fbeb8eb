//! The HTTP client of the stand-ins: plain HTTP/1.1 to a loopback port.

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Connections kept alive between requests. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Client {
    inner: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client with no open connections. It must be used on one runtime only.
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let inner = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { inner }
    }

    /// Sends a request and reads its answer to the end.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
        let address = request.uri().to_string();
        let response =
            self.inner.request(request).await.with_context(|| format!("no answer from {address}"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.with_context(|| format!("an incomplete answer from {address}"))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}
