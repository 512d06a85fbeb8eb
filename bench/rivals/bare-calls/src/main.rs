//! A hello-world with the calls of one verification: a license read beside a counter counted, the answer, then an audit
//! row. Nothing is parsed, decided, hashed or signed, no time-out is set: the floor under `verify`.
//!
//! The requests are Falconer's, member for member. `BENCH_LICENSE_ID` names the license; a call that fails, or a
//! license that is not there, fails the request, so that no figure is of anything else.
#![expect(
    clippy::disallowed_methods,
    reason = "a program of the bench: its clock and its environment are the machine's"
)]

mod calls;
mod clients;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use lambda_http::lambda_runtime::{LambdaInvocation, Service};
use lambda_http::tower::layer::layer_fn;
use lambda_http::{Body, Error, Request, RequestExt, Response, service_fn};

use calls::{Calls, RequestMoment};

fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Error> {
    let instance = Arc::new(Instance { calls: Calls::connect().await?, to_record: Mutex::default() });
    instance.calls.warm_up().await?;
    let answering = Arc::clone(&instance);
    let handler = service_fn(move |request| {
        let instance = Arc::clone(&answering);
        async move { instance.answer(request).await }
    });
    let recording = layer_fn(move |inner| Recording { inner, instance: Arc::clone(&instance) });
    lambda_http::runtime(handler).layer(recording).run().await
}

struct Instance {
    calls: Calls,
    to_record: Mutex<Option<RequestMoment>>,
}

impl Instance {
    async fn answer(&self, request: Request) -> Result<Response<Body>, Error> {
        let moment = RequestMoment::now(request.lambda_context().request_id)?;
        self.calls.load(&moment).await?;
        *self.to_record.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment);
        let body = serde_json::json!({ "message": "hello" }).to_string();
        Ok(Response::builder().header("content-type", "application/json").body(Body::Text(body))?)
    }

    async fn record(&self) -> Result<(), Error> {
        let moment = self.to_record.lock().unwrap_or_else(PoisonError::into_inner).take();
        match moment {
            Some(moment) => self.calls.record(&moment).await,
            None => Ok(()),
        }
    }
}

/// The layer around the runtime: its inner service returns when the answer has been posted.
struct Recording<S> {
    inner: S,
    instance: Arc<Instance>,
}

impl<S> Service<LambdaInvocation> for Recording<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
    S::Future: 'static,
{
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let posted = self.inner.call(invocation);
        let instance = Arc::clone(&self.instance);
        Box::pin(async move {
            posted.await?;
            instance.record().await
        })
    }
}
