//! The promises of the documents about seats, start to end: a reset that helps, a new key that locks nobody out,
//! machines that are only reinstalled, smaller tiers, and rows that say nothing.

use falconer_domain::Status;
use falconer_domain::hardware::ComponentForm;
use falconer_emulators::tap::{Matcher, TapRecord};
use falconer_tests::{Fixture, Machine, Reply, TestStack, TestStackOptions, device_id, now};
use serde_json::{Value, json};

use crate::contract::{ago, opaque, put, with, with_status};
use crate::manners::Folder;
use crate::operator::{run, said, told};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Counted transfers of the last 365 days, as an answer says.
fn counted(reply: &Reply) -> &Value {
    &reply.body["transfers"]["used"]
}

fn lasting(rows: &[Value]) -> Vec<&Value> {
    rows.iter().filter(|row| row.get("ttl").is_none()).collect()
}

fn passing(rows: &[Value]) -> Vec<&Value> {
    rows.iter().filter(|row| row.get("ttl").is_some()).collect()
}

// ---- Reset

/// The last rows of the example in docs/devices.md, and the sentence that the runbook has for them.
#[test]
fn reset_frees_a_vacant_seat() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let [laptop, desktop, tablet] = ["laptop", "desktop", "tablet"].map(Machine::named);
    for machine in [&laptop, &desktop] {
        assert_eq!(stack.activate(&key, machine).code(), "ACTIVATED");
        assert_eq!(stack.deactivate(&key, machine).code(), "DEACTIVATED");
    }
    assert_eq!(stack.activate(&key, &tablet).code(), "TRANSFER_COOLDOWN");
    let reset = told(&stack, &["reset-hardware", &key, "--all"]);
    assert_eq!(reset["outcome"], "changed");
    assert_eq!(reset["license"]["seats"], json!({ "used": 0, "max": 1, "freeUsed": 0 }));
    let reply = stack.activate(&key, &tablet);
    assert_eq!((reply.code(), counted(&reply)), ("ACTIVATED", &json!(1)), "what was counted stays counted");
}

/// A device that could come back uncounted before the reset still can.
#[test]
fn reset_keeps_return_rights() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().with(|new, _| new.license.policy.max_transfers = Some(0)));
    let [laptop, desktop] = ["laptop", "desktop"].map(Machine::named);
    stack.activate(&key, &laptop);
    stack.deactivate(&key, &laptop);
    assert_eq!(stack.activate(&key, &desktop).code(), "TRANSFER_LIMIT_REACHED");
    assert_eq!(told(&stack, &["reset-hardware", &key, "--all"])["outcome"], "changed");
    let reply = stack.activate(&key, &laptop);
    assert_eq!((reply.code(), counted(&reply)), ("ACTIVATED", &json!(0)));
    // And the other one, after one more reset.
    told(&stack, &["reset-hardware", &key, "--all"]);
    assert_eq!(stack.activate(&key, &desktop).code(), "ACTIVATED");
}

#[test]
fn reset_says_when_it_changes_nothing() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let machine = Machine::named("first");
    assert_eq!(told(&stack, &["reset-hardware", &key, "--all"])["outcome"], "unchanged", "nobody was bound");
    stack.activate(&key, &machine);
    stack.deactivate(&key, &machine);
    assert_eq!(told(&stack, &["reset-hardware", &key, "--all"])["outcome"], "changed", "the seat was used");
    assert_eq!(told(&stack, &["reset-hardware", &key, "--all"])["outcome"], "unchanged");
    // Nobody is bound and nobody may come back, but the next binding would be counted.
    let key = stack.put(Fixture::pro().with(|new, _| new.license.free_used = 1));
    assert_eq!(told(&stack, &["reset-hardware", &key, "--all"])["outcome"], "changed");
    assert_eq!(told(&stack, &["reset-hardware", &key, "--all"])["outcome"], "unchanged");
}

