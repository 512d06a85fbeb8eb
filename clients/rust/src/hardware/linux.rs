//! Hardware that only Linux exposes as files.

use std::fs;
use std::path::{Path, PathBuf};

use super::Platform;

/// Files that container engines create.
const CONTAINER_MARKS: [&str; 3] = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];
/// Texts that hypervisors put into the maker's name.
const HYPERVISORS: [&str; 10] = [
    "qemu",
    "kvm",
    "vmware",
    "virtualbox",
    "innotek",
    "xen",
    "bochs",
    "parallels",
    "amazon ec2",
    "virtual machine",
];
/// Deepest stack of mapped devices that is followed, such as LVM on LUKS.
const MAX_LAYERS: u32 = 8;

/// True for network cards with a device behind them, unlike bridges, tunnels and pairs.
pub(super) fn is_physical(name: &str) -> bool {
    // A name with a slash would leave the folder.
    !name.contains('/') && Path::new("/sys/class/net").join(name).join("device").exists()
}

/// Serial number of the disk below the root file system.
pub(super) fn system_disk() -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let number = root_device(&mounts)?;
    let device = fs::canonicalize(Path::new("/sys/dev/block").join(number)).ok()?;
    serial_of(&underlying_disk(device, MAX_LAYERS)?)
}

/// `major:minor` of the device mounted at `/`. Of several mounts the last one hides the others.
fn root_device(mountinfo: &str) -> Option<&str> {
    let rows = mountinfo.lines().rev().map(|line| line.split(' ').collect::<Vec<_>>());
    rows.into_iter().find(|row| row.get(4) == Some(&"/")).and_then(|row| row.get(2).copied())
}

/// First disk below partitions and mapped devices.
fn underlying_disk(device: PathBuf, layers: u32) -> Option<PathBuf> {
    if device.join("partition").exists() {
        return underlying_disk(device.parent()?.to_owned(), layers);
    }
    let mut slaves: Vec<_> = fs::read_dir(device.join("slaves"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    slaves.sort();
    match slaves.into_iter().next() {
        Some(_) if layers == 0 => None,
        Some(slave) => underlying_disk(fs::canonicalize(slave).ok()?, layers - 1),
        None => Some(device),
    }
}

fn serial_of(disk: &Path) -> Option<String> {
    ["serial", "device/serial", "device/wwid", "wwid"]
        .into_iter()
        .filter_map(|file| fs::read_to_string(disk.join(file)).ok())
        .find(|text| !text.trim().is_empty())
}

/// Detects containers and virtual machines from files that any user may read.
pub(super) fn platform() -> Platform {
    let first_process = fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
    let contained = CONTAINER_MARKS.iter().any(|mark| Path::new(mark).exists())
        || ["docker", "kubepods", "lxc", "containerd"].iter().any(|engine| first_process.contains(engine));
    if contained {
        return Platform::Container;
    }
    let maker = ["sys_vendor", "product_name", "bios_vendor"]
        .map(|file| fs::read_to_string(Path::new("/sys/class/dmi/id").join(file)).unwrap_or_default());
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if is_virtual(&maker.concat(), &processor) { Platform::VirtualMachine } else { Platform::Physical }
}

/// Recognizes a hypervisor by the maker's name or by the processor flag.
fn is_virtual(maker: &str, processor: &str) -> bool {
    let maker = maker.to_lowercase();
    let flags = processor.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    HYPERVISORS.iter().any(|name| maker.contains(name))
        || flags.split_whitespace().any(|flag| flag == "hypervisor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_root_device_among_mounts() {
        let mounts = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n22 21 0:5 / /proc rw - proc proc rw\n";
        assert_eq!(root_device(mounts), Some("8:1"));
        assert_eq!(root_device(&format!("{mounts}23 1 259:2 / / rw - ext4 /dev/x rw\n")), Some("259:2"));
        assert_eq!((root_device(""), root_device("nonsense\n/ / /")), (None, None));
    }

    #[test]
    fn finds_serial_below_mapped_devices() {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("sda");
        let (part, mapped) = (disk.join("sda1"), folder.path().join("dm-0"));
        fs::create_dir_all(disk.join("device")).unwrap();
        fs::create_dir_all(&part).unwrap();
        fs::create_dir_all(mapped.join("slaves")).unwrap();
        fs::write(disk.join("device/serial"), "WD-123\n").unwrap();
        fs::write(part.join("partition"), "1\n").unwrap();
        std::os::unix::fs::symlink(&part, mapped.join("slaves/sda1")).unwrap();
        let found = serial_of(&underlying_disk(mapped.clone(), MAX_LAYERS).unwrap());
        assert_eq!(found.as_deref(), Some("WD-123\n"));
        assert_eq!(underlying_disk(mapped, 0), None);
        assert_eq!(serial_of(&part), None);
    }

    #[test]
    fn recognizes_virtual_machines() {
        assert!(is_virtual("QEMU\nStandard PC", ""));
        assert!(is_virtual("", "processor : 0\nflags\t\t: fpu hypervisor lahf\n"));
        assert!(!is_virtual("LENOVO\n20XW", "flags : fpu vme\n"));
    }
}
