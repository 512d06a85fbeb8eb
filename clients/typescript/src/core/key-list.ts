/** Lists of public keys, as `GET /api/keys` answers them. */
import { isPublicKey, isSignedBy } from "./ed25519.js";
import { type JsonObject, isObject, isText } from "./json.js";

/** A key of a list, with the endorsements that it claims. Nothing is verified yet. */
export interface ListedKey {
  readonly kid: string;
  readonly x: string;
  readonly endorsedBy: ReadonlyMap<string, string>;
}

/** Reads a list. A key of another kind is passed over, and the others count (RFC 7517, section 5). */
export function readList(list: unknown): ListedKey[] | null {
  if (!Array.isArray(list)) return null;
  return (list as unknown[]).flatMap((jwk) => (isObject(jwk) ? (readKey(jwk) ?? []) : []));
}

/** Reads one key. `null` where it is no Ed25519 key. */
export function readKey(jwk: JsonObject): ListedKey | null {
  const { kty, crv, kid, x } = jwk;
  if (kty !== "OKP" || crv !== "Ed25519" || !isText(kid) || !isPublicKey(x)) return null;
  const claimed = isObject(jwk["endorsed_by"]) ? Object.entries(jwk["endorsed_by"]) : [];
  const texts = claimed.filter((entry): entry is [string, string] => isText(entry[1]));
  return { kid, x, endorsedBy: new Map(texts) };
}

/** Writes a key as lists have it. */
export const toJwk = ({ kid, x, endorsedBy }: ListedKey): JsonObject => ({
  kty: "OKP",
  crv: "Ed25519",
  alg: "EdDSA",
  use: "sig",
  kid,
  x,
  endorsed_by: Object.fromEntries(endorsedBy),
});

/** Keys by their `kid`, in base64url. */
export type Keys = ReadonlyMap<string, string>;

/** Adds the listed keys that one of the keys endorses, through any number of steps. A known `kid` keeps its key, and a
 * barred one never comes in. */
export async function withEndorsed(
  start: Keys,
  listed: readonly ListedKey[],
  barred: ReadonlySet<string> = new Set(),
): Promise<Map<string, string>> {
  const keys = new Map(start);
  for (let isGrowing = true; isGrowing;) {
    isGrowing = false;
    for (const key of listed) {
      if (keys.has(key.kid) || barred.has(key.kid) || !(await isEndorsed(key, keys))) continue;
      keys.set(key.kid, key.x);
      isGrowing = true;
    }
  }
  return keys;
}

/** True if one of the keys has signed this endorsement. */
export async function endorses(keys: Keys, kid: string, key: ListedKey, signature: string): Promise<boolean> {
  const endorser = keys.get(kid);
  const message = ["falconer/jwk/v1", key.kid, key.x].join("\0");
  return endorser !== undefined && isSignedBy(endorser, message, signature);
}

async function isEndorsed(key: ListedKey, keys: Keys): Promise<boolean> {
  for (const [kid, signature] of key.endorsedBy) {
    if (await endorses(keys, kid, key, signature)) return true;
  }
  return false;
}
