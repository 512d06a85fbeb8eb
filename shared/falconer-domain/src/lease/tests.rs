use super::*;
use crate::KeyRing;
use crate::hardware::{Label, ReceivedComponents};

const NOW: UnixMillis = UnixMillis(1_800_000_000_999);

fn ring() -> KeyRing {
    KeyRing::parse(r#"{"current":"1","1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#).unwrap()
}

fn claims(expires_in_seconds: Option<i64>, policy: &Policy, bound: bool) -> Claims {
    kept_claims(expires_in_seconds, policy, bound, None)
}

fn kept_claims(expires_in_seconds: Option<i64>, policy: &Policy, bound: bool, kept: Option<i64>) -> Claims {
    let product = Product::parse("QF").unwrap();
    let license_id = LicenseId::from_hash(&[1; 32]);
    let tier = TierName::parse("pro").unwrap();
    let context = LeaseContext {
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
        limits: &Limits::default(),
        maintenance: None,
        expires_at: expires_in_seconds.map(|seconds| UnixMillis((NOW.seconds() + seconds) * 1_000)),
        policy,
    };
    let device = DeviceId::from_random([0; 10]);
    let components = ReceivedComponents::from_iter([(Label::Mac, "x".repeat(8))]).lease(&[Label::Mac]);
    let kept_until = kept.map(|seconds| UnixMillis((NOW.seconds() + seconds) * 1_000));
    let bound = bound.then_some(Bound { device: &device, components: &components, kept_until });
    Claims::granted(&context, Code::Valid, &terms, bound)
}

#[test]
fn ends_after_grace_or_with_license() {
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
        assert_eq!((claims.at, claims.iat, claims.nbf), (1_800_000_000, 1_799_999_700, 1_799_999_700));
        assert_eq!(claims.exp - claims.at, exp, "{expires_in:?} {bound}");
        assert_eq!(claims.refresh_at.map(|at| at - claims.at), refresh_at, "{expires_in:?} {bound}");
        assert_eq!(
            (claims.interval.is_some(), claims.grace.is_some()),
            (bound, bound),
            "with a device alone"
        );
    }
}

#[test]
fn ends_with_the_long_lease_if_that_is_later() {
    let day = 86_400;
    let daily = Policy { check_interval_hours: 24, offline_grace_days: 7, ..Policy::DEFAULT };
    let monthly = Policy { check_interval_hours: 720, ..daily.clone() };
    for (kept, expires_in, policy, exp) in [
        (None, None, &daily, 8 * day),
        (Some(3 * day), None, &daily, 8 * day),
        (Some(365 * day), None, &daily, 365 * day),
        (Some(365 * day), Some(100 * day), &daily, 100 * day),
        (Some(365 * day), Some(500 * day), &daily, 365 * day),
        (Some(20 * day), None, &monthly, 37 * day),
        (Some(i64::MAX / 2_000), None, &daily, LATEST_END.seconds() - NOW.seconds()),
    ] {
        let claims = kept_claims(expires_in, policy, true, kept);
        let (interval, grace) = (claims.interval.unwrap(), claims.grace.unwrap());
        assert_eq!(claims.exp - claims.at, exp, "{kept:?} {expires_in:?}");
        let refresh_at = claims.refresh_at.unwrap() - claims.at;
        assert_eq!(refresh_at, i64::from(policy.check_interval_hours) * 3_600, "checked as often as ever");
        assert_eq!(claims.exp - claims.at, (interval + grace).min(expires_in.unwrap_or(i64::MAX)));
        assert_eq!(claims.air_gap, None);
    }
    assert_eq!(kept_claims(None, &daily, false, Some(365 * day)).exp - NOW.seconds(), 300, "no device");
}

#[test]
fn caps_the_license_end() {
    let latest = LATEST_END.seconds();
    for (end, told) in
        [(latest - 1, latest - 1), (latest, latest), (latest + 1, latest), (latest * 2, latest)]
    {
        let claims = claims(Some(end - NOW.seconds()), &Policy::DEFAULT, true);
        assert_eq!(claims.license_expires_at, Some(told), "{end}");
    }
}

