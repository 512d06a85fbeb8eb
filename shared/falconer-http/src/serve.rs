//! From process start to the next event: settings, warming up, the loop, and what happens after an answer.

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

use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;
use crate::clock;
use crate::event::{NotARequest, Reply};
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

/// What an endpoint does to a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It tells something.
    Tells,
    /// It changes one. Every answer says `success`, and without the shared counter nothing is changed.
    Changes,
}

/// One endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Its name: folder, action in audit rows, field of its log lines, rate-limit policy.
    pub name: &'static str,
    /// What it does to a license.
    pub effect: Effect,
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
    match runtime.block_on(connect_and_run(endpoint, handle, settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => failed(&why),
    }
}

fn failed(why: &dyn std::fmt::Display) -> ExitCode {
    tracing::error!(error = %why, "the function cannot run");
    ExitCode::FAILURE
}

async fn connect_and_run(endpoint: Endpoint, handle: Handle, settings: Settings) -> Result<(), Error> {
    let roots = match &settings.tls_roots_file {
        Some(file) => TrustRoots::from_file(file)?,
        None => TrustRoots::Amazon,
    };
    let clients = Clients::connect(roots, Budgets::LAMBDA).await;
    run(endpoint, handle, settings, &clients).await
}

/// Warms up and runs the loop, with clients that are there already. What the bench measures beside [`serve`].
///
/// # Errors
/// Lambda's Runtime API is not there, or answers what it must not.
pub async fn run(
    endpoint: Endpoint,
    handle: Handle,
    settings: Settings,
    clients: &Clients,
) -> Result<(), Error> {
    let instance = Arc::new(Instance {
        app: App::new(endpoint, settings, clients),
        endpoint,
        handle,
        to_record: Mutex::new(None),
    });
    instance.warm_up().await;
    let answering = Arc::clone(&instance);
    // The event as it was written: a reader of ours decides what of it is worth reading, so none is a runtime error.
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let instance = Arc::clone(&answering);
        async move { Ok::<_, Error>(instance.answer(event.payload.get(), event.context.deadline).await) }
    });
    let recording = layer_fn(move |inner| Recording { inner, instance: Arc::clone(&instance) });
    Runtime::new(handler).layer(recording).run().await
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
        // Why there is no ring stands in the log already.
        let _ = tokio::join!(self.app.ring.ring(), store);
    }

    async fn answer(&self, event: &str, lambdas_deadline_millis: u64) -> Reply {
        let started = Instant::now();
        let now = clock::now();
        let deadline = self.deadline(lambdas_deadline_millis, now.0);
        let call = match Call::read(event, now, started + deadline) {
            Ok(call) => call,
            Err(other) => {
                if let NotARequest::From(sender) = other {
                    tracing::warn!(
                        event.sender = sender,
                        "an event that is not a request of the gateway was refused"
                    );
                }
                return other.reply();
            }
        };
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
        answer.into_response(&call, self.endpoint.effect).into()
    }

    /// The sooner of our own deadline and Lambda's. One that is past on arrival is no deadline: Lambda never sends that,
    /// but `cargo lambda watch` sends 1970.
    fn deadline(&self, lambdas_millis: u64, now_millis: i64) -> Duration {
        let left = lambdas_millis.saturating_sub(u64::try_from(now_millis).unwrap_or_default());
        if left == 0 {
            return self.endpoint.deadline;
        }
        Duration::from_millis(left).saturating_sub(LAMBDA_MARGIN).min(self.endpoint.deadline)
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

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: Endpoint = Endpoint {
        name: "test",
        effect: Effect::Tells,
        deadline: Duration::from_secs(2),
        warm_up: WarmUp::RingAndStore,
    };

    /// An instance whose services lead nowhere.
    fn instance(handle: Handle) -> Instance {
        let settings = Settings::read(|name| {
            (!name.ends_with("MINUTE") && !name.ends_with("DAYS") && name != "VERIFY_AUDIT")
                .then(|| "none".to_owned())
        })
        .unwrap();
        let nowhere = "http://127.0.0.1:1";
        let clients = Clients::of_stand_ins(nowhere, nowhere, Budgets::LAMBDA);
        let app = App::new(ENDPOINT, settings, &clients);
        Instance { app, endpoint: ENDPOINT, handle, to_record: Mutex::new(None) }
    }

    async fn answer(handle: Handle) -> (u64, String) {
        answer_of(ENDPOINT, handle).await
    }

    async fn answer_of(endpoint: Endpoint, handle: Handle) -> (u64, String) {
        let mut instance = instance(handle);
        instance.endpoint = endpoint;
        let reply = instance.answer(include_str!("../../../events/verify/post.json"), 0).await;
        let reply = serde_json::to_value(&reply).unwrap();
        (reply["statusCode"].as_u64().unwrap(), reply["body"].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_bug_is_answered_as_internal_and_leaks_nothing() {
        let (status, body) = answer(|_, call| {
            Box::pin(async move { panic!("the key is {}", String::from_utf8_lossy(&call.body)) })
        })
        .await;
        assert_eq!(status, 500);
        let expected = r#"{"type":"urn:falconer:problem:internal","title":"Internal server error","status":500,"detail":"Report it to the vendor with the request id.","valid":false,"error":"Internal server error","code":"INTERNAL","requestId":"JKJaXmPLvHcESHA="}"#;
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn an_endpoint_that_changes_says_that_it_did_not() {
        let changes = Endpoint { effect: Effect::Changes, ..ENDPOINT };
        let (status, body) = answer_of(changes, |_, _| Box::pin(async { panic!("a bug") })).await;
        assert!(status == 500 && body.contains(r#""success":false,"valid":false"#), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_is_told_as_unavailable() {
        let started = tokio::time::Instant::now();
        let (status, body) = answer(|_, _| Box::pin(std::future::pending())).await;
        assert_eq!((status, started.elapsed().as_secs()), (503, ENDPOINT.deadline.as_secs()));
        assert!(body.contains("\"code\":\"UNAVAILABLE\""), "{body}");
    }

    #[tokio::test]
    async fn lambdas_deadline_counts_when_it_is_sooner_and_still_ahead() {
        let instance = instance(|_, _| Box::pin(std::future::pending()));
        for (left_millis, expected_millis) in
            [(5_000, 2_000), (1_200, 1_000), (200, 0), (100, 0), (0, 2_000), (-1_795_000_000_000_i64, 2_000)]
        {
            let now = 1_800_000_000_000_i64;
            let deadline = instance.deadline(u64::try_from(now + left_millis).unwrap(), now);
            assert_eq!(deadline.as_millis(), expected_millis, "{left_millis}");
        }
    }
}
