//! `POST /api/deactivate`: every row of its table, with the whole body, the stored license and the audit row.

use falconer_domain::seats::{FormerDevice, Reclaim};
use falconer_domain::{Code, Status, UnixMillis};
use falconer_tests::{Fixture, Machine, TestStack, device_id};
use serde_json::{Value, json};

use crate::contract::{
    ACTIVATE, Case, ContractEffects, DAY, DEACTIVATE, NONCE, VERIFY, ago, caller_of, named, new_device, put,
    seen_device, with, with_status, yes,
};

const FREED: &[&str] = &["devices", "last_request", "released", "version"];

/// The yes of this endpoint: valid it is not, for the device holds no seat any more.
fn freed(used: u32, max: u32) -> Value {
    json!({
        "success": true,
        "valid": false,
        "code": Code::Deactivated.name(),
        "licenseId": "<licenseId>",
        "seats": { "used": used, "max": max },
        "checkedAt": "<now>",
        "requestId": "<requestId>",
        "lease": "<lease>",
    })
}

fn check(stack: &TestStack, name: &str, key: &str, request: Value, body: Value) -> ContractEffects {
    DEACTIVATE.check(stack, &Case { name, key, request, body, hw: Value::Null, changed: FREED })
}

#[test]
fn a_seat_is_freed_in_every_status() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let (day, month) = (ago(DAY), ago(30 * DAY));
    let bound = || Fixture::pro().bound(1, &a, month);
    for (name, fixture) in [
        ("active", bound()),
        ("pending", with_status(bound(), Status::Pending)),
        ("suspended", with_status(bound(), Status::Suspended)),
        ("revoked", with_status(bound(), Status::Revoked)),
        ("expired", bound().ending(day)),
        ("revoked and expired", with_status(bound(), Status::Revoked).ending(day)),
        ("a legacy key", bound().with_legacy_key()),
    ] {
        let key = put(&stack, fixture);
        let id = stack.license_id(&key);
        let device = stack.stored(&id).devices.remove(&device_id(1)).unwrap();
        let request = with(a.request(&key), json!({ "nonce": NONCE, "origin": "fixture-app" }));
        let told = check(&stack, name, &key, request.clone(), freed(0, 1));
        let license = stack.stored(&id);
        let at = UnixMillis(told.reply.body["checkedAt"].as_i64().unwrap());
        let released = FormerDevice { device, at, may_return: true, reclaim: Reclaim::Never };
        assert_eq!(license.released.get(&device_id(1)), Some(&released), "{name}");
        assert_eq!(
            (license.devices.len(), license.free_used),
            (0, 1),
            "{name}: its first binding stays used"
        );

        DEACTIVATE.check_no(&stack, name, &key, request, DEACTIVATE.no(Code::DeviceNotBound));
    }
}

#[test]
fn hardware_in_every_spelling() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let columns = json!({ "hw_component_1": a.mac, "hw_component_2": a.cpu, "hw_component_3": a.board });
    for (name, members) in [
        ("today's client", json!({ "hardware": a.hardware(), "hardware_format": 1 })),
        ("no format", json!({ "hardware": a.hardware() })),
        ("the spreadsheet's columns", columns),
        ("in camelCase", json!({ "hwComponent1": a.mac, "hwComponent2": a.cpu, "hwComponent3": a.board })),
        ("the spreadsheet's short names", json!({ "hw1": a.mac, "hw2": a.cpu, "hw3": a.board })),
        ("two parts of three", json!({ "hardware": { "mac": a.mac, "cpu": a.cpu } })),
        (
            "one part changed",
            json!({ "hardware": { "mac": a.mac, "cpu": "fixture-hardware", "board": a.board } }),
        ),
        // What the endpoints for seats would look at is of no interest here.
        (
            "other members",
            json!({ "hw1": a.mac, "hw2": a.cpu, "device_name": 7, "from_device": [], "status": 7 }),
        ),
    ] {
        let key = put(&stack, Fixture::pro().bound(1, &a, ago(DAY)));
        let mut body = freed(0, 1);
        if name == "other members" {
            body["ignored"] = json!(["device_name"]);
        }
        check(&stack, name, &key, with(json!({ "licenseKey": key }), members), body);
    }
}

#[test]
fn frees_only_the_callers_seat() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let day = ago(DAY);
    let key = put(&stack, Fixture::pro().seats(2).bound(1, &a, day).bound(2, &b, day));
    let told = check(&stack, "the first of two", &key, a.request(&key), freed(1, 2));
    assert_eq!(
        told.after["devices"]["M"][device_id(2).as_str()],
        told.before["devices"]["M"][device_id(2).as_str()]
    );
    check(&stack, "the second", &key, b.request(&key), freed(0, 2));
}

