//! Answers during an outage: never a refusal, never a crash, never silence.

use std::time::Duration;

use falconer_aws::{AuditOutcome, AuditRow, AuditWriter, Store};
use falconer_domain::UnixMillis;
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, MASTER_A, Reply, TestStack, TestStackOptions, ring};

use crate::limits::{counted, wait_for_room_in_the_minute};

/// More than verify's own deadline of 2.5 s, less than the function's 5: a gateway that kills here would betray a
/// function that waits for Lambda's time-out instead of its own.
const KILLED_AFTER: Duration = Duration::from_secs(4);

fn with_limit(per_minute: u32) -> TestStack {
    TestStack::with(&TestStackOptions {
        settings: vec![("RATE_LIMIT_PER_MINUTE", per_minute.to_string())],
        timeout: Some(KILLED_AFTER),
        ..TestStackOptions::default()
    })
}

fn assert_unavailable(reply: &Reply, what: &str) {
    assert_eq!((reply.status, reply.code()), (503, "UNAVAILABLE"), "{what}: {reply:?}");
    assert_eq!(reply.header("retry-after"), Some("2"), "{what}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{what}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}");
    assert!(reply.body.get("lease").is_none(), "{what}: nothing was decided");
}

#[test]
fn store_outage_is_503_never_401() {
    let stack = with_limit(10);
    let key = stack.put(Fixture::pro());
    assert_eq!(stack.verify(&key).code(), "VALID");
    for (what, fault) in [
        ("reset", Fault::Reset),
        ("hanging", Fault::Hang),
        ("throttled", Fault::throttling()),
        ("broken", Fault::internal()),
    ] {
        stack.dynamodb.break_all(Matcher::any(), fault);
        assert_unavailable(&stack.verify(&key), what);
        stack.dynamodb.heal();
        assert_eq!(stack.verify(&key).code(), "VALID", "after {what}");
    }
    let errors: u64 =
        stack.request_lines().iter().map(|line| line["StoreErrors"].as_u64().unwrap_or_default()).sum();
    assert!(errors >= 4, "{errors} counted");
    assert_eq!(stack.gateway().starts().len(), stack.instances(), "nobody was killed or died");
}

#[test]
fn absorbs_two_throttled_attempts() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    stack.verify(&key);
    stack.forget();
    stack.dynamodb.break_next(2, Matcher::operation("GetItem"), Fault::throttling());
    assert_eq!(stack.verify(&key).code(), "VALID");
    assert_eq!(stack.dynamodb.matching(&Matcher::operation("GetItem")).len(), 3);
}

#[test]
fn without_the_counter_memory_limits() {
    for fault in [Fault::Reset, Fault::Hang] {
        let stack = with_limit(3);
        let key = stack.put(Fixture::pro());
        let counter = || Matcher::resource(stack.settings.rate_limits_table.clone());
        stack.dynamodb.break_all(counter(), fault);
        wait_for_room_in_the_minute();
        let replies: Vec<_> = (0..8).map(|_| stack.verify(&key)).collect();
        assert_eq!(replies[0].code(), "VALID");
        assert!(replies.iter().any(|reply| reply.code() == "RATE_LIMITED"), "the limit holds in memory");
        assert!(replies.iter().all(|reply| ["VALID", "RATE_LIMITED"].contains(&reply.code())));
        let lines = stack.request_lines();
        let without: Vec<_> = lines.iter().map(|line| line["WithoutCounter"].as_u64()).collect();
        assert_eq!(
            without[..2],
            [None, Some(1)],
            "the first needs no counter; of the second the operator hears"
        );
        // Over the limit it is refused from memory, broken counter or not.
        stack.forget();
        if stack.verify(&key).status == 429 {
            stack.settle();
            assert!(stack.dynamodb.records().is_empty(), "{:?}", stack.dynamodb.records());
        }
    }
}

#[test]
fn counter_gets_the_requests_of_an_outage() {
    let stack = with_limit(10);
    let key = stack.put(Fixture::pro());
    wait_for_room_in_the_minute();
    stack.dynamodb.break_all(Matcher::resource(stack.settings.rate_limits_table.clone()), Fault::Reset);
    assert!((0..3).all(|_| stack.verify(&key).code() == "VALID"));
    stack.dynamodb.heal();
    stack.settle();
    stack.forget();
    assert_eq!(stack.verify(&key).code(), "VALID");
    assert_eq!(counted(&stack), 4, "three of the outage, and this one");
}

#[test]
fn unreadable_row_is_503() {
    let stack = TestStack::start();
    let key = stack.key_without_license();
    let id = stack.license_id(&key);
    stack.put_item(
        &serde_json::json!({ "license_id": { "S": id.as_str() }, "tier": { "S": "fixture-broken" } }),
    );
    assert_unavailable(&stack.verify(&key), "corrupt");
    stack.settle();
    assert!(stack.log_text().contains("a row is not readable"), "{}", stack.log_text());
}

