//! Move in: every fault of a sheet, the run beside the command, and its end in the middle.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use falconer_emulators::tap::{Fault, Matcher, TapRecord, Units};
use falconer_tests::{TestStack, program};
use serde_json::{Value, json};

use super::work::{self, opened, page_of, ran};
use super::{Browser, ConsoleAnswer, PARTS, form, parts};
use crate::issuing::falconer;
use crate::manners::Folder;
use crate::moving_in::{essence, licenses, writes};
use crate::operator::{run, told};
use crate::tables_as_exported;

/// Three customers, as a sheet of the year 2026 has them.
const PLAIN: &str = "license_key,status,license_tier,licensee_name,licensee_email,expiry_date,notes\n\
    ABC-123-XYZ,active,pro,Jürgen Müller,jm@example.com,2099-06-30,\n\
    DEF-456-UVW,suspended,elite,Zoë,,2099-12-01,\"one; two, three\"\n\
    GHI-789-RST,active,free,,,,\n";

/// Looks at a sheet, and returns its page when the look has ended.
fn looked_at(
    browser: &Browser,
    name: &str,
    bytes: &[u8],
    fields: &[(&str, &str)],
) -> (String, ConsoleAnswer) {
    work::looked_at(browser, "move-in", (name, bytes), fields)
}

fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn utf_16(text: &str) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[test]
fn import_is_that_of_the_command() {
    let (stack, other, folder) = (TestStack::start(), TestStack::start(), Folder::new());
    let sheet = format!("{PLAIN}JKL-012-AAA,sold,pro,,,,\nMNO-345-BBB,active,gold,,,,\n");
    let file = folder.file("customers.csv", &sheet);
    let browser = opened(&stack, &folder);
    let fields = [("reason", "moving in, it's time")];
    let (page, look) = looked_at(&browser, "customers.csv", sheet.as_bytes(), &fields);
    let dry = run(&other, &["import", "sheet", &file, "--dry-run"]);
    let dry = String::from_utf8(dry.stdout).unwrap();
    for line in dry.lines().filter(|line| !line.contains("words that are not known") && !line.contains(&file))
    {
        assert!(look.text().contains(line), "{line}: {}", look.text());
    }
    assert!(
        look.text().contains("5 rows: 3 would be imported, 0 there already, 2 refused."),
        "{}",
        look.text()
    );
    assert!(look.text().contains("status has words that are not known: sold (1)"), "{}", look.text());
    assert_eq!((licenses(&stack), writes(&stack)), (0, 0), "a look imports nothing");
    assert!(!fs::exists(folder.path("kept")).unwrap(), "and leaves no file");

    let done = ran(&browser, &page);
    assert!(done.text().contains("5 rows: 3 imported, 0 there already, 2 refused."), "{}", done.text());
    run(&other, &["--yes", "import", "sheet", &file, "--reason", fields[0].1]);
    assert_eq!(essence(&stack), essence(&other));
    for license in essence(&stack) {
        let id = falconer_domain::LicenseId::parse(license["licenseId"].as_str().unwrap()).unwrap();
        let rows = [&stack, &other].map(|stack| {
            let row = stack.audit_rows(&id).pop().unwrap();
            (row["action"].clone(), row["code"].clone(), row["actor"].clone(), row["reason"].clone())
        });
        assert_eq!(rows[0], rows[1]);
        assert_eq!(rows[0].3["S"], fields[0].1);
    }
    // Its lists are those of the command, and the keys are handed out once.
    let refused = browser.post(&format!("{page}/refused"), &[]);
    assert_eq!(refused.body, fs::read_to_string(format!("{file}.refused.csv")).unwrap());
    let keys = browser.post(&format!("{page}/keys"), &[]);
    assert_eq!(keys.body, fs::read_to_string(format!("{file}.mapping.csv")).unwrap());
    assert_eq!(
        (keys.header("cache-control"), keys.header("content-type")),
        ("no-store", "text/csv; charset=utf-8")
    );
    let again = browser.post(&format!("{page}/keys"), &[]);
    assert!(again.status == 404 && again.text().contains("handed out already"), "{}", again.text());
    assert_eq!(browser.post(&format!("{page}/run"), &[]).status, 303);
    assert_eq!(licenses(&stack), 3, "a second confirmation imports nothing");
    browser.post(&format!("{page}/delete"), &[]);
    let left: Vec<_> =
        fs::read_dir(folder.path("kept")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("mapping")), "{left:?}");

    // The command to copy finds nothing to do.
    let command =
        look.command().replacen("falconer", &format!("{} --json --yes", program("falconer").display()), 1);
    let mut shell = Command::new("sh");
    shell.env_clear().args(["-c", &command]).current_dir(folder.path(""));
    let environment = falconer(&stack);
    shell.envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let report: Value = serde_json::from_slice(&shell.output().unwrap().stdout).unwrap();
    assert_eq!(
        (&report["there"], &report["outcome"]),
        (&json!(3), &json!("unchanged")),
        "{command}: {report}"
    );
}

