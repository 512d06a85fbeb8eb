//! `POST /api/transfer`: every row of its table, with the whole body, the stored license and the audit row.

use falconer_domain::air_gap::OfflineLease;
use falconer_domain::hardware::ComponentForm;
use falconer_domain::issue::NewLicense;
use falconer_domain::person::Email;
use falconer_domain::seats::Reclaim;
use falconer_domain::{Code, KeyRing, Status, UnixMillis, VirtualMachines};
use falconer_tests::{Fixture, Machine, TestStack, device_id};
use serde_json::{Value, json};

use crate::contract::{
    Case, ContractEffects, DAY, HOUR, NONCE, TRANSFER, VERIFY, ago, caller_of, given_up, moved_at, named,
    new_device, no_transfers, old_device, one_transfer, opaque, put, seen_device, spent, with, with_status,
    yes,
};

const MOVED: &[&str] = &["devices", "last_request", "released", "transfers", "transfers_total", "version"];
const MOVED_UNCOUNTED: &[&str] = &["devices", "last_request", "released", "version"];
const FREE_SEAT: &[&str] = &["devices", "free_used", "last_request", "version"];
const COUNTED_SEAT: &[&str] = &["devices", "last_request", "transfers", "transfers_total", "version"];

/// A machine of today's client library asks, with these members beside.
fn check(
    stack: &TestStack,
    name: &str,
    key: &str,
    (machine, members): (&Machine, Value),
    body: Value,
    changed: &[&str],
) -> ContractEffects {
    let request = with(machine.request(key), members);
    TRANSFER.check(stack, &Case { name, key, request, body, hw: machine.hardware(), changed })
}

fn transferred(seats: (u32, u32), transfers: (u32, u32, Value)) -> Value {
    yes(Code::Transferred, new_device(Value::Null), seats, transfers)
}

fn needs_email(new: &mut NewLicense, _: &KeyRing) {
    new.license.policy.transfer_requires_email = Some(true);
}

fn device_required(devices: &Value) -> Value {
    with(TRANSFER.no(Code::DeviceRequired), json!({ "devices": devices }))
}

/// A seat that a machine without a network keeps, bound or not.
#[test]
fn offline_seat_does_not_move() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let lease = |days: i64| OfflineLease { lease: "a lease".to_owned(), until: ago(-days * DAY) };
    let held = |days| {
        let out = lease(days);
        Fixture::pro().bound(1, &b, ago(DAY)).with(move |new, _| {
            new.license.offline.insert(device_id(1), out);
        })
    };
    let left = held(1).with(|new, _| new.license.devices.clear());
    let no = || TRANSFER.no(Code::DeviceOffline);
    for (name, fixture) in [("bound", held(1)), ("left", left)] {
        let key = put(&stack, fixture);
        TRANSFER.check_no(&stack, name, &key, a.request(&key), no());
    }
    let key = put(&stack, held(-1));
    let changed =
        &["devices", "last_request", "offline", "released", "transfers", "transfers_total", "version"];
    check(&stack, "ended", &key, (&a, json!({})), transferred((1, 1), one_transfer()), changed);
}

// ---- The yeses

#[test]
fn a_seat_is_moved_and_counted() {
    let stack = TestStack::start();
    let [a, b, c] = ["a", "b", "c"].map(Machine::named);
    let (day, week) = (ago(DAY), ago(7 * DAY));
    let two = || Fixture::pro().seats(2).bound(1, &b, day).bound(2, &c, week);
    let from = |member: &str, number| json!({ member: device_id(number).as_str() });
    let earlier = [ago(400 * DAY), ago(200 * DAY), ago(2 * DAY)];
    let year_opens_at = json!(earlier[1].0 + 365 * DAY);
    let one = || Fixture::pro().bound(1, &b, day);
    let old = || Fixture::pro().with_legacy_key().bound(1, &b, day);
    let moved = || transferred((1, 1), one_transfer());
    let of_two = || transferred((2, 2), (1, 6, Value::Null));
    let last = transferred((1, 1), (3, 3, year_opens_at));
    for (name, fixture, members, gone, body) in [
        ("the only one", one(), json!({}), 1, moved()),
        ("null names none", one(), json!({ "from_device": null }), 1, moved()),
        ("a blank names none", one(), json!({ "from_device": " " }), 1, moved()),
        ("named", one(), from("from_device", 1), 1, moved()),
        ("a legacy key", old(), json!({}), 1, moved()),
        ("the first of two", two(), from("from_device", 1), 1, of_two()),
        ("the second, in camelCase", two(), from("fromDevice", 2), 2, of_two()),
        ("the last of a year", moved_at(one(), earlier), json!({}), 1, last),
    ] {
        let key = put(&stack, fixture);
        let told = check(&stack, name, &key, (&a, members), body, MOVED);
        let after = stack.stored(&stack.license_id(&key));
        let now = UnixMillis(told.reply.body["checkedAt"].as_i64().unwrap());
        let released = &after.released[&device_id(gone)];
        assert_eq!(
            (released.at, released.may_return, released.reclaim),
            (now, true, Reclaim::Always),
            "{name}"
        );
        assert!(!after.devices.contains_key(&device_id(gone)), "{name}");
        assert_eq!(after.transfers.last(), Some(&now), "{name}");
    }
}

