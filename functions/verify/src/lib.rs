//! `POST /api/verify`: is this key good, now, on this device?
//!
//! Parse, check the tag, load in one round trip, decide, sign. Nothing is changed; the audit row follows the answer.

mod request;

use std::time::Duration;

use falconer_domain::Code;
use falconer_domain::hardware::{Sighting, stated};
use falconer_domain::keyring::Generation;
use falconer_domain::lease::{Claims, Occasion, Terms};
use falconer_domain::standing::Standing;
use falconer_domain::verify::{Facts, VerifyRefusal};
use falconer_http::app::{Loaded, Vouched};
use falconer_http::verdict::{Bound, Yes};
use falconer_http::{Answer, App, Asker, Call, Effect, Endpoint, Method, Stop, WarmUp};
use request::VerifyRequest;

/// Its name, when it tells an outage, and what it warms up.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "verify",
    effect: Effect::Tells,
    deadline: Duration::from_millis(2_500),
    warm_up: WarmUp::RingAndStore,
};

/// Answers a request.
pub async fn handle(app: &App, call: &Call) -> Answer {
    verify(app, call).await.unwrap_or_else(Answer::from)
}

async fn verify(app: &App, call: &Call) -> Result<Answer, Stop> {
    call.require(&Method::POST)?;
    let request = VerifyRequest::read(call)?;
    let vouched = app.authenticate(call, &request.license).await?;
    let answer = match app.load(call, &vouched).await? {
        Loaded::Found { row, catalog } => {
            let standing = app.standing(call, row.license, &catalog).await?;
            let answer = decide(app, call, &vouched, &request, &standing).await?;
            if standing.license.erased_at.is_some() {
                return Ok(app.recorded_without_caller(answer, call, &vouched));
            }
            answer
        }
        Loaded::Missing { product } => {
            let occasion = app.occasion(call, &vouched, &product, request.nonce.as_ref());
            no(call, &occasion, vouched.ring.current(), VerifyRefusal::NotFound, None)
        }
    };
    Ok(app.recorded(answer, call, &vouched, request.origin))
}

async fn decide(
    app: &App,
    call: &Call,
    vouched: &Vouched,
    request: &VerifyRequest,
    standing: &Standing,
) -> Result<Answer, Stop> {
    let signer = vouched.ring.current();
    let occasion = app.occasion(call, vouched, &standing.license.product, request.nonce.as_ref());
    let hardware = match &request.hardware {
        Some(received) => Some((received, app.hashed(call, vouched, &standing.license, received).await?)),
        None => None,
    };
    let hashed = hardware.as_ref().map(|(_, hashed)| hashed);
    let facts = Facts::gather(standing, hashed, call.now);
    let asker = Asker {
        device: facts.device().map(|found| found.id.clone()),
        machine: hashed.and_then(|hashed| Sighting::of(hashed, &standing.license)),
    };
    if let Err(refusal) = facts.decide() {
        return Ok(no(call, &occasion, signer, refusal, Some(&standing.terms())).asked_by(asker));
    }
    let bound = facts.device().zip(hardware.as_ref()).map(|(found, (received, hashed))| Bound {
        id: found.id,
        device: found.device,
        components: received.lease(&stated(&found.device.components, hashed, call.now)),
    });
    let code = Code::Valid;
    let yes = Yes::new(call, &occasion, signer, standing, code, bound.as_ref());
    Ok(Answer::json(code, &yes).asked_by(asker))
}

/// The signed no.
fn no(
    call: &Call,
    occasion: &Occasion<'_>,
    signer: &Generation,
    refusal: VerifyRefusal,
    terms: Option<&Terms<'_>>,
) -> Answer {
    let claims = Claims::refused(occasion, refusal.code(), terms);
    Answer::refusal(refusal.code(), call, &claims.sign(signer))
}
