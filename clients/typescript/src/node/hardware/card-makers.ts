/** Makers of network cards whose addresses prove nothing (IEEE's registry of makers). `npm run tables` writes this file out
 * of `clients/rust/src/hardware/cards.rs`. */

/** Makers of hypervisors, whose addresses are those of the guests' and of their own cards. Outside a guest such a card is
 * software: every computer with VMware Workstation has one. */
export const HYPERVISORS: ReadonlySet<string> = new Set([
  // VMware
  "000569",
  // VMware
  "000c29",
  // VMware
  "001c14",
  // VMware
  "005056",
  // Hyper-V
  "00155d",
  // Parallels
  "001c42",
  // VirtualBox
  "080027",
  // Xen
  "00163e",
  // Proxmox
  "bc2411",
]);

/** Makers of docking stations and adapters, and of the chips in them. At a hot desk the address belongs to the desk. No
 * computer has a card of theirs built in. */
export const DOCKS: ReadonlySet<string> = new Set([
  // Magic Control Technology
  "00051b",
  // ASIX
  "000ec6",
  // ASIX
  "207bd2",
  // ASIX
  "cc4792",
  // ASIX
  "f8e43b",
  // DisplayLink
  "000f9d",
  // DisplayLink
  "6ca936",
  // Speed Dragon
  "00133b",
  // Kensington
  "00228b",
  // Action Star
  "00249b",
  // Good Way, in docks of Lenovo
  "0050b6",
  // BizLink
  "0c3796",
  // BizLink, in docks of Dell
  "9cebe8",
  // Luxshare
  "108286",
  // Luxshare, in adapters of Lenovo
  "3c18a0",
  // Luxshare
  "606d3c",
  // Targus
  "4c56df",
  // CalDigit
  "644bf0",
  // Plugable
  "8cae4c",
  // CE Link, in adapters of many names
  "a0cec8",
  // StarTech
  "e8ea6a",
]);