#[test]
fn device_reset_frees_vacant_seats() {
    let stack = TestStack::start();
    let used_up = Fixture::pro().seats(3).bound(1, &Machine::named("a"), ago(DAY));
    let key = stack.put(used_up.with(|new, _| new.license.free_used = 3));
    let reset = told(&stack, &["reset-hardware", &key, "--device", device_id(1).as_str()]);
    assert_eq!(reset["license"]["seats"], json!({ "used": 0, "max": 3, "freeUsed": 0 }));

    let key = stack.put(Fixture::pro().seats(2).with(|new, _| new.license.policy.max_transfers = Some(0)));
    let [a, b, c] = ["a", "b", "c"].map(Machine::named);
    stack.activate(&key, &a);
    let device = told(&stack, &["show", &key])["devices"][0]["id"].as_str().unwrap().to_owned();
    stack.activate(&key, &b);
    assert_eq!(stack.activate(&key, &c).code(), "SEATS_EXHAUSTED");
    let reset = told(&stack, &["reset-hardware", &key, "--device", &device]);
    assert_eq!(reset["license"]["seats"], json!({ "used": 1, "max": 2, "freeUsed": 1 }));
    assert_eq!(stack.activate(&key, &c).code(), "ACTIVATED");
    assert_eq!(stack.verify(&key).code(), "VALID");
    assert_eq!(stack.activate(&key, &a).code(), "SEATS_EXHAUSTED", "two seats, two devices");
}

// ---- A new key

/// Both kinds of client, and a policy that asks for an e-mail which neither sends.
#[test]
fn rotation_locks_no_client_out() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    for (name, request, asks_for_email) in [
        ("an older client", Machine::old_request as fn(&Machine, &str) -> Value, false),
        ("the library", Machine::request, false),
        ("an older client, e-mail asked for", Machine::old_request, true),
        ("the library, e-mail asked for", Machine::request, true),
    ] {
        let fixture = Fixture::pro().bound(1, &machine, ago(DAY)).with(move |new, _| {
            new.license.policy.transfer_requires_email = Some(asks_for_email);
            new.license.policy.max_transfers = Some(0);
        });
        let old = stack.put(if name.contains("older") { opaque(fixture, 1) } else { fixture });
        assert_eq!(stack.post("/api/verify", &request(&machine, &old)).code(), "VALID", "{name}");
        let rotated = told(&stack, &["rotate-key", &old, "--reason", "leaked"]);
        let new = rotated["licenseKey"].as_str().unwrap();
        stack.speak(new);
        let reply = stack.post("/api/activate-sync", &request(&machine, new));
        assert_eq!((reply.code(), counted(&reply)), ("ACTIVATED", &json!(0)), "{name}: {}", reply.body);
        assert_eq!(reply.body["seats"], json!({ "used": 1, "max": 1 }), "{name}");
        assert_eq!(stack.post("/api/verify", &request(&machine, new)).code(), "VALID", "{name}");
        let form = stack.stored(&stack.license_id(new)).devices.into_values().next().unwrap().form;
        assert_eq!(form == ComponentForm::Opaque, name.contains("older"), "{name}");
    }
}

#[test]
fn rotation_grants_nothing_extra() {
    let stack = TestStack::start();
    let machines = ["a", "b", "c", "d"].map(Machine::named);
    let old = stack.put(Fixture::pro().seats(2).with(|new, _| new.license.policy.max_transfers = Some(1)));
    for machine in &machines[..2] {
        stack.activate(&old, machine);
    }
    let of = |reply: &Reply| reply.body["devices"][0]["id"].as_str().map(str::to_owned);
    let named = of(&stack.transfer(&old, &machines[2]));
    let moved = with(machines[2].request(&old), json!({ "from_device": named }));
    assert_eq!(stack.post("/api/transfer", &moved).code(), "TRANSFERRED");
    let rotated = told(&stack, &["rotate-key", &old]);
    let new = rotated["licenseKey"].as_str().unwrap();
    stack.speak(new);
    for machine in &machines[..2] {
        let reply = stack.activate(new, machine);
        assert_eq!((reply.code(), counted(&reply)), ("ACTIVATED", &json!(1)));
    }
    assert_eq!(stack.activate(new, &machines[2]).code(), "SEATS_EXHAUSTED");
    let stored = stack.stored(&stack.license_id(new));
    assert_eq!((stored.devices.len(), stored.transfers.len(), stored.transfers_total), (2, 1, 1));
    for machine in &machines {
        assert_eq!(stack.activate(&old, machine).code(), "REVOKED", "the old key opens nothing");
    }
}

// ---- Machines that are only reinstalled

