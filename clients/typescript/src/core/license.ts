/** The license that signed claims state. */
import type { Claims } from "./claims.js";

/** A license, as a signed answer states it. */
export interface License {
  /** Id of the license, `lic_…`. */
  readonly id: string;
  readonly tier: string | null;
  /** Features of tier and license. */
  readonly features: readonly string[];
  /** Limits by their names, such as a number of agents. The application counts and compares. */
  readonly limits: Readonly<Record<string, number>>;
  /** Last day whose builds the license covers, as `2027-01-31`; `null` covers every build. */
  readonly updatesUntil: string | null;
  /** Newest version up to that day, where the vendor lists it. */
  readonly updatesVersion: string | null;
  /** End of the license; `null` is perpetual. */
  readonly expiresAt: Date | null;
  /** Code of the answer, as `VALID`. */
  readonly code: string;
  /** Moment of the decision, by the server's clock. */
  readonly checkedAt: Date;
  /** Moment from which the answer does not count any more. */
  readonly validUntil: Date;
}

/** Reads the license out of claims. */
export function licenseOf(claims: Claims): License {
  return {
    id: claims.sub,
    tier: claims.tier ?? null,
    features: claims.features ?? [],
    limits: claims.limits ?? {},
    updatesUntil: claims.updates_until ?? null,
    updatesVersion: claims.updates_version ?? null,
    expiresAt: claims.license_expires_at == null ? null : toDate(claims.license_expires_at),
    code: claims.code,
    checkedAt: toDate(claims.at),
    validUntil: toDate(claims.exp),
  };
}

/** Moment of a claim. One beyond the years that a `Date` holds is the last of them. */
export function toDate(seconds: number): Date {
  return new Date(Math.max(-LAST_MS, Math.min(LAST_MS, seconds * 1_000)));
}

/** Largest number of milliseconds in a `Date`. */
const LAST_MS = 8.64e15;
