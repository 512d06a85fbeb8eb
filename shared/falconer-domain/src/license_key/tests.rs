use proptest::prelude::*;

use super::*;
use crate::KeyRing;

fn ring() -> KeyRing {
    KeyRing::parse(
        r#"{"current":"2","legacy":"1","imported":"3","1":"s1 master","2":"22222222222222222222222222222222","3":"33333333333333333333333333333333"}"#,
    )
    .unwrap()
}

fn ring_without_imports() -> KeyRing {
    KeyRing::parse(r#"{"current":"2","2":"22222222222222222222222222222222"}"#).unwrap()
}

fn issue(random: [u8; RANDOM_BYTES]) -> CurrentKey {
    CurrentKey::issue(
        ring().current(),
        Product::parse("QF").unwrap(),
        PrintedTier::parse("PRO").unwrap(),
        random,
    )
}

#[test]
fn hyphens_stand_between_groups_or_nowhere() {
    let good = issue([7; RANDOM_BYTES]).to_string();
    let head = &good[..7];
    let body: String = good[7..].chars().filter(|c| *c != '-').collect();
    for (text, expected) in [
        (format!("{head}{body}"), true),
        (format!("{head}{}-{}", &body[..10], &body[10..]), true),
        (format!("{head}{}-{}", &body[..9], &body[9..]), false),
        (format!("{head}-{body}"), false),
        (format!("{head}{}--{}", &body[..5], &body[5..]), false),
        (format!("{head}{body}-"), false),
        (format!("-{head}{body}"), false),
    ] {
        assert_eq!(ring_without_imports().authenticate(&text).is_ok(), expected, "{text}");
    }
}

#[test]
fn typed_lookalikes_dashes_and_invisible_characters_are_forgiven() {
    let good = issue([0; RANDOM_BYTES]).to_string();
    let typed = good.replace('-', "\u{2013}").replacen('0', "\u{200B}o\u{00A0}", 3).to_lowercase();
    assert_eq!(ring().authenticate(&typed).unwrap().key.to_string(), good);
}

#[test]
fn a_longer_text_is_refused_before_it_is_stripped() {
    let good = issue([1; RANDOM_BYTES]).to_string();
    let padded = format!("{good}{}", " ".repeat(MAX_KEY_BYTES - good.len()));
    assert!(ring().authenticate(&padded).is_ok());
    assert!(ring().authenticate(&format!("{padded} ")).is_err());
}

#[test]
fn imported_keys_need_the_ring_and_never_look_like_ours() {
    assert_eq!(ring().authenticate(" abc-123-xyz ").unwrap().generation.get(), 3);
    let without = ring_without_imports();
    for text in ["ABC-123-XYZ", "ABCDE", "QF-PRO-12345678901234567890", "ABC 123 XYZ", "ÄBC-123-XYZ"] {
        assert!(without.authenticate(text).is_err(), "{text}");
        assert_eq!(ring().authenticate(text).is_ok(), text == "ABC-123-XYZ", "{text}");
    }
}

#[test]
fn debug_is_masked_and_display_is_not() {
    let key = LicenseKey::Current(issue([9; RANDOM_BYTES]));
    let (shown, canonical) = (format!("{key:?}"), key.to_string());
    assert!(shown.starts_with("LicenseKey(QF-PRO-…-") && !shown.contains(&canonical[7..20]), "{shown}");
    assert_eq!(LicenseKey::parse("ABC-123-XYZ").unwrap().masked(), "…YZ");
}

#[test]
fn legacy_keys_of_two_seconds_differ_and_odd_times_are_refused() {
    let ring = ring();
    let at = |seconds| LegacyKey::issue(ring.legacy().unwrap(), PrintedTier::parse("PRO").unwrap(), seconds);
    assert_ne!(at(1_788_049_460).unwrap().to_string(), at(1_788_049_461).unwrap().to_string());
    for seconds in [-1, 0, 99_999_999, 100_000_000_000] {
        assert!(at(seconds).is_none(), "{seconds}");
    }
}

#[test]
fn products_and_printed_tiers_are_their_text() {
    for text in ["QF", "ACME9", "12345678"] {
        let product = Product::parse(text).unwrap();
        assert_eq!((product.as_str(), format!("{product} {product:?}")), (text, format!("{text} {text}")));
    }
    for text in ["", "Q", "123456789", "qf", "Q-", "Q_"] {
        assert_eq!(Product::parse(text), None, "{text}");
    }
    for text in ["A", "PRO_2", "0123456789ABCDEF"] {
        assert_eq!(PrintedTier::parse(text).unwrap().as_str(), text);
    }
    for text in ["", "pro", "PRO-2", "0123456789ABCDEFG"] {
        assert!(PrintedTier::parse(text).is_none(), "{text}");
    }
}

#[test]
fn what_may_be_shown_of_each_form() {
    let legacy =
        LegacyKey::issue(ring().legacy().unwrap(), PrintedTier::parse("PRO").unwrap(), 1_788_049_460);
    let legacy = LicenseKey::Legacy(legacy.unwrap());
    let imported = LicenseKey::parse("ABC-123-XYZ").unwrap();
    let current = LicenseKey::Current(issue([9; RANDOM_BYTES]));
    assert_eq!(legacy.masked(), "QF-PRO-\u{2026}-1788049460");
    assert_eq!(LicenseKey::parse(&legacy.to_string()), Some(legacy.clone()));
    let product = |key: &LicenseKey| key.product().map(|product| product.as_str().to_owned());
    assert_eq!(product(&legacy).as_deref(), Some("QF"));
    assert_eq!(product(&current).as_deref(), Some("QF"));
    assert_eq!(product(&imported), None);
}

#[test]
fn free_text_has_6_to_64_characters_and_none_begins_like_ours() {
    let is_read = |text: &str| ImportedKey::parse(text).is_some();
    for (count, expected) in [(5, false), (6, true), (64, true), (65, false)] {
        assert_eq!(is_read(&"A".repeat(count)), expected, "{count}");
    }
    for (text, expected) in [
        ("QF-PRO-1234567890123456789", false),
        ("QF-PRO-12345678901234567890", true),
        (" qf-pro-12345678901234567890 ", true),
        ("Q-PRO-12345678901234567890", false),
        ("QF-PR\u{d6}-12345678901234567890", false),
        ("QF-12345678901234567890", false),
    ] {
        assert_eq!(resembles_ours(text), expected, "{text}");
    }
}

#[test]
fn every_dash_is_a_hyphen_and_what_nobody_sees_is_nothing() {
    for dash in "\u{2010}\u{2012}\u{2015}\u{2212}\u{FE58}\u{FE63}\u{FF0D}".chars() {
        assert_eq!(spelling::fold(&format!("a{dash}b")), "A-B", "{dash:?}");
    }
    for nothing in "\u{00AD}\u{200B}\u{200D}\u{2060}\u{FEFF}\t\u{00A0}".chars() {
        assert_eq!(spelling::fold(&format!("a{nothing}b")), "AB", "{nothing:?}");
    }
}

proptest! {
    #[test]
    fn reading_any_text_never_panics(text in ".{0,160}") {
        let _ = ring().authenticate(&text);
    }

    #[test]
    fn what_is_issued_is_authentic_and_round_trips(random in any::<[u8; RANDOM_BYTES]>()) {
        let canonical = issue(random).to_string();
        let authentic = ring().authenticate(&canonical).unwrap();
        prop_assert_eq!(authentic.key.to_string(), canonical);
    }

    #[test]
    fn one_changed_character_is_refused(
        random in any::<[u8; RANDOM_BYTES]>(),
        place in 7_usize..42,
        digit in "[0-9A-HJKMNP-TV-Z]",
    ) {
        let canonical = issue(random).to_string();
        prop_assume!(canonical.as_bytes()[place] != b'-' && canonical[place..=place] != digit);
        let mut changed = canonical;
        changed.replace_range(place..=place, &digit);
        prop_assert!(ring().authenticate(&changed).is_err());
    }
}
