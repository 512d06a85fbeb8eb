//! Chooses the network card that identifies a machine.

use falconer_domain::hardware::{Label, component};

use super::guest::Surroundings;
use super::listing::{Bus, Card};

/// Addresses that hypervisors give to the guests' and to their own cards (IEEE's registry of makers). Outside a guest such
/// a card is software: every computer with VMware Workstation has one.
const HYPERVISORS: [[u8; 3]; 9] = [
    [0x00, 0x05, 0x69], // VMware
    [0x00, 0x0C, 0x29], // VMware
    [0x00, 0x1C, 0x14], // VMware
    [0x00, 0x50, 0x56], // VMware
    [0x00, 0x15, 0x5D], // Hyper-V
    [0x00, 0x1C, 0x42], // Parallels
    [0x08, 0x00, 0x27], // VirtualBox
    [0x00, 0x16, 0x3E], // Xen
    [0xBC, 0x24, 0x11], // Proxmox
];
/// Makers of docking stations and adapters, and of the chips in them (IEEE's registry of makers). At a hot desk the address
/// belongs to the desk. No computer has a card of theirs built in.
const DOCKS: [[u8; 3]; 21] = [
    [0x00, 0x05, 0x1B], // Magic Control Technology
    [0x00, 0x0E, 0xC6], // ASIX
    [0x20, 0x7B, 0xD2], // ASIX
    [0xCC, 0x47, 0x92], // ASIX
    [0xF8, 0xE4, 0x3B], // ASIX
    [0x00, 0x0F, 0x9D], // DisplayLink
    [0x6C, 0xA9, 0x36], // DisplayLink
    [0x00, 0x13, 0x3B], // Speed Dragon
    [0x00, 0x22, 0x8B], // Kensington
    [0x00, 0x24, 0x9B], // Action Star
    [0x00, 0x50, 0xB6], // Good Way, in docks of Lenovo
    [0x0C, 0x37, 0x96], // BizLink
    [0x9C, 0xEB, 0xE8], // BizLink, in docks of Dell
    [0x10, 0x82, 0x86], // Luxshare
    [0x3C, 0x18, 0xA0], // Luxshare, in adapters of Lenovo
    [0x60, 0x6D, 0x3C], // Luxshare
    [0x4C, 0x56, 0xDF], // Targus
    [0x64, 0x4B, 0xF0], // CalDigit
    [0x8C, 0xAE, 0x4C], // Plugable
    [0xA0, 0xCE, 0xC8], // CE Link, in adapters of many names
    [0xE8, 0xEA, 0x6A], // StarTech
];
/// Bit of an address that some administrator or program chose, and not the card's maker.
const LOCALLY_ADMINISTERED: u8 = 0b10;

/// Address of the card that is built in most lastingly. What proves nothing is left out before the choice, so that an
/// all-zero address does not hide the card after it.
pub(super) fn chosen_address(cards: &[Card], surroundings: Surroundings) -> Option<String> {
    let mut found: Vec<_> = cards
        .iter()
        .filter(|card| matches!(card.bus, Bus::BuiltIn | Bus::Usb))
        .filter_map(|card| {
            let text = card.permanent_address.as_deref()?;
            let address = proving(text, surroundings)?;
            Some((card.bus, card.position.as_str(), address))
        })
        .collect();
    found.sort();
    found.into_iter().next().map(|(_, _, address)| address)
}

/// Returns an address in its usual spelling, if it proves something about the machine.
fn proving(text: &str, surroundings: Surroundings) -> Option<String> {
    let address = octets(text)?;
    let maker = [address[0], address[1], address[2]];
    let counts = match surroundings {
        Surroundings::Physical => {
            address[0] & LOCALLY_ADMINISTERED == 0 && !HYPERVISORS.contains(&maker) && !DOCKS.contains(&maker)
        }
        // Hypervisors choose the addresses of their guests, and most of these are locally administered.
        Surroundings::VirtualMachine => true,
        Surroundings::LightVirtualMachine | Surroundings::SystemContainer | Surroundings::ImageContainer => {
            false
        }
    };
    let spelled = address.map(|octet| format!("{octet:02x}")).join(":");
    component(Label::Mac, &spelled).filter(|_| counts)
}

