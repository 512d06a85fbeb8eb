//! Activation, refresh, transfer, deactivation and pending requests.

use falconer_client::transport::ApiEndpoint;
use falconer_client::{
    Activation, Deactivation, Failure, FailureKind, InvalidInput, Label, LockCode, NetworkFailure, Pending,
    State, UnixMillis, UnixSeconds,
};
use falconer_domain::Code;

use crate::harness::{
    DAY, FEATURE, LEASE_SECONDS, Machine, NetworkFault, START, TestSetup, builder, key, ring, unlocked,
};

const REVOKED: State = State::Locked { code: LockCode::Revoked };

#[test]
fn license_ends_at_last_second_of_grace() {
    let setup = TestSetup::new();
    assert_eq!(setup.client.status(), State::NotActivated);
    assert!(!unlocked(&setup.client));
    let done = setup.client.activate(&key(1).to_lowercase(), "Anna Example", "anna@example.com");
    assert_eq!(done, Ok(Activation::Done(State::Active)));
    assert!(unlocked(&setup.client) && !setup.client.has_feature("another"));
    let license = setup.client.license().unwrap();
    assert_eq!(
        (license.tier.as_deref(), license.features.as_slice()),
        (Some("pro"), &[FEATURE.to_owned()][..])
    );
    assert!(license.masked_key.contains('…') && license.id.starts_with("lic_"), "{license:?}");

    setup.set_fault(NetworkFault::Down);
    setup.clock.pass(DAY - 1);
    assert_eq!(setup.client.status(), State::Active);
    setup.clock.pass(1);
    assert_eq!(setup.client.status(), State::RefreshDue);
    assert_eq!(setup.client.refresh(), Err(FailureKind::Offline(NetworkFailure::Other).into()));
    let until = UnixSeconds(START.0 / 1_000 + LEASE_SECONDS);
    assert_eq!(setup.client.status(), State::Grace { until });
    assert_eq!(setup.client.license().unwrap().offline_until, Some(until));

    let left = until.0 - setup.real_seconds().0;
    setup.clock.pass(left - 1);
    assert_eq!(setup.client.status(), State::Grace { until });
    assert!(unlocked(&setup.client));
    setup.clock.pass(1);
    assert_eq!(setup.client.status(), State::Locked { code: LockCode::LeaseExpired });
    assert!(!unlocked(&setup.client));

    setup.set_fault(NetworkFault::None);
    assert_eq!(setup.client.refresh(), Ok(State::Active));
    assert!(unlocked(&setup.client));
}

#[test]
fn refusal_locks_until_valid_answer() {
    let setup = TestSetup::activated();
    for (code, lock) in [
        (Code::Revoked, LockCode::Revoked),
        (Code::Suspended, LockCode::Suspended),
        (Code::Pending, LockCode::Pending),
        (Code::Expired, LockCode::Expired),
        (Code::NotActivated, LockCode::NotActivated),
        (Code::HardwareMismatch, LockCode::HardwareMismatch),
    ] {
        setup.server.state().license = code;
        assert_eq!(setup.client.refresh(), Ok(State::Locked { code: lock }));
        assert!(!unlocked(&setup.client));
        setup.set_fault(NetworkFault::Down);
        setup.clock.pass(DAY);
        assert!(setup.client.refresh().is_err());
        assert_eq!(setup.client.status(), State::Locked { code: lock }, "an outage opens nothing");
        setup.set_fault(NetworkFault::None);
        setup.server.state().license = Code::Valid;
        assert_eq!(setup.client.refresh(), Ok(State::Active));
    }
}

#[test]
fn license_ending_offline_is_expired() {
    let setup = TestSetup::new();
    setup.server.state().expires_at = Some(UnixMillis(START.0 + 2 * DAY * 1_000));
    setup.client.activate(&key(1), "", "").unwrap();
    setup.set_fault(NetworkFault::Down);
    setup.clock.pass(2 * DAY - 1);
    assert!(unlocked(&setup.client));
    setup.clock.pass(1);
    assert_eq!(setup.client.status(), State::Locked { code: LockCode::Expired });
}

