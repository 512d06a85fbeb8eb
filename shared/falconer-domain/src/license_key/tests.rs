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

/// A key of a tier, from any random part.
fn of_tier(product: &str, tier: &str, random: [u8; RANDOM_BYTES]) -> CurrentKey {
    let (product, tier) = (Product::parse(product).unwrap(), PrintedTier::parse(tier).unwrap());
    CurrentKey::issue(ring().current(), product, tier, random)
}

fn legacy(tier: &str) -> LegacyKey {
    LegacyKey::issue(ring().legacy().unwrap(), PrintedTier::parse(tier).unwrap(), 1_788_049_460).unwrap()
}

/// Prints the ring's reading of a text.
fn read(typed: &str) -> Option<String> {
    ring().authenticate(typed).ok().map(|authentic| authentic.key.to_string())
}

#[test]
fn forgives_any_separators() {
    for key in [
        of_tier("QF", "PRO", [7; RANDOM_BYTES]).to_string(),
        of_tier("ACME9", "LIFETIME", [8; RANDOM_BYTES]).to_string(),
        of_tier("12345678", "0123456789ABCDEF", [9; RANDOM_BYTES]).to_string(),
        legacy("PRO").to_string(),
        legacy("LIFETIME").to_string(),
    ] {
        for separator in [
            "", " ", ".", " . ", "/", "_", "\n", "\r\n  ", "\u{2013}", " - ", ", ", "--", "\u{30FC}",
            "\u{2026}",
        ] {
            assert_eq!(read(&key.replace('-', separator)), Some(key.clone()), "{separator:?}");
        }
        let spelled_out: String = key.chars().filter(|c| *c != '-').flat_map(|c| [c, ' ']).collect();
        assert_eq!(read(&spelled_out), Some(key.clone()), "letter by letter");
        let in_threes: Vec<String> = key
            .replace('-', "")
            .as_bytes()
            .chunks(3)
            .map(|three| String::from_utf8_lossy(three).into_owned())
            .collect();
        assert_eq!(read(&in_threes.join(" ")), Some(key.clone()), "in groups of three");
    }
}

#[test]
fn reads_unseparated_legacy_keys() {
    let ring = ring();
    for seconds in [100_000_000, 999_999_999, 1_000_000_000, 9_999_999_999, 10_000_000_000] {
        let tier = PrintedTier::parse("PROB_1").unwrap();
        let key = LegacyKey::issue(ring.legacy().unwrap(), tier, seconds).unwrap().to_string();
        for typed in [key.replace('-', ""), key.replace('-', "_").to_uppercase()] {
            assert_eq!(read(&typed), Some(key.clone()), "{typed}");
        }
        let typed = key.replace('-', ".").replace("PROB_1", "PROB 1");
        assert_eq!(
            LicenseKey::readings(&typed, &Product::parse("QF").unwrap())[0].to_string(),
            key,
            "{typed}"
        );
    }
}

#[test]
fn a_tier_keeps_its_underscores() {
    let head = |key: &str| key[..key.len() - 36].to_owned();
    for (tier, heads) in [
        (
            "PRO_2",
            &[
                "QF-PRO_2",
                "QF PRO_2",
                "QF PRO 2",
                "QFPRO_2",
                "QF_PRO_2",
                "QF-PRO-2",
                "QF_PRO-2",
                "QFPRO2",
                "Q F P R O _ 2",
            ][..],
        ),
        ("PRO_2_EU", &["QFPRO_2_EU", "QF.PRO.2.EU", "qf pro_2 eu", "QF_PRO_2_EU"][..]),
        ("PRO2", &["QFPRO2", "QF PRO2", "QF_PRO2", "QF PRO 2", "Q F P R O 2"][..]),
        ("_PRO_", &["QF-_PRO_", "QF _PRO_"][..]),
        ("P", &["QFP", "QF.P"][..]),
    ] {
        let key = of_tier("QF", tier, [7; RANDOM_BYTES]).to_string();
        for typed in heads {
            let code = key.strip_prefix(&head(&key)).unwrap();
            let underscored = if tier.ends_with('_') { code.to_owned() } else { code.replace('-', "_") };
            for code in [code.to_owned(), code.replace('-', " "), underscored, code.replace('-', "")] {
                // Letters that touch the code cannot be told apart from it only where an underscore is at the end too.
                let separator =
                    if code.starts_with(['-', ' ', '_']) || !tier.ends_with('_') { "" } else { "-" };
                let typed = format!("{typed}{separator}{code}");
                assert_eq!(read(&typed), Some(key.clone()), "{typed} {tier}");
            }
        }
    }
}

