//! Seats and long leases: what the operator decides, and that no seat is used twice.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::air_gap::{GivenBack, Guarded, OperatorWord, Receipt, ReceiptRefusal, accept, guarded};
use crate::catalog::PolicyOverrides;
use crate::deactivate;
use crate::hardware::DeviceId;
use crate::license::{License, Status};
use crate::operate::{Reset, reset_hardware};
use crate::seats::tests::{Caller, DAY, HOUR, at, fresh_id, license, seats, standing};
use crate::time::UnixMillis;

const DAYS: u32 = 365;
const END: i64 = DAYS as i64 * DAY;

fn with_seats(number: u32) -> License {
    License { policy: PolicyOverrides { air_gap_days: Some(DAYS), ..seats(number) }, ..license() }
}

fn ask(
    license: &License,
    machine: u8,
    purpose: AirGapPurpose,
    transfer: CountedTransfer<'_>,
    now: UnixMillis,
) -> Result<Outcome, AirGapRefusal> {
    let caller = Caller::at(machine);
    let lease = format!("lease of {machine} at {}", now.0);
    decide(&standing(license), &caller.seat_request(), purpose, transfer, &lease, now)
}

fn activated(license: &License, machine: u8, now: UnixMillis) -> License {
    ask(license, machine, AirGapPurpose::Activate, CountedTransfer::Refuse, now).unwrap().license
}

fn moved(license: &License, machine: u8, now: UnixMillis) -> Result<License, TransferRefusal> {
    let caller = Caller::at(machine);
    transfer::decide(Some(&standing(license)), &caller.seat_request(), FromDevice::Only, now)
        .map(|outcome| outcome.license)
}

fn receipt(license: &License, machine: u8) -> Receipt {
    let device = fresh_id(machine);
    let lease = license.offline[&device].lease.clone();
    Receipt { license: license.id.clone(), device, lease, made_at: 0 }
}

fn given_back(license: &License, machine: u8, how: GivenBack, now: UnixMillis) -> License {
    let policy = standing(license).policy;
    accept(license.clone(), &receipt(license, machine), how, &policy, now).unwrap()
}

#[test]
fn lease_lasts_for_the_policys_days() {
    let after = activated(&with_seats(1), 1, at(0));
    assert_eq!(after.offline[&fresh_id(1)].until, at(END));
    let ending = License { expires_at: Some(at(10 * DAY)), ..with_seats(1) };
    assert_eq!(activated(&ending, 1, at(0)).offline[&fresh_id(1)].until, at(10 * DAY), "never beyond it");
    let renewed = ask(&after, 1, AirGapPurpose::Renew, CountedTransfer::Refuse, at(300 * DAY)).unwrap();
    assert_eq!(renewed.license.offline[&fresh_id(1)].until, at(300 * DAY + END));
    let mut shorter = after;
    shorter.policy.air_gap_days = Some(1);
    let renewed = ask(&shorter, 1, AirGapPurpose::Renew, CountedTransfer::Refuse, at(DAY)).unwrap();
    assert_eq!(renewed.license.offline[&fresh_id(1)].until, at(END), "the earlier lease is still out");
}

#[test]
fn refuses_as_the_server_does() {
    let refused = |license: &License, machine, purpose| {
        ask(license, machine, purpose, CountedTransfer::Refuse, at(DAY)).unwrap_err()
    };
    let (activate, renew) = (AirGapPurpose::Activate, AirGapPurpose::Renew);
    let one = activated(&with_seats(1), 1, at(0));
    for (license, machine, purpose, expected) in [
        (License { status: Status::Revoked, ..one.clone() }, 1, renew, Code::Revoked.into()),
        (License { status: Status::Suspended, ..one.clone() }, 1, renew, Code::Suspended.into()),
        (License { expires_at: Some(at(0)), ..one.clone() }, 1, renew, Code::Expired.into()),
        (one.clone(), 2, activate, Code::SeatsExhausted.into()),
        (one.clone(), 2, renew, Code::HardwareMismatch.into()),
        (with_seats(1), 1, renew, Code::NotActivated.into()),
        (License { policy: seats(1), ..license() }, 1, activate, AirGapRefusal::NotAllowed),
        (License { free_used: 1, ..with_seats(1) }, 1, activate, AirGapRefusal::Counted),
    ] {
        assert_eq!(refused(&license, machine, purpose), expected);
    }
    let weak = Caller::at(1).showing(&[(crate::hardware::Label::Cpu, 1)]);
    let request = weak.seat_request();
    let refused = decide(&standing(&with_seats(1)), &request, activate, CountedTransfer::Refuse, "l", at(0));
    assert_eq!(refused, Err(Code::FingerprintTooWeak.into()));
    let sentence = AirGapRefusal::from(Code::Revoked).to_string();
    assert_eq!(
        sentence,
        "REVOKED: License revoked. Ask the vendor why; a replacement key may have been mailed."
    );
}

