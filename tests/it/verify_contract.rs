//! `POST /api/verify`: every row of its table, status, headers and exact body.

use falconer_domain::hardware::{ComponentForm, DeviceId, Label, ReceivedComponents};
use falconer_domain::issue::NewLicense;
use falconer_domain::license::Device;
use falconer_domain::person::DeviceName;
use falconer_domain::{Code, KeyRing, Status, TierName, UnixMillis};
use falconer_tests::{Fixture, Reply, TestStack};
use serde_json::{Value, json};

use crate::contract::{NONCE, VERIFY, check_head, named, with_status};

const YEAR_2100: UnixMillis = UnixMillis(4_102_444_800_000);
const MAC: &str = "fixture-hardware-mac";
const BOARD: &str = "fixture-hardware-board";

/// Binds a device made of MAC and board.
fn bind(new: &mut NewLicense, ring: &KeyRing) {
    let mut received = ReceivedComponents::default();
    received.insert(Label::Mac, MAC).unwrap();
    received.insert(Label::Board, BOARD).unwrap();
    let hashed = received.hashed(ring.generation(new.license.generation).unwrap(), &new.license.id);
    let device = Device {
        name: DeviceName::read("Laptop").unwrap(),
        components: hashed.stored(),
        form: ComponentForm::Opaque,
        bound_at: UnixMillis(1_700_000_000_000),
        seen_at: UnixMillis(1_700_000_003_000),
    };
    new.license.devices.insert(DeviceId::from_random([7; 10]), device);
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
        "checkedAt": "<now>",
        "lease": "<lease>",
    })
}

fn free_features() -> Value {
    json!(["basic_dashboard", "manual_trading", "basic_analytics", "community_read"])
}

fn check(stack: &TestStack, name: &str, request: &Value, expected: &Value) -> Reply {
    let reply = stack.post("/api/verify", request);
    assert_eq!(named(stack, &reply, |_| true), *expected, "{name}");
    check_head(name, &reply);
    reply
}

#[test]
fn grant_extends_the_flask_answer() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::of_tier("free").ending(YEAR_2100));
    let reply =
        check(&stack, "free", &json!({ "license": key }), &yes("free", &free_features(), &Value::Null));
    assert!(reply.body["checkedAt"].is_i64());
    let (header, claims) = reply.lease_parts();
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": "lease+jwt", "kid": "1" }));
    let at = claims["at"].as_i64();
    assert_eq!(at, reply.body["checkedAt"].as_i64().map(|millis| millis.div_euclid(1_000)));
    assert_eq!(claims["exp"].as_i64(), at.map(|at| at + 300), "no device, no offline use");
    for skewed in ["iat", "nbf"] {
        assert_eq!(claims[skewed].as_i64(), at.map(|at| at - 300), "{skewed} leaves room for a slow clock");
    }
    assert_eq!((&claims["interval"], &claims["grace"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&claims["aud"], &claims["sub"], &claims["jti"], &claims["license_expires_at"]),
        (
            &json!("QF"),
            &reply.body["licenseId"],
            &json!(reply.header("x-request-id")),
            &json!(4_102_444_800_i64)
        )
    );

    let legacy = stack.put(Fixture::of_tier("free").with_legacy_key().ending(YEAR_2100));
    let full = json!({
        "license": legacy.to_lowercase(), "timestamp": 1_234_567_890_000_i64, "origin": "quantum-falcon-cockpit",
        "nonce": NONCE, "unknown": [1],
    });
    let mut expected = yes("free", &free_features(), &Value::Null);
    expected["ignored"] = json!(["unknown"]);
    let reply = check(&stack, "the Flask server's own request", &full, &expected);
    assert_eq!(reply.lease_parts().1["nonce"], NONCE);

    let extras = |new: &mut NewLicense, _: &KeyRing| new.license.features = vec!["api_access".to_owned()];
    let key = stack.put(Fixture::of_tier("free").ending(YEAR_2100).with(extras));
    let mut features = free_features();
    features.as_array_mut().unwrap().push("api_access".into());
    check(&stack, "extras", &json!({ "license_key": key }), &yes("free", &features, &Value::Null));

    let key = stack.put(Fixture::of_tier("free").with(|new, _| new.license.user_id = None));
    let mut perpetual = yes("free", &free_features(), &Value::Null);
    perpetual["expiresAt"] = json!(253_370_764_800_000_i64);
    perpetual["perpetual"] = json!(true);
    perpetual["userId"] = Value::Null;
    let reply = check(&stack, "perpetual", &json!({ "licenseKey": key }), &perpetual);
    assert_eq!(reply.lease_parts().1["license_expires_at"], Value::Null);

    // The last second of the year 9999: a year of five digits in every time zone east of UTC.
    let key = stack.put(Fixture::of_tier("free").ending(UnixMillis(253_402_300_799_000)));
    perpetual["perpetual"] = json!(false);
    perpetual["userId"] = yes("free", &free_features(), &Value::Null)["userId"].clone();
    let reply = check(&stack, "too late", &json!({ "license": key }), &perpetual);
    assert_eq!(reply.lease_parts().1["license_expires_at"], 253_370_764_800_i64);
}

