import { base64url, importJWK, type JSONWebKeySet, type JWK } from "jose";

type Key = JWK & { kid: string; x: string; endorsed_by?: Record<string, string> };

/** The keys of `trusted`, and those of `fetched` (the JSON of /api/keys) that one of them endorses, in any number of steps. */
export async function followEndorsements(trusted: JSONWebKeySet, fetched: JSONWebKeySet): Promise<JSONWebKeySet> {
  const keys = new Map((trusted.keys as Key[]).map((key) => [key.kid, key]));
  for (let grown = true; grown; ) {
    grown = false;
    for (const key of fetched.keys.filter(isEd25519)) {
      if (keys.has(key.kid) || !(await isEndorsed(key, keys))) continue;
      keys.set(key.kid, key);
      grown = true;
    }
  }
  return { keys: [...keys.values()] };
}

/** Whether a fetched key is of the kind that signs leases. The others are ignored (RFC 7517, section 5). */
function isEd25519(key: JWK | null): key is Key {
  const texts = [key?.kid, key?.x].every((text) => typeof text === "string");
  return texts && key?.kty === "OKP" && key.crv === "Ed25519";
}

async function isEndorsed(key: Key, keys: Map<string, Key>): Promise<boolean> {
  const message = new TextEncoder().encode(["falconer/jwk/v1", key.kid, key.x].join("\0"));
  for (const [kid, signature] of Object.entries(key.endorsed_by ?? {})) {
    const endorser = keys.get(kid);
    if (endorser && (await holds(endorser, signature, message).catch(() => false))) return true;
  }
  return false;
}

async function holds(endorser: Key, signature: string, message: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const key = (await importJWK(endorser, "EdDSA")) as CryptoKey;
  return crypto.subtle.verify("Ed25519", key, new Uint8Array(base64url.decode(signature)), message);
}
