use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::activate;
use crate::deactivate;
use crate::hardware::{ComponentForm, Label};
use crate::license::Status;
use crate::person::{DeviceName, Note};
use crate::seats::tests::{Caller, DAY, HOUR, at, bound, device, license, out, seats, standing};
use crate::seats::{Outcome, Reclaim};
use crate::transfer::{self, FromDevice, TransferRefusal};
use crate::{Code, PolicyOverrides};

fn email(text: &str) -> Option<Email> {
    Email::read(text).unwrap()
}

fn named(device: Device, name: &str) -> Device {
    Device { name: DeviceName::read(name).unwrap(), ..device }
}

/// Two seats, one held and one given up, and a person in every place that a license has for one.
fn full() -> License {
    let released = FormerDevice {
        device: named(device(2, at(-2 * DAY)), "Anna's tower"),
        at: at(-DAY),
        may_return: true,
        reclaim: Reclaim::Never,
    };
    License {
        user_id: Some("anna-17".to_owned()),
        email: email("anna@example.com"),
        licensee_name: PersonName::read("Anna de Example").unwrap(),
        licensee_email: email("anna@home.example"),
        notes: Note::read("Anna called").unwrap(),
        devices: bound([(1, named(device(1, at(-DAY)), "Anna's laptop"))]),
        released: out([(2, released)]),
        free_used: 2,
        policy: seats(2),
        ..license()
    }
}

#[test]
fn erasing_takes_the_person_and_leaves_the_rest() {
    assert_eq!(personal(&full()), Personal::ALL);
    let erased = erase(full(), at(0));
    assert_eq!(personal(&erased), []);
    assert!(!format!("{erased:?}").contains("nna"), "{erased:?}");
    let device_id = |number| crate::seats::tests::id(number);
    let (before, after) = (full(), erased.clone());
    assert_eq!(after.devices[&device_id(1)].components, before.devices[&device_id(1)].components);
    assert_eq!(
        after.released[&device_id(2)].device.components,
        before.released[&device_id(2)].device.components
    );
    let rest = |license: License| License {
        user_id: None,
        email: None,
        licensee_name: None,
        licensee_email: None,
        notes: None,
        erased_at: None,
        devices: BTreeMap::new(),
        released: BTreeMap::new(),
        ..license
    };
    assert_eq!(rest(after), rest(before));
    assert_eq!(erased.erased_at, Some(at(0)));
    assert_eq!(erase(erased.clone(), at(DAY)), erased, "a second time changes nothing");
    assert_eq!(lift_erasure(erased), License { erased_at: None, ..erase(full(), at(0)) });
}

#[test]
fn a_person_is_found_wherever_the_address_is() {
    let gone = email("Gone@Example.com").unwrap();
    let plain = license();
    for (license, expected) in [
        (License { email: email("gone@example.com"), ..plain.clone() }, true),
        (License { licensee_email: email("gone@example.com"), ..plain.clone() }, true),
        (License { user_id: Some("Gone@example.com".to_owned()), ..plain.clone() }, true),
        (License { email: email("b@example.com"), user_id: Some("gone".to_owned()), ..plain.clone() }, false),
        (plain, false),
    ] {
        assert_eq!(holds_address(&license, &gone), expected);
    }
}

#[test]
fn a_reason_names_the_person_by_whole_words() {
    for (reason, expected) in [
        ("asked by ANNA@example.com", true),
        ("asked by anna@home.example", true),
        ("customer anna-17 asked", true),
        ("Anna asked", true),
        ("request of an Example", true),
        ("privacy request 4711, received by mail", false),
        ("de facto", false),
        ("annals", false),
        ("customer anna-178", true),
        ("", false),
    ] {
        assert_eq!(names_person(&full(), reason), expected, "{reason}");
    }
    let short = License { user_id: Some("7".to_owned()), licensee_name: None, email: None, ..full() };
    assert!(!names_person(&short, "ticket 4711") && names_person(&short, "user 7 asked"));
}

