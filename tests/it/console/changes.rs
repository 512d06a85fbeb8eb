//! Every change of a license by the console: its preview, its audit row, and the license as the command line reads it.

use falconer_domain::{LicenseId, Status, UnixMillis};
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, Machine, TestStack, device_id, now};
use serde_json::{Value, json};

use super::{Browser, ConsoleAnswer};
use crate::issuing::falconer;
use crate::operator::told;

/// A license with two devices and a person.
fn license() -> Fixture {
    license_at(now())
}

fn license_at(now: UnixMillis) -> Fixture {
    let fixture = Fixture::pro().seats(2).ending(now.plus_days(100));
    fixture.bound(1, &Machine::named("first"), now).bound(2, &Machine::named("second"), now)
}

fn previewed(browser: &Browser, id: &LicenseId, fields: &[(&str, &str)]) -> ConsoleAnswer {
    let preview = browser.post(&format!("license/{id}/preview"), fields);
    assert_eq!(preview.status, 200, "{fields:?}: {}", preview.text());
    preview
}

fn confirmed(browser: &Browser, preview: &ConsoleAnswer) -> ConsoleAnswer {
    browser.post("confirm", &[("plan", preview.field("plan"))])
}

/// A license as the command line shows it, without what differs between two licenses anyway.
fn shown(stack: &TestStack, id: &LicenseId) -> Value {
    let mut shown = told(stack, &["show", id.as_str()]);
    for name in ["licenseId", "keyHint", "createdAt", "audit", "refusals"] {
        shown[name] = Value::Null;
    }
    shown
}

