//! Leases: signed statements of one decision about one license, kept by clients and checked offline.
//!
//! A lease is a JWS in compact form (RFC 7515) with a fixed header, so any JWT library verifies it with its defaults. A
//! signed refusal has a type and an audience of its own: a verifier that checks either never takes it for a lease. This module
//! checks the signature over the bytes received, never over a re-serialization.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::air_gap::MAX_AIR_GAP_DAYS;
use crate::catalog::{Policy, TierName};
use crate::code::Code;
use crate::date::CalendarDate;
use crate::encoding::BASE64URL_NOPAD;
use crate::hardware::{DeviceId, LeaseComponents};
use crate::keyring::Generation;
use crate::license_id::LicenseId;
use crate::license_key::Product;
use crate::limits::Limits;
use crate::maintenance::Maintenance;
use crate::time::{LATEST_END, UnixMillis};

/// The signature algorithm in the header of what we sign (RFC 8037).
pub const ALGORITHM: &str = "EdDSA";
/// The algorithms a verifier accepts: one signature under its older name and its newer one (RFC 9864).
pub const ACCEPTED_ALGORITHMS: [&str; 2] = [ALGORITHM, "Ed25519"];
/// How far `iat` and `nbf` lie before `at`. Libraries refuse an `iat` or an `nbf` of the future, PyJWT both, and the
/// clock of a customer may be slow.
pub const CLOCK_SKEW_SECONDS: i64 = 300;
/// Life of a lease that allows no offline use: a refusal, or a yes that is bound to no device.
pub const SHORT_LIFE_SECONDS: i64 = 300;
/// Longest lease that is looked at; the largest one we sign has some 2 KB.
pub const MAX_LEASE_BYTES: usize = 16 * 1024;

/// The last part of a long lease in which a machine asks for the next one: a quarter of it.
const RENEWAL_PART: i64 = 4;
/// Longest such part. A month is enough for files that travel by post.
const MAX_RENEWAL_SECONDS: i64 = 30 * SECONDS_PER_DAY;

const SECONDS_PER_HOUR: i64 = 3_600;
const SECONDS_PER_DAY: i64 = 86_400;

/// The kind of a signed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A yes.
    Lease,
    /// A no.
    Refusal,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Lease, Self::Refusal];

    /// The `typ` of its header.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Lease => "lease+jwt",
            Self::Refusal => "refusal+jwt",
        }
    }

    /// Returns the `aud`. No product's code has a slash, so a refusal's audience is never a product.
    #[must_use]
    pub fn audience(self, product: &Product) -> String {
        match self {
            Self::Lease => product.to_string(),
            Self::Refusal => format!("{product}/refusal"),
        }
    }
}

/// The claims of a lease. The order of the members is the order of the JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer, as configured.
    pub iss: String,
    /// The product; of a refusal, the product and `/refusal`.
    pub aud: String,
    /// The license id.
    pub sub: String,
    /// The request it answers.
    pub jti: String,
    /// The moment of the decision, in whole seconds, rounded down.
    pub at: i64,
    /// [`CLOCK_SKEW_SECONDS`] before `at`, for libraries that compare it with a slow clock.
    pub iat: i64,
    /// The same moment as `iat`.
    pub nbf: i64,
    /// Until when it counts without another answer.
    pub exp: i64,
    /// The caller's nonce, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The decision.
    pub valid: bool,
    /// The decision's code; a client keeps those it does not know.
    pub code: String,
    /// The tier, where there is a license.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// The features, where there is a license.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// The limits by their names, where the license has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<BTreeMap<String, u64>>,
    /// The last day whose builds the license covers, `2027-01-31`; absent where it covers every build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updates_until: Option<CalendarDate>,
    /// The newest version up to that day, where the catalog lists one. For display.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updates_version: Option<String>,
    /// When the license ends, in seconds, [`LATEST_END`] at most; `null` where it has no end, or no license was found.
    pub license_expires_at: Option<i64>,
    /// The bound device the decision is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Label → hash of each component of the request that equals a stored one and is with the device for long enough to
    /// prove it. The hash is the one that the client computes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hw: Option<BTreeMap<String, String>>,
    /// Equal components that make the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hw_threshold: Option<u32>,
    /// From when on the client tries to renew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_at: Option<i64>,
    /// Seconds between two checks, for display; with `device` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<i64>,
    /// Seconds of offline use after a missed check, for display; with `device` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<i64>,
    /// `true` in a long lease, which came as a file and is renewed by one; absent in every other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub air_gap: Option<bool>,
}

