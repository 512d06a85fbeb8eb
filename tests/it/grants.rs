//! Limits and maintenance as operators type them, as sheets hold them, and as catalogs and answers state them.

use std::fs;
use std::path::Path;

use falconer_tests::{Fixture, TestStack, now};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use crate::manners::Folder;
use crate::moving_in::rows;
use crate::operator::{run, said, told};

const HEADER: &str = "license_key,status,license_tier,expiry_date,limits,updates_until";

fn today() -> Date {
    Timestamp::from_millisecond(now().0).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Refused as bad input, with a sentence; nothing is changed.
fn refused(stack: &TestStack, arguments: &[&str], code: i32, sentence: &str) {
    let output = run(stack, &[&["--yes"], arguments].concat());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    assert!(said(&output).contains(sentence), "{arguments:?}: {}", said(&output));
}

#[test]
fn ends_of_maintenance_are_read_as_typed() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key).to_string();
    let set = |typed: &str| {
        let told = told(&stack, &["set-updates-until", &id, typed]);
        told["license"]["updatesUntil"].clone()
    };
    for typed in
        ["2027-12-31", "31.12.2027", "31/12/2027", "12/31/2027", "Dec 31, 2027", "2027-12-31T23:00:00Z"]
    {
        assert_eq!(set(typed), "2027-12-31", "{typed}");
        assert_eq!(set("2026-01-01"), "2026-01-01");
    }
    for typed in ["never", " Never ", "none", "9999-12-31"] {
        assert_eq!(set(typed), Value::Null, "{typed}");
        assert_eq!(set("2026-01-01"), "2026-01-01");
    }
    let before = stack.item(&stack.license_id(&key));
    for (typed, sentence) in [
        (
            "01/11/2027",
            "is one date with the day first and another one with the month first; write it as 2027-03-01",
        ),
        ("soon", "\"soon\" is not a date; write it as 2027-03-01"),
        ("", "an empty text is not a date"),
        ("2027-02-30", "is not a date"),
        (key.as_str(), "is not a date"),
    ] {
        refused(&stack, &["set-updates-until", &id, typed], 2, sentence);
        refused(&stack, &["issue", "--tier", "pro", "--perpetual", "--updates-until", typed], 2, sentence);
        refused(&stack, &["explain", &id, "--build-date", typed], 2, sentence);
        let output = run(&stack, &["--yes", "set-updates-until", &id, typed]);
        assert!(!said(&output).contains(&key), "no key in a message");
    }
    assert_eq!(stack.item(&stack.license_id(&key)), before);
    // The license stays valid, and the answer says what it covers.
    let reply = stack.verify(&key);
    assert_eq!((reply.code(), &reply.body["updatesUntil"]), ("VALID", &json!("2026-01-01")));
}

#[test]
fn limits_are_read_as_typed() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key).to_string();
    let told_limits = |arguments: &[&str]| told(&stack, arguments)["license"]["ownLimits"].clone();
    assert_eq!(
        told_limits(&["set-limit", &id, "agents=10", " users = 3 "]),
        json!({ "agents": 10, "users": 3 })
    );
    assert_eq!(told_limits(&["set-limit", &id, "agents=0", "--remove", "users"]), json!({ "agents": 0 }));
    assert_eq!(told(&stack, &["set-limit", &id, "agents=0"])["outcome"], "unchanged");
    for (arguments, code, sentence) in [
        (vec!["agents"], 2, "\"agents\" is not NAME=NUMBER, as agents=5"),
        (vec!["agents=-1"], 2, "limit agents must be a whole number from 0 to 9007199254740991"),
        (vec!["agents=1.5"], 2, "must be a whole number"),
        (vec!["agents=9007199254740992"], 2, "must be a whole number"),
        (vec!["no agents=1"], 2, "must be 1 to 64 of a-z, 0-9 and _"),
        (vec!["agents=1", "--remove", "agents"], 2, "cannot be set and removed at once"),
        (vec!["--remove", "users"], 1, "the license has no limit users of its own; set-limit users=NUMBER"),
        (vec![], 2, "required arguments were not provided"),
    ] {
        refused(&stack, &[["set-limit", &id].as_slice(), &arguments].concat(), code, sentence);
    }
    let many: Vec<_> = (0..16).map(|number| format!("l{number}=1")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    refused(&stack, &[["set-limit", &id].as_slice(), &many].concat(), 2, "at most 16 of its own");
    assert_eq!(stack.verify(&key).body["limits"], json!({ "agents": 0 }));
}

