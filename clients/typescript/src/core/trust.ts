/** Trusted signature keys: those that an application was built with, and those that they endorse. */
import { isPublicKey, isSignedBy } from "./ed25519.js";
import { SettingError } from "./failure.js";
import { type JsonObject, isObject, isText, readObject } from "./json.js";

/** JSON of `GET /api/keys`, as text or read. It must come with the application, from the vendor, and never from the network. */
export type PublicKeys = string | { readonly keys: readonly object[] };

/** All keys that count now. */
export class TrustedKeys {
  readonly #pinned: ReadonlyMap<string, string>;
  readonly #seen: readonly SeenKey[];
  readonly #keys: ReadonlyMap<string, string>;

  private constructor(
    pinned: ReadonlyMap<string, string>,
    seen: readonly SeenKey[],
    keys: ReadonlyMap<string, string>,
  ) {
    [this.#pinned, this.#seen, this.#keys] = [pinned, seen, keys];
  }

  /** Trusts the pinned keys, and every kept key that they endorse. Endorsements are verified anew, so that a pin that a
   * release drops takes along the keys that it alone endorsed. */
  static async of(pinned: ReadonlyMap<string, string>, kept: string | null = null): Promise<TrustedKeys> {
    const seen = kept === null ? [] : (readList(kept) ?? []);
    return TrustedKeys.#judged(pinned, seen);
  }

  /** Key of a `kid`, in base64url. */
  key(kid: string): string | undefined {
    return this.#keys.get(kid);
  }

  /** Each trusted `kid` with its key. */
  entries(): [string, string][] {
    return [...this.#keys];
  }

  /** The fetched keys that are worth keeping, as JSON for the next start; `null` without any. */
  kept(): string | null {
    return this.#seen.length === 0 ? null : JSON.stringify({ keys: this.#seen.map(toJwk) });
  }

  /** Learns from the body of an answer of `/api/keys`. An attacker on the network chooses it, so only endorsements that
   * verify count, no key replaces a trusted one, and no list takes anything away. */
  async learned(list: string): Promise<TrustedKeys> {
    const fetched = readList(list);
    if (fetched === null || fetched.length > MAX_FETCHED_KEYS) return this;
    const grown = await TrustedKeys.#judged(this.#pinned, [...this.#seen, ...fetched]);
    return TrustedKeys.#judged(this.#pinned, await grown.#proven());
  }

  static async #judged(pinned: ReadonlyMap<string, string>, seen: readonly SeenKey[]): Promise<TrustedKeys> {
    const keys = new Map(pinned);
    for (let isGrowing = true; isGrowing;) {
      isGrowing = false;
      for (const key of seen) {
        if (keys.has(key.kid) || !(await isEndorsed(key, keys))) continue;
        keys.set(key.kid, key.x);
        isGrowing = true;
      }
    }
    return new TrustedKeys(pinned, seen, keys);
  }

  /** Seen keys that are trusted, each once, with the endorsements that verify: an older list may have others than a
   * later one. */
  async #proven(): Promise<SeenKey[]> {
    const proven = new Map<string, SeenKey>();
    for (const key of this.#seen) {
      if (this.#keys.get(key.kid) !== key.x) continue;
      const endorsedBy = new Map(proven.get(key.kid)?.endorsedBy);
      for (const [kid, signature] of key.endorsedBy) {
        if (!endorsedBy.has(kid) && (await endorses(this.#keys, kid, key, signature))) endorsedBy.set(kid, signature);
      }
      proven.set(key.kid, { ...key, endorsedBy });
    }
    return [...proven.values()];
  }
}

/** Reads the keys that an application is built with. One bad key rejects them all, so that a mistake shows at once. */
export function readPinnedKeys(keys: PublicKeys): ReadonlyMap<string, string> {
  const list = isText(keys) ? readObject(keys)?.["keys"] : keys.keys;
  if (!Array.isArray(list))
    throw new SettingError(
      "keys",
      "these keys are not the JSON of /api/keys; save that answer into a file and build the application with it",
    );
  const pinned = new Map<string, string>();
  for (const jwk of list as unknown[]) {
    const key = isObject(jwk) ? readKey(jwk) : null;
    if (key === null || pinned.has(key.kid))
      throw new SettingError(
        "keys",
        "a key of this JSON is not a valid Ed25519 key, or a kid occurs twice; save /api/keys again",
      );
    pinned.set(key.kid, key.x);
  }
  if (pinned.size === 0) throw new SettingError("keys", "this JSON has no keys; save /api/keys again");
  return pinned;
}

/** Twice the capacity of a key ring. */
const MAX_FETCHED_KEYS = 62;

interface SeenKey {
  readonly kid: string;
  readonly x: string;
  readonly endorsedBy: ReadonlyMap<string, string>;
}

/** Reads a fetched list. A key of another kind is passed over, and the others count (RFC 7517, section 5). */
function readList(json: string): SeenKey[] | null {
  const list = readObject(json)?.["keys"];
  if (!Array.isArray(list)) return null;
  return (list as unknown[]).flatMap((jwk) => (isObject(jwk) ? (readKey(jwk) ?? []) : []));
}

function readKey(jwk: JsonObject): SeenKey | null {
  const { kty, crv, kid, x } = jwk;
  if (kty !== "OKP" || crv !== "Ed25519" || !isText(kid) || !isPublicKey(x)) return null;
  const claimed = isObject(jwk["endorsed_by"]) ? Object.entries(jwk["endorsed_by"]) : [];
  const texts = claimed.filter((entry): entry is [string, string] => isText(entry[1]));
  return { kid, x, endorsedBy: new Map(texts) };
}

const toJwk = ({ kid, x, endorsedBy }: SeenKey) => ({
  kty: "OKP",
  crv: "Ed25519",
  alg: "EdDSA",
  use: "sig",
  kid,
  x,
  endorsed_by: Object.fromEntries(endorsedBy),
});

async function isEndorsed(key: SeenKey, keys: ReadonlyMap<string, string>): Promise<boolean> {
  for (const [kid, signature] of key.endorsedBy) {
    if (await endorses(keys, kid, key, signature)) return true;
  }
  return false;
}

async function endorses(
  keys: ReadonlyMap<string, string>,
  kid: string,
  key: SeenKey,
  signature: string,
): Promise<boolean> {
  const endorser = keys.get(kid);
  const message = ["falconer/jwk/v1", key.kid, key.x].join("\0");
  return endorser !== undefined && isSignedBy(endorser, message, signature);
}
