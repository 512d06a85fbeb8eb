//! `POST /api/activate-sync`: every row of its table, with the whole body, the stored license and the audit row.

mod refused;

use falconer_domain::hardware::{ComponentForm, Label, StoredComponent};
use falconer_domain::issue::NewLicense;
use falconer_domain::license::Device;
use falconer_domain::{Code, KeyRing, Status, UnixMillis};
use falconer_tests::{Fixture, Machine, TestStack, device_id};
use serde_json::{Value, json};

use crate::contract::{
    ACTIVATE, Case, ContractEffects, DAY, HOUR, NONCE, ago, caller_of, given_up, moved_at, new_device,
    no_transfers, old_device, one_transfer, opaque, put, seen_device, with, with_status, yes,
};

const FREE_SEAT: &[&str] = &["devices", "free_used", "last_request", "version"];
const COUNTED_SEAT: &[&str] = &["devices", "last_request", "transfers", "transfers_total", "version"];
const SEAT_OF_ANOTHER: &[&str] = &["devices", "last_request", "released", "version"];
const DEVICE_ONLY: &[&str] = &["devices", "last_request", "version"];
const NOTHING: &[&str] = &[];

const HINT: &str = "Deactivate the license on one of these devices, or transfer it to this one.";

/// A machine of today's client library asks, and says nothing else.
fn check(
    stack: &TestStack,
    name: &str,
    key: &str,
    machine: &Machine,
    body: Value,
    changed: &[&str],
) -> ContractEffects {
    let case = Case { name, key, request: machine.request(key), body, hw: machine.hardware(), changed };
    ACTIVATE.check(stack, &case)
}

// ---- The yeses

#[test]
fn binds_a_free_seat() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    for (name, fixture, seats, transfers) in [
        ("the first device", Fixture::pro(), (1, 1), no_transfers()),
        ("a legacy key", Fixture::pro().with_legacy_key(), (1, 1), no_transfers()),
        ("of two", Fixture::pro().seats(2), (1, 2), (0, 6, Value::Null)),
        ("the second", Fixture::pro().seats(2).bound(1, &b, ago(DAY)), (2, 2), (0, 6, Value::Null)),
    ] {
        let key = put(&stack, fixture);
        let body = yes(Code::Activated, new_device(Value::Null), seats, transfers);
        let told = check(&stack, name, &key, &a, body, FREE_SEAT);
        let (license, ring) = (stack.stored(&stack.license_id(&key)), stack.ring());
        let (_, device) = license.devices.iter().find(|(id, _)| **id != device_id(1)).unwrap();
        let at = UnixMillis(told.reply.body["checkedAt"].as_i64().unwrap());
        let expected = Device {
            name: None,
            components: a
                .received()
                .hashed(ring.generation(license.generation).unwrap(), &license.id)
                .stored(),
            form: ComponentForm::Keyed,
            bound_at: at,
            seen_at: at,
        };
        assert_eq!(*device, expected, "{name}");
        assert_eq!(license.free_used, seats.0, "{name}");
    }
}

#[test]
fn reused_vacant_seat_is_counted() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let activated = |transfers| yes(Code::Activated, new_device(Value::Null), (1, 1), transfers);
    let old = [ago(400 * DAY), ago(200 * DAY), ago(2 * DAY)];
    let year_opens_at = json!(old[1].0 + 365 * DAY);
    for (name, moments, transfers) in
        [("the first", vec![], one_transfer()), ("the last of a year", old.to_vec(), (3, 3, year_opens_at))]
    {
        let key = put(&stack, moved_at(Fixture::pro(), moments.clone()));
        let told = check(&stack, name, &key, &a, activated(transfers), COUNTED_SEAT);
        let license = stack.stored(&stack.license_id(&key));
        let now = UnixMillis(told.reply.body["checkedAt"].as_i64().unwrap());
        let kept = moments.iter().skip(1).copied().chain([now]).collect::<Vec<_>>();
        assert_eq!(license.transfers, kept, "{name}: those of the last 365 days");
        assert_eq!(license.transfers_total as usize, moments.len() + 1, "{name}: all there ever were");
    }
}

