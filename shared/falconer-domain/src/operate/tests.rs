use super::*;
use crate::air_gap::OfflineLease;
use crate::catalog::{PolicyOverrides, Tier};
use crate::hardware::ComponentForm;
use crate::keyring::GenerationNumber;
use crate::license_key::Product;
use crate::seats::tests::license;
use crate::seats::{FormerDevice, Reclaim};
use std::collections::BTreeMap;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn other() -> LicenseId {
    LicenseId::from_hash(&[9; 32])
}

fn device_id(number: u8) -> DeviceId {
    DeviceId::from_random([number; 10])
}

fn device() -> crate::license::Device {
    crate::license::Device {
        name: None,
        components: BTreeMap::new(),
        form: ComponentForm::Keyed,
        bound_at: NOW,
        seen_at: NOW,
    }
}

/// A long lease that ends so many milliseconds after now.
fn offline_for(millis: i64) -> OfflineLease {
    OfflineLease { lease: "a-lease".to_owned(), until: UnixMillis(NOW.0 + millis) }
}

/// Three seats, two devices bound, one that may come back.
fn in_use() -> License {
    let released = FormerDevice { device: device(), at: NOW, may_return: true, reclaim: Reclaim::Always };
    License {
        devices: [(device_id(1), device()), (device_id(2), device())].into(),
        released: [(device_id(3), released)].into(),
        free_used: 3,
        transfers: vec![NOW],
        transfers_total: 4,
        policy: PolicyOverrides { seats: Some(3), ..PolicyOverrides::default() },
        ..license()
    }
}

#[test]
fn allows_valid_status_changes() {
    use Status::{Active, Pending, Revoked, Suspended};
    type Operation = fn(License) -> Result<License, StatusRefusal>;
    let cases: [(Operation, Status, Result<Status, StatusRefusal>); 12] = [
        (suspend, Active, Ok(Suspended)),
        (suspend, Pending, Ok(Suspended)),
        (suspend, Suspended, Err(StatusRefusal::Already(Suspended))),
        (suspend, Revoked, Err(StatusRefusal::Revoked)),
        (revoke, Active, Ok(Revoked)),
        (revoke, Pending, Ok(Revoked)),
        (revoke, Suspended, Ok(Revoked)),
        (revoke, Revoked, Err(StatusRefusal::Already(Revoked))),
        (reinstate, Active, Err(StatusRefusal::Stands(Active))),
        (reinstate, Pending, Err(StatusRefusal::Stands(Pending))),
        (reinstate, Suspended, Ok(Active)),
        (reinstate, Revoked, Ok(Active)),
    ];
    for (operation, status, expected) in cases {
        let before = License { status, ..license() };
        let expected = expected.map(|status| License { status, ..before.clone() });
        assert_eq!(operation(before), expected);
    }
}

#[test]
fn reinstates_by_term_unless_replaced() {
    let replaced = License { status: Status::Revoked, replaced_by: Some(other()), ..license() };
    assert_eq!(reinstate(replaced.clone()), Err(StatusRefusal::Replaced(other())));
    let unbegun = License { status: Status::Suspended, duration_days: Some(30), ..license() };
    assert_eq!(reinstate(unbegun).unwrap().status, Status::Pending, "active, it would never end");
    let begun =
        License { status: Status::Suspended, duration_days: Some(30), expires_at: Some(NOW), ..license() };
    assert_eq!(reinstate(begun).unwrap().status, Status::Active);
    assert_eq!(
        rotate(replaced, other(), GenerationNumber::new(1).unwrap()),
        Err(StatusRefusal::Replaced(other()))
    );
}

#[test]
fn extends_from_end_or_from_now() {
    let day = |days: i64| UnixMillis(NOW.0 + days * 86_400_000);
    let until = |moment| License { expires_at: Some(moment), ..license() };
    let waiting = |days| License { status: Status::Pending, duration_days: Some(days), ..license() };
    for (before, extension, expected) in vec![
        (until(day(10)), Extension::Days(5), Ok(until(day(15)))),
        (until(day(-10)), Extension::Days(5), Ok(until(day(5)))),
        (until(day(10)), Extension::Days(0), Err(ExtendRefusal::Days)),
        (until(day(10)), Extension::Days(MAX_TERM_DAYS + 1), Err(ExtendRefusal::Days)),
        (license(), Extension::Days(5), Err(ExtendRefusal::Perpetual)),
        (waiting(30), Extension::Days(5), Ok(waiting(35))),
        (waiting(MAX_TERM_DAYS), Extension::Days(1), Err(ExtendRefusal::Days)),
        (until(day(10)), Extension::Until(day(3)), Ok(until(day(3)))),
        (license(), Extension::Until(day(3)), Ok(until(day(3)))),
        (until(day(10)), Extension::Until(NOW), Err(ExtendRefusal::Past)),
        (
            until(day(10)),
            Extension::Until(UnixMillis(LATEST_END.0 - 1)),
            Ok(until(UnixMillis(LATEST_END.0 - 1))),
        ),
        (until(day(10)), Extension::Until(LATEST_END), Ok(license())),
        (until(day(10)), Extension::Until(UnixMillis(i64::MAX)), Ok(license())),
        (until(UnixMillis(LATEST_END.0 - 1)), Extension::Days(1), Err(ExtendRefusal::TooLate)),
        (until(UnixMillis(LATEST_END.0 - 86_400_000)), Extension::Days(1), Err(ExtendRefusal::TooLate)),
        (until(UnixMillis(i64::MAX)), Extension::Days(MAX_TERM_DAYS), Err(ExtendRefusal::TooLate)),
        (until(day(10)), Extension::Perpetual, Ok(license())),
        (waiting(30), Extension::Perpetual, Ok(License { status: Status::Pending, ..license() })),
    ] {
        assert_eq!(extend(before.clone(), extension, NOW), expected, "{before:?} {extension:?}");
    }
}

