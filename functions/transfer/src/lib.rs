//! `POST /api/transfer`: move a seat to this device.
//!
//! The new device alone is enough, since the old one may be dead. How often is limited, and the device that lost its
//! seat may take it back.

use std::time::Duration;

use falconer_domain::transfer::{self, FromDevice, TransferRefusal};
use falconer_http::{Answer, App, Body, Call, Effect, Endpoint, Method, SeatRequest, Stop, WarmUp};

/// Its name, when it tells an outage, and what it warms up.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "transfer",
    effect: Effect::Changes,
    deadline: Duration::from_secs(4),
    warm_up: WarmUp::RingAndStore,
};

/// Answers a request.
pub async fn handle(app: &App, call: &Call) -> Answer {
    transfer(app, call).await.unwrap_or_else(Answer::from)
}

async fn transfer(app: &App, call: &Call) -> Result<Answer, Stop> {
    call.require(&Method::POST)?;
    let (request, from) = SeatRequest::read_with(call, Body::from_device)?;
    let from = from.as_deref().map_or(FromDevice::Only, FromDevice::Named);
    app.change(call, &request.change, |standing, hardware| {
        transfer::decide(standing, &request.arrival(hardware), from, call.now).map_err(TransferRefusal::code)
    })
    .await
}
