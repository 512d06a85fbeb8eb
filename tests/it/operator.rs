//! The operator's commands, through the program: what they change, what they say, and how they end.

use std::process::Output;

use falconer_tests::{Fixture, Machine, TestStack, now};
use serde_json::{Value, json};

use crate::issuing::falconer;
use crate::manners::Folder;

pub(crate) fn run(stack: &TestStack, arguments: &[&str]) -> Output {
    falconer(stack).args(arguments).output().expect("the program runs")
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The output of a command with `--json --yes`.
pub(crate) fn told(stack: &TestStack, arguments: &[&str]) -> Value {
    let output = run(stack, &[&["--json", "--yes"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    assert_eq!(said(&output), "", "{arguments:?}: one document and nothing else");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn edits_reach_verify_and_audit() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key);
    for (arguments, code) in [
        (vec!["suspend", &key, "--reason", "chargeback"], "SUSPENDED"),
        (vec!["reinstate", id.as_str()], "VALID"),
        (vec!["revoke", &key, "--reason", "refund"], "REVOKED"),
        (vec!["reinstate", &key], "VALID"),
        (vec!["extend", &key, "--until", "2099-12-31"], "VALID"),
        (vec!["set-tier", &key, "elite"], "VALID"),
        (vec!["set-seats", &key, "3"], "VALID"),
        (vec!["add-feature", &key, "early_access"], "VALID"),
        (vec!["note", &key, "called on Monday"], "VALID"),
        (vec!["extend", &key, "--perpetual"], "VALID"),
    ] {
        assert_eq!(told(&stack, &arguments)["outcome"], "changed", "{arguments:?}");
        assert_eq!(stack.verify(&key).code(), code, "{arguments:?}");
    }
    let reply = stack.verify(&key);
    assert_eq!((&reply.body["tier"], &reply.body["perpetual"]), (&json!("elite"), &json!(true)));
    assert!(reply.body["features"].as_array().unwrap().contains(&json!("early_access")));
    assert_eq!(told(&stack, &["remove-feature", &key, "early_access"])["outcome"], "changed");
    assert_eq!(told(&stack, &["note", &key, "called on Monday"])["outcome"], "unchanged");

    stack.settle();
    let rows: Vec<_> = stack.audit_rows(&id).into_iter().filter(|row| row.get("ttl").is_none()).collect();
    let first = &rows[0];
    assert_eq!(
        (&first["action"]["S"], &first["code"]["S"], &first["actor"]["S"], &first["reason"]["S"]),
        (&json!("suspend"), &json!("SUSPENDED"), &json!("fixture-operator"), &json!("chargeback"))
    );
    assert_eq!(first["changes"]["M"]["status"]["M"]["before"]["S"], "active");
    assert_eq!(rows.len(), 11, "one for each change");
    assert!(!format!("{rows:?}").contains("Monday"), "a note may name a person");
    assert_eq!(stack.item(&id)["version"]["N"], "12");

    let shown = told(&stack, &["show", &key]);
    assert_eq!((&shown["status"], &shown["notes"]), (&json!("active"), &json!("called on Monday")));
    assert_eq!(shown["seats"], json!({ "used": 0, "max": 3, "freeUsed": 0 }));
    assert_eq!(shown["audit"].as_array().unwrap().len(), 10);
    assert_eq!(shown["keyHint"], told(&stack, &["show", shown["keyHint"].as_str().unwrap()])["keyHint"]);
    let audit = told(&stack, &["audit", &key, "--since", "2020-01-01"]);
    assert!(audit["audit"].as_array().unwrap().iter().any(|row| row["reason"] == "refund"), "{audit}");
}

#[test]
fn rotated_key_binds_devices_again() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    let old = stack.put(Fixture::pro());
    assert_eq!(stack.activate(&old, &machine).code(), "ACTIVATED");
    let rotated = told(&stack, &["rotate-key", &old, "--reason", "pasted into an issue"]);
    let new = rotated["licenseKey"].as_str().unwrap();
    stack.speak(new);
    assert_eq!((stack.verify(&old).code(), stack.verify(new).code()), ("REVOKED", "VALID"));
    let reply = stack.activate(new, &machine);
    assert_eq!((reply.code(), &reply.body["transfers"]["used"]), ("ACTIVATED", &json!(0)));
    assert_eq!(reply.body["seats"], json!({ "used": 1, "max": 1 }));
    let refused = run(&stack, &["--yes", "reinstate", &old]);
    assert!(said(&refused).contains("was replaced by lic_"), "{}", said(&refused));
    assert_eq!(refused.status.code(), Some(1));

    assert_eq!(told(&stack, &["reveal", stack.license_id(new).as_str()])["licenseKey"], new);
    stack.settle();
    for (key, codes) in [(old.as_str(), vec!["KEY_ROTATED"]), (new, vec!["KEY_ROTATED", "KEY_REVEALED"])] {
        let rows = stack.audit_rows(&stack.license_id(key));
        let told: Vec<_> = rows.iter().filter(|row| row["actor"]["S"] == "fixture-operator").collect();
        assert_eq!(told.iter().map(|row| row["code"]["S"].as_str().unwrap()).collect::<Vec<_>>(), codes);
    }
}

#[test]
fn a_reset_gives_the_binding_back() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().with(|new, _| new.license.policy.max_transfers = Some(0)));
    let (first, second) = (Machine::named("first"), Machine::named("second"));
    stack.activate(&key, &first);
    assert_eq!(stack.transfer(&key, &second).code(), "TRANSFER_LIMIT_REACHED");
    let device = told(&stack, &["show", &key])["devices"][0]["id"].as_str().unwrap().to_owned();
    let none = run(&stack, &["--yes", "reset-hardware", &key, "--device", "dev_0000000000000000"]);
    assert!(said(&none).contains("is not bound to this license"), "{}", said(&none));
    assert_eq!(told(&stack, &["reset-hardware", &key, "--device", &device])["license"]["seats"]["used"], 0);
    assert_eq!(stack.activate(&key, &second).code(), "ACTIVATED");
    assert_eq!(told(&stack, &["reset-hardware", &key, "--all"])["license"]["seats"]["freeUsed"], 0);
}

