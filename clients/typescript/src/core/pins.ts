/** Keys and root that an application is built with. */
import { isPublicKey } from "./ed25519.js";
import { SettingError } from "./failure.js";
import { type JsonObject, isObject, isText, readObject } from "./json.js";
import { type Keys, type ListedKey, readKey } from "./key-list.js";
import { type Statement, readStatement } from "./statement.js";

/** JSON of `GET /api/keys`, or the file that `falconer root pin` writes: as text or read. It must come with the application,
 * from the vendor, and never from the network. */
export type PublicKeys = string | { readonly keys: readonly object[]; readonly root?: object | null };

/** The keys that an application is built with, and the vendor's root where there is one. */
export class Pins {
  #built: Promise<Statement | null> | null = null;

  constructor(
    readonly keys: Keys,
    /** The same keys with their endorsements: a root's statement may name the endorsing one alone. */
    readonly listed: readonly ListedKey[],
    readonly root: string | null,
    private readonly statement: string | null,
  ) {}

  /** The newest statement at the time of the build. Rejects with a `SettingError` where another root has signed it. */
  built(): Promise<Statement | null> {
    // Without a verifier nothing is known, and the next call tries again.
    this.#built ??= this.#readBuilt().catch((error: unknown) => {
      this.#built = null;
      throw error;
    });
    return this.#built;
  }

  /** Reads a statement that may take the place of another: of the pinned root, of the same issuer, and not older. */
  async acceptable(jws: string | null, held: Statement | null): Promise<Statement | null> {
    const offered = await readStatement(jws, this.root);
    if (offered === null || held === null) return offered;
    return offered.iss === held.iss && offered.serial >= held.serial ? offered : null;
  }

  /** The newer of the build's statement and the stored one. The build's is the floor of a fresh or restored store. */
  async newest(stored: string | null): Promise<Statement | null> {
    const built = await this.built();
    return (await this.acceptable(stored, built)) ?? built;
  }

  async #readBuilt(): Promise<Statement | null> {
    if (this.root === null || this.statement === null) return null;
    const built = await readStatement(this.statement, this.root);
    if (built === null)
      throw wrong("the statement is not signed by the root beside it; `falconer root pin` writes this file");
    return built;
  }
}

/** Reads the keys. One bad key rejects them all, so that a mistake shows at once. */
export function readPins(keys: PublicKeys): Pins {
  const read: JsonObject = isText(keys) ? (readObject(keys) ?? {}) : { ...keys };
  const { keys: list, root, statement } = read;
  if (!Array.isArray(list))
    throw wrong(
      "these keys are not the JSON of /api/keys; save that answer into a file and build the application with it",
    );
  const pinned = new Map<string, ListedKey>();
  for (const jwk of list as unknown[]) {
    const key = isObject(jwk) ? readKey(jwk) : null;
    if (key === null || pinned.has(key.kid))
      throw wrong("a key of this JSON is not a valid Ed25519 key, or a kid occurs twice; save /api/keys again");
    pinned.set(key.kid, key);
  }
  if (pinned.size === 0) throw wrong("this JSON has no keys; save /api/keys again");
  const listed = [...pinned.values()];
  return new Pins(
    new Map(listed.map(({ kid, x }) => [kid, x])),
    listed,
    readRoot(root),
    isText(statement) ? statement : null,
  );
}

function readRoot(root: unknown): string | null {
  if (root == null) return null;
  const { kty, crv, x } = isObject(root) ? root : ({} as JsonObject);
  if (kty === "OKP" && crv === "Ed25519" && isPublicKey(x)) return x;
  throw wrong("the root is not a valid Ed25519 key; `falconer root pin` writes this file");
}

const wrong = (message: string) => new SettingError("keys", message);
