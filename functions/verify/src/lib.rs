//! `POST /api/verify`: is this key good, now, on this device?
//!
//! Parse, check the tag, load in one round trip, decide, sign. Nothing is changed; the audit row follows the answer.

mod wire;

use std::time::Duration;

use falconer_domain::License;
use falconer_domain::hardware::ReceivedComponents;
use falconer_domain::keyring::Generation;
use falconer_domain::lease::{Claims, Occasion, Terms};
use falconer_domain::verify::{Facts, VerifyRefusal};
use falconer_http::app::Loaded;
use falconer_http::{Answer, App, Call, Endpoint, Method, Stop, WarmUp};
use wire::{Bound, VALID, VerifyRequest};

/// Its name, when it tells an outage, and what it warms up.
pub const ENDPOINT: Endpoint =
    Endpoint { name: "verify", deadline: Duration::from_millis(2_500), warm_up: WarmUp::RingAndStore };

/// Answers a request.
pub async fn handle(app: &App, call: &Call) -> Answer {
    verify(app, call).await.unwrap_or_else(Answer::from)
}

async fn verify(app: &App, call: &Call) -> Result<Answer, Stop> {
    call.require(&Method::POST)?;
    let request = VerifyRequest::read(call)?;
    let vouched = app.authenticate(call, &request.license).await?;
    let signer = vouched.ring.current();
    let loaded = app.load(call, &vouched).await?;
    let occasion = app.occasion(call, &vouched, loaded.product(), request.nonce.as_ref());

    let answer = match &loaded {
        Loaded::Found { license, catalog } => {
            let received = request.hardware.as_ref();
            let hardware = app.hashed(call, &vouched, license, received).await?;
            let facts = app.facts(call, license, catalog, hardware.as_ref()).await?;
            decide(&occasion, signer, license, &facts, received)
        }
        Loaded::Missing { .. } => no(&occasion, signer, VerifyRefusal::NotFound, None),
    };
    Ok(app.verified(answer, call, &vouched, request.origin))
}

fn decide(
    occasion: &Occasion<'_>,
    signer: &Generation,
    license: &License,
    facts: &Facts<'_>,
    received: Option<&ReceivedComponents>,
) -> Answer {
    let terms = facts.terms();
    match facts.decide() {
        Ok(()) => {
            let bound = Bound::new(facts.device(), received);
            let claims = Claims::granted(occasion, VALID, &terms, bound.as_ref().map(Bound::in_lease));
            wire::yes(occasion, license, &terms, bound.as_ref(), claims.sign(signer))
        }
        Err(refusal) => no(occasion, signer, refusal, Some(&terms)),
    }
}

/// The signed no.
fn no(
    occasion: &Occasion<'_>,
    signer: &Generation,
    refusal: VerifyRefusal,
    terms: Option<&Terms<'_>>,
) -> Answer {
    let claims = Claims::refused(occasion, refusal.code(), terms);
    Answer::refusal(refusal.code(), occasion.request_id, &claims.sign(signer))
}