#[test]
fn license_refusals_are_signed() {
    let stack = TestStack::start();
    let cases: Vec<(Code, String)> = vec![
        (Code::NotFound, stack.key_without_license()),
        (Code::Revoked, stack.put(with_status(Fixture::pro(), Status::Revoked))),
        (Code::Suspended, stack.put(with_status(Fixture::pro(), Status::Suspended))),
        (Code::Pending, stack.put(with_status(Fixture::pro(), Status::Pending))),
        (Code::Expired, stack.put(Fixture::pro().ending(UnixMillis(1_700_000_000_000)))),
    ];
    for (code, key) in cases {
        let request = json!({ "license": key, "nonce": NONCE });
        let reply = check(&stack, code.name(), &request, &VERIFY.no(code));
        let (header, claims) = reply.lease_parts();
        assert_eq!(claims["nonce"], NONCE, "a refusal is signed over the caller's nonce");
        assert_eq!(claims["sub"], stack.license_id(&key).as_str());
        assert_eq!(claims["exp"].as_i64(), claims["at"].as_i64().map(|at| at + 300));
        // By nothing that a verifier checks does it pass for a lease.
        assert_eq!((&header["typ"], &claims["aud"]), (&json!("refusal+jwt"), &json!("QF/refusal")));
    }
}

#[test]
fn hardware_decides_last() {
    let stack = TestStack::start();
    let unbound = stack.put(Fixture::of_tier("free").ending(YEAR_2100));
    let bound = stack.put(Fixture::of_tier("free").ending(YEAR_2100).with(bind));
    let required = stack.put(
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
        ("nothing bound", &unbound, &here, VERIFY.no(Code::NotActivated)),
        ("required, not given", &required, &Value::Null, VERIFY.no(Code::NotActivated)),
        ("required, nothing usable given", &required, &json!({ "mac": "" }), VERIFY.no(Code::NotActivated)),
        ("another machine", &bound, &elsewhere, VERIFY.no(Code::HardwareMismatch)),
        ("one of two", &bound, &json!({ "mac": MAC }), VERIFY.no(Code::HardwareMismatch)),
        ("this machine", &bound, &here, with_device.clone()),
        ("this machine, required", &required, &here, with_device.clone()),
        ("not given, not required", &bound, &Value::Null, without),
    ] {
        let request = json!({ "license": key, "hardware": hardware, "hardware_format": 1 });
        check(&stack, name, &request, &expected);
    }

    let flat =
        json!({ "license": bound, "hw_component_1": MAC, "hw_component_2": null, "hw_component_3": BOARD });
    let reply = check(&stack, "the spreadsheet's columns", &flat, &with_device);
    let claims = reply.lease_parts().1;
    assert_eq!(claims["hw"].as_object().unwrap().keys().collect::<Vec<_>>(), ["board", "mac"]);
    assert_eq!(claims["device"], device["id"]);
    let day = 86_400;
    let from_at = |claim: &str| claims[claim].as_i64().unwrap() - claims["at"].as_i64().unwrap();
    assert_eq!(
        (from_at("refresh_at"), from_at("exp"), from_at("iat"), from_at("nbf")),
        (day, 8 * day, -300, -300)
    );
    let short = json!({ "license": bound, "hw1": MAC, "hw2": "", "hw3": BOARD });
    check(&stack, "the spreadsheet's short names", &short, &with_device);
}

#[test]
fn refuses_texts_that_are_not_keys() {
    VERIFY.refuses_texts_that_are_no_keys();
}

#[test]
fn refusals_name_fields_not_values() {
    VERIFY.refuses_fields_by_name_and_never_by_value(&[]);
}

#[test]
fn refuses_malformed_bodies() {
    VERIFY.refuses_bodies_that_are_no_request();
}

#[test]
fn refuses_other_methods() {
    VERIFY.answers_post_only();
}

#[test]
fn over_limit_says_when_to_retry() {
    VERIFY.refuses_over_its_limit(Code::Revoked);
}

#[test]
fn the_table_of_codes_is_covered() {
    // Nothing else would miss the test of a row. OK is the health endpoint's, and only a bug is INTERNAL:
    // falconer-http's own tests have one.
    let elsewhere = [Code::Ok, Code::Internal];
    let contracts = [
        include_str!("contract/refusals.rs"),
        include_str!("verify_contract.rs"),
        include_str!("activate_contract.rs"),
        include_str!("activate_contract/refused.rs"),
        include_str!("transfer_contract.rs"),
        include_str!("deactivate_contract.rs"),
        include_str!("races.rs"),
        include_str!("lost_replies.rs"),
    ];
    for code in Code::ALL.iter().filter(|code| !elsewhere.contains(code)) {
        let spellings = [format!("Code::{code:?}"), format!("\"{}\"", code.name())];
        let covered =
            contracts.iter().any(|contract| spellings.iter().any(|spelling| contract.contains(spelling)));
        assert!(covered, "{code:?} is not covered");
    }
}

#[test]
fn unknown_tier_is_503_and_counted() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().with(|new, _| new.license.tier = TierName::parse("gold").unwrap()));
    let detail = Code::Unavailable.row().next_step;
    let reply = check(&stack, "gold", &json!({ "license": key }), &VERIFY.problem(Code::Unavailable, detail));
    assert_eq!(reply.header("retry-after"), Some("2"));
    assert_eq!(stack.request_lines()[0]["UnknownTier"], 1);
}

#[test]
fn outage_answers_before_lambda_limit() {
    assert_eq!(verify::ENDPOINT.deadline.as_millis(), 2_500);
}
