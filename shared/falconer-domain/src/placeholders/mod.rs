//! Values that look like hardware and prove nothing: what firmware says when nobody filled it in, addresses that every
//! installation of a product shares, and what programs write where a value is missing. Two machines that share such a
//! value are not the same machine, so it counts as absent: on the server, in imports and in the client library.
//!
//! Each group of the table names its source. Older clients send hashes of what they read, so the hashes of all values
//! are known too.

#[expect(clippy::unreadable_literal, reason = "hashes, which nobody reads digit by digit")]
mod hashes;

use hashes::HASHES;

use crate::hardware::{Label, folding};

/// Values of one source, normalized: lower case, single spaces.
struct Group {
    /// The source of the fact.
    #[cfg_attr(not(test), expect(dead_code, reason = "a value without a source is not added"))]
    source: &'static str,
    values: &'static [&'static str],
}

/// Texts that prove nothing, whatever label they come under.
const TEXTS: &[Group] = &[
    Group {
        source: "firmware tables as dmidecode and lshw print them",
        values: &[
            "none",
            "unknown",
            "unknow",
            "default string",
            "default_string",
            "default",
            "to be filled by o.e.m.",
            "to be filled by oem",
            "filled by oem",
            "not specified",
            "not applicable",
            "not available",
            "not present",
            "not settable",
            "no asset information",
            "system manufacturer",
            "system product name",
            "system serial number",
            "systemserialnumb",
            "base board serial number",
            "board serial number",
            "type2 - board serial number",
            "chassis serial number",
            "serial number",
            "oem",
            "o.e.m.",
            "oem_serial",
            "invalid",
            "empty",
            "standard",
            "bsn12345678901234567",
        ],
    },
    Group {
        source: "the serial numbers that GLPI and OCS Inventory refuse as a machine's own (glpi_blacklists)",
        values: &[
            "(null string)",
            "sys-1234567890",
            "sys-9876543210",
            "sn-12345",
            "sn-1234567890",
            "sn-123456fvgv3i0b8o5n6n7k",
            "mb-1234567890",
            "serial number xxxxxx",
            "tulip computers",
            "iatpass",
            "eval",
            "123456789000",
            "12345678901234567",
        ],
    },
    Group {
        source: "machine-id(5): an image that is configured at its first start",
        values: &["uninitialized"],
    },
    Group {
        source: "what languages and inventory programs write for a value that is missing",
        values: &[
            "n/a",
            "na",
            "nan",
            "null",
            "nil",
            "(null)",
            "undefined",
            "[object object]",
            "true",
            "false",
            "error",
            "unavailable",
            "notavailable",
            "not found",
            "no serial number",
        ],
    },
];

/// Ids and addresses that machines share, without separators.
const NUMBERS: &[Group] = &[
    Group {
        source: "UUIDs of boards that nobody filled in: GLPI and OCS Inventory, as above",
        values: &[
            "03000200040005000006000700080009",
            "6ab5b300538d10149fb5b0684d007b53",
            "03d40274043505dc8506010700080009",
            // The bytes 0 to 15, and the same with the first three fields in the order that SMBIOS 2.6 turned around.
            "000102030405060708090a0b0c0d0e0f",
            "030201000504070608090a0b0c0d0e0f",
        ],
    },
    Group {
        source: "GLPI and OCS Inventory, as above: modems, Windows' WAN miniports and loopbacks, tunnels, Xen's bridge",
        values: &[
            "00a0c6000000",
            "000bcafe0000",
            "02004e435049",
            "02004c4f4f50",
            "028037ec0200",
            "204153594eff",
            "24b620524153",
            "33506f453030",
            "505054503030",
            "d20a2da004be",
            "d26b252f2ce7",
            "e2e616200a35",
            "feffffffffff",
        ],
    },
    Group {
        source: "host adapters of VMware (vmnet0 to vmnet9), VirtualBox and Parallels: one address in every installation",
        values: &[
            "005056c00000",
            "005056c00001",
            "005056c00002",
            "005056c00003",
            "005056c00004",
            "005056c00005",
            "005056c00006",
            "005056c00007",
            "005056c00008",
            "005056c00009",
            "0a0027000000",
            "001c42000008",
            "001c42000009",
        ],
    },
    Group {
        source: "QEMU's documentation: the address of a card whose address nobody chose, and of the cards after it",
        values: &["525400123456", "525400123457", "525400123458", "525400123459"],
    },
    Group {
        source: "Android 6 and iOS 7, whose interfaces report one constant instead of the card's address",
        values: &["020000000000"],
    },
    Group {
        source: "Docker: the first containers of the default bridge, whose address is made of 172.17.0.2 and on",
        values: &[
            "0242ac110002",
            "0242ac110003",
            "0242ac110004",
            "0242ac110005",
            "0242ac110006",
            "0242ac110007",
            "0242ac110008",
            "0242ac110009",
        ],
    },
];