/// The context of a request, which all of its leases share.
#[derive(Clone, Copy, Debug)]
pub struct LeaseContext<'a> {
    /// The configured issuer.
    pub issuer: &'a str,
    /// The audience.
    pub product: &'a Product,
    /// The license asked about.
    pub license_id: &'a LicenseId,
    /// The request.
    pub request_id: &'a str,
    /// The caller's nonce.
    pub nonce: Option<&'a str>,
    /// The request's one moment.
    pub now: UnixMillis,
}

/// The terms of a decision's license; a refusal states them too.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The license's tier.
    pub tier: &'a TierName,
    /// The features.
    pub features: &'a [String],
    /// The limits.
    pub limits: &'a Limits,
    /// The builds that are covered; `None` covers every one.
    pub maintenance: Option<&'a Maintenance>,
    /// The end.
    pub expires_at: Option<UnixMillis>,
    /// The rules.
    pub policy: &'a Policy,
}

/// A bound device and the components that proved it.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// The device.
    pub device: &'a DeviceId,
    /// The components of the request that equal the stored ones.
    pub components: &'a LeaseComponents,
    /// The end of a long lease that the device got as a file. Its seat is kept until then.
    pub kept_until: Option<UnixMillis>,
}

impl Claims {
    /// A yes. Bound to a device it allows offline use; otherwise it only proves this answer. It never ends before a long
    /// lease of the device, unless the license does.
    #[must_use]
    pub fn granted(
        context: &LeaseContext<'_>,
        code: Code,
        terms: &Terms<'_>,
        bound: Option<Bound<'_>>,
    ) -> Self {
        let mut claims = Self::lease_labels(Kind::Lease, context, code, Some(terms));
        if let Some(Bound { device, components, kept_until }) = bound {
            let (interval, grace) = spans(terms.policy);
            // A shorter lease would take back what a file has promised, and free no seat for it.
            let kept = kept_until.map_or(0, |until| until.min(LATEST_END).seconds() - claims.at - interval);
            let grace = grace.max(kept);
            claims.exp = offline_until(claims.at, interval + grace, claims.license_expires_at);
            claims.refresh_at = Some((claims.at + interval).min(claims.exp));
            claims.interval = Some(interval);
            claims.grace = Some(grace);
            claims.device = Some(device.to_string());
            claims.hw = Some(components.to_wire());
            claims.hw_threshold = Some(terms.policy.hardware_match_threshold);
        }
        claims
    }

    /// A yes for a machine without a network: a lease that lasts for the policy's `air_gap_days`, from now on.
    #[must_use]
    pub fn air_gapped(context: &LeaseContext<'_>, code: Code, terms: &Terms<'_>, bound: Bound<'_>) -> Self {
        let mut claims = Self::granted(context, code, terms, Some(bound));
        let end = air_gap_end(context.now, terms.policy.air_gap_days, terms.expires_at).seconds();
        let renewal = ((end - claims.at) / RENEWAL_PART).min(MAX_RENEWAL_SECONDS);
        claims.exp = end;
        claims.refresh_at = Some(end - renewal);
        claims.interval = Some(end - renewal - claims.at);
        claims.grace = Some(renewal);
        claims.air_gap = Some(true);
        claims
    }

    /// A signed no. `terms` is `None` where no license was found.
    #[must_use]
    pub fn refused(context: &LeaseContext<'_>, code: Code, terms: Option<&Terms<'_>>) -> Self {
        Self::lease_labels(Kind::Refusal, context, code, terms)
    }

    /// Returns the kind that belongs to the decision.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        if self.valid { Kind::Lease } else { Kind::Refusal }
    }

    /// Signs the claims.
    #[must_use]
    pub fn sign(&self, generation: &Generation) -> String {
        let (typ, kid) = (self.kind().media_type(), generation.number());
        let header = format!(r#"{{"alg":"{ALGORITHM}","typ":"{typ}","kid":"{kid}"}}"#);
        // Unwrap safety: strings, numbers and maps of strings always serialize.
        let payload = serde_json::to_vec(self).unwrap();
        let mut jws = BASE64URL_NOPAD.encode(header.as_bytes());
        jws.push('.');
        BASE64URL_NOPAD.encode_append(&payload, &mut jws);
        let signature = generation.signing_key().sign(jws.as_bytes());
        jws.push('.');
        BASE64URL_NOPAD.encode_append(&signature.to_bytes(), &mut jws);
        jws
    }

    fn lease_labels(kind: Kind, context: &LeaseContext<'_>, code: Code, terms: Option<&Terms<'_>>) -> Self {
        let at = context.now.seconds();
        let license_end = terms.and_then(|terms| terms.expires_at);
        let maintenance = terms.and_then(|terms| terms.maintenance);
        Self {
            iss: context.issuer.to_owned(),
            aud: kind.audience(context.product),
            sub: context.license_id.to_string(),
            jti: context.request_id.to_owned(),
            at,
            iat: at - CLOCK_SKEW_SECONDS,
            nbf: at - CLOCK_SKEW_SECONDS,
            exp: at + SHORT_LIFE_SECONDS,
            nonce: context.nonce.map(str::to_owned),
            valid: kind == Kind::Lease,
            code: code.name().to_owned(),
            tier: terms.map(|terms| terms.tier.to_string()),
            features: terms.map(|terms| terms.features.to_vec()),
            limits: terms.map(|terms| terms.limits.to_map()).filter(|limits| !limits.is_empty()),
            updates_until: maintenance.map(|maintenance| maintenance.until),
            updates_version: maintenance.and_then(|maintenance| maintenance.newest_version.clone()),
            license_expires_at: license_end.map(|end| end.min(LATEST_END).seconds()),
            device: None,
            hw: None,
            hw_threshold: None,
            refresh_at: None,
            interval: None,
            grace: None,
            air_gap: None,
        }
    }
}

