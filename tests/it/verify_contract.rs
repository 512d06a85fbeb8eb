//! `POST /api/verify`: every row of its table, status, headers and exact body.

use std::collections::BTreeMap;

use falconer_domain::hardware::{DeviceId, Label, ReceivedComponents, StoredComponent};
use falconer_domain::issue::NewLicense;
use falconer_domain::jwks::Jwks;
use falconer_domain::license::Device;
use falconer_domain::{Code, KeyRing, Product, Status, TierName, UnixMillis, lease};
use falconer_tests::{Fixture, Reply, World, WorldOptions};
use serde_json::{Value, json};

const YEAR_2100: UnixMillis = UnixMillis(4_102_444_800_000);
const NONCE: &str = "nonce-of-sixteen-and-more";
const MAC: &str = "fixture-hardware-mac";
const BOARD: &str = "fixture-hardware-board";

/// Binds a device made of MAC and board.
fn bind(new: &mut NewLicense, ring: &KeyRing) {
    let mut received = ReceivedComponents::default();
    received.insert(Label::Mac, MAC).unwrap();
    received.insert(Label::Board, BOARD).unwrap();
    let hashed = received.hashed(ring.generation(new.license.generation).unwrap(), &new.license.id);
    let component = |label| (label, StoredComponent { hash: *hashed.get(label).unwrap(), learned_at: None });
    let device = Device {
        name: Some("Laptop".to_owned()),
        components: BTreeMap::from([component(Label::Mac), component(Label::Board)]),
        bound_at: UnixMillis(1_700_000_000_000),
        seen_at: UnixMillis(1_700_000_003_000),
    };
    new.license.devices.insert(DeviceId::from_random([7; 10]), device);
}

fn status(status: Status) -> impl FnOnce(&mut NewLicense, &KeyRing) + 'static {
    move |new, _| new.license.status = status
}

/// The body with what differs from call to call checked and named: the lease must verify and say what the body says.
fn settled(world: &World, reply: &Reply) -> Value {
    let mut body = reply.body.clone();
    if let Some(jws) = body.get("lease").and_then(Value::as_str).map(str::to_owned) {
        let keys = Jwks::of(&world.ring()).keys;
        let product = Product::parse("QF").unwrap();
        let trusted = |kid: &str| keys.iter().find(|key| key.kid == kid)?.public_key();
        let claims = lease::verify(&jws, &product, trusted).expect("a lease that verifies");
        assert_eq!(claims.code, reply.code());
        assert_eq!(claims.valid, reply.body["valid"]);
        assert_eq!(claims.iss, world.settings.lease_issuer);
        body["lease"] = "<lease>".into();
    }
    for member in ["requestId", "checkedAt", "licenseId"] {
        if body.get(member).is_some() {
            body[member] = format!("<{member}>").into();
        }
    }
    body
}

fn refusal(code: Code) -> Value {
    json!({ "valid": false, "error": code.text(), "code": code.name(), "requestId": "<requestId>", "lease": "<lease>" })
}

fn problem(code: Code, detail: &str) -> Value {
    json!({
        "type": format!("/docs/errors.md#{}", code.name().to_lowercase()),
        "title": code.text(),
        "status": code.status(),
        "detail": detail,
        "valid": false,
        "error": if code == Code::InvalidField { detail.trim_end_matches('.') } else { code.text() },
        "code": code.name(),
        "requestId": "<requestId>",
    })
}

fn yes(tier: &str, features: &Value, device: &Value) -> Value {
    json!({
        "valid": true,
        "code": "VALID",
        "tier": tier,
        "expiresAt": 4_102_444_800_000_i64,
        "perpetual": false,
        "userId": "user_12345",
        "features": features,
        "licenseId": "<licenseId>",
        "device": device,
        "checkedAt": "<checkedAt>",
        "lease": "<lease>",
    })
}

fn free_features() -> Value {
    json!(["basic_dashboard", "manual_trading", "basic_analytics", "community_read"])
}