#[test]
fn well_formed_text_is_not_reread() {
    let key = of_tier("QF", "PRO_2", [7; RANDOM_BYTES]).to_string();
    for changed in [key.replace("PRO_2", "PRO2"), key.replace("QF-PRO_2", "QFP-RO_2")] {
        assert_eq!(read(&changed), None, "{changed}");
    }
}

#[test]
fn forgives_surroundings_in_each_form() {
    let imported = LicenseKey::parse("550e8400-e29b-41d4-a716-446655440000").unwrap().to_string();
    for key in [issue([3; RANDOM_BYTES]).to_string(), legacy("ELITE").to_string(), imported] {
        for (before, after) in [
            ("\"", "\""),
            ("\u{201E}", "\u{201C}."),
            ("(", "),"),
            ("`", "`"),
            ("**", "**"),
            ("<", ">"),
            ("\u{200E}\u{2066}", "\u{2069}\u{200F}"),
            ("License key: ", "\n"),
            ("https://shop.example/activate?key=", ""),
            ("\u{FEFF}", "\u{FE0F}"),
        ] {
            assert_eq!(read(&format!("{before}{key}{after}")), Some(key.clone()), "{before}{after}");
        }
    }
    let key = issue([3; RANDOM_BYTES]).to_string();
    for before in ["Your license key is ", "Lizenzschl\u{FC}ssel ", "> ", "Key 1 of 2 "] {
        assert_eq!(read(&format!("{before}{key}")), Some(key.clone()), "{before}");
    }
}

#[test]
fn lookalikes_fold_in_the_code_only() {
    let good = issue([0; RANDOM_BYTES]).to_string();
    assert!(good[7..].contains('0'));
    let typed = good.replace('-', "\u{2013}").replacen('0', "\u{200B}o\u{A0}", 3).to_lowercase();
    assert_eq!(read(&typed), Some(good.clone()));
    assert_eq!(read(&good.replacen("PRO", "PR0", 1)), None);
    let with_one = "ABC-1O0-XYZ";
    assert_ne!(read(with_one), read("ABC-IO0-XYZ"), "a key without a tag has no letter for a digit");
}

#[test]
fn bounds_length_before_and_after() {
    let good = issue([1; RANDOM_BYTES]).to_string();
    let padded = format!("{good}{}", " ".repeat(MAX_TYPED_BYTES - good.len()));
    assert!(ring().authenticate(&padded).is_ok());
    assert!(ring().authenticate(&format!("{padded} ")).is_err());
    assert!(ring().authenticate(&format!("{} {good}", "x".repeat(MAX_KEY_BYTES - good.len() - 1))).is_ok());
    assert!(ring().authenticate(&format!("{} {good}", "x".repeat(MAX_KEY_BYTES - good.len()))).is_err());
}

#[test]
fn imported_keys_need_the_ring() {
    for typed in
        [" abc-123-xyz ", "ABC 123 XYZ", "abc.123_xyz", "ABC123XYZ", "\u{FF41}bc\u{2013}123-xyz\u{200B}."]
    {
        let authentic = ring().authenticate(typed).unwrap();
        assert_eq!(
            (authentic.generation.get(), authentic.key.canonical().as_str()),
            (3, "ABC123XYZ"),
            "{typed}"
        );
        assert!(ring_without_imports().authenticate(typed).is_err(), "{typed}");
    }
    for typed in ["", "ABCDE", "AB-CDE", "\u{C4}BC-123-XYZ", "***", &"A".repeat(65)] {
        assert!(ring().authenticate(typed).is_err(), "{typed}");
    }
    for typed in ["QF-PRO-1000G-40R40-M30E2-09845-TBT5P-0N698", "QF-PRO-b4243599e011bd9f-1788049461"] {
        assert!(ring().authenticate(typed).is_err(), "the form of a key that the ring has not made: {typed}");
    }
}

