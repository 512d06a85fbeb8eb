//! `POST /api/deactivate`: free this device's seat.
//!
//! Whatever the license's status: a customer can always free a seat.

use std::time::Duration;

use falconer_domain::deactivate::{self, DeactivateRefusal};
use falconer_http::{Answer, App, Call, ChangeRequest, Effect, Endpoint, Method, Stop, WarmUp};

/// Its name, when it tells an outage, and what it warms up.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "deactivate",
    effect: Effect::Changes,
    deadline: Duration::from_secs(4),
    warm_up: WarmUp::RingAndStore,
};

/// Answers a request.
pub async fn handle(app: &App, call: &Call) -> Answer {
    deactivate(app, call).await.unwrap_or_else(Answer::from)
}

async fn deactivate(app: &App, call: &Call) -> Result<Answer, Stop> {
    call.require(&Method::POST)?;
    let request = ChangeRequest::read(call)?;
    app.change(call, &request, |standing, hardware| {
        deactivate::decide(standing, hardware, call.now).map_err(DeactivateRefusal::code)
    })
    .await
}
