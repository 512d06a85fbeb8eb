//! Output that breaks off loses nothing: closed pipes, full disks, standard output as a file, texts that a terminal
//! would obey, failures for programs, orders that come twice, and what a person reads about devices, dates and
//! refusals.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::{Command, Output, Stdio};

use falconer_aws::AuditRow;
use falconer_domain::{LicenseId, UnixMillis};
use falconer_tests::{Fixture, Machine, TestStack, now, program};
use serde_json::{Value, json};

use crate::issuing::falconer;
use crate::manners::Folder;
use crate::operator::{run, said, told};

/// The first moment of the year 9999.
const LATEST_END: i64 = 253_370_764_800_000;

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// The program, its standard output a disk that is full.
fn on_a_full_disk(mut command: Command, arguments: &[&str]) -> Output {
    let full = File::options().write(true).open("/dev/full").expect("Linux");
    command.args(arguments).stdout(full).stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

/// The program, its standard output a pipe whose reader has gone.
fn into_a_closed_pipe(mut command: Command, arguments: &[&str]) -> Output {
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    child.wait_with_output().unwrap()
}

/// The license that a sentence says how to see.
fn named_in(sentence: &str) -> String {
    let start = sentence.find("falconer reveal ").expect("how to see the key") + "falconer reveal ".len();
    sentence[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// The key of a license, and the licenses there are.
fn revealed(stack: &TestStack, id: &str) -> String {
    let key = told(stack, &["reveal", id])["licenseKey"].as_str().expect("a key").to_owned();
    stack.speak(&key);
    key
}

fn count_of_licenses(stack: &TestStack) -> usize {
    told(stack, &["list", "--all"])["licenses"].as_array().unwrap().len()
}

#[test]
fn a_closed_pipe_is_quiet() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().bound(1, &Machine::named("first"), now()));
    for arguments in [
        vec!["show", key.as_str()],
        vec!["show", key.as_str(), "--json"],
        vec!["list", "--all"],
        vec!["list", "--all", "--json"],
        vec!["audit", key.as_str()],
        vec!["audit", key.as_str(), "--follow"],
        vec!["explain", key.as_str()],
        vec!["stats", "--days", "2"],
        vec!["catalog", "show"],
        vec!["keyring", "list"],
        vec!["export", "csv"],
        vec!["export", "csv", "--output", "-"],
        vec!["suspend", key.as_str(), "--yes"],
        vec!["completions", "bash"],
        vec!["man"],
        vec!["--help"],
        vec!["--version"],
    ] {
        let output = into_a_closed_pipe(falconer(&stack), &arguments);
        let notes = said(&output);
        let notes: Vec<_> = notes.lines().filter(|line| !line.starts_with("Looking through ")).collect();
        assert_eq!((notes, output.status.code()), (vec![], Some(0)), "{arguments:?}");
    }
    assert_eq!(told(&stack, &["show", &key])["status"], "suspended", "what was asked is done");
    // Other endings stay what they are.
    let gone = into_a_closed_pipe(falconer(&stack), &["show", "lic_000000000000000000000000", "--json"]);
    assert_eq!(gone.status.code(), Some(4));
}

#[test]
fn a_real_head_reads_one_line() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let program = falconer(&stack);
    let mut shell = Command::new("bash");
    for (name, value) in program.get_envs() {
        shell.env(name, value.unwrap());
    }
    let line = format!("set -o pipefail; {} show {key} | head -1", program.get_program().to_str().unwrap());
    let output = shell.args(["-c", &line]).output().unwrap();
    assert_eq!((said(&output).as_str(), output.status.code()), ("", Some(0)));
    assert!(printed(&output).starts_with("License id"), "{}", printed(&output));
}

