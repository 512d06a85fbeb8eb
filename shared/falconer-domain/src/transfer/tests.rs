use super::*;
use crate::catalog::{PolicyOverrides, VirtualMachines};
use crate::hardware::{ComponentForm, Label};
use crate::license::{Device, Status};
use crate::person::{DeviceName, Email, PersonName};
use crate::seats::tests::{
    Caller, DAY, HOUR, NOW, SECOND, at, bound, device, fresh_id, id, license, opaque, out, seats, standing,
};
use crate::seats::{FormerDevice, Reclaim};

use FromDevice::{Named, Only};
use Label::{Board, Cpu, Disk, Hostname, Mac};

fn transfer(
    license: &License,
    caller: &Caller,
    from: FromDevice<'_>,
    now: UnixMillis,
) -> Result<Outcome, TransferRefusal> {
    decide(Some(&standing(license)), &caller.seat_request(), from, now)
}

fn outcome(code: Code, device: DeviceId, license: License) -> Outcome {
    Outcome { code, license, device }
}

/// As a transfer leaves it: with the right to come back to a vacant seat, and to take its own from another device.
fn displaced(device: Device, at: UnixMillis) -> FormerDevice {
    FormerDevice { device, at, may_return: true, reclaim: Reclaim::Always }
}

/// Machine 1 holds the only seat, bound thirty days ago as the first of it.
fn held() -> License {
    License { devices: bound([(1, device(1, at(-30 * DAY)))]), free_used: 1, ..license() }
}

/// Machines 1 and 2 hold both seats.
fn both_held() -> License {
    License {
        policy: seats(2),
        devices: bound([(1, device(1, at(-30 * DAY))), (2, device(2, at(-20 * DAY)))]),
        free_used: 2,
        ..license()
    }
}

/// Machine 2 has taken the seat of machine 1, a day and a half ago.
fn taken() -> License {
    License {
        devices: bound([(2, device(2, at(-36 * HOUR)))]),
        released: out([(1, displaced(device(1, at(-30 * DAY)), at(-36 * HOUR)))]),
        free_used: 1,
        transfers: vec![at(-36 * HOUR)],
        transfers_total: 1,
        ..license()
    }
}

fn requiring_email(license: License) -> License {
    License { policy: PolicyOverrides { transfer_requires_email: Some(true), ..license.policy }, ..license }
}

/// Everything is wrong with it: nothing is left but one refusal after the other.
#[test]
fn refuses_in_table_order() {
    let spent = License { transfers: vec![at(-HOUR); 6], transfers_total: 6, ..requiring_email(both_held()) };
    let over = |status| License { status, expires_at: Some(NOW), ..spent.clone() };
    let weak = Caller::at(3).showing(&[(Cpu, 3), (Hostname, 3)]);
    let known_mail = License { licensee_email: Email::read("a@b.c").unwrap(), ..spent.clone() };
    let cooling = License { transfers: vec![at(-HOUR); 2], ..known_mail.clone() };
    let mailing = Caller::at(3).named("", "", "a@b.c");
    let first = id(1);
    let named = Named(first.as_str());
    let fallen = TransferRefusal::Inactive;
    let refusing = PolicyOverrides { virtual_machines: Some(VirtualMachines::Refuse), ..spent.policy };
    let physical = License { policy: refusing, ..spent.clone() };
    for (license, caller, from, expected) in [
        (None, &weak, Only, TransferRefusal::FingerprintTooWeak),
        (Some(over(Status::Revoked)), &weak, Only, TransferRefusal::FingerprintTooWeak),
        (None, &Caller::at(1), Only, TransferRefusal::NotFound),
        (Some(over(Status::Revoked)), &Caller::at(1), Only, fallen(Inactive::Revoked)),
        (Some(over(Status::Suspended)), &Caller::at(1), Only, fallen(Inactive::Suspended)),
        (Some(over(Status::Pending)), &Caller::at(1), Only, fallen(Inactive::Expired)),
        (Some(over(Status::Active)), &Caller::at(1), Only, fallen(Inactive::Expired)),
        (Some(over(Status::Active)), &Caller::at(3), Only, fallen(Inactive::Expired)),
        (Some(physical), &Caller::at(3).in_virtual_machine(), named, TransferRefusal::VirtualMachine),
        (Some(spent.clone()), &Caller::at(3).in_virtual_machine(), Only, TransferRefusal::DeviceRequired),
        (Some(spent.clone()), &Caller::at(3), Only, TransferRefusal::DeviceRequired),
        (Some(spent.clone()), &Caller::at(3), named, TransferRefusal::EmailMismatch),
        (Some(known_mail), &mailing, named, TransferRefusal::TransferLimit(TransferLimit::Year)),
        (Some(cooling), &mailing, named, TransferRefusal::TransferLimit(TransferLimit::Cooldown)),
    ] {
        let before = license.as_ref().map(standing);
        assert_eq!(decide(before.as_ref(), &caller.seat_request(), from, NOW), Err(expected), "{before:?}");
    }
    let known = transfer(&spent, &Caller::at(1), Only, NOW);
    assert_eq!(known, Ok(outcome(Code::AlreadyBound, id(1), spent)), "what it has, it need not ask for");
}

