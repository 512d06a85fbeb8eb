//! The profile `hardware`.

use std::collections::BTreeMap;

use falconer_domain::LicenseKey;
use falconer_domain::hardware::{Label, LeaseComponents};
use serde_json::{Value, json};

use crate::hardware::{Fingerprint, RawComponents};
#[cfg(test)]
use crate::vectors::run;
use crate::vectors::text;

#[test]
fn machines_are_known_as_specified() {
    run("hardware", 80, conclude);
}

/// Returns what a client concludes.
#[must_use]
pub fn conclude(given: &Value) -> Value {
    let key = LicenseKey::parse(text(&given["license_key"])).unwrap();
    let own = Fingerprint::of(&key, &machine(&given["shows"]), None);
    let stated = own.lease_components();
    let mut seen = json!({ "sent": own.to_wire(), "hw": stated.to_wire(), "enough": own.can_bind() });
    if let Some(lease) = given.get("lease") {
        let hw: BTreeMap<String, String> = serde_json::from_value(lease["hw"].clone()).unwrap();
        let threshold = u32::try_from(lease["hw_threshold"].as_u64().unwrap()).unwrap();
        seen["counts"] = json!(LeaseComponents::from_wire(&hw).are_matched_by(&stated, threshold));
    }
    seen
}

/// The components of a machine that shows these values.
#[must_use]
pub fn machine(shows: &Value) -> RawComponents {
    shows.as_object().unwrap().iter().fold(RawComponents::default(), |raw, (label, value)| {
        raw.with(Label::parse(label).unwrap(), text(value))
    })
}
