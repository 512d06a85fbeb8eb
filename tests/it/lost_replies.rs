//! Lost replies, of DynamoDB and to the caller. Nothing happens twice, and nothing is invented.

use falconer_domain::LicenseId;
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, MASTER_A, MASTER_B, Machine, Reply, TestStack, TestStackOptions, now};
use serde_json::Value;

use crate::history::History;

/// Requests a minute, where the counter matters: enough for those of a case that are counted.
const LIMIT: usize = 8;

fn commits() -> Matcher {
    Matcher::operation("TransactWriteItems")
}

/// A license, and a request to change it: what it says when nothing is in its way, and when it is sent once more.
struct RepeatedChange {
    endpoint: &'static str,
    code: &'static str,
    repeated: &'static str,
}

const CASES: [RepeatedChange; 3] = [
    RepeatedChange { endpoint: "activate-sync", code: "ACTIVATED", repeated: "REFRESHED" },
    RepeatedChange { endpoint: "transfer", code: "TRANSFERRED", repeated: "ALREADY_BOUND" },
    RepeatedChange { endpoint: "deactivate", code: "DEACTIVATED", repeated: "DEVICE_NOT_BOUND" },
];

impl RepeatedChange {
    /// A fresh license for it, with what has to be bound beforehand.
    fn license(&self, stack: &TestStack) -> (String, LicenseId) {
        let fixture = match self.endpoint {
            "transfer" => Fixture::pro().bound(1, &Machine::named("old"), now()),
            "deactivate" => Fixture::pro().bound(1, &Machine::named("here"), now()),
            _ => Fixture::pro(),
        };
        // Counters begin at what the fixture has bound, so that they agree with the audit.
        let key = stack.put(fixture.with(|new, _| new.license.free_used = 1));
        let id = stack.license_id(&key);
        (key, id)
    }

    fn send(&self, stack: &TestStack, key: &str) -> Reply {
        stack.post(&format!("/api/{}", self.endpoint), &Machine::named("here").request(key))
    }
}

/// An answer without what differs from call to call.
fn lasting(reply: &Reply) -> (u16, Value) {
    let mut body = reply.body.clone();
    for member in ["requestId", "checkedAt", "licenseId", "lease"] {
        body[member].take();
    }
    body["device"]["id"].take();
    for moment in ["activatedAt", "lastSeenAt"] {
        body["device"][moment].take();
    }
    body["transfers"]["nextAt"].take();
    (reply.status, body)
}

fn changes(stack: &TestStack, id: &LicenseId) -> usize {
    stack.settle();
    stack.audit_rows(id).iter().filter(|row| row.get("ttl").is_none()).count()
}

#[test]
fn lost_commit_reply_is_recovered() {
    let stack = TestStack::start();
    for case in CASES {
        let (key, _) = case.license(&stack);
        let undisturbed = case.send(&stack, &key);
        assert_eq!(undisturbed.code(), case.code);

        // The SDK sends the same transaction once more, and DynamoDB knows its token.
        let (key, id) = case.license(&stack);
        stack.dynamodb.break_next(1, commits(), Fault::DropReply);
        let reply = case.send(&stack, &key);
        assert_eq!(lasting(&reply), lasting(&undisturbed), "{}", case.endpoint);
        assert_eq!(changes(&stack, &id), 1, "{}", case.endpoint);

        // The same where DynamoDB does not know the token any more: the row says who wrote it.
        let (key, id) = case.license(&stack);
        let forgotten = Fault::transaction_canceled(&["ConditionalCheckFailed", "None"]);
        stack.dynamodb.break_next(1, commits(), forgotten);
        stack.dynamodb.break_next(1, commits(), Fault::DropReply);
        let reply = case.send(&stack, &key);
        assert_eq!(lasting(&reply), lasting(&undisturbed), "{}", case.endpoint);
        assert_eq!(changes(&stack, &id), 1, "{}", case.endpoint);
        assert_eq!(stack.item(&id)["version"]["N"], "2", "{}", case.endpoint);
    }
}

#[test]
fn unknown_outcome_is_503_then_found() {
    let stack = TestStack::start();
    for case in CASES {
        let (key, id) = case.license(&stack);
        stack.dynamodb.break_all(commits(), Fault::DropReply);
        let reply = case.send(&stack, &key);
        assert_eq!(
            (reply.status, reply.code(), reply.header("retry-after")),
            (503, "UNAVAILABLE", Some("2"))
        );
        stack.dynamodb.heal();
        assert_eq!(case.send(&stack, &key).code(), case.repeated, "{}", case.endpoint);
        assert_eq!(changes(&stack, &id), 1, "{}", case.endpoint);
    }
}

#[test]
fn lost_own_reply_is_safe_to_repeat() {
    let stack = TestStack::start();
    for case in CASES {
        let (key, id) = case.license(&stack);
        assert_eq!(case.send(&stack, &key).code(), case.code);
        let before = stack.item(&id);
        for _ in 0..2 {
            assert_eq!(case.send(&stack, &key).code(), case.repeated, "{}", case.endpoint);
        }
        assert_eq!(stack.item(&id), before, "{}", case.endpoint);
        assert_eq!(changes(&stack, &id), 1, "{}", case.endpoint);
    }
}