#[test]
fn unprinted_key_is_not_lost() {
    let stack = TestStack::start();
    let old = stack.put(Fixture::pro());
    let issue = ["issue", "--product", "QF", "--tier", "pro", "--days", "30"];
    let mut issued = 0;
    for (breaks, json) in [(0, false), (0, true), (1, false), (1, true)] {
        let break_off = if breaks == 0 { on_a_full_disk } else { into_a_closed_pipe };
        let manner: &[&str] = if json { &["--json"] } else { &[] };
        let output = break_off(falconer(&stack), &[issue.as_slice(), manner].concat());
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
        issued += 1;
        let id = named_in(&said(&output));
        let key = revealed(&stack, &id);
        assert_eq!(stack.verify(&key).code(), "VALID");
        assert_eq!(count_of_licenses(&stack), issued + 1);

        let again = break_off(falconer(&stack), &["reveal", &id, "--yes"]);
        assert_eq!((again.status.code(), named_in(&said(&again))), (Some(3), id.clone()));
    }

    let rotated = on_a_full_disk(falconer(&stack), &["rotate-key", &old, "--yes"]);
    assert_eq!(rotated.status.code(), Some(3));
    assert!(said(&rotated).contains("whose key is revoked"), "{}", said(&rotated));
    let new = revealed(&stack, &named_in(&said(&rotated)));
    assert_eq!((stack.verify(&old).code(), stack.verify(&new).code()), ("REVOKED", "VALID"));
}

#[test]
fn full_disk_is_one_sentence() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let key = stack.put(Fixture::pro());
    for arguments in [
        vec!["show", key.as_str()],
        vec!["list", "--all", "--json"],
        vec!["export", "csv"],
        vec!["catalog", "show"],
        vec!["keyring", "list"],
        vec!["completions", "bash"],
        vec!["man"],
        vec!["--help"],
        vec!["note", key.as_str(), "called", "--yes"],
        vec!["stats", "--chart", "/dev/full"],
        vec!["export", "csv", "--output", "/dev/full"],
    ] {
        let output = on_a_full_disk(falconer(&stack), &arguments);
        let notes = said(&output);
        let notes: Vec<_> = notes.lines().filter(|line| !line.starts_with("Looking through ")).collect();
        assert_eq!((notes.len(), output.status.code()), (1, Some(3)), "{arguments:?}: {notes:?}");
        assert!(notes[0].contains("cannot be written"), "{arguments:?}: {notes:?}");
    }
    assert_eq!(told(&stack, &["show", &key])["notes"], "called", "what was asked is done");
    assert!(!fs::metadata("/dev/full").unwrap().is_file(), "the device is not replaced by a file");

    // Standard error may be full as well; then there is nobody to tell.
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = falconer(&stack);
    let silent = command.args(["list", "--all"]).stderr(full).stdout(Stdio::piped()).output().unwrap();
    assert_eq!(silent.status.code(), Some(0));
    assert!(printed(&silent).contains("License, key"));
    drop(folder);
}

#[test]
fn dash_writes_standard_output() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = folder
        .file("sheet.csv", "license_key,status,license_tier\nSOME-OLD-KEY,active,pro\nOTHER,sold,pro\n");
    let orders = folder.file("orders.csv", "tier,days\npro,30\n");
    let inside = |arguments: &[&str]| {
        let mut command = falconer(&stack);
        command.current_dir(folder.path(".")).args(arguments).output().unwrap()
    };
    for (arguments, code, header, beside) in [
        (
            vec!["--yes", "import", "sheet", &sheet, "--mapping", "-"],
            5,
            "line,old_key,",
            "2 rows: 1 imported",
        ),
        (vec!["--yes", "import", "sheet", &sheet, "--refused", "-"], 5, "line,reason,", "1 there already"),
        (vec!["export", "csv", "--output", "-"], 0, "license_key,status,", ""),
        (vec!["--yes", "export", "csv", "--reveal", "--output", "-"], 0, "license_key,status,", ""),
        (vec!["stats", "--days", "2", "--chart", "-"], 0, "<svg", "Tier"),
        (
            vec!["--yes", "issue", "--from-csv", &orders, "--output", "-"],
            0,
            "tier,days,license_key",
            "1 licenses issued",
        ),
    ] {
        let output = inside(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        assert!(printed(&output).starts_with(header), "{arguments:?}: {}", printed(&output));
        assert!(said(&output).contains(beside), "{arguments:?}: {}", said(&output));
        assert!(!printed(&output).contains("licenses: "), "{arguments:?}: the sheet and nothing else");
        assert!(!fs::exists(folder.path("-")).unwrap(), "{arguments:?}: a file named -");
    }
    for arguments in [
        vec!["--json", "--yes", "import", "sheet", &sheet, "--mapping", "-"],
        vec!["--json", "export", "csv", "--output", "-"],
        vec!["--json", "stats", "--chart", "-"],
        vec!["--yes", "import", "sheet", &sheet, "--mapping", "-", "--refused", "-"],
    ] {
        assert_eq!(inside(&arguments).status.code(), Some(2), "{arguments:?}: two things in one place");
    }
}