fn check(world: &World, name: &str, request: &Value, expected: &Value) -> Reply {
    let reply = world.post("/api/verify", request);
    assert_eq!(settled(world, &reply), *expected, "{name}");
    let code = Code::ALL.iter().find(|code| code.name() == reply.code()).expect("a code of the table");
    assert_eq!(reply.status, code.status(), "{name}");
    check_headers(name, &reply);
    reply
}

fn check_headers(name: &str, reply: &Reply) {
    let is_problem = reply.body.get("type").is_some();
    let media_type = if is_problem { "application/problem+json" } else { "application/json" };
    assert_eq!(reply.header("content-type"), Some(media_type), "{name}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{name}");
    let id = reply.header("x-request-id").expect("a request id");
    assert!(reply.body.get("requestId").is_none_or(|told| told == id), "{name}");
}

#[test]
fn a_yes_says_what_s1_said_and_more() {
    let world = World::start();
    let key = world.put(Fixture::of_tier("free").ending(YEAR_2100));
    let reply =
        check(&world, "free", &json!({ "license": key }), &yes("free", &free_features(), &Value::Null));
    assert!(reply.body["checkedAt"].is_i64());
    let (header, claims) = reply.lease_parts();
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": "lease+jwt", "kid": "1" }));
    assert_eq!(
        claims["exp"].as_i64(),
        claims["iat"].as_i64().map(|iat| iat + 300),
        "no device, no offline use"
    );
    assert_eq!(
        (&claims["aud"], &claims["sub"], &claims["jti"], &claims["license_expires_at"]),
        (
            &json!("QF"),
            &reply.body["licenseId"],
            &json!(reply.header("x-request-id")),
            &json!(4_102_444_800_i64)
        )
    );

    let legacy = world.put(Fixture::of_tier("free").with_legacy_key().ending(YEAR_2100));
    let full = json!({
        "license": legacy.to_lowercase(), "timestamp": 1_234_567_890_000_i64, "origin": "quantum-falcon-cockpit",
        "nonce": NONCE, "unknown": [1],
    });
    let reply = check(&world, "S1's own request", &full, &yes("free", &free_features(), &Value::Null));
    assert_eq!(reply.lease_parts().1["nonce"], NONCE);

    let extras = |new: &mut NewLicense, _: &KeyRing| new.license.features = vec!["api_access".to_owned()];
    let key = world.put(Fixture::of_tier("free").ending(YEAR_2100).with(extras));
    let mut features = free_features();
    features.as_array_mut().unwrap().push("api_access".into());
    check(&world, "extras", &json!({ "license_key": key }), &yes("free", &features, &Value::Null));

    let key = world.put(Fixture::of_tier("free").with(|new, _| new.license.user_id = None));
    let mut perpetual = yes("free", &free_features(), &Value::Null);
    perpetual["expiresAt"] = json!(253_402_300_799_000_i64);
    perpetual["perpetual"] = json!(true);
    perpetual["userId"] = Value::Null;
    let reply = check(&world, "perpetual", &json!({ "licenseKey": key }), &perpetual);
    assert_eq!(reply.lease_parts().1["license_expires_at"], Value::Null);
}

#[test]
fn every_refusal_about_a_license() {
    let world = World::start();
    let cases: Vec<(Code, String)> = vec![
        (Code::NotFound, world.key_without_license()),
        (Code::Revoked, world.put(Fixture::pro().with(status(Status::Revoked)))),
        (Code::Suspended, world.put(Fixture::pro().with(status(Status::Suspended)))),
        (Code::Pending, world.put(Fixture::pro().with(status(Status::Pending)))),
        (Code::Expired, world.put(Fixture::pro().ending(UnixMillis(1_700_000_000_000)))),
    ];
    for (code, key) in cases {
        let request = json!({ "license": key, "nonce": NONCE });
        let reply = check(&world, code.name(), &request, &refusal(code));
        let claims = reply.lease_parts().1;
        assert_eq!(claims["nonce"], NONCE, "a refusal is signed over the caller's nonce");
        assert_eq!(claims["sub"], world.license_id(&key).as_str());
        assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|iat| iat + 300));
    }
}

