//! Trusted signature keys: those that an application was built with, and those that they endorse.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
#[cfg(any(test, feature = "conformance"))]
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::jwks::{Jwk, Jwks};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::json_object::JsonObject;

/// Twice the capacity of a key ring. The limit applies to fetched keys alone; stored ones were endorsed and stay.
const MAX_FETCHED_KEYS: usize = 62;

/// Public keys that an application is built with. They must come with the application, from the vendor, and never from
/// the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicKeys(BTreeMap<String, VerifyingKey>);

/// Reason why a text contains no usable public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeysError {
    /// The text differs from the JSON of `GET /api/keys`.
    #[error(
        "this is not the JSON of /api/keys; save that answer into a file and build the application with it"
    )]
    NotJwks,
    /// A key is invalid, or a `kid` occurs twice.
    #[error("a key of this JSON is not a valid Ed25519 key, or a kid occurs twice; save /api/keys again")]
    InvalidKey,
    /// The JSON has no keys.
    #[error("this JSON has no keys; save /api/keys again")]
    Empty,
}

impl PublicKeys {
    /// Reads the answer of `GET /api/keys`, saved when the application was built.
    ///
    /// # Errors
    /// [`PublicKeysError`]. One invalid key rejects the whole text.
    pub fn parse(jwks: &str) -> Result<Self, PublicKeysError> {
        let JsonObject(jwks) =
            serde_json::from_str::<JsonObject<PinnedKeys>>(jwks).map_err(|_| PublicKeysError::NotJwks)?;
        let mut keys = BTreeMap::new();
        for JsonObject(jwk) in &jwks.keys {
            let key = ed25519_key(jwk).ok_or(PublicKeysError::InvalidKey)?;
            if keys.insert(jwk.kid.clone(), key).is_some() {
                return Err(PublicKeysError::InvalidKey);
            }
        }
        if keys.is_empty() { Err(PublicKeysError::Empty) } else { Ok(Self(keys)) }
    }

    /// Trusts no keys: no answer ever counts, and no license unlocks anything.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Drops one key, for the release that follows a leaked master.
    #[must_use]
    pub fn without(mut self, kid: &str) -> Self {
        self.0.remove(kid);
        self
    }
}

/// All keys that count now.
#[derive(Clone, Debug)]
pub(crate) struct TrustedKeys {
    keys: BTreeMap<String, VerifyingKey>,
}

impl TrustedKeys {
    /// Trusts the pinned keys alone.
    pub(crate) fn pinned(pins: &PublicKeys) -> Self {
        Self { keys: pins.0.clone() }
    }

    /// Trusts the pinned keys, and every stored key that they endorse through any number of steps. Endorsements are
    /// verified at every start, so that a dropped pin takes along the keys that it alone endorsed.
    pub(crate) fn extended(pins: &PublicKeys, fetched: &str) -> Self {
        let mut trusted = Self::pinned(pins);
        let Some(jwks) = readable_keys(fetched) else { return trusted };
        trusted.add_endorsed(&jwks);
        trusted
    }

    /// Merges fetched keys into the stored ones: all keys trusted before, and those that they endorse. The server may
    /// drop a generation whose endorsement this client still needs. `None` means nothing to store.
    ///
    /// An attacker on the network chooses the fetched keys. So an endorsement counts only if it verifies, it never
    /// replaces another, and no fetched list removes a trusted key.
    pub(crate) fn merge(pins: &PublicKeys, kept: Option<&str>, fetched: &str) -> Option<String> {
        let fetched = readable_keys(fetched).filter(|jwks| jwks.keys.len() <= MAX_FETCHED_KEYS)?;
        let mut merged = kept.and_then(readable_keys).unwrap_or(Jwks { keys: Vec::new() });
        let before = kept.map_or_else(|| Self::pinned(pins), |kept| Self::extended(pins, kept));
        let mut trusted = before.clone();
        trusted.add_endorsed(&fetched);
        merged.keys.retain(|jwk| trusted.contains(jwk));
        for mut jwk in fetched.keys.into_iter().filter(|jwk| trusted.contains(jwk)) {
            let endorsed_by = std::mem::take(&mut jwk.endorsed_by);
            let known =
                merged.keys.iter().position(|known| known.kid == jwk.kid).unwrap_or(merged.keys.len());
            if known == merged.keys.len() {
                merged.keys.push(jwk);
            }
            trusted.add_endorsements(&mut merged.keys[known], endorsed_by);
        }
        let text = serde_json::to_string(&merged).ok()?;
        let after = Self::extended(pins, &text);
        let keeps_all = before.keys.iter().all(|(kid, key)| after.keys.get(kid) == Some(key));
        (keeps_all && kept != Some(text.as_str())).then_some(text)
    }

