//! Issue many: orders of a CSV, their keys once, and runs that end in the middle.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use falconer_emulators::tap::{Fault, Matcher, TapRecord, Units};
use falconer_tests::{TestStack, program};
use serde_json::{Value, json};

use super::work::{self, opened, page_of, ran};
use super::{Browser, ConsoleAnswer};
use crate::issuing::falconer;
use crate::manners::Folder;
use crate::moving_in::{licenses, rows, writes};
use crate::operator::told;

const ORDERS: &str = "tier,name,email,user,days,perpetual,seats,features\n\
    pro,\"Person, Fixture\",fixture.person@example.com,u1,30,,3,early_access\n\
    elite,Zoë,,u2,,yes,,\n\
    free,,,u3,14,,,\n";

/// Looks at orders, and returns their page when the look has ended.
fn looked_at(
    browser: &Browser,
    name: &str,
    orders: &str,
    fields: &[(&str, &str)],
) -> (String, ConsoleAnswer) {
    work::looked_at(browser, "issue/many", (name, orders.as_bytes()), fields)
}

fn many(count: usize) -> String {
    let mut orders = "tier,user,days\n".to_owned();
    (0..count).for_each(|order| writeln!(orders, "pro,user_{order},30").unwrap());
    orders
}

/// True once the file of keys has its name.
fn has_keys(folder: &Folder) -> bool {
    let files = fs::read_dir(folder.path("kept")).into_iter().flatten();
    files.into_iter().any(|file| file.unwrap().file_name().to_string_lossy().ends_with(".issued.csv"))
}

/// Rows of a CSV text.
fn table(text: &str) -> Vec<Value> {
    let folder = Folder::new();
    rows(std::path::Path::new(&folder.file("table.csv", text)))
}

/// Runs a command to copy where its file of orders lies.
fn run_copied(stack: &TestStack, command: &str, folder: &Folder) -> Value {
    let command = command.replacen("falconer", &format!("{} --json --yes", program("falconer").display()), 1);
    let mut shell = Command::new("sh");
    shell.env_clear().args(["-c", &command]).current_dir(folder.path(""));
    let environment = falconer(stack);
    shell.envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{command}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn keys_of_many_are_handed_out_once() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    folder.file("orders.csv", ORDERS);
    let (page, look) = looked_at(&browser, "orders.csv", ORDERS, &[("reason", "fair in May")]);
    for part in [
        "3 orders can be issued. Nothing is issued yet.",
        "Person, Fixture",
        "for good",
        "3 seats",
        "early_access",
    ] {
        assert!(look.text().contains(part), "{part}: {}", look.text());
    }
    assert_eq!((licenses(&stack), writes(&stack)), (0, 0), "a look issues nothing");
    assert!(!fs::exists(folder.path("kept")).unwrap());

    let done = ran(&browser, &page);
    assert!(done.text().contains("3 licenses issued, 0 there already."), "{}", done.text());
    assert!(!done.body.contains("QF-PRO-"), "no key before it is asked for");
    let answer = browser.post(&format!("{page}/keys"), &[]);
    assert_eq!(
        (answer.header("cache-control"), answer.header("content-type")),
        ("no-store", "text/csv; charset=utf-8")
    );
    assert!(answer.header("content-disposition").starts_with("attachment"), "{:?}", answer.headers);
    for row in table(&answer.body) {
        let key = row["license_key"].as_str().unwrap();
        stack.speak(key);
        let reply = stack.verify(key);
        assert_eq!((reply.code(), &reply.body["userId"]), ("VALID", &row["user"]));
        let shown = told(&stack, &["show", key]);
        let issue = &shown["audit"][0];
        assert_eq!(
            (&issue["action"], &issue["reason"], &issue["actor"]),
            (&json!("issue"), &json!("fair in May"), &json!("fixture-operator"))
        );
        for other in [browser.get(&page), browser.get("licenses"), browser.get("issue/many")] {
            assert!(!other.body.contains(key) && !other.header("location").contains(key));
        }
    }
    for again in ["keys", "show"] {
        let again = browser.post(&format!("{page}/{again}"), &[]);
        assert!(again.status == 404 && again.text().contains("handed out already"), "{}", again.text());
    }
    // The file stays for its owner alone, until somebody deletes it; the command goes on with it.
    let kept: Vec<_> = fs::read_dir(folder.path("kept")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(fs::metadata(&kept[0]).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder.path("kept")).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_to_string(&kept[0]).unwrap(), answer.body);
    let report = run_copied(&stack, &look.command(), &folder);
    assert_eq!((&report["outcome"], &report["there"]), (&json!("unchanged"), &json!(3)));
    assert_eq!(browser.post(&format!("{page}/run"), &[]).status, 303);
    assert_eq!(licenses(&stack), 3, "a second confirmation issues nothing");
    browser.post(&format!("{page}/delete"), &[]);
    assert!(!kept[0].exists());
    assert!(!browser.get(&page).body.contains("/delete"));
}

