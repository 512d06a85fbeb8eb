//! Seats taken by an activation whose answer was lost, after another request replaced it.

use falconer_client::transport::ApiEndpoint;
use falconer_client::{Activation, Deactivation, FailureKind, Licensing, NetworkFailure, Pending, State};

use crate::harness::{NetworkFault, TestSetup, key, key_of_tier};

/// Enough seats for every activation that reaches the server.
fn setup() -> TestSetup {
    let setup = TestSetup::new();
    setup.server.state().policy.seats = 5;
    setup
}

/// Activates while the server's answer is lost.
fn activate_unheard(setup: &TestSetup, client: &Licensing, number: u8) {
    let seats = setup.server.state().devices.len();
    setup.set_fault(NetworkFault::LostReply);
    assert_eq!(
        client.activate(&key(number), "", ""),
        Ok(Activation::Waiting(FailureKind::Offline(NetworkFailure::Other).into()))
    );
    assert_eq!(setup.server.state().devices.len(), seats + 1);
}

/// Asserts that this license alone holds a seat on the server.
fn holds_alone(setup: &TestSetup, client: &Licensing, number: u8) {
    assert_eq!((client.status(), client.pending()), (State::Active, None));
    assert_eq!(setup.server.state().devices.len(), 1);
    setup.server.state().requests.clear();
    client.refresh().unwrap();
    assert_eq!(setup.server.state().requests[0].1["license_key"], key(number));
}

#[test]
fn replaced_key_releases_its_seat() {
    let ways: [fn(&TestSetup, &Licensing); 3] = [
        |_, client| assert_eq!(client.activate(&key(2), "", ""), Ok(Activation::Done(State::Active))),
        |_, client| assert_eq!(client.transfer(Some(&key(2)), "", "", None), Ok(State::Active)),
        |setup, client| {
            activate_unheard(setup, client, 2);
            assert_eq!(client.pending(), Some(Pending::Activate), "what is wanted now");
            setup.set_fault(NetworkFault::None);
        },
    ];
    for replace in ways {
        let setup = setup();
        activate_unheard(&setup, &setup.client, 1);
        setup.set_fault(NetworkFault::None);
        replace(&setup, &setup.client);
        assert_eq!(setup.server.state().devices.len(), 2);
        if setup.client.pending() == Some(Pending::ReleaseSeat) {
            assert_eq!(setup.client.status(), State::Active);
            setup.set_fault(NetworkFault::Down);
            assert_eq!(setup.client.refresh(), Err(FailureKind::Offline(NetworkFailure::Other).into()));
            assert_eq!(
                (setup.client.status(), setup.client.pending()),
                (State::Active, Some(Pending::ReleaseSeat))
            );
            setup.set_fault(NetworkFault::None);
        }
        assert_eq!(setup.client.refresh(), Ok(State::Active));
        holds_alone(&setup, &setup.client, 2);
    }
}

