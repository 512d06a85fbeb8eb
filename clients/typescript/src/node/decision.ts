/** Effect of a signed answer on the stored license. The signature was checked before. */
import type { Claims } from "../core/claims.js";
import type { Components } from "./hardware/components.js";
import { isLeaseOf, lockCodeOf } from "./state.js";
import { type Verified, issuedAt } from "./verified.js";

/** Purpose of a request: check the stored license, take a seat, free the stored license's seat, free an abandoned key's. */
export type Question = "verify" | "take_seat" | "free_seat" | "release_seat";

/** Effect of an answer. `unrelated` and `other_machine` are ignored. */
export type Decision = "lease" | "lock" | "freed" | "seat_released" | "refused" | "unrelated" | "other_machine";

/** The stored answer that a new one is compared with. */
export interface HeldAnswer {
  readonly licenseId: string;
  /** Second in which it was signed. */
  readonly issuedAt: number;
}

/** The stored answer, as an answer to a question is compared with it. One by a key that does not count any more is older than
 * everything, and its license counts nothing against an answer to a question about the stored license. */
export function heldAnswer(stored: Verified, question: Question, answer: Claims): HeldAnswer | null {
  const at = issuedAt(stored);
  if (stored.claims === null || at === null) return null;
  const isFormer = stored.formerSince !== null && isAboutStored(question);
  return { licenseId: isFormer ? answer.sub : stored.claims.sub, issuedAt: at };
}

/** Decides the effect. `own` are the components of this machine. */
export function decide(question: Question, claims: Claims, held: HeldAnswer | null, own: Components): Decision {
  const isAboutHeld = held?.licenseId === claims.sub;
  const isOlder = isAboutHeld && claims.at < held.issuedAt;
  const isOther = held !== null && !isAboutHeld && isAboutStored(question);
  if (isOlder || isOther) return "unrelated";
  if (claims.valid) {
    if (question === "free_seat" || question === "release_seat") return "unrelated";
    return isLeaseOf(claims, own) ? "lease" : "other_machine";
  }
  if (FREED.includes(claims.code) && question === "free_seat") return "freed";
  if (FREED.includes(claims.code) && question === "release_seat") return "seat_released";
  return isAboutHeld && lockCodeOf(claims.code) !== null ? "lock" : "refused";
}

const isAboutStored = (question: Question) => question === "verify" || question === "free_seat";

const FREED: readonly string[] = ["DEACTIVATED", "DEVICE_NOT_BOUND"];