#[test]
fn sheet_reads_alike_from_any_program() {
    let folder = Folder::new();
    let german = PLAIN
        .replace("\"one; two, three\"", "one: two: three")
        .replace(',', ";")
        .replace("one: two: three", "\"one; two, three\"")
        .replace('\n', "\r\n");
    let american = PLAIN.replace("2099-06-30", "6/30/2099 0:00").replace("2099-12-01", "12/1/2099");
    let tabs = PLAIN.replace("\"one; two, three\"", "one; two! three").replace(',', "\t").replace('!', ",");
    let plain = TestStack::start();
    let browser = opened(&plain, &folder);
    let (page, _) = looked_at(&browser, "plain.csv", PLAIN.as_bytes(), &[]);
    ran(&browser, &page);
    let expected = essence(&plain);
    assert_eq!(expected.len(), 3);
    for (name, bytes, fields) in [
        ("marked.csv", format!("\u{FEFF}{german}").into_bytes(), vec![]),
        ("sep.csv", format!("sep=;\r\n{german}").into_bytes(), vec![]),
        ("ansi.csv", windows_1252(&german), vec![("encoding", "windows-1252")]),
        ("unicode.txt", utf_16(&tabs), vec![]),
        ("us.csv", american.into_bytes(), vec![]),
        ("blank.csv", format!("{PLAIN},,,,,,\n\n,,\n").into_bytes(), vec![]),
        (
            "words.csv",
            PLAIN.replace("suspended", "gesperrt").replace("elite", "Gold").into_bytes(),
            vec![("statuses", "gesperrt=suspended\r\n"), ("tiers", "Gold = elite")],
        ),
    ] {
        let stack = TestStack::start();
        let browser = opened(&stack, &folder);
        let (page, look) = looked_at(&browser, name, &bytes, &fields);
        assert!(
            look.text().contains("3 would be imported, 0 there already, 0 refused"),
            "{name}: {}",
            look.text()
        );
        ran(&browser, &page);
        assert_eq!(essence(&stack), expected, "{name}");
    }
    // Pasted, without a file and without script.
    let stack = TestStack::start();
    let browser = opened(&stack, &folder);
    let pasted = browser.post("move-in", &[("product", "qf"), ("pasted", &PLAIN.replace('\n', "\r\n"))]);
    let page = page_of(&browser, &pasted);
    browser.ended(&page);
    ran(&browser, &page);
    assert_eq!(essence(&stack), expected);
}

