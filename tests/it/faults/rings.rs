//! F10 and F11: a ring that is bad, or that nobody hands out.

use std::time::Duration;

use falconer_emulators::tap::{Fault, Matcher};
use falconer_http::App;
use falconer_tests::{Fixture, MASTER_A, TestStack, pass, ring, turned_clock};
use tokio::time::Instant;

use crate::issuing::falconer;

/// Texts that are no ring, and what is said of each.
fn bad_rings() -> [(&'static str, String, &'static str); 5] {
    [
        ("empty", String::new(), "flat JSON object"),
        ("short", r#"{"current":"1","1":"a-short-master"}"#.to_owned(), "shorter than 32 characters"),
        ("malformed", format!(r#"{{"current":"1","1":"{MASTER_A}""#), "flat JSON object"),
        ("without current", format!(r#"{{"1":"{MASTER_A}"}}"#), "no \"current\""),
        ("of a missing generation", format!(r#"{{"current":"2","1":"{MASTER_A}"}}"#), "does not hold"),
    ]
}

/// Everything that can be wrong with the answer.
fn outages() -> [(&'static str, Fault); 5] {
    let error = |status, kind| Fault::secrets_error(status, kind, "Not now.");
    [
        ("reset", Fault::Reset),
        ("hanging", Fault::Hang),
        ("throttled", error(400, "ThrottlingException")),
        ("broken", error(500, "InternalServiceError")),
        ("refused", error(400, "AccessDeniedException")),
    ]
}

#[test]
fn cold_start_without_secrets_is_503() {
    // Each takes our own pause of 5 s; `outages` has the reset, and a running instance meets all of them below.
    for (what, fault) in outages().into_iter().filter(|(what, _)| ["hanging", "refused"].contains(what)) {
        let stack = TestStack::start();
        let key = stack.put(Fixture::pro());
        stack.secrets_tap.break_all(Matcher::any(), fault);
        stack.gateway().kill("verify", 0).unwrap();
        stack.gateway().wait_until_ready(Duration::from_secs(60)).unwrap();
        let reply = stack.verify(&key);
        let said = (reply.status, reply.code(), reply.header("retry-after"));
        assert_eq!(said, (503, "UNAVAILABLE", Some("2")), "{what}");
        let log = stack.log_text();
        assert!(
            log.contains("key ring missing; every request gets 503 until the secret can be read"),
            "{what}: {log}"
        );
        stack.secrets_tap.heal();
        let healed = (0..160).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            stack.verify(&key).code() == "VALID"
        });
        assert!(healed, "{what}");
        assert_eq!(stack.gateway().starts().len(), stack.instances() + 1, "{what}: nobody else died");
    }
}

/// Our own pause, on a clock that the test turns: requests of the next 5 s ask nobody, the first one after them does.
#[test]
fn missing_ring_is_retried_after_5_s() {
    let stack = TestStack::start();
    let runtime = turned_clock();
    runtime.block_on(async {
        for (what, bad, _) in bad_rings() {
            stack.secrets.put(&stack.settings.master_key_secret_id, &bad);
            let app = App::new(verify::ENDPOINT, stack.settings.clone(), &stack.tapped);
            assert!(app.ring.ring().await.is_err(), "{what}");
            stack.secrets.put(&stack.settings.master_key_secret_id, &ring());
            stack.secrets_tap.forget();
            pass(Duration::from_secs(4)).await;
            assert!(app.ring.ring().await.is_err(), "{what}");
            assert_eq!(stack.secrets_tap.records().len(), 0, "{what}: callers cannot hurry it");
            pass(Duration::from_secs(1)).await;
            assert!(app.ring.ring().await.is_ok(), "{what}");
        }
    });
}

#[test]
fn running_instance_keeps_good_ring() {
    let stack = TestStack::start();
    let runtime = turned_clock();
    runtime.block_on(async {
        let app = App::new(verify::ENDPOINT, stack.settings.clone(), &stack.tapped);
        let held = app.ring.ring().await.unwrap();
        let mut reads = 0;
        for (what, bad, _) in bad_rings() {
            stack.secrets.put(&stack.settings.master_key_secret_id, &bad);
            pass(Duration::from_secs(301)).await;
            let now = app.ring.ring().await.unwrap();
            assert_eq!(now.current().number(), held.current().number(), "{what}");
            reads += 1;
            assert!(stack.secrets_tap.records().len() > reads, "{what}: it was looked at");
        }
        for (what, fault) in outages() {
            // A request waits for a hanging store 400 ms at most; the clock runs on by itself there.
            stack.secrets_tap.break_all(Matcher::any(), fault);
            pass(Duration::from_secs(301)).await;
            assert!(app.ring.ring().await.is_ok(), "{what}");
            stack.secrets_tap.heal();
        }
        assert!(app.ring.age().await.unwrap() > Duration::from_secs(3_000), "the metric tells how old it is");
        stack.secrets.put(&stack.settings.master_key_secret_id, &ring());
        pass(Duration::from_secs(301)).await;
        assert!(app.ring.ring().await.is_ok());
        assert!(app.ring.age().await.unwrap() < Duration::from_secs(60), "and it is read again");
    });
}

/// One request a minute waits for a hanging store, and no longer than 400 ms. Then it has the ring that is held.
#[test]
fn hanging_secrets_delay_one_request() {
    let stack = TestStack::start();
    turned_clock().block_on(async {
        let app = App::new(verify::ENDPOINT, stack.settings.clone(), &stack.tapped);
        app.ring.ring().await.unwrap();
        pass(Duration::from_secs(301)).await;
        stack.secrets_tap.break_all(Matcher::any(), Fault::Hang);
        stack.secrets_tap.forget();
        let mut waiting = Box::pin(app.ring.ring());
        // Real time up to the call that hangs; from there on our own time-out follows at once.
        while stack.secrets_tap.records().is_empty() {
            let a_moment = tokio::time::sleep(Duration::from_millis(1));
            tokio::select! {
                _ = &mut waiting => panic!("nobody was asked"),
                () = a_moment => {}
            }
        }
        let asked = Instant::now();
        tokio::time::pause();
        assert!(waiting.await.is_ok());
        assert!(asked.elapsed() <= Duration::from_millis(400), "{:?}", asked.elapsed());
        tokio::time::resume();
        stack.secrets_tap.forget();
        pass(Duration::from_secs(59)).await;
        assert!(app.ring.ring().await.is_ok());
        assert!(stack.secrets_tap.records().is_empty(), "not within the minute");
    });
}

#[test]
fn cli_reports_a_bad_ring() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    for (what, bad, sentence) in bad_rings() {
        stack.secrets.put(&stack.settings.master_key_secret_id, &bad);
        for arguments in
            [&["issue", "--tier", "pro", "--perpetual"][..], &["show", &key], &["keyring", "list"]]
        {
            let output = falconer(&stack).args(arguments).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && said.contains(sentence), "{what} {arguments:?}: {said}");
            assert!(!said.contains(MASTER_A) && !said.contains("a-short-master"), "{what}: {said}");
        }
    }
}
