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

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn signing_key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn signed(header: &str, claims: &str) -> String {
        let [header, claims] = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes()));
        let signed = format!("{header}.{claims}");
        let signature = signing_key().sign(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
    }

    /// serde reads a list as the members of a structure in their order; RFC 7519 allows an object alone.
    #[test]
    fn claims_in_a_list_do_not_count() {
        let (product, trusted) =
            (Product::parse("QF").unwrap(), |_: &str| Some(signing_key().verifying_key()));
        let header = r#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1"}"#;
        let members = r#"["falconer","QF","lic","1",0,0,0,0,null,true,"VALID""#.to_owned();
        let jws = signed(header, &format!("{members}{}]", ",null".repeat(13)));
        assert!(lease::verify(&jws, &product, trusted).is_ok(), "every member is there");
        assert_eq!(verify(&jws, &product, trusted), Err(LeaseError::Malformed));
    }

    #[test]
    fn signature_and_audience_say_whose_an_answer_is() {
        let product = Product::parse("QF").unwrap();
        let trusted = |kid: &str| (kid == "1").then(|| signing_key().verifying_key());
        let is_ours = |jws: &str| is_signed_for(jws, &product, trusted);
        let of = |audience: &str| signed(r#"{"kid":"1"}"#, &format!(r#"{{"aud":"{audience}"}}"#));
        for (audience, ours) in
            [("QF", true), ("QF/refusal", true), ("QE", false), ("QE/refusal", false), ("", false)]
        {
            assert_eq!(is_ours(&of(audience)), ours, "{audience}");
        }
        for (header, claims) in [
            (r#"{"kid":"2"}"#, r#"{"aud":"QF"}"#),
            ("{}", r#"{"aud":"QF"}"#),
            (r#"{"kid":"1"}"#, r#"["QF"]"#),
            (r#"{"kid":"1"}"#, r#"{"aud":["QF"]}"#),
            (r#"{"kid":"1"}"#, "{}"),
        ] {
            assert!(!is_ours(&signed(header, claims)), "{header} {claims}");
        }
        let (ours, other) = (of("QF"), of("QE"));
        let forged = format!("{}{}", &ours[..ours.rfind('.').unwrap()], &other[other.rfind('.').unwrap()..]);
        assert!(!is_ours(&forged), "a signature is of one text");
    }
}
