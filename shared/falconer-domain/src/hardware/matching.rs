//! The match rule of `docs/devices.md`, for server and client: is this machine one of those?

use std::cmp::Reverse;

use super::{
    DeviceId, HashedComponents, Label, LeaseComponents, MEMORY_DAYS, ReceivedComponents, StoredComponent,
    StoredComponents,
};
use crate::license::Device;
use crate::time::{MILLIS_PER_DAY, UnixMillis};

/// More stored components than this, and half of them must agree besides the threshold.
const SMALL_DEVICE: usize = 3;
/// Components a device is bound by, at least.
const MIN_BOUND_COMPONENTS: usize = 2;

/// A device that presented components match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceMatch<'a> {
    /// The device's id.
    pub id: &'a DeviceId,
    /// The stored device.
    pub device: &'a Device,
    /// The labels that agree.
    pub common: Vec<Label>,
}

/// The device that matches best: most common labels, then most strong ones, then the oldest binding, then its id.
#[must_use]
pub fn best_match<'a>(
    devices: impl IntoIterator<Item = (&'a DeviceId, &'a Device)>,
    presented: &HashedComponents,
    threshold: u32,
    now: UnixMillis,
) -> Option<DeviceMatch<'a>> {
    devices
        .into_iter()
        .filter_map(|(id, device)| {
            let common = common_labels(&device.components, presented);
            let found = matches(&device.components, presented, threshold, now);
            found.then_some(DeviceMatch { id, device, common })
        })
        .min_by_key(|found| {
            let stored = &found.device.components;
            let strong = found.common.iter().filter(|label| is_strong(**label, stored, now)).count();
            (Reverse(found.common.len()), Reverse(strong), found.device.bound_at, found.id)
        })
}

/// Returns true if presented components are enough to bind a device by: two of them, one strong, or an install id
/// alone. Less would make two machines of one series the same machine.
#[must_use]
pub fn is_enough_to_bind(presented: &HashedComponents) -> bool {
    are_enough_to_bind(|| presented.0.keys().copied())
}

impl ReceivedComponents {
    /// Returns true if a server would bind a device by them: [`is_enough_to_bind`], for a client that has to know
    /// beforehand.
    #[must_use]
    pub fn are_enough_to_bind(&self) -> bool {
        are_enough_to_bind(|| self.0.keys().copied())
    }
}

impl LeaseComponents {
    /// Returns true if a machine that shows `shown` is the one these were stated of: the match rule, with what the
    /// lease states standing for what is stored.
    #[must_use]
    pub fn are_matched_by(&self, shown: &Self, threshold: u32) -> bool {
        let stored: StoredComponents = self
            .0
            .iter()
            .map(|(label, hash)| (*label, StoredComponent { hash: *hash, learned_at: None }))
            .collect();
        // Nothing here was learned, so no moment matters.
        matches(&stored, &HashedComponents(shown.0.clone()), threshold, UnixMillis::default())
    }
}

/// An install id alone is enough: in a container nothing else is left, and a weak part beside it proves nothing more.
fn are_enough_to_bind<I: Iterator<Item = Label>>(labels: impl Fn() -> I) -> bool {
    let only_install = !labels().any(Label::is_hardware_id);
    let is_alone = labels().eq([Label::Install]);
    (is_alone || labels().count() >= MIN_BOUND_COMPONENTS)
        && labels().any(|label| label.is_hardware_id() || (label == Label::Install && only_install))
}

/// The labels of presented components that a lease states: equal to what is stored, and with the device long enough to
/// prove it. One learned lately may be another machine's; stated, it would let that machine use the lease.
#[must_use]
pub fn lease_labels(stored: &StoredComponents, presented: &HashedComponents, now: UnixMillis) -> Vec<Label> {
    let mut labels = common_labels(stored, presented);
    labels.retain(|label| !stored[label].is_recent(now));
    labels
}

impl StoredComponent {
    /// Returns true if it was learned, after the binding, in the last `days`.
    pub(super) fn was_learned_within(&self, days: i64, now: UnixMillis) -> bool {
        self.learned_at.is_some_and(|at| at.0 > now.0 - days * MILLIS_PER_DAY)
    }

