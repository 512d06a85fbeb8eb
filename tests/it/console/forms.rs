//! Forms on their way: what a person has typed is there again after a refusal and on the way back, and every refusal has a
//! way on.

use falconer_domain::LicenseId;
use falconer_domain::air_gap::OfflineLease;
use falconer_tests::{Fixture, Machine, TestStack, device_id, now};

use super::sent::PageForm;
use super::{Browser, ConsoleAnswer};
use crate::manners::Folder;
use crate::operator::told;

fn licenses(stack: &TestStack, count: usize) -> Vec<LicenseId> {
    let fixture = || Fixture::pro().ending(now().plus_days(100));
    (0..count).map(|_| stack.license_id(&stack.put(fixture()))).collect()
}

/// A license with two devices.
fn bound(stack: &TestStack) -> LicenseId {
    let fixture = Fixture::pro().seats(2).ending(now().plus_days(100));
    let fixture = fixture.bound(1, &Machine::named("first"), now());
    stack.license_id(&stack.put(fixture.bound(2, &Machine::named("second"), now())))
}

/// Fields that a person typed or chose, without what each page has of its own.
fn typed(form: &PageForm) -> Vec<(&str, &str)> {
    let own = ["csrf", "back", "from", "tiers_of"];
    let typed = form.fields.iter().filter(|field| field.is_sent && !own.contains(&field.name.as_str()));
    typed.map(|field| (field.name.as_str(), field.value.as_str())).collect()
}

fn refused(answer: &ConsoleAnswer, status: u16, sentence: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(sentence), "{sentence}: {}", answer.text());
}

/// The list, a search and a look.
fn lists(browser: &Browser) -> Vec<String> {
    let looked = browser.follow_page(&browser.post("look", &[("status", "active")]));
    browser.ended(&looked);
    let found = browser.follow_page(&browser.post("search", &[("text", "fixture.person@example.com")]));
    vec!["licenses".to_owned(), "licenses?ending=365".to_owned(), found, looked]
}

#[test]
fn ticks_survive_a_field_that_does_not_read() {
    let stack = TestStack::start();
    let ids = licenses(&stack, 3);
    let browser = Browser::open(&stack, &[]);
    for list in lists(&browser) {
        let form = browser.get(&list).form(&browser, "bulk/preview");
        let form = form.fill("license", ids[0].as_str()).fill("license", ids[2].as_str());
        let form = form.fill("reason", "ticket 7").fill("note", "typed");
        for (action, field, bad, good) in [
            ("extend", "days", "", "30"),
            ("extend", "days", "many", "30"),
            ("note", "note", &*"x".repeat(20_000), "short"),
        ] {
            let bad = form.clone().fill("action", action).fill(field, bad).send(&browser);
            assert_eq!(bad.status, 400, "{list}: {}", bad.text());
            let again = bad.form(&browser, "bulk/preview");
            assert_eq!(again.seen(), [field], "{list}: the wrong field alone");
            let preview = again.fill(field, good).send(&browser);
            let preview = browser.follow(&preview);
            assert_eq!(preview.status, 200, "{}", preview.text());
            for part in [ids[0].as_str(), ids[2].as_str(), "ticket 7"] {
                assert!(preview.body.contains(part), "{list}, {part}: {}", preview.text());
            }
            assert!(!preview.body.contains(ids[1].as_str()), "{}", preview.text());
            let back = browser.get(&preview.link(&browser, "Back, without a change"));
            let filled = back.form(&browser, "bulk/preview");
            let expected = form.clone().fill("action", action).fill(field, good);
            assert_eq!(typed(&filled), typed(&expected), "{list}");
            assert!(back.body.contains("class=\"many\" open"), "{list}: the form is open");
        }
    }
}

