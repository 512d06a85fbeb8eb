//! `POST /api/deactivate`: free this device's seat.
//!
//! A license's status does not matter: a customer can always free a seat.

use falconer_domain::deactivate::{self, DeactivateRefusal};
use falconer_http::{App, ChangeRequest, Endpoint, Rejection, Request, Response};

/// Endpoint configuration.
pub const ENDPOINT: Endpoint =
    Endpoint::mutating("deactivate", |app, request| Box::pin(handle(app, request)));

/// Frees a seat.
///
/// # Errors
/// [`Rejection`]: no decision was possible.
pub async fn handle(app: &App, request: &Request) -> Result<Response, Rejection> {
    let body = ChangeRequest::read(request)?;
    app.change(request, &body, |standing, hardware| {
        deactivate::decide(standing, hardware, request.now).map_err(DeactivateRefusal::code)
    })
    .await
}
