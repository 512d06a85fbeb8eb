//! Activation, refresh, transfer, deactivation, and what waits to be sent.

use falconer_client::transport::Endpoint;
use falconer_client::{
    ActivateError, Activation, BadInput, Deactivation, Label, LockCode, Pending, RefreshError, State,
    TransferError, Trouble, UnixMillis, UnixSeconds,
};
use falconer_domain::Code;

use crate::harness::{
    DAY, FEATURE, LEASE_SECONDS, Lab, Machine, START, Weather, builder, key, ring, unlocked,
};

const REVOKED: State = State::Locked { code: LockCode::Revoked };

#[test]
fn a_license_lives_from_activation_to_the_exact_second_grace_ends() {
    let lab = Lab::new();
    assert_eq!(lab.client.status(), State::NotActivated);
    assert!(!unlocked(&lab.client));
    let done = lab.client.activate(&key(1).to_lowercase(), "Anna Example", "anna@example.com");
    assert_eq!(done, Ok(Activation::Done(State::Active)));
    assert!(unlocked(&lab.client) && !lab.client.has_feature("another"));
    let license = lab.client.license().unwrap();
    assert_eq!(
        (license.tier.as_deref(), license.features.as_slice()),
        (Some("pro"), &[FEATURE.to_owned()][..])
    );
    assert!(license.masked_key.contains('…') && license.id.starts_with("lic_"), "{license:?}");

    lab.weather(Weather::Down);
    lab.clock.pass(DAY - 1);
    assert_eq!(lab.client.status(), State::Active);
    lab.clock.pass(1);
    assert_eq!(lab.client.status(), State::RefreshDue);
    assert_eq!(lab.client.refresh(), Err(RefreshError::NoAnswer(Trouble::Unreachable)));
    let until = UnixSeconds(START.0 / 1_000 + LEASE_SECONDS);
    assert_eq!(lab.client.status(), State::Grace { until });
    assert_eq!(lab.client.license().unwrap().offline_until, Some(until));

    let left = until.0 - lab.real_seconds().0;
    lab.clock.pass(left - 1);
    assert_eq!(lab.client.status(), State::Grace { until });
    assert!(unlocked(&lab.client));
    lab.clock.pass(1);
    assert_eq!(lab.client.status(), State::Locked { code: LockCode::LeaseExpired });
    assert!(!unlocked(&lab.client));

    lab.weather(Weather::Fair);
    assert_eq!(lab.client.refresh(), Ok(State::Active));
    assert!(unlocked(&lab.client));
}

#[test]
fn a_refusal_locks_until_a_later_answer_is_valid() {
    let lab = Lab::activated();
    for (code, lock) in [
        (Code::Revoked, LockCode::Revoked),
        (Code::Suspended, LockCode::Suspended),
        (Code::Pending, LockCode::Pending),
        (Code::Expired, LockCode::Expired),
        (Code::NotActivated, LockCode::NotActivated),
        (Code::HardwareMismatch, LockCode::HardwareMismatch),
    ] {
        lab.server.state().license = code;
        assert_eq!(lab.client.refresh(), Ok(State::Locked { code: lock }));
        assert!(!unlocked(&lab.client));
        lab.weather(Weather::Down);
        lab.clock.pass(DAY);
        assert!(lab.client.refresh().is_err());
        assert_eq!(lab.client.status(), State::Locked { code: lock }, "an outage opens nothing");
        lab.weather(Weather::Fair);
        lab.server.state().license = Code::Valid;
        assert_eq!(lab.client.refresh(), Ok(State::Active));
    }
}

#[test]
fn a_license_that_ends_while_offline_is_expired_and_not_only_overdue() {
    let lab = Lab::new();
    lab.server.state().expires_at = Some(UnixMillis(START.0 + 2 * DAY * 1_000));
    lab.client.activate(&key(1), "", "").unwrap();
    lab.weather(Weather::Down);
    lab.clock.pass(2 * DAY - 1);
    assert!(unlocked(&lab.client));
    lab.clock.pass(1);
    assert_eq!(lab.client.status(), State::Locked { code: LockCode::Expired });
}

