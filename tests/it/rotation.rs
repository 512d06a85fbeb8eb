//! Rotating the master while requests run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use falconer_domain::UnixMillis;
use falconer_domain::jwks::Jwks;
use falconer_emulators::tap::{Fault, Matcher};
use falconer_http::{App, Request};
use falconer_operator::issue::{Issuer, KeyForm};
use falconer_operator::keyring::operations as keyring;
use falconer_operator::keyring::{EditRefusal, PROMOTE_AFTER_MILLIS};
use falconer_tests::{
    Fixture, MASTER_B, RaisedOnLeaving, Reply, TestStack, TestStackOptions, anonymous_order, turned_clock,
};
use serde_json::{Value, json};

use crate::events::event;

const START: UnixMillis = UnixMillis(1_800_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);

/// Instances in this process, so that an hour of their life passes in a moment: the same handler and the same state as
/// in the binaries, on a clock that the test turns.
struct Instances {
    apps: Vec<App>,
    minutes: i64,
}

impl Instances {
    fn new(stack: &TestStack, count: usize) -> Self {
        let app = |_| App::new(verify::ENDPOINT, stack.settings.clone(), &stack.tapped);
        Self { apps: (0..count).map(app).collect(), minutes: 0 }
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(START.0 + self.minutes * 60_000)
    }

    /// Every instance verifies every key. The answers' codes and lease kids, all of them.
    async fn verify(&self, keys: &[&str]) -> Vec<(String, String)> {
        let mut answers = Vec::new();
        for key in keys {
            answers.extend(self.ask(&json!({ "license": key })).await);
        }
        answers
    }

    /// Every instance answers a body.
    async fn ask(&self, body: &Value) -> Vec<(String, String)> {
        let mut answers = Vec::new();
        for app in &self.apps {
            let mut event = event("verify", "post");
            event["body"] = body.to_string().into();
            let deadline = tokio::time::Instant::now() + verify::ENDPOINT.deadline;
            let request = Request::read(&event.to_string(), self.now(), deadline).expect("a request");
            let response = app.respond(&request).await.into_http(&request, app.endpoint.effect);
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            let lease = body["lease"].as_str().unwrap_or_default();
            let header = lease.split('.').next().unwrap_or_default();
            let header = falconer_domain::encoding::BASE64URL_NOPAD.decode(header.as_bytes()).unwrap();
            let header: Value = serde_json::from_slice(&header).unwrap_or_default();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            answers.push((text(&body["code"]), text(&header["kid"])));
        }
        answers
    }

    async fn pass(&mut self, minutes: i64) {
        for _ in 0..minutes {
            falconer_tests::pass(MINUTE).await;
            self.minutes += 1;
        }
    }
}

fn issue(stack: &TestStack) -> String {
    let ring = stack.ring();
    let order = anonymous_order("pro");
    let mut desk = Issuer::new(&stack.store, &ring, "fixture");
    let key = stack.wait(desk.issue(&order, KeyForm::Current, START)).unwrap().key.to_string();
    stack.speak(&key);
    key
}

