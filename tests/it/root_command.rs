//! `falconer root`: the file under a passphrase, the statement in the key ring, and the keys that an application pins.

use std::fs;

use falconer_client::PublicKeys;
use falconer_domain::statement::{KeyStatement, RootKey, RootPublicKey};
use falconer_operator::root::file::RootFile;
use falconer_tests::{MASTER_A, TestStack, TestStackOptions, now};
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

    fn pinning(&self) -> [&str; 8] {
        ["root", "pin", "--key", &self.key, "--passphrase-file", &self.passphrase, "--out", "-"]
    }

    /// The root itself, to sign as only its owner can.
    fn secret(&self) -> RootKey {
        RootFile::read(self.key.as_ref()).unwrap().open(&PASSPHRASE.to_owned().into()).unwrap()
    }

    /// A thief's edit of the root's file.
    fn edit(&self, change: impl Fn(&str) -> String) {
        fs::write(&self.key, change(&fs::read_to_string(&self.key).unwrap())).unwrap();
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
    let out = ["--passphrase-file", &safe.passphrase, "--out", &pinned];
    told(&stack, &[["root", "pin", "--key", &safe.key].as_slice(), &out].concat());
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
        (vec!["pin", "--key", key, "--out", &none], 2, "give --passphrase-file FILE"),
        (
            vec!["pin", "--key", key, "--out", &none, "--passphrase-file", &wrong],
            2,
            "the passphrase is not the one of",
        ),
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

/// Another root in the ring: its statement is replaced only by the operator's word, and never pinned.
#[test]
fn statement_of_another_root_is_not_pinned() {
    let stack = TestStack::start();
    let (one, two) = (Safe::with_root(&stack), Safe::with_root(&stack));
    one.sign(&stack, &["--issuer", "one"]);
    let refused = run(&stack, &two.pinning());
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("is not signed by the root in"), "{}", said(&refused));
    let shown = told(&stack, &["root", "show", "--key", &two.key]);
    assert_eq!(shown["signedByThisRoot"], false);
    let refused = run(&stack, &[&["--yes"], two.signing().as_slice()].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("With --ignore-stored this root signs"), "{}", said(&refused));
    let plan = planned(&stack, &two, &["--ignore-stored"]);
    assert!(plan.contains("nothing is taken from it"), "{plan}");
    let signed = two.sign(&stack, &["--ignore-stored"]);
    assert_eq!(signed["issuer"], "falconer", "not the other root's");
    assert!(run(&stack, &two.pinning()).status.success());
}

/// Somebody can write the key ring, which is the very leak that a root is for.
#[test]
fn planted_statement_is_not_signed_for() {
    let stack = TestStack::start();
    let (safe, thief) = (Safe::with_root(&stack), Safe::with_root(&stack));
    promote(&stack);
    let genuine = safe.sign(&stack, &[]);
    let before = KeyStatement::unverified(stack.ring().statement().unwrap()).unwrap();
    let planted = KeyStatement {
        iss: "thief".to_owned(),
        serial: 253_370_764_799_999,
        distrusted: ["1", "9"].map(str::to_owned).into(),
        keys: [("3".to_owned(), before.keys["3"].clone())].into(),
        ..before.clone()
    };
    write_member(&stack, "x-statement", &planted.sign(&thief.secret()));
    let refused = run(&stack, &[&["--yes"], safe.signing().as_slice()].concat());
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("this root has not signed the statement"), "{}", said(&refused));
    let signed = safe.sign(&stack, &["--ignore-stored"]);
    assert_eq!((&signed["issuer"], &signed["distrusted"]), (&json!("falconer"), &json!([])));
    assert_eq!(signed["good"], genuine["good"]);
    let serial = signed["serial"].as_i64().unwrap();
    assert!((genuine["serial"].as_i64().unwrap()..=now().0 + 60_000).contains(&serial), "{serial}");

    // The statement is gone: the note in the file says so before anybody signs.
    write_member(&stack, "x-statement", "not a statement");
    let plan = planned(&stack, &safe, &[]);
    assert!(plan.contains("which the key ring lacks: name what it distrusted"), "{plan}");
    assert!(plan.contains("issuer: falconer") && plan.contains("serial: "), "{plan}");
}