#[test]
fn reimaged_machines_are_uncounted() {
    let stack = TestStack::start();
    for seats in [2_u32, 10] {
        let key = stack.put(Fixture::pro().seats(seats));
        let machines: Vec<_> = (0..seats).map(|number| Machine::named(&format!("pc{number}"))).collect();
        for machine in &machines {
            assert_eq!(stack.activate(&key, machine).code(), "ACTIVATED");
        }
        let before = stack.stored(&stack.license_id(&key));
        for machine in &machines {
            assert_eq!(stack.deactivate(&key, machine).code(), "DEACTIVATED");
        }
        for machine in machines.iter().rev() {
            let reply = stack.activate(&key, machine);
            assert_eq!((reply.code(), counted(&reply)), ("ACTIVATED", &json!(0)), "{seats} seats");
        }
        let after = stack.stored(&stack.license_id(&key));
        assert!(after.devices.keys().eq(before.devices.keys()), "the same devices, in their own seats");
        assert_eq!((after.released.len(), after.free_used), (0, seats));
    }
}

// ---- Smaller tiers and smaller catalogs

const TEAMS: &str = "product = 'QF'\n[tiers.solo]\n[tiers.team]\npolicy = { seats = 3 }\n";
const SMALLER: &str = "product = 'QF'\n[tiers.solo]\n[tiers.team]\npolicy = { seats = 2 }\n";

#[test]
fn smaller_tier_asks_whom_to_release() {
    let stack = TestStack::start();
    let folder = Folder::new();
    let catalog = folder.file("teams.toml", TEAMS);
    assert_eq!(told(&stack, &["catalog", "apply", &catalog])["outcome"], "changed");
    let issued = told(&stack, &["issue", "--tier", "team", "--perpetual"]);
    let key = issued["licenseKey"].as_str().unwrap();
    stack.speak(key);
    for name in ["a", "b", "c"] {
        assert_eq!(stack.activate(key, &Machine::named(name)).code(), "ACTIVATED");
    }
    let shown = told(&stack, &["show", key]);
    let devices: Vec<_> =
        shown["devices"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let refused = run(&stack, &["--yes", "set-tier", key, "solo"]);
    assert_eq!(refused.status.code(), Some(1));
    let message = said(&refused);
    assert!(message.contains("3 devices are bound; name 2 of them with --release"), "{message}");
    assert_eq!(told(&stack, &["show", key])["tier"], "team");
    let released = ["set-tier", key, "solo", "--release", devices[0], "--release", devices[1]];
    let set = told(&stack, &released);
    assert_eq!(set["license"]["seats"], json!({ "used": 1, "max": 1, "freeUsed": 1 }));
    assert_eq!(told(&stack, &["set-tier", key, "team"])["outcome"], "changed", "larger needs nobody's name");
    assert_eq!(
        stack.activate(key, &Machine::named("d")).code(),
        "ACTIVATED",
        "two seats more, free of count"
    );
}

#[test]
fn smaller_catalog_counts_affected() {
    let stack = TestStack::start();
    let folder = Folder::new();
    let (teams, smaller) = (folder.file("teams.toml", TEAMS), folder.file("smaller.toml", SMALLER));
    told(&stack, &["catalog", "apply", &teams]);
    let mut keys = Vec::new();
    for bound in [3, 2] {
        let issued = told(&stack, &["issue", "--tier", "team", "--perpetual"]);
        let key = issued["licenseKey"].as_str().unwrap().to_owned();
        stack.speak(&key);
        for number in 0..bound {
            stack.activate(&key, &Machine::named(&format!("pc{number}")));
        }
        keys.push(key);
    }
    let dry = told(&stack, &["catalog", "apply", &smaller, "--dry-run"]);
    let concerned = json!([stack.license_id(&keys[0]).as_str()]);
    assert_eq!(dry["moreDevicesThanSeats"], concerned, "{dry}");
    let shown = run(&stack, &["catalog", "apply", &smaller, "--dry-run"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("1 license would have more devices than seats"), "{text}");
    let applied = told(&stack, &["catalog", "apply", &smaller]);
    assert_eq!((&applied["outcome"], &applied["moreDevicesThanSeats"]), (&json!("changed"), &concerned));
    // Nobody is put out by surprise, and nobody is added.
    assert_eq!(stack.activate(&keys[0], &Machine::named("pc0")).code(), "REFRESHED");
    assert_eq!(stack.activate(&keys[0], &Machine::named("other")).code(), "SEATS_EXHAUSTED");
    let roomy = told(&stack, &["catalog", "apply", &teams]);
    assert_eq!(roomy["moreDevicesThanSeats"], json!([]));
}

// ---- Rows that say nothing

/// A license whose machine was last seen two hours ago.
fn seen_long_ago(machine: &Machine) -> Fixture {
    Fixture::pro().bound(1, machine, ago(2 * HOUR))
}

fn puts_of<'a>(records: &'a [TapRecord], table: &str) -> Vec<&'a TapRecord> {
    let is_put = |record: &&TapRecord| {
        record.operation == "PutItem" && record.resources.iter().any(|resource| resource == table)
    };
    records.iter().filter(is_put).collect()
}

