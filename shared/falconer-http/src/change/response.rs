//! Bodies of the endpoints that change a license.

use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::seats::{Seats, TransferQuota};
use falconer_domain::{Code, UnixMillis};
use serde::Serialize;

use crate::endpoint::Effect;
use crate::response::{RefusalResponse, Response, no_names};
use crate::session::Session;
use crate::verify_response::{BoundDevice, DeviceResponse, VerifyResponse};

/// Advice for the reader of `SEATS_EXHAUSTED`.
const HINT: &str = "Deactivate the license on one of these devices, or transfer it to this one.";

/// Verify's answer for a valid license, with the license's seats and transfers.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SeatResponse))]
pub(crate) struct SeatResponse<'a> {
    success: bool,
    #[serde(flatten)]
    granted: VerifyResponse<'a>,
    seats: SeatsResponse,
    transfers: TransfersResponse,
}

/// A confirmation that the device's seat is free.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DeactivateResponse))]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeactivateResponse<'a> {
    success: bool,
    valid: bool,
    code: &'static str,
    license_id: &'a str,
    seats: SeatsResponse,
    checked_at: i64,
    request_id: &'a str,
    /// Signed as a refusal, `typ` `refusal+jwt`: a device without a seat has no license. Delete the lease you have.
    lease: String,
    /// Members of the request that were not taken as they were sent; absent when all were.
    #[serde(skip_serializing_if = "no_names")]
    ignored: &'a [String],
}

/// A refusal, with the devices, seats and dates that its reader needs.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SeatRefusalResponse))]
pub(crate) struct SeatRefusalResponse<'a> {
    #[serde(flatten)]
    refusal: RefusalResponse<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<Vec<DeviceResponse<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfers: Option<TransfersResponse>,
}

/// Seats of a license.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Seats))]
struct SeatsResponse {
    used: u32,
    max: u32,
}

/// Transfers of a license in the last 365 days.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Transfers))]
#[serde(rename_all = "camelCase")]
struct TransfersResponse {
    used: u32,
    max: u32,
    /// When the next one will be possible; `null` if it is possible now, or never.
    next_at: Option<i64>,
}

impl SeatsResponse {
    fn of(standing: &EffectiveLicense, now: UnixMillis) -> Self {
        let Seats { used, max } = Seats::of(&standing.license, &standing.policy, now);
        Self { used, max }
    }
}

impl TransfersResponse {
    fn of(standing: &EffectiveLicense, now: UnixMillis) -> Self {
        let TransferQuota { used, max, next_at, .. } =
            TransferQuota::of(&standing.license, &standing.policy, now);
        Self { used, max, next_at: next_at.map(|at| at.0) }
    }
}

impl Session<'_> {
    /// A yes: this device holds a seat.
    pub(super) fn grant_seat(
        &self,
        code: Code,
        standing: &EffectiveLicense,
        device: Option<&BoundDevice<'_>>,
    ) -> Response {
        let body = SeatResponse {
            success: true,
            granted: self.grant(code, standing, device),
            seats: SeatsResponse::of(standing, self.request.now),
            transfers: TransfersResponse::of(standing, self.request.now),
        };
        Response::json(code, &body)
    }

    /// A confirmation: this device no longer holds a seat.
    pub(super) fn confirm_deactivation(&self, code: Code, standing: &EffectiveLicense) -> Response {
        let license = &standing.license;
        let body = DeactivateResponse {
            success: true,
            valid: false,
            code: code.name(),
            license_id: license.id.as_str(),
            seats: SeatsResponse::of(standing, self.request.now),
            checked_at: self.request.now.0,
            request_id: &self.request.request_id,
            lease: self.signed_refusal(code, &license.product, Some(&standing.terms())),
            ignored: self.request.ignored(),
        };
        Response::json(code, &body)
    }

    /// A signed no, with the facts that help its reader.
    pub(super) fn refuse_seat(&self, code: Code, standing: &EffectiveLicense) -> Response {
        let license = &standing.license;
        let lease = self.signed_refusal(code, &license.product, Some(&standing.terms()));
        let refusal = RefusalResponse::new(code, self.request, Some(&lease), Effect::Mutating);
        let devices = || license.devices.iter().map(|(id, device)| DeviceResponse::of(id, device)).collect();
        let transfers = || TransfersResponse::of(standing, self.request.now);
        let body = match code {
            Code::SeatsExhausted => {
                SeatRefusalResponse { refusal, hint: Some(HINT), devices: Some(devices()), transfers: None }
            }
            Code::DeviceRequired => {
                SeatRefusalResponse { refusal, hint: None, devices: Some(devices()), transfers: None }
            }
            Code::TransferLimitReached | Code::TransferCooldown => {
                SeatRefusalResponse { refusal, hint: None, devices: None, transfers: Some(transfers()) }
            }
            _ => SeatRefusalResponse { refusal, hint: None, devices: None, transfers: None },
        };
        Response::json(code, &body)
    }
}