    /// Finds a trusted key by its `kid`.
    pub(crate) fn key(&self, kid: &str) -> Option<VerifyingKey> {
        self.keys.get(kid).copied()
    }

    /// Lists each trusted `kid` with its key, as `/api/keys` writes it.
    #[cfg(any(test, feature = "conformance"))]
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&str, String)> {
        self.keys.iter().map(|(kid, key)| (kid.as_str(), BASE64URL_NOPAD.encode(key.as_bytes())))
    }

    /// Adds endorsed keys until no more are found.
    fn add_endorsed(&mut self, jwks: &Jwks) {
        while let Some((kid, key)) = self.next_endorsed(jwks) {
            self.keys.insert(kid, key);
        }
    }

    /// True if the key is trusted under its own `kid`.
    fn contains(&self, jwk: &Jwk) -> bool {
        self.keys.get(&jwk.kid).is_some_and(|key| ed25519_key(jwk).as_ref() == Some(key))
    }

    /// Adds the endorsements that verify and are new.
    fn add_endorsements(&self, jwk: &mut Jwk, endorsed_by: BTreeMap<String, String>) {
        for (kid, signature) in endorsed_by {
            let mut claimed = jwk.clone();
            claimed.endorsed_by = BTreeMap::from([(kid.clone(), signature.clone())]);
            if self.keys.get(&kid).is_some_and(|key| claimed.is_endorsed_by(&kid, key)) {
                jwk.endorsed_by.entry(kid).or_insert(signature);
            }
        }
    }

    /// Finds a new key that a trusted one endorses. A known `kid` keeps its key.
    fn next_endorsed(&self, jwks: &Jwks) -> Option<(String, VerifyingKey)> {
        let unknown = jwks.keys.iter().filter(|jwk| !self.keys.contains_key(&jwk.kid));
        unknown
            .filter(|jwk| self.keys.iter().any(|(kid, key)| jwk.is_endorsed_by(kid, key)))
            .find_map(|jwk| Some((jwk.kid.clone(), ed25519_key(jwk)?)))
    }
}

/// A list of keys that an application is built with. Each has to be one.
#[derive(Deserialize)]
struct PinnedKeys {
    keys: Vec<JsonObject<Jwk>>,
}

/// A list of keys that was fetched.
#[derive(Deserialize)]
struct FetchedKeys {
    keys: Vec<FetchedKey>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FetchedKey {
    Readable(JsonObject<Jwk>),
    /// A key of another kind, without the members of an Ed25519 key.
    Other(IgnoredAny),
}

/// Reads a fetched list. A key that cannot be read is ignored, and the others count (RFC 7517, section 5).
fn readable_keys(jwks: &str) -> Option<Jwks> {
    let JsonObject(FetchedKeys { keys }) = serde_json::from_str(jwks).ok()?;
    let readable = keys.into_iter().filter_map(|key| match key {
        FetchedKey::Readable(JsonObject(jwk)) => Some(jwk),
        FetchedKey::Other(IgnoredAny) => None,
    });
    Some(Jwks { keys: readable.collect() })
}

fn ed25519_key(jwk: &Jwk) -> Option<VerifyingKey> {
    (jwk.kty == "OKP" && jwk.crv == "Ed25519").then(|| jwk.public_key()).flatten()
}

#[cfg(test)]
mod tests {
    use falconer_domain::KeyRing;

    use super::*;

    /// JWKS of a ring of generations 1 to `newest`.
    fn jwks(newest: u8) -> Jwks {
        let mut ring: BTreeMap<_, _> =
            (1..=newest).map(|n| (n.to_string(), "m".repeat(31) + &n.to_string())).collect();
        ring.insert("current".to_owned(), newest.to_string());
        Jwks::of(&KeyRing::parse(&serde_json::to_string(&ring).unwrap()).unwrap())
    }

