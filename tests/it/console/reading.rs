//! Pages that read: figures and the lists that they lead to, the reader's zone, states, searches and histories.

use std::collections::BTreeSet;
use std::time::Duration;

use falconer_aws::StoreReader;
use falconer_aws::keyring::RingReader;
use falconer_console::{Access, Setup};
use falconer_domain::{LicenseId, Status, UnixMillis};
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, TestStack, now};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::pages::{cost, owned};
use super::{Browser, ConsoleAnswer, ending};
use crate::manners::Folder;
use crate::operator::told;

/// Half an hour before the day on which Berlin puts its clock on.
const BEFORE_SUMMER: UnixMillis = UnixMillis(1_806_186_600_000);
/// Half an hour after the midnight before Berlin puts its clock back.
const BEFORE_WINTER: UnixMillis = UnixMillis(1_824_935_400_000);
/// Time for which each page of a count is held back, so that a test sees it going on.
const HELD: Duration = Duration::from_millis(400);

/// A browser for a console in a zone, at a moment.
fn in_zone(stack: &TestStack, zone: &str, now: fn() -> UnixMillis) -> Browser {
    let zone = TimeZone::get(zone).unwrap();
    let idle = Duration::from_secs(600);
    // The thread ends with the tests.
    let (browser, _serving) =
        ending::served(Setup { zone, now, idle, ..ending::impatient(stack, &Folder::new()) });
    browser
}

