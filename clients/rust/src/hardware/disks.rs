//! Finds the disk below the root file system.

use std::collections::BTreeSet;

use falconer_domain::hardware::{Label, component};

use super::listing::{BlockDevice, Listing};

/// Mount points whose disk identifies the machine, the best first. A Snap's own root is an image; the host's is mounted
/// beside it. In a Flatpak the root is in memory and `/usr` is on the disk.
const ROOTS: [&str; 3] = ["/var/lib/snapd/hostfs", "/", "/usr"];
/// Deepest stack of devices and mounts that is followed, such as LVM on LUKS on a partition.
const MAX_LAYERS: u32 = 8;

/// Row of `/proc/self/mountinfo`, as proc(5) describes it.
#[derive(Clone, Copy)]
pub(super) struct Mount<'a> {
    /// `major:minor`; the major number is 0 where a file system is not one device.
    number: &'a str,
    point: &'a str,
    kind: &'a str,
    source: &'a str,
    /// Options of the file system.
    pub(super) options: &'a str,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (own, file_system) = line.split_once(" - ")?;
        let mut own = own.split(' ').skip(2);
        let (number, _, point) = (own.next()?, own.next()?, own.next()?);
        let mut file_system = file_system.split(' ');
        let (kind, source) = (file_system.next()?, file_system.next()?);
        Some(Self { number, point, kind, source, options: file_system.next().unwrap_or_default() })
    }

    fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.point.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Folders that an overlay is made of: the one that is written to, then those below it.
    fn layers(&self) -> impl Iterator<Item = &'a str> {
        let of = |names: &'static [&'static str]| {
            let options = self.options.split(',').filter_map(|option| option.split_once('='));
            options.filter(|(name, _)| names.contains(name)).flat_map(|(_, folders)| folders.split(':'))
        };
        of(&["upperdir"])
            .chain(of(&["lowerdir", "lowerdir+", "datadir+"]))
            .filter(|folder| !folder.is_empty())
    }
}

/// Mounts at `/`. The last one hides the others.
pub(super) fn root_mounts(mountinfo: &str) -> impl Iterator<Item = Mount<'_>> {
    mountinfo.lines().filter_map(Mount::read).filter(|mount| mount.point == "/")
}

/// Serial number of the disk that the system is on.
pub(super) fn system_disk(listing: &Listing) -> Option<String> {
    let search =
        Search { disks: &listing.disks, mounts: listing.mounts.lines().filter_map(Mount::read).collect() };
    ROOTS.into_iter().find_map(|point| {
        let mount = search.mounts.iter().rev().find(|mount| mount.point == point)?;
        let mut serials = BTreeSet::new();
        search.below_mount(mount, MAX_LAYERS, &mut serials);
        // Of several disks the one with the lowest number: their order may be another at the next start.
        serials.into_iter().next()
    })
}

struct Search<'a> {
    disks: &'a [BlockDevice],
    mounts: Vec<Mount<'a>>,
}

impl<'a> Search<'a> {
    /// Collects the serial numbers of the disks below a mount.
    fn below_mount(&self, mount: &Mount<'a>, layers: u32, serials: &mut BTreeSet<String>) {
        if layers == 0 {
            return;
        }
        if mount.kind == "overlay" {
            for folder in mount.layers() {
                let covering = self
                    .mounts
                    .iter()
                    .filter(|other| other.covers(folder) && other.point != mount.point)
                    .max_by_key(|other| other.point.len());
                if let Some(covering) = covering {
                    self.below_mount(covering, layers - 1, serials);
                }
                if !serials.is_empty() {
                    return;
                }
            }
            return;
        }
        for disk in self.disks.iter().filter(|disk| holds(disk, mount)) {
            self.below_device(disk, layers - 1, serials);
        }
    }

    /// Collects the serial numbers of the disks below partitions and mapped devices.
    fn below_device(&self, device: &BlockDevice, layers: u32, serials: &mut BTreeSet<String>) {
        serials.extend(device.serial.as_deref().and_then(|serial| component(Label::Disk, serial)));
        if layers == 0 {
            return;
        }
        for below in self.disks.iter().filter(|below| device.below.contains(&below.name)) {
            self.below_device(below, layers - 1, serials);
        }
    }
}

