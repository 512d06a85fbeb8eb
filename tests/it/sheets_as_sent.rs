//! The spreadsheet as Excel, Google Sheets, pandas and people send it: each row becomes the license it means, or says
//! why it does not, and nothing doubtful is written.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use falconer_tests::TestStack;
use serde_json::{Value, json};

use crate::issuing::falconer;
use crate::manners::Folder;
use crate::moving_in::{essence, every_kind, licenses, rows, writes};
use crate::operator::{run, said, told};

/// One customer list as a program of the year 2026 would keep it.
const PLAIN: &str = "license_key,status,license_tier,license_duration_days,licensee_name,licensee_email,expiry_date,transfer_count,last_transfer_at,notes\n\
    ABC-123-XYZ,active,pro,365,Jürgen Müller,jm@example.com,2099-06-30,2,2026-01-31,\n\
    DEF-456-UVW,suspended,elite,,Zoë,,2099-12-01,,,\"one; two, three\"\n\
    GHI-789-RST,active,free,,,,,,,\n";

/// Returns the bytes in UTF-16, as Excel's \"Unicode text\".
fn utf_16(text: &str) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// Returns the bytes as Excel writes plain CSV in western Europe.
fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn imported(file: &str, bytes: &[u8], flags: &[&str]) -> Vec<Value> {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let path = folder.path(file);
    fs::write(&path, bytes).unwrap();
    let report = told(&stack, &[&["import", "sheet", &path], flags].concat());
    assert_eq!((&report["imported"], &report["refused"]), (&json!(3), &json!(0)), "{file}: {report}");
    essence(&stack)
}

fn reasons(folder: &Folder, file: &str) -> Vec<(String, String)> {
    let refused = rows(Path::new(&folder.path(&format!("{file}.refused.csv"))));
    let text = |cell: &Value| cell.as_str().unwrap().to_owned();
    refused.iter().map(|row| (text(&row["line"]), text(&row["reason"]))).collect()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn sheet_reads_alike_from_any_program() {
    let expected = imported("plain.csv", PLAIN.as_bytes(), &[]);
    let german = "License Key;Status;License-Tier;license_duration_days;licensee_name;licensee_email;expiry_date;transfer_count;last_transfer_at;notes\r\n\
        ABC-123-XYZ;aktiv;PRO;365;Jürgen Müller;JM@example.com;30.06.2099;2;31.01.2026;\r\n\
        DEF-456-UVW;gesperrt;elite;;Zoë;;01.12.2099;;;one; two, three\r\n\
        GHI-789-RST;aktiv;free\r\n\
        ;;;;;;;;;\r\n"
        .replace("one; two, three", "\"one; two, three\"");
    let words = ["--status", "gesperrt=suspended", "--status", "aktiv=active"];
    let marked = format!("\u{FEFF}{german}");
    assert_eq!(imported("marked.csv", marked.as_bytes(), &words), expected);
    assert_eq!(imported("sep.csv", format!("sep=;\r\n{german}").as_bytes(), &words), expected);
    let named = [&words[..], &["--encoding", "windows-1252"]].concat();
    assert_eq!(imported("ansi.csv", &windows_1252(&german), &named), expected);
    let tabs =
        german.replace("\"one; two, three\"", "one: two, three").replace(';', "\t").replace("one:", "one;");
    assert_eq!(imported("unicode.txt", &utf_16(&tabs), &words), expected);

    let american = PLAIN
        .replace("2099-06-30", "6/30/2099 0:00")
        .replace("2099-12-01", "12/1/2099")
        .replace("2026-01-31", "1/31/2026 12:00:00 AM");
    assert_eq!(imported("us.csv", american.as_bytes(), &[]), expected);
    let of_frames = PLAIN
        .replace("license_key,", "Unnamed: 0,license_key,")
        .replace("\nABC", "\n0,ABC")
        .replace("\nDEF", "\n1,DEF")
        .replace("\nGHI", "\n2,GHI")
        .replace(",365,", ",365.0,")
        .replace(
            "jm@example.com,2099-06-30,2,2026-01-31",
            "jm@example.com,2099-06-30 00:00:00,2.0,2026-01-31 00:00:00",
        )
        .replace("2099-12-01,,", "2099-12-01 00:00:00,nan,NaT");
    assert_eq!(imported("pandas.csv", of_frames.replace("NaT,,", "NaT,").as_bytes(), &[]), expected);
    // Google Sheets, with a column of check boxes and a formula that reach further down than the rows do.
    let lines = PLAIN.lines().enumerate().map(|(line, text)| match line {
        0 => format!("{text},mailed,left\n"),
        _ => format!("{text},TRUE,12\n"),
    });
    let mut google: String = lines.collect();
    google.push_str(&",,,,,,,,,,FALSE,#N/A\n".repeat(900));
    assert_eq!(imported("google.csv", google.as_bytes(), &[]), expected);
    let serials =
        PLAIN.replace("2099-06-30", "72866").replace("2099-12-01", "73020.0").replace("2026-01-31", "46053");
    assert_eq!(imported("serials.csv", serials.as_bytes(), &[]), expected);
}

#[test]
fn wrong_encoding_stops_the_import() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let path = folder.path("ansi.csv");
    fs::write(
        &path,
        windows_1252("license_key;status;license_tier;licensee_name\nABC-123;active;pro;Müller\n"),
    )
    .unwrap();
    let output = run(&stack, &["--yes", "import", "sheet", &path]);
    assert!(
        said(&output).contains("line 2 is not UTF-8") && said(&output).contains("--encoding windows-1252"),
        "{}",
        said(&output)
    );
    let book = folder.file("customers.xlsx", "PK\u{3}\u{4}rest");
    assert!(said(&run(&stack, &["--yes", "import", "sheet", &book])).contains("save the sheet as CSV"));
    assert_eq!(licenses(&stack), 0);
}

