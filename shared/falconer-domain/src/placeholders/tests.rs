use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use sha2::Digest;

use super::*;
use crate::hardware::{ReceivedComponents, component};

/// Repeated values and counting digits that older clients have hashed.
const MORE: [&str; 14] = [
    "",
    "0",
    "1",
    "0123456789",
    "123456789",
    "1234567890",
    "12345678",
    "00:00:00:00:00:00",
    "ff:ff:ff:ff:ff:ff",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "01010101-0101-0101-0101-010101010101",
    "xxxxxxxxxxx",
    "nnnnnnn",
];

/// Every value of the table as a program may have hashed it.
fn spellings() -> BTreeSet<String> {
    let texts = TEXTS.iter().flat_map(|group| group.values).chain(&MORE).map(|value| (*value).to_owned());
    let numbers = NUMBERS.iter().flat_map(|group| group.values).flat_map(|value| grouped(value));
    texts
        .chain(numbers)
        .flat_map(|text| [text.to_uppercase(), title(&text), sentence(&text), text])
        .chain(
            ["To Be Filled By O.E.M.", "To be filled by O.E.M.", "N/A", "[object Object]", "NotAvailable"]
                .map(str::to_owned),
        )
        .collect()
}

/// An id or an address with the separators that programs put into it, and without.
fn grouped(value: &str) -> Vec<String> {
    let pairs = value.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let pairs: Vec<_> = pairs.collect();
    let by = |separator: &str| pairs.join(separator);
    if pairs.len() == 16 {
        let fields = [&pairs[..4], &pairs[4..6], &pairs[6..8], &pairs[8..10], &pairs[10..]];
        vec![by(""), fields.map(<[&str]>::concat).join("-")]
    } else {
        vec![by(""), by(":"), by("-")]
    }
}

/// `Default String`
fn title(text: &str) -> String {
    text.split(' ').map(sentence).collect::<Vec<_>>().join(" ")
}

/// `Default string`
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[test]
fn hashes_cover_every_spelling() {
    let starts = spellings().into_iter().flat_map(|text| {
        [
            HEXLOWER.encode(&md5::Md5::digest(&text)),
            HEXLOWER.encode(&sha1::Sha1::digest(&text)),
            HEXLOWER.encode(&sha2::Sha256::digest(&text)),
        ]
    });
    let computed: BTreeSet<u64> = starts.map(|hex| u64::from_str_radix(&hex[..16], 16).unwrap()).collect();
    let same = computed.iter().eq(HASHES);
    if !same {
        let rows: Vec<_> = computed.iter().map(|start| format!("{start:#018x},")).collect();
        let rows: Vec<_> = rows.chunks(6).map(|row| format!("    {}", row.join(" "))).collect();
        println!("pub(super) const HASHES: &[u64] = &[\n{}\n];", rows.join("\n"));
    }
    assert!(same, "hashes.rs is not the table's any more; the list above is");
}

#[test]
fn placeholder_values_are_absent() {
    for text in spellings() {
        assert_eq!(component(Label::Mac, &text), None, "{text}");
        assert_eq!(component(Label::MachineId, &text), None, "{text}");
    }
    for text in [
        "02:42:8f:13:37:aa",
        "00:50:56:C0:00:1F",
        "0A-00-27-00-00-11",
        "01:00:5e:00:00:fb",
        "33:33:00:00:00:01",
        "0:50:56:c0:0:8",
        "2:42:ac:11:0:a",
        "42:01:0a:80:00:02",
        "52:54:0:12:34:56",
    ] {
        assert_eq!(component(Label::Mac, text), None, "{text}");
    }
    for text in [
        "QM00001",
        "t10.ATA QEMU HARDDISK QM00003",
        "t10.ATA_____QEMU_HARDDISK___________________________QM00001_____________",
        "ata-QEMU_HARDDISK_QM00005",
        "qm00012",
        "persistent-disk-0",
        "t10.Google  PersistentDisk  persistent-disk-0",
        "drive-scsi0",
        "drive-scsi0-0-0-1",
        "0QEMU_QEMU_HARDDISK_drive-scsi0",
        "scsi-0QEMU_QEMU_HARDDISK_drive-scsi1-0-0-0",
    ] {
        assert_eq!(component(Label::Disk, text), None, "{text}");
        assert!(component(Label::Board, text).is_some(), "{text}");
    }
    for text in ["1", "12", "abc"] {
        assert_eq!(component(Label::Board, text), None, "{text}");
    }
}

#[test]
fn genuine_values_are_accepted() {
    for (label, text) in [
        (Label::Mac, "0e:0f:0f:0f:0f:0f"),
        (Label::Mac, "00:50:56:12:34:56"),
        (Label::Mac, "52:54:00:9a:3c:7e"),
        (Label::Disk, "qm00001a"),
        (Label::Disk, "aqm00001"),
        (Label::Disk, "qm000012"),
        (Label::Disk, "qm00001-7"),
        (Label::Disk, "drive-scsi"),
        (Label::Disk, "harddrive-scsi0"),
        (Label::Disk, "drive-scsi0-s3z9nb0k"),
        (Label::Board, "pf3xk9z7"),
        (Label::Board, "/7j5k2x2/cnws20097r0123/"),
        (Label::Disk, "s3z9nb0k123456"),
        (Label::Disk, "024200001234"),
        (Label::MachineId, "4c4c4544-0042-3510-8052-b3c04f4b4e32"),
        (Label::Hostname, "pc1"),
        (Label::Cpu, "amd"),
    ] {
        assert!(component(label, text).is_some(), "{text}");
    }
}

#[test]
fn placeholder_hashes_are_absent() {
    let sent = |text: &str| {
        let mut received = ReceivedComponents::default();
        received.insert(Label::Mac, text).unwrap();
        !received.is_empty()
    };
    let hash = HEXLOWER.encode(&sha2::Sha256::digest("00:50:56:C0:00:08"));
    assert!(!sent(&hash) && !sent(&hash.to_uppercase()));
    let other = HEXLOWER.encode(&sha2::Sha256::digest("00:50:56:12:34:56"));
    assert!(sent(&other));
    // The start of a known hash in a text of another length is a value like any other.
    assert!(sent(&hash[..20]));
}

#[test]
fn every_group_names_its_source() {
    for group in TEXTS.iter().chain(NUMBERS) {
        assert!(group.source.len() > 10 && !group.values.is_empty(), "{}", group.source);
    }
}

#[test]
fn short_serial_numbers_prove_nothing() {
    for label in [Label::Board, Label::Disk] {
        assert!(proves_nothing(label, "x7k"), "{label:?}");
        assert!(!proves_nothing(label, "x7kq"), "{label:?}");
    }
    assert!(!proves_nothing(Label::Hostname, "x7k"), "a name may be short");
}
