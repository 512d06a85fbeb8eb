//! Seats that were taken by an answer nobody heard, after another wish took the place of the first.

use falconer_client::transport::Endpoint;
use falconer_client::{Activation, Deactivation, Licensing, Pending, RefreshError, State, Trouble};

use crate::harness::{Lab, Weather, key};

/// Enough seats, so that every activation that reaches the server takes one.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.server.state().policy.seats = 5;
    lab
}

/// Activates; the server does it, and its answer is lost.
fn activate_unheard(lab: &Lab, client: &Licensing, number: u8) {
    let seats = lab.server.state().devices.len();
    lab.weather(Weather::LostReply);
    assert_eq!(client.activate(&key(number), "", ""), Ok(Activation::Waiting(Trouble::Unreachable)));
    assert_eq!(lab.server.state().devices.len(), seats + 1);
}

/// The only license that holds a seat, as the server sees it.
fn holds_alone(lab: &Lab, client: &Licensing, number: u8) {
    assert_eq!((client.status(), client.pending()), (State::Active, None));
    assert_eq!(lab.server.state().devices.len(), 1);
    lab.server.state().requests.clear();
    client.refresh().unwrap();
    assert_eq!(lab.server.state().requests[0].1["license_key"], key(number));
}

#[test]
fn a_waiting_key_that_another_one_replaces_gives_its_seat_back() {
    let ways: [fn(&Lab, &Licensing); 3] = [
        |_, client| assert_eq!(client.activate(&key(2), "", ""), Ok(Activation::Done(State::Active))),
        |_, client| assert_eq!(client.transfer(Some(&key(2)), None), Ok(State::Active)),
        |lab, client| {
            activate_unheard(lab, client, 2);
            assert_eq!(client.pending(), Some(Pending::Activate), "what is wanted now");
            lab.weather(Weather::Fair);
        },
    ];
    for replace in ways {
        let lab = lab();
        activate_unheard(&lab, &lab.client, 1);
        lab.weather(Weather::Fair);
        replace(&lab, &lab.client);
        assert_eq!(lab.server.state().devices.len(), 2);
        if lab.client.pending() == Some(Pending::GiveBack) {
            assert_eq!(lab.client.status(), State::Active);
            lab.weather(Weather::Down);
            assert_eq!(lab.client.refresh(), Err(RefreshError::NoAnswer(Trouble::Unreachable)));
            assert_eq!((lab.client.status(), lab.client.pending()), (State::Active, Some(Pending::GiveBack)));
            lab.weather(Weather::Fair);
        }
        assert_eq!(lab.client.refresh(), Ok(State::Active));
        holds_alone(&lab, &lab.client, 2);
    }
}

#[test]
fn a_deactivation_offline_frees_a_waiting_key_too_after_a_restart() {
    let (lab, folder) = (lab(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    let client = lab.on(&path);
    client.activate(&key(1), "", "").unwrap();
    activate_unheard(&lab, &client, 2);
    activate_unheard(&lab, &client, 3);
    lab.weather(Weather::Down);
    assert_eq!(client.deactivate(), Ok(Deactivation::Waiting(Trouble::Unreachable)));
    assert_eq!((client.status(), client.pending()), (State::Active, Some(Pending::Deactivate)));
    drop(client);
    let client = lab.on(&path);
    assert_eq!(client.pending(), Some(Pending::Deactivate));
    lab.weather(Weather::Fair);
    assert_eq!(client.refresh(), Ok(State::NotActivated));
    assert_eq!((lab.server.state().devices.len(), client.pending()), (0, None));
}

#[test]
fn a_deactivation_that_another_key_replaces_is_done_all_the_same() {
    for online in [true, false] {
        let lab = lab();
        lab.client.activate(&key(1), "", "").unwrap();
        lab.weather(Weather::Down);
        lab.client.deactivate().unwrap();
        if online {
            lab.weather(Weather::Fair);
        }
        lab.client.activate(&key(2), "", "").unwrap();
        lab.weather(Weather::Fair);
        assert_eq!(lab.client.refresh(), Ok(State::Active));
        holds_alone(&lab, &lab.client, 2);
    }
}

#[test]
fn a_key_that_is_wanted_again_is_not_given_back() {
    let lab = lab();
    activate_unheard(&lab, &lab.client, 1);
    activate_unheard(&lab, &lab.client, 2);
    lab.weather(Weather::Fair);
    lab.client.activate(&key(1), "", "").unwrap();
    assert_eq!(lab.client.pending(), Some(Pending::GiveBack));
    assert_eq!(lab.client.refresh(), Ok(State::Active));
    holds_alone(&lab, &lab.client, 1);
}

#[test]
fn a_key_that_is_refused_replaces_nothing() {
    let lab = lab();
    activate_unheard(&lab, &lab.client, 1);
    lab.weather(Weather::Unsigned("INVALID_SIGNATURE"));
    lab.client.activate(&key(2), "", "").unwrap_err();
    assert_eq!(lab.client.pending(), Some(Pending::Activate));
    lab.weather(Weather::Fair);
    assert_eq!(lab.client.refresh(), Ok(State::Active));
    holds_alone(&lab, &lab.client, 1);
}

#[test]
fn only_the_servers_word_ends_giving_back() {
    for (weather, ends) in [
        (Weather::Down, false),
        (Weather::Portal, false),
        (Weather::BadSignature, false),
        (Weather::Forged, false),
        (Weather::OtherNonce, false),
        (Weather::Fair, true),
    ] {
        let lab = lab();
        activate_unheard(&lab, &lab.client, 1);
        lab.weather(Weather::Fair);
        lab.client.activate(&key(2), "", "").unwrap();
        lab.weather(weather);
        lab.server.state().requests.clear();
        let _ = lab.client.refresh();
        assert_eq!(lab.server.state().requests[0].0, Endpoint::Deactivate);
        assert_eq!(lab.client.pending(), (!ends).then_some(Pending::GiveBack), "{weather:?}");
        assert_eq!(lab.client.status(), State::Active);
    }
}
