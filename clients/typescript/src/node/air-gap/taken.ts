/** Decision about an answer that came as a file. The signature was checked before. */
import type { Claims } from "../../core/claims.js";
import { decide, heldAnswer } from "../decision.js";
import { type Machine, fingerprintOf } from "../hardware/machine.js";
import { type LicenseKey, readKey } from "../key.js";
import type { Verified } from "../verified.js";

/** Returns the key under which the answer is stored, or the id of the advice about an answer that does not count. It counts if
 * it answers the request that waits, for this machine, and has not ended by the latest moment that is known to have passed:
 * one that has would unlock nothing, and take the place of a lease that may. */
export function takenFile(
  stored: Verified,
  machine: Machine,
  claims: Claims,
  jws: string,
  floorMs: number,
): LicenseKey | string {
  const { pending, answer, installId } = stored.record;
  const hasEnded = claims.exp <= Math.floor(floorMs / 1_000);
  if (answer === jws) return hasEnded ? "answer_ended" : "already_imported";
  if (pending?.kind !== "file") return "no_request";
  if (claims.nonce !== pending.nonce) return claims.nonce == null ? "no_request" : "not_for_this_request";
  const key = readKey(pending.key);
  if (key === null) return "not_for_this_request";
  const question = pending.purpose === "renew" ? "verify" : "take_seat";
  const own = fingerprintOf(machine, key, installId).stated;
  const decision = decide(question, claims, heldAnswer(stored, question, claims), own);
  if (decision === "lease") return hasEnded ? "answer_ended" : key;
  return decision === "other_machine" ? "other_machine" : "not_for_this_request";
}
