//! Sentences of pages: numbers with their nouns, and notices that stay true.

use std::fs;

use falconer_domain::{Status, UnixMillis};
use falconer_tests::{Fixture, Machine, TestStack, checkout, device_id, now};

use super::work::{looked_at, opened, page_of, ran};
use super::{Browser, ConsoleAnswer};
use crate::manners::Folder;
use crate::operator::told;
use crate::tidy::rust_files;

/// Nouns that pages count.
const NOUNS: [&str; 20] = [
    "components",
    "days",
    "devices",
    "features",
    "files",
    "generations",
    "hours",
    "keys",
    "licenses",
    "limits",
    "metrics",
    "minutes",
    "ones",
    "orders",
    "requests",
    "rows",
    "seats",
    "tiers",
    "transfers",
    "units",
];
/// Words between a number and its noun.
const MOST_ADJECTIVES: usize = 2;
/// The noun in the plural that comes right after a number.
fn plural_after(text: &str) -> Option<&str> {
    let words = text.trim_start_matches("</strong>").strip_prefix(' ')?.split_inclusive(' ');
    for word in words.take(MOST_ADJECTIVES + 1) {
        let plain = word.trim_end_matches(|c: char| !c.is_ascii_lowercase());
        if NOUNS.contains(&plain) {
            return Some(plain);
        }
        if !word.trim_end().bytes().all(|c| c.is_ascii_lowercase())
            || ["for", "has", "of", "signs", "the"].contains(&plain)
        {
            return None;
        }
    }
    None
}

/// Counts of a source that meet a noun without `counted`.
fn uncounted(source: &str) -> Vec<String> {
    let source = source.replace("\\\n", " ");
    let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let places = source.match_indices('}').filter_map(|(at, _)| {
        let noun = plural_after(source[at..].trim_start_matches('}'))?;
        let count = source[..at].trim_end_matches(['}', ' ']).rsplit('{').next()?.trim();
        let is_constant = !count.is_empty() && count.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        (!is_constant && !count.contains("counted(")).then(|| format!("{{{count}}} {noun}"))
    });
    places.collect()
}

/// Every number that meets a noun is written by `views::counted`, which knows one from many.
#[test]
fn counts_of_sources_know_one_from_many() {
    let console = checkout().join("console");
    let templates = fs::read_dir(console.join("templates")).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> = rust_files(&console.join("src")).into_iter().chain(templates).collect();
    assert!(files.len() > 60, "{}", files.len());
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let mut found = uncounted(&fs::read_to_string(&file).unwrap());
        // Home's spans are a constant of 30 days.
        found.retain(|one| name != "home.html" || !one.starts_with("{days"));
        assert!(found.is_empty(), "{name}: {found:?}");
    }
    for bad in
        ["{{ lines.len() }} licenses here", "{days} days", "the {} bound devices", "{{ n }}</strong> rows"]
    {
        assert!(!uncounted(bad).is_empty(), "{bad}");
    }
    for good in ["{{ n|counted(\"row\") }} of keys", "{MOST} rows", "{name} of its seats", "{}: keys"] {
        assert!(uncounted(good).is_empty(), "{good}");
    }
}

/// Numbers of a text that do not agree with their nouns.
fn disagreements(text: &str) -> Vec<&str> {
    let ones = text.match_indices("1 ").filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|c| c == ' ' || c == '(' || c == '+')
    });
    let plurals = ones.filter(|(at, _)| plural_after(&text[at + 1..]).is_some());
    let shown = plurals.map(|(at, _)| text[at..].get(..40).unwrap_or(&text[at..]));
    shown.chain(text.match_indices("the 0 ").map(|(at, _)| &text[at..])).collect()
}

fn agrees(answer: &ConsoleAnswer) {
    let text = answer.text();
    let found = disagreements(&text);
    assert!(found.is_empty(), "{found:?}: {text}");
}

