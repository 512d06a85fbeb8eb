use super::*;
use crate::catalog::{PolicyOverrides, VirtualMachines};
use crate::deactivate;
use crate::hardware::{ComponentForm, Label, StoredComponent};
use crate::license::{Device, Status};
use crate::person::{DeviceName, Email, PersonName};
use crate::seats::tests::{
    Caller, DAY, HOUR, NOW, SECOND, at, bound, device, fresh_id, id, license, opaque, out, seats, standing,
};
use crate::seats::{FormerDevice, Reclaim, YEAR_DAYS};

use Label::{Board, Cpu, Disk, Hostname, Mac};

fn activate(license: &License, caller: &Caller, now: UnixMillis) -> Result<Outcome, ActivateRefusal> {
    decide(Some(&standing(license)), &caller.seat_request(), now)
}

fn outcome(code: Code, device: DeviceId, license: License) -> Outcome {
    Outcome { code, license, device }
}

/// Machine 1 holds the only seat, bound thirty days ago as the first of it.
fn held() -> License {
    License { devices: bound([(1, device(1, at(-30 * DAY)))]), free_used: 1, ..license() }
}

/// Machine 1 held the only seat and gave it up an hour ago.
fn given_up() -> License {
    let released = FormerDevice {
        device: device(1, at(-30 * DAY)),
        at: at(-HOUR),
        may_return: true,
        reclaim: Reclaim::Never,
    };
    License { released: out([(1, released)]), free_used: 1, ..license() }
}

/// Machine 1, with another network card.
fn changed() -> Caller {
    Caller::at(1).showing(&[(Mac, 9), (Board, 1), (Cpu, 1)])
}

/// Everything is wrong with it, for everybody but machine 1: nothing is left but one refusal after the other.
#[test]
fn refuses_in_table_order() {
    let spent = License { transfers: vec![at(-HOUR); 3], transfers_total: 3, ..held() };
    let vacant = License { devices: bound([]), ..spent.clone() };
    let cooling = License { transfers: vec![at(-HOUR)], transfers_total: 1, ..vacant.clone() };
    let over = |status| License { status, expires_at: Some(NOW), ..spent.clone() };
    let weak = Caller::at(2).showing(&[(Cpu, 2), (Hostname, 2)]);
    let one_part = Caller::at(1).showing(&[(Mac, 1)]);
    let lenient = PolicyOverrides { hardware_match_threshold: Some(1), ..PolicyOverrides::default() };
    let fallen = ActivateRefusal::Inactive;
    let refusing =
        PolicyOverrides { virtual_machines: Some(VirtualMachines::Refuse), ..PolicyOverrides::default() };
    let physical = |license: &License| License { policy: refusing, ..license.clone() };
    let virtual_one = Caller::at(2).in_virtual_machine();
    for (license, caller, expected) in [
        (None, &weak, ActivateRefusal::FingerprintTooWeak),
        (Some(over(Status::Revoked)), &weak, ActivateRefusal::FingerprintTooWeak),
        // Even of a device that would match.
        (Some(License { policy: lenient, ..held() }), &one_part, ActivateRefusal::FingerprintTooWeak),
        (None, &Caller::at(1), ActivateRefusal::NotFound),
        (Some(over(Status::Revoked)), &Caller::at(1), fallen(Inactive::Revoked)),
        (Some(over(Status::Suspended)), &Caller::at(1), fallen(Inactive::Suspended)),
        (Some(over(Status::Pending)), &Caller::at(1), fallen(Inactive::Expired)),
        (Some(over(Status::Active)), &Caller::at(1), fallen(Inactive::Expired)),
        (Some(over(Status::Active)), &Caller::at(2), fallen(Inactive::Expired)),
        (Some(physical(&spent)), &virtual_one, ActivateRefusal::VirtualMachine),
        (Some(physical(&vacant)), &virtual_one, ActivateRefusal::VirtualMachine),
        (Some(spent.clone()), &virtual_one, ActivateRefusal::SeatsExhausted),
        (Some(spent.clone()), &Caller::at(2), ActivateRefusal::SeatsExhausted),
        (Some(vacant), &Caller::at(2), ActivateRefusal::TransferLimit(TransferLimit::Year)),
        (Some(cooling), &Caller::at(2), ActivateRefusal::TransferLimit(TransferLimit::Cooldown)),
    ] {
        let before = license.as_ref().map(standing);
        assert_eq!(decide(before.as_ref(), &caller.seat_request(), NOW), Err(expected), "{before:?}");
    }
    let known = activate(&spent, &Caller::at(1), NOW).map(|yes| yes.code);
    assert_eq!(known, Ok(Code::Refreshed), "what it has, it need not ask for");
}