#[test]
fn files_are_whole_and_private() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    stack.put(Fixture::pro());
    let (real, link) = (folder.path("real.csv"), folder.path("link.csv"));
    fs::write(&real, "older\n").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    assert!(run(&stack, &["export", "csv", "--output", &link]).status.success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "the link stays");
    assert!(fs::read_to_string(&real).unwrap().starts_with("license_key,"));
    let chart = folder.path("chart.svg");
    for _ in 0..2 {
        assert!(run(&stack, &["stats", "--days", "2", "--chart", &chart]).status.success());
    }
    for file in [&real, &chart] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let names: BTreeSet<_> = fs::read_dir(folder.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected = ["chart.svg", "link.csv", "real.csv", "real.csv.before-1"];
    assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn list_continues_after_a_page() {
    let stack = TestStack::start();
    let ids: BTreeSet<String> =
        (0..7).map(|_| stack.license_id(&stack.put(Fixture::pro())).to_string()).collect();
    for filter in
        [&["--all"][..], &["--status", "active"][..], &["--email", "fixture.person@example.com"][..]]
    {
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut arguments = [&["list", "--limit", "3"], filter].concat();
            arguments.extend(after.iter().flat_map(|after| ["--after", after.as_str()]));
            let page = told(&stack, &arguments);
            let licenses = page["licenses"].as_array().unwrap();
            seen.extend(licenses.iter().map(|license| license["licenseId"].as_str().unwrap().to_owned()));
            after = page["next"].as_str().map(str::to_owned);
            if after.is_none() {
                break;
            }
        }
        assert_eq!((seen.len(), seen.into_iter().collect::<BTreeSet<_>>()), (7, ids.clone()), "{filter:?}");
    }
    assert_eq!(run(&stack, &["list", "--all", "--after", "somewhere"]).status.code(), Some(2));
}

/// Sequences that move a cursor, set a title, hide text or reverse it.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m a\u{202e}b\u{2066}\u{200f}\u{200b}\r\nforged";

