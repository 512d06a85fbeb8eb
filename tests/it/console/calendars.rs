//! Figures, the calendar and the lists that they lead to: their bounds, in the reader's zone.

use std::collections::BTreeSet;
use std::time::Duration;

use falconer_console::Setup;
use falconer_domain::{Status, UnixMillis};
use falconer_tests::{Fixture, TestStack, now};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::Value;

use super::reading::number;
use super::{Browser, ConsoleAnswer, ending};
use crate::manners::Folder;
use crate::operator::told;

/// Half an hour before the day on which Berlin puts its clock on.
const BEFORE_SUMMER: UnixMillis = UnixMillis(1_806_186_600_000);
/// Half an hour after the midnight before Berlin puts its clock back.
const BEFORE_WINTER: UnixMillis = UnixMillis(1_824_935_400_000);

/// A clock that is always at one moment.
type Now = fn() -> UnixMillis;

/// A browser for a console in a zone, at a moment.
fn in_zone(stack: &TestStack, zone: &str, now: Now) -> Browser {
    let zone = TimeZone::get(zone).unwrap();
    let idle = Duration::from_secs(600);
    // The thread ends with the tests.
    let (browser, _serving) =
        ending::served(Setup { zone, now, idle, ..ending::impatient(stack, &Folder::new()) });
    browser
}

/// The licenses of a list, of all its pages.
fn listed(browser: &Browser, page: &str) -> Vec<String> {
    let (mut page, mut seen) = (browser.get(page), Vec::new());
    loop {
        let rows = page.body.split("name=\"license\" value=\"").skip(1);
        seen.extend(rows.map(|row| row.split('"').next().unwrap().to_owned()));
        let Some((next, _)) = page.body.split_once("\" rel=\"next\"") else { return seen };
        page = browser.get(&next.rsplit(&browser.base).next().unwrap().replace("&#38;", "&"));
    }
}

/// The days of the calendar with the licenses that each shows.
fn calendar(home: &ConsoleAnswer) -> Vec<(String, usize)> {
    let cells = home.body.split("licenses?day=").skip(1);
    let cell = |cell: &str| {
        let shown = cell.split_once('>').unwrap().1.split('<').next().unwrap();
        (cell.split('"').next().unwrap().to_owned(), shown.parse().unwrap())
    };
    cells.map(cell).collect()
}

/// Licenses that end in the first and the last second of each day around the edges of the span, some before now.
fn end_at_the_edges(stack: &TestStack, zone: &str, now: UnixMillis) {
    let zone = TimeZone::get(zone).unwrap();
    let today = Timestamp::from_millisecond(now.0).unwrap().to_zoned(zone.clone()).date();
    for days in [-1, 0, 1, 2, 29, 30, 31] {
        let day = today.checked_add(Span::new().days(days)).unwrap();
        let begin = |day: jiff::civil::Date| day.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond();
        for end in [begin(day), begin(day) + 1, begin(day.tomorrow().unwrap()) - 1] {
            stack.put(Fixture::pro().ending(UnixMillis(end)));
        }
    }
}

/// A cell, the figure, and the list that each leads to have the same bounds.
#[test]
fn calendar_and_lists_agree_in_every_zone() {
    let stack = TestStack::start();
    let moments: [(&str, Now); 5] = [
        ("UTC", || BEFORE_SUMMER),
        ("Europe/Berlin", || BEFORE_SUMMER),
        ("Europe/Berlin", || BEFORE_WINTER),
        ("Pacific/Kiritimati", || UnixMillis(BEFORE_SUMMER.0 + 100 * 86_400_000)),
        ("Pacific/Pago_Pago", || UnixMillis(BEFORE_SUMMER.0 + 200 * 86_400_000)),
    ];
    for (zone, now) in moments {
        end_at_the_edges(&stack, zone, now());
        let browser = in_zone(&stack, zone, now);
        let home = browser.get("");
        let cells = calendar(&home);
        for (day, shown) in &cells {
            let listed = listed(&browser, &format!("licenses?day={day}")).len();
            assert_eq!(listed, *shown, "{day} of {zone}");
        }
        let sum: usize = cells.iter().map(|(_, shown)| shown).sum();
        let list = listed(&browser, "licenses?ending=30");
        assert!(sum >= 15, "five days of three licenses in {zone}: {cells:?}");
        assert_eq!((number(&home, "ending within 30 days"), list.len()), (sum, sum), "{zone}");
        let today = listed(&browser, "licenses?ending=0");
        assert_eq!(today, listed(&browser, &format!("licenses?day={}", cells[0].0)), "{zone}");
        for page in [home, browser.get("licenses?ending=30")] {
            assert!(page.text().contains(&format!("days of {zone}")), "{}", page.text());
        }
    }
}

