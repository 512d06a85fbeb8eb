//! The changes of an audit row in words.

use std::collections::BTreeSet;

use falconer_aws::operator::AuditRecord;
use falconer_domain::UnixMillis;
use serde_json::{Value, json};

/// Attributes that a person learns nothing from: they follow from others, or say where the row lies.
const NOT_TOLD: [&str; 4] = ["expiry_month", "generation", "license_id", "product"];

/// Formats the changes of a row, one text each, and its moments as the reader sees them.
pub fn told<'a>(
    row: &'a AuditRecord,
    shown: &'a dyn Fn(UnixMillis) -> String,
) -> impl Iterator<Item = String> + 'a {
    let told = move |(name, change): (&String, &Value)| match name.as_str() {
        "policy" => members_changed(change, shown),
        "limits" => {
            members_changed(change, shown).into_iter().map(|limit| format!("limit {limit}")).collect()
        }
        name if NOT_TOLD.contains(&name) || change["after"] == json!({}) => Vec::new(),
        name => vec![changed(name, change, shown)],
    };
    row.changes.iter().flat_map(told)
}

/// The members of an object that changed, each like a change of its own.
fn members_changed(change: &Value, shown: &dyn Fn(UnixMillis) -> String) -> Vec<String> {
    let side = |side: &str| change[side].as_object().cloned().unwrap_or_default();
    let (before, after) = (side("before"), side("after"));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let one = |name: &String| {
        changed(name, &json!({ "before": before.get(name), "after": after.get(name) }), shown)
    };
    differing.map(one).collect()
}

fn changed(name: &str, change: &Value, shown: &dyn Fn(UnixMillis) -> String) -> String {
    let side = |side: &str| match &change[side] {
        Value::Null if ["expires_at", "updates_until"].contains(&name) => "never".to_owned(),
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(millis) if name.ends_with("_at") => {
            millis.as_i64().map_or_else(|| millis.to_string(), |millis| shown(UnixMillis(millis)))
        }
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => {
            let values =
                values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            values.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    match change {
        Value::String(word) => format!("{name} {word}"),
        change if change["before"].is_null() => format!("{name}: {}", side("after")),
        _ => format!("{name}: {} → {}", side("before"), side("after")),
    }
}
