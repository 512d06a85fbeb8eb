//! The operator's desk: correcting who the customer is, and rules that one license has of its own.

use falconer_domain::person::Email;
use falconer_tests::{Fixture, Machine, TestStack};
use serde_json::{Value, json};

use crate::operator::{run, said, told};

fn with_email(email: &'static str) -> Fixture {
    Fixture::pro().with(move |new, _| {
        new.license.email = Email::read(email).unwrap();
        new.license.licensee_name = None;
    })
}

fn ids(listed: &Value) -> Vec<String> {
    let licenses = listed["licenses"].as_array().unwrap();
    licenses.iter().map(|license| license["licenseId"].as_str().unwrap().to_owned()).collect()
}

fn transfer(stack: &TestStack, key: &str, machine: &Machine, email: &str) -> String {
    let mut request = machine.request(key);
    request["licensee_email"] = json!(email);
    stack.post("/api/transfer", &request).code().to_owned()
}

/// The row "correcting": a mistyped e-mail, user or name is put right, in the license, its indexes and the audit.
#[test]
fn a_mistyped_customer_is_corrected() {
    let stack = TestStack::start();
    let key = stack.put(with_email("mistyped@example.com"));
    let id = stack.license_id(&key).to_string();
    let corrected = told(
        &stack,
        &[
            "set-customer",
            &key,
            "--email",
            " Anna <Right@Example.com>",
            "--user",
            "u-17",
            "--name",
            "Zoe\u{308} M",
        ],
    );
    assert_eq!(corrected["outcome"], "changed");
    let license = &corrected["license"];
    assert_eq!(
        (&license["email"], &license["userId"], &license["licenseeName"]),
        (&json!("right@example.com"), &json!("u-17"), &json!("Zo\u{EB} M"))
    );
    for filter in [["--email", "right@example.com"], ["--user", "u-17"], ["--name", "ZOE\u{308}"]] {
        assert_eq!(ids(&told(&stack, &[&["list"], &filter[..]].concat())), [id.as_str()], "{filter:?}");
    }
    assert_eq!(
        ids(&told(&stack, &["list", "--email", "mistyped@example.com"])),
        [""; 0],
        "the index follows"
    );

    let row = &stack.audit_rows(&stack.license_id(&key))[0];
    assert_eq!((&row["action"]["S"], &row["code"]["S"]), (&json!("set-customer"), &json!("CUSTOMER_SET")));
    assert_eq!(row["changes"]["M"]["email"]["S"], "changed");
    assert!(!row.to_string().contains("example.com"), "no address in the audit: {row}");

    let same = told(&stack, &["set-customer", &key, "--email", "RIGHT@example.com"]);
    assert_eq!(same["outcome"], "unchanged");
    let cleared = told(&stack, &["set-customer", &key, "--email", "", "--user", " ", "--name", ""]);
    let license = &cleared["license"];
    assert_eq!([&license["email"], &license["userId"], &license["licenseeName"]], [&Value::Null; 3]);
    assert_eq!(ids(&told(&stack, &["list", "--user", "u-17"])), [""; 0]);
}

