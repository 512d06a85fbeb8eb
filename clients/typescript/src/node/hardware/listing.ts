/** Listing of a machine: everything that the operating system shows of it, before anything is chosen or left out. A reader
 * for each system fills it in, so that the rules are tested with listings of machines that are not here. */

/** Values of one machine as its system shows them. */
export interface Listing {
  readonly machineId: string | null;
  /** Serial number of the main board. */
  readonly board: string | null;
  /** Vendor and model of the processor. */
  readonly processor: string | null;
  readonly hostName: string | null;
  /** Network cards, connected or not. */
  readonly cards: readonly Card[];
  /** Content of `/proc/self/mountinfo`; empty where a system has none. */
  readonly mounts: string;
  readonly disks: readonly BlockDevice[];
  readonly signs: Signs;
}

/** Network card. */
export interface Card {
  readonly bus: Bus;
  /** Place on that bus. Unlike a name, it stays the same when the kernel or the language changes. */
  readonly position: string;
  /** Address that the card came with; `null` where only a changed one is known. */
  readonly permanentAddress: string | null;
}

/** Kinds of buses, the most lasting first: `outside` is a socket as docks use it, `virtual` is software. */
export const BUSES = ["built_in", "usb", "outside", "virtual"] as const;
export type Bus = (typeof BUSES)[number];

/** Disk, partition or mapped device. */
export interface BlockDevice {
  /** Name in `/dev`. */
  readonly name: string;
  /** Name in `/dev/mapper`. */
  readonly mappedName: string | null;
  /** `major:minor` */
  readonly number: string;
  /** Names of the devices that it is made of. */
  readonly below: readonly string[];
  readonly serial: string | null;
  readonly zfsPool: string | null;
}

/** Signs that a machine is a guest. */
export interface Signs {
  /** Files that container engines create, as far as they exist. */
  readonly containerFiles: readonly string[];
  /** Name of the manager that started the container, as systemd writes it down. */
  readonly containerManager: string;
  /** Control groups of the first process. */
  readonly firstCgroup: string;
  /** Maker and model, as the firmware names them. */
  readonly firmware: string;
  /** Release of the kernel. */
  readonly kernel: string;
  /** True if the processor says that a hypervisor runs this system. */
  readonly isHypervisorSeen: boolean;
}

/** A listing that shows nothing. */
export const EMPTY_LISTING: Listing = {
  machineId: null,
  board: null,
  processor: null,
  hostName: null,
  cards: [],
  mounts: "",
  disks: [],
  signs: {
    containerFiles: [],
    containerManager: "",
    firstCgroup: "",
    firmware: "",
    kernel: "",
    isHypervisorSeen: false,
  },
};
