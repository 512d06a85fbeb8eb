/** The stored license, verified: the meaning that it has on this machine, as far as signatures and seals prove it. */
import type { Claims } from "../core/claims.js";
import { verifySigned } from "../core/signed.js";
import { TrustedKeys } from "../core/trust.js";
import { leaseComponents } from "./hardware/components.js";
import { type Fingerprint, type Machine, fingerprintOf } from "./hardware/machine.js";
import { type LicenseKey, readKey } from "./key.js";
import { EMPTY, type StoredRecord } from "./record.js";
import { isSealed } from "./seal.js";
import { type StoredDecision, decisionOf } from "./state.js";

/** Everything that could be proved of a record. */
export interface Verified {
  readonly record: StoredRecord;
  readonly key: LicenseKey | null;
  readonly fingerprint: Fingerprint | null;
  /** Claims of the stored answer, where its signature holds. */
  readonly claims: Claims | null;
  readonly decision: StoredDecision;
  /** False if the stored time was changed. */
  readonly isIntact: boolean;
  readonly trusted: TrustedKeys;
}

/** Parts that a record is verified with. */
export interface Proof {
  readonly product: string;
  readonly pinned: ReadonlyMap<string, string>;
  readonly issuer: string | null;
  readonly machine: Machine;
  /** Day of the application's build. */
  readonly buildDate: string | null;
}

/** Verifies signature, hardware and seal of a record. */
export async function verified(record: StoredRecord, proof: Proof): Promise<Verified> {
  const trusted = await TrustedKeys.of(proof.pinned, record.trustedKeys);
  const key = record.key === null ? null : readKey(record.key);
  const fingerprint = key && fingerprintOf(proof.machine, key, record.installId);
  const claims = record.answer === null ? null : await claimsOf(record.answer, proof, trusted);
  const decision = decisionOf(claims, fingerprint?.stated ?? null);
  const isIntact = decision.kind !== "leased" || key === null || hasSeal(record, key, decision.claims);
  return { record, key, fingerprint, claims, decision, isIntact, trusted };
}

/** A license that was never activated. */
export function nothingStored(proof: Proof): Promise<Verified> {
  return verified(EMPTY, proof);
}

async function claimsOf(answer: string, { product, issuer }: Proof, trusted: TrustedKeys): Promise<Claims | null> {
  const signed = await verifySigned(answer, product, trusted);
  if (!("claims" in signed)) return null;
  return issuer === null || signed.claims.iss === issuer ? signed.claims : null;
}

function hasSeal({ seal, checkpoint, answer }: StoredRecord, key: LicenseKey, claims: Claims): boolean {
  return isSealed(seal, checkpoint, answer ?? "", key, leaseComponents(claims.hw ?? {}));
}
