//! Moving in and out: a sheet, the Flask server's table, orders in bulk, and an export that reads back.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use falconer_domain::seats::{FormerDevice, Reclaim};
use falconer_domain::{Status, UnixMillis};
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, MASTER_B, Machine, TestStack, TestStackOptions, device_id, ring};
use serde_json::{Value, json};

use crate::issuing::falconer;
use crate::manners::Folder;
use crate::operator::{run, said, told};

const HEADER: &str = "license_key,status,license_tier,license_duration_days,hw_component_1,hw_component_2,\
                      hw_component_3,licensee_name,licensee_email,expiry_date,transfer_count,last_transfer_at,notes";

/// The usual ring, and a generation that looks up free-text keys.
fn with_imported() -> TestStack {
    let ring = ring().replacen('{', &format!(r#"{{"imported":"3","3":"{MASTER_B}","#), 1);
    TestStack::with(&TestStackOptions { ring: Some(ring), ..TestStackOptions::default() })
}

pub(crate) fn writes(stack: &TestStack) -> usize {
    let records = stack.dynamodb.records();
    records
        .iter()
        .filter(|record| ["TransactWriteItems", "PutItem"].contains(&record.operation.as_str()))
        .count()
}

/// A CSV file as rows of cells by name.
pub(crate) fn rows(path: &Path) -> Vec<Value> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        header.iter().map(str::to_owned).zip(record.iter().map(Value::from)).collect()
    };
    reader.records().map(|record| Value::Object(row(record.unwrap()))).collect()
}

