/** Hardware of this machine. */
import type { Machine } from "./machine.js";

/** Reads the components of this machine. */
export async function readThisMachine(): Promise<Machine> {
  return { components: {}, platform: "physical", isVirtualMachine: false, guest: null };
}
