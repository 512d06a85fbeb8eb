//! Many callers, few seats: real processes over real HTTP, on one license.

use std::time::Duration;

use falconer_aws::StoreError;
use falconer_aws::store::LastRequest;
use falconer_domain::{LicenseId, UnixMillis};
use falconer_emulators::gateway::peak_overlap;
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, Machine, Reply, TestStack, TestStackOptions, now};
use serde_json::{Value, json};

use crate::history::History;

const CALLERS: usize = 16;
const ROUNDS: usize = 25;
const INSTANCES: usize = 4;
/// Every commit is held back this long, as on a real network: longer than a decision takes.
const COMMIT_DELAY: Duration = Duration::from_millis(3);

pub(crate) const CHANGES: [&str; 3] = ["activate-sync", "transfer", "deactivate"];

/// A caller's request in one round, with its answer.
pub(crate) struct RoundTrip {
    pub(crate) endpoint: &'static str,
    pub(crate) body: Value,
    pub(crate) reply: Reply,
}

impl RoundTrip {
    /// Returns true if it is an answer to a change.
    pub(crate) fn changed_something(&self) -> bool {
        ["ACTIVATED", "TRANSFERRED", "RECLAIMED", "DEACTIVATED"].contains(&self.reply.code())
    }
}

/// A license on which transfers are free to happen: the windows are the domain's tests' business.
pub(crate) fn busy(seats: u32) -> Fixture {
    Fixture::pro().seats(seats).with(|new, _| {
        new.license.policy.max_transfers = Some(1_000);
        new.license.policy.transfer_cooldown_hours = Some(0);
    })
}

/// The rounds of one caller: what is asked follows from the two numbers, so that a failure can be repeated; what meets
/// what is up to the machine.
pub(crate) fn rounds(url: &str, key: &str, caller: usize, rounds: usize) -> Vec<RoundTrip> {
    let machine = Machine::named(&format!("caller{caller}"));
    let mut all = Vec::new();
    for round in 0..rounds {
        let endpoint = CHANGES[(caller * 7 + round * 5 + caller * round) % CHANGES.len()];
        let ask = |body: &Value| Reply::post(&format!("{url}/api/{endpoint}"), &[], &body.to_string());
        let body = machine.request(key);
        let reply = ask(&body);
        if reply.code() == "DEVICE_REQUIRED" {
            // As a person would: it names the devices, so one of them is named.
            let devices = reply.body["devices"].as_array().expect("devices");
            let mut named = body.clone();
            named["from_device"] = devices[(caller + round) % devices.len()]["id"].clone();
            let reply = ask(&named);
            all.push(RoundTrip { endpoint, body: named, reply });
        }
        all.push(RoundTrip { endpoint, body, reply });
    }
    all
}

/// Every answer must agree with the outcome.
pub(crate) fn acknowledged_is_stored(history: &History, told: &[RoundTrip]) {
    for RoundTrip { endpoint, reply, .. } in told {
        let code = reply.code();
        let request_id = reply.header("x-request-id").unwrap_or_default();
        let device = reply.body["device"]["id"].as_str().unwrap_or_default();
        match code {
            "ACTIVATED" | "TRANSFERRED" | "RECLAIMED" | "DRIFTED" | "DEACTIVATED" => {
                let version = history
                    .by_request(request_id)
                    .unwrap_or_else(|| panic!("{endpoint}: {code} is not stored"));
                assert_eq!(version.code, code);
                assert_eq!(version.devices.contains(device), code != "DEACTIVATED", "{endpoint}: {code}");
            }
            "REFRESHED" | "ALREADY_BOUND" => {
                assert!(history.ever_held(device), "{endpoint}: {code} {device}");
            }
            "SEATS_EXHAUSTED" | "DEVICE_REQUIRED" | "DEVICE_NOT_BOUND" | "CONCURRENT_UPDATE" => {
                assert!(history.by_request(request_id).is_none(), "{endpoint}: {code} changed something");
            }
            // On a machine that is busy with more than this: it promises nothing, and may have happened.
            "UNAVAILABLE" => {}
            _ => panic!("{endpoint}: {} {}", reply.status, reply.body),
        }
    }
}

fn race(stack: &TestStack, seats: u32) -> (LicenseId, Vec<RoundTrip>) {
    let key = stack.put(busy(seats));
    let url = stack.gateway().url();
    let told = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let (url, key) = (&url, &key);
                scope.spawn(move || rounds(url, key, number, ROUNDS))
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().expect("a caller")).collect()
    });
    (stack.license_id(&key), told)
}