#[test]
fn transaction_conflict_is_retried() {
    let stack = TestStack::start();
    for (what, fault) in [
        ("conflict", Fault::transaction_canceled(&["TransactionConflict", "None"])),
        ("throttled", Fault::transaction_canceled(&["None", "ThrottlingError"])),
        ("in progress", Fault::transaction_in_progress()),
    ] {
        let (key, machine) = (stack.put(Fixture::pro()), Machine::named("here"));
        let id = stack.license_id(&key);
        stack.forget();
        stack.dynamodb.break_next(2, commits(), fault.clone());
        assert_eq!(stack.activate(&key, &machine).code(), "ACTIVATED", "{what}");
        let sent = stack.dynamodb.matching(&commits());
        let tokens: std::collections::BTreeSet<_> =
            sent.iter().map(|commit| commit.request["ClientRequestToken"].to_string()).collect();
        assert_eq!((sent.len(), tokens.len()), (3, 1), "{what}: the same transaction, under the same token");
        History::of(&stack, &id, 1);

        // It does not pass: nobody knows the outcome, or others are faster all the time.
        let (key, machine) = (stack.put(Fixture::pro()), Machine::named("here"));
        stack.dynamodb.break_all(commits(), fault);
        let told = if what == "conflict" { "CONCURRENT_UPDATE" } else { "UNAVAILABLE" };
        assert_eq!(stack.activate(&key, &machine).code(), told, "{what}");
        stack.dynamodb.heal();
    }
}

#[test]
fn refuses_changes_during_outage() {
    let stack = TestStack::with(&TestStackOptions {
        settings: vec![("RATE_LIMIT_PER_MINUTE", LIMIT.to_string())],
        ..TestStackOptions::default()
    });
    for case in CASES {
        let (key, id) = case.license(&stack);
        let before = stack.item(&id);
        let counter = Matcher::resource(stack.settings.rate_limits_table.clone());
        for (what, matcher, fault) in [
            ("counter reset", counter.clone(), Fault::Reset),
            ("counter hanging", counter, Fault::Hang),
            ("store reset", Matcher::any(), Fault::Reset),
            ("store throttled", Matcher::any(), Fault::throttling()),
            ("commit hanging", commits(), Fault::Hang),
            ("commit reset", commits(), Fault::Reset),
        ] {
            stack.dynamodb.break_all(matcher, fault);
            // More than the limit: memory does not replace the counter, as it does for verify.
            let asks = if what == "counter reset" { LIMIT + 1 } else { 1 };
            for _ in 0..asks {
                let reply = case.send(&stack, &key);
                let said = (reply.status, reply.code(), reply.header("retry-after"));
                assert_eq!(said, (503, "UNAVAILABLE", Some("2")), "{} {what}", case.endpoint);
                assert_eq!(reply.body["success"], false, "{} {what}", case.endpoint);
            }
            stack.dynamodb.heal();
            assert_eq!(stack.item(&id), before, "{} {what}", case.endpoint);
        }
        assert_eq!(case.send(&stack, &key).code(), case.code, "{}", case.endpoint);
    }
    assert_eq!(stack.gateway().starts().len(), stack.instances(), "nobody was killed or died");
}

/// An imported key is counted by its address until its license was found, and by its license from then on. Neither is done
/// without.
#[test]
fn refuses_imported_changes_during_outage() {
    let ring = format!(r#"{{"current":"1","imported":"2","1":"{MASTER_A}","2":"{MASTER_B}"}}"#);
    let stack = TestStack::with(&TestStackOptions {
        ring: Some(ring),
        settings: vec![("RATE_LIMIT_PER_MINUTE", LIMIT.to_string())],
        ..TestStackOptions::default()
    });
    let typed = "ABC-123-FIXTURE";
    stack.speak(typed);
    let id = stack.license_id(typed);
    let of_key = id.clone();
    stack.put(Fixture::pro().seats(2).with(move |new, _| new.license.id = of_key));
    for (known, machine) in [("not found yet", "first"), ("found", "second")] {
        let (machine, before) = (Machine::named(machine), stack.item(&id));
        stack.dynamodb.break_all(Matcher::resource(stack.settings.rate_limits_table.clone()), Fault::Reset);
        let reply = stack.activate(typed, &machine);
        let said = (reply.status, reply.code(), reply.header("retry-after"));
        assert_eq!(said, (503, "UNAVAILABLE", Some("2")), "{known}");
        stack.dynamodb.heal();
        assert_eq!(stack.item(&id), before, "{known}");
        assert_eq!(stack.activate(typed, &machine).code(), "ACTIVATED", "{known}");
    }
}

/// A refresh that only notes the hour meets a transaction on its license, such as another device's activation.
#[test]
fn quiet_write_in_a_transaction_is_decided_again() {
    let stack = TestStack::start();
    let machine = Machine::named("here");
    let key = stack.put(Fixture::pro().bound(1, &machine, falconer_domain::UnixMillis(now().0 - 7_200_000)));
    let id = stack.license_id(&key);
    let seen = || stack.stored(&id).devices.values().map(|device| device.seen_at).max();
    let before = seen();
    let puts = Matcher::resource(stack.settings.licenses_table.clone()).and_operation("PutItem");
    stack.dynamodb.break_next(1, puts.clone(), Fault::transaction_conflict());
    let reply = stack.post("/api/activate-sync", &machine.request(&key));
    assert_eq!((reply.status, reply.code()), (200, "REFRESHED"), "{}", reply.body);
    assert!(seen() > before, "the hour was stored by the second decision");
    stack.dynamodb.break_all(puts, Fault::transaction_conflict());
    let key = stack.put(Fixture::pro().bound(1, &machine, falconer_domain::UnixMillis(now().0 - 7_200_000)));
    let reply = stack.post("/api/activate-sync", &machine.request(&key));
    assert_eq!((reply.status, reply.code()), (409, "CONCURRENT_UPDATE"), "it says so if it never ends");
}
