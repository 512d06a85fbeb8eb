//! The limit of a license is one for all instances, and nobody can talk their way around it or use up another's.

use std::collections::BTreeSet;
use std::time::Duration;

use falconer_domain::issue::NewLicense;
use falconer_emulators::gateway::SOURCE_IP_HEADER;
use falconer_emulators::tap::Matcher;
use falconer_tests::{Fixture, MASTER_A, MASTER_B, Machine, Reply, TestStack, TestStackOptions, now};
use serde_json::{Value, json};

const LIMIT: usize = 10;
const INSTANCES: usize = 4;
/// Seconds of a minute that a test needs whose requests have to be in one.
const ROOM_SECONDS: u64 = 5;

fn instances_with(settings: &[(&'static str, usize)]) -> TestStack {
    let settings = settings.iter().map(|(name, number)| (*name, number.to_string())).collect();
    TestStack::with(&TestStackOptions { instances: INSTANCES, settings, ..TestStackOptions::default() })
}

/// Limits for a license at an address alone.
fn license_at_address() -> TestStack {
    instances_with(&[
        ("RATE_LIMIT_PER_MINUTE", LIMIT),
        ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", 0),
        ("VERIFIES_PER_LICENSE_PER_MINUTE", 0),
    ])
}

/// Requests that the shared counter has counted since the tap forgot.
pub(crate) fn counted(stack: &TestStack) -> usize {
    let calls = stack.dynamodb.matching(&Matcher::operation("UpdateItem"));
    let taken = calls.iter().filter(|call| call.status == Some(200));
    let number =
        |call: &Value| call["ExpressionAttributeValues"][":calls"]["N"].as_str().unwrap().parse::<usize>();
    taken.map(|call| number(&call.request).unwrap()).sum()
}

/// Sends a burst and says how many of it were admitted. Two things can spoil a burst, and then another is sent from
/// another address: the end of a minute in its middle, and a counter call that took so long that the SDK made it twice
/// or did without. After either the counter has not counted what was admitted.
fn admitted_in_one_window(stack: &TestStack, mut burst: impl FnMut(usize) -> Vec<Reply>) -> usize {
    let without_counter = || -> u64 {
        stack.request_lines().iter().map(|line| line["WithoutCounter"].as_u64().unwrap_or_default()).sum()
    };
    for attempt in 0..4 {
        let lost = without_counter();
        stack.dynamodb.forget();
        let before = minute();
        let replies = burst(attempt);
        let admitted = replies.iter().filter(|reply| reply.status == 200).count();
        if minute() == before && counted(stack) <= admitted && without_counter() == lost {
            return admitted;
        }
    }
    panic!("four bursts in a row were spoiled");
}

fn seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "which window a burst fell into")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs()
}

fn minute() -> u64 {
    seconds() / 60
}

