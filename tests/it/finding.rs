//! Finding licenses by what support pastes, and which product a command is about that names none.

use std::io::Write;
use std::process::Stdio;

use falconer_domain::person::{Email, PersonName};
use falconer_emulators::tap::Matcher;
use falconer_tests::{Fixture, TestStack};
use serde_json::{Value, json};

use crate::issuing::falconer;
use crate::manners::Folder;
use crate::operator::{run, said, told};

fn ids(listed: &Value) -> Vec<String> {
    let licenses = listed["licenses"].as_array().unwrap();
    licenses.iter().map(|license| license["licenseId"].as_str().unwrap().to_owned()).collect()
}

fn found(stack: &TestStack, text: &str) -> (Vec<String>, bool) {
    let told = told(stack, &["find", text]);
    (ids(&told), told["lookedThrough"] == json!(true))
}

fn of_customer(
    user: &'static str,
    name: &'static str,
    entered: &'static str,
    typed: &'static str,
) -> Fixture {
    Fixture::pro().with(move |new, _| {
        new.license.user_id = Some(user.to_owned());
        new.license.licensee_name = PersonName::read(name).unwrap();
        new.license.email = Email::read(entered).unwrap();
        new.license.licensee_email = Email::read(typed).unwrap();
    })
}

/// The row "searching as support does": by name, by the last group of the key, by a part of the address; by index where
/// there is one, else by a look-through that says so.
#[test]
fn support_finds_by_what_customers_write() {
    let stack = TestStack::start();
    let key = stack.put(of_customer(
        "customer-17",
        "Zo\u{EB} M\u{FC}ller",
        "zoe@example.com",
        "private@example.org",
    ));
    let other =
        stack.put(of_customer("customer-18", "Berta Beispiel", "berta@example.com", "berta@example.com"));
    let (id, other) = (stack.license_id(&key).to_string(), stack.license_id(&other).to_string());
    let last = key.rsplit('-').next().unwrap();
    let hint = told(&stack, &["show", &id])["keyHint"].as_str().unwrap().to_owned();
    for (text, looked_through) in [
        ("customer-17", false),
        ("ZOE@example.com", false),
        ("Zo\u{EB} <zoe@example.com> wrote:", false),
        (id.as_str(), false),
        ("  (license LIC_)", true),
        ("private@example.org", true),
        ("PRIVATE@", true),
        ("zoe@", true),
        ("zoe\u{308} mu\u{308}ller", true),
        ("M\u{DC}LLER", true),
        ("tomer-17", true),
        ("About customer-17, who writes again", true),
        (last, true),
        (&last.to_lowercase(), true),
        (&hint, true),
        (&hint.replace('…', "..."), true),
        (&format!("my key ends with {last}."), true),
    ] {
        if text.contains("LIC_") {
            assert_eq!(found(&stack, text), (vec![], true), "{text}");
            continue;
        }
        assert_eq!(found(&stack, text), (vec![id.clone()], looked_through), "{text}");
    }
    let both = found(&stack, "example.com");
    assert_eq!((both.0.len(), both.1), (2, true));
    let limited = told(&stack, &["find", "example.com", "--limit", "1"]);
    assert_eq!((ids(&limited).len(), &limited["more"]), (1, &json!(true)));
    assert_eq!(
        ids(&told(&stack, &["find", "Berta", "Beispiel"])),
        [other.as_str()],
        "several words are one text"
    );
    assert_eq!(found(&stack, "nobody of that name"), (vec![], true));

    stack.forget();
    found(&stack, "customer-17");
    assert!(stack.dynamodb.matching(&Matcher::operation("Scan")).is_empty(), "the index was enough");
    let everywhere = told(&stack, &["find", "customer-17", "--everywhere"]);
    assert_eq!((ids(&everywhere), &everywhere["lookedThrough"]), (vec![id], &json!(true)));
    let told = run(&stack, &["find", "M\u{FC}ller"]);
    assert!(said(&told).contains("Looking through the whole table"), "{}", said(&told));
}