/// A refresh is `activate-sync`'s: here neither names, nor parts, nor the hour are written.
#[test]
fn bound_device_changes_nothing() {
    let second = id(2);
    for (caller, from) in [
        (Caller::at(1), Only),
        (Caller::at(1), Named(second.as_str())),
        (Caller::at(1), Named("dev_nobody_has_this")),
        (Caller::at(1).named("Laptop", "Anna", "a@b.c"), Only),
        (Caller::at(1).showing(&[(Mac, 9), (Board, 1), (Cpu, 1), (Disk, 1)]), Only),
        (Caller::at(1).with_old_client(), Only),
    ] {
        let before = both_held();
        assert_eq!(
            transfer(&before, &caller, from, NOW),
            Ok(outcome(Code::AlreadyBound, id(1), before)),
            "{caller:?}"
        );
    }
}

#[test]
fn takes_vacant_seat_first() {
    let second = id(2);
    let pending = License { status: Status::Pending, duration_days: Some(30), policy: seats(2), ..held() };
    let expected = |before: &License| License {
        devices: bound([(1, device(1, at(-30 * DAY)))])
            .into_iter()
            .chain([(fresh_id(3), device(3, NOW))])
            .collect(),
        free_used: 2,
        status: Status::Active,
        ..before.clone()
    };
    for from in [Only, Named(second.as_str()), Named("dev_nobody_has_this")] {
        let before = License { policy: seats(2), ..held() };
        let after = expected(&before);
        assert_eq!(
            transfer(&before, &Caller::at(3), from, NOW),
            Ok(outcome(Code::Activated, fresh_id(3), after)),
            "{from:?}"
        );
        let after = License { expires_at: Some(at(30 * DAY)), ..expected(&pending) };
        assert_eq!(
            transfer(&pending, &Caller::at(3), from, NOW),
            Ok(outcome(Code::Activated, fresh_id(3), after)),
            "{from:?}"
        );
    }
    // Counted, like any other, where the seats have been used before.
    let used = License { policy: seats(2), free_used: 2, ..held() };
    let after = License { transfers: vec![NOW], transfers_total: 1, ..expected(&used) };
    assert_eq!(transfer(&used, &Caller::at(3), Only, NOW), Ok(outcome(Code::Activated, fresh_id(3), after)));
}

