//! Hardware that is mixed, walked from machine to machine, or nothing at all.

use falconer_domain::hardware::Label;
use falconer_tests::{Fixture, Machine, TestStack, device_id};
use serde_json::{Value, json};

use crate::contract::{DAY, ago};

/// Both machines are of one series: the processor says the same.
fn series() -> [Machine; 2] {
    let [mut first, mut second] = ["first", "second"].map(Machine::named);
    first.cpu.clone_from(&Machine::named("series").cpu);
    second.cpu.clone_from(&first.cpu);
    [first, second]
}

/// A request of a machine in which a proxy has put other parts in place of its own.
fn swapped(machine: &Machine, key: &str, parts: &Value) -> Value {
    let mut request = machine.request(key);
    request["hardware"].as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
    request
}

/// The device's claims in the lease of an answer.
fn stated(reply: &falconer_tests::Reply) -> Value {
    reply.lease_parts().1["hw"].clone()
}

#[test]
fn swapped_hardware_gets_no_seat_or_lease() {
    let stack = TestStack::start();
    let [ours, theirs] = series();
    let labels = [Label::Mac, Label::Cpu, Label::Board];
    let of_theirs = serde_json::to_value(theirs.received().lease(&labels).to_wire()).unwrap();
    // The whole of it, each part of it, and parts that the bound machine never showed.
    for parts in [
        theirs.hardware(),
        json!({ "mac": theirs.mac }),
        json!({ "board": theirs.board }),
        json!({ "disk": theirs.mac, "machine_id": theirs.board }),
    ] {
        let key = stack.put(Fixture::pro().bound(1, &ours, ago(30 * DAY)));
        let id = stack.license_id(&key);
        let before = stack.stored(&id);
        for endpoint in ["verify", "activate-sync", "transfer"] {
            // A transfer of the whole moves the seat, and is counted, told, and taken back: that is eviction.
            if endpoint == "transfer" && parts == theirs.hardware() {
                continue;
            }
            let reply = stack.post(&format!("/api/{endpoint}"), &swapped(&ours, &key, &parts));
            let place = format!("{endpoint} {parts}: {}", reply.code());
            let hw = if reply.body["valid"] == true { stated(&reply) } else { Value::Null };
            for label in ["mac", "board"] {
                assert!(hw[label].is_null() || hw[label] != of_theirs[label], "{place}: {hw}");
            }
            let now = stack.stored(&id);
            assert_eq!(
                now.devices.keys().collect::<Vec<_>>(),
                [&device_id(1)],
                "{place}: still the same device"
            );
            assert_eq!(
                (now.free_used, now.transfers_total),
                (before.free_used, before.transfers_total),
                "{place}"
            );
        }
        let verdict = stack.post("/api/verify", &theirs.request(&key));
        assert_eq!(verdict.code(), "HARDWARE_MISMATCH", "{parts}: the other machine holds nothing");
        assert_eq!(stack.activate(&key, &theirs).code(), "SEATS_EXHAUSTED", "{parts}");
        assert_eq!(
            stack.post("/api/verify", &ours.request(&key)).code(),
            "VALID",
            "{parts}: the owner goes on"
        );
    }
}

#[test]
fn drift_never_moves_a_seat() {
    let stack = TestStack::start();
    let [ours, theirs] = series();
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key);
    // Beside them two parts more, so that a second foreign part would still be fewer than half of them.
    let more = json!({ "disk": "fixture-hardware-disk", "machine_id": "fixture-hardware-machine-id" });
    assert_eq!(stack.post("/api/activate-sync", &swapped(&ours, &key, &more)).code(), "ACTIVATED");
    // Step by step: one foreign part, then the next one, in every order and as often as anybody likes.
    let steps = [
        json!({ "board": theirs.board }),
        json!({ "board": theirs.board, "mac": theirs.mac }),
        json!({ "mac": theirs.mac }),
        theirs.hardware(),
    ];
    let mut codes = Vec::new();
    for _ in 0..3 {
        for parts in &steps {
            let mut parts = parts.clone();
            parts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let reply = stack.post("/api/activate-sync", &swapped(&ours, &key, &parts));
            codes.push(reply.code().to_owned());
        }
    }
    assert_eq!(codes.iter().filter(|code| *code == "DRIFTED").count(), 1, "one part in a week: {codes:?}");
    let license = stack.stored(&id);
    let [device] = license.devices.values().collect::<Vec<_>>().try_into().expect("one device");
    let learned = device.components.values().filter(|part| part.learned_at.is_some()).count();
    assert_eq!(learned, 1);
    assert_eq!(stack.post("/api/verify", &theirs.request(&key)).code(), "HARDWARE_MISMATCH");
    assert_eq!(stack.post("/api/verify", &swapped(&ours, &key, &more)).code(), "VALID");
}

#[test]
fn placeholder_parts_never_match() {
    let stack = TestStack::start();
    let nothing = [
        json!({ "mac": "", "cpu": "", "board": "" }),
        json!({ "mac": null, "cpu": null, "board": null }),
        json!({ "mac": "00:00:00:00:00:00", "cpu": "Unknown", "board": "To Be Filled By O.E.M." }),
        json!({ "mac": "d41d8cd98f00b204e9800998ecf8427e", "cpu": "none",
                "board": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }),
    ];
    for hardware in &nothing {
        let request = |key: &str| json!({ "license": key, "hardware_format": 1, "hardware": hardware });
        let key = stack.put(Fixture::pro().seats(2));
        assert_eq!(stack.post("/api/activate-sync", &request(&key)).code(), "FINGERPRINT_TOO_WEAK");
        assert_eq!(stack.stored(&stack.license_id(&key)).devices.len(), 0, "{hardware}");

        // A device that was stored with one part only is not "equal" to a machine that shows none.
        let here = Machine::named("here");
        let bound = stack.put(Fixture::pro().bound(1, &here, ago(DAY)).with(|new, _| {
            for device in new.license.devices.values_mut() {
                device.components.retain(|label, _| *label == Label::Mac);
            }
            new.license.policy.hardware_required = Some(true);
        }));
        let verdict = stack.post("/api/verify", &request(&bound));
        assert_ne!(verdict.body["valid"], true, "{hardware}: {}", verdict.body);
        assert_eq!(stack.post("/api/deactivate", &request(&bound)).code(), "DEVICE_NOT_BOUND", "{hardware}");
        assert_eq!(stack.stored(&stack.license_id(&bound)).devices.len(), 1, "{hardware}");
    }
}
