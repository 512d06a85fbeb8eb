/** Effect of a signed answer on the stored license. The signature was checked before. */
import type { Claims } from "../core/claims.js";
import type { Components } from "./hardware/components.js";
import { isLeaseOf, lockCodeOf } from "./state.js";

/** Purpose of a request: check the stored license, take a seat, free the stored license's seat, free an abandoned key's. */
export type Question = "verify" | "take_seat" | "free_seat" | "release_seat";

/** Effect of an answer. `unrelated` and `other_machine` are ignored. */
export type Decision = "lease" | "lock" | "freed" | "seat_released" | "refused" | "unrelated" | "other_machine";

/** Decides the effect. `held` are the claims of the stored answer, `own` the components of this machine. */
export function decide(question: Question, claims: Claims, held: Claims | null, own: Components): Decision {
  const isAboutHeld = held?.sub === claims.sub;
  const isOlder = isAboutHeld && claims.at < held.at;
  const isOther = held !== null && !isAboutHeld && (question === "verify" || question === "free_seat");
  if (isOlder || isOther) return "unrelated";
  if (claims.valid) {
    if (question === "free_seat" || question === "release_seat") return "unrelated";
    return isLeaseOf(claims, own) ? "lease" : "other_machine";
  }
  if (FREED.includes(claims.code) && question === "free_seat") return "freed";
  if (FREED.includes(claims.code) && question === "release_seat") return "seat_released";
  return isAboutHeld && lockCodeOf(claims.code) !== null ? "lock" : "refused";
}

const FREED: readonly string[] = ["DEACTIVATED", "DEVICE_NOT_BOUND"];
