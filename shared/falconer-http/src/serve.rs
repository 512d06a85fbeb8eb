//! The Lambda loop: settings, warm-up, events, and the work that follows an answer.

use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use falconer_aws::clients::TrustRoots;
use falconer_aws::{AuditRow, Budgets, Clients, Settings};
use futures_util::FutureExt;
use lambda_http::lambda_runtime::{Error, LambdaEvent, LambdaInvocation, Runtime, Service};
use lambda_http::service_fn;
use lambda_http::tower::layer::layer_fn;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};

use crate::app::App;
use crate::clock;
use crate::endpoint::{Endpoint, WarmUp};
use crate::lambda_event::{LambdaResponse, NotARequest};
use crate::problem::Problem;
use crate::request::Request;

/// Longest delay of the next event by work that follows an answer.
const RECORD_BUDGET: Duration = Duration::from_millis(300);
/// Time before Lambda's own deadline at which the function answers `UNAVAILABLE`.
const LAMBDA_MARGIN: Duration = Duration::from_millis(200);

/// Runs a function until Lambda ends it.
#[must_use]
pub fn serve(endpoint: Endpoint) -> ExitCode {
    lambda_http::tracing::init_default_subscriber();
    panic::set_hook(Box::new(|panic| {
        // The place alone: the message may quote a value of the request.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.location = place, "panic caught");
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
    match runtime.block_on(connect_and_run(endpoint, settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => failed(&why),
    }
}

fn failed(why: &dyn std::fmt::Display) -> ExitCode {
    tracing::error!(error = %why, "function not started");
    ExitCode::FAILURE
}

async fn connect_and_run(endpoint: Endpoint, settings: Settings) -> Result<(), Error> {
    let roots = match &settings.tls_roots_file {
        Some(file) => TrustRoots::from_file(file)?,
        None => TrustRoots::Amazon,
    };
    let clients = Clients::connect(roots, Budgets::LAMBDA).await;
    run(endpoint, settings, &clients).await
}

/// Warms up and runs the loop with the caller's clients. The bench measures it beside [`serve`].
///
/// # Errors
/// Lambda's Runtime API is missing, or answers unexpectedly.
pub async fn run(endpoint: Endpoint, settings: Settings, clients: &Clients) -> Result<(), Error> {
    let instance =
        Arc::new(Instance { app: App::new(endpoint, settings, clients), to_record: Mutex::new(None) });
    instance.warm_up().await;
    let answering = Arc::clone(&instance);
    // The raw event: `Request::read` skips whatever it does not need, so no event is a runtime error.
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let instance = Arc::clone(&answering);
        async move { Ok::<_, Error>(instance.answer(event.payload.get(), event.context.deadline).await) }
    });
    let recording = layer_fn(move |inner| Recording { inner, instance: Arc::clone(&instance) });
    Runtime::new(handler).layer(recording).run().await
}

struct Instance {
    app: App,
    to_record: Mutex<Option<AuditRow>>,
}

impl Instance {
    /// Connects to both services at once, so that a cold start waits for the slower one alone. A failure does not stop
    /// the function: its first request tries again.
    async fn warm_up(&self) {
        let store = async {
            if self.app.endpoint.warm_up == WarmUp::RingAndStore
                && let Err(error) = self.app.store.ping().await
            {
                tracing::warn!(error = %error, "DynamoDB not reached during warm-up; the first request tries again");
            }
        };
        // `ring()` has logged its error.
        let _ = tokio::join!(self.app.ring.ring(), store);
    }

    async fn answer(&self, event: &str, lambdas_deadline_millis: u64) -> LambdaResponse {
        let started = Instant::now();
        let now = clock::now();
        let deadline = self.deadline(lambdas_deadline_millis, now.0);
        let secrets = self.app.settings.origin_secrets.as_ref();
        let request = match Request::read_behind(event, now, started + deadline, secrets) {
            Ok(request) => request,
            Err(other) => {
                if let NotARequest::From(sender) = other {
                    tracing::warn!(
                        event.sender = sender,
                        "event refused; it is not a request of API Gateway"
                    );
                }
                return other.reply();
            }
        };
        let handled = AssertUnwindSafe(self.app.respond(&request)).catch_unwind();
        let mut response = match timeout(deadline, handled).await {
            Ok(Ok(response)) => response,
            Ok(Err(_panic)) => Problem::internal().into(),
            Err(_elapsed) => {
                tracing::error!("deadline reached before a decision; answered UNAVAILABLE");
                Problem::unavailable().into()
            }
        };
        self.app.telemetry.answered(&request, &response, started.elapsed());
        *self.to_record.lock().unwrap_or_else(PoisonError::into_inner) = response.take_audit();
        response.into_http(&request, self.app.endpoint.effect).into()
    }

    /// The earlier of the endpoint's deadline and Lambda's. A deadline in the past is ignored: Lambda never sends one,
    /// but `cargo lambda watch` sends 1970.
    fn deadline(&self, lambdas_millis: u64, now_millis: i64) -> Duration {
        let left = lambdas_millis.saturating_sub(u64::try_from(now_millis).unwrap_or_default());
        if left == 0 {
            return self.app.endpoint.deadline;
        }
        Duration::from_millis(left).saturating_sub(LAMBDA_MARGIN).min(self.app.endpoint.deadline)
    }

    /// Writes the audit row and the log line, after the answer is posted and before the next event is fetched.
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

/// A layer around the whole runtime. Its inner service returns when the answer has been posted.
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

#[cfg(test)]
mod tests {
    use lambda_http::http::Method;

    use super::*;
    use crate::endpoint::Effect;

    const HANGS: Endpoint =
        Endpoint::read_only("test", Method::POST, |_, _| Box::pin(std::future::pending()));
    const PANICS: Endpoint = Endpoint::read_only("test", Method::POST, |_, request| {
        Box::pin(async move { panic!("the key is {}", String::from_utf8_lossy(&request.body)) })
    });

    /// An instance without reachable services.
    fn instance(endpoint: Endpoint) -> Instance {
        let settings = Settings::read(|name| {
            let has_a_form = ["MINUTE", "DAYS", "AUDIT", "SECRET"].iter().any(|end| name.ends_with(end));
            (!has_a_form).then(|| "none".to_owned())
        })
        .unwrap();
        let nowhere = "http://127.0.0.1:1";
        let clients = Clients::of_stand_ins(nowhere, nowhere, Budgets::LAMBDA);
        Instance { app: App::new(endpoint, settings, &clients), to_record: Mutex::new(None) }
    }

    async fn answer(endpoint: Endpoint) -> (u64, String) {
        let reply = instance(endpoint).answer(include_str!("../../../events/verify/post.json"), 0).await;
        let reply = serde_json::to_value(&reply).unwrap();
        (reply["statusCode"].as_u64().unwrap(), reply["body"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn bug_is_internal_and_leaks_nothing() {
        let (status, body) = answer(PANICS).await;
        assert_eq!(status, 500);
        let expected = r#"{"type":"urn:falconer:problem:internal","title":"Internal server error","status":500,"detail":"Report it to the vendor with the request id.","valid":false,"error":"Internal server error","code":"INTERNAL","requestId":"JKJaXmPLvHcESHA="}"#;
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn bug_in_a_change_says_success_false() {
        let (status, body) = answer(Endpoint { effect: Effect::Mutating, ..PANICS }).await;
        assert!(status == 500 && body.contains(r#""success":false,"valid":false"#), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_is_answered_unavailable() {
        let started = tokio::time::Instant::now();
        let (status, body) = answer(HANGS).await;
        assert_eq!((status, started.elapsed().as_secs()), (503, HANGS.deadline.as_secs()));
        assert!(body.contains("\"code\":\"UNAVAILABLE\""), "{body}");
    }

    #[tokio::test]
    async fn deadline_of_lambda_counts_when_earlier() {
        let instance = instance(Endpoint { deadline: Duration::from_secs(2), ..HANGS });
        for (left_millis, expected_millis) in
            [(5_000, 2_000), (1_200, 1_000), (200, 0), (100, 0), (0, 2_000), (-1_795_000_000_000_i64, 2_000)]
        {
            let now = 1_800_000_000_000_i64;
            let deadline = instance.deadline(u64::try_from(now + left_millis).unwrap(), now);
            assert_eq!(deadline.as_millis(), expected_millis, "{left_millis}");
        }
    }
}