#[test]
fn stores_the_calling_device() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    for (name, request, form) in [
        ("today's client", Machine::request as fn(&Machine, &str) -> Value, ComponentForm::Keyed),
        ("the spreadsheet's client", Machine::old_request, ComponentForm::Opaque),
    ] {
        let key = put(&stack, Fixture::pro().bound(1, &b, ago(DAY)));
        let body = yes(Code::Transferred, new_device("Desk"), (1, 1), one_transfer());
        let request = with(request(&a, &key), json!({ "deviceName": "Desk" }));
        let case = Case { name, key: &key, request, body, hw: a.hardware(), changed: MOVED };
        TRANSFER.check(&stack, &case);
        let license = stack.stored(&stack.license_id(&key));
        let ring = stack.ring();
        let hashed = a.received().hashed(ring.generation(license.generation).unwrap(), &license.id);
        let (_, device) = license.devices.first_key_value().unwrap();
        assert_eq!((&device.components, device.form), (&hashed.stored(), form), "{name}");
    }
}

#[test]
fn unused_seat_moves_uncounted() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    // As after an import, or after the operator took a device away.
    let key = put(&stack, Fixture::pro().bound(1, &b, ago(DAY)).with(|new, _| new.license.free_used = 0));
    let changed = &["devices", "free_used", "last_request", "released", "version"];
    check(&stack, "free", &key, (&a, json!({})), transferred((1, 1), no_transfers()), changed);
}

#[test]
fn displaced_device_may_reclaim() {
    let stack = TestStack::start();
    let [a, b, c] = ["a", "b", "c"].map(Machine::named);
    let day = ago(DAY);
    let key = put(&stack, Fixture::pro().bound(1, &b, day));
    let id = stack.license_id(&key);
    let moved =
        check(&stack, "moved", &key, (&a, json!({})), transferred((1, 1), one_transfer()), MOVED).reply;
    let next_at = moved.body["checkedAt"].as_i64().unwrap() + DAY;

    let displaced = stack.post("/api/verify", &b.request(&key));
    assert_eq!(named(&stack, &displaced, |_| true), VERIFY.no(Code::HardwareMismatch));
    let here = stack.post("/api/verify", &a.request(&key));
    assert_eq!((here.code(), &here.body["device"]), ("VALID", &moved.body["device"]));
    assert_eq!(here.lease_parts().1["hw"], moved.lease_parts().1["hw"]);

    let body = yes(Code::Reclaimed, seen_device(1, day), (1, 1), (1, 3, json!(next_at)));
    check(&stack, "reclaimed", &key, (&b, json!({})), body, MOVED_UNCOUNTED);
    let stored = stack.stored(&id);
    let rights: Vec<_> =
        stored.released.values().map(|released| (released.may_return, released.reclaim)).collect();
    assert_eq!(rights, [(true, Reclaim::Never)], "who lost it to a reclaim may not reclaim");
    let displaced = stack.post("/api/verify", &a.request(&key));
    assert_eq!(named(&stack, &displaced, |_| true), VERIFY.no(Code::HardwareMismatch));

    // Or two machines could take turns uncounted.
    for (name, machine) in [("the one that lost it", &a), ("a third", &c)] {
        let no = TRANSFER.no_transfer(Code::TransferCooldown, 1, 3, next_at);
        TRANSFER.check_no(&stack, name, &key, machine.request(&key), no);
    }
}

