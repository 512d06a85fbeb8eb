//! F1: a store that asks us to slow down.

use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, Machine, Reply, TestStack, TestStackOptions};
use serde_json::{Value, json};

use crate::limits::wait_for_room_in_the_minute;

/// The words for it: of a table, of an account, and of a partition.
const KINDS: [&str; 3] =
    ["ThrottlingException", "RequestLimitExceeded", "ProvisionedThroughputExceededException"];

/// A call that a request makes before its answer, and the request that makes it.
struct ThrottledCall {
    endpoint: &'static str,
    code: &'static str,
    call: Matcher,
}

fn ways(stack: &TestStack) -> Vec<ThrottledCall> {
    let settings = &stack.settings;
    let read = || Matcher::operation("GetItem").and_resource(&settings.licenses_table);
    let count = || Matcher::operation("UpdateItem").and_resource(&settings.rate_limits_table);
    let commit = || Matcher::operation("TransactWriteItems");
    let changes =
        [("activate-sync", "ACTIVATED"), ("transfer", "TRANSFERRED"), ("deactivate", "DEACTIVATED")];
    let mut ways: Vec<_> = [read(), count()]
        .into_iter()
        .map(|call| ThrottledCall { endpoint: "verify", code: "VALID", call })
        .collect();
    for (endpoint, code) in changes {
        ways.extend([read(), count(), commit()].into_iter().map(|call| ThrottledCall {
            endpoint,
            code,
            call,
        }));
    }
    ways
}

impl ThrottledCall {
    /// Makes the request for a license of its own. A request to verify has been sent once, since the counter hears of
    /// the second.
    fn prepare(&self, stack: &TestStack) -> Value {
        let here = Machine::named("here");
        let fixture = match self.endpoint {
            "transfer" => Fixture::pro().bound(1, &Machine::named("old"), falconer_tests::now()),
            "deactivate" => Fixture::pro().bound(1, &here, falconer_tests::now()),
            _ => Fixture::pro(),
        };
        let key = stack.put(fixture);
        if self.endpoint != "verify" {
            return here.request(&key);
        }
        wait_for_room_in_the_minute();
        assert_eq!(stack.verify(&key).code(), "VALID");
        json!({ "license": key })
    }

    fn send(&self, stack: &TestStack, request: &Value) -> Reply {
        stack.post(&format!("/api/{}", self.endpoint), request)
    }
}

#[test]
fn absorbs_two_throttles_then_503() {
    let stack = TestStack::with(&TestStackOptions {
        settings: vec![("RATE_LIMIT_PER_MINUTE", "1000".to_owned())],
        ..TestStackOptions::default()
    });
    for way in ways(&stack) {
        // The catalog is in memory from here on, so that a throttled read is one of the license.
        assert_eq!(way.send(&stack, &way.prepare(&stack)).code(), way.code, "{}", way.endpoint);
        for (kind, times) in KINDS.into_iter().zip([1, 2, 2]) {
            let place = format!("{} {:?}: {times} × {kind}", way.endpoint, way.call);
            let request = way.prepare(&stack);
            stack.settle();
            stack.forget();
            let throttled = Fault::error(400, kind, "Slow down.");
            stack.dynamodb.break_next(times, way.call.clone(), throttled.clone());
            let reply = way.send(&stack, &request);
            assert_eq!((reply.status, reply.code()), (200, way.code), "{place}");
            assert_eq!(stack.dynamodb.matching(&way.call).len(), times + 1, "{place}");
            stack.dynamodb.heal();
        }
        let request = way.prepare(&stack);
        stack.dynamodb.break_all(way.call.clone(), Fault::throttling());
        let (reply, place) = (way.send(&stack, &request), format!("{} {:?}", way.endpoint, way.call));
        stack.dynamodb.heal();
        if way.endpoint == "verify" && way.call.clone() == ways(&stack)[1].call {
            assert_eq!(reply.code(), "VALID", "a verdict waits for no counter");
        } else {
            let said = (reply.status, reply.code(), reply.header("retry-after"));
            assert_eq!(said, (503, "UNAVAILABLE", Some("2")), "{place}");
        }
    }
}