/// A policy that changes after the activation takes no seat away: nothing that a device with a seat sends is refused.
#[test]
fn bound_virtual_machine_keeps_its_seat() {
    let policy =
        PolicyOverrides { virtual_machines: Some(VirtualMachines::Refuse), ..PolicyOverrides::default() };
    let license = License { policy, ..held() };
    let caller = Caller::at(1).in_virtual_machine();
    assert_eq!(activate(&license, &caller, NOW).map(|yes| yes.code), Ok(Code::Refreshed));
    let seen = refresh(Some(&standing(&license)), &caller.seat_request(), NOW);
    assert_eq!(seen.map(|yes| yes.code), Ok(Code::Refreshed));
    // A machine that says nothing gets a seat: the policy rests on the client's own word.
    let vacant = License { devices: bound([]), free_used: 0, ..license };
    assert_eq!(activate(&vacant, &Caller::at(2), NOW).map(|yes| yes.code), Ok(Code::Activated));
}

#[test]
fn first_use_of_each_seat_is_free() {
    let mut license = License { policy: seats(3), ..license() };
    for number in 1..=3 {
        let moment = at(i64::from(number));
        let mut expected = License { free_used: number.into(), ..license.clone() };
        expected.devices.insert(fresh_id(number), device(number, moment));
        license = activate(&license, &Caller::at(number), moment).unwrap().license;
        assert_eq!(license, expected);
    }
    assert_eq!(activate(&license, &Caller::at(4), NOW), Err(ActivateRefusal::SeatsExhausted));
}

#[test]
fn term_begins_once_at_first_binding() {
    let (days, fixed) = (Some(30), Some(at(DAY)));
    for (status, duration_days, expires_at, expected) in [
        (Status::Pending, days, None, Some(at(30 * DAY))),
        (Status::Pending, days, fixed, fixed),
        (Status::Pending, None, None, None),
        (Status::Active, days, None, None),
        (Status::Active, days, fixed, fixed),
    ] {
        let before = License { status, expires_at, duration_days, ..license() };
        let first = License {
            status: Status::Active,
            expires_at: expected,
            devices: [(fresh_id(1), device(1, NOW))].into(),
            free_used: 1,
            ..before.clone()
        };
        let told = activate(&before, &Caller::at(1), NOW);
        assert_eq!(
            told,
            Ok(outcome(Code::Activated, fresh_id(1), first.clone())),
            "{status:?} {duration_days:?}"
        );

        // Another device, counted, an hour later.
        let vacant = License { devices: bound([]), ..first };
        let second = activate(&vacant, &Caller::at(2), at(HOUR)).unwrap().license;
        assert_eq!(
            (second.status, second.expires_at),
            (Status::Active, expected),
            "{status:?} {duration_days:?}"
        );
        assert_eq!(second.transfers, [at(HOUR)]);
    }
}

