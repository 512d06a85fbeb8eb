/** Decision about an answer that came as a file. The signature was checked before. */
import type { Claims } from "../../core/claims.js";
import { decide, heldAnswer } from "../decision.js";
import { type Machine, fingerprintOf } from "../hardware/machine.js";
import { type LicenseKey, readKey } from "../key.js";
import type { Verified } from "../verified.js";

/** Returns the key under which the answer is stored, or the id of the advice about an answer that does not count. It counts if
 * it answers the request that waits, for this machine. */
export function takenFile(stored: Verified, machine: Machine, claims: Claims, jws: string): LicenseKey | string {
  const { pending, answer, installId } = stored.record;
  if (answer === jws) return "already_imported";
  if (pending?.kind !== "file") return "no_request";
  if (claims.nonce !== pending.nonce) return claims.nonce == null ? "no_request" : "not_for_this_request";
  const key = readKey(pending.key);
  if (key === null) return "not_for_this_request";
  const question = pending.purpose === "renew" ? "verify" : "take_seat";
  const own = fingerprintOf(machine, key, installId).stated;
  const decision = decide(question, claims, heldAnswer(stored, question, claims), own);
  if (decision === "lease") return key;
  return decision === "other_machine" ? "other_machine" : "not_for_this_request";
}