#[test]
fn takes_vacant_seat_first() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let day = ago(DAY);
    let activated = |seats, transfers| yes(Code::Activated, new_device(Value::Null), seats, transfers);
    let begins = &["devices", "free_used", "last_request", "status", "version"][..];
    let pending = with_status(Fixture::pro(), Status::Pending);
    let two = || Fixture::pro().seats(2).bound(1, &b, day);
    let of_two = |used| activated((used, 2), (0, 6, Value::Null));
    let from = json!({ "from_device": device_id(1).as_str() });
    for (name, fixture, members, body, changed) in [
        ("of one", Fixture::pro(), json!({}), activated((1, 1), no_transfers()), FREE_SEAT),
        ("of two", two(), json!({}), of_two(2), FREE_SEAT),
        ("though a device was named", two(), from, of_two(2), FREE_SEAT),
        ("though none of that name is bound", two(), json!({ "from_device": "dev_" }), of_two(2), FREE_SEAT),
        ("counted", moved_at(Fixture::pro(), []), json!({}), activated((1, 1), one_transfer()), COUNTED_SEAT),
        ("a pending license's", pending, json!({}), activated((1, 1), no_transfers()), begins),
        (
            "an older client's",
            opaque(Fixture::pro().bound(1, &b, day), 1),
            json!({}),
            activated((1, 1), no_transfers()),
            MOVED_UNCOUNTED,
        ),
    ] {
        let key = put(&stack, fixture);
        check(&stack, name, &key, (&a, members), body, changed);
    }
}

#[test]
fn returning_device_is_uncounted() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let month = ago(30 * DAY);
    let key = put(&stack, given_up(&a, month));
    let body = yes(Code::Activated, seen_device(1, month), (1, 1), no_transfers());
    check(&stack, "a return", &key, (&a, json!({})), body, MOVED_UNCOUNTED);
}

#[test]
fn bound_device_changes_nothing() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let day = ago(DAY);
    let bound = |seats| yes(Code::AlreadyBound, old_device(1, day), seats, (0, 3 * seats.1, Value::Null));
    let new_board = json!({ "mac": a.mac, "cpu": a.cpu, "board": b.board });
    let two_parts = json!({ "mac": a.mac, "cpu": a.cpu });
    let talk = json!({ "device_name": "Desk", "licensee_email": "fixture.person@example.com" });
    for (name, seats, members, hw) in [
        ("the only one", 1, json!({}), a.hardware()),
        ("one of two", 2, json!({}), a.hardware()),
        ("with another board", 1, json!({ "hardware": new_board }), two_parts),
        ("with a name and a person", 1, talk, a.hardware()),
        ("from itself", 1, json!({ "from_device": device_id(1).as_str() }), a.hardware()),
    ] {
        let key = put(&stack, Fixture::pro().seats(seats).bound(1, &a, day));
        let request = with(a.request(&key), members);
        let case = Case { name, key: &key, request, body: bound((1, seats)), hw, changed: &[] };
        TRANSFER.check(&stack, &case);
    }
}

#[test]
fn accepts_the_right_email() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let only_the_clients = |new: &mut NewLicense, _: &KeyRing| {
        new.license.licensee_email = new.license.email.take();
    };
    let writes_it =
        &["devices", "last_request", "licensee_email", "released", "transfers", "transfers_total", "version"]
            [..];
    let asks = || Fixture::pro().bound(1, &b, ago(DAY)).with(needs_email);
    for (name, fixture, member, email, changed) in [
        ("as it is stored", asks(), "licensee_email", "fixture.person@example.com", writes_it),
        ("as it is typed", asks(), "licenseeEmail", " Fixture.Person@EXAMPLE.com ", writes_it),
        (
            "the first client's",
            asks().with(only_the_clients),
            "licensee_email",
            "fixture.person@example.com",
            MOVED,
        ),
    ] {
        let key = put(&stack, fixture);
        let told = check(
            &stack,
            name,
            &key,
            (&a, json!({ member: email })),
            transferred((1, 1), one_transfer()),
            changed,
        );
        assert_eq!(told.after["licensee_email"]["S"], "fixture.person@example.com", "{name}");
    }
}

