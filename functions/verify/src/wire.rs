//! What goes in and what comes out. S1's members keep S1's names and types; the rest are additions.

use falconer_domain::hardware::{DeviceMatch, LeaseComponents, ReceivedComponents};
use falconer_domain::lease::{self, Occasion, Terms};
use falconer_domain::{Code, License};
use falconer_http::{Answer, Body, Call, Nonce, Origin, Problem, TypedKey, hardware};
use serde::Serialize;

/// The code of a yes.
pub(crate) const VALID: Code = Code::Valid;

/// What a perpetual license puts into `expiresAt`, whose readers compare numbers: 9999-12-31T23:59:59Z and a second
/// more would be a year of five digits.
const NEVER_MILLIS: i64 = 253_402_300_799_000;

/// A request, parsed.
pub(crate) struct VerifyRequest {
    pub(crate) license: TypedKey,
    pub(crate) origin: Option<Origin>,
    pub(crate) nonce: Option<Nonce>,
    pub(crate) hardware: Option<ReceivedComponents>,
}

impl VerifyRequest {
    /// Reads the members that count. S1's `timestamp` does not: a caller's clock decides nothing.
    pub(crate) fn read(call: &Call) -> Result<Self, Problem> {
        let body = Body::read(call)?;
        Ok(Self {
            license: body.license()?,
            origin: body.origin()?,
            nonce: body.nonce()?,
            hardware: hardware::read(&body)?,
        })
    }
}

/// The bound device a yes is about, and the components that proved it.
pub(crate) struct Bound<'a> {
    found: &'a DeviceMatch<'a>,
    components: LeaseComponents,
}

impl<'a> Bound<'a> {
    /// `None` when no hardware was given.
    pub(crate) fn new(
        found: Option<&'a DeviceMatch<'a>>,
        received: Option<&ReceivedComponents>,
    ) -> Option<Self> {
        let (found, received) = (found?, received?);
        Some(Self { found, components: received.lease(|label| found.common.contains(&label)) })
    }

    pub(crate) const fn in_lease(&self) -> lease::Bound<'_> {
        lease::Bound { device: self.found.id, components: &self.components }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct YesBody<'a> {
    valid: bool,
    code: &'static str,
    tier: &'a str,
    expires_at: i64,
    perpetual: bool,
    user_id: Option<&'a str>,
    features: &'a [String],
    license_id: &'a str,
    device: Option<DeviceBody<'a>>,
    checked_at: i64,
    lease: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceBody<'a> {
    id: &'a str,
    name: Option<&'a str>,
    activated_at: i64,
    last_seen_at: i64,
}

/// The 200.
pub(crate) fn yes(
    occasion: &Occasion<'_>,
    license: &License,
    terms: &Terms<'_>,
    bound: Option<&Bound<'_>>,
    lease: String,
) -> Answer {
    let device = bound.map(|Bound { found, .. }| DeviceBody {
        id: found.id.as_str(),
        name: found.device.name.as_deref(),
        activated_at: found.device.bound_at.0,
        last_seen_at: found.device.seen_at.0,
    });
    Answer::json(
        VALID,
        &YesBody {
            valid: true,
            code: VALID.name(),
            tier: license.tier.as_str(),
            expires_at: license.expires_at.map_or(NEVER_MILLIS, |at| at.0),
            perpetual: license.expires_at.is_none(),
            user_id: license.user_id.as_deref(),
            features: terms.features,
            license_id: license.id.as_str(),
            device,
            checked_at: occasion.now.0,
            lease,
        },
    )
}
