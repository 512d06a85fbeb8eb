//! Trust by a root's statements: who is believed, and what changes nothing.

use falconer_domain::KeyRing;
use falconer_domain::UnixMillis;
use falconer_domain::jwks::Jwks;
use falconer_domain::statement::{KeyStatement, RootKey, SEED_BYTES};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const LATER: UnixSeconds = UnixSeconds(NOW.0 + 86_400);

fn root(byte: u8) -> RootKey {
    RootKey::from_seed(&Zeroizing::new([byte; SEED_BYTES]))
}

/// Keys of generations 1 to `newest`, each endorsed by all older ones.
fn jwks(newest: u8) -> Jwks {
    let mut ring = json!({ "current": newest.to_string() });
    for number in 1..=newest {
        ring[number.to_string()] = number.to_string().repeat(32).into();
    }
    Jwks::of(&KeyRing::parse(&ring.to_string()).unwrap())
}

/// A statement that these generations are good and those are distrusted, signed by a root.
fn statement_of(iss: &str, by: u8, serial: i64, good: &[usize], distrusted: &[&str]) -> String {
    let all = jwks(4).keys;
    let keys = good.iter().map(|number| (number.to_string(), all[number - 1].x.clone())).collect();
    let distrusted = distrusted.iter().map(|kid| (*kid).to_owned()).collect();
    KeyStatement::new(iss, keys, distrusted, UnixMillis(serial), None).sign(&root(by))
}

fn statement(serial: i64, good: &[usize], distrusted: &[&str]) -> String {
    statement_of("falconer", 1, serial, good, distrusted)
}

/// An answer of `/api/keys`: these of generations 1 to 4, endorsed by those that are listed too.
fn answer(listed: &[usize], statement: Option<&str>) -> String {
    let mut keys: Vec<_> = listed.iter().map(|number| jwks(4).keys[number - 1].clone()).collect();
    for jwk in &mut keys {
        jwk.endorsed_by.retain(|kid, _| listed.contains(&kid.parse().unwrap()));
    }
    serde_json::to_string(&Jwks { keys, statement: statement.map(str::to_owned) }).unwrap()
}

/// An application that pins generations 1 and 2, root 1, and perhaps a statement.
fn build(statement: Option<&str>) -> PublicKeys {
    let mut json: Value = serde_json::from_str(&answer(&[1, 2], statement)).unwrap();
    json["root"] = json!({ "kty": "OKP", "crv": "Ed25519", "x": root(1).public().x() });
    PublicKeys::parse(&json.to_string()).unwrap()
}

fn kids(pins: &PublicKeys, kept: Option<&str>) -> String {
    TrustedKeys::of(pins, kept).keys.into_keys().collect()
}

/// The stored text after an answer.
fn after(pins: &PublicKeys, kept: Option<&str>, fetched: &str) -> Option<String> {
    let merged = TrustedKeys::merge(pins, kept, fetched, NOW);
    merged.or(kept.map(str::to_owned))
}

#[test]
fn statement_replaces_the_pinned_keys() {
    let pins = build(None);
    assert_eq!(kids(&pins, None), "12", "before the first statement the pins count");
    let kept = after(&pins, None, &answer(&[2, 3], Some(&statement(1, &[2], &["1"]))));
    assert_eq!(kids(&pins, kept.as_deref()), "23", "2 is named, 3 is endorsed by it, and 1 is out");
    // Named alone, without an endorsement by what was known.
    let kept = after(&pins, None, &answer(&[4], Some(&statement(1, &[4], &["1", "2"]))));
    assert_eq!(kids(&pins, kept.as_deref()), "4");
    // The same statement in the build.
    assert_eq!(kids(&build(Some(&statement(1, &[2], &["1"]))), None), "2");
}

#[test]
fn distrusted_key_never_comes_back() {
    let pins = build(None);
    let signed = statement(5, &[2], &["1"]);
    let kept = after(&pins, None, &answer(&[2], Some(&signed)));
    // The leaked key is listed again, and endorses a rogue one.
    let kept = after(&pins, kept.as_deref(), &answer(&[1, 2, 4], Some(&signed)));
    assert_eq!(kids(&pins, kept.as_deref()), "24", "2 endorses 4, and nothing brings 1 back");
    let rogue = after(&pins, kept.as_deref(), &answer(&[1, 3], None));
    assert_eq!(kids(&pins, rogue.as_deref()), "24", "3 is endorsed by 1 alone");
    // Good keys endorse it: a distrust is stronger.
    let pins = build(Some(&statement(5, &[1], &["2"])));
    let kept = after(&pins, None, &answer(&[1, 2], None));
    assert_eq!(kids(&pins, kept.as_deref()), "1");
}

