//! Verification of a signed statement, for an answer and for the stored row alike.

use ed25519_dalek::{Signature, VerifyingKey};
use falconer_domain::Product;
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::lease::{self, Claims, LeaseError};
use serde_json::{Map, Value};

use crate::json_object::is_json_object;

/// Verifies a lease or a refusal whose header and claims are JSON objects (RFC 7515, RFC 7519).
pub(crate) fn verify(
    jws: &str,
    product: &Product,
    trusted: impl Fn(&str) -> Option<VerifyingKey>,
) -> Result<Claims, LeaseError> {
    let mut parts = jws.split('.');
    let (header, claims) = (parts.next(), parts.next());
    if !header.is_some_and(is_object) {
        return Err(LeaseError::Malformed);
    }
    match lease::verify(jws, product, trusted) {
        // The signature holds in both cases, so the claims may be looked at.
        Ok(_) | Err(LeaseError::WrongAudience) if !claims.is_some_and(is_object) => {
            Err(LeaseError::Malformed)
        }
        verified => verified,
    }
}

/// True if a trusted key signed this text for this product, whatever its claims mean otherwise. It proves whose a stored
/// answer is, and nothing about a license.
pub(crate) fn is_signed_for(
    jws: &str,
    product: &Product,
    trusted: impl Fn(&str) -> Option<VerifyingKey>,
) -> bool {
    let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
    let object = |part: &str| serde_json::from_slice::<Map<String, Value>>(&decoded(part)?).ok();
    let verified = || {
        let (signed, signature) = jws.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let key = trusted(object(header)?.get("kid")?.as_str()?)?;
        let signature = Signature::from_slice(&decoded(signature)?).ok()?;
        key.verify_strict(signed.as_bytes(), &signature).ok()?;
        object(claims)
    };
    let (lease, refusal) = (product.as_str().to_owned(), format!("{product}/refusal"));
    let audience = verified().and_then(|claims| Some(claims.get("aud")?.as_str()?.to_owned()));
    audience.is_some_and(|audience| audience == lease || audience == refusal)
}

fn is_object(part: &str) -> bool {
    BASE64URL_NOPAD.decode(part.as_bytes()).is_ok_and(|json| is_json_object(&json))
}