#[test]
fn transfer_writes_audit_row() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let key = put(&stack, Fixture::pro().bound(1, &b, ago(DAY)));
    let id = stack.license_id(&key);
    let members = json!({ "origin": "fixture-app", "licensee_email": "fixture.person@example.com" });
    let reply = stack.post_from("2001:db8:1:2:3::4", "/api/transfer", &with(a.request(&key), members));
    assert_eq!(reply.code(), "TRANSFERRED");
    let (old, new) = (json!({ "S": device_id(1).as_str() }), json!({ "S": reply.body["device"]["id"] }));
    let request_id = reply.header("x-request-id").unwrap();
    let row = json!({
        "license_id": { "S": id.as_str() },
        "at": { "S": format!("{}#{request_id}", reply.body["checkedAt"]) },
        "schema": { "N": "1" },
        "action": { "S": "transfer" },
        "code": { "S": "TRANSFERRED" },
        "request_id": { "S": request_id },
        "actor": { "S": "client" },
        "device": new,
        "changes": { "M": {
            "devices": { "M": { "before": { "L": [old] }, "after": { "L": [new] } } },
            "released": { "M": { "after": { "L": [old] } } },
            "transfers": { "M": { "after": { "N": "1" } } },
            "transfers_total": { "M": { "before": { "N": "0" }, "after": { "N": "1" } } },
            "licensee_email": { "S": "set" },
        } },
    });
    stack.settle();
    let caller = caller_of(&row, "2001:db8:1:2::/64", Some("fixture-app"));
    assert_eq!(stack.audit_rows(&id), [row, caller]);
}

// ---- The refusals

#[test]
fn refuses_inactive_licenses() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let day = ago(DAY);
    let of = |status| with_status(Fixture::pro().bound(1, &b, day), status);
    for (name, key, code) in [
        ("not there", stack.key_without_license(), Code::NotFound),
        ("revoked", put(&stack, of(Status::Revoked)), Code::Revoked),
        ("suspended", put(&stack, of(Status::Suspended)), Code::Suspended),
        ("ended", put(&stack, of(Status::Active).ending(day)), Code::Expired),
        ("ended before its first activation", put(&stack, of(Status::Pending).ending(day)), Code::Expired),
        ("a legacy key", put(&stack, of(Status::Suspended).with_legacy_key()), Code::Suspended),
    ] {
        let request = with(a.request(&key), json!({ "nonce": NONCE, "origin": "fixture-app" }));
        TRANSFER.check_no(&stack, name, &key, request, TRANSFER.no(code));
    }
}

#[test]
fn refuses_weak_fingerprints() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let key = put(&stack, Fixture::pro().bound(1, &b, ago(DAY)));
    for (name, members) in [
        ("nothing", json!({})),
        ("one part", json!({ "hardware": { "board": a.board } })),
        ("weak parts", json!({ "hardware": { "cpu": a.cpu, "hostname": "fixture-hardware-host" } })),
        ("one column", json!({ "hw_component_3": a.board })),
    ] {
        let request = with(json!({ "license": key, "nonce": NONCE }), members);
        TRANSFER.check_no(&stack, name, &key, request, TRANSFER.no(Code::FingerprintTooWeak));
    }
}

#[test]
fn unnamed_device_lists_candidates() {
    let stack = TestStack::start();
    let [a, b, c] = ["a", "b", "c"].map(Machine::named);
    let (day, week) = (ago(DAY), ago(7 * DAY));
    let one = || Fixture::pro().bound(1, &b, day);
    let two = || Fixture::pro().seats(2).bound(2, &c, week).bound(1, &b, day);
    let both = json!([old_device(1, day), old_device(2, week)]);
    let only = json!([old_device(1, day)]);
    for (name, fixture, members, devices) in [
        ("none of two named", two(), json!({}), &both),
        ("an unknown one of two", two(), json!({ "from_device": device_id(3).as_str() }), &both),
        ("an unknown one, of one", one(), json!({ "fromDevice": device_id(3).as_str() }), &only),
        ("a blank name of two", two(), json!({ "from_device": " " }), &both),
        ("its customer's name for it", one(), json!({ "from_device": "Laptop" }), &only),
    ] {
        let key = put(&stack, fixture);
        let request = with(with(a.request(&key), members), json!({ "nonce": NONCE }));
        TRANSFER.check_no(&stack, name, &key, request, device_required(devices));
    }
}