#[test]
fn audit_outage_changes_no_verdict() {
    for fault in [Fault::Reset, Fault::Hang] {
        let stack = TestStack::start();
        let key = stack.put(Fixture::pro());
        stack.dynamodb.break_all(Matcher::operation("PutItem"), fault);
        // The second is answered while the first one's row still hangs: the instance did not wait for it.
        for _ in 0..6 {
            assert_eq!(stack.verify(&key).code(), "VALID");
        }
        let drops = || -> u64 {
            stack.request_lines().iter().map(|line| line["AuditDrops"].as_u64().unwrap_or_default()).sum()
        };
        assert_eq!(drops(), 6, "every missing row is counted");
        let tried = stack.dynamodb.matching(&Matcher::operation("PutItem"));
        let rows: std::collections::BTreeSet<_> =
            tried.iter().map(|record| record.request["Item"]["at"].to_string()).collect();
        assert_eq!(rows.len(), 3, "after three failures the table is left alone");
        assert_eq!(stack.gateway().starts().len(), stack.instances(), "nobody was killed or died");
    }
}

/// Our own time-out, under paused time: the writer gives up after 300 ms, pauses after three failures, and tries again
/// 30 s later.
#[test]
fn audit_writer_pauses_and_recovers() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    stack.dynamodb.break_all(Matcher::operation("PutItem"), Fault::Hang);
    let row = AuditRow {
        kept_days: Some(1),
        ..AuditRow::change(&stack.license_id(&key), UnixMillis(0), "r", "verify", "VALID", "nobody")
    };
    let store =
        Store::new(&stack.tapped, &stack.settings.licenses_table, &stack.settings.verifications_table);
    let writer = AuditWriter::new(&stack.settings);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        for _ in 0..3 {
            let started = tokio::time::Instant::now();
            assert_eq!(writer.write(&store, &row).await, AuditOutcome::Dropped);
            let budget = Duration::from_millis(300)..Duration::from_millis(302);
            assert!(budget.contains(&started.elapsed()), "{:?}", started.elapsed());
        }
        assert_eq!(writer.write(&store, &row).await, AuditOutcome::Paused);
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(writer.write(&store, &row).await, AuditOutcome::Paused);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(writer.write(&store, &row).await, AuditOutcome::Dropped, "tried again");
        stack.dynamodb.heal();
        tokio::time::resume();
        // On a busy machine a row may take longer than it is given, but hardly twice in a row.
        let mut outcomes = vec![writer.write(&store, &row).await];
        if outcomes == [AuditOutcome::Dropped] {
            outcomes.push(writer.write(&store, &row).await);
        }
        assert_eq!(outcomes.pop(), Some(AuditOutcome::Written), "one failure is no reason to pause");
    });
}

#[test]
fn starts_without_a_ring_and_heals() {
    let short = r#"{"current":"1","1":"a-short-master"}"#;
    for (what, bad, sentence) in [
        ("missing", None, "ResourceNotFoundException"),
        ("empty", Some(String::new()), "flat JSON object"),
        ("malformed", Some(format!(r#"{{"current":"1","1":"{MASTER_A}""#)), "flat JSON object"),
        ("short", Some(short.to_owned()), "shorter than 32 characters"),
        ("without current", Some(format!(r#"{{"1":"{MASTER_A}"}}"#)), "no \\\"current\\\""),
    ] {
        let stack = TestStack::with(&TestStackOptions { ring: bad, ..TestStackOptions::default() });
        stack.speak("a-short-master");
        assert_unavailable(&stack.verify("QF-PRO-ANYTHING"), what);
        assert_unavailable(&stack.get("/api/keys"), what);
        assert_eq!(stack.get("/api/health").status, 200, "{what}: alive");
        assert_eq!(stack.get("/api/health/ready").status, 503, "{what}: not ready");
        let log = stack.log_text();
        assert!(log.contains("key ring missing; every request gets 503"), "{what}: {log}");
        assert!(log.contains(sentence), "{what}: {log}");

        stack.secrets.put(&stack.settings.master_key_secret_id, &ring());
        let key = stack.put(Fixture::pro());
        let healed = (0..160).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            stack.verify(&key).code() == "VALID"
        });
        assert!(healed, "{what}: the ring is read again after 5 s");
        assert_eq!(stack.gateway().starts().len(), stack.instances(), "{what}: nobody crashed");
    }
}

#[test]
fn cold_start_survives_secrets_outage() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    stack.secrets_tap.break_all(Matcher::any(), Fault::Reset);
    stack.gateway().kill("verify", 0).unwrap();
    stack.gateway().wait_until_ready(Duration::from_secs(60)).unwrap();
    assert_unavailable(&stack.verify(&key), "cold");
    stack.secrets_tap.heal();
    let healed = (0..160).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        stack.verify(&key).code() == "VALID"
    });
    assert!(healed);
}

#[test]
fn readiness_names_what_is_missing() {
    let stack = TestStack::start();
    stack.dynamodb.break_all(Matcher::any(), Fault::Reset);
    let reply = stack.get("/api/health/ready");
    assert_unavailable(&reply, "ready");
    assert_eq!(reply.body["detail"], "DynamoDB cannot be reached.");
    assert_eq!(stack.get("/api/health").status, 200);
    stack.dynamodb.heal();
    assert_eq!(stack.get("/api/health/ready").status, 503, "one look is good for ten seconds");
    let looks = stack.dynamodb.records().len();
    stack.get("/api/health/ready");
    assert_eq!(stack.dynamodb.records().len(), looks);
}
