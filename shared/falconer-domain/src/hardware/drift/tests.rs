use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::hardware::matching::matches;
use crate::time::MILLIS_PER_DAY;
use Label::{Board, Cpu, Disk, Hostname, Install, Mac, MachineId};

const DAY: i64 = MILLIS_PER_DAY;
const BOUND: UnixMillis = UnixMillis(1_800_000_000_000);

type LabelledValues<'a> = &'a [(Label, u8)];

fn stored(parts: LabelledValues<'_>) -> StoredComponents {
    let component = |value: u8| StoredComponent { hash: [value; 16], learned_at: None };
    parts.iter().map(|(label, value)| (*label, component(*value))).collect()
}

fn presented(parts: LabelledValues<'_>) -> HashedComponents {
    HashedComponents(parts.iter().map(|(label, value)| (*label, [*value; 16])).collect())
}

fn after(days: i64) -> UnixMillis {
    UnixMillis(BOUND.0 + days * DAY)
}

#[test]
fn learns_one_part_with_strong_match() {
    let cases: &[(LabelledValues<'_>, LabelledValues<'_>, Option<Label>)] = &[
        // Nothing changed, nothing new.
        (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 1), (Board, 1)], None),
        // One of three changed, strong or weak.
        (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 1), (Board, 2)], Some(Board)),
        (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 2), (Board, 1)], Some(Cpu)),
        // One missing, one changed.
        (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Board, 2)], Some(Board)),
        // Two changed.
        (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 2), (Board, 2)], None),
        // The changed one was the only strong one.
        (&[(Mac, 1), (Cpu, 1), (Hostname, 1)], &[(Mac, 2), (Cpu, 1), (Hostname, 1)], None),
        // A new one, the strongest first; none while another differs.
        (&[(Mac, 1), (Cpu, 1)], &[(Mac, 1), (Cpu, 1), (Disk, 1), (Hostname, 1)], Some(Disk)),
        (&[(Mac, 1), (Cpu, 1), (Board, 1)], &[(Mac, 1), (Cpu, 1), (Board, 2), (Disk, 1)], Some(Board)),
        // Of two parts, one learned would be half.
        (&[(Mac, 1), (Cpu, 1)], &[(Mac, 1), (Cpu, 2)], None),
        // `install` is strong only where nothing else strong is stored.
        (&[(Install, 1), (Cpu, 1), (Hostname, 1)], &[(Install, 1), (Cpu, 2), (Hostname, 1)], Some(Cpu)),
        (&[(Mac, 1), (Install, 1), (Cpu, 1)], &[(Mac, 2), (Install, 1), (Cpu, 1)], None),
        // Learning a hardware id would make `install` weak one day, and its owner a stranger.
        (&[(Install, 1), (Cpu, 1)], &[(Install, 1), (Cpu, 1), (Mac, 2)], None),
    ];
    for (has, shows, expected) in cases {
        assert_eq!(drift_candidate(&stored(has), &presented(shows), BOUND), *expected, "{has:?} {shows:?}");
    }
}

#[test]
fn waits_a_week_remembers_a_year() {
    let has = stored(&[(MachineId, 1), (Mac, 1), (Board, 1), (Disk, 1), (Cpu, 1)]);
    let first = presented(&[(MachineId, 1), (Mac, 1), (Board, 1), (Disk, 2), (Cpu, 1)]);
    let has = learned(has, &first, Disk, BOUND);
    let second = presented(&[(MachineId, 1), (Mac, 2), (Board, 1), (Disk, 2), (Cpu, 1)]);
    for (days, expected) in [(0, None), (6, None), (7, Some(Mac))] {
        assert_eq!(drift_candidate(&has, &second, after(days)), expected, "{days}");
    }
    let has = learned(has, &second, Mac, after(7));
    let third = presented(&[(MachineId, 1), (Mac, 2), (Board, 2), (Disk, 2), (Cpu, 1)]);
    for (days, expected) in [(14, None), (364, None), (365, Some(Board))] {
        assert_eq!(drift_candidate(&has, &third, after(days)), expected, "{days}");
    }
    // Learning the same part once more makes it no more learned than it was.
    let again = presented(&[(MachineId, 1), (Mac, 3), (Board, 1), (Disk, 2), (Cpu, 1)]);
    assert_eq!(drift_candidate(&has, &again, after(14)), Some(Mac));
}