#[test]
fn a_correction_is_asked_for_and_shown_first() {
    let stack = TestStack::start();
    let key = stack.put(with_email("mistyped@example.com"));
    let asked = run(&stack, &["set-customer", &key, "--email", "right@example.com"]);
    assert_eq!(asked.status.code(), Some(1), "{}", said(&asked));
    let dry = run(&stack, &["set-customer", &key, "--email", "right@example.com", "--dry-run"]);
    let text = String::from_utf8_lossy(&dry.stdout).into_owned();
    assert!(text.contains(r#"email: "mistyped@example.com" → "right@example.com""#), "{text}");
    for arguments in [["--email", "nobody"], ["--email", "\u{200B}"], ["--name", &"x".repeat(256)]] {
        let refused = run(&stack, &[&["set-customer", &key, "--yes"], &arguments[..]].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", said(&refused));
        assert!(!said(&refused).contains(&key));
    }
    assert_eq!(run(&stack, &["set-customer", &key, "--yes"]).status.code(), Some(2), "nothing to correct");
    assert_eq!(stack.stored(&stack.license_id(&key)).email, Email::read("mistyped@example.com").unwrap());
}

/// A transfer that has to name the customer's e-mail is compared with the corrected address, and with the one typed in
/// the application where the operator's is cleared.
#[test]
fn transfers_compare_the_corrected_address() {
    let stack = TestStack::start();
    let key = stack.put(with_email("mistyped@example.com").with(|new, _| {
        new.license.policy.transfer_requires_email = Some(true);
        new.license.policy.transfer_cooldown_hours = Some(0);
        new.license.licensee_email = Email::read("dialog@example.com").unwrap();
    }));
    let machines = ["first", "second", "third"].map(Machine::named);
    assert_eq!(transfer(&stack, &key, &machines[0], "mistyped@example.com"), "ACTIVATED");
    assert_eq!(transfer(&stack, &key, &machines[1], "right@example.com"), "EMAIL_MISMATCH");
    told(&stack, &["set-customer", &key, "--email", "right@example.com"]);
    assert_eq!(transfer(&stack, &key, &machines[1], "mistyped@example.com"), "EMAIL_MISMATCH");
    assert_eq!(transfer(&stack, &key, &machines[1], "Right@example.com"), "TRANSFERRED");
    told(&stack, &["set-customer", &key, "--email", ""]);
    assert_eq!(transfer(&stack, &key, &machines[2], "right@example.com"), "EMAIL_MISMATCH");
    assert_eq!(transfer(&stack, &key, &machines[2], "dialog@example.com"), "TRANSFERRED");
}

#[test]
fn a_license_gets_rules_of_its_own_and_loses_them() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let (first, second) = (Machine::named("first"), Machine::named("second"));
    assert_eq!(stack.activate(&key, &first).code(), "ACTIVATED");
    let set = told(
        &stack,
        &["set-policy", &key, "max_transfers=0", "offline-grace-days=30", "hardware_required=yes"],
    );
    assert_eq!(set["outcome"], "changed");
    let own = &set["license"]["ownPolicy"];
    assert_eq!(
        (&own["max_transfers"], &own["offline_grace_days"], &own["hardware_required"], &own["seats"]),
        (&json!(0), &json!(30), &json!(true), &Value::Null)
    );
    assert_eq!(stack.transfer(&key, &second).code(), "TRANSFER_LIMIT_REACHED");
    assert_eq!(stack.verify(&key).code(), "NOT_ACTIVATED", "hardware is required");
    let shown = run(&stack, &["show", &key]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = "Own policy    offline_grace_days 30, hardware_required true, max_transfers 0";
    assert!(text.contains(line), "{text}");

    let dry = run(&stack, &["set-policy", &key, "max_transfers=", "--dry-run"]);
    let text = String::from_utf8_lossy(&dry.stdout).into_owned();
    assert!(text.contains("ownPolicy.max_transfers: 0 → none"), "{text}");
    told(&stack, &["set-policy", &key, "max_transfers="]);
    assert_eq!(stack.transfer(&key, &second).code(), "TRANSFERRED");
    let reset = told(&stack, &["set-policy", &key, "--reset"]);
    assert!(reset["license"]["ownPolicy"].as_object().unwrap().values().all(Value::is_null), "{reset}");
    assert_eq!(stack.verify(&key).code(), "VALID");
    assert_eq!(told(&stack, &["set-policy", &key, "--reset"])["outcome"], "unchanged");

    let rows = stack.audit_rows(&stack.license_id(&key));
    let set = rows.iter().filter(|row| row["code"]["S"] == "POLICY_SET").count();
    assert_eq!(set, 3, "one for each change");
    for (setting, sentence) in [
        ("seats=0", "seats must be 1 to 100"),
        ("seats=101", "seats must be 1 to 100"),
        ("grace=3", "a policy has no member \"grace\"; it has seats, check_interval_hours"),
        ("offline_grace_days", "is not NAME=VALUE"),
        ("max_transfers=many", "max_transfers must be a whole number"),
        ("hardware_required=perhaps", "hardware_required must be true or false"),
    ] {
        let refused = run(&stack, &["--yes", "set-policy", &key, setting]);
        assert_eq!(refused.status.code(), Some(2), "{setting}");
        assert!(said(&refused).contains(sentence), "{setting}: {}", said(&refused));
    }
}

/// Seats of its own obey the rules of `set-seats`, and a policy of its own survives an export and an import.
#[test]
fn an_own_policy_fits_its_devices_and_is_exported() {
    let stack = TestStack::start();
    let (first, second) = (Machine::named("first"), Machine::named("second"));
    let key = stack.put(Fixture::pro());
    told(&stack, &["set-policy", &key, "seats=2", "check_interval_hours=1"]);
    assert_eq!(stack.activate(&key, &first).code(), "ACTIVATED");
    assert_eq!(stack.activate(&key, &second).code(), "ACTIVATED");
    let refused = run(&stack, &["--yes", "set-policy", &key, "--reset"]);
    assert!(
        said(&refused).contains("2 devices are bound; name 1 of them with --release"),
        "{}",
        said(&refused)
    );
    assert_eq!(refused.status.code(), Some(1));

    let folder = crate::manners::Folder::new();
    let sheet = folder.path("export.csv");
    told(&stack, &["export", "csv", "--output", &sheet]);
    let elsewhere = TestStack::start();
    told(&elsewhere, &["import", "sheet", &sheet]);
    let shown = told(&elsewhere, &["show", stack.license_id(&key).as_str()]);
    assert_eq!(shown["ownPolicy"]["seats"], 2, "{shown}");
    assert_eq!(shown["ownPolicy"]["check_interval_hours"], 1);

    let device = told(&stack, &["show", &key])["devices"][0]["id"].as_str().unwrap().to_owned();
    let reset = told(&stack, &["set-policy", &key, "--reset", "--release", &device]);
    assert_eq!(reset["license"]["seats"], json!({ "used": 1, "max": 1, "freeUsed": 1 }));
}

/// The row "correcting": `list` finds what the operator entered and what was typed in the application.
#[test]
fn lists_find_both_addresses_and_names() {
    let stack = TestStack::start();
    let entered = stack.put(with_email("stra\u{DF}e@example.com"));
    let typed = stack.put(Fixture::pro().with(|new, _| {
        new.license.email = Email::read("office@example.com").unwrap();
        new.license.licensee_email = Email::read("zo\u{EB}@example.com").unwrap();
    }));
    let nobody = stack.put(Fixture::pro().with(|new, _| {
        new.license.email = None;
        new.license.licensee_name = None;
    }));
    let (entered, typed) = (stack.license_id(&entered).to_string(), stack.license_id(&typed).to_string());
    for (arguments, expected, through) in [
        (["--email", "stra\u{DF}e@example.com"], vec![&entered], false),
        (["--email", "STRASSE@example.com"], vec![&entered], true),
        (["--email", "office@example.com"], vec![&typed], false),
        (["--email", "ZOE\u{308}@example.com"], vec![&typed], true),
        (["--name", "fixture  PERSON"], vec![&typed], true),
        (["--name", "person"], vec![&typed], true),
        (["--email", "somebody@example.com"], vec![], true),
    ] {
        let listed = told(&stack, &[&["list"], &arguments[..]].concat());
        assert_eq!(ids(&listed).iter().collect::<Vec<_>>(), expected, "{arguments:?}");
        assert_eq!(listed["lookedThrough"], through, "{arguments:?}");
    }
    let all = told(&stack, &["list"]);
    assert_eq!((ids(&all).len(), &all["more"]), (3, &json!(false)));
    let page = told(&stack, &["list", "--limit", "2"]);
    let next = page["next"].as_str().unwrap();
    let rest = told(&stack, &["list", "--limit", "2", "--after", next]);
    let mut pages = [ids(&page), ids(&rest)].concat();
    pages.sort_unstable();
    let mut every = vec![entered, typed, stack.license_id(&nobody).to_string()];
    every.sort_unstable();
    assert_eq!(pages, every);
    let shown = run(&stack, &["list", "--email", "zo\u{EB}@example.com"]);
    assert!(said(&shown).contains("Looking through the whole table"), "{}", said(&shown));
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("zo\u{EB}@example.com"), "what was found is shown: {text}");
    let one = run(&stack, &["list", "--email", "office@example.com"]);
    assert!(said(&one).contains("falconer find --everywhere"), "{}", said(&one));
}
