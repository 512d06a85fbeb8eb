//! `POST /api/activate-sync`: bind this device, or refresh its binding.
//!
//! The steps: parse, check the tag, load in one round trip, decide, store the license and its audit row in one
//! transaction, sign. A device keeps its seat, so a client may repeat a request whose answer it lost. With `refresh` a
//! device without a seat does not get one; it gets verify's answer.

use falconer_domain::activate::{self, ActivateRefusal, RefreshRefusal};
use falconer_http::{
    App, Endpoint, Rejection, Request, RequestBody, Response, SeatChangeRequest, SeatPurpose,
};

/// Endpoint configuration.
pub const ENDPOINT: Endpoint =
    Endpoint::mutating("activate-sync", |app, request| Box::pin(handle(app, request)));

/// Binds or refreshes a device.
///
/// # Errors
/// [`Rejection`]: no decision was possible.
pub async fn handle(app: &App, request: &Request) -> Result<Response, Rejection> {
    let (body, purpose) = SeatChangeRequest::read_with(request, RequestBody::purpose)?;
    app.change(request, &body.change, |standing, hardware| {
        let seat_request = body.seat_request(hardware);
        match purpose {
            SeatPurpose::Hold => {
                activate::decide(standing, &seat_request, request.now).map_err(ActivateRefusal::code)
            }
            SeatPurpose::Refresh => {
                activate::refresh(standing, &seat_request, request.now).map_err(RefreshRefusal::code)
            }
        }
    })
    .await
}
