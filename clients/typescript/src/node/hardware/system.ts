/** Hardware of this machine, on Linux, macOS and Windows. Components that an ordinary user may not read are absent. */
import { cpus, hostname } from "node:os";
import { listLinux } from "./linux.js";
import { EMPTY_LISTING, type Listing } from "./listing.js";
import type { Machine } from "./machine.js";
import { listMac, listWindows } from "./others.js";
import { machineOf } from "./selection.js";

/** Reads the components of this machine. */
export async function readThisMachine(): Promise<Machine> {
  // A system that refuses to say something shows less.
  const listing = await list().catch(() => EMPTY_LISTING);
  return machineOf({
    ...listing,
    processor: listing.processor ?? shown(() => cpus()[0]?.model),
    hostName: shown(hostname),
  });
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

function shown(read: () => string | undefined): string | null {
  try {
    return read() ?? null;
  } catch {
    return null;
  }
}
