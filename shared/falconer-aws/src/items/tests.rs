use super::*;

mod hostile;

fn license() -> License {
    let component = StoredComponent { hash: [7; 16], learned_at: Some(UnixMillis(5)) };
    let device = Device {
        name: DeviceName::read("Laptop").unwrap(),
        components: BTreeMap::from([(Label::Mac, component)]),
        form: ComponentForm::Opaque,
        bound_at: UnixMillis(1),
        seen_at: UnixMillis(2),
    };
    let released = FormerDevice {
        device: device.clone(),
        at: UnixMillis(3),
        may_return: true,
        reclaim: Reclaim::Always,
    };
    License {
        id: LicenseId::parse("lic_ndgc5x34jby0cedfg16y9sz0").unwrap(),
        product: Product::parse("QF").unwrap(),
        tier: TierName::parse("pro").unwrap(),
        status: Status::Active,
        user_id: Some("user_12345".to_owned()),
        email: Email::read("a@example.com").unwrap(),
        licensee_name: PersonName::read("A").unwrap(),
        licensee_email: Email::read("b@example.com").unwrap(),
        expires_at: Some(UnixMillis(1_800_000_000_000)),
        duration_days: Some(30),
        features: vec!["api_access".to_owned()],
        limits: Limits::read(["agents=5"]).unwrap(),
        updates_until: CalendarDate::parse("2027-01-01"),
        policy: PolicyOverrides {
            seats: Some(2),
            hardware_required: Some(true),
            virtual_machines: Some(VirtualMachines::Refuse),
            air_gap_days: Some(365),
            ..PolicyOverrides::default()
        },
        devices: BTreeMap::from([(DeviceId::from_random([1; 10]), device)]),
        released: BTreeMap::from([(DeviceId::from_random([2; 10]), released)]),
        offline: BTreeMap::from([(
            DeviceId::from_random([2; 10]),
            OfflineLease { lease: "a lease".to_owned(), until: UnixMillis(9) },
        )]),
        free_used: 2,
        transfers: vec![UnixMillis(4)],
        transfers_total: 5,
        notes: Note::read("Two\nlines").unwrap(),
        erased_at: Some(UnixMillis(6)),
        replaces: LicenseId::parse("lic_ndgc5x34jby0cedfg16y9sz0"),
        replaced_by: LicenseId::parse("lic_0000000000000000000000000"),
        generation: GenerationNumber::new(2).unwrap(),
    }
}

/// The names of everything that the rules see of a license at rest.
#[cfg(feature = "operator")]
pub(crate) fn attributes() -> Vec<String> {
    let item: std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue> =
        serde_dynamo::to_item(LicenseItem::from(&license())).unwrap();
    item.into_keys().collect()
}

#[test]
fn license_reads_back() {
    let item: std::collections::HashMap<_, aws_sdk_dynamodb::types::AttributeValue> =
        serde_dynamo::to_item(LicenseItem::from(&license())).unwrap();
    assert_eq!(item["expiry_month"].as_s().unwrap(), "2027-01");
    let read: LicenseItem = serde_dynamo::from_item(item).unwrap();
    assert_eq!(read.read().unwrap(), license());
}

#[test]
fn index_by_end_has_what_ends_for_a_customer() {
    for status in Status::ALL {
        let item = LicenseItem::from(&License { status, ..license() });
        assert_eq!(item.expiry_month.is_some(), status.ends(), "{status:?}");
        assert!(item.expires_at.is_some(), "the end itself stays");
    }
    let endless = LicenseItem::from(&License { expires_at: None, status: Status::Active, ..license() });
    assert_eq!(endless.expiry_month, None);
}

/// An older version took words that this one cuts; composed (NFC), U+0958 becomes two characters.
#[test]
fn words_of_older_versions_are_read() {
    let long = |text: &str| Some(text.repeat(130));
    let item = LicenseItem {
        licensee_email: long("xx"),
        licensee_name: long("\u{958}\u{958}"),
        notes: Some("\u{2065}".to_owned()),
        ..LicenseItem::from(&license())
    };
    let read = item.read().expect("a license that can be decided about");
    assert_eq!(read.licensee_email.map(|email| email.as_str().chars().count()), Some(255));
    assert_eq!(read.licensee_name.map(|name| name.as_str().chars().count()), Some(255));
    assert_eq!(read.id, license().id);
}

#[test]
fn unreadable_attribute_is_named() {
    let item = || LicenseItem::from(&license());
    for (item, expected) in [
        (LicenseItem { status: "expired".to_owned(), ..item() }, "status"),
        (LicenseItem { tier: "Pro".to_owned(), ..item() }, "tier"),
        (LicenseItem { generation: 0, ..item() }, "generation"),
        (LicenseItem { limits: BTreeMap::from([("A B".to_owned(), 1)]), ..item() }, "limits"),
        (LicenseItem { updates_until: Some("soon".to_owned()), ..item() }, "updates_until"),
    ] {
        assert_eq!(item.read(), Err(expected));
    }
}