#[test]
fn ambiguous_date_stops_the_import() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let header = "license_key,status,license_tier,expiry_date\n";
    let file = folder.file(
        "dates.csv",
        &format!("{header}ABC-123,active,pro,2099-01-01\nDEF-456,active,pro,03/04/2099\n"),
    );
    for arguments in [&["--yes", "import", "sheet", &file][..], &["import", "sheet", &file, "--dry-run"]] {
        let output = run(&stack, arguments);
        assert_eq!(output.status.code(), Some(2));
        for part in [
            "nothing was imported",
            "line 3 has 03/04/2099",
            "2099-04-03 with the day first",
            "2099-03-04 with the month first",
            "--dates dmy",
        ] {
            assert!(said(&output).contains(part), "{part}: {}", said(&output));
        }
    }
    assert_eq!((licenses(&stack), writes(&stack)), (0, 0));
    assert_eq!(
        told(&stack, &["import", "sheet", &file, "--dates", "dmy", "--timezone", "Europe/Berlin"])["imported"],
        2
    );
    let ends: Vec<_> = essence(&stack).iter().map(|license| license["expiresAt"].as_i64().unwrap()).collect();
    let day = 4_078_936_799_999; // the end of 2099-04-03 in Berlin, in summer
    assert!(ends.contains(&day), "{ends:?}");

    let both = folder
        .file("both.csv", &format!("{header}ABC-123,active,pro,31/12/2099\nDEF-456,active,pro,12/31/2099\n"));
    let said_both = said(&run(&stack, &["--yes", "import", "sheet", &both]));
    assert!(said_both.contains("line 2 has 31/12/2099, which begins with the day"), "{said_both}");
}

#[test]
fn spoiled_key_is_never_imported() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let spoiled = [
        "#N/A",
        "#REF!",
        "#NAME?",
        "1.23457E+15",
        "1,23457E+15",
        "TRUE",
        "#NV",
        "WAHR",
        "#¿NOMBRE?",
        "12/31/2026",
        "nan",
    ];
    let mut sheet = "license_key,status,license_tier\n".to_owned();
    for key in spoiled {
        writeln!(sheet, "\"{key}\",active,pro").unwrap();
    }
    let file = folder.file("spoiled.csv", &sheet);
    let output = run(&stack, &["--json", "--yes", "import", "sheet", &file]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["imported"], &report["refused"]), (&json!(0), &json!(spoiled.len())), "{report}");
    for (_, reason) in reasons(&folder, "spoiled.csv") {
        assert!(reason.contains("the sheet shows an error, or has rounded or changed this key"), "{reason}");
    }
    assert_eq!(licenses(&stack), 0);
}

