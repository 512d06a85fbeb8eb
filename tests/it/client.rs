//! The client library with the real functions: activated, offline for days, revoked, reinstated, displaced, rotated,
//! restarted and copied.

mod maintenance;

use std::path::Path;

use falconer_client::{
    Activation, Builder, Deactivation, FailureKind, Hardware, HttpTransport, Label, Licensing, LockCode,
    Pending, Platform, PublicKeys, RawComponents, State, UnixSeconds,
};
use falconer_emulators::tap::{Fault, Matcher, Tap};
use falconer_tests::{Fixture, TestStack};
use serde_json::Value;

use crate::computer::{FixtureHardware, TestClock};
use crate::issuing::falconer;

const DAY: i64 = 86_400;
/// Check interval plus grace of the built-in policy.
const LEASE_SECONDS: i64 = 8 * DAY;

/// The functions, the network to them, and an application built with their current keys.
struct Vendor {
    stack: TestStack,
    way: Tap,
    keys: PublicKeys,
    key: String,
}

impl Vendor {
    fn new() -> Self {
        let stack = TestStack::start();
        let way = Tap::start(stack.gateway().url()).expect("a way to the server");
        let keys = PublicKeys::parse(&stack.get("/api/keys").body.to_string()).expect("public keys");
        let key = stack.put(Fixture::pro());
        Self { stack, way, keys, key }
    }

    fn application(&self, machine: &'static str) -> (Licensing, TestClock) {
        let clock = TestClock::right();
        let client = self.builder(machine, &clock).store_in_memory().open().expect("an open license");
        (client, clock)
    }

    /// The same with its license in a file; each call is a start of the program.
    fn start(&self, machine: &'static str, clock: &TestClock, store: &Path) -> Licensing {
        self.builder(machine, clock).store(store).open().expect("an open license")
    }

    fn builder(&self, machine: &'static str, clock: &TestClock) -> Builder {
        Licensing::builder("QF", "https://licenses.example.com", self.keys.clone())
            .transport(HttpTransport::new(&self.way.endpoint()))
            .clock(clock.clone())
            .hardware(FixtureHardware(machine))
            .device_name(machine)
    }

    fn stop_server(&self) {
        self.way.break_all(Matcher::any(), Fault::Reset);
    }

    fn start_server(&self) {
        self.way.heal();
    }

    /// Runs the operator's program and asserts its success.
    fn operate(&self, arguments: &[&str]) {
        let output = falconer(&self.stack)
            .args(["--json", "--yes"])
            .args(arguments)
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a new generation sign, and restarts the functions that need to know it.
    fn rotate(&self) {
        self.operate(&["keyring", "add"]);
        self.operate(&["keyring", "promote", "--now"]);
        for function in ["verify", "keys", "activate-sync"] {
            // A running instance reads the ring every five minutes, a new one at once.
            self.stack.gateway().kill(function, 0).expect("an instance to kill");
        }
    }
}

/// A guest of a hypervisor, as the library sees one.
struct VirtualHardware;

impl Hardware for VirtualHardware {
    fn read(&self) -> RawComponents {
        RawComponents::default()
            .with(Label::Mac, "52:54:00:9a:3c:7e")
            .with(Label::Hostname, "fixture-hardware-guest")
            .on(Platform::VirtualMachine)
            .in_guest(Some("3d1219c7c4c5404aaa1f6d2a48adfda4"))
    }
}

/// The policy in its whole life: refused, allowed, bound, refused again. Nothing locks.
#[test]
fn policy_refuses_seats_to_virtual_machines() {
    let vendor = Vendor::new();
    let id = vendor.stack.license_id(&vendor.key).to_string();
    let set = |answer: &str| vendor.operate(&["set-policy", &id, &format!("virtual_machines={answer}")]);
    let clock = TestClock::right();
    let builder = vendor.builder("guest", &clock).hardware(VirtualHardware);
    let client = builder.store_in_memory().open().expect("an open license");
    set("refuse");
    let refused = client.activate(&vendor.key, "", "").unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("VIRTUAL_MACHINE"));
    let moved = client.transfer(Some(&vendor.key), "", "", None).unwrap_err();
    assert_eq!(moved.code.as_deref(), Some("VIRTUAL_MACHINE"));
    assert_eq!((client.status(), client.pending()), (State::NotActivated, None));
    set("allow");
    assert_eq!(client.activate(&vendor.key, "", ""), Ok(Activation::Done(State::Active)));
    set("refuse");
    clock.pass(DAY);
    assert_eq!(client.refresh(), Ok(State::Active), "the seat stays");
    assert_eq!(client.activate(&vendor.key, "", ""), Ok(Activation::Done(State::Active)));
    let (physical, _) = vendor.application("first");
    assert_eq!(
        physical.transfer(Some(&vendor.key), "", "", None),
        Ok(State::Active),
        "a machine that is not virtual moves it as ever"
    );
    assert_eq!(
        client.refresh(),
        Ok(locked(LockCode::HardwareMismatch)),
        "displaced, and not for being virtual"
    );
}