/// Its parts are keyed by the canonical key, so every spelling has to come to that.
#[test]
fn a_key_in_any_spelling_is_one_device() {
    let lab = Lab::new();
    lab.client.activate(&key(1), "", "").unwrap();
    for typed in [
        key(1).replace('-', ""),
        key(1).replace('-', " ").to_lowercase(),
        key(1).replace('-', "_"),
        key(1).replace('-', "\u{30FC}"),
        format!("\u{2066}\u{201E}{}\u{201C}.\u{2069}", key(1)),
        format!("Key: {}", key(1).chars().flat_map(|c| [c, ' ']).filter(|c| *c != '-').collect::<String>()),
    ] {
        lab.client.activate(&typed, "", "").unwrap();
        let (_, sent) = lab.server.state().requests.last().unwrap().clone();
        assert_eq!(sent["license_key"], key(1), "{typed}");
        assert_eq!(lab.server.state().devices.len(), 1, "{typed}");
    }
}

/// Only the server knows which of the keys was issued that a text can mean.
#[test]
fn each_key_that_a_text_can_mean_is_tried() {
    let lab = Lab::new();
    lab.server.state().weather = Weather::Unsigned("INVALID_SIGNATURE");
    let tried = |typed: &str| {
        lab.server.state().requests.clear();
        let refused = lab.client.activate(typed, "", "").unwrap_err();
        assert!(refused.refusal().is_some_and(|refusal| refusal.code == "INVALID_SIGNATURE"), "{refused}");
        let requests = lab.server.state().requests.clone();
        requests.iter().map(|(_, body)| body["license_key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(tried(&key(1)), [key(1)], "a whole key is what it says");
    let two_words = key(1).replace("PRO", "PRO 2").replace('-', " ");
    assert_eq!(tried(&two_words), [key(1).replace("PRO", "PRO_2"), key(1).replace("PRO", "PRO2")]);
    assert_eq!(tried("550e8400 e29b 41d4 a716 446655440000"), ["550E8400-E29B-41D4-A716-446655440000"]);
    lab.server.state().weather = Weather::Unsigned("NOT_FOUND");
    lab.server.state().requests.clear();
    lab.client.activate(&two_words, "", "").unwrap_err();
    assert_eq!(lab.server.asked().len(), 1, "any other answer is one");
}

#[test]
fn what_is_typed_wrong_is_never_sent() {
    let lab = Lab::new();
    let activate = |key: &str, name: &str, email: &str| lab.client.activate(key, name, email);
    assert_eq!(activate("no key", "", ""), Err(ActivateError::Input(BadInput::Key)));
    assert_eq!(activate(&key(1), &"x".repeat(256), ""), Err(ActivateError::Input(BadInput::Name)));
    assert_eq!(activate(&key(1), "", "anna"), Err(ActivateError::Input(BadInput::Email)));
    assert_eq!(lab.client.transfer(None, None), Err(TransferError::Input(BadInput::NoKey)));
    assert_eq!(lab.client.refresh(), Ok(State::NotActivated));
    assert_eq!(lab.client.deactivate(), Ok(Deactivation::Done));
    assert_eq!(lab.server.asked(), [], "nothing to say to the server");
}

#[test]
fn an_activation_offline_waits_and_is_sent_once() {
    let lab = Lab::new();
    lab.weather(Weather::LostReply);
    let waits = lab.client.activate(&key(1), "Anna Example", "anna@example.com");
    assert_eq!(waits, Ok(Activation::Waiting(Trouble::Unreachable)));
    assert_eq!((lab.client.status(), lab.client.pending()), (State::NotActivated, Some(Pending::Activate)));
    let lost: Vec<_> = lab.server.state().devices.keys().cloned().collect();
    assert_eq!(lost.len(), 1, "the server did it, three times over");
    lab.weather(Weather::Fair);
    assert_eq!(lab.client.refresh(), Ok(State::Active));
    assert_eq!(lab.client.pending(), None);
    assert_eq!(lab.server.state().devices.keys().cloned().collect::<Vec<_>>(), lost, "the same seat");
    let (_, resent) = lab.server.state().requests.last().unwrap().clone();
    assert_eq!(
        (&resent["licensee_name"], &resent["licensee_email"]),
        (&"Anna Example".into(), &"anna@example.com".into())
    );
}

#[test]
fn what_waits_survives_a_restart_and_ends_with_a_refusal() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    lab.weather(Weather::Down);
    assert!(matches!(lab.on(&path).activate(&key(1), "Anna", ""), Ok(Activation::Waiting(_))));
    let client = lab.on(&path);
    assert_eq!(client.pending(), Some(Pending::Activate));
    lab.weather(Weather::Fair);
    lab.server.state().license = Code::Revoked;
    let refused = client.refresh().unwrap_err();
    assert!(matches!(&refused, RefreshError::Refused(refusal) if refusal.code == "REVOKED"), "{refused:?}");
    assert_eq!(
        (client.status(), client.pending()),
        (State::NotActivated, None),
        "no license of its own to lock"
    );
}

#[test]
fn a_deactivation_offline_waits_and_the_license_works_on() {
    let lab = Lab::activated();
    lab.weather(Weather::LostReply);
    assert_eq!(lab.client.deactivate(), Ok(Deactivation::Waiting(Trouble::Unreachable)));
    assert_eq!((lab.client.status(), lab.client.pending()), (State::Active, Some(Pending::Deactivate)));
    lab.weather(Weather::Fair);
    // The seat is free already: that counts as done.
    assert_eq!(lab.client.refresh(), Ok(State::NotActivated));
    assert_eq!((lab.client.pending(), lab.client.license()), (None, None));
    assert!(lab.server.state().devices.is_empty() && !unlocked(&lab.client));
}

#[test]
fn a_seat_taken_by_an_answer_that_was_lost_is_freed_all_the_same() {
    for weather in [Weather::Fair, Weather::Down] {
        let lab = Lab::new();
        lab.weather(Weather::LostReply);
        lab.client.activate(&key(1), "", "").unwrap();
        assert_eq!(lab.server.state().devices.len(), 1);
        lab.weather(weather);
        lab.client.deactivate().unwrap();
        lab.weather(Weather::Fair);
        assert_eq!(lab.client.refresh(), Ok(State::NotActivated), "{weather:?}");
        assert!(lab.server.state().devices.is_empty() && lab.client.pending().is_none(), "{weather:?}");
    }
}

#[test]
fn a_no_that_nobody_signed_ends_no_waiting_unless_it_is_about_the_request_itself() {
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
        for waits in [Pending::Activate, Pending::Deactivate, Pending::GiveBack] {
            let lab = if waits == Pending::Activate { Lab::new() } else { Lab::activated() };
            lab.weather(Weather::Down);
            match waits {
                Pending::Activate => drop(lab.client.activate(&key(1), "", "")),
                Pending::Deactivate => drop(lab.client.deactivate()),
                Pending::GiveBack => {
                    lab.client.activate(&key(2), "", "").unwrap();
                    lab.weather(Weather::Fair);
                    lab.client.activate(&key(1), "", "").unwrap();
                }
            }
            lab.weather(Weather::Unsigned(code));
            let told = lab.client.refresh().unwrap_err();
            assert!(told.refusal().is_some_and(|refusal| refusal.code == code), "{told:?}");
            assert_eq!(lab.client.pending(), (!ends).then_some(waits), "{code}");
        }
    }
}

#[test]
fn the_refusal_of_what_waited_is_told_beside_a_license_that_is_stored() {
    let lab = Lab::activated();
    lab.weather(Weather::Down);
    lab.client.activate(&key(2), "", "").unwrap();
    lab.weather(Weather::Fair);
    lab.server.state().license = Code::Revoked;
    let told = lab.client.refresh().unwrap_err();
    assert!(told.refusal().is_some_and(|refusal| refusal.code == "REVOKED"), "{told:?}");
    assert_eq!(
        (lab.client.status(), lab.client.pending()),
        (REVOKED, None),
        "and the stored one was checked"
    );
}

#[test]
fn giving_up_frees_what_a_waiting_activation_may_have_taken_beside_the_stored_license() {
    let lab = Lab::activated();
    lab.weather(Weather::LostReply);
    lab.client.activate(&key(2), "", "").unwrap();
    lab.weather(Weather::Fair);
    lab.server.state().requests.clear();
    assert_eq!(lab.client.deactivate(), Ok(Deactivation::Done));
    let requests = lab.server.state().requests.clone();
    let freed: Vec<_> =
        requests.iter().map(|(endpoint, body)| (*endpoint, body["license_key"].as_str().unwrap())).collect();
    assert_eq!(freed, [(Endpoint::Deactivate, &*key(1)), (Endpoint::Deactivate, &*key(2))]);
    assert_eq!((lab.client.status(), lab.client.pending()), (State::NotActivated, None));
}

#[test]
fn a_later_wish_takes_the_place_of_an_earlier_one() {
    let lab = Lab::activated();
    lab.weather(Weather::Down);
    lab.client.deactivate().unwrap();
    lab.client.activate(&key(1), "", "").unwrap();
    assert_eq!(lab.client.pending(), Some(Pending::Activate));
    lab.weather(Weather::Fair);
    assert_eq!(lab.client.refresh(), Ok(State::Active));
    assert_eq!(lab.server.state().devices.len(), 1);
}

#[test]
fn a_taken_seat_is_told_moved_and_missed_by_the_first_device() {
    let lab = Lab::activated();
    let second = builder(&lab.server, &lab.clock, &Machine::named("office")).open().unwrap();
    let refused = second.activate(&key(1), "Anna", "anna@example.com").unwrap_err();
    let ActivateError::Refused(refusal) = &refused else { panic!("{refused:?}") };
    assert_eq!((refusal.code.as_str(), refusal.holders.len()), ("SEATS_EXHAUSTED", 1));
    assert!(refused.to_string().contains("Move it to this device"), "{refused}");
    assert_eq!(second.status(), State::NotActivated);

    assert_eq!(second.transfer(Some(&key(1)), Some(&refusal.holders[0].id)), Ok(State::Active));
    let (_, sent) = lab.server.state().requests.last().unwrap().clone();
    assert_eq!(sent["licensee_email"], "anna@example.com", "who typed it once is not asked again");
    assert_eq!(lab.client.status(), State::Active, "its lease holds until its next check");
    assert_eq!(lab.client.refresh(), Ok(State::Locked { code: LockCode::HardwareMismatch }));
    assert_eq!(lab.client.transfer(None, None), Ok(State::Active), "with the key that is stored");
}

#[test]
fn a_refresh_asks_to_verify_and_shows_a_changed_part_once() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    lab.on(&path).activate(&key(1), "", "").unwrap();
    assert_eq!(lab.on(&path).refresh(), Ok(State::Active));
    assert_eq!(lab.server.asked(), [Endpoint::Activate, Endpoint::Verify]);
    let repaired = Machine::named("home").with_part_of(Label::Mac, &Machine::named("shop"));
    let client = lab.of(&path, &repaired);
    assert_eq!(client.status(), State::Active, "one part changed, and nobody asked");
    lab.server.state().requests.clear();
    assert_eq!(client.refresh(), Ok(State::Active));
    assert_eq!(client.refresh(), Ok(State::Active));
    assert_eq!(lab.server.asked(), [Endpoint::Verify, Endpoint::Activate, Endpoint::Verify]);
}

