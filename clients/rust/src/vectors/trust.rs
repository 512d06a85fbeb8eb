//! The profile `trust`.

use serde_json::{Map, Value, json};

use crate::clock::UnixSeconds;
use crate::trust::TrustedKeys;
#[cfg(test)]
use crate::vectors::run;
use crate::vectors::{public_keys, read, text};

/// Moments decide nothing about keys, only about stored leases.
const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

#[test]
fn keys_are_followed_as_specified() {
    run("trust", 85, conclude);
}

/// Returns what a client concludes.
#[must_use]
pub fn conclude(given: &Value) -> Value {
    let (mut pins, mut kept) = (public_keys(&given["pinned"]), None::<String>);
    for step in given["steps"].as_array().unwrap() {
        match step.get("fetched") {
            Some(Value::Null) => {}
            Some(answer) => {
                let merged = TrustedKeys::merge(&pins, kept.as_deref(), text(&answer["body"]), NOW);
                kept = merged.or(kept);
            }
            None => pins = public_keys(&step["pinned"]),
        }
    }
    let trust = TrustedKeys::of(&pins, kept.as_deref());
    let trusted: Map<String, Value> = trust.listed().map(|(kid, x)| (kid.to_owned(), json!(x))).collect();
    json!({ "trusted": trusted, "outcome": read(given, &trust)["outcome"] })
}
