//! Listing of a machine: everything that the operating system shows of it, before anything is chosen or left out.
//!
//! A reader for each system fills it in, [`selection`](super::selection) makes components of it. So the rules are tested
//! with listings of machines that are not here.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "the other systems show less"))]

use super::RawComponents;

/// Values of one machine as its system shows them. A listing has no `Debug`, because the values identify a person's
/// machine.
#[derive(Clone, Default)]
pub(super) struct Listing {
    /// Id that the operating system made for itself.
    pub(super) machine_id: Option<String>,
    /// Serial number of the main board.
    pub(super) board: Option<String>,
    /// Vendor and model of the processor.
    pub(super) processor: Option<String>,
    /// Name of the host.
    pub(super) host_name: Option<String>,
    /// Network cards, connected or not: a listing does not have the difference.
    pub(super) cards: Vec<Card>,
    /// Content of `/proc/self/mountinfo`; empty where a system has none.
    pub(super) mounts: String,
    /// Disks, partitions and mapped devices.
    pub(super) disks: Vec<BlockDevice>,
    /// Signs of a virtual machine or a container.
    pub(super) signs: Signs,
}

impl Listing {
    /// Components of the machine.
    pub(super) fn components(&self) -> RawComponents {
        super::selection::components(self)
    }
}

/// Network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Card {
    /// Bus that it is on.
    pub(super) bus: Bus,
    /// Place on that bus. Unlike a name, it stays the same when the kernel or the language changes.
    pub(super) position: String,
    /// Address that the card came with; absent where only a changed one is known.
    pub(super) permanent_address: Option<String>,
}

/// Kinds of buses, the most lasting first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bus {
    /// PCI, or part of the board: built in.
    BuiltIn,
    /// USB, without a word of the system on where the port is.
    Usb,
    /// A socket on the outside, as Thunderbolt docks use it. Such a card belongs to a desk.
    Outside,
    /// Software.
    Virtual,
}

/// Disk, partition or mapped device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BlockDevice {
    /// Name in `/dev`, as `nvme0n1p3`.
    pub(super) name: String,
    /// Name in `/dev/mapper`, as `luks-…`.
    pub(super) mapped_name: Option<String>,
    /// `major:minor`
    pub(super) number: String,
    /// Names of the devices that it is made of: the disk of a partition, the slaves of a mapped device.
    pub(super) below: Vec<String>,
    /// Serial number, where it is a disk that has one.
    pub(super) serial: Option<String>,
    /// ZFS pool that it belongs to.
    pub(super) zfs_pool: Option<String>,
}

/// Signs that a machine is a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// Files that container engines create, as far as they exist.
    pub(super) container_files: Vec<String>,
    /// Name of the manager that started the container, as systemd writes it down.
    pub(super) container_manager: String,
    /// Control groups of the first process.
    pub(super) first_cgroup: String,
    /// Maker and model, as the firmware names them.
    pub(super) firmware: String,
    /// Release of the kernel.
    pub(super) kernel: String,
    /// The processor's own word.
    pub(super) processor: ProcessorSign,
}

/// Word of the processor on who runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ProcessorSign {
    /// No hypervisor, or a system that runs beside one, as Windows with its own security features.
    #[default]
    Silent,
    /// A hypervisor runs this system.
    Hypervisor,
}
