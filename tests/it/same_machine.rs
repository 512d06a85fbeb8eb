//! The changes that leave a machine the same, for every set of stored labels, and the table of `docs/devices.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use falconer_domain::UnixMillis;
use falconer_domain::hardware::{
    ComponentForm, DeviceId, HashedComponents, Label, ReceivedComponents, best_match, drift_candidate,
    is_enough_to_bind,
};
use falconer_domain::license::Device;
use falconer_domain::{KeyRing, LicenseId, LicenseKey};
use falconer_tests::{checkout, ring};

use Label::{Board, Cpu, Disk, Hostname, Install, Mac, MachineId};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
/// The built-in policy.
const THRESHOLD: u32 = 2;

/// A change to a machine, with the parts that differ afterwards.
const EVENTS: [(&str, &[Label]); 8] = [
    ("docked: another card comes first", &[Mac]),
    ("a new network card", &[Mac]),
    ("renamed", &[Hostname]),
    ("a new disk, copied over", &[Disk]),
    ("the system installed again", &[MachineId, Install]),
    ("a new main board, with its card", &[Board, Mac]),
    ("a copy of its image, renamed", &[Mac, Board, Disk, Hostname]),
    ("a container started again", &[Hostname]),
];
const COPY: usize = 6;

/// The stored labels of typical machines.
const MACHINES: [(&str, &[Label]); 7] = [
    ("Windows or macOS", &[MachineId, Mac, Board, Cpu, Hostname]),
    ("Linux, ext4", &[MachineId, Mac, Disk, Cpu, Hostname]),
    ("Linux, btrfs", &[MachineId, Mac, Cpu, Hostname]),
    ("virtual machine", &[MachineId, Mac, Install, Cpu, Hostname]),
    ("container", &[Install, Cpu, Hostname]),
    ("the spreadsheet's client", &[Mac, Board, Cpu]),
    ("its client, no board", &[Mac, Cpu]),
];

/// The server's reading of a machine that asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recognition {
    /// Nothing of what it shows differs from what is stored.
    Unchanged,
    /// It is the same machine, and the part that changed is learned: `DRIFTED`, and a row of the audit.
    Learned,
    /// It is the same machine; nothing is learned.
    Same,
    /// Another machine: it needs a seat of its own, or a transfer.
    Another,
}

impl Recognition {
    fn in_the_document(self) -> &'static str {
        match self {
            Self::Unchanged => "–",
            Self::Learned => "same, learned",
            Self::Same => "same",
            Self::Another => "transfer",
        }
    }
}

fn hashed(parts: &[(Label, bool)]) -> HashedComponents {
    let ring = KeyRing::parse(&ring()).unwrap();
    let key = LicenseKey::parse("QF-PRO-1YQHJ-NQJM8-TQS7R-DW1VG-ET6BN-RKPPT").unwrap();
    let mut received = ReceivedComponents::default();
    for (label, is_other) in parts {
        received.insert(*label, &format!("fixture-{}-{is_other}", label.as_str())).unwrap();
    }
    received.hashed(ring.current(), &LicenseId::of(ring.current(), &key))
}

/// `None` where these labels bind no device.
fn outcome(labels: &[Label], changed: &[Label]) -> Option<Recognition> {
    let before = hashed(&labels.iter().map(|label| (*label, false)).collect::<Vec<_>>());
    if !is_enough_to_bind(&before) {
        return None;
    }
    let after = hashed(&labels.iter().map(|label| (*label, changed.contains(label))).collect::<Vec<_>>());
    let device = Device {
        name: None,
        components: before.stored(),
        form: ComponentForm::Keyed,
        bound_at: UnixMillis(0),
        seen_at: UnixMillis(0),
    };
    let devices = BTreeMap::from([(DeviceId::from_random([1; 10]), device)]);
    Some(match best_match(&devices, &after, THRESHOLD, NOW) {
        _ if before == after => Recognition::Unchanged,
        None => Recognition::Another,
        Some(found) if drift_candidate(&found.device.components, &after, NOW).is_some() => {
            Recognition::Learned
        }
        Some(_) => Recognition::Same,
    })
}

/// Every set of two to seven labels.
fn label_sets() -> impl Iterator<Item = Vec<Label>> {
    (0..1_u32 << Label::ALL.len())
        .map(|bits| {
            let has = |(place, label): (usize, &Label)| (bits >> place & 1 == 1).then_some(*label);
            Label::ALL.iter().enumerate().filter_map(has).collect::<Vec<_>>()
        })
        .filter(|labels| labels.len() >= 2)
}

/// Strong as on a device that has been bound for long.
fn strong(labels: &[Label]) -> Vec<Label> {
    let hardware: Vec<_> =
        labels.iter().copied().filter(|label| [MachineId, Mac, Board, Disk].contains(label)).collect();
    if hardware.is_empty() {
        labels.iter().copied().filter(|label| *label == Install).collect()
    } else {
        hardware
    }
}