#[test]
fn freed_seat_can_be_taken_again() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let day = ago(DAY);
    let key = put(&stack, Fixture::pro().bound(1, &a, day));
    check(&stack, "freed", &key, a.request(&key), freed(0, 1));
    let verified = stack.post("/api/verify", &a.request(&key));
    assert_eq!(named(&stack, &verified, |_| true), VERIFY.no(Code::NotActivated));

    // The same machine comes back uncounted, under its old id, and may free its seat again.
    let body = yes(Code::Activated, seen_device(1, day), (1, 1), (0, 3, Value::Null));
    let request = a.request(&key);
    ACTIVATE
        .check(&stack, &Case { name: "back", key: &key, request, body, hw: a.hardware(), changed: FREED });
    check(&stack, "freed again", &key, a.request(&key), freed(0, 1));

    // Another machine is counted: the seat has had its first device.
    let body = yes(Code::Activated, new_device(Value::Null), (1, 1), (1, 3, json!("<now+1d>")));
    let changed = &["devices", "last_request", "released", "transfers", "transfers_total", "version"];
    let case = Case { name: "another", key: &key, request: b.request(&key), body, hw: b.hardware(), changed };
    ACTIVATE.check(&stack, &case);
}

#[test]
fn deactivation_writes_audit_row() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let key = put(&stack, Fixture::pro().bound(1, &a, ago(DAY)));
    let id = stack.license_id(&key);
    let reply = stack.deactivate(&key, &a);
    assert_eq!(reply.code(), "DEACTIVATED");
    let device = json!({ "S": device_id(1).as_str() });
    let request_id = reply.header("x-request-id").unwrap();
    let row = json!({
        "license_id": { "S": id.as_str() },
        "at": { "S": format!("{}#{request_id}", reply.body["checkedAt"]) },
        "schema": { "N": "1" },
        "action": { "S": "deactivate" },
        "code": { "S": "DEACTIVATED" },
        "request_id": { "S": request_id },
        "actor": { "S": "client" },
        "device": device,
        "changes": { "M": {
            "devices": { "M": { "before": { "L": [device] }, "after": { "L": [] } } },
            "released": { "M": { "after": { "L": [device] } } },
        } },
    });
    stack.settle();
    let caller = caller_of(&row, "203.0.113.1", None);
    assert_eq!(stack.audit_rows(&id), [row, caller]);
}

// ---- The refusals

#[test]
fn refuses_unbound_devices() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let bound = || Fixture::pro().bound(1, &a, ago(DAY));
    for (name, fixture, members) in [
        ("nothing is bound", Fixture::pro(), json!({ "hardware": a.hardware() })),
        ("another machine", bound(), json!({ "hardware": b.hardware() })),
        ("no hardware", bound(), json!({})),
        ("one part of three", bound(), json!({ "hardware": { "mac": a.mac } })),
        ("weak parts", bound(), json!({ "hardware": { "cpu": a.cpu, "hostname": "fixture-hardware-host" } })),
        ("two parts changed", bound(), json!({ "hw1": a.mac, "hw2": b.cpu, "hw3": b.board })),
        ("revoked", with_status(bound(), Status::Revoked), json!({ "hardware": b.hardware() })),
        ("suspended", with_status(bound(), Status::Suspended), json!({ "hardware": b.hardware() })),
        ("pending", with_status(bound(), Status::Pending), json!({ "hardware": b.hardware() })),
        ("expired", bound().ending(ago(DAY)), json!({ "hardware": b.hardware() })),
        ("a legacy key", Fixture::pro().with_legacy_key(), json!({ "hardware": a.hardware() })),
    ] {
        let key = put(&stack, fixture);
        let request = with(json!({ "license": key, "nonce": NONCE }), members);
        DEACTIVATE.check_no(&stack, name, &key, request, DEACTIVATE.no(Code::DeviceNotBound));
    }
}

#[test]
fn refuses_unknown_license() {
    let stack = TestStack::start();
    let key = stack.key_without_license();
    let bare = json!({ "license": key, "nonce": NONCE, "origin": "fixture-app" });
    for (name, request) in [("bare", bare), ("with hardware", Machine::named("a").request(&key))] {
        DEACTIVATE.check_no(&stack, name, &key, request, DEACTIVATE.no(Code::NotFound));
    }
}

// ---- What every endpoint refuses

#[test]
fn refuses_malformed_bodies() {
    DEACTIVATE.refuses_bodies_that_are_no_request();
}

#[test]
fn refuses_texts_that_are_not_keys() {
    DEACTIVATE.refuses_texts_that_are_no_keys();
}

#[test]
fn refusals_name_fields_not_values() {
    DEACTIVATE.refuses_fields_by_name_and_never_by_value(&[]);
}

#[test]
fn refuses_other_methods() {
    DEACTIVATE.answers_post_only();
}

#[test]
fn over_limit_says_when_to_retry() {
    DEACTIVATE.refuses_over_its_limit(Code::DeviceNotBound);
}

#[test]
fn an_outage_changes_nothing() {
    let a = Machine::named("a");
    DEACTIVATE.tells_an_outage_and_changes_nothing(|| Fixture::pro().bound(1, &a, ago(DAY)), &a);
}