#[test]
fn nothing_but_a_newer_statement_changes_trust() {
    let pins = build(None);
    let newest = statement(5, &[2], &["1"]);
    let kept = after(&pins, None, &answer(&[2], Some(&newest))).unwrap();
    let all = [1, 2, 3, 4];
    let mut damaged = statement(9, &[1], &[]);
    damaged.replace_range(damaged.len() - 4.., "AAAA");
    for (offered, why) in [
        (statement(4, &[1, 2], &[]), "a lower serial"),
        (statement_of("falconer", 2, 9, &[1], &[]), "another root"),
        (statement_of("another issuer", 1, 9, &[1], &[]), "another issuer"),
        (damaged, "damaged"),
        (statement(5, &[1, 2], &[]), "the same serial"),
        (String::new(), "empty"),
    ] {
        let after = after(&pins, Some(&kept), &answer(&all[1..2], Some(&offered))).unwrap();
        assert_eq!(kids(&pins, Some(&after)), "2", "{why}");
        assert_eq!(StoredTrust::read(&after).statement.as_ref(), Some(&newest), "{why}");
    }
    for page in ["<html>", "", "[]", "{}", r#"{"keys":{}}"#] {
        assert_eq!(TrustedKeys::merge(&pins, Some(&kept), page, NOW), None, "{page}");
    }
    // A list that was flooded with keys still brings the statement.
    let mut flood: Value =
        serde_json::from_str(&answer(&all, Some(&statement(6, &[3], &["1", "2"])))).unwrap();
    for number in 100..200 {
        let mut junk = flood["keys"][0].clone();
        junk["kid"] = number.to_string().into();
        flood["keys"].as_array_mut().unwrap().push(junk);
    }
    let flooded = after(&pins, Some(&kept), &flood.to_string());
    assert_eq!(kids(&pins, flooded.as_deref()), "3");
}

/// A store that is fresh, or older than the build, takes the build's statement.
#[test]
fn statement_of_the_build_is_the_floor() {
    let (old, new) = (statement(1, &[1, 2], &[]), statement(5, &[2], &["1"]));
    let kept = after(&build(None), None, &answer(&[1, 2], Some(&old))).unwrap();
    assert_eq!(kids(&build(None), Some(&kept)), "12");
    for kept in [None, Some(kept.as_str())] {
        let pins = build(Some(&new));
        assert_eq!(kids(&pins, kept), "2");
        let stored = TrustedKeys::take_from_build(&pins, kept, NOW).unwrap();
        assert_eq!(StoredTrust::read(&stored).former["1"], NOW.0);
        assert_eq!(TrustedKeys::take_from_build(&pins, Some(&stored), LATER), None, "once");
        let replayed = after(&pins, Some(&stored), &answer(&[1, 2], Some(&old)));
        assert_eq!(kids(&pins, replayed.as_deref()), "2", "an old statement is replayed");
        assert_eq!(kids(&build(Some(&old)), Some(&stored)), "2", "an older build on a newer store");
    }
    assert_eq!(TrustedKeys::take_from_build(&build(None), None, NOW), None);
}