#[test]
fn suspended_and_revoked_are_not_ending() {
    let stack = TestStack::start();
    let soon = now().plus_days(2);
    let of = |status| {
        let fixture = Fixture::pro().ending(soon);
        stack.license_id(&stack.put(fixture.with(move |new, _| new.license.status = status)))
    };
    let [active, pending] = [Status::Active, Status::Pending].map(of);
    let _ended = [Status::Suspended, Status::Revoked].map(of);
    let (suspended, reinstated) = (of(Status::Active), of(Status::Suspended));
    told(&stack, &["suspend", suspended.as_str()]);
    told(&stack, &["reinstate", reinstated.as_str()]);
    let browser = Browser::open(&stack, &[]);
    let ending: BTreeSet<_> = [&active, &pending, &reinstated].map(ToString::to_string).into();
    let agree = |ending: &BTreeSet<String>| {
        let home = browser.get("");
        let [(day, shown)] = &calendar(&home)[..] else { panic!("one day: {}", home.text()) };
        assert_eq!((number(&home, "ending within 30 days"), *shown), (ending.len(), ending.len()));
        for page in [format!("licenses?day={day}"), "licenses?ending=7".to_owned()] {
            assert_eq!(listed(&browser, &page).into_iter().collect::<BTreeSet<_>>(), *ending, "{page}");
        }
    };
    agree(&ending);
    let listed_by_command = told(&stack, &["list", "--expiring", "30"]);
    let ids = listed_by_command["licenses"].as_array().unwrap().iter();
    let ids: BTreeSet<_> = ids.map(|one| one["licenseId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, ending, "as the command says");

    // An older version left such a license in the index; the list says so, and its next write takes it out.
    let mut stale = stack.item(&suspended);
    stale["expiry_month"] = stack.item(&active)["expiry_month"].clone();
    stack.put_item(&stale);
    let page = browser.get("licenses?ending=7");
    assert_eq!(number(&page, "license of the index is left out"), 1);
    assert_eq!(listed(&browser, "licenses?ending=7").len(), 3);
    told(&stack, &["note", suspended.as_str(), "asked again"]);
    assert_eq!(stack.item(&suspended)["expiry_month"], Value::Null);
    agree(&ending);
}

/// The last license of a page leaves the list, or ends later, while somebody reads the page.
#[test]
fn lists_by_end_go_on_behind_who_has_left() {
    let stack = TestStack::start();
    let end = |day: u32| Fixture::pro().ending(now().plus_days(1 + day / 3));
    let ids: Vec<_> = (0..70).map(|day| stack.license_id(&stack.put(end(day))).to_string()).collect();
    let browser = Browser::open(&stack, &[]);
    for change in [&["suspend"][..], &["extend", "--days", "5"]] {
        let first = browser.get("licenses?ending=90");
        let shown = first.body.split("name=\"license\" value=\"").skip(1);
        let shown: Vec<_> = shown.map(|row| row.split('"').next().unwrap().to_owned()).collect();
        let (last, kept) = shown.split_last().unwrap();
        assert_eq!(shown.len(), 50);
        told(&stack, &[&[change[0], last.as_str()], &change[1..]].concat());
        let (next, _) = first.body.split_once("\" rel=\"next\"").unwrap();
        let next = next.rsplit(&browser.base).next().unwrap().replace("&#38;", "&");
        let rest = listed(&browser, &next);
        let all: BTreeSet<_> = kept.iter().chain(&rest).collect();
        let missing = ids.iter().filter(|id| !all.contains(id)).count();
        assert!(missing <= usize::from(change[0] == "suspend"), "{missing} after {change:?}");
        assert!(rest.len() <= 24, "not from the beginning: {} after {change:?}", rest.len());
        if change[0] == "suspend" {
            told(&stack, &["reinstate", last.as_str()]);
        }
    }
}

/// The table, the sentence, the facts, the history and Explain name one moment, in the reader's zone with UTC beside.
#[test]
fn ends_are_in_the_zone_of_the_reader() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro().ending(now().plus_days(10))));
    told(&stack, &["extend", id.as_str(), "--until", "2099-06-30"]);
    let pages = |browser: &Browser| {
        let license = format!("license/{id}");
        let explain = format!("{license}/explain");
        ["licenses".to_owned(), "licenses?ending=36500".to_owned(), license, explain].map(|page| {
            let answer = browser.get(&page);
            assert_eq!(answer.status, 200, "{page}: {}", answer.text());
            answer.text()
        })
    };
    let [list, ending, license, explain] = pages(&in_zone(&stack, "Europe/Berlin", now));
    for (text, shown) in [
        (&list, "2099-07-01 01:59 2099-06-30 23:59 UTC"),
        (&ending, "2099-07-01 01:59 2099-06-30 23:59 UTC"),
        (&license, "Active until 2099-07-01 01:59 (2099-06-30 23:59 UTC)"),
        (&license, "Ends 2099-07-01 01:59 (2099-06-30 23:59 UTC)"),
        (&license, "→ 2099-07-01 01:59 (2099-06-30 23:59 UTC)"),
        (&explain, "it ends 2099-07-01 01:59 (2099-06-30 23:59 UTC), asked at"),
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let day = in_zone(&stack, "Europe/Berlin", now).get("licenses?day=2099-07-01");
    assert!(day.text().contains("2099-07-01 01:59"), "a list of a day has that day: {}", day.text());
    for text in pages(&in_zone(&stack, "UTC", now)) {
        assert!(text.contains("2099-06-30 23:59 UTC"), "{text}");
    }
}