#[test]
fn release_and_return_restore_license() {
    let freed = deactivate::decide(Some(&standing(&held())), &Caller::at(1).hardware, NOW).unwrap().license;
    assert_eq!((freed.devices.len(), freed.released.len()), (0, 1));
    let mut back = held();
    back.devices.get_mut(&id(1)).unwrap().seen_at = at(SECOND);
    assert_eq!(activate(&freed, &Caller::at(1), at(SECOND)), Ok(outcome(Code::Activated, id(1), back)));
}

#[test]
fn return_restores_the_stored_device() {
    let came_back = |now| License {
        devices: bound([(1, Device { seen_at: now, ..device(1, at(-30 * DAY)) })]),
        released: out([]),
        ..given_up()
    };
    let last = at(-HOUR + YEAR_DAYS * DAY - 1);
    for (caller, now) in [
        (Caller::at(1), NOW),
        (Caller::at(1), last),
        // What it shows now may be half another machine's: it is not what is stored.
        (changed(), NOW),
        (Caller::at(1).showing(&[(Mac, 1), (Board, 1), (Cpu, 1), (Disk, 9)]), NOW),
        // It is the device it was, whatever its client is now.
        (Caller::at(1).with_old_client(), NOW),
    ] {
        let expected = Ok(outcome(Code::Activated, id(1), came_back(now)));
        assert_eq!(activate(&given_up(), &caller, now), expected, "{caller:?} at {now:?}");
        // Nor do full windows matter to it.
        let spent = License { transfers: vec![at(-HOUR); 3], transfers_total: 3, ..given_up() };
        let after = activate(&spent, &caller, now).unwrap().license;
        assert_eq!((after.devices, after.transfers_total), (came_back(now).devices, 3), "{caller:?}");
    }
}

#[test]
fn return_ends_by_year_or_rebinding() {
    let counted = |license: License, now| License {
        devices: [(fresh_id(1), device(1, now))].into(),
        released: out([]),
        transfers: vec![now],
        transfers_total: 1,
        ..license
    };
    let year = at(-HOUR + YEAR_DAYS * DAY);
    assert_eq!(
        activate(&given_up(), &Caller::at(1), year),
        Ok(outcome(Code::Activated, fresh_id(1), counted(given_up(), year)))
    );
    let mut superseded = given_up();
    superseded.released.get_mut(&id(1)).unwrap().may_return = false;
    assert_eq!(
        activate(&superseded, &Caller::at(1), NOW),
        Ok(outcome(Code::Activated, fresh_id(1), counted(superseded.clone(), NOW)))
    );
    let cooling = License { transfers: vec![at(-HOUR)], ..superseded };
    assert_eq!(
        activate(&cooling, &Caller::at(1), NOW),
        Err(ActivateRefusal::TransferLimit(TransferLimit::Cooldown)),
        "it comes back like any other"
    );
}

/// Machine 2 takes the seat that machine 1 gave up: that is a transfer by another name, and machine 1 may reclaim.
#[test]
fn reused_vacant_seat_is_counted() {
    let old = at(-(YEAR_DAYS + 1) * DAY);
    let mut displaced = given_up().released;
    for released in displaced.values_mut() {
        *released = FormerDevice { may_return: false, reclaim: Reclaim::Always, ..released.clone() };
    }
    for (before, expected) in [
        (&[][..], Ok(vec![NOW])),
        (&[at(-200 * DAY), at(-24 * HOUR)], Ok(vec![at(-200 * DAY), at(-24 * HOUR), NOW])),
        // Those of more than a year ago are counted no more, nor kept.
        (&[old, at(-200 * DAY)], Ok(vec![at(-200 * DAY), NOW])),
        (&[old, at(-200 * DAY), at(-100 * DAY), at(-DAY)], Err(TransferLimit::Year)),
        (&[at(-24 * HOUR + 1)], Err(TransferLimit::Cooldown)),
    ] {
        let total = u32::try_from(before.len()).unwrap();
        let license = License { transfers: before.to_vec(), transfers_total: total, ..given_up() };
        let after = |transfers| Outcome {
            code: Code::Activated,
            license: License {
                devices: [(fresh_id(2), device(2, NOW))].into(),
                released: displaced.clone(),
                transfers,
                transfers_total: total + 1,
                ..license.clone()
            },
            device: fresh_id(2),
        };
        let expected = expected.map(after).map_err(ActivateRefusal::TransferLimit);
        assert_eq!(activate(&license, &Caller::at(2), NOW), expected, "{before:?}");
    }
}