/// Verify changes no license, so once a week the server is told that this machine is in use; nobody's seat is taken by it.
#[test]
fn once_a_week_the_server_hears_of_its_use() {
    let lab = Lab::activated();
    lab.server.state().requests.clear();
    let mut shown = Vec::new();
    for day in 1..=15 {
        lab.clock.pass(DAY);
        assert_eq!(lab.client.refresh(), Ok(State::Active));
        let requests = std::mem::take(&mut lab.server.state().requests);
        assert_eq!(requests[0].0, Endpoint::Verify, "first whether it is good at all");
        for (endpoint, body) in &requests[1..] {
            assert_eq!((*endpoint, &body["refresh"]), (Endpoint::Activate, &true.into()));
            shown.push(day);
        }
    }
    assert_eq!(shown, [7, 14]);
    // Where the week's request failed, the next check asks again, and the license goes on meanwhile.
    lab.clock.pass(7 * DAY);
    lab.weather(Weather::Down);
    assert!(lab.client.refresh().is_err());
    lab.weather(Weather::Fair);
    lab.server.state().requests.clear();
    assert_eq!(lab.client.refresh(), Ok(State::Active));
    assert_eq!(lab.server.asked(), [Endpoint::Verify, Endpoint::Activate]);
}

#[test]
fn verify_alone_never_takes_a_seat() {
    let lab = Lab::activated();
    lab.server.state().devices.clear();
    lab.server.state().requests.clear();
    assert_eq!(lab.client.refresh(), Ok(State::Locked { code: LockCode::NotActivated }));
    assert_eq!((lab.server.asked(), lab.server.state().devices.len()), (vec![Endpoint::Verify], 0));
}

