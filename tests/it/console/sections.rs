//! Explain, issue, catalog, key ring and the counts of home.

use falconer_tests::{Fixture, Machine, TestStack, now};
use serde_json::{Value, json};

use super::{Browser, ConsoleAnswer};
use crate::operator::told;

fn confirmed(browser: &Browser, preview: &ConsoleAnswer) -> ConsoleAnswer {
    assert_eq!(preview.status, 200, "{}", preview.text());
    browser.post("confirm", &[("plan", preview.field("plan"))])
}

#[test]
fn explain_says_what_the_command_says() {
    let stack = TestStack::start();
    let (first, other) = (Machine::named("first"), Machine::named("other"));
    let fixture = Fixture::pro().ending(now().plus_days(30)).bound(1, &first, now());
    let id = stack.license_id(&stack.put(fixture));
    told(&stack, &["note", id.as_str(), "called", "--reason", "by telephone"]);
    let browser = Browser::open(&stack, &[]);
    let page = format!("license/{id}/explain");
    for (machine, at) in
        [(None, ""), (None, "2099-01-01"), (None, "2020-01-01"), (Some(&first), ""), (Some(&other), "")]
    {
        let hardware = machine.map(|machine| machine.hardware().to_string()).unwrap_or_default();
        let answer = match (machine, at) {
            (None, "") => browser.get(&page),
            _ => browser.post(&page, &[("at", at), ("hardware", &hardware)]),
        };
        assert_eq!(answer.status, 200, "{}", answer.text());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("request.json");
        std::fs::write(&file, &hardware).unwrap();
        let mut arguments = vec!["explain", id.as_str()];
        arguments.extend(["--at", at].into_iter().filter(|_| !at.is_empty()));
        arguments.extend(["--hardware", file.to_str().unwrap()].into_iter().filter(|_| machine.is_some()));
        let explained = told(&stack, &arguments);
        let text = answer.text();
        assert!(text.contains(&format!("Verify answers {}", explained["code"].as_str().unwrap())), "{text}");
        for check in explained["checks"].as_array().unwrap() {
            let outcome = match check["code"].as_str() {
                Some(code) => format!("failed: {code}"),
                None => "passed".to_owned(),
            };
            let name = check["name"].as_str().unwrap().replace('_', " ");
            assert!(text.contains(&format!("{name} {outcome}")), "{name} {outcome}: {text}");
        }
        assert_eq!(
            text.contains("by telephone"),
            at == "2020-01-01",
            "what happened between the two: {text}"
        );
    }
    let bad = browser.post(&page, &[("at", "soon"), ("hardware", "")]);
    assert_eq!(bad.status, 400, "{}", bad.text());
}

#[test]
fn explain_says_what_a_build_may_run() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro()));
    told(&stack, &["set-limit", id.as_str(), "agents=10"]);
    told(&stack, &["set-updates-until", id.as_str(), "2027-03-01"]);
    let browser = Browser::open(&stack, &[]);
    for page in [format!("license/{id}"), format!("license/{id}/explain")] {
        let text = browser.get(&page).text();
        let granted = ["Limits agents 10 (its own)", "Updates builds up to 2027-03-01"];
        assert!(granted.iter().all(|one| text.contains(one)), "{text}");
    }
    for (date, sentence) in [
        ("2027-03-01", "2027-03-01 is covered: it runs"),
        ("2027-03-02", "2027-03-02 is not covered: its application says UPDATES_ENDED"),
    ] {
        let text = browser.post(&format!("license/{id}/explain"), &[("build", date)]).text();
        assert!(text.contains(sentence), "{text}");
        let explained = told(&stack, &["explain", id.as_str(), "--build-date", date]);
        assert_eq!(explained["buildCovered"], !sentence.contains("not"), "as the command says");
        assert!(text.contains("Verify answers VALID"), "a build changes nothing about verify: {text}");
    }
    let bad = browser.post(&format!("license/{id}/explain"), &[("build", "soon")]);
    assert_eq!(bad.status, 400, "{}", bad.text());
}

/// A generation that somebody promotes in a terminal makes the next keys of a console that has read the ring before.
#[test]
fn promoted_generation_makes_the_next_keys() {
    let stack = TestStack::start();
    let browser = Browser::open(&stack, &[]);
    let license = format!("license/{}", stack.license_id(&stack.put(Fixture::pro())));
    assert_eq!(browser.get(&license).status, 200, "the console has read the ring");
    told(&stack, &["keyring", "add"]);
    let promoted = told(&stack, &["keyring", "promote", "--now"])["generation"].clone();
    let order = [("product", "QF"), ("tier", "pro"), ("term", "days"), ("days", "30")];
    for preview in [
        browser.post("issue/preview", &order),
        browser.post(&format!("{license}/preview"), &[("action", "rotate-key")]),
    ] {
        let made = confirmed(&browser, &preview);
        let key =
            made.body.split("QF-PRO-").find_map(|rest| rest.split('<').next().filter(|key| key.len() > 30));
        let key = format!("QF-PRO-{}", key.unwrap_or_else(|| panic!("{}", made.text())));
        stack.speak(&key);
        assert_eq!(told(&stack, &["show", &key])["generation"], promoted, "{}", preview.text());
    }
}