/// Runs a command to copy, on another license.
fn run_copied(stack: &TestStack, command: &str, from: &LicenseId, to: &LicenseId) {
    let command = command.replace(from.as_str(), to.as_str());
    let arguments = command.strip_prefix("falconer ").expect("the program's name");
    let program = falconer_tests::program("falconer");
    let mut shell = falconer(stack);
    let environment: Vec<_> =
        shell.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    shell = std::process::Command::new("sh");
    shell.env_clear().args(["-c", &format!("{} --yes --json {arguments}", program.display())]);
    shell.envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_change_is_that_of_its_command() {
    let stack = TestStack::start();
    let now = now();
    let (one, twin) = (stack.put(license_at(now)), stack.put(license_at(now)));
    let (one, twin) = (stack.license_id(&one), stack.license_id(&twin));
    let browser = Browser::open(&stack, &[]);
    let (first, second) = (device_id(1), device_id(2));
    for (fields, code, seen) in [
        (vec![("action", "extend"), ("term", "days"), ("days", "30")], "EXTENDED", "Ends"),
        (vec![("action", "extend"), ("term", "until"), ("until", "2099-12-31")], "EXTENDED", "2099-12-31"),
        (vec![("action", "set-tier"), ("tier", "elite")], "TIER_SET", "elite"),
        (vec![("action", "set-seats"), ("seats", "1"), ("release", first.as_str())], "SEATS_SET", "1 of 1"),
        (vec![("action", "suspend")], "SUSPENDED", "suspended"),
        (vec![("action", "reinstate")], "REINSTATED", "active"),
        (vec![("action", "add-feature"), ("feature", "early_access")], "FEATURE_ADDED", "early_access"),
        (vec![("action", "remove-feature"), ("feature", "early_access")], "FEATURE_REMOVED", "none"),
        (vec![("action", "set-limit"), ("limits", "agents=10 users=2")], "LIMITS_SET", "agents 10 (its own)"),
        (
            vec![("action", "set-limit"), ("limits", "agents=5"), ("remove", "users")],
            "LIMITS_SET",
            "agents 5",
        ),
        (
            vec![("action", "set-updates-until"), ("covers", "day"), ("until", "2027-03-01")],
            "UPDATES_UNTIL_SET",
            "builds up to 2027-03-01",
        ),
        (
            vec![("action", "set-updates-until"), ("covers", "never"), ("until", "2027-03-01")],
            "UPDATES_UNTIL_SET",
            "every build",
        ),
        (
            vec![("action", "set-policy"), ("settings", "offline_grace_days=21 max_transfers=9")],
            "POLICY_SET",
            "21",
        ),
        (
            vec![
                ("action", "set-customer"),
                ("user", "u'9"),
                ("email", "fixture.person@example.com"),
                ("name", ""),
            ],
            "CUSTOMER_SET",
            "u'9",
        ),
        (vec![("action", "note"), ("note", "-called\non Monday; $(date)")], "NOTED", "-called"),
        (vec![("action", "reset-hardware"), ("device", second.as_str())], "HARDWARE_RESET", "Devices"),
        (vec![("action", "reset-hardware")], "HARDWARE_RESET", "Former devices"),
        (vec![("action", "extend"), ("term", "perpetual")], "EXTENDED", "never"),
        (vec![("action", "revoke")], "REVOKED", "revoked"),
    ] {
        let before = shown(&stack, &one);
        let fields = [&fields[..], &[("reason", "ticket 7, it's paid")]].concat();
        let preview = match browser.post(&format!("license/{one}/preview"), &fields) {
            // Nothing is left to free once both devices are gone and no former one has a right.
            answer if answer.status == 422 && code == "HARDWARE_RESET" => {
                assert!(answer.text().contains("so already"), "{}", answer.text());
                continue;
            }
            answer => answer,
        };
        assert_eq!(preview.status, 200, "{fields:?}: {}", preview.text());
        assert!(preview.text().contains(seen), "{fields:?}: {}", preview.text());
        assert_eq!(shown(&stack, &one), before, "a preview changes nothing");
        let page = browser.follow(&confirmed(&browser, &preview));
        assert!(page.body.contains("role=\"status\""), "{}", page.text());
        assert!(page.text().contains("ticket 7, it's paid"), "its audit row: {}", page.text());
        let row = stack.audit_rows(&one).pop().unwrap();
        assert_eq!(row["code"]["S"], code, "{row}");
        assert_eq!(
            (&row["actor"]["S"], &row["reason"]["S"]),
            (&json!("fixture-operator"), &json!("ticket 7, it's paid"))
        );
        run_copied(&stack, &preview.command(), &one, &twin);
        let (after, of_twin) = (shown(&stack, &one), shown(&stack, &twin));
        assert_ne!(after, before, "{fields:?}");
        assert_eq!(after, of_twin, "{}", preview.command());
    }
}

#[test]
fn key_is_shown_once_and_recorded() {
    let stack = TestStack::start();
    let key = stack.put(license());
    let id = stack.license_id(&key);
    let browser = Browser::open(&stack, &[]);
    let preview = previewed(&browser, &id, &[("action", "reveal"), ("reason", "lost mail")]);
    assert!(!preview.body.contains(&key));
    let revealed = confirmed(&browser, &preview);
    assert!(revealed.status == 200 && revealed.body.contains(&key), "{}", revealed.text());
    assert_eq!(stack.audit_rows(&id).pop().unwrap()["code"]["S"], "KEY_REVEALED");
    let again = confirmed(&browser, &preview);
    assert!(again.status == 404 && !again.body.contains(&key), "{}", again.text());

    let preview = previewed(&browser, &id, &[("action", "rotate-key")]);
    let rotated = confirmed(&browser, &preview);
    let new = rotated
        .body
        .split("QF-PRO-")
        .nth(1)
        .map(|rest| format!("QF-PRO-{}", rest.split('<').next().unwrap()));
    let new = new.unwrap_or_else(|| panic!("{}", rotated.text()));
    stack.speak(&new);
    assert_eq!((stack.verify(&key).code(), stack.verify(&new).code()), ("REVOKED", "VALID"));
    let refused = browser.post(&format!("license/{id}/preview"), &[("action", "rotate-key")]);
    assert_eq!(refused.status, 422, "{}", refused.text());
}

#[test]
fn erased_person_is_on_no_page() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(license()));
    let browser = Browser::open(&stack, &[]);
    let named = [("action", "erase-subject"), ("reason", "Fixture Person asked")];
    let refused = browser.post(&format!("license/{id}/preview"), &named);
    assert!(refused.status == 400 && refused.text().contains("names the person"), "{}", refused.text());
    let preview = previewed(&browser, &id, &[("action", "erase-subject"), ("reason", "request 17")]);
    assert!(stack.stored(&id).email.is_some(), "a preview erases nothing");
    let page = browser.follow(&confirmed(&browser, &preview));
    assert!(page.text().contains("The person was erased"), "{}", page.text());
    assert!(!page.body.contains("fixture.person@example.com"), "{}", page.text());
    assert_eq!(told(&stack, &["show", id.as_str()])["email"], Value::Null);
}

