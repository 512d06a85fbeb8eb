//! Pages of the console: what they show, what each costs, and texts from elsewhere.

use falconer_domain::UnixMillis;
use falconer_domain::person::{DeviceName, Note, PersonName};
use falconer_emulators::tap::{TapRecord, Units};
use falconer_tests::{Fixture, Machine, TestStack, device_id, now};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Browser, ConsoleAnswer};

/// The calls and the read units of a page.
pub(super) fn cost(
    stack: &TestStack,
    ask: impl FnOnce() -> ConsoleAnswer,
) -> (ConsoleAnswer, Vec<String>, f64) {
    stack.forget();
    let answer = ask();
    let records = stack.dynamodb.records();
    let calls = records.iter().map(|record| record.operation.clone()).collect();
    let units: Units = records.iter().map(TapRecord::units).sum();
    assert!(units.write.abs() < f64::EPSILON, "a page writes nothing");
    (answer, calls, units.read)
}

/// Months that the index is asked for, one by one.
pub(super) fn months_of_thirty_days() -> usize {
    let month = |at: UnixMillis| {
        let date = Timestamp::from_millisecond(at.0).unwrap().to_zoned(TimeZone::UTC).date();
        usize::try_from(i32::from(date.year()) * 12 + i32::from(date.month())).unwrap()
    };
    month(now().plus_days(30)) - month(now()) + 1
}

/// The table of docs/console.md, call by call. Reads of an index cost half a unit, all others one.
#[test]
fn pages_cost_what_they_show() {
    let stack = TestStack::start();
    let many = 120;
    let keys: Vec<_> =
        (0..many).map(|day| stack.put(Fixture::pro().ending(now().plus_days(day + 1)))).collect();
    let id = stack.license_id(&keys[0]);
    let order = ["issue", "--product", "QF", "--tier", "pro", "--days", "300", "--order", "order 1001"];
    crate::operator::told(&stack, &order);
    let browser = Browser::open(&stack, &[]);
    assert_eq!(browser.get("licenses").status, 200, "the ring is in memory");
    let page = |page: &str, words: &str, expected: &[&str], expected_units: f64| {
        let (answer, calls, units) = cost(&stack, || browser.get(page));
        assert!(answer.text().contains(words), "{page}: {}", answer.text());
        assert_eq!((calls, units), (owned(expected), expected_units), "{page}");
        answer
    };
    let months = months_of_thirty_days();
    let index = vec!["Query"; months];
    let half_of = |calls: usize| f64::from(u32::try_from(calls).unwrap()) / 2.0;

    let list = page("licenses", "50 licenses here", &["Scan", "GetItem"], 7.0);
    assert_eq!(list.body.matches("<tr>").count(), 51, "{}", list.text());
    let read = vec!["GetItem"; 30];
    let ending = [index.as_slice(), &read, &["GetItem"]].concat();
    page("licenses?ending=30", "30 licenses here", &ending, half_of(months) + 31.0);
    page("", "30 ending within 30 days", &[index.as_slice(), &["GetItem"]].concat(), half_of(months) + 1.0);
    page(&format!("license/{id}"), "Active until", &["GetItem", "GetItem", "Query"], 3.0);
    page(&format!("license/{id}/audit"), "issue", &["Query"], 1.0);
    page(&format!("license/{id}/history"), "issue", &["Query"], 1.0);
    page("catalog", "QF", &["GetItem"], 1.0);
    page("keyring", "signs", &[], 0.0);

    for text in [keys[0].as_str(), id.as_str()] {
        let found = browser.post("search", &[("text", text)]);
        let (page, calls, units) = cost(&stack, || browser.follow(&found));
        assert_eq!(page.header("location"), format!("{}license/{id}", browser.base), "{}", page.text());
        assert_eq!((calls, units), (owned(&["GetItem"]), 1.0), "{text}");
    }
    let by_indexes = ["GetItem", "GetItem", "Query", "Query"];
    for (text, words, expected, expected_units) in [
        ("order 1001", "1 license here", &["GetItem", "Query", "GetItem", "GetItem"][..], 3.5),
        ("Nobody", "reads the whole table", &["GetItem", "GetItem", "Query", "GetItem"][..], 3.5),
        ("nobody@example.com", "reads the whole table", &[&by_indexes[..], &["GetItem"]].concat()[..], 4.0),
    ] {
        let found = browser.post("search", &[("text", text)]);
        let (page, calls, units) = cost(&stack, || browser.follow(&found));
        assert!(page.text().contains(words), "{text}: {}", page.text());
        assert_eq!((calls, units), (owned(expected), expected_units), "{text}");
    }
}

