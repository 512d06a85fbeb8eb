//! `GET /api/health`: the process answers. `GET /api/health/ready`: its dependencies answer too.

use std::time::{Duration, Instant};

use falconer_domain::Code;
use falconer_http::{App, Endpoint, Method, Problem, Rejection, Request, Response};
use serde::Serialize;
use tokio::sync::Mutex;

/// Endpoint configuration.
pub const ENDPOINT: Endpoint =
    Endpoint::read_only("health", Method::GET, |app, request| Box::pin(handle(app, request))).without_store();

/// Time for which one check of the dependencies is reused, so that polling `ready` is never a load.
const CACHE_TTL: Duration = Duration::from_secs(10);
/// Largest age of a usable ring: it is read every five minutes while requests come, so three reads have failed.
const MAX_RING_AGE: Duration = Duration::from_secs(900);

/// The last check of this instance.
static LAST_CHECK: Mutex<Option<(Instant, Result<(), Dependency>)>> = Mutex::const_new(None);

/// The Flask server's body.
#[derive(Serialize)]
struct HealthResponse {
    status: &'static str,
    timestamp: i64,
}

#[derive(Clone, Copy)]
enum Dependency {
    DynamoDb,
    SecretsManager,
}

/// Reports health, or readiness.
///
/// # Errors
/// [`Rejection`]: a dependency does not answer.
pub async fn handle(app: &App, request: &Request) -> Result<Response, Rejection> {
    if request.path.ends_with("/ready") {
        ready(app).await?;
    }
    Ok(Response::json(Code::Ok, &HealthResponse { status: "ok", timestamp: request.now.0 }))
}

async fn ready(app: &App) -> Result<(), Problem> {
    let mut last = LAST_CHECK.lock().await;
    let checked = match *last {
        Some((at, checked)) if at.elapsed() < CACHE_TTL => checked,
        _ => {
            let checked = check(app).await;
            *last = Some((Instant::now(), checked));
            checked
        }
    };
    checked.map_err(|dependency| Problem::unavailable().with_detail(dependency.sentence()))
}

async fn check(app: &App) -> Result<(), Dependency> {
    // The ring's age decides: a short outage of the secret store affects nobody.
    let ring = app.ring.ring().await;
    let age = app.ring.age().await;
    if ring.is_err() || age.is_none_or(|age| age > MAX_RING_AGE) {
        return Err(Dependency::SecretsManager);
    }
    app.store.ping().await.map_err(|_| Dependency::DynamoDb)
}

impl Dependency {
    const fn sentence(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB cannot be reached.",
            Self::SecretsManager => {
                "Secrets Manager holds no usable key ring, or has not answered for 15 minutes."
            }
        }
    }
}
