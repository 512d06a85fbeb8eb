/** Lists a Linux machine from files that any user may read. */
import { existsSync, readFileSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type BlockDevice, type Bus, type Card, EMPTY_LISTING, type Listing, type Signs } from "./listing.js";

/** Lists the machine whose file system begins at `root`, which is `/` or the recording of another machine. */
export function listLinux(root: string): Listing {
  const text = (path: string) => readText(join(root, path));
  return {
    ...EMPTY_LISTING,
    // machine-id(5) is the system's own; the older file of D-Bus stays behind in images that were cleaned.
    machineId: text("/etc/machine-id") ?? text("/var/lib/dbus/machine-id"),
    board: text("/sys/class/dmi/id/board_serial"),
    processor: processorIn(text("/proc/cpuinfo") ?? ""),
    cards: entries(join(root, "/sys/class/net")).flatMap(listCard),
    mounts: text("/proc/self/mountinfo") ?? "",
    disks: entries(join(root, "/sys/class/block")).flatMap((entry) => listDevice(root, entry)),
    signs: listSigns(root),
  };
}

/** Files that container engines create: Docker, Podman, Kubernetes. */
const CONTAINER_FILES = ["/.dockerenv", "/run/.containerenv", "/run/secrets/kubernetes.io"];
/** Files with the names of maker, model and hypervisor: DMI tables, device trees, Xen. */
const FIRMWARE = [
  "/sys/class/dmi/id/sys_vendor",
  "/sys/class/dmi/id/product_name",
  "/sys/class/dmi/id/bios_vendor",
  "/sys/firmware/devicetree/base/model",
  "/sys/firmware/devicetree/base/hypervisor/compatible",
  "/sys/hypervisor/type",
];
/** Buses that no ordinary user plugs anything into. */
const BUILT_IN = [
  "pci",
  "platform",
  "sdio",
  "mmc",
  "ssb",
  "bcma",
  "amba",
  "mhi",
  "vio",
  "ccwgroup",
  "virtio",
  "vmbus",
  "xen",
];

interface Entry {
  readonly name: string;
  readonly folder: string;
}

/** Content of a file without white space around it; `null` where nothing is left. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").replace(/^[\s\0]+|[\s\0]+$/g, "") || null;
  } catch {
    return null;
  }
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Entries of a folder, with links followed. */
function entries(folder: string): Entry[] {
  return names(folder).flatMap((name) => {
    const real = realPath(join(folder, name));
    return real === null ? [] : [{ name, folder: real }];
  });
}

/** Vendor and model of the first processor, as sysinfo's crate joins them for the Rust library. */
function processorIn(cpuinfo: string): string | null {
  const value = (name: string) => new RegExp(`^${name}\\s*: *(.*)$`, "m").exec(cpuinfo)?.[1]?.trim() ?? "";
  return `${value("vendor_id")} ${value("model name")}`.trim() || null;
}

/** Nothing for bridges, tunnels and pairs, which have no device. */
function listCard({ folder }: Entry): Card[] {
  const device = realPath(join(folder, "device"));
  if (device === null) return [];
  const of = (file: string) => readText(join(folder, file));
  // `NET_ADDR_PERM`; every other value says that a program chose the address.
  const isPermanent = (of("addr_assign_type") ?? "0") === "0";
  const permanentAddress =
    of("phy80211/macaddress") ?? of("bonding_slave/perm_hwaddr") ?? (isPermanent ? of("address") : null);
  return [{ bus: busOf(device), position: device, permanentAddress }];
}

function busOf(device: string): Bus {
  // A card beside its physical one, made for guests.
  if (existsSync(join(device, "physfn"))) return "virtual";
  // The kernel says of ports whether people reach them. A dock's card is fixed in the dock, so every port above counts.
  const ports = ancestors(device).flatMap((part) => readText(join(part, "removable")) ?? []);
  if (ports.includes("removable")) return "outside";
  const name = subsystemOf(device);
  const isFixed = ports.length > 0 && ports.every((port) => port === "fixed");
  return BUILT_IN.includes(name) || (name === "usb" && isFixed) ? "built_in" : "usb";
}

function subsystemOf(device: string): string {
  try {
    return basename(readlinkSync(join(device, "subsystem")));
  } catch {
    return "";
  }
}

function ancestors(path: string): string[] {
  return dirname(path) === path ? [path] : [path, ...ancestors(dirname(path))];
}

function listDevice(root: string, { name, folder }: Entry): BlockDevice[] {
  const of = (file: string) => readText(join(folder, file));
  const number = of("dev");
  if (number === null) return [];
  const ofPartition = existsSync(join(folder, "partition")) ? [basename(dirname(folder))] : [];
  const udev = readText(join(root, "/run/udev/data", `b${number}`)) ?? "";
  return [
    {
      name,
      number,
      mappedName: of("dm/name"),
      below: [...ofPartition, ...names(join(folder, "slaves"))],
      serial: of("serial") ?? of("device/serial") ?? of("device/wwid") ?? of("wwid"),
      // udev notes the pool of a partition.
      zfsPool: /^E:ID_FS_TYPE=zfs_member$/m.test(udev) ? (/^E:ID_FS_LABEL=(.*)$/m.exec(udev)?.[1] ?? null) : null,
    },
  ];
}

function listSigns(root: string): Signs {
  const text = (path: string) => readText(join(root, path));
  const flags = /^flags.*$/m.exec(text("/proc/cpuinfo") ?? "")?.[0] ?? "";
  // The system that controls Xen sees its hypervisor, and is the machine all the same.
  const isHost = text("/proc/xen/capabilities")?.includes("control_d") ?? false;
  const firmware = FIRMWARE.filter((file) => !(isHost && file.endsWith("/type")));
  return {
    containerFiles: CONTAINER_FILES.filter((file) => existsSync(join(root, file))),
    containerManager: text("/run/systemd/container") ?? "",
    firstCgroup: text("/proc/1/cgroup") ?? "",
    firmware: firmware.flatMap((file) => text(file) ?? []).join("\n"),
    kernel: text("/proc/sys/kernel/osrelease") ?? "",
    isHypervisorSeen: flags.split(/\s+/).includes("hypervisor") && !isHost,
  };
}
