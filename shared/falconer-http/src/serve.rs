//! From process start to the next event: settings, warming up, the loop, and what happens after an answer.

use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use falconer_aws::clients::TrustRoots;
use falconer_aws::{AuditRow, Budgets, Clients, Settings};
use futures_util::FutureExt;
use lambda_http::lambda_runtime::{Error, LambdaInvocation, Service};
use lambda_http::tower::layer::layer_fn;
use lambda_http::{Request, RequestExt, Response, service_fn};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::clock;
use crate::problem::Problem;

/// Longest an instance is kept from its next event by what follows an answer.
const RECORD_BUDGET: Duration = Duration::from_millis(300);
/// What is left of Lambda's own deadline when we answer by ourselves instead.
const LAMBDA_MARGIN: Duration = Duration::from_millis(200);

/// What a function warms up before its first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// The key ring.
    Ring,
    /// The key ring, and beside it the connection to DynamoDB.
    RingAndStore,
}

/// One endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Its name: folder, metric dimension, rate-limit policy.
    pub name: &'static str,
    /// When an outage is told rather than waited for.
    pub deadline: Duration,
    /// What it needs before its first event.
    pub warm_up: WarmUp,
}

/// A handler: infallible, for every failure has a wire form.
pub type Handle = for<'a> fn(&'a App, &'a Call) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Runs a function until Lambda ends it.
#[must_use]
pub fn serve(endpoint: Endpoint, handle: Handle) -> ExitCode {
    lambda_http::tracing::init_default_subscriber();
    panic::set_hook(Box::new(|panic| {
        // The message may quote a value of the request; the place never does.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.location = place, "a bug was caught");
    }));
    #[expect(clippy::disallowed_methods, reason = "the one reading of the environment, through a lookup")]
    let settings = match Settings::read(|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(why) => return failed(&why),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => return failed(&why),
    };
    match runtime.block_on(run(endpoint, handle, settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => failed(&why),
    }
}

fn failed(why: &dyn std::fmt::Display) -> ExitCode {
    tracing::error!(error = %why, "the function cannot run");
    ExitCode::FAILURE
}

async fn run(endpoint: Endpoint, handle: Handle, settings: Settings) -> Result<(), Error> {
    let roots = match &settings.tls_roots_file {
        Some(file) => TrustRoots::Pem(std::fs::read(file)?),
        None => TrustRoots::Amazon,
    };
    let clients = Clients::connect(roots, Budgets::LAMBDA).await;
    let instance = Arc::new(Instance {
        app: App::new(endpoint.name, settings, &clients),
        endpoint,
        handle,
        to_record: Mutex::new(None),
    });
    instance.warm_up().await;
    let answering = Arc::clone(&instance);
    let handler = service_fn(move |request| {
        let instance = Arc::clone(&answering);
        async move { Ok::<_, Error>(instance.answer(request).await) }
    });
    let recording = layer_fn(move |inner| Recording { inner, instance: Arc::clone(&instance) });
    lambda_http::runtime(handler).layer(recording).run().await
}

struct Instance {
    app: App,
    endpoint: Endpoint,
    handle: Handle,
    to_record: Mutex<Option<AuditRow>>,
}

impl Instance {
    /// Side by side, so that a cold start waits for the slower of the two. What fails here is tried again by the first
    /// request: a function starts whatever is down.
    async fn warm_up(&self) {
        let store = async {
            if self.endpoint.warm_up == WarmUp::RingAndStore
                && let Err(error) = self.app.store.reach().await
            {
                tracing::warn!(error = %error, "DynamoDB not reached while starting");
            }
        };
        tokio::join!(self.app.ring.refresh_ageing(), store);
    }

    async fn answer(&self, request: Request) -> Response<lambda_http::Body> {
        let started = Instant::now();
        let now = clock::now();
        let deadline = self.deadline(&request, now.0);
        let call = Call::new(request, now);
        let handled = AssertUnwindSafe((self.handle)(&self.app, &call)).catch_unwind();
        let mut answer = match timeout(deadline, handled).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => Problem::internal().into(),
            Err(_elapsed) => {
                tracing::error!("the deadline passed before a decision");
                Problem::unavailable().into()
            }
        };
        self.app.telemetry.answered(&call, &answer, started.elapsed());
        *self.to_record.lock().unwrap_or_else(PoisonError::into_inner) = answer.take_audit();
        answer.into_response(&call.request_id)
    }

    /// The sooner of our own deadline and Lambda's. One that is past on arrival is no deadline: Lambda never sends that,
    /// but `cargo lambda watch` sends 1970.
    fn deadline(&self, request: &Request, now_millis: i64) -> Duration {
        let lambdas = request.lambda_context_ref().map_or(0, |context| context.deadline);
        let left = lambdas.saturating_sub(u64::try_from(now_millis).unwrap_or_default());
        match Duration::from_millis(left).checked_sub(LAMBDA_MARGIN) {
            Some(left) => left.min(self.endpoint.deadline),
            None => self.endpoint.deadline,
        }
    }

    /// After the answer was posted, before the next event is asked for.
    async fn record(&self) {
        let row = self.to_record.lock().unwrap_or_else(PoisonError::into_inner).take();
        let audit = async {
            if let Some(row) = row {
                self.app.telemetry.audited(self.app.audit.write(&self.app.store, &row).await);
            }
        };
        let refresh = timeout(RECORD_BUDGET, async {
            tokio::join!(self.app.ring.refresh_ageing(), self.app.catalogs.refresh_ageing(&self.app.store))
        });
        let _ = tokio::join!(audit, refresh);
        self.app.telemetry.write(self.app.ring.age().await);
    }
}

/// The layer around the whole runtime: its inner service returns when the answer has been posted.
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

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let posted = self.inner.call(invocation);
        let instance = Arc::clone(&self.instance);
        Box::pin(async move {
            let posted = posted.await;
            Box::pin(instance.record()).await;
            posted
        })
    }
}