#[test]
fn change_of_somebody_else_is_kept() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(license()));
    let browser = Browser::open(&stack, &[]);
    for action in ["suspend", "rotate-key"] {
        let preview = previewed(&browser, &id, &[("action", action)]);
        let note = format!("during {action}");
        told(&stack, &["note", id.as_str(), &note, "--reason", "by another operator"]);
        let answer = confirmed(&browser, &preview);
        assert_eq!(answer.status, 409, "{}", answer.text());
        assert!(answer.text().contains("by another operator"), "{}", answer.text());
        let license = stack.stored(&id);
        assert_eq!((license.status, license.replaced_by), (Status::Active, None));
        assert_eq!(told(&stack, &["show", id.as_str()])["notes"], json!(note));
    }
    let preview = previewed(&browser, &id, &[("action", "suspend")]);
    assert_eq!(confirmed(&browser, &preview).status, 303, "and once more, seen as it is");
}

#[test]
fn outage_is_a_sentence_and_passes() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(license()));
    let browser = Browser::open(&stack, &[]);
    let preview = previewed(&browser, &id, &[("action", "suspend")]);
    let expired =
        Fault::error(400, "ExpiredTokenException", "The security token included in the request is expired");
    for (fault, sentence) in [(Fault::internal(), "Try again"), (expired, "sign in again")] {
        stack.dynamodb.break_all(Matcher::any(), fault);
        let answer = browser.get(&format!("license/{id}"));
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert!(answer.text().contains(sentence), "{}", answer.text());
        stack.dynamodb.heal();
    }
    assert_eq!(browser.get(&format!("license/{id}")).status, 200);
    assert_eq!(confirmed(&browser, &preview).status, 303, "what was previewed before can be done after");
}

/// A browser keeps the body of a form that a page came from on its disk, and of an address the address alone.
#[test]
fn answer_of_a_form_has_its_own_address() {
    let stack = TestStack::start();
    let key = stack.put(license());
    let id = stack.license_id(&key);
    let browser = Browser::open(&stack, &[]);
    let origin = format!("http://{}", browser.address);
    let send = |page: &str, fields: &[(&str, &str)]| {
        let headers = [("host", &*browser.address), ("cookie", &*browser.cookie), ("origin", &*origin)];
        let body = super::form(&[&[("csrf", &*browser.csrf)], fields].concat());
        browser.ask("POST", &format!("{}{page}", browser.base), &headers, &body)
    };
    let preview = format!("license/{id}/preview");
    for (fields, status) in [
        (vec![("action", "note"), ("note", "called")], 200),
        (vec![("action", "set-seats"), ("seats", "many")], 400),
        (vec![("action", "set-seats"), ("seats", "1")], 422),
    ] {
        let answer = send(&preview, &fields);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (303, ""),
            "{fields:?}: nothing is shown under the form"
        );
        let page = browser.follow(&answer);
        assert_eq!(page.status, status, "{fields:?}: {}", page.text());
        assert_eq!(browser.follow(&answer).body, page.body, "the page can be loaded again");
    }
    let explained = send(&format!("license/{id}/explain"), &[("at", "2099-01-01")]);
    assert_eq!((explained.status, browser.follow(&explained).status), (303, 200));

    let shown = browser.follow(&send(&preview, &[("action", "reveal")]));
    let confirmed = send("confirm", &[("plan", shown.field("plan"))]);
    assert_eq!(confirmed.status, 303);
    assert!(browser.follow(&confirmed).body.contains(&key));
    let again = browser.follow(&confirmed);
    assert!(again.status == 404 && !again.body.contains(&key), "a key is shown once: {}", again.text());
}

