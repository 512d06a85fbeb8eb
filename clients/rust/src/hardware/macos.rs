//! Lists a Mac.

use super::listing::{Bus, Card};
#[cfg(target_os = "macos")]
use super::listing::{Listing, Signs};

/// Network interface as macOS lists it.
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct Interface {
    /// Name, as `en0`.
    pub(super) name: String,
    /// Address.
    pub(super) address: String,
}

impl Interface {
    /// The interface as a card. macOS numbers the built-in card first, so `en0` is in every Mac, and adapters, Thunderbolt
    /// ports and bridges have later numbers.
    pub(super) fn card(&self) -> Card {
        Card {
            bus: if self.name == "en0" { Bus::BuiltIn } else { Bus::Virtual },
            position: self.name.clone(),
            permanent_address: Some(self.address.clone()),
        }
    }
}

/// Lists this machine.
#[cfg(target_os = "macos")]
pub(super) fn list() -> Listing {
    let networks = sysinfo::Networks::new_with_refreshed_list();
    let interfaces = networks.iter().flat_map(|networks| networks.iter()).map(|(name, card)| Interface {
        name: name.to_string_lossy().into_owned(),
        address: card.mac_address().to_string(),
    });
    Listing {
        machine_id: machine_uid::get().ok(),
        board: sysinfo::Motherboard::new().ok().and_then(|board| board.serial_number()),
        cards: interfaces.map(|interface| interface.card()).collect(),
        signs: Signs { firmware: super::system::maker(), ..Signs::default() },
        ..Listing::default()
    }
}