/// Pages with one of everything that is counted.
#[test]
fn one_of_each_is_in_the_singular() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let (first, former) = (Machine::named("first"), Machine::named("former"));
    let fixture = Fixture::pro().seats(1).ending(now().plus_days(1)).bound(2, &former, now());
    let key = stack.put(fixture);
    let id = stack.license_id(&key);
    told(&stack, &["reset-hardware", id.as_str(), "--device", device_id(2).as_str()]);
    assert_eq!(stack.activate(&key, &first).code(), "ACTIVATED");
    let pending = stack.license_id(&stack.put(Fixture::of_tier("free").with(|new, _| {
        new.license.status = Status::Pending;
        new.license.duration_days = Some(1);
    })));
    let browser = opened(&stack, &folder);
    let license = format!("license/{id}");
    for page in [
        "licenses?ending=1".to_owned(),
        license.clone(),
        format!("license/{pending}"),
        format!("{license}/explain"),
    ] {
        agrees(&browser.get(&page));
    }
    agrees(&browser.post(&format!("{license}/explain"), &[("hardware", &first.hardware().to_string())]));
    for action in [
        &[("action", "rotate-key")][..],
        &[("action", "erase-subject")],
        &[("action", "extend"), ("term", "days"), ("days", "1")],
        &[("action", "set-limit"), ("limits", "agents=1")],
    ] {
        agrees(&browser.post(&format!("{license}/preview"), action));
        agrees(&browser.post(&format!("license/{pending}/preview"), action));
    }
    for term in ["days", "from-activation"] {
        let order = [("product", "QF"), ("tier", "pro"), ("term", term), ("days", "1"), ("seats", "1")];
        agrees(&browser.post("issue/preview", &order));
    }
    browser.post("count", &[]);
    agrees(&browser.ended(""));
    let look = page_of(&browser, &browser.post("look", &[("status", "pending")]));
    agrees(&browser.ended(&look));
    agrees(&browser.follow(&browser.post("search", &[("text", "user_1")])));
    let distrusting = browser.post("keyring/preview", &[("action", "add")]);
    agrees(&browser.post("confirm", &[("plan", distrusting.field("plan"))]));
    agrees(&browser.post("keyring/preview", &[("action", "promote")]));
    let promoting = browser.post("keyring/preview", &[("action", "promote-now")]);
    assert_eq!(browser.post("confirm", &[("plan", promoting.field("plan"))]).status, 303);
    agrees(&browser.post("keyring/preview", &[("action", "distrust"), ("generation", "1")]));
    agrees(&browser.post("keyring/preview", &[("action", "distrust"), ("generation", "2")]));

    let page = page_of(
        &browser,
        &browser.post("bulk/preview", &[("license", id.as_str()), ("action", "note"), ("note", "one")]),
    );
    agrees(&browser.get(&page));
    agrees(&ran(&browser, &page));
    for (kind, rows) in [
        ("move-in", "license_key,status,license_tier\nABC-123-XYZ,active,pro\n"),
        ("issue/many", "tier,days,seats\npro,1,1\n"),
        ("issue/many", "tier,days\ngold,1\n"),
    ] {
        let (page, look) = looked_at(&browser, kind, ("one.csv", rows.as_bytes()), &[]);
        agrees(&look);
        if !rows.contains("gold") {
            agrees(&ran(&browser, &page));
        }
    }
    assert_eq!(disagreements("of 1 licenses, +1 days, the 0 devices").len(), 3);
    assert!(disagreements("31 days, 1 license of keys, 0 rows").is_empty());
}

/// Nobody knows the events between now and a later moment.
#[test]
fn explain_says_which_way_the_clock_is_set() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro().ending(now().plus_days(30))));
    let browser = Browser::open(&stack, &[]);
    let sentences = ["an earlier moment", "a later moment", "The history has no event between the two."];
    for (at, expected) in
        [("2020-01-01", [true, false, false]), ("2099-01-01", [false, true, false]), ("", [false; 3])]
    {
        let answer = browser.post(&format!("license/{id}/explain"), &[("at", at)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            sentences.map(|sentence| answer.text().contains(sentence)),
            expected,
            "{at}: {}",
            answer.text()
        );
    }
}