#[test]
fn refresh_alone_leaves_no_audit_row() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    for (name, fixture) in [
        ("the hour", seen_long_ago(&machine)),
        ("the client's form", opaque(Fixture::pro().bound(1, &machine, now()), 1)),
    ] {
        let key = put(&stack, fixture);
        let id = stack.license_id(&key);
        let before = stack.stored(&id);
        stack.forget();
        let reply =
            stack.post("/api/activate-sync", &with(machine.request(&key), json!({ "origin": "app" })));
        assert_eq!(reply.code(), "REFRESHED", "{name}");
        stack.settle();
        assert_eq!(stack.audit_rows(&id), Vec::<Value>::new(), "{name}");
        let after = stack.stored(&id);
        assert_ne!(after, before, "{name}: it is stored all the same");
        let item = stack.item(&id);
        assert_eq!(
            (&item["version"]["N"], &item["shelf"]["M"]["row"]["N"]),
            (&json!("2"), &json!("7")),
            "{name}: over the version that was read, and what no rule looks at stays"
        );
        let records = stack.dynamodb.records();
        assert!(records.iter().all(|record| record.operation != "TransactWriteItems"), "{name}");
        let written = puts_of(&records, &stack.settings.licenses_table);
        assert_eq!(written.len(), 1, "{name}");
        assert!(
            (1.0..=2.0).contains(&written[0].units().write),
            "{name}: a transaction takes twice that and a row"
        );
        if name == "the hour" {
            assert!(after.devices[&device_id(1)].seen_at > before.devices[&device_id(1)].seen_at);
            stack.forget();
            stack.activate(&key, &machine);
            stack.settle();
            assert!(puts_of(&stack.dynamodb.records(), &stack.settings.licenses_table).is_empty(), "hourly");
        }
    }
}

/// A name that changes with each request: rows that go after a while, and no more than verify's in a minute.
#[test]
fn rename_rows_expire_and_are_capped() {
    let settings = vec![
        ("RATE_LIMIT_PER_MINUTE", "0".to_owned()),
        ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "0".to_owned()),
        ("VERIFIES_PER_LICENSE_PER_MINUTE", "1000".to_owned()),
    ];
    let stack = TestStack::with(&TestStackOptions { settings, ..TestStackOptions::default() });
    let machine = Machine::named("first");
    let key = stack.put(Fixture::pro().bound(1, &machine, now()));
    let id = stack.license_id(&key);
    for number in 0..40 {
        let name = if number % 2 == 0 { "Left" } else { "Right" };
        let request = with(machine.request(&key), json!({ "device_name": name }));
        let reply = stack.post("/api/activate-sync", &request);
        assert_eq!((reply.code(), &reply.body["device"]["name"]), ("REFRESHED", &json!(name)));
    }
    stack.settle();
    let rows = stack.audit_rows(&id);
    assert_eq!(lasting(&rows), Vec::<&Value>::new());
    // One window, or two if the minute ended meanwhile.
    assert!((10..=20).contains(&passing(&rows).len()), "{}", passing(&rows).len());
    assert!(rows.iter().all(|row| row["code"]["S"] == "REFRESHED" && row["device"]["S"].is_string()));
    assert!(!format!("{rows:?}").contains("Left"), "a name may be a person's");
}

