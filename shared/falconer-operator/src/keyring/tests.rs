use falconer_domain::statement::{KeyStatement, RootKey};
use secrecy::ExposeSecret;

use super::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const LATER: UnixMillis = UnixMillis(NOW.0 + PROMOTE_AFTER_MILLIS);

fn draft(text: &SecretString) -> Draft {
    Draft::open(text.expose_secret()).unwrap()
}

#[test]
fn former_keys_outlive_their_generation() {
    let ring = Draft::first(A, NOW);
    let (_, ring) = draft(&ring).add(&A.replace('a', "b"), NOW).unwrap();
    let (_, ring) = draft(&ring).add(&A.replace('a', "c"), NOW).unwrap();
    let (_, ring) = draft(&ring).promote_now().unwrap();
    let x = |number| {
        let ring = KeyRing::parse(ring.expose_secret()).unwrap();
        ring.jwks().keys.iter().find(|key| key.kid == number).unwrap().x.clone()
    };
    let (one, two) = (x("1"), x("2"));
    assert_eq!(draft(&ring).former_keys(), BTreeMap::new());
    let (_, distrusted) = draft(&ring).distrust(1).unwrap();
    let former = BTreeMap::from([("1".to_owned(), one)]);
    assert_eq!(draft(&distrusted).former_keys(), former);
    let (_, retired) = draft(&distrusted).retire(GenerationNumber::new(1).unwrap(), NOW).unwrap();
    assert_eq!(draft(&retired).former_keys(), former, "its master is gone, and not its public half");
    let (_, both) = draft(&retired).retire(GenerationNumber::new(2).unwrap(), NOW).unwrap();
    assert_eq!(draft(&both).former_keys().get("2"), Some(&two), "without a distrust too");
    // What signs nothing has no leases, and a note that a hand has changed is no key.
    let (legacy, held) = draft(&both).add_legacy(&A.replace('a', "d"), NOW).unwrap();
    let (_, gone) = draft(&held).retire(legacy, NOW).unwrap();
    assert_eq!(draft(&gone).former_keys().keys().collect::<Vec<_>>(), ["1", "2"]);
    let edited = gone.expose_secret().replace(&two, "two").into();
    assert_eq!(draft(&edited).former_keys(), former);
}

#[test]
fn promotes_fifteen_minutes_after_add() {
    let ring = Draft::first(A, NOW);
    let (number, ring) = draft(&ring).add(&A.replace('a', "b"), NOW).unwrap();
    assert_eq!((number.get(), draft(&ring).ring().current().number().get()), (2, 1));
    let early = UnixMillis(LATER.0 - 1);
    assert_eq!(draft(&ring).promote(early).err(), Some(EditRefusal::TooYoung(number, 14)));
    let (promoted, ring) = draft(&ring).promote(LATER).unwrap();
    assert_eq!((promoted, draft(&ring).ring().current().number()), (number, number));
    assert_eq!(draft(&ring).promote(LATER).err(), Some(EditRefusal::NothingToPromote));
    let roles: Vec<_> = draft(&ring).list().iter().map(|listed| listed.role).collect();
    assert_eq!(roles, ["verifies", "current"]);
}

#[test]
fn legacy_is_unique_and_unpromotable() {
    let (number, ring) = draft(&Draft::first(A, NOW)).add_legacy("s1 master", NOW).unwrap();
    assert_eq!(draft(&ring).ring().legacy().unwrap().number(), number);
    assert_eq!(draft(&ring).promote_now().err(), Some(EditRefusal::NothingToPromote));
    let again = draft(&ring).add_legacy("another one", NOW).err();
    assert_eq!(again, Some(EditRefusal::LegacyExists(number)));
}

