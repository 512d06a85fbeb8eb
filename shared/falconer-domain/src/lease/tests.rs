use super::*;
use crate::KeyRing;
use crate::hardware::{Label, ReceivedComponents};

const NOW: UnixMillis = UnixMillis(1_800_000_000_999);

fn ring() -> KeyRing {
    KeyRing::parse(r#"{"current":"1","1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#).unwrap()
}

fn claims(expires_in_seconds: Option<i64>, policy: &Policy, bound: bool) -> Claims {
    let product = Product::parse("QF").unwrap();
    let license_id = LicenseId::from_hash(&[1; 32]);
    let tier = TierName::parse("pro").unwrap();
    let occasion = Occasion {
        issuer: "https://licenses.example.com",
        product: &product,
        license_id: &license_id,
        request_id: "r",
        nonce: None,
        now: NOW,
    };
    let terms = Terms {
        tier: &tier,
        features: &[],
        expires_at: expires_in_seconds.map(|seconds| UnixMillis((NOW.seconds() + seconds) * 1_000)),
        policy,
    };
    let device = DeviceId::from_random([0; 10]);
    let components = ReceivedComponents::from_iter([(Label::Mac, "x".repeat(8))]).lease(&[Label::Mac]);
    let bound = bound.then_some(Bound { device: &device, components: &components });
    Claims::granted(&occasion, Code::Valid, &terms, bound)
}

#[test]
fn offline_use_ends_with_interval_and_grace_or_with_the_license() {
    let day = 86_400;
    let strict = Policy { check_interval_hours: 0, offline_grace_days: 0, ..Policy::DEFAULT };
    for (expires_in, policy, bound, exp, refresh_at) in [
        (None, Policy::DEFAULT, true, 8 * day, Some(day)),
        (Some(30 * day), Policy::DEFAULT, true, 8 * day, Some(day)),
        (Some(2 * day), Policy::DEFAULT, true, 2 * day, Some(day)),
        (Some(60), Policy::DEFAULT, true, 60, Some(60)),
        (None, strict, true, 300, Some(0)),
        (Some(60), strict, true, 60, Some(0)),
        (None, Policy::DEFAULT, false, 300, None),
        (Some(60), Policy::DEFAULT, false, 300, None),
    ] {
        let claims = claims(expires_in, &policy, bound);
        assert_eq!(claims.iat, 1_800_000_000);
        assert_eq!(claims.nbf, claims.iat - 300);
        assert_eq!(claims.exp - claims.iat, exp, "{expires_in:?} {bound}");
        assert_eq!(claims.refresh_at.map(|at| at - claims.iat), refresh_at, "{expires_in:?} {bound}");
    }
}

#[test]
fn a_header_with_more_than_ours_is_somebody_elses() {
    let ring = ring();
    let key = ring.current().signing_key();
    let trusted = |_: &str| Some(key.verifying_key());
    let product = Product::parse("QF").unwrap();
    let good = claims(None, &Policy::DEFAULT, false).sign(ring.current());
    assert!(verify(&good, &product, trusted).is_ok());

    let payload = good.split('.').nth(1).unwrap();
    for (header, expected) in [
        (r#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1","crit":["b64"]}"#, LeaseError::Malformed),
        (r#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1","alg":"EdDSA"}"#, LeaseError::Malformed),
        (r#"{"alg":"HS256","typ":"lease+jwt","kid":"1"}"#, LeaseError::WrongAlgorithm),
        (r#"{"alg":"EdDSA","kid":"1"}"#, LeaseError::WrongType),
    ] {
        let signed = format!("{}.{payload}", BASE64URL_NOPAD.encode(header.as_bytes()));
        let signature = BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes()).to_bytes());
        assert_eq!(verify(&format!("{signed}.{signature}"), &product, trusted), Err(expected), "{header}");
    }
}

#[test]
fn every_changed_character_is_refused() {
    let ring = ring();
    let trusted = |kid: &str| (kid == "1").then(|| ring.current().signing_key().verifying_key());
    let product = Product::parse("QF").unwrap();
    let good = claims(None, &Policy::DEFAULT, true).sign(ring.current());
    for place in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verify(&changed, &product, trusted).is_err(), "character {place}");
    }
}

#[test]
fn a_lease_of_the_longest_length_is_read_and_none_longer() {
    let ring = ring();
    let read = |iss: usize| {
        let claims = Claims { iss: "i".repeat(iss), ..claims(None, &Policy::DEFAULT, false) };
        let jws = claims.sign(ring.current());
        let trusted = |_: &str| Some(ring.current().signing_key().verifying_key());
        (jws.len(), verify(&jws, &Product::parse("QF").unwrap(), trusted))
    };
    // Base64 makes four characters of three bytes.
    let enough = (MAX_LEASE_BYTES - read(0).0) * 3 / 4 + 3;
    let longest = (0..enough).rev().find(|iss| read(*iss).0 <= MAX_LEASE_BYTES).unwrap();
    let (length, lease) = read(longest);
    assert_eq!((length, lease.is_ok()), (16 * 1024, true));
    assert_eq!(read(longest + 1).1, Err(LeaseError::Malformed));
}
