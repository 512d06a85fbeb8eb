use falconer_domain::KeyRing;
use falconer_domain::jwks::Jwks;

use super::*;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

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
    TrustedKeys::of(pins, Some(&serde_json::to_string(jwks).unwrap())).keys.into_keys().collect()
}

#[test]
fn trusts_endorsed_keys_over_rotations() {
    assert_eq!(accepted(&pins(1), &jwks(3)), ["1", "2", "3"]);
    assert_eq!(TrustedKeys::of(&pins(2), None).kids(), ["1", "2"]);
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
    let trusted = TrustedKeys::of(&pins(1), Some(&serde_json::to_string(&replaced).unwrap()));
    assert_eq!(trusted.key("1"), TrustedKeys::of(&pins(1), None).key("1"), "a pin stays what it was");
    assert_eq!(accepted(&PublicKeys::none(), &jwks(3)), [""; 0]);
    assert_eq!(
        accepted(&pins(2).without("1").without("2"), &jwks(2)),
        [""; 0],
        "a dropped pin endorses nothing"
    );
    for garbage in ["", "{}", "[]", "<html>", r#"{"keys":[{}]}"#] {
        assert_eq!(TrustedKeys::of(&pins(1), Some(garbage)).keys.len(), 1, "{garbage}");
    }
}

#[test]
fn keeps_keys_that_server_dropped() {
    let text = |jwks: &Jwks| serde_json::to_string(jwks).unwrap();
    let kept = TrustedKeys::merge(&pins(1), None, &text(&jwks(2)), NOW).unwrap();
    let mut newer = jwks(3);
    newer.keys.retain(|jwk| jwk.kid == "3");
    newer.keys[0].endorsed_by.remove("1");
    assert_eq!(accepted(&pins(1), &newer), ["1"], "alone it says nothing to who knows 1");
    let merged = TrustedKeys::merge(&pins(1), Some(&kept), &text(&newer), NOW).unwrap();
    assert!(TrustedKeys::of(&pins(1), Some(&merged)).key("3").is_some());
    let mut forged = jwks(2);
    forged.keys[1].x = jwks(3).keys[2].x.clone();
    assert_eq!(
        TrustedKeys::merge(&pins(1), Some(&kept), &text(&forged), NOW),
        None,
        "what nobody endorses is not kept"
    );
    forged.keys[1].kid = "3".to_owned();
    assert_eq!(TrustedKeys::merge(&pins(1), Some(&kept), &text(&forged), NOW), None, "under no other kid");
}

#[test]
fn fetched_list_removes_no_trusted_key() {
    let text = |jwks: &Jwks| serde_json::to_string(jwks).unwrap();
    let kept = TrustedKeys::merge(&pins(1), None, &text(&jwks(2)), NOW).unwrap();
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
        let after = TrustedKeys::merge(&pins(1), Some(&kept), &text(&forged), NOW).unwrap_or(kept.clone());
        let known: Vec<_> = TrustedKeys::of(&pins(1), Some(&after)).keys.into_keys().collect();
        assert_eq!(known, ["1", "2"], "{forged:?}");
        assert!(!after.contains("AA\""), "{after}");
    }
}

#[test]
fn learns_from_full_list_of_keys() {
    let text = |jwks: &Jwks| serde_json::to_string(jwks).unwrap();
    let kept = TrustedKeys::merge(&pins(1), None, &text(&jwks(2)), NOW).unwrap();
    let mut newer = jwks(3);
    while newer.keys.len() < MAX_FETCHED_KEYS {
        let mut junk = jwks(3).keys[2].clone();
        junk.kid = (100 + newer.keys.len()).to_string();
        newer.keys.push(junk);
    }
    let merged = TrustedKeys::merge(&pins(1), Some(&kept), &text(&newer), NOW).unwrap();
    assert_eq!(
        TrustedKeys::of(&pins(1), Some(&merged)).keys.into_keys().collect::<Vec<_>>(),
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
            let kept = TrustedKeys::merge(&pins(1), None, &fetched, NOW).unwrap_or_default();
            let trusted: Vec<_> = TrustedKeys::of(&pins(1), Some(&kept)).keys.into_keys().collect();
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
        let kept = TrustedKeys::merge(&pins(1), None, &list.to_string(), NOW).unwrap_or_default();
        let trusted: Vec<_> = TrustedKeys::of(&pins(1), Some(&kept)).keys.into_keys().collect();
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