#[test]
fn pending_license_starts_its_term() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let end = UnixMillis(4_102_444_800_000);
    let pending = || with_status(Fixture::pro(), Status::Pending);
    let term = |days| move |new: &mut NewLicense, _: &KeyRing| new.license.duration_days = Some(days);
    let with_end = |expires_at: Value| json!({ "expiresAt": expires_at, "perpetual": false });
    let starts =
        &["devices", "expires_at", "expiry_month", "free_used", "last_request", "status", "version"][..];
    let begins = &["devices", "free_used", "last_request", "status", "version"][..];
    for (name, fixture, members, changed) in [
        ("thirty days", pending().with(term(30)), with_end("<now+30d>".into()), starts),
        ("no term", pending(), json!({}), begins),
        ("an end of its own", pending().ending(end).with(term(30)), with_end(end.0.into()), begins),
    ] {
        let key = put(&stack, fixture);
        let verified = stack.post("/api/verify", &a.request(&key));
        assert_eq!(verified.code(), "PENDING", "{name}");
        let body = with(yes(Code::Activated, new_device(Value::Null), (1, 1), no_transfers()), members);
        let told = check(&stack, name, &key, &a, body, changed);
        assert_eq!(told.after["status"]["S"], "active", "{name}");
        if changed == starts {
            let ends = told.reply.body["checkedAt"].as_i64().unwrap() + 30 * DAY;
            assert_eq!(told.after["expires_at"]["N"], ends.to_string());
        }
        assert_eq!(stack.post("/api/verify", &a.request(&key)).code(), "VALID", "{name}");
    }
}

#[test]
fn older_client_is_replaced_once() {
    let stack = TestStack::start();
    let [a, b, c] = ["a", "b", "c"].map(Machine::named);
    let (day, week) = (ago(DAY), ago(7 * DAY));
    let activated = |seats, transfers| yes(Code::Activated, new_device(Value::Null), seats, transfers);

    let key = put(&stack, opaque(Fixture::pro().bound(1, &b, day), 1));
    let told = check(&stack, "uncounted", &key, &a, activated((1, 1), no_transfers()), SEAT_OF_ANOTHER);
    let released = &told.after["released"]["M"][device_id(1).as_str()]["M"];
    assert_eq!(
        (&released["may_return"], &released["reclaim"]),
        (&json!({ "BOOL": true }), &json!({ "S": "during_cooldown" }))
    );
    assert!(released["device"]["M"].get("opaque").is_none(), "once for each");
    let full = with(
        ACTIVATE.no(Code::SeatsExhausted),
        json!({ "hint": HINT, "devices": [told.reply.body["device"]] }),
    );
    ACTIVATE.check_no(&stack, "the next machine", &key, c.request(&key), full);

    // Two of them and a vacant seat: the longest unseen one goes all the same.
    let fixture = Fixture::pro().seats(3).bound(1, &b, day).bound(2, &c, week);
    let key = put(&stack, opaque(opaque(fixture, 1), 2));
    let told = check(
        &stack,
        "the longest unseen",
        &key,
        &a,
        activated((2, 3), (0, 9, Value::Null)),
        SEAT_OF_ANOTHER,
    );
    assert!(told.after["devices"]["M"][device_id(1).as_str()].is_object());
    assert!(told.after["released"]["M"][device_id(2).as_str()].is_object());

    // An older client's own machine is nobody's successor.
    let key = put(&stack, opaque(Fixture::pro().bound(1, &b, day), 1));
    let full =
        with(ACTIVATE.no(Code::SeatsExhausted), json!({ "hint": HINT, "devices": [old_device(1, day)] }));
    ACTIVATE.check_no(&stack, "another older client", &key, a.old_request(&key), full);
}