#[test]
fn hardware_decides_last() {
    let world = World::start();
    let unbound = world.put(Fixture::of_tier("free").ending(YEAR_2100));
    let bound = world.put(Fixture::of_tier("free").ending(YEAR_2100).with(bind));
    let required = world.put(
        Fixture::of_tier("free")
            .ending(YEAR_2100)
            .with(bind)
            .with(|new, _| new.license.policy.hardware_required = Some(true)),
    );
    let here = json!({ "mac": MAC, "board": BOARD, "cpu": "fixture-hardware-cpu" });
    let elsewhere = json!({ "mac": "fixture-hardware-other", "board": "fixture-hardware-another" });
    let device = json!({
        "id": DeviceId::from_random([7; 10]).as_str(),
        "name": "Laptop",
        "activatedAt": 1_700_000_000_000_i64,
        "lastSeenAt": 1_700_000_003_000_i64,
    });
    let with_device = yes("free", &free_features(), &device);
    let without = yes("free", &free_features(), &Value::Null);
    for (name, key, hardware, expected) in [
        ("nothing bound", &unbound, &here, refusal(Code::NotActivated)),
        ("required, not given", &required, &Value::Null, refusal(Code::NotActivated)),
        ("required, nothing usable given", &required, &json!({ "mac": "" }), refusal(Code::NotActivated)),
        ("another machine", &bound, &elsewhere, refusal(Code::HardwareMismatch)),
        ("one of two", &bound, &json!({ "mac": MAC }), refusal(Code::HardwareMismatch)),
        ("this machine", &bound, &here, with_device.clone()),
        ("this machine, required", &required, &here, with_device.clone()),
        ("not given, not required", &bound, &Value::Null, without),
    ] {
        let request = json!({ "license": key, "hardware": hardware, "hardware_format": 1 });
        check(&world, name, &request, &expected);
    }

    let flat =
        json!({ "license": bound, "hw_component_1": MAC, "hw_component_2": null, "hw_component_3": BOARD });
    let reply = check(&world, "S2's columns", &flat, &with_device);
    let claims = reply.lease_parts().1;
    assert_eq!(claims["hw"].as_object().unwrap().keys().collect::<Vec<_>>(), ["board", "mac"]);
    assert_eq!(claims["device"], device["id"]);
    let day = 86_400;
    let from_iat = |claim: &str| claims[claim].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((from_iat("refresh_at"), from_iat("exp"), from_iat("nbf")), (day, 8 * day, -300));
    let short = json!({ "license": bound, "hw1": MAC, "hw2": "", "hw3": BOARD });
    check(&world, "S2's short names", &short, &with_device);
}

#[test]
fn texts_that_are_no_keys() {
    let world = World::start();
    let good = world.put(Fixture::pro());
    let mut tampered = good.clone();
    let last = tampered.pop().unwrap();
    tampered.push(if last == '0' { '2' } else { '0' });
    let unknown_generation = format!("{}9{}", &good[..7], &good[8..]);
    let mut unsigned = refusal(Code::InvalidSignature);
    unsigned.as_object_mut().unwrap().remove("lease");
    for (name, typed) in [
        ("empty", ""),
        ("blank", "   "),
        ("longer than 128 bytes", &"A".repeat(129)),
        ("not a key", "ABC-123-XYZ"),
        ("wrong tag", &tampered),
        ("unknown generation", &unknown_generation),
        ("emoji", "🔑🔑🔑"),
        ("S1's example", "QF-PRO-a1b2c3d4e5f6-1234567890"),
    ] {
        world.speak(typed);
        check(&world, name, &json!({ "license": typed }), &unsigned);
    }
}

