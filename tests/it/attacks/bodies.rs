//! Oversized, deeply nested, wrongly typed JSON. The contracts have the cases; here is everything else.

use falconer_tests::{Fixture, TestStack};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value};

/// Names that mean something somewhere, so that most of the JSON is looked at.
const NAMES: [&str; 22] = [
    "license",
    "license_key",
    "licenseKey",
    "hardware",
    "hardware_format",
    "hardwareFormat",
    "hw1",
    "hw_component_1",
    "hwComponent2",
    "mac",
    "board",
    "cpu",
    "nonce",
    "origin",
    "licensee_name",
    "licensee_email",
    "device_name",
    "from_device",
    "fromDevice",
    "status",
    "timestamp",
    "🔑",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        "[\\x00-\\x1F\u{202E}\u{FEFF}a]{0,20}".prop_map(Value::from),
        Just(Value::from("KEY")),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        let name =
            prop_oneof![4 => proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => "\\PC{0,12}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..8)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A genuine key wherever the generator says so, so that what follows the key is reached too.
fn with_key(value: &Value, key: &str) -> Value {
    match value {
        Value::String(text) if text == "KEY" => key.into(),
        Value::Array(items) => items.iter().map(|item| with_key(item, key)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), with_key(value, key)));
            let mut members: Map<_, _> = members.collect();
            if members.get("license").is_some_and(Value::is_string) {
                members.insert("license".to_owned(), key.into());
            }
            members.into()
        }
        other => other.clone(),
    }
}

#[test]
fn no_json_gets_5xx_or_unsigned_yes() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().seats(100));
    let mut runner = TestRunner::new(Config { cases: 120, failure_persistence: None, ..Config::default() });
    let endpoints = ["verify", "activate-sync", "transfer", "deactivate"];
    runner
        .run(&any_json(), |body| {
            let body = with_key(&body, &key);
            for endpoint in endpoints {
                let reply = stack.post(&format!("/api/{endpoint}"), &body);
                prop_assert!(reply.status < 500, "{endpoint} {body}: {} {}", reply.status, reply.body);
                prop_assert!(!reply.code().is_empty(), "{endpoint} {body}: {}", reply.body);
                let signed = reply.body["lease"].is_string();
                prop_assert!(signed || reply.body["valid"] != true, "{endpoint} {body}");
            }
            Ok(())
        })
        .unwrap();
    for bytes in [
        vec![b'['; 8_000],
        b"{\"license\":".repeat(700),
        vec![0; 8_192],
        vec![b'9'; 8_000],
        b"{\"license\":1e999999}".to_vec(),
        b"\xEF\xBB\xBF{}".to_vec(),
        vec![b' '; 2 << 20],
    ] {
        for endpoint in endpoints {
            let reply = stack.send("POST", &format!("/api/{endpoint}"), &[], &bytes);
            assert!((400..500).contains(&reply.status), "{endpoint} {}…: {}", bytes[0], reply.status);
        }
    }
    assert_eq!(stack.gateway().starts().len(), stack.instances(), "nobody died of it");
    assert_eq!(stack.verify(&key).code(), "VALID");
}