#[test]
fn list_filters_licenses() {
    let stack = TestStack::start();
    let soon = stack.put(Fixture::pro().ending(now().plus_days(10)));
    stack.put(Fixture::pro().ending(now().plus_days(400)));
    stack.put(Fixture::of_tier("free").with(|new, _| new.license.user_id = Some("somebody".to_owned())));
    let ids = |arguments: &[&str]| -> Vec<String> {
        let listed = told(&stack, &[&["list"], arguments].concat());
        let licenses = listed["licenses"].as_array().unwrap();
        licenses.iter().map(|license| license["licenseId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--expiring", "30"]), [stack.license_id(&soon).as_str()]);
    assert_eq!(ids(&["--expiring", "500"]).len(), 2);
    assert_eq!(ids(&["--user", "somebody"]).len(), 1);
    assert_eq!(ids(&["--email", "fixture.person@example.com"]).len(), 3);
    assert_eq!(ids(&["--status", "active"]).len(), 3);
    assert_eq!(ids(&["--status", "revoked"]).len(), 0);
    let ended = stack.license_id(&stack.put(Fixture::pro().ending(now().plus_days(0))));
    assert_eq!(ids(&["--status", " Expired"]), [ended.as_str()]);
    assert_eq!(ids(&["--status", "active"]).len(), 3, "what has ended is expired, as `stats` counts it");
    assert_eq!(ids(&["--all"]).len(), 4);
    let two = told(&stack, &["list", "--all", "--limit", "2"]);
    assert_eq!((two["licenses"].as_array().unwrap().len(), &two["more"]), (2, &json!(true)));
}

#[test]
fn stats_count_licenses_and_days() {
    let stack = TestStack::start();
    let (first, second) = (Machine::named("first"), Machine::named("second"));
    let key = stack.put(Fixture::pro());
    stack.put(Fixture::of_tier("free").ending(now().plus_days(0)));
    for (reply, code) in [
        (stack.activate(&key, &first), "ACTIVATED"),
        (stack.activate(&key, &second), "SEATS_EXHAUSTED"),
        (stack.transfer(&key, &second), "TRANSFERRED"),
        (stack.verify(&key), "VALID"),
    ] {
        assert_eq!(reply.code(), code);
    }
    told(&stack, &["suspend", &key]);
    assert_eq!(stack.verify(&key).code(), "SUSPENDED");
    stack.settle();
    let folder = Folder::new();
    let chart = folder.path("chart.svg");
    let counted = told(&stack, &["stats", "--days", "2", "--chart", &chart]);
    assert_eq!(counted["licenses"], json!({ "free": { "expired": 1 }, "pro": { "suspended": 1 } }));
    assert_eq!(counted["refusals"], json!({ "SEATS_EXHAUSTED": 1, "SUSPENDED": 1 }));
    let all = |member: &str| -> u64 {
        counted["days"].as_array().unwrap().iter().map(|day| day[member].as_u64().unwrap()).sum()
    };
    assert_eq!((all("activations"), all("transfers"), all("verifications"), all("refusals")), (1, 1, 1, 2));
    assert!(std::fs::read_to_string(&chart).unwrap().starts_with("<svg"));
}

/// The verdict is that of the very function the Lambda runs.
#[test]
fn explain_agrees_with_verify() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    let expired = stack.put(Fixture::pro().ending(now().plus_days(0)));
    let bound = stack.put(Fixture::pro().bound(1, &machine, now()));
    let folder = Folder::new();
    let file = |name: &str, content: &Value| folder.file(name, &content.to_string());
    let (here, there) =
        (file("here.json", &machine.hardware()), file("there.json", &Machine::named("second").request("")));
    for (key, hardware, code, failed) in [
        (&expired, None, "EXPIRED", Some("not expired")),
        (&bound, None, "VALID", None),
        (&bound, Some(&here), "VALID", None),
        (&bound, Some(&there), "HARDWARE_MISMATCH", Some("hardware matches")),
    ] {
        let mut arguments = vec!["explain", key.as_str()];
        arguments.extend(hardware.iter().flat_map(|file| ["--hardware", file.as_str()]));
        let explained = told(&stack, &arguments);
        assert_eq!((&explained["code"], &explained["valid"]), (&json!(code), &json!(code == "VALID")));
        let checks = explained["checks"].as_array().unwrap();
        let first =
            checks.iter().find(|check| check["passed"] == false).map(|check| check["name"].as_str().unwrap());
        assert_eq!(first, failed, "{explained}");
    }
    let before = told(&stack, &["explain", &expired, "--at", "2020-01-01"]);
    assert_eq!(before["code"], "VALID", "the clock moves, not the license");
}