#[test]
fn duplicate_keys_are_all_refused() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = "license_key,status,license_tier\nABC-123-XYZ,active,pro\nOTHER-77,active,pro\nabc-123-xyz,sold,gold\n ABC-123-XYZ ,active,pro\n";
    let file = folder.file("twice.csv", sheet);
    let output = run(&stack, &["--yes", "import", "sheet", &file]);
    assert_eq!(output.status.code(), Some(5));
    let reasons = reasons(&folder, "twice.csv");
    let lines: Vec<_> = reasons.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!((lines, licenses(&stack)), (vec!["2", "4", "5"], 1));
    for (_, reason) in &reasons {
        assert!(
            reason.contains("lines 2, 4 and 5 have one key") && !reason.to_lowercase().contains("abc"),
            "{reason}"
        );
    }
    assert!(
        reasons[1].1.contains("status: sold") && reasons[1].1.contains("no tier gold"),
        "all at once: {}",
        reasons[1].1
    );
}

#[test]
fn placeholder_date_is_not_an_expiry() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = "license_key,status,license_tier,expiry_date\nLIFE-1234,active,pro,1970-01-01\nGONE-1234,active,pro,2024-05-31\nLIFE-5678,active,pro,Lifetime\n";
    let file = folder.file("never.csv", sheet);
    let output = run(&stack, &["import", "sheet", &file, "--dry-run"]);
    assert!(printed(&output).contains("1 license has ended (line 3)."), "{}", printed(&output));
    let reasons = reasons(&folder, "never.csv");
    assert!(
        reasons[0].1.contains("1970-01-01 looks like a placeholder")
            && reasons[0].1.contains("leave it empty"),
        "{reasons:?}"
    );
    assert_eq!(reasons[1].0, "4");
    let refused = format!("{file}.refused.csv");
    let never = ["import", "sheet", &file, "--never", "1970-01-01", "--never", "lifetime"];
    assert!(run(&stack, &[&["--dry-run"], &never[..]].concat()).status.success());
    assert!(Path::new(&refused).exists(), "somebody may be mending it; a dry run imports nothing");
    let report = told(&stack, &never);
    assert_eq!(report["imported"], 3);
    let mapping = rows(Path::new(report["mappingFile"].as_str().unwrap()));
    for (row, code) in mapping.iter().zip(["VALID", "EXPIRED", "VALID"]) {
        let key = row["license_key"].as_str().unwrap();
        stack.speak(key);
        assert_eq!(stack.verify(key).code(), code);
    }
    assert!(!Path::new(&format!("{file}.refused.csv")).exists(), "it is not true any more");
    assert_eq!(report["removedFile"], format!("{file}.refused.csv"));
}

/// Refused once or twice, a cell is what it was: apostrophes that guard it are not guarded again.
#[test]
fn a_refused_row_keeps_its_cells() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let head = "license_key,status,license_tier,licensee_name,notes";
    let file = folder.file("guarded.csv", &format!("{head}\nKEEP-1234,sold,pro,'=1+1,'0042\n"));
    for _ in 0..2 {
        assert_eq!(run(&stack, &["--yes", "import", "sheet", &file]).status.code(), Some(5));
        let refused = fs::read_to_string(format!("{file}.refused.csv")).unwrap();
        assert!(refused.contains(",'=1+1,'0042"), "{refused}");
        fs::write(&file, &refused).unwrap();
    }
}

#[test]
fn unknown_words_are_counted() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let mut sheet = "license_key;status;license_tier\n".to_owned();
    for row in 0..6 {
        let status = if row < 4 { "aktiv" } else { "gesperrt" };
        let tier = if row == 5 { "Gold" } else { "Standard" };
        writeln!(sheet, "CUST-{row:04};{status};{tier}").unwrap();
    }
    let file = folder.file("words.csv", &sheet);
    let output = run(&stack, &["import", "sheet", &file, "--dry-run", "--tier", "Standard=pro"]);
    let text = printed(&output);
    assert!(text.contains("status has words that are not known: aktiv (4 rows), gesperrt (2 rows). --status THEIRS=OURS translates each."), "{text}");
    assert!(text.contains("license_tier has words that are not known: gold (1 row)."), "{text}");
    let flags = [
        "--tier",
        "standard=PRO",
        "--tier",
        "Gold=elite",
        "--status",
        "Aktiv=active",
        "--status",
        "gesperrt=suspended",
    ];
    let report = told(&stack, &[&["import", "sheet", &file, "--only", "active"], &flags[..]].concat());
    assert_eq!(report["imported"], 6);
    // The mail merge gets what it needs, and no suspended customer a key.
    let text = fs::read_to_string(report["mappingFile"].as_str().unwrap()).unwrap();
    assert!(text.starts_with("line;old_key;license_key;license_id;licensee_name;licensee_email;status;license_tier;expiry_date;seats;outcome\n"), "{text}");
    assert_eq!(text.lines().count(), 5);
    assert!(text.lines().skip(1).all(|line| line.ends_with(";active;pro;;1;imported")), "{text}");
    for wrong in ["gesperrt", "gesperrt=locked", "=active="] {
        let output = run(&stack, &["--yes", "import", "sheet", &file, "--status", wrong]);
        assert!(said(&output).contains("is not THEIRS=OURS, as gesperrt=suspended"), "{}", said(&output));
    }
}

