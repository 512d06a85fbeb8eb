//! The Flask server's table as psql, pgAdmin and pandas write it, in a zone that somebody forgot, with what the old
//! server never looked at. `cargo xtask moving` does the same with the real programs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use falconer_domain::license_key::{LegacyKey, PrintedTier};
use falconer_domain::{Status, UnixMillis};
use falconer_tests::TestStack;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::manners::Folder;
use crate::moving_in::writes;
use crate::operator::{run, said, told};

pub(crate) const HEADER: &str =
    "id,license_key,user_id,email,tier,expires_at,created_at,active,features,metadata";
/// 2025-01-15T10:07:31Z, in winter and at no quarter of an hour; half a year later it is summer in Berlin.
pub(crate) const WINTER: i64 = 1_736_935_651;
const HALF_A_YEAR: i64 = 181 * 86_400;

/// The key that the Flask server made at this second.
pub(crate) fn key(stack: &TestStack, tier: &str, seconds: i64) -> String {
    let ring = stack.ring();
    let key = LegacyKey::issue(ring.legacy().unwrap(), PrintedTier::parse(tier).unwrap(), seconds).unwrap();
    stack.speak(&key.to_string());
    key.to_string()
}

/// A moment as PostgreSQL writes it without a zone.
pub(crate) fn local(seconds: i64, days: i64, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap();
    let local = Timestamp::from_second(seconds).unwrap().to_zoned(zone).datetime();
    local.checked_add(jiff::Span::new().days(days)).unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn imported(stack: &TestStack, arguments: &[&str]) -> Value {
    told(stack, &[&["import", "postgres"], arguments].concat())
}

/// A line of standard output of a run that reads as people read it.
fn printed(stack: &TestStack, arguments: &[&str]) -> String {
    let output = run(stack, &[&["--yes", "import", "postgres"], arguments].concat());
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[test]
fn every_writer_imports_alike() {
    let folder = Folder::new();
    let exported = |name: &str, write: &dyn Fn([&str; 3]) -> String| {
        let stack = TestStack::start();
        let keys = [0, 1, 2].map(|number| key(&stack, "PRO", WINTER + number));
        let text = write([&keys[0], &keys[1], &keys[2]]);
        let report = imported(&stack, &[&folder.file(name, &text)]);
        assert_eq!((&report["imported"], &report["refused"]), (&json!(3), &json!(0)), "{name}: {report}");
        let stored = keys.map(|key| {
            let id = stack.license_id(&key);
            let (license, item) = (stack.stored(&id), stack.item(&id));
            (
                license.status,
                license.user_id,
                license.expires_at,
                license.features,
                item["created_at"].clone(),
                {
                    let metadata = item["metadata"]["S"].as_str().unwrap_or("null");
                    serde_json::from_str::<Value>(metadata).unwrap()
                },
            )
        });
        let email = stack.stored(&stack.license_id(&key(&stack, "PRO", WINTER))).email.is_some();
        assert!(email, "{name}");
        stored
    };
    let psql = exported("psql.csv", &|[one, two, three]| {
        format!(
            "{HEADER}\n\
             1,{one},user 1,anna@example.com,pro,2099-07-01 12:00:00,2025-02-01 08:00:00,t,\"{{api_access,early_access}}\",\"{{\"\"order\"\": 7, \"\"gift\"\": null}}\"\n\
             2,{two},\" spaced, 'quoted' \",,pro,2099-07-01 12:00:00.5,2025-02-01 08:00:00,f,{{}},\n\
             3,{three},'=1+1,,pro,4764-01-05 00:00:00,,,,\n"
        )
    });
    assert_eq!(psql[0].0, Status::Active);
    assert_eq!(psql[0].3, ["api_access", "early_access"]);
    assert_eq!(psql[0].5, json!({ "order": 7, "gift": null }));
    assert_eq!((psql[1].0, psql[1].1.as_deref()), (Status::Revoked, Some(" spaced, 'quoted' ")));
    assert_eq!((psql[2].1.as_deref(), psql[2].2), (Some("'=1+1"), None));
    assert_eq!(psql[2].0, Status::Revoked, "an empty `active` is no yes");
    let text = exported("psql.txt", &|[one, two, three]| {
        let header = HEADER.replace(',', "\t");
        format!(
            "{header}\n\
             1\t{one}\tuser 1\tanna@example.com\tpro\t2099-07-01 12:00:00\t2025-02-01 08:00:00\tt\t{{api_access,early_access}}\t{{\"order\": 7, \"gift\": null}}\n\
             2\t{two}\t spaced, 'quoted' \t\\N\tpro\t2099-07-01 12:00:00.5\t2025-02-01 08:00:00\tf\t{{}}\t\\N\n\
             3\t{three}\t'=1+1\t\\N\tpro\t4764-01-05 00:00:00\t\\N\t\\N\t\\N\t\\N\n"
        )
    });
    let pandas = exported("pandas.csv", &|[one, two, three]| {
        format!(
            ",{HEADER}\n\
             0,1,{one},user 1,anna@example.com,pro,2099-07-01 12:00:00.000000,2025-02-01 08:00:00,True,\"['api_access', 'early_access']\",\"{{'order': 7, 'gift': None}}\"\n\
             1,2,{two},\" spaced, 'quoted' \",,pro,2099-07-01 12:00:00.500000,2025-02-01 08:00:00,False,[],\n\
             2,3,{three},'=1+1,nan,pro,4764-01-05 00:00:00.000000,NaT,,,None\n"
        )
    });
    let pgadmin = exported("pgadmin.csv", &|[one, two, three]| {
        let header = HEADER.replace(',', "\";\"");
        format!(
            "\u{FEFF}\"{header}\"\r\n\
             \"1\";\"{one}\";\"user 1\";\"anna@example.com\";\"pro\";\"2099-07-01 12:00:00\";\"2025-02-01 08:00:00\";\"true\";\"{{api_access,early_access}}\";\"{{\"\"order\"\": 7, \"\"gift\"\": null}}\"\r\n\
             \"2\";\"{two}\";\" spaced, 'quoted' \";\"NULL\";\"pro\";\"2099-07-01 12:00:00.5\";\"2025-02-01 08:00:00\";\"false\";\"{{}}\";\"NULL\"\r\n\
             \"3\";\"{three}\";\"'=1+1\";\"NULL\";\"pro\";\"4764-01-05 00:00:00\";\"NULL\";\"NULL\";\"NULL\";\"NULL\"\r\n"
        )
    });
    // A row without `created_at` has the moment of its import, which differs.
    for (name, other) in [("text", text), ("pandas", pandas), ("pgAdmin", pgadmin)] {
        for (row, (one, other)) in psql.iter().zip(&other).enumerate() {
            assert_eq!(
                (one.0, &one.1, one.2, &one.3, &one.5),
                (other.0, &other.1, other.2, &other.3, &other.5),
                "{name} {row}"
            );
            assert!(row == 2 || one.4 == other.4, "{name} {row}");
        }
    }
}

/// Forty rows that the Flask server wrote in a zone, half of them in winter, and their database in another one.
fn table(stack: &TestStack, server: &str, database: &str) -> (String, Vec<String>) {
    let mut text = format!("{HEADER}\n");
    let mut keys = Vec::new();
    for row in 0..40 {
        let seconds = WINTER + row * 3_607 + if row % 2 == 0 { 0 } else { HALF_A_YEAR };
        let key = key(stack, "PRO", seconds);
        let (ends, created) = (local(seconds, 36_500, server), local(seconds + 1, 0, database));
        writeln!(text, "{row},{key},user_{row},person{row}@example.com,pro,{ends}.25,{created}.5,t,,")
            .unwrap();
        keys.push(key);
    }
    (text, keys)
}

#[test]
fn wrong_timezone_stops_the_import() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let (text, keys) = table(&stack, "Europe/Berlin", "Europe/Berlin");
    let file = folder.file("licenses.csv", &text);
    stack.forget();
    for arguments in [&[file.as_str()][..], &[&file, "--dry-run"], &[&file, "--timezone", "America/New_York"]]
    {
        let output = run(&stack, &[&["--yes", "import", "postgres"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = said(&output);
        assert!(said.contains("40 of 40 rows are off by"), "{said}");
        assert!(
            said.contains("Nothing was written") && said.contains("`--timezone Europe/Berlin`"),
            "{said}"
        );
        assert!(keys.iter().all(|key| !said.contains(key.as_str())), "no key in a message");
    }
    let utc = printed(&stack, &[&file]);
    assert!(utc.contains("off by +1:00 or +2:00") || utc.contains("off by +2:00 or +1:00"), "{utc}");
    assert_eq!(writes(&stack), 0);
    let report = imported(&stack, &[&file, "--timezone", "Europe/Berlin"]);
    assert_eq!(report["imported"], 40);
    let seconds: i64 = keys[1].rsplit('-').next().unwrap().parse().unwrap();
    let item = stack.item(&stack.license_id(&keys[1]));
    assert_eq!(item["created_at"]["N"], ((seconds + 1) * 1_000 + 500).to_string());
}

#[test]
fn database_zone_may_differ() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let (text, keys) = table(&stack, "UTC", "Asia/Kolkata");
    let file = folder.file("licenses.csv", &text);
    let output = printed(&stack, &[&file]);
    assert!(
        output.contains("created_at was not written in UTC") && output.contains("off by +5:30"),
        "{output}"
    );
    assert!(output.contains("`--database-timezone Asia/Kolkata`"), "{output}");
    let wrong = printed(&stack, &[&file, "--timezone", "Asia/Kolkata"]);
    assert!(
        wrong.contains("expires_at was not written in Asia/Kolkata") && wrong.contains("`--timezone UTC`"),
        "{wrong}"
    );
    assert_eq!(imported(&stack, &[&file, "--database-timezone", "Asia/Kolkata"])["imported"], 40);
    let stored = stack.stored(&stack.license_id(&keys[0]));
    assert_eq!(stored.expires_at, Some(UnixMillis((WINTER + 36_500 * 86_400) * 1_000 + 250)));
    let trusted = TestStack::start();
    assert_eq!(imported(&trusted, &[&file, "--trust-timezone"])["imported"], 40, "if it must be");
}

#[test]
fn second_run_corrects_the_first() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let (text, keys) = table(&stack, "Europe/Berlin", "Europe/Berlin");
    let file = folder.file("licenses.csv", &text);
    imported(&stack, &[&file, "--trust-timezone"]);
    let ids: Vec<_> = keys.iter().map(|key| stack.license_id(key)).collect();
    told(&stack, &["extend", &keys[0], "--until", "2098-01-01"]);
    told(&stack, &["suspend", &keys[1]]);
    stack.speak(told(&stack, &["rotate-key", &keys[2]])["licenseKey"].as_str().unwrap());
    told(&stack, &["erase-subject", "--email", "person4@example.com"]);
    let issued = stack.put(falconer_tests::Fixture::pro().with_legacy_key());
    let before = ids.iter().map(|id| stack.stored(id)).collect::<Vec<_>>();
    let mut more = text.clone();
    writeln!(more, "77,{issued},user_77,,pro,2099-01-01 00:00:00,,t,,").unwrap();
    let more = folder.file("more.csv", &more);
    let right = [more.as_str(), "--timezone", "Europe/Berlin", "--update"];

    stack.settle();
    stack.forget();
    let dry = run(&stack, &[&["import", "postgres", "--dry-run"], right.as_slice()].concat());
    let dry = String::from_utf8(dry.stdout).unwrap();
    assert!(dry.contains("41 rows: 0 would be imported, 41 there already, 0 refused."), "{dry}");
    assert!(
        dry.contains("39 of those there already would be updated:") && dry.contains("and 19 more"),
        "{dry}"
    );
    let ends = |id| stack.stored(id).expires_at.unwrap();
    let (was, will) =
        (before[3].expires_at.unwrap(), UnixMillis(before[3].expires_at.unwrap().0 - 7_200_000));
    let line = dry.lines().find(|line| line.contains(ids[3].as_str()));
    let shown = |at: UnixMillis| falconer_operator::time::written(at);
    assert!(dry.contains("5 differ in what was changed or issued here"), "{dry}");
    if let Some(line) = line {
        assert!(line.contains(&format!("expires_at {} → {}", shown(was), shown(will))), "{line}");
    }
    assert_eq!(writes(&stack), 0);

    let report = imported(&stack, &right);
    assert_eq!(report["outcome"], "changed");
    let of = |id: &falconer_domain::LicenseId| {
        let updated = report["updated"].as_array().unwrap();
        updated.iter().find(|one| one["licenseId"] == id.as_str()).cloned().unwrap_or_default()
    };
    assert_eq!(ends(&ids[3]), will);
    let own = of(&ids[0]);
    assert_eq!((&own["leftAlone"], own["changes"]["created_at"].is_object()), (&json!(["expires_at"]), true));
    assert_eq!(ends(&ids[0]), before[0].expires_at.unwrap(), "what was extended here stays");
    assert_eq!(of(&ids[1])["leftAlone"], json!(["status"]));
    assert_eq!(
        (stack.stored(&ids[1]).status, ends(&ids[1]).0),
        (Status::Suspended, before[1].expires_at.unwrap().0 - 7_200_000)
    );
    assert_eq!(of(&ids[2])["changes"], json!({}), "a replaced license is left alone");
    assert_eq!(stack.stored(&ids[2]), before[2]);
    assert!(of(&ids[4])["leftAlone"].as_array().unwrap().contains(&json!("email")), "a person stays blanked");
    assert_eq!(
        (stack.stored(&ids[4]).email, ends(&ids[4]).0),
        (None, before[4].expires_at.unwrap().0 - 3_600_000)
    );
    assert_eq!(of(&stack.license_id(&issued))["changes"], json!({}), "it was issued here");
    stack.settle();
    let audit = stack.audit_rows(&ids[3]);
    let row = audit.iter().find(|row| row["code"]["S"] == "IMPORT_UPDATED").expect("a row of the update");
    assert_eq!(row["changes"]["M"]["expires_at"]["M"]["after"]["N"], will.0.to_string());
    assert!(row["changes"]["M"]["created_at"].is_object());
    stack.forget();
    let again = imported(&stack, &right);
    assert_eq!((&again["outcome"], writes(&stack)), (&json!("unchanged"), 0));
}

#[test]
fn informative_columns_refuse_nobody() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let keys: Vec<_> = (0..12).map(|number| key(&stack, "PRO", WINTER + number)).collect();
    let ends = "2099-01-01 00:00:00";
    let mut text = format!("{HEADER}\n");
    for (row, [user, email, features, metadata]) in [
        ["u", "not an email", "", ""],
        ["u", "a@x.de; b@x.de", "", ""],
        ["u", "", r#"{"a,b",NULL,c}"#, ""],
        ["u", "", "{Beta,two-words,x.y}", ""],
        ["u", "", "{{a,b},{c,d}}", ""],
        ["u", "", "nonsense", ""],
        ["two\nlines", "", "", ""],
        ["turned\u{202E}around", "", "", ""],
        ["", "", "", ""],
        [" spaced ", "", "", "not json"],
        ["'=1+1", "", "", "{}"],
    ]
    .into_iter()
    .enumerate()
    {
        let cells =
            [user, email, features, metadata].map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
        let [user, email, features, metadata] = &cells;
        writeln!(text, "{row},{},{user},{email},pro,{ends},,t,{features},{metadata}", keys[row]).unwrap();
    }
    writeln!(text, "11,{},u,,pro,{ends},,t,,\"{}\"", keys[11], "x".repeat(250_000)).unwrap();
    let file = folder.file("licenses.csv", &text);
    let dry = run(&stack, &["import", "postgres", &file, "--dry-run"]);
    let dry = String::from_utf8(dry.stdout).unwrap();
    for sentence in [
        "12 rows: 12 would be imported, 0 there already, 0 refused.",
        "2 licenses get features that the Flask server never granted (lines 4, 6).",
        "2 licenses: email does not fit and is kept as metadata (lines 2, 3).",
        "features: \"a,b\" is not a feature's name",
        "features: \"Beta\" is not a feature's name",
        "features: it is not an array",
        "2 licenses: user_id does not fit and is kept as metadata (lines 8, 10).",
        "1 license: the metadata is too large and is left out (line 14).",
    ] {
        assert!(dry.contains(sentence), "{sentence}\n{dry}");
    }
    let report = imported(&stack, &[&file]);
    assert_eq!(
        (&report["imported"], &report["refused"], &report["refusedFile"]),
        (&json!(12), &json!(0), &Value::Null)
    );
    assert_eq!(report["noticed"].as_array().unwrap().len(), 5);
    for (key, user) in keys.iter().zip([
        "u",
        "u",
        "u",
        "u",
        "u",
        "u",
        "two lines",
        "turnedaround",
        "",
        " spaced ",
        "'=1+1",
        "u",
    ]) {
        let reply = stack.verify(key);
        assert_eq!((reply.code(), reply.body["userId"].as_str().unwrap_or_default()), ("VALID", user));
    }
    let extras = |row: usize| stack.stored(&stack.license_id(&keys[row])).features;
    assert_eq!(
        (extras(2), extras(4)),
        (vec!["c".to_owned()], ["a", "b", "c", "d"].map(str::to_owned).to_vec())
    );
    let metadata = |row: usize| stack.item(&stack.license_id(&keys[row]))["metadata"]["S"].clone();
    assert_eq!(metadata(0), json!(r#"{"set_aside":{"email":"not an email"}}"#));
    assert_eq!(metadata(2), json!(r#"{"set_aside":{"features":["a,b",null]}}"#));
    assert_eq!(metadata(9), json!("not json"));
    assert_eq!(metadata(11), Value::Null);
}

#[test]
fn features_can_be_left_behind() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let good = key(&stack, "PRO", WINTER);
    let text = format!("{HEADER}\n1,{good},u,,pro,2099-01-01 00:00:00,,t,\"{{white_label,No Name}}\",\n");
    let file = folder.file("licenses.csv", &text);
    let report = imported(&stack, &[&file, "--without-features"]);
    assert_eq!(report["noticed"], json!([]));
    assert_eq!(stack.stored(&stack.license_id(&good)).features, Vec::<String>::new());
    let added = imported(&stack, &[&file, "--update"]);
    assert_eq!(added["updated"][0]["changes"]["features"], json!({ "before": "", "after": "white_label" }));
}

#[test]
fn imports_ends_beyond_the_calendar() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let mut text = format!("{HEADER}\n");
    let rows = [
        ("infinity", "t", "VALID"),
        ("10000-01-01 00:00:00", "t", "VALID"),
        ("9999-12-31 00:00:00", "t", "VALID"),
        ("-infinity", "t", "EXPIRED"),
        ("0044-03-15 00:00:00 BC", "t", "EXPIRED"),
        ("0001-01-01 00:00:00", "t", "EXPIRED"),
        ("2099-01-01 00:00:00", "", "REVOKED"),
    ];
    let keys: Vec<_> = (0..7).map(|number| key(&stack, "PRO", WINTER + number)).collect();
    for (key, (ends, active, _)) in keys.iter().zip(rows) {
        writeln!(text, "1,{key},u,,pro,{ends},-infinity,{active},,").unwrap();
    }
    let output = printed(&stack, &[&folder.file("licenses.csv", &text)]);
    assert!(output.contains("7 rows: 7 imported, 0 there already, 0 refused."), "{output}");
    assert!(output.contains("1 license is revoked, since `active` is empty (line 8)."), "{output}");
    assert!(output.contains("3 licenses have ended (lines 5, 6, 7)."), "{output}");
    for (key, (ends, _, code)) in keys.iter().zip(rows) {
        assert_eq!(stack.verify(key).code(), code, "{ends}");
    }
}

#[test]
fn headerless_file_shows_no_key() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let good = key(&stack, "PRO", WINTER);
    for row in [
        format!("1,{good},user_1,,pro,2099-01-01 00:00:00,,t,,\n"),
        format!("1;{good};user_1;;pro;2099-01-01 00:00:00;;t;;\n"),
        format!("1\t{good}\tuser_1\t\\N\tpro\t2099-01-01 00:00:00\t\\N\tt\t\\N\t\\N\n"),
    ] {
        let output = printed(&stack, &[&folder.file("licenses.csv", &row)]);
        assert!(!output.to_lowercase().contains(&good.to_lowercase()), "{output}");
        assert!(output.contains("csv header"), "the sentence says what to do: {output}");
    }
    assert!(!Path::new(&folder.path("licenses.csv.refused.csv")).exists());
}

#[test]
fn refused_row_is_fixed_in_its_file() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let good = key(&stack, "PRO", WINTER);
    let text = format!("{HEADER}\n1,{good},'=1+1,,pro,someday,,t,,\n");
    let file = folder.file("licenses.csv", &text);
    let output = run(&stack, &["--yes", "import", "postgres", &file]);
    assert_eq!(output.status.code(), Some(5));
    let refused = format!("{file}.refused.csv");
    let mended = fs::read_to_string(&refused).unwrap().replace("someday", "2099-01-01 00:00:00");
    assert!(mended.contains("''=1+1"), "nothing that a spreadsheet calculates: {mended}");
    fs::write(&refused, mended).unwrap();
    imported(&stack, &[&refused]);
    assert_eq!(stack.verify(&good).body["userId"], "'=1+1");
}
