/** Hardware of this machine, on Linux, macOS and Windows. Components that an ordinary user may not read are absent. */
import { cpus, hostname } from "node:os";
import { listLinux } from "./linux.js";
import { EMPTY_LISTING, type Listing } from "./listing.js";
import type { Machine } from "./machine.js";
import { listMac, listWindows } from "./others.js";
import { machineOf } from "./selection.js";

/** Reads the components of this machine. */
export async function readThisMachine(): Promise<Machine> {
  const listing = await list();
  return machineOf({ ...listing, processor: listing.processor ?? cpus()[0]?.model ?? null, hostName: hostname() });
}

async function list(): Promise<Listing> {
  switch (process.platform) {
    case "linux":
      return listLinux("/");
    case "darwin":
      return listMac();
    case "win32":
      return listWindows();
    default:
      return EMPTY_LISTING;
  }
}
