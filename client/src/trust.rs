//! Whose signatures count: the keys an application was built with, and those that they endorse.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use falconer_domain::jwks::{Jwk, Jwks};

/// Twice what a ring can hold: what is kept, and what was just fetched.
const MAX_KEYS: usize = 62;

/// The public keys an application is built with. They have to come from the vendor, with the application, and never
/// from the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicKeys(BTreeMap<String, VerifyingKey>);

/// Why a text holds no public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPublicKeys {
    /// Not the JSON of `GET /api/keys`.
    #[error(
        "this is not the JSON of /api/keys; save that answer into a file and build the application with it"
    )]
    NotJwks,
    /// A key that is none, or the same `kid` twice.
    #[error("a key of this JSON is no Ed25519 key, or a kid stands there twice")]
    BadKey,
    /// No key at all.
    #[error("this JSON holds no key")]
    Empty,
}

impl PublicKeys {
    /// Reads the answer of `GET /api/keys`, as it was saved when the application was built.
    ///
    /// # Errors
    /// [`BadPublicKeys`].
    pub fn parse(jwks: &str) -> Result<Self, BadPublicKeys> {
        let jwks: Jwks = serde_json::from_str(jwks).map_err(|_| BadPublicKeys::NotJwks)?;
        let mut keys = BTreeMap::new();
        for jwk in &jwks.keys {
            let key = usable(jwk).ok_or(BadPublicKeys::BadKey)?;
            if keys.insert(jwk.kid.clone(), key).is_some() {
                return Err(BadPublicKeys::BadKey);
            }
        }
        if keys.is_empty() { Err(BadPublicKeys::Empty) } else { Ok(Self(keys)) }
    }

    /// No key: no answer will ever count, and no license unlock anything.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The same without one key: for the release that follows a leaked master.
    #[must_use]
    pub fn without(mut self, kid: &str) -> Self {
        self.0.remove(kid);
        self
    }
}

/// The keys that count now.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    keys: BTreeMap<String, VerifyingKey>,
}

impl Trust {
    /// Only the keys an application was built with.
    pub(crate) fn pinned(pins: &PublicKeys) -> Self {
        Self { keys: pins.0.clone() }
    }

    /// Those, and what they endorse, however long the chain, among keys that were fetched some time. They are judged
    /// again at every start: a pin that an application drops takes along what it alone endorsed.
    pub(crate) fn extended(pins: &PublicKeys, fetched: &str) -> Self {
        let mut trust = Self::pinned(pins);
        let Ok(jwks) = serde_json::from_str::<Jwks>(fetched) else { return trust };
        if jwks.keys.len() > MAX_KEYS {
            return trust;
        }
        while let Some((kid, key)) = trust.next_endorsed(&jwks) {
            trust.keys.insert(kid, key);
        }
        trust
    }

    /// What to keep of keys that were kept and keys that were just fetched: the trusted ones, with every endorsement. A
    /// server may drop a generation whose endorsement this client still needs.
    pub(crate) fn merged(pins: &PublicKeys, kept: Option<&str>, fetched: &str) -> Option<String> {
        let read = |text: &str| serde_json::from_str::<Jwks>(text).ok();
        let mut merged = kept.and_then(read).unwrap_or(Jwks { keys: Vec::new() });
        for jwk in read(fetched)?.keys {
            match merged.keys.iter_mut().find(|known| known.kid == jwk.kid && known.x == jwk.x) {
                Some(known) => known.endorsed_by.extend(jwk.endorsed_by),
                None => merged.keys.push(jwk),
            }
        }
        let trust = Self::extended(pins, &serde_json::to_string(&merged).ok()?);
        merged.keys.retain(|jwk| trust.key(&jwk.kid).is_some() && trust.key(&jwk.kid) == usable(jwk));
        serde_json::to_string(&merged).ok()
    }

    /// The key that a lease names, if it counts.
    pub(crate) fn key(&self, kid: &str) -> Option<VerifyingKey> {
        self.keys.get(kid).copied()
    }

    /// A key that is not known yet and that a known one endorses. A known `kid` keeps the key it has.
    fn next_endorsed(&self, jwks: &Jwks) -> Option<(String, VerifyingKey)> {
        let unknown = jwks.keys.iter().filter(|jwk| !self.keys.contains_key(&jwk.kid));
        unknown
            .filter(|jwk| self.keys.iter().any(|(kid, key)| jwk.is_endorsed_by(kid, key)))
            .find_map(|jwk| Some((jwk.kid.clone(), usable(jwk)?)))
    }
}

