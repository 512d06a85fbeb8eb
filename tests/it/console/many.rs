//! The console over 10,000 licenses: pages by cursor and index, searches, and a look through all of them.

use std::time::Duration;

use falconer_domain::LicenseId;
use falconer_domain::person::Note;
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, Machine, TestStack, now};
use serde_json::{Value, json};

use super::pages::{cost, months_of_thirty_days, owned};
use super::{Browser, ConsoleAnswer, ending};
use crate::manners::Folder;

const LICENSES: usize = 10_000;
/// Licenses that are issued one by one; the others are copies of them. Each ends in another month.
const ISSUED: u32 = 12;
/// Time for which each page of a look is held back, so that a test sees it going on.
const HELD: Duration = Duration::from_millis(400);

/// A stack with 10,000 licenses, and the key of one that differs: its note has a word that no other has.
fn many() -> (TestStack, String) {
    let stack = TestStack::start();
    let end = |month: u32| now().plus_days(15 + 30 * month);
    let rows: Vec<Value> = (0..ISSUED)
        .map(|month| {
            let fixture = Fixture::pro().bound(1, &Machine::named("first"), now()).ending(end(month));
            stack.item(&stack.license_id(&stack.put(fixture)))
        })
        .collect();
    let note = Note::read("calls on Mondays").unwrap();
    let wanted = stack.put(Fixture::pro().ending(end(0)).with(|new, _| new.license.notes = note));
    let copies = LICENSES - rows.len() - 1;
    let copy = |number: usize| {
        let mut row = rows[number % rows.len()].clone();
        row["license_id"] = json!({ "S": format!("lic_{number:024}") });
        row["user_id"] = json!({ "S": format!("user_{number}") });
        row["email"] = json!({ "S": format!("person.{number}@example.com") });
        row
    };
    stack.put_items(&(0..copies).map(copy).collect::<Vec<_>>());
    (stack, wanted)
}

/// The numbers in "… licenses seen, … found".
fn progress(page: &ConsoleAnswer) -> (usize, usize) {
    let text = page.text();
    let before = |words: &str| -> usize {
        let (begun, _) = text.split_once(words).unwrap_or_else(|| panic!("{words}: {text}"));
        begun.rsplit(' ').next().unwrap().parse().unwrap()
    };
    (before(" licenses seen"), before(" found."))
}

fn rows(page: &ConsoleAnswer) -> usize {
    page.body.matches("name=\"license\" value=\"lic_").count()
}

#[test]
fn ten_thousand_licenses_cost_what_is_shown() {
    let (stack, wanted) = many();
    let id = stack.license_id(&wanted);
    let browser = Browser::open(&stack, &[]);

    let far = LicenseId::parse(&format!("lic_{:024}", LICENSES / 2)).unwrap();
    for page in ["licenses".to_owned(), format!("licenses?after={far}")] {
        let (answer, calls, units) = cost(&stack, || browser.get(&page));
        assert_eq!((rows(&answer), answer.body.contains("rel=\"next\"")), (50, true), "{page}");
        assert_eq!(calls, owned(&["Scan", "GetItem"]), "{page}: of the table, and the catalog");
        // 60 rows of 0.5 to 0.6 KB, by the lengths of their numbers.
        assert!((9.0..=10.0).contains(&units), "{page}: {units} units");
    }

    let (home, calls, units) = cost(&stack, || browser.get(""));
    assert_eq!(calls, owned(&[&vec!["Query"; months_of_thirty_days()][..], &["GetItem"]].concat()));
    assert!(units <= 30.0 && home.text().contains("ending within 30 days"), "{units}: {}", home.text());

    let (ending, calls, units) = cost(&stack, || browser.get("licenses?ending=30"));
    let read = [&vec!["Query"; months_of_thirty_days()][..], &["GetItem"; 52]].concat();
    assert_eq!((rows(&ending), calls), (50, owned(&read)), "51 licenses, and the catalog");
    assert!(units <= 80.0, "{units} units: the index, and one for each license read");

    for text in [wanted.as_str(), id.as_str()] {
        let kept = browser.post("search", &[("text", text)]);
        let (found, calls, units) = cost(&stack, || browser.follow(&kept));
        assert_eq!(found.header("location"), format!("{}license/{id}", browser.base), "{}", found.text());
        assert_eq!((calls, units), (owned(&["GetItem"]), 1.0), "{text}");
    }
    // An order of this name, an erased one, the indexes, the license and its catalog.
    let by_user = ["GetItem", "GetItem", "Query", "GetItem", "GetItem"];
    let by_email = ["GetItem", "GetItem", "Query", "Query", "GetItem", "GetItem"];
    for (text, expected, expected_units) in
        [("user_77", &by_user[..], 4.5), ("person.77@example.com", &by_email[..], 5.0)]
    {
        let kept = browser.post("search", &[("text", text)]);
        let (found, calls, units) = cost(&stack, || browser.follow(&kept));
        assert_eq!(rows(&found), 1, "{text}: {}", found.text());
        assert_eq!((calls, units), (owned(expected), expected_units), "{text}");
    }
}