#[test]
fn moment_of_a_distrust_is_that_of_the_first() {
    let pins = build(None);
    let since = |kept: &str, kid: &str| match TrustedKeys::of(&pins, Some(kept)).key_of_stored(kid) {
        Some((_, Signer::Former(since))) => Some(since),
        _ => None,
    };
    let kept = after(&pins, None, &answer(&[2], Some(&statement(5, &[2], &["1"])))).unwrap();
    assert_eq!((since(&kept, "1"), since(&kept, "2")), (Some(NOW), None));
    let next = answer(&[2, 3], Some(&statement(6, &[3], &["1", "2"])));
    let kept = TrustedKeys::merge(&pins, Some(&kept), &next, LATER).unwrap();
    assert_eq!((since(&kept, "1"), since(&kept, "2")), (Some(NOW), Some(LATER)));
    // What was never noted has ended long ago, such as a key that was written into the file.
    let edited = kept.replace(&format!(r#""1":{}"#, NOW.0), r#""9":1"#);
    assert_eq!(since(&edited, "1"), Some(UnixSeconds(i64::MIN)));
    assert_eq!(TrustedKeys::of(&pins, Some(&kept)).key("1"), None, "nothing that arrives counts by it");
}

/// Left out is not distrusted: what the key has signed counts to its end, and nothing that arrives counts by it.
#[test]
fn retired_key_verifies_stored_leases() {
    let pins = build(None);
    let signer = |kept: &str, kid: &str| {
        let trusted = TrustedKeys::of(&pins, Some(kept));
        (trusted.key(kid).is_some(), trusted.key_of_stored(kid).map(|(_, signer)| signer))
    };
    let kept = after(&pins, None, &answer(&[2], Some(&statement(5, &[2], &[])))).unwrap();
    assert_eq!(signer(&kept, "1"), (false, Some(Signer::Trusted)));
    let next = answer(&[2], Some(&statement(6, &[2], &["1"])));
    let kept = TrustedKeys::merge(&pins, Some(&kept), &next, LATER).unwrap();
    assert_eq!(signer(&kept, "1"), (false, Some(Signer::Former(LATER))), "from its distrust on");
    // 3 has no voucher but 1, which is distrusted at the same moment.
    let kept = after(&pins, None, &answer(&[1, 3], None)).unwrap();
    let kept = after(&pins, Some(&kept), &answer(&[2], Some(&statement(5, &[2], &["1"])))).unwrap();
    assert_eq!(signer(&kept, "3"), (false, Some(Signer::Former(NOW))));
}

/// A build that pins generation 2 and root 1, with generation 1 as a former key.
fn later_build(statement: &str) -> PublicKeys {
    let mut json: Value = serde_json::from_str(&answer(&[2], Some(statement))).unwrap();
    json["root"] = json!({ "kty": "OKP", "crv": "Ed25519", "x": root(1).public().x() });
    json["former"] = json!([{ "kty": "OKP", "crv": "Ed25519", "kid": "1", "x": jwks(1).keys[0].x }]);
    PublicKeys::parse(&json.to_string()).unwrap()
}

/// The store knows of no statement, and the new build does not pin the key of the stored lease any more.
#[test]
fn former_key_of_the_build_verifies_stored_leases() {
    let stored = after(&build(None), None, &answer(&[1, 2, 3], None));
    let signer = |pins: &PublicKeys, kept: Option<&str>, kid: &str| {
        let trusted = TrustedKeys::of(pins, kept);
        (trusted.key(kid).is_some(), trusted.key_of_stored(kid).map(|(_, signer)| signer))
    };
    let pins = later_build(&statement(5, &[2], &["1"]));
    for kept in [None, stored.as_deref()] {
        let taken = TrustedKeys::take_from_build(&pins, kept, NOW).unwrap();
        assert_eq!(signer(&pins, Some(&taken), "1"), (false, Some(Signer::Former(NOW))), "{kept:?}");
        let again = TrustedKeys::take_from_build(&pins, Some(&taken), LATER);
        assert_eq!(again, None, "a later start moves nothing");
        let newer = later_build(&statement(6, &[2], &["1"]));
        let taken = TrustedKeys::take_from_build(&newer, Some(&taken), LATER).unwrap();
        assert_eq!(signer(&newer, Some(&taken), "1"), (false, Some(Signer::Former(NOW))), "nor does a build");
        let fetched = answer(&[1, 4], None);
        let rogue = after(&newer, Some(&taken), &fetched).unwrap();
        assert_eq!(signer(&newer, Some(&rogue), "4"), (false, None), "a former key endorses nothing");
    }
    let retired = later_build(&statement(5, &[2], &[]));
    assert_eq!(signer(&retired, None, "1"), (false, Some(Signer::Trusted)), "to the lease's own end");
    assert_eq!(signer(&retired.without("1"), None, "1"), (false, None), "the developer drops it");
    // Without a statement nothing has made it a former one.
    let mut json: Value = serde_json::from_str(&answer(&[2], None)).unwrap();
    json["former"] = json!([{ "kty": "OKP", "crv": "Ed25519", "kid": "1", "x": jwks(1).keys[0].x }]);
    let rootless = PublicKeys::parse(&json.to_string()).unwrap();
    assert_eq!(signer(&rootless, None, "1"), (false, None));
    let former =
        |kty: &str, crv: &str| json!([{ "kty": kty, "crv": crv, "kid": "1", "x": jwks(1).keys[0].x }]);
    for bad in [json!("1"), json!([{ "kid": "1" }]), former("EC", "Ed25519"), former("OKP", "X25519")] {
        json["former"] = bad.clone();
        assert!(PublicKeys::parse(&json.to_string()).is_err(), "{bad}");
    }
}

/// The seal of a store covers this text, also in the TypeScript library, whose tests have the same one.
#[test]
fn sealed_part_names_kids_in_byte_order() {
    let text = r#"{"keys":[],"statement":"a.b.c","former":{"2":6,"10":5,"🔑":8,"Ａ":7}}"#;
    assert_eq!(sealed_part(Some(text)).as_deref(), Some(r#"["a.b.c",{"10":5,"2":6,"Ａ":7,"🔑":8}]"#));
}

#[test]
fn looks_for_a_statement_once_a_day() {
    let pins = build(None);
    let due_after = |kept: Option<&str>, now: i64, age_seconds: i64| {
        TrustedKeys::is_statement_due(&pins, kept, UnixSeconds(now), age_seconds)
    };
    let due = |kept: Option<&str>, now: i64| due_after(kept, now, LOOK_WITH_REQUEST_SECONDS);
    let signed = statement(5, &[2], &["1"]);
    let kept = after(&pins, None, &answer(&[2], Some(&signed))).unwrap();
    assert!(due(None, NOW.0));
    assert!(!due(Some(&kept), NOW.0) && !due(Some(&kept), NOW.0 + 71_999), "20 hours are not over");
    assert!(due(Some(&kept), NOW.0 + 72_000) && due(Some(&kept), NOW.0 - 1));
    let alone = |now: i64| due_after(Some(&kept), now, LOOK_ALONE_SECONDS);
    assert!(!alone(NOW.0 + 89_999) && alone(NOW.0 + 90_000), "without a request after 25 hours");
    // A server that withholds the statement, or has an old one, is asked again at the next request.
    for withheld in [answer(&[2], None), answer(&[2], Some(&statement(4, &[2], &[])))] {
        let after = TrustedKeys::merge(&pins, Some(&kept), &withheld, LATER).unwrap_or(kept.clone());
        assert!(due(Some(&after), LATER.0), "{withheld}");
    }
    let same = TrustedKeys::merge(&pins, Some(&kept), &answer(&[2], Some(&signed)), LATER).unwrap();
    assert!(!due(Some(&same), LATER.0));
    let without = PublicKeys::parse(&answer(&[1], None)).unwrap();
    assert!(!TrustedKeys::is_statement_due(&without, None, NOW, 1), "no root, no look");
}

#[test]
fn without_a_root_everything_is_as_before() {
    let pins = PublicKeys::parse(&answer(&[1], Some("not a statement"))).unwrap();
    let kept = after(&pins, None, &answer(&[1, 2], Some(&statement(5, &[2], &["1"])))).unwrap();
    assert_eq!(kids(&pins, Some(&kept)), "12");
    assert_eq!(sealed_part(Some(&kept)), None);
    assert!(!kept.contains("statement") && !kept.contains("looked_at"), "{kept}");
}

#[test]
fn builds_with_a_bad_root_do_not_parse() {
    let json = |root: Value, statement: Value| {
        let mut json: Value = serde_json::from_str(&answer(&[1], None)).unwrap();
        (json["root"], json["statement"]) = (root, statement);
        PublicKeys::parse(&json.to_string())
    };
    let key = |x: &str| json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    let good = key(&root(1).public().x());
    assert!(json(good.clone(), json!(statement(1, &[1], &[]))).is_ok());
    assert!(json(good.clone(), Value::Null).is_ok() && json(Value::Null, json!("text")).is_ok());
    let of = |kty: &str, crv: &str| json!({ "kty": kty, "crv": crv, "x": root(1).public().x() });
    for root in [json!("text"), json!([]), key(""), key("AAAA"), of("EC", "Ed25519"), of("OKP", "X25519")] {
        assert_eq!(json(root.clone(), Value::Null), Err(PublicKeysError::InvalidRoot), "{root}");
    }
    let other = json!(statement_of("falconer", 2, 1, &[1], &[]));
    assert_eq!(json(good, other), Err(PublicKeysError::InvalidStatement));
    assert_eq!(build(None).with_root("AAAA"), Err(PublicKeysError::InvalidRoot));
    let dropped = build(Some(&statement(1, &[1, 2], &[]))).without("1");
    assert_eq!(kids(&dropped, None), "2", "a dropped pin stays out, whatever the statement says");
    let other = build(Some(&statement(1, &[1], &[]))).without("9");
    assert_eq!(kids(&other, None), "12", "the other pins stay, and who they are endorsed by counts");
}

#[test]
fn newer_statement_of_two_processes_stays() {
    let pins = build(None);
    let old = after(&pins, None, &answer(&[2], Some(&statement(5, &[2], &["1"])))).unwrap();
    let new = after(&pins, None, &answer(&[3], Some(&statement(6, &[3], &["1", "2"])))).unwrap();
    assert_eq!(newer_text(Some(&old), Some(&new)), Some(new.as_str()));
    assert_eq!(newer_text(Some(&new), Some(&old)), Some(new.as_str()));
    assert_eq!(newer_text(Some(&old), None), Some(old.as_str()));
    assert_eq!(newer_text(None, Some(&old)), Some(old.as_str()));
    assert_eq!(newer_text(Some("not JSON"), None), Some("not JSON"));
}
