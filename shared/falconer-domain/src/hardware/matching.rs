//! Is this machine one of those? The match rule of `formats.md`, in one place for server and client.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{DeviceId, HashedComponents, Label, StoredComponents};
use crate::license::Device;

/// More stored components than this, and half of them must agree besides the threshold.
const SMALL_DEVICE: usize = 3;

/// A bound device that presented components match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceMatch<'a> {
    /// Which one.
    pub id: &'a DeviceId,
    /// What is stored of it.
    pub device: &'a Device,
    /// The labels that agree.
    pub common: Vec<Label>,
}

/// The bound device that matches best: most common labels, then most strong ones, then the oldest binding, then its id.
#[must_use]
pub fn matching_device<'a>(
    devices: &'a BTreeMap<DeviceId, Device>,
    presented: &HashedComponents,
    threshold: u32,
) -> Option<DeviceMatch<'a>> {
    devices
        .iter()
        .filter_map(|(id, device)| {
            let common = common_labels(&device.components, presented);
            matches(&device.components, &common, threshold).then_some(DeviceMatch { id, device, common })
        })
        .min_by_key(|found| {
            let stored = &found.device.components;
            let strong = found.common.iter().filter(|label| is_strong(**label, stored)).count();
            (Reverse(found.common.len()), Reverse(strong), found.device.bound_at, found.id)
        })
}

/// Labels present on both sides with equal hashes. Absent never equals absent.
pub(super) fn common_labels(stored: &StoredComponents, presented: &HashedComponents) -> Vec<Label> {
    stored
        .iter()
        .filter(|(label, component)| presented.0.get(label) == Some(&component.hash))
        .map(|(label, _)| *label)
        .collect()
}

pub(super) fn matches(stored: &StoredComponents, common: &[Label], threshold: u32) -> bool {
    let threshold = usize::try_from(threshold).unwrap_or(usize::MAX);
    common.iter().any(|label| is_strong(*label, stored))
        && common.len() >= threshold.min(stored.len())
        && (stored.len() <= SMALL_DEVICE || common.len() * 2 >= stored.len())
}

/// `install` counts as strong only on a device that stores nothing else strong.
pub(super) fn is_strong(label: Label, stored: &StoredComponents) -> bool {
    label.is_hardware_id() || (label == Label::Install && !stored.keys().any(|label| label.is_hardware_id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::StoredComponent;
    use crate::time::UnixMillis;

    use Label::{Board, Cpu, Disk, Hostname, Install, Mac, MachineId};

    fn device(stored: &[(Label, u8)], bound_at: i64) -> Device {
        let component = |value: u8| StoredComponent { hash: [value; 16], learned_at: None };
        Device {
            name: None,
            components: stored.iter().map(|(label, value)| (*label, component(*value))).collect(),
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
    fn the_match_rule() {
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
        ];
        for (stored, shown, threshold, expected) in cases {
            let devices = BTreeMap::from([(id(1), device(stored, 0))]);
            let found = matching_device(&devices, &presented(shown), *threshold);
            assert_eq!(found.is_some(), *expected, "{stored:?} {shown:?} at {threshold}");
        }
    }

    #[test]
    fn several_matches_go_to_common_then_strong_then_oldest_then_id() {
        let shown = presented(&[(Mac, 1), (Cpu, 1), (Board, 1)]);
        let best = |devices: &[(u8, Device)]| {
            let devices = devices.iter().map(|(number, device)| (id(*number), device.clone())).collect();
            matching_device(&devices, &shown, 2).unwrap().id.clone()
        };
        let three = device(&[(Mac, 1), (Cpu, 1), (Board, 1)], 9);
        let one_strong = device(&[(Mac, 1), (Cpu, 1)], 1);
        let two_strong = device(&[(Mac, 1), (Board, 1)], 5);
        assert_eq!(best(&[(1, one_strong.clone()), (2, three)]), id(2));
        assert_eq!(best(&[(1, one_strong), (2, two_strong.clone())]), id(2));
        assert_eq!(best(&[(1, two_strong.clone()), (2, device(&[(Mac, 1), (Board, 1)], 4))]), id(2));
        assert_eq!(best(&[(2, two_strong.clone()), (1, two_strong)]), id(1));
    }
}