/// A machine without a network works until its lease ends, whatever the operator sets meanwhile.
#[test]
fn seats_kept_offline_are_not_sold_twice() {
    let kept = License { offline: [(device_id(3), offline_for(1))].into(), ..in_use() };
    let nobody = BTreeSet::new();
    let refused =
        |bound, kept, seats| Err(SeatsRefusal::Release(ReleaseRefusal::BoundAndKept { bound, kept, seats }));
    assert_eq!(set_seats(kept.clone(), 2, &nobody, NOW), refused(2, 1, 2));
    assert_eq!(set_seats(kept.clone(), 1, &[device_id(1)].into(), NOW), refused(1, 1, 1));
    assert!(set_seats(kept.clone(), 3, &nobody, NOW).is_ok());
    let released = set_seats(kept.clone(), 2, &[device_id(1)].into(), NOW).unwrap();
    assert_eq!((released.bound(), released.seats_taken(NOW)), (1, 2));
    // A lease of a bound device keeps its own seat and no second one; one that has ended keeps none.
    for offline in [(device_id(1), offline_for(1)), (device_id(3), offline_for(0))] {
        let bound = License { offline: [offline].into(), ..in_use() };
        assert!(set_seats(bound, 2, &nobody, NOW).is_ok());
    }
    let said = refused(2, 1, 2).unwrap_err().to_string();
    assert!(said.contains("1 more keeps a seat until an offline lease ends: 1 too many for 2"), "{said}");
    let tiers =
        Tier { policy: PolicyOverrides { seats: Some(2), ..PolicyOverrides::default() }, ..Tier::default() };
    let small = TierName::parse("small").unwrap();
    let product = Product::parse("QF").unwrap();
    let catalog =
        Catalog::new(product, &PolicyOverrides::default(), [(small.clone(), tiers)].into()).unwrap();
    let kept = License { policy: PolicyOverrides::default(), ..kept };
    let both = ReleaseRefusal::BoundAndKept { bound: 2, kept: 1, seats: 2 };
    assert_eq!(set_tier(kept, small, &catalog, &nobody, NOW), Err(TierRefusal::Release(both)));
}

#[test]
fn fewer_seats_release_named_devices() {
    let with = |seats, left: &[u8]| {
        let released = 2 - u32::try_from(left.len()).unwrap();
        let mut after = License { free_used: 3 - released, ..in_use() };
        after.devices.retain(|id, _| left.iter().any(|number| *id == device_id(*number)));
        after.policy.seats = Some(seats);
        after
    };
    for (seats, release, expected) in [
        (5, vec![], Ok(with(5, &[1, 2]))),
        (2, vec![], Ok(with(2, &[1, 2]))),
        (1, vec![], Err(SeatsRefusal::Release(ReleaseRefusal::Bound { bound: 2, seats: 1 }))),
        (1, vec![2], Ok(with(1, &[1]))),
        (1, vec![1, 2], Ok(with(1, &[]))),
        (1, vec![3], Err(SeatsRefusal::Release(ReleaseRefusal::NoSuchDevice(device_id(3))))),
        (0, vec![], Err(SeatsRefusal::Seats)),
        (101, vec![], Err(SeatsRefusal::Seats)),
    ] {
        let release = release.iter().map(|number| device_id(*number)).collect();
        assert_eq!(set_seats(in_use(), seats, &release, NOW), expected, "{seats} {release:?}");
    }
    for message in [
        SeatsRefusal::Release(ReleaseRefusal::Bound { bound: 5, seats: 2 }).to_string(),
        TierRefusal::Release(ReleaseRefusal::Bound { bound: 5, seats: 2 }).to_string(),
    ] {
        assert_eq!(message, "5 devices are bound; name 3 of them with --release");
    }
}

