//! The body of a yes: the members of the Flask server under their names and types, and the newer ones.

use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::{DeviceId, LeaseComponents};
use falconer_domain::keyring::Generation;
use falconer_domain::lease::{self, Claims, LeaseContext};
use falconer_domain::license::Device;
use falconer_domain::person::DeviceName;
use falconer_domain::time::LATEST_END;
use falconer_domain::{CalendarDate, Code, Limits};
use serde::Serialize;

use crate::request::Request;
use crate::response::no_names;

/// The bound device of a yes, with the components that prove it.
#[derive(Debug)]
pub struct BoundDevice<'a> {
    /// The device's id.
    pub id: &'a DeviceId,
    /// The stored device.
    pub device: &'a Device,
    /// The components that the lease states.
    pub components: LeaseComponents,
}

/// The license is valid.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = VerifyResponse))]
#[serde(rename_all = "camelCase")]
pub struct VerifyResponse<'a> {
    valid: bool,
    code: &'static str,
    tier: &'a str,
    /// Milliseconds; 253370764800000, the first moment of 9999, for a perpetual license. Later ends are reported as
    /// this one.
    expires_at: i64,
    perpetual: bool,
    user_id: Option<&'a str>,
    features: &'a [String],
    /// Limit → whole number, at most 9007199254740991; absent for a license without limits.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, u64>, required = false))]
    limits: &'a Limits,
    /// The last day whose builds the license covers, `2027-01-31`; absent where it covers every build. The license is
    /// valid beyond it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = Date))]
    updates_until: Option<CalendarDate>,
    /// The newest version up to that day, where the catalog lists one.
    #[serde(skip_serializing_if = "Option::is_none")]
    updates_version: Option<&'a str>,
    license_id: &'a str,
    device: Option<DeviceResponse<'a>>,
    checked_at: i64,
    /// The signed decision: `typ` `lease+jwt`, `aud` the product. With a bound device it allows offline use until
    /// `exp`.
    lease: String,
    /// Members of the request that were not taken as they were sent; absent when all were.
    #[serde(skip_serializing_if = "no_names")]
    ignored: &'a [String],
}

/// A device, as its owner may see it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Device))]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceResponse<'a> {
    id: &'a str,
    name: Option<&'a str>,
    activated_at: i64,
    /// Null for a device that an import brought and that has not asked since.
    last_seen_at: Option<i64>,
}

impl<'a> VerifyResponse<'a> {
    pub(crate) fn new(
        request: &'a Request,
        context: &LeaseContext<'_>,
        signer: &Generation,
        standing: &'a EffectiveLicense,
        code: Code,
        bound: Option<&BoundDevice<'a>>,
    ) -> Self {
        let kept = |id| standing.license.offline_lease(id, context.now).map(|lease| lease.until);
        let in_lease = bound.map(|bound| lease::Bound {
            device: bound.id,
            components: &bound.components,
            kept_until: kept(bound.id),
        });
        let claims = Claims::granted(context, code, &standing.terms(), in_lease);
        let (license, maintenance) = (&standing.license, standing.maintenance.as_ref());
        Self {
            valid: true,
            code: code.name(),
            tier: license.tier.as_str(),
            expires_at: license.expires_at.map_or(LATEST_END, |at| at.min(LATEST_END)).0,
            perpetual: license.expires_at.is_none(),
            user_id: license.user_id.as_deref(),
            features: &standing.features,
            limits: &standing.limits,
            updates_until: maintenance.map(|maintenance| maintenance.until),
            updates_version: maintenance.and_then(|maintenance| maintenance.newest_version.as_deref()),
            license_id: license.id.as_str(),
            device: bound.map(|bound| DeviceResponse::of(bound.id, bound.device)),
            checked_at: context.now.0,
            lease: claims.sign(signer),
            ignored: request.ignored(),
        }
    }
}

impl<'a> DeviceResponse<'a> {
    pub(crate) fn of(id: &'a DeviceId, device: &'a Device) -> Self {
        Self {
            id: id.as_str(),
            name: device.name.as_ref().map(DeviceName::as_str),
            activated_at: device.bound_at.0,
            last_seen_at: device.last_seen().map(|at| at.0),
        }
    }
}