/// Components are keyed by the canonical key, so every spelling must lead to it.
#[test]
fn any_spelling_of_key_is_one_device() {
    let setup = TestSetup::new();
    setup.client.activate(&key(1), "", "").unwrap();
    for typed in [
        key(1).replace('-', ""),
        key(1).replace('-', " ").to_lowercase(),
        key(1).replace('-', "_"),
        key(1).replace('-', "\u{30FC}"),
        format!("\u{2066}\u{201E}{}\u{201C}.\u{2069}", key(1)),
        format!("Key: {}", key(1).chars().flat_map(|c| [c, ' ']).filter(|c| *c != '-').collect::<String>()),
    ] {
        setup.client.activate(&typed, "", "").unwrap();
        let (_, sent) = setup.server.state().requests.last().unwrap().clone();
        assert_eq!(sent["license_key"], key(1), "{typed}");
        assert_eq!(setup.server.state().devices.len(), 1, "{typed}");
    }
}

/// A text can mean several keys; only the server knows which one it issued.
#[test]
fn tries_each_candidate_key() {
    let setup = TestSetup::new();
    setup.server.state().fault = NetworkFault::Unsigned("INVALID_SIGNATURE");
    let tried = |typed: &str| {
        setup.server.state().requests.clear();
        let refused = setup.client.activate(typed, "", "").unwrap_err();
        assert!(refused.code.as_deref() == Some("INVALID_SIGNATURE"), "{refused}");
        let requests = setup.server.state().requests.clone();
        requests.iter().map(|(_, body)| body["license_key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(tried(&key(1)), [key(1)], "a whole key is what it says");
    let two_words = key(1).replace("PRO", "PRO 2").replace('-', " ");
    let tiers = ["PRO_2", "PRO2", "PR_O2", "P_RO2"];
    assert_eq!(tried(&two_words), tiers.map(|tier| key(1).replace("PRO", tier)));
    let lost = key(1).replace("PRO", "PROPLUS").replace('-', "");
    assert!(tried(&lost).contains(&key(1).replace("PRO", "PRO_PLUS")), "an underscore that is lost");
    assert_eq!(tried("some old words"), ["SOME-OLD-WORDS"], "another system may issue words");
    assert_eq!(tried("550e8400 e29b 41d4 a716 446655440000"), ["550E8400-E29B-41D4-A716-446655440000"]);
    setup.server.state().fault = NetworkFault::Unsigned("NOT_FOUND");
    setup.server.state().requests.clear();
    setup.client.activate(&two_words, "", "").unwrap_err();
    assert_eq!(setup.server.asked().len(), 1, "any other answer is one");
}

#[test]
fn invalid_input_is_never_sent() {
    let setup = TestSetup::new();
    let activate = |key: &str, name: &str, email: &str| setup.client.activate(key, name, email);
    assert_eq!(activate("no key", "", ""), Err(InvalidInput::Key.into()));
    assert_eq!(activate(&key(1), &"x".repeat(256), ""), Err(InvalidInput::Name.into()));
    assert_eq!(activate(&key(1), "", "anna"), Err(InvalidInput::Email.into()));
    assert_eq!(setup.client.transfer(None, "", "", None), Err(InvalidInput::MissingKey.into()));
    assert_eq!(setup.client.refresh(), Ok(State::NotActivated));
    assert_eq!(setup.client.deactivate(), Ok(Deactivation::Done));
    assert_eq!(setup.server.asked(), [], "nothing to say to the server");
}

#[test]
fn offline_activation_is_sent_once() {
    let setup = TestSetup::new();
    setup.set_fault(NetworkFault::LostReply);
    let waits = setup.client.activate(&key(1), "Anna Example", "anna@example.com");
    assert_eq!(waits, Ok(Activation::Waiting(FailureKind::Offline(NetworkFailure::Other).into())));
    assert_eq!(
        (setup.client.status(), setup.client.pending()),
        (State::NotActivated, Some(Pending::Activate))
    );
    let lost: Vec<_> = setup.server.state().devices.keys().cloned().collect();
    assert_eq!(lost.len(), 1, "the server did it, three times over");
    setup.set_fault(NetworkFault::None);
    assert_eq!(setup.client.refresh(), Ok(State::Active));
    assert_eq!(setup.client.pending(), None);
    assert_eq!(setup.server.state().devices.keys().cloned().collect::<Vec<_>>(), lost, "the same seat");
    let (_, resent) = setup.server.state().requests.last().unwrap().clone();
    assert_eq!(
        (&resent["licensee_name"], &resent["licensee_email"]),
        (&"Anna Example".into(), &"anna@example.com".into())
    );
}

#[test]
fn pending_survives_restart_until_refusal() {
    let setup = TestSetup::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    setup.set_fault(NetworkFault::Down);
    assert!(matches!(setup.on(&path).activate(&key(1), "Anna", ""), Ok(Activation::Waiting(_))));
    let client = setup.on(&path);
    assert_eq!(client.pending(), Some(Pending::Activate));
    setup.set_fault(NetworkFault::None);
    setup.server.state().license = Code::Revoked;
    let refused = client.refresh().unwrap_err();
    assert_eq!(refused, Failure::refused("REVOKED"));
    assert_eq!(
        (client.status(), client.pending()),
        (State::NotActivated, None),
        "no license of its own to lock"
    );
}

#[test]
fn offline_deactivation_keeps_license() {
    let setup = TestSetup::activated();
    setup.set_fault(NetworkFault::LostReply);
    assert_eq!(
        setup.client.deactivate(),
        Ok(Deactivation::Waiting(FailureKind::Offline(NetworkFailure::Other).into()))
    );
    assert_eq!((setup.client.status(), setup.client.pending()), (State::Active, Some(Pending::Deactivate)));
    setup.set_fault(NetworkFault::None);
    // The seat is free already, which counts as done.
    assert_eq!(setup.client.refresh(), Ok(State::NotActivated));
    assert_eq!((setup.client.pending(), setup.client.license()), (None, None));
    assert!(setup.server.state().devices.is_empty() && !unlocked(&setup.client));
}

#[test]
fn deactivate_frees_seat_of_lost_answer() {
    for fault in [NetworkFault::None, NetworkFault::Down] {
        let setup = TestSetup::new();
        setup.set_fault(NetworkFault::LostReply);
        setup.client.activate(&key(1), "", "").unwrap();
        assert_eq!(setup.server.state().devices.len(), 1);
        setup.set_fault(fault);
        setup.client.deactivate().unwrap();
        setup.set_fault(NetworkFault::None);
        assert_eq!(setup.client.refresh(), Ok(State::NotActivated), "{fault:?}");
        assert!(setup.server.state().devices.is_empty() && setup.client.pending().is_none(), "{fault:?}");
    }
}

#[test]
fn unsigned_refusal_keeps_request() {
    for (code, ends) in [
        ("CONCURRENT_UPDATE", false),
        ("REVOKED", false),
        ("NOT_FOUND", false),
        ("PLEASE_SIGN_IN", false),
        ("INVALID_SIGNATURE", true),
        ("INVALID_FIELD", true),
        ("MISSING_LICENSE", true),
        ("FINGERPRINT_TOO_WEAK", true),
    ] {
        for waits in [Pending::Activate, Pending::Deactivate, Pending::ReleaseSeat] {
            let setup = if waits == Pending::Activate { TestSetup::new() } else { TestSetup::activated() };
            setup.set_fault(NetworkFault::Down);
            match waits {
                Pending::Activate => drop(setup.client.activate(&key(1), "", "")),
                Pending::Deactivate => drop(setup.client.deactivate()),
                Pending::ReleaseSeat => {
                    setup.client.activate(&key(2), "", "").unwrap();
                    setup.set_fault(NetworkFault::None);
                    setup.client.activate(&key(1), "", "").unwrap();
                }
            }
            setup.set_fault(NetworkFault::Unsigned(code));
            let told = setup.client.refresh().unwrap_err();
            assert!(told.code.as_deref() == Some(code), "{told:?}");
            assert_eq!(setup.client.pending(), (!ends).then_some(waits), "{code}");
        }
    }
}

#[test]
fn refresh_reports_refusal_of_pending() {
    let setup = TestSetup::activated();
    setup.set_fault(NetworkFault::Down);
    setup.client.activate(&key(2), "", "").unwrap();
    setup.set_fault(NetworkFault::None);
    setup.server.state().license = Code::Revoked;
    let told = setup.client.refresh().unwrap_err();
    assert!(told.code.as_deref() == Some("REVOKED"), "{told:?}");
    assert_eq!(
        (setup.client.status(), setup.client.pending()),
        (REVOKED, None),
        "and the stored one was checked"
    );
}

#[test]
fn deactivate_releases_pending_seat() {
    let setup = TestSetup::activated();
    setup.set_fault(NetworkFault::LostReply);
    setup.client.activate(&key(2), "", "").unwrap();
    setup.set_fault(NetworkFault::None);
    setup.server.state().requests.clear();
    assert_eq!(setup.client.deactivate(), Ok(Deactivation::Done));
    let requests = setup.server.state().requests.clone();
    let freed: Vec<_> =
        requests.iter().map(|(endpoint, body)| (*endpoint, body["license_key"].as_str().unwrap())).collect();
    assert_eq!(freed, [(ApiEndpoint::Deactivate, &*key(1)), (ApiEndpoint::Deactivate, &*key(2))]);
    assert_eq!((setup.client.status(), setup.client.pending()), (State::NotActivated, None));
}

#[test]
fn later_request_replaces_pending() {
    let setup = TestSetup::activated();
    setup.set_fault(NetworkFault::Down);
    setup.client.deactivate().unwrap();
    setup.client.activate(&key(1), "", "").unwrap();
    assert_eq!(setup.client.pending(), Some(Pending::Activate));
    setup.set_fault(NetworkFault::None);
    assert_eq!(setup.client.refresh(), Ok(State::Active));
    assert_eq!(setup.server.state().devices.len(), 1);
}

#[test]
fn taken_seat_moves_between_devices() {
    let setup = TestSetup::activated();
    let second = builder(&setup.server, &setup.clock, &Machine::named("office")).open().unwrap();
    let refused = second.activate(&key(1), "Anna", "anna@example.com").unwrap_err();
    assert_eq!((refused.code.as_deref(), refused.holders.len()), (Some("SEATS_EXHAUSTED"), 1));
    assert!(refused.to_string().contains("Move it to this device"), "{refused}");
    assert_eq!(second.status(), State::NotActivated);

    let holder = Some(refused.holders[0].id.as_str());
    assert_eq!(second.transfer(Some(&key(1)), "Anna", "anna@example.com", holder), Ok(State::Active));
    let (_, sent) = setup.server.state().requests.last().unwrap().clone();
    assert_eq!(sent["licensee_email"], "anna@example.com");
    assert_eq!(setup.client.status(), State::Active, "its lease holds until its next check");
    assert_eq!(setup.client.refresh(), Ok(State::Locked { code: LockCode::HardwareMismatch }));
    assert_eq!(setup.client.transfer(None, "", "", None), Ok(State::Active), "with the key that is stored");
}

#[test]
fn refresh_reports_changed_part_once() {
    let setup = TestSetup::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    setup.on(&path).activate(&key(1), "", "").unwrap();
    assert_eq!(setup.on(&path).refresh(), Ok(State::Active));
    assert_eq!(setup.server.asked(), [ApiEndpoint::Activate, ApiEndpoint::Verify]);
    let repaired = Machine::named("home").with_part_of(Label::Mac, &Machine::named("shop"));
    let client = setup.of(&path, &repaired);
    assert_eq!(client.status(), State::Active, "one part changed, and nobody asked");
    setup.server.state().requests.clear();
    assert_eq!(client.refresh(), Ok(State::Active));
    assert_eq!(client.refresh(), Ok(State::Active));
    assert_eq!(setup.server.asked(), [ApiEndpoint::Verify, ApiEndpoint::Activate, ApiEndpoint::Verify]);
}

/// Verify changes no license, so a weekly request reports that this machine is in use. It takes no seat.
#[test]
fn refresh_reports_presence_weekly() {
    let setup = TestSetup::activated();
    setup.server.state().requests.clear();
    let mut shown = Vec::new();
    for day in 1..=15 {
        setup.clock.pass(DAY);
        assert_eq!(setup.client.refresh(), Ok(State::Active));
        let requests = std::mem::take(&mut setup.server.state().requests);
        assert_eq!(requests[0].0, ApiEndpoint::Verify, "first whether it is good at all");
        for (endpoint, body) in &requests[1..] {
            assert_eq!((*endpoint, &body["refresh"]), (ApiEndpoint::Activate, &true.into()));
            shown.push(day);
        }
    }
    assert_eq!(shown, [7, 14]);
    // If the weekly request fails, the next check repeats it, and the license works meanwhile.
    setup.clock.pass(7 * DAY);
    setup.set_fault(NetworkFault::Down);
    assert!(setup.client.refresh().is_err());
    setup.set_fault(NetworkFault::None);
    setup.server.state().requests.clear();
    assert_eq!(setup.client.refresh(), Ok(State::Active));
    assert_eq!(setup.server.asked(), [ApiEndpoint::Verify, ApiEndpoint::Activate]);
}

#[test]
fn verify_never_takes_a_seat() {
    let setup = TestSetup::activated();
    setup.server.state().devices.clear();
    setup.server.state().requests.clear();
    assert_eq!(setup.client.refresh(), Ok(State::Locked { code: LockCode::NotActivated }));
    assert_eq!((setup.server.asked(), setup.server.state().devices.len()), (vec![ApiEndpoint::Verify], 0));
}

#[test]
fn trusts_keys_after_two_rotations() {
    let setup = TestSetup::activated();
    setup.server.state().ring = ring(3);
    setup.clock.pass(DAY);
    setup.server.state().requests.clear();
    assert_eq!(setup.client.refresh(), Ok(State::Active));
    assert_eq!(setup.client.refresh(), Ok(State::Active));
    assert_eq!(
        setup.server.asked(),
        [ApiEndpoint::Verify, ApiEndpoint::Keys, ApiEndpoint::Verify],
        "learned once"
    );
}

#[test]
fn install_id_stays_across_restarts() {
    let setup = TestSetup::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    let bare = Machine(vec![
        (Label::Hostname, "a-container".to_owned()),
        (Label::Board, "Default string".to_owned()),
    ]);
    let client = setup.of(&path, &bare);
    assert_eq!(client.activate(&key(1), "", ""), Ok(Activation::Done(State::Active)));
    let sent = setup.server.state().requests[0].1["hardware"].clone();
    assert_eq!(sent.as_object().unwrap().keys().collect::<Vec<_>>(), ["hostname", "install"]);
    drop(client);
    let client = setup.of(&path, &bare);
    assert_eq!((client.status(), client.refresh()), (State::Active, Ok(State::Active)));
    assert_eq!(setup.server.state().requests[1].1["hardware"], sent);
    assert_eq!(setup.of(&folder.path().join("another.db"), &bare).status(), State::NotActivated);
}

#[test]
fn raw_hardware_never_leaves_process() {
    let setup = TestSetup::activated();
    setup.client.refresh().unwrap();
    setup.client.deactivate().unwrap();
    let sent = format!("{:?}", setup.server.state().requests);
    for (_, raw) in &setup.machine.0 {
        assert!(!sent.contains(raw.as_str()), "{raw}");
    }
    let shown = format!("{:?} {:?}", setup.client, setup.client.device());
    assert!(!shown.contains("home-"), "{shown}");
}

#[test]
fn refused_key_replaces_no_license() {
    let setup = TestSetup::activated();
    setup.server.state().license = Code::Revoked;
    let refused = setup.client.activate(&key(2), "", "").unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("REVOKED"));
    assert_eq!(setup.client.status(), State::Active, "the refusal is another license's");
    let first = setup.client.license().unwrap().id;
    setup.server.state().license = Code::Valid;
    setup.server.state().devices.clear();
    setup.client.activate(&key(2), "", "").unwrap();
    assert_ne!(setup.client.license().unwrap().id, first);
    setup.server.state().license = Code::Revoked;
    setup.client.activate(&key(2), "", "").unwrap_err();
    assert_eq!(setup.client.status(), REVOKED, "its own is");
}

#[test]
fn answer_of_other_program_counts() {
    let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    let (first, second) = (setup.on(&path), setup.on(&path));
    first.activate(&key(1), "", "").unwrap();
    assert_eq!(second.refresh(), Ok(State::Active), "without a key of its own");
    setup.server.state().license = Code::Revoked;
    assert_eq!(first.refresh(), Ok(REVOKED));
    setup.set_fault(NetworkFault::Down);
    assert!(second.refresh().is_err());
    assert_eq!(second.status(), REVOKED, "an older lease in memory does not outlive a newer refusal on disk");
}

#[test]
fn status_sends_no_request() {
    let setup = TestSetup::activated();
    setup.server.state().requests.clear();
    for _ in 0..1_000 {
        setup.clock.pass(3_600);
        let _ = (
            setup.client.status(),
            setup.client.has_feature(FEATURE),
            setup.client.license(),
            setup.client.now(),
        );
    }
    assert_eq!(setup.server.asked(), []);
}