#[test]
fn ending_maintenance_is_listed_for_a_reminder() {
    let stack = TestStack::start();
    let ending = |days: i32| {
        let id = stack.license_id(&stack.put(Fixture::pro())).to_string();
        told(&stack, &["set-updates-until", &id, &today().checked_add(days.days()).unwrap().to_string()]);
        id
    };
    let (past, first, last, later) = (ending(-1), ending(0), ending(30), ending(31));
    let never = stack.license_id(&stack.put(Fixture::pro())).to_string();
    let listed = told(&stack, &["list", "--updates-ending", "30"]);
    let ids: Vec<_> = listed["licenses"].as_array().unwrap().iter().map(|one| &one["licenseId"]).collect();
    for (id, is_listed) in [(&past, false), (&first, true), (&last, true), (&later, false), (&never, false)] {
        assert_eq!(ids.contains(&&json!(id)), is_listed, "{id}: {ids:?}");
    }
    assert_eq!(listed["licenses"][0]["updatesUntil"].as_str().unwrap().len(), "2027-12-31".len());
    let text = String::from_utf8(run(&stack, &["list", "--updates-ending", "0"]).stdout).unwrap();
    assert!(text.contains(&first) && !text.contains(&last), "{text}");
    refused(&stack, &["list", "--updates-ending", "soon"], 2, "invalid value 'soon'");
}

#[test]
fn a_build_is_judged_by_its_date() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro())).to_string();
    told(&stack, &["set-updates-until", &id, "2027-03-01"]);
    let judged = |built: &str| told(&stack, &["explain", &id, "--build-date", built])["buildCovered"].clone();
    for (built, is_covered) in [
        ("2027-03-01", true),
        ("Mar  1 2027", true),
        ("01.03.2027", true),
        ("2027-03-02", false),
        ("2027-03-02T00:00:00Z", false),
        ("20270301", true),
    ] {
        assert_eq!(judged(built), is_covered, "{built}");
    }
    let text = |built: &str| {
        String::from_utf8(run(&stack, &["explain", &id, "--build-date", built]).stdout).unwrap()
    };
    assert!(
        text("2027-03-01").contains("Build    of 2027-03-01 is covered: it runs"),
        "{}",
        text("2027-03-01")
    );
    let younger = text("2027-03-02");
    assert!(younger.contains("is not covered: its application says UPDATES_ENDED"), "{younger}");
    assert!(younger.contains(": VALID"), "the license itself is as valid as ever: {younger}");
    told(&stack, &["set-updates-until", &id, "never"]);
    assert_eq!(judged("2999-01-01"), true);
    assert_eq!(told(&stack, &["explain", &id])["buildCovered"], Value::Null);
}

