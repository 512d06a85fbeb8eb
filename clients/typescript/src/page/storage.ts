/** What a page keeps between two visits. */
import type { Falconer } from "../core/falconer.js";
import { isText, readObject } from "../core/json.js";

/** A place for texts, as `localStorage` is. */
export interface KeyStorage {
  getItem(name: string): string | null;
  setItem(name: string, text: string): void;
  removeItem(name: string): void;
}

/** Key and last signed answer. */
export interface Kept {
  readonly key: string;
  /** The lease, or the refusal that locks. */
  readonly answer: string;
  /** Moment of its arrival by the browser's clock, in milliseconds. */
  readonly answeredAt: number;
  /** Keys that were fetched and endorsed, so that an answer under a new key counts after a reload. */
  readonly keys: string | null;
}

/** Reads what is kept. Nobody has verified it: anybody can write into a browser's storage. */
export async function readKept(storage: KeyStorage | null, falconer: Falconer): Promise<Kept | null> {
  const kept = parse(read(storage, falconer));
  if (kept?.keys != null) await falconer.importKeys(kept.keys);
  return kept;
}

/** Writes what is kept, or removes it. A browser without room keeps it for this visit alone. */
export function writeKept(storage: KeyStorage | null, falconer: Falconer, kept: Kept | null): void {
  try {
    if (kept === null) storage?.removeItem(nameOf(falconer));
    else storage?.setItem(nameOf(falconer), JSON.stringify(kept));
  } catch {
    // Nothing can be done about it, and the license is valid all the same.
  }
}

const nameOf = (falconer: Falconer) => `falconer/${falconer.product}`;

function read(storage: KeyStorage | null, falconer: Falconer): string {
  try {
    return storage?.getItem(nameOf(falconer)) ?? "";
  } catch {
    return "";
  }
}

function parse(text: string): Kept | null {
  const { key, answer, answeredAt, keys } = readObject(text) ?? {};
  if (!isText(key) || !isText(answer) || typeof answeredAt !== "number") return null;
  return { key, answer, answeredAt, keys: isText(keys) ? keys : null };
}