#[test]
fn seats_hold_under_any_race() {
    let stack = TestStack::with(&TestStackOptions { instances: INSTANCES, ..TestStackOptions::default() });
    let commits = Matcher::operation("TransactWriteItems");
    stack.dynamodb.break_all(commits, Fault::Delay(COMMIT_DELAY));
    let (mut transferred, mut deactivated) = (0, 0);
    for seats in [1, 2, 5] {
        let (id, told) = race(&stack, seats);
        assert!(told.len() >= CALLERS * ROUNDS);
        stack.settle();
        let history = History::of(&stack, &id, seats as usize);
        acknowledged_is_stored(&history, &told);
        let count = |code: &str| told.iter().filter(|told| told.reply.code() == code).count();
        let changes = told.iter().filter(|told| told.changed_something()).count();
        let most = changes + count("UNAVAILABLE");
        assert!((changes..=most).contains(&history.len()), "every change was acknowledged once");
        transferred += count("TRANSFERRED");
        deactivated += count("DEACTIVATED");
    }
    // Of one license few transfers are admitted, so one race alone may see none on a busy machine.
    assert!(transferred > 0 && deactivated > 0, "{transferred} transfers and {deactivated} deactivations");
    let invocations = stack.gateway().invocations();
    for function in CHANGES {
        let of_it: Vec<_> = invocations.iter().filter(|one| one.function == function).cloned().collect();
        let peak = peak_overlap(&of_it);
        assert!(peak >= 2, "{function}: no more than {peak} at a time");
    }
    let lines = stack.request_lines();
    let lost: u64 = lines.iter().map(|line| line["ConflictRetries"].as_u64().unwrap_or_default()).sum();
    assert!(lost > 0, "nobody ever lost a race, so there was none");
}

#[test]
fn three_lost_races_are_409() {
    let stack = TestStack::start();
    let (key, machine) = (stack.put(Fixture::pro()), Machine::named("first"));
    let id = stack.license_id(&key);
    let before = stack.item(&id);
    stack.forget();
    let lost = Fault::transaction_canceled(&["ConditionalCheckFailed", "None"]);
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), lost.clone());
    let reply = stack.activate(&key, &machine);
    assert_eq!(
        (reply.status, reply.code(), reply.header("retry-after")),
        (409, "CONCURRENT_UPDATE", Some("1"))
    );
    let expected = json!({
        "success": false, "valid": false, "error": "Changed meanwhile, try again", "code": "CONCURRENT_UPDATE",
        "requestId": reply.header("x-request-id"),
    });
    assert_eq!(reply.body, expected, "nothing was decided, so nothing is signed");
    assert_eq!(stack.item(&id), before);
    let commits = stack.dynamodb.matching(&Matcher::operation("TransactWriteItems"));
    let tokens: std::collections::BTreeSet<_> =
        commits.iter().map(|commit| commit.request["ClientRequestToken"].to_string()).collect();
    assert_eq!((commits.len(), tokens.len()), (3, 3), "each decision commits under a token of its own");
    assert_eq!(stack.request_lines()[0]["ConflictRetries"], 3);
    let rows = stack.audit_rows(&id);
    assert_eq!((rows.len(), &rows[0]["code"]["S"]), (1, &json!("CONCURRENT_UPDATE")));

    stack.dynamodb.heal();
    stack.dynamodb.break_next(2, Matcher::operation("TransactWriteItems"), lost);
    assert_eq!(stack.activate(&key, &machine).code(), "ACTIVATED", "the third decision is not too late");
}

/// A write that says nothing, such as the hour of a refresh, is no transaction. Its condition is the same: a device that
/// was bound meanwhile stays bound.
#[test]
fn quiet_write_takes_nothing_back() {
    let stack = TestStack::start();
    let [first, second] = ["first", "second"].map(Machine::named);
    let key = stack.put(Fixture::pro().seats(2).bound(1, &first, UnixMillis(now().0 - 7_200_000)));
    let id = stack.license_id(&key);
    let read = stack.wait(stack.store.license(&id)).unwrap().expect("a license");
    assert_eq!(stack.activate(&key, &second).code(), "ACTIVATED");
    let before = stack.item(&id);
    let mut seen = read.license.clone();
    seen.devices.values_mut().for_each(|device| device.seen_at = now());
    let request = LastRequest { id: "quiet", code: "REFRESHED" };
    let saved = stack.wait(stack.store.save(&read.guard, &read.license, &seen, request));
    assert!(matches!(saved, Err(StoreError::Conflict)), "{saved:?}");
    assert_eq!(stack.item(&id), before, "both devices");
}
