//! The yes about a license: S1's members under S1's names and types, and what came later.

use falconer_domain::Code;
use falconer_domain::hardware::{DeviceId, LeaseComponents};
use falconer_domain::keyring::Generation;
use falconer_domain::lease::{self, Claims, Occasion};
use falconer_domain::license::Device;
use falconer_domain::person::DeviceName;
use falconer_domain::standing::Standing;
use falconer_domain::time::LATEST_END;
use serde::Serialize;

use crate::answer::no_names;
use crate::call::Call;

/// The bound device a yes is about, and the components that prove it.
#[derive(Debug)]
pub struct Bound<'a> {
    /// Its id.
    pub id: &'a DeviceId,
    /// What is stored of it.
    pub device: &'a Device,
    /// What its lease states.
    pub components: LeaseComponents,
}

/// A yes, as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Yes))]
#[serde(rename_all = "camelCase")]
pub struct Yes<'a> {
    valid: bool,
    code: &'static str,
    tier: &'a str,
    /// Milliseconds; 253370764800000, the first moment of 9999, for a perpetual license. Nothing later is told.
    expires_at: i64,
    perpetual: bool,
    user_id: Option<&'a str>,
    features: &'a [String],
    license_id: &'a str,
    device: Option<DeviceBody<'a>>,
    checked_at: i64,
    /// The signed decision: `typ` `lease+jwt`, `aud` the product. With a bound device it allows offline use until `exp`.
    lease: String,
    /// Members of the request that were not taken as they were sent; absent when all were.
    #[serde(skip_serializing_if = "no_names")]
    ignored: &'a [String],
}

/// A device, as its owner may see it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Device))]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceBody<'a> {
    id: &'a str,
    name: Option<&'a str>,
    activated_at: i64,
    /// Null for a device that an import brought and that has not asked since.
    last_seen_at: Option<i64>,
}

impl<'a> Yes<'a> {
    /// A yes and its lease.
    #[must_use]
    pub fn new(
        call: &'a Call,
        occasion: &Occasion<'_>,
        signer: &Generation,
        standing: &'a Standing,
        code: Code,
        bound: Option<&Bound<'a>>,
    ) -> Self {
        let in_lease = bound.map(|bound| lease::Bound { device: bound.id, components: &bound.components });
        let claims = Claims::granted(occasion, code, &standing.terms(), in_lease);
        let license = &standing.license;
        Self {
            valid: true,
            code: code.name(),
            tier: license.tier.as_str(),
            expires_at: license.expires_at.map_or(LATEST_END, |at| at.min(LATEST_END)).0,
            perpetual: license.expires_at.is_none(),
            user_id: license.user_id.as_deref(),
            features: &standing.features,
            license_id: license.id.as_str(),
            device: bound.map(|bound| DeviceBody::of(bound.id, bound.device)),
            checked_at: occasion.now.0,
            lease: claims.sign(signer),
            ignored: call.ignored(),
        }
    }
}

impl<'a> DeviceBody<'a> {
    pub(crate) fn of(id: &'a DeviceId, device: &'a Device) -> Self {
        Self {
            id: id.as_str(),
            name: device.name.as_ref().map(DeviceName::as_str),
            activated_at: device.bound_at.0,
            last_seen_at: device.last_seen().map(|at| at.0),
        }
    }
}