#[test]
fn fault_of_a_file_is_a_sentence() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let head = "license_key,status,license_tier,licensee_name,expiry_date,notes\n";
    let row = |cells: &str| format!("{head}{cells}\n").into_bytes();
    let many = format!("{head}{}", "ABC-1234,sold,pro,,,\n".repeat(150));
    for (name, bytes, sentence) in [
        ("empty.csv", Vec::new(), "the file is empty; its first line must name the columns"),
        ("blank.csv", b"\n\n,,\n".to_vec(), "the file is empty"),
        ("head.csv", head.as_bytes().to_vec(), "0 rows: 0 would be imported"),
        ("data.csv", b"ABC-1234,active,pro\n".to_vec(), "names no column that is needed"),
        ("other.csv", b"license_key,status\nA,active\n".to_vec(), "lacks the column license_tier"),
        ("twice.csv", b"license_key,status,license_tier,Status\n".to_vec(), "names the column status twice"),
        ("book.xlsx", b"PK\x03\x04rest".to_vec(), "a workbook (.xlsx or .ods) or another zip file"),
        ("book.xls", b"\xD0\xCF\x11\xE0rest".to_vec(), "save the sheet as CSV in UTF-8"),
        ("list.pdf", b"%PDF-1.7".to_vec(), "the file is a PDF, and not CSV"),
        ("zero.csv", row("A\0B,active,pro,,,"), "zero bytes"),
        (
            "ansi.csv",
            windows_1252("license_key;status;license_tier;licensee_name\nA-1234;active;pro;M\u{fc}ller\n"),
            "line 2 is not UTF-8",
        ),
        (
            "dates.csv",
            row("ABC-1234,active,pro,,03/04/2099,"),
            "03/04/2099, which is 2099-04-03 with the day first",
        ),
        (
            "both.csv",
            row("A-1234,active,pro,,31/12/2099,\nB-1234,active,pro,,12/31/2099,"),
            "begins with the day",
        ),
        ("cells.csv", row("ABC-1234,active,pro,a,b,c,d,e"), "the row has 8 cells and the header 6"),
        ("quote.csv", row("ABC-1234,active,pro,\"Bob,,"), "opens in this row and closes nowhere"),
        ("same.csv", row("ABC-1234,active,pro,,,\nabc-1234,active,pro,,,"), "lines 2 and 3 have one key"),
        (
            "spoiled.csv",
            row("1.23457E+15,active,pro,,,"),
            "the sheet shows an error, or has rounded or changed this key",
        ),
        ("formula.csv", row("#REF!,active,pro,,,=1+1"), "the sheet shows an error"),
        ("never.csv", row("ABC-1234,active,pro,,1970-01-01,"), "1970-01-01 looks like a placeholder"),
        ("day.csv", row("ABC-1234,active,pro,,2099-02-30,"), "is not a date; write it as 2027-03-01"),
        ("tier.csv", row("ABC-1234,active,gold,,,"), "no tier gold; it has elite, free, lifetime, pro"),
        ("many.csv", many.into_bytes(), "The first 100 of 150; the file has all of them."),
    ] {
        let (page, look) = looked_at(&browser, name, &bytes, &[]);
        let text = look.text();
        assert!(text.to_lowercase().contains(&sentence.to_lowercase()), "{name}: {text}");
        // Without a row that could be imported, nothing can be begun.
        assert!(!look.body.contains(&format!("{page}/run")), "{name}: {text}");
    }
    for (fields, sentence) in [
        (vec![("product", "Q")], "2 to 8 of A-Z"),
        (vec![("timezone", "Nowhere")], "not a time zone"),
        (vec![("statuses", "gesperrt")], "not THEIRS=OURS"),
        (vec![("tiers", "Gold=")], "not THEIRS=OURS"),
        (vec![("undated", "soon")], "not new-term, refuse or from:COLUMN"),
        (vec![("undated", "from:begun")], "names no column begun"),
        (vec![("encoding", "klingon")], "not an encoding"),
        (vec![("only", "sold")], "\u{201c}List fresh keys of these alone\u{201d} sold is not active"),
        (vec![("keep-keys", "1")], "accepts no free-text keys"),
    ] {
        let fields: Vec<_> =
            if fields[0].0 == "product" { fields } else { [vec![("product", "QF")], fields].concat() };
        let page = page_of(&browser, &browser.upload("move-in", &fields, ("a.csv", PLAIN.as_bytes())));
        let text = browser.ended(&page).text();
        assert!(text.contains(sentence), "{fields:?}: {text}");
    }
    let nothing = browser.post("move-in", &[("product", "QF"), ("pasted", "  ")]);
    assert!(nothing.status == 400 && nothing.text().contains("drop or choose a file"), "{}", nothing.text());
    let both =
        browser.upload("move-in", &[("product", "QF"), ("pasted", PLAIN)], ("a.csv", PLAIN.as_bytes()));
    assert!(both.status == 400 && both.text().contains("send one of them"), "{}", both.text());
    assert_eq!((licenses(&stack), writes(&stack)), (0, 0));
}