#[test]
fn issued_key_verifies_and_is_shown_once() {
    let stack = TestStack::start();
    let browser = Browser::open(&stack, &[]);
    let order = [
        ("product", "qf"),
        ("tier", "pro"),
        ("term", "days"),
        ("days", "30"),
        ("seats", "3"),
        ("name", "Fixture Person"),
        ("features", "early_access"),
        ("limits", "agents=10 users=2"),
        ("updates_until", "2027-03-01"),
        ("order", "shop-7"),
        ("reason", "paid"),
    ];
    let preview = browser.post("issue/preview", &order);
    assert!(
        preview.command().contains("issue --product QF --tier pro --days 30 --seats 3"),
        "{}",
        preview.text()
    );
    for (option, sentence) in [
        ("--limit agents=10 --limit users=2", "agents 10, users 2"),
        ("--updates-until 2027-03-01", "builds up to 2027-03-01"),
    ] {
        assert!(
            preview.command().contains(option) && preview.text().contains(sentence),
            "{}",
            preview.text()
        );
    }
    assert!(!stack.everything_stored().contains("shop-7"), "a preview issues nothing");
    let issued = confirmed(&browser, &preview);
    let key =
        issued.body.split("QF-PRO-").nth(1).map(|rest| format!("QF-PRO-{}", rest.split('<').next().unwrap()));
    let key = key.unwrap_or_else(|| panic!("{}", issued.text()));
    stack.speak(&key);
    assert_eq!(stack.verify(&key).code(), "VALID");
    let shown = told(&stack, &["show", &key]);
    assert_eq!((&shown["seats"]["max"], &shown["ownFeatures"]), (&json!(3), &json!(["early_access"])));
    assert_eq!(shown["audit"][0]["reason"], "paid");
    assert_eq!(
        (&shown["ownLimits"], &shown["updatesUntil"]),
        (&json!({ "agents": 10, "users": 2 }), &json!("2027-03-01"))
    );
    assert_eq!(confirmed(&browser, &preview).status, 404, "a second confirmation issues nothing");
    let again = confirmed(&browser, &browser.post("issue/preview", &order));
    assert!(again.text().contains("was issued before") && !again.body.contains(&key), "{}", again.text());
    for (fields, sentence) in [
        ([("product", "QF"), ("tier", "gold"), ("term", "perpetual")], "no tier gold"),
        ([("product", "QF"), ("tier", "pro"), ("term", "days")], "days is empty"),
        ([("product", "Q"), ("tier", "pro"), ("term", "perpetual")], "2 to 8"),
    ] {
        let refused = browser.post("issue/preview", &fields);
        assert!(refused.status >= 400 && refused.text().contains(sentence), "{}", refused.text());
    }
}

#[test]
fn catalog_shows_whom_a_change_concerns() {
    let stack = TestStack::start();
    let fixture =
        Fixture::pro().bound(1, &Machine::named("first"), now()).bound(2, &Machine::named("second"), now());
    let browser = Browser::open(&stack, &[]);
    let toml = |seats: &str| {
        told(&stack, &["catalog", "show", "--product", "QF"])["toml"].as_str().unwrap().replacen(
            "seats = 1",
            seats,
            1,
        )
    };
    let two = toml("seats = 2");
    let applied = browser.follow(&confirmed(
        &browser,
        &browser.post("catalog/preview", &[("toml", &two), ("reason", "more")]),
    ));
    assert!(applied.text().contains("Version 1"), "{}", applied.text());
    let id = stack.license_id(&stack.put(fixture));
    let one = two.replacen("seats = 2", "seats = 1", 1);
    let preview = browser.post("catalog/preview", &[("toml", &one)]);
    assert!(preview.text().contains("1 license would have more devices than seats"), "{}", preview.text());
    assert!(preview.text().contains(id.as_str()));
    told(&stack, &["catalog", "apply", write(&two.replacen("seats = 2", "seats = 5", 1)).to_str().unwrap()]);
    let lost = confirmed(&browser, &preview);
    assert_eq!(lost.status, 409, "somebody else was faster: {}", lost.text());
    assert_eq!(told(&stack, &["catalog", "show", "--product", "QF"])["version"], 2);
    assert_eq!(browser.post("catalog/preview", &[("toml", "product = 1")]).status, 400);
}