#[test]
fn informative_cells_are_noted() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = "license_key,status,license_tier,license_duration_days,hw_component_1,hw_component_2,licensee_email,last_transfer_at,notes\n\
        ABC-1234,active,pro,,,,Bob <bob@example.com>,soon,a\tb\n\
        DEF-1234,active,pro,\"1,000\",,office-pc-cpu,mailto:eve@example.com,,\n\
        GHI-1234,active,pro,365.0,,,one@example.com; two@example.com,,\n";
    let file = folder.file("told.csv", sheet);
    let output = run(&stack, &["--yes", "import", "sheet", &file]);
    assert!(output.status.success(), "{}", said(&output));
    for sentence in [
        "3 rows: 3 imported, 0 there already, 0 refused.",
        "2 licenses have a duration and no end: a new term begins at the next activation (lines 3, 4).",
        "1 license is imported without a device, and bound at the next activation (line 3).",
        "3 licenses: licensee_email is cleaned (lines 2, 3, 4).",
        "1 license: notes is cleaned (line 2).",
        "1 license: last_transfer_at does not read and is left out (line 2).",
    ] {
        assert!(printed(&output).contains(sentence), "{sentence}: {}", printed(&output));
    }
    for address in ["bob@example.com", "eve@example.com", "one@example.com"] {
        assert_eq!(
            told(&stack, &["list", "--email", address])["licenses"].as_array().unwrap().len(),
            1,
            "{address}"
        );
    }
    // A term that nobody knows the beginning of can be refused, or counted from another column.
    let refused =
        run(&stack, &["--yes", "import", "sheet", &folder.file("refuse.csv", sheet), "--undated", "refuse"]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(reasons(&folder, "refuse.csv")[0].1.contains("write its end"));
    let counted = "license_key,status,license_tier,license_duration_days,Activated At\nXYZ-1234,active,pro,365,01.06.2099\n";
    let report = told(
        &stack,
        &["import", "sheet", &folder.file("from.csv", counted), "--undated", "from:activated_at"],
    );
    assert_eq!((&report["imported"], &report["noticed"][0]["what"]), (&json!(1), &json!("counted")));
    let missing = run(&stack, &["--yes", "import", "sheet", &file, "--undated", "from:bought_at"]);
    assert!(said(&missing).contains("the first line names no column bought_at"), "{}", said(&missing));
}

#[test]
fn unclosed_quote_loses_no_customer() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = "license_key,status,license_tier,licensee_name\nABC-1234,active,pro,\"Bob\nDEF-1234,active,pro,\"Eve\"\nGHI-1234,active,pro,\"Dan\nJKL-1234,active,pro,Cid\n";
    let file = folder.file("quotes.csv", sheet);
    assert_eq!(run(&stack, &["--yes", "import", "sheet", &file]).status.code(), Some(5));
    let reasons = reasons(&folder, "quotes.csv");
    assert!(reasons[0].1.contains("licensee_name: the cell has a whole row in it"), "{reasons:?}");
    assert!(reasons.last().unwrap().1.contains("opens in this row and closes nowhere"), "{reasons:?}");
}

#[test]
fn orders_are_read_as_sheets_are() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let orders = "\u{FEFF}Tier;User;Days;From Activation;Perpetual;Seats\r\nPRO;one;365,0;FALSCH;FALSCH;3.0\r\n;;;FALSCH;FALSCH;\r\nelite;two;;;WAHR;\r\nfree;three;30;ja\r\n;;\r\n";
    let file = folder.file("orders.csv", orders);
    let issued = told(&stack, &["issue", "--from-csv", &file]);
    assert_eq!(issued["issued"], 3);
    let keys = fs::read_to_string(issued["keysFile"].as_str().unwrap()).unwrap();
    let header = keys.lines().next().unwrap();
    assert_eq!(
        header,
        "\u{FEFF}Tier;User;Days;From Activation;Perpetual;Seats;license_key;license_id;issued_at"
    );
    assert!(keys.lines().all(|line| line.split(';').count() == 9), "no column is moved: {keys}");
    let bad = folder.file("bad.csv", "tier,days,seats\n,soon,many\n");
    let output = run(&stack, &["--yes", "issue", "--from-csv", &bad]);
    assert!(
        said(&output).contains(
            "line 2: tier is empty; days: it must be a whole number; seats: it must be a whole number"
        ),
        "{}",
        said(&output)
    );
}