#[test]
fn an_erased_license_asks_for_no_address() {
    let policy = PolicyOverrides { transfer_requires_email: Some(true), ..PolicyOverrides::default() };
    let held = License {
        policy,
        devices: bound([(1, device(1, at(-10 * DAY)))]),
        free_used: 1,
        email: email("anna@example.com"),
        ..license()
    };
    let decide = |license: &License, caller: &Caller| {
        let standing = standing(license);
        let moved = transfer::decide(Some(&standing), &caller.seat_request(), FromDevice::Only, at(0));
        moved.map(|outcome| outcome.code)
    };
    let (silent, speaking) = (Caller::at(3), Caller::at(3).named("PC", "Anna", "anna@example.com"));
    assert_eq!(decide(&held, &silent), Err(TransferRefusal::EmailMismatch));
    assert_eq!(decide(&held, &speaking), Ok(Code::Transferred));
    let unknown = License { email: None, ..held.clone() };
    assert_eq!(decide(&unknown, &silent), Err(TransferRefusal::EmailMismatch));
    let erased = erase(held, at(-DAY));
    for caller in [&silent, &speaking] {
        assert_eq!(decide(&erased, caller), Ok(Code::Transferred));
    }
    // The operator has entered somebody: that address is asked for, with the mark and without it.
    let entered = License { email: email("berta@example.com"), ..erased };
    for license in [entered.clone(), lift_erasure(entered)] {
        assert_eq!(decide(&license, &speaking), Err(TransferRefusal::EmailMismatch));
    }
}

#[derive(Clone, Copy, Debug)]
enum LaterRequest {
    Activate,
    Refresh,
    Transfer,
    Deactivate,
    Operator,
}

proptest! {
    /// Whatever clients ask after an erasure, in whatever order and with whatever they say of themselves, and whatever
    /// the operator does that enters no person: nothing about a person is stored.
    #[test]
    fn nothing_brings_an_erased_person_back(
        steps in prop::collection::vec(
            (
                select(vec![LaterRequest::Activate, LaterRequest::Refresh, LaterRequest::Transfer, LaterRequest::Deactivate, LaterRequest::Operator]),
                1_u8..5,
                any::<bool>(),
                0_i64..(40 * 24),
            ),
            1..40,
        ),
        pending in any::<bool>(),
    ) {
        let status = if pending { Status::Pending } else { Status::Active };
        let mut license = erase(License { status, ..full() }, at(0));
        let mut now = at(0);
        for (wish, number, old_client, hours) in steps {
            now = crate::time::UnixMillis(now.0 + hours * HOUR);
            let caller = Caller::at(number).named("Anna's machine", "Anna Example", "anna@example.com");
            let drifted = [(Label::Mac, number), (Label::Board, number), (Label::Cpu, number + 100)];
            let caller = if old_client { caller.with_old_client().showing(&drifted) } else { caller };
            let standing = standing(&license);
            let outcome: Option<Outcome> = match wish {
                LaterRequest::Activate => activate::decide(Some(&standing), &caller.seat_request(), now).ok(),
                LaterRequest::Refresh => activate::refresh(Some(&standing), &caller.seat_request(), now).ok(),
                LaterRequest::Transfer => {
                    let from = standing.license.devices.keys().next().map(ToString::to_string);
                    let from = from.as_deref().map_or(FromDevice::Only, FromDevice::Named);
                    transfer::decide(Some(&standing), &caller.seat_request(), from, now).ok()
                }
                LaterRequest::Deactivate => deactivate::decide(Some(&standing), &caller.hardware, now).ok(),
                LaterRequest::Operator => {
                    let reset = crate::operate::Reset::All;
                    license = crate::operate::reset_hardware(license, &reset).unwrap();
                    let other = crate::LicenseId::from_hash(&[number; 32]);
                    if let Ok(rotated) = crate::operate::rotate(license.clone(), other, license.generation) {
                        prop_assert_eq!(personal(&rotated.old), []);
                        prop_assert!(rotated.old.erased_at.is_some());
                        license = rotated.new;
                        license.policy.seats = Some(2);
                    }
                    None
                }
            };
            license = outcome.map_or(license, |outcome| outcome.license);
            prop_assert_eq!(personal(&license), []);
            prop_assert_eq!(license.erased_at, Some(at(0)));
        }
    }
}

#[test]
fn an_erased_device_comes_back_nameless() {
    let erased = erase(full(), at(0));
    let caller = Caller::at(2).named("Anna's tower", "Anna", "anna@example.com");
    let outcome = activate::decide(Some(&standing(&erased)), &caller.seat_request(), at(HOUR)).unwrap();
    assert_eq!(outcome.device, crate::seats::tests::id(2), "a return, as before the erasure");
    assert_eq!(outcome.license.devices[&outcome.device].name, None);
    assert_eq!(outcome.license.devices[&outcome.device].form, ComponentForm::Keyed);
}

#[test]
fn every_kind_of_personal_data_has_its_word() {
    let words: std::collections::BTreeSet<_> = Personal::ALL.into_iter().map(Personal::as_str).collect();
    assert_eq!((words.len(), words.contains("")), (Personal::ALL.len(), false));
}