/// Seats of a tier, whether it or the policy of all says them, and a license's own, which go with it.
#[test]
fn smaller_tier_needs_named_devices() {
    let tier = |name| TierName::parse(name).unwrap();
    let of_seats = |seats| PolicyOverrides { seats, ..PolicyOverrides::default() };
    let tiers = [("pro", Some(3)), ("solo", None), ("team", Some(2))];
    let tiers = tiers.map(|(name, seats)| (tier(name), Tier { policy: of_seats(seats), ..Tier::default() }));
    let catalog =
        Catalog::new(license().product, &PolicyOverrides::default(), tiers.into_iter().collect()).unwrap();
    let of_tier = License { policy: of_seats(None), ..in_use() };
    let bound = |seats| Err(TierRefusal::Release(ReleaseRefusal::Bound { bound: 2, seats }));
    for (before, to, release, expected) in [
        (&of_tier, "team", vec![], Ok((2, 3))),
        (&of_tier, "solo", vec![], bound(1)),
        (&of_tier, "solo", vec![1], Ok((1, 2))),
        (&of_tier, "solo", vec![1, 2], Ok((0, 1))),
        (&of_tier, "solo", vec![3], Err(TierRefusal::Release(ReleaseRefusal::NoSuchDevice(device_id(3))))),
        (&of_tier, "gold", vec![], Err(TierRefusal::NoSuchTier(tier("gold")))),
        (&in_use(), "solo", vec![], Ok((2, 3))),
    ] {
        let release = release.iter().map(|number| device_id(*number)).collect();
        let after = set_tier(before.clone(), tier(to), &catalog, &release, NOW);
        let told = after.map(|after| {
            assert_eq!(after.tier, tier(to));
            (after.devices.len(), after.free_used)
        });
        assert_eq!(told, expected, "{to} {release:?}");
    }
}

#[test]
fn edits_features_and_tiers() {
    let own = |features: &[&str]| {
        let features = features.iter().map(|feature| (*feature).to_owned()).collect();
        License { features, ..license() }
    };
    assert_eq!(add_feature(own(&["a"]), "b"), Ok(own(&["a", "b"])));
    assert_eq!(add_feature(own(&["a"]), "a"), Err(FeatureRefusal::Already));
    assert_eq!(add_feature(own(&[]), "Copy Trading"), Err(FeatureRefusal::Feature));
    let full: Vec<_> = (0..MAX_EXTRA_FEATURES).map(|number| format!("f{number}")).collect();
    assert_eq!(add_feature(License { features: full, ..license() }, "more"), Err(FeatureRefusal::Feature));
    assert_eq!(remove_feature(own(&["a", "b"]), "a"), Ok(own(&["b"])));
    assert_eq!(remove_feature(own(&["a"]), "b"), Err(FeatureRefusal::Missing));

    let catalog = Catalog::built_in(&Product::parse("QF").unwrap()).unwrap();
    let tier = |name| TierName::parse(name).unwrap();
    let nobody = BTreeSet::new();
    assert_eq!(set_tier(license(), tier("elite"), &catalog, &nobody, NOW).unwrap().tier, tier("elite"));
    assert_eq!(
        set_tier(license(), tier("gold"), &catalog, &nobody, NOW),
        Err(TierRefusal::NoSuchTier(tier("gold")))
    );
}

#[test]
fn reset_frees_seats_and_drops_rights() {
    let one = reset_hardware(in_use(), &Reset::One(device_id(1))).unwrap();
    assert_eq!((one.devices.len(), one.free_used, one.released.len()), (1, 1, 1), "both vacant seats");
    assert!(!one.released.contains_key(&device_id(1)));
    let all = reset_hardware(in_use(), &Reset::All).unwrap();
    assert_eq!((all.devices.len(), all.free_used, all.released.len()), (0, 0, 0));
    assert_eq!((all.transfers, all.transfers_total), (vec![NOW], 4), "what was counted stays counted");
    assert_eq!(
        reset_hardware(in_use(), &Reset::One(device_id(3))),
        Err(NoSuchDevice(device_id(3))),
        "a device that only was bound"
    );
    for (free_used, after_one) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
        let before = License { free_used, ..in_use() };
        assert_eq!(reset_hardware(before.clone(), &Reset::All).unwrap().free_used, 0, "{free_used}");
        let one = reset_hardware(before, &Reset::One(device_id(1))).unwrap();
        assert_eq!(one.free_used, after_one, "{free_used}");
    }
    let nothing_left =
        License { devices: BTreeMap::new(), released: BTreeMap::new(), free_used: 0, ..in_use() };
    assert_eq!(reset_hardware(nothing_left.clone(), &Reset::All), Ok(nothing_left));
}

#[test]
fn rotated_key_keeps_transfer_counts() {
    let generation = GenerationNumber::new(7).unwrap();
    let Rotated { new, old } = rotate(in_use(), other(), generation).unwrap();
    assert_eq!(old, License { status: Status::Revoked, replaced_by: Some(other()), ..in_use() });
    let expected = License {
        id: other(),
        generation,
        devices: BTreeMap::new(),
        released: BTreeMap::new(),
        free_used: 0,
        replaces: Some(license().id),
        ..in_use()
    };
    assert_eq!(new, expected);
}