/// Explain, and previews: some read the whole table inside the request, and their pages say so.
#[test]
fn previews_cost_what_their_pages_say() {
    let stack = TestStack::start();
    let fixture = || Fixture::pro().seats(2).bound(1, &Machine::named("first"), now());
    let ids: Vec<_> = (0..200).map(|_| stack.license_id(&stack.put(fixture()))).collect();
    let id = &ids[0];
    for arguments in [&["keyring", "add"][..], &["keyring", "promote", "--now"]] {
        crate::operator::told(&stack, arguments);
    }
    let browser = Browser::open(&stack, &[]);
    let page = |page: &str, fields: &[(&str, &str)], expected: &[&str]| {
        let (answer, calls, units) = cost(&stack, || match fields {
            [] => browser.get(page),
            fields => browser.post(page, fields),
        });
        assert_eq!(answer.status, 200, "{page} {fields:?}: {}", answer.text());
        assert_eq!(calls, owned(expected), "{page} {fields:?}");
        units
    };
    let (explain, preview) = (format!("license/{id}/explain"), format!("license/{id}/preview"));
    let explained = ["GetItem", "GetItem", "GetItem", "Query"];
    let of_license = ["GetItem", "GetItem"];
    let new = [("product", "QF"), ("tier", "pro"), ("term", "perpetual")];
    for (asked, fields, calls, units) in [
        (&*explain, &[][..], &explained[..], 4.0),
        (&explain, &[("at", "2099-01-01")], &explained, 4.0),
        (&explain, &[("at", "2020-01-01")], &[&explained[..], &["Query"]].concat(), 5.0),
        (&preview, &[("action", "suspend")], &of_license, 2.0),
        (&preview, &[("action", "reveal")], &of_license, 2.0),
        (&preview, &[("action", "rotate-key")], &of_license, 2.0),
        ("keyring/preview", &[("action", "add")], &[], 0.0),
        ("issue/preview", &new, &["GetItem"], 1.0),
        ("issue/preview", &[&new[..], &[("order", "o-1")]].concat(), &["GetItem"; 3], 3.0),
        ("catalog/preview", &[("toml", &catalog("[tiers.free]\n"))], &["GetItem"], 1.0),
    ] {
        assert!((page(asked, fields, calls) - units).abs() < f64::EPSILON, "{asked} {fields:?}");
    }
    // The whole table: one unit for each 4 KB.
    let (_, _, table) = cost(&stack, || {
        let look = browser.post("look", &[("status", "revoked")]);
        browser.ended(look.header("location").strip_prefix(&browser.base).unwrap())
    });
    assert!(table > 15.0, "{table} units");
    for (page_of, asked, fields, calls) in [
        (
            format!("license/{id}"),
            &*preview,
            ("action", "erase-subject"),
            &["GetItem", "GetItem", "GetItem", "GetItem", "Scan", "Query"][..],
        ),
        ("keyring".to_owned(), "keyring/preview", ("action", "distrust"), &["Scan"]),
        ("catalog".to_owned(), "catalog/preview", ("toml", &catalog("")), &["GetItem", "Scan"]),
    ] {
        let units = page(asked, &[fields, ("generation", "1")], calls);
        assert!((table..table + 6.0).contains(&units), "{asked}: {units} of {table} units");
        let text = browser.get(&page_of).text();
        assert!(text.contains("whole table") || text.contains("through all licenses"), "{page_of}: {text}");
    }
}

/// A catalog of the product with other seats of its tier `pro`, and a tier that no license has.
fn catalog(unused: &str) -> String {
    format!(
        "product = 'QF'\n{unused}[tiers.elite]\n[tiers.lifetime]\n[tiers.pro]\npolicy = {{ seats = 9 }}\n"
    )
}

pub(super) fn owned(calls: &[&str]) -> Vec<String> {
    calls.iter().map(|call| (*call).to_owned()).collect()
}

