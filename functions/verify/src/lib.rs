//! `POST /api/verify`: is this key valid, now, on this device?
//!
//! The steps: parse, check the tag, load in one round trip, decide, sign. Nothing changes; the audit row follows the
//! answer.

mod request;

use falconer_domain::Code;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::{ReceivedComponents, Sighting, lease_labels};
use falconer_domain::verify::Facts;
use falconer_http::verify_response::BoundDevice;
use falconer_http::{App, Asker, Endpoint, Loaded, Method, Rejection, Request, Response, Session};
use request::VerifyRequest;

/// Endpoint configuration.
pub const ENDPOINT: Endpoint =
    Endpoint::read_only("verify", Method::POST, |app, request| Box::pin(handle(app, request)));

/// Verifies a license.
///
/// # Errors
/// [`Rejection`]: no decision was possible.
pub async fn handle(app: &App, request: &Request) -> Result<Response, Rejection> {
    let VerifyRequest { credentials, hardware } = VerifyRequest::read(request)?;
    let session = app.authenticate(request, credentials).await?;
    let response = match session.load().await? {
        Loaded::Found { row, catalog } => {
            let standing = session.standing(row.license, &catalog).await?;
            let response = decide(&session, &standing, hardware.as_ref()).await?;
            if standing.license.erased_at.is_some() {
                return Ok(session.record_without_caller(response));
            }
            response
        }
        Loaded::Missing { product } => session.refuse(Code::NotFound, &product, None),
    };
    Ok(session.record(response))
}

async fn decide(
    session: &Session<'_>,
    standing: &EffectiveLicense,
    received: Option<&ReceivedComponents>,
) -> Result<Response, Rejection> {
    let (license, now) = (&standing.license, session.request.now);
    let hardware = match received {
        Some(received) => Some((received, session.hash(license, received).await?)),
        None => None,
    };
    let hashed = hardware.as_ref().map(|(_, hashed)| hashed);
    let facts = Facts::gather(standing, hashed, now);
    let asker = Asker {
        device: facts.device().map(|found| found.id.clone()),
        machine: hashed.and_then(|hashed| Sighting::of(hashed, license)),
    };
    if let Err(refusal) = facts.decide() {
        let terms = standing.terms();
        return Ok(session.refuse(refusal.code(), &license.product, Some(&terms)).asked_by(asker));
    }
    let bound = facts.device().zip(hardware.as_ref()).map(|(found, (received, hashed))| BoundDevice {
        id: found.id,
        device: found.device,
        components: received.lease(&lease_labels(&found.device.components, hashed, now)),
    });
    let granted = session.grant(Code::Valid, standing, bound.as_ref());
    Ok(Response::json(Code::Valid, &granted).asked_by(asker))
}