#[test]
fn fields_are_refused_by_name_and_never_by_value() {
    let world = World::start();
    let key = world.put(Fixture::pro());
    let components = "must have 8 to 128 printable characters.";
    for (member, value, detail) in [
        ("license", json!(12), "license must be a string."),
        ("license", json!([key]), "license must be a string."),
        ("origin", json!(7), "origin must be a string."),
        ("origin", json!("x".repeat(256)), "origin must have at most 255 characters."),
        ("origin", json!("two\nlines"), "origin must not contain control characters."),
        ("nonce", json!("short"), "nonce must be 16 to 128 visible ASCII characters."),
        ("nonce", json!("x".repeat(129)), "nonce must be 16 to 128 visible ASCII characters."),
        ("nonce", json!("with a space in it"), "nonce must be 16 to 128 visible ASCII characters."),
        ("nonce", json!({}), "nonce must be a string."),
        ("hardware", json!([]), "hardware must be an object of component labels and texts."),
        ("hardware", json!({ "gpu": "fixture-hardware" }), "hardware has a label that is not known here."),
        ("hardware", json!({ "mac": 5 }), "hardware.mac must be a string."),
        ("hardware", json!({ "mac": "1234567" }), &format!("hardware.mac {components}")),
        ("hardware", json!({ "mac": "x".repeat(129) }), &format!("hardware.mac {components}")),
        ("hw_component_1", json!("short"), &format!("hw_component_1 {components}")),
        ("hw3", json!(true), "hw3 must be a string."),
        ("hardware_format", json!(2), "hardware_format must be 1 or absent."),
        ("hardware_format", json!("1"), "hardware_format must be 1 or absent."),
    ] {
        let mut request = json!({ "license": key });
        request[member] = value;
        check(&world, detail, &request, &problem(Code::InvalidField, detail));
    }
    let whole = json!({ "license": key, "origin": "ü".repeat(255), "nonce": null, "hardware": null });
    assert_eq!(world.post("/api/verify", &whole).code(), "VALID");
    for (name, request) in [
        ("null is absent", json!({ "license": null, "license_key": key })),
        ("the first name counts", json!({ "license": key, "license_key": 7 })),
        ("snake_case wins", json!({ "license_key": key, "licenseKey": 7 })),
        ("camelCase", json!({ "licenseKey": key, "hardwareFormat": 1, "hwComponent1": "" })),
        ("snake_case wins again", json!({ "license": key, "hardware_format": 1, "hardwareFormat": 2 })),
    ] {
        assert_eq!(world.post("/api/verify", &request).code(), "VALID", "{name}");
    }
}