#[test]
fn two_rotations_while_offline_are_trusted_by_endorsement() {
    let lab = Lab::activated();
    lab.server.state().ring = ring(3);
    lab.clock.pass(DAY);
    lab.server.state().requests.clear();
    assert_eq!(lab.client.refresh(), Ok(State::Active));
    assert_eq!(lab.client.refresh(), Ok(State::Active));
    assert_eq!(lab.server.asked(), [Endpoint::Verify, Endpoint::Keys, Endpoint::Verify], "learned once");
}

#[test]
fn too_little_hardware_gets_an_install_id_that_stays() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    let bare = Machine(vec![
        (Label::Hostname, "a-container".to_owned()),
        (Label::Board, "Default string".to_owned()),
    ]);
    let client = lab.of(&path, &bare);
    assert_eq!(client.activate(&key(1), "", ""), Ok(Activation::Done(State::Active)));
    let sent = lab.server.state().requests[0].1["hardware"].clone();
    assert_eq!(sent.as_object().unwrap().keys().collect::<Vec<_>>(), ["hostname", "install"]);
    drop(client);
    let client = lab.of(&path, &bare);
    assert_eq!((client.status(), client.refresh()), (State::Active, Ok(State::Active)));
    assert_eq!(lab.server.state().requests[1].1["hardware"], sent);
    assert_eq!(lab.of(&folder.path().join("another.db"), &bare).status(), State::NotActivated);
}