#[test]
fn keys_of_few_are_shown_once() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let pasted = browser.post("issue/many", &[("product", "qf"), ("pasted", &ORDERS.replace('\n', "\r\n"))]);
    let page = page_of(&browser, &pasted);
    browser.ended(&page);
    let early = browser.post(&format!("{page}/show"), &[]);
    assert!(early.status == 422 && early.text().contains("when the run has ended"), "{}", early.text());
    ran(&browser, &page);
    let shown = browser.post(&format!("{page}/show"), &[]);
    assert!(
        shown.text().contains("Person, Fixture") && shown.header("cache-control") == "no-store",
        "{}",
        shown.text()
    );
    let key =
        shown.body.split("QF-PRO-").nth(1).map(|rest| format!("QF-PRO-{}", rest.split('<').next().unwrap()));
    stack.speak(key.as_deref().unwrap());
    assert_eq!(stack.verify(key.as_deref().unwrap()).code(), "VALID");
    assert_eq!(browser.post(&format!("{page}/keys"), &[]).status, 404);
}

#[test]
fn one_bad_order_stops_all() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let head = "tier,user,email,days,perpetual\n";
    for (orders, sentence) in [
        ("", "The file is empty"),
        ("user,days\nu,30\n", "names no column that is needed (tier)"),
        ("tier,color\npro,red\n", "An order has no column color"),
        ("PK\u{3}\u{4}rest", "a workbook"),
        (&format!("{head}pro,u,,30,yes\n"), "1 of 1 order cannot be issued"),
        (&format!("{head}gold,u,,30,\npro,u,,1,\n"), "product QF has no tier gold"),
        (&format!("{head}pro,<script>alert(1)</script>,nobody,1,\n"), "email must look like"),
        (&format!("{head},,,,\n"), "There is no order in the file"),
    ] {
        let (page, look) = looked_at(&browser, "bad.csv", orders, &[]);
        assert!(look.text().contains(sentence), "{orders}: {}", look.text());
        assert!(!look.body.contains("<script>alert"), "{}", look.text());
        let forced = browser.post(&format!("{page}/run"), &[]);
        assert!([303, 422].contains(&forced.status), "{}", forced.text());
    }
    assert_eq!((licenses(&stack), writes(&stack)), (0, 0));
}

#[test]
fn orders_are_read_as_sheets_are() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let orders = "\u{FEFF}Tier;User;Days;From Activation;Perpetual;Seats\r\nPRO;one;365,0;FALSCH;FALSCH;3.0\r\n;;;FALSCH;FALSCH;\r\nelite;two;;;WAHR;\r\nfree;three;30;ja\r\n;;\r\n";
    let (page, look) = looked_at(&browser, "orders.csv", orders, &[]);
    for part in ["3 orders can be issued", "365 days", "for good", "30 days from the first activation on"] {
        assert!(look.text().contains(part), "{part}: {}", look.text());
    }
    ran(&browser, &page);
    let keys = browser.post(&format!("{page}/keys"), &[]).body;
    assert!(
        keys.lines().all(|line| line.split(';').count() == 9) && keys.lines().count() == 4,
        "no column is moved"
    );
    assert_eq!(licenses(&stack), 3);
}

/// A session that is over in the middle is a sentence, and the run goes on once somebody has signed in.
#[test]
fn expired_credentials_end_a_run() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let (page, _) = looked_at(&browser, "many.csv", &many(60), &[]);
    let expired =
        Fault::error(400, "ExpiredTokenException", "The security token included in the request is expired");
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), expired);
    let failed = ran(&browser, &page);
    assert!(failed.text().contains("sign in again") && failed.text().contains("Go on"), "{}", failed.text());
    stack.dynamodb.heal();
    let done = ran(&browser, &page);
    assert!(done.text().contains("60 licenses issued, 0 there already."), "{}", done.text());
    assert_eq!(licenses(&stack), 60);
}