#[test]
fn bodies_that_are_no_request() {
    let world = World::start();
    let key = world.put(Fixture::pro());
    let not_json = Code::MalformedJson.row().next_step;
    let no_object = "The body is JSON but not an object.";
    let missing = Code::MissingLicense.row().next_step;
    let padded = |bytes: usize| {
        let bare = format!(r#"{{"license":"{key}","pad":""}}"#);
        bare.replace(r#""pad":"""#, &format!(r#""pad":"{}""#, "x".repeat(bytes - bare.len()))).into_bytes()
    };
    let nested = format!(r#"{{"license":"{key}","deep":{}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    let with_bytes = [br#"{"license":""#.as_slice(), &[0xFF, 0xFE], br#""}"#].concat();
    for (name, body, code, detail) in [
        ("empty", Vec::new(), Code::MalformedJson, not_json),
        ("text", b"hello".to_vec(), Code::MalformedJson, not_json),
        ("cut off", br#"{"license":"#.to_vec(), Code::MalformedJson, not_json),
        ("two values", b"{} {}".to_vec(), Code::MalformedJson, not_json),
        ("invalid UTF-8", with_bytes, Code::MalformedJson, not_json),
        ("deeply nested", nested.into_bytes(), Code::MalformedJson, not_json),
        ("array", b"[]".to_vec(), Code::MissingLicense, no_object),
        ("string", b"\"QF\"".to_vec(), Code::MissingLicense, no_object),
        ("null", b"null".to_vec(), Code::MissingLicense, no_object),
        ("no members", b"{}".to_vec(), Code::MissingLicense, missing),
        ("null member", br#"{"license":null}"#.to_vec(), Code::MissingLicense, missing),
        ("8 KiB and one byte", padded(8_193), Code::BodyTooLarge, Code::BodyTooLarge.row().next_step),
    ] {
        let reply = world.send("POST", "/api/verify", &[("content-type", "application/json")], &body);
        assert_eq!(settled(&world, &reply), problem(code, detail), "{name}");
        assert_eq!(reply.status, code.status(), "{name}");
        check_headers(name, &reply);
    }
    let send =
        |content_type: &[(&str, &str)], body: &[u8]| world.send("POST", "/api/verify", content_type, body);
    let json_type = ("content-type", "application/json; charset=utf-8");
    assert_eq!(send(&[json_type], &padded(8_192)).code(), "VALID");
    // Without a content type, and with one that is not text, the gateway hands the body over in base64.
    let plain = format!(r#"{{"license":"{key}"}}"#);
    assert_eq!(send(&[], plain.as_bytes()).code(), "VALID");
    let detail = Code::UnsupportedMediaType.row().next_step;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        let reply = send(&[("content-type", content_type)], plain.as_bytes());
        assert_eq!(settled(&world, &reply), problem(Code::UnsupportedMediaType, detail), "{content_type}");
        assert_eq!(reply.status, 415);
    }
    let base64 = send(&[("content-type", "application/vnd.falconer+json")], plain.as_bytes());
    assert_eq!(base64.code(), "VALID");
}

#[test]
fn other_methods_are_the_gateways_or_405() {
    let world = World::start();
    assert_eq!(world.get("/api/verify").status, 404, "the gateway knows no such route");
    let mut event = crate::events::event("verify", "post");
    event["requestContext"]["http"]["method"] = "PUT".into();
    let answer = world.gateway().invoke("verify", &event).unwrap().into_json().unwrap();
    assert_eq!(answer["statusCode"], 405);
    let headers = answer["headers"].as_object().unwrap();
    let reply = Reply {
        status: 405,
        headers: headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect(),
        body: serde_json::from_str(answer["body"].as_str().unwrap()).unwrap(),
    };
    let expected = problem(Code::MethodNotAllowed, "This endpoint answers POST only.");
    assert_eq!(settled(&world, &reply), expected);
    assert_eq!(reply.header("allow"), Some("POST"));
    check_headers("405", &reply);
}

#[test]
fn over_the_limit_says_when_to_come_back() {
    let world = World::with(&WorldOptions {
        settings: vec![("RATE_LIMIT_PER_MINUTE", "1".to_owned())],
        ..WorldOptions::default()
    });
    let key = world.put(Fixture::pro().with(status(Status::Revoked)));
    // The window may end between two calls, but hardly between every two of five.
    let replies: Vec<_> = (0..5).map(|_| world.verify(&key)).collect();
    assert_eq!(replies[0].code(), "REVOKED");
    let over = replies.iter().find(|reply| reply.status == 429).expect("one over the limit");
    let detail = Code::RateLimited.row().next_step;
    assert_eq!(settled(&world, over), problem(Code::RateLimited, detail), "and not REVOKED");
    check_headers("429", over);
    let seconds: u32 = over.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(over.header("ratelimit-policy"), Some(r#""verify";q=1;w=60"#));
    assert_eq!(over.header("ratelimit"), Some(format!(r#""verify";r=0;t={seconds}"#).as_str()));
}

#[test]
fn the_table_of_codes_is_covered() {
    // OK is not verify's, and only a bug is INTERNAL: falconer-http's own tests have one.
    let here = include_str!("verify_contract.rs");
    for code in Code::ALL.iter().filter(|code| ![Code::Ok, Code::Internal].contains(code)) {
        let variant = format!("Code::{code:?}");
        assert!(here.contains(&variant) || here.contains(code.name()), "{variant} is not covered");
    }
}

#[test]
fn a_tier_the_catalog_lacks_is_503_and_counted() {
    let world = World::start();
    let key = world.put(Fixture::pro().with(|new, _| new.license.tier = TierName::parse("gold").unwrap()));
    let detail = Code::Unavailable.row().next_step;
    let reply = check(&world, "gold", &json!({ "license": key }), &problem(Code::Unavailable, detail));
    assert_eq!(reply.header("retry-after"), Some("2"));
    assert_eq!(world.request_lines()[0]["UnknownTier"], 1);
}

#[test]
fn an_outage_is_told_before_lambda_would_tell_it() {
    assert_eq!(verify::ENDPOINT.deadline.as_millis(), 2_500);
}