fn usable(jwk: &Jwk) -> Option<VerifyingKey> {
    (jwk.kty == "OKP" && jwk.crv == "Ed25519").then(|| jwk.public_key()).flatten()
}

#[cfg(test)]
mod tests {
    use falconer_domain::KeyRing;

    use super::*;

    /// The JWKS of a ring of generations 1 to `newest`.
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
        Trust::extended(pins, &serde_json::to_string(jwks).unwrap()).keys.into_keys().collect()
    }

    #[test]
    fn what_a_trusted_key_endorses_is_trusted_through_any_number_of_rotations() {
        assert_eq!(accepted(&pins(1), &jwks(3)), ["1", "2", "3"]);
        // The chain holds where no pin endorses the newest directly, in whatever order the keys stand.
        let mut chain = jwks(3);
        chain.keys[2].endorsed_by.remove("1");
        chain.keys.reverse();
        assert_eq!(accepted(&pins(1), &chain), ["1", "2", "3"]);
        // And breaks where a link is missing.
        chain.keys.retain(|jwk| jwk.kid != "2");
        assert_eq!(accepted(&pins(1), &chain), ["1"]);
    }

    #[test]
    fn what_nobody_endorses_is_not_trusted() {
        let mut forged = jwks(2);
        forged.keys[1].x = jwks(3).keys[2].x.clone();
        assert_eq!(accepted(&pins(1), &forged), ["1"], "an endorsement is of one kid and one key");
        let mut renamed = jwks(2);
        renamed.keys[1].kid = "3".to_owned();
        assert_eq!(accepted(&pins(1), &renamed), ["1"]);
        let mut replaced = jwks(2);
        replaced.keys[0].x = jwks(3).keys[2].x.clone();
        let trust = Trust::extended(&pins(1), &serde_json::to_string(&replaced).unwrap());
        assert_eq!(trust.key("1"), Trust::pinned(&pins(1)).key("1"), "a pin stays what it was");
        assert_eq!(accepted(&PublicKeys::none(), &jwks(3)), [""; 0]);
        assert_eq!(
            accepted(&pins(2).without("1").without("2"), &jwks(2)),
            [""; 0],
            "a dropped pin endorses nothing"
        );
        for garbage in ["", "{}", "[]", "<html>", r#"{"keys":[{}]}"#] {
            assert_eq!(Trust::extended(&pins(1), garbage).keys.len(), 1, "{garbage}");
        }
    }

    #[test]
    fn what_was_trusted_stays_so_when_the_server_drops_an_old_generation() {
        let text = |jwks: &Jwks| serde_json::to_string(jwks).unwrap();
        let kept = Trust::merged(&pins(1), None, &text(&jwks(2))).unwrap();
        let mut newer = jwks(3);
        newer.keys.retain(|jwk| jwk.kid == "3");
        newer.keys[0].endorsed_by.remove("1");
        assert_eq!(accepted(&pins(1), &newer), ["1"], "alone it says nothing to who knows 1");
        let merged = Trust::merged(&pins(1), Some(&kept), &text(&newer)).unwrap();
        assert!(Trust::extended(&pins(1), &merged).key("3").is_some());
        let mut forged = jwks(2);
        forged.keys[1].x = jwks(3).keys[2].x.clone();
        let unmoved = Trust::merged(&pins(1), Some(&kept), &text(&forged)).unwrap();
        assert_eq!(unmoved, kept, "what nobody endorses is not kept");
    }

    #[test]
    fn pins_are_read_whole_or_not_at_all() {
        assert_eq!(PublicKeys::parse("<html>"), Err(BadPublicKeys::NotJwks));
        assert_eq!(PublicKeys::parse(r#"{"keys":[]}"#), Err(BadPublicKeys::Empty));
        let mut doubled = jwks(1);
        doubled.keys.push(doubled.keys[0].clone());
        let mut broken = jwks(1);
        broken.keys[0].x = "AAAA".to_owned();
        let mut other_curve = jwks(1);
        other_curve.keys[0].crv = "X25519".to_owned();
        for jwks in [doubled, broken, other_curve] {
            assert_eq!(PublicKeys::parse(&serde_json::to_string(&jwks).unwrap()), Err(BadPublicKeys::BadKey));
        }
    }
}
