use super::*;
use crate::air_gap::{TextKind, short_text};
use crate::hardware::keyed_component;

fn key(text: &str) -> LicenseKey {
    LicenseKey::parse(text).unwrap()
}

/// A request of a machine that shows these labels.
fn request(labels: &[Label], words: &str) -> AirGapRequest {
    let mut hardware = ReceivedComponents::default();
    for label in labels {
        hardware.insert(*label, &keyed_component("ABC-123-XYZ", *label, label.as_str())).unwrap();
    }
    AirGapRequest {
        product: Product::parse("QF").unwrap(),
        purpose: AirGapPurpose::Activate,
        license: LicenseName::Masked("QF-PRO-…-4BYWJ".to_owned()),
        nonce: [7; NONCE_BYTES],
        hardware,
        machine: ReportedMachine::Virtual,
        device_name: DeviceName::read(words).unwrap(),
        licensee_name: PersonName::read(words).unwrap(),
        licensee_email: Email::read("anna@example.com").unwrap(),
        trusted_kids: vec!["1".to_owned(), "2".to_owned()],
        made_at: 1_800_000_000,
    }
}

#[test]
fn a_request_reads_back_for_its_key_alone() {
    let request = request(&Label::ALL, "Anna");
    let content = request.to_content(&key("ABC-123-XYZ"));
    let unchecked = AirGapRequest::of_content(&content).unwrap();
    assert_eq!(unchecked.made_with(&key("ABC-123-XYZ")), Some(&request));
    assert_eq!(unchecked.made_with(&key("ABC-123-XYY")), None);
    assert_eq!(request.nonce_text(), "07".repeat(16));
    let renewal = AirGapRequest {
        purpose: AirGapPurpose::Renew,
        license: LicenseName::Id(LicenseId::from_hash(&[3; 32])),
        machine: ReportedMachine::Ordinary,
        licensee_name: None,
        ..request
    };
    let content = renewal.to_content(&key("ABC-123-XYZ"));
    assert_eq!(AirGapRequest::of_content(&content).unwrap().request, renewal);
}

#[test]
fn a_license_is_named_by_id_or_masked_key() {
    let masked = |bytes: usize| format!("{}…", "A".repeat(bytes - '…'.len_utf8()));
    for text in [LicenseId::from_hash(&[3; 32]).to_string(), masked(MAX_NAME_BYTES)] {
        assert_eq!(LicenseName::parse(&text).map(|name| name.as_str().to_owned()), Some(text));
    }
    for text in ["", "ABC-123-XYZ", &masked(MAX_NAME_BYTES + 1)] {
        assert_eq!(LicenseName::parse(text), None, "{text}");
    }
}

#[test]
fn every_changed_byte_breaks_the_tag() {
    let content = request(&[Label::Mac, Label::Board], "Anna").to_content(&key("ABC-123-XYZ"));
    for place in 0..content.len() {
        let mut changed = content.clone();
        changed[place] ^= 1;
        let passes = AirGapRequest::of_content(&changed)
            .is_ok_and(|unchecked| unchecked.made_with(&key("ABC-123-XYZ")).is_some());
        assert!(!passes, "byte {place}");
    }
}

#[test]
fn long_names_end_with_a_whole_character() {
    for words in ["ü".repeat(90), format!("a{}", "ü".repeat(89))] {
        let content = request(&[Label::Mac], &words).to_content(&key("ABC-123-XYZ"));
        let read = AirGapRequest::of_content(&content).unwrap().request.licensee_name.unwrap();
        assert_eq!(read.as_str().len(), MAX_NAME_BYTES - words.len() % 2);
        assert!(words.starts_with(read.as_str()));
    }
}

/// `docs/spec/air-gap.md` states both numbers.
#[test]
fn short_text_is_bounded() {
    let chars = |labels: &[Label], words: &str| {
        let content = request(labels, words).to_content(&key("ABC-123-XYZ"));
        short_text(TextKind::Request, &content).len()
    };
    let usual = [Label::MachineId, Label::Mac, Label::Board, Label::Disk, Label::Cpu, Label::Hostname];
    assert_eq!(chars(&usual, "Windows computer (Latitude, 3F9A)"), 722);
    let long = "ü".repeat(100);
    let mut longest = request(&Label::ALL, &long);
    longest.license = LicenseName::Masked(format!("{}…", "A".repeat(MAX_NAME_BYTES - 3)));
    longest.licensee_email = Email::read(&format!("{}@example.com", "a".repeat(242))).unwrap();
    longest.product = Product::parse("ABCDEFGH").unwrap();
    longest.trusted_kids = (1..=31).map(|kid| kid.to_string()).collect();
    let content = longest.to_content(&key("ABC-123-XYZ"));
    assert_eq!(short_text(TextKind::Request, &content).len(), 1_754);
}

#[test]
fn no_key_and_no_raw_value_is_in_a_request() {
    let content = request(&Label::ALL, "Anna").to_content(&key("ABC-123-XYZ"));
    let text = String::from_utf8_lossy(&content);
    assert!(!text.contains("ABC-123") && !text.contains("XYZ"), "{text}");
    let shown = format!("{:?}", AirGapRequest::of_content(&content));
    assert!(!shown.contains("Anna") && !shown.contains("example.com"), "{shown}");
}
