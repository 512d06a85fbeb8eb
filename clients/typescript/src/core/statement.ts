/** Key statements: the list of good signing keys, signed by a root that never goes online (docs/spec/formats.md). */
import { decodeText } from "./base64url.js";
import { isPublicKey, isSignedBy } from "./ed25519.js";
import { areTexts, isInteger, isMapOf, isText, readObject } from "./json.js";
import type { Keys } from "./key-list.js";

/** A statement whose signature holds. */
export interface Statement {
  /** The statement as it was signed. */
  readonly jws: string;
  readonly iss: string;
  /** Grows with each statement of a root. */
  readonly serial: number;
  readonly keys: Keys;
  /** Each `kid` that nobody may believe again. */
  readonly distrusted: ReadonlySet<string>;
}

/** Reads a statement of this root. `null` where it is none. */
export async function readStatement(jws: unknown, root: string | null): Promise<Statement | null> {
  if (root === null || !isText(jws) || jws.length > MAX_STATEMENT_CHARS) return null;
  const [head = "", body = "", signature = "", ...more] = jws.split(".");
  if (more.length > 0 || !isHeader(head)) return null;
  // The claims are looked at after the signature holds.
  if (!(await isSignedBy(root, `${head}.${body}`, signature))) return null;
  return readClaims(jws, body);
}

/** Serial of a statement that was verified when it was stored; `null` for other text. */
export function serialOf(jws: string | null): number | null {
  return jws === null ? null : (readClaims(jws, jws.split(".")[1] ?? "")?.serial ?? null);
}

/** One with all 31 generations has some 3,000. */
const MAX_STATEMENT_CHARS = 16_384;
const TYPE = "falconer-keys+jwt";

/** True for the header of a statement. It has no `kid`, since the root is pinned, and no other member. */
function isHeader(part: string): boolean {
  const { alg, typ, ...more } = readObject(decodeText(part) ?? "") ?? {};
  return (alg === "EdDSA" || alg === "Ed25519") && typ === TYPE && Object.keys(more).length === 0;
}

function readClaims(jws: string, body: string): Statement | null {
  const { iss, iat, serial, keys, distrusted } = readObject(decodeText(body) ?? "") ?? {};
  if (!isText(iss) || !isInteger(iat) || !isInteger(serial) || !isMapOf(keys, isText) || !areTexts(distrusted))
    return null;
  // A key that is good and distrusted at once makes it nobody's statement.
  const isGood = ([kid, x]: [string, string]) => !distrusted.includes(kid) && isPublicKey(x);
  const good = Object.entries(keys);
  return good.every(isGood) ? { jws, iss, serial, keys: new Map(good), distrusted: new Set(distrusted) } : null;
}
