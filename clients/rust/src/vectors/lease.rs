//! The profile `lease`.

use serde_json::Value;

use crate::trust::TrustedKeys;
#[cfg(test)]
use crate::vectors::run;
use crate::vectors::{public_keys, read};

#[test]
fn answers_are_read_as_specified() {
    run("lease", 150, conclude);
}

/// Returns what a client concludes.
#[must_use]
pub fn conclude(given: &Value) -> Value {
    read(given, &TrustedKeys::of(&public_keys(&given["keys"]), None))
}
