//! Everything that was ever written of one license, version by version, from the transactions that the tap saw; and
//! what must be true of it, whatever raced, was lost or was killed.

use std::collections::{BTreeMap, BTreeSet};

use falconer_domain::LicenseId;
use falconer_emulators::tap::{Matcher, TapRecord};
use falconer_tests::TestStack;
use serde_json::Value;

/// One version of a license, as it was put into the table.
#[derive(Debug)]
pub(crate) struct Version {
    /// The request that wrote it.
    pub(crate) request_id: String,
    /// The answer to that request.
    pub(crate) code: String,
    /// The devices that hold a seat.
    pub(crate) devices: BTreeSet<String>,
    item: Value,
}

/// The versions after the first, by number.
pub(crate) struct History(BTreeMap<u64, Version>);

fn number(item: &Value, attribute: &str) -> u64 {
    item[attribute]["N"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value["S"].as_str().unwrap_or_default().to_owned()
}

fn licenses_item(record: &TapRecord) -> &Value {
    match record.operation.as_str() {
        "PutItem" => &record.request["Item"],
        _ => &record.request["TransactItems"][0]["Put"]["Item"],
    }
}

/// Versions that changed nothing worth a row: a put of the license over the version before, which took effect.
fn quiet_versions(stack: &TestStack, id: &LicenseId) -> Vec<u64> {
    let records = stack.dynamodb.matching(&Matcher::operation("PutItem"));
    let of_license = |record: &&TapRecord| {
        let item = licenses_item(record);
        record.status == Some(200)
            && text(&item["license_id"]) == id.as_str()
            && item.get("version").is_some()
    };
    records.iter().filter(of_license).map(|record| number(licenses_item(record), "version")).collect()
}

fn device_ids(item: &Value) -> BTreeSet<String> {
    item["devices"]["M"].as_object().map(|devices| devices.keys().cloned().collect()).unwrap_or_default()
}

impl History {
    /// Puts it together and checks it against the table: versions without a gap, each that says anything with exactly
    /// one audit row that says the same; never more devices than seats, never one machine twice; counters that agree
    /// with the audit; and the last version in the table.
    pub(crate) fn of(stack: &TestStack, id: &LicenseId, seats: usize) -> Self {
        let rows: Vec<_> = stack.audit_rows(id).into_iter().filter(|row| row.get("ttl").is_none()).collect();
        let records = stack.dynamodb.matching(&Matcher::operation("TransactWriteItems"));
        let history = Self(rows.iter().map(|row| written_by(row, &records, id)).collect());
        assert_eq!(history.0.len(), rows.len(), "two changes made one version of it: one was lost");

        let quiet = quiet_versions(stack, id);
        let mut versions: Vec<_> = history.0.keys().copied().chain(quiet.iter().copied()).collect();
        versions.sort_unstable();
        let expected: Vec<_> = (2..2 + (rows.len() + quiet.len()) as u64).collect();
        assert_eq!(
            versions, expected,
            "every version that says anything has its row, and every row its version"
        );
        for version in history.0.values() {
            assert!(version.devices.len() <= seats, "{} devices on {seats} seats", version.devices.len());
            let devices = version.item["devices"]["M"].as_object().unwrap();
            let boards: BTreeSet<_> =
                devices.values().map(|device| device["M"]["components"].to_string()).collect();
            assert_eq!(boards.len(), devices.len(), "one machine holds two seats");
        }
        let now = stack.item(id);
        let newest = versions.last();
        if let Some((_, last)) = history.0.last_key_value().filter(|(version, _)| Some(*version) == newest) {
            assert_eq!(now, last.item, "the last version is the one in the table");
        }
        counters_agree(&now, &rows);
        history
    }

    /// Versions written after the license was issued.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The version a request wrote.
    pub(crate) fn by_request(&self, request_id: &str) -> Option<&Version> {
        self.0.values().find(|version| version.request_id == request_id)
    }

    /// Returns true if a device ever held a seat.
    pub(crate) fn ever_held(&self, device: &str) -> bool {
        self.0.values().any(|version| version.devices.contains(device))
    }
}

fn counters_agree(now: &Value, rows: &[Value]) {
    let changed = |attribute: &str| {
        rows.iter().filter(|row| row["changes"]["M"].get(attribute).is_some()).count() as u64
    };
    let (free_used, total) = (number(now, "free_used"), number(now, "transfers_total"));
    assert_eq!(free_used, changed("free_used"), "free bindings");
    assert_eq!(total, changed("transfers_total"), "counted bindings");
    let moments = now["transfers"]["L"].as_array().map_or(0, Vec::len) as u64;
    assert_eq!(moments, total, "the moments of counted bindings");
}

/// The version that goes with an audit row. A request may have tried several versions, and lost the race for all but
/// the last; whoever was killed never saw an answer.
fn written_by(row: &Value, records: &[TapRecord], id: &LicenseId) -> (u64, Version) {
    let request_id = text(&row["request_id"]);
    let mine = |record: &&TapRecord| {
        let item = licenses_item(record);
        text(&item["license_id"]) == id.as_str() && text(&item["last_request"]["M"]["id"]) == request_id
    };
    let tries: Vec<_> = records.iter().filter(mine).collect();
    let written = tries.iter().find(|record| record.status == Some(200)).or(tries.last());
    let item = licenses_item(written.unwrap_or_else(|| panic!("a row that no transaction wrote: {row}")));
    let code = text(&item["last_request"]["M"]["code"]);
    assert_eq!(text(&row["code"]), code, "the row and the license tell the same");
    let version = Version { request_id, code, devices: device_ids(item), item: item.clone() };
    (number(item, "version"), version)
}