/// With a seat still vacant: the machine is taken to be the one it was, with a new client.
#[test]
fn keyed_device_replaces_stalest_opaque() {
    let seen = |number, seen_at| Device { seen_at, ..opaque(device(number, at(-30 * DAY))) };
    let before = License {
        policy: seats(4),
        devices: bound([
            (1, seen(1, at(-2 * DAY))),
            (2, seen(2, at(-9 * DAY))),
            (3, Device { seen_at: at(-20 * DAY), ..device(3, at(-30 * DAY)) }),
        ]),
        free_used: 4,
        transfers: vec![at(-HOUR); 4],
        transfers_total: 4,
        ..license()
    };
    let mut first = before.clone();
    let replaced = first.devices.remove(&id(2)).unwrap();
    first.devices.insert(fresh_id(5), device(5, NOW));
    first.released.insert(id(2), replaced_at(NOW, replaced));
    assert_eq!(
        activate(&before, &Caller::at(5), NOW),
        Ok(outcome(Code::Activated, fresh_id(5), first.clone()))
    );

    let mut second = first.clone();
    let replaced = second.devices.remove(&id(1)).unwrap();
    second.devices.insert(fresh_id(6), device(6, at(SECOND)));
    second.released.insert(id(1), replaced_at(at(SECOND), replaced));
    // The first one replaced may still reclaim, for its own cool-down, and return: the fourth seat is vacant.
    assert_eq!(
        activate(&first, &Caller::at(6), at(SECOND)),
        Ok(outcome(Code::Activated, fresh_id(6), second.clone()))
    );

    // None is left, and the next binding is one like any other.
    assert_eq!(
        activate(&second, &Caller::at(7), at(2 * SECOND)),
        Err(ActivateRefusal::TransferLimit(TransferLimit::Cooldown)),
        "the vacant seat is used up"
    );
    let old = activate(&before, &Caller::at(7).with_old_client(), NOW);
    assert_eq!(
        old,
        Err(ActivateRefusal::TransferLimit(TransferLimit::Cooldown)),
        "an opaque device replaces none"
    );
}

/// Once: should it come back, the next one with a new client finds a device like any other.
fn replaced_at(now: UnixMillis, device: Device) -> FormerDevice {
    let device = Device { form: ComponentForm::Keyed, ..device };
    FormerDevice { device, at: now, may_return: true, reclaim: Reclaim::DuringCooldown }
}

#[test]
fn refresh_stores_changes_and_hour_seen() {
    let seen = |now| {
        let mut license = held();
        license.devices.get_mut(&id(1)).unwrap().seen_at = now;
        license
    };
    let before = seen(at(-HOUR));
    // Within the hour nothing is written, and the row stays as it was.
    assert_eq!(activate(&before, &Caller::at(1), NOW), Ok(outcome(Code::Refreshed, id(1), before.clone())));
    assert_eq!(activate(&before, &Caller::at(1), at(1)), Ok(outcome(Code::Refreshed, id(1), seen(at(1)))));

    let named = Caller::at(1).named("Laptop", "Anna", "anna@example.com");
    let mut expected = seen(NOW);
    expected.licensee_name = PersonName::read("Anna").unwrap();
    expected.licensee_email = Email::read("anna@example.com").unwrap();
    expected.devices.get_mut(&id(1)).unwrap().name = DeviceName::read("Laptop").unwrap();
    let told = activate(&before, &named, NOW);
    assert_eq!(told, Ok(outcome(Code::Refreshed, id(1), expected.clone())), "what is new is written at once");
    assert_eq!(
        activate(&expected, &named, at(SECOND)),
        Ok(outcome(Code::Refreshed, id(1), expected)),
        "and once it is written, it is not new"
    );
}

