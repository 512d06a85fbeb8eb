//! Verification of a signed statement, for an answer and for the stored row alike.

use ed25519_dalek::VerifyingKey;
use falconer_domain::Product;
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::lease::{self, Claims, LeaseError};

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

fn is_object(part: &str) -> bool {
    BASE64URL_NOPAD.decode(part.as_bytes()).is_ok_and(|json| is_json_object(&json))
}
