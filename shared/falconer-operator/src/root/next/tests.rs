use falconer_domain::statement::RootKey;
use serde_json::{Value, json};

use super::*;
use crate::root::tests::{NOW, kids, ring, root};

fn order(distrust: &[u8]) -> StatementOrder<'_> {
    StatementOrder {
        root: root(1).public(),
        noted: None,
        distrust,
        issuer: None,
        other_author: OtherAuthor::Refuse,
        late_serial: LateSerial::Refuse,
    }
}

fn next(ring: &KeyRing, order: &StatementOrder<'_>) -> KeyStatement {
    next_statement(ring, order, NOW).unwrap().statement
}

fn refusal(ring: &KeyRing, order: &StatementOrder<'_>) -> SignRefusal {
    next_statement(ring, order, NOW).expect_err("a refusal")
}

fn holding(statement: &KeyStatement, by: &RootKey) -> Value {
    json!({ "x-statement": statement.sign(by) })
}

#[test]
fn next_statement_names_each_key_once() {
    let first = next(&ring(2, &json!({})), &order(&[]));
    assert_eq!((kids(&first), first.serial), (("123".into(), String::new()), NOW.0));
    assert_eq!(first.iss, DEFAULT_ISSUER);
    let noted = json!({ "x-distrusted": "1" });
    let issued = StatementOrder { issuer: Some("b"), noted: Some(NOW.0 + 9), ..order(&[3]) };
    let second = next(&ring(2, &noted), &issued);
    assert_eq!((kids(&second), second.serial), (("2".into(), "13".into()), NOW.0 + 10));
    // Whatever was distrusted stays so, and the serial is above the ring's own.
    let stored = holding(&second, &root(1));
    let third = next(&ring(2, &stored), &order(&[]));
    assert_eq!((kids(&third), third.serial), (("2".into(), "13".into()), NOW.0 + 11));
    assert_eq!(third.iss, "b");
}

#[test]
fn statement_never_distrusts_the_signer() {
    let number = |number| GenerationNumber::new(number).unwrap();
    assert_eq!(refusal(&ring(2, &json!({})), &order(&[2])), SignRefusal::Current(number(2)));
    assert_eq!(refusal(&ring(2, &json!({})), &order(&[32])), SignRefusal::NoSuchGeneration(32));
    let distrusted = next(&ring(2, &json!({})), &order(&[3]));
    let stored = holding(&distrusted, &root(1));
    assert_eq!(refusal(&ring(3, &stored), &order(&[])), SignRefusal::DistrustedSigns(number(3)));
}

/// An attacker who can write the ring plants a serial, an issuer and good generations as distrusted.
#[test]
fn planted_statement_has_no_effect() {
    let genuine = next(&ring(2, &json!({})), &order(&[1]));
    let planted = KeyStatement {
        iss: "attacker".to_owned(),
        serial: LATEST_END.0 - 1,
        keys: BTreeMap::new(),
        distrusted: ["2", "3", "9"].map(str::to_owned).into(),
        ..genuine.clone()
    };
    let by_another = holding(&planted, &root(2));
    let mut edited = genuine.sign(&root(1));
    edited.replace_range(edited.len() - 4.., "AAAA");
    for stored in [by_another, json!({ "x-statement": edited })] {
        let ring = ring(2, &stored);
        assert_eq!(refusal(&ring, &order(&[])), SignRefusal::OtherAuthor);
        let ignoring = StatementOrder { other_author: OtherAuthor::Ignore, ..order(&[1]) };
        let next = next_statement(&ring, &ignoring, NOW).unwrap();
        assert_eq!((next.before, next.author), (None, Author::AnotherRoot));
        assert_eq!(kids(&next.statement), ("23".into(), "1".into()));
        assert_eq!((next.statement.iss.as_str(), next.statement.serial), (DEFAULT_ISSUER, NOW.0));
    }
}

#[test]
fn serial_far_beyond_now_is_refused() {
    let limit = NOW.0 + MAX_SERIAL_AHEAD_DAYS * MILLIS_PER_DAY;
    let noted = |noted| StatementOrder { noted: Some(noted), ..order(&[]) };
    let despite =
        |noted| StatementOrder { noted: Some(noted), late_serial: LateSerial::Continue, ..order(&[]) };
    let bare = ring(2, &json!({}));
    assert_eq!(next(&bare, &noted(limit - 1)).serial, limit);
    assert_eq!(next(&bare, &noted(0)).serial, NOW.0);
    assert_eq!(next(&bare, &noted(i64::MIN)).serial, NOW.0);
    let said = refusal(&bare, &noted(limit)).to_string();
    assert!(said.starts_with("the root's file has the serial of 2027-02-14"), "{said}");
    assert!(said.contains("30 days after this machine's clock"), "{said}");
    assert_eq!(next(&bare, &despite(limit)).serial, limit + 1);
    for serial in [LATEST_END.0, i64::MAX] {
        let beyond = SignRefusal::SerialBeyondCalendar(SerialSource::RootFile);
        assert_eq!(refusal(&bare, &noted(serial)), beyond);
        assert_eq!(refusal(&bare, &despite(serial)), beyond, "no word makes room above it");
    }
    // This root's own statement, signed while a clock was wrong.
    let signed = KeyStatement { serial: limit, ..next(&bare, &order(&[])) };
    let stored = ring(2, &holding(&signed, &root(1)));
    let said = refusal(&stored, &order(&[])).to_string();
    assert!(said.starts_with("the statement in the key ring, which this root has signed, has"), "{said}");
    assert_eq!(next(&stored, &despite(0)).serial, limit + 1);
}

#[test]
fn plan_tells_new_from_known_generations() {
    let first = next(&ring(2, &json!({})), &order(&[1]));
    let mut known = first.clone();
    known.keys.remove("3");
    known.keys.insert("2".to_owned(), root(9).public().x());
    let stored = ring(2, &holding(&known, &root(1)));
    let lost = StatementOrder { noted: Some(NOW.0 + 5), ..order(&[7]) };
    let next = next_statement(&stored, &lost, NOW).unwrap();
    assert_eq!((next.new_keys(), next.replaced_keys()), (vec!["3"], vec!["2"]));
    assert_eq!(next.newly_distrusted(), ["7"]);
    assert_eq!(next.lost_serial, Some(NOW.0 + 5), "the file knows a statement that the ring has lost");
    let same = StatementOrder { noted: Some(known.serial), ..order(&[]) };
    assert_eq!(next_statement(&stored, &same, NOW).unwrap().lost_serial, None);
}
