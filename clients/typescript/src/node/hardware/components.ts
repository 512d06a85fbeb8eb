/** Components of a machine: values, the keyed hashes that requests hold, and the hashes that a lease states. */
import { createHash, createHmac } from "node:crypto";
import { provesNothing } from "./placeholders.js";

/** Labels of components, in the order in which they are hashed together. */
export const LABELS = ["machine_id", "mac", "board", "disk", "install", "cpu", "hostname"] as const;

/** Label of a component. */
export type Label = (typeof LABELS)[number];

/** Texts by label. */
export type Components = Readonly<Partial<Record<Label, string>>>;

/** Value of a component: one line in lower case with single spaces; `null` where it proves nothing. */
export function componentOf(label: Label, raw: string): string | null {
  const value = raw
    .replace(SPACES, " ")
    .replace(/^ +| +$/g, "")
    .toLowerCase();
  return provesNothing(label, value) ? null : value;
}

/** Components of raw values, without those that prove nothing. */
export function componentsOf(raw: Components): Components {
  return mapComponents(raw, (value, label) => componentOf(label, value));
}

/** What a request with `hardware_format` 1 holds: each value keyed by the license key. */
export function keyed(canonicalKey: string, values: Components): Components {
  const hash = (label: Label, value: string) =>
    createHmac("sha256", canonicalKey).update(`${label}\x1f${value}`, "utf8").digest("hex");
  return mapComponents(values, (value, label) => hash(label, value));
}

/** What a lease states of components that were sent. */
export function stated(sent: Components): Components {
  return mapComponents(sent, (text) => createHash("sha256").update(text, "utf8").digest("hex").slice(0, HASH_DIGITS));
}

/** Hash over all components, for noticing a change. */
export function digestOf(sent: Components): string {
  const hash = createHash("sha256");
  for (const label of LABELS) if (sent[label] !== undefined) hash.update(label).update(sent[label]);
  return hash.digest("hex");
}

/** True if a server binds a device by these components: two of them, one of them strong, or an install id alone. */
export function canBind(components: Components): boolean {
  const labels = labelsOf(components);
  const isStrong = labels.some((label) => STRONG.includes(label)) || labels.includes("install");
  return isStrong && (labels.length >= 2 || labels[0] === "install");
}

/** True if a machine that shows `own` is the one that a lease states. */
export function matches(hw: Readonly<Record<string, string>>, threshold: number, own: Components): boolean {
  const lease = leaseComponents(hw);
  const labels = labelsOf(lease);
  const equal = labels.filter((label) => own[label] === lease[label]);
  const hasStrong = labels.some((label) => STRONG.includes(label));
  const strong = equal.filter((label) => (hasStrong ? STRONG.includes(label) : label === "install"));
  if (strong.length === 0 || equal.length < Math.min(threshold, labels.length)) return false;
  if (labels.length > 3 && 2 * equal.length < labels.length) return false;
  if (strong.join() !== "machine_id") return true;
  // A copied image carries its machine id, so that one alone has to have more beside it.
  const different = labels.filter((label) => own[label] !== undefined && own[label] !== lease[label]);
  return different.length <= 1 && (labels.length <= 3 || 2 * equal.length > labels.length);
}

/** Components that a lease states. Unknown labels, and texts that are no hash, count as not stated. */
export function leaseComponents(hw: Readonly<Record<string, string>>): Components {
  const known = LABELS.filter((label) => Object.hasOwn(hw, label) && /^[0-9a-f]{32}$/.test(hw[label] ?? ""));
  return Object.fromEntries(known.map((label) => [label, hw[label]]));
}

/** Labels that are there, in their order. */
export function labelsOf(components: Components): Label[] {
  return LABELS.filter((label) => components[label] !== undefined);
}

/** Each belongs to one machine. `install` is strong where none of them is there. */
const STRONG: readonly Label[] = ["machine_id", "mac", "board", "disk"];
const HASH_DIGITS = 32;
/** White space as Unicode's property White_Space has it; `\s` differs in two characters. */
const SPACES = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

function mapComponents(components: Components, change: (text: string, label: Label) => string | null): Components {
  const changed: Partial<Record<Label, string>> = {};
  for (const label of labelsOf(components)) {
    const text = change(components[label] ?? "", label);
    if (text !== null) changed[label] = text;
  }
  return changed;
}