#[test]
fn sheets_carry_limits_and_maintenance() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = format!(
        "{HEADER}\n\
         ABC-123-XYZ-1,active,pro,,agents=5 users=3,2027-12-31\n\
         ABC-123-XYZ-2,active,pro,,\"agents=5, users=3\",31.12.2027\n\
         ABC-123-XYZ-3,active,pro,,agents=5;users=3,31/12/2027\n\
         ABC-123-XYZ-4,active,pro,,,never\n\
         ABC-123-XYZ-5,active,pro,,,nan\n\
         ABC-123-XYZ-6,active,pro,,,46752\n"
    );
    let file = folder.file("customers.csv", &sheet);
    assert_eq!(told(&stack, &["import", "sheet", &file])["imported"], 6);
    for row in rows(Path::new(&format!("{file}.mapping.csv"))) {
        stack.speak(row["license_key"].as_str().unwrap());
    }
    let exported = folder.path("export.csv");
    told(&stack, &["export", "csv", "--output", &exported]);
    let (mut ends, mut limits): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for row in rows(Path::new(&exported)) {
        ends.push(row["updates_until"].as_str().unwrap().to_owned());
        limits.push(row["limits"].as_str().unwrap().to_owned());
    }
    ends.sort();
    limits.sort();
    assert_eq!(ends, ["", "", "2027-12-31", "2027-12-31", "2027-12-31", "2027-12-31"]);
    assert_eq!(limits, ["", "", "", "agents=5 users=3", "agents=5 users=3", "agents=5 users=3"]);
    // An export reads back as it is, in an empty table.
    let other = TestStack::start();
    assert_eq!(told(&other, &["import", "sheet", &exported])["imported"], 6);
    let again = folder.path("again.csv");
    told(&other, &["export", "csv", "--output", &again]);
    let cells = |path: &str| -> Vec<_> {
        let row =
            |row: Value| (row["license_id"].clone(), row["limits"].clone(), row["updates_until"].clone());
        let mut cells: Vec<_> = rows(Path::new(path)).into_iter().map(row).collect();
        cells.sort_by_key(|cell| cell.0.to_string());
        cells
    };
    assert_eq!(cells(&exported), cells(&again));
}

#[test]
fn bad_cells_of_a_sheet_get_sentences() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = format!(
        "{HEADER}\n\
         ABC-123-XYZ-1,active,pro,2099-06-30,agents,\n\
         ABC-123-XYZ-2,active,pro,,agents=five,\n\
         ABC-123-XYZ-3,active,pro,,Agents=5,\n\
         ABC-123-XYZ-4,active,pro,,,soon\n\
         ABC-123-XYZ-5,active,pro,,,1970-01-01\n\
         ABC-123-XYZ-6,active,pro,,,0\n\
         ABC-123-XYZ-7,active,pro,,,2027-12-31\n"
    );
    let file = folder.file("customers.csv", &sheet);
    let output = run(&stack, &["--json", "--yes", "import", "sheet", &file]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let bad = rows(Path::new(&format!("{file}.refused.csv")));
    let reasons: Vec<_> = bad.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    for (reason, sentence) in reasons.iter().zip([
        "limits: \"agents\" is not NAME=NUMBER, as agents=5",
        "limits: limit agents must be a whole number from 0 to",
        "limits: limit \"Agents\" must be 1 to 64 of a-z",
        "updates_until: soon is not a date; write it as 2027-03-01, or leave it empty where every build is covered",
        "updates_until: 1970-01-01 looks like a placeholder, not like an end; leave it empty where every build",
        "updates_until: 0 is a placeholder, not a date, or leave it empty where every build is covered",
    ]) {
        assert!(reason.contains(sentence), "{reason}");
    }
    assert_eq!(reasons.len(), 6);
    // Two orders of day and month, and nothing tells which: the import asks, as for the end of a license.
    let doubtful = folder.file("doubtful.csv", &format!("{HEADER}\nABC-123-XYZ-8,active,pro,,,01/11/2027\n"));
    refused(&stack, &["import", "sheet", &doubtful], 2, "updates_until: line 2 has 01/11/2027");
    assert_eq!(told(&stack, &["import", "sheet", &doubtful, "--dates", "dmy"])["imported"], 1);
    let exported = folder.path("export.csv");
    told(&stack, &["export", "csv", "--output", &exported]);
    assert!(fs::read_to_string(&exported).unwrap().contains("2027-11-01"));
    for row in rows(Path::new(&format!("{doubtful}.mapping.csv"))) {
        stack.speak(row["license_key"].as_str().unwrap());
    }
}