#[test]
fn moves_from_named_or_only_device() {
    let (first, second) = (id(1), id(2));
    let (named_first, named_second) = (Named(first.as_str()), Named(second.as_str()));
    let after = |before: &License, from: u8| {
        let mut after = License { transfers: vec![NOW], transfers_total: 1, ..before.clone() };
        let moved = after.devices.remove(&id(from)).unwrap();
        after.released.insert(id(from), displaced(moved, NOW));
        after.devices.insert(fresh_id(3), device(3, NOW));
        after
    };
    let (held, both_held) = (held(), both_held());
    let expected =
        |before: &License, from: u8| Ok(outcome(Code::Transferred, fresh_id(3), after(before, from)));
    let missing = Err(TransferRefusal::DeviceRequired);
    for (before, from, expected) in [
        (&held, Only, expected(&held, 1)),
        (&held, named_first, expected(&held, 1)),
        (&held, named_second, missing.clone()),
        (&both_held, named_first, expected(&both_held, 1)),
        (&both_held, named_second, expected(&both_held, 2)),
        (&both_held, Only, missing.clone()),
        (&both_held, Named("dev_nobody_has_this"), missing.clone()),
        (&both_held, Named(""), missing),
    ] {
        assert_eq!(transfer(before, &Caller::at(3), from, NOW), expected, "{from:?}");
    }
}

#[test]
fn reclaim_is_uncounted() {
    let back = |now| License {
        devices: bound([(1, Device { seen_at: now, ..device(1, at(-30 * DAY)) })]),
        // Whoever is displaced by a reclaim has no right to one.
        released: out([(
            2,
            FormerDevice {
                device: device(2, at(-36 * HOUR)),
                at: now,
                may_return: true,
                reclaim: Reclaim::Never,
            },
        )]),
        ..taken()
    };
    let second = id(2);
    for (caller, from, now) in [
        (Caller::at(1), Only, NOW),
        (Caller::at(1), Named(second.as_str()), NOW),
        (Caller::at(1), Named("dev_nobody_has_this"), NOW),
        // Long after, too.
        (Caller::at(1), Only, at(4_000 * DAY)),
        (Caller::at(1).showing(&[(Mac, 9), (Board, 1), (Cpu, 1)]), Only, NOW),
    ] {
        let expected = Ok(outcome(Code::Reclaimed, id(1), back(now)));
        assert_eq!(transfer(&taken(), &caller, from, now), expected, "{caller:?} {from:?} at {now:?}");
    }
    // Full windows do not matter to it, nor does who was bound in the meantime.
    let mut spent = License { transfers: vec![at(-HOUR); 3], transfers_total: 3, ..taken() };
    spent.released.get_mut(&id(1)).unwrap().may_return = false;
    let after = transfer(&spent, &Caller::at(1), Only, NOW).unwrap();
    assert_eq!((after.code, after.license.transfers_total), (Code::Reclaimed, 3));
    assert_eq!((after.license.devices, after.license.released), (back(NOW).devices, back(NOW).released));

    // To a vacant seat it goes as anybody does, still uncounted.
    let vacant = License { policy: seats(2), ..spent };
    let mut after = vacant.clone();
    let back = after.released.remove(&id(1)).unwrap();
    after.devices.insert(id(1), Device { seen_at: NOW, ..back.device });
    assert_eq!(transfer(&vacant, &Caller::at(1), Only, NOW), Ok(outcome(Code::Activated, id(1), after)));
}

/// Or two machines could take turns uncounted, for ever.
#[test]
fn device_lost_to_reclaim_is_counted() {
    let reclaimed = transfer(&taken(), &Caller::at(1), Only, NOW).unwrap().license;
    assert!(reclaimed.released[&id(2)].may_return, "to a vacant seat, it could");
    let after = License {
        devices: [(fresh_id(2), device(2, at(SECOND)))].into(),
        released: out([(1, displaced(reclaimed.devices[&id(1)].clone(), at(SECOND)))]),
        transfers: vec![at(-36 * HOUR), at(SECOND)],
        transfers_total: 2,
        ..reclaimed.clone()
    };
    assert_eq!(
        transfer(&reclaimed, &Caller::at(2), Only, at(SECOND)),
        Ok(outcome(Code::Transferred, fresh_id(2), after))
    );
    let cooling = License { transfers: vec![at(-HOUR)], ..reclaimed };
    assert_eq!(
        transfer(&cooling, &Caller::at(2), Only, at(SECOND)),
        Err(TransferRefusal::TransferLimit(TransferLimit::Cooldown))
    );
}

