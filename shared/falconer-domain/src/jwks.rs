//! The public halves of the lease-signing keys (RFC 8037), each endorsed by the older ones, so that a client that
//! trusts any one of them can come to trust the newest without an update of its application.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::encoding::BASE64URL_NOPAD;
use crate::keyring::KeyRing;

/// The answer of `GET /api/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// One key per lease-signing generation, oldest first. A distrusted generation is absent, and endorses none.
    pub keys: Vec<Jwk>,
    /// The root's newest key statement, where the vendor has a root (a JWS; absent otherwise).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}

/// One public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// Always `EdDSA`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub use_: String,
    /// The generation, as leases name it.
    pub kid: String,
    /// The public key, base64url.
    pub x: String,
    /// Older kid → base64url signature over this key's `kid` and `x`.
    pub endorsed_by: BTreeMap<String, String>,
}

impl Jwks {
    /// The public keys of a ring.
    #[must_use]
    pub fn of(ring: &KeyRing) -> Self {
        let keys = ring
            .signing()
            .map(|generation| {
                let kid = generation.number().to_string();
                let x = BASE64URL_NOPAD.encode(generation.signing_key().verifying_key().as_bytes());
                let endorsed_by = ring
                    .signing()
                    .take_while(|older| older.number() < generation.number())
                    .map(|older| {
                        let signature = older.signing_key().sign(&endorsed_bytes(&kid, &x));
                        (older.number().to_string(), BASE64URL_NOPAD.encode(&signature.to_bytes()))
                    })
                    .collect();
                Jwk {
                    kty: "OKP".to_owned(),
                    crv: "Ed25519".to_owned(),
                    alg: "EdDSA".to_owned(),
                    use_: "sig".to_owned(),
                    kid,
                    x,
                    endorsed_by,
                }
            })
            .collect();
        Self { keys, statement: ring.statement().map(str::to_owned) }
    }
}

impl Jwks {
    /// One key with its endorsements, and the statement. Every older generation that signs endorses the key itself, so a
    /// client that trusts one of them needs no other.
    #[must_use]
    pub fn of_kid(&self, kid: &str) -> Self {
        let keys = self.keys.iter().filter(|key| key.kid == kid).cloned().collect();
        Self { keys, statement: self.statement.clone() }
    }
}

impl Jwk {
    /// The key itself, if `x` is one.
    #[must_use]
    pub fn public_key(&self) -> Option<VerifyingKey> {
        let bytes: [u8; 32] = BASE64URL_NOPAD.decode(self.x.as_bytes()).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok()
    }

    /// Returns true if the generation `older_kid`, whose public key is `older`, endorses this key.
    #[must_use]
    pub fn is_endorsed_by(&self, older_kid: &str, older: &VerifyingKey) -> bool {
        self.endorsed_by
            .get(older_kid)
            .and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok())
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .is_some_and(|signature| {
                older.verify_strict(&endorsed_bytes(&self.kid, &self.x), &signature).is_ok()
            })
    }
}

fn endorsed_bytes(kid: &str, x: &str) -> Vec<u8> {
    [b"falconer/jwk/v1".as_slice(), kid.as_bytes(), x.as_bytes()].join(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_older_keys_endorse() {
        let ring = KeyRing::parse(
            r#"{"current":"3","legacy":"1","1":"s1 master","2":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "3":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","4":"cccccccccccccccccccccccccccccccc"}"#,
        )
        .unwrap();
        let keys = &ring.jwks().keys;
        assert_eq!(keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), ["2", "3", "4"]);
        for (place, key) in keys.iter().enumerate() {
            for (older_place, older) in keys.iter().enumerate() {
                let public = older.public_key().unwrap();
                assert_eq!(key.is_endorsed_by(&older.kid, &public), older_place < place, "{key:?} {older:?}");
            }
        }
        let [first, second, third] = keys.as_slice() else { panic!("three keys") };
        assert!(!third.is_endorsed_by(&first.kid, &second.public_key().unwrap()), "another's signature");
        for x in ["", "AAAA", "not base64url!"] {
            assert!(Jwk { x: x.to_owned(), ..first.clone() }.public_key().is_none(), "{x}");
        }
    }

    #[test]
    fn distrusted_key_is_fully_absent() {
        let masters = r#""1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","2":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                         "3":"cccccccccccccccccccccccccccccccc""#;
        let of = |members: &str| KeyRing::parse(&format!(r#"{{"current":"3",{members}{masters}}}"#)).unwrap();
        let before = of("").jwks().keys.clone();
        for (distrusted, kids) in [("1", vec!["2", "3"]), ("2", vec!["1", "3"]), ("1,2", vec!["3"])] {
            let keys = of(&format!(r#""x-distrusted":"{distrusted}","#)).jwks().keys.clone();
            assert_eq!(keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), kids);
            for key in &keys {
                let endorsing = key.endorsed_by.keys().map(String::as_str);
                assert!(endorsing.into_iter().all(|kid| kids.contains(&kid)), "{key:?}");
                let was = before.iter().find(|was| was.kid == key.kid).unwrap();
                assert_eq!(was.x, key.x, "the keys of the others are as they were");
                assert!(key.endorsed_by.iter().all(|(kid, signature)| was.endorsed_by[kid] == *signature));
            }
        }
    }
}
