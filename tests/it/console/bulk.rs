//! Bulk changes of ticked licenses, and the export of those that are shown.

use std::fs;

use falconer_domain::LicenseId;
use falconer_domain::person::{Note, PersonName};
use falconer_emulators::tap::{Fault, Matcher, TapRecord, Units};
use falconer_tests::{Fixture, Machine, TestStack, now};
use serde_json::json;

use super::work::{page_of, ran};
use super::{Browser, ConsoleAnswer};
use crate::issuing::falconer;
use crate::manners::Folder;
use crate::operator::told;

/// Licenses that end in a hundred days.
fn put(stack: &TestStack, count: usize) -> Vec<LicenseId> {
    let fixture = || Fixture::pro().ending(now().plus_days(100));
    (0..count).map(|_| stack.license_id(&stack.put(fixture()))).collect()
}

fn ticked<'a>(ids: &'a [LicenseId], fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    ids.iter().map(|id| ("license", id.as_str())).chain(fields.iter().copied()).collect()
}

/// Asks for a change, and returns the page of its preview.
fn previewed(browser: &Browser, ids: &[LicenseId], fields: &[(&str, &str)]) -> (String, ConsoleAnswer) {
    let page = page_of(browser, &browser.post("bulk/preview", &ticked(ids, fields)));
    let preview = browser.get(&page);
    assert_eq!(preview.status, 200, "{}", preview.text());
    (page, preview)
}

#[test]
fn bulk_change_is_that_of_its_command() {
    let stack = TestStack::start();
    let ids = put(&stack, 4);
    let browser = Browser::open(&stack, &[]);
    let (ids, other) = (&ids[..3], &ids[3]);
    for (fields, code, seen) in [
        (vec![("action", "extend"), ("term", "days"), ("days", "30")], "EXTENDED", "Ends"),
        (vec![("action", "extend"), ("term", "until"), ("until", "2099-12-31")], "EXTENDED", "2099-12-31"),
        (vec![("action", "note"), ("note", "fair in May")], "NOTED", "fair in May"),
        (vec![("action", "suspend"), ("note", ""), ("until", ""), ("days", "365")], "SUSPENDED", "suspended"),
    ] {
        let fields = [&fields[..], &[("reason", "ticket 7, it's paid")]].concat();
        let before: Vec<_> = ids.iter().map(|id| stack.audit_rows(id).len()).collect();
        let (page, preview) = previewed(&browser, ids, &fields);
        assert!(
            preview.text().contains("Nothing is changed yet") && preview.text().contains(seen),
            "{}",
            preview.text()
        );
        let commands = preview.command();
        assert_eq!(commands.lines().count(), 3, "{commands}");
        for (id, command) in ids.iter().zip(commands.lines()) {
            assert!(
                command.contains(id.as_str()) && command.contains("--reason 'ticket 7, it'\\''s paid'"),
                "{command}"
            );
        }
        assert_eq!(
            ids.iter().map(|id| stack.audit_rows(id).len()).collect::<Vec<_>>(),
            before,
            "a preview changes nothing"
        );
        let done = ran(&browser, &page);
        assert!(done.text().contains("3 changed, 0 changed meanwhile, 0 refused."), "{}", done.text());
        for id in ids {
            let row = stack.audit_rows(id).pop().unwrap();
            assert_eq!((&row["code"]["S"], &row["actor"]["S"]), (&json!(code), &json!("fixture-operator")));
            assert_eq!(row["reason"]["S"], "ticket 7, it's paid");
        }
        ran(&browser, &page);
        let rows: Vec<_> = ids.iter().map(|id| stack.audit_rows(id).len()).collect();
        assert_eq!(
            rows,
            before.iter().map(|rows| rows + 1).collect::<Vec<_>>(),
            "once, however often it is confirmed"
        );
    }
    let twin = told(&stack, &["show", ids[0].as_str()]);
    for command in
        [&["extend", "--days", "30"][..], &["extend", "--until", "2099-12-31"], &["note"], &["suspend"]]
    {
        let command =
            [command, &[other.as_str()], if command[0] == "note" { &["fair in May"][..] } else { &[] }]
                .concat();
        told(&stack, &command);
    }
    let other = told(&stack, &["show", other.as_str()]);
    for member in ["status", "expiresAt", "notes", "tier"] {
        assert_eq!(twin[member], other[member], "{member}");
    }
}

