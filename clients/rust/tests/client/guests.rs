//! Guests: containers and virtual machines, whose store can be copied with everything else.

use std::path::Path;

use falconer_client::{Activation, Hardware, Label, Licensing, Platform, RawComponents, State};
use falconer_domain::Code;
use serde_json::json;

use crate::harness::{CountingRandom, TestSetup, key, pins};

const FIRST_ID: &str = "3d1219c7c4c5404aaa1f6d2a48adfda4";
const SECOND_ID: &str = "7c1219c7c4c5404aaa1f6d2a48adfda4";

/// A guest, with the machine id and the card that it has.
#[derive(Clone, Copy)]
struct Guest {
    platform: Platform,
    machine_id: Option<&'static str>,
    card: Option<&'static str>,
}

const CONTAINER: Guest = Guest { platform: Platform::Container, machine_id: None, card: None };
const WSL: Guest = Guest { platform: Platform::VirtualMachine, machine_id: Some(FIRST_ID), card: None };
const VIRTUAL: Guest = Guest { card: Some("52:54:00:9a:3c:7e"), ..WSL };

impl Hardware for Guest {
    fn read(&self) -> RawComponents {
        let seen = RawComponents::default().on(self.platform).in_guest(self.machine_id);
        match self.card {
            Some(card) => seen.with(Label::Mac, card).with(Label::Hostname, "guest-1"),
            None => seen,
        }
    }
}

/// A start of the program in a guest.
fn start(setup: &TestSetup, guest: Guest, store: &Path) -> Licensing {
    Licensing::builder("QF", "https://licenses.example.com", pins())
        .transport(setup.server.clone())
        .clock(setup.clock.clone())
        .random(CountingRandom)
        .hardware(guest)
        .store(store)
        .open()
        .unwrap()
}

#[test]
fn container_is_known_by_its_volume_alone() {
    let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
    let (own, other) = (folder.path().join("own.db"), folder.path().join("other.db"));
    let client = start(&setup, CONTAINER, &own);
    assert_eq!(client.activate(&key(1), "", ""), Ok(Activation::Done(State::Active)));
    let sent = setup.server.state().requests[0].1["hardware"].clone();
    assert_eq!(sent.as_object().unwrap().keys().collect::<Vec<_>>(), ["install"]);
    drop(client);
    let again = start(&setup, CONTAINER, &own);
    assert_eq!((again.status(), again.refresh()), (State::Active, Ok(State::Active)));
    // Another container of the image has a volume of its own, and asks for a seat of its own.
    let second = start(&setup, CONTAINER, &other);
    assert!(second.activate(&key(1), "", "").is_err());
    assert_eq!(setup.server.state().devices.len(), 1);
}

#[test]
fn copied_store_without_its_machine_is_nothing() {
    for guest in [WSL, VIRTUAL] {
        let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
        let store = folder.path().join("license.db");
        start(&setup, guest, &store).activate(&key(1), "", "").unwrap();
        assert_eq!(start(&setup, guest, &store).status(), State::Active, "it counts where it belongs");
        let copied =
            Guest { machine_id: Some(SECOND_ID), card: guest.card.map(|_| "52:54:00:00:00:02"), ..guest };
        assert_eq!(start(&setup, copied, &store).status(), State::NotActivated);
    }
}

#[test]
fn clone_with_another_card_is_another_device() {
    let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
    let store = folder.path().join("license.db");
    start(&setup, VIRTUAL, &store).activate(&key(1), "", "").unwrap();
    // Machine id, name and store are copied, as a clone of the whole machine has them.
    let clone = Guest { card: Some("52:54:00:00:00:02"), ..VIRTUAL };
    assert_eq!(start(&setup, clone, &store).status(), State::NotActivated);
}

#[test]
fn virtual_machine_says_so_where_a_seat_is_asked_for() {
    let seen = |guest: Guest| {
        let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
        let client = start(&setup, guest, &folder.path().join("license.db"));
        client.activate(&key(1), "", "").unwrap();
        client.refresh().unwrap();
        let state = setup.server.state();
        state.requests.iter().map(|(_, body)| body["virtual_machine"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(seen(VIRTUAL), [json!(true), json!(null)], "an activation, then verify");
    assert_eq!(seen(CONTAINER)[0], json!(null));
}

#[test]
fn refused_virtual_machine_is_never_locked() {
    let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
    let client = start(&setup, VIRTUAL, &folder.path().join("license.db"));
    setup.server.state().license = Code::VirtualMachine;
    let refused = client.activate(&key(1), "", "").unwrap_err();
    assert!(refused.user_message().to_string().contains("virtual machine"), "{refused}");
    assert_eq!((client.status(), client.pending()), (State::NotActivated, None));
    setup.server.state().license = Code::Valid;
    client.activate(&key(1), "", "").unwrap();
    setup.server.state().license = Code::VirtualMachine;
    assert!(client.refresh().is_err());
    assert!(client.activate(&key(1), "", "").is_err());
    assert!(client.transfer(None, "", "", None).is_err());
    assert_eq!(client.status(), State::Active, "the lease counts until its end");
}