#[test]
fn released_device_returns() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let (month, long_ago) = (ago(30 * DAY), ago(366 * DAY));

    let key = put(&stack, given_up(&a, month));
    let body = yes(Code::Activated, seen_device(1, month), (1, 1), no_transfers());
    check(&stack, "uncounted, under its old id", &key, &a, body, SEAT_OF_ANOTHER);

    let key = put(&stack, given_up(&a, long_ago));
    let body = yes(Code::Activated, new_device(Value::Null), (1, 1), one_transfer());
    let counted = &["devices", "last_request", "released", "transfers", "transfers_total", "version"];
    check(&stack, "after more than a year", &key, &a, body, counted);

    // Another device in between was a transfer: the first one may come back all the same, the other one may not.
    let key = put(&stack, given_up(&a, month));
    assert_eq!(stack.activate(&key, &b).code(), "ACTIVATED");
    let moved_at = stack.stored(&stack.license_id(&key)).transfers[0];
    assert_eq!(stack.deactivate(&key, &b).code(), "DEACTIVATED");
    let back = stack.activate(&key, &a);
    assert_eq!((back.code(), &back.body["transfers"]["used"]), ("ACTIVATED", &json!(1)));
    assert_eq!(stack.deactivate(&key, &a).code(), "DEACTIVATED");
    let no = ACTIVATE.no_transfer(Code::TransferCooldown, 1, 3, moved_at.0 + DAY);
    ACTIVATE.check_no(&stack, "after another device", &key, b.request(&key), no);
}

#[test]
fn a_known_device_is_refreshed() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let (lately, day) = (ago(0), ago(DAY));
    let bound = |at| Fixture::pro().seats(2).bound(1, &a, at).bound(2, &b, day);
    let all = a.hardware();
    let two = json!({ "mac": a.mac, "board": a.board });
    let board_is_new = bound(lately).with(learned(Label::Board, DAY));
    let new_cpu = json!({ "mac": a.mac, "cpu": "fixture-hardware-new", "board": a.board });
    let longest = "ü".repeat(120);
    let called = |name: &str| with(seen_device(1, lately), json!({ "name": name }));
    for (name, fixture, members, device, hw, changed) in [
        ("lately", bound(lately), json!({}), old_device(1, lately), &all, NOTHING),
        ("a day ago", bound(day), json!({}), seen_device(1, day), &all, DEVICE_ONLY),
        ("named", bound(lately), json!({ "device_name": " Desk " }), called("Desk"), &all, DEVICE_ONLY),
        ("at length", bound(lately), json!({ "deviceName": longest }), called(&longest), &all, DEVICE_ONLY),
        ("as before", bound(lately), json!({ "deviceName": "Laptop" }), old_device(1, lately), &all, NOTHING),
        ("two parts", bound(lately), json!({ "hardware": two }), old_device(1, lately), &two, NOTHING),
        // Within a week of the first part, no second one is learned.
        (
            "a new part",
            board_is_new,
            json!({ "hardware": new_cpu }),
            old_device(1, lately),
            &json!({ "mac": a.mac }),
            NOTHING,
        ),
    ] {
        let key = put(&stack, fixture);
        let request = with(a.request(&key), members);
        let body = yes(Code::Refreshed, device, (2, 2), (0, 6, Value::Null));
        ACTIVATE.check(&stack, &Case { name, key: &key, request, body, hw: hw.clone(), changed });
    }
}

/// A part that the first device learned this long ago.
fn learned(label: Label, millis: i64) -> impl FnOnce(&mut NewLicense, &KeyRing) {
    move |new, _| {
        let device = new.license.devices.get_mut(&device_id(1)).unwrap();
        let component = device.components[&label];
        device.components.insert(label, StoredComponent { learned_at: Some(ago(millis)), ..component });
    }
}

#[test]
fn one_changed_part_is_learned() {
    let stack = TestStack::start();
    let (a, new) = (Machine::named("a"), Machine::named("new"));
    let month = ago(30 * DAY);
    for (name, shown, learned, hw) in [
        (
            "another network card",
            json!({ "mac": new.mac, "cpu": a.cpu, "board": a.board }),
            Label::Mac,
            json!({ "cpu": a.cpu, "board": a.board }),
        ),
        (
            "a part that was never shown",
            json!({ "mac": a.mac, "cpu": a.cpu, "board": a.board, "disk": new.mac }),
            Label::Disk,
            a.hardware(),
        ),
    ] {
        let key = put(&stack, Fixture::pro().bound(1, &a, month));
        let request = with(a.request(&key), json!({ "hardware": shown }));
        let body = yes(Code::Drifted, seen_device(1, month), (1, 1), no_transfers());
        // What was learned a moment ago proves nothing yet, so the lease does not state it.
        let told = ACTIVATE.check(
            &stack,
            &Case { name, key: &key, request: request.clone(), body, hw: hw.clone(), changed: DEVICE_ONLY },
        );
        let components = &stack.stored(&stack.license_id(&key)).devices[&device_id(1)].components;
        let learned_at = components[&learned].learned_at.map(|at| at.0);
        assert_eq!(learned_at, told.reply.body["checkedAt"].as_i64(), "{name}");
        assert_eq!(
            components.values().filter(|component| component.learned_at.is_some()).count(),
            1,
            "{name}"
        );
        let mut device = seen_device(1, month);
        device["lastSeenAt"] = told.reply.body["checkedAt"].clone();
        let again = yes(Code::Refreshed, device, (1, 1), no_transfers());
        ACTIVATE
            .check(&stack, &Case { name: "again", key: &key, request, body: again, hw, changed: NOTHING });
    }
}