#[test]
fn sheet_imports_with_fresh_keys() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = format!(
        "\u{FEFF}{HEADER}\r\n\
         ABC-123-XYZ,active,pro,,fixture-hardware-first-mac,fixture-hardware-first-cpu,,\"Person, Fixture\",\
         fixture.person@example.com,2099-12-31,2,2026-01-05,\"two\r\nlines\"\r\n\
         DEF 456,active,elite,365,,,,,,,,,\r\n\
         #REF!,active,pro,,,,,,,,,,\r\n\
         GHI-789,active,gold,,,,,,,,,,\r\n\
         JKL-012,expired,free,,,,,,,2024-01-31,,,\r\n\
         MNO-345,sold,free,,,,,,,,,,\r\n"
    );
    let file = folder.file("customers.csv", &sheet);
    let dry = run(&stack, &["--json", "import", "sheet", &file, "--dry-run"]);
    let report: Value = serde_json::from_slice(&dry.stdout).unwrap();
    assert_eq!(
        (&report["outcome"], &report["imported"], &report["refused"]),
        (&json!("dry_run"), &json!(3), &json!(3))
    );
    assert!(!Path::new(&folder.path("customers.csv.mapping.csv")).exists(), "no key was given out");

    let first = run(&stack, &["--json", "--yes", "import", "sheet", &file, "--reason", "moving in"]);
    assert_eq!(first.status.code(), Some(5), "three rows were refused");
    assert_eq!(said(&first), "falconer: 3 of 6 rows were refused\n");
    let report: Value = serde_json::from_slice(&first.stdout).unwrap();
    let mapping = PathBuf::from(report["mappingFile"].as_str().unwrap());
    assert_eq!(
        report,
        json!({
            "outcome": "changed", "rows": 6, "imported": 3, "there": 0, "refused": 3,
            "noticed": [{ "what": "ended", "licenses": 1, "lines": [7] },
                { "what": "new_term", "licenses": 1, "lines": [4] }], "updated": [], "removedFile": null, "words": [
                { "column": "license_tier", "word": "gold", "rows": 1 },
                { "column": "status", "word": "sold", "rows": 1 }],
            "mappingFile": format!("{file}.mapping.csv"), "refusedFile": format!("{file}.refused.csv"),
            "error": { "code": "rows_refused", "message": "3 of 6 rows were refused" },
        })
    );
    assert_eq!(fs::metadata(&mapping).unwrap().permissions().mode() & 0o777, 0o600);
    let mailed = rows(&mapping);
    assert_eq!(mailed.len(), 3);
    assert_eq!(
        (&mailed[0]["old_key"], &mailed[0]["licensee_name"], &mailed[0]["outcome"], &mailed[1]["line"]),
        (&json!("ABC-123-XYZ"), &json!("Person, Fixture"), &json!("imported"), &json!("4"))
    );
    let key = |index: usize| {
        let key = mailed[index]["license_key"].as_str().unwrap();
        stack.speak(key);
        key
    };
    let bad = rows(Path::new(&format!("{file}.refused.csv")));
    let reasons: Vec<_> =
        bad.iter().map(|row| (row["line"].as_str().unwrap(), row["reason"].as_str().unwrap())).collect();
    assert_eq!(
        reasons,
        [
            (
                "5",
                "license_key: the sheet shows an error, or has rounded or changed this key; write the key as it was \
                 issued"
            ),
            ("6", "product QF has no tier gold; it has elite, free, lifetime, pro"),
            (
                "8",
                "status: sold is not active, pending, suspended, revoked or expired; --status sold=OURS says what \
                 it means"
            ),
        ]
    );
    assert_eq!((&bad[1]["license_key"], &bad[1]["license_tier"]), (&json!("GHI-789"), &json!("gold")));

    // What the sheet said is what the functions say.
    let machine = Machine::named("first");
    let here = json!({ "license": key(0), "hw_component_1": machine.mac, "hw_component_2": machine.cpu });
    let reply = stack.post("/api/verify", &here);
    assert_eq!(
        (reply.code(), &reply.body["tier"], reply.body["device"].is_object()),
        ("VALID", &json!("pro"), true)
    );
    assert_eq!((stack.verify(key(1)).code(), stack.verify(key(2)).code()), ("PENDING", "EXPIRED"));
    let stored = stack.stored(&stack.license_id(key(0)));
    assert_eq!((stored.transfers_total, stored.transfers.len(), stored.free_used), (2, 1, 1));
    assert_eq!(stored.expires_at, Some(UnixMillis(4_102_444_799_999)), "the end of 2099-12-31");
    stack.settle();
    let row = &stack.audit_rows(&stack.license_id(key(1)))[0];
    assert_eq!(
        (&row["action"]["S"], &row["code"]["S"], &row["reason"]["S"]),
        (&json!("import"), &json!("IMPORTED"), &json!("moving in"))
    );

    // Again: nothing is written, and the mapping is whole.
    let before = fs::read_to_string(&mapping).unwrap();
    stack.settle();
    stack.forget();
    let second = run(&stack, &["--json", "--yes", "import", "sheet", &file]);
    let report: Value = serde_json::from_slice(&second.stdout).unwrap();
    assert_eq!((&report["outcome"], &report["there"], writes(&stack)), (&json!("unchanged"), &json!(3), 0));
    assert_eq!(fs::read_to_string(&mapping).unwrap().replace(",there", ",imported"), before);

    // The refused rows, corrected in their file.
    let refused = format!("{file}.refused.csv");
    let text = fs::read_to_string(&refused).unwrap().replace(",gold", ",pro").replace(",sold", ",pending");
    fs::write(&refused, text.replace("#REF!", "ABC-123-XYZ-2")).unwrap();
    assert_eq!(told(&stack, &["import", "sheet", &refused])["imported"], 3);
}

