//! The snapshot and the one question whether the application may run.

use falconer_client::{Licensing, LockCode, Pending, Snapshot, State};
use falconer_domain::Code;
use serde_json::{Value, json};

use crate::harness::{DAY, FEATURE, LEASE_SECONDS, Machine, NetworkFault, TestSetup, builder, key};

/// Compares each member with the look that has it alone. The clock of the tests does not move between them.
fn assert_agrees(client: &Licensing) -> Snapshot {
    let snapshot = client.snapshot();
    assert_eq!((snapshot.state, snapshot.unlocked), (client.status(), client.is_unlocked()));
    assert_eq!(snapshot.message, client.status().user_message());
    assert_eq!(snapshot.features.iter().any(|feature| feature == FEATURE), client.has_feature(FEATURE));
    assert_eq!((&snapshot.license, snapshot.pending), (&client.license(), client.pending()));
    assert_eq!((snapshot.notice, &snapshot.device), (client.notice(), &client.device()));
    assert_eq!((snapshot.now, snapshot.version), (client.now(), Snapshot::VERSION));
    let lock_code = match snapshot.state {
        State::Locked { code } => Some(code),
        _ => None,
    };
    assert_eq!(snapshot.lock_code, lock_code);
    snapshot
}

#[test]
fn snapshot_agrees_with_every_look() {
    let setup = TestSetup::new();
    assert_agrees(&setup.client);
    setup.set_fault(NetworkFault::Down);
    setup.client.activate(&key(1), "", "").unwrap();
    assert_eq!(assert_agrees(&setup.client).pending, Some(Pending::Activate));
    setup.set_fault(NetworkFault::None);
    setup.client.refresh().unwrap();
    assert_eq!(assert_agrees(&setup.client).state, State::Active);
    setup.clock.pass(DAY);
    assert_eq!(assert_agrees(&setup.client).state, State::RefreshDue);
    setup.set_fault(NetworkFault::Down);
    setup.client.refresh().unwrap_err();
    assert!(matches!(assert_agrees(&setup.client).state, State::Grace { .. }));
    setup.clock.pass(LEASE_SECONDS);
    let locked = assert_agrees(&setup.client);
    assert_eq!(locked.lock_code, Some(LockCode::LeaseExpired));
    assert!(!locked.unlocked && locked.features.is_empty(), "features that are off are not listed as on");
    setup.set_fault(NetworkFault::None);
    setup.server.state().license = Code::Revoked;
    setup.client.refresh().unwrap();
    assert_eq!(assert_agrees(&setup.client).lock_code, Some(LockCode::Revoked));
}

/// A comparison of states would lock out a paying user whose clock was set back.
#[test]
fn turned_clock_leaves_application_unlocked() {
    let setup = TestSetup::activated();
    setup.clock.turn(-2 * 3_600);
    assert_eq!(setup.client.status(), State::ClockSuspect);
    assert!(setup.client.is_unlocked() && assert_agrees(&setup.client).unlocked);
    setup.clock.pass(LEASE_SECONDS);
    assert!(!setup.client.is_unlocked(), "and until the lease ends");
}

#[test]
fn snapshot_is_written_as_json() {
    let setup = TestSetup::activated();
    let snapshot = setup.client.snapshot();
    let license = snapshot.license.clone().unwrap();
    let device = snapshot.device.clone();
    let now = snapshot.now.0;
    assert_eq!(
        serde_json::to_value(&snapshot).unwrap(),
        json!({
            "version": 1,
            "state": "Active",
            "unlocked": true,
            "lock_code": null,
            "message": { "id": "active", "sentence": "The license is active.", "next_step": "Nothing to do." },
            "detail": null,
            "features": [FEATURE],
            "limits": {},
            "updates_until": null,
            "updates_version": null,
            "build_date": null,
            "license": {
                "id": license.id,
                "masked_key": license.masked_key,
                "tier": "pro",
                "features": [FEATURE],
                "limits": {},
                "updates_until": null,
                "updates_version": null,
                "expires_at": null,
                "device_id": license.device_id,
                "offline_until": now + LEASE_SECONDS,
                "refresh_at": now + DAY,
                "checked_at": now,
                "air_gap": false,
            },
            "pending": null,
            "notice": null,
            "device": { "name": device.name, "labels": ["mac", "board", "cpu"], "platform": "physical" },
            "now": now,
        })
    );
    setup.set_fault(NetworkFault::Down);
    setup.client.deactivate().unwrap();
    setup.clock.pass(LEASE_SECONDS);
    let written = serde_json::to_value(setup.client.snapshot()).unwrap();
    assert_eq!((&written["state"], &written["lock_code"]), (&"Locked".into(), &"LEASE_EXPIRED".into()));
    assert_eq!((&written["features"], &written["license"]["offline_until"]), (&json!([]), &Value::Null));
    assert_eq!(
        (&written["pending"]["name"], &written["pending"]["message"]["id"]),
        (&"deactivate".into(), &"deactivation_waits".into())
    );
    assert!(!written.to_string().contains(&key(1)), "{written}");
}

/// In a list of devices to move from, each machine has its own name, and finds it in its own window too.
#[test]
fn default_names_differ_between_machines() {
    let setup = TestSetup::new();
    setup.server.state().policy.seats = 3;
    let names = ["home", "office", "attic"].map(|machine| {
        let client = builder(&setup.server, &setup.clock, &Machine::named(machine)).open().unwrap();
        client.activate(&key(1), "", "").unwrap();
        let (_, sent) = setup.server.state().requests.last().unwrap().clone();
        assert_eq!(sent["device_name"], client.device().name, "as the window of that machine shows it");
        assert_eq!(client.snapshot().device.name, client.device().name);
        client.refresh().unwrap();
        client.device().name
    });
    assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2], "{names:?}");
    let till =
        builder(&setup.server, &setup.clock, &Machine::named("home")).device_name("Till 4").open().unwrap();
    till.activate(&key(1), "", "").unwrap();
    assert_eq!(till.device().name, "Till 4", "the application's name is used as it is");
}