#[test]
fn a_known_device_learns_one_part() {
    let learned = |label, value, now| {
        let mut license = held();
        let device = license.devices.get_mut(&id(1)).unwrap();
        device.components.insert(label, StoredComponent { hash: [value; 16], learned_at: Some(now) });
        device.seen_at = now;
        license
    };
    let another_card = learned(Mac, 9, NOW);
    assert_eq!(activate(&held(), &changed(), NOW), Ok(outcome(Code::Drifted, id(1), another_card.clone())));
    let with_disk = Caller::at(1).showing(&[(Mac, 1), (Board, 1), (Cpu, 1), (Disk, 1), (Hostname, 1)]);
    assert_eq!(activate(&held(), &with_disk, NOW), Ok(outcome(Code::Drifted, id(1), learned(Disk, 1, NOW))));
    // One in a week.
    let and_board = Caller::at(1).showing(&[(Mac, 9), (Board, 9), (Cpu, 1)]);
    assert_eq!(
        activate(&another_card, &changed(), at(SECOND)),
        Ok(outcome(Code::Refreshed, id(1), another_card.clone()))
    );
    assert_eq!(activate(&another_card, &and_board, at(SECOND)), Err(ActivateRefusal::SeatsExhausted));
}

#[test]
fn records_customer_if_unknown() {
    let caller = Caller::at(1).named("Laptop", "Anna", "Anna@Example.com");
    let stored = License {
        email: Email::read("operator@example.com").unwrap(),
        licensee_name: PersonName::read("Berta").unwrap(),
        licensee_email: Email::read("berta@example.com").unwrap(),
        ..license()
    };
    let half = License { licensee_email: None, ..stored.clone() };
    for (before, name, email) in [
        (license(), "Anna", "anna@example.com"),
        (half, "Berta", "anna@example.com"),
        (stored, "Berta", "berta@example.com"),
    ] {
        let expected = License {
            licensee_name: PersonName::read(name).unwrap(),
            licensee_email: Email::read(email).unwrap(),
            devices: [(fresh_id(1), Device { name: DeviceName::read("Laptop").unwrap(), ..device(1, NOW) })]
                .into(),
            free_used: 1,
            ..before.clone()
        };
        // `Debug` shows no person, so what differs is named here.
        let after = activate(&before, &caller, NOW).unwrap().license;
        assert_eq!(after.licensee_name.as_ref().map(PersonName::as_str), Some(name));
        assert_eq!(after.licensee_email.as_ref().map(Email::as_str), Some(email));
        assert_eq!(after, expected, "{name} {email}");
    }
}

/// A license that was imported with its devices, or whose status was set by hand.
#[test]
fn term_begins_for_bound_device() {
    let before = License { status: Status::Pending, duration_days: Some(30), ..held() };
    let begun = (Status::Active, Some(NOW.plus_days(30)));
    let refreshed = activate(&before, &Caller::at(1), NOW).unwrap();
    assert_eq!(refreshed.code, Code::Refreshed);
    assert_eq!((refreshed.license.status, refreshed.license.expires_at), begun);
    let seat_request = Caller::at(1);
    let bound = crate::transfer::decide(
        Some(&standing(&before)),
        &seat_request.seat_request(),
        crate::transfer::FromDevice::Only,
        NOW,
    );
    let bound = bound.unwrap();
    assert_eq!(bound.code, Code::AlreadyBound);
    assert_eq!((bound.license.status, bound.license.expires_at), begun);
}

