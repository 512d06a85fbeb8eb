//! `POST /api/verify`: is this key good, now, on this device?
//!
//! Parse, check the tag, load in one round trip, decide, sign. Nothing is changed; the audit row follows the answer.

mod wire;

use falconer_domain::lease::{Claims, Occasion, Terms};
use falconer_domain::verify::VerifyRefusal;
use falconer_domain::{Catalog, License};
use falconer_http::app::Vouched;
use falconer_http::{Answer, App, Call, Method, Stop};
use wire::VerifyRequest;

/// Answers a request.
pub async fn handle(app: &App, call: &Call) -> Answer {
    verify(app, call).await.unwrap_or_else(Answer::from)
}

async fn verify(app: &App, call: &Call) -> Result<Answer, Stop> {
    call.require(&Method::POST)?;
    let request = VerifyRequest::read(call)?;
    let vouched = app.authenticate(call, &request.license).await?;
    let loaded = app.load(call, &vouched).await?;
    let occasion = app.occasion(call, &vouched, loaded.catalog.product(), request.nonce.as_deref());
    let answer = match &loaded.license {
        Some(license) => decide(app, call, &request, &vouched, license, &loaded.catalog, &occasion).await?,
        None => no(&occasion, &vouched, VerifyRefusal::NotFound, None),
    };
    Ok(app.verified(answer, call, &vouched, request.origin))
}

async fn decide(
    app: &App,
    call: &Call,
    request: &VerifyRequest,
    vouched: &Vouched,
    license: &License,
    catalog: &Catalog,
    occasion: &Occasion<'_>,
) -> Result<Answer, Stop> {
    let hardware = match &request.hardware {
        Some(received) => Some(app.hashed(vouched, license, received)?),
        None => None,
    };
    let facts = app.facts(license, catalog, hardware.as_ref(), call).await?;
    let terms = facts.terms();
    Ok(match facts.decide() {
        Ok(()) => {
            let bound = wire::Bound::new(facts.device(), request.hardware.as_ref());
            let claims =
                Claims::granted(occasion, wire::VALID, &terms, bound.as_ref().map(wire::Bound::in_lease));
            wire::yes(occasion, license, &terms, bound.as_ref(), claims.sign(vouched.ring.current()))
        }
        Err(refusal) => no(occasion, vouched, refusal, Some(&terms)),
    })
}

/// The signed no.
fn no(
    occasion: &Occasion<'_>,
    vouched: &Vouched,
    refusal: VerifyRefusal,
    terms: Option<&Terms<'_>>,
) -> Answer {
    let claims = Claims::refused(occasion, refusal.code(), terms);
    Answer::refusal(refusal.code(), occasion.request_id, &claims.sign(vouched.ring.current()))
}
