/** Verifier in JavaScript alone, for pages on plain `http` and for browsers without Ed25519. */
import { hashes, verify } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";

hashes.sha512 = sha512;

/** Verifies a signature as RFC 8032 has it, without the looser rules of ZIP 215. */
export function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}