fn spans(policy: &Policy) -> (i64, i64) {
    (
        i64::from(policy.check_interval_hours) * SECONDS_PER_HOUR,
        i64::from(policy.offline_grace_days) * SECONDS_PER_DAY,
    )
}

/// The end of a long lease that is signed now: so many days later, and never beyond the license itself.
#[must_use]
pub fn air_gap_end(now: UnixMillis, days: u32, license_end: Option<UnixMillis>) -> UnixMillis {
    let end = now.plus_days(days.min(MAX_AIR_GAP_DAYS)).min(LATEST_END);
    license_end.map_or(end, |license_end| end.min(license_end))
}

/// `at + span`, at least the short life, and never beyond the license itself.
fn offline_until(at: i64, span: i64, license_expires_at: Option<i64>) -> i64 {
    let until = at + span.max(SHORT_LIFE_SECONDS);
    license_expires_at.map_or(until, |end| until.min(end))
}

/// Why a text is not a lease to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// Not three base64url parts of JSON, JSON and a signature, or too long.
    #[error("not a lease")]
    Malformed,
    /// Any algorithm but [`ACCEPTED_ALGORITHMS`].
    #[error("wrong algorithm")]
    WrongAlgorithm,
    /// Neither a lease nor a refusal, or not the one of them that the signed decision makes it.
    #[error("wrong type")]
    WrongType,
    /// Signed by a key that is not trusted here.
    #[error("unknown key")]
    UnknownKey,
    /// The signature does not fit the bytes.
    #[error("bad signature")]
    BadSignature,
    /// Signed for another product.
    #[error("wrong audience")]
    WrongAudience,
}

/// Checks the header, signature, decision and audience of a lease or a refusal and returns what it says. Times are the
/// caller's to judge, and so is `valid`.
///
/// # Errors
/// [`LeaseError`]. Nothing of the payload is looked at before the signature holds.
pub fn verify(
    jws: &str,
    product: &Product,
    trusted: impl Fn(&str) -> Option<VerifyingKey>,
) -> Result<Claims, LeaseError> {
    if jws.len() > MAX_LEASE_BYTES {
        return Err(LeaseError::Malformed);
    }
    let (signed, signature) = jws.rsplit_once('.').ok_or(LeaseError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(LeaseError::Malformed)?;
    let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| LeaseError::Malformed)?;
    if !ACCEPTED_ALGORITHMS.contains(&header.alg.as_str()) {
        return Err(LeaseError::WrongAlgorithm);
    }
    let kind = Kind::ALL.into_iter().find(|kind| kind.media_type() == header.typ);
    let kind = kind.ok_or(LeaseError::WrongType)?;
    let key = trusted(&header.kid).ok_or(LeaseError::UnknownKey)?;
    let signature = Signature::from_slice(&decoded(signature)?).map_err(|_| LeaseError::BadSignature)?;
    key.verify_strict(signed.as_bytes(), &signature).map_err(|_| LeaseError::BadSignature)?;
    let claims: Claims = serde_json::from_slice(&decoded(payload)?).map_err(|_| LeaseError::Malformed)?;
    if claims.kind() != kind {
        return Err(LeaseError::WrongType);
    }
    if claims.aud != kind.audience(product) {
        return Err(LeaseError::WrongAudience);
    }
    Ok(claims)
}

/// Nothing else is ever in our header; a member we do not know (`crit`, `jwk`, …) makes it somebody else's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: String,
    #[serde(default)]
    kid: String,
}

fn decoded(part: &str) -> Result<Vec<u8>, LeaseError> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| LeaseError::Malformed)
}

#[cfg(test)]
mod tests;