/// A lease and the refusals of one license: every code, with and without a license, by the same key.
fn refusals() -> Vec<Claims> {
    let product = Product::parse("QF").unwrap();
    let license_id = LicenseId::from_hash(&[1; 32]);
    let tier = TierName::parse("pro").unwrap();
    let nonce = Some("nnnnnnnnnnnnnnnnnnnnnn");
    let context = LeaseContext {
        issuer: "https://licenses.example.com",
        product: &product,
        license_id: &license_id,
        request_id: "r",
        nonce,
        now: NOW,
    };
    let limits = Limits::default();
    let (tier, policy) = (&tier, &Policy::DEFAULT);
    let terms = Terms { tier, features: &[], limits: &limits, maintenance: None, expires_at: None, policy };
    let refused =
        |code| [None, Some(&terms)].map(|terms: Option<&Terms<'_>>| Claims::refused(&context, code, terms));
    Code::ALL.iter().copied().flat_map(refused).collect()
}

/// The recipe of a verifier that a stranger writes: type, audience, signature. Each alone tells a refusal from a lease.
#[test]
fn no_refusal_passes_for_a_lease() {
    let ring = ring();
    let key = ring.current().signing_key();
    for claims in refusals() {
        let jws = claims.sign(ring.current());
        let (signed, _) = jws.rsplit_once('.').unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        let header: serde_json::Value = serde_json::from_slice(&decoded(header).unwrap()).unwrap();
        assert_eq!(header["typ"], "refusal+jwt", "{}", claims.code);
        assert_eq!(claims.aud, "QF/refusal", "{}", claims.code);
        assert_eq!((claims.interval, claims.grace, claims.exp), (None, None, claims.at + 300));
        let read = verify(&jws, &Product::parse("QF").unwrap(), |_| Some(key.verifying_key()));
        assert_eq!(read, Ok(claims.clone()));

        let retyped = BASE64URL_NOPAD.encode(br#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1"}"#);
        assert_eq!(read_signed(key, &format!("{retyped}.{payload}")), Err(LeaseError::WrongType));
    }
}

#[test]
fn type_audience_decision_must_agree() {
    let ring = ring();
    let key = ring.current().signing_key();
    for (typ, aud, valid, expected) in [
        ("lease+jwt", "QF", true, Ok(())),
        ("refusal+jwt", "QF/refusal", false, Ok(())),
        ("lease+jwt", "QF", false, Err(LeaseError::WrongType)),
        ("lease+jwt", "QF/refusal", false, Err(LeaseError::WrongType)),
        ("refusal+jwt", "QF", true, Err(LeaseError::WrongType)),
        ("refusal+jwt", "QF/refusal", true, Err(LeaseError::WrongType)),
        ("lease+jwt", "QF/refusal", true, Err(LeaseError::WrongAudience)),
        ("refusal+jwt", "QF", false, Err(LeaseError::WrongAudience)),
        ("refusal+jwt", "ACME/refusal", false, Err(LeaseError::WrongAudience)),
        ("lease+jwt", "qf", true, Err(LeaseError::WrongAudience)),
        ("LEASE+JWT", "QF", true, Err(LeaseError::WrongType)),
        ("application/lease+jwt", "QF", true, Err(LeaseError::WrongType)),
        ("JWT", "QF", true, Err(LeaseError::WrongType)),
        ("", "QF", true, Err(LeaseError::WrongType)),
    ] {
        let claims = Claims { aud: aud.to_owned(), valid, ..claims(None, &Policy::DEFAULT, true) };
        let header = format!(r#"{{"alg":"EdDSA","typ":"{typ}","kid":"1"}}"#);
        let parts = [header.into_bytes(), serde_json::to_vec(&claims).unwrap()];
        let signed = parts.map(|part| BASE64URL_NOPAD.encode(&part)).join(".");
        assert_eq!(read_signed(key, &signed).map(drop), expected, "{typ} {aud} {valid}");
    }
}

/// A lease of 0.1.0: without `at`, and `iat` is the moment itself.
#[test]
fn lease_without_moment_is_malformed() {
    let ring = ring();
    let mut claims = serde_json::to_value(claims(None, &Policy::DEFAULT, true)).unwrap();
    claims.as_object_mut().unwrap().remove("at");
    let parts = [br#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1"}"#.to_vec(), claims.to_string().into_bytes()];
    let signed = parts.map(|part| BASE64URL_NOPAD.encode(&part)).join(".");
    assert_eq!(read_signed(ring.current().signing_key(), &signed), Err(LeaseError::Malformed));
}

fn read_signed(key: &ed25519_dalek::SigningKey, signed: &str) -> Result<Claims, LeaseError> {
    let signature = BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes()).to_bytes());
    let product = Product::parse("QF").unwrap();
    verify(&format!("{signed}.{signature}"), &product, |_| Some(key.verifying_key()))
}

proptest::proptest! {
    /// The audience of a refusal is never a product.
    #[test]
    fn refusal_audience_is_not_a_product(one in "[A-Z0-9]{2,8}", other in "[A-Z0-9/a-z]{2,16}") {
        let one = Product::parse(&one).unwrap();
        let refusal = Kind::Refusal.audience(&one);
        proptest::prop_assert!(Product::parse(&refusal).is_none());
        if let Some(other) = Product::parse(&other) {
            proptest::prop_assert_ne!(refusal, Kind::Lease.audience(&other));
        }
    }
}

#[test]
fn refuses_unexpected_headers() {
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
        (r#"{"alg":"none","typ":"lease+jwt","kid":"1"}"#, LeaseError::WrongAlgorithm),
        (r#"{"alg":"eddsa","typ":"lease+jwt","kid":"1"}"#, LeaseError::WrongAlgorithm),
        (r#"{"alg":"Ed448","typ":"lease+jwt","kid":"1"}"#, LeaseError::WrongAlgorithm),
        (r#"{"alg":"ES256","typ":"lease+jwt","kid":"1"}"#, LeaseError::WrongAlgorithm),
        (r#"{"alg":"EdDSA","kid":"1"}"#, LeaseError::WrongType),
    ] {
        let signed = format!("{}.{payload}", BASE64URL_NOPAD.encode(header.as_bytes()));
        assert_eq!(read_signed(key, &signed), Err(expected), "{header}");
    }
    // The same signature under its newer name (RFC 9864).
    let newer = BASE64URL_NOPAD.encode(br#"{"alg":"Ed25519","typ":"lease+jwt","kid":"1"}"#);
    assert!(read_signed(key, &format!("{newer}.{payload}")).is_ok());
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
fn reads_up_to_the_longest_length() {
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