/// Waits where a minute is about to end, for a test whose requests have to be in one.
pub(crate) fn wait_for_room_in_the_minute() {
    while 60 - seconds() % 60 <= ROOM_SECONDS {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Sends `count` requests from as many threads at once.
fn at_once(
    stack: &TestStack,
    endpoint: &str,
    count: usize,
    send: impl Fn(usize) -> Vec<(String, String)> + Sync,
    body: &Value,
) -> Vec<Reply> {
    let url = format!("{}/api/{endpoint}", stack.gateway().url());
    let threads: Vec<_> = (0..count)
        .map(|number| {
            let (url, headers, body) = (url.clone(), send(number), body.to_string());
            std::thread::spawn(move || Reply::post(&url, &headers, &body))
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn instances_at_work(stack: &TestStack, function: &str) -> usize {
    let invocations = stack.gateway().invocations();
    let of_it = invocations.iter().filter(|invocation| invocation.function == function);
    of_it.filter_map(|invocation| invocation.instance).collect::<BTreeSet<_>>().len()
}

/// Each instance admits one request without the counter; none is refused before the limit is reached.
fn assert_within_bound(admitted: usize) {
    assert!((LIMIT..LIMIT + INSTANCES).contains(&admitted), "{admitted} admitted");
}

/// Changes are counted at once, so of them exactly the limit is admitted.
#[test]
fn license_has_one_limit_over_instances() {
    let stack = license_at_address();
    let machine = Machine::named("here");
    let key = stack.put(Fixture::pro().bound(1, &machine, now()));
    for endpoint in ["verify", "activate-sync"] {
        let admitted = admitted_in_one_window(&stack, |attempt| {
            let from = vec![(SOURCE_IP_HEADER.to_owned(), format!("203.0.113.{attempt}"))];
            at_once(&stack, endpoint, 40, |_| from.clone(), &machine.request(&key))
        });
        match endpoint {
            "verify" => assert_within_bound(admitted),
            _ => assert_eq!(admitted, LIMIT, "{endpoint}"),
        }
        assert_eq!(instances_at_work(&stack, endpoint), INSTANCES, "{endpoint}: all were at work");
    }
}

#[test]
fn ipv6_network_counts_as_one_address() {
    let stack = license_at_address();
    let key = stack.put(Fixture::pro());
    let admitted = admitted_in_one_window(&stack, |attempt| {
        let from = |number: usize| {
            vec![(SOURCE_IP_HEADER.to_owned(), format!("2001:db8:0:{attempt:x}::{number:x}"))]
        };
        at_once(&stack, "verify", 40, from, &json!({ "license": key }))
    });
    assert_within_bound(admitted);
    let neighbour = stack.post_from("2001:db8:0:ff::1", "/api/verify", &json!({ "license": key }));
    assert_eq!(neighbour.status, 200, "the next /64 is somebody else");
}

#[test]
fn forwarded_for_changes_nothing() {
    let stack = license_at_address();
    let key = stack.put(Fixture::pro());
    let admitted = admitted_in_one_window(&stack, |attempt| {
        let from = |number: usize| {
            let address = format!("198.51.100.{attempt}");
            let claimed = format!("192.0.2.{number}");
            let mut headers = vec![(SOURCE_IP_HEADER.to_owned(), address)];
            for name in
                ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip", "cloudfront-viewer-address"]
            {
                headers.push((name.to_owned(), claimed.clone()));
            }
            headers
        };
        at_once(&stack, "verify", 40, from, &json!({ "license": key }))
    });
    assert_within_bound(admitted);
}

/// An office at nine o'clock, with the template's own limits and one instance of each function.
#[test]
fn office_of_thirty_starts_in_one_minute() {
    let stack = TestStack::with(&TestStackOptions { settings: vec![], ..TestStackOptions::default() });
    let customers: Vec<_> = (0..30)
        .map(|number| (stack.put(Fixture::pro()), Machine::named(&format!("customer{number}"))))
        .collect();
    for attempt in 0..4 {
        let (office, before) = (format!("203.0.113.{attempt}"), minute());
        for (key, machine) in &customers {
            let verified = stack.post_from(&office, "/api/verify", &json!({ "license": key }));
            assert_eq!(verified.code(), "VALID");
            let activated = stack.post_from(&office, "/api/activate-sync", &machine.request(key));
            assert_eq!(activated.code(), if attempt == 0 { "ACTIVATED" } else { "REFRESHED" });
        }
        if minute() == before {
            return;
        }
    }
    panic!("four minutes ended meanwhile");
}

/// One of them asks without end: it is refused, and its neighbours are not.
#[test]
fn runaway_customer_harms_no_neighbour() {
    let stack = TestStack::with(&TestStackOptions { settings: vec![], ..TestStackOptions::default() });
    let runaway = stack.put(Fixture::pro());
    let replies: Vec<_> = (0..200).map(|_| stack.verify(&runaway)).collect();
    let over = replies.iter().find(|reply| reply.status == 429).expect("one over the limit");
    assert_eq!(over.header("ratelimit-policy"), Some(r#""verify";q=10;w=60"#));
    for _ in 0..20 {
        assert_eq!(stack.verify(&stack.put(Fixture::pro())).code(), "VALID");
    }
}

/// The bound of an address is this instance's own, and costs neither a write nor, once it is reached, a read.
#[test]
fn address_is_bounded_without_a_write() {
    let stack = TestStack::with(&TestStackOptions {
        settings: vec![("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "12".to_owned())],
        ..TestStackOptions::default()
    });
    let keys: Vec<_> = (0..30).map(|_| stack.put(Fixture::pro())).collect();
    assert_eq!(
        stack.post_from("198.51.100.1", "/api/verify", &json!({ "license": keys[0] })).code(),
        "VALID"
    );
    stack.settle();
    wait_for_room_in_the_minute();
    stack.forget();
    let replies: Vec<_> = keys.iter().map(|key| stack.verify(key)).collect();
    let (admitted, over) = replies.split_at(12);
    assert!(admitted.iter().all(|reply| reply.code() == "VALID"));
    let policy = |reply: &Reply| reply.header("ratelimit-policy").map(str::to_owned);
    assert!(over.iter().all(|reply| policy(reply).as_deref() == Some(r#""address";q=12;w=60"#)), "{over:?}");
    stack.settle();
    let operations: BTreeSet<_> =
        stack.dynamodb.records().iter().map(|call| call.operation.clone()).collect();
    assert_eq!(operations, ["GetItem", "PutItem"].map(str::to_owned).into(), "no counter");
    // The SDK may read one twice on a busy machine, and the catalog is read again after a while.
    let reads = stack.dynamodb.matching(&Matcher::operation("GetItem"));
    let read: BTreeSet<_> =
        reads.iter().map(|call| call.request["Key"]["license_id"]["S"].to_string()).collect();
    assert_eq!(read.iter().filter(|id| id.contains("lic_")).count(), 12, "a refusal is free");
}

/// Texts that may be imported keys are counted by their address, before anything is read. Customers there are not.
#[test]
fn guessed_keys_are_limited_by_address() {
    let ring = format!(r#"{{"current":"1","imported":"2","1":"{MASTER_A}","2":"{MASTER_B}"}}"#);
    let stack = TestStack::with(&TestStackOptions {
        ring: Some(ring),
        settings: vec![
            ("RATE_LIMIT_PER_MINUTE", "3".to_owned()),
            ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "20".to_owned()),
        ],
        ..TestStackOptions::default()
    });
    let typed = "ABC-123-FIXTURE";
    stack.speak(typed);
    let id = stack.license_id(typed);
    stack.put(Fixture::pro().with(move |new: &mut NewLicense, _: &_| new.license.id = id));
    wait_for_room_in_the_minute();
    assert_eq!(stack.verify(typed).code(), "VALID", "found, and known from now on");
    let guesses: Vec<_> = (0..40).map(|number| stack.verify(&format!("GUESS-{number:03}-FIXTURE"))).collect();
    let refused: Vec<_> = guesses.iter().filter(|reply| reply.status == 429).collect();
    assert_eq!(guesses.len() - refused.len(), 2, "with the first request three");
    let policy = Some(r#""unknown-key";q=3;w=60"#);
    assert!(refused.iter().all(|reply| reply.header("ratelimit-policy") == policy));
    stack.settle();
    stack.forget();
    assert_eq!(stack.verify("GUESS-999-FIXTURE").status, 429);
    stack.settle();
    assert!(stack.dynamodb.records().is_empty(), "refused from memory");
    assert_eq!(stack.verify(typed).code(), "VALID", "a license that was found has its own limit");
    assert_eq!(counted(&stack), 2, "the first request is brought with the second");
    assert_eq!(stack.verify(&stack.put(Fixture::pro())).code(), "VALID", "and so has a signed key");
    let more: Vec<_> = (0..4).map(|_| stack.verify(typed)).collect();
    let over = more.iter().find(|reply| reply.status == 429).expect("one over the limit");
    assert_eq!(over.header("ratelimit-policy"), Some(r#""verify";q=3;w=60"#));
}

/// A refusal by the shared counter counts for none of the limits in memory, as one from memory does.
#[test]
fn refusal_by_the_counter_uses_up_nothing() {
    let settings = [
        ("RATE_LIMIT_PER_MINUTE", 3),
        ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", 10),
        ("VERIFIES_PER_LICENSE_PER_MINUTE", 8),
    ];
    let settings = settings.map(|(name, number)| (name, number.to_string())).into();
    let stack = TestStack::with(&TestStackOptions { settings, ..TestStackOptions::default() });
    let keys = [(); 4].map(|()| stack.put(Fixture::pro()));
    let said = |address: &str, key: &str, count: usize| -> Vec<String> {
        let asked = (0..count).map(|_| stack.post_from(address, "/api/verify", &json!({ "license": key })));
        let policy = |reply: &Reply| reply.header("ratelimit-policy").map(str::to_owned);
        asked.map(|reply| policy(&reply).unwrap_or_else(|| reply.code().to_owned())).collect()
    };
    let over = |policy: &str, quota: usize| format!("\"{policy}\";q={quota};w=60");
    let three = ["VALID", "VALID", "VALID", &over("verify", 3)].map(str::to_owned);
    wait_for_room_in_the_minute();
    for key in &keys[..3] {
        assert_eq!(said("203.0.113.1", key, 4), three, "three customers in one office");
    }
    assert_eq!(said("203.0.113.1", &keys[3], 2), ["VALID".to_owned(), over("address", 10)]);
    for home in ["203.0.113.2", "203.0.113.3"] {
        assert_eq!(said(home, &keys[3], 4), three, "one customer at two places");
    }
    assert_eq!(said("203.0.113.4", &keys[3], 2), ["VALID".to_owned(), over("license", 8)]);
}

/// The limit of an address is on as well: junk uses up nothing of it.
#[test]
fn junk_never_locks_out_customers() {
    let settings = ["RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_PER_ADDRESS_PER_MINUTE"];
    let settings = settings.map(|name| (name, LIMIT.to_string())).into();
    let stack = TestStack::with(&TestStackOptions { settings, ..TestStackOptions::default() });
    let key = stack.put(Fixture::pro());
    wait_for_room_in_the_minute();
    let junk: Vec<_> = (0..60).map(|_| stack.verify("QF-PRO-JUNK").status).collect();
    assert!(junk.contains(&401) && junk.contains(&429), "junk has a limit of its own: {junk:?}");
    assert_eq!(stack.verify(&key).code(), "VALID");
}
