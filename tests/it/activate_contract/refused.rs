//! Refusals of `activate-sync`, and the one that it reports out of several.

use falconer_domain::issue::NewLicense;
use falconer_domain::{Code, KeyRing, Status};
use falconer_tests::{Fixture, Machine, TestStack, device_id};
use serde_json::{Value, json};

use super::{DEVICE_ONLY, HINT, check};
use crate::contract::{
    ACTIVATE, DAY, HOUR, NONCE, ago, moved_at, old_device, put, seen_device, spent, with, with_status, yes,
};

#[test]
fn refuses_inactive_licenses() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let gone = ago(DAY);
    let of = |status| with_status(Fixture::pro(), status);
    for (name, key, code) in [
        ("not there", stack.key_without_license(), Code::NotFound),
        ("revoked", put(&stack, of(Status::Revoked)), Code::Revoked),
        ("suspended", put(&stack, of(Status::Suspended)), Code::Suspended),
        ("ended", put(&stack, Fixture::pro().ending(gone)), Code::Expired),
        ("ended before its first activation", put(&stack, of(Status::Pending).ending(gone)), Code::Expired),
        ("a legacy key", put(&stack, of(Status::Revoked).with_legacy_key()), Code::Revoked),
    ] {
        let request = with(a.request(&key), json!({ "nonce": NONCE, "origin": "fixture-app" }));
        ACTIVATE.check_no(&stack, name, &key, request, ACTIVATE.no(code));
    }
}

#[test]
fn refuses_weak_fingerprints() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let key = put(&stack, Fixture::pro());
    for (name, members) in [
        ("nothing", json!({})),
        ("no parts", json!({ "hardware": {} })),
        ("one part", json!({ "hardware": { "mac": a.mac } })),
        ("weak parts", json!({ "hardware": { "cpu": a.cpu, "hostname": "fixture-hardware-host" } })),
        ("an installation alone", json!({ "hardware": { "install": a.mac } })),
        ("a placeholder", json!({ "hardware": { "mac": "00:00:00:00:00:00", "board": a.board } })),
        ("one column", json!({ "hw_component_1": a.mac, "hw_component_2": "", "hw_component_3": null })),
        ("a weak column", json!({ "hw2": a.cpu })),
    ] {
        let request = with(json!({ "license": key, "nonce": NONCE }), members);
        ACTIVATE.check_no(&stack, name, &key, request, ACTIVATE.no(Code::FingerprintTooWeak));
    }
    // An installation counts where nothing else tells the machine from others.
    let hardware = json!({ "install": a.mac, "cpu": a.cpu });
    let request = json!({ "license": key, "hardware": hardware });
    assert_eq!(stack.post("/api/activate-sync", &request).code(), "ACTIVATED");
}

#[test]
fn refuses_when_seats_are_taken() {
    let stack = TestStack::start();
    let [a, b, c] = ["a", "b", "c"].map(Machine::named);
    let (day, week) = (ago(DAY), ago(7 * DAY));
    let nameless = |new: &mut NewLicense, _: &KeyRing| {
        new.license.devices.get_mut(&device_id(2)).unwrap().name = None;
    };
    let two = || Fixture::pro().seats(2).bound(2, &c, week).bound(1, &b, day).with(nameless);
    let nameless = with(old_device(2, week), json!({ "name": null }));
    for (name, fixture, devices) in [
        ("the only one", Fixture::pro().bound(1, &b, day), json!([old_device(1, day)])),
        ("a legacy key", Fixture::pro().with_legacy_key().bound(1, &b, day), json!([old_device(1, day)])),
        ("both", two(), json!([old_device(1, day), nameless])),
    ] {
        let key = put(&stack, fixture);
        let body = with(ACTIVATE.no(Code::SeatsExhausted), json!({ "hint": HINT, "devices": devices }));
        ACTIVATE.check_no(&stack, name, &key, with(a.request(&key), json!({ "nonce": NONCE })), body);
    }
}