/// The number before some words.
fn number(page: &ConsoleAnswer, words: &str) -> usize {
    let text = page.text();
    let (before, _) = text.split_once(words).unwrap_or_else(|| panic!("{words}: {text}"));
    let number = before.trim_end().rsplit(' ').next().unwrap();
    number.parse().unwrap_or_else(|_| panic!("{number} before {words}: {text}"))
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

/// The pages of a look or a count, once it has ended.
fn ended(browser: &Browser, page: &str) -> ConsoleAnswer {
    loop {
        let answer = browser.get(page);
        if !answer.body.contains("data-seconds=\"1\"") {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
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
    let moments: [(&str, fn() -> UnixMillis); 5] = [
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

/// A license counts under the word that its tag has: on Home, in a look, and in the table of a look.
#[test]
fn looks_and_figures_share_their_states() {
    let stack = TestStack::start();
    let (past, soon) = (UnixMillis(now().0 - 1_000), now().plus_days(3));
    for (status, end, count) in [
        (Status::Active, soon, 3),
        (Status::Active, past, 2),
        (Status::Pending, soon, 1),
        (Status::Suspended, past, 4),
        (Status::Revoked, past, 5),
    ] {
        for _ in 0..count {
            stack.put(Fixture::pro().ending(end).with(move |new, _| new.license.status = status));
        }
    }
    let browser = Browser::open(&stack, &[]);
    browser.post("count", &[]);
    let home = ended(&browser, "");
    assert_eq!(number(&home, "active,"), 3, "{}", home.text());
    assert!(home.text().contains("pro 3 1 4 5 2"), "the columns of the tier: {}", home.text());
    let offered = browser.get("licenses");
    for (state, count) in [("active", 3), ("expired", 2), ("pending", 1), ("suspended", 4), ("revoked", 5)] {
        assert!(offered.body.contains(&format!("<option>{state}</option>")), "{state} can be chosen");
        let look = browser.post("look", &[("status", state)]);
        let page = ended(&browser, look.header("location").strip_prefix(&browser.base).unwrap());
        assert_eq!(number(&page, "found."), count, "{state}: {}", page.text());
        let tags = page.body.split("<span class=\"tag ").skip(1);
        let words = tags.map(|tag| tag.split_once('>').unwrap().1.split('<').next().unwrap());
        assert_eq!(words.collect::<Vec<_>>(), vec![state; count], "{}", page.text());
    }
    let unknown = browser.post("look", &[("status", "ended")]);
    assert_eq!(unknown.status, 400, "{}", unknown.text());
}

/// The text comes back on its page, as a text; a key comes back as its hint, and no address has either.
#[test]
fn searched_text_is_shown_again() {
    let stack = TestStack::start();
    let key = stack.key_without_license();
    let hint = format!("QF-PRO-…-{}", key.rsplit('-').next().unwrap());
    let slip: String = key.chars().map(|c| if c == 'P' { 'Q' } else { c }).collect();
    let browser = Browser::open(&stack, &[]);
    for (typed, shown) in [
        ("nobody at all", "nobody at all"),
        ("nobody@example.com", "nobody@example.com"),
        ("<b>\"nobody\"</b> & 'co'", "<b>\"nobody\"</b> & 'co'"),
        ("turned \u{202e}around", "turned around"),
        (key.as_str(), hint.as_str()),
        (&format!("the key {} please", key.to_lowercase()), &format!("the key {hint} please")),
    ] {
        let found = browser.post("search", &[("text", typed)]);
        let page = browser.follow(&found);
        let said = format!("Searched for “ {shown} ”");
        assert!(page.text().contains(&said), "{said}: {}", page.text());
        let text_of_box = page.body.split_once("name=\"text\"").unwrap().1;
        let text_of_box = text_of_box.split_once("value=\"").unwrap().1.split('"').next().unwrap();
        assert_eq!(super::unescaped(text_of_box), shown, "the box of {typed}");
        let look = browser.post("look", &[("search", page.field("search"))]);
        let look = ended(&browser, look.header("location").strip_prefix(&browser.base).unwrap());
        assert!(look.text().contains(&format!("“ {shown} ”")), "{typed}: {}", look.text());
        for page in [&page, &look] {
            assert!(!page.body.contains("<b>") && !page.body.contains('\u{202e}'), "{}", page.body);
            assert!(!page.body.to_uppercase().contains(&key), "no key on a page");
        }
    }
    let found = browser.post("search", &[("text", &slip)]);
    let page = browser.follow(&found);
    assert!(!page.body.contains(&slip), "a key with a slip in it: {}", page.text());
}

/// A row of the audit as the functions write it.
fn audit_row(id: &LicenseId, at: &str, device: usize) -> Value {
    json!({
        "license_id": { "S": id.as_str() },
        "at": { "S": at },
        "action": { "S": "verify" },
        "code": { "S": "VALID" },
        "request_id": { "S": at.split('#').nth(1).unwrap() },
        "device": { "S": format!("dev_{device:016}") },
    })
}

#[test]
fn history_leads_to_its_older_rows() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro()));
    let few = stack.license_id(&stack.put(Fixture::pro()));
    let begin = 1_700_000_000_000_i64;
    for row in 0..130_usize {
        // Many in one millisecond, and some with a row that says from where they were asked.
        let at = format!("{:013}#request/{row:03} é", begin + i64::try_from(row / 50).unwrap());
        stack.put_audit_row(&audit_row(&id, &at, row));
        if row % 4 == 0 {
            let mut caller = audit_row(&id, &format!("{at}#caller"), row);
            caller["origin"] = json!({ "S": "fixture" });
            stack.put_audit_row(&caller);
        }
    }
    (0..39).for_each(|row| stack.put_audit_row(&audit_row(&few, &format!("{begin}#{row:03}"), row)));
    let browser = Browser::open(&stack, &[]);
    let (first, calls, _) = cost(&stack, || browser.get(&format!("license/{id}")));
    assert_eq!(calls, owned(&["GetItem", "GetItem", "Query"]));
    assert!(first.text().contains("rows are here, the newest first"), "{}", first.text());
    let whole = browser.get(&format!("license/{few}"));
    assert_eq!(whole.body.matches("<strong>").count(), 40, "39 and its issue: {}", whole.text());
    assert!(!whole.body.contains("Older rows"), "{}", whole.text());

    let live = browser.get(&format!("license/{id}/audit"));
    assert!(live.body.contains("Older rows"), "the part that keeps itself up to date leads on too");
    let (mut page, mut seen) = (live, Vec::new());
    loop {
        let devices = page.body.split(">dev_").skip(1).map(|rest| rest[..16].parse::<usize>().unwrap());
        seen.extend(devices);
        let Some((next, _)) = page.body.split_once("\" rel=\"next\"") else { break };
        let next = next.rsplit(&browser.base).next().unwrap().to_owned();
        let (answer, calls, units) = cost(&stack, || browser.get(&next));
        assert!(calls.len() <= 2 && calls.iter().all(|call| call == "Query"), "{calls:?}");
        assert!(units <= 3.0, "{units} units for 40 rows");
        page = answer;
    }
    assert_eq!(seen, (0..130).rev().collect::<Vec<_>>(), "each row once, the newest first");
    for before in ["", "soon", "1700000000000", "1700000000000%23", "170000000000%23a", "%00%23%00"] {
        let answer = browser.get(&format!("license/{id}/history?before={before}"));
        assert_eq!(answer.status, 400, "{before}: {}", answer.text());
    }
    let none = browser.get(&format!("license/{id}/history?before=0000000000001%23a"));
    assert!(none.text().contains("There are no older rows"), "{}", none.text());
}

#[test]
fn count_shows_its_progress_and_stops() {
    let stack = TestStack::start();
    let row = stack.item(&stack.license_id(&stack.put(Fixture::pro())));
    let copy = |number: usize| {
        let mut row = row.clone();
        row["license_id"] = json!({ "S": format!("lic_{number:024}") });
        row
    };
    stack.put_items(&(0..5_000).map(copy).collect::<Vec<_>>());
    let browser = Browser::open(&stack, &[]);
    browser.post("count", &[]);
    let before = ended(&browser, "");
    assert_eq!(number(&before, "active,"), 5_001, "{}", before.text());

    stack.dynamodb.break_all(Matcher::operation("Scan"), Fault::Delay(HELD));
    assert_eq!(browser.post("count", &[]).status, 303);
    let mut seen = 0;
    while seen == 0 {
        let home = browser.get("");
        assert!(home.body.contains("<progress") && home.body.contains("count/stop"), "{}", home.text());
        seen = number(&home, "licenses and");
    }
    assert!(seen < 5_001, "{seen} of them");
    assert_eq!(browser.post("count/stop", &[]).status, 303);
    let stopped = ended(&browser, "");
    assert!(stopped.text().contains("The last count was stopped"), "{}", stopped.text());
    assert_eq!(number(&stopped, "active,"), 5_001, "the figures of before stay");
    stack.dynamodb.heal();
    browser.post("count", &[]);
    let again = ended(&browser, "");
    assert!(!again.text().contains("was stopped"), "{}", again.text());
}

/// A console over the two types that read has every page that reads, and no page that writes.
#[test]
fn readers_alone_serve_every_page_that_reads() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().ending(now().plus_days(5)));
    let id = stack.license_id(&key);
    let full = ending::impatient(&stack, &Folder::new());
    let access = Access::ReadOnly(StoreReader::clone(&stack.store), RingReader::clone(&stack.ring_writer()));
    let (browser, _serving) = ending::served(Setup { access, idle: Duration::from_secs(600), ..full });
    for page in [
        String::new(),
        "licenses".to_owned(),
        "licenses?ending=30".to_owned(),
        format!("license/{id}"),
        format!("license/{id}/audit"),
        format!("license/{id}/history"),
        format!("license/{id}/explain"),
        "catalog".to_owned(),
        "keyring".to_owned(),
    ] {
        assert_eq!(browser.get(&page).status, 200, "{page}");
    }
    browser.post("count", &[]);
    assert_eq!(number(&ended(&browser, ""), "active,"), 1);
    for page in ["issue", "move-in", "issue/many"] {
        assert_eq!(browser.get(page).status, 404, "{page}");
    }
}
