//! `falconer root`: the file under a passphrase, the statement in the key ring, and the keys that an application pins.

use std::fs;

use falconer_client::PublicKeys;
use falconer_domain::statement::{KeyStatement, RootPublicKey};
use falconer_tests::{MASTER_A, TestStack, TestStackOptions};
use serde_json::{Value, json};

use crate::distrust::{distrust, promote, published, start_anew};
use crate::manners::Folder;
use crate::operator::{run, said, told};

const PASSPHRASE: &str = "six words that nobody would guess";

/// A folder with a passphrase and a root.
struct Safe {
    folder: Folder,
    key: String,
    passphrase: String,
    x: String,
}

impl Safe {
    fn with_root(stack: &TestStack) -> Self {
        let folder = Folder::new();
        let (key, passphrase) =
            (folder.path("root.key"), folder.file("passphrase", &format!("{PASSPHRASE}\n")));
        let made = told(stack, &["root", "init", "--out", &key, "--passphrase-file", &passphrase]);
        let x = made["root"]["x"].as_str().unwrap().to_owned();
        Self { folder, key, passphrase, x }
    }

    fn sign(&self, stack: &TestStack, more: &[&str]) -> Value {
        told(stack, &[&self.signing(), more].concat())["statement"].clone()
    }

    fn signing(&self) -> [&str; 6] {
        ["root", "sign", "--key", &self.key, "--passphrase-file", &self.passphrase]
    }
}

#[test]
fn statement_is_signed_stored_and_published() {
    let stack = TestStack::start();
    let safe = Safe::with_root(&stack);
    assert_eq!(published(&stack).statement, None, "nothing before the first");
    assert_eq!(told(&stack, &["root", "show"])["statement"], Value::Null);
    let first = safe.sign(&stack, &[]);
    assert_eq!((&first["issuer"], &first["distrusted"]), (&json!("falconer"), &json!([])));
    start_anew(&stack);
    let jws = published(&stack).statement.expect("a statement");
    let read = KeyStatement::verify(&jws, &RootPublicKey::parse(&safe.x).unwrap()).expect("of this root");
    assert_eq!(read.keys.keys().collect::<Vec<_>>(), ["1"], "not the legacy one");
    assert_eq!(read.keys["1"], published(&stack).keys[0].x);

    let pinned = safe.folder.path("falconer-keys.json");
    told(&stack, &["root", "pin", "--key", &safe.key, "--out", &pinned]);
    let json: Value = serde_json::from_str(&fs::read_to_string(&pinned).unwrap()).unwrap();
    assert_eq!(json["root"], json!({ "kty": "OKP", "crv": "Ed25519", "x": safe.x }));
    assert_eq!(json["statement"], jws.as_str());
    assert!(PublicKeys::parse(&json.to_string()).is_ok());

    // Distrusted by the ring and by the statement alone; what was distrusted once stays so.
    promote(&stack);
    distrust(&stack, 1);
    let second = safe.sign(&stack, &["--distrust", "9"]);
    assert_eq!(second["distrusted"], json!(["1", "9"]));
    assert!(second["serial"].as_i64().unwrap() > first["serial"].as_i64().unwrap());
    told(&stack, &["keyring", "trust", "1"]);
    let third = safe.sign(&stack, &[]);
    assert_eq!((&third["distrusted"], &third["good"]["1"]), (&json!(["1", "9"]), &Value::Null));
    let shown = told(&stack, &["root", "show", "--key", &safe.key]);
    assert_eq!((&shown["statement"], &shown["signedByThisRoot"]), (&third, &json!(true)));
    // The root's own note is above a ring that was set back.
    let file = fs::read_to_string(&safe.key).unwrap();
    assert!(file.contains(&format!("# newest serial: {}", third["serial"])), "{file}");
    assert!(!file.contains(PASSPHRASE));
}