#[test]
fn nothing_ticked_leads_back_to_the_licenses() {
    let stack = TestStack::start();
    let ids = licenses(&stack, 3);
    let browser = Browser::open(&stack, &[]);
    for list in lists(&browser) {
        let form =
            browser.get(&list).form(&browser, "bulk/preview").fill("action", "note").fill("note", "typed");
        let none = form.send(&browser);
        refused(&none, 400, "No license is ticked");
        let forms: Vec<_> = none.forms(&browser).into_iter().map(|form| form.action).collect();
        assert_eq!(forms, ["search", ""], "{list}: no form is of use");
        let back = browser.get(&none.link(&browser, "Back to the licenses"));
        let again = back.form(&browser, "bulk/preview");
        assert_eq!((again.get("note"), again.get("action")), (Some("typed"), Some("note")), "{list}");
        let preview = again.fill("license", ids[1].as_str()).send(&browser);
        assert_eq!(browser.follow(&preview).status, 200);
    }
}

/// An order as a person types it.
const ORDER: [(&str, &str); 11] = [
    ("tier", "elite"),
    ("seats", "4"),
    ("days", "45"),
    ("term", "from-activation"),
    ("name", "Zo\u{eb} \"<b>\""),
    ("email", "zoe@example.com"),
    ("user", "u-1"),
    ("features", "early_access"),
    ("limits", "agents=10"),
    ("updates_until", "2099-12-31"),
    ("reason", "ticket 7"),
];

fn order(browser: &Browser) -> PageForm {
    let form = browser.get("issue").form(browser, "issue/preview");
    ORDER.into_iter().fold(form, |form, (field, value)| form.fill(field, value))
}

#[test]
fn refused_order_is_mended_on_its_page() {
    let stack = TestStack::start();
    let browser = Browser::open(&stack, &[]);
    let form = order(&browser);
    for (field, bad, status, sentence) in [
        ("product", "Q", 400, "has 2 to 8 of A-Z"),
        ("product", "ACME", 422, "ACME has no catalog"),
        ("seats", "many", 400, "whole number"),
        ("days", "", 400, "number of days is empty"),
        ("email", "nobody", 422, "must look like"),
        ("limits", "agents", 400, "NAME=NUMBER"),
        ("updates_until", "soon", 400, "is not a date"),
        ("order", "\u{202e}", 400, "order's id must have"),
        ("reason", &"r".repeat(1_001), 400, "1001 characters"),
    ] {
        let answer = form.clone().fill(field, bad).send(&browser);
        if bad == "ACME" {
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.text().contains(sentence), "{}", answer.text());
            assert!(answer.link(&browser, "Write its catalog").contains("catalog?product=ACME"));
        } else {
            refused(&answer, status, sentence);
        }
        let mut again = answer.form(&browser, "issue/preview");
        let good = form.get(field).unwrap_or_default();
        again = again.fill(field, good);
        if field == "product" {
            // The tiers of the mended product come first.
            let tiers = again.send(&browser);
            assert_eq!(tiers.status, 200, "{}", tiers.text());
            again = tiers.form(&browser, "issue/preview").fill("tier", "elite");
        }
        assert_eq!(typed(&again), typed(&form), "{field}");
        let preview = again.send(&browser);
        assert_eq!(preview.status, 200, "{field}: {}", preview.text());
        assert!(preview.text().contains("Nothing is changed yet"), "{field}: {}", preview.text());
    }
}

