use super::*;
use crate::hardware::Label;
use crate::license::{License, Status};
use crate::seats::tests::{
    DAY, HOUR, NOW, at, bound, device, id, license, machine, out, parts, seats, standing,
};
use crate::seats::{FormerDevice, Reclaim};

use Label::{Board, Cpu, Mac};

fn deactivate(license: &License, hardware: &HashedComponents) -> Result<Outcome, DeactivateRefusal> {
    decide(Some(&standing(license)), hardware, NOW)
}

/// Machines 1 and 2 hold both seats; machine 3 was displaced an hour ago, and machine 4 a year and a day.
fn held() -> License {
    let displaced = |number, lost_at, may_return, reclaim| FormerDevice {
        device: device(number, at(-500 * DAY)),
        at: lost_at,
        may_return,
        reclaim,
    };
    License {
        policy: seats(2),
        devices: bound([(1, device(1, at(-HOUR))), (2, device(2, at(-20 * DAY)))]),
        released: out([
            (3, displaced(3, at(-HOUR), true, Reclaim::Always)),
            (4, displaced(4, at(-366 * DAY), false, Reclaim::DuringCooldown)),
        ]),
        free_used: 2,
        transfers: vec![at(-366 * DAY), at(-HOUR)],
        transfers_total: 7,
        ..license()
    }
}

/// Machine 1's seat is free. It may come back; so may machine 3, even to another's seat; machine 4 has no right left.
fn freed(before: &License) -> Outcome {
    let mut after = before.clone();
    let device = after.devices.remove(&id(1)).unwrap();
    after.released.remove(&id(4));
    after.released.insert(id(1), FormerDevice { device, at: NOW, may_return: true, reclaim: Reclaim::Never });
    Outcome { code: Code::Deactivated, license: after, device: id(1) }
}

#[test]
fn frees_seat_in_any_status() {
    for status in Status::ALL {
        for expires_at in [None, Some(NOW), Some(at(-DAY)), Some(at(DAY))] {
            let before = License { status, expires_at, duration_days: Some(30), ..held() };
            assert_eq!(deactivate(&before, &machine(1)), Ok(freed(&before)), "{status:?} {expires_at:?}");
        }
    }
}

/// The same match as everywhere, and nothing is asked of what a machine offers: it wants nothing.
#[test]
fn frees_the_matching_device() {
    let lenient = |mut license: License| {
        license.policy.hardware_match_threshold = Some(1);
        license
    };
    let freed = |before: License| Ok(freed(&before));
    let not_bound = Err(DeactivateRefusal::DeviceNotBound);
    for (before, shown, expected) in [
        (held(), parts(&[(Mac, 1), (Board, 1), (Cpu, 1)]), freed(held())),
        (held(), parts(&[(Mac, 1), (Board, 1)]), freed(held())),
        (held(), parts(&[(Mac, 9), (Board, 1), (Cpu, 1)]), freed(held())),
        (lenient(held()), parts(&[(Mac, 1)]), freed(lenient(held()))),
        (held(), parts(&[(Mac, 1)]), not_bound.clone()),
        (held(), parts(&[(Mac, 1), (Board, 2)]), not_bound.clone()),
        (held(), parts(&[]), not_bound.clone()),
        (held(), machine(9), not_bound.clone()),
        // Displaced, forgotten, or never bound at all.
        (held(), machine(3), not_bound.clone()),
        (held(), machine(4), not_bound.clone()),
        (license(), machine(1), not_bound),
    ] {
        assert_eq!(deactivate(&before, &shown), expected, "{shown:?}");
    }
    assert_eq!(decide(None, &machine(1), NOW), Err(DeactivateRefusal::NotFound));
}

#[test]
fn a_repeat_finds_no_seat_to_free() {
    let once = freed(&held()).license;
    assert_eq!(deactivate(&once, &machine(1)), Err(DeactivateRefusal::DeviceNotBound));
}