#[test]
fn refuses_a_wrong_email() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let asks = || Fixture::pro().bound(1, &b, ago(DAY)).with(needs_email);
    let nobodys = |new: &mut NewLicense, _: &KeyRing| new.license.email = None;
    let two = |new: &mut NewLicense, _: &KeyRing| {
        new.license.licensee_email = Email::read("fixture.person@client.example").unwrap();
    };
    let email = |text: &str| json!({ "licensee_email": text });
    for (name, fixture, members) in [
        ("another one", asks(), email("fixture.person@other.example")),
        ("none", asks(), json!({})),
        ("a blank one", asks(), email("  ")),
        ("none is stored", asks().with(nobodys), email("fixture.person@example.com")),
        ("neither is stored nor sent", asks().with(nobodys), json!({})),
        (
            "the first client's, and the operator knows better",
            asks().with(two),
            email("fixture.person@client.example"),
        ),
        ("for a vacant seat", Fixture::pro().with(needs_email), json!({})),
    ] {
        let key = put(&stack, fixture);
        let request = with(with(a.request(&key), members), json!({ "nonce": NONCE }));
        TRANSFER.check_no(&stack, name, &key, request, TRANSFER.no(Code::EmailMismatch));
    }

    // Nor does the displaced device get its seat back without it.
    let key = put(&stack, asks());
    let reply = stack.post("/api/transfer", &with(a.request(&key), email("fixture.person@example.com")));
    assert_eq!(reply.code(), "TRANSFERRED");
    TRANSFER.check_no(&stack, "a reclaim", &key, b.request(&key), TRANSFER.no(Code::EmailMismatch));
}

#[test]
fn refuses_over_transfer_limit() {
    let stack = TestStack::start();
    let [a, b, c] = ["a", "b", "c"].map(Machine::named);
    let [h2, h20, d2, d10, d300] = [2 * HOUR, 20 * HOUR, 2 * DAY, 10 * DAY, 300 * DAY].map(ago);
    let d364 = ago(365 * DAY - HOUR);
    let year = 365 * DAY;
    let one = || Fixture::pro().bound(1, &b, d300);
    let two = || Fixture::pro().seats(2).bound(1, &b, d300).bound(2, &c, d300);
    let from = json!({ "from_device": device_id(2).as_str() });
    let never = |new: &mut NewLicense, _: &KeyRing| new.license.policy.max_transfers = Some(0);
    let limit =
        |used, max, next_at: Value| TRANSFER.no_transfer(Code::TransferLimitReached, used, max, next_at);
    let cooldown = |used, max, next_at: i64| TRANSFER.no_transfer(Code::TransferCooldown, used, max, next_at);
    let (year_opens, day_opens) = (json!(d300.0 + year), json!(h2.0 + DAY));
    let none = || json!({});
    for (name, fixture, members, body) in [
        ("one today", moved_at(one(), [h2]), none(), cooldown(1, 3, h2.0 + DAY)),
        ("as many as seats today", moved_at(two(), [h20, h2]), from, cooldown(2, 6, h20.0 + DAY)),
        ("three in a year", moved_at(one(), [d300, d10, d2]), none(), limit(3, 3, year_opens.clone())),
        ("both, the year for longer", moved_at(one(), [d300, d10, h2]), none(), limit(3, 3, year_opens)),
        ("both, the cool-down for longer", moved_at(one(), [d364, d10, h2]), none(), limit(3, 3, day_opens)),
        ("none ever", moved_at(one(), []).with(never), none(), limit(0, 0, Value::Null)),
    ] {
        let key = put(&stack, fixture);
        let request = with(with(a.request(&key), members), json!({ "nonce": NONCE }));
        TRANSFER.check_no(&stack, name, &key, request, body);
    }
}