#[test]
fn accepts_keys_of_other_systems() {
    for key in [
        "550e8400-e29b-41d4-a716-446655440000",
        "38B1460A-5104-4067-A91D-77B872934D51",
        "POLAR-2CA57E34-E191-4290-A394-0123456789AB",
        "A3F9C1-0B2D4E-77AA01-9C8B7A-112233-V3",
        "AB12CD-EF34GH-IJ56KL-MN78OP-QR90ST-UV12WX",
        "AB12-CD34-EF56-GH78-IJ90-KL12-MN34",
        "QF-AB12-CD34-EF56-GH78",
        "QF-AB12CD-EF34GH-JK56KM-MN78PQ-QR90ST",
        "85DB562A-C11D4B06-A2335A6B-8C079166",
        "5d41402abc4b2a76b9719d911017c592",
        "V1StGXR8_Z5jdHi6B-myT",
        "SOME-OLD-KEY",
        "12345678901234567890",
    ] {
        let origin = ring().origin(key);
        let Origin::Foreign(Some(kept)) = origin else { panic!("{key}: {origin:?}") };
        let groups = key.to_uppercase().replace('_', "-");
        assert_eq!(kept.to_string(), groups, "{key}");
        for typed in [key.to_lowercase(), key.replace('-', ""), key.replace('-', " ")] {
            let authentic = ring().authenticate(&typed).unwrap();
            assert_eq!(authentic.license_id, ring().authenticate(key).unwrap().license_id, "{typed}");
        }
    }
    assert!(matches!(ring().origin("M\u{DC}LLER-2024"), Origin::Foreign(None)));
    assert!(matches!(ring().origin(&"x".repeat(5_000)), Origin::Foreign(None)));
}

#[test]
fn mistyped_key_is_not_foreign() {
    let is_mistyped = |typed: &str| matches!(ring().origin(typed), Origin::Mistyped);
    for key in [of_tier("ACME9", "PRO_2", [7; RANDOM_BYTES]).to_string(), legacy("PRO").to_string()] {
        assert!(matches!(ring().origin(&key.to_lowercase()), Origin::Signed(_)));
        let is_same = |typed: &str| read(typed).as_ref() == Some(&key);
        for place in 0..key.len() {
            let (before, after) = key.split_at(place);
            let (here, rest) = after.split_at(1);
            if here == "-" {
                continue;
            }
            let other = if here == "7" { "8" } else { "7" };
            let mut slips = vec![
                format!("{before}{rest}"),
                format!("{before}{other}{rest}"),
                format!("{before}{here}{here}{rest}"),
            ];
            if let Some(next) = rest.chars().next().filter(|next| *next != '-') {
                slips.push(format!("{before}{next}{here}{}", &rest[1..]));
            }
            for slip in slips.into_iter().filter(|slip| !is_same(slip)) {
                assert!(is_mistyped(&slip), "{slip} for {key}");
            }
        }
    }
    assert!(is_mistyped("QF-PRO-1000G-40R40-M30E2-09845-TBT5P-0N698"), "has the form and no tag");
    assert!(is_mistyped("QF-PRO-0011223344556677-1700000000"), "has the form and no signature");
    let short = issue([5; RANDOM_BYTES]).to_string().replacen("QF-", "Q-", 1);
    assert!(is_mistyped(&short), "a product of one letter: {short}");
}

#[test]
fn tiers_are_read_out_and_split_in_any_way() {
    let product = Product::parse("QF").unwrap();
    let readings = |head: &str, key: &CurrentKey| -> Vec<String> {
        let key = key.to_string();
        let typed = format!("{head}-{}", &key[key.len() - 35..]);
        LicenseKey::readings(&typed, &product).iter().map(LicenseKey::to_string).collect()
    };
    let plain = issue([5; RANDOM_BYTES]);
    assert_eq!(readings("QF-P-R-O", &plain)[0], plain.to_string(), "letter by letter");
    let underscored = of_tier("QF", "PROPLUS_2", [5; RANDOM_BYTES]);
    assert!(readings("QF-PRO-PLUS_2", &underscored).contains(&underscored.to_string()));
}

#[test]
fn imported_keys_are_equal_by_their_letters() {
    let of = |text: &str| ImportedKey::of(&fold::fold(text).unwrap()).unwrap();
    assert!(of("ABC-123-XYZ") == of("abc123xyz"));
    assert!(of("ABC-123-XYZ") != of("ABC-123-XYY"));
}