/// Cells that only inform refuse nobody; the look says what becomes of them.
#[test]
fn doubtful_cells_are_told_before_the_run() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let sheet = "license_key,status,license_tier,license_duration_days,hw_component_2,licensee_email,last_transfer_at,notes\n\
        ABC-1234,active,PRO,,,Bob <bob@example.com>,soon,a\tb\n\
        DEF-1234,active,pro,\"1,000\",office-pc-cpu,mailto:eve@example.com,,\n\
        GHI-1234,suspended,pro,365.0,,one@example.com; two@example.com,,\n";
    let (page, look) = looked_at(&browser, "told.csv", sheet.as_bytes(), &[("only", "active")]);
    for sentence in [
        "3 rows: 3 would be imported, 0 there already, 0 refused.",
        "1 license is imported without a device, and bound at the next activation (line 3).",
        "3 licenses: licensee_email is cleaned (lines 2, 3, 4).",
        "1 license: notes is cleaned (line 2).",
        "1 license: last_transfer_at does not read and is left out (line 2).",
    ] {
        assert!(look.text().contains(sentence), "{sentence}: {}", look.text());
    }
    let done = ran(&browser, &page);
    assert!(
        done.text().contains("The list leaves out 2 fresh keys, of other licenses than it is for."),
        "{}",
        done.text()
    );
    let keys = browser.post(&format!("{page}/keys"), &[]).body;
    assert!(
        keys.lines().count() == 2 && !keys.contains("GHI-1234"),
        "the mail merge lists active ones alone"
    );
    assert_eq!(
        told(&stack, &["list", "--email", "bob@example.com"])["licenses"].as_array().unwrap().len(),
        1
    );
}

/// Somebody gives the ring in a terminal what the refusal asks for, and looks at the same file again.
#[test]
fn ring_that_was_mended_counts_at_once() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let fields = [("product", "QF"), ("keep-keys", "1")];
    let (page, look) = looked_at(&browser, "free.csv", PLAIN.as_bytes(), &fields);
    assert!(look.text().contains("accepts no free-text keys"), "{}", look.text());
    told(&stack, &["keyring", "enable-imported"]);
    let page = page_of(&browser, &browser.post(&format!("{page}/settings"), &fields));
    let look = browser.ended(&page);
    assert!(look.text().contains("0 refused") && !look.text().contains("free-text keys;"), "{}", look.text());
}

#[test]
fn settings_are_mended_without_sending_again() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let sheet = "license_key,status,license_tier,expiry_date\nABC-1234,gesperrt,pro,03/04/2099\n";
    let (page, look) = looked_at(&browser, "dates.csv", sheet.as_bytes(), &[("reason", "once")]);
    assert!(
        look.text().contains("say that they begin with the day or that they begin with the month."),
        "{}",
        look.text()
    );
    let fields =
        [("product", "QF"), ("dates", "dmy"), ("statuses", "gesperrt=suspended"), ("reason", "twice")];
    let page = page_of(&browser, &browser.post(&format!("{page}/settings"), &fields));
    let look = browser.ended(&page);
    assert!(look.text().contains("1 row: 1 would be imported"), "{}", look.text());
    assert!(
        look.text().contains("expiry_date: a date like 03/04/2027 begins with the day."),
        "{}",
        look.text()
    );
    let command = look.command();
    for part in ["--dates dmy", "--status gesperrt=suspended", "--reason twice", "dates.csv"] {
        assert!(command.contains(part), "{part}: {command}");
    }
    ran(&browser, &page);
    assert_eq!(told(&stack, &["list", "--status", "suspended"])["licenses"].as_array().unwrap().len(), 1);
}