    fn is_recent(&self, now: UnixMillis) -> bool {
        self.was_learned_within(MEMORY_DAYS, now)
    }
}

/// Labels present on both sides with equal hashes. Absent never equals absent.
pub(super) fn common_labels(stored: &StoredComponents, presented: &HashedComponents) -> Vec<Label> {
    stored
        .iter()
        .filter(|(label, component)| presented.0.get(label) == Some(&component.hash))
        .map(|(label, _)| *label)
        .collect()
}

pub(super) fn matches(
    stored: &StoredComponents,
    presented: &HashedComponents,
    threshold: u32,
    now: UnixMillis,
) -> bool {
    let threshold = usize::try_from(threshold).unwrap_or(usize::MAX);
    let common = common_labels(stored, presented);
    let mut strong = common.iter().filter(|label| is_strong(**label, stored, now)).peekable();
    strong.peek().is_some()
        && common.len() >= threshold.min(stored.len())
        && (stored.len() <= SMALL_DEVICE || common.len() * 2 >= stored.len())
        && (strong.any(|label| *label != Label::MachineId) || is_no_copy(stored, presented, common.len()))
}

/// Returns true if a machine that nothing but `machine_id` tells from others is more than a copy of an image. Copies
/// carry the machine id, the install id, and often the host name and the processor's model; their other parts differ.
/// So more than half has to agree where more than three are stored, and at most one part may differ: that one is
/// learned, and the audit shows it.
fn is_no_copy(stored: &StoredComponents, presented: &HashedComponents, common: usize) -> bool {
    let differs = |(label, component): (&Label, &StoredComponent)| {
        presented.0.get(label).is_some_and(|hash| *hash != component.hash)
    };
    let different = stored.iter().filter(|part| differs(*part)).count();
    different <= 1 && (stored.len() <= SMALL_DEVICE || common * 2 > stored.len())
}

/// Returns true if a machine that matches may still be a copy of the device's image: only `machine_id` tells it from
/// others, and a part differs. The difference is learned once a week at most, so further copies match without a change;
/// the audit gets a row of each request instead.
#[must_use]
pub fn may_be_copy(stored: &StoredComponents, presented: &HashedComponents) -> bool {
    let common = common_labels(stored, presented);
    let is_own = |label: &Label| label.is_hardware_id() && *label != Label::MachineId;
    let differs = |(label, component): (&Label, &StoredComponent)| {
        presented.0.get(label).is_some_and(|hash| *hash != component.hash)
    };
    common.contains(&Label::MachineId) && !common.iter().any(is_own) && stored.iter().any(differs)
}