    fn pins(newest: u8) -> PublicKeys {
        PublicKeys::parse(&serde_json::to_string(&jwks(newest)).unwrap()).unwrap()
    }

    fn accepted(pins: &PublicKeys, jwks: &Jwks) -> Vec<String> {
        TrustedKeys::extended(pins, &serde_json::to_string(jwks).unwrap()).keys.into_keys().collect()
    }

    #[test]
    fn trusts_endorsed_keys_over_rotations() {
        assert_eq!(accepted(&pins(1), &jwks(3)), ["1", "2", "3"]);
        // The chain works without a direct endorsement by a pin, and in any order.
        let mut chain = jwks(3);
        chain.keys[2].endorsed_by.remove("1");
        chain.keys.reverse();
        assert_eq!(accepted(&pins(1), &chain), ["1", "2", "3"]);
        // It breaks where a link is missing.
        chain.keys.retain(|jwk| jwk.kid != "2");
        assert_eq!(accepted(&pins(1), &chain), ["1"]);
    }

    #[test]
    fn ignores_unendorsed_keys() {
        let mut forged = jwks(2);
        forged.keys[1].x = jwks(3).keys[2].x.clone();
        assert_eq!(accepted(&pins(1), &forged), ["1"], "an endorsement is of one kid and one key");
        let mut renamed = jwks(2);
        renamed.keys[1].kid = "3".to_owned();
        assert_eq!(accepted(&pins(1), &renamed), ["1"]);
        let mut replaced = jwks(2);
        replaced.keys[0].x = jwks(3).keys[2].x.clone();
        let trusted = TrustedKeys::extended(&pins(1), &serde_json::to_string(&replaced).unwrap());
        assert_eq!(trusted.key("1"), TrustedKeys::pinned(&pins(1)).key("1"), "a pin stays what it was");
        assert_eq!(accepted(&PublicKeys::none(), &jwks(3)), [""; 0]);
        assert_eq!(
            accepted(&pins(2).without("1").without("2"), &jwks(2)),
            [""; 0],
            "a dropped pin endorses nothing"
        );
        for garbage in ["", "{}", "[]", "<html>", r#"{"keys":[{}]}"#] {
            assert_eq!(TrustedKeys::extended(&pins(1), garbage).keys.len(), 1, "{garbage}");
        }
    }

    #[test]
    fn keeps_keys_that_server_dropped() {
        let text = |jwks: &Jwks| serde_json::to_string(jwks).unwrap();
        let kept = TrustedKeys::merge(&pins(1), None, &text(&jwks(2))).unwrap();
        let mut newer = jwks(3);
        newer.keys.retain(|jwk| jwk.kid == "3");
        newer.keys[0].endorsed_by.remove("1");
        assert_eq!(accepted(&pins(1), &newer), ["1"], "alone it says nothing to who knows 1");
        let merged = TrustedKeys::merge(&pins(1), Some(&kept), &text(&newer)).unwrap();
        assert!(TrustedKeys::extended(&pins(1), &merged).key("3").is_some());
        let mut forged = jwks(2);
        forged.keys[1].x = jwks(3).keys[2].x.clone();
        assert_eq!(
            TrustedKeys::merge(&pins(1), Some(&kept), &text(&forged)),
            None,
            "what nobody endorses is not kept"
        );
    }

    #[test]
    fn fetched_list_removes_no_trusted_key() {
        let text = |jwks: &Jwks| serde_json::to_string(jwks).unwrap();
        let kept = TrustedKeys::merge(&pins(1), None, &text(&jwks(2))).unwrap();
        // The real key under a forged endorsement.
        let mut spoiled = jwks(2);
        spoiled.keys.retain(|jwk| jwk.kid == "2");
        spoiled.keys[0].endorsed_by = BTreeMap::from([("1".to_owned(), "AA".to_owned())]);
        // The same beside the real key, with an invented endorser.
        let mut beside = jwks(2);
        let mut second = spoiled.keys[0].clone();
        second.endorsed_by.insert("7".to_owned(), "AA".to_owned());
        beside.keys.push(second);
        // Any number of keys without an endorsement.
        let mut flood = jwks(1);
        for number in 100..100 + 2 * MAX_FETCHED_KEYS {
            let mut junk = jwks(3).keys[2].clone();
            junk.kid = number.to_string();
            flood.keys.push(junk);
        }
        for forged in [spoiled, beside, flood] {
            let after = TrustedKeys::merge(&pins(1), Some(&kept), &text(&forged)).unwrap_or(kept.clone());
            let known: Vec<_> = TrustedKeys::extended(&pins(1), &after).keys.into_keys().collect();
            assert_eq!(known, ["1", "2"], "{forged:?}");
            assert!(!after.contains("AA\""), "{after}");
        }
    }