/// A key is found in whatever it was pasted with, and no message repeats it.
#[test]
fn a_pasted_line_leads_to_its_license() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let legacy = stack.put(Fixture::pro().with_legacy_key());
    for key in [&key, &legacy] {
        let id = stack.license_id(key).to_string();
        for line in [
            key.clone(),
            format!("  \"{key}\", thanks!"),
            format!("> Your license key: {key}. Please keep it."),
            format!("Hello, my key {} does not work since Monday", key.to_lowercase()),
            format!("https://example.com/activate?key={key}&x=1 (from the mail)"),
            format!("it is {} as I read it", key.replace('-', " ")),
            format!("line one\nkey = {}\nRegards, Anna", key.replacen('-', "-\n", 3)),
        ] {
            let output = run(&stack, &["find", &line]);
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
            assert!(text.contains(&id), "{line:?}: {text}");
            assert!(!text.contains(key.as_str()) && !text.contains("Looking through"), "{line:?}: {text}");
        }
    }
    let last = if key.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}{last}", &key[..key.len() - 1]);
    let output = run(&stack, &["find", &mistyped]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
    assert!(output.status.success() && text.contains("There is no such license."), "{text}");
    assert!(text.contains("a character of it may be wrong"), "{text}");
    assert!(!text.contains(&mistyped), "no key in a message: {text}");

    let mut command = falconer(&stack);
    command.args(["find", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("key: {key}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(stack.license_id(&key).as_str()));
    let empty = run(&stack, &["find", " \u{200B}"]);
    assert_eq!(empty.status.code(), Some(2), "{}", said(&empty));
}

/// Keys of another system that an import replaced, keys that were rotated since, and orders.
#[test]
fn old_keys_and_orders_lead_to_todays_license() {
    let stack = TestStack::start();
    let folder = Folder::new();
    let sheet = folder.file(
        "customers.csv",
        "license_key,status,license_tier\nABC-123-XYZ,active,pro\n5f0c6a52-8b0e-4d55-9a39-9b3f3f5ac1d2,active,elite\n",
    );
    told(&stack, &["import", "sheet", &sheet]);
    let by_tier = |tier: &str| {
        let all = told(&stack, &["list"]);
        let licenses = all["licenses"].as_array().unwrap().clone();
        let one = licenses.iter().find(|license| license["tier"] == tier).unwrap();
        one["licenseId"].as_str().unwrap().to_owned()
    };
    let (first, second) = (by_tier("pro"), by_tier("elite"));
    for (text, id) in [
        ("ABC-123-XYZ", &first),
        ("abc 123 xyz", &first),
        ("His old key was ABC-123-XYZ, from 2019.", &first),
        ("5F0C6A52-8B0E-4D55-9A39-9B3F3F5AC1D2", &second),
    ] {
        assert_eq!(found(&stack, text), (vec![id.clone()], false), "{text}");
    }
    let catalog = folder.file("acme.toml", "product = 'ACME'\n[tiers.one]\n");
    told(&stack, &["catalog", "apply", &catalog]);
    let sheet =
        folder.file("more.csv", "license_key,status,license_tier,product\nGHI-789-RST,active,one,ACME\n");
    told(&stack, &["import", "sheet", &sheet, "--product", "ACME"]);
    let (of_acme, looked_through) = found(&stack, "GHI-789-RST");
    assert_eq!((of_acme.len(), looked_through), (1, true), "of a product that only its license tells");

    let key = stack.put(Fixture::pro());
    let old = stack.license_id(&key).to_string();
    let rotated = told(&stack, &["rotate-key", &key]);
    stack.speak(rotated["licenseKey"].as_str().unwrap());
    let new = rotated["licenseId"].as_str().unwrap().to_owned();
    assert_eq!(found(&stack, &format!("Key: {key}")), (vec![old, new], false), "and what took its place");

    let order = ["issue", "--product", "QF", "--tier", "pro", "--perpetual", "--order", "order #1001"];
    let issued = told(&stack, &order);
    stack.speak(issued["licenseKey"].as_str().unwrap());
    let id = issued["licenseId"].as_str().unwrap().to_owned();
    assert_eq!(found(&stack, "order #1001"), (vec![id], false));
}

fn with_acme(stack: &TestStack, folder: &Folder) {
    let catalog = folder.file("acme.toml", "product = 'ACME'\n[tiers.one]\n");
    told(stack, &["catalog", "apply", &catalog]);
}

/// Finding B2: no key of a product that nobody meant.
#[test]
fn no_product_is_assumed_where_another_has_a_catalog() {
    let stack = TestStack::start();
    let folder = Folder::new();
    let issue = ["issue", "--tier", "one", "--perpetual"];
    let plain = run(&stack, &["issue", "--tier", "pro", "--perpetual", "--dry-run"]);
    assert!(
        plain.status.success() && said(&plain).contains("Looking through the whole table for catalogs"),
        "{}",
        said(&plain)
    );
    with_acme(&stack, &folder);
    let orders = folder.file("orders.csv", "tier,days\none,30\n");
    let sheet = folder.file("sheet.csv", "license_key,status,license_tier\nABC-123-XYZ,active,one\n");
    for arguments in
        [&issue[..], &["issue", "--from-csv", &orders], &["import", "sheet", &sheet], &["catalog", "show"]]
    {
        let refused = run(&stack, &[&["--yes"], arguments].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        let sentence = "say which product: give --product, or set FALCONER_PRODUCT or `product` in falconer.toml; \
                        catalogs are stored of ACME";
        assert!(said(&refused).contains(sentence), "{arguments:?}: {}", said(&refused));
    }
    assert!(ids(&told(&stack, &["list"])).is_empty(), "nothing was issued");
    let named = folder.file("named.csv", "tier,days,product\none,30,ACME\n");
    told(&stack, &["issue", "--from-csv", &named, "--dry-run"]);
    let named = folder
        .file("named-sheet.csv", "license_key,status,license_tier,product\nABC-123-XYZ,active,one,ACME\n");
    told(&stack, &["import", "sheet", &named, "--dry-run"]);
}

#[test]
fn a_product_is_a_setting() {
    let stack = TestStack::start();
    let folder = Folder::new();
    with_acme(&stack, &folder);
    folder.file("falconer.toml", "product = \"acme\"\n");
    let issued = |variable: Option<&str>, flag: Option<&str>, tier: &str| -> Value {
        let mut command = falconer(&stack);
        command.current_dir(folder.path("")).args(["issue", "--json", "--perpetual", "--tier", tier]);
        command.args(flag.map(|flag| format!("--product={flag}")));
        command.envs(variable.map(|variable| ("FALCONER_PRODUCT", variable)));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(stack.dynamodb.matching(&Matcher::operation("Scan")).is_empty(), "nobody has to look");
        let issued: Value = serde_json::from_slice(&output.stdout).unwrap();
        stack.speak(issued["licenseKey"].as_str().unwrap());
        issued["product"].clone()
    };
    stack.forget();
    assert_eq!(issued(None, None, "one"), "ACME", "of the file");
    assert_eq!(issued(Some("QF"), None, "pro"), "QF", "a variable wins over the file");
    assert_eq!(issued(Some("QF"), Some("ACME"), "one"), "ACME", "and a flag over both");
    let mut command = falconer(&stack);
    command.env("FALCONER_PRODUCT", "a product").args(["catalog", "show"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("FALCONER_PRODUCT, or `product`"), "{}", said(&output));
}
