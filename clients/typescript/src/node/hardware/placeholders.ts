/** Values that prove nothing: two machines that share one are not the same machine, so it counts as absent. */
import { ADDRESS_PREFIXES, COUNTING, NUMBERS, TEXTS } from "./placeholder-table.js";
import type { Label } from "./components.js";

/** True if a normalized value proves nothing as this part of a machine. */
export function provesNothing(label: Label, value: string): boolean {
  if (isPlaceholder(value)) return true;
  const isShort = [...value].length < SHORTEST_SERIAL;
  if (label === "mac") return isSharedAddress(bare(value));
  return (label === "board" && isShort) || (label === "disk" && (isShort || isDefaultDisk(value)));
}

/** True for a placeholder whatever it is a part of: in the table, one character again and again, or digits that count. */
function isPlaceholder(value: string): boolean {
  const text = bare(value);
  return (
    new Set(text).size <= 1 ||
    (text.length >= SHORTEST_COUNTING && COUNTING.some((digits) => digits.startsWith(text))) ||
    TEXTS.has(value) ||
    NUMBERS.has(text) ||
    /^([!-~]{2})\1{15}$/.test(text)
  );
}

/** Least length of a run of counting digits. A shorter run may be a real number. */
const SHORTEST_COUNTING = 4;
/** A serial number of fewer characters is a default or a count. */
const SHORTEST_SERIAL = 4;
/** Lengths of the groups that addresses and ids are written in: EUI-48 and EUI-64, InfiniBand, UUID. */
const GROUPS = ["2,2,2,2,2,2", "2,2,2,2,2,2,2,2", "4,4,4", "4,4,4,4", Array(20).fill(2).join(), "8,4,4,4,12"];

/** Removes the separators of addresses, ids and serial numbers, and completes an address in its short form. */
function bare(value: string): string {
  return addressDigits(value) ?? value.replace(/[:\-._ {}]/g, "");
}

function addressDigits(value: string): string | null {
  const text = /^\{.*\}$/s.test(value) ? value.slice(1, -1) : value;
  const separator = /[:\-. ]/.exec(text)?.[0];
  if (separator === undefined) return null;
  const groups = text.split(separator);
  if (!groups.every((group) => /^[0-9a-fA-F]*$/.test(group))) return null;
  const lengths = groups.map((group) => group.length);
  if (GROUPS.includes(lengths.join())) return groups.join("");
  // Some systems write 8:0:20 for 08:00:20.
  const isShort = separator === ":" && groups.length === 6 && lengths.every((length) => length === 1 || length === 2);
  return isShort ? groups.map((group) => group.padStart(2, "0")).join("") : null;
}

function isSharedAddress(digits: string): boolean {
  if (!/^[0-9a-f]{12}$/.test(digits)) return false;
  // The lowest bit of the first byte makes an address one of a group.
  const isGroup = (parseInt(digits.slice(0, 2), 16) & 1) === 1;
  return isGroup || ADDRESS_PREFIXES.some((prefix) => digits.startsWith(prefix));
}

/** True for a disk of QEMU or of Google Compute Engine whose serial number nobody chose. */
function isDefaultDisk(value: string): boolean {
  return /(?<![\p{L}\p{N}])(qm\d{5}|persistent-disk-\d+|drive-scsi\d+(-\d+)*)[ _]*$/u.test(value);
}
