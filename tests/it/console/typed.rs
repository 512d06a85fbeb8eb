//! Texts that people type and that do not read: a sentence repeats them as they were typed.

use falconer_tests::{Fixture, TestStack, device_id};

use super::{Browser, ConsoleAnswer};

/// A page that says what does not read, with the typed text and never with a large letter in its place.
fn repeats(answer: &ConsoleAnswer, typed: &str, context: &str) {
    let text = answer.text();
    let mut letters = typed.chars();
    let large: String = letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap();
    assert!(answer.status >= 400, "{context}: {text}");
    assert!(text.contains(typed) && !text.contains(&large), "{context}: {text}");
}

#[test]
fn texts_that_do_not_read_stay_as_typed() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let license = format!("license/{}", stack.license_id(&key));
    let (preview, explain) = (format!("{license}/preview"), format!("{license}/explain"));
    let browser = Browser::open(&stack, &[]);
    let device = device_id(7).to_string();
    let change = |action, field, value| vec![("action", action), (field, value)];
    let issue =
        |field, value| vec![("product", "QF"), ("tier", "pro"), ("term", "perpetual"), (field, value)];
    for (page, fields, typed) in [
        (&preview, [change("extend", "until", "soon"), vec![("term", "until")]].concat(), "soon"),
        (&preview, [change("set-updates-until", "until", "soon"), vec![("covers", "day")]].concat(), "soon"),
        (&preview, change("set-limit", "limits", "soon"), "soon"),
        (&preview, change("set-limit", "limits", "soon=x"), "soon"),
        (&preview, change("set-policy", "settings", "soon"), "soon"),
        (&preview, change("set-policy", "settings", "soon=1"), "soon"),
        (&preview, change("set-policy", "settings", "offline_grace_days=soon"), "offline_grace_days"),
        (&preview, change("set-policy", "settings", "hardware_required=soon"), "hardware_required"),
        (&preview, change("set-tier", "tier", "soon"), "soon"),
        (&preview, change("reset-hardware", "device", &device), device.as_str()),
        (&explain, vec![("at", "soon")], "soon"),
        (&explain, vec![("build", "soon")], "soon"),
        (&"issue/preview".to_owned(), issue("updates_until", "soon"), "soon"),
        (&"issue/preview".to_owned(), issue("limits", "soon"), "soon"),
        (&"catalog/preview".to_owned(), vec![("toml", "soon = 1")], "soon"),
    ] {
        let answer = browser.post(page, &fields);
        repeats(&answer, typed, &format!("{page} {fields:?}"));
    }
}

#[test]
fn settings_of_an_import_stay_as_typed() {
    let stack = TestStack::start();
    let browser = Browser::open(&stack, &[]);
    let sheet = "license_key,status,license_tier,expires\nABC-123-XYZ,active,pro,01/02/2027\n";
    for (field, typed) in [
        ("timezone", "nowhere"),
        ("tiers", "gold is pro"),
        ("statuses", "sold is suspended"),
        ("undated", "soon"),
        ("encoding", "plain"),
        ("only", "sold"),
    ] {
        let answer =
            browser.upload("move-in", &[("product", "QF"), (field, typed)], ("s.csv", sheet.as_bytes()));
        let answer = if answer.status == 303 {
            browser.ended(answer.header("location").strip_prefix(&browser.base).unwrap())
        } else {
            answer
        };
        let text = answer.text();
        let large = format!("{}{}", typed[..1].to_uppercase(), &typed[1..]);
        assert!(text.contains(typed) && !text.contains(&large), "{field}: {text}");
    }
}