/// An instance's clock may be behind, and the row may have changed. The order of bindings since a displacement follows
/// from these moments.
#[test]
fn overtaken_request_gets_later_time() {
    let ahead = License { devices: bound([(1, device(1, at(SECOND)))]), free_used: 1, ..license() };
    let next = at(SECOND + 1);
    let after = License {
        devices: [(fresh_id(3), device(3, next))].into(),
        released: out([(1, displaced(device(1, at(SECOND)), next))]),
        transfers: vec![NOW],
        transfers_total: 1,
        ..ahead.clone()
    };
    let overtaken = transfer(&ahead, &Caller::at(3), Only, NOW);
    assert_eq!(overtaken, Ok(outcome(Code::Transferred, fresh_id(3), after.clone())));
    let back = transfer(&after, &Caller::at(1), Only, NOW).map(|yes| (yes.code, yes.device));
    assert_eq!(back, Ok((Code::Reclaimed, id(1))));
}

/// Of several seats, the one that was its own: devices bound before it was displaced are left alone.
#[test]
fn reclaim_takes_the_displacers_seat() {
    let before = License {
        policy: seats(3),
        devices: bound([
            (3, device(3, at(-40 * DAY))),
            (2, device(2, at(-36 * HOUR))),
            (4, device(4, at(-HOUR))),
        ]),
        ..taken()
    };
    let after = transfer(&before, &Caller::at(1), Only, NOW).unwrap();
    let bound: Vec<_> = after.license.devices.keys().cloned().collect();
    assert_eq!((after.code, bound), (Code::Reclaimed, vec![id(1), id(3), id(4)]));
    assert_eq!(after.license.released.keys().cloned().collect::<Vec<_>>(), [id(2)]);
}

/// Nobody was bound since it was displaced: then the seat of whoever was bound after it, and of nobody bound with it.
#[test]
fn reclaim_spares_same_moment_binding() {
    let first = at(-30 * DAY);
    for (bound_at, expected) in [
        (at(-30 * DAY + 1), Ok(Code::Reclaimed)),
        (first, Err(TransferRefusal::TransferLimit(TransferLimit::Year))),
    ] {
        let before = License {
            devices: bound([(2, device(2, bound_at))]),
            released: out([(1, displaced(device(1, first), at(-HOUR)))]),
            transfers: vec![at(-2 * DAY); 3],
            ..taken()
        };
        let answer = transfer(&before, &Caller::at(1), Only, NOW).map(|yes| yes.code);
        assert_eq!(answer, expected, "{bound_at:?}");
    }
}

#[test]
fn reclaim_right_ends_after_cooldown() {
    let cooldown = 24 * HOUR;
    for (reclaim, lost_at, expected) in [
        (Reclaim::Always, at(-4_000 * DAY), Ok(Code::Reclaimed)),
        (Reclaim::DuringCooldown, at(-SECOND), Ok(Code::Reclaimed)),
        (Reclaim::DuringCooldown, at(-cooldown), Ok(Code::Reclaimed)),
        (
            Reclaim::DuringCooldown,
            at(-cooldown - 1),
            Err(TransferRefusal::TransferLimit(TransferLimit::Year)),
        ),
        (Reclaim::Never, at(-SECOND), Err(TransferRefusal::TransferLimit(TransferLimit::Year))),
    ] {
        let released =
            FormerDevice { device: device(1, at(-5_000 * DAY)), at: lost_at, may_return: false, reclaim };
        let before = License { released: out([(1, released)]), transfers: vec![at(-2 * DAY); 3], ..taken() };
        let before = License { devices: bound([(2, device(2, lost_at))]), ..before };
        let answer = transfer(&before, &Caller::at(1), Only, NOW).map(|yes| yes.code);
        assert_eq!(answer, expected, "{reclaim:?} {lost_at:?}");
    }
}

