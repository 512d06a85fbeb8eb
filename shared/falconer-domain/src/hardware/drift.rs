//! Hardware changes: a network card, a disk, a reinstalled system. A bound device may follow slowly, one part at a
//! time.

use super::matching::{common_labels, is_strong};
use super::{HashedComponents, Label, StoredComponent, StoredComponents};
use crate::time::UnixMillis;

/// Days between two parts learned.
pub const REST_DAYS: i64 = 7;
/// Days for which a learned part counts as learned.
pub const MEMORY_DAYS: i64 = 365;

/// The one part that a device may learn from what it presented, if any.
///
/// The caller has found that the device matches. A part is learned when every other label present on both sides is
/// equal, another strong label among them; when none was learned in the last [`REST_DAYS`]; and when, counted with it,
/// the parts learned in the last [`MEMORY_DAYS`] stay fewer than half of those stored. What was learned within
/// [`MEMORY_DAYS`] is not strong, so whatever is shown in whatever order, a machine that shares nothing strong with the
/// bound one comes to match no sooner than a year later.
#[must_use]
pub fn drift_candidate(
    stored: &StoredComponents,
    presented: &HashedComponents,
    now: UnixMillis,
) -> Option<Label> {
    let candidate = candidate(stored, presented)?;
    // Once a hardware id has been there for a year, `install` is weak, and a device known by it a stranger.
    let weakens_install = |label| label == Label::Install && candidate.is_hardware_id();
    let strong_beside = common_labels(stored, presented)
        .into_iter()
        .any(|label| is_strong(label, stored, now) && !weakens_install(label));
    let rested = learned_since(stored, now, REST_DAYS).next().is_none();
    let learned = learned_since(stored, now, MEMORY_DAYS).filter(|label| *label != candidate).count();
    let new = usize::from(!stored.contains_key(&candidate));
    (strong_beside && rested && (learned + 1) * 2 < stored.len() + new).then_some(candidate)
}

/// Returns the stored components once `label` has been learned.
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
    stored
        .iter()
        .filter(move |(_, component)| component.was_learned_within(days, now))
        .map(|(label, _)| *label)
}

#[cfg(test)]
mod tests;
