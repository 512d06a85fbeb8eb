//! Issuing: through the program and through its library, never the same key twice.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use falconer_domain::{KeyRing, UnixMillis};
use falconer_operator::issue::{Issuer, KeyForm};
use falconer_tests::{Fixture, TestStack, anonymous_order};
use serde_json::Value;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// The program with a stack's tables and secret.
pub(crate) fn falconer(stack: &TestStack) -> Command {
    let mut command = stack.program("falconer");
    command
        .env("LICENSES_TABLE", &stack.settings.licenses_table)
        .env("VERIFICATIONS_TABLE", &stack.settings.verifications_table)
        .env("MASTER_KEY_SECRET_ID", &stack.settings.master_key_secret_id)
        .env("USER", "fixture-operator");
    command
}

fn run(mut command: Command, arguments: &[&str]) -> Output {
    command.args(arguments).output().expect("the program runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn issued(stack: &TestStack, arguments: &[&str]) -> Value {
    let output = run(falconer(stack), arguments);
    assert!(output.status.success(), "{}", said(&output));
    let issued: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    stack.speak(issued["licenseKey"].as_str().expect("a key"));
    issued
}

#[test]
fn issued_key_verifies_at_once() {
    let stack = TestStack::start();
    let person = ["--user", "u1", "--email", "Fixture.Person@example.com", "--name", "Fixture Person"];
    for (arguments, code, tier, perpetual) in [
        (vec!["--tier", "pro", "--days", "30"], "VALID", "pro", false),
        (vec!["--tier", "lifetime", "--perpetual"], "VALID", "lifetime", true),
        (vec!["--tier", "elite", "--days", "1", "--legacy"], "VALID", "elite", false),
        (vec!["--tier", "free", "--days", "7", "--from-activation"], "PENDING", "", false),
    ] {
        let all = [&["issue", "--json"], arguments.as_slice(), &person].concat();
        let issued = issued(&stack, &all);
        let reply = stack.verify(issued["licenseKey"].as_str().unwrap());
        assert_eq!(reply.code(), code, "{arguments:?}");
        if code == "VALID" {
            assert_eq!((&reply.body["tier"], &reply.body["licenseId"]), (&tier.into(), &issued["licenseId"]));
            assert_eq!((&reply.body["perpetual"], &reply.body["userId"]), (&perpetual.into(), &"u1".into()));
        }
    }
    let arguments = ["issue", "--json", "--tier", "free", "--perpetual", "--feature", "a", "--feature", "b"];
    let reply = stack.verify(issued(&stack, &arguments)["licenseKey"].as_str().unwrap());
    let features = reply.body["features"].as_array().unwrap();
    assert_eq!(features[4..], ["a", "b"]);
}

#[test]
fn bad_order_gets_one_sentence() {
    let stack = TestStack::start();
    for (arguments, sentence) in [
        (
            vec!["--tier", "gold", "--perpetual"],
            "product QF has no tier gold; it has elite, free, lifetime, pro",
        ),
        (vec!["--tier", "Pro", "--perpetual"], "--tier must be 1 to 16 of a-z, 0-9 and _"),
        (vec!["--tier", "pro", "--perpetual", "--product", "q"], "--product must be 2 to 8 of A-Z and 0-9"),
        (vec!["--tier", "pro", "--perpetual", "--product", "ACME"], "product ACME has no catalog"),
        (vec!["--tier", "pro", "--days", "0"], "days must be 1 to 999999"),
        (vec!["--tier", "pro", "--perpetual", "--seats", "101"], "seats must be 1 to 100"),
        (vec!["--tier", "pro", "--perpetual", "--email", "nobody"], "email must look like name@example.com"),
        (vec!["--tier", "pro"], "required arguments were not provided"),
        (vec!["--tier", "pro", "--perpetual", "--days", "3"], "cannot be used with"),
        (vec!["--tier", "pro", "--perpetual", "--from-activation"], "cannot be used with"),
    ] {
        let output = run(falconer(&stack), &[&["issue"], arguments.as_slice()].concat());
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(said(&output).contains(sentence), "{arguments:?}: {}", said(&output));
    }
    let mut nowhere = falconer(&stack);
    nowhere.env_remove("LICENSES_TABLE");
    let output = run(nowhere, &["issue", "--tier", "pro", "--perpetual"]);
    assert!(
        said(&output).contains("set LICENSES_TABLE or give --licenses-table, or --local"),
        "{}",
        said(&output)
    );
}

#[test]
fn audit_names_actor_and_no_key() {
    let stack = TestStack::start();
    stack.forget();
    let mut command = falconer(&stack);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", stack.dynamodb.endpoint());
    let output = run(
        command,
        &[
            "issue",
            "--json",
            "--tier",
            "pro",
            "--perpetual",
            "--email",
            "a@example.com",
            "--reason",
            "order 7",
        ],
    );
    assert!(output.status.success(), "{}", said(&output));
    let issued: Value = serde_json::from_slice(&output.stdout).unwrap();
    let key = issued["licenseKey"].as_str().unwrap();
    let writes: Vec<_> = stack
        .dynamodb
        .records()
        .into_iter()
        .filter(|record| record.operation == "TransactWriteItems")
        .collect();
    let [write] = writes.as_slice() else { panic!("one transaction, not {}", writes.len()) };
    assert!(!write.request.to_string().contains(key), "no key in a table");
    let audit = &write.request["TransactItems"][1]["Put"]["Item"];
    assert_eq!((&audit["action"]["S"], &audit["code"]["S"]), (&"issue".into(), &"ISSUED".into()));
    assert_eq!(
        (&audit["actor"]["S"], &audit["reason"]["S"]),
        (&"fixture-operator".into(), &"order 7".into())
    );
    assert!(audit.get("ttl").is_none(), "records of changes are kept for good");
    let license = &write.request["TransactItems"][0]["Put"]["Item"];
    assert_eq!((&license["version"]["N"], &license["email"]["S"]), (&"1".into(), &"a@example.com".into()));
}

#[test]
fn keyring_commands_manage_the_ring() {
    let stack = TestStack::with(&falconer_tests::TestStackOptions { ring: None, ..Default::default() });
    let keyring = |arguments: &[&str]| run(falconer(&stack), &[&["--yes", "keyring"], arguments].concat());
    let missing = keyring(&["list"]);
    assert!(said(&missing).contains("run `falconer keyring init`"), "{}", said(&missing));
    assert!(keyring(&["init"]).status.success());
    assert!(!keyring(&["init"]).status.success(), "never over an existing ring");

    let mut add = falconer(&stack);
    add.args(["--yes", "keyring", "add", "--legacy", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = add.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"masters-of-s1\n").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert!(keyring(&["add"]).status.success());
    let early = keyring(&["promote"]);
    assert!(said(&early).contains("wait until 15 have passed"), "{}", said(&early));
    assert!(keyring(&["promote", "--now"]).status.success());

    let listed = String::from_utf8(keyring(&["list"]).stdout).unwrap();
    let roles: Vec<_> = listed.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(roles, ["Role", "verifies", "legacy", "current"], "{listed}");
    let secret = stack.secrets.current(&stack.settings.master_key_secret_id).unwrap();
    let masters: Value = serde_json::from_str(&secret).unwrap();
    assert_eq!(masters["2"], "masters-of-s1");
    for output in [keyring(&["list"]), keyring(&["add"]), keyring(&["promote", "--now"])] {
        let all = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
        for generation in ["1", "2", "3"] {
            assert!(!all.contains(masters[generation].as_str().unwrap()), "a master was printed");
        }
    }
}

#[test]
fn retires_only_unused_generations() {
    let stack = TestStack::start();
    let keyring = |arguments: &[&str]| run(falconer(&stack), &[&["--yes", "keyring"], arguments].concat());
    let retire = |generation: &str| said(&keyring(&["retire", generation]));
    let old = stack.put(Fixture::pro());
    let legacy = stack.put(Fixture::pro().with_legacy_key());
    assert!(retire("1").contains("generation 1 signs; promote another one"), "{}", retire("1"));
    assert!(retire("9").contains("has no generation 9"));
    assert!(
        retire("2").contains("1 licenses of generation 2 live"),
        "the Flask server's key needs it: {}",
        retire("2")
    );
    assert!(keyring(&["add"]).status.success() && keyring(&["promote", "--now"]).status.success());
    assert!(
        retire("1").contains("2 licenses of generation 1 live"),
        "both are sealed by it: {}",
        retire("1")
    );

    // A fresh key for one, an end for the other.
    assert!(run(falconer(&stack), &["--yes", "rotate-key", &legacy]).status.success());
    assert!(keyring(&["retire", "2"]).status.success());
    assert!(retire("1").contains("1 licenses of generation 1 live"));
    assert!(run(falconer(&stack), &["--yes", "revoke", &old, "--reason", "refund"]).status.success());
    let gone = keyring(&["retire", "1"]);
    assert_eq!(
        String::from_utf8_lossy(&gone.stdout),
        "Generation 1 has left the key ring; instances follow within five minutes.\n\
         No stage of the secret names a version with its master any more. AWS deletes such versions in its own time, \
         not at once.\n"
    );
    let secret = stack.secrets.current(&stack.settings.master_key_secret_id).unwrap();
    assert!(!secret.contains(falconer_tests::MASTER_A) && !secret.contains(falconer_tests::LEGACY_MASTER));
    assert!(keyring(&["add"]).status.success());
    let listed = run(falconer(&stack), &["keyring", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let roles: Vec<_> = listed["generations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["generation"].as_u64().unwrap(), it["role"].as_str().unwrap()))
        .collect();
    assert_eq!(roles, [(3, "current"), (4, "waiting")]);
    let asked = run(falconer(&stack), &["keyring", "enable-imported"]);
    assert!(said(&asked).contains("nobody is there to confirm this"), "{}", said(&asked));
    // A third one goes as the others did, though the table has rows that nothing can open any more.
    assert!(keyring(&["promote", "--now"]).status.success());
    assert!(retire("3").contains("1 licenses of generation 3 live"), "{}", retire("3"));
    assert!(keyring(&["enable-imported"]).status.success());
    assert!(said(&keyring(&["enable-imported"])).contains("accepts free-text keys already, by generation 5"));
}

async fn issue_many(stack: &TestStack, ring: &KeyRing, form: KeyForm, count: usize) -> Vec<String> {
    let (mut desk, order) = (Issuer::new(&stack.store, ring, "fixture"), anonymous_order("pro"));
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(desk.issue(&order, form, NOW).await.unwrap().key.to_string());
    }
    keys
}

#[test]
fn thousand_keys_in_a_second_differ() {
    let stack = TestStack::start();
    let ring = stack.ring();
    for form in [KeyForm::Current, KeyForm::Legacy] {
        let keys = stack.wait(issue_many(&stack, &ring, form, 1_000));
        let different: BTreeSet<_> = keys.iter().collect();
        assert_eq!(different.len(), 1_000, "{form:?}");
    }
}

#[test]
fn concurrent_legacy_keys_differ() {
    let stack = TestStack::start();
    // One key of this second exists already.
    stack.put(Fixture::pro().with_legacy_key());
    let ring = stack.ring();
    let (first, second) = stack.wait(async {
        tokio::join!(
            issue_many(&stack, &ring, KeyForm::Legacy, 25),
            issue_many(&stack, &ring, KeyForm::Legacy, 25)
        )
    });
    let different: BTreeSet<_> = first.iter().chain(&second).collect();
    assert_eq!(different.len(), 50);
}