#[test]
fn later_transfer_ends_older_right() {
    let second = id(2);
    let before = License { policy: seats(2), ..taken() };
    let before = License {
        devices: before.devices.into_iter().chain(bound([(3, device(3, at(-40 * DAY)))])).collect(),
        ..before
    };
    // A vacant seat taken displaces nobody: the right stays as it is, the way back to a vacant seat is gone.
    let vacant = License { policy: seats(3), free_used: 3, ..before.clone() };
    let after = transfer(&vacant, &Caller::at(4), Only, NOW).unwrap().license;
    let first = &after.released[&id(1)];
    assert_eq!((first.may_return, first.reclaim), (false, Reclaim::Always));

    // A transfer makes it the latest but one, and a cool-down has passed since it lost its seat.
    let after = transfer(&before, &Caller::at(4), Named(second.as_str()), NOW).unwrap().license;
    assert_eq!(after.released, out([(2, displaced(device(2, at(-36 * HOUR)), NOW))]));

    // Within it, it keeps the right until then.
    let mut recent = before;
    recent.released.get_mut(&id(1)).unwrap().at = at(-HOUR);
    let after = transfer(&recent, &Caller::at(4), Named(second.as_str()), NOW).unwrap().license;
    let expected = FormerDevice {
        at: at(-HOUR),
        may_return: false,
        reclaim: Reclaim::DuringCooldown,
        ..taken().released[&id(1)].clone()
    };
    assert_eq!(after.released[&id(1)], expected);
    assert_eq!(after.released[&id(2)].reclaim, Reclaim::Always);
}

#[test]
fn counts_in_both_windows() {
    for (before, expected) in [
        (&[][..], Ok(vec![NOW])),
        (&[at(-200 * DAY), at(-100 * DAY)], Ok(vec![at(-200 * DAY), at(-100 * DAY), NOW])),
        (&[at(-365 * DAY), at(-200 * DAY), at(-100 * DAY)], Ok(vec![at(-200 * DAY), at(-100 * DAY), NOW])),
        (
            &[at(-365 * DAY + 1), at(-200 * DAY), at(-100 * DAY)],
            Err(TransferRefusal::TransferLimit(TransferLimit::Year)),
        ),
        (&[at(-24 * HOUR)], Ok(vec![at(-24 * HOUR), NOW])),
        (&[at(-24 * HOUR + 1)], Err(TransferRefusal::TransferLimit(TransferLimit::Cooldown))),
    ] {
        let total = u32::try_from(before.len()).unwrap();
        let license = License { transfers: before.to_vec(), transfers_total: total, ..held() };
        let after = expected.map(|transfers| Outcome {
            code: Code::Transferred,
            license: License {
                devices: [(fresh_id(3), device(3, NOW))].into(),
                released: out([(1, displaced(device(1, at(-30 * DAY)), NOW))]),
                transfers,
                transfers_total: total + 1,
                ..license.clone()
            },
            device: fresh_id(3),
        });
        assert_eq!(transfer(&license, &Caller::at(3), Only, NOW), after, "{before:?}");
    }
}