#[test]
fn retired_number_is_never_reused() {
    let (two, ring) = draft(&Draft::first(A, NOW)).add(&A.replace('a', "b"), NOW).unwrap();
    assert_eq!(
        draft(&ring).retirable(1).err(),
        Some(EditRefusal::Current(GenerationNumber::new(1).unwrap()))
    );
    assert_eq!(draft(&ring).retirable(9).err(), Some(EditRefusal::NoSuchGeneration(9)));
    let (retired, ring) = draft(&ring).retire(two, LATER).unwrap();
    assert_eq!((retired, draft(&ring).ring().generation(two).is_none()), (two, true));
    assert!(!ring.expose_secret().contains("bbbb"));
    let (three, _) = draft(&ring).add(A, LATER).unwrap();
    assert_eq!(three.get(), 3);
}

#[test]
fn imported_is_unique_and_retirable() {
    let (number, ring) = draft(&Draft::first(A, NOW)).enable_imported(&A.replace('a', "i"), NOW).unwrap();
    assert_eq!(draft(&ring).ring().imported().unwrap().number(), number);
    assert_eq!(draft(&ring).promote_now().err(), Some(EditRefusal::NothingToPromote));
    let again = draft(&ring).enable_imported(A, NOW).err();
    assert_eq!(again, Some(EditRefusal::ImportedExists(number)));
    let (_, ring) = draft(&ring).retire(number, NOW).unwrap();
    assert!(draft(&ring).ring().imported().is_none());
}

#[test]
fn full_ring_refuses_another_add() {
    let mut ring = Draft::first(A, NOW);
    for expected in 2..=MAX_GENERATION {
        let (number, text) = draft(&ring).add(A, NOW).unwrap();
        assert_eq!(number.get(), expected);
        ring = text;
    }
    assert_eq!(draft(&ring).add(A, NOW).err(), Some(EditRefusal::Full));
    assert_eq!(draft(&ring).list().len(), usize::from(MAX_GENERATION));
}

fn number(number: u8) -> GenerationNumber {
    GenerationNumber::new(number).unwrap()
}

/// Generations 1, 2 (current), 3 (waiting), 4 legacy, 5 imported.
fn of_every_role() -> SecretString {
    let ring = draft(&Draft::first(A, NOW)).add(A, NOW).unwrap().1;
    let ring = draft(&ring).promote_now().unwrap().1;
    let ring = draft(&ring).add(A, NOW).unwrap().1;
    let ring = draft(&ring).add_legacy("s1 master", NOW).unwrap().1;
    draft(&ring).enable_imported(A, NOW).unwrap().1
}

fn member(ring: &SecretString) -> Option<String> {
    let members: Map<String, Value> = serde_json::from_str(ring.expose_secret()).unwrap();
    members.get(DISTRUSTED).map(|value| value.as_str().unwrap().to_owned())
}

fn statement() -> String {
    let root = RootKey::from_seed(&zeroize::Zeroizing::new([1; 32]));
    KeyStatement::new("falconer", BTreeMap::new(), BTreeSet::new(), NOW, None).sign(&root)
}

fn roles(ring: &SecretString) -> Vec<&'static str> {
    draft(ring).list().iter().map(|listed| listed.role).collect()
}

#[test]
fn distrusts_and_trusts_again() {
    let ring = of_every_role();
    assert_eq!((member(&ring), roles(&ring)[0]), (None, "verifies"));
    let (distrusted, ring) = draft(&ring).distrust(1).unwrap();
    assert_eq!((distrusted, member(&ring).as_deref()), (number(1), Some("1")));
    assert_eq!(roles(&ring), ["distrusted", "current", "waiting", "legacy", "imported"]);
    let again = draft(&ring).distrust(1).unwrap().1;
    assert_eq!(member(&again), member(&ring), "once");
    let (_, both) = draft(&ring).distrust(3).unwrap();
    assert_eq!(member(&both).as_deref(), Some("1,3"));
    assert_eq!(roles(&both)[2], "distrusted");
    assert_eq!(draft(&both).promote_now().err(), Some(EditRefusal::NothingToPromote), "3 never signs");
    let (_, one) = draft(&both).trust(1).unwrap();
    assert_eq!(member(&one).as_deref(), Some("3"));
    let (_, none) = draft(&one).trust(3).unwrap();
    assert_eq!((member(&none), roles(&none)), (None, roles(&of_every_role())));
}

