/** Claims of leases and refusals: docs/own-client.md has the meaning of each. */
import { areTexts, isDay, isInteger, isMapOf, isText, readObject } from "./json.js";

/** Claims of a signed answer, after its signature was verified. Moments are seconds since 1970. */
export interface Claims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly jti: string;
  readonly at: number;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly valid: boolean;
  readonly code: string;
  readonly nonce?: string | null;
  readonly tier?: string | null;
  readonly features?: readonly string[] | null;
  readonly limits?: Readonly<Record<string, number>> | null;
  /** Last day whose builds the license covers, as `2027-01-31`. */
  readonly updates_until?: string | null;
  /** Newest version up to that day, where the vendor lists it. */
  readonly updates_version?: string | null;
  readonly license_expires_at?: number | null;
  readonly device?: string | null;
  readonly hw?: Readonly<Record<string, string>> | null;
  readonly hw_threshold?: number | null;
  readonly refresh_at?: number | null;
  readonly interval?: number | null;
  readonly grace?: number | null;
  /** True in a long lease, which came as a file. */
  readonly air_gap?: boolean | null;
}

/** Reads claims. `null` where one is absent that has to be there, or has another type. Unknown claims change nothing. */
export function readClaims(json: string): Claims | null {
  const claims = readObject(json);
  if (claims === null) return null;
  const isRequired = Object.entries(REQUIRED).every(([name, holds]) => holds(claims[name]));
  const isOptional = Object.entries(OPTIONAL).every(([name, holds]) => claims[name] == null || holds(claims[name]));
  return isRequired && isOptional ? (claims as unknown as Claims) : null;
}

type Holds = (value: unknown) => boolean;

const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const isCount = (value: unknown): value is number => isInteger(value) && value >= 0;
const isThreshold = (value: unknown): value is number => isInteger(value) && value >= 0 && value < 2 ** 32;

const REQUIRED: Record<string, Holds> = {
  iss: isText,
  aud: isText,
  sub: isText,
  jti: isText,
  at: isInteger,
  iat: isInteger,
  nbf: isInteger,
  exp: isInteger,
  valid: isFlag,
  code: isText,
};

const OPTIONAL: Record<string, Holds> = {
  nonce: isText,
  tier: isText,
  features: areTexts,
  limits: (value) => isMapOf(value, isCount),
  updates_until: isDay,
  updates_version: isText,
  license_expires_at: isInteger,
  device: isText,
  hw: (value) => isMapOf(value, isText),
  hw_threshold: isThreshold,
  refresh_at: isInteger,
  interval: isInteger,
  grace: isInteger,
  air_gap: isFlag,
};
