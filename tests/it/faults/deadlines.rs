//! F2 and F4: how long an answer may take. Our own figures, under paused time.

use std::time::Duration;

use falconer_emulators::tap::{Fault, Matcher};
use falconer_http::{App, Endpoint, Request, Response};
use falconer_tests::{Fixture, Machine, TestStack, pass, turned_clock};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::events::event;

/// The promised times. The rest up to the gateway's 30 s and the function's 5 s is slack.
const VERIFY_WITHIN: Duration = Duration::from_millis(2_500);
const CHANGE_WITHIN: Duration = Duration::from_millis(4_500);

/// Each endpoint, and when it tells an outage.
fn endpoints() -> [(Endpoint, Duration); 4] {
    [
        (verify::ENDPOINT, VERIFY_WITHIN),
        (activate_sync::ENDPOINT, CHANGE_WITHIN),
        (transfer::ENDPOINT, CHANGE_WITHIN),
        (deactivate::ENDPOINT, CHANGE_WITHIN),
    ]
}

/// A request that is to be answered within `left`.
fn call(endpoint: &Endpoint, key: &str, left: Duration) -> Request {
    let mut event = event(endpoint.name, "post");
    event["body"] = Machine::named("here").request(key).to_string().into();
    Request::read(&event.to_string(), falconer_tests::now(), Instant::now() + left).expect("a request")
}

fn told(response: Response, request: &Request, endpoint: &Endpoint) -> (u16, Value) {
    let response = response.into_http(request, endpoint.effect);
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), body["code"].clone())
}

/// A license that a request of `here` changes, or finds good.
fn license(stack: &TestStack, endpoint: &Endpoint) -> String {
    let bound = |name| Fixture::pro().bound(1, &Machine::named(name), falconer_tests::now());
    stack.put(match endpoint.name {
        "activate-sync" => Fixture::pro(),
        "transfer" => bound("old"),
        _ => bound("here"),
    })
}

#[test]
fn hanging_outage_meets_the_deadline() {
    let stack = TestStack::start();
    for (endpoint, promised) in endpoints() {
        assert!(endpoint.deadline <= promised, "{}", endpoint.name);
        let mut hung = vec![Matcher::any()];
        if endpoint.name != "verify" {
            hung.push(Matcher::operation("TransactWriteItems"));
        }
        let runtime = turned_clock();
        let app = App::new(endpoint.clone(), stack.settings.clone(), &stack.tapped);
        for matcher in hung {
            let (key, other) = (license(&stack, &endpoint), license(&stack, &endpoint));
            runtime.block_on(async {
                // In real time: the ring, the catalog, and a connection.
                let warm = call(&endpoint, &other, Duration::from_secs(60));
                assert_eq!(told(app.respond(&warm).await, &warm, &endpoint).0, 200, "{}", endpoint.name);

                stack.dynamodb.break_all(matcher.clone(), Fault::Hang);
                stack.forget();
                let asked = Instant::now();
                let call = call(&endpoint, &key, endpoint.deadline);
                let mut answer = Box::pin(app.respond(&call));
                // Real time up to the call that hangs; from there on no answer will come, and our time-outs follow one
                // another at once.
                while stack.dynamodb.matching(&matcher).is_empty() {
                    let a_moment = tokio::time::sleep(Duration::from_millis(1));
                    tokio::select! {
                        _ = &mut answer => panic!("{}: an answer without a call", endpoint.name),
                        () = a_moment => {}
                    }
                }
                tokio::time::pause();
                let (status, code) = told(answer.await, &call, &endpoint);
                let place = format!("{} {matcher:?}", endpoint.name);
                assert_eq!((status, code), (503, json!("UNAVAILABLE")), "{place}");
                assert!(asked.elapsed() <= endpoint.deadline, "{place}: {:?}", asked.elapsed());
                tokio::time::resume();
                stack.dynamodb.heal();
            });
        }
    }
}

#[test]
fn starts_nothing_in_last_half_second() {
    let stack = TestStack::start();
    for (endpoint, _) in endpoints() {
        let app = App::new(endpoint.clone(), stack.settings.clone(), &stack.tapped);
        let (key, other) = (license(&stack, &endpoint), license(&stack, &endpoint));
        turned_clock().block_on(async {
            let warm = call(&endpoint, &other, Duration::from_secs(60));
            app.respond(&warm).await;
            stack.forget();
            let late = call(&endpoint, &key, Duration::from_millis(499));
            let (status, code) = told(app.respond(&late).await, &late, &endpoint);
            assert_eq!((status, code), (503, json!("UNAVAILABLE")), "{}", endpoint.name);
            assert!(stack.dynamodb.records().is_empty(), "{}", endpoint.name);
        });
    }
}

/// There was time for the read and there is none for the commit, whose answer would hardly come.
#[test]
fn commits_nothing_in_last_half_second() {
    let stack = TestStack::start();
    let (reads, commits) = (Matcher::operation("GetItem"), Matcher::operation("TransactWriteItems"));
    for (endpoint, _) in endpoints().into_iter().filter(|(endpoint, _)| endpoint.name != "verify") {
        let app = App::new(endpoint.clone(), stack.settings.clone(), &stack.tapped);
        let (key, other) = (license(&stack, &endpoint), license(&stack, &endpoint));
        turned_clock().block_on(async {
            let warm = call(&endpoint, &other, Duration::from_secs(60));
            assert_eq!(told(app.respond(&warm).await, &warm, &endpoint).0, 200, "{}", endpoint.name);
            stack.forget();
            stack.dynamodb.break_all(reads.clone(), Fault::Delay(Duration::from_millis(50)));
            let late = call(&endpoint, &key, Duration::from_secs(1));
            let mut answer = Box::pin(app.respond(&late));
            while stack.dynamodb.matching(&reads).is_empty() {
                let a_moment = tokio::time::sleep(Duration::from_millis(1));
                tokio::select! {
                    _ = &mut answer => panic!("{}: an answer without a call", endpoint.name),
                    () = a_moment => {}
                }
            }
            pass(Duration::from_millis(550)).await;
            stack.dynamodb.heal();
            let (status, code) = told(answer.await, &late, &endpoint);
            assert_eq!((status, code), (503, json!("UNAVAILABLE")), "{}", endpoint.name);
            assert!(stack.dynamodb.matching(&commits).is_empty(), "{}", endpoint.name);
        });
    }
}