/// How addresses begin that a product gives out anew on each machine: VMware's host adapters, VirtualBox's host-only
/// network, Docker's bridges and containers, and Google Compute Engine's guests, whose address is made of the private IP
/// address, so that guests of two customers share it.
const ADDRESS_PREFIXES: [&str; 4] = ["005056c0", "0a002700", "0242", "4201"];
const ADDRESS_DIGITS: usize = 12;
/// Digits in a row that nobody's serial number has: `0123456789` and on, `123456789` and on.
const COUNTING: [&str; 2] = ["01234567890123456789", "12345678901234567890"];
/// Least length of a run of counting digits. A shorter run may be a real number.
const SHORTEST_COUNTING: usize = 4;
/// A serial number of fewer characters is a default or a count: `1`, `123`.
const SHORTEST_SERIAL: usize = 4;

/// Returns true if a normalized value proves nothing as this part of a machine.
pub(crate) fn proves_nothing(label: Label, normalized: &str) -> bool {
    is_placeholder(normalized)
        || match label {
            Label::Mac => is_shared_address(&bare(normalized)),
            Label::Board => normalized.chars().count() < SHORTEST_SERIAL,
            Label::Disk => normalized.chars().count() < SHORTEST_SERIAL || is_default_disk(normalized),
            _ => false,
        }
}

/// Returns true if a normalized value is a placeholder whatever it is a part of: in the table, one character again and
/// again, or digits that count.
pub(crate) fn is_placeholder(normalized: &str) -> bool {
    let bare = bare(normalized);
    let first = bare.chars().next();
    bare.chars().all(|c| Some(c) == first)
        || (bare.len() >= SHORTEST_COUNTING && COUNTING.iter().any(|digits| digits.starts_with(&bare)))
        || has(TEXTS, normalized)
        || has(NUMBERS, &bare)
        || is_repeated_byte(&bare)
}

/// Returns true if an older client's text is the hash of a value that proves nothing, in hex of either case.
pub(crate) fn is_hashed_placeholder(text: &str) -> bool {
    const OF_MD5_SHA1_SHA256: [usize; 3] = [32, 40, 64];
    OF_MD5_SHA1_SHA256.contains(&text.len())
        && text.bytes().all(|digit| digit.is_ascii_hexdigit())
        && u64::from_str_radix(&text[..16], 16).is_ok_and(|start| HASHES.binary_search(&start).is_ok())
}

fn has(groups: &[Group], value: &str) -> bool {
    groups.iter().any(|group| group.values.contains(&value))
}

/// Removes the separators of addresses, ids and serial numbers, and completes an address in its short form.
fn bare(normalized: &str) -> String {
    if let Some(digits) = folding::address(normalized) {
        return digits;
    }
    normalized.chars().filter(|c| !matches!(c, ':' | '-' | '.' | '_' | ' ' | '{' | '}')).collect()
}

fn is_shared_address(bare: &str) -> bool {
    let is_address = bare.len() == ADDRESS_DIGITS && bare.bytes().all(|digit| digit.is_ascii_hexdigit());
    // The lowest bit of the first byte makes an address one of a group.
    let is_group = || u8::from_str_radix(&bare[..2], 16).is_ok_and(|byte| byte & 1 == 1);
    is_address && (is_group() || ADDRESS_PREFIXES.iter().any(|prefix| bare.starts_with(prefix)))
}

/// Returns true for a disk of QEMU whose serial number nobody chose. An IDE or SATA disk is `QM00001` in every guest
/// (`ide_init_drive` in QEMU's `hw/ide/core.c`), a SCSI disk has the drive's name, which Proxmox and libvirt make of the
/// bus and the place: `drive-scsi0`, `drive-scsi0-0-0-0` (`scsi_realize` in `hw/scsi/scsi-disk.c`). udev and `ESXi` write
/// the model's name before it, with underscores. Google Compute Engine counts the disks of each guest:
/// `persistent-disk-0`.
fn is_default_disk(normalized: &str) -> bool {
    const DIGITS: usize = 5;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let serial = normalized.trim_end_matches([' ', '_']);
    let after = |mark: &str| {
        let (before, rest) = serial.rsplit_once(mark)?;
        (!before.ends_with(char::is_alphanumeric)).then_some(rest)
    };
    after("qm").is_some_and(|number| number.len() == DIGITS && is_digits(number))
        || after("persistent-disk-").is_some_and(is_digits)
        || after("drive-scsi").is_some_and(|place| place.split('-').all(is_digits))
}

/// An id of one byte again and again, as `01010101-0101-…` and `fefefefe-…` in firmware that nobody filled in.
fn is_repeated_byte(bare: &str) -> bool {
    const ID_DIGITS: usize = 32;
    bare.len() == ID_DIGITS
        && bare.is_ascii()
        && bare.as_bytes().chunks(2).all(|pair| pair == &bare.as_bytes()[..2])
}

#[cfg(test)]
mod tests;
