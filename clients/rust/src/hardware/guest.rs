//! Recognizes guests: containers and virtual machines.

use super::Platform;
use super::disks::root_mounts;
use super::listing::{Listing, ProcessorSign, Signs};

/// Texts that hypervisors and clouds put into the names of maker and model.
const HYPERVISORS: [&str; 16] = [
    "qemu",
    "kvm",
    "vmware",
    "virtualbox",
    "innotek",
    "xen",
    "bochs",
    "bhyve",
    "parallels",
    "amazon ec2",
    "google compute engine",
    "openstack",
    "nutanix",
    "virtual machine",
    // Apple's virtualization framework: `VirtualMac2,1`, `Apple Virtualization Generic Platform`.
    "virtualmac",
    "apple virtualization",
];
/// Managers of containers that have a system of their own, with its own machine id.
const SYSTEM_MANAGERS: [&str; 4] = ["lxc", "lxc-libvirt", "systemd-nspawn", "openvz"];
/// Parts of the paths below which engines keep the layers of images.
const IMAGE_STORES: [&str; 4] = ["/docker/", "/containers/storage/", "containerd", "/buildkit/"];
/// Parts of control groups' names.
const ENGINES: [&str; 4] = ["docker", "kubepods", "containerd", "libpod"];

/// Kind of guest that a machine is, as far as it decides about components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surroundings {
    /// Shows no sign of being a guest.
    Physical,
    /// Virtual machine of a hypervisor that keeps the address of each card.
    VirtualMachine,
    /// Virtual machine without an address of its own. WSL has a new one at every start. The hosts of microVMs, which have no
    /// firmware with a name, often give every guest the same one.
    LightVirtualMachine,
    /// Container with a system of its own, as LXC.
    SystemContainer,
    /// Container of an image, as Docker's. Its machine id, if there is one, is the image's.
    ImageContainer,
}

impl Surroundings {
    /// Judges the signs. A container inside a virtual machine is a container.
    pub(super) fn of(listing: &Listing) -> Self {
        let signs = &listing.signs;
        let manager = signs.container_manager.trim().to_lowercase();
        if SYSTEM_MANAGERS.contains(&manager.as_str())
            || signs.first_cgroup.contains("/lxc")
            || has_lxcfs(&listing.mounts)
        {
            Self::SystemContainer
        } else if is_image_container(listing, &manager) {
            Self::ImageContainer
        } else if manager == "wsl" || is_wsl(signs) {
            Self::LightVirtualMachine
        } else if names_hypervisor(signs) {
            Self::VirtualMachine
        } else if signs.processor == ProcessorSign::Hypervisor {
            Self::LightVirtualMachine
        } else {
            Self::Physical
        }
    }

    /// The kind in the words of the application.
    pub(super) const fn platform(self) -> Platform {
        match self {
            Self::Physical => Platform::Physical,
            Self::VirtualMachine | Self::LightVirtualMachine => Platform::VirtualMachine,
            Self::SystemContainer | Self::ImageContainer => Platform::Container,
        }
    }
}

/// Returns true if a hypervisor runs the machine, whatever else it is: containers run in virtual machines too.
pub(super) fn is_virtual_machine(listing: &Listing) -> bool {
    let signs = &listing.signs;
    is_wsl(signs) || names_hypervisor(signs) || signs.processor == ProcessorSign::Hypervisor
}

/// LXC puts files of its own over those of `/proc`, in every container and on no host.
fn has_lxcfs(mountinfo: &str) -> bool {
    mountinfo.lines().any(|line| line.contains(" /proc/") && line.contains(" - fuse.lxcfs "))
}

fn is_image_container(listing: &Listing, manager: &str) -> bool {
    let signs = &listing.signs;
    let is_engine = !matches!(manager, "" | "wsl");
    let in_layers = || {
        root_mounts(&listing.mounts)
            .any(|mount| IMAGE_STORES.iter().any(|store| mount.options.contains(store)))
    };
    is_engine
        || !signs.container_files.is_empty()
        || ENGINES.iter().any(|engine| signs.first_cgroup.contains(engine))
        || in_layers()
}

/// The kernels of both generations of WSL end with `-Microsoft` or `-microsoft-standard-WSL2`. No other kernel has the
/// name in its release: Azure's end with `-azure`.
fn is_wsl(signs: &Signs) -> bool {
    signs.kernel.to_lowercase().contains("microsoft")
}

fn names_hypervisor(signs: &Signs) -> bool {
    let firmware = signs.firmware.to_lowercase();
    HYPERVISORS.iter().any(|name| has_words(&firmware, name))
}

/// Returns true if the words are in the text, and no letter is beside them: a notebook is called "Xenia", and VMware's
/// product "VMware7,1".
fn has_words(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(place, _)| {
        let (before, after) = (&text[..place], &text[place + words.len()..]);
        !before.ends_with(char::is_alphabetic) && !after.starts_with(char::is_alphabetic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hypervisors_are_whole_words() {
        for (firmware, expected) in [
            ("Xen HVM domU", true),
            ("VMware, Inc. VMware7,1", true),
            ("QEMU Standard PC (Q35 + ICH9, 2009)", true),
            ("Amazon EC2 t3.small", true),
            ("innotek GmbH VirtualBox", true),
            ("ADATA XPG XENIA 15", false),
            ("LENOVO ThinkPad T14", false),
        ] {
            let signs = Signs { firmware: firmware.to_owned(), ..Signs::default() };
            assert_eq!(names_hypervisor(&signs), expected, "{firmware}");
        }
    }
}
