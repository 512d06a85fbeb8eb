//! Names of machines in a store: several machines may share one home folder over the network.

use falconer_domain::Product;
use falconer_domain::encoding::HEXLOWER;
use falconer_domain::hardware::Label;
use sha2::{Digest, Sha256};

use crate::hardware::RawComponents;

/// Labels that name a machine, the most lasting one first.
const LASTING: [Label; 4] = [Label::MachineId, Label::Board, Label::Disk, Label::Mac];
/// Name of a machine without any of them, such as a container: there the volume with the store is the machine.
const UNNAMED: &str = "unnamed";
/// Bytes of a name: few enough for a person to compare, and far more than machines share a home.
const NAME_BYTES: usize = 10;

/// Lists the names of this machine, at least one. A new row gets the first; a row under any of them is this machine's,
/// so that a replaced part does not make it another machine.
///
/// The product is in the hash, so stores of two products do not show that they are on one machine.
pub(crate) fn machine_names(raw: &RawComponents, product: &Product) -> Vec<String> {
    let hashed = |label: Label| {
        let mut hash = Sha256::new();
        for part in ["falconer/machine/v1", product.as_str(), label.as_str(), raw.value(label)?] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Some(HEXLOWER.encode(&hash.finalize()[..NAME_BYTES]))
    };
    let mut names: Vec<_> = LASTING.into_iter().filter_map(hashed).collect();
    if names.is_empty() {
        names.push(UNNAMED.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_keeps_a_name_when_a_part_changes() {
        let product = |code| Product::parse(code).unwrap();
        let machine = |board, mac| {
            let raw = RawComponents::default().with(Label::Board, board).with(Label::Mac, mac);
            machine_names(&raw.with(Label::Hostname, "a-host"), &product("QF"))
        };
        let before = machine("a board", "02-a-card");
        assert_eq!(before.len(), 2);
        assert!(machine("a board", "02-another").contains(&before[0]));
        assert!(machine("another", "02-a-card").iter().any(|name| before.contains(name)));
        assert!(!machine("another", "02-another").iter().any(|name| before.contains(name)));
        assert_eq!(machine_names(&RawComponents::default(), &product("QF")), [UNNAMED]);
        let raw = RawComponents::default().with(Label::Board, "a board");
        assert_ne!(machine_names(&raw, &product("QF")), machine_names(&raw, &product("XY")));
    }
}