/// What a confirmed change meets on its way is told, and what was confirmed is not lost by it.
#[test]
fn confirmed_change_survives_an_outage() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(license()));
    let browser = Browser::open(&stack, &[]);
    let preview = previewed(&browser, &id, &[("action", "note"), ("note", "kept")]);
    stack.dynamodb.break_all(Matcher::any(), Fault::internal());
    let out = confirmed(&browser, &preview);
    assert_eq!(out.status, 502, "{}", out.text());
    assert!(out.text().contains("made once at most") && out.body.contains(">Try again<"), "{}", out.text());
    stack.dynamodb.heal();
    assert_eq!(confirmed(&browser, &out).status, 303, "the page of the outage confirms the same");
    assert_eq!(told(&stack, &["show", id.as_str()])["notes"], "kept");
    assert_eq!(confirmed(&browser, &out).status, 404, "and once");

    // The write took effect and its answer was lost: asked again, it is a change of somebody.
    let preview = previewed(&browser, &id, &[("action", "suspend")]);
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), Fault::DropReply);
    let lost = confirmed(&browser, &preview);
    stack.dynamodb.heal();
    let again = if lost.status == 502 { confirmed(&browser, &lost) } else { lost };
    assert!([303, 409].contains(&again.status), "{}", again.text());
    assert_eq!(stack.stored(&id).status, Status::Suspended);
    let rows = stack.audit_rows(&id);
    assert_eq!(rows.iter().filter(|row| row["code"]["S"] == "SUSPENDED").count(), 1, "made once");

    // A new generation of the ring is not asked for twice.
    let ring = browser.post("keyring/preview", &[("action", "add")]);
    stack.secrets_tap.break_all(Matcher::any(), Fault::Reset);
    let out = confirmed(&browser, &ring);
    stack.secrets_tap.heal();
    assert!(out.status == 502 && out.text().contains("Look before you ask again"), "{}", out.text());
    assert!(!out.body.contains("Try again"), "{}", out.text());
}

/// A field that does not read comes back with all others, to be corrected.
#[test]
fn typed_fields_come_back_to_be_corrected() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(license()));
    let browser = Browser::open(&stack, &[]);
    let typed =
        [("action", "extend"), ("term", "until"), ("until", "2099-13-31"), ("reason", "it's \"paid\"")];
    let bad = browser.post(&format!("license/{id}/preview"), &typed);
    assert_eq!(bad.status, 400, "{}", bad.text());
    for (name, value) in typed {
        let shown = value.replace('"', "&#34;").replace('\'', "&#39;");
        assert!(bad.body.contains(&format!("name=\"{name}\" value=\"{shown}\"")), "{name}: {}", bad.body);
    }
    let toml = "product = 1\n[tiers.pro]\n";
    let bad = browser.post("catalog/preview", &[("toml", toml)]);
    let form = bad.form(&browser, "catalog/preview");
    assert_eq!((bad.status, form.get("toml")), (400, Some(toml)), "{}", bad.body);
}

#[test]
fn refused_change_says_why() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(license()));
    let browser = Browser::open(&stack, &[]);
    for (fields, status, sentence) in [
        (vec![("action", "set-seats"), ("seats", "1")], 422, "2 devices are bound"),
        (vec![("action", "set-seats"), ("seats", "many")], 400, "whole number"),
        (vec![("action", "set-tier"), ("tier", "gold")], 422, "no tier gold"),
        (vec![("action", "extend"), ("term", "until"), ("until", "tomorrow")], 400, "2027-03-01"),
        (vec![("action", "reinstate")], 422, "nothing to reinstate"),
        (vec![("action", "revoke")], 400, "takes a reason"),
        (vec![("action", "set-policy"), ("settings", "seatz=1")], 400, "seatz"),
        (vec![("action", "set-limit")], 400, "write one as agents=10"),
        (vec![("action", "set-limit"), ("limits", "agents")], 400, "NAME=NUMBER"),
        (vec![("action", "set-limit"), ("limits", "agents=1"), ("remove", "agents")], 400, "set and removed"),
        (vec![("action", "set-limit"), ("remove", "agents")], 422, "no limit agents of its own"),
        (vec![("action", "set-updates-until"), ("covers", "day")], 400, "last day is empty"),
        (vec![("action", "set-updates-until"), ("covers", "day"), ("until", "soon")], 400, "is not a date"),
        (vec![("action", "set-updates-until"), ("until", "2027-03-01")], 400, "which builds are covered"),
        (vec![("action", "set-updates-until"), ("covers", "never")], 422, "so already"),
        (vec![("action", "no-such")], 400, "no change"),
        (vec![("action", "note"), ("note", "x"), ("reason", &"r".repeat(1_001))], 400, "1001 characters"),
    ] {
        let answer = browser.post(&format!("license/{id}/preview"), &fields);
        assert_eq!(answer.status, status, "{fields:?}: {}", answer.text());
        assert!(answer.text().contains(sentence), "{fields:?}: {}", answer.text());
    }
    let missing = "license/lic_00000000000000000000000000/preview";
    assert_eq!(browser.post(missing, &[("action", "suspend")]).status, 404);
}
