//! A person is erased: nothing of them is in any table but what the command said, before and after the next request.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use falconer_domain::person::Email;
use falconer_emulators::gateway::SOURCE_IP_HEADER;
use falconer_emulators::tap::Fault;
use falconer_tests::{Fixture, Machine, RaisedOnLeaving, Reply, TestStack, TestStackOptions};
use serde_json::{Value, json};

use crate::issuing::falconer;
use crate::manners::Folder;
use crate::operator::{run, said, told};

/// Every text about the person has one of these in it, and nothing else in a stack has.
const TRACES: [&str; 4] = ["quillon", "zorblax", "grumplewick", "frobnicator"];
/// The person's machines.
const ADDRESSES: [&str; 2] = ["203.0.113.77", "198.51.100.23"];

/// Licenses, verifications, rate limits: their items as text.
fn tables(stack: &TestStack) -> [String; 3] {
    stack.settle();
    let text = stack.everything_stored();
    let scans = serde_json::Deserializer::from_str(&text).into_iter::<Value>().map(Result::unwrap);
    let scans: Vec<_> = scans
        .map(|scan| {
            assert!(scan["LastEvaluatedKey"].is_null(), "more than one page");
            scan["Items"].to_string()
        })
        .collect();
    scans.try_into().expect("three tables")
}

/// A text as bytes may hide it: its base64 at each of the three places where it can begin, without what depends on its
/// neighbours, and its digits.
fn hidden(word: &str) -> Vec<String> {
    let shifted = (0..3).map(|shift| {
        let encoded = BASE64.encode(&[&vec![0; shift], word.as_bytes()].concat());
        let whole = (shift + word.len()) / 3 * 4;
        encoded[[0, 2, 3][shift]..whole].to_owned()
    });
    shifted.chain([HEXLOWER.encode(word.as_bytes())]).collect()
}

/// Finds the words that a table holds, in any case, plain or encoded.
fn found<'a>(table: &str, words: &[&'a str]) -> Vec<&'a str> {
    let lower = table.to_lowercase();
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let is_in = |word: &&str| {
        let encoded = [(*word).to_owned(), word.to_uppercase(), capital(word)];
        lower.contains(*word)
            || encoded.iter().flat_map(|word| hidden(word)).any(|word| table.contains(&word))
    };
    words.iter().filter(|word| is_in(word)).copied().collect()
}

/// Returns the traces of the person, table by table.
fn left(stack: &TestStack) -> [Vec<&'static str>; 3] {
    let words: Vec<_> = TRACES.iter().chain(&ADDRESSES).copied().collect();
    tables(stack).map(|table| found(&table, &words))
}