/// The spreadsheet's own example with its own key, from the sheet to the end of its life.
#[test]
fn imported_key_works_end_to_end() {
    let (stack, folder) = (with_imported(), Folder::new());
    let file = folder.file("sheet.csv", &format!("{HEADER}\nABC-123-XYZ,active,pro,,,,,,,,,,\n"));
    let refused = {
        let plain = TestStack::start();
        run(&plain, &["--yes", "import", "sheet", &file, "--keep-keys"])
    };
    assert!(said(&refused).contains("`falconer keyring enable-imported`"), "{}", said(&refused));
    let report = told(&stack, &["import", "sheet", &file, "--keep-keys"]);
    assert_eq!(
        (&report["imported"], &report["mappingFile"]),
        (&json!(1), &Value::Null),
        "every key is as it was"
    );

    let webhook = |machine: &Machine| {
        json!({
            "license_key": "ABC-123-XYZ", "hw_component_1": machine.mac, "hw_component_2": machine.cpu,
            "hw_component_3": machine.board, "licensee_name": "Fixture Person",
            "licensee_email": "fixture.person@example.com", "status": "active",
        })
    };
    let (first, second) = (Machine::named("first"), Machine::named("second"));
    assert_eq!(stack.post("/api/activate-sync", &webhook(&first)).code(), "ACTIVATED");
    assert_eq!(stack.post("/api/verify", &webhook(&first)).code(), "VALID");
    assert_eq!(stack.verify(" abc-123-xyz ").code(), "VALID", "as people type it");
    assert_eq!(stack.post("/api/verify", &webhook(&second)).code(), "HARDWARE_MISMATCH");
    assert_eq!(stack.post("/api/transfer", &webhook(&second)).code(), "TRANSFERRED");
    assert_eq!(stack.post("/api/verify", &webhook(&second)).code(), "VALID");
    assert_eq!(stack.verify("ABC-123-XYY").code(), "INVALID_SIGNATURE", "a guess");
    let shown = told(&stack, &["show", "ABC-123-XYZ"]);
    assert_eq!((&shown["keyHint"], &shown["transfers"]["used"]), (&json!("…YZ"), &json!(1)));
    assert_eq!(told(&stack, &["reveal", shown["licenseId"].as_str().unwrap()])["licenseKey"], "ABC-123-XYZ");
    assert_eq!(told(&stack, &["revoke", "ABC-123-XYZ", "--reason", "refund"])["outcome"], "changed");
    assert_eq!(stack.post("/api/verify", &webhook(&second)).code(), "REVOKED");
    assert_eq!(stack.post("/api/deactivate", &webhook(&second)).code(), "DEACTIVATED");
}

#[test]
fn flask_table_keeps_its_keys() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    // Keys of the Flask server's form, of licenses that do not exist.
    let legacy = || stack.key_alone(Fixture::pro().with_legacy_key());
    let (good, off) = (legacy(), legacy());
    let text = format!(
        "id,license_key,user_id,email,tier,expires_at,created_at,active,features,metadata\n\
         1,{good},user_1,fixture.person@example.com,pro,4764-01-05 00:00:00,2025-01-10 12:00:00,t,{{early_access}},\"{{\"\"a\"\": 1}}\"\n\
         2,{off},user_2,,elite,2099-01-01 00:00:00,,f,,\n\
         3,QF-PRO-0011223344556677-1700000000,user_3,,pro,2099-01-01 00:00:00,,t,,\n"
    );
    let file = folder.file("licenses.csv", &text);
    let output =
        run(&stack, &["--json", "--yes", "import", "postgres", &file, "--timezone", "Europe/Berlin"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["imported"], &report["refused"]), (&json!(2), &json!(1)));
    let reply = stack.verify(&good);
    assert_eq!(
        (reply.code(), &reply.body["perpetual"], &reply.body["userId"]),
        ("VALID", &json!(true), &json!("user_1"))
    );
    assert!(reply.body["features"].as_array().unwrap().contains(&json!("early_access")));
    assert_eq!(stack.verify(&off).code(), "REVOKED");
    let item = stack.item(&stack.license_id(&good));
    assert_eq!(
        (&item["created_at"]["N"], &item["metadata"]["S"]),
        (&json!("1736506800000"), &json!("{\"a\": 1}"))
    );
    stack.settle();
    stack.forget();
    assert_eq!(run(&stack, &["--yes", "import", "postgres", &file]).status.code(), Some(5));
    assert_eq!(writes(&stack), 0, "a second run writes nothing");
    let nowhere = run(&stack, &["--yes", "import", "postgres", &file, "--timezone", "Berlin"]);
    assert!(said(&nowhere).contains("\"Berlin\" is not a time zone (Europe/Berlin)"), "{}", said(&nowhere));
    let sheet = run(&stack, &["--yes", "import", "sheet", &file]);
    assert!(said(&sheet).contains("the first line lacks the column status"), "{}", said(&sheet));
}

