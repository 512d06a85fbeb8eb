//! `GET /api/health`: the process answers. `GET /api/health/ready`: what it depends on answers too.

use std::time::{Duration, Instant};

use falconer_domain::Code;
use falconer_http::{Answer, App, Call, Effect, Endpoint, Method, Problem, Stop, WarmUp};
use serde::Serialize;
use tokio::sync::Mutex;

/// Its name, when it tells an outage, and what it warms up.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "health",
    effect: Effect::Tells,
    deadline: Duration::from_millis(2_500),
    warm_up: WarmUp::Ring,
};

/// How long one look at the dependencies is good for: whoever polls `ready` cannot make it a load.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// A ring is read every five minutes while requests come; one this old was not to be had for three times as long.
const OLDEST_RING: Duration = Duration::from_secs(900);

/// This process's last look; an instance is a process.
static LAST: Mutex<Option<(Instant, Result<(), Dependency>)>> = Mutex::const_new(None);

/// S1's body.
#[derive(Serialize)]
struct Alive {
    status: &'static str,
    timestamp: i64,
}

#[derive(Clone, Copy)]
enum Dependency {
    DynamoDb,
    SecretsManager,
}

/// Answers a request.
pub async fn handle(app: &App, call: &Call) -> Answer {
    health(app, call).await.unwrap_or_else(Answer::from)
}

async fn health(app: &App, call: &Call) -> Result<Answer, Stop> {
    call.require(&Method::GET)?;
    if call.path.ends_with("/ready") {
        ready(app).await?;
    }
    Ok(Answer::json(Code::Ok, &Alive { status: "ok", timestamp: call.now.0 }))
}

async fn ready(app: &App) -> Result<(), Problem> {
    let mut last = LAST.lock().await;
    let looked = match *last {
        Some((at, looked)) if at.elapsed() < GOOD_FOR => looked,
        _ => {
            let looked = look(app).await;
            *last = Some((Instant::now(), looked));
            looked
        }
    };
    looked.map_err(|dependency| Problem::unavailable().because(dependency.sentence()))
}

async fn look(app: &App) -> Result<(), Dependency> {
    // The ring is judged by its age: a secret store that fails for a while stops nobody.
    let ring = app.ring.ring().await;
    let age = app.ring.age().await;
    if ring.is_err() || age.is_none_or(|age| age > OLDEST_RING) {
        return Err(Dependency::SecretsManager);
    }
    app.store.reach().await.map_err(|_| Dependency::DynamoDb)
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