/// The change stays in the audit; the caller's address goes when verdicts go.
#[test]
fn addresses_of_moves_expire() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key);
    let asked = |endpoint: &str, machine: &Machine| {
        let request = with(machine.request(&key), json!({ "origin": "fixture-app" }));
        stack.post_from("203.0.113.77", &format!("/api/{endpoint}"), &request)
    };
    for (endpoint, machine, code) in [
        ("activate-sync", &a, "ACTIVATED"),
        ("transfer", &b, "TRANSFERRED"),
        ("deactivate", &b, "DEACTIVATED"),
    ] {
        assert_eq!(asked(endpoint, machine).code(), code);
    }
    told(&stack, &["suspend", &key, "--reason", "chargeback"]);
    stack.settle();
    let rows = stack.audit_rows(&id);
    let codes = |rows: &[&Value]| -> Vec<String> {
        rows.iter().map(|row| row["code"]["S"].as_str().unwrap().to_owned()).collect()
    };
    let kept = lasting(&rows);
    assert_eq!(codes(&kept), ["ACTIVATED", "TRANSFERRED", "DEACTIVATED", "SUSPENDED"]);
    for row in &kept {
        assert!(row.get("address").is_none() && row.get("origin").is_none(), "{row}");
        assert!(row["changes"]["M"].as_object().is_some_and(|changes| !changes.is_empty()), "{row}");
    }
    let gone = passing(&rows);
    assert_eq!(codes(&gone), ["ACTIVATED", "TRANSFERRED", "DEACTIVATED"]);
    for row in gone {
        assert_eq!(
            (&row["address"]["S"], &row["origin"]["S"]),
            (&json!("203.0.113.77"), &json!("fixture-app"))
        );
        assert!(row.get("changes").is_none(), "{row}");
    }
    // The operator reads one event, whole as long as its address is there.
    let audit = told(&stack, &["audit", &key]);
    let events = audit["audit"].as_array().unwrap();
    let of_clients: Vec<_> = events.iter().filter(|event| event["actor"] == "client").collect();
    assert_eq!(of_clients.len(), 3, "{audit}");
    assert!(of_clients.iter().all(|event| event["address"] == "203.0.113.77"), "{audit}");
    assert_eq!(events.len(), 5, "issued, three moves, suspended: {audit}");
    let days = told(&stack, &["stats", "--days", "2"])["days"].clone();
    let all = |member: &str| -> u64 {
        days.as_array().unwrap().iter().map(|day| day[member].as_u64().unwrap()).sum()
    };
    assert_eq!((all("activations"), all("transfers")), (1, 1), "none is counted twice");
}

#[test]
fn lost_quiet_reply_changes_nothing() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    let key = stack.put(seen_long_ago(&machine));
    let id = stack.license_id(&key);
    // The first of the instance reads the catalog; none is written within the hour after this one.
    let puts = Matcher::operation("PutItem");
    stack.dynamodb.break_next(1, puts, falconer_emulators::tap::Fault::DropReply);
    let reply = stack.activate(&key, &machine);
    assert_eq!(reply.code(), "REFRESHED");
    assert_eq!(stack.item(&id)["version"]["N"], "2", "once");
    assert!(reply.body["device"]["lastSeenAt"].as_i64().unwrap() > now().0 - 60_000);
}

// ---- A refresh that takes no seat

fn refreshing(machine: &Machine, key: &str) -> Value {
    with(machine.request(key), json!({ "refresh": true }))
}

/// A device without a seat gets verify's own answer, and nothing is bound.
#[test]
fn refresh_takes_no_seat() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let bound = || Fixture::pro().seats(2).bound(1, &a, ago(DAY));
    for (name, fixture, code) in [
        ("nobody is bound", Fixture::pro(), "NOT_ACTIVATED"),
        ("another is bound, a seat is vacant", bound(), "HARDWARE_MISMATCH"),
        ("not begun", with_status(Fixture::pro(), Status::Pending), "PENDING"),
        ("suspended", with_status(bound(), Status::Suspended), "SUSPENDED"),
        ("revoked", with_status(bound(), Status::Revoked), "REVOKED"),
        ("ended", bound().ending(ago(DAY)), "EXPIRED"),
    ] {
        let key = stack.put(fixture);
        let id = stack.license_id(&key);
        let before = stack.item(&id);
        let reply = stack.post("/api/activate-sync", &refreshing(&b, &key));
        let verified = stack.post("/api/verify", &b.request(&key));
        assert_eq!((reply.code(), reply.status), (code, 401), "{name}: {}", reply.body);
        assert_eq!(verified.code(), code, "{name}: as verify says");
        assert_eq!(reply.body["success"], false, "{name}");
        assert_eq!(reply.lease_parts().1["code"], code, "{name}: signed");
        assert_eq!(stack.item(&id), before, "{name}");
    }
    let weak = json!({ "hardware": { "cpu": "fixture-hardware-cpu" } });
    let key = stack.put(bound());
    let reply = stack.post("/api/activate-sync", &with(refreshing(&b, &key), weak));
    assert_eq!(reply.code(), "HARDWARE_MISMATCH", "verify never says too weak");
}