/// A stack with a license of every kind there is.
pub(crate) fn every_kind() -> TestStack {
    let stack = TestStack::start();
    let (first, second) = (Machine::named("first"), Machine::named("second"));
    stack.put(Fixture::pro());
    stack.put(Fixture::pro().seats(3).bound(1, &first, UnixMillis(5)).bound(2, &second, UnixMillis(6)));
    stack.put(Fixture::pro().ending(UnixMillis(4_102_444_799_999)).with(move |new, ring| {
        let device = first.device(new, ring, UnixMillis(7));
        let released = FormerDevice { device, at: UnixMillis(9), may_return: true, reclaim: Reclaim::Always };
        let license = &mut new.license;
        license.released.insert(device_id(3), released);
        license.transfers = vec![UnixMillis(10), UnixMillis(20)];
        license.transfers_total = 7;
        license.free_used = 1;
        license.status = Status::Suspended;
        license.policy.max_transfers = Some(0);
        license.policy.hardware_required = Some(true);
        license.features = vec!["one".to_owned(), "two".to_owned()];
        license.notes =
            falconer_domain::person::Note::read("=HYPERLINK(\"x\")\n'quoted', and \"more\"").unwrap();
        new.metadata = Some("{\"order\": 7}".to_owned());
    }));
    stack.put(Fixture::of_tier("elite").ending(UnixMillis(4_102_444_800_123)).with(|new, _| {
        let license = &mut new.license;
        license.status = Status::Pending;
        license.duration_days = Some(30);
        license.email = None;
        license.user_id = Some("-1+2".to_owned());
    }));
    let replaced = stack.put(Fixture::of_tier("free").with_legacy_key());
    let rotated = told(&stack, &["rotate-key", &replaced]);
    stack.speak(rotated["licenseKey"].as_str().unwrap());
    stack
}

