/** State of an installation: a pure function of what is stored and of the time. */
import type { Claims } from "../core/claims.js";
import { type Components, matches } from "./hardware/components.js";
import type { ReconciledTime } from "./timeline.js";

/** State of an installation, to be shown. `isUnlocked()` and `hasFeature()` decide what an application unlocks. */
export type State = "NOT_ACTIVATED" | "ACTIVE" | "REFRESH_DUE" | "GRACE" | "LOCKED" | "CLOCK_SUSPECT";

/** Codes of the signed refusals that lock. */
export const LOCKING = ["REVOKED", "SUSPENDED", "PENDING", "EXPIRED", "NOT_ACTIVATED", "HARDWARE_MISMATCH"] as const;

/** Reason why an installation is locked. */
export type LockCode = (typeof LOCKING)[number] | "LEASE_EXPIRED" | "UPDATES_ENDED";

/** Meaning of the stored answer on this machine, after its signature was verified again. */
export type StoredDecision =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly code: LockCode }
  | { readonly kind: "leased"; readonly claims: Claims; readonly term: LeaseTerm };

/** Moments of a lease, in seconds. */
export interface LeaseTerm {
  /** Moment from which it is renewed. */
  readonly refreshAt: number;
  /** End of offline use; from this second on it does not count. */
  readonly exp: number;
}

/** State, and whether the features of the lease are on. */
export interface Evaluation {
  readonly state: State;
  readonly lockCode: LockCode | null;
  readonly unlocked: boolean;
}

/** Reads the locking refusal of this code. Every other code, known or unknown, locks nothing. */
export function lockCodeOf(code: string): LockCode | null {
  return LOCKING.find((locking) => locking === code) ?? null;
}

/** True if the claims are a lease that names a device and states this machine. */
export function isLeaseOf(claims: Claims, own: Components): boolean {
  const { valid, device, hw, hw_threshold: threshold } = claims;
  return valid && device != null && hw != null && threshold != null && matches(hw, threshold, own);
}

/** Reads the meaning of stored claims. `formerSince` is the second since which their key does not count any more. */
export function decisionOf(claims: Claims | null, own: Components | null, formerSince: number | null): StoredDecision {
  if (claims === null || own === null) return { kind: "none" };
  if (isLeaseOf(claims, own)) return { kind: "leased", claims, term: termOf(claims, formerSince) };
  const code = claims.valid ? null : lockCodeOf(claims.code);
  return code === null ? { kind: "none" } : { kind: "refused", code };
}

/** Longest time that a stored lease counts after its key ceased to. Interval and grace are the lease's own words, and the lease
 * may be forged. */
const MAX_FORMER_SECONDS = 30 * 86_400;

/** The term of a lease. One by a key that does not count any more is renewed at once, and ends one interval and one grace after
 * that at the latest. */
function termOf(claims: Claims, formerSince: number | null): LeaseTerm {
  // A lease with a device has `refresh_at`; without it the check is due at once.
  const own = { refreshAt: claims.refresh_at ?? claims.at, exp: claims.exp };
  if (formerSince === null) return own;
  const stated = (claims.interval ?? 0) + (claims.grace ?? 0);
  const end = formerSince + Math.min(Math.max(stated, 0), MAX_FORMER_SECONDS);
  return { refreshAt: Math.min(own.refreshAt, formerSince), exp: Math.min(own.exp, end) };
}

/** Evaluates the state. `failedAt` is the second of the last failed check, if none has succeeded since. `buildDate` is the
 * day of the application's build, where it names one. */
export function evaluate(
  decision: StoredDecision,
  time: ReconciledTime,
  isIntact: boolean,
  failedAt: number | null,
  buildDate: string | null,
): Evaluation {
  if (decision.kind === "none") return off("NOT_ACTIVATED");
  if (decision.kind === "refused") return off("LOCKED", decision.code);
  const { claims, term } = decision;
  // Before any clock is asked: the same lease gives the same build the same answer, however the clock is set.
  if (isYounger(buildDate, claims.updates_until)) return off("LOCKED", "UPDATES_ENDED");
  const { now, isSuspect } = time;
  // If the stored time was changed, nobody knows how much has passed. Anything but off would reward the change.
  if (isSuspect) return { state: "CLOCK_SUSPECT", lockCode: null, unlocked: isIntact && now < term.exp };
  if (now >= term.exp) {
    const end = claims.license_expires_at;
    return off("LOCKED", end != null && end <= now ? "EXPIRED" : "LEASE_EXPIRED");
  }
  if (now < term.refreshAt) return on("ACTIVE");
  return on(failedAt !== null && failedAt >= term.refreshAt ? "GRACE" : "REFRESH_DUE");
}

/** True for a build that is younger than the maintenance. Days in this spelling compare as texts do. */
function isYounger(buildDate: string | null, updatesUntil: string | null | undefined): boolean {
  return buildDate !== null && updatesUntil != null && buildDate > updatesUntil;
}

const on = (state: State): Evaluation => ({ state, lockCode: null, unlocked: true });
const off = (state: State, lockCode: LockCode | null = null): Evaluation => ({ state, lockCode, unlocked: false });