#[test]
fn any_product_with_a_catalog_is_issued() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let catalog = "product = \"ACME\"\n[tiers.gold]\nfeatures = [\"x\"]\n[tiers.tin]\nfeatures = []\n";
    told(&stack, &["catalog", "apply", &folder.file("catalog.toml", catalog)]);
    let browser = Browser::open(&stack, &[]);
    let usual = browser.get("issue").form(&browser, "issue/preview");
    assert!(
        usual.get("tier").is_some() && usual.get("product") == Some("QF"),
        "one step for the usual product"
    );
    let tiers = order(&browser).fill("product", "acme").send(&browser);
    assert_eq!(tiers.status, 200, "{}", tiers.text());
    let form = tiers.form(&browser, "issue/preview");
    let offered: Vec<_> =
        form.fields.iter().filter(|field| field.name == "tier").map(|field| field.value.as_str()).collect();
    assert_eq!(offered, ["", "gold", "tin"], "its own tiers, and none is chosen for the person");
    let blind = form.send(&browser);
    assert_eq!(blind.status, 400, "{}", blind.text());
    let preview = form.fill("tier", "tin").fill("features", "").fill("limits", "").send(&browser);
    assert_eq!(preview.status, 200, "{}", preview.text());
    assert!(preview.text().contains("tin of ACME"), "{}", preview.text());
    let issued = preview.form(&browser, "confirm").send(&browser);
    assert!(issued.body.contains("ACME-TIN-"), "{}", issued.text());
}

#[test]
fn way_back_has_what_was_typed() {
    let stack = TestStack::start();
    let id = bound(&stack);
    let browser = Browser::open(&stack, &[]);
    let license = browser.get(&format!("license/{id}"));
    let change = |action: &str, fields: &[(&str, &str)]| {
        fields.iter().fold(license.form_of(&browser, action), |form, (name, value)| form.fill(name, value))
    };
    let first = device_id(1);
    let toml = browser.get("catalog").form(&browser, "catalog/preview");
    let edited = format!("{}\n[tiers.gold]\nfeatures = []\n", toml.get("toml").unwrap());
    for form in [
        change("extend", &[("term", "until"), ("until", "2099-12-31"), ("days", "7"), ("reason", "why")]),
        change("extend", &[("term", "perpetual")]),
        change("suspend", &[("reason", "why")]),
        change("revoke", &[("reason", "refund")]),
        change("set-tier", &[("tier", "elite"), ("reason", "why")]),
        change("set-seats", &[("seats", "1"), ("release", first.as_str())]),
        change("add-feature", &[("feature", "early_access")]),
        change("set-limit", &[("limits", "agents=10 users=2")]),
        change("set-updates-until", &[("covers", "day"), ("until", "2099-12-31")]),
        change("set-policy", &[("settings", "offline_grace_days=30"), ("reason", "why")]),
        change("set-customer", &[("user", "u'9"), ("email", "new@example.com"), ("name", "<New>")]),
        change("note", &[("note", "\ntwo\nlines <b>"), ("reason", "why")]),
        change("reveal", &[("reason", "why")]),
        change("rotate-key", &[("reason", "why")]),
        change("erase-subject", &[("reason", "request 17")]),
        order(&browser),
        toml.fill("toml", &edited).fill("reason", "why"),
    ] {
        let preview = form.send(&browser);
        assert!(
            preview.status == 200 && preview.body.contains("name=\"plan\""),
            "{form:?}: {}",
            preview.text()
        );
        let back = browser.get(&preview.link(&browser, "Back, without a change"));
        assert_eq!(back.status, 200, "{}", back.text());
        let again = match form.get("action") {
            Some(action) => back.form_of(&browser, action),
            None => back.form(&browser, &form.action),
        };
        assert_eq!(typed(&again), typed(&form));
        if form.get("action").is_some() {
            assert_eq!(back.body.matches("<details name=\"change\" open>").count(), 1, "its form is open");
        }
        // A page that is asked for anew has nothing of it.
        let page = form.get("back").unwrap().split("form=").next().unwrap().trim_end_matches(['?', '&']);
        let fresh = browser.get(page);
        assert!(
            !fresh.body.contains("<details name=\"change\" open>") && !fresh.body.contains("zoe@example.com")
        );
        let address = preview.link(&browser, "Back, without a change");
        for person in ["zoe", "example.com", "u-1", "ticket", "u'9"] {
            assert!(!address.contains(person), "{address}");
        }
    }
}

