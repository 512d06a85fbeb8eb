//! A bill attack: requests that cost us, and nothing else.

use falconer_tests::{Fixture, Machine, TestStack, TestStackOptions};
use serde_json::json;

/// Requests a minute for one license on one instance.
const PER_LICENSE: usize = 14;
/// Rows of one license, minute and instance.
const ROWS: usize = 10;
const FLOOD: usize = 60;

/// A leaked key in a thousand hands: each address stays below its own limit, and the license's holds. The counter hears
/// of changes alone, because no address asks twice.
#[test]
fn license_limit_caps_many_addresses() {
    let machine = Machine::named("here");
    for (endpoint, code) in [
        ("verify", "VALID"),
        ("activate-sync", "REFRESHED"),
        ("transfer", "ALREADY_BOUND"),
        ("deactivate", "DEVICE_NOT_BOUND"),
    ] {
        let stack = TestStack::with(&TestStackOptions {
            settings: vec![
                ("RATE_LIMIT_PER_MINUTE", "10".to_owned()),
                ("VERIFIES_PER_LICENSE_PER_MINUTE", PER_LICENSE.to_string()),
            ],
            ..TestStackOptions::default()
        });
        let fixture = Fixture::pro();
        let key = stack.put(match endpoint {
            "deactivate" => fixture,
            _ => fixture.bound(1, &machine, falconer_tests::now()),
        });
        let body = if endpoint == "verify" { json!({ "license": key }) } else { machine.request(&key) };
        // The catalog, once.
        let path = format!("/api/{endpoint}");
        assert_eq!(stack.post_from("203.0.113.250", &path, &body).code(), code);
        stack.settle();
        stack.forget();
        let replies: Vec<_> =
            (0..FLOOD).map(|number| stack.post_from(&format!("203.0.113.{number}"), &path, &body)).collect();
        stack.settle();
        let admitted = replies.iter().filter(|reply| reply.code() == code).count();
        let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
        assert_eq!(admitted + refused.len(), FLOOD, "{endpoint}");
        // One window, or two if the minute ended meanwhile.
        assert!(admitted <= 2 * PER_LICENSE, "{endpoint}: {admitted} admitted");
        let policy = format!("\"license\";q={PER_LICENSE};w=60");
        assert!(
            refused.iter().all(|reply| reply.header("ratelimit-policy") == Some(policy.as_str())),
            "{endpoint}"
        );
        let records = stack.dynamodb.records();
        let of = |operation: &str| records.iter().filter(|one| one.operation == operation).count();
        let counted = if endpoint == "verify" { 0 } else { admitted };
        assert_eq!((of("GetItem"), of("UpdateItem")), (admitted, counted), "{endpoint}: a refusal is free");
        assert!(of("PutItem") <= 2 * ROWS, "{endpoint}: {} rows", of("PutItem"));
        assert_eq!(records.len(), of("GetItem") + of("UpdateItem") + of("PutItem"), "{endpoint}");
    }
}
