//! Refusals that name the fields and buttons of their page, and no flag of the command line.

use falconer_domain::air_gap::OfflineLease;
use falconer_domain::{LicenseId, Status, TierName};
use falconer_tests::{Fixture, Machine, TestStack, device_id, now};

use super::{Browser, ConsoleAnswer};
use crate::operator::told;

/// Commands that no page can replace.
const COMMANDS: [&str; 4] =
    ["falconer rotate-key", "falconer accept-receipt", "falconer console", "falconer keyring add --legacy"];

/// The text of a page without its commands to copy, and the commands in its sentences.
fn said(answer: &ConsoleAnswer) -> (String, Vec<String>) {
    let (mut body, mut commands) = (answer.body.clone(), Vec::new());
    for (begin, end) in [("<pre", "</pre>"), ("<code>", "</code>")] {
        while let Some((before, rest)) = body.split_once(begin) {
            let (inside, after) = rest.split_once(end).expect("an end");
            commands.extend((begin == "<code>").then(|| inside.to_owned()));
            body = format!("{before}\u{2026}{after}");
        }
    }
    let plain = ConsoleAnswer { status: answer.status, headers: Vec::new(), body };
    (plain.text(), commands)
}

/// A page of this status whose sentences name its own fields and buttons.
fn speaks_of_pages(answer: &ConsoleAnswer, status: u16, asked: &str) {
    let (text, commands) = said(answer);
    assert_eq!(answer.status, status, "{asked}: {text}");
    let is_flag = |(at, _): &(usize, &str)| text[at + 3..].starts_with(|c: char| c.is_ascii_lowercase());
    assert!(
        !text.match_indices(" --").any(|place| is_flag(&place)) && !text.contains('`'),
        "{asked}: {text}"
    );
    let mut strange = commands.iter().filter(|said| said.starts_with("falconer"));
    let strange = strange.find(|said| !COMMANDS.iter().any(|command| said.starts_with(command)));
    assert!(strange.is_none(), "{asked}: {strange:?}: {text}");
}

/// Fields of a form.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// A license with two devices in its two seats.
fn bound() -> Fixture {
    let fixture = Fixture::pro().seats(2).ending(now().plus_days(100));
    fixture.bound(1, &Machine::named("first"), now()).bound(2, &Machine::named("second"), now())
}

fn of_status(status: Status) -> Fixture {
    Fixture::pro().with(move |new, _| new.license.status = status)
}