#[test]
fn change_of_somebody_else_is_not_written_over() {
    let stack = TestStack::start();
    let ids = put(&stack, 3);
    let browser = Browser::open(&stack, &[]);
    let (page, _) = previewed(&browser, &ids, &[("action", "note"), ("note", "by the console")]);
    told(&stack, &["note", ids[1].as_str(), "by another operator"]);
    told(&stack, &["revoke", ids[2].as_str(), "--reason", "refund"]);
    let done = ran(&browser, &page);
    assert!(done.text().contains("1 changed, 2 changed meanwhile, 0 refused."), "{}", done.text());
    assert!(done.text().contains("Nothing of yours was done"), "{}", done.text());
    let note = |id: &LicenseId| told(&stack, &["show", id.as_str()])["notes"].clone();
    assert_eq!([note(&ids[0]), note(&ids[1])], [json!("by the console"), json!("by another operator")]);
}

#[test]
fn each_license_has_its_own_result() {
    let stack = TestStack::start();
    let ids = put(&stack, 3);
    told(&stack, &["suspend", ids[0].as_str()]);
    told(&stack, &["revoke", ids[1].as_str(), "--reason", "refund"]);
    let browser = Browser::open(&stack, &[]);
    let (page, preview) = previewed(&browser, &ids, &[("action", "suspend")]);
    let text = preview.text();
    assert!(text.contains("Suspend 1 license") && text.contains("not possible"), "{text}");
    assert!(ran(&browser, &page).text().contains("1 changed"), "the others stay");
    for (fields, status, sentence) in [
        (vec![("action", "revoke"), ("reason", "x")], 400, "not a change of many"),
        (vec![("action", "reveal")], 400, "not a change of many"),
        (vec![("action", "")], 400, "no change"),
        (vec![("action", "extend"), ("term", "until"), ("until", "soon")], 400, "2027-03-01"),
        (vec![("action", "extend"), ("term", "days"), ("days", "many")], 400, "whole number"),
        (vec![("action", "suspend"), ("license", "lic_1")], 400, "no license id"),
        (vec![("action", "suspend"), ("license", "lic_000000000000000000000000")], 404, "no license"),
    ] {
        let answer = browser.post("bulk/preview", &ticked(&ids, &fields));
        assert_eq!(answer.status, status, "{fields:?}: {}", answer.text());
        assert!(answer.text().contains(sentence), "{fields:?}: {}", answer.text());
    }
    let none = browser.post("bulk/preview", &[("action", "suspend")]);
    assert!(none.status == 400 && none.text().contains("No license is ticked"), "{}", none.text());
    let many: Vec<_> = (0..501).map(|number| format!("lic_{number:024}")).collect();
    let many: Vec<_> =
        many.iter().map(|id| ("license", id.as_str())).chain([("action", "suspend")]).collect();
    let answer = browser.post("bulk/preview", &many);
    assert!(answer.status == 400 && answer.text().contains("500 are the most"), "{}", answer.text());
}

#[test]
fn outage_in_the_middle_is_gone_on_from() {
    let stack = TestStack::start();
    let ids = put(&stack, 6);
    let browser = Browser::open(&stack, &[]);
    let fields = [("action", "note"), ("note", "kept"), ("reason", "ticket 8")];
    let (page, _) = previewed(&browser, &ids, &fields);
    // Two are changed. The third is changed too, and its answer is lost for good.
    let writes = Matcher::operation("TransactWriteItems");
    let seen = std::sync::atomic::AtomicUsize::new(0);
    stack.dynamodb.break_when(move |request| {
        if request.operation != "TransactWriteItems" {
            return None;
        }
        let number = seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        (number >= 2).then_some(if number == 2 { Fault::DropReply } else { Fault::internal() })
    });
    let failed = ran(&browser, &page);
    assert!(failed.text().contains("2 changed") && failed.text().contains("Go on"), "{}", failed.text());
    assert!(failed.text().contains("The answer was lost"), "{}", failed.text());
    stack.dynamodb.heal();
    let done = ran(&browser, &page);
    assert!(done.text().contains("6 changed, 0 changed meanwhile"), "{}", done.text());
    for id in &ids {
        let noted = stack.audit_rows(id).iter().filter(|row| row["code"]["S"] == "NOTED").count();
        assert_eq!(noted, 1, "once each");
    }
    let _ = writes;
}