#[test]
fn a_lost_reply_is_safe_to_repeat() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let key = put(&stack, Fixture::pro());
    let body = yes(Code::Activated, new_device(Value::Null), (1, 1), no_transfers());
    let first = check(&stack, "first", &key, &a, body, FREE_SEAT).reply;
    for name in ["second", "third"] {
        let body = yes(Code::Refreshed, first.body["device"].clone(), (1, 1), no_transfers());
        check(&stack, name, &key, &a, body, NOTHING);
    }
    // What was bound is what verify finds, and its lease allows the same offline use.
    let verified = stack.post("/api/verify", &with(a.request(&key), json!({ "nonce": NONCE })));
    assert_eq!((verified.code(), &verified.body["device"]), ("VALID", &first.body["device"]));
    let (ours, theirs) = (first.lease_parts().1, verified.lease_parts().1);
    for claim in ["sub", "device", "hw", "hw_threshold", "tier", "features", "interval", "grace"] {
        assert!(!ours[claim].is_null() && ours[claim] == theirs[claim], "{claim}");
    }
    let span = |claims: &Value, claim: &str| claims[claim].as_i64().unwrap() - claims["at"].as_i64().unwrap();
    for claims in [&ours, &theirs] {
        assert_eq!((span(claims, "refresh_at"), span(claims, "exp")), (86_400, 8 * 86_400));
    }
}

#[test]
fn lease_ends_with_license_and_policy() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let end = UnixMillis(falconer_tests::now().0 + 2 * HOUR);
    let hasty = |new: &mut NewLicense, _: &KeyRing| {
        new.license.policy.check_interval_hours = Some(0);
        new.license.policy.offline_grace_days = Some(0);
        new.license.policy.hardware_match_threshold = Some(3);
    };
    let with_end = json!({ "expiresAt": end.0, "perpetual": false });
    // The helper computes every claim of each of them; these are the figures themselves.
    for (name, fixture, members, refresh_in, ends_in) in [
        ("perpetual", Fixture::pro(), json!({}), 86_400, 691_200),
        ("checked without a pause", Fixture::pro().with(hasty), json!({}), 0, 300),
        ("its license ends in two hours", Fixture::pro().ending(end), with_end, 7_200, 7_200),
    ] {
        let key = put(&stack, fixture);
        let body = with(yes(Code::Activated, new_device(Value::Null), (1, 1), no_transfers()), members);
        let claims = check(&stack, name, &key, &a, body, FREE_SEAT).reply.lease_parts().1;
        let span = |claim: &str| claims[claim].as_i64().unwrap() - claims["at"].as_i64().unwrap();
        // The last one has some seconds less by the time it is asked for.
        assert!((ends_in - 60..=ends_in).contains(&span("exp")), "{name}: {claims}");
        assert!((refresh_in - 60..=refresh_in).contains(&span("refresh_at")), "{name}: {claims}");
        // SHA-256 of the three texts as they were sent, cut to 32 digits.
        let hw = json!({
            "mac": "1511484a6dfa9a5e2a706d3bd4703483",
            "cpu": "e8d135f5cb57c311e7f7212f5e242816",
            "board": "8a255dfb1a129dab1943c8ae1662dd33",
        });
        assert_eq!(claims["hw"], hw, "{name}");
    }
}

// ---- What a request says

