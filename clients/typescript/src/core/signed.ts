/** Verification of a signed statement: a lease or a refusal. */
import { decodeText } from "./base64url.js";
import { type Claims, readClaims } from "./claims.js";
import { isSignedBy } from "./ed25519.js";
import { isText, readObject } from "./json.js";

/** Claims that a trusted key signed for the product, or the reason why they do not count. */
export type Verified =
  | { readonly claims: Claims; readonly kid: string }
  | { readonly cause: "not_trusted" | "other_product"; readonly unknownKey: boolean };

/** Finds a key that counts by its `kid`. */
export type FindKey = (kid: string) => string | undefined;

/** Verifies a compact JWS over the bytes that were received. Claims are not looked at before the signature holds. */
export async function verifySigned(jws: string, product: string, find: FindKey): Promise<Verified> {
  const [head = "", body = "", signature = "", ...more] = jws.split(".");
  const header = readHeader(head);
  if (header === null || more.length > 0) return NOT_TRUSTED;
  const key = find(header.kid);
  if (key === undefined) return { cause: "not_trusted", unknownKey: true };
  if (!(await isSignedBy(key, `${head}.${body}`, signature))) return NOT_TRUSTED;
  const text = decodeText(body);
  const claims = text === null ? null : readClaims(text);
  if (claims === null || claims.valid !== header.isLease) return NOT_TRUSTED;
  const audience = header.isLease ? product : `${product}/refusal`;
  return claims.aud === audience ? { claims, kid: header.kid } : { cause: "other_product", unknownKey: false };
}

const NOT_TRUSTED = { cause: "not_trusted", unknownKey: false } as const;
/** `Ed25519` is the newer name of the algorithm (RFC 9864). */
const ALGORITHMS: readonly unknown[] = ["EdDSA", "Ed25519"];
const LEASE = "lease+jwt";
const REFUSAL = "refusal+jwt";

interface Header {
  readonly kid: string;
  readonly isLease: boolean;
}

/** Reads a header. A key that it brings or points to is never used. */
function readHeader(part: string): Header | null {
  const text = decodeText(part);
  const header = text === null ? null : readObject(text);
  if (header === null || !ALGORITHMS.includes(header["alg"]) || "crit" in header) return null;
  const { typ, kid } = header;
  return isText(kid) && (typ === LEASE || typ === REFUSAL) ? { kid, isLease: typ === LEASE } : null;
}
