//! Items with arbitrary content: every row reads or does not, and a license that reads can be decided
//! about.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::{ComponentForm, ReceivedComponents};
use falconer_domain::seats::{ReportedMachine, SeatRequest};
use falconer_domain::transfer::FromDevice;
use falconer_domain::verify::Facts;
use falconer_domain::{KeyRing, activate, deactivate, transfer};
use proptest::prelude::*;

use super::*;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// Any value, down to a few levels. Numbers as DynamoDB hands them over: text.
fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        "\\PC{0,20}".prop_map(AttributeValue::S),
        prop_oneof!["-?[0-9]{1,38}", "-?[0-9]{1,5}\\.[0-9]{1,5}E[0-9]{1,3}"].prop_map(AttributeValue::N),
        any::<i64>().prop_map(|number| AttributeValue::N(number.to_string())),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null(true)),
        proptest::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(bytes))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(AttributeValue::L),
            proptest::collection::hash_map("\\PC{0,20}", inner, 0..3).prop_map(AttributeValue::M),
        ]
    })
}

/// A good license's row, some attributes of which are something else, or gone.
fn row() -> impl Strategy<Value = HashMap<String, AttributeValue>> {
    let good: HashMap<_, AttributeValue> = serde_dynamo::to_item(LicenseItem::from(&license())).unwrap();
    let mut names: Vec<_> = good.keys().cloned().collect();
    names.sort();
    let changed =
        proptest::collection::vec((proptest::sample::select(names), proptest::option::of(value())), 0..4);
    changed.prop_map(move |changed| {
        let mut row = good.clone();
        for (name, value) in changed {
            match value {
                Some(value) => row.insert(name, value),
                None => row.remove(&name),
            };
        }
        row
    })
}

/// A license whose numbers may be any that a row can hold.
fn numbers() -> impl Strategy<Value = License> {
    let edges = || proptest::sample::select(vec![i64::MIN, -1, 0, i64::MAX]);
    let moment =
        || prop_oneof![any::<i64>(), edges(), NOW.0 - 90_000_000..NOW.0 + 90_000_000].prop_map(UnixMillis);
    let moments = proptest::collection::vec(moment(), 0..5);
    let limits = proptest::array::uniform4(proptest::option::of(prop_oneof![any::<u32>(), 0_u32..4]));
    (moment(), moment(), moment(), moment(), moments, limits, any::<[u32; 3]>(), 0_usize..4).prop_map(
        |(end, bound, seen, gone, transfers, limits, counts, status)| {
            let mut license = license();
            license.status = Status::parse(["active", "pending", "suspended", "revoked"][status]).unwrap();
            license.expires_at = (end.0 % 3 != 0).then_some(end);
            license.duration_days = (bound.0 % 3 != 0).then_some(counts[2]);
            for device in license.devices.values_mut() {
                (device.bound_at, device.seen_at) = (bound, seen);
            }
            for released in license.released.values_mut() {
                (released.at, released.device.seen_at) = (gone, seen);
            }
            license.transfers = transfers;
            [license.free_used, license.transfers_total] = [counts[0], counts[1]];
            let [interval, grace, transfers, cooldown] = limits;
            license.policy.check_interval_hours = interval;
            license.policy.offline_grace_days = grace;
            license.policy.max_transfers = transfers;
            license.policy.transfer_cooldown_hours = cooldown;
            license
        },
    )
}

/// Everything that is ever decided about a license, by a machine it knows and by one it does not.
fn decide(license: &License) {
    let Some(catalog) = Catalog::built_in(&license.product) else { return };
    let Ok(standing) = EffectiveLicense::of(license.clone(), &catalog) else { return };
    let ring = KeyRing::parse(&format!(r#"{{"current":"2","2":"{}"}}"#, "x".repeat(32))).unwrap();
    let mut received = ReceivedComponents::default();
    for (label, text) in [(Label::Mac, "aaaaaaaa"), (Label::Board, "bbbbbbbb")] {
        received.insert(label, text).unwrap();
    }
    let hashed = received.hashed(ring.current(), &license.id);
    let _ = Facts::gather(&standing, Some(&hashed), NOW).decide();
    let seat_request = SeatRequest {
        hardware: &hashed,
        form: ComponentForm::Keyed,
        machine: ReportedMachine::Ordinary,
        device_name: None,
        licensee_name: None,
        licensee_email: None,
        fresh_id: &DeviceId::from_random([9; 10]),
    };
    let _ = activate::decide(Some(&standing), &seat_request, NOW);
    let _ = transfer::decide(Some(&standing), &seat_request, FromDevice::Only, NOW);
    let _ = deactivate::decide(Some(&standing), &hashed, NOW);
}

proptest! {
    #[test]
    fn row_reads_back_or_is_refused(row in row()) {
        let Ok(item) = serde_dynamo::from_item::<_, LicenseItem>(row) else { return Ok(()) };
        let Ok(read) = item.read() else { return Ok(()) };
        let again: HashMap<_, AttributeValue> = serde_dynamo::to_item(LicenseItem::from(&read)).unwrap();
        let again: LicenseItem = serde_dynamo::from_item(again).unwrap();
        prop_assert_eq!(again.read(), Ok(read.clone()));
        decide(&read);
    }

    #[test]
    fn extreme_numbers_can_be_decided(license in numbers()) {
        decide(&license);
        let item: HashMap<_, AttributeValue> = serde_dynamo::to_item(LicenseItem::from(&license)).unwrap();
        let read: LicenseItem = serde_dynamo::from_item(item).unwrap();
        prop_assert_eq!(read.read(), Ok(license));
    }

    #[test]
    fn no_catalog_item_panics(
        item in proptest::collection::hash_map(
            proptest::sample::select(vec!["license_id", "schema", "product", "policy", "tiers", "version"]),
            value(),
            0..7,
        ),
        text in "\\PC{0,10}",
    ) {
        let item: HashMap<_, _> = item.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if let Ok(item) = serde_dynamo::from_item::<_, CatalogItem>(item.clone()) {
            let _ = item.read();
        }
        let _ = serde_dynamo::from_item::<_, GuardItem>(item);
        let tier = TierItem { extends: Some(text.clone()), features: vec![text], ..TierItem::default() };
        let _ = tier.read();
    }
}
