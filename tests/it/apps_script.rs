//! The successor of the spreadsheet's webhook: its own requests, and its example from the first activation on.

use falconer_domain::hardware::Label;
use falconer_tests::{Fixture, Machine, Reply, TestStack};
use serde_json::{Value, json};

const DAY_MILLIS: i64 = 86_400_000;

/// The JSON that the spreadsheet's client posts to `webhook_url`.
fn webhook(key: &str, machine: &Machine) -> Value {
    json!({
        "license_key": key,
        "hw_component_1": machine.mac,
        "hw_component_2": machine.cpu,
        "hw_component_3": machine.board,
        "licensee_name": "Fixture Person",
        "licensee_email": "Fixture.Person@example.com",
        "status": "active",
    })
}

fn labels_in_lease(reply: &Reply) -> Vec<String> {
    reply.lease_parts().1["hw"].as_object().expect("a bound device").keys().cloned().collect()
}

#[test]
fn runs_the_webhooks_example() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().with(|new, _| new.license.licensee_name = None));
    let id = stack.license_id(&key);

    // The first activation: no network card, processor and board.
    let first = Machine { mac: String::new(), ..Machine::named("first") };
    let reply = stack.post("/api/activate-sync", &webhook(&key, &first));
    assert_eq!((reply.status, reply.code(), &reply.body["success"]), (200, "ACTIVATED", &json!(true)));
    assert_eq!(labels_in_lease(&reply), ["board", "cpu"]);
    let device = reply.body["device"]["id"].clone();
    let stored = stack.stored(&id);
    assert_eq!(stored.licensee_name.unwrap().as_str(), "Fixture Person");
    assert_eq!(stored.licensee_email.unwrap().as_str(), "fixture.person@example.com");

    // The same machine with a new network card still matches, and heals.
    let healed = Machine::named("first");
    let reply = stack.post("/api/activate-sync", &webhook(&key, &healed));
    assert_eq!((reply.code(), &reply.body["device"]["id"]), ("DRIFTED", &device));
    let components = stack.stored(&id).devices.into_values().next().unwrap().components;
    assert!(components[&Label::Mac].learned_at.is_some(), "{components:?}");
    let request = json!({ "license": key, "hardware": { "mac": healed.mac, "board": healed.board } });
    assert_eq!(
        stack.post("/api/verify", &request).code(),
        "VALID",
        "by what it has learned, beside the board"
    );

    // A second machine is refused, with a hint and the device that holds the seat.
    let second = Machine::named("second");
    let reply = stack.post("/api/activate-sync", &webhook(&key, &second));
    assert_eq!((reply.status, reply.code(), &reply.body["success"]), (409, "SEATS_EXHAUSTED", &json!(false)));
    assert_eq!(reply.body["devices"][0]["id"], device);
    assert!(reply.body["hint"].as_str().unwrap().contains("transfer"), "{}", reply.body);

    // A transfer moves the seat, and counts it.
    let reply = stack.post("/api/transfer", &webhook(&key, &second));
    assert_eq!((reply.status, reply.code()), (200, "TRANSFERRED"));
    assert_eq!((&reply.body["transfers"]["used"], &reply.body["transfers"]["max"]), (&json!(1), &json!(3)));
    assert_ne!(reply.body["device"]["id"], device);
    let moved_at = reply.body["checkedAt"].as_i64().unwrap();
    assert_eq!(stack.post("/api/verify", &webhook(&key, &healed)).code(), "HARDWARE_MISMATCH");

    // The displaced machine may take it back, uncounted.
    let reply = stack.post("/api/transfer", &webhook(&key, &healed));
    assert_eq!((reply.code(), &reply.body["device"]["id"]), ("RECLAIMED", &device));
    assert_eq!(reply.body["transfers"]["used"], 1);

    // A third machine on the same day is refused, with the time when it will be possible.
    let reply = stack.post("/api/transfer", &webhook(&key, &Machine::named("third")));
    assert_eq!((reply.status, reply.code()), (403, "TRANSFER_COOLDOWN"));
    assert_eq!(reply.body["transfers"]["nextAt"], moved_at + DAY_MILLIS);
    assert_eq!(stack.stored(&id).devices.keys().next().unwrap().as_str(), device.as_str().unwrap());
}

#[test]
fn client_status_changes_nothing() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key);
    for status in [json!("revoked"), json!("expired"), json!(7), json!({ "free": true }), Value::Null] {
        let mut request = webhook(&key, &machine);
        request["status"] = status.clone();
        assert_eq!(stack.post("/api/activate-sync", &request).status, 200, "{status}");
        assert_eq!(stack.item(&id)["status"]["S"], "active", "{status}");
    }
    let revoked =
        stack.put(Fixture::pro().with(|new, _| new.license.status = falconer_domain::Status::Revoked));
    assert_eq!(stack.post("/api/activate-sync", &webhook(&revoked, &machine)).code(), "REVOKED");
    assert_eq!(stack.item(&stack.license_id(&revoked))["status"]["S"], "revoked");
}

#[test]
fn accepts_short_field_names() {
    let stack = TestStack::start();
    let (key, machine) = (stack.put(Fixture::pro()), Machine::named("first"));
    let request = json!({ "license_key": key, "hw1": machine.mac, "hw2": machine.cpu, "hw3": machine.board });
    let reply = stack.post("/api/activate-sync", &request);
    assert_eq!(
        (reply.code(), labels_in_lease(&reply)),
        ("ACTIVATED", vec!["board".into(), "cpu".into(), "mac".into()])
    );
    assert_eq!(stack.post("/api/deactivate", &request).code(), "DEACTIVATED");
}