/// The address of a change may be opened again: by the browser's way back, or days later.
#[test]
fn notices_are_true_of_what_is_there() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro().ending(now().plus_days(100))));
    let browser = Browser::open(&stack, &[]);
    let page = |action: &str| format!("license/{id}?done={action}");
    let notice = |answer: &ConsoleAnswer| {
        let begun = answer.body.split("role=\"status\">").nth(1);
        begun.map(|rest| rest.split("</p>").next().unwrap().to_owned())
    };
    for action in ["revoke", "suspend", "erase-subject", "note", "no-such"] {
        assert_eq!(notice(&browser.get(&page(action))), None, "{action}: nobody did it");
    }
    let changed = |fields: &[(&str, &str)]| {
        let preview = browser.post(&format!("license/{id}/preview"), fields);
        browser.follow(&browser.post("confirm", &[("plan", preview.field("plan"))]))
    };
    let revoked = notice(&changed(&[("action", "revoke"), ("reason", "x")])).unwrap();
    assert!(revoked.starts_with("The license was revoked on 20") && revoked.contains("UTC"), "{revoked}");
    let reinstated = notice(&changed(&[("action", "reinstate")])).unwrap();
    assert!(reinstated.starts_with("The license was reinstated on 20"), "{reinstated}");
    let back = browser.get(&page("revoke"));
    assert_eq!(notice(&back), Some(revoked), "it was, and the page says when");
    assert!(back.text().contains("Active until"), "{}", back.text());

    for stale in [
        "catalog?product=QF&done=1",
        "catalog?done=7",
        "keyring?done=1",
        "keyring?done=distrust&generation=1",
    ] {
        assert_eq!(notice(&browser.get(stale)), None, "{stale}");
    }
    let ring = |action: &str, generation: &str| {
        let preview = browser.post("keyring/preview", &[("action", action), ("generation", generation)]);
        let done = browser.post("confirm", &[("plan", preview.field("plan"))]);
        let page = page_of(&browser, &done);
        let said = notice(&browser.get(&page)).unwrap_or_else(|| panic!("{page}"));
        (page, said)
    };
    let (added, said) = ring("add", "");
    assert!(said.starts_with("Generation 3 is published, and waits to be promoted."), "{said}");
    let (_, said) = ring("promote-now", "");
    assert!(said.starts_with("Generation 3 signs."), "{said}");
    assert_eq!(notice(&browser.get(&added)), None, "it does not wait any more");
    let (distrusted, said) = ring("distrust", "1");
    assert!(said.starts_with("Generation 1 is distrusted."), "{said}");
    let (_, said) = ring("trust", "1");
    assert!(said.starts_with("Generation 1 is trusted."), "{said}");
    assert_eq!(notice(&browser.get(&distrusted)), None, "it is trusted again");

    let toml = |seats: u32| format!("product = \"QF\"\n[tiers.pro]\npolicy = {{ seats = {seats} }}\n");
    let replaced = |seats: u32| {
        let preview = browser.post("catalog/preview", &[("toml", &toml(seats))]);
        page_of(&browser, &browser.post("confirm", &[("plan", preview.field("plan"))]))
    };
    let first = replaced(5);
    assert!(notice(&browser.get(&first)).unwrap().starts_with("Version 1 has replaced"));
    let second = replaced(6);
    assert_eq!(notice(&browser.get(&first)), None, "another catalog is in use");
    assert!(notice(&browser.get(&second)).unwrap().starts_with("Version 2 has replaced"));
}

/// Activation writes the row of a license as well: nobody has changed anything where a device was seen.
#[test]
fn device_that_was_seen_is_not_somebody() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    let long_ago = UnixMillis(now().0 - 90 * 86_400_000);
    let key = stack.put(Fixture::pro().bound(1, &machine, long_ago));
    let id = stack.license_id(&key);
    let browser = Browser::open(&stack, &[]);
    let one = browser.post(&format!("license/{id}/preview"), &[("action", "suspend")]);
    let many =
        page_of(&browser, &browser.post("bulk/preview", &[("license", id.as_str()), ("action", "suspend")]));
    assert_eq!(stack.activate(&key, &machine).status, 200);
    let pages = [browser.post("confirm", &[("plan", one.field("plan"))]), ran(&browser, &many)];
    for page in pages {
        let text = page.text();
        assert!(text.contains("not as you saw it"), "{}: {text}", page.status);
        assert!(!text.contains("Somebody has changed") && !text.contains("somebody else"), "{text}");
    }
    assert_eq!(stack.stored(&id).status, Status::Active);
}
