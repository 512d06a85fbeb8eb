/** Ed25519 signatures: by the platform where it can, otherwise by the bundled verifier, which is loaded only then. */
import { decodeBase64url } from "./base64url.js";

/** Verifies a signature. `x` and `signature` are base64url, as key lists and leases have them. */
export async function isSignedBy(x: string, message: string, signature: string): Promise<boolean> {
  const [key, bytes] = [decodeBase64url(x), decodeBase64url(signature)];
  if (key?.length !== KEY_BYTES || bytes?.length !== SIGNATURE_BYTES) return false;
  const verify = await (verifier ??= choose());
  return verify(x, new TextEncoder().encode(message), bytes);
}

/** True for the text of an Ed25519 key. */
export function isPublicKey(x: unknown): x is string {
  return typeof x === "string" && decodeBase64url(x)?.length === KEY_BYTES;
}

type Bytes = Uint8Array<ArrayBuffer>;
type Verify = (x: string, message: Bytes, signature: Bytes) => Promise<boolean>;

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** RFC 8032, section 7.1, test 1: the signature of an empty message. */
const KNOWN_KEY = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const KNOWN_SIGNATURE = "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc-bRr0lv18FlbviRlUUFDjnoQCw";

let verifier: Promise<Verify> | undefined;

/** Tries the platform with a signature that is known. Outside a secure context a page has no `crypto.subtle`. */
async function choose(): Promise<Verify> {
  const known = decodeBase64url(KNOWN_SIGNATURE);
  const works = known && (await byPlatform(KNOWN_KEY, new Uint8Array(), known).catch(() => false));
  return works ? byPlatform : byBundle;
}

const byPlatform: Verify = async (x, message, signature) => {
  const key = await crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x }, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", key, signature, message);
};

const byBundle: Verify = async (x, message, signature) => {
  const { verifyEd25519 } = await import("./bundled-ed25519.js");
  return verifyEd25519(decodeBase64url(x) ?? new Uint8Array(), message, signature);
};