/// Somebody can write the root's file, and knows no passphrase.
#[test]
fn edited_root_file_is_noticed() {
    let stack = TestStack::start();
    let (safe, thief) = (Safe::with_root(&stack), Safe::with_root(&stack));
    promote(&stack);
    // A serial that leaves no room above it.
    let genuine = fs::read_to_string(&safe.key).unwrap();
    for (serial, sentence) in [
        (i64::MAX, "no later statement can be above it"),
        (now().0 + 40 * 86_400_000, "after this machine's clock"),
    ] {
        let noted = format!("# newest serial: {serial}\n-----BEGIN");
        safe.edit(|_| genuine.replace("-----BEGIN", &noted));
        let refused = run(&stack, &[&["--yes"], safe.signing().as_slice()].concat());
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(said(&refused).contains("the root's file has"), "{}", said(&refused));
        assert!(said(&refused).contains(sentence), "{}", said(&refused));
    }
    assert_eq!(stack.ring().statement(), None);
    let signed = safe.sign(&stack, &["--despite-late-serial"]);
    assert!(signed["serial"].as_i64().unwrap() > now().0 + 39 * 86_400_000);

    // Another root's public half: the thief's statement is in the ring as well, and every check of it holds.
    safe.edit(|_| genuine.replace(&safe.x, &thief.x));
    let statement = KeyStatement::unverified(stack.ring().statement().unwrap()).unwrap();
    let statement = KeyStatement { serial: now().0, ..statement };
    for in_ring in [statement.sign(&thief.secret()), "not a statement".to_owned()] {
        write_member(&stack, "x-statement", &in_ring);
        for command in [safe.pinning().to_vec(), safe.signing().to_vec()] {
            let refused = run(&stack, &[&["--yes", "--json"], command.as_slice()].concat());
            assert_eq!(refused.status.code(), Some(7), "{command:?}: {}", said(&refused));
            let printed = String::from_utf8(refused.stdout).unwrap();
            assert!(printed.contains("somebody has changed the public half"), "{printed}");
            assert!(!printed.contains(&thief.x), "{printed}");
        }
    }
    // `show` asks for no passphrase, so it says which public half it has used.
    write_member(&stack, "x-statement", &statement.sign(&thief.secret()));
    let shown = run(&stack, &["root", "show", "--key", &safe.key]);
    let printed = String::from_utf8(shown.stdout).unwrap();
    assert!(
        printed.contains(&format!("The root with the public half {} has signed it", thief.x)),
        "{printed}"
    );
}

/// Before somebody agrees, the plan shows everything that the signature will say.
#[test]
fn plan_shows_what_will_be_signed() {
    let stack = TestStack::start();
    let safe = Safe::with_root(&stack);
    let plan = planned(&stack, &safe, &[]);
    for line in
        ["good generations: 1\n", "distrusted: none\n", "issuer: falconer\n", "serial: 1", "it is the first"]
    {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    safe.sign(&stack, &["--issuer", "custom"]);
    promote(&stack);
    distrust(&stack, 1);
    let plan = planned(&stack, &safe, &[]);
    for line in ["new among the good: 3\n", "distrusted from now on: 1\n", "issuer: custom\n"] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    // Somebody puts a master of their own in the place of one.
    safe.sign(&stack, &[]);
    write_member(&stack, "3", "a master of somebody else, 40 characters");
    let plan = planned(&stack, &safe, &[]);
    assert!(plan.contains("generation 3 has another public key than in the statement before"), "{plan}");
}

fn planned(stack: &TestStack, safe: &Safe, more: &[&str]) -> String {
    let dry = run(stack, &[&["--dry-run"], safe.signing().as_slice(), more].concat());
    assert!(dry.status.success(), "{}", said(&dry));
    String::from_utf8(dry.stdout).unwrap()
}

/// Writes the ring past every rule, as somebody with access to the secret can.
fn write_member(stack: &TestStack, name: &str, value: &str) {
    let secret = &stack.settings.master_key_secret_id;
    let mut ring: Value = serde_json::from_str(&stack.secrets.current(secret).expect("a ring")).unwrap();
    ring[name] = value.into();
    stack.secrets.put(secret, &ring.to_string());
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
