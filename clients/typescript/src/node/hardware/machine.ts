/** A machine as one license sees it. */
import { createHash } from "node:crypto";
import { type Components, type Label, canBind, componentOf, keyed, stated } from "./components.js";
import type { LicenseKey } from "../key.js";

/** Components of a machine: normalized, without what proves nothing. Values never leave the process. */
export interface Machine {
  readonly components: Components;
  readonly platform: "physical" | "container" | "virtual_machine";
  /** True if requests report a virtual machine; a container can run in one. */
  readonly isVirtualMachine: boolean;
  /** Set for every guest, which can be copied whole: an install id is made for it, of a random value and of the guest's
   * own machine id, where it has one. */
  readonly guest: { readonly machineId: string | null } | null;
}

/** Components under one license key. Two licenses cannot find out that they run on one machine. */
export interface Fingerprint {
  /** Components in the form of a request. */
  readonly sent: Components;
  /** Components in the form of a lease. */
  readonly stated: Components;
}

/** Keys the components of a machine and its install id. */
export function fingerprintOf(machine: Machine, key: LicenseKey, installId: string | null): Fingerprint {
  const install = installId === null ? {} : { install: shownInstallId(machine, installId) };
  const sent = keyed(key.canonical, { ...machine.components, ...install });
  return { sent, stated: stated(sent) };
}

/** True if an install id has to be made for a machine that shows this fingerprint. */
export function needsInstallId(machine: Machine, own: Fingerprint): boolean {
  return !canBind(own.sent) || (machine.guest !== null && own.sent.install === undefined);
}

/** Names of the machine in a store, at least one: a replaced part does not make it another machine. The product is in the
 * hash, so that stores of two products do not show that they are on one machine. */
export function machineNames(machine: Machine, product: string): [string, ...string[]] {
  const names = LASTING.flatMap((label) => {
    const value = machine.components[label] ?? (label === "machine_id" ? machine.guest?.machineId : undefined);
    if (value == null) return [];
    const parts = ["falconer/machine/v1", product, label, value].map((part) => `${part}\0`).join("");
    return createHash("sha256").update(parts, "utf8").digest("hex").slice(0, NAME_DIGITS);
  });
  const [first = UNNAMED, ...others] = names;
  return [first, ...others];
}

/** Labels that name a machine, the most lasting one first. */
const LASTING: readonly Label[] = ["machine_id", "board", "disk", "mac"];
const NAME_DIGITS = 20;
/** Name of a machine without any of them, such as a container: there the volume with the store is the machine. */
const UNNAMED = "unnamed";

/** A copy of the store alone shows another install id, because the guest's machine id is in the hash. */
function shownInstallId(machine: Machine, installId: string): string {
  const machineId = machine.guest?.machineId;
  const shown =
    machineId == null ? installId : createHash("sha256").update(`${installId}\x1f${machineId}`, "utf8").digest("hex");
  return componentOf("install", shown) ?? shown;
}
