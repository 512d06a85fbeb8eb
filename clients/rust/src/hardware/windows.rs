//! Lists a Windows machine: adapters from `GetAdaptersAddresses`, which has those that are not connected, with the bus from
//! the registry; board and maker from the firmware's tables.

use super::listing::{Bus, Card};
#[cfg(windows)]
use super::listing::{Listing, Signs};

/// `IF_TYPE_ETHERNET_CSMACD` and `IF_TYPE_IEEE80211`.
const CARDS: [u32; 2] = [6, 71];

/// Network adapter as Windows describes it.
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct Adapter {
    /// `IfType`
    pub(super) interface_type: u32,
    /// `PhysicalAddress`
    pub(super) physical_address: String,
    /// `PnPInstanceId` of the connection's key in the registry, as `PCI\VEN_8086&DEV_15BE&…`.
    pub(super) pnp_instance_id: String,
}

impl Adapter {
    /// The adapter as a card.
    pub(super) fn card(&self) -> Card {
        let is_card = CARDS.contains(&self.interface_type);
        Card {
            bus: if is_card { bus(&self.pnp_instance_id) } else { Bus::Virtual },
            position: self.pnp_instance_id.clone(),
            permanent_address: Some(self.physical_address.clone()),
        }
    }
}

/// The first part of an instance id names the enumerator. Those of software are `ROOT`, `SWD`, `BTH`, a class in braces,
/// and more.
fn bus(pnp_instance_id: &str) -> Bus {
    match pnp_instance_id.split('\\').next().map(str::to_ascii_uppercase).as_deref() {
        Some("PCI" | "SD" | "ACPI" | "VMBUS" | "XENVIF") => Bus::BuiltIn,
        Some("USB") => Bus::Usb,
        _ => Bus::Virtual,
    }
}

/// Lists this machine.
#[cfg(windows)]
pub(super) fn list() -> Listing {
    let adapters = ipconfig::get_adapters().unwrap_or_default();
    Listing {
        machine_id: machine_uid::get().ok(),
        board: sysinfo::Motherboard::new().ok().and_then(|board| board.serial_number()),
        cards: adapters.iter().filter_map(read_adapter).map(|adapter| adapter.card()).collect(),
        signs: Signs { firmware: super::system::maker(), ..Signs::default() },
        ..Listing::default()
    }
}

#[cfg(windows)]
fn read_adapter(adapter: &ipconfig::Adapter) -> Option<Adapter> {
    const CONNECTIONS: &str =
        r"SYSTEM\CurrentControlSet\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}";
    let key = format!(r"{CONNECTIONS}\{}\Connection", adapter.adapter_name());
    let octets = adapter.physical_address()?;
    Some(Adapter {
        interface_type: match adapter.if_type() {
            ipconfig::IfType::EthernetCsmacd => 6,
            ipconfig::IfType::Ieee80211 => 71,
            _ => return None,
        },
        physical_address: octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":"),
        pnp_instance_id: windows_registry::LOCAL_MACHINE.open(key).ok()?.get_string("PnPInstanceId").ok()?,
    })
}
