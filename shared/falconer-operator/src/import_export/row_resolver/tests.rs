use falconer_domain::hardware::Label;
use falconer_domain::{Status, TierName};

use super::super::cells::Sheet;
use super::super::sheet::{self, Reading};
use super::*;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const HEADER: &str =
    "license_key,status,license_tier,hw_component_1,hw_component_2,hw_component_3,transfer_count";

fn ring(text: &str) -> KeyRing {
    KeyRing::parse(text).unwrap()
}

/// Generation 1 signs, 2 is the Flask server's, 3 looks up free texts.
fn usual() -> KeyRing {
    let masters = ["a", "b", "c"].map(|letter| letter.repeat(32));
    ring(&format!(
        r#"{{"current":"1","legacy":"2","imported":"3","1":"{}","2":"{}","3":"{}"}}"#,
        masters[0], masters[1], masters[2]
    ))
}

fn settled(
    ring: &KeyRing,
    free_text: FreeText,
    known: &[&LicenseId],
    rows: &str,
) -> Vec<Result<Settled, String>> {
    let text = format!("{HEADER}\n{rows}\n");
    let sheet = Sheet::open(text.as_bytes(), &sheet::REQUIRED).unwrap();
    let product = Product::parse("QF").unwrap();
    let catalogs = BTreeMap::from([(product.clone(), Catalog::built_in(&product).unwrap())]);
    let reading = Reading::new(product, NOW);
    let known = known.iter().map(|id| (*id).clone()).collect();
    let keys: Vec<_> =
        sheet.rows().map(|row| (row.line, row.cell("license_key").unwrap().into_owned())).collect();
    let repeated = Repeated::among(keys.into_iter().map(|(line, key)| (line, key.into())));
    let mut intake = RowResolver::new(ring, catalogs, free_text, known, NOW).without(repeated);
    let rows = sheet
        .rows()
        .map(|row| intake.settle(row.line, sheet::read(&row, &reading)).map_err(|why| why.to_string()));
    rows.collect()
}

fn new(settled: &Result<Settled, String>) -> (&NewLicense, Option<&LicenseKey>) {
    match settled {
        Ok(Settled::New(new, Keyed::Fresh(key))) => (new, Some(key)),
        Ok(Settled::New(new, Keyed::Same)) => (new, None),
        Ok(Settled::There(id, _)) => panic!("{id} is there"),
        Err(why) => panic!("{why}"),
    }
}

fn refused(settled: &Result<Settled, String>) -> &str {
    settled.as_ref().err().expect("a refusal")
}

#[test]
fn fresh_key_is_the_same_in_every_run() {
    let ring = usual();
    let run = |text: &str| settled(&ring, FreeText::Replaced, &[], &format!("{text},active,pro,,,,"));
    let (first, again, other) = (run("ABC-123-XYZ"), run("  abc-123-xyz "), run("ABC-123-XYY"));
    let (license, key) = new(&first[0]);
    let key = key.expect("a fresh key");
    assert_eq!(ring.authenticate(&key.to_string()).unwrap().license_id, license.license.id);
    assert_eq!(escrow_opens(&ring, license), key.to_string());
    assert_eq!(new(&again[0]).1, Some(key));
    assert_ne!(new(&other[0]).1, Some(key));
    assert!(new(&run("any text; even ünfit")[0]).1.is_some());
}

fn escrow_opens(ring: &KeyRing, new: &NewLicense) -> String {
    falconer_domain::escrow::open(ring.current(), &new.license.id, &new.key_escrow).unwrap().to_string()
}

#[test]
fn recognizes_earlier_imports() {
    let before = usual();
    let row = "ABC-123-XYZ,active,pro,,,,";
    let fresh = settled(&before, FreeText::Replaced, &[], row);
    let kept = settled(&before, FreeText::Kept, &[], row);
    let ((fresh, key), (kept, none)) = (new(&fresh[0]), new(&kept[0]));
    assert_eq!(none, None);
    assert_eq!(kept.key_hint, "…YZ");
    let d = "d".repeat(32);
    // The ring was rotated, the row's tier changed, and the mode is the other one.
    let after = ring(&format!(
        r#"{{"current":"4","imported":"3","1":"{}","3":"{}","4":"{d}"}}"#,
        "a".repeat(32),
        "c".repeat(32)
    ));
    for row in [row, "abc-123-xyz,revoked,elite,,,,"] {
        for mode in [FreeText::Replaced, FreeText::Kept] {
            let there = settled(&after, mode, &[&fresh.license.id], row);
            let Ok(Settled::There(id, Keyed::Fresh(found))) = &there[0] else { panic!("{row} {mode:?}") };
            assert_eq!((id, Some(found)), (&fresh.license.id, key));
            let there = settled(&after, mode, &[&kept.license.id], row);
            assert!(matches!(&there[0], Ok(Settled::There(id, Keyed::Same)) if *id == kept.license.id));
        }
    }
}