#[test]
fn look_through_says_how_far_it_is_and_stops() {
    let (stack, _) = many();
    let browser = Browser::open(&stack, &[]);
    let kept = browser.post("search", &[("text", "mondays")]);
    let offer = browser.follow(&kept);
    let said = offer.text().split("some ").find_map(|rest| {
        let (units, _) = rest.split_once(" units for 10,000 licenses with a device each")?;
        units.replace(',', "").parse::<f64>().ok()
    });
    let said = said.unwrap_or_else(|| panic!("{}", offer.text()));
    let search = offer.field("search").to_owned();
    let begin = || browser.post("look", &[("search", &search)]);

    stack.dynamodb.break_all(Matcher::operation("Scan"), Fault::Delay(HELD));
    let look = begin();
    let mut seen = Vec::new();
    while seen.iter().filter(|seen| **seen > 0).count() < 3 {
        let page = browser.follow(&look);
        assert!(page.body.contains("<progress"), "it goes on: {}", page.text());
        seen.push(progress(&page).0);
    }
    assert!(seen.is_sorted() && seen.last() < Some(&LICENSES), "{seen:?}");
    let name = look.header("location").strip_prefix(&browser.base).unwrap().to_owned();
    assert_eq!(browser.post(&format!("{name}/stop"), &[]).status, 303);
    let stopped = ended(&browser, &look);
    assert!(stopped.text().contains("It was stopped"), "{}", stopped.text());
    assert!(progress(&stopped).0 < LICENSES, "{}", stopped.text());
    stack.dynamodb.heal();

    stack.forget();
    let whole = ended(&browser, &begin());
    assert_eq!(progress(&whole), (LICENSES, 1), "{}", whole.text());
    assert!(whole.text().contains("It has seen every license") && rows(&whole) == 1, "{}", whole.text());
    let units: f64 = stack.dynamodb.records().iter().map(|record| record.units().read).sum();
    assert!((said - units).abs() < said / 20.0, "{units} units, and the page says some {said}");

    let full = ended(&browser, &browser.post("look", &[("status", "active")]));
    assert!(progress(&full).1 == 500 && full.text().contains("500"), "{}", full.text());

    // A look goes on, and so does its console, while nobody asks for a page.
    let (quiet, serving) = ending::served(ending::impatient(&stack, &Folder::new()));
    stack.dynamodb.break_all(Matcher::operation("Scan"), Fault::Delay(ending::HELD));
    let kept = quiet.follow(&quiet.post("search", &[("text", "mondays")]));
    let look = quiet.post("look", &[("search", kept.field("search"))]);
    std::thread::sleep(ending::SHORT_IDLE + ending::HELD * 2);
    let later = quiet.follow(&look);
    assert!(later.body.contains("<progress"), "it goes on: {}", later.text());
    stack.dynamodb.heal();
    ended(&quiet, &look);
    serving.join().unwrap();
}

/// The page of a look that has ended.
fn ended(browser: &Browser, look: &ConsoleAnswer) -> ConsoleAnswer {
    loop {
        let page = browser.follow(look);
        if !page.body.contains("data-live") {
            return page;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