#[test]
fn cursors_lead_to_every_license_once() {
    let stack = TestStack::start();
    let mut ids: Vec<_> =
        (0..130).map(|_| stack.license_id(&stack.put(Fixture::pro())).to_string()).collect();
    let browser = Browser::open(&stack, &[]);
    let (mut page, mut seen) = (browser.get("licenses"), Vec::new());
    loop {
        let links = page.body.split("license/lic_").skip(1);
        seen.extend(links.map(|rest| format!("lic_{}", rest.split('"').next().unwrap())));
        let Some((next, _)) = page.body.split_once("\" rel=\"next\"") else { break };
        let next = next.rsplit(&browser.base).next().unwrap().replace("&#38;", "&");
        page = browser.get(&next);
    }
    ids.sort();
    seen.sort();
    assert_eq!(seen, ids);
}

#[test]
fn look_through_goes_on_and_stops() {
    let stack = TestStack::start();
    let wanted =
        stack.put(Fixture::pro().with(|new, _| new.license.notes = Note::read("calls on Mondays").unwrap()));
    (0..5).for_each(|_| drop(stack.put(Fixture::of_tier("free"))));
    let hint = wanted.split('-').next_back().unwrap().to_owned();
    let browser = Browser::open(&stack, &[]);
    let ended = |look: &ConsoleAnswer| {
        let mut page = browser.follow(look);
        while page.body.contains("data-live") {
            page = browser.follow(look);
        }
        page
    };
    let found = browser.post("search", &[("text", &format!("…{}", &hint[hint.len() - 5..]))]);
    let page = browser.follow(&found);
    let page = ended(&browser.post("look", &[("search", page.field("search"))]));
    assert!(page.text().contains("6 licenses seen, 1 found. It has seen every license."), "{}", page.text());
    assert!(page.body.contains(stack.license_id(&wanted).as_str()));
    let page = ended(&browser.post("look", &[("status", "revoked")]));
    assert!(page.text().contains("6 licenses seen, 0 found"), "{}", page.text());
    let look = browser.post("look", &[("status", "active")]);
    let name = look.header("location").strip_prefix(&browser.base).unwrap().to_owned();
    assert_eq!(browser.post(&format!("{name}/stop"), &[]).status, 303);
    let page = ended(&look);
    assert!(page.text().contains("was stopped") || page.text().contains("has seen every"), "{}", page.text());
}

#[test]
fn texts_from_elsewhere_stay_texts() {
    let stack = TestStack::start();
    let long = "L".repeat(200);
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "&lt;b&gt; {{ 7*7 }}",
        "\u{202e}gnp.exe\u{2066}",
        long.as_str(),
    ] {
        let owned = text.to_owned();
        let fixture = Fixture::pro().ending(now().plus_days(5)).bound(1, &Machine::named("first"), now());
        let key = stack.put(fixture.with(move |new, _| {
            let license = &mut new.license;
            license.user_id = Some(owned.clone());
            license.notes = Note::clean(&owned).kept;
            license.licensee_name = PersonName::clean(&owned).kept;
            if let Some(device) = license.devices.get_mut(&device_id(1)) {
                device.name = DeviceName::clean(&owned).kept;
            }
        }));
        let id = stack.license_id(&key);
        let browser = Browser::open(&stack, &[]);
        let preview = format!("license/{id}/preview");
        for answer in [
            browser.get(""),
            browser.get("licenses"),
            browser.get(&format!("license/{id}")),
            browser.post(&preview, &[("action", "note"), ("note", text), ("reason", text)]),
            browser.post(
                &preview,
                &[("action", "set-customer"), ("name", "Somebody Else"), ("user", text), ("email", "")],
            ),
            browser.post(&preview, &[("action", text)]),
        ] {
            for active in ["<script>alert", "<img", "\u{202e}", "\u{2066}", "49"] {
                let is_there = answer.body.contains(active) && (active != "49" || text.contains("7*7"));
                assert!(!is_there || active == "49", "{text}: {active} on {}", answer.text());
            }
            assert!(answer.status < 500, "{text}: {}", answer.text());
        }
    }
}

/// A search is a form: neither an address nor a line of the program repeats its text.
#[test]
fn no_address_holds_a_key_or_a_person() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let browser = Browser::open(&stack, &[]);
    for text in [key.as_str(), "fixture.person@example.com", "Fixture Person", "user_12345"] {
        let found = browser.post("search", &[("text", text)]);
        let page = browser.follow(&found);
        for place in [found.header("location"), page.header("location")] {
            assert!(!place.contains(text) && !place.contains('%'), "{place}");
        }
        for link in page.body.split("href=\"").chain(page.body.split("action=\"")).skip(1) {
            let link = link.split('"').next().unwrap();
            assert!(!link.contains("person") && !link.contains("QF-"), "{link}");
        }
    }
}
