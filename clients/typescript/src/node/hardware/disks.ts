/** Finds the disk below the root file system. */
import { componentOf } from "./components.js";
import type { BlockDevice, Listing } from "./listing.js";

/** Row of `/proc/self/mountinfo`, as proc(5) describes it. */
export interface Mount {
  /** `major:minor`; the major number is 0 where a file system is not one device. */
  readonly number: string;
  readonly point: string;
  readonly kind: string;
  readonly source: string;
  /** Options of the file system. */
  readonly options: string;
}

/** Mounts at `/`. The last one hides the others. */
export function rootMounts(mountinfo: string): Mount[] {
  return readMounts(mountinfo).filter((mount) => mount.point === "/");
}

/** Serial number of the disk that the system is on. */
export function systemDisk({ disks, mounts: mountinfo }: Listing): string | null {
  const mounts = readMounts(mountinfo);
  for (const point of ROOTS) {
    const mount = mounts.findLast((found) => found.point === point);
    if (mount === undefined) continue;
    // Of several disks the one with the lowest number: their order may be another at the next start.
    const serials = [...new Set(belowMount({ disks, mounts }, mount, MAX_LAYERS))].sort(byCodePoint);
    if (serials[0] !== undefined) return serials[0];
  }
  return null;
}

/** Mount points whose disk identifies the machine, the best first. A Snap's own root is an image; the host's is mounted
 * beside it. In a Flatpak the root is in memory and `/usr` is on the disk. */
const ROOTS = ["/var/lib/snapd/hostfs", "/", "/usr"];
/** Deepest stack of devices and mounts that is followed, such as LVM on LUKS on a partition. */
const MAX_LAYERS = 8;

const byCodePoint = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

interface Search {
  readonly disks: readonly BlockDevice[];
  readonly mounts: readonly Mount[];
}

function readMounts(mountinfo: string): Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [own, fileSystem] = line.split(" - ", 2);
    const [, , number, , point] = own?.split(" ") ?? [];
    const [kind, source, options = ""] = fileSystem?.split(" ") ?? [];
    return number !== undefined && point !== undefined && kind !== undefined && source !== undefined
      ? [{ number, point, kind, source, options }]
      : [];
  });
}

/** Serial numbers of the disks below a mount. */
function belowMount(search: Search, mount: Mount, layers: number): string[] {
  if (layers === 0) return [];
  if (mount.kind !== "overlay") {
    return search.disks.filter((disk) => holds(disk, mount)).flatMap((disk) => belowDevice(search, disk, layers - 1));
  }
  for (const folder of layersOf(mount)) {
    const covering = search.mounts
      .filter((other) => covers(other, folder) && other.point !== mount.point)
      .reduce<Mount | null>(
        (best, other) => (best !== null && best.point.length > other.point.length ? best : other),
        null,
      );
    const serials = covering === null ? [] : belowMount(search, covering, layers - 1);
    if (serials.length > 0) return serials;
  }
  return [];
}

/** Serial numbers of the disks below partitions and mapped devices. */
function belowDevice(search: Search, device: BlockDevice, layers: number): string[] {
  const own = device.serial === null ? null : componentOf("disk", device.serial);
  const below = layers === 0 ? [] : search.disks.filter((disk) => device.below.includes(disk.name));
  return [...(own === null ? [] : [own]), ...below.flatMap((disk) => belowDevice(search, disk, layers - 1))];
}

function covers(mount: Mount, path: string): boolean {
  const point = mount.point.replace(/\/+$/, "");
  return path === point || path.startsWith(`${point}/`);
}

/** Folders that an overlay is made of: the one that is written to, then those below it. */
function layersOf(mount: Mount): string[] {
  const options = mount.options.split(",").map((option) => option.split(/=(.*)/s));
  const of = (names: readonly string[]) =>
    options.filter(([name]) => names.includes(name ?? "")).flatMap(([, folders]) => folders?.split(":") ?? []);
  return [...of(["upperdir"]), ...of(["lowerdir", "lowerdir+", "datadir+"])].filter((folder) => folder !== "");
}

/** True if a mounted file system is on this device. btrfs and ZFS have a number of their own, so their source counts: a
 * device with btrfs, `pool/dataset` with ZFS. */
function holds(disk: BlockDevice, mount: Mount): boolean {
  if (!mount.number.startsWith("0:")) return disk.number === mount.number;
  if (mount.kind === "zfs") return disk.zfsPool !== null && disk.zfsPool === mount.source.split("/")[0];
  const mapped = /^\/dev\/mapper\/(.*)$/.exec(mount.source)?.[1];
  if (mapped !== undefined) return disk.mappedName === mapped;
  return disk.name === /^\/dev\/(.*)$/.exec(mount.source)?.[1];
}