/// Nothing can be said about a device that shows nothing, and a refusal about one would lock the device that holds the
/// seat. The license itself is another matter: a revoked one is revoked for every device.
#[test]
fn refresh_without_hardware_hears_the_license_alone() {
    let stack = TestStack::start();
    let a = Machine::named("a");
    let bound = || Fixture::pro().seats(2).bound(1, &a, ago(DAY));
    for (name, fixture, status, code) in [
        ("a device is bound", bound(), 422, "FINGERPRINT_TOO_WEAK"),
        ("nobody is bound", Fixture::pro(), 422, "FINGERPRINT_TOO_WEAK"),
        ("not begun", with_status(Fixture::pro(), Status::Pending), 401, "PENDING"),
        ("suspended", with_status(bound(), Status::Suspended), 401, "SUSPENDED"),
        ("revoked", with_status(bound(), Status::Revoked), 401, "REVOKED"),
        ("ended", bound().ending(ago(DAY)), 401, "EXPIRED"),
    ] {
        let key = stack.put(fixture);
        let id = stack.license_id(&key);
        let before = stack.item(&id);
        let refused = |request: Value| {
            let reply = stack.post("/api/activate-sync", &request);
            assert_eq!((reply.status, reply.code()), (status, code), "{name}: {request}");
            assert_eq!(reply.lease_parts().1["code"], code, "{name}: signed");
        };
        refused(json!({ "license_key": key, "refresh": true }));
        refused(with(refreshing(&a, &key), json!({ "hardware": {} })));
        assert_eq!(stack.item(&id), before, "{name}");
    }
    let reply = stack
        .post("/api/activate-sync", &json!({ "license_key": stack.key_without_license(), "refresh": true }));
    assert_eq!((reply.status, reply.code()), (401, "NOT_FOUND"));
}

#[test]
fn refresh_updates_last_seen() {
    let stack = TestStack::start();
    let [a, b] = ["a", "b"].map(Machine::named);
    let key = stack.put(seen_long_ago(&a));
    assert_eq!(stack.post("/api/verify", &a.request(&key)).code(), "VALID");
    let stale = stack.activate(&key, &b).body["devices"][0]["lastSeenAt"].as_i64().unwrap();
    assert!(stale < now().0 - HOUR, "verify writes nothing");
    for member in [json!(true), json!("true"), json!(1)] {
        let request = with(a.request(&key), json!({ "refresh": member }));
        assert_eq!(stack.post("/api/activate-sync", &request).code(), "REFRESHED", "{member}");
    }
    let seen = stack.activate(&key, &b).body["devices"][0]["lastSeenAt"].as_i64().unwrap();
    assert!(seen > now().0 - 10 * 60_000, "what the other device's owner chooses by is true");
}

/// A value nobody understands takes no seat either, and says so.
#[test]
fn refresh_flag_in_every_spelling() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    for (member, code) in [
        (json!(null), "ACTIVATED"),
        (json!(false), "ACTIVATED"),
        (json!(""), "ACTIVATED"),
        (json!([]), "ACTIVATED"),
        (json!(0), "ACTIVATED"),
        (json!("false"), "ACTIVATED"),
        (json!("True"), "NOT_ACTIVATED"),
        (json!(1.0), "NOT_ACTIVATED"),
        (json!("weekly"), "INVALID_FIELD"),
        (json!({ "device": true }), "INVALID_FIELD"),
    ] {
        let key = stack.put(Fixture::pro());
        let request = with(machine.request(&key), json!({ "refresh": member }));
        assert_eq!(stack.post("/api/activate-sync", &request).code(), code, "{member}");
    }
}
