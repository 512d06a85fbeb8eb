//! Files and pasted rows that are refused: they stay with the console, and are mended on its page.

use std::time::Duration;

use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::TestStack;

use super::work::{opened, page_of, ran};
use super::{Browser, ConsoleAnswer};
use crate::manners::Folder;
use crate::moving_in::licenses;

const ROWS: &str = "tier,user,days\npro,Zo\u{eb},30\nelite,u2,14\n";

/// Sends orders as a file, or as pasted text, and returns the page of their look.
fn sent(browser: &Browser, as_file: bool, rows: &str, fields: &[(&str, &str)]) -> ConsoleAnswer {
    let answer = if as_file {
        browser.upload("issue/many", fields, ("orders.csv", rows.as_bytes()))
    } else {
        browser.post("issue/many", &[fields, &[("pasted", &rows.replace('\n', "\r\n"))]].concat())
    };
    browser.ended(&page_of(browser, &answer))
}

#[test]
fn refused_orders_are_mended_in_place() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let long = "r".repeat(1_001);
    let good = [("product", "QF"), ("encoding", ""), ("reason", "a fair"), ("pasted", ROWS)];
    for as_file in [true, false] {
        for (field, bad, sentence) in [
            ("product", "Q", "has 2 to 8 of A-Z"),
            ("encoding", "plain", "is not an encoding"),
            ("reason", long.as_str(), "1001 characters"),
            ("pasted", "tier,user,days\ngold,Zo\u{eb},30\nelite,u2,14\n", "1 of 2 orders cannot be issued"),
            ("pasted", "tier,color\npro,red\n", "no column color"),
            ("pasted", "tier,user,days\n", "There is no order in the file"),
        ] {
            let fields: Vec<_> = good[..3]
                .iter()
                .map(|(name, value)| (*name, if *name == field { bad } else { *value }))
                .collect();
            let rows = if field == "pasted" { bad } else { ROWS };
            let look = sent(&browser, as_file, rows, &fields);
            assert!(look.text().contains(sentence), "{field}, {sentence}: {}", look.text());
            let form = look.form(&browser, "/settings");
            let kept: Vec<_> = good.iter().map(|(name, _)| form.get(name)).collect();
            let expected: Vec<_> =
                good.iter().map(|(name, value)| Some(if *name == field { bad } else { *value })).collect();
            assert_eq!(kept, expected, "{field}: everything is there");
            let mended = good.iter().find(|(name, _)| *name == field).unwrap().1;
            let again = form.fill(field, mended).send(&browser);
            let look = browser.ended(&page_of(&browser, &again));
            assert!(look.text().contains("2 orders can be issued"), "{field}: {}", look.text());
            assert!(look.command().contains("--reason 'a fair'"), "{}", look.command());
        }
    }
    let look = sent(&browser, true, ROWS, &[("product", "Q")]);
    let again = look.form(&browser, "/settings").fill("product", "qf").send(&browser);
    let page = page_of(&browser, &again);
    browser.ended(&page);
    assert!(ran(&browser, &page).text().contains("2 licenses issued"));
    assert_eq!(licenses(&stack), 2);
}