#[test]
fn export_reads_back_without_loss() {
    let (stack, folder) = (every_kind(), Folder::new());
    let (masked, again) = (folder.path("masked.csv"), folder.path("again.csv"));
    assert_eq!(told(&stack, &["export", "csv", "--output", &masked])["licenses"], 6);
    assert_eq!(fs::metadata(&masked).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&masked).unwrap();
    assert!(text.contains("\"'=HYPERLINK(") && text.contains(",'-1+2,"), "no cell is a formula");
    for cell in text.lines().skip(1).flat_map(|line| line.split(',')) {
        assert!(!cell.trim_start_matches('"').starts_with(['=', '@', '+', '-']), "{cell}");
    }

    let empty = TestStack::start();
    let report = told(&empty, &["import", "sheet", &masked]);
    assert_eq!((&report["imported"], &report["mappingFile"]), (&json!(6), &Value::Null));
    assert_eq!(told(&empty, &["export", "csv", "--output", &again])["licenses"], 6);
    assert_eq!(fs::read_to_string(&again).unwrap(), text);
    for row in rows(Path::new(&masked)) {
        let id = falconer_domain::LicenseId::parse(row["license_id"].as_str().unwrap()).unwrap();
        assert_eq!(empty.stored(&id), stack.stored(&id));
        // What no rule looks at came along too; the version begins anew.
        for attribute in ["created_at", "key_escrow", "key_hint", "metadata", "expiry_month"] {
            assert_eq!(empty.item(&id)[attribute], stack.item(&id)[attribute], "{attribute}");
        }
    }
    empty.forget();
    assert_eq!(told(&empty, &["import", "sheet", &masked])["outcome"], "unchanged");
    assert_eq!(writes(&empty), 0);

    // With keys in clear, which the audit of each license tells of; and the same licenses again.
    let revealed = folder.path("revealed.csv");
    told(&stack, &["export", "csv", "--reveal", "--output", &revealed, "--reason", "escrow"]);
    for row in rows(Path::new(&revealed)) {
        let (key, id) = (row["license_key"].as_str().unwrap(), row["license_id"].as_str().unwrap());
        assert_eq!(stack.license_id(key).as_str(), id);
        let audit = stack.audit_rows(&stack.license_id(key));
        assert_eq!(audit.last().unwrap()["code"]["S"], "KEY_REVEALED");
    }
    let third = TestStack::start();
    assert_eq!(told(&third, &["import", "sheet", &revealed])["imported"], 6);
    told(&third, &["export", "csv", "--output", &again]);
    assert_eq!(fs::read_to_string(&again).unwrap(), text);
    let printed = run(&stack, &["export", "csv"]);
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), text, "to standard output without a file");
    // Another ring has a generation 1 too; what it cannot open it does not take.
    let ring = ring().replace(falconer_tests::MASTER_A, MASTER_B);
    let foreign = TestStack::with(&TestStackOptions { ring: Some(ring), ..TestStackOptions::default() });
    assert_eq!(run(&foreign, &["--yes", "import", "sheet", &masked]).status.code(), Some(5));
    let bad = rows(Path::new(&format!("{masked}.refused.csv")));
    assert_eq!(bad.len(), 6);
    assert!(bad[0]["reason"].as_str().unwrap().contains("it does not open with this key ring"), "{bad:?}");
    let (id, other) = (rows(Path::new(&revealed))[0].clone(), rows(Path::new(&revealed))[1].clone());
    let swapped = fs::read_to_string(&revealed).unwrap().replacen(
        id["license_key"].as_str().unwrap(),
        other["license_key"].as_str().unwrap(),
        1,
    );
    let fourth = TestStack::start();
    let output = run(&fourth, &["--yes", "import", "sheet", &folder.file("swapped.csv", &swapped)]);
    assert_eq!(output.status.code(), Some(5));
    let bad = rows(Path::new(&folder.path("swapped.csv.refused.csv")));
    assert!(bad[0]["reason"].as_str().unwrap().contains("it does not open license lic_"), "{bad:?}");
}

/// Starts a command and kills it when DynamoDB has seen so many transactions of it; whether it was still running.
pub(crate) fn killed(stack: &TestStack, mut command: Command, transactions: usize) -> bool {
    stack.forget();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && writes(stack) < transactions {
        std::thread::sleep(Duration::from_millis(5));
    }
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    running
}

pub(crate) fn licenses(stack: &TestStack) -> usize {
    told(stack, &["list", "--all", "--limit", "100000"])["licenses"].as_array().unwrap().len()
}

/// The output that two runs of one import share: all but the moments of the import itself.
pub(crate) fn essence(stack: &TestStack) -> Vec<Value> {
    let listed = told(stack, &["list", "--all", "--limit", "100000"]);
    let mut licenses = listed["licenses"].as_array().unwrap().clone();
    for license in &mut licenses {
        license["createdAt"].take();
        for device in license["devices"].as_array_mut().unwrap() {
            for member in ["activatedAt", "lastSeenAt"] {
                device[member].take();
            }
        }
    }
    licenses.sort_by_key(|license| license["licenseId"].as_str().unwrap().to_owned());
    licenses
}

const ROWS: usize = 2_000;

