use super::*;
use crate::statement::{RootKey, SEED_BYTES};
use crate::time::UnixMillis;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn refusal(text: &str) -> String {
    KeyRing::parse(text).expect_err(text).to_string()
}

#[test]
fn a_ring_of_every_role_parses() {
    let ring = KeyRing::parse(&format!(
        r#"{{"current":"2","legacy":"1","imported":"31","1":"s1master","2":"{A}","31":"{B}","x-note":"kept in the safe"}}"#
    ))
    .unwrap();
    assert_eq!(ring.current().number().get(), 2);
    assert_eq!(ring.legacy().unwrap().number().get(), 1);
    assert_eq!(ring.imported().unwrap().number().get(), 31);
    assert_eq!(ring.signing().map(|g| g.number().get()).collect::<Vec<_>>(), [2]);
}

#[test]
fn each_rule_has_its_own_sentence() {
    for (text, expected) in [
        ("", "flat JSON object"),
        ("[]", "flat JSON object"),
        (r#"{"current":1}"#, "flat JSON object"),
        (r#"{"current":{"a":"b"}}"#, "flat JSON object"),
        ("{}", "no \"current\""),
        (&format!(r#"{{"1":"{A}"}}"#), "no \"current\""),
        (&format!(r#"{{"current":"2","1":"{A}"}}"#), "\"current\" names a generation it does not hold"),
        (&format!(r#"{{"current":"1","legacy":"2","1":"{A}"}}"#), "\"legacy\" names a generation"),
        (&format!(r#"{{"current":"1","legacy":"1","1":"{A}"}}"#), "\"current\" and \"legacy\""),
        (&format!(r#"{{"current":"1","imported":"1","1":"{A}"}}"#), "\"current\" and \"imported\""),
        (
            &format!(r#"{{"current":"1","legacy":"2","imported":"2","1":"{A}","2":"{B}"}}"#),
            "\"legacy\" and \"imported\"",
        ),
        (&format!(r#"{{"current":"1","1":"{A}","1":"{B}"}}"#), "names \"1\" twice"),
        (&format!(r#"{{"current":"1","current":"1","1":"{A}"}}"#), "names \"current\" twice"),
        (&format!(r#"{{"current":"1","1":"{A}","32":"{B}"}}"#), "member \"32\""),
        (&format!(r#"{{"current":"1","1":"{A}","01":"{B}"}}"#), "member \"01\""),
        (&format!(r#"{{"current":"1","1":"{A}","+2":"{B}"}}"#), "member \"+2\""),
        (&format!(r#"{{"current":"1","1":"{A}","note":"x"}}"#), "member \"note\""),
        (r#"{"current":"1","1":"short"}"#, "generation 1 of the key ring is shorter than 32"),
        (
            &format!(r#"{{"current":"1","1":"{A}","legacy":"2","2":"seven77"}}"#),
            "generation 2 of the key ring is shorter than 8",
        ),
    ] {
        let said = refusal(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn master_as_name_is_not_printed() {
    let said = refusal(&format!(r#"{{"current":"1","1":"{A}","{B}":"1"}}"#));
    assert!(!said.contains(B), "{said}");
}

#[test]
fn errors_and_debug_hide_values() {
    let ring = KeyRing::parse(&format!(r#"{{"current":"1","1":"{A}"}}"#)).unwrap();
    assert!(!format!("{ring:?}").contains(A));
    for text in
        [format!(r#"{{"current":"{A}","1":"{B}"}}"#), format!(r#"{{"current":"1","1":"{A}","1":"{B}"}}"#)]
    {
        let said = refusal(&text);
        assert!(!said.contains(A) && !said.contains(B), "{said}");
    }
}

#[test]
fn burned_master_is_known_by_hash() {
    // The published text never enters the tree, so this test hashes another one.
    let ring = KeyRing::parse(&format!(r#"{{"current":"1","1":"{A}"}}"#)).unwrap();
    let refused = ring.check_masters(&Sha256::digest(A.as_bytes()).into());
    assert_eq!(refused, Err(KeyRingError::BurnedMaster(GenerationNumber::new(1).unwrap())));
    assert_eq!(ring.check_masters(&BURNED_MASTER_SHA256), Ok(()));
}

#[test]
fn generations_run_from_1_to_31() {
    for number in 1..=31_u8 {
        let generation = GenerationNumber::new(number).unwrap();
        assert_eq!((generation.get(), generation.to_string()), (number, number.to_string()));
        assert_eq!(GenerationNumber::parse(&number.to_string()), Some(generation));
    }
    for text in ["0", "32", "256", "-1", "+1", "01", "", "1 "] {
        assert_eq!(GenerationNumber::parse(text), None, "{text}");
    }
}

#[test]
fn knows_which_generations_sign() {
    let ring = KeyRing::parse(&format!(
        r#"{{"current":"2","legacy":"1","imported":"31","1":"s1master","2":"{A}","3":"{B}","31":"{B}"}}"#
    ))
    .unwrap();
    let numbers = ring.numbers().map(GenerationNumber::get);
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3, 31]);
    let signs = |number| ring.signs(GenerationNumber::new(number).unwrap());
    assert_eq!([1, 2, 3, 4, 31].map(signs), [false, true, true, false, false]);
    let three = ring.generation(GenerationNumber::new(3).unwrap()).unwrap();
    assert_eq!(format!("{three:?}"), "Generation(3)");
    assert_eq!(&three.signing_key().to_bytes(), &**three.subkey(Purpose::LeaseSigning));
    assert!(ring.generation(GenerationNumber::new(4).unwrap()).is_none());
}

#[test]
fn subkeys_differ_by_purpose() {
    let ring = KeyRing::parse(&format!(r#"{{"current":"1","1":"{A}"}}"#)).unwrap();
    let subkeys: std::collections::BTreeSet<_> =
        Purpose::ALL.iter().map(|purpose| **ring.current().subkey(*purpose)).collect();
    assert_eq!(subkeys.len(), Purpose::ALL.len());
}

#[test]
fn member_name_is_cut_after_12_chars() {
    for (name, expected) in [("abcdefghijkl", "\"abcdefghijkl\""), ("abcdefghijklm", "\"abcdefghijkl…\"")] {
        let said = refusal(&format!(r#"{{"current":"1","1":"{A}","{name}":"1"}}"#));
        assert!(said.contains(expected), "{said}");
    }
}

/// A ring whose `x-distrusted` is this JSON: generations 1, 2 and 4 of Falconer's form, 3 current, 30 legacy, 31
/// imported.
fn distrusting(member: &str) -> KeyRing {
    let masters =
        ["1", "2", "3", "4", "30", "31"].map(|number| format!(r#""{number}":"{A}{number}""#)).join(",");
    let text =
        format!(r#"{{"current":"3","legacy":"30","imported":"31",{masters},"x-distrusted":{member}}}"#);
    KeyRing::parse(&text).expect(&text)
}

fn numbers(numbers: impl Iterator<Item = GenerationNumber>) -> Vec<u8> {
    numbers.map(GenerationNumber::get).collect()
}

#[test]
fn reads_each_distrust_entry_alone() {
    for (member, signing, reads) in [
        (r#""""#, vec![1, 2, 3, 4], true),
        (r#""1""#, vec![2, 3, 4], true),
        (r#""1,2""#, vec![3, 4], true),
        (r#"" 2 ,1,""#, vec![3, 4], true),
        (r#""1,1,1""#, vec![2, 3, 4], true),
        (r#""4""#, vec![1, 2, 3], true),
        // A generation that is not there, or that never signs, is nobody's loss.
        (r#""9""#, vec![1, 2, 3, 4], true),
        (r#""30,31""#, vec![1, 2, 3, 4], true),
        // Without a generation that signs, nobody would be served.
        (r#""3""#, vec![1, 2, 3, 4], true),
        (r#""1,2,3,4""#, vec![3], true),
        // What does not read takes nothing along, neither the ring nor the entries beside it.
        (r#""1,two""#, vec![2, 3, 4], false),
        (r#""1;2""#, vec![1, 2, 3, 4], false),
        (r#""01,+2,-1,32,0,999999999999999999999""#, vec![1, 2, 3, 4], false),
        (r#""\u0000\ud83d\ude00,2""#, vec![1, 3, 4], false),
        ("1", vec![1, 2, 3, 4], false),
        ("null", vec![1, 2, 3, 4], false),
        (r#"["1","2"]"#, vec![1, 2, 3, 4], false),
        (r#"{"1":true}"#, vec![1, 2, 3, 4], false),
        (r#""1","x-distrusted":"2""#, vec![3, 4], true),
        (r#""1","x-distrusted":7"#, vec![2, 3, 4], false),
    ] {
        let ring = distrusting(member);
        assert_eq!(numbers(ring.signing().map(Generation::number)), signing, "{member}");
        assert_eq!(!ring.has_unreadable_distrust(), reads, "{member}");
        assert_eq!(ring.current().number().get(), 3, "{member}");
        // A customer's key does not depend on who signs.
        assert_eq!(numbers(ring.vouching().map(Generation::number)), [1, 2, 3, 4], "{member}");
        assert_eq!(ring.jwks().keys.iter().map(|key| key.kid.parse().unwrap()).collect::<Vec<u8>>(), signing);
    }
}

#[test]
fn distrusted_current_still_signs() {
    let ring = distrusting(r#""3,1""#);
    let of = |number| {
        let number = GenerationNumber::new(number).unwrap();
        (ring.distrusts_by_name(number), ring.is_distrusted(number), ring.signs(number))
    };
    assert_eq!(
        [1, 2, 3, 9].map(of),
        [(true, true, false), (false, false, true), (true, false, true), (false, false, false)]
    );
}

/// A key statement of a root that nobody pins, with this serial.
fn statement(serial: i64) -> String {
    let root = RootKey::from_seed(&zeroize::Zeroizing::new([7; SEED_BYTES]));
    let none = KeyStatement::new("falconer", BTreeMap::new(), BTreeSet::new(), UnixMillis(serial), None);
    none.sign(&root)
}

#[test]
fn damaged_statement_never_costs_the_ring() {
    let (one, two) = (statement(1), statement(2));
    for (member, expected, is_unreadable) in [
        (format!("{one:?}"), Some(&one), false),
        (format!("{one:?},\"x-statement\":{two:?}"), Some(&two), false),
        (format!("{two:?},\"x-statement\":{one:?}"), Some(&two), false),
        (format!("{one:?},\"x-statement\":7"), Some(&one), true),
        (format!("{:?}", &one[1..]), None, true),
        (r#""""#.to_owned(), None, true),
        (r#""a.b.c""#.to_owned(), None, true),
        ("null".to_owned(), None, true),
        ("[1]".to_owned(), None, true),
    ] {
        let text = format!(r#"{{"current":"1","1":"{A}","x-statement":{member}}}"#);
        let ring = KeyRing::parse(&text).unwrap();
        assert_eq!(ring.statement(), expected.map(String::as_str), "{member}");
        assert_eq!(ring.has_unreadable_statement(), is_unreadable, "{member}");
        let published = serde_json::to_value(ring.jwks()).unwrap();
        assert_eq!(published.get("statement").and_then(|jws| jws.as_str()), ring.statement());
        assert_eq!(published["keys"][0]["kid"], "1", "{member}");
    }
    let none = KeyRing::parse(&format!(r#"{{"current":"1","1":"{A}"}}"#)).unwrap();
    assert!(!none.has_unreadable_statement());
    assert!(!serde_json::to_string(none.jwks()).unwrap().contains("statement"), "as before");
}

#[test]
fn notes_are_free_and_roles_are_texts() {
    for note in ["1", "null", "[]", "{}", "\"text\""] {
        let text = format!(r#"{{"current":"1","1":"{A}","x-note":{note}}}"#);
        assert!(KeyRing::parse(&text).is_ok(), "{text}");
    }
    for member in [r#""current":1"#, r#""current":"1","2":7"#, r#""current":"1","legacy":null"#] {
        let said = refusal(&format!(r#"{{{member},"1":"{A}"}}"#));
        assert!(said.contains("flat JSON object of strings"), "{member}: {said}");
    }
}