fn locked(code: LockCode) -> State {
    State::Locked { code }
}

#[test]
fn license_outlives_server_by_its_grace() {
    let vendor = Vendor::new();
    let (client, clock) = vendor.application("first");
    let done = client.activate(&vendor.key, "Fixture Person", "fixture.person@example.com");
    assert_eq!(done, Ok(Activation::Done(State::Active)));
    let license = client.license().unwrap();
    assert_eq!(license.id, vendor.stack.license_id(&vendor.key).to_string());
    assert!(client.has_feature(&license.features[0]));

    vendor.stop_server();
    let activated_at = client.now();
    clock.pass(DAY - 1);
    assert_eq!(client.status(), State::Active);
    clock.pass(1);
    assert_eq!(client.status(), State::RefreshDue);
    for day in 2..8 {
        clock.pass(DAY);
        let failure = client.refresh().expect_err("no server");
        assert!(matches!(failure.kind, FailureKind::Offline(_)), "day {day}: {failure:?}");
        assert_eq!(client.status(), State::Grace { until: UnixSeconds(activated_at.0 + LEASE_SECONDS) });
    }
    clock.pass(activated_at.0 + LEASE_SECONDS - client.now().0 - 1);
    assert!(client.has_feature(&license.features[0]), "the last second");
    clock.pass(1);
    assert_eq!(client.status(), locked(LockCode::LeaseExpired));
    assert!(!client.has_feature(&license.features[0]));

    vendor.start_server();
    assert_eq!(client.refresh(), Ok(State::Active));
    assert!(client.has_feature(&license.features[0]));
}

#[test]
fn revocation_locks_until_reinstatement() {
    let vendor = Vendor::new();
    let (client, _) = vendor.application("first");
    client.activate(&vendor.key, "", "").unwrap();
    let key = vendor.key.as_str();
    for (command, state) in [
        (vec!["revoke", key, "--reason", "refund"], locked(LockCode::Revoked)),
        (vec!["reinstate", key], State::Active),
        (vec!["suspend", key, "--reason", "chargeback"], locked(LockCode::Suspended)),
        (vec!["reinstate", key], State::Active),
    ] {
        vendor.operate(&command);
        assert_eq!(client.refresh(), Ok(state), "{command:?}");
    }
    vendor.operate(&["revoke", key, "--reason", "refund"]);
    vendor.stop_server();
    client.refresh().unwrap_err();
    assert_eq!(client.status(), State::Active, "what it has not heard it cannot know");
    vendor.start_server();
    client.refresh().unwrap();
    vendor.stop_server();
    client.refresh().unwrap_err();
    assert_eq!(client.status(), locked(LockCode::Revoked), "and what it has heard it keeps");
}