fn octets(text: &str) -> Option<[u8; 6]> {
    let octets = text.trim().split([':', '-']).map(|part| u8::from_str_radix(part, 16).ok());
    octets.collect::<Option<Vec<_>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(bus: Bus, position: &str, address: &str) -> Card {
        Card { bus, position: position.to_owned(), permanent_address: Some(address.to_owned()) }
    }

    #[test]
    fn built_in_card_is_first_whatever_its_name() {
        let wireless = card(Bus::BuiltIn, "0000:72:00.0", "A4:C3:F0:11:22:33");
        let wired = card(Bus::BuiltIn, "0000:00:1f.6", "54-e1-ad-44-55-66");
        let dongle = card(Bus::Usb, "usb1/1-2", "00:e0:4c:68:00:01");
        let thunderbolt = card(Bus::Outside, "0000:05:00.0", "54:e1:ad:00:00:01");
        let of = |cards: &[&Card]| {
            let cards: Vec<_> = cards.iter().map(|card| (*card).clone()).collect();
            chosen_address(&cards, Surroundings::Physical)
        };
        assert_eq!(of(&[&dongle, &wireless, &wired]).as_deref(), Some("54:e1:ad:44:55:66"));
        assert_eq!(of(&[&dongle, &thunderbolt, &wireless]).as_deref(), Some("a4:c3:f0:11:22:33"));
        assert_eq!(of(&[&thunderbolt, &dongle]).as_deref(), Some("00:e0:4c:68:00:01"), "the last resort");
        assert_eq!(of(&[&thunderbolt]), None, "a dock's");
    }

    #[test]
    fn addresses_that_prove_nothing_hide_no_card() {
        let good = card(Bus::BuiltIn, "b", "a4:c3:f0:11:22:33");
        for text in [
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "00:50:56:c0:00:01",
            "00:0c:29:12:34:56",
            "00:15:5d:12:34:56",
            "08:00:27:12:34:56",
            "bc:24:11:12:34:56",
            "52:54:00:9a:3c:7e",
            "9c:eb:e8:01:02:03",
            "02:42:ac:11:00:02",
            "01:00:5e:00:00:fb",
            "da:a1:19:00:00:01",
            "a4:c3:f0:11:22",
            "words",
            "",
        ] {
            let cards = [card(Bus::BuiltIn, "a", text), good.clone()];
            let chosen = chosen_address(&cards, Surroundings::Physical);
            assert_eq!(chosen.as_deref(), Some("a4:c3:f0:11:22:33"), "{text}");
        }
    }

    #[test]
    fn guests_send_what_their_hypervisor_keeps() {
        for (address, surroundings, expected) in [
            ("52:54:00:9a:3c:7e", Surroundings::VirtualMachine, true),
            ("bc:24:11:12:34:56", Surroundings::VirtualMachine, true),
            ("00:0c:29:12:34:56", Surroundings::VirtualMachine, true),
            // The first card of every guest of QEMU whose address nobody chose, and Google's, made of a private address.
            ("52:54:00:12:34:56", Surroundings::VirtualMachine, false),
            ("42:01:0a:80:00:02", Surroundings::VirtualMachine, false),
            ("00:15:5d:12:34:56", Surroundings::LightVirtualMachine, false),
            ("02:42:ac:11:00:0a", Surroundings::ImageContainer, false),
            ("bc:24:11:12:34:56", Surroundings::SystemContainer, false),
        ] {
            let cards = [card(Bus::BuiltIn, "a", address)];
            assert_eq!(
                chosen_address(&cards, surroundings).is_some(),
                expected,
                "{address} {surroundings:?}"
            );
        }
    }
}