/// The change itself was lost, not its answer alone, and another operator has made the same one since.
#[test]
fn same_change_of_somebody_else_stays_theirs() {
    let stack = TestStack::start();
    let ids = put(&stack, 1);
    let browser = Browser::open(&stack, &[]);
    let fields = [("action", "note"), ("note", "kept"), ("reason", "ticket 8")];
    let (page, _) = previewed(&browser, &ids, &fields);
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), Fault::internal());
    let failed = ran(&browser, &page);
    assert!(failed.text().contains("The answer was lost"), "{}", failed.text());
    stack.dynamodb.heal();
    let mut other = falconer(&stack);
    other.env("FALCONER_ACTOR", "another-operator").args(["--yes", "note", ids[0].as_str(), "kept"]);
    assert!(other.args(["--reason", "ticket 8"]).output().unwrap().status.success());
    let done = ran(&browser, &page);
    assert!(done.text().contains("0 changed, 1 changed meanwhile"), "{}", done.text());
}

#[test]
fn stopped_change_goes_on() {
    let stack = TestStack::start();
    let ids = put(&stack, 40);
    let browser = Browser::open(&stack, &[]);
    let (page, _) = previewed(&browser, &ids, &[("action", "suspend")]);
    let slow = Fault::Delay(std::time::Duration::from_millis(60));
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), slow);
    browser.post(&format!("{page}/run"), &[]);
    browser.post(&format!("{page}/stop"), &[]);
    let stopped = browser.ended(&page);
    assert!(stopped.text().contains("It was stopped."), "{}", stopped.text());
    stack.dynamodb.heal();
    let suspended = || told(&stack, &["list", "--status", "suspended"])["licenses"].as_array().unwrap().len();
    assert!(suspended() < 40);
    assert!(ran(&browser, &page).text().contains("40 changed"), "with those of before");
    assert_eq!(suspended(), 40);
}

#[test]
fn export_is_that_of_the_command() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let fixture = Fixture::pro().ending(now().plus_days(9)).bound(1, &Machine::named("first"), now());
    let key = stack.put(fixture.with(|new, _| {
        new.license.licensee_name = PersonName::clean("=HYPERLINK(\"x\")").kept;
        new.license.notes = Note::clean("<b>; two").kept;
    }));
    let ids: Vec<_> = put(&stack, 3).into_iter().chain([stack.license_id(&key)]).collect();
    told(&stack, &["export", "csv", "--output", &folder.path("all.csv")]);
    let command = fs::read_to_string(folder.path("all.csv")).unwrap();
    for arguments in [&[][..], &["--read-only"]] {
        let browser = Browser::open(&stack, arguments);
        let page = browser.get("licenses");
        let shown: Vec<_> = page
            .body
            .split("name=\"shown\" value=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert_eq!(shown.len(), 4, "{}", page.text());
        let fields: Vec<_> = shown.iter().map(|id| ("shown", *id)).collect();
        let exported = browser.post("licenses/export", &fields);
        assert_eq!(exported.body, command);
        assert!(!exported.body.contains(&key), "keys are masked");
        assert!(exported.header("content-disposition").contains("licenses.csv"));
        let one = browser.post("licenses/export", &[&fields[..], &[("license", ids[0].as_str())]].concat());
        assert_eq!(one.body.lines().count(), 2, "the ticked ones alone");
        let missing = browser.post("licenses/export", &[("license", "lic_000000000000000000000000")]);
        assert_eq!(missing.status, 404, "{}", missing.text());
    }
}

#[test]
fn bulk_costs_a_read_and_a_change_each() {
    let stack = TestStack::start();
    let ids = put(&stack, 10);
    let browser = Browser::open(&stack, &[]);
    let units = || -> Units { stack.dynamodb.records().iter().map(TapRecord::units).sum() };
    stack.forget();
    let (page, _) = previewed(&browser, &ids, &[("action", "suspend")]);
    let preview = units();
    assert!(
        preview.write.abs() < f64::EPSILON && preview.read <= 11.0,
        "{preview:?}: each license, and the catalog"
    );
    stack.forget();
    ran(&browser, &page);
    let run = units();
    assert!(
        run.read <= 11.0 && run.write >= 40.0,
        "{run:?}: each license again, and two rows in a transaction"
    );
    stack.forget();
    browser.get(&page);
    assert!(stack.dynamodb.records().is_empty(), "the page itself reads nothing");
    browser.post("licenses/export", &ticked(&ids, &[]));
    assert!(units().read <= 10.0, "{:?}: each license", units());
}
