//! `GET /api/keys`: the public keys that leases are verified with, each endorsed by the older ones.

use std::time::Duration;

use falconer_domain::Code;
use falconer_http::{Answer, App, Call, Effect, Endpoint, Method, Stop, WarmUp};

/// Its name, when it tells an outage, and what it warms up.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "keys",
    effect: Effect::Tells,
    deadline: Duration::from_millis(2_500),
    warm_up: WarmUp::Ring,
};

/// As long as an instance uses a ring before it reads it again: a cache is never staler than the function itself.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Answers a request.
pub async fn handle(app: &App, call: &Call) -> Answer {
    keys(app, call).await.unwrap_or_else(Answer::from)
}

async fn keys(app: &App, call: &Call) -> Result<Answer, Stop> {
    call.require(&Method::GET)?;
    let ring = app.ring.ring().await?;
    Ok(Answer::json(Code::Ok, ring.jwks()).cached(CACHE_CONTROL))
}
