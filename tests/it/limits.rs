//! The limit is one for all instances, and nobody can talk their way around it.

use std::collections::BTreeSet;

use falconer_emulators::gateway::SOURCE_IP_HEADER;
use falconer_emulators::tap::Matcher;
use falconer_tests::{Fixture, Reply, TestStack, TestStackOptions};
use serde_json::json;

const LIMIT: usize = 10;

fn two_instances() -> TestStack {
    let settings = vec![
        ("RATE_LIMIT_PER_MINUTE", LIMIT.to_string()),
        ("VERIFIES_PER_LICENSE_PER_MINUTE", "0".to_owned()),
    ];
    TestStack::with(&TestStackOptions { instances: 2, settings, ..TestStackOptions::default() })
}

/// Sends a burst and says how many of it were admitted. Two things can spoil a burst, and then another is sent from
/// another address: the end of a minute in its middle, and a counter call that took so long that the SDK made it twice
/// or did without. After either the counter has not counted what was admitted.
fn admitted_in_one_window(stack: &TestStack, mut burst: impl FnMut(usize) -> Vec<Reply>) -> usize {
    for attempt in 0..4 {
        stack.dynamodb.forget();
        let before = minute();
        let replies = burst(attempt);
        let admitted = replies.iter().filter(|reply| reply.status == 200).count();
        let calls = stack.dynamodb.matching(&Matcher::operation("UpdateItem"));
        let counted = calls.iter().filter(|call| call.status == Some(200)).count();
        if minute() == before && counted == admitted {
            return admitted;
        }
    }
    panic!("four bursts in a row were spoiled");
}

fn minute() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "which window a burst fell into")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() / 60
}

/// Sends `count` requests from as many threads at once.
fn at_once(
    stack: &TestStack,
    count: usize,
    send: impl Fn(usize) -> Vec<(String, String)> + Sync,
    body: &str,
) -> Vec<Reply> {
    let urls = (0..count).map(|number| (stack.gateway().url(), send(number)));
    let threads: Vec<_> = urls
        .map(|(url, headers)| {
            let body = body.to_owned();
            std::thread::spawn(move || Reply::post(&format!("{url}/api/verify"), &headers, &body))
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn instances_share_one_limit() {
    let stack = two_instances();
    let key = stack.put(Fixture::pro());
    let body = json!({ "license": key }).to_string();
    let admitted = admitted_in_one_window(&stack, |attempt| {
        let from = vec![(SOURCE_IP_HEADER.to_owned(), format!("203.0.113.{attempt}"))];
        at_once(&stack, 24, |_| from.clone(), &body)
    });
    assert_eq!(admitted, LIMIT);
    let used: BTreeSet<_> = stack
        .gateway()
        .invocations()
        .iter()
        .filter(|invocation| invocation.function == "verify")
        .filter_map(|invocation| invocation.instance)
        .collect();
    assert_eq!(used.len(), 2, "both instances were at work");
}

#[test]
fn ipv6_network_counts_as_one_address() {
    let stack = two_instances();
    let key = stack.put(Fixture::pro());
    let body = json!({ "license": key }).to_string();
    let admitted = admitted_in_one_window(&stack, |attempt| {
        let from = |number: usize| {
            vec![(SOURCE_IP_HEADER.to_owned(), format!("2001:db8:0:{attempt:x}::{number:x}"))]
        };
        at_once(&stack, 24, from, &body)
    });
    assert_eq!(admitted, LIMIT);
    let neighbour = stack.post_from("2001:db8:0:ff::1", "/api/verify", &json!({ "license": key }));
    assert_eq!(neighbour.status, 200, "the next /64 is somebody else");
}

#[test]
fn forwarded_for_changes_nothing() {
    let stack = two_instances();
    let key = stack.put(Fixture::pro());
    let body = json!({ "license": key }).to_string();
    let admitted = admitted_in_one_window(&stack, |attempt| {
        let from = |number: usize| {
            let address = format!("198.51.100.{attempt}");
            let claimed = format!("192.0.2.{number}");
            let mut headers = vec![(SOURCE_IP_HEADER.to_owned(), address)];
            for name in ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip"] {
                headers.push((name.to_owned(), claimed.clone()));
            }
            headers
        };
        at_once(&stack, 24, from, &body)
    });
    assert_eq!(admitted, LIMIT);
}

#[test]
fn junk_never_locks_out_customers() {
    let stack = two_instances();
    let key = stack.put(Fixture::pro());
    let junk: Vec<_> = (0..60).map(|_| stack.verify("QF-PRO-JUNK").status).collect();
    assert!(junk.contains(&401) && junk.contains(&429), "junk has a limit of its own: {junk:?}");
    assert_eq!(stack.verify(&key).status, 200);
}
