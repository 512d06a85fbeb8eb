use std::collections::BTreeMap;

use super::*;
use crate::catalog::{Catalog, PolicyOverrides, TierName};
use crate::effective_license::UnknownTier;
use crate::hardware::{ComponentForm, DeviceId, Label, StoredComponent};
use crate::license::{Device, License};
use crate::seats::tests::license;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn device(value: u8) -> (DeviceId, Device) {
    let component = StoredComponent { hash: [value; 16], learned_at: None };
    let device = Device {
        name: None,
        components: BTreeMap::from([(Label::Mac, component), (Label::Board, component)]),
        form: ComponentForm::Keyed,
        bound_at: NOW,
        seen_at: NOW,
    };
    (DeviceId::from_random([value; 10]), device)
}

fn hardware(value: u8) -> HashedComponents {
    HashedComponents(BTreeMap::from([(Label::Mac, [value; 16]), (Label::Board, [value; 16])]))
}

fn decide(license: &License, hardware: Option<&HashedComponents>) -> Result<(), VerifyRefusal> {
    let catalog = Catalog::built_in(&license.product).unwrap();
    let standing = EffectiveLicense::of(license.clone(), &catalog).unwrap();
    Facts::gather(&standing, hardware, NOW).decide()
}

#[test]
fn status_and_expiry_refuse_in_order() {
    let past = Some(UnixMillis(NOW.0 - 1));
    for (status, expires_at, expected) in [
        (Status::Active, None, Ok(())),
        (Status::Active, Some(UnixMillis(NOW.0 + 1)), Ok(())),
        (Status::Active, Some(NOW), Err(VerifyRefusal::Expired)),
        (Status::Active, past, Err(VerifyRefusal::Expired)),
        (Status::Pending, past, Err(VerifyRefusal::Pending)),
        (Status::Suspended, past, Err(VerifyRefusal::Suspended)),
        (Status::Revoked, past, Err(VerifyRefusal::Revoked)),
    ] {
        let license = License { status, expires_at, ..license() };
        assert_eq!(decide(&license, None), expected, "{status:?} {expires_at:?}");
    }
}

#[test]
fn hardware_refuses_last() {
    let required = PolicyOverrides { hardware_required: Some(true), ..PolicyOverrides::default() };
    let optional = PolicyOverrides::default();
    for (policy, bound, given, expected) in [
        (optional, false, None, Ok(())),
        (optional, true, None, Ok(())),
        (optional, false, Some(hardware(1)), Err(VerifyRefusal::NotActivated)),
        (optional, true, Some(hardware(1)), Ok(())),
        (optional, true, Some(hardware(2)), Err(VerifyRefusal::HardwareMismatch)),
        (required, true, None, Err(VerifyRefusal::NotActivated)),
        (required, false, None, Err(VerifyRefusal::NotActivated)),
        (required, true, Some(hardware(1)), Ok(())),
    ] {
        let devices = bound.then(|| device(1)).into_iter().collect();
        let license = License { policy, devices, ..license() };
        assert_eq!(decide(&license, given.as_ref()), expected, "{policy:?} {bound} {given:?}");
        let expired = License { expires_at: Some(NOW), ..license };
        assert_eq!(decide(&expired, given.as_ref()), Err(VerifyRefusal::Expired));
    }
}

#[test]
fn checks_continue_after_refusal() {
    let license = License { expires_at: Some(NOW), ..license() };
    let catalog = Catalog::built_in(&license.product).unwrap();
    let (standing, hardware) = (EffectiveLicense::of(license, &catalog).unwrap(), hardware(1));
    let facts = Facts::gather(&standing, Some(&hardware), NOW);
    let made: Vec<_> = facts.checks().map(|check| (check.name, check.refusal)).collect();
    assert_eq!(
        made,
        [
            ("not revoked", None),
            ("not suspended", None),
            ("not pending", None),
            ("not expired", Some(VerifyRefusal::Expired)),
            ("activated", Some(VerifyRefusal::NotActivated)),
            ("hardware matches", Some(VerifyRefusal::HardwareMismatch)),
        ]
    );
}

#[test]
fn unknown_tier_is_a_server_failure() {
    let license = License { tier: TierName::parse("gold").unwrap(), ..license() };
    let catalog = Catalog::built_in(&license.product).unwrap();
    assert_eq!(EffectiveLicense::of(license.clone(), &catalog), Err(UnknownTier(Box::new(license))));
}

#[test]
fn reports_the_matching_device() {
    let license = License { devices: [device(1), device(2)].into(), ..license() };
    let catalog = Catalog::built_in(&license.product).unwrap();
    let standing = EffectiveLicense::of(license, &catalog).unwrap();
    for (shown, expected) in [(None, None), (Some(2), Some(device(2).0)), (Some(3), None)] {
        let hardware = shown.map(hardware);
        let facts = Facts::gather(&standing, hardware.as_ref(), NOW);
        assert_eq!(facts.device().map(|found| found.id), expected.as_ref(), "{shown:?}");
    }
}