#[test]
fn a_counted_transfer_takes_the_operators_word() {
    let counted = License { free_used: 1, ..with_seats(1) };
    let allowed = CountedTransfer::Allow(FromDevice::Only);
    let after = ask(&counted, 1, AirGapPurpose::Activate, allowed, at(0)).unwrap();
    assert_eq!((after.code, after.license.transfers_total), (Code::Activated, 1));
    let online =
        crate::activate::decide(Some(&standing(&with_seats(1))), &Caller::at(2).seat_request(), at(0));
    let moved = ask(&online.unwrap().license, 1, AirGapPurpose::Activate, allowed, at(DAY)).unwrap();
    assert_eq!((moved.code, moved.license.transfers_total), (Code::Transferred, 1));
    assert!(moved.license.offline.contains_key(&fresh_id(1)));
}

#[test]
fn no_transfer_moves_an_offline_seat() {
    let held = activated(&with_seats(1), 1, at(0));
    assert_eq!(moved(&held, 2, at(DAY)), Err(TransferRefusal::DeviceOffline));
    assert_eq!(moved(&held, 2, at(END - 1)), Err(TransferRefusal::DeviceOffline));
    assert!(moved(&held, 2, at(END)).is_ok(), "from its end on");
    // A displaced device reclaims no such seat either.
    let (online, reclaimer) = (with_seats(1), 3);
    let first = moved(&online, reclaimer, at(0)).unwrap();
    let taken =
        ask(&first, 1, AirGapPurpose::Activate, CountedTransfer::Allow(FromDevice::Only), at(2 * DAY));
    assert_eq!(moved(&taken.unwrap().license, reclaimer, at(3 * DAY)), Err(TransferRefusal::DeviceOffline));
}

#[test]
fn a_deactivated_device_keeps_its_seat_to_the_end() {
    let held = activated(&with_seats(1), 1, at(0));
    let online = deactivate::decide(Some(&standing(&held)), &Caller::at(1).hardware, at(DAY)).unwrap();
    for left in [online.license, given_back(&held, 1, GivenBack::AtEnd, at(DAY))] {
        assert_eq!((left.bound(), left.seats_taken(at(DAY))), (0, 1));
        let refused = ask(&left, 2, AirGapPurpose::Activate, CountedTransfer::Refuse, at(2 * DAY));
        assert_eq!(refused.unwrap_err(), Code::SeatsExhausted.into());
        assert_eq!(moved(&left, 2, at(2 * DAY)), Err(TransferRefusal::DeviceOffline));
        let back = activated(&left, 1, at(2 * DAY));
        assert_eq!((back.bound(), back.transfers_total), (1, 0), "the device itself comes back, uncounted");
        assert_eq!(left.seats_taken(at(END)), 0);
        let allowed = CountedTransfer::Allow(FromDevice::Only);
        assert!(ask(&left, 2, AirGapPurpose::Activate, allowed, at(END)).is_ok());
    }
}

#[test]
fn a_trusted_receipt_frees_the_seat_at_once() {
    let held = activated(&with_seats(1), 1, at(0));
    let free = given_back(&held, 1, GivenBack::AtOnce, at(DAY));
    assert_eq!((free.seats_taken(at(DAY)), free.offline.len()), (0, 0));
    let policy = standing(&free).policy;
    let again = accept(free, &receipt(&held, 1), GivenBack::AtOnce, &policy, at(DAY));
    assert_eq!(again, Err(ReceiptRefusal::NothingOut(fresh_id(1))));
    // First without trust, then with it.
    let left = given_back(&held, 1, GivenBack::AtEnd, at(DAY));
    assert_eq!(given_back(&left, 1, GivenBack::AtEnd, at(2 * DAY)), left, "twice is once");
    assert_eq!(given_back(&left, 1, GivenBack::AtOnce, at(2 * DAY)).seats_taken(at(2 * DAY)), 0);
}

