//! Compares `tests/vectors/formats.json`, which an independent implementation wrote, with this crate.

use falconer_domain::encoding::HEXLOWER;
use falconer_domain::hardware::{self, Label, ReceivedComponents};
use falconer_domain::jwks::Jwks;
use falconer_domain::keyring::{GenerationNumber, Purpose};
use falconer_domain::license_key::{CurrentKey, LegacyKey, PrintedTier};
use falconer_domain::{KeyRing, LicenseId, Product, lease};
use serde_json::Value;

const VECTORS: &str = include_str!("../../../tests/vectors/formats.json");

fn vectors(section: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let section = file[section].as_array().unwrap().clone();
    assert!(!section.is_empty());
    section
}

fn ring() -> KeyRing {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    KeyRing::parse(&file["key_ring"].to_string()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn generation(value: &Value) -> GenerationNumber {
    GenerationNumber::new(value.as_u64().unwrap().try_into().unwrap()).unwrap()
}

fn random(value: &Value) -> [u8; 10] {
    HEXLOWER.decode(text(value).as_bytes()).unwrap().try_into().unwrap()
}

#[test]
fn subkeys() {
    let ring = ring();
    for vector in vectors("subkeys") {
        let purpose =
            Purpose::ALL.into_iter().find(|purpose| purpose.info() == text(&vector["info"])).unwrap();
        let subkey = ring.generation(generation(&vector["generation"])).unwrap().subkey(purpose);
        assert_eq!(HEXLOWER.encode(subkey.as_ref()), text(&vector["hex"]), "{purpose:?}");
    }
}

#[test]
fn legacy_keys() {
    let ring = ring();
    for vector in vectors("legacy_keys") {
        let tier = PrintedTier::parse(&text(&vector["tier"]).to_uppercase()).unwrap();
        let issued =
            LegacyKey::issue(ring.legacy().unwrap(), tier, vector["timestamp"].as_i64().unwrap()).unwrap();
        assert_eq!(issued.to_string(), text(&vector["key"]));
        check_spellings(&ring, &vector);
    }
}

#[test]
fn current_keys() {
    let ring = ring();
    for vector in vectors("keys") {
        let issued = CurrentKey::issue(
            ring.generation(generation(&vector["generation"])).unwrap(),
            Product::parse(text(&vector["product"])).unwrap(),
            PrintedTier::parse(&text(&vector["tier"]).to_uppercase()).unwrap(),
            random(&vector["random_hex"]),
        );
        assert_eq!(issued.to_string(), text(&vector["key"]));
        let authentic = ring.authenticate(text(&vector["key"])).unwrap();
        assert_eq!(authentic.key.masked(), text(&vector["masked"]));
        check_spellings(&ring, &vector);
    }
}

fn check_spellings(ring: &KeyRing, vector: &Value) {
    let canonical = text(&vector["key"]);
    for spelling in vector["accepted_spellings"].as_array().unwrap().iter().map(text).chain([canonical]) {
        let authentic = ring.authenticate(spelling).unwrap_or_else(|why| panic!("{spelling}: {why:?}"));
        assert_eq!(authentic.key.to_string(), canonical);
        assert_eq!(authentic.license_id.as_str(), text(&vector["license_id"]));
    }
}

#[test]
fn refused_keys() {
    let ring = ring();
    for vector in vectors("refused") {
        assert!(ring.authenticate(text(&vector["key"])).is_err(), "{}", vector["why"]);
    }
}

#[test]
fn components() {
    for vector in vectors("components") {
        let label = Label::parse(text(&vector["label"])).unwrap();
        let normalized = hardware::normalized(text(&vector["raw"]));
        assert_eq!(normalized.as_deref(), vector["normalized"].as_str(), "{}", vector["raw"]);
        let hash =
            normalized.map(|value| hardware::keyed_component(text(&vector["license_key"]), label, &value));
        assert_eq!(hash.as_deref(), vector["hash"].as_str());
    }
}

#[test]
fn components_at_rest_and_in_leases() {
    let ring = ring();
    for vector in vectors("at_rest") {
        let label = Label::parse(text(&vector["label"])).unwrap();
        let mut received = ReceivedComponents::default();
        received.insert(label, text(&vector["received"])).unwrap();
        let id = LicenseId::parse(text(&vector["license_id"])).unwrap();
        let hashed = received.hashed(ring.generation(generation(&vector["generation"])).unwrap(), &id);
        assert_eq!(HEXLOWER.encode(hashed.get(label).unwrap()), text(&vector["stored_hex"]));
        assert_eq!(received.lease(&[label]).to_wire()[label.as_str()], text(&vector["lease_hw"]));
    }
}

#[test]
fn public_keys_and_endorsements() {
    let keys = Jwks::of(&ring()).keys;
    assert_eq!(keys.len(), vectors("jwks").len());
    for (key, vector) in keys.iter().zip(vectors("jwks")) {
        assert_eq!(key.kid, text(&vector["kid"]));
        assert_eq!(key.x, text(&vector["x"]));
        assert_eq!(serde_json::to_value(&key.endorsed_by).unwrap(), vector["endorsed_by"]);
        for older in key.endorsed_by.keys() {
            let endorser = keys.iter().find(|key| key.kid == *older).unwrap().public_key().unwrap();
            assert!(key.is_endorsed_by(older, &endorser));
            assert!(!keys[0].is_endorsed_by(older, &endorser));
        }
    }
}

#[test]
fn leases() {
    let ring = ring();
    let trusted = |kid: &str| {
        let number = GenerationNumber::parse(kid)?;
        ring.generation(number).map(|generation| generation.signing_key().verifying_key())
    };
    for vector in vectors("leases") {
        let (jws, expect) = (text(&vector["jws"]), text(&vector["expect"]));
        let (audience, expected) = match expect.split_once(" for ") {
            Some((error, audience)) => (audience, Some(error)),
            None if expect.starts_with("valid") => ("QF", None),
            None => ("QF", Some(expect)),
        };
        let read = lease::verify(jws, &Product::parse(audience).unwrap(), trusted);
        if let Some(error) = expected {
            assert_eq!(read.unwrap_err().to_string(), error);
            continue;
        }
        let claims = read.unwrap();
        assert_eq!(claims.valid, expect == "valid");
        let signed = claims.sign(ring.current());
        assert_eq!(lease::verify(&signed, &Product::parse(audience).unwrap(), trusted), Ok(claims.clone()));
        // The order of members inside `hw` is free; without it the bytes are the same.
        assert_eq!(signed == jws, claims.hw.is_none());
    }
}