#[test]
fn killed_import_resumes_at_any_row() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let mut sheet = format!("{HEADER}\n");
    for row in 0..ROWS {
        let bad = if row % 100 == 50 { "gold" } else { "pro" };
        let count = row % 4;
        writeln!(
            sheet,
            "CUST-{row:06},active,{bad},,mac-of-row-{row:06},cpu-of-rows,,,,2099-01-01,{count},,"
        )
        .unwrap();
    }
    let file = folder.file("many.csv", &sheet);
    let good = ROWS - ROWS / 100;
    let mut stopped = 0;
    let mut stages = Vec::new();
    for transactions in [0, 1, 8, 20, 15] {
        let mut command = falconer(&stack);
        command.args(["--yes", "import", "sheet", &file]);
        stopped += usize::from(killed(&stack, command, transactions));
        stages.push(licenses(&stack));
        assert!(!Path::new(&format!("{file}.mapping.csv")).exists() || stages.last() == Some(&good));
    }
    let between = stages.iter().filter(|stored| (1..good).contains(*stored)).count();
    assert!(stopped == stages.len() && between >= 3, "{stages:?}");
    assert_eq!(run(&stack, &["--yes", "import", "sheet", &file]).status.code(), Some(5));
    assert_eq!(licenses(&stack), good);
    let mapping = fs::read_to_string(format!("{file}.mapping.csv")).unwrap();
    assert_eq!(mapping.lines().count(), good + 1, "of all runs together");
    assert_eq!(rows(Path::new(&format!("{file}.refused.csv"))).len(), ROWS / 100);
    stack.forget();
    run(&stack, &["--yes", "import", "sheet", &file]);
    assert_eq!(writes(&stack), 0);

    let unstopped = TestStack::start();
    run(&unstopped, &["--yes", "import", "sheet", &file]);
    assert_eq!(essence(&unstopped), essence(&stack));
    // Two operators at once: each license once, whoever was first.
    let both = TestStack::start();
    let child = |file: &str| {
        let mut command = falconer(&both);
        command
            .args(["--json", "--yes", "import", "sheet", file])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let copy = folder.file("copy.csv", &sheet);
    let imported = [child(&file), child(&copy)].map(|child| {
        let report: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
        (report["imported"].as_u64().unwrap(), report["there"].as_u64().unwrap())
    });
    assert_eq!(imported[0].0 + imported[1].0, good as u64, "{imported:?}");
    assert_eq!((imported[0].1 + imported[1].1, licenses(&both)), (good as u64, good));
}

#[test]
fn failed_import_resumes_later() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let mut sheet = format!("{HEADER}\n");
    for row in 0..200 {
        writeln!(sheet, "CUST-{row:06},active,pro,,,,,,,,,,").unwrap();
    }
    let file = folder.file("sheet.csv", &sheet);
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), Fault::internal());
    let output = run(&stack, &["--yes", "import", "sheet", &file]);
    assert_eq!(output.status.code(), Some(6), "{}", said(&output));
    assert!(said(&output).contains("the same command goes on from there"), "{}", said(&output));
    stack.dynamodb.heal();
    assert_eq!(told(&stack, &["import", "sheet", &file])["imported"], 200);
}

