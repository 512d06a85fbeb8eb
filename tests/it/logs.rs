//! Nothing of a customer's, and no secret, reaches a log.
//!
//! Every stack of every test looks through its own logs when it is dropped, for every fixture master, name, e-mail and
//! hardware value and for every key it issued. Here the search itself is shown to find something, and one stack says
//! everything it can at the most talkative level an operator can choose.

use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, MASTER_A, Machine, SECRET_WORDS, TestStack, TestStackOptions};
use serde_json::json;

#[test]
fn logs_hold_no_secret_at_any_level() {
    let settings = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"].map(|name| (name, "trace".to_owned()));
    let stack =
        TestStack::with(&TestStackOptions { settings: settings.into(), ..TestStackOptions::default() });
    let key = stack.put(Fixture::pro());
    let legacy = stack.put(Fixture::pro().with_legacy_key());
    let hardware = json!({ "mac": "fixture-hardware-mac", "board": "fixture-hardware-board" });
    let full = |key: &str| {
        json!({ "license": key, "hardware": hardware, "licensee_email": "fixture.person@example.com",
                "licensee_name": "Fixture Person", "device_name": "Fixture Person", "nonce": "fixture-nonce-0123456789" })
    };
    for key in [&key, &legacy, &key.replace("PRO", "FREE"), &stack.key_without_license()] {
        stack.speak(key);
        for endpoint in ["verify", "activate-sync", "transfer", "deactivate"] {
            stack.post(&format!("/api/{endpoint}"), &full(key));
        }
    }
    stack.send("POST", "/api/verify", &[], format!(r#"{{"license":"{key}""#).as_bytes());
    stack.dynamodb.break_all(Matcher::any(), Fault::Reset);
    stack.secrets_tap.break_all(Matcher::any(), Fault::Reset);
    stack.post("/api/verify", &full(&key));
    stack.post("/api/activate-sync", &full(&key));
    stack.get("/api/keys");
    stack.dynamodb.heal();

    assert!(stack.request_lines().len() >= 16, "the instances did speak");
    assert_eq!(stack.spilled(), Vec::<String>::new());
}

#[test]
fn tables_hold_no_key_or_hardware() {
    let stack = TestStack::start();
    let (key, first, second) = (stack.put(Fixture::pro()), Machine::named("first"), Machine::named("second"));
    stack.activate(&key, &first);
    stack.transfer(&key, &second);
    stack.deactivate(&key, &second);
    stack.post("/api/activate-sync", &Machine::named("third").old_request(&key));
    stack.verify(&key);
    stack.settle();
    let stored = stack.everything_stored();
    assert!(stored.contains("fixture.person@example.com"), "the license is there");
    let values = [first, second, Machine::named("third")];
    let values = values.iter().flat_map(|machine| [&machine.mac, &machine.cpu, &machine.board]);
    for secret in values.map(String::as_str).chain([key.as_str(), MASTER_A]) {
        assert!(!stored.contains(secret), "{secret}");
    }
}

#[test]
fn search_finds_a_planted_secret() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let told = stack.verify(&key).body["licenseId"].as_str().unwrap().to_owned();
    stack.settle();
    // A license id is in the log on purpose; taken for a secret, it is found.
    stack.speak(&told);
    assert_eq!(stack.spilled(), [told.as_str()]);
    stack.unspeak(&told);
    assert!(SECRET_WORDS.iter().all(|word| word.len() >= 8), "short words would be found by chance");
}

#[test]
fn a_request_is_one_line() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let reply = stack.verify(&key);
    stack.get("/api/keys");
    let mut lines = stack.request_lines();
    lines.retain(|line| line["function"] == "verify");
    let [line] = lines.try_into().expect("one line");
    assert_eq!(line["request.id"], reply.header("x-request-id").unwrap());
    assert_eq!(line["license.id"], reply.body["licenseId"]);
    assert_eq!((&line["outcome.code"], &line["VALID"]), (&json!("VALID"), &json!(1)));
    assert!(line["Latency"].is_number() && line["RingAge"].is_number());
    assert!(line.to_string().len() <= 512);
}