#[test]
fn rotation_keeps_every_key_valid() {
    let stack = TestStack::start();
    let old = stack.put(Fixture::pro());
    let legacy = stack.put(Fixture::pro().with_legacy_key());
    let writer = stack.ring_writer();
    let runtime = turned_clock();
    let mut instances = Instances::new(&stack, 3);
    let all_valid = |answers: Vec<(String, String)>, kid: Option<&str>| {
        for (code, signed_by) in answers {
            assert_eq!(code, "VALID");
            assert!(kid.is_none_or(|kid| kid == signed_by), "{signed_by}");
        }
    };

    runtime.block_on(async { all_valid(instances.verify(&[&old, &legacy]).await, Some("1")) });
    let added = stack.wait(keyring::add(&writer, instances.now())).unwrap();
    assert_eq!(added.get(), 3);
    runtime.block_on(async {
        all_valid(instances.verify(&[&old, &legacy]).await, Some("1"));
        instances.pass(14).await;
        all_valid(instances.verify(&[&old, &legacy]).await, Some("1"));
    });
    let early = stack.wait(keyring::promote(&writer, instances.now())).unwrap_err();
    assert_eq!(early.to_string(), EditRefusal::TooYoung(added, 14).to_string());
    runtime.block_on(instances.pass(1));
    assert_eq!(instances.now().0 - START.0, PROMOTE_AFTER_MILLIS);
    assert_eq!(stack.wait(keyring::promote(&writer, instances.now())).unwrap(), added);

    // A key of the new generation, on instances that have not read the ring since: none refuses it.
    let new = issue(&stack);
    assert_eq!(new.as_bytes()[7], b'3', "issued by generation 3");
    runtime.block_on(async {
        all_valid(instances.verify(&[&new, &old, &legacy]).await, None);
        for _ in 0..6 {
            instances.pass(1).await;
            all_valid(instances.verify(&[&new, &old, &legacy]).await, None);
        }
        all_valid(instances.verify(&[&new, &old, &legacy]).await, Some("3"));
    });
    let keys = Jwks::of(&stack.ring()).keys;
    assert!(
        keys[1].is_endorsed_by("1", &keys[0].public_key().unwrap()),
        "a client that trusts 1 comes to trust 3"
    );
}

#[test]
fn unknown_generation_rereads_the_ring() {
    let stack = TestStack::start();
    let old = stack.put(Fixture::pro());
    let runtime = turned_clock();
    let mut instances = Instances::new(&stack, 2);
    runtime.block_on(instances.verify(&[&old]));
    stack.wait(keyring::add(&stack.ring_writer(), START)).unwrap();
    stack.wait(keyring::promote_now(&stack.ring_writer())).unwrap();
    let new = issue(&stack);
    let reads = || stack.secrets_tap.records().len();
    runtime.block_on(async {
        instances.pass(1).await;
        falconer_tests::pass(Duration::from_secs(1)).await;
        let before = reads();
        assert!(instances.verify(&[&new, &new]).await.iter().all(|(code, _)| code == "VALID"));
        assert_eq!(reads() - before, 2, "once for each instance");
    });
}

/// A legacy key names no generation, but its row does: hardware is hashed with a pepper the instance may not know yet.
#[test]
fn unknown_pepper_rereads_the_ring() {
    let stack = TestStack::start();
    let old = stack.put(Fixture::pro());
    let runtime = turned_clock();
    let mut instances = Instances::new(&stack, 1);
    runtime.block_on(instances.verify(&[&old]));
    stack.wait(keyring::add(&stack.ring_writer(), START)).unwrap();
    stack.wait(keyring::promote_now(&stack.ring_writer())).unwrap();
    let legacy = stack.put(Fixture::pro().with_legacy_key());
    runtime.block_on(async {
        instances.pass(2).await;
        let hardware = json!({ "mac": "fixture-hardware-mac", "board": "fixture-hardware-board" });
        let answers = instances.ask(&json!({ "license": legacy, "hardware": hardware })).await;
        assert_eq!(answers[0].0, "NOT_ACTIVATED");
    });
}

#[test]
fn unknown_generation_is_503_if_stale() {
    let stack = TestStack::start();
    let old = stack.put(Fixture::pro());
    let unknown = format!("{}9{}", &old[..7], &old[8..]);
    let runtime = turned_clock();
    let mut instances = Instances::new(&stack, 1);
    runtime.block_on(async {
        instances.verify(&[&old]).await;
        assert_eq!(instances.verify(&[&unknown]).await[0].0, "INVALID_SIGNATURE", "a young ring may refuse");
        instances.pass(2).await;
        stack.secrets_tap.break_all(Matcher::any(), Fault::Reset);
        stack.secrets_tap.forget();
        for _ in 0..20 {
            assert_eq!(instances.verify(&[&unknown]).await[0].0, "UNAVAILABLE", "an old one may not");
        }
        let attempts = stack.secrets_tap.records().len();
        assert!((1..=3).contains(&attempts), "one read a minute, whatever callers send: {attempts} attempts");
        assert_eq!(instances.verify(&[&old]).await[0].0, "VALID");
    });
}

