//! The operator's end of the air gap: seats that are counted, and answers of a full key ring.

use falconer_client::{PublicKeys, State};
use falconer_domain::statement::{KeyStatement, MAX_STATEMENT_BYTES, RootKey};
use falconer_tests::{Machine, TestStack, TestStackOptions, now};
use serde_json::{Value, json};

use super::path;
use super::room::AirGap;
use crate::console::Browser;
use crate::operator::{run, said, told};

/// The operator's ways to a seat that a long lease keeps: each of them counts it, and the console lists it.
#[test]
fn a_kept_seat_is_never_sold_again() {
    let gap = AirGap::of_days(30);
    let id = gap.stack.license_id(&gap.key).to_string();
    let catalog = |seats: u32| {
        let path = gap.store(&format!("seats-{seats}.toml"));
        let text = format!("product = 'QF'\n[tiers.elite]\n[tiers.pro]\npolicy = {{ seats = {seats} }}\n");
        std::fs::write(&path, text).unwrap();
        path
    };
    let (one, two) = (catalog(1), catalog(2));
    told(&gap.stack, &["catalog", "apply", path(&two)]);
    let (client, _) = gap.activated("first");
    let receipt = client.deactivate_by_receipt().unwrap();
    assert_eq!(gap.receipt(&receipt, &[])["outcome"], "changed");
    assert_eq!(gap.stack.activate(&gap.key, &Machine::named("desk")).code(), "ACTIVATED");
    assert_eq!((gap.stack.stored(&gap.stack.license_id(&gap.key)).bound(), gap.seats_taken()), (1, 2));

    for words in [["set-seats", &id, "1"], ["set-policy", &id, "seats=1"], ["set-tier", &id, "elite"]] {
        let output = run(&gap.stack, &[&["--yes"], words.as_slice()].concat());
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {text}");
        assert!(text.contains("1 more keeps a seat until an offline lease ends: 1 too many for 1"), "{text}");
    }
    let planned = told(&gap.stack, &["catalog", "apply", path(&one), "--dry-run"]);
    assert_eq!(planned["moreDevicesThanSeats"], json!([id]));
    let console = Browser::open(&gap.stack, &["--read-only"]);
    assert!(console.get("licenses").text().contains("2 of 2"), "{}", console.get("licenses").text());
    let rotation = run(&gap.stack, &["--dry-run", "rotate-key", &id]);
    let text = String::from_utf8(rotation.stdout).unwrap();
    assert!(text.contains("offline leases keep 1 of its seats"), "{text}");

    // The operator's own word frees it.
    let device = told(&gap.stack, &["show", &id])["offline"][0]["device"].as_str().unwrap().to_owned();
    told(&gap.stack, &["reset-hardware", &id, "--device", &device, "--despite-offline-lease"]);
    assert_eq!(told(&gap.stack, &["set-seats", &id, "1"])["outcome"], "changed");
}

/// A vendor of many years: every generation is taken, and the statement in the ring is as long as one may be.
#[test]
fn full_ring_and_longest_statement_are_answered() {
    let (stack, root) = (full_stack(1), RootKey::from_seed(&[7; 32].into()));
    let first = PublicKeys::parse(&stack.get("/api/keys").body.to_string()).expect("public keys");
    drop(stack);
    for length in [0, MAX_STATEMENT_BYTES] {
        let stack = full_stack(31);
        if length > 0 {
            let secret = &stack.settings.master_key_secret_id;
            let mut ring: Value = serde_json::from_str(&stack.secrets.current(secret).unwrap()).unwrap();
            ring["x-statement"] = statement_of(length, &root).into();
            stack.secrets.put(secret, &ring.to_string());
        }
        let gap = AirGap::over(stack, first.clone(), 30);
        // A license that says much, in a lease that is long.
        let limits: Vec<_> =
            (10..26).map(|number| format!("{}{number}=9007199254740991", "l".repeat(62))).collect();
        let limits: Vec<_> = limits.iter().map(String::as_str).collect();
        told(&gap.stack, &[&["set-limit", &gap.key], limits.as_slice()].concat());
        let client = gap.machine("first");
        let answer = gap.answer(&client.activation_request(&gap.key, "", "").unwrap(), &["--reason", "full"]);
        assert_eq!(
            client.import_response(&answer),
            Ok(State::Active),
            "{length}: the first key leads to the last"
        );
        let renewal = gap.answer(&client.renewal_request().unwrap(), &[]);
        assert_eq!(client.import_response(&renewal), Ok(State::Active));
    }
}

/// 31 generations; the first one signs, or the last.
fn full_stack(current: u8) -> TestStack {
    let generations = (1..=if current == 1 { 1 } else { 31 }).map(|number: u8| {
        (number.to_string(), Value::from(format!("a master of generation {number}, long enough")))
    });
    let mut ring: serde_json::Map<_, _> = generations.collect();
    ring.insert("current".to_owned(), current.to_string().into());
    TestStack::with(&TestStackOptions {
        ring: Some(Value::from(ring).to_string()),
        ..TestStackOptions::default()
    })
}

/// The longest statement of at most so many bytes.
fn statement_of(length: usize, root: &RootKey) -> String {
    let named = |chars: usize| {
        let distrusted = ["k".repeat(chars)].into();
        KeyStatement::new("falconer", [].into(), distrusted, now(), None).sign(root)
    };
    let longest = (length / 2..length).rfind(|chars| named(*chars).len() <= length).map(named);
    longest.filter(|jws| jws.len() + 4 > length).expect("a statement")
}
