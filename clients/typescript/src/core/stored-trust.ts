/** Text of the stored keys: the fetched keys that are endorsed, and the root's newest statement. docs/spec/client-store.md
 * has its form, which the Rust library reads and writes too. */
import { type JsonObject, isInteger, isObject, isText, readObject } from "./json.js";
import { type ListedKey, readList, toJwk } from "./key-list.js";
import { serialOf } from "./statement.js";

/** Keys and statement of a list that was fetched. */
export interface FetchedTrust {
  readonly keys: readonly ListedKey[];
  readonly statement: string | null;
}

/** The stored keys. Nothing in them is trusted before it is verified. */
export interface StoredTrust extends FetchedTrust {
  /** The statement before, which names the keys of leases from then: a new build does not pin them any more. */
  readonly earlier: string | null;
  /** `kid` → second since which a key that counted before does not count any more. */
  readonly former: ReadonlyMap<string, number>;
  /** Second in which `/api/keys` last had a statement of the root. */
  readonly lookedAt: number | null;
}

/** No keys, and no statement. */
export const NOTHING_STORED: StoredTrust = {
  keys: [],
  statement: null,
  earlier: null,
  former: new Map(),
  lookedAt: null,
};

/** Reads an answer of `/api/keys`; `null` for other text. Whoever answers chooses nothing but keys and statement. */
export function readFetched(json: string): FetchedTrust | null {
  const read = readObject(json);
  const keys = readList(read?.["keys"]);
  return keys === null ? null : { keys, statement: textOf(read, "statement") };
}

/** Reads a stored text. Parts that cannot be read are absent. */
export function readStored(json: string | null): StoredTrust {
  const fetched = json === null ? null : readFetched(json);
  if (json === null || fetched === null) return NOTHING_STORED;
  const read = readObject(json);
  const noted = isObject(read?.["former"]) ? Object.entries(read["former"]) : [];
  const former = noted.filter((entry): entry is [string, number] => isInteger(entry[1]));
  const lookedAt = isInteger(read?.["looked_at"]) ? read["looked_at"] : null;
  return { ...fetched, earlier: textOf(read, "earlier"), former: new Map(former), lookedAt };
}

/** Writes the stored keys; `null` for nothing. */
export function toStoredText({ keys, statement, earlier, former, lookedAt }: StoredTrust): string | null {
  const text = JSON.stringify({
    keys: keys.map(toJwk),
    ...(statement !== null && { statement }),
    ...(earlier !== null && { earlier }),
    ...(former.size > 0 && { former: Object.fromEntries(former) }),
    ...(lookedAt !== null && { looked_at: lookedAt }),
  });
  return text === '{"keys":[]}' ? null : text;
}

/** The part of a stored text that the seal of a device covers: the statement, and since when keys do not count. `null`
 * without a statement. The seal's form is that of the Rust library: JSON with the names in the order of their bytes, which
 * an object of JavaScript does not keep. */
export function sealedPart(json: string | null): string | null {
  const { statement, former } = readStored(json);
  if (statement === null) return null;
  const noted = [...former].sort(([a], [b]) => compareBytes(a, b));
  const members = noted.map(([kid, since]) => `${JSON.stringify(kid)}:${since}`);
  return `[${JSON.stringify(statement)},{${members.join()}}]`;
}

/** The text with the newer statement, of two that two processes have stored. Both were verified when they were stored. */
export function newerText(disk: string | null, own: string | null): string | null {
  const [there, here] = [disk, own].map((text) => serialOf(readStored(text).statement) ?? -Infinity);
  return (here ?? 0) > (there ?? 0) ? own : disk;
}

function textOf(read: JsonObject | null, name: string): string | null {
  const text = read?.[name];
  return isText(text) ? text : null;
}

/** Compares texts by their code points, whose order is that of the bytes. */
function compareBytes(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => [...text].map((character) => character.codePointAt(0) ?? 0));
  for (let place = 0; ; place += 1) {
    const [one, other] = [left?.[place], right?.[place]];
    if (one === undefined || other === undefined) return (left?.length ?? 0) - (right?.length ?? 0);
    if (one !== other) return one - other;
  }
}