#[test]
fn a_search_finds_words_however_they_are_written() {
    for text in
        ["a Quillon b", "QUILLON", r#""QXF1aWxsb24=""#, &BASE64.encode(b"ab Quillon c"), "7175696c6c6f6e"]
    {
        assert_eq!(found(text, &TRACES), ["quillon"], "{text}");
    }
    assert!(found("nothing of anybody", &TRACES).is_empty());
}

/// The application's members about its person and machine.
fn speaking(machine: &Machine, key: &str) -> Value {
    let mut body = machine.request(key);
    for (name, value) in [
        ("licensee_name", "Quillon Zorblax"),
        ("licensee_email", "Grumplewick@example.net"),
        ("device_name", "Quillon's frobnicator"),
        ("origin", "https://zorblax.example/app"),
    ] {
        body[name] = json!(value);
    }
    body
}

fn post(stack: &TestStack, number: usize, endpoint: &str, body: &Value) -> Reply {
    let headers = [(SOURCE_IP_HEADER, ADDRESSES[number % 2]), ("content-type", "application/json")];
    stack.send("POST", &format!("/api/{endpoint}"), &headers, body.to_string().as_bytes())
}

fn asked(stack: &TestStack, endpoint: &str, machine: &Machine, key: &str, code: &str) -> Reply {
    let reply = post(stack, endpoint.len(), endpoint, &speaking(machine, key));
    assert_eq!(reply.code(), code, "{endpoint}: {}", reply.body);
    reply
}

fn issued(stack: &TestStack, arguments: &[&str]) -> String {
    let issued = told(stack, &[&["issue", "--tier", "pro"], arguments].concat());
    let key = issued["licenseKey"].as_str().unwrap().to_owned();
    stack.speak(&key);
    key
}

const ORDER: [&str; 10] = [
    "--user",
    "zorblax-17",
    "--email",
    "Quillon.Zorblax@Example.com",
    "--name",
    "Quillon Zorblax",
    "--perpetual",
    "--order",
    "order of zorblax, 2041",
    "--seats=2",
];

/// The licenses of one person: the one that was bought, and the one that took its place; one that was imported; one
/// that only the application has told about; one with a name alone.
struct Licenses {
    old: String,
    new: String,
    imported: String,
    told: String,
    named: String,
}

impl Licenses {
    fn keys(&self) -> [&str; 5] {
        [&self.old, &self.new, &self.imported, &self.told, &self.named]
    }

    /// Fills every place that the system has for a person.
    fn fill(stack: &TestStack, folder: &Folder) -> Self {
        let machine = |name| Machine::named(name);
        let (one, two, three) = (machine("one"), machine("two"), machine("three"));
        let old = issued(stack, &[&ORDER[..], &["--reason", "Zorblax paid by wire"]].concat());
        told(stack, &["note", &old, "Quillon called\nabout the Grumplewick", "--reason", "so says Zorblax"]);
        asked(stack, "activate-sync", &one, &old, "ACTIVATED");
        asked(stack, "verify", &one, &old, "VALID");
        asked(stack, "activate-sync", &two, &old, "ACTIVATED");
        asked(stack, "activate-sync", &three, &old, "SEATS_EXHAUSTED");
        asked(stack, "transfer", &three, &old, "DEVICE_REQUIRED");
        let device = told(stack, &["show", &old])["devices"][0]["id"].as_str().unwrap().to_owned();
        let mut from = speaking(&three, &old);
        from["from_device"] = json!(device);
        assert_eq!(post(stack, 0, "transfer", &from).code(), "TRANSFERRED");
        asked(stack, "deactivate", &three, &old, "DEACTIVATED");
        asked(stack, "activate-sync", &three, &old, "ACTIVATED");
        asked(stack, "deactivate", &three, &old, "DEACTIVATED");
        told(stack, &["suspend", &old, "--reason", "Quillon charged back"]);
        asked(stack, "verify", &two, &old, "SUSPENDED");
        told(stack, &["reinstate", &old, "--reason", "Zorblax paid again"]);
        let rotated = told(stack, &["rotate-key", &old, "--reason", "Quillon has lost it"]);
        let new = rotated["licenseKey"].as_str().unwrap().to_owned();
        stack.speak(&new);
        asked(stack, "activate-sync", &one, &new, "ACTIVATED");
        asked(stack, "activate-sync", &two, &new, "ACTIVATED");
        asked(stack, "deactivate", &two, &new, "DEACTIVATED");

        let imported = stack.key_alone(Fixture::pro().with_legacy_key());
        let header = "id,license_key,user_id,email,tier,expires_at,created_at,active,features,metadata\n";
        let row = format!(
            "1,{imported},zorblax-17,Quillon <Quillon.Zorblax@example.com>,pro,4764-01-05 00:00:00,2025-01-10 09:30:00,t,,\
             \"{{\"\"crm\"\": \"\"Zorblax & Sons\"\"}}\"\n"
        );
        let file = folder.file("licenses.csv", &(header.to_owned() + &row));
        let report =
            told(stack, &["import", "postgres", &file, "--trust-timezone", "--reason", "for Zorblax"]);
        assert_eq!(report["imported"], 1, "{report}");
        asked(stack, "activate-sync", &one, &imported, "ACTIVATED");

        let by_application = issued(stack, &["--perpetual"]);
        asked(stack, "activate-sync", &one, &by_application, "ACTIVATED");
        let named = issued(stack, &["--perpetual", "--name", "Quillon Zorblax"]);
        let mut silent = two.request(&named);
        silent["device_name"] = json!("Quillon's frobnicator");
        assert_eq!(post(stack, 0, "activate-sync", &silent).code(), "ACTIVATED");
        told(stack, &["reveal", &named, "--reason", "Zorblax lost the mail"]);
        Self { old, new, imported, told: by_application, named }
    }
}

/// A stack in which requests are counted by address.
fn counting_stack() -> TestStack {
    let counted = ("RATE_LIMIT_PER_MINUTE", "1000".to_owned());
    let unbounded = ("VERIFIES_PER_LICENSE_PER_MINUTE", "0".to_owned());
    TestStack::with(&TestStackOptions { settings: vec![counted, unbounded], ..TestStackOptions::default() })
}

#[test]
fn an_erased_person_is_nowhere_and_stays_away() {
    let (stack, folder) = (counting_stack(), Folder::new());
    let bystander = stack.put(Fixture::pro().with(|new, _| new.license.user_id = Some("berta".to_owned())));
    asked_as_berta(&stack, &bystander);
    let licenses = Licenses::fill(&stack, &folder);
    let everything: Vec<_> = TRACES.iter().chain(&ADDRESSES).copied().collect();
    let [items, rows, counters] = left(&stack);
    assert_eq!(items, TRACES, "the search sees what is there");
    assert_eq!(rows, ["quillon", "zorblax", "203.0.113.77", "198.51.100.23"]);
    assert_eq!(counters, ADDRESSES);
    let id = stack.license_id(&bystander);
    let of_others = || (stack.item(&id), stack.audit_rows(&id));
    let others_before = of_others();

    let dry = told(&stack, &["--dry-run", "erase-subject", "--email", "quillon.zorblax@example.com"]);
    assert_eq!((&dry["outcome"], &dry["found"], &dry["erased"]), (&json!("dry_run"), &json!(3), &json!([])));
    let [items, ..] = left(&stack);
    assert_eq!(items, TRACES, "a dry run changes nothing");

    let erased = told(
        &stack,
        &["erase-subject", "--email", "QUILLON.Zorblax@example.com", "--reason", "privacy request 17"],
    );
    assert_eq!((&erased["outcome"], &erased["found"]), (&json!("changed"), &json!(3)), "{erased}");
    assert_eq!(erased["orders"], json!(["order of zorblax, 2041"]));
    for counted in ["auditRows", "licenses"] {
        assert_eq!(erased[counted], dry[counted], "the dry run has said so");
    }
    let parts = erased["licenses"].to_string();
    for part in [
        "user id",
        "e-mail",
        "name",
        "e-mail told by the application",
        "note",
        "names of devices",
        "metadata of an import",
    ] {
        assert!(parts.contains(&format!("{part:?}")), "{part}: {parts}");
    }
    let by_application = told(&stack, &["erase-subject", "--email", "grumplewick@example.net"]);
    assert_eq!(by_application["erased"], json!([stack.license_id(&licenses.told).as_str()]));
    let named =
        told(&stack, &["erase-subject", "--license", &licenses.named, "--reason", "privacy request 17"]);
    assert_eq!(named["erased"], json!([stack.license_id(&licenses.named).as_str()]));

    let remains = erased["remains"].to_string();
    assert!(remains.contains("counters of requests by address"), "{remains}");
    let only_counters = [vec![], vec![], ADDRESSES.to_vec()];
    assert_eq!(left(&stack), only_counters, "nothing but what the command said");
    assert_eq!(of_others(), others_before, "nobody else's license is touched");

    requests_after(&stack, &licenses);
    assert_eq!(left(&stack), only_counters, "the application's next requests bring nobody back");
    assert!(everything.iter().all(|word| !stack.log_text().to_lowercase().contains(word)));

    // Done before: nobody is found by the address, and the license has nothing more to give.
    let again = run(&stack, &["--yes", "erase-subject", "--email", "quillon.zorblax@example.com"]);
    assert_eq!(again.status.code(), Some(4), "{}", said(&again));
    let rows_before = stack.audit_rows(&stack.license_id(&licenses.new)).len();
    let again = told(&stack, &["erase-subject", "--license", &licenses.new]);
    assert_eq!((&again["outcome"], &again["auditRows"]), (&json!("unchanged"), &json!(0)), "{again}");
    assert_eq!(stack.audit_rows(&stack.license_id(&licenses.new)).len(), rows_before);

    // The reason of the deed stays, and those of before are gone.
    let audit = told(&stack, &["audit", &licenses.old]).to_string();
    assert!(audit.contains("privacy request 17") && audit.contains("SUBJECT_ERASED"), "{audit}");
    shown_sensibly(&stack, &licenses);
    the_order_is_not_issued_again(&stack, &licenses);
    a_copy_keeps_the_mark(&stack, &licenses, &folder);
}

fn asked_as_berta(stack: &TestStack, key: &str) {
    let mut body = Machine::named("berta").request(key);
    body["device_name"] = json!("Berta's");
    assert_eq!(stack.post_from("203.0.113.9", "/api/activate-sync", &body).code(), "ACTIVATED");
    told(stack, &["note", key, "paid", "--reason", "Berta paid"]);
    stack.settle();
}

/// Everything that an application may ask, with all that it knows of its person.
fn requests_after(stack: &TestStack, licenses: &Licenses) {
    let machine = |name| Machine::named(name);
    let (one, two, three, four) = (machine("one"), machine("two"), machine("three"), machine("four"));
    let count =
        || licenses.keys().map(|key| stack.audit_rows(&stack.license_id(key)).len()).iter().sum::<usize>();
    let before = count();
    asked(stack, "verify", &one, &licenses.old, "REVOKED");
    asked(stack, "activate-sync", &one, &licenses.old, "REVOKED");
    let reply = asked(stack, "activate-sync", &one, &licenses.new, "REFRESHED");
    assert_eq!((&reply.body["device"]["name"], &reply.body["userId"]), (&Value::Null, &Value::Null));
    assert!(reply.body.get("ignored").is_none(), "nothing is said of an erasure: {}", reply.body);
    asked(stack, "verify", &one, &licenses.new, "VALID");
    asked(stack, "activate-sync", &two, &licenses.new, "ACTIVATED");
    asked(stack, "activate-sync", &three, &licenses.new, "SEATS_EXHAUSTED");
    asked(stack, "deactivate", &two, &licenses.new, "DEACTIVATED");
    asked(stack, "activate-sync", &two, &licenses.new, "ACTIVATED");
    asked(stack, "deactivate", &two, &licenses.new, "DEACTIVATED");
    asked(stack, "deactivate", &three, &licenses.new, "DEVICE_NOT_BOUND");
    asked(stack, "transfer", &three, &licenses.imported, "TRANSFERRED");
    asked(stack, "transfer", &three, &licenses.imported, "ALREADY_BOUND");
    asked(stack, "transfer", &one, &licenses.imported, "RECLAIMED");
    asked(stack, "transfer", &four, &licenses.told, "TRANSFERRED");
    asked(stack, "activate-sync", &two, &licenses.named, "REFRESHED");
    stack.settle();
    assert!(count() > before + 10, "the audit goes on");
}

fn shown_sensibly(stack: &TestStack, licenses: &Licenses) {
    let shown = told(stack, &["show", &licenses.new]);
    assert!(shown["erasedAt"].is_i64() && shown["email"].is_null() && shown["userId"].is_null(), "{shown}");
    let printed = |arguments: &[&str]| String::from_utf8(run(stack, arguments).stdout).unwrap();
    assert!(printed(&["show", &licenses.new]).contains("Erased"), "{}", printed(&["show", &licenses.new]));
    assert!(printed(&["explain", &licenses.new]).contains("person was erased on"));
    assert!(printed(&["list", "--all"]).contains("erased"));
    assert!(printed(&["audit", &licenses.new]).contains("SUBJECT_ERASED"));
}

fn the_order_is_not_issued_again(stack: &TestStack, licenses: &Licenses) {
    let again = told(stack, &[&["issue", "--tier", "pro"], &ORDER[..]].concat());
    assert_eq!(
        (&again["outcome"], &again["licenseKey"]),
        (&json!("there"), &json!(licenses.new)),
        "the hash of its id still tells it: {again}"
    );
    let [items, rows, _] = left(stack);
    assert_eq!((items, rows), (vec![], vec![]), "an order that comes again brings nobody back");
    let other = told(stack, &["--dry-run", "issue", "--tier", "pro", "--perpetual", "--order", "another"]);
    assert_eq!(other["there"], Value::Null);
}

/// An export that is imported elsewhere: the mark is in it.
fn a_copy_keeps_the_mark(stack: &TestStack, licenses: &Licenses, folder: &Folder) {
    let file = folder.path("export.csv");
    told(stack, &["export", "csv", "--output", &file, "--reveal"]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(found(&text, &TRACES), [""; 0]);
    let copy = TestStack::start();
    let report = told(&copy, &["import", "sheet", &file]);
    assert_eq!(report["refused"], 0, "{report}");
    let (new, id) = (&licenses.new, stack.license_id(&licenses.new));
    assert_eq!(copy.stored(&id).erased_at, stack.stored(&id).erased_at);
    asked(&copy, "activate-sync", &Machine::named("one"), new, "REFRESHED");
    let [items, rows, _] = left(&copy);
    assert_eq!((items, rows), (vec![], vec![]));
}

#[test]
fn a_reason_that_names_the_person_is_refused() {
    let stack = TestStack::start();
    let key = issued(&stack, &ORDER);
    let by_email = ["erase-subject", "--email", "quillon.zorblax@example.com", "--reason"];
    let by_license = ["erase-subject", "--license", &key, "--reason"];
    for reason in ["Zorblax asked", "user zorblax-17", "quillon.zorblax@example.com has asked"] {
        for command in [&by_email[..], &by_license] {
            let refused = run(&stack, &[&["--yes"], command, &[reason]].concat());
            assert_eq!(refused.status.code(), Some(2), "{reason}: {}", said(&refused));
            assert!(said(&refused).contains("the reason names the person"), "{}", said(&refused));
        }
    }
    assert!(stack.stored(&stack.license_id(&key)).email.is_some(), "and nothing is changed");
}

#[test]
fn an_address_in_a_text_is_told_and_left() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    told(&stack, &["note", &key, "forwarded to quillon.zorblax@example.com"]);
    let output = run(&stack, &["--yes", "erase-subject", "--email", "quillon.zorblax@example.com"]);
    assert_eq!(output.status.code(), Some(4));
    let id = stack.license_id(&key);
    let sentence = format!("The note of {id} has this address too: `falconer erase-subject --license {id}`");
    assert!(said(&output).contains(&sentence), "{}", said(&output));
    assert!(stack.stored(&id).notes.is_some());
    for arguments in [&["erase-subject"][..], &["erase-subject", "--email", " "]] {
        let output = run(&stack, &[&["--yes"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    }
    let none = run(&stack, &["--yes", "erase-subject", "--license", "lic_000000000000000000000000"]);
    assert_eq!(none.status.code(), Some(4), "{}", said(&none));
}

/// The policy asks for an e-mail that nobody knows any more: the customer still moves, and the next one is asked again.
#[test]
fn an_erased_customer_still_transfers() {
    let stack = TestStack::start();
    let asks_for_email =
        Fixture::pro().with(|new, _| new.license.policy.transfer_requires_email = Some(true));
    let key = stack.put(asks_for_email);
    let (first, second) = (Machine::named("first"), Machine::named("second"));
    assert_eq!(stack.activate(&key, &first).code(), "ACTIVATED");
    assert_eq!(stack.transfer(&key, &second).code(), "EMAIL_MISMATCH");
    told(&stack, &["erase-subject", "--license", &key]);
    assert_eq!(stack.transfer(&key, &second).code(), "TRANSFERRED");
    assert_eq!(stack.activate(&key, &first).code(), "SEATS_EXHAUSTED");
}

/// Licenses whose keys were rotated are of one customer: they go along, unless they have another address.
#[test]
fn rotated_licenses_go_along() {
    let stack = TestStack::start();
    let rotated = |key: &str| {
        let new = told(&stack, &["rotate-key", key])["licenseKey"].as_str().unwrap().to_owned();
        stack.speak(&new);
        new
    };
    let nameless = ["--perpetual", "--name", "Quillon Zorblax"];
    let old = issued(&stack, &nameless);
    let new = rotated(&rotated(&old));
    asked(&stack, "activate-sync", &Machine::named("one"), &new, "ACTIVATED");
    let erased = told(&stack, &["erase-subject", "--email", "grumplewick@example.net"]);
    assert_eq!(erased["found"], 3, "{erased}");
    let other = issued(&stack, &nameless);
    rotated(&other);
    let erased = told(&stack, &["erase-subject", "--license", &other]);
    assert_eq!(erased["found"], 2, "{erased}");
    let [items, rows, _] = left(&stack);
    assert_eq!((items, rows), (vec![], vec![]));

    let sold_on = stack.put(Fixture::pro());
    let id = stack.license_id(&sold_on);
    let newer = id.clone();
    let theirs = move |new: &mut falconer_domain::issue::NewLicense| {
        new.license.email = Email::read("quillon@example.com").unwrap();
        new.license.replaced_by = Some(newer);
    };
    let before = stack.item(&id);
    stack.put(Fixture::pro().with(move |new, _| theirs(new)));
    let erased = told(&stack, &["erase-subject", "--email", "quillon@example.com"]);
    assert_eq!(erased["found"], 1, "{erased}");
    assert_eq!(stack.item(&id), before, "somebody else has it now");
}

/// Stopped at each of its writes, and given once more: as if it had not been stopped.
#[test]
fn an_erasure_stopped_anywhere_is_finished() {
    let stack = TestStack::start();
    let email = |number: usize| format!("quillon{number}.zorblax@example.com");
    let mut stopped = 0;
    for writes in 0..14 {
        let (address, order) = (email(writes), format!("zorblax {writes}"));
        let order = ["--perpetual", "--email", &address, "--order", &order, "--reason", "Zorblax paid"];
        let old = issued(&stack, &order);
        asked(&stack, "activate-sync", &Machine::named("one"), &old, "ACTIVATED");
        asked(&stack, "verify", &Machine::named("one"), &old, "VALID");
        stack.speak(
            told(&stack, &["rotate-key", &old, "--reason", "Zorblax"])["licenseKey"].as_str().unwrap(),
        );
        stack.settle();
        let was_stopped = stopped_after(&stack, writes, &["--yes", "erase-subject", "--email", &address]);
        stopped += usize::from(was_stopped);
        let [items, rows, _] = left(&stack);
        let anything_left = !(items.is_empty() && rows.is_empty());
        let again = run(&stack, &["--yes", "erase-subject", "--email", &address]);
        let expected = if anything_left { Some(0) } else { again.status.code() };
        assert_eq!(again.status.code(), expected, "after {writes}: {}", said(&again));
        let [items, rows, _] = left(&stack);
        assert_eq!((items, rows), (vec![], vec![]), "after {writes} writes");
        let unfinished = stack.everything_stored().contains("being_erased");
        assert!(!unfinished, "after {writes} writes");
        let rows = stack.audit_rows(&stack.license_id(&old));
        let deeds = rows.iter().filter(|row| row["action"]["S"] == "erase-subject").count();
        assert_eq!(deeds, 1, "one row of the audit, after {writes} writes");
    }
    assert!(stopped >= 6, "{stopped} were stopped in the middle");
}

/// Lets so many writes of a command through, holds the next one back for ever, and kills the command there; whether
/// there was a next one.
fn stopped_after(stack: &TestStack, writes: usize, arguments: &[&str]) -> bool {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    stack.dynamodb.break_when(move |request| {
        let is_write = ["TransactWriteItems", "UpdateItem", "PutItem"].contains(&request.operation.as_str());
        (is_write && counter.fetch_add(1, Ordering::Relaxed) >= writes).then_some(Fault::Hang)
    });
    let mut command = falconer(stack);
    let command = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut ended = false;
    while !ended && seen.load(Ordering::Relaxed) <= writes {
        std::thread::sleep(Duration::from_millis(5));
        ended = child.try_wait().unwrap().is_some();
    }
    let _ = child.kill();
    child.wait().unwrap();
    stack.dynamodb.heal();
    !ended
}

/// Requests that are under way while a person is erased meet the license before or after, and store nobody.
#[test]
fn requests_under_way_bring_nobody_back() {
    let stack = TestStack::with(&TestStackOptions { instances: 2, ..TestStackOptions::default() });
    let key = issued(&stack, &ORDER);
    let machine = Machine::named("one");
    asked(&stack, "activate-sync", &machine, &key, "ACTIVATED");
    let id = stack.license_id(&key);
    let (url, done) = (stack.gateway().url(), AtomicBool::new(false));
    let (machine, key, url, done) = (&machine, &key, &url, &done);
    std::thread::scope(|scope| {
        let leaving = RaisedOnLeaving(done);
        for caller in 0..4 {
            scope.spawn(move || {
                for round in 0.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut body = machine.request(key);
                    body["device_name"] = json!(format!("Quillon's frobnicator {caller}-{round}"));
                    body["licensee_name"] = json!("Quillon Zorblax");
                    let _ = Reply::post(&format!("{url}/api/activate-sync"), &[], &body.to_string());
                }
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        let erased = told(&stack, &["erase-subject", "--email", "quillon.zorblax@example.com"]);
        assert_eq!(erased["found"], 1, "{erased}");
        std::thread::sleep(Duration::from_millis(300));
        drop(leaving);
    });
    let [items, rows, _] = left(&stack);
    assert_eq!((items, rows), (vec![], vec![]));
    assert!(stack.stored(&id).erased_at.is_some());
}