#[test]
fn second_machine_takes_the_seat() {
    let vendor = Vendor::new();
    let ((first, _), (second, _)) = (vendor.application("first"), vendor.application("second"));
    first.activate(&vendor.key, "", "").unwrap();
    let refused = second.activate(&vendor.key, "", "").expect_err("the only seat is taken");
    assert_eq!(
        (refused.code.as_deref(), refused.holders[0].name.as_deref()),
        (Some("SEATS_EXHAUSTED"), Some("first"))
    );
    assert_eq!(second.transfer(Some(&vendor.key), "", "", Some(&refused.holders[0].id)), Ok(State::Active));
    assert_eq!(first.status(), State::Active);
    assert_eq!(first.refresh(), Ok(locked(LockCode::HardwareMismatch)));
    assert_eq!(
        first.transfer(None, "", "", None),
        Ok(State::Active),
        "the one that lost it may have it back"
    );
    assert_eq!(second.refresh(), Ok(locked(LockCode::HardwareMismatch)));
    assert_eq!(first.deactivate(), Ok(Deactivation::Done));
    assert_eq!(first.status(), State::NotActivated);
}

#[test]
fn survives_two_rotations_while_offline() {
    let vendor = Vendor::new();
    let (client, clock) = vendor.application("first");
    client.activate(&vendor.key, "", "").unwrap();
    vendor.stop_server();
    clock.pass(2 * DAY);
    client.refresh().unwrap_err();
    vendor.rotate();
    vendor.rotate();
    vendor.start_server();
    assert_eq!(client.refresh(), Ok(State::Active));
    let signed_by = vendor.stack.verify(&vendor.key).lease_parts().0["kid"].clone();
    assert_eq!(signed_by, Value::from(vendor.stack.ring().current().number().to_string()), "by the newest");
    let pins = format!("{:?}", vendor.keys);
    assert!(!pins.contains("\"3\"") && !pins.contains("\"4\""), "it pins none of the two: {pins}");
}

#[test]
fn stored_license_is_bound_to_its_machine() {
    let (vendor, clock) = (Vendor::new(), TestClock::right());
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("license.db");
    let start = || vendor.start("first", &clock, &store);
    start().activate(&vendor.key, "", "").unwrap();
    vendor.rotate();
    assert_eq!(start().refresh(), Ok(State::Active), "it learns a key");

    vendor.stop_server();
    assert_eq!(start().status(), State::Active, "by a lease of that key, which only the file knows");
    vendor.rotate();
    vendor.rotate();
    clock.pass(2 * DAY);
    start().refresh().unwrap_err();
    let State::Grace { until } = start().status() else { panic!("{:?}", start().status()) };
    vendor.start_server();
    assert_eq!(start().refresh(), Ok(State::Active), "two generations later");
    vendor.stop_server();
    let client = start();
    let license = client.license().unwrap();
    assert_eq!(client.status(), State::Active);
    assert!(client.has_feature(&license.features[0]));
    assert!(license.offline_until >= Some(until), "both leases may be of one second of the server's clock");

    let copy = folder.path().join("copy.db");
    std::fs::copy(&store, &copy).unwrap();
    drop(client);
    let copied = vendor.start("second", &clock, &copy);
    assert_eq!((copied.status(), copied.has_feature(&license.features[0])), (State::NotActivated, false));
    vendor.start_server();
    assert_eq!(copied.refresh(), Ok(locked(LockCode::HardwareMismatch)), "and the server says the same");
    assert_eq!(start().refresh(), Ok(State::Active));
}

#[test]
fn lost_activation_takes_one_seat() {
    let vendor = Vendor::new();
    let (client, _) = vendor.application("first");
    vendor.way.break_all(Matcher::any(), Fault::DropReply);
    assert!(matches!(
        client.activate(&vendor.key, "", ""),
        Ok(Activation::Waiting(failure)) if matches!(failure.kind, FailureKind::Offline(_))
    ));
    assert_eq!((client.status(), client.pending()), (State::NotActivated, Some(Pending::Activate)));
    let id = vendor.stack.license_id(&vendor.key);
    assert_eq!(vendor.stack.stored(&id).devices.len(), 1, "it happened");
    vendor.start_server();
    assert_eq!((client.refresh(), client.pending()), (Ok(State::Active), None));
    let license = vendor.stack.stored(&id);
    assert_eq!((license.devices.len(), license.free_used), (1, 1), "once");
}