fn is_hostile(text: &str) -> bool {
    let hides = |c| matches!(c, '\u{200b}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(|c| (c.is_control() && c != '\n') || hides(c))
}

#[test]
fn terminal_controls_are_neutralized() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key);
    let acting = |actor: &str, arguments: &[&str]| {
        falconer(&stack).env("FALCONER_ACTOR", actor).args(arguments).output().unwrap()
    };
    let suspended = acting(HOSTILE, &["--yes", "suspend", &key, "--reason", HOSTILE]);
    assert!(suspended.status.success(), "{}", said(&suspended));
    stack.settle();
    let stored = stack.audit_rows(&id);
    let of = |member: &str| stored.last().unwrap()[member]["S"].as_str().unwrap().to_owned();
    assert_eq!(
        (of("actor"), of("reason")),
        ("[2J]0;title31m ab  forged".to_owned(), "[2J]0;title31m ab  forged".to_owned())
    );

    // Another writer than this one may have stored anything.
    let row = AuditRow::change(&id, now(), "another", "note", "NOTED", HOSTILE);
    stack.wait(stack.store.record(&AuditRow { reason: Some(HOSTILE.to_owned()), ..row })).unwrap();
    let other = stack.put(Fixture::pro().with(|new, _| new.license.user_id = Some(HOSTILE.to_owned())));
    for arguments in [
        vec!["show", key.as_str()],
        vec!["audit", key.as_str()],
        vec!["show", other.as_str()],
        vec!["list", "--all"],
        vec!["explain", key.as_str(), "--at", "2020-01-01"],
    ] {
        for manner in [&[][..], &["--json"][..]] {
            let output = run(&stack, &[arguments.as_slice(), manner].concat());
            assert!(output.status.success(), "{arguments:?}: {}", said(&output));
            assert!(!is_hostile(&printed(&output)), "{arguments:?} {manner:?}: {:?}", printed(&output));
            assert!(!printed(&output).lines().any(|line| line.starts_with("forged")), "{arguments:?}");
        }
    }
    let audit = told(&stack, &["audit", &key]);
    let reasons = audit["audit"].as_array().unwrap().iter().map(|row| row["reason"].clone());
    assert!(reasons.into_iter().any(|reason| reason == HOSTILE), "for a program it says the same");
    // A sentence repeats what was typed.
    assert!(!is_hostile(&said(&run(&stack, &["show", HOSTILE]))));
    assert!(!is_hostile(&said(&run(&stack, &["list", "--status", HOSTILE]))));
    assert!(!is_hostile(&said(&run(&stack, &["list", "--limit", HOSTILE]))), "and so does clap");
    let noted = run(&stack, &["--yes", "note", &key, "first \u{202e}line\nsecond\u{1b} line"]);
    assert!(noted.status.success(), "{}", said(&noted));
    assert_eq!(told(&stack, &["show", &key])["notes"], "first line\nsecond line");
}

#[test]
fn reasons_and_actors_are_bounded() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let long = "x".repeat(120_000);
    for (actor, arguments, sentence) in [
        ("anna", vec!["--yes", "suspend", &key, "--reason", &long], "the reason has 120000 characters"),
        ("anna", vec!["issue", "--tier", "pro", "--perpetual", "--reason", &long], "1000 are the most"),
        ("anna", vec!["--yes", "rotate-key", &key, "--reason", &long], "shorten it"),
        ("anna", vec!["--yes", "reveal", &key, "--reason", &long], "shorten it"),
        (
            long.as_str(),
            vec!["--yes", "suspend", &key],
            "the actor has 120000 characters, and 255 are the most",
        ),
    ] {
        let output = falconer(&stack).env("FALCONER_ACTOR", actor).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{sentence}");
        assert!(said(&output).contains(sentence) && said(&output).len() < 300, "{}", said(&output));
    }
    assert_eq!((stack.verify(&key).code(), count_of_licenses(&stack)), ("VALID", 1), "nothing was done");
}