#[test]
fn orders_name_limits_and_maintenance() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let catalog = "product = 'QF'\n[tiers.pro]\nlimits = { agents = 5, users = 1 }\nupdates_days = 365\n\
                   [releases]\n\"5.1\" = \"2026-06-01\"\n\"5.10\" = \"2027-01-31\"\n\"5.9\" = \"2027-01-31\"\n";
    told(&stack, &["catalog", "apply", &folder.file("catalog.toml", catalog)]);
    let header = "tier,perpetual,limits,updates_until";
    let bad = folder.file("bad.csv", &format!("{header}\npro,yes,agents,soon\npro,yes,,01/11/2027\n"));
    for sentence in [
        "line 2: limits: \"agents\" is not",
        "updates_until: \"soon\" is not a date",
        "line 3: updates_until: \"01",
    ] {
        refused(&stack, &["issue", "--from-csv", &bad], 2, sentence);
    }
    let orders = format!("{header}\npro,yes,,\npro,yes,agents=9,31.01.2027\npro,yes,,never\n");
    let issued = told(&stack, &["issue", "--from-csv", &folder.file("orders.csv", &orders)]);
    let keys = rows(Path::new(issued["keysFile"].as_str().unwrap()));
    let answers: Vec<_> = keys
        .iter()
        .map(|row| {
            let key = row["license_key"].as_str().unwrap();
            stack.speak(key);
            let body = stack.verify(key).body;
            (body["limits"].clone(), body["updatesUntil"].clone(), body["updatesVersion"].clone())
        })
        .collect();
    let in_a_year = today().checked_add(365.days()).unwrap().to_string();
    let tiers = json!({ "agents": 5, "users": 1 });
    assert_eq!(answers[0].0, tiers);
    assert_eq!(
        (&answers[0].1, &answers[0].2),
        (&json!(in_a_year), &json!("5.10")),
        "from the day of issue on"
    );
    assert_eq!(answers[1], (json!({ "agents": 9, "users": 1 }), json!("2027-01-31"), json!("5.10")));
    assert_eq!(answers[2], (tiers, Value::Null, Value::Null), "an order may cover every build");
    // One order, once: its end is a part of it.
    let order = ["issue", "--tier", "pro", "--perpetual", "--order", "shop-1", "--updates-until"];
    let first = told(&stack, &[&order[..], &["never"]].concat());
    assert_eq!((&first["outcome"], &first["updatesUntil"]), (&json!("issued"), &Value::Null));
    stack.speak(first["licenseKey"].as_str().unwrap());
    assert_eq!(told(&stack, &[&order[..], &["Never"]].concat())["outcome"], "there");
    let other = run(&stack, &[&["--yes"], &order[..], &["2027-01-31"]].concat());
    assert!(said(&other).contains("updates_until never and not 2027-01-31"), "{}", said(&other));
}

#[test]
fn releases_of_a_catalog_are_checked() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let catalog = |releases: &str| format!("product = 'QF'\n[tiers.pro]\n[releases]\n{releases}");
    let many = (0..=200).map(|number| format!("\"1.{number}\" = \"2026-01-01\"\n"));
    let many = many.collect::<Vec<_>>().concat();
    for (releases, sentence) in [
        ("\"<b>\" = \"2026-01-01\"\n", "release \"<b>\" must be 1 to 32 of letters, digits"),
        ("\"5.1\" = \"soon\"\n", "is not a date; write it as 2027-01-31"),
        ("\"5.1\" = \"01/11/2026\"\n", "is not a date"),
        (many.as_str(), "a catalog lists at most 200 releases; leave out the oldest ones"),
    ] {
        let file = folder.file("catalog.toml", &catalog(releases));
        refused(&stack, &["catalog", "apply", &file], 2, sentence);
    }
    let file = folder.file("catalog.toml", &catalog("\"5.1\" = 2026-06-01\n\"5.2\" = \"2026-11-01\"\n"));
    told(&stack, &["catalog", "apply", &file]);
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key).to_string();
    for (until, version) in
        [("2026-05-31", Value::Null), ("2026-06-01", json!("5.1")), ("2027-01-01", json!("5.2"))]
    {
        told(&stack, &["set-updates-until", &id, until]);
        assert_eq!(told(&stack, &["explain", &id])["updatesVersion"], version, "{until}");
    }
    let shown = told(&stack, &["catalog", "show"]);
    assert!(shown["toml"].as_str().unwrap().contains("\"5.2\" = \"2026-11-01\""), "{shown}");
}