/// Sends each form of a license, and looks at its refusal.
fn refuses(browser: &Browser, asked: &[(&LicenseId, u16, Fields<'_>)]) {
    for (id, status, fields) in asked {
        let answer = browser.post(&format!("license/{id}/preview"), fields);
        speaks_of_pages(&answer, *status, &format!("{fields:?}"));
    }
}

#[test]
fn refusals_about_seats_name_fields() {
    let stack = TestStack::start();
    let put = |fixture: Fixture| stack.license_id(&stack.put(fixture));
    let leased = |device: u8| {
        let lease = OfflineLease { lease: "a lease".to_owned(), until: now().plus_days(9) };
        bound().with(move |new, _| drop(new.license.offline.insert(device_id(device), lease)))
    };
    let (open, held, kept) = (put(bound()), put(leased(1)), put(leased(3)));
    let gone = TierName::parse("gone").unwrap();
    let without_tier = put(Fixture::pro().with(move |new, _| new.license.tier = gone));
    let (first, unknown) = (device_id(1).to_string(), device_id(9).to_string());
    refuses(
        &Browser::open(&stack, &[]),
        &[
            (&open, 422, &[("action", "set-seats"), ("seats", "1")]),
            (&open, 422, &[("action", "set-seats"), ("seats", "1"), ("release", &unknown)]),
            (&open, 400, &[("action", "set-seats"), ("seats", "1"), ("release", "dev")]),
            (&open, 422, &[("action", "set-seats"), ("seats", "0")]),
            (&open, 400, &[("action", "set-seats"), ("seats", "many")]),
            (&kept, 422, &[("action", "set-seats"), ("seats", "1")]),
            (&held, 422, &[("action", "set-seats"), ("seats", "1"), ("release", &first)]),
            (&open, 422, &[("action", "set-tier"), ("tier", "gold")]),
            (&open, 400, &[("action", "set-tier"), ("tier", "!")]),
            (&open, 422, &[("action", "set-policy"), ("settings", "seats=1")]),
            (&kept, 422, &[("action", "set-policy"), ("settings", "seats=1")]),
            (&held, 422, &[("action", "set-policy"), ("settings", "seats=1"), ("release", &first)]),
            (&open, 400, &[("action", "set-policy"), ("settings", "seatz=1")]),
            (&open, 400, &[("action", "set-policy"), ("settings", "seats=1000")]),
            (&open, 400, &[("action", "set-policy")]),
            (&without_tier, 422, &[("action", "set-policy"), ("settings", "seats=1")]),
            (&open, 422, &[("action", "reset-hardware"), ("device", &unknown)]),
            (&held, 422, &[("action", "reset-hardware"), ("device", &first)]),
            (&held, 422, &[("action", "reset-hardware")]),
        ],
    );
}

#[test]
fn refusals_about_a_license_name_buttons() {
    let stack = TestStack::start();
    let put = |fixture: Fixture| stack.license_id(&stack.put(fixture));
    let (open, perpetual) = (put(bound()), put(Fixture::pro()));
    let (suspended, revoked) = (put(of_status(Status::Suspended)), put(of_status(Status::Revoked)));
    let replaced = put(Fixture::pro());
    told(&stack, &["rotate-key", replaced.as_str()]);
    let browser = Browser::open(&stack, &[]);
    let long = "x".repeat(3_000);
    refuses(
        &browser,
        &[
            (&open, 422, &[("action", "reinstate")]),
            (&suspended, 422, &[("action", "suspend")]),
            (&revoked, 422, &[("action", "suspend")]),
            (&revoked, 422, &[("action", "revoke"), ("reason", "x")]),
            (&open, 400, &[("action", "revoke")]),
            (&replaced, 422, &[("action", "reinstate")]),
            (&replaced, 422, &[("action", "rotate-key")]),
            (&perpetual, 422, &[("action", "extend"), ("term", "days"), ("days", "30")]),
            (&open, 422, &[("action", "extend"), ("term", "days"), ("days", "0")]),
            (&open, 422, &[("action", "extend"), ("term", "days"), ("days", "99999999")]),
            (&open, 422, &[("action", "extend"), ("term", "until"), ("until", "2020-01-01")]),
            (&open, 400, &[("action", "extend"), ("term", "until"), ("until", "soon")]),
            (&open, 400, &[("action", "extend"), ("term", "until"), ("until", "")]),
            (&open, 400, &[("action", "extend")]),
            (&open, 422, &[("action", "add-feature"), ("feature", "A feature")]),
            (&open, 422, &[("action", "remove-feature"), ("feature", "absent")]),
            (&open, 400, &[("action", "set-limit"), ("limits", "agents")]),
            (&open, 422, &[("action", "set-limit"), ("remove", "agents")]),
            (&open, 400, &[("action", "set-updates-until"), ("covers", "day"), ("until", "soon")]),
            (&open, 400, &[("action", "set-customer"), ("email", "nobody"), ("user", ""), ("name", "")]),
            (&open, 400, &[("action", "note"), ("note", &long)]),
            (&open, 400, &[("action", "note"), ("note", "x"), ("reason", &long)]),
            (&open, 400, &[("action", "erase-subject"), ("reason", "Fixture Person asked")]),
        ],
    );
    let ids = [&open, &perpetual, &suspended, &revoked].map(|id| ("license", id.as_str()));
    for change in [&[("action", "extend"), ("term", "days"), ("days", "1")][..], &[("action", "suspend")]] {
        let preview = browser.post("bulk/preview", &[&ids[..], change].concat());
        speaks_of_pages(&browser.follow(&preview), 200, &format!("{change:?}"));
    }
}

#[test]
fn refusals_about_ring_and_catalog_name_pages() {
    let stack = TestStack::start();
    stack.put(Fixture::pro());
    let browser = Browser::open(&stack, &[]);
    let ring = |action, generation, status| {
        let fields = [("action", action), ("generation", generation)];
        speaks_of_pages(&browser.post("keyring/preview", &fields), status, &format!("{fields:?}"));
    };
    for (action, generation, status) in [
        ("distrust", "1", 422),
        ("distrust", "2", 422),
        ("distrust", "9", 422),
        ("distrust", "x", 400),
        ("trust", "1", 422),
        ("promote", "", 422),
        ("promote-now", "", 422),
        ("retire", "1", 400),
    ] {
        ring(action, generation, status);
    }
    told(&stack, &["keyring", "add"]);
    ring("promote", "", 422);
    ring("promote-now", "", 200);
    ring("distrust", "3", 200);
    let in_use = browser.get("catalog").body;
    let begun = in_use.split("rows=\"24\" spellcheck=\"false\">").nth(1).unwrap();
    let in_use = begun.split("</textarea>").next().unwrap().trim_start().replace("&#34;", "\"");
    for (toml, status) in [(&*in_use, 422), ("[tiers", 400), ("product = 'QF'\n[tiers.solo]\n", 422)] {
        speaks_of_pages(&browser.post("catalog/preview", &[("toml", toml)]), status, toml);
    }
    for (field, value, status) in [
        ("tier", "gold", 422),
        ("product", "NONE", 422),
        ("seats", "0", 422),
        ("email", "nobody", 422),
        ("days", "", 400),
    ] {
        let mut order = vec![("product", "QF"), ("tier", "pro"), ("term", "days"), ("days", "30")];
        order.retain(|(name, _)| *name != field);
        order.push((field, value));
        speaks_of_pages(&browser.post("issue/preview", &order), status, &format!("{order:?}"));
    }
}