#[test]
fn refuses_distrust_with_a_reason() {
    let ring = of_every_role();
    for (distrusted, refusal) in [
        (2, EditRefusal::DistrustCurrent(number(2))),
        (4, EditRefusal::NeverSigns(number(4), "legacy")),
        (5, EditRefusal::NeverSigns(number(5), "imported")),
        (9, EditRefusal::NoSuchGeneration(9)),
        (0, EditRefusal::NoSuchGeneration(0)),
        (32, EditRefusal::NoSuchGeneration(32)),
    ] {
        assert_eq!(draft(&ring).distrust(distrusted).err(), Some(refusal), "{distrusted}");
    }
    assert_eq!(draft(&ring).trust(1).err(), Some(EditRefusal::NotDistrusted(number(1))));
    assert_eq!(draft(&ring).trust(9).err(), Some(EditRefusal::NoSuchGeneration(9)));
}

/// Whatever else changes the ring keeps the distrust, and a generation that goes takes its own along.
#[test]
fn other_edits_keep_the_distrust() {
    let ring = draft(&of_every_role()).distrust(1).unwrap().1;
    let added = draft(&ring).add(A, NOW).unwrap().1;
    let promoted = draft(&added).promote_now().unwrap().1;
    assert_eq!(draft(&promoted).ring().current().number(), number(6));
    let signed = draft(&promoted).with_statement(&statement());
    let two = draft(&signed).distrust(2).unwrap().1;
    let retired = draft(&two).retire(number(3), LATER).unwrap().1;
    assert_eq!(member(&retired).as_deref(), Some("1,2"));
    let gone = draft(&retired).retire(number(1), LATER).unwrap().1;
    assert_eq!(member(&gone).as_deref(), Some("2"));
    assert_eq!(draft(&gone).retirable(1).err(), Some(EditRefusal::Retired(number(1))));
    assert_eq!(draft(&gone).distrust(1).err(), Some(EditRefusal::NoSuchGeneration(1)));
    let last = draft(&gone).retire(number(2), LATER).unwrap().1;
    assert_eq!(member(&last), None);
    assert_eq!(draft(&last).ring().statement(), Some(statement().as_str()), "kept as well");
}

/// A hand-edited member survives the next edit, and `distrust` repairs it.
#[test]
fn repairs_handwritten_distrust() {
    let by_hand = |json: &str| -> SecretString {
        let ring = of_every_role().expose_secret().replacen('{', &format!(r#"{{"x-distrusted":{json},"#), 1);
        ring.into()
    };
    for (json, after_add, after_distrust, doubts) in [
        (r#""1 ,3""#, Some("1,3"), Some("1,3"), 0),
        (r#""1","x-distrusted":"3""#, Some("1,3"), Some("1,3"), 0),
        (r#""9""#, None, Some("1"), 0),
        (r#""2""#, Some("2"), Some("1,2"), 1),
        (r#""3;1""#, Some("3;1"), Some("1"), 1),
        (r#""2,one""#, Some("2,one"), Some("1,2"), 2),
    ] {
        let ring = by_hand(json);
        assert_eq!(draft(&ring).doubts().len(), doubts, "{json}");
        assert_eq!(member(&draft(&ring).add(A, NOW).unwrap().1).as_deref(), after_add, "{json}");
        let mended = draft(&ring).distrust(1).unwrap().1;
        assert_eq!(member(&mended).as_deref(), after_distrust, "{json}");
        assert!(!draft(&mended).ring().has_unreadable_distrust(), "{json}");
    }
    let mended = draft(&by_hand("[1]")).distrust(1).unwrap().1;
    assert_eq!(member(&mended).as_deref(), Some("1"));
}
