//! `POST /api/transfer`: move a seat to this device.
//!
//! The new device asks alone, since the old one may be dead. The policy limits how often, and the device that lost its
//! seat may take it back.

use falconer_domain::transfer::{self, FromDevice, TransferRefusal};
use falconer_http::{App, Endpoint, Rejection, Request, RequestBody, Response, SeatChangeRequest};

/// Endpoint configuration.
pub const ENDPOINT: Endpoint = Endpoint::mutating("transfer", |app, request| Box::pin(handle(app, request)));

/// Moves a seat.
///
/// # Errors
/// [`Rejection`]: no decision was possible.
pub async fn handle(app: &App, request: &Request) -> Result<Response, Rejection> {
    let (body, from) = SeatChangeRequest::read_with(request, RequestBody::from_device)?;
    let from = from.as_deref().map_or(FromDevice::Only, FromDevice::Named);
    app.change(request, &body.change, |standing, hardware| {
        transfer::decide(standing, &body.seat_request(hardware), from, request.now)
            .map_err(TransferRefusal::code)
    })
    .await
}