#[test]
fn markup_in_a_sheet_stays_text() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let sheet = "license_key,status,license_tier,licensee_name,notes,<script>alert(1)</script>\n\
        ABC-1234,active,pro,<script>alert(2)</script>,\"<img src=x onerror=alert(3)>\",x\n\
        DEF-1234,active,pro,\u{202e}gnp.exe,=HYPERLINK(\"http://example.com\"),x\n\
        GHI-1234,<b>sold</b>,pro,\"{{ 7*7 }}\",,x\n";
    let (page, look) = looked_at(&browser, "<b>\"names.csv", sheet.as_bytes(), &[]);
    assert!(look.text().contains("3 rows: 2 would be imported"), "{}", look.text());
    let done = ran(&browser, &page);
    for answer in [&look, &done, &browser.get("licenses")] {
        for active in ["<script>alert", "<img", "<b>", "\u{202e}"] {
            assert!(!answer.body.contains(active), "{active}: {}", answer.text());
        }
    }
    // No key of the sheet is on a page; the lists of the run have them.
    assert!(!look.body.contains("ABC-1234") && !done.body.contains("ABC-1234"));
}

#[test]
fn too_large_a_file_is_a_sentence() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let large = vec![b'x'; 33 * 1024 * 1024];
    let answer = browser.upload("move-in", &[("product", "QF")], ("large.csv", &large));
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(
        answer.body.contains("larger than 32 MiB") && answer.body.contains("falconer import"),
        "{}",
        answer.body
    );
    let mut sheet = "license_key,status,license_tier\n".to_owned();
    for row in 0..20_000 {
        writeln!(sheet, "CUST-{row:06},active,{}", if row % 2 == 0 { "pro" } else { "gold" }).unwrap();
    }
    let (_, look) = looked_at(&browser, "many.csv", sheet.as_bytes(), &[]);
    assert!(
        look.text().contains("20000 rows: 10000 would be imported, 0 there already, 10000 refused"),
        "{}",
        look.text()
    );
    assert!(look.body.len() < 60_000, "{} bytes: a page shows the first rows", look.body.len());
}

#[test]
fn stopped_import_goes_on() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let mut sheet = "license_key,status,license_tier\n".to_owned();
    (0..600).for_each(|row| writeln!(sheet, "CUST-{row:06},active,pro").unwrap());
    let (page, _) = looked_at(&browser, "many.csv", sheet.as_bytes(), &[]);
    stack
        .dynamodb
        .break_all(Matcher::operation("TransactWriteItems"), Fault::Delay(Duration::from_millis(300)));
    stack.forget();
    browser.post(&format!("{page}/run"), &[]);
    while writes(&stack) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let early = browser.post(&format!("{page}/keys"), &[]);
    assert!(early.status == 422 && early.text().contains("goes on"), "{}", early.text());
    browser.post(&format!("{page}/stop"), &[]);
    let stopped = browser.ended(&page);
    assert!(stopped.text().contains("The run was stopped after"), "{}", stopped.text());
    stack.dynamodb.heal();
    let part = licenses(&stack);
    assert!((1..600).contains(&part), "{part}");
    let listed = browser.post(&format!("{page}/keys"), &[]).body;
    assert_eq!(listed.lines().count(), part + 1, "each license that is stored is listed, and no other");

    // The table goes away in the middle of the second run.
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), Fault::internal());
    let failed = ran(&browser, &page);
    assert!(failed.text().contains("the run goes on from there"), "{}", failed.text());
    stack.dynamodb.heal();
    let done = ran(&browser, &page);
    assert!(done.text().contains("The file is moved in."), "{}", done.text());
    assert_eq!(licenses(&stack), 600, "none twice, none lost");
    let all = browser.post(&format!("{page}/keys"), &[]).body;
    assert_eq!(all.lines().count(), 601);
    assert!(all.starts_with(
        listed.lines().take(3).collect::<Vec<_>>().join("\n").split("imported").next().unwrap()
    ));
    let kept: Vec<_> = fs::read_dir(folder.path("kept")).unwrap().collect();
    assert_eq!(kept.len(), 1, "the lists of parts are gone: {kept:?}");
}

