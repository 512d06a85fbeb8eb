//! Pages that read: states, searches, histories and counts.

use std::time::Duration;

use falconer_aws::StoreReader;
use falconer_aws::keyring::RingReader;
use falconer_console::{Access, Setup};
use falconer_domain::{LicenseId, Status, UnixMillis};
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, TestStack, now};
use serde_json::{Value, json};

use super::pages::{cost, owned};
use super::{Browser, ConsoleAnswer, ending};
use crate::manners::Folder;

/// Time for which each page of a count is held back, so that a test sees it going on.
const HELD: Duration = Duration::from_millis(400);

/// The number before some words.
pub(super) fn number(page: &ConsoleAnswer, words: &str) -> usize {
    let text = page.text();
    let (before, _) = text.split_once(words).unwrap_or_else(|| panic!("{words}: {text}"));
    let number = before.trim_end().rsplit(' ').next().unwrap();
    number.parse().unwrap_or_else(|_| panic!("{number} before {words}: {text}"))
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
