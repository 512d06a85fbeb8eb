//! Hardware changes: a network card, a disk, a reinstalled system. A bound device may follow slowly, one part at a time.

use super::matching::{common_labels, is_strong};
use super::{HashedComponents, Label, StoredComponent, StoredComponents};
use crate::time::{MILLIS_PER_DAY, UnixMillis};

/// Days between two parts learned.
pub const REST_DAYS: i64 = 7;
/// Days for which a learned part counts as learned.
pub const MEMORY_DAYS: i64 = 365;

/// The one part that a device may learn from what it presented, if any.
///
/// The caller has found that the device matches. A part is learned when every other label present on both sides is
/// equal, another strong label among them; when none was learned in the last [`REST_DAYS`]; and when, counted with it,
/// the parts learned in the last [`MEMORY_DAYS`] stay fewer than half of those stored. So in a year nobody can walk a seat
/// over to a machine that shares no part with the bound one. Machines of one series share weak parts; for them half is
/// not far enough.
#[must_use]
pub fn learnable(stored: &StoredComponents, presented: &HashedComponents, now: UnixMillis) -> Option<Label> {
    let candidate = candidate(stored, presented)?;
    // Judged by what would then be stored: learning a hardware id makes `install` weak.
    let after = learned(stored.clone(), presented, candidate, now);
    let strong_beside = common_labels(stored, presented).into_iter().any(|label| is_strong(label, &after));
    let rested = learned_since(stored, now, REST_DAYS).next().is_none();
    let others = learned_since(stored, now, MEMORY_DAYS).filter(|label| *label != candidate).count();
    (strong_beside && rested && (others + 1) * 2 < after.len()).then_some(candidate)
}

/// What is stored once `label` has been learned.
#[must_use]
pub fn learned(
    mut stored: StoredComponents,
    presented: &HashedComponents,
    label: Label,
    now: UnixMillis,
) -> StoredComponents {
    if let Some(hash) = presented.get(label) {
        stored.insert(label, StoredComponent { hash: *hash, learned_at: Some(now) });
    }
    stored
}

/// The only label that differs; or, where none does, the first new one. Two that differ are a different story.
fn candidate(stored: &StoredComponents, presented: &HashedComponents) -> Option<Label> {
    let mut different = stored
        .iter()
        .filter(|(label, component)| presented.get(**label).is_some_and(|hash| *hash != component.hash))
        .map(|(label, _)| *label);
    match (different.next(), different.next()) {
        (Some(only), None) => Some(only),
        (Some(_), Some(_)) => None,
        (None, _) => presented.0.keys().copied().find(|label| !stored.contains_key(label)),
    }
}

fn learned_since(stored: &StoredComponents, now: UnixMillis, days: i64) -> impl Iterator<Item = Label> {
    let since = now.0 - days * MILLIS_PER_DAY;
    stored
        .iter()
        .filter(move |(_, component)| component.learned_at.is_some_and(|at| at.0 > since))
        .map(|(label, _)| *label)
}

#[cfg(test)]
mod tests;