#[test]
fn hardware_in_every_spelling() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let all = a.hardware();
    let of_seven = json!({
        "machine_id": "fixture-hardware-id", "mac": a.mac, "board": a.board, "disk": "fixture-hardware-disk",
        "install": "fixture-hardware-install", "cpu": a.cpu, "hostname": "fixture-hardware-host",
    });
    let columns = json!({ "hw_component_1": a.mac, "hw_component_2": a.cpu, "hw_component_3": a.board });
    let camel = json!({ "hwComponent1": a.mac, "hwComponent2": a.cpu, "hwComponent3": a.board });
    let short = json!({ "hw1": a.mac, "hw2": a.cpu, "hw3": a.board });
    let other =
        json!({ "hw1": "fixture-hardware-1", "hw2": "fixture-hardware-2", "hw3": "fixture-hardware-3" });
    let without_mac = json!({ "cpu": a.cpu, "board": a.board });
    let blank = |text: &str| with(columns.clone(), json!({ "hw_component_1": text }));
    let (keyed, older) = (ComponentForm::Keyed, ComponentForm::Opaque);
    for (name, members, hw, form) in [
        ("today's client", json!({ "hardware": all, "hardware_format": 1 }), &all, keyed),
        ("in camelCase", json!({ "hardware": all, "hardwareFormat": 1 }), &all, keyed),
        ("seven labels", json!({ "hardware": of_seven, "hardware_format": 1 }), &of_seven, keyed),
        ("no format", json!({ "hardware": all }), &all, older),
        ("the spreadsheet's columns", columns.clone(), &all, older),
        ("the spreadsheet's columns in camelCase", camel, &all, older),
        ("the spreadsheet's short names", short, &all, older),
        ("columns with a format", with(columns.clone(), json!({ "hardware_format": 1 })), &all, keyed),
        (
            "hardware before columns",
            with(columns.clone(), json!({ "hardware": without_mac })),
            &without_mac,
            older,
        ),
        ("columns before short names", with(other, columns.clone()), &all, older),
        (
            "white space",
            json!({ "hardware": with(all.clone(), json!({ "mac": format!(" {}\n", a.mac) })) }),
            &all,
            older,
        ),
        ("an empty cell", blank(""), &without_mac, older),
        ("a placeholder", blank("To Be Filled By O.E.M."), &without_mac, older),
        ("the MD5 of nothing", blank("D41D8CD98F00B204E9800998ECF8427E"), &without_mac, older),
        ("null", with(columns.clone(), json!({ "hw_component_1": null })), &without_mac, older),
    ] {
        let key = put(&stack, Fixture::pro());
        let request = with(json!({ "license_key": key }), members);
        let mut body = yes(Code::Activated, new_device(Value::Null), (1, 1), no_transfers());
        match name {
            "hardware before columns" => {
                body["ignored"] = json!(["hw_component_1", "hw_component_2", "hw_component_3"]);
            }
            "columns before short names" => body["ignored"] = json!(["hw1", "hw2", "hw3"]),
            _ => {}
        }
        let case =
            Case { name, key: &key, request: request.clone(), body, hw: hw.clone(), changed: FREE_SEAT };
        let told = ACTIVATE.check(&stack, &case);
        let (id, device) = stack.stored(&stack.license_id(&key)).devices.pop_first().unwrap();
        assert_eq!(device.form, form, "{name}");
        let item = &told.after["devices"]["M"][id.as_str()]["M"];
        let opaque = (form == older).then(|| json!({ "BOOL": true }));
        assert_eq!(item.get("opaque"), opaque.as_ref(), "{name}");
        let labels: Vec<_> = device.components.keys().map(|label| label.as_str()).collect();
        assert_eq!(labels.len(), hw.as_object().unwrap().len(), "{name}: {labels:?}");
        assert_eq!(stack.post("/api/verify", &request).body["device"]["id"], id.as_str(), "{name}");
    }
}