/// A machine's own parts, all different from another machine's.
fn machine(labels: &[Label], value: u8) -> HashedComponents {
    presented(&labels.iter().map(|label| (*label, value)).collect::<Vec<_>>())
}

fn is_match(
    stored: &StoredComponents,
    presented: &HashedComponents,
    threshold: u32,
    now: UnixMillis,
) -> bool {
    matches(stored, presented, threshold, now)
}

#[test]
fn recent_part_does_not_admit_donor() {
    // Two machines of one series: same processor, nothing else in common.
    let ours = stored(&[(Mac, 1), (Cpu, 1), (Board, 1)]);
    let (mixed, theirs) =
        (presented(&[(Mac, 1), (Cpu, 1), (Board, 2)]), presented(&[(Mac, 2), (Cpu, 1), (Board, 2)]));
    let ours = learned(ours, &mixed, Board, BOUND);
    assert!(is_match(&ours, &mixed, 2, BOUND), "the machine that learned it goes on");
    for (days, expected) in [(0, false), (364, false), (365, true)] {
        assert_eq!(is_match(&ours, &theirs, 2, after(days)), expected, "{days}");
    }
}

proptest! {
    /// Mixing the parts of two machines, in any order over a year, never brings the second one to match the seat
    /// of the first. Their weak parts may be the same, as in machines of one series.
    #[test]
    fn two_machines_never_share_a_seat(
        labels in proptest::sample::subsequence(Label::ALL.to_vec(), 2..=7),
        bound_from in 2_usize..=7,
        threshold in 1_u32..=3,
        same_cpu in any::<bool>(),
        same_hostname in any::<bool>(),
        shows in proptest::collection::vec((0_i64..30, any::<[Option<bool>; 7]>()), 0..60),
    ) {
        let mut theirs = machine(&labels, 2);
        for (same, label) in [(same_cpu, Cpu), (same_hostname, Hostname)] {
            if same && let Some(hash) = theirs.0.get_mut(&label) {
                *hash = [1; 16];
            }
        }
        let bound: Vec<_> = labels.iter().take(bound_from).map(|label| (*label, 1)).collect();
        let mut device = stored(&bound);
        let mut day = 0;
        for (days, parts) in shows {
            day += days;
            if day >= MEMORY_DAYS {
                break;
            }
            // Each label: left out, of our machine, or of theirs.
            let mixed: BTreeMap<_, _> = labels
                .iter()
                .zip(parts)
                .filter_map(|(label, part)| Some((*label, if part? { [1; 16] } else { theirs.0[label] })))
                .collect();
            let mixed = HashedComponents(mixed);
            if is_match(&device, &mixed, threshold, after(day))
                && let Some(label) = drift_candidate(&device, &mixed, after(day))
            {
                device = learned(device, &mixed, label, after(day));
            }
            prop_assert!(!is_match(&device, &theirs, threshold, after(day)), "day {day}: {device:?}");
        }
    }

    #[test]
    fn learns_at_most_one_part_a_week(
        shows in proptest::collection::vec((0_i64..4, proptest::sample::select(Label::ALL.to_vec()), 1_u8..5), 1..60),
    ) {
        let mut device = stored(&Label::ALL.map(|label| (label, 1)));
        let (mut day, mut last) = (0, None);
        for (days, label, value) in shows {
            day += days;
            let mut now: HashedComponents = HashedComponents(
                device.iter().map(|(label, component)| (*label, component.hash)).collect(),
            );
            now.0.insert(label, [value; 16]);
            if let Some(label) = drift_candidate(&device, &now, after(day)) {
                prop_assert!(last.is_none_or(|last| day - last >= REST_DAYS), "days {last:?} and {day}");
                device = learned(device, &now, label, after(day));
                last = Some(day);
            }
        }
    }
}