/// Each license gives several reasons; the answer has the first.
#[test]
fn first_of_several_reasons_wins() {
    let stack = TestStack::start();
    let [a, b, c] = ["a", "b", "c"].map(Machine::named);
    let day = ago(DAY);
    let moments = spent();
    let one = || Fixture::pro().bound(1, &b, day);
    let two = || Fixture::pro().seats(2).bound(1, &b, day).bound(2, &c, day);
    let here = || Fixture::pro().bound(1, &a, day);
    let weak = || json!({ "hardware": { "mac": a.mac } });
    let none = || json!({});
    let virtual_one = || json!({ "virtual_machine": true });
    let refusing = |new: &mut NewLicense, _: &KeyRing| {
        new.license.policy.virtual_machines = Some(VirtualMachines::Refuse);
    };
    let no = |code| TRANSFER.no(code);
    let which = device_required(&json!([old_device(1, day), old_device(2, day)]));
    let limit = TRANSFER.no_transfer(Code::TransferLimitReached, 3, 3, moments[0].0 + 365 * DAY);
    let (revoked, suspended) = (Status::Revoked, Status::Suspended);
    for (name, fixture, members, body) in [
        ("too weak, revoked", with_status(one(), revoked), weak(), no(Code::FingerprintTooWeak)),
        ("too weak, known", here(), weak(), no(Code::FingerprintTooWeak)),
        ("too weak, none named", two(), weak(), no(Code::FingerprintTooWeak)),
        ("revoked, expired", with_status(one(), revoked).ending(day), none(), no(Code::Revoked)),
        ("suspended, expired", with_status(one(), suspended).ending(day), none(), no(Code::Suspended)),
        ("revoked, known", with_status(here(), revoked), none(), no(Code::Revoked)),
        ("expired, known", here().ending(day), none(), no(Code::Expired)),
        ("revoked, none named", with_status(two(), revoked), none(), no(Code::Revoked)),
        ("expired, no e-mail", one().with(needs_email).ending(day), none(), no(Code::Expired)),
        ("virtual, none named", two().with(refusing), virtual_one(), no(Code::VirtualMachine)),
        (
            "virtual, no e-mail",
            one().with(refusing).with(needs_email),
            virtual_one(),
            no(Code::VirtualMachine),
        ),
        ("expired, virtual", one().with(refusing).ending(day), virtual_one(), no(Code::Expired)),
        ("none named, no e-mail", two().with(needs_email), none(), which.clone()),
        ("none named, limit", moved_at(two(), moments), none(), which),
        ("no e-mail, limit", moved_at(one(), moments).with(needs_email), none(), no(Code::EmailMismatch)),
        ("limit, cool-down", moved_at(one(), moments), none(), limit),
    ] {
        let key = put(&stack, fixture);
        TRANSFER.check_no(&stack, name, &key, with(a.request(&key), members), body);
    }

    let missing = stack.key_without_license();
    let request = with(a.request(&missing), weak());
    TRANSFER.check_no(&stack, "too weak, not there", &missing, request, no(Code::FingerprintTooWeak));

    let fixture = Fixture::pro().seats(2).bound(1, &a, day).bound(2, &b, day).with(needs_email);
    let key = put(&stack, moved_at(fixture, moments));
    let body = yes(Code::AlreadyBound, old_device(1, day), (2, 2), (3, 6, Value::Null));
    check(&stack, "known before everything behind it", &key, (&a, json!({})), body, &[]);
}

// ---- What every endpoint refuses

#[test]
fn refuses_malformed_bodies() {
    TRANSFER.refuses_bodies_that_are_no_request();
}

#[test]
fn refuses_texts_that_are_not_keys() {
    TRANSFER.refuses_texts_that_are_no_keys();
}

#[test]
fn refusals_name_fields_not_values() {
    let fields = [
        ("from_device", json!(7), "from_device must be a string."),
        ("from_device", json!([device_id(1).as_str()]), "from_device must be a string."),
        ("fromDevice", json!({ "id": device_id(1).as_str() }), "fromDevice must be a string."),
    ];
    TRANSFER.refuses_fields_by_name_and_never_by_value(&fields);
}

#[test]
fn refuses_other_methods() {
    TRANSFER.answers_post_only();
}

#[test]
fn over_limit_says_when_to_retry() {
    TRANSFER.refuses_over_its_limit(Code::Revoked);
}

#[test]
fn an_outage_changes_nothing() {
    let b = Machine::named("b");
    TRANSFER
        .tells_an_outage_and_changes_nothing(|| Fixture::pro().bound(1, &b, ago(DAY)), &Machine::named("a"));
}