#[test]
fn stopped_run_hands_out_what_is_issued() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let (page, _) = looked_at(&browser, "many.csv", &many(600), &[]);
    stack
        .dynamodb
        .break_all(Matcher::operation("TransactWriteItems"), Fault::Delay(Duration::from_millis(300)));
    stack.forget();
    browser.post(&format!("{page}/run"), &[]);
    while writes(&stack) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let early = browser.post(&format!("{page}/delete"), &[]);
    assert!(early.status == 422 && early.text().contains("could not go on"), "{}", early.text());
    browser.post(&format!("{page}/stop"), &[]);
    let stopped = browser.ended(&page);
    stack.dynamodb.heal();
    let part = licenses(&stack);
    assert!((1..600).contains(&part), "{part}");
    assert!(
        stopped.text().contains(&format!("{part} orders issued, {} not", 600 - part)),
        "{}",
        stopped.text()
    );
    let first = browser.post(&format!("{page}/keys"), &[]).body;
    assert_eq!(table(&first).len(), part, "no key that opens nothing is handed out");

    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), Fault::internal());
    let failed = ran(&browser, &page);
    assert!(failed.text().contains("the run goes on from there"), "{}", failed.text());
    assert!(!failed.body.contains("Download the keys"), "nobody knows which are issued");
    stack.dynamodb.heal();
    let done = ran(&browser, &page);
    assert!(
        done.text().contains(&format!("{} licenses issued, {part} there already.", 600 - part)),
        "{}",
        done.text()
    );
    let all = browser.post(&format!("{page}/keys"), &[]).body;
    assert!(all.starts_with(&first) && table(&all).len() == 600 && licenses(&stack) == 600);
}

/// The console is killed in the middle; the orders are sent to another one, or to the command line.
#[test]
fn killed_console_loses_no_key() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let orders = many(1_000);
    folder.file("many.csv", &orders);
    let mut stages = Vec::new();
    let mut command = String::new();
    for transactions in [0, 2, 12] {
        let mut browser = opened(&stack, &folder);
        let (page, look) = looked_at(&browser, "many.csv", &orders, &[]);
        let expected = if stages.is_empty() { "Issue 1000 licenses" } else { "has keys for 1000 of them" };
        assert!(look.text().contains(expected), "{}", look.text());
        command = look.command();
        stack.forget();
        browser.post(&format!("{page}/run"), &[]);
        while writes(&stack) < transactions || !has_keys(&folder) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let program = browser.program.as_mut().unwrap();
        program.kill().unwrap();
        program.wait().unwrap();
        stages.push(licenses(&stack));
    }
    assert!(stages.iter().any(|stored| (1..1_000).contains(stored)), "{stages:?}");
    let report = run_copied(&stack, &command, &folder);
    let (new, there) = (report["issued"].as_u64().unwrap(), report["there"].as_u64().unwrap());
    assert_eq!((new + there, licenses(&stack)), (1_000, 1_000), "none twice, none lost: {report}");
    for row in rows(std::path::Path::new(report["keysFile"].as_str().unwrap())).iter().step_by(300) {
        let key = row["license_key"].as_str().unwrap();
        stack.speak(key);
        assert_eq!(stack.verify(key).code(), "VALID");
    }
}

#[test]
fn appended_orders_are_issued_once() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let (page, _) = looked_at(&browser, "orders.csv", ORDERS, &[]);
    ran(&browser, &page);
    let longer = format!("{ORDERS}pro,New,,u4,30,,,\n");
    let (page, look) = looked_at(&browser, "orders.csv", &longer, &[]);
    assert!(
        look.text().contains("has keys for 3 of them") && look.text().contains("Issue 1 license"),
        "{}",
        look.text()
    );
    let done = ran(&browser, &page);
    assert!(done.text().contains("1 license issued, 3 there already."), "{}", done.text());
    assert_eq!(table(&browser.post(&format!("{page}/keys"), &[]).body).len(), 4);
    let (_, other) = looked_at(&browser, "orders.csv", &ORDERS.replace("u1", "u9"), &[]);
    assert!(other.text().contains("Their keys go to"), "other orders have other keys: {}", other.text());
    assert_eq!(licenses(&stack), 4);
}

#[test]
fn bulk_issue_costs_what_it_stores() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let units = || -> Units { stack.dynamodb.records().iter().map(TapRecord::units).sum() };
    stack.forget();
    let (page, _) = looked_at(&browser, "orders.csv", ORDERS, &[]);
    let look = units();
    assert!(look.write.abs() < f64::EPSILON && look.read <= 1.0, "{look:?}: the catalog");
    stack.forget();
    ran(&browser, &page);
    let run = units();
    assert!(
        run.read <= 3.0 && run.write >= 12.0,
        "{run:?}: each license and its audit row, in a transaction"
    );
    stack.forget();
    browser.post(&format!("{page}/keys"), &[]);
    assert!(stack.dynamodb.records().is_empty(), "keys come from their file");
}
