/** Default name of this device, which other users of the license see. The host name is left out, because it is often the
 * owner's name. */
import { platform } from "node:os";
import type { Label } from "./hardware/components.js";
import type { Fingerprint, Machine } from "./hardware/machine.js";

/** Names the operating system and the kind of machine, with a mark that tells machines apart. The mark is keyed by the
 * license key, so it is another one under another license. */
export function deviceName(machine: Machine, own: Fingerprint): string {
  const mark = MARKED_BY.flatMap((label) => own.sent[label] ?? [])[0]
    ?.slice(0, MARK_DIGITS)
    .toUpperCase();
  const name = `${SYSTEMS[platform()] ?? platform()} ${KINDS[machine.platform]}`;
  return mark === undefined ? name : `${name} (${mark})`;
}

const SYSTEMS: Partial<Record<NodeJS.Platform, string>> = { linux: "Linux", darwin: "macOS", win32: "Windows" };
const KINDS = { physical: "computer", container: "container", virtual_machine: "virtual machine" };
const MARKED_BY: readonly Label[] = ["machine_id", "board", "disk", "mac", "install"];
/** Among a hundred machines of one license, all differ in 9 of 10 cases. */
const MARK_DIGITS = 4;