    #[test]
    fn learns_from_full_list_of_keys() {
        let text = |jwks: &Jwks| serde_json::to_string(jwks).unwrap();
        let kept = TrustedKeys::merge(&pins(1), None, &text(&jwks(2))).unwrap();
        let mut newer = jwks(3);
        while newer.keys.len() < MAX_FETCHED_KEYS {
            let mut junk = jwks(3).keys[2].clone();
            junk.kid = (100 + newer.keys.len()).to_string();
            newer.keys.push(junk);
        }
        let merged = TrustedKeys::merge(&pins(1), Some(&kept), &text(&newer)).unwrap();
        assert_eq!(
            TrustedKeys::extended(&pins(1), &merged).keys.into_keys().collect::<Vec<_>>(),
            ["1", "2", "3"]
        );
    }

    #[test]
    fn unreadable_key_spoils_no_other() {
        let key = |number: usize| serde_json::to_string(&jwks(2).keys[number - 1]).unwrap();
        let values = |key: &str| {
            let key: serde_json::Map<_, _> = serde_json::from_str(key).unwrap();
            serde_json::to_string(&key.into_iter().map(|(_, value)| value).collect::<Vec<_>>()).unwrap()
        };
        let rsa = r#"{"kty":"RSA","use":"sig","alg":"RS256","kid":"r","n":"AQAB","e":"AQAB"}"#;
        let list = values(&key(1));
        for other in [rsa, "{}", "null", "7", "[]", r#""text""#, &list, r#"{"kid":"3","kid":"4"}"#] {
            for (first, second) in [(other, &*key(2)), (&*key(2), other)] {
                let fetched = format!(r#"{{"keys":[{first},{second}]}}"#);
                let kept = TrustedKeys::merge(&pins(1), None, &fetched).unwrap_or_default();
                let trusted: Vec<_> = TrustedKeys::extended(&pins(1), &kept).keys.into_keys().collect();
                assert_eq!(trusted, ["1", "2"], "{fetched}");
            }
        }
    }

    #[test]
    fn lists_in_place_of_objects_are_no_keys() {
        // The members in the order of the struct, which is how a list would be read as one.
        let Jwk { kty, crv, alg, use_, kid, x, endorsed_by } = jwks(2).keys.remove(1);
        let listed = serde_json::json!([kty, crv, alg, use_, kid, x, endorsed_by]);
        let key = serde_json::to_value(&jwks(2).keys[1]).unwrap();
        for list in [serde_json::json!([[key]]), serde_json::json!({ "keys": [listed] })] {
            let kept = TrustedKeys::merge(&pins(1), None, &list.to_string()).unwrap_or_default();
            let trusted: Vec<_> = TrustedKeys::extended(&pins(1), &kept).keys.into_keys().collect();
            assert_eq!(trusted, ["1"], "{list}");
            assert_eq!(PublicKeys::parse(&list.to_string()), Err(PublicKeysError::NotJwks), "{list}");
        }
    }

    #[test]
    fn rejects_pins_with_one_bad_key() {
        assert_eq!(PublicKeys::parse("<html>"), Err(PublicKeysError::NotJwks));
        assert_eq!(PublicKeys::parse(r#"{"keys":[]}"#), Err(PublicKeysError::Empty));
        let mut doubled = jwks(1);
        doubled.keys.push(doubled.keys[0].clone());
        let mut broken = jwks(1);
        broken.keys[0].x = "AAAA".to_owned();
        let mut other_curve = jwks(1);
        other_curve.keys[0].crv = "X25519".to_owned();
        for jwks in [doubled, broken, other_curve] {
            assert_eq!(
                PublicKeys::parse(&serde_json::to_string(&jwks).unwrap()),
                Err(PublicKeysError::InvalidKey)
            );
        }
    }
}