#[test]
fn nothing_raw_leaves_the_process() {
    let lab = Lab::activated();
    lab.client.refresh().unwrap();
    lab.client.deactivate().unwrap();
    let sent = format!("{:?}", lab.server.state().requests);
    for (_, raw) in &lab.machine.0 {
        assert!(!sent.contains(raw.as_str()), "{raw}");
    }
    let shown = format!("{:?} {:?}", lab.client, lab.client.device());
    assert!(!shown.contains("home-"), "{shown}");
}

#[test]
fn another_key_replaces_the_license_only_when_it_counts() {
    let lab = Lab::activated();
    lab.server.state().license = Code::Revoked;
    let refused = lab.client.activate(&key(2), "", "").unwrap_err();
    assert!(matches!(refused, ActivateError::Refused(refusal) if refusal.code == "REVOKED"));
    assert_eq!(lab.client.status(), State::Active, "the refusal is another license's");
    let first = lab.client.license().unwrap().id;
    lab.server.state().license = Code::Valid;
    lab.server.state().devices.clear();
    lab.client.activate(&key(2), "", "").unwrap();
    assert_ne!(lab.client.license().unwrap().id, first);
    lab.server.state().license = Code::Revoked;
    lab.client.activate(&key(2), "", "").unwrap_err();
    assert_eq!(lab.client.status(), REVOKED, "its own is");
}

#[test]
fn what_another_program_learned_counts_here_too() {
    let (lab, folder) = (Lab::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("license.db");
    let (first, second) = (lab.on(&path), lab.on(&path));
    first.activate(&key(1), "", "").unwrap();
    assert_eq!(second.refresh(), Ok(State::Active), "without a key of its own");
    lab.server.state().license = Code::Revoked;
    assert_eq!(first.refresh(), Ok(REVOKED));
    lab.weather(Weather::Down);
    assert!(second.refresh().is_err());
    assert_eq!(second.status(), REVOKED, "an older lease in memory does not outlive a newer refusal on disk");
}

#[test]
fn status_asks_nobody() {
    let lab = Lab::activated();
    lab.server.state().requests.clear();
    for _ in 0..1_000 {
        lab.clock.pass(3_600);
        let _ =
            (lab.client.status(), lab.client.has_feature(FEATURE), lab.client.license(), lab.client.now());
    }
    assert_eq!(lab.server.asked(), []);
}
