//! The answers of endpoints that change a license.

use falconer_domain::keyring::Generation;
use falconer_domain::lease::{Claims, Occasion};
use falconer_domain::seats::{Seats, Transfers};
use falconer_domain::standing::Standing;
use falconer_domain::{Code, UnixMillis};
use serde::Serialize;

use crate::answer::{Answer, RefusalBody, no_names};
use crate::call::Call;
use crate::serve::Effect;
use crate::verdict::{Bound, DeviceBody, Yes};

/// What a person does who meets `SEATS_EXHAUSTED`.
const HINT: &str = "Deactivate the license on one of these devices, or transfer it to this one.";

/// Verify's yes, and what became of the seat.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SeatYes))]
pub(crate) struct YesBody<'a> {
    success: bool,
    #[serde(flatten)]
    yes: Yes<'a>,
    seats: SeatsBody,
    transfers: TransfersBody,
}

/// The seat is free.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Freed))]
#[serde(rename_all = "camelCase")]
pub(crate) struct FreedBody<'a> {
    success: bool,
    valid: bool,
    code: &'static str,
    license_id: &'a str,
    seats: SeatsBody,
    checked_at: i64,
    request_id: &'a str,
    /// Signed as a refusal, `typ` `refusal+jwt`: a device without a seat has no license. Delete the lease you have.
    lease: String,
    /// Members of the request that were not taken as they were sent; absent when all were.
    #[serde(skip_serializing_if = "no_names")]
    ignored: &'a [String],
}

/// A refusal, with what helps the person who meets it.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SeatRefusal))]
pub(crate) struct NoBody<'a> {
    #[serde(flatten)]
    refusal: RefusalBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<Vec<DeviceBody<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfers: Option<TransfersBody>,
}

/// Seats of a license.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Seats))]
struct SeatsBody {
    used: u32,
    max: u32,
}

/// Transfers of a license in the last 365 days.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Transfers))]
#[serde(rename_all = "camelCase")]
struct TransfersBody {
    used: u32,
    max: u32,
    /// When the next one will be possible; `null` if it is possible now, or never.
    next_at: Option<i64>,
}

impl SeatsBody {
    fn of(standing: &Standing) -> Self {
        let Seats { used, max } = Seats::of(&standing.license, &standing.policy);
        Self { used, max }
    }
}

impl TransfersBody {
    fn of(standing: &Standing, now: UnixMillis) -> Self {
        let Transfers { used, max, next_at, .. } = Transfers::of(&standing.license, &standing.policy, now);
        Self { used, max, next_at: next_at.map(|at| at.0) }
    }
}

/// This device holds a seat.
pub(super) fn yes(
    call: &Call,
    occasion: &Occasion<'_>,
    signer: &Generation,
    code: Code,
    standing: &Standing,
    bound: Option<&Bound<'_>>,
) -> Answer {
    let body = YesBody {
        success: true,
        yes: Yes::new(call, occasion, signer, standing, code, bound),
        seats: SeatsBody::of(standing),
        transfers: TransfersBody::of(standing, occasion.now),
    };
    Answer::json(code, &body)
}

/// This device holds no seat any more.
pub(super) fn freed(
    call: &Call,
    occasion: &Occasion<'_>,
    signer: &Generation,
    code: Code,
    standing: &Standing,
) -> Answer {
    let body = FreedBody {
        success: true,
        valid: false,
        code: code.name(),
        license_id: standing.license.id.as_str(),
        seats: SeatsBody::of(standing),
        checked_at: occasion.now.0,
        request_id: occasion.request_id,
        lease: Claims::refused(occasion, code, Some(&standing.terms())).sign(signer),
        ignored: call.ignored(),
    };
    Answer::json(code, &body)
}

/// A signed no, with what helps the person who meets it.
pub(super) fn no(
    call: &Call,
    occasion: &Occasion<'_>,
    signer: &Generation,
    code: Code,
    standing: &Standing,
) -> Answer {
    let lease = Claims::refused(occasion, code, Some(&standing.terms())).sign(signer);
    let refusal = RefusalBody::new(code, call, Some(&lease), Effect::Changes);
    let devices = || standing.license.devices.iter().map(|(id, device)| DeviceBody::of(id, device)).collect();
    let transfers = || TransfersBody::of(standing, occasion.now);
    let body = match code {
        Code::SeatsExhausted => {
            NoBody { refusal, hint: Some(HINT), devices: Some(devices()), transfers: None }
        }
        Code::DeviceRequired => NoBody { refusal, hint: None, devices: Some(devices()), transfers: None },
        Code::TransferLimitReached | Code::TransferCooldown => {
            NoBody { refusal, hint: None, devices: None, transfers: Some(transfers()) }
        }
        _ => NoBody { refusal, hint: None, devices: None, transfers: None },
    };
    Answer::json(code, &body)
}

/// A signed no about a license that is not there.
pub(super) fn unknown(call: &Call, occasion: &Occasion<'_>, signer: &Generation, code: Code) -> Answer {
    let lease = Claims::refused(occasion, code, None).sign(signer);
    Answer::json(code, &RefusalBody::new(code, call, Some(&lease), Effect::Changes))
}