#[test]
fn form_without_orders_keeps_its_fields() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let fields = [("product", "ACME"), ("encoding", "windows-1252"), ("reason", "a fair")];
    let none = browser.post("issue/many", &fields);
    assert_eq!(none.status, 400, "{}", none.text());
    assert!(none.text().contains("There is no CSV here"), "{}", none.text());
    let both = browser.upload(
        "issue/many",
        &[&fields[..], &[("pasted", ROWS)]].concat(),
        ("orders.csv", ROWS.as_bytes()),
    );
    assert_eq!(both.status, 400, "{}", both.text());
    for (answer, pasted) in [(&none, ""), (&both, ROWS)] {
        let form = answer.form(&browser, "issue/many");
        for (name, value) in [&fields[..], &[("pasted", pasted)]].concat() {
            assert_eq!(form.get(name), Some(value), "{}", answer.text());
        }
    }
    let sheet = "license_key,status\nABC-123-XYZ,active\n";
    let fields = [("product", "ACME"), ("tiers", "Standard=pro\ngold=elite"), ("timezone", "Asia/Tokyo")];
    for answer in [
        browser.post("move-in", &fields),
        browser.upload("move-in", &[&fields[..], &[("pasted", sheet)]].concat(), ("s.csv", sheet.as_bytes())),
    ] {
        assert_eq!(answer.status, 400, "{}", answer.text());
        let form = answer.form(&browser, "move-in");
        for (name, value) in fields {
            assert_eq!(form.get(name), Some(value), "{}", answer.text());
        }
        assert!(!answer.body.contains("ABC-123-XYZ"), "no key on a page that nobody asked for it");
    }
    let look = browser.upload(
        "move-in",
        &[&fields[..], &[("reason", &*"r".repeat(1_001))]].concat(),
        ("s.csv", sheet.as_bytes()),
    );
    let look = browser.ended(&page_of(&browser, &look));
    assert!(look.text().contains("1001 characters"), "{}", look.text());
    let form = look.form(&browser, "/settings");
    assert_eq!((form.get("tiers"), form.get("reason").map(str::len)), (Some(fields[1].1), Some(1_001)));
}

/// A form sends text in UTF-8, whatever encoding a file would have.
#[test]
fn pasted_text_has_no_encoding_of_a_file() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let encoding = [("product", "QF"), ("encoding", "shift_jis")];
    let look = sent(&browser, false, ROWS, &encoding);
    assert!(look.body.contains("<bdi>Zo\u{eb}</bdi>"), "{}", look.text());
    let sheet = "license_key,status,license_tier,name\nABC-123-XYZ,active,pro,Zo\u{eb}\n";
    let answer = browser.post("move-in", &[&encoding[..], &[("pasted", sheet)]].concat());
    let look = browser.ended(&page_of(&browser, &answer));
    assert!(look.body.contains("<bdi>Zo\u{eb}</bdi>"), "{}", look.text());
}

#[test]
fn run_under_way_is_never_dropped() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let browser = opened(&stack, &folder);
    let rows = |number: usize| format!("tier,user,days\npro,first_{number},30\npro,second_{number},30\n");
    let looked = |number: usize| {
        let answer = browser.post("issue/many", &[("product", "QF"), ("pasted", &*rows(number))]);
        let page = page_of(&browser, &answer);
        browser.ended(&page);
        page
    };
    let slow = Fault::Delay(Duration::from_secs(600));
    let pages: Vec<_> = (0..7).map(looked).collect();
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), slow);
    for page in &pages {
        assert_eq!(browser.post(&format!("{page}/run"), &[]).status, 303);
    }
    // Others come and go beside them.
    let ended: Vec<_> = (10..13).map(looked).collect();
    let status = |page: &str| browser.get(page).status;
    assert_eq!([&ended[0], &ended[1], &ended[2]].map(|page| status(page)), [404, 404, 200]);
    browser.post(&format!("{}/run", ended[2]), &[]);
    let refused = browser.post("issue/many", &[("product", "QF"), ("pasted", &*rows(20))]);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("stop one of them, or wait for its end"), "{}", refused.text());
    assert_eq!(refused.form(&browser, "issue/many").get("pasted"), Some(&*rows(20)), "nothing is lost");
    for page in pages.iter().chain(&ended[2..]) {
        let shown = browser.get(page);
        assert!(shown.status == 200 && shown.body.contains(">Stop<"), "{page}: {}", shown.text());
        assert!(
            refused.body.contains(&format!("href=\"{}{page}\"", browser.base)),
            "its page is linked: {page}"
        );
        assert_eq!(browser.post(&format!("{page}/stop"), &[]).status, 303);
    }
    assert!(refused.text().contains("orders.csv : goes on"), "{}", refused.text());
}