/// A key of a generation that the ring lacks, typed without hyphens, reads as a key of another system.
#[test]
fn a_newer_ring_may_know_an_imported_key() {
    let newer = KeyRing::parse(r#"{"current":"9","9":"99999999999999999999999999999999"}"#).unwrap();
    let (product, tier) = (Product::parse("QF").unwrap(), PrintedTier::parse("PRO").unwrap());
    let key = CurrentKey::issue(newer.current(), product, tier, [5; RANDOM_BYTES]).to_string();
    for (typed, expected) in [(key.replace('-', ""), true), ("ABC-123-XYZ-456".to_owned(), false)] {
        let Ok(authentic) = ring().authenticate(&typed) else { panic!("{typed} reads as an imported key") };
        assert!(matches!(authentic.key, LicenseKey::Imported(_)), "{typed}");
        assert_eq!(ring().may_need_newer(&typed, &authentic), expected, "{typed}");
    }
    let own = issue([5; RANDOM_BYTES]).to_string();
    let Ok(authentic) = ring().authenticate(&own) else { panic!("a key of this ring") };
    assert!(!ring().may_need_newer(&own, &authentic));
}

#[test]
fn readings_start_with_the_right_key() {
    let product = Product::parse("QF").unwrap();
    let readings = |typed: &str| -> Vec<String> {
        LicenseKey::readings(typed, &product).iter().map(LicenseKey::to_string).collect()
    };
    for key in [issue([5; RANDOM_BYTES]).to_string(), legacy("LIFETIME").to_string()] {
        assert_eq!(readings(&key), std::slice::from_ref(&key));
        for typed in [key.replace('-', ""), key.replace('-', " ").to_lowercase(), format!("Key {key}")] {
            assert_eq!(readings(&typed)[0], key, "{typed}");
        }
    }
    // An imported key beside the right one would be sent if the server refused that, and be keyed by another text.
    let joined = issue([5; RANDOM_BYTES]).to_string().replace('-', "");
    assert!(LicenseKey::readings(&joined, &product).iter().all(|key| matches!(key, LicenseKey::Current(_))));
    let underscored = of_tier("QF", "PRO_2", [5; RANDOM_BYTES]).to_string();
    assert_eq!(readings(&underscored.replace(['-', '_'], " "))[0], underscored);
    assert!(readings(&underscored.replace('-', "")).contains(&underscored));
    assert_eq!(readings("abc 123 xyz"), ["ABC-123-XYZ"]);
    let foreign = "QF-AB12CD-EF34GH-JK56KM-MN78PQ-QR90ST";
    assert_eq!(readings(foreign).last().map(String::as_str), Some(foreign));
    assert!(readings(foreign).len() <= LicenseKey::MAX_TRIES);
    // Eight readings of a tier without its underscore would leave no room for the other system's key.
    let crowded = "QFABCDEFGH-AB12CD-EF34GH-JK56KM-MN78PQ-QR90ST";
    assert_eq!(readings(crowded).len(), LicenseKey::MAX_TRIES);
    assert_eq!(readings(crowded).last().map(String::as_str), Some(crowded));
    let copied = format!("Key {}", legacy("LIFETIME"));
    let copied = LicenseKey::readings(&copied, &product);
    assert!(!copied.iter().any(|key| matches!(key, LicenseKey::Imported(_))), "{copied:?}");
    assert_eq!(readings("no"), Vec::<String>::new());
}

/// A tier that has lost its underscore and has nothing in its place: what the server reads, an application asks about.
#[test]
fn readings_restore_a_lost_underscore() {
    let product = Product::parse("QF").unwrap();
    for tier in
        ["PRO_2", "P_R", "A_LIFETIM", "PRO_PLUS", "LIFETIM_2", "ALL_ACCESS", "STANDARD_EU", "ENTERPRISE_YEAR"]
    {
        let key = of_tier("QF", tier, [7; RANDOM_BYTES]).to_string();
        let code = &key[key.len() - 35..];
        let tier = tier.replace('_', "");
        for typed in [
            format!("QF{tier}{code}").replace('-', ""),
            format!("qf {tier} {code}").replace('-', " "),
            format!("QF{tier}-{code}"),
            format!("License key: QF.{tier}.{code}"),
        ] {
            // A text in the very form of a key is another key, to the server as well.
            let Some(expected) = read(&typed) else { continue };
            assert_eq!(expected, key, "{typed}");
            let readings = LicenseKey::readings(&typed, &product);
            assert!(readings.iter().any(|reading| reading.to_string() == key), "{typed}: {readings:?}");
            assert!(readings.len() <= LicenseKey::MAX_TRIES);
        }
    }
}

/// The most readings a text can have, so that SECURITY.md's arithmetic is that of the code.
#[test]
fn any_key_has_a_reading_and_prose_has_none() {
    let signed = of_tier("QF", "PRO", [7; RANDOM_BYTES]).to_string();
    let legacy = legacy("PRO").to_string();
    for text in [signed.as_str(), &signed.replace('-', ""), &legacy, &legacy.replace('-', " "), "ABC-123-XYZ"]
    {
        assert!(LicenseKey::has_reading(text), "{text}");
    }
    for text in ["", " ", "-", "\u{200B}"] {
        assert!(!LicenseKey::has_reading(text), "{text:?}");
    }
    // Too long for a key of another system.
    let sentence = "Thank you for your order. The license key of this installation and of no other one is";
    assert!(!LicenseKey::has_reading(sentence));
    for key in [signed, legacy] {
        assert!(LicenseKey::has_reading(&format!("{sentence} {key}")), "{key}");
    }
}

#[test]
fn readings_are_bounded() {
    let code = &issue([5; RANDOM_BYTES]).to_string()[7..];
    let most = |head: &str| loose::current(&format!("{head}-{code}")).len();
    assert_eq!(most("QFPRO"), 3);
    assert!(most("ABCDEFGHIJKLMNOPQ") <= 7);
    assert!(most(&"A-".repeat(24)) <= MAX_READINGS);
    assert!(most(&"AB_C-".repeat(12)) <= MAX_READINGS);
}

#[test]
fn debug_is_masked_and_display_is_not() {
    let key = LicenseKey::Current(issue([9; RANDOM_BYTES]));
    let (shown, canonical) = (format!("{key:?}"), key.to_string());
    assert!(shown.starts_with("LicenseKey(QF-PRO-…-") && !shown.contains(&canonical[7..20]), "{shown}");
    assert_eq!(LicenseKey::parse("ABC-123-XYZ").unwrap().masked(), "…YZ");
}

#[test]
fn legacy_keys_differ_by_valid_second() {
    let ring = ring();
    let at = |seconds| LegacyKey::issue(ring.legacy().unwrap(), PrintedTier::parse("PRO").unwrap(), seconds);
    assert_ne!(at(1_788_049_460).unwrap().to_string(), at(1_788_049_461).unwrap().to_string());
    for seconds in [-1, 0, 99_999_999, 100_000_000_000] {
        assert!(at(seconds).is_none(), "{seconds}");
    }
}

#[test]
fn products_and_tiers_are_their_text() {
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
fn masks_each_form() {
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
fn imported_key_length_is_6_to_64() {
    for (count, expected) in [(5, false), (6, true), (64, true), (65, false)] {
        assert_eq!(ImportedKey::of(&"A".repeat(count)).is_some(), expected, "{count}");
    }
    assert!(ImportedKey::of("A-B-C-D-E").is_none(), "hyphens do not count");
}

/// A text that a person cannot tell from `canonical`, or would type in its place.
fn spelled(canonical: &str, choices: &[u8], separator: &str, around: (&str, &str)) -> String {
    let code_at = canonical.match_indices('-').nth(1).map_or(0, |(place, _)| place);
    // Crockford's substitutions are for signed keys alone; an imported key may have their shape by chance.
    let is_current = matches!(LicenseKey::parse(canonical), Some(LicenseKey::Current(_)));
    let mut typed = String::from(around.0);
    for (place, c) in canonical.char_indices() {
        let choice = choices[place % choices.len()];
        match c {
            '-' => typed.push_str(separator),
            '0' if is_current && place > code_at && choice & 1 == 1 => typed.push('o'),
            '1' if is_current && place > code_at && choice & 1 == 1 => typed.push('l'),
            'I' if choice & 0b110 == 0b010 => typed.push('\u{131}'),
            c if choice & 0b110 == 0b100 => typed.push(char::from_u32(u32::from(c) + 0xFEE0).unwrap()),
            c if choice & 0b110 == 0b110 => typed.extend(c.to_lowercase()),
            c => typed.push(c),
        }
        if choice & 0b1_1000 == 0b1_1000 {
            typed.push(['\u{200B}', '\u{2066}', '\u{AD}', '\u{FE0F}'][usize::from(choice >> 6)]);
        }
    }
    typed + around.1
}

fn issued() -> impl Strategy<Value = String> {
    let current = ("[A-Z0-9]{2,8}", "[A-Z0-9]{1,7}(_[A-Z0-9]{1,8})?", any::<[u8; RANDOM_BYTES]>())
        .prop_map(|(product, tier, random)| of_tier(&product, &tier, random).to_string());
    let legacy = ("[A-Z0-9]{1,8}", 1_000_000_000_i64..10_000_000_000).prop_map(|(tier, seconds)| {
        let tier = PrintedTier::parse(&tier).unwrap();
        LegacyKey::issue(ring().legacy().unwrap(), tier, seconds).unwrap().to_string()
    });
    prop_oneof![3 => current, 1 => legacy]
}

proptest! {
    #[test]
    fn reading_any_text_never_panics(text in ".{0,160}") {
        let _ = ring().authenticate(&text);
    }

    #[test]
    fn any_spelling_reads_as_the_key(
        key in issued(),
        choices in proptest::collection::vec(any::<u8>(), 1..60),
        separator in proptest::sample::select(vec!["", " ", "-", ".", "/", "_", "\n", "\u{2013}", "\u{30FC}", "\u{2011}\u{200B}", " - "]),
        around in proptest::sample::select(vec![("", ""), ("\"", "\""), ("\u{201E}", "\u{201C}"), ("Key: ", "."), ("(", "),"), ("`", "`\n"), ("\u{202B}", "\u{202C}")]),
    ) {
        let typed = spelled(&key, &choices, separator, around);
        prop_assert_eq!(read(&typed), Some(key.clone()), "{:?}", typed);
        prop_assert_eq!(fold(&key).map(|key| key.to_uppercase()), Some(key.to_uppercase()), "the identity on what is printed");
    }

    #[test]
    fn any_spelling_reads_as_imported_key(
        key in "[A-Z0-9]{3,8}(-[A-Z0-9]{3,8}){1,5}",
        choices in proptest::collection::vec(any::<u8>(), 1..60),
        separator in proptest::sample::select(vec!["", " ", "-", ".", "_", "\n", "\u{2013}"]),
    ) {
        let Origin::Foreign(Some(kept)) = ring().origin(&key) else { return Ok(()) };
        prop_assert_eq!(kept.to_string(), key.clone(), "the identity on what is kept");
        let typed = ring().authenticate(&spelled(&key, &choices, separator, ("\"", "\""))).unwrap();
        prop_assert_eq!(&typed.key, &kept);
        prop_assert_eq!(&typed.license_id, &ring().authenticate(&key).unwrap().license_id);
    }

    /// Two keys that fold to one would be one license.
    #[test]
    fn no_two_keys_are_read_as_one(one in issued(), other in issued(), kept in "[A-Z0-9]{3,8}(-[A-Z0-9]{3,8}){1,5}") {
        prop_assume!(one != other);
        prop_assert_ne!(fold(&one), fold(&other));
        prop_assert_ne!(read(&one), read(&other));
        if let Origin::Foreign(Some(kept)) = ring().origin(&kept) {
            prop_assert_ne!(read(&one), Some(kept.to_string()));
        }
    }

    /// Application and server read a text as the same key, or the server refuses it.
    #[test]
    fn client_and_server_read_alike(
        key in issued(),
        choices in proptest::collection::vec(any::<u8>(), 1..60),
        separator in proptest::sample::select(vec!["", " ", "-", ".", "_"]),
    ) {
        let product = LicenseKey::parse(&key).unwrap().product().unwrap().clone();
        let sent = LicenseKey::readings(&spelled(&key, &choices, separator, ("", "")), &product);
        let first_yes = sent.iter().find_map(|sent| Some((sent, ring().authenticate(&sent.to_string()).ok()?)));
        let (sent, read) = first_yes.expect("one of them is the key");
        prop_assert_eq!(read.key.to_string(), key);
        prop_assert_eq!(read.key.canonical(), sent.canonical());
    }

    #[test]
    fn issued_key_is_authentic(random in any::<[u8; RANDOM_BYTES]>()) {
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
        prop_assert!(ring_without_imports().authenticate(&changed).is_err());
    }
}