/// Returns true if a stored label tells this device from others. One learned within [`MEMORY_DAYS`] does not: whoever
/// presents the parts of two machines side by side can have one part of the other learned, and machines of one series
/// share their weak parts. `install` counts as strong only on a device that stores nothing else strong.
pub(super) fn is_strong(label: Label, stored: &StoredComponents, now: UnixMillis) -> bool {
    let lasting = |label: &Label| stored.get(label).is_some_and(|component| !component.is_recent(now));
    let hardware_id = |label: &Label| label.is_hardware_id() && lasting(label);
    hardware_id(&label) || (label == Label::Install && lasting(&label) && !stored.keys().any(hardware_id))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::hardware::ComponentForm;

    use Label::{Board, Cpu, Disk, Hostname, Install, Mac, MachineId};

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn device(stored: &[(Label, u8)], bound_at: i64) -> Device {
        let component = |value: u8| StoredComponent { hash: [value; 16], learned_at: None };
        Device {
            name: None,
            components: stored.iter().map(|(label, value)| (*label, component(*value))).collect(),
            form: ComponentForm::Keyed,
            bound_at: UnixMillis(bound_at),
            seen_at: UnixMillis(bound_at),
        }
    }

    fn presented(components: &[(Label, u8)]) -> HashedComponents {
        HashedComponents(components.iter().map(|(label, value)| (*label, [*value; 16])).collect())
    }

    fn id(number: u8) -> DeviceId {
        DeviceId::from_random([number; 10])
    }

    #[test]
    fn only_machine_id_and_a_difference_may_be_a_copy() {
        let stored = device(&[(MachineId, 1), (Mac, 1), (Cpu, 1)], 0).components;
        for (shown, expected) in [
            (&[(MachineId, 1), (Mac, 2), (Cpu, 1)][..], true),
            (&[(MachineId, 1), (Mac, 1), (Cpu, 1)], false),
            (&[(MachineId, 1), (Mac, 1), (Cpu, 2)], false),
            (&[(MachineId, 1), (Cpu, 1)], false),
            (&[(MachineId, 2), (Mac, 2), (Cpu, 1)], false),
        ] {
            assert_eq!(may_be_copy(&stored, &presented(shown)), expected, "{shown:?}");
        }
    }

    #[test]
    fn match_rule_in_every_case() {
        type Components<'a> = &'a [(Label, u8)];
        let cases: &[(Components<'_>, Components<'_>, u32, bool)] = &[
            (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 1), (Board, 1)], 2, true),
            (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 1), (Board, 2)], 2, true),
            (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 2), (Board, 2)], 2, false),
            (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 2), (Board, 2)], 1, true),
            (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 1), (Board, 2)], 3, false),
            // Weak labels alone never suffice, however many agree.
            (&[(Mac, 1), (Cpu, 1), (Hostname, 1)], &[(Mac, 2), (Cpu, 1), (Hostname, 1)], 2, false),
            (&[(Cpu, 1), (Hostname, 1)], &[(Cpu, 1), (Hostname, 1)], 2, false),
            // Absent never equals absent.
            (&[], &[], 2, false),
            (&[(Mac, 1), (Cpu, 1)], &[], 2, false),
            // Fewer stored than the threshold: all of them.
            (&[(Mac, 1)], &[(Mac, 1)], 2, true),
            // `install` is strong only where nothing else strong is stored.
            (&[(Install, 1), (Cpu, 1)], &[(Install, 1), (Cpu, 1)], 2, true),
            (&[(Install, 1), (Cpu, 1), (Mac, 1)], &[(Install, 1), (Cpu, 1)], 2, false),
            // More than three stored: half of them as well.
            (
                &[(Mac, 1), (Cpu, 1), (Board, 1), (Disk, 1), (MachineId, 1)],
                &[(Mac, 1), (Cpu, 1), (Board, 2), (Disk, 2), (MachineId, 2)],
                2,
                false,
            ),
            (
                &[(Mac, 1), (Cpu, 1), (Board, 1), (Disk, 1)],
                &[(Mac, 1), (Cpu, 1), (Board, 2), (Disk, 2)],
                2,
                true,
            ),
            (
                &[(Mac, 1), (Cpu, 1), (Board, 1), (Disk, 1), (MachineId, 1), (Hostname, 1)],
                &[(Mac, 1), (Cpu, 1), (Hostname, 1)],
                2,
                true,
            ),
            // Copies of an image share the machine id, and more than half has to agree with it.
            (
                &[(MachineId, 1), (Mac, 1), (Cpu, 1), (Hostname, 1)],
                &[(MachineId, 1), (Mac, 2), (Cpu, 1), (Hostname, 2)],
                2,
                false,
            ),
            (
                &[(MachineId, 1), (Mac, 1), (Cpu, 1), (Hostname, 1)],
                &[(MachineId, 1), (Mac, 2), (Cpu, 1), (Hostname, 1)],
                2,
                true,
            ),
            (&[(MachineId, 1), (Mac, 1), (Cpu, 1), (Hostname, 1)], &[(MachineId, 1), (Cpu, 1)], 2, false),
            // Three of five are more than half.
            (
                &[(MachineId, 1), (Mac, 1), (Cpu, 1), (Hostname, 1), (Install, 1)],
                &[(MachineId, 1), (Cpu, 1), (Hostname, 1)],
                2,
                true,
            ),
            // Of a copy that kept its name two strong parts differ, however much else agrees.
            (
                &[(MachineId, 1), (Mac, 1), (Board, 1), (Cpu, 1), (Hostname, 1), (Install, 1)],
                &[(MachineId, 1), (Mac, 2), (Board, 2), (Cpu, 1), (Hostname, 1), (Install, 1)],
                2,
                false,
            ),
            // With another strong part beside it, half is enough, as ever.
            (
                &[(MachineId, 1), (Mac, 1), (Board, 1), (Cpu, 1)],
                &[(MachineId, 1), (Mac, 2), (Board, 1), (Cpu, 2)],
                2,
                true,
            ),
        ];
        for (stored, shown, threshold, expected) in cases {
            let devices = BTreeMap::from([(id(1), device(stored, 0))]);
            let found = best_match(&devices, &presented(shown), *threshold, NOW);
            assert_eq!(found.is_some(), *expected, "{stored:?} {shown:?} at {threshold}");
        }
    }

    #[test]
    fn ranks_by_common_strong_age_and_id() {
        let shown = presented(&[(Mac, 1), (Cpu, 1), (Board, 1)]);
        let best = |devices: &[(u8, Device)]| {
            let devices: BTreeMap<_, _> =
                devices.iter().map(|(number, device)| (id(*number), device.clone())).collect();
            best_match(&devices, &shown, 2, NOW).unwrap().id.clone()
        };
        let three = device(&[(Mac, 1), (Cpu, 1), (Board, 1)], 9);
        let one_strong = device(&[(Mac, 1), (Cpu, 1)], 1);
        let two_strong = device(&[(Mac, 1), (Board, 1)], 5);
        assert_eq!(best(&[(1, one_strong.clone()), (2, three)]), id(2));
        assert_eq!(best(&[(1, one_strong), (2, two_strong.clone())]), id(2));
        assert_eq!(best(&[(1, two_strong.clone()), (2, device(&[(Mac, 1), (Board, 1)], 4))]), id(2));
        assert_eq!(best(&[(2, two_strong.clone()), (1, two_strong)]), id(1));
    }

    #[test]
    fn lease_matches_and_reads_back() {
        let stated = |parts: &[(Label, u8)]| {
            LeaseComponents(parts.iter().map(|(label, value)| (*label, [*value; 16])).collect())
        };
        let lease = stated(&[(Mac, 1), (Cpu, 1), (Board, 1)]);
        for (shown, expected) in [
            (&[(Mac, 1), (Cpu, 1), (Board, 1), (Disk, 9)][..], true),
            (&[(Mac, 2), (Cpu, 1), (Board, 1)], true),
            (&[(Mac, 2), (Cpu, 1), (Board, 2)], false),
            (&[(Cpu, 1)], false),
            (&[], false),
        ] {
            assert_eq!(lease.are_matched_by(&stated(shown), 2), expected, "{shown:?}");
        }
        assert!(!LeaseComponents::default().are_matched_by(&lease, 2), "nothing stated is no machine");
        assert_eq!(LeaseComponents::from_wire(&lease.to_wire()), lease);
        let foreign = BTreeMap::from([
            ("mac".to_owned(), "00".repeat(16)),
            ("cpu".to_owned(), "short".to_owned()),
            ("retina".to_owned(), "00".repeat(16)),
        ]);
        assert_eq!(LeaseComponents::from_wire(&foreign), stated(&[(Mac, 0)]));
    }

    #[test]
    fn lease_omits_recently_learned_parts() {
        let mut stored = device(&[(Mac, 1), (Cpu, 1), (Board, 1), (Disk, 1)], 0).components;
        let learned = |days: i64| Some(UnixMillis(NOW.0 - days * MILLIS_PER_DAY));
        stored.get_mut(&Cpu).unwrap().learned_at = learned(MEMORY_DAYS - 1);
        stored.get_mut(&Board).unwrap().learned_at = learned(MEMORY_DAYS);
        let shown = presented(&[(Mac, 1), (Cpu, 1), (Board, 1), (Disk, 2), (Hostname, 1)]);
        assert_eq!(lease_labels(&stored, &shown, NOW), [Mac, Board]);
    }

    #[test]
    fn binding_needs_two_with_one_strong() {
        for (shown, expected) in [
            (&[(Mac, 1), (Cpu, 1)][..], true),
            (&[(Mac, 1), (Board, 1)], true),
            (&[(Install, 1), (Hostname, 1)], true),
            (&[(Install, 1), (Mac, 1)], true),
            (&[(Mac, 1)], false),
            (&[(Install, 1)], true),
            (&[(Install, 1), (Cpu, 1)], true),
            (&[(Cpu, 1), (Hostname, 1)], false),
            (&[], false),
        ] {
            assert_eq!(is_enough_to_bind(&presented(shown)), expected, "{shown:?}");
            let received: ReceivedComponents =
                shown.iter().map(|(label, _)| (*label, "12345679".to_owned())).collect();
            assert_eq!(received.are_enough_to_bind(), expected, "{shown:?}");
        }
    }

    /// Every presence and equality of the spreadsheet's three components, at every threshold it allows.
    #[test]
    fn three_components_in_every_case() {
        let labels = [Mac, Cpu, Board];
        // Each label: absent on both sides, on one, on the other, different, equal.
        for case in 0..5_usize.pow(3) {
            let state = |place: u32| case / 5_usize.pow(place) % 5;
            let (mut has, mut shows) = (Vec::new(), Vec::new());
            for (place, label) in (0..3).zip(labels) {
                match state(place) {
                    1 => has.push((label, 1)),
                    2 => shows.push((label, 1)),
                    3 => {
                        has.push((label, 1));
                        shows.push((label, 2));
                    }
                    4 => {
                        has.push((label, 1));
                        shows.push((label, 1));
                    }
                    _ => {}
                }
            }
            let equal: Vec<_> = (0..3).zip(labels).filter(|(place, _)| state(*place) == 4).collect();
            let strong = equal.iter().any(|(_, label)| *label != Cpu);
            for threshold in 1..=3_usize {
                let expected = strong && equal.len() >= threshold.min(has.len());
                let devices = BTreeMap::from([(id(1), device(&has, 0))]);
                let found = best_match(&devices, &presented(&shows), u32::try_from(threshold).unwrap(), NOW);
                assert_eq!(found.is_some(), expected, "{has:?} {shows:?} at {threshold}");
            }
        }
    }

    proptest! {
        /// Two machines with the same labels match each other or neither matches the other.
        #[test]
        fn symmetric_for_equal_label_sets(
            parts in proptest::collection::vec((proptest::sample::select(Label::ALL.to_vec()), any::<bool>()), 0..8),
            threshold in 0_u32..5,
        ) {
            let ours: Vec<_> = parts.iter().map(|(label, _)| (*label, 1)).collect();
            let theirs: BTreeMap<_, _> = parts.iter().map(|(label, same)| (*label, if *same { 1 } else { 2 })).collect();
            let theirs: Vec<_> = theirs.into_iter().collect();
            let matches = |stored: &[(Label, u8)], shown: &[(Label, u8)]| {
                let devices = BTreeMap::from([(id(1), device(stored, 0))]);
                best_match(&devices, &presented(shown), threshold, NOW).is_some()
            };
            prop_assert_eq!(matches(&ours, &theirs), matches(&theirs, &ours));
        }

        /// However many weak labels agree, and whatever else is shown, nothing matches without a strong one.
        #[test]
        fn weak_labels_alone_never_match(
            stored in proptest::collection::btree_map(proptest::sample::select(Label::ALL.to_vec()), 1_u8..4, 0..8),
            shown in proptest::collection::btree_map(proptest::sample::select(Label::ALL.to_vec()), 1_u8..4, 0..8),
            threshold in 0_u32..5,
        ) {
            let equal = |label: &Label| stored.get(label).is_some_and(|value| shown.get(label) == Some(value));
            let strong = [MachineId, Mac, Board, Disk].iter().any(equal) || equal(&Install);
            let parts: Vec<_> = stored.iter().map(|(label, value)| (*label, *value)).collect();
            let devices = BTreeMap::from([(id(1), device(&parts, 0))]);
            let shown: Vec<_> = shown.iter().map(|(label, value)| (*label, *value)).collect();
            let found = best_match(&devices, &presented(&shown), threshold, NOW);
            prop_assert!(strong || found.is_none());
        }
    }
}