#[test]
fn offline_deactivation_frees_all_seats() {
    let (setup, folder) = (setup(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    let client = setup.on(&path);
    client.activate(&key(1), "", "").unwrap();
    activate_unheard(&setup, &client, 2);
    activate_unheard(&setup, &client, 3);
    setup.set_fault(NetworkFault::Down);
    assert_eq!(
        client.deactivate(),
        Ok(Deactivation::Waiting(FailureKind::Offline(NetworkFailure::Other).into()))
    );
    assert_eq!((client.status(), client.pending()), (State::Active, Some(Pending::Deactivate)));
    drop(client);
    let client = setup.on(&path);
    assert_eq!(client.pending(), Some(Pending::Deactivate));
    setup.set_fault(NetworkFault::None);
    assert_eq!(client.refresh(), Ok(State::NotActivated));
    assert_eq!((setup.server.state().devices.len(), client.pending()), (0, None));
}

#[test]
fn replaced_deactivation_is_still_sent() {
    for online in [true, false] {
        let setup = setup();
        setup.client.activate(&key(1), "", "").unwrap();
        setup.set_fault(NetworkFault::Down);
        setup.client.deactivate().unwrap();
        if online {
            setup.set_fault(NetworkFault::None);
        }
        setup.client.activate(&key(2), "", "").unwrap();
        setup.set_fault(NetworkFault::None);
        assert_eq!(setup.client.refresh(), Ok(State::Active));
        holds_alone(&setup, &setup.client, 2);
    }
}

#[test]
fn reactivated_key_keeps_its_seat() {
    let setup = setup();
    activate_unheard(&setup, &setup.client, 1);
    activate_unheard(&setup, &setup.client, 2);
    setup.set_fault(NetworkFault::None);
    setup.client.activate(&key(1), "", "").unwrap();
    assert_eq!(setup.client.pending(), Some(Pending::ReleaseSeat));
    assert_eq!(setup.client.refresh(), Ok(State::Active));
    holds_alone(&setup, &setup.client, 1);
}

#[test]
fn refused_key_keeps_pending_activation() {
    let setup = setup();
    activate_unheard(&setup, &setup.client, 1);
    setup.set_fault(NetworkFault::Unsigned("INVALID_SIGNATURE"));
    setup.client.activate(&key(2), "", "").unwrap_err();
    assert_eq!(setup.client.pending(), Some(Pending::Activate));
    setup.set_fault(NetworkFault::None);
    assert_eq!(setup.client.refresh(), Ok(State::Active));
    holds_alone(&setup, &setup.client, 1);
}

#[test]
fn only_signed_answer_ends_release() {
    for (fault, ends) in [
        (NetworkFault::Down, false),
        (NetworkFault::Portal, false),
        (NetworkFault::BadSignature, false),
        (NetworkFault::Forged, false),
        (NetworkFault::OtherNonce, false),
        (NetworkFault::None, true),
    ] {
        let setup = setup();
        activate_unheard(&setup, &setup.client, 1);
        setup.set_fault(NetworkFault::None);
        setup.client.activate(&key(2), "", "").unwrap();
        setup.set_fault(fault);
        setup.server.state().requests.clear();
        let _ = setup.client.refresh();
        assert_eq!(setup.server.state().requests[0].0, ApiEndpoint::Deactivate);
        assert_eq!(setup.client.pending(), (!ends).then_some(Pending::ReleaseSeat), "{fault:?}");
        assert_eq!(setup.client.status(), State::Active);
    }
}

/// A text may mean several keys, and only the server knows which of them it issued.
#[test]
fn queued_activation_keeps_all_readings() {
    let (setup, folder) = (setup(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    let issued = key_of_tier("PRO_PLUS", 1);
    let typed = issued.replace(['-', '_'], "");
    setup.set_fault(NetworkFault::Down);
    let activation = setup.on(&path).activate(&typed, "", "");
    assert!(matches!(activation, Ok(Activation::Waiting(_))), "{activation:?}");

    let client = setup.on(&path);
    assert_eq!(client.pending(), Some(Pending::Activate));
    setup.set_fault(NetworkFault::TagsChecked);
    assert_eq!(client.refresh(), Ok(State::Active));
    assert_eq!((client.pending(), setup.server.state().devices.len()), (None, 1));
    let (_, asked) = setup.server.state().requests.last().unwrap().clone();
    assert_eq!(asked["license_key"], issued);
}

#[test]
fn queued_readings_end_when_none_is_known() {
    let setup = setup();
    setup.set_fault(NetworkFault::Down);
    setup.client.activate(&key_of_tier("PRO_PLUS", 1).replace(['-', '_'], ""), "", "").unwrap();
    setup.set_fault(NetworkFault::Unsigned("INVALID_SIGNATURE"));
    setup.server.state().requests.clear();
    let refused = setup.client.refresh().unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("INVALID_SIGNATURE"));
    assert!(setup.server.asked().len() > 1);
    assert_eq!((setup.client.pending(), setup.client.status()), (None, State::NotActivated));
}

/// Another person's name and address are never sent with a key: not by a transfer, and not by any later call.
#[test]
fn person_is_sent_with_own_license_alone() {
    let setup = TestSetup::new();
    setup.client.activate(&key(1), "Anna", "anna@example.com").unwrap();
    setup.server.state().requests.clear();
    let _ = setup.client.transfer(Some(&key(2)), "", "", None);
    let _ = setup.client.transfer(None, "", "", None);
    setup.set_fault(NetworkFault::Down);
    setup.client.activate(&key(3), "", "").unwrap();
    setup.set_fault(NetworkFault::None);
    let _ = setup.client.refresh();
    let _ = setup.client.deactivate();
    for (endpoint, body) in &setup.server.state().requests {
        let text = body.to_string();
        assert!(!text.contains("Anna") && !text.contains("anna@"), "{endpoint:?} {text}");
    }
    let typed = setup.client.transfer(Some(&key(2)), "Bob", "bob@example.com", None);
    let (endpoint, sent) = setup.server.state().requests.last().unwrap().clone();
    assert_eq!((endpoint, &sent["licensee_email"]), (ApiEndpoint::Transfer, &"bob@example.com".into()));
    assert_eq!(sent["licensee_name"], "Bob", "{typed:?}");
}