#[test]
fn form_of_a_change_that_is_made_is_forgotten() {
    let stack = TestStack::start();
    let id = bound(&stack);
    let browser = Browser::open(&stack, &[]);
    let form = browser.get(&format!("license/{id}")).form_of(&browser, "note").fill("note", "typed");
    let preview = form.send(&browser);
    let back = preview.link(&browser, "Back, without a change");
    assert_eq!(preview.form(&browser, "confirm").send(&browser).status, 303);
    assert!(!browser.get(&back).body.contains("<details name=\"change\" open>"));
}

#[test]
fn refused_change_offers_what_it_needs() {
    let stack = TestStack::start();
    let id = bound(&stack);
    let browser = Browser::open(&stack, &[]);
    let license = browser.get(&format!("license/{id}"));
    for (action, field, value) in [("set-seats", "seats", "1"), ("set-policy", "settings", "seats=1")] {
        let form = license.form_of(&browser, action).fill(field, value).fill("reason", "ticket 7");
        let few = form.send(&browser);
        refused(&few, 422, "2 devices are bound");
        assert!(few.body.contains("role=\"alert\""), "{}", few.text());
        let again = few.form_of(&browser, action);
        assert_eq!(typed(&again), typed(&form), "{action}");
        let preview = again.fill("release", device_id(2).as_str()).send(&browser);
        assert!(
            preview.status == 200 && preview.text().contains("Nothing is changed yet"),
            "{}",
            preview.text()
        );
    }
    let missing = license.form_of(&browser, "revoke").send(&browser);
    refused(&missing, 400, "takes a reason");
    let preview = missing.form_of(&browser, "revoke").fill("reason", "refund").send(&browser);
    assert_eq!(preview.status, 200, "{}", preview.text());
}

/// A machine without a network keeps its seat by its lease. The page has the operator's word for it.
#[test]
fn seat_of_an_offline_lease_can_be_freed() {
    let stack = TestStack::start();
    let (here, gone) = (device_id(1), device_id(2));
    let leases = [here.clone(), gone.clone()];
    let fixture =
        Fixture::pro().seats(2).ending(now().plus_days(100)).bound(1, &Machine::named("first"), now());
    let id = stack.license_id(&stack.put(fixture.with(move |new, _| {
        let lease = || OfflineLease { lease: "a lease".to_owned(), until: now().plus_days(9) };
        new.license.offline = leases.into_iter().map(|device| (device, lease())).collect();
    })));
    let browser = Browser::open(&stack, &[]);
    let page = browser.get(&format!("license/{id}"));
    let few = page.form_of(&browser, "set-seats").fill("seats", "1").send(&browser);
    refused(&few, 422, "1 more keeps a seat until an offline lease ends");
    assert!(few.text().contains(&format!("{gone} has left, and keeps its seat")), "{}", few.text());
    for device in [gone, here] {
        let page = browser.get(&format!("license/{id}"));
        let forms = page.forms(&browser);
        let form = forms.iter().find(|form| form.get("device") == Some(device.as_str())).unwrap();
        let held = form.send(&browser);
        refused(&held, 422, "has an offline lease");
        let forms = held.forms(&browser);
        let form = forms.iter().find(|form| form.get("device") == Some(device.as_str())).unwrap();
        let preview = form.clone().fill("despite", "1").send(&browser);
        assert_eq!(preview.status, 200, "{}", preview.text());
        assert_eq!(preview.form(&browser, "confirm").send(&browser).status, 303);
    }
    assert!(stack.stored(&id).devices.is_empty() && stack.stored(&id).devices_kept_offline(now()).is_empty());
}