#[test]
fn one_order_is_one_license() {
    let stack = TestStack::start();
    let issue = ["issue", "--tier", "pro", "--days", "30", "--email", "fixture.person@example.com"];
    let order = ["--order", "order 1001#b"];
    let planned = told(&stack, &[&issue[..], &order[..], &["--dry-run"]].concat());
    assert_eq!(planned, json!({ "outcome": "dry_run", "there": null }));
    let first = told(&stack, &[&issue[..], &order[..]].concat());
    let key = first["licenseKey"].as_str().unwrap();
    stack.speak(key);
    assert_eq!((&first["outcome"], &first["order"]), (&json!("issued"), &json!("order 1001#b")));
    let second = told(&stack, &[&issue[..], &order[..]].concat());
    assert_eq!(second["outcome"], "there");
    for member in ["licenseKey", "licenseId", "tier", "status", "expiresAt", "order"] {
        assert_eq!(second[member], first[member], "{member}");
    }
    let text = run(&stack, &[&issue[..], &order[..]].concat());
    assert!(printed(&text).contains(key) && printed(&text).contains("issued before"), "{}", printed(&text));
    let planned = told(&stack, &[&issue[..], &order[..], &["--dry-run"]].concat());
    assert_eq!(planned["there"], first["licenseId"]);
    assert_eq!(count_of_licenses(&stack), 1);
    let id = LicenseId::parse(first["licenseId"].as_str().unwrap()).unwrap();
    let audit = told(&stack, &["audit", id.as_str()]);
    let codes: Vec<_> = audit["audit"].as_array().unwrap().iter().map(|row| row["code"].clone()).collect();
    assert_eq!(codes, ["ISSUED", "KEY_REVEALED", "KEY_REVEALED"], "the audit has each time the key was seen");

    for (other, differs) in [
        (vec!["issue", "--tier", "elite", "--days", "30"], "tier pro and not elite"),
        (vec!["issue", "--tier", "pro", "--days", "31"], "term 30 days and not 31 days"),
        (vec!["issue", "--tier", "pro", "--perpetual"], "term 30 days and not perpetual"),
        (vec!["issue", "--tier", "pro", "--days", "30", "--seats", "2"], "seats the tier's and not 2"),
        (vec!["issue", "--tier", "pro", "--days", "30", "--feature", "a"], "features none and not a"),
    ] {
        let refused = run(&stack, &[&other[..], &order[..], &["--json"]].concat());
        assert_eq!(refused.status.code(), Some(1), "{other:?}");
        let document: Value = serde_json::from_slice(&refused.stdout).unwrap();
        assert_eq!(document["error"]["code"], "order_differs");
        let sentence = document["error"]["message"].as_str().unwrap();
        assert!(sentence.contains(differs) && sentence.contains("lic_"), "{sentence}");
    }
    // What has become of the license since is not what was ordered.
    told(&stack, &["extend", id.as_str(), "--days", "5"]);
    let rotated = told(&stack, &["rotate-key", id.as_str()]);
    stack.speak(rotated["licenseKey"].as_str().unwrap());
    let again = told(&stack, &[&issue[..], &order[..]].concat());
    assert_eq!(again["licenseKey"], rotated["licenseKey"], "the key that is good now");
    for bad in ["", "\u{1b}", &"x".repeat(201)] {
        assert_eq!(run(&stack, &[&issue[..], &["--order", bad]].concat()).status.code(), Some(2), "{bad:?}");
    }
    // Lists, exports and counts see licenses alone.
    assert_eq!(count_of_licenses(&stack), 2);
    let exported = run(&stack, &["export", "csv"]);
    assert_eq!((exported.status.code(), printed(&exported).lines().count()), (Some(0), 3));
}