/// It is what a new client's first activation does, whichever endpoint it comes by.
#[test]
fn replaces_opaque_device_uncounted() {
    let before = License {
        devices: bound([(1, opaque(device(1, at(-30 * DAY))))]),
        transfers: vec![at(-HOUR); 3],
        transfers_total: 3,
        ..held()
    };
    let replaced =
        FormerDevice { reclaim: Reclaim::DuringCooldown, ..displaced(device(1, at(-30 * DAY)), NOW) };
    let after = License {
        devices: [(fresh_id(3), device(3, NOW))].into(),
        released: out([(1, replaced)]),
        ..before.clone()
    };
    assert_eq!(after.released[&id(1)].device.form, ComponentForm::Keyed, "once");
    assert_eq!(
        transfer(&before, &Caller::at(3), Only, NOW),
        Ok(outcome(Code::Activated, fresh_id(3), after))
    );
    assert_eq!(
        transfer(&before, &Caller::at(3).with_old_client(), Only, NOW),
        Err(TransferRefusal::TransferLimit(TransferLimit::Year)),
        "an opaque device replaces none"
    );
}

#[test]
fn operators_email_beats_the_clients() {
    for (operators, clients, said, expected) in [
        ("anna@example.com", "", "anna@example.com", true),
        ("anna@example.com", "", "  Anna@EXAMPLE.com\t", true),
        ("anna@example.com", "", "berta@example.com", false),
        ("anna@example.com", "", "", false),
        // The operator's counts, whatever a client has said before.
        ("anna@example.com", "berta@example.com", "berta@example.com", false),
        ("anna@example.com", "berta@example.com", "anna@example.com", true),
        ("", "Berta@example.com", "berta@example.com", true),
        // As a person compares: whatever the accents are written in, the width, and what nobody sees.
        ("zo\u{EB}@example.com", "", "Zoe\u{308}@example.com\u{200B}", true),
        ("anna@example.com", "", "\u{FF41}nna\u{FF20}example.com", true),
        ("\u{130}lker@example.com", "", "ilker@example.com", true),
        ("", "berta@example.com", "anna@example.com", false),
        // None is stored, so none is right; nor does saying one write it down first.
        ("", "", "anna@example.com", false),
        ("", "", "", false),
    ] {
        let stored = |license| License {
            email: Email::read(operators).unwrap(),
            licensee_email: Email::read(clients).unwrap(),
            ..requiring_email(license)
        };
        let case = format!("{operators:?} {clients:?} {said:?}");
        // Every way to a seat asks for it: a move, a reclaim, a vacant seat, an opaque device's.
        let opaque = License { devices: bound([(1, opaque(device(1, at(-30 * DAY))))]), ..held() };
        for (before, number, code) in [
            (held(), 3, Code::Transferred),
            (taken(), 1, Code::Reclaimed),
            (license(), 3, Code::Activated),
            (opaque, 3, Code::Activated),
        ] {
            let answer = transfer(&stored(before), &Caller::at(number).named("", "", said), Only, NOW);
            let expected = if expected { Ok(code) } else { Err(TransferRefusal::EmailMismatch) };
            assert_eq!(answer.map(|yes| yes.code), expected, "{case}");
        }
        let free = License { email: Email::read(operators).unwrap(), ..held() };
        let answer = transfer(&free, &Caller::at(3).named("", "", said), Only, NOW);
        assert_eq!(answer.map(|yes| yes.code), Ok(Code::Transferred), "{case}: unless it is asked for");
    }
}

#[test]
fn records_customer_if_unknown() {
    let caller = Caller::at(3).named("Laptop", "Anna", "anna@example.com");
    let berta = License {
        licensee_name: PersonName::read("Berta").unwrap(),
        licensee_email: Email::read("berta@example.com").unwrap(),
        ..held()
    };
    for (before, name, email) in [(held(), "Anna", "anna@example.com"), (berta, "Berta", "berta@example.com")]
    {
        let Outcome { license, device, .. } = transfer(&before, &caller, Only, NOW).unwrap();
        assert_eq!(license.licensee_name.as_ref().map(PersonName::as_str), Some(name));
        assert_eq!(license.licensee_email.as_ref().map(Email::as_str), Some(email));
        assert_eq!(license.devices[&device].name.as_ref().map(DeviceName::as_str), Some("Laptop"));
        assert_eq!(license.email, None, "only the operator enters that one");
    }
}