#[test]
fn ring_commands_keep_and_remind_of_it() {
    let stack = TestStack::start();
    let safe = Safe::with_root(&stack);
    let reminded = |arguments: &[&str]| {
        let output = run(&stack, &[&["--yes"], arguments].concat());
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    assert_eq!(reminded(&["keyring", "list"]), "", "no root, no reminder");
    safe.sign(&stack, &[]);
    let statement = stack.ring().statement().unwrap().to_owned();
    assert_eq!(reminded(&["keyring", "list"]), "");
    assert!(reminded(&["keyring", "add"]).contains("does not name generation 3 yet"));
    assert!(reminded(&["keyring", "promote", "--now"]).contains("`falconer root sign` names it"));
    assert!(reminded(&["keyring", "distrust", "1"]).contains("still names generation 1 as good"));
    let listed = told(&stack, &["keyring", "list"]);
    assert_eq!(listed["reminders"].as_array().unwrap().len(), 2, "{listed}");
    let shown = told(&stack, &["root", "show"]);
    assert_eq!((&shown["covers"], shown["reminders"].as_array().unwrap().len()), (&json!(false), 2));
    reminded(&["keyring", "enable-imported"]);
    assert_eq!(stack.ring().statement(), Some(statement.as_str()), "every writer keeps it");
    safe.sign(&stack, &[]);
    assert_eq!(reminded(&["keyring", "list"]), "");
    assert!(
        reminded(&["keyring", "trust", "1"]).contains("distrusts generation 1, which the key ring trusts")
    );
}

#[test]
fn refusals_of_the_root_say_what_to_do() {
    let stack = TestStack::start();
    let safe = Safe::with_root(&stack);
    let secret = &stack.settings.master_key_secret_id;
    let (before, file) = (stack.secrets.current(secret), fs::read_to_string(&safe.key).unwrap());
    let wrong = safe.folder.file("wrong", "some other passphrase");
    let short = safe.folder.file("short", "short");
    let other = safe.folder.file("other.json", "{}");
    let (none, new) = (safe.folder.path("none"), safe.folder.path("new.key"));
    let damaged = safe.folder.file("damaged.key", &file.replace("-----END", "-----AND"));
    let (key, passphrase) = (safe.key.as_str(), safe.passphrase.as_str());
    let init = |out, passphrase| vec!["init", "--out", out, "--passphrase-file", passphrase];
    let sign = |key, passphrase| vec!["sign", "--key", key, "--passphrase-file", passphrase];
    for (arguments, code, sentence) in [
        (init(key, passphrase), 1, "a root is never written over"),
        (init(&new, &short), 2, "fewer than 12 characters"),
        (vec!["init", "--out", &new], 2, "give --passphrase-file FILE"),
        (init(&new, &none), 2, "cannot be read"),
        (sign(key, &wrong), 2, "the passphrase is not the one of"),
        (sign(&damaged, passphrase), 7, "is a damaged root's file"),
        (sign(&other, passphrase), 2, "is not a root's file"),
        (sign(&none, passphrase), 2, "none"),
        (vec!["sign", "--key", key], 2, "give --passphrase-file FILE"),
        ([sign(key, passphrase), vec!["--distrust", "1"]].concat(), 1, "generation 1 signs leases"),
        ([sign(key, passphrase), vec!["--distrust", "32"]].concat(), 4, "there is no generation 32"),
        (vec!["pin", "--key", &other, "--out", &none], 2, "is not a root's file"),
    ] {
        let output = run(&stack, &[vec!["--yes", "root"], arguments.clone()].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(sentence), "{arguments:?}: {}", said(&output));
        assert!(!said(&output).contains(PASSPHRASE), "never the passphrase itself");
    }
    // Nobody agrees, and a dry run: nothing is signed.
    let asked = run(&stack, &safe.signing());
    assert!(said(&asked).contains("nobody is there to confirm this"), "{}", said(&asked));
    let dry = run(&stack, &[&["--dry-run"], safe.signing().as_slice()].concat());
    let printed = String::from_utf8(dry.stdout).unwrap();
    assert!(
        printed.contains("good generations: 1") && printed.ends_with("this was a dry run.\n"),
        "{printed}"
    );
    let dry = run(&stack, &["--dry-run", "root", "init", "--out", &new, "--passphrase-file", passphrase]);
    assert!(dry.status.success());
    assert_eq!(stack.secrets.current(secret), before);
    assert_eq!(fs::read_to_string(&safe.key).unwrap(), file);
    assert!(!fs::exists(&new).unwrap() && !fs::exists(&none).unwrap());
}

/// Another root in the ring: its statement is replaced only after the operator was told, and never pinned.
#[test]
fn statement_of_another_root_is_not_pinned() {
    let stack = TestStack::start();
    let (one, two) = (Safe::with_root(&stack), Safe::with_root(&stack));
    one.sign(&stack, &[]);
    let pin = ["--yes", "root", "pin", "--key", &two.key, "--out", "-"];
    let refused = run(&stack, &pin);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("is not signed by the root in"), "{}", said(&refused));
    let shown = told(&stack, &["root", "show", "--key", &two.key]);
    assert_eq!(shown["signedByThisRoot"], false);
    let dry = run(&stack, &[&["--dry-run"], two.signing().as_slice()].concat());
    let printed = String::from_utf8(dry.stdout).unwrap();
    assert!(printed.contains("the one in the key ring is of another root"), "{printed}");
    two.sign(&stack, &[]);
    assert!(run(&stack, &pin).status.success());
}

/// A member that somebody has edited: every function serves, and the operator hears of it.
#[test]
fn damaged_statement_takes_no_function_down() {
    let ring = json!({ "current": "1", "1": MASTER_A, "x-statement": "not a statement" });
    let stack =
        TestStack::with(&TestStackOptions { ring: Some(ring.to_string()), ..TestStackOptions::default() });
    let keys = published(&stack);
    assert_eq!((keys.keys.len(), keys.statement), (1, None));
    assert!(stack.gateway().logs().iter().any(|line| line.text.contains("x-statement")));
    let listed = run(&stack, &["keyring", "list"]);
    assert!(said(&listed).contains("`falconer root sign` writes it anew"), "{}", said(&listed));
    Safe::with_root(&stack).sign(&stack, &[]);
    start_anew_keys(&stack);
    assert!(published(&stack).statement.is_some());
}

fn start_anew_keys(stack: &TestStack) {
    stack.gateway().kill("keys", 0).expect("an instance to kill");
}