#[test]
fn concurrent_order_is_one_license() {
    let stack = TestStack::start();
    for round in 0..3 {
        let order = format!("order-{round}");
        let start = |tier: &str| {
            let mut command = falconer(&stack);
            command.args(["--json", "issue", "--tier", tier, "--perpetual", "--order", &order]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        // Two that ask for the same, and one that asks for something else.
        let children = [start("pro"), start("pro"), start("elite")];
        let outputs = children.map(|child| child.wait_with_output().unwrap());
        let documents = outputs.each_ref().map(|output| {
            serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
        });
        let keys: BTreeSet<_> =
            documents.iter().filter_map(|document| document["licenseKey"].as_str()).collect();
        for key in &keys {
            stack.speak(key);
        }
        assert_eq!(keys.len(), 1, "{documents:?}");
        let issued = documents.iter().filter(|document| document["outcome"] == "issued").count();
        assert_eq!((issued, count_of_licenses(&stack)), (1, round + 1), "{documents:?}");
    }
}

#[test]
fn failures_are_documents_with_codes() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let key = stack.put(Fixture::pro());
    stack.put(Fixture::pro());
    let bad = folder.file("bad.csv", "license_key,status,license_tier\nOTHER,sold,pro\n");
    let none = folder.path("none.csv");
    let refused = |arguments: &[&str]| {
        let output = run(&stack, &[&["--json"], arguments].concat());
        let text = printed(&output);
        assert_eq!(text.lines().count(), 1, "{arguments:?}: one document: {text}");
        let document: Value = serde_json::from_str(&text).unwrap();
        let error = &document["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{document}");
        assert!(
            said(&output).contains("falconer: ") || said(&output).contains("error: "),
            "{}",
            said(&output)
        );
        (error["code"].as_str().unwrap().to_owned(), output.status.code().unwrap(), document)
    };
    for (arguments, code, exit) in [
        (vec!["show", "lic_000000000000000000000000"], "not_found", 4),
        (vec!["show", "QF-PRO-…-00000"], "not_found", 4),
        (vec!["catalog", "show", "--product", "ACME"], "not_found", 4),
        (vec!["show", "ABC-123-XYZ"], "bad_input", 2),
        (vec!["extend", &key, "--until", "tomorrow", "--yes"], "bad_input", 2),
        (vec!["issue", "--tier", "gold", "--perpetual"], "bad_input", 2),
        (vec!["issue", "--tier", "pro", "--days", "0"], "bad_input", 2),
        (vec!["import", "sheet", &none, "--yes"], "bad_input", 2),
        (vec!["list", "--status", "sold"], "bad_input", 2),
        (vec!["set-tier", &key, "gold", "--yes"], "bad_input", 2),
        (vec!["show"], "usage", 2),
        (vec!["frobnicate"], "usage", 2),
        (vec!["list", "--expiring", "999999"], "usage", 2),
        (vec!["reinstate", &key, "--yes"], "refused", 1),
        (vec!["extend", &key, "--days", "0", "--yes"], "refused", 1),
        (vec!["suspend", &key], "not_confirmed", 1),
        (vec!["import", "sheet", &bad, "--yes"], "rows_refused", 5),
    ] {
        let (said, ended, _) = refused(&arguments);
        assert_eq!((said.as_str(), ended), (code, exit), "{arguments:?}");
    }
    let (_, _, rows) = refused(&["import", "sheet", &bad, "--yes"]);
    assert_eq!((&rows["rows"], &rows["refused"]), (&json!(1), &json!(1)), "what was done is in it: {rows}");
    stack
        .dynamodb
        .break_all(falconer_emulators::tap::Matcher::any(), falconer_emulators::tap::Fault::internal());
    let (code, exit, _) = refused(&["show", &key]);
    assert_eq!((code.as_str(), exit), ("unreachable", 6));
    let nowhere =
        Command::new(program("falconer")).args(["--json", "list", "--all"]).env_clear().output().unwrap();
    assert_eq!(nowhere.status.code(), Some(2), "{}", said(&nowhere));
    drop(stack);
}

/// `docs/cli.md` lists every code and exit code that the program has.
#[test]
fn failure_codes_are_documented() {
    let source = fs::read_to_string(falconer_tests::checkout().join("cli/src/failure.rs")).unwrap();
    let reference = fs::read_to_string(falconer_tests::checkout().join("docs/cli.md")).unwrap();
    let codes: Vec<_> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \"")?.1.strip_suffix("\","))
        .collect();
    assert!(codes.len() > 10, "{codes:?}");
    for code in codes {
        assert!(reference.contains(&format!("`{code}`")), "docs/cli.md lacks `{code}`");
    }
}