#[test]
fn good_ring_survives_outage_and_bad_ring() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let good = stack.secrets.current(&stack.settings.master_key_secret_id).unwrap();
    let runtime = turned_clock();
    let mut instances = Instances::new(&stack, 1);
    runtime.block_on(async {
        assert_eq!(instances.verify(&[&key]).await[0].0, "VALID");
        stack.secrets_tap.break_all(Matcher::any(), Fault::Reset);
        for _ in 0..12 {
            instances.pass(5).await;
            assert_eq!(instances.verify(&[&key]).await[0].0, "VALID");
        }
        assert!(
            instances.apps[0].ring.age().await.unwrap() >= Duration::from_secs(3_600),
            "the metric shows it"
        );
        stack.secrets_tap.heal();
        for bad in ["{}", "not json", r#"{"current":"1","1":"short"}"#] {
            stack.secrets.put(&stack.settings.master_key_secret_id, bad);
            instances.pass(10).await;
            assert_eq!(instances.verify(&[&key]).await[0].0, "VALID", "{bad}");
        }
        stack.secrets.put(&stack.settings.master_key_secret_id, &good);
        instances.pass(10).await;
        assert_eq!(instances.verify(&[&key]).await[0].0, "VALID");
        assert!(instances.apps[0].ring.age().await.unwrap() < MINUTE, "read again");
    });
}

/// A text that is not a ring counts for nothing. Another ring cannot be told from the next one of a rotation: it counts within
/// 300 s, and so does the good one when it is moved back.
#[test]
fn another_ring_counts_until_moved_back() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let secret = &stack.settings.master_key_secret_id;
    let good = stack.secrets.current(secret).unwrap();
    let runtime = turned_clock();
    let mut instances = Instances::new(&stack, 1);
    runtime.block_on(async {
        assert_eq!(instances.verify(&[&key]).await[0].0, "VALID");
        for (mistaken, code) in [
            ("not a ring".to_owned(), "VALID"),
            (json!({ "current": "3", "3": MASTER_B }).to_string(), "INVALID_SIGNATURE"),
        ] {
            stack.secrets.put(secret, &mistaken);
            assert_eq!(instances.verify(&[&key]).await[0].0, "VALID", "held");
            instances.pass(5).await;
            assert_eq!(instances.verify(&[&key]).await[0].0, code, "{mistaken}");
            stack.secrets.put(secret, &good);
            instances.pass(5).await;
            assert_eq!(instances.verify(&[&key]).await[0].0, "VALID", "moved back");
        }
    });
}

/// A secret store that takes longer than an instance may be held up after an answer: the re-reads behind answers are
/// all cut off, and those that requests wait for must still happen.
#[test]
fn slow_store_still_refreshes_the_ring() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let runtime = turned_clock();
    let mut instances = Instances::new(&stack, 1);
    runtime.block_on(async {
        instances.verify(&[&key]).await;
        let slow = Fault::Delay(Duration::from_millis(150));
        stack.secrets_tap.break_all(Matcher::any(), slow);
        for _ in 0..6 {
            instances.pass(1).await;
            let refresh = instances.apps[0].ring.refresh_ageing();
            let _ = tokio::time::timeout(Duration::from_millis(100), refresh).await;
            assert_eq!(instances.verify(&[&key]).await[0].0, "VALID");
        }
        assert!(instances.apps[0].ring.age().await.unwrap() < 2 * MINUTE, "read while a request waited");
    });
}

/// The same over real processes and real HTTP, in real time: requests never pause while the operator adds, waits until
/// the instances' rings may no longer refuse what they do not know, promotes, and hands out a new key. The instances
/// run on throughout.
#[test]
fn traffic_survives_rotation() {
    let stack = TestStack::with(&TestStackOptions { instances: 2, ..TestStackOptions::default() });
    let old = stack.put(Fixture::pro());
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let url = format!("{}/api/verify", stack.gateway().url());
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            let body = json!({ "license": old }).to_string();
            while !stop.load(Ordering::Relaxed) {
                let reply = Reply::post(&url, &[], &body);
                assert_eq!(reply.code(), "VALID");
                sent.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let _leaving = RaisedOnLeaving(&stop);
        stack.wait(keyring::add(&stack.ring_writer(), START)).unwrap();
        std::thread::sleep(Duration::from_secs(61));
        stack.wait(keyring::promote_now(&stack.ring_writer())).unwrap();
        let new = issue(&stack);
        let signed_by: Vec<_> = at_once(&url, &new, 8).iter().map(|reply| reply.lease_parts().0).collect();
        assert!(signed_by.iter().all(|header| header["kid"] == "3"), "{signed_by:?}");
        let before = sent.load(Ordering::Relaxed);
        while sent.load(Ordering::Relaxed) < before + 5 && !traffic.is_finished() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert!(sent.load(Ordering::Relaxed) > 100, "{sent:?}");
    assert_eq!(
        stack.gateway().starts().len(),
        stack.instances(),
        "every instance is still the one that was started"
    );
    let keys = stack.get("/api/keys").body;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1, "caches of public keys follow within five minutes");
}