#[test]
fn receipt_of_an_earlier_lease_frees_nothing() {
    let held = activated(&with_seats(1), 1, at(0));
    let old = receipt(&held, 1);
    let renewed = ask(&held, 1, AirGapPurpose::Renew, CountedTransfer::Refuse, at(DAY)).unwrap().license;
    let policy = standing(&renewed).policy;
    for how in [GivenBack::AtEnd, GivenBack::AtOnce] {
        let refused = accept(renewed.clone(), &old, how, &policy, at(2 * DAY));
        assert_eq!(refused, Err(ReceiptRefusal::EarlierLease(fresh_id(1))));
    }
}

#[test]
fn a_reset_takes_the_operators_word() {
    let held = activated(&with_seats(1), 1, at(0));
    let reset = |license: &License, word, now| {
        let all = |license: &License| license.offline.keys().cloned().collect::<BTreeSet<_>>();
        guarded(license.clone(), all, word, now, |license| reset_hardware(license, &Reset::All))
    };
    assert!(matches!(reset(&held, OperatorWord::Keep, at(DAY)), Err(Guarded::Held(_))));
    let left = given_back(&held, 1, GivenBack::AtEnd, at(DAY));
    assert!(matches!(reset(&left, OperatorWord::Keep, at(DAY)), Err(Guarded::Held(_))));
    assert!(reset(&held, OperatorWord::Keep, at(END)).is_ok(), "it has ended");
    let free = reset(&left, OperatorWord::Free, at(DAY)).unwrap();
    assert_eq!((free.seats_taken(at(DAY)), free.offline.len()), (0, 0));
}

/// A new key does not bring the seats back that machines without a network have under the old one.
#[test]
fn a_new_key_keeps_the_seats() {
    let held = activated(&with_seats(1), 1, at(0));
    let id = crate::LicenseId::parse("lic_000000000000000000000000").unwrap();
    let rotated = crate::operate::rotate(held.clone(), id, held.generation).unwrap();
    assert_eq!(rotated.new.seats_taken(at(DAY)), 1);
}

/// Whatever happens in whatever order: machines that work by a long lease and machines that hold a seat are never more
/// than the seats. A machine that gives a receipt may have kept a copy of its store, so it counts until its lease ends.
fn check(number: u32, steps: Vec<(u8, u8, i64)>) -> Result<(), TestCaseError> {
    let (mut license, mut now) = (with_seats(number), at(0));
    let mut works_until: std::collections::BTreeMap<u8, UnixMillis> = std::collections::BTreeMap::new();
    for (step, machine, hours) in steps {
        now = UnixMillis(now.0 + hours * HOUR);
        let caller = Caller::at(machine);
        let allowed = CountedTransfer::Allow(FromDevice::Only);
        let standing_now = standing(&license);
        match step {
            0 | 1 => {
                let purpose = if step == 0 { AirGapPurpose::Activate } else { AirGapPurpose::Renew };
                if let Ok(outcome) = ask(&license, machine, purpose, allowed, now) {
                    license = outcome.license;
                    works_until.insert(machine, at(0).max(license.offline[&outcome.device].until));
                }
            }
            2 => {
                let bound = crate::activate::decide(Some(&standing_now), &caller.seat_request(), now);
                license = bound.map_or(license, |outcome| outcome.license);
            }
            3 => license = moved(&license, machine, now).unwrap_or(license),
            4 => {
                let freed = deactivate::decide(Some(&standing_now), &caller.hardware, now);
                license = freed.map_or(license, |outcome| outcome.license);
            }
            _ => {
                let device: Option<DeviceId> = standing_now.device_of(&caller.hardware, now);
                let out = device.and_then(|id| Some((license.offline_lease(&id, now)?.clone(), id)));
                if let Some((lease, device)) = out {
                    let receipt =
                        Receipt { license: license.id.clone(), device, lease: lease.lease, made_at: 0 };
                    let policy = standing_now.policy;
                    license = accept(license, &receipt, GivenBack::AtEnd, &policy, now).unwrap();
                }
            }
        }
        let working: BTreeSet<u8> =
            works_until.iter().filter(|(_, until)| now < **until).map(|(machine, _)| *machine).collect();
        let online = (1..=5).filter(|machine| {
            !working.contains(machine)
                && standing(&license).device_of(&Caller::at(*machine).hardware, now).is_some()
        });
        let used = working.len() + online.count();
        prop_assert!(used <= number as usize, "{used} machines on {number} seats");
        prop_assert!(license.seats_taken(now) <= number);
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_seat_is_used_twice(
        number in 1..4_u32,
        steps in prop::collection::vec((0..6_u8, 1..6_u8, select(vec![0, 1, 25, 24 * 400])), 1..40),
    ) {
        check(number, steps)?;
    }
}