#[test]
fn refuses_over_transfer_limit() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let [h2, h20, d2, d10, d300] = [2 * HOUR, 20 * HOUR, 2 * DAY, 10 * DAY, 300 * DAY].map(ago);
    let d364 = ago(365 * DAY - HOUR);
    let never = |new: &mut NewLicense, _: &KeyRing| new.license.policy.max_transfers = Some(0);
    let slow = |new: &mut NewLicense, _: &KeyRing| new.license.policy.transfer_cooldown_hours = Some(48);
    let limit =
        |used, max, next_at: Value| ACTIVATE.no_transfer(Code::TransferLimitReached, used, max, next_at);
    let cooldown = |used, max, next_at: i64| ACTIVATE.no_transfer(Code::TransferCooldown, used, max, next_at);
    let (year_opens, day_opens) = (json!(d300.0 + 365 * DAY), json!(h2.0 + DAY));
    let (one, two) = (Fixture::pro, || Fixture::pro().seats(2));
    for (name, fixture, body) in [
        ("one today", moved_at(one(), [h2]), cooldown(1, 3, h2.0 + DAY)),
        ("a longer cool-down", moved_at(one(), [h20]).with(slow), cooldown(1, 3, h20.0 + 2 * DAY)),
        ("as many as seats today", moved_at(two(), [d300, h20, h2]), cooldown(3, 6, h20.0 + DAY)),
        ("three in a year", moved_at(one(), [d300, d10, d2]), limit(3, 3, year_opens.clone())),
        ("both, the year for longer", moved_at(one(), [d300, d10, h2]), limit(3, 3, year_opens)),
        ("both, the cool-down for longer", moved_at(one(), [d364, d10, h2]), limit(3, 3, day_opens)),
        ("none ever", moved_at(one(), []).with(never), limit(0, 0, Value::Null)),
    ] {
        let key = put(&stack, fixture);
        ACTIVATE.check_no(&stack, name, &key, with(a.request(&key), json!({ "nonce": NONCE })), body);
    }
}

/// Each license gives several reasons; the answer has the first.
#[test]
fn first_of_several_reasons_wins() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let day = ago(DAY);
    let moments = spent();
    let here = || Fixture::pro().bound(1, &a, day);
    let elsewhere = || Fixture::pro().bound(1, &b, day);
    let weak = || json!({ "hardware": { "mac": a.mac } });
    let no = |code| ACTIVATE.no(code);
    let year_opens_at = moments[0].0 + 365 * DAY;
    let full = with(no(Code::SeatsExhausted), json!({ "hint": HINT, "devices": [old_device(1, day)] }));
    let limit = ACTIVATE.no_transfer(Code::TransferLimitReached, 3, 3, year_opens_at);
    let (revoked, suspended) = (Status::Revoked, Status::Suspended);
    for (name, fixture, members, body) in [
        ("too weak, revoked", with_status(here(), revoked), weak(), no(Code::FingerprintTooWeak)),
        ("too weak, known", here(), weak(), no(Code::FingerprintTooWeak)),
        ("revoked, expired, known", with_status(here(), revoked).ending(day), json!({}), no(Code::Revoked)),
        ("suspended, expired", with_status(here(), suspended).ending(day), json!({}), no(Code::Suspended)),
        ("revoked, known", with_status(here(), revoked), json!({}), no(Code::Revoked)),
        ("suspended, known", with_status(here(), suspended), json!({}), no(Code::Suspended)),
        ("expired, known", here().ending(day), json!({}), no(Code::Expired)),
        ("expired, no seat", elsewhere().ending(day), json!({}), no(Code::Expired)),
        ("no seat, limit, cool-down", moved_at(elsewhere(), moments), json!({}), full),
        ("limit, cool-down", moved_at(Fixture::pro(), moments), json!({}), limit),
    ] {
        let key = put(&stack, fixture);
        ACTIVATE.check_no(&stack, name, &key, with(a.request(&key), members), body);
    }

    let missing = stack.key_without_license();
    let request = with(a.request(&missing), weak());
    ACTIVATE.check_no(&stack, "too weak, not there", &missing, request, no(Code::FingerprintTooWeak));

    let key = put(&stack, moved_at(Fixture::pro().bound(1, &a, day), moments));
    let body = yes(Code::Refreshed, seen_device(1, day), (1, 1), (3, 3, year_opens_at.into()));
    check(&stack, "known, no seat, limit, cool-down", &key, &a, body, DEVICE_ONLY);
}
