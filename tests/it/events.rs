//! `events/`: what API Gateway sends, as it sends it. The same files serve `cargo lambda invoke --data-file`.

use std::fs;

use falconer_tests::{TestStack, checkout};
use serde_json::Value;

/// An event of a function's folder.
pub(crate) fn event(function: &str, name: &str) -> Value {
    let file = checkout().join("events").join(function).join(format!("{name}.json"));
    let text = fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

#[test]
fn every_event_gets_its_status() {
    let stack = TestStack::start();
    for (function, name, status) in [
        ("verify", "post", 401),
        ("verify", "base64", 401),
        ("verify", "ipv6", 401),
        ("verify", "malformed", 400),
        ("verify", "as-sent", 401),
        ("verify", "ping", 200),
        ("verify", "rest", 400),
        ("verify", "alb", 400),
        ("verify", "function-url", 400),
        ("verify", "queue", 400),
        ("activate-sync", "post", 401),
        ("activate-sync", "webhook", 401),
        ("activate-sync", "short-names", 401),
        ("transfer", "post", 401),
        ("deactivate", "post", 401),
        ("keys", "get", 200),
        ("keys", "head", 200),
        ("health", "live", 200),
        ("health", "live-head", 200),
        ("health", "ready", 200),
        ("health", "ready-head", 200),
        ("health", "ping", 200),
    ] {
        let event = event(function, name);
        let answer = stack.gateway().invoke(function, &event).unwrap().into_json().unwrap();
        assert_eq!(answer["statusCode"], status, "{function}/{name}: {answer}");
        assert_eq!(answer["isBase64Encoded"], false, "{function}/{name}");
        // What did not come through the gateway is answered without an id of its.
        if let Some(id) = answer["headers"].get("x-request-id") {
            assert_eq!(*id, event["requestContext"]["requestId"], "{function}/{name}");
        }
    }
}

#[test]
fn every_event_file_is_used() {
    for folder in fs::read_dir(checkout().join("events")).unwrap().map(Result::unwrap) {
        for file in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            let (function, name) = (folder.file_name(), file.file_name());
            let row = format!(
                r#"("{}", "{}","#,
                function.to_string_lossy(),
                name.to_string_lossy().trim_end_matches(".json")
            );
            assert!(include_str!("events.rs").contains(&row), "{row}");
        }
    }
}