/// The answers to a key that is new, asked at the same moment from several callers: each must be a yes.
fn at_once(url: &str, key: &str, callers: usize) -> Vec<Reply> {
    let body = json!({ "license": key }).to_string();
    let threads: Vec<_> = (0..callers)
        .map(|_| {
            let (url, body) = (url.to_owned(), body.clone());
            std::thread::spawn(move || Reply::post(&url, &[], &body))
        })
        .collect();
    let replies: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(replies.iter().all(|reply| reply.code() == "VALID"), "{replies:?}");
    replies
}

/// A key without any separator reads as an imported one where the ring accepts those.
#[test]
fn loose_key_of_unknown_generation_rereads_the_ring() {
    let stack = stack_with_imported_keys();
    let old = stack.put(Fixture::pro());
    let runtime = turned_clock();
    let mut instances = Instances::new(&stack, 1);
    runtime.block_on(instances.verify(&[&old]));
    stack.wait(keyring::add(&stack.ring_writer(), START)).unwrap();
    stack.wait(keyring::promote_now(&stack.ring_writer())).unwrap();
    let new = issue(&stack).replace('-', "");
    runtime.block_on(async {
        instances.pass(1).await;
        falconer_tests::pass(Duration::from_secs(1)).await;
        assert!(instances.verify(&[&new]).await.iter().all(|(code, _)| code == "VALID"), "{new}");
    });
}

/// Without a young ring nobody knows whether such a text is a key of a new generation, unless its license is there.
#[test]
fn loose_key_is_503_if_ring_is_stale() {
    let stack = stack_with_imported_keys();
    let old = stack.put(Fixture::pro());
    let loose = |generation: char| format!("{}{generation}{}", &old[..7], &old[8..]).replace('-', "");
    let (unknown, kept) = (loose('5'), loose('7'));
    let id = stack.license_id(&kept);
    stack.put(Fixture::pro().with(move |new, _| new.license.id = id));
    let runtime = turned_clock();
    let mut instances = Instances::new(&stack, 1);
    runtime.block_on(async {
        assert_eq!(instances.verify(&[&unknown]).await[0].0, "INVALID_SIGNATURE", "a young ring may refuse");
        assert_eq!(instances.verify(&[&kept]).await[0].0, "VALID");
        instances.pass(2).await;
        stack.secrets_tap.break_all(Matcher::any(), Fault::Reset);
        stack.secrets_tap.forget();
        for _ in 0..10 {
            assert_eq!(instances.verify(&[&unknown]).await[0].0, "UNAVAILABLE", "an old one may not");
            assert_eq!(instances.verify(&[&kept]).await[0].0, "VALID", "an imported key needs no newer ring");
        }
        let attempts = stack.secrets_tap.records().len();
        assert!((1..=3).contains(&attempts), "one read a minute, whatever callers send: {attempts} attempts");
        stack.secrets_tap.heal();
        instances.pass(2).await;
        assert_eq!(instances.verify(&[&unknown]).await[0].0, "INVALID_SIGNATURE");
    });
}

fn stack_with_imported_keys() -> TestStack {
    let imported = format!(r#"{{"imported":"9","9":"{}","#, falconer_tests::MASTER_B);
    let ring = falconer_tests::ring().replacen('{', &imported, 1);
    TestStack::with(&TestStackOptions { ring: Some(ring), ..TestStackOptions::default() })
}