#[test]
fn appended_orders_are_issued_once() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let first = "tier,user,days\npro,one,30\nelite,two,365\n";
    let file = folder.file("orders.csv", first);
    assert_eq!(told(&stack, &["issue", "--from-csv", &file])["issued"], 2);
    let keys_file = format!("{file}.issued.csv");
    let before = fs::read_to_string(&keys_file).unwrap();
    // The same order again is another one; a line end at the end or not does not matter.
    folder.file("orders.csv", &format!("{first}pro,one,30\n,,\nfree,three,14"));
    let added = told(&stack, &["issue", "--from-csv", &file]);
    assert_eq!((&added["issued"], &added["there"], licenses(&stack)), (&json!(2), &json!(2), 4));
    let after = fs::read_to_string(&keys_file).unwrap();
    assert!(after.starts_with(&before) && after.lines().count() == 5, "{}", after.lines().count());
    assert_eq!(told(&stack, &["issue", "--from-csv", &file])["outcome"], "unchanged");
    // Inserted above, or changed: which order the keys are of is not told any more.
    folder.file("orders.csv", &first.replace("pro,one", "free,zero,7\npro,one"));
    let output = run(&stack, &["--yes", "issue", "--from-csv", &file]);
    assert!(said(&output).contains("line 2 is not the order it was"), "{}", said(&output));
    folder.file("orders.csv", "tier,user,days\npro,one,30\n");
    assert_eq!(run(&stack, &["--yes", "issue", "--from-csv", &file]).status.code(), Some(1));
    assert_eq!(licenses(&stack), 4);
    // Two runs of one longer file at once: each order once.
    let more: Vec<_> = (0..40).map(|order| format!("pro,more_{order},30")).collect();
    folder.file("orders.csv", &format!("{first}pro,one,30\nfree,three,14\n{}\n", more.join("\n")));
    let runs = [(); 2].map(|()| {
        let mut command = falconer(&stack);
        command.args(["--yes", "issue", "--from-csv", &file]).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    });
    for mut run in runs {
        run.wait().unwrap();
    }
    assert_eq!(told(&stack, &["issue", "--from-csv", &file])["outcome"], "unchanged");
    assert_eq!(licenses(&stack), 44, "none twice");
    assert_eq!(fs::read_to_string(&keys_file).unwrap().lines().count(), 45);
}

/// Changes that programs make to a file by opening and saving it. `cargo xtask moving` has real programs.
#[test]
fn export_survives_other_programs() {
    let (stack, folder) = (every_kind(), Folder::new());
    let exported = folder.path("exported.csv");
    told(&stack, &["export", "csv", "--output", &exported]);
    let text = fs::read_to_string(&exported).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let numbers = ["seats", "free_used", "generation", "transfer_count", "license_duration_days"].map(column);
    let excel = |index: usize, cell: &str| match cell.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] if index == column("expiry_date") && cell.len() == 10 => {
            format!("{day}.{month}.{year}")
        }
        _ => cell.to_owned(),
    };
    let frames = |index: usize, cell: &str| match cell {
        _ if index == column("expiry_date") && cell.len() == 10 => format!("{cell} 00:00:00"),
        number if numbers.contains(&index) && !number.is_empty() => format!("{number}.0"),
        other => other.to_owned(),
    };
    for (name, separator, change) in
        [("excel", b';', &excel as &dyn Fn(usize, &str) -> String), ("frames", b',', &frames)]
    {
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        writer.write_record(&header).unwrap();
        for record in &records {
            writer.write_record(record.iter().enumerate().map(|(index, cell)| change(index, cell))).unwrap();
        }
        writer.write_record(std::iter::repeat_n("", header.len())).unwrap();
        let file = folder.path(&format!("{name}.csv"));
        fs::write(&file, writer.into_inner().unwrap()).unwrap();
        let (empty, again) = (TestStack::start(), folder.path(&format!("{name}-again.csv")));
        assert_eq!(
            told(&empty, &["import", "sheet", &file, "--timezone", "Asia/Tokyo"])["imported"],
            6,
            "{name}"
        );
        told(&empty, &["export", "csv", "--output", &again]);
        assert_eq!(fs::read_to_string(&again).unwrap(), text, "{name}");
    }
}