#[test]
fn table_of_another_zone_is_stopped() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let mut table = format!("{}\n", tables_as_exported::HEADER);
    for row in 0..40 {
        let seconds = tables_as_exported::WINTER + row * 86_497;
        let key = tables_as_exported::key(&stack, "PRO", seconds);
        let at = |days| tables_as_exported::local(seconds, days, "Europe/Berlin");
        writeln!(table, "{row},{key},user_{row},,pro,{}.123456,{},t,,", at(9_000), at(0)).unwrap();
    }
    let fields = [("kind", "postgres"), ("timezone", "UTC")];
    let (page, look) = looked_at(&browser, "licenses.csv", table.as_bytes(), &fields);
    for part in [
        "was not written in UTC: 40 of 40 rows are off by +1:00",
        "Zones that fit: Europe/Berlin",
        "Nothing was imported",
    ] {
        assert!(look.text().contains(part), "{part}: {}", look.text());
    }
    let fields = [("kind", "postgres"), ("timezone", "Europe/Berlin"), ("reason", "the old server")];
    let page = page_of(&browser, &browser.post(&format!("{page}/settings"), &fields));
    let look = browser.ended(&page);
    assert!(
        look.text().contains("40 rows: 40 would be imported, 0 there already, 0 refused."),
        "{}",
        look.text()
    );
    let command = look.command();
    assert!(command.contains("import postgres --timezone Europe/Berlin --refused"), "{command}");
    let done = ran(&browser, &page);
    assert!(done.text().contains("40 rows: 40 imported") && !done.body.contains("/keys"), "{}", done.text());
    let (_, sheet) = looked_at(&browser, "customers.csv", PLAIN.as_bytes(), &fields);
    assert!(sheet.text().contains("lacks the column user_id"), "{}", sheet.text());
}

#[test]
fn upload_needs_the_token_of_this_run() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let own = format!("http://{}", browser.address);
    let path = format!("{}move-in", browser.base);
    for (token, origin) in
        [("", own.as_str()), ("0", &own), (&browser.csrf, "https://evil.example"), (&browser.csrf, "")]
    {
        let headers = [("host", browser.address.as_str()), ("cookie", &browser.cookie), ("origin", origin)];
        let body = parts(&[("csrf", token), ("product", "QF")], "a.csv", PLAIN.as_bytes());
        let answer = browser.ask_of_type("POST", &path, &headers, PARTS, &body);
        assert_eq!(answer.status, 403, "{token} {origin}: {}", answer.text());
    }
    // The field of one type in a body of another counts for nothing.
    let headers = [("host", browser.address.as_str()), ("cookie", &browser.cookie), ("origin", &own)];
    let body = form(&[("csrf", &browser.csrf), ("product", "QF"), ("pasted", PLAIN)]);
    let answer = browser.ask_of_type("POST", &path, &headers, PARTS, body.as_bytes());
    assert_eq!(answer.status, 403, "{}", answer.text());
}

#[test]
fn read_only_console_has_no_bulk_work() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = Browser::open(&stack, &["--read-only", "--files", &folder.path("kept")]);
    stack.forget();
    for page in ["move-in", "issue/many", "bulk/preview"] {
        let forged =
            browser.upload(page, &[("product", "QF"), ("action", "suspend")], ("a.csv", PLAIN.as_bytes()));
        assert_eq!((browser.get(page).status, forged.status), (404, 404), "{page}");
    }
    for page in ["move-in/0/run", "issue/many/0/run", "issue/many/0/keys", "bulk/0/run"] {
        assert_eq!(browser.post(page, &[]).status, 404, "{page}");
    }
    let home = browser.get("");
    assert!(!home.body.contains("move-in"), "{}", home.text());
    assert_eq!(writes(&stack), 0);
}

#[test]
fn import_costs_what_the_command_costs() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let units = || -> Units { stack.dynamodb.records().iter().map(TapRecord::units).sum() };
    stack.forget();
    let (page, _) = looked_at(&browser, "plain.csv", PLAIN.as_bytes(), &[]);
    let look = units();
    assert!(
        look.write.abs() < f64::EPSILON && look.read <= 3.0,
        "{look:?}: the ids of an empty table, the catalog"
    );
    stack.forget();
    ran(&browser, &page);
    let run = units();
    assert!(
        run.read <= 3.0 && run.write >= 12.0,
        "{run:?}: each license and its audit row, in a transaction"
    );
    stack.forget();
    browser.get("move-in");
    assert!(stack.dynamodb.records().is_empty(), "the form itself reads nothing");
}
