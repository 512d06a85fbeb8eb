/** The stored license, verified: the meaning that it has on this machine, as far as signatures and seals prove it. */
import type { Claims } from "../core/claims.js";
import type { Pins } from "../core/pins.js";
import { verifySigned } from "../core/signed.js";
import { sealedPart } from "../core/stored-trust.js";
import { TrustedKeys } from "../core/trust.js";
import { leaseComponents } from "./hardware/components.js";
import { type Fingerprint, type Machine, fingerprintOf } from "./hardware/machine.js";
import { type LicenseKey, readKey } from "./key.js";
import { EMPTY, type StoredRecord } from "./record.js";
import { type Sealed, isSealed, seal } from "./seal.js";
import { type StoredDecision, decisionOf } from "./state.js";

/** Everything that could be proved of a record. */
export interface Verified {
  readonly record: StoredRecord;
  readonly key: LicenseKey | null;
  readonly fingerprint: Fingerprint | null;
  /** Claims of the stored answer, where its signature holds. */
  readonly claims: Claims | null;
  /** Second since which the key that signed them does not count any more; `null` for one that counts. */
  readonly formerSince: number | null;
  readonly decision: StoredDecision;
  /** False if the stored time was changed. */
  readonly isIntact: boolean;
  readonly trusted: TrustedKeys;
}

/** Parts that a record is verified with. */
export interface Proof {
  readonly product: string;
  readonly pins: Pins;
  readonly issuer: string | null;
  readonly machine: Machine;
  /** Day of the application's build. */
  readonly buildDate: string | null;
}

/** Verifies signature, hardware and seal of a record. */
export async function verified(record: StoredRecord, proof: Proof): Promise<Verified> {
  const trusted = await TrustedKeys.of(proof.pins, record.trustedKeys);
  const key = record.key === null ? null : readKey(record.key);
  const fingerprint = key && fingerprintOf(proof.machine, key, record.installId);
  const signed = record.answer === null ? null : await signedBy(record.answer, proof, trusted);
  const [claims, formerSince] = [signed?.claims ?? null, signed === null ? null : trusted.formerSince(signed.kid)];
  const decision = decisionOf(claims, fingerprint?.stated ?? null, formerSince);
  const isIntact = decision.kind !== "leased" || key === null || hasSeal(record, key, decision.claims);
  return { record, key, fingerprint, claims, formerSince, decision, isIntact, trusted };
}

/** A license that was never activated. */
export function nothingStored(proof: Proof): Promise<Verified> {
  return verified(EMPTY, proof);
}

/** Second in which the stored answer was signed; `null` without one. An answer by a key that does not count any more is older
 * than everything: whoever has that key can write any moment into it. */
export function issuedAt({ claims, formerSince }: Verified): number | null {
  return claims === null ? null : formerSince === null ? claims.at : -Infinity;
}

/** The record under a new seal. Only a lease has one. */
export function sealed(record: StoredRecord, key: LicenseKey, claims: Claims): StoredRecord {
  return { ...record, seal: seal(sealedParts(record), key, leaseComponents(claims.hw ?? {})) };
}

/** The record with other stored keys. A seal that held before holds afterwards. */
export async function withTrustedKeys(
  record: StoredRecord,
  trustedKeys: string | null,
  proof: Proof,
): Promise<StoredRecord> {
  const { decision, key, isIntact } = await verified(record, proof);
  const changed = { ...record, trustedKeys };
  return decision.kind === "leased" && key !== null && isIntact ? sealed(changed, key, decision.claims) : changed;
}

/** Claims of a stored answer, and the `kid` that signed it. */
async function signedBy(
  answer: string,
  { product, issuer }: Proof,
  trusted: TrustedKeys,
): Promise<{ readonly claims: Claims; readonly kid: string } | null> {
  const signed = await verifySigned(answer, product, (kid) => trusted.keyOfStored(kid));
  if (!("claims" in signed)) return null;
  return issuer === null || signed.claims.iss === issuer ? signed : null;
}

function hasSeal(record: StoredRecord, key: LicenseKey, claims: Claims): boolean {
  return isSealed(record.seal, sealedParts(record), key, leaseComponents(claims.hw ?? {}));
}

function sealedParts({ checkpoint, answer, trustedKeys }: StoredRecord): Sealed {
  return { checkpoint, answer: answer ?? "", trust: sealedPart(trustedKeys) };
}
