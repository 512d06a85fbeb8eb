//! Makes components of a listing: a pure function, so that the listing of any machine can be tried.

use falconer_domain::hardware::Label;

use super::RawComponents;
use super::cards::chosen_address;
use super::disks::system_disk;
use super::guest::{Surroundings, is_virtual_machine};
use super::listing::Listing;

/// Components of the machine that a listing shows.
///
/// A guest can be copied whole, with its machine id, and its processor is the host's. So a guest shows neither, and an
/// install id is made for it.
pub(super) fn components(listing: &Listing) -> RawComponents {
    let surroundings = Surroundings::of(listing);
    let own_id = listing.machine_id.as_deref().filter(|id| is_machine_id(id));
    let seen = match surroundings {
        Surroundings::Physical => with_optional(
            hardware(listing, surroundings),
            [
                (Label::MachineId, own_id),
                (Label::Cpu, listing.processor.as_deref()),
                (Label::Hostname, listing.host_name.as_deref()),
            ],
        ),
        Surroundings::VirtualMachine => {
            let hardware = hardware(listing, surroundings);
            // Beside the install id alone a name proves nothing more, and a new one would make another machine of it.
            let host_name = listing.host_name.as_deref().filter(|_| hardware.labels().next().is_some());
            with_optional(hardware, [(Label::Hostname, host_name)]).in_guest(own_id)
        }
        // Board, disk and name are the host's, and the address is new at every start.
        Surroundings::LightVirtualMachine | Surroundings::SystemContainer => {
            RawComponents::default().in_guest(own_id)
        }
        // The machine id is the image's, so an update of the image would make another machine of it.
        Surroundings::ImageContainer => RawComponents::default().in_guest(None),
    };
    let seen = seen.on(surroundings.platform());
    if is_virtual_machine(listing) { seen.in_virtual_machine() } else { seen }
}

/// Parts that are in the machine, or that its hypervisor keeps.
fn hardware(listing: &Listing, surroundings: Surroundings) -> RawComponents {
    let (mac, disk) = (chosen_address(&listing.cards, surroundings), system_disk(listing));
    let parts = [
        (Label::Mac, mac.as_deref()),
        (Label::Board, listing.board.as_deref()),
        (Label::Disk, disk.as_deref()),
    ];
    with_optional(RawComponents::default(), parts)
}

fn with_optional<'a>(
    components: RawComponents,
    parts: impl IntoIterator<Item = (Label, Option<&'a str>)>,
) -> RawComponents {
    parts.into_iter().fold(components, |components, (label, value)| match value {
        Some(value) => components.with(label, value),
        None => components,
    })
}

/// Returns true for the id of one system: machine-id(5), Windows' `MachineGuid` and macOS' host UUID have 32 hexadecimal
/// digits. `uninitialized` and other words are those of an image.
fn is_machine_id(text: &str) -> bool {
    const DIGITS: usize = 32;
    let digits: Vec<_> = text.trim().chars().filter(|c| !matches!(c, '-' | '{' | '}')).collect();
    digits.len() == DIGITS && digits.iter().all(char::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_ids_of_images_are_absent() {
        for (text, expected) in [
            ("3d1219c7c4c5404aaa1f6d2a48adfda4\n", true),
            ("4C4C4544-0042-3510-8052-B3C04F4B4E32", true),
            ("uninitialized\n", false),
            ("", false),
            ("00000000000000000000000000000000", false),
            ("ffffffffffffffffffffffffffffffff", false),
            ("01010101010101010101010101010101", false),
            ("3d1219c7c4c5404aaa1f6d2a48adfda", false),
            ("3d1219c7c4c5404aaa1f6d2a48adfdag", false),
        ] {
            let listing = Listing { machine_id: Some(text.to_owned()), ..Listing::default() };
            let labels: Vec<_> = components(&listing).labels().collect();
            assert_eq!(labels == [Label::MachineId], expected, "{text:?}");
        }
    }

    #[test]
    fn board_serials_that_prove_nothing_are_absent() {
        for text in
            ["0123456789", "MB-1234567890", "BSN12345678901234567", "Empty", "Standard", "xxxxxxxx", "1", ""]
        {
            let listing = Listing { board: Some(text.to_owned()), ..Listing::default() };
            assert_eq!(components(&listing).labels().next(), None, "{text:?}");
        }
    }
}
