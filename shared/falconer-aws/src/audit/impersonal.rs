//! What is left of an audit row whose person is erased.

use aws_sdk_dynamodb::types::AttributeValue;

use super::changes::{CHANGED, Item, REMOVED, SET};

/// Attributes that say nothing about a person. Whatever else an old row tells goes with an erasure.
const IMPERSONAL: [&str; 23] = [
    "created_at",
    "devices",
    "duration_days",
    "erased_at",
    "expires_at",
    "expiry_month",
    "features",
    "free_used",
    "generation",
    "license_id",
    "limits",
    "offline",
    "policy",
    "product",
    "released",
    "replaced_by",
    "replaces",
    "seats",
    "status",
    "tier",
    "transfers",
    "transfers_total",
    "updates_until",
];
/// What may be told of attributes about people.
const WORDS: [&str; 4] = [SET, CHANGED, REMOVED, ERASED];
/// The word for a change about an erased person.
const ERASED: &str = "erased";

/// Returns a row's changes without its erased person; `None` where they do not mention a person.
pub(crate) fn impersonal(changes: &AttributeValue) -> Option<AttributeValue> {
    let AttributeValue::M(told) = changes else { return Some(AttributeValue::M(Item::new())) };
    let is_word = |change: &AttributeValue| change.as_s().is_ok_and(|word| WORDS.contains(&word.as_str()));
    let left = |(name, change): (&String, &AttributeValue)| {
        let stays = IMPERSONAL.contains(&name.as_str()) || is_word(change);
        let change = if stays { change.clone() } else { AttributeValue::S(ERASED.to_owned()) };
        (name.clone(), change)
    };
    let left = AttributeValue::M(told.iter().map(left).collect());
    (left != *changes).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::changes::{ABOUT_PEOPLE, USER_ID};

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    fn map(attributes: &[(&str, AttributeValue)]) -> AttributeValue {
        AttributeValue::M(
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        )
    }

    #[test]
    fn an_erased_row_tells_nothing_of_a_person() {
        let both = map(&[("before", text("pro")), ("after", text("elite"))]);
        let kept = map(&[("tier", both), ("email", text("set")), ("notes", text("changed"))]);
        assert_eq!(impersonal(&kept), None);
        let telling = map(&[
            ("tier", text("pro")),
            ("user_id", map(&[("after", text("anna-17"))])),
            ("email", text("anna@example.com")),
            ("of_another_version", text("Anna")),
        ]);
        let erased = text("erased");
        let left = [
            ("tier", text("pro")),
            ("user_id", erased.clone()),
            ("email", erased.clone()),
            ("of_another_version", erased),
        ];
        assert_eq!(impersonal(&telling), Some(map(&left)));
        assert_eq!(impersonal(&map(&left)), None, "once is enough");
        assert_eq!(impersonal(&text("Anna")), Some(map(&[])));
    }

    /// A new attribute of licenses needs a decision here: is it about a person?
    #[test]
    fn every_attribute_is_about_a_person_or_not() {
        for name in crate::items::tests::attributes() {
            let is_about_one = ABOUT_PEOPLE.contains(&name.as_str()) || name == USER_ID;
            assert_ne!(is_about_one, IMPERSONAL.contains(&name.as_str()), "{name}");
        }
    }
}
