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