#[test]
fn people_read_dates_not_millis() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().ending(UnixMillis(1_900_000_000_000)));
    for (arguments, expected) in [
        (
            vec!["extend", &key, "--until", "2099-06-30"],
            "expiresAt: 2030-03-17 17:46 UTC → 2099-06-30 23:59 UTC",
        ),
        (vec!["extend", &key, "--perpetual"], "expiresAt: 2030-03-17 17:46 UTC → never"),
        (vec!["set-seats", &key, "3"], "seats.max: 1 → 3"),
        (vec!["note", &key, "called"], "notes: none → \"called\""),
    ] {
        let output = run(&stack, &[&arguments[..], &["--dry-run"]].concat());
        assert!(printed(&output).contains(expected), "{arguments:?}: {}", printed(&output));
        let millis = printed(&output).split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 9);
        assert!(!millis, "{arguments:?}: {}", printed(&output));
    }
}

#[test]
fn imported_device_was_never_seen() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let machine = Machine::named("first");
    let (cpu, board) = (&machine.cpu, &machine.board);
    let sheet = folder.file(
        "sheet.csv",
        &format!("license_key,status,license_tier,hw_component_2,hw_component_3\nSOME-OLD-KEY,active,pro,{cpu},{board}\n"),
    );
    told(&stack, &["import", "sheet", &sheet]);
    let id = told(&stack, &["list", "--all"])["licenses"][0]["licenseId"].as_str().unwrap().to_owned();
    let key = revealed(&stack, &id);
    let shown = told(&stack, &["show", &id]);
    assert_eq!(shown["devices"][0]["lastSeenAt"], Value::Null, "{shown}");
    let text = printed(&run(&stack, &["show", &id]));
    let device = text.lines().find(|line| line.trim_start().starts_with("dev_")).unwrap();
    assert!(device.trim_end().ends_with("never"), "{text}");

    let asked = json!({ "license": key, "hw_component_2": cpu, "hw_component_3": board });
    let reply = stack.post("/api/verify", &asked);
    assert_eq!((reply.code(), &reply.body["device"]["lastSeenAt"]), ("VALID", &Value::Null));
    let others = stack.post("/api/activate-sync", &Machine::named("second").old_request(&key));
    assert_eq!((others.code(), &others.body["devices"][0]["lastSeenAt"]), ("SEATS_EXHAUSTED", &Value::Null));
    // An export keeps it, and the first request ends it.
    let backup = folder.path("backup.csv");
    assert!(run(&stack, &["export", "csv", "--output", &backup]).status.success());
    assert!(fs::read_to_string(&backup).unwrap().contains(r#"""seen_at"":0"#));
    let seen = stack.post("/api/activate-sync", &machine.old_request(&key));
    assert_eq!(seen.code(), "DRIFTED");
    assert!(told(&stack, &["show", &id])["devices"][0]["lastSeenAt"].as_i64().unwrap() > 1_700_000_000_000);
}

#[test]
fn extend_ends_at_the_last_valid_day() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().ending(now().plus_days(30)));
    let extended = |arguments: &[&str]| run(&stack, &[&["--yes", "extend", &key], arguments].concat());
    for arguments in [vec!["--until", "9998-12-31"], vec!["--until", "9999-12-31"]] {
        let output = extended(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
    let reply = stack.verify(&key);
    assert_eq!((reply.code(), &reply.body["perpetual"]), ("VALID", &json!(true)), "9999-12-31 is for good");
    assert!(extended(&["--until", "9998-12-31"]).status.success());
    assert_eq!(told(&stack, &["show", &key])["expiresAt"], LATEST_END - 1);
    for arguments in [vec!["--days", "1"], vec!["--days", "999999"]] {
        let output = extended(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said(&output).contains("9998-12-31, the last day that works"), "{}", said(&output));
    }
    for (arguments, code) in [
        (vec!["--days", "4294967295"], 1),
        (vec!["--days", "99999999999"], 2),
        (vec!["--until", "+010000-01-01"], 2),
    ] {
        assert_eq!(extended(&arguments).status.code(), Some(code), "{arguments:?}");
    }
    assert_eq!(stack.verify(&key).code(), "VALID");
    // Rows of the Flask server may end after every calendar.
    let beyond = stack.put(Fixture::pro().ending(UnixMillis(345_381_753_599_999)));
    let shown = printed(&run(&stack, &["show", &beyond]));
    assert!(shown.contains("after the year 9999") && !shown.contains(" ms"), "{shown}");
    assert_eq!(told(&stack, &["explain", &key, "--at", "9999-12-31"])["code"], "EXPIRED");
}

#[test]
fn explain_lists_refused_requests() {
    let stack = TestStack::start();
    let (mine, theirs) = (Machine::named("first"), Machine::named("second"));
    let key = stack.put(Fixture::pro().bound(1, &mine, now()));
    let similar = Machine { cpu: mine.cpu.clone(), ..theirs.clone() };
    assert_eq!(stack.post("/api/verify", &similar.request(&key)).code(), "HARDWARE_MISMATCH");
    assert_eq!(stack.activate(&key, &theirs).code(), "SEATS_EXHAUSTED");
    for _ in 0..25 {
        assert_eq!(stack.post("/api/verify", &mine.request(&key)).code(), "VALID");
    }
    stack.settle();

    let explained = told(&stack, &["explain", &key]);
    assert_eq!(explained["code"], "VALID");
    let refusals = explained["refusals"].as_array().unwrap();
    let codes: Vec<_> = refusals.iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["SEATS_EXHAUSTED", "HARDWARE_MISMATCH"], "newest first");
    let device = told(&stack, &["show", &key])["devices"][0]["id"].clone();
    assert_eq!(
        (&refusals[1]["hardware"]["agreed"], &refusals[1]["hardware"]["nearest"]),
        (&json!(["cpu"]), &device)
    );
    assert_eq!(
        refusals[0]["hardware"],
        json!({ "sent": ["mac", "board", "cpu"], "nearest": null, "agreed": [] })
    );
    assert_eq!(explained["granted"][0]["device"], device);
    let text = printed(&run(&stack, &["explain", &key]));
    for part in [
        "The last requests that were refused, newest first:",
        "HARDWARE_MISMATCH",
        "unbound device: cpu as on dev_",
        "(Laptop)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let shown = told(&stack, &["show", &key]);
    assert_eq!(shown["refusals"].as_array().unwrap().len(), 2);
    assert!(shown["audit"].as_array().unwrap().iter().all(|row| row["code"] == "VALID"), "pushed out");
    assert!(printed(&run(&stack, &["show", &key])).contains("HARDWARE_MISMATCH"));
    // Names of labels, and never what is under them.
    let rows = format!("{:?}", stack.audit_rows(&stack.license_id(&key)));
    for part in [&mine.mac, &mine.cpu, &mine.board, &theirs.mac, &theirs.cpu, &theirs.board] {
        assert!(!rows.contains(part.as_str()), "{part}");
    }
}

#[test]
fn show_reads_few_audit_rows() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key);
    stack.wait(async {
        for number in 0..3_000_i64 {
            let at = UnixMillis(1_700_000_000_000 + number);
            let row = AuditRow::change(&id, at, &format!("r{number}"), "verify", "VALID", "client");
            stack.store.record(&row).await.unwrap();
        }
    });
    stack.forget();
    let mut command = falconer(&stack);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", stack.dynamodb.endpoint());
    let shown = command.args(["show", &key, "--json"]).output().unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["audit"].as_array().unwrap().len(), 10);
    let queries: Vec<_> = stack
        .dynamodb
        .records()
        .into_iter()
        .filter(|record| record.operation == "Query")
        .map(|record| (record.request["Limit"].as_i64(), record.request["ScanIndexForward"].as_bool()))
        .collect();
    let read: i64 = queries.iter().map(|(limit, _)| limit.expect("a limit")).sum();
    assert!(read <= 2_010, "{queries:?}");
    assert!(queries.iter().all(|(_, forward)| *forward == Some(false)), "{queries:?}");
}
