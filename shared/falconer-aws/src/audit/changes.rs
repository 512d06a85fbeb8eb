//! The changes in an audit row: the attributes that differ, before and after.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// Attributes about a person: that they changed is recorded, what they say is not.
pub(super) const ABOUT_PEOPLE: [&str; 5] = ["email", "licensee_name", "licensee_email", "notes", "metadata"];
/// The vendor's own id of a customer. A row has it, since an operator searches by it; where it was removed, that word alone.
pub(super) const USER_ID: &str = "user_id";
/// Words for attributes about people.
pub(super) const SET: &str = "set";
pub(super) const CHANGED: &str = "changed";
pub(super) const REMOVED: &str = "removed";
/// Attributes that hold hashes of hardware: only the devices' ids are recorded.
const DEVICES: [&str; 2] = ["devices", "released"];
/// A list that may be long: only its length is recorded.
const COUNTED: &str = "transfers";

pub(super) type Item = HashMap<String, AttributeValue>;

/// Attribute → `{before, after}` of everything that differs between two forms of a license, as the rules see it.
pub(crate) fn changes(before: &Item, after: &Item) -> AttributeValue {
    let mut changes = Item::new();
    let names = before.keys().chain(after.keys());
    for name in names.filter(|name| before.get(*name) != after.get(*name)) {
        let shown = |item: &Item| item.get(name).map(|value| shown(name, value));
        let word = match (before.contains_key(name), after.contains_key(name)) {
            (true, false) => REMOVED,
            (true, true) => CHANGED,
            (false, _) => SET,
        };
        let is_told_by_word = ABOUT_PEOPLE.contains(&name.as_str()) || (name == USER_ID && word == REMOVED);
        let change = if is_told_by_word {
            Some(AttributeValue::S(word.to_owned()))
        } else {
            before_and_after(shown(before), shown(after))
        };
        if let Some(change) = change {
            changes.insert(name.clone(), change);
        }
    }
    AttributeValue::M(changes)
}

/// `None` where what is shown of both is the same.
fn before_and_after(before: Option<AttributeValue>, after: Option<AttributeValue>) -> Option<AttributeValue> {
    if before == after {
        return None;
    }
    let sides = [("before", before), ("after", after)];
    let sides = sides.into_iter().filter_map(|(side, value)| Some((side.to_owned(), value?)));
    Some(AttributeValue::M(sides.collect()))
}

fn shown(name: &str, value: &AttributeValue) -> AttributeValue {
    match value {
        AttributeValue::M(devices) if DEVICES.contains(&name) => {
            let mut ids: Vec<_> = devices.keys().cloned().collect();
            ids.sort_unstable();
            AttributeValue::L(ids.into_iter().map(AttributeValue::S).collect())
        }
        AttributeValue::L(moments) if name == COUNTED => AttributeValue::N(moments.len().to_string()),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    fn item(attributes: &[(&str, AttributeValue)]) -> Item {
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    fn map(attributes: &[(&str, AttributeValue)]) -> AttributeValue {
        AttributeValue::M(item(attributes))
    }

    #[test]
    fn changes_omit_people_and_hardware() {
        let device = |hash: &str| map(&[("components", text(hash))]);
        let before = item(&[
            ("status", text("pending")),
            ("tier", text("pro")),
            ("email", text("old@example.com")),
            ("devices", map(&[("dev_a", device("hash"))])),
            ("released", map(&[("dev_c", device("hash"))])),
            ("transfers", AttributeValue::L(vec![AttributeValue::N("1".to_owned())])),
        ]);
        let after = item(&[
            ("status", text("active")),
            ("tier", text("pro")),
            ("email", text("new@example.com")),
            ("licensee_name", text("Fixture Person")),
            ("devices", map(&[("dev_a", device("other")), ("dev_b", device("hash"))])),
            ("released", map(&[("dev_c", device("other"))])),
        ]);
        let list = |ids: &[&str]| AttributeValue::L(ids.iter().map(|id| text(id)).collect());
        let expected = map(&[
            ("status", map(&[("before", text("pending")), ("after", text("active"))])),
            ("email", text("changed")),
            ("licensee_name", text("set")),
            ("devices", map(&[("before", list(&["dev_a"])), ("after", list(&["dev_a", "dev_b"]))])),
            ("transfers", map(&[("before", AttributeValue::N("1".to_owned()))])),
        ]);
        assert_eq!(changes(&before, &after), expected);
        assert_eq!(changes(&after, &after), AttributeValue::M(Item::new()));
        let word = |word: &str| map(&[("user_id", text(word))]);
        let of = |user: &str| item(&[("user_id", text(user))]);
        assert_eq!(changes(&of("anna-17"), &Item::new()), word("removed"), "what goes is not repeated");
        let set = map(&[("user_id", map(&[("after", text("anna-17"))]))]);
        assert_eq!(changes(&Item::new(), &of("anna-17")), set);
    }
}
