//! Hardware read through crates that support Linux, macOS and Windows. It runs no command and needs no privilege;
//! components that an ordinary user may not read are absent.

use falconer_domain::hardware::Label;
use sysinfo::{CpuRefreshKind, Motherboard, Networks, RefreshKind, System};

use super::{Hardware, Platform, RawComponents};

/// Hardware of this machine, as the operating system reports it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemHardware;

impl Hardware for SystemHardware {
    fn read(&self) -> RawComponents {
        let found = [
            (Label::MachineId, machine_uid::get().ok()),
            (Label::Mac, first_network_card()),
            (Label::Board, Motherboard::new().ok().and_then(|board| board.serial_number())),
            (Label::Disk, system_disk()),
            (Label::Cpu, processor()),
            (Label::Hostname, System::host_name().ok()),
        ];
        found.into_iter().fold(RawComponents::default(), |components, (label, value)| match value {
            Some(value) => components.with(label, &value),
            None => components,
        })
    }

    fn model(&self) -> Option<String> {
        // Some makers write a type number ("21AH", "MacBookPro18,3") into the name, and the words into the family.
        let name = sysinfo::Product::name().ok();
        let has_words = name.as_ref().is_some_and(|name| name.trim().contains(' '));
        if has_words { name } else { sysinfo::Product::family().ok().or(name) }
    }

    fn platform(&self) -> Platform {
        #[cfg(target_os = "linux")]
        return super::linux::platform();
        #[cfg(not(target_os = "linux"))]
        Platform::Physical
    }
}

/// Address of the first physical network card, by name.
fn first_network_card() -> Option<String> {
    let networks = Networks::new_with_refreshed_list().ok()?;
    let mut cards: Vec<_> = networks
        .iter()
        .map(|(name, card)| (name.to_string_lossy().into_owned(), card.mac_address()))
        .filter(|(name, address)| is_universal_address(address.0) && is_physical(name))
        .map(|(name, address)| (name, address.to_string()))
        .collect();
    cards.sort();
    cards.into_iter().next().map(|(_, address)| address)
}

/// True for addresses that a manufacturer assigned: not a group address, and not locally administered, as private Wi-Fi
/// addresses and those of containers are.
const fn is_universal_address(address: [u8; 6]) -> bool {
    const GROUP: u8 = 0b01;
    const LOCAL: u8 = 0b10;
    address[0] & (GROUP | LOCAL) == 0
}

fn processor() -> Option<String> {
    let kinds = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(kinds).ok()?;
    let cpu = system.cpus().first()?;
    Some(format!("{} {}", cpu.vendor_id(), cpu.brand()))
}

#[cfg(target_os = "linux")]
use super::linux::{is_physical, system_disk};

/// Other systems list virtual cards like physical ones, so only the bits of the address can exclude them.
#[cfg(not(target_os = "linux"))]
fn is_physical(_name: &str) -> bool {
    true
}

/// No crate reads the serial number of a disk there without a command or a privilege.
#[cfg(not(target_os = "linux"))]
fn system_disk() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excludes_unassigned_addresses() {
        for (first, expected) in
            [(0x00, true), (0xA4, true), (0x02, false), (0x01, false), (0x33, false), (0xDA, false)]
        {
            assert_eq!(is_universal_address([first, 0, 0, 0, 0, 1]), expected, "{first:#x}");
        }
    }
}