#[test]
fn customer_is_recorded_once() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let anonymous = |new: &mut NewLicense, _: &KeyRing| {
        new.license.licensee_name = None;
        new.license.email = None;
    };
    let both = &["devices", "free_used", "last_request", "licensee_email", "licensee_name", "version"][..];
    let email = &["devices", "free_used", "last_request", "licensee_email", "version"][..];
    let person =
        json!({ "licensee_name": " Fixture Person ", "licensee_email": " Fixture.Person@Example.com " });
    let camel = json!({ "licenseeName": "Fixture Person", "licenseeEmail": "fixture.person@example.com" });
    let blank = json!({ "licensee_name": "  ", "licensee_email": null, "device_name": "" });
    let longest = json!({ "licensee_name": "ü".repeat(255), "licensee_email": "ü".repeat(255) });
    for (name, fixture, members, changed) in [
        ("neither is known", Fixture::pro().with(anonymous), person.clone(), both),
        ("in camelCase", Fixture::pro().with(anonymous), camel, both),
        ("the operator's name stays", Fixture::pro(), person, email),
        ("blank is absent", Fixture::pro().with(anonymous), blank, FREE_SEAT),
        ("the longest", Fixture::pro().with(anonymous), longest, both),
    ] {
        let key = put(&stack, fixture);
        let id = stack.license_id(&key);
        let request = with(a.request(&key), members);
        let body = yes(Code::Activated, new_device(Value::Null), (1, 1), no_transfers());
        let case = Case { name, key: &key, request: request.clone(), body, hw: a.hardware(), changed };
        let told = ACTIVATE.check(&stack, &case);
        if name == "neither is known" {
            assert_eq!(told.after["licensee_name"]["S"], "Fixture Person");
            assert_eq!(told.after["licensee_email"]["S"], "fixture.person@example.com");
            let changes = &stack.audit_rows(&id)[0]["changes"]["M"];
            assert_eq!(changes["licensee_name"], json!({ "S": "set" }));
            assert_eq!(changes["licensee_email"], json!({ "S": "set" }));
        }
        if changed == both {
            // Somebody else's name does not replace the first one.
            let other =
                json!({ "licensee_name": "Fixture Person II", "licensee_email": "fixture.person@2.example" });
            let body = yes(Code::Refreshed, told.reply.body["device"].clone(), (1, 1), no_transfers());
            let request = with(a.request(&key), other);
            ACTIVATE.check(
                &stack,
                &Case { name: "another name", key: &key, request, body, hw: a.hardware(), changed: NOTHING },
            );
        }
    }
}

#[test]
fn activation_writes_audit_row() {
    let stack = TestStack::start();
    let key = put(&stack, with_status(Fixture::pro(), Status::Pending));
    let id = stack.license_id(&key);
    let members = json!({ "origin": "fixture-app", "device_name": "Laptop" });
    let reply = stack.post("/api/activate-sync", &with(Machine::named("a").request(&key), members));
    assert_eq!(reply.code(), "ACTIVATED");
    let device = &reply.body["device"]["id"];
    let request_id = reply.header("x-request-id").unwrap();
    let row = json!({
        "license_id": { "S": id.as_str() },
        "at": { "S": format!("{}#{request_id}", reply.body["checkedAt"]) },
        "schema": { "N": "1" },
        "action": { "S": "activate-sync" },
        "code": { "S": "ACTIVATED" },
        "request_id": { "S": request_id },
        "actor": { "S": "client" },
        "device": { "S": device },
        "changes": { "M": {
            "status": { "M": { "before": { "S": "pending" }, "after": { "S": "active" } } },
            "devices": { "M": { "before": { "L": [] }, "after": { "L": [{ "S": device }] } } },
            "free_used": { "M": { "before": { "N": "0" }, "after": { "N": "1" } } },
        } },
    });
    stack.settle();
    let caller = caller_of(&row, "203.0.113.1", Some("fixture-app"));
    assert_eq!(stack.audit_rows(&id), [row, caller]);
}

// ---- What every endpoint refuses

#[test]
fn refuses_malformed_bodies() {
    ACTIVATE.refuses_bodies_that_are_no_request();
}

#[test]
fn refuses_texts_that_are_not_keys() {
    ACTIVATE.refuses_texts_that_are_no_keys();
}

#[test]
fn refusals_name_fields_not_values() {
    ACTIVATE.refuses_fields_by_name_and_never_by_value(&[]);
}

#[test]
fn refuses_other_methods() {
    ACTIVATE.answers_post_only();
}

#[test]
fn over_limit_says_when_to_retry() {
    ACTIVATE.refuses_over_its_limit(Code::Revoked);
}

#[test]
fn an_outage_changes_nothing() {
    ACTIVATE.tells_an_outage_and_changes_nothing(Fixture::pro, &Machine::named("a"));
}