/// A catalog in a file that outlives its test's end.
fn write(text: &str) -> std::path::PathBuf {
    let (_, file) = tempfile::NamedTempFile::new().unwrap().keep().unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn ring_changes_are_those_of_the_command() {
    let stack = TestStack::start();
    (0..3).for_each(|_| drop(stack.put(Fixture::pro())));
    let browser = Browser::open(&stack, &[]);
    let roles = || -> Vec<Value> {
        let listed = told(&stack, &["keyring", "list"]);
        listed["generations"].as_array().unwrap().iter().map(|one| one["role"].clone()).collect()
    };
    let change = |fields: &[(&str, &str)], sentence: &str| {
        let preview = browser.post("keyring/preview", fields);
        assert!(preview.text().contains(sentence), "{fields:?}: {}", preview.text());
        let page = browser.follow(&confirmed(&browser, &preview));
        assert!(page.text().contains("Renew the offline copy of the ring"), "{}", page.text());
        assert!(!page.body.contains("test-master"), "no master on a page");
    };
    change(&[("action", "add")], "Generation 3 is published");
    assert_eq!(roles(), ["current", "legacy", "waiting"]);
    let early = browser.post("keyring/preview", &[("action", "promote")]);
    assert!(early.status == 422 && early.text().contains("15"), "{}", early.text());
    change(&[("action", "promote-now")], "Generation 3 signs");
    change(
        &[("action", "distrust"), ("generation", "1")],
        "The keys of 3 licenses and of no revoked one go on working",
    );
    assert_eq!(roles(), ["distrusted", "legacy", "current"]);
    change(&[("action", "trust"), ("generation", "1")], "believed again");
    assert_eq!(roles(), ["verifies", "legacy", "current"]);
}

#[test]
fn home_counts_when_asked_and_leads_on() {
    let stack = TestStack::start();
    let tomorrow = now().plus_days(1);
    (0..3).for_each(|_| drop(stack.put(Fixture::pro().ending(tomorrow))));
    let key = stack.put(Fixture::pro().bound(1, &Machine::named("first"), now()));
    assert_eq!(stack.post("/api/verify", &Machine::named("other").request(&key)).code(), "HARDWARE_MISMATCH");
    stack.settle();
    let browser = Browser::open(&stack, &[]);
    stack.forget();
    let home = browser.get("");
    assert!(home.text().contains("3 ending within 30 days"), "{}", home.text());
    let scans = stack.dynamodb.records().iter().filter(|record| record.operation == "Scan").count();
    assert_eq!(scans, 0, "home looks through nothing by itself");
    let day = home.body.split("licenses?day=").nth(1).unwrap().split('"').next().unwrap();
    let listed = browser.get(&format!("licenses?day={day}"));
    assert!(listed.text().contains("3 licenses here"), "{}", listed.text());
    assert_eq!(browser.post("count", &[]).status, 303);
    let mut home = browser.get("");
    while home.body.contains("data-live") {
        home = browser.get("");
    }
    assert!(
        home.text().contains("4 active") && home.text().contains("HARDWARE_MISMATCH 1"),
        "{}",
        home.text()
    );
    let chart = browser.get("chart.svg");
    assert_eq!(chart.header("content-type"), "image/svg+xml");
    let alt = home.body.split("chart.svg\"").nth(1).unwrap().split("alt=\"").nth(1).unwrap();
    let alt = alt.split('"').next().unwrap().to_lowercase();
    let in_order = |text: &str| {
        let mut names = ["activations", "refusals", "transfers"];
        names.sort_by_key(|name| text.find(name).unwrap_or_else(|| panic!("no {name}: {text}")));
        names
    };
    let legend: String =
        chart.body.split("</text>").filter_map(|text| text.rsplit('>').next()).skip(1).collect();
    assert_eq!(in_order(&alt), in_order(&legend.to_lowercase()), "{alt}");

    assert!(home.body.contains("media=\"(max-width: 600px)\"") && home.body.contains("chart.svg?narrow\""));
    let narrow = browser.get("chart.svg?narrow").body;
    assert!(narrow.starts_with("<svg width=\"360\""), "{narrow}");
}

#[test]
fn demo_customers_are_invented_and_issued_once() {
    let stack = TestStack::start();
    let refused = crate::operator::run(&stack, &["demo-data"]);
    assert!(crate::operator::said(&refused).contains("--local"), "{}", crate::operator::said(&refused));
    let demo_data = || {
        let output = crate::issuing::falconer(&stack)
            .env("FALCONER_LOCAL", "1")
            .args(["--json", "demo-data"])
            .output();
        serde_json::from_slice::<Value>(&output.unwrap().stdout).unwrap()
    };
    assert_eq!(demo_data(), json!({ "outcome": "changed", "issued": 300, "there": 0 }));
    assert_eq!(demo_data(), json!({ "outcome": "unchanged", "issued": 0, "there": 300 }));
    let listed = told(&stack, &["list", "--all", "--limit", "1000"]);
    let licenses = listed["licenses"].as_array().unwrap();
    assert_eq!(licenses.len(), 300);
    assert!(licenses.iter().all(|one| one["email"].as_str().unwrap().ends_with("@example.com")));
    for status in ["active", "pending", "suspended", "revoked"] {
        assert!(licenses.iter().any(|one| one["status"] == status), "{status}");
    }
    let browser = Browser::open(&stack, &[]);
    assert!(browser.get("").text().contains("ending within 30 days"));
}
