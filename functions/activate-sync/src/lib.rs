//! `POST /api/activate-sync`: bind this device, or refresh its binding.
//!
//! Parse, check the tag, load in one round trip, decide, store the license and its audit row in one transaction, sign.
//! The same device gets the same seat, always, so a lost answer is safe to ask for again. With `refresh` it never takes a
//! seat: a device without one hears what verify says.

use std::time::Duration;

use falconer_domain::activate::{self, ActivateRefusal};
use falconer_domain::verify::VerifyRefusal;
use falconer_http::{Answer, App, Asks, Body, Call, Effect, Endpoint, Method, SeatRequest, Stop, WarmUp};

/// Its name, when it tells an outage, and what it warms up.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "activate-sync",
    effect: Effect::Changes,
    deadline: Duration::from_secs(4),
    warm_up: WarmUp::RingAndStore,
};

/// Answers a request.
pub async fn handle(app: &App, call: &Call) -> Answer {
    activate(app, call).await.unwrap_or_else(Answer::from)
}

async fn activate(app: &App, call: &Call) -> Result<Answer, Stop> {
    call.require(&Method::POST)?;
    let (request, asks) = SeatRequest::read_with(call, Body::asks)?;
    app.change(call, &request.change, |standing, hardware| {
        let arrival = request.arrival(hardware);
        match asks {
            Asks::ToHold => activate::decide(standing, &arrival, call.now).map_err(ActivateRefusal::code),
            Asks::ToBeSeen => activate::refresh(standing, &arrival, call.now).map_err(VerifyRefusal::code),
        }
    })
    .await
}