#[test]
fn bulk_orders_are_issued_once() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let header = "tier,user,email,name,days,from_activation,perpetual,seats,features";
    let bad = folder
        .file("bad.csv", &format!("{header}\npro,u,,,30,,yes,,\ngold,u,,,30,,,,\npro,u,nobody,,1,,,,\n"));
    let output = run(&stack, &["--yes", "issue", "--from-csv", &bad]);
    assert_eq!(output.status.code(), Some(2));
    for sentence in [
        "line 2: days: a row has either days or `yes`",
        "line 3: product QF has no tier gold",
        "line 4: email must look like",
        "3 of 3 orders are not in order; nothing was issued",
    ] {
        assert!(said(&output).contains(sentence), "{}", said(&output));
    }
    let mut orders = format!("{header}\n");
    for row in 0..1_000 {
        let (days, seats) = (30 + row % 3, 1 + row % 5);
        writeln!(orders, "pro,user_{row},,,{days},,,{seats},early_access").unwrap();
    }
    let file = folder.file("orders.csv", &orders);
    let mut stopped = 0;
    for transactions in [0, 1, 12] {
        let mut command = falconer(&stack);
        command.args(["--yes", "issue", "--from-csv", &file]);
        stopped += usize::from(killed(&stack, command, transactions));
    }
    assert_eq!(stopped, 3);
    let issued = told(&stack, &["issue", "--from-csv", &file]);
    let there = issued["there"].as_u64().unwrap();
    assert_eq!(there + issued["issued"].as_u64().unwrap(), 1_000);
    assert_eq!(licenses(&stack), 1_000, "none twice");
    let keys = rows(Path::new(issued["keysFile"].as_str().unwrap()));
    assert_eq!(keys.len(), 1_000);
    for row in keys.iter().step_by(250) {
        let key = row["license_key"].as_str().unwrap();
        stack.speak(key);
        let reply = stack.verify(key);
        assert_eq!((reply.code(), &reply.body["userId"]), ("VALID", &row["user"]));
        assert_eq!(reply.body["licenseId"], row["license_id"]);
    }
    stack.settle();
    stack.forget();
    assert_eq!(told(&stack, &["issue", "--from-csv", &file])["outcome"], "unchanged");
    assert_eq!(writes(&stack), 0);
    let other = folder.file("orders.csv", &orders.replace("user_7,", "user_77,"));
    let output = run(&stack, &["--yes", "issue", "--from-csv", &other]);
    assert!(said(&output).contains("line 9 is not the order it was"), "{}", said(&output));
    // A key that somebody typed into the file issues nothing.
    let keys_file = issued["keysFile"].as_str().unwrap();
    let (first, second) =
        (keys[0]["license_key"].as_str().unwrap(), keys[1]["license_key"].as_str().unwrap());
    folder.file("orders.csv", &orders);
    fs::write(keys_file, fs::read_to_string(keys_file).unwrap().replace(second, first)).unwrap();
    let output = run(&stack, &["--yes", "issue", "--from-csv", &file]);
    assert!(said(&output).contains("line 3 does not hold the key that was made"), "{}", said(&output));
}

/// The list of an import that is run again is mailed again: it has no key that opens nothing.
#[test]
fn keys_replaced_since_are_not_listed_again() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = "license_key,status,license_tier,licensee_email\n\
                 ABC-123-XYZ-1,active,pro,a@example.com\n\
                 ABC-123-XYZ-2,active,pro,b@example.com\n\
                 ABC-123-XYZ-3,active,pro,c@example.com\n\
                 ABC-123-XYZ-4,revoked,pro,d@example.com\n";
    let file = folder.file("customers.csv", sheet);
    let mapping = format!("{file}.mapping.csv");
    told(&stack, &["import", "sheet", &file]);
    let first = rows(Path::new(&mapping));
    let of = |row: usize, cell: &str| first[row][cell].as_str().unwrap().to_owned();
    (0..4).for_each(|row| stack.speak(&of(row, "license_key")));
    let mut newest = of(1, "license_id");
    // Twice: the list names the license that is there now.
    for _ in 0..2 {
        let rotated = told(&stack, &["rotate-key", &newest]);
        stack.speak(rotated["licenseKey"].as_str().unwrap());
        newest = rotated["licenseId"].as_str().unwrap().to_owned();
    }
    told(&stack, &["revoke", &of(2, "license_id"), "--reason", "refund"]);
    let report = told(&stack, &["import", "sheet", &file]);
    assert_eq!((&report["outcome"], &report["there"]), (&json!("unchanged"), &json!(4)));
    let again = rows(Path::new(&mapping));
    for (row, key, id, outcome) in [
        (0, of(0, "license_key"), of(0, "license_id"), "there"),
        (1, String::new(), newest, "replaced"),
        (2, String::new(), of(2, "license_id"), "revoked"),
        (3, of(3, "license_key"), of(3, "license_id"), "there"),
    ] {
        let cells = ["license_key", "license_id", "outcome"].map(|cell| again[row][cell].as_str().unwrap());
        assert_eq!(cells, [key.as_str(), id.as_str(), outcome], "row {row}");
    }
}