#[test]
fn catalog_apply_protects_licenses() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let shown = told(&stack, &["catalog", "show"]);
    let text = shown["toml"].as_str().unwrap();
    assert_eq!((&shown["stored"], &shown["version"]), (&json!(false), &json!(0)));
    let folder = Folder::new();
    let file = |name: &str, text: &str| folder.file(name, text);
    let same = file("same.toml", text);
    assert_eq!(told(&stack, &["catalog", "check", &same])["changes"], json!([]));
    assert_eq!(told(&stack, &["catalog", "apply", &same])["outcome"], "unchanged");

    let roomy = file("roomy.toml", &text.replacen("seats = 1", "seats = 7", 1));
    let changes = json!(["- [policy] seats = 1", "+ [policy] seats = 7"]);
    assert_eq!(told(&stack, &["catalog", "apply", &roomy, "--dry-run"])["changes"], changes);
    assert_eq!(told(&stack, &["catalog", "apply", &roomy, "--reason", "summer"])["outcome"], "changed");
    assert_eq!(told(&stack, &["show", &key])["seats"]["max"], 7);
    let less = file("less.toml", "product = 'QF'\n[tiers.free]\n");
    let refused = run(&stack, &["--yes", "catalog", "apply", &less]);
    assert!(said(&refused).contains("1 of tier pro; give them another"), "{}", said(&refused));
    assert_eq!(told(&stack, &["set-tier", &key, "free"])["outcome"], "changed");
    assert_eq!(told(&stack, &["catalog", "apply", &less])["outcome"], "changed");
    assert_eq!(told(&stack, &["catalog", "show"])["version"], 2);

    let acme = file("acme.toml", "product = 'ACME'\n[tiers.one]\nfeatures = ['a']\n");
    assert_eq!(told(&stack, &["catalog", "apply", &acme])["outcome"], "changed");
    let issued = told(&stack, &["issue", "--product", "ACME", "--tier", "one", "--perpetual"]);
    let key = issued["licenseKey"].as_str().unwrap();
    stack.speak(key);
    assert_eq!(stack.verify(key).body["features"], json!(["a"]));
    let rows = stack.everything_stored();
    assert!(rows.contains("CATALOG_APPLIED") && rows.contains("catalog#ACME"), "the audit has it");
}

#[test]
fn commands_confirm_and_exit_by_code() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let before = stack.item(&stack.license_id(&key));

    let asked = run(&stack, &["suspend", &key]);
    assert_eq!(asked.status.code(), Some(1));
    assert!(said(&asked).contains("give --yes, or --dry-run"), "{}", said(&asked));
    let dry = run(&stack, &["suspend", &key, "--dry-run"]);
    let text = String::from_utf8_lossy(&dry.stdout).into_owned();
    assert!(dry.status.success() && text.contains(r#"status: "active" → "suspended""#), "{text}");
    assert_eq!(stack.item(&stack.license_id(&key)), before, "nothing was changed");

    let revealed = run(&stack, &["reveal", &key, "--dry-run", "--yes"]);
    assert!(revealed.status.success() && !String::from_utf8_lossy(&revealed.stdout).contains(&key));
    let ordered = told(&stack, &["issue", "--tier", "pro", "--perpetual", "--dry-run"]);
    assert_eq!(ordered, json!({ "outcome": "dry_run", "there": null }));
    assert!(stack.audit_rows(&stack.license_id(&key)).is_empty(), "and none of this left a row");

    assert_eq!(run(&stack, &["suspend"]).status.code(), Some(2), "usage");
    assert_eq!(run(&stack, &["revoke", &key, "--yes"]).status.code(), Some(2), "a reason is required");
    for (named, sentence, code) in [
        ("ABC-123-XYZ", "no license key of this ring", 2),
        ("lic_0000000000000000000000000", "no license key", 2),
        ("lic_000000000000000000000000", "there is no license lic_", 4),
        ("QF-PRO-…-00000", "there is no license QF-PRO-…-00000", 4),
    ] {
        let output = run(&stack, &["show", named]);
        assert_eq!(output.status.code(), Some(code), "{named}");
        assert!(said(&output).contains(sentence), "{named}: {}", said(&output));
    }
    stack
        .dynamodb
        .break_all(falconer_emulators::tap::Matcher::any(), falconer_emulators::tap::Fault::internal());
    assert_eq!(run(&stack, &["show", &key]).status.code(), Some(6), "unavailable");
}
