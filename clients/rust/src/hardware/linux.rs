//! Lists a Linux machine from files that any user may read.

use std::fs;
use std::path::{Path, PathBuf};

use super::listing::{BlockDevice, Bus, Card, Listing, ProcessorSign, Signs};

/// Files that container engines create: Docker, Podman, Kubernetes.
const CONTAINER_FILES: [&str; 3] = ["/.dockerenv", "/run/.containerenv", "/run/secrets/kubernetes.io"];
/// Files with the names of maker, model and hypervisor: DMI tables, device trees, Xen.
const FIRMWARE: [&str; 6] = [
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/bios_vendor",
    "/sys/firmware/devicetree/base/model",
    "/sys/firmware/devicetree/base/hypervisor/compatible",
    "/sys/hypervisor/type",
];
/// Buses that no ordinary user plugs anything into.
const BUILT_IN: [&str; 13] = [
    "pci", "platform", "sdio", "mmc", "ssb", "bcma", "amba", "mhi", "vio", "ccwgroup", "virtio", "vmbus",
    "xen",
];

/// Lists the machine whose file system begins at `root`, which is `/` or the recording of another machine.
pub(super) fn list(root: &Path) -> Listing {
    let files = Files { root };
    Listing {
        // machine-id(5) is the system's own; the older file of D-Bus stays behind in images that were cleaned.
        machine_id: files.text("/etc/machine-id").or_else(|| files.text("/var/lib/dbus/machine-id")),
        board: files.text("/sys/class/dmi/id/board_serial"),
        processor: None,
        host_name: None,
        cards: files.folder("/sys/class/net").filter_map(|card| list_card(&card)).collect(),
        mounts: files.text("/proc/self/mountinfo").unwrap_or_default(),
        disks: files.folder("/sys/class/block").filter_map(|device| files.block_device(&device)).collect(),
        signs: files.signs(),
    }
}

struct Files<'a> {
    root: &'a Path,
}

impl Files<'_> {
    fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    fn text(&self, absolute: &str) -> Option<String> {
        text(&self.path(absolute))
    }

    /// Entries of a folder, with links followed.
    fn folder(&self, absolute: &str) -> impl Iterator<Item = Entry> + use<> {
        let entries = fs::read_dir(self.path(absolute)).into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(Entry { name, folder: fs::canonicalize(entry.path()).ok()? })
        })
    }

    fn block_device(&self, device: &Entry) -> Option<BlockDevice> {
        let folder = &device.folder;
        let number = text(&folder.join("dev"))?;
        let of_partition = folder.join("partition").exists().then(|| file_name(folder.parent()?)).flatten();
        let slaves = fs::read_dir(folder.join("slaves")).into_iter().flatten().flatten();
        let slaves = slaves.filter_map(|entry| entry.file_name().into_string().ok());
        let serial = ["serial", "device/serial", "device/wwid", "wwid"]
            .into_iter()
            .find_map(|file| text(&folder.join(file)));
        Some(BlockDevice {
            name: device.name.clone(),
            mapped_name: text(&folder.join("dm/name")),
            below: of_partition.into_iter().chain(slaves).collect(),
            serial,
            zfs_pool: self.text(&format!("/run/udev/data/b{number}")).as_deref().and_then(zfs_pool),
            number,
        })
    }

    fn signs(&self) -> Signs {
        let processor = self.text("/proc/cpuinfo").unwrap_or_default();
        let flags = processor.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        let is_guest = flags.split_whitespace().any(|flag| flag == "hypervisor");
        // The system that controls Xen sees its hypervisor, and is the machine all the same.
        let is_host = self.text("/proc/xen/capabilities").is_some_and(|text| text.contains("control_d"));
        let firmware = FIRMWARE.iter().filter(|file| !(is_host && file.ends_with("/type")));
        Signs {
            container_files: CONTAINER_FILES
                .into_iter()
                .filter(|file| self.path(file).exists())
                .map(str::to_owned)
                .collect(),
            container_manager: self.text("/run/systemd/container").unwrap_or_default(),
            first_cgroup: self.text("/proc/1/cgroup").unwrap_or_default(),
            firmware: firmware.filter_map(|file| self.text(file)).collect::<Vec<_>>().join("\n"),
            kernel: self.text("/proc/sys/kernel/osrelease").unwrap_or_default(),
            processor: if is_guest && !is_host { ProcessorSign::Hypervisor } else { ProcessorSign::Silent },
        }
    }
}

struct Entry {
    name: String,
    folder: PathBuf,
}

/// Content of a file without white space around it; `None` where nothing is left.
fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

fn file_name(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}

/// `None` for bridges, tunnels and pairs, which have no device.
fn list_card(card: &Entry) -> Option<Card> {
    let device = fs::canonicalize(card.folder.join("device")).ok()?;
    let permanent_address = text(&card.folder.join("phy80211/macaddress"))
        .or_else(|| text(&card.folder.join("bonding_slave/perm_hwaddr")))
        .or_else(|| {
            // `NET_ADDR_PERM`; every other value says that a program chose the address.
            let is_permanent = text(&card.folder.join("addr_assign_type")).is_none_or(|how| how == "0");
            text(&card.folder.join("address")).filter(|_| is_permanent)
        });
    Some(Card { bus: bus(&device), position: device.to_string_lossy().into_owned(), permanent_address })
}

fn bus(device: &Path) -> Bus {
    let name = fs::read_link(device.join("subsystem")).ok().and_then(|folder| file_name(&folder));
    // A card beside its physical one, made for guests.
    if device.join("physfn").exists() {
        return Bus::Virtual;
    }
    // The kernel says of ports whether people reach them. A dock's card is fixed in the dock, so every port above counts.
    let ports: Vec<_> = device.ancestors().filter_map(|part| text(&part.join("removable"))).collect();
    if ports.iter().any(|port| port == "removable") {
        return Bus::Outside;
    }
    let is_fixed = !ports.is_empty() && ports.iter().all(|port| port == "fixed");
    match name.as_deref() {
        Some(name) if BUILT_IN.contains(&name) => Bus::BuiltIn,
        Some("usb") if is_fixed => Bus::BuiltIn,
        _ => Bus::Usb,
    }
}

/// Pool of a partition, as udev notes it.
fn zfs_pool(udev: &str) -> Option<String> {
    let value = |name: &str| {
        udev.lines().find_map(|line| line.strip_prefix("E:")?.strip_prefix(name)?.strip_prefix('='))
    };
    (value("ID_FS_TYPE") == Some("zfs_member")).then(|| value("ID_FS_LABEL").map(str::to_owned)).flatten()
}