/// Returns true if a mounted file system is on this device. btrfs and ZFS have a number of their own, so their source
/// counts: a device with btrfs, `pool/dataset` with ZFS.
fn holds(disk: &BlockDevice, mount: &Mount<'_>) -> bool {
    if !mount.number.starts_with("0:") {
        return disk.number == mount.number;
    }
    if mount.kind == "zfs" {
        let pool = mount.source.split('/').next();
        return disk.zfs_pool.is_some() && disk.zfs_pool.as_deref() == pool;
    }
    match (mount.source.strip_prefix("/dev/mapper/"), mount.source.strip_prefix("/dev/")) {
        (Some(mapped), _) => disk.mapped_name.as_deref() == Some(mapped),
        (None, Some(name)) => disk.name == name,
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str, number: &str, below: &[&str], serial: Option<&str>) -> BlockDevice {
        BlockDevice {
            name: name.to_owned(),
            number: number.to_owned(),
            below: below.iter().map(|name| (*name).to_owned()).collect(),
            serial: serial.map(str::to_owned),
            ..BlockDevice::default()
        }
    }

    fn disks() -> Vec<BlockDevice> {
        let mut disks = vec![
            device("nvme0n1", "259:0", &[], Some("S5GXNX0T100001")),
            device("nvme0n1p3", "259:3", &["nvme0n1"], None),
            device("dm-0", "253:0", &["nvme0n1p3"], None),
            device("sdb", "8:16", &[], Some("QM00001")),
            device("sdb1", "8:17", &["sdb"], None),
            device("loop3", "7:3", &[], None),
        ];
        disks[2].mapped_name = Some("luks-1".to_owned());
        disks[1].zfs_pool = Some("rpool".to_owned());
        disks
    }

    #[test]
    fn disk_is_found_below_every_file_system() {
        let overlay = "50 1 0:44 / / ro - overlay composefs ro,lowerdir=/run/cfs::/sysroot/ostree/repo/objects\n\
                       51 50 259:3 / /sysroot rw - xfs /dev/nvme0n1p3 rw";
        for (mounts, expected) in [
            ("21 1 259:3 / / rw - ext4 /dev/nvme0n1p3 rw", true),
            ("21 1 253:0 / / rw - ext4 /dev/mapper/luks-1 rw", true),
            ("21 1 0:33 /root / rw shared:1 - btrfs /dev/nvme0n1p3 rw,subvol=/root", true),
            ("21 1 0:33 /root / rw shared:1 - btrfs /dev/mapper/luks-1 rw,subvol=/root", true),
            ("21 1 0:33 /root / rw shared:1 - btrfs /dev/dm-0 rw", true),
            ("21 1 0:26 / / rw - zfs rpool/ROOT/pve-1 rw,xattr", true),
            ("21 1 0:26 / / rw - zfs tank/ROOT rw,xattr", false),
            (overlay, true),
            ("50 1 0:44 / / rw - overlay overlay rw,lowerdir=/a,upperdir=/b", false),
            ("50 1 0:44 / / rw - overlay overlay rw,lowerdir=/,upperdir=/", false),
            ("50 1 7:3 / / ro - squashfs /dev/loop3 ro", false),
            (
                "50 1 7:3 / / ro - squashfs /dev/loop3 ro\n51 50 259:3 / /var/lib/snapd/hostfs rw - ext4 /dev/x rw",
                true,
            ),
            ("50 1 0:20 / / rw - tmpfs tmpfs rw\n51 50 259:3 /x /usr ro - ext4 /dev/nvme0n1p3 rw", true),
            ("21 1 8:17 / / rw - ext4 /dev/sdb1 rw", false),
            ("21 1 8:17 / / rw - ext4 /dev/sdb1 rw\n23 1 259:3 / / rw - ext4 /dev/x rw", true),
            ("", false),
            ("nonsense\n/ / / - \n1 2 3 - x", false),
        ] {
            let listing = Listing { mounts: mounts.to_owned(), disks: disks(), ..Listing::default() };
            let expected = expected.then_some("s5gxnx0t100001");
            assert_eq!(system_disk(&listing).as_deref(), expected, "{mounts}");
        }
    }

    #[test]
    fn one_of_several_disks_is_found_in_any_order() {
        let of = |disks: Vec<BlockDevice>| {
            let mounts = "21 1 9:0 / / rw - ext4 /dev/md0 rw".to_owned();
            system_disk(&Listing { mounts, disks, ..Listing::default() })
        };
        let md = device("md0", "9:0", &["sda", "sdb"], None);
        let (first, second) = (Some("WD-AAA111"), Some("WD-BBB222"));
        let before = [device("sda", "8:0", &[], first), device("sdb", "8:16", &[], second), md.clone()];
        let after = [device("sda", "8:0", &[], second), device("sdb", "8:16", &[], first), md];
        assert_eq!(of(before.to_vec()).as_deref(), Some("wd-aaa111"));
        assert_eq!(of(after.to_vec()), of(before.to_vec()));
    }

    #[test]
    fn circles_of_devices_end() {
        let mounts = "21 1 9:0 / / rw - ext4 /dev/md0 rw".to_owned();
        let disks = vec![device("md0", "9:0", &["md1"], None), device("md1", "9:1", &["md0", "md1"], None)];
        assert_eq!(system_disk(&Listing { mounts, disks, ..Listing::default() }), None);
    }
}