#[test]
fn keyed_form_upgrades_opaque_device() {
    let before = License { devices: bound([(1, opaque(device(1, NOW)))]), free_used: 1, ..license() };
    let form = |caller: &Caller| {
        let after = activate(&before, caller, NOW).unwrap();
        assert_eq!(after.code, Code::Refreshed);
        after.license.devices[&id(1)].form
    };
    assert_eq!(form(&Caller::at(1)), ComponentForm::Keyed);
    assert_eq!(form(&Caller::at(1).with_old_client()), ComponentForm::Opaque);
}

/// It would be a transfer without the e-mail that transfers ask for.
#[test]
fn opaque_replacement_needs_email() {
    let email = |text: &str| Email::read(text).unwrap();
    let asking = |seats| PolicyOverrides {
        seats: Some(seats),
        transfer_requires_email: Some(true),
        ..PolicyOverrides::default()
    };
    let before = License {
        policy: asking(1),
        email: email("a@example.com"),
        devices: bound([(1, opaque(device(1, at(-DAY))))]),
        free_used: 1,
        ..license()
    };
    let knows = Caller { licensee_email: email("a@example.com"), ..Caller::at(2) };
    let guesses = Caller { licensee_email: email("b@example.com"), ..Caller::at(2) };
    assert_eq!(activate(&before, &Caller::at(2), NOW), Err(ActivateRefusal::SeatsExhausted));
    assert_eq!(activate(&before, &guesses, NOW), Err(ActivateRefusal::SeatsExhausted));
    assert!(!activate(&before, &knows, NOW).unwrap().license.devices.contains_key(&id(1)));
    let roomy = License { policy: asking(2), ..before };
    let after = activate(&roomy, &Caller::at(2), NOW).unwrap().license;
    assert_eq!(after.devices.len(), 2, "a vacant seat is for everybody");
}

/// A device that held a seat here before is not taken for an older client's device.
#[test]
fn return_keeps_the_opaque_device() {
    let before = License {
        policy: seats(2),
        devices: bound([(3, opaque(device(3, at(-40 * DAY))))]),
        free_used: 2,
        ..given_up()
    };
    let after = activate(&before, &Caller::at(1), NOW).unwrap();
    assert_eq!(after.device, id(1));
    assert!(after.license.devices.contains_key(&id(3)), "its own seat was vacant");
}

/// A device that shows nothing hears of the license alone: a refusal about the device would lock the one that holds the
/// seat.
#[test]
fn refresh_hears_the_license_before_the_device() {
    let showing_nothing = Caller::at(1).showing(&[]);
    let refreshed = |license: Option<&License>, caller: &Caller| {
        refresh(license.map(standing).as_ref(), &caller.seat_request(), NOW).map(|outcome| outcome.code)
    };
    let with = |status| License { status, ..held() };
    let ended = License { expires_at: Some(NOW), ..held() };
    let verify = RefreshRefusal::Verify;
    for (license, of_nothing, of_another) in [
        (None, verify(VerifyRefusal::NotFound), VerifyRefusal::NotFound),
        (Some(with(Status::Revoked)), verify(VerifyRefusal::Revoked), VerifyRefusal::Revoked),
        (Some(with(Status::Suspended)), verify(VerifyRefusal::Suspended), VerifyRefusal::Suspended),
        (Some(with(Status::Pending)), verify(VerifyRefusal::Pending), VerifyRefusal::Pending),
        (Some(ended), verify(VerifyRefusal::Expired), VerifyRefusal::Expired),
        (Some(license()), RefreshRefusal::FingerprintTooWeak, VerifyRefusal::NotActivated),
        (Some(held()), RefreshRefusal::FingerprintTooWeak, VerifyRefusal::HardwareMismatch),
    ] {
        assert_eq!(refreshed(license.as_ref(), &showing_nothing), Err(of_nothing), "{license:?}");
        assert_eq!(refreshed(license.as_ref(), &Caller::at(2)), Err(verify(of_another)), "{license:?}");
    }
    assert_eq!(refreshed(Some(&held()), &Caller::at(1)), Ok(Code::Refreshed));
}
