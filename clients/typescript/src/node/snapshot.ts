/** The whole license at one instant, for a window, a log of the support desk or another process. */
import type { Claims } from "../core/claims.js";
import { toDate } from "../core/license.js";
import { type Advice, adviceOf } from "../core/messages.js";
import { labelsOf, type Label } from "./hardware/components.js";
import type { Installation } from "./installation.js";
import { masked } from "./key.js";
import { DEVICE_MESSAGES } from "./messages.js";
import type { StoredRecord } from "./record.js";
import type { Evaluation, LockCode, State } from "./state.js";

/** Names of what waits. */
export type PendingName = keyof typeof PENDING_ADVICE;

/** Everything that is known at one instant. It holds no license key and no hardware value, so it may be logged and sent
 * through Electron's IPC. A later version adds members. */
export interface Snapshot {
  /** Grows when a member changes its meaning, and not for a new member. */
  readonly version: 1;
  readonly state: State;
  /** True while the application may run. Decide by this member and by no comparison of states: a clock that was turned back
   * leaves a paying user unlocked. */
  readonly unlocked: boolean;
  readonly lockCode: LockCode | null;
  /** Message about the state. */
  readonly message: Advice;
  /** One more sentence, while the license does not cover this build: the last day that it covers, and the newest version
   * up to then. */
  readonly detail: string | null;
  /** Features that are on. */
  readonly features: readonly string[];
  /** Limits of the license while it is unlocked, by their names. */
  readonly limits: Readonly<Record<string, number>>;
  /** Last day whose builds the license covers; `null` covers every build. */
  readonly updatesUntil: string | null;
  /** Newest version up to that day, where the vendor lists it. */
  readonly updatesVersion: string | null;
  /** Day of this build, where the application named one. */
  readonly buildDate: string | null;
  /** The license, where a signed answer about this machine is stored; also while it is locked. */
  readonly license: DeviceLicense | null;
  /** Request that waits for the server; or with `answer` and `receipt` a file that waits to be carried. */
  readonly pending: { readonly name: PendingName; readonly message: Advice } | null;
  /** Problem with the place where the license is saved. */
  readonly notice: Advice | null;
  readonly device: {
    readonly labels: readonly Label[];
    readonly platform: "physical" | "container" | "virtual_machine";
  };
  readonly now: Date;
}

/** The license as the last signed answer describes it. */
export interface DeviceLicense {
  readonly id: string;
  /** License key in a form that may be shown. */
  readonly maskedKey: string;
  readonly tier: string | null;
  /** Features of tier and license, also while they are off. */
  readonly features: readonly string[];
  /** Limits by their names, also while they do not count. */
  readonly limits: Readonly<Record<string, number>>;
  /** End of the license; `null` is perpetual. */
  readonly expiresAt: Date | null;
  readonly deviceId: string | null;
  /** End of offline use; `null` while the features are off. */
  readonly offlineUntil: Date | null;
  /** Moment from which the lease is renewed; `null` after a refusal. */
  readonly refreshAt: Date | null;
  /** Moment of the last signed answer, by the server's clock. */
  readonly checkedAt: Date;
  /** True if the lease came as a file: no request is sent for it, and a file renews it. */
  readonly airGap: boolean;
}

/** Takes a snapshot. */
export function snapshotOf(installation: Installation): Snapshot {
  const time = installation.observe();
  const evaluation = installation.evaluate(time);
  const { notice, proof, current } = installation;
  const pending = pendingName(current.record);
  return {
    version: 1,
    ...evaluation,
    message: adviceOf(messageId(evaluation, current.claims), DEVICE_MESSAGES),
    detail: detailOf(evaluation, current.claims),
    features: evaluation.unlocked ? (current.claims?.features ?? []) : [],
    limits: evaluation.unlocked ? (current.claims?.limits ?? {}) : {},
    updatesUntil: current.claims?.updates_until ?? null,
    updatesVersion: current.claims?.updates_version ?? null,
    buildDate: proof.buildDate,
    license: licenseOn(installation, evaluation),
    pending: pending && { name: pending, message: adviceOf(PENDING_ADVICE[pending], DEVICE_MESSAGES) },
    notice: notice && adviceOf(notice.adviceId, DEVICE_MESSAGES),
    device: { labels: labelsOf(proof.machine.components), platform: proof.machine.platform },
    now: toDate(time.now),
  };
}

/** The sentence with the covered day, while the build is not covered. */
export function detailOf({ lockCode }: Evaluation, claims: Claims | null): string | null {
  const { updates_until: until, updates_version: version } = claims ?? {};
  if (lockCode !== "UPDATES_ENDED" || until == null) return null;
  const { sentence, nextStep } = adviceOf("updates_covered", DEVICE_MESSAGES);
  const covered = sentence.replace("{updates_until}", () => until);
  return version == null ? covered : `${covered} ${nextStep.replace("{updates_version}", () => version)}`;
}

const STATE_ADVICE: Readonly<Record<State, string>> = {
  NOT_ACTIVATED: "no_license",
  ACTIVE: "active",
  REFRESH_DUE: "refresh_due",
  GRACE: "grace",
  LOCKED: "lease_expired",
  CLOCK_SUSPECT: "clock_suspect",
};
/** Messages for a license that came as a file, whose next step needs no network. */
const BY_FILE_ADVICE: Readonly<Partial<Record<State | LockCode, string>>> = {
  REFRESH_DUE: "renew_by_file",
  GRACE: "renew_by_file",
  LEASE_EXPIRED: "air_gap_ended",
  CLOCK_SUSPECT: "air_gap_clock",
};
const PENDING_ADVICE = {
  activate: "activation_waits",
  deactivate: "deactivation_waits",
  release_seat: "release_waits",
  answer: "answer_waits",
  receipt: "receipt_waits",
};

function messageId({ state, lockCode }: Evaluation, claims: Claims | null): string {
  const byFile = claims?.air_gap === true ? BY_FILE_ADVICE[lockCode ?? state] : undefined;
  return byFile ?? lockCode?.toLowerCase() ?? STATE_ADVICE[state];
}

function pendingName({ pending, givenUpKeys }: StoredRecord): PendingName | null {
  if (pending === null) return givenUpKeys.length > 0 ? "release_seat" : null;
  return pending.kind === "file" ? "answer" : pending.kind;
}

function licenseOn({ current }: Installation, { unlocked }: Evaluation): DeviceLicense | null {
  const { claims, key, decision } = current;
  if (claims === null || key === null || decision.kind === "none") return null;
  const term = decision.kind === "leased" ? decision.term : null;
  return {
    id: claims.sub,
    maskedKey: masked(key),
    tier: claims.tier ?? null,
    features: claims.features ?? [],
    limits: claims.limits ?? {},
    expiresAt: claims.license_expires_at == null ? null : toDate(claims.license_expires_at),
    deviceId: claims.device ?? null,
    offlineUntil: unlocked && term !== null ? toDate(term.exp) : null,
    refreshAt: term === null ? null : toDate(term.refreshAt),
    checkedAt: toDate(claims.at),
    airGap: claims.air_gap === true,
  };
}
