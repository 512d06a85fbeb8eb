//! The tap's record of a request.

use std::time::Instant;

use serde_json::Value;

use super::{Fault, Seen};

/// Operations that only read: their units are read units, all others' are write units.
const READS: [&str; 5] = ["GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"];

/// One request.
#[derive(Clone, Debug)]
pub struct TapRecord {
    /// The last part of `X-Amz-Target`, as `GetItem`.
    pub operation: String,
    /// The tables (or the secret) that the body names, each once.
    pub resources: Vec<String>,
    /// How many requests came before this one.
    pub number: u64,
    /// The body as it came, if it was JSON.
    pub request: Value,
    /// When it had arrived completely.
    pub started: Instant,
    /// When its answer was ready to be sent, or its connection was reset; `None` while neither has happened.
    pub finished: Option<Instant>,
    /// The status its sender was given; `None` if none.
    pub status: Option<u16>,
    /// The fault it met.
    pub fault: Fault,
    /// Capacity that the upstream reported, per table; empty if it reported none.
    pub consumed: Vec<(String, f64)>,
}

/// Request units of DynamoDB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Read request units.
    pub read: f64,
    /// Write request units.
    pub write: f64,
}

impl TapRecord {
    /// The capacity of this request.
    #[must_use]
    pub fn units(&self) -> Units {
        let sum = self.consumed.iter().map(|(_, units)| units).sum();
        if READS.contains(&self.operation.as_str()) {
            Units { read: sum, write: 0.0 }
        } else {
            Units { read: 0.0, write: sum }
        }
    }

    pub(super) fn seen(&self) -> Seen {
        Seen { operation: self.operation.clone(), resources: self.resources.clone(), number: self.number }
    }
}

impl std::iter::Sum for Units {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self { read: sum.read + one.read, write: sum.write + one.write })
    }
}

/// The tables or the secret that a request's body names, each once, in the order of the body.
pub(super) fn resources(body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for member in ["TableName", "SecretId", "Name"] {
        push(&mut found, body[member].as_str());
    }
    // TransactWriteItems, TransactGetItems: one operation an item.
    let actions = body["TransactItems"].as_array().into_iter().flatten();
    for action in actions.filter_map(Value::as_object).flatten() {
        push(&mut found, action.1["TableName"].as_str());
    }
    // BatchGetItem, BatchWriteItem: tables are keys.
    for (table, _) in body["RequestItems"].as_object().into_iter().flatten() {
        push(&mut found, Some(table));
    }
    found
}

/// `ConsumedCapacity` of an answer: one object, or a list of them.
pub(super) fn consumed(answer: &Value) -> Vec<(String, f64)> {
    let capacity = &answer["ConsumedCapacity"];
    let all = match capacity {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    all.iter()
        .filter_map(|one| {
            let table = one["TableName"].as_str()?.to_owned();
            Some((table, one["CapacityUnits"].as_f64()?))
        })
        .collect()
}

fn push(found: &mut Vec<String>, name: Option<&str>) {
    if let Some(name) = name.filter(|name| !found.iter().any(|known| known == name)) {
        found.push(name.to_owned());
    }
}
