//! Keys as people paste and type them: each kind of spelling of each form of key, at the endpoints, on the command line
//! and in the cells of a sheet.

use std::fs;

use falconer_tests::{Fixture, MASTER_B, Machine, TestStack, TestStackOptions, ring};
use serde_json::json;

use crate::manners::Folder;
use crate::operator::{run, said, told};

/// A key of another system.
const FOREIGN: &str = "550E8400-E29B-41D4-A716-446655440000";

/// A stack whose ring looks up the keys of other systems too, without a limit for an address.
fn with_imported() -> TestStack {
    let ring = ring().replacen('{', &format!(r#"{{"imported":"3","3":"{MASTER_B}","#), 1);
    TestStack::with(&TestStackOptions {
        ring: Some(ring),
        settings: vec![
            ("RATE_LIMIT_PER_MINUTE", "0".to_owned()),
            ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "0".to_owned()),
        ],
        ..TestStackOptions::default()
    })
}

/// A license of each form of key.
fn keys(stack: &TestStack) -> [String; 3] {
    let id = stack.license_id(FOREIGN);
    stack.put(Fixture::pro().with(move |new, _| new.license.id = id));
    [stack.put(Fixture::pro()), stack.put(Fixture::pro().with_legacy_key()), FOREIGN.to_owned()]
}

/// The key with something after each of its characters.
fn between(key: &str, something: &str) -> String {
    key.chars().flat_map(|c| [c.to_string(), something.to_owned()]).collect()
}

fn full_width(key: &str) -> String {
    key.chars().map(|c| char::from_u32(u32::from(c) + 0xFEE0).unwrap()).collect()
}

fn turkish(key: &str) -> String {
    key.to_lowercase().replace('i', "\u{131}")
}

/// Every kind of spelling.
fn spellings(key: &str) -> Vec<(&'static str, String)> {
    let dashes =
        "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}\u{FE58}\u{FE63}\u{FF0D}\u{30FC}\u{FF70}";
    let mut spellings: Vec<_> = dashes
        .chars()
        .map(|dash| ("another dash", key.replace('-', &dash.to_string())))
        .chain(
            ["", " ", ".", "/", "_", "\n", "\r\n> ", " - ", "\u{2026}"]
                .map(|separator| ("another separator", key.replace('-', separator))),
        )
        .chain(
            "\u{AD}\u{200B}\u{200E}\u{200F}\u{202A}\u{202E}\u{2060}\u{2066}\u{2069}\u{FE0F}\u{FEFF}\u{E0020}"
                .chars()
                .map(|nothing| ("what nobody sees", between(key, &nothing.to_string()))),
        )
        .collect();
    for (before, after) in [
        ("\"", "\""),
        ("\u{201E}", "\u{201C}"),
        ("'", "'."),
        ("(", "),"),
        ("`", "`"),
        ("**", "**"),
        ("<", ">;"),
        ("\u{2067}", "\u{2069}"),
        ("License key: ", "\r\n"),
    ] {
        spellings.push(("what surrounds it", format!("{before}{key}{after}")));
    }
    spellings.extend([
        ("lower case", key.to_lowercase()),
        ("a Turkish program's lower case", turkish(key)),
        ("an East Asian keyboard", full_width(key)),
        ("read out letter by letter", between(&key.replace('-', ""), " ")),
        ("far apart", key.replace('-', &" ".repeat(100))),
    ]);
    spellings
}

#[test]
fn every_spelling_is_valid() {
    let stack = with_imported();
    for key in keys(&stack) {
        let machine = Machine::named("first");
        assert_eq!(stack.activate(&key, &machine).code(), "ACTIVATED", "as it is printed");
        for (kind, typed) in spellings(&key) {
            stack.speak(&typed);
            let verified = stack.post("/api/verify", &json!({ "license": typed }));
            assert_eq!(verified.code(), "VALID", "{kind}: {typed:?}");
            // What a form sends is what was typed; its parts are keyed by nothing here.
            let mut request = machine.request(&key);
            request["license_key"] = json!(typed);
            let activated = stack.post("/api/activate-sync", &request);
            assert_eq!(activated.code(), "REFRESHED", "{kind}: {typed:?}");
        }
    }
}

#[test]
fn ambiguous_text_costs_no_call() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let wrong = key.replace("PRO", "ELITE");
    stack.settle();
    stack.forget();
    for typed in [
        wrong.replace('-', ""),
        between(&wrong.replace('-', ""), " "),
        format!("my key {wrong}"),
        FOREIGN.to_owned(),
    ] {
        stack.speak(&typed);
        assert_eq!(stack.verify(&typed).code(), "INVALID_SIGNATURE", "{typed}");
    }
    stack.settle();
    assert!(stack.dynamodb.records().is_empty(), "no license was looked for, and nothing counted");
}