#[test]
fn signed_keys_are_kept_or_refused() {
    let ring = usual();
    let ours = LicenseKey::Current(CurrentKey::issue(
        ring.current(),
        Product::parse("QF").unwrap(),
        TierName::parse("pro").unwrap().printed(),
        [7; 10],
    ));
    for mode in [FreeText::Replaced, FreeText::Kept, FreeText::Refused] {
        let settled =
            settled(&ring, mode, &[], &format!("{},active,elite,,,,", ours.to_string().to_lowercase()));
        let (new, key) = new(&settled[0]);
        assert_eq!((key, new.license.tier.as_str()), (None, "elite"));
        assert_eq!(ring.authenticate(&ours.to_string()).unwrap().license_id, new.license.id);
    }
    let lost = ours.to_string();
    for damaged in
        [&lost[..lost.len() - 1], &lost.replacen("QF-", "QG-", 1), &format!("{}X", &lost[..lost.len() - 1])]
    {
        for mode in [FreeText::Replaced, FreeText::Kept] {
            let settled = settled(&ring, mode, &[], &format!("{damaged},active,pro,,,,"));
            assert!(refused(&settled[0]).contains("no master of this ring signed it"), "{damaged}");
        }
    }
    let invented = "QF-PRO-0011223344556677-1700000000,active,pro,,,,";
    for mode in [FreeText::Replaced, FreeText::Kept, FreeText::Refused] {
        let settled = settled(&ring, mode, &[], invented);
        assert!(refused(&settled[0]).contains("no master of this ring signed it"), "{mode:?}");
    }
    let settled = settled(&ring, FreeText::Refused, &[], "ABC-123-XYZ,active,pro,,,,");
    assert!(refused(&settled[0]).contains("no master of this ring signed it"));
}

#[test]
fn refuses_keys_equal_after_folding() {
    let rows = "ABC-123-XYZ,active,pro,,,,\nOTHER-1,active,pro,,,,\nabc-123-xyz,sold,pro,,,,\nABC-123-XYZ,active,pro,,,,";
    for mode in [FreeText::Replaced, FreeText::Kept] {
        let settled = settled(&usual(), mode, &[], rows);
        assert!(settled[1].is_ok());
        for one in [0, 2, 3] {
            let said = refused(&settled[one]);
            assert!(
                said.contains("license_key: lines 2, 4 and 5 have one key") && !said.contains("ABC"),
                "{said}"
            );
        }
        assert!(refused(&settled[2]).contains("status: sold"), "with every other reason");
    }
}

#[test]
fn reports_every_reason_at_once() {
    let settled = settled(
        &usual(),
        FreeText::Kept,
        &[],
        "ABC,sold,gold,,,,\nABC 1,active,gold,,,,\nABC-1234,active,gold,,,,",
    );
    assert_eq!(
        refused(&settled[0]),
        "status: sold is not active, pending, suspended, revoked or expired; --status sold=OURS says what it means; \
         license_key: to be kept it must have 6 to 64 letters A-Z and digits; import without --keep-keys for a fresh one; \
         product QF has no tier gold; it has elite, free, lifetime, pro"
    );
    assert!(refused(&settled[1]).ends_with("product QF has no tier gold; it has elite, free, lifetime, pro"));
    assert_eq!(refused(&settled[2]), "product QF has no tier gold; it has elite, free, lifetime, pro");
}

#[test]
fn refuses_keys_that_cannot_be_kept() {
    for text in ["ABC", "A-B-C-D", "M\u{DC}LLER-2024", &"A".repeat(65)] {
        let settled = settled(&usual(), FreeText::Kept, &[], &format!("{text},active,pro,,,,"));
        assert!(refused(&settled[0]).contains("6 to 64 letters A-Z and digits"), "{text}");
    }
    let long = settled(&usual(), FreeText::Replaced, &[], &format!("{},active,pro,,,,", "A".repeat(1_025)));
    assert_eq!(refused(&long[0]), "license_key: it must have at most 1024 bytes");
    let tier = settled(&usual(), FreeText::Replaced, &[], "ABC-123,active,gold,,,,");
    assert_eq!(refused(&tier[0]), "product QF has no tier gold; it has elite, free, lifetime, pro");
}

#[test]
fn binds_distinctive_hardware_only() {
    let ring = usual();
    for (cells, labels) in [
        ("mac-hash-1,cpu-hash-1,board-hash-1", vec![Label::Mac, Label::Board, Label::Cpu]),
        (",cpu-hash-1,board-hash-1", vec![Label::Board, Label::Cpu]),
        ("mac-hash-1,,", vec![Label::Mac]),
        (",cpu-hash-1,", vec![]),
        (",,", vec![]),
    ] {
        let settled = settled(&ring, FreeText::Replaced, &[], &format!("ABC-123,active,pro,{cells},4"));
        let license = &new(&settled[0]).0.license;
        let bound: Vec<_> =
            license.devices.values().flat_map(|device| device.components.keys()).copied().collect();
        assert_eq!((bound, license.free_used), (labels.clone(), u32::from(!labels.is_empty())), "{cells}");
        assert_eq!((license.transfers_total, license.status), (4, Status::Active));
        assert!(license.devices.values().all(|device| device.form == ComponentForm::Opaque));
    }
}