/// A refusal between a preview and its confirmation has a way on as well, and so has a plan that is forgotten.
#[test]
fn refused_confirmation_leads_back_to_its_form() {
    let stack = TestStack::start();
    let id = bound(&stack);
    let browser = Browser::open(&stack, &[]);
    let form = browser.get(&format!("license/{id}")).form_of(&browser, "note").fill("note", "typed");
    let preview = form.send(&browser);
    let confirm = preview.form(&browser, "confirm");
    assert_eq!(confirm.send(&browser).status, 303);
    let again = confirm.send(&browser);
    refused(&again, 404, "was made already");
    assert_eq!(again.link(&browser, "The licenses"), "licenses");

    let placed = || order(&browser).fill("order", "order-1");
    let one = placed().send(&browser).form(&browser, "confirm");
    let other = placed().fill("days", "46").send(&browser);
    assert!(one.send(&browser).body.contains("QF-ELITE-"));
    let refused = other.form(&browser, "confirm").send(&browser);
    assert_eq!(refused.status, 422, "{}", refused.text());
    let back = browser.get(&refused.link(&browser, "Back to the form"));
    assert_eq!(back.form(&browser, "issue/preview").get("days"), Some("46"), "{}", back.text());

    let gone = browser.post("keyring/preview", &[("action", "promote")]);
    assert_eq!((gone.status, gone.link(&browser, "The key ring")), (422, "keyring".to_owned()));
}

#[test]
fn address_of_a_form_leads_to_its_page() {
    let stack = TestStack::start();
    let id = bound(&stack);
    let browser = Browser::open(&stack, &[]);
    for (address, words, page) in [
        (format!("license/{id}/preview"), "The licenses", "licenses"),
        ("bulk/preview".to_owned(), "The licenses", "licenses"),
        ("issue/preview".to_owned(), "Back to the orders", "issue"),
        ("catalog/preview".to_owned(), "The catalog", "catalog"),
        ("keyring/preview".to_owned(), "The key ring", "keyring"),
        ("confirm".to_owned(), "The licenses", "licenses"),
    ] {
        let answer = browser.get(&address);
        refused(&answer, 404, "takes a form");
        assert_eq!(answer.link(&browser, words), page, "{address}");
    }
}

#[test]
fn refusal_of_the_guard_is_a_page() {
    let stack = TestStack::start();
    let id = bound(&stack);
    let browser = Browser::open(&stack, &[]);
    let host = browser.address.as_str();
    let origin = format!("http://{host}");
    let own = [("host", host), ("cookie", browser.cookie.as_str()), ("origin", origin.as_str())];
    let path = |page: &str| format!("{}{page}", browser.base);
    let old = format!("/{}/licenses", "0".repeat(32));
    let large = "x".repeat(33 * 1024 * 1024);
    for (answer, sentence, link) in [
        (browser.ask("GET", &old, &own, ""), "of an earlier run of the console", None),
        (browser.ask("GET", "/", &own, ""), "start falconer console again", None),
        (
            browser.ask("GET", &path(""), &[("host", "evil.example")], ""),
            "does not lead to the console",
            None,
        ),
        (browser.ask("GET", &path("licenses"), &own[..1], ""), "has not opened the console", None),
        (browser.post_open("0"), "was opened before", Some("")),
        (
            browser.ask("POST", &path(&format!("license/{id}/preview")), &own[..2], "x=1"),
            "page of this console",
            Some(""),
        ),
        (browser.ask("POST", &path("move-in"), &own, "x=1"), "lacks the token", Some("move-in")),
        (browser.ask("POST", &path("issue/many"), &own, &large), "larger than 32 MiB", Some("issue/many")),
        (browser.ask("PUT", &path("licenses"), &own, "x=1"), "read by GET", Some("")),
    ] {
        assert!(answer.header("content-type").starts_with("text/html"), "{sentence}: {:?}", answer.headers);
        assert!(answer.status >= 400 && answer.text().contains(sentence), "{sentence}: {}", answer.text());
        assert!(
            answer.body.contains("<h1>") && answer.body.contains("<html lang=\"en\">"),
            "{}",
            answer.body
        );
        for inline in ["<style", "<script", "style=", "src="] {
            assert!(!answer.body.contains(inline), "the policy forbids it: {}", answer.body);
        }
        let links: Vec<_> =
            answer.body.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(links, link.map(&path).iter().map(String::as_str).collect::<Vec<_>>(), "{sentence}");
    }
}