#[test]
fn cli_reads_pasted_keys() {
    let stack = with_imported();
    let keys = keys(&stack);
    for key in &keys {
        let id = stack.license_id(key);
        for typed in
            [format!("\u{201E}{key}\u{201C}."), key.replace('-', ""), key.replace('-', " ").to_lowercase()]
        {
            assert_eq!(told(&stack, &["show", &typed])["licenseId"], id.as_str(), "{typed}");
        }
        assert_eq!(told(&stack, &["explain", &key.replace('-', "\u{2013}")])["code"], "VALID");
    }
    let [current, ..] = keys;
    let masked = format!("QF-PRO-\u{2026}-{}", &current[current.len() - 5..]);
    assert_eq!(told(&stack, &["show", &masked])["licenseId"], stack.license_id(&current).as_str());
}

#[test]
fn imports_keys_of_other_systems() {
    const OTHERS: [&str; 6] = [
        "550e8400-e29b-41d4-a716-446655440000",
        "A3F9C1-0B2D4E-77AA01-9C8B7A-112233-V3",
        "AB12CD-EF34GH-JK56KM-MN78PQ-QR90ST-TV12WX",
        "AB12-CD34-EF56-GH78-JK90-KM12-MN34",
        "QF-AB12CD-EF34GH-JK56KM-MN78PQ-QR90ST",
        "V1StGXR8_Z5jdHi6B-myT",
    ];
    let folder = Folder::new();
    let cells = |key: &str| format!("\u{200B}{key} ,active,pro");
    let rows = OTHERS.map(cells).join("\n");
    let sheet = folder.file("others.csv", &format!("license_key,status,license_tier\n{rows}\n"));
    for keep in [&["--keep-keys"][..], &[]] {
        let stack = with_imported();
        let import: Vec<&str> = ["import", "sheet", &sheet].into_iter().chain(keep.iter().copied()).collect();
        let report = told(&stack, &import);
        assert_eq!((&report["imported"], &report["refused"]), (&json!(6), &json!(0)), "{keep:?}: {report}");
        let again = told(&stack, &import);
        assert_eq!((&again["there"], &again["refused"]), (&json!(6), &json!(0)), "{keep:?}: {again}");
        for key in OTHERS {
            for typed in
                [key.to_owned(), key.to_uppercase(), key.replace('-', ""), key.replace(['-', '_'], " ")]
            {
                stack.speak(&typed);
                let expected = if keep.is_empty() { "INVALID_SIGNATURE" } else { "VALID" };
                assert_eq!(stack.verify(&typed).code(), expected, "{typed}");
            }
        }
    }
}

#[test]
fn import_refuses_mistyped_keys() {
    let (stack, folder) = (with_imported(), Folder::new());
    let key = stack.key_without_license();
    let lost = key[..key.len() - 1].to_owned();
    let swapped = format!("{}{}{}{}", &key[..8], &key[9..10], &key[8..9], &key[10..]);
    let slips: Vec<_> =
        [lost, key.replacen("PRO", "PRQ", 1), swapped].into_iter().filter(|slip| *slip != key).collect();
    let rows: Vec<_> = slips.iter().map(|slip| format!("{slip},active,pro")).collect();
    let sheet = folder.file("slips.csv", &format!("license_key,status,license_tier\n{}\n", rows.join("\n")));
    for keep in [&["--keep-keys"][..], &[]] {
        let import: Vec<&str> =
            ["--json", "--yes", "import", "sheet", &sheet].into_iter().chain(keep.iter().copied()).collect();
        let output = run(&stack, &import);
        assert!(!output.status.success(), "{}", said(&output));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["refused"], json!(slips.len()), "{report}");
        let refused = fs::read_to_string(report["refusedFile"].as_str().unwrap()).unwrap();
        assert!(refused.contains("no master of this ring signed it"), "{refused}");
    }
}