#[test]
fn one_changed_part_is_never_refused() {
    let mut tried = 0;
    for labels in label_sets() {
        for changed in &labels {
            let Some(outcome) = outcome(&labels, &[*changed]) else { continue };
            let rest: Vec<_> = strong(&labels).into_iter().filter(|label| label != changed).collect();
            // What is left has to be two parts, one of them strong: nothing else tells it from its neighbour.
            let expected = labels.len() > 2 && !rest.is_empty();
            assert_eq!(
                outcome != Recognition::Another,
                expected,
                "{labels:?} without {changed:?}: {outcome:?}"
            );
            tried += 1;
        }
    }
    assert!(tried > 350, "{tried}");
}

#[test]
fn copied_image_is_always_detected() {
    let mut tried = 0;
    for labels in label_sets() {
        // A copy may keep its name, and may run on another processor.
        for changed in [
            &[Mac, Board, Disk, Hostname][..],
            &[Mac, Board, Disk],
            &[Mac, Board, Disk, Hostname, Cpu],
            &[Hostname],
        ] {
            let Some(outcome) = outcome(&labels, changed) else { continue };
            let seen =
                matches!(outcome, Recognition::Another | Recognition::Learned | Recognition::Unchanged);
            // If only its name differs and the hardware agrees, it is the machine itself and not a copy.
            let is_itself =
                [Mac, Board, Disk].iter().any(|label| labels.contains(label) && !changed.contains(label));
            assert!(seen || is_itself, "{labels:?}, of which {changed:?} differ: {outcome:?}");
            tried += 1;
        }
    }
    assert!(tried > 350, "{tried}");
}

#[test]
fn reinstalled_or_docked_stays_itself() {
    for labels in label_sets().filter(|labels| [Mac, Board, Disk].iter().all(|label| labels.contains(label)))
    {
        for changed in [&[MachineId, Install][..], &[Mac], &[Mac, Hostname], &[MachineId, Install, Hostname]]
        {
            let outcome = outcome(&labels, changed).unwrap();
            assert_ne!(outcome, Recognition::Another, "{labels:?} after {changed:?}");
        }
    }
}

#[test]
fn devices_page_has_the_table() {
    let mut table = String::from("| what happens |");
    for (machine, _) in MACHINES {
        let _ = write!(table, " {machine} |");
    }
    table += "\n|";
    table += &" --- |".repeat(MACHINES.len() + 1);
    for (event, changed) in EVENTS {
        let _ = write!(table, "\n| {event} |");
        for (_, labels) in MACHINES {
            let _ = write!(table, " {} |", outcome(labels, changed).unwrap().in_the_document());
        }
    }
    let sets: Vec<_> = label_sets().filter(|labels| outcome(labels, &[]).is_some()).collect();
    let count = |wanted: Recognition| {
        sets.iter().filter(|labels| outcome(labels, EVENTS[COPY].1) == Some(wanted)).count()
    };
    let sentence = format!(
        "Of the {} sets of labels that bind a device, a renamed copy of its image is another machine with {}, learned with {}, \
         and the same with {}",
        sets.len(),
        count(Recognition::Another),
        count(Recognition::Learned),
        count(Recognition::Same) + count(Recognition::Unchanged),
    );
    let document = std::fs::read_to_string(checkout().join("docs/devices.md")).unwrap();
    assert!(document.contains(&table), "docs/devices.md lacks:\n{table}");
    let flowing = document.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flowing.contains(&sentence), "docs/devices.md lacks:\n{sentence}");
}

/// The first copy of an image is learned, and every further one leaves a row that passes: none takes the seat unseen.
#[test]
fn further_copies_leave_a_row_each() {
    let stack = falconer_tests::TestStack::start();
    let key = stack.put(falconer_tests::Fixture::pro());
    let id = stack.license_id(&key);
    let ask = |card: &str| {
        let hardware = serde_json::json!({
            "machine_id": "fixture-hardware-image", "mac": card, "cpu": "fixture-hardware-cpu",
            "hostname": "fixture-hardware-name",
        });
        let body = serde_json::json!({ "license_key": key, "hardware_format": 1, "hardware": hardware });
        stack.post("/api/activate-sync", &body).code().to_owned()
    };
    let rows = || {
        stack.settle();
        stack.audit_rows(&id)
    };
    let cards = ["original", "copy-1", "copy-2", "copy-3"].map(|name| format!("fixture-hardware-{name}"));
    assert_eq!(ask(&cards[0]), "ACTIVATED");
    assert_eq!(ask(&cards[0]), "REFRESHED");
    let quiet = rows().len();
    assert_eq!(ask(&cards[1]), "DRIFTED", "the first copy is learned");
    let mut seen = rows().len();
    assert!(seen > quiet);
    for card in [&cards[0], &cards[2], &cards[3]] {
        assert_eq!(ask(card), "REFRESHED", "{card}: nobody is refused");
        let rows = rows();
        assert!(rows.len() > seen, "{card} leaves no row");
        let last = rows.last().unwrap();
        assert!(last.get("ttl").is_some(), "{card}: the row passes: {last}");
        assert!(last.to_string().contains("agreed"), "{card}: the row names the labels: {last}");
        seen = rows.len();
    }
    // The machine that was learned last is the device itself.
    assert_eq!(ask(&cards[1]), "REFRESHED");
    assert_eq!(rows().len(), seen, "its own requests leave none");
}
