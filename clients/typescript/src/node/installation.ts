/** An open installation: the license that counts, its store, and the time that has passed. */
import type { Claims } from "../core/claims.js";
import { newerText } from "../core/stored-trust.js";
import { TrustedKeys } from "../core/trust.js";
import { takenFile } from "./air-gap/taken.js";
import { type Decision, type Question, decide, heldAnswer } from "./decision.js";
import type { Fingerprint } from "./hardware/machine.js";
import type { LicenseKey } from "./key.js";
import { EMPTY, type StoredRecord, toFields, withoutActivation } from "./record.js";
import { type Evaluation, evaluate } from "./state.js";
import { type ApplicationStore, StoreError } from "./store/store.js";
import { type Checkpoint, type ClockReading, type ReconciledTime, Timeline, checkpointAt } from "./timeline.js";
import { type Proof, type Verified, issuedAt, nothingStored, sealed, verified, withTrustedKeys } from "./verified.js";

/** The license of one application on one machine, as this process knows it. */
export class Installation {
  /** The license that counts, verified. */
  current: Verified;
  /** Trouble with the store; the license is valid all the same. */
  notice: StoreError | null;
  #timeline: Timeline;
  /** The license as the disk last had it, while `current` has changes that could not be written. */
  #unsavedBase: StoredRecord | null = null;

  private constructor(
    readonly proof: Proof,
    private readonly store: ApplicationStore,
    private readonly clock: () => ClockReading,
    private readonly onChange: () => void,
    start: { readonly current: Verified; readonly notice: StoreError | null },
  ) {
    [this.current, this.notice] = [start.current, start.notice];
    this.#timeline = new Timeline(this.current.record.checkpoint, this.current.isIntact, clock());
  }

  /** Reads and verifies the stored license. */
  static async open(
    proof: Proof,
    store: ApplicationStore,
    clock: () => ClockReading,
    notice: StoreError | null,
    onChange: () => void,
  ): Promise<Installation> {
    try {
      const current = await verified(await store.read(), proof);
      return new Installation(proof, store, clock, onChange, { current, notice });
    } catch (error) {
      const current = await nothingStored(proof);
      return new Installation(proof, store, clock, onChange, { current, notice: notice ?? asStoreError(error) });
    }
  }

  /** Reads the clocks. */
  observe(): ReconciledTime {
    return this.#timeline.observe(this.clock());
  }

  /** State at this instant. */
  evaluate(time: ReconciledTime = this.observe()): Evaluation {
    return evaluate(
      this.current.decision,
      time,
      this.#timeline.isIntact,
      this.current.record.failedAt,
      this.proof.buildDate,
    );
  }

  /** Reads the license from disk. Unsaved changes stay where the disk has nothing newer. */
  async reload(): Promise<void> {
    const stored = await this.store.read().catch(() => null);
    if (stored === null) return;
    const base = this.#unsavedBase;
    if (base !== null) {
      if (isSame(stored, base) || !(await this.#isNewer(stored))) return;
      const merged = await this.#withNewestStatement(stored, this.current.record);
      this.#unsavedBase = merged === stored ? null : stored;
      this.#adopt(await verified(merged, this.proof));
      return;
    }
    if (!isSame(stored, this.current.record)) this.#adopt(await verified(stored, this.proof));
  }

  /** Changes the license and writes it. A change that cannot be written counts in this process, and is written later. */
  async keep(change: (record: StoredRecord) => StoredRecord | Promise<StoredRecord>): Promise<void> {
    const base = this.#unsavedBase ?? this.current.record;
    const isUnsaved = this.#unsavedBase !== null;
    const own = isUnsaved ? await change(this.current.record) : null;
    try {
      const kept = await this.store.update(async (stored) => {
        if (own === null) return change(stored);
        const isOwn = isSame(stored, base) || !(await this.#isNewer(stored));
        return this.#withNewestStatement(isOwn ? own : await change(stored), isOwn ? stored : own);
      });
      if (isUnsaved) [this.#unsavedBase, this.notice] = [null, null];
      this.#adopt(await verified(kept, this.proof));
    } catch (error) {
      this.#unsavedBase = base;
      this.notice = asStoreError(error);
      this.#adopt(await verified(own ?? (await change(this.current.record)), this.proof));
    }
  }

  /** Applies a signed answer, with the time that it proves. The decision is made while the store is locked, because
   * another process may store a newer answer at any moment. */
  async act(question: Question, claims: Claims, jws: string, key: LicenseKey, own: Fingerprint): Promise<Decision> {
    const clocks = this.clock();
    const checkpoint = checkpointAt(claims.at, clocks);
    let decision: Decision = "unrelated";
    await this.keep(async (record) => {
      const held = heldAnswer(await verified(record, this.proof), question, claims);
      decision = decide(question, claims, held, own.stated);
      return applied(decision, record, { claims, jws, key, checkpoint });
    });
    if (isOnlyTime(decision)) {
      this.#timeline = this.#timeline.accepted(claims.at, clocks);
      await this.#writeTime();
    }
    return decision;
  }

  /** Takes an answer that came as a file; `null`, or the id of the advice about an answer that does not count. The decision is
   * made while the store is locked, because another process may take the same answer at this moment. */
  async takeFile(claims: Claims, jws: string): Promise<string | null> {
    const time = this.#timeOfFile(claims.at);
    let adviceId: string | null = "no_request";
    await this.keep(async (record) => {
      const stored = await verified(record, this.proof);
      const taken = takenFile(stored, this.proof.machine, claims, jws);
      adviceId = typeof taken === "string" ? taken : null;
      if (typeof taken === "string") return record;
      const checkpoint = { ...time, floorMs: Math.max(time.floorMs, record.checkpoint.floorMs) };
      const next = { ...record, key: taken.text, answer: jws, failedAt: null, checkpoint, pending: null };
      // Nobody can know how much time has passed since a checkpoint that was changed by hand. It stays suspect.
      return stored.isIntact ? sealed(next, taken, claims) : { ...next, seal: null };
    });
    return adviceId;
  }

  /** The time that counts after an answer that came as a file. It may have travelled for days, so its moment is the least that
   * has passed and never a reason to go back. */
  #timeOfFile(at: number): Checkpoint {
    const clocks = this.clock();
    const { localMs } = this.#timeline.observe(clocks);
    const { floorMs, skewMs } = this.#timeline.checkpoint;
    const signed = checkpointAt(at, clocks);
    return { floorMs: Math.max(floorMs, signed.floorMs), skewMs: signed.floorMs > localMs ? signed.skewMs : skewMs };
  }

  /** Stores the keys of an answer of `/api/keys`, as far as a trusted key endorses them, and a newer statement. */
  async learnKeys(list: string): Promise<void> {
    await this.#keepTrust((trusted, now) => trusted.learned(list, now));
  }

  /** Stores the statement of the build at once, where it is newer than the stored one. */
  async takeStatementOfBuild(): Promise<void> {
    await this.#keepTrust((trusted, now) => trusted.withStatementOfBuild(now));
  }

  async #keepTrust(change: (trusted: TrustedKeys, now: number) => Promise<TrustedKeys>): Promise<void> {
    const { now } = this.observe();
    const isChanged = async (trusted: TrustedKeys) => (await change(trusted, now)).kept() !== trusted.kept();
    if (!(await isChanged(this.current.trusted))) return;
    await this.keep(async (record) => {
      const trusted = await TrustedKeys.of(this.proof.pins, record.trustedKeys);
      const changed = (await change(trusted, now)).kept();
      return changed === trusted.kept() ? record : withTrustedKeys(record, changed, this.proof);
    });
  }

  /** Notes that a check failed. The state decides from when on it matters. */
  async noteFailure(): Promise<void> {
    const { now } = this.observe();
    await this.keep((record) => ({ ...record, failedAt: now }));
    await this.keepTime(1_000);
  }

  /** Stores the time if it is `atLeastMs` later than the stored one, or if the clock was set since. */
  async keepTime(atLeastMs: number): Promise<void> {
    this.observe();
    const [passed, stored] = [this.#timeline.checkpoint, this.current.record.checkpoint];
    if (passed.floorMs - stored.floorMs >= atLeastMs || passed.skewMs !== stored.skewMs) await this.#writeTime();
  }

  /** Notes a request for support. */
  async log(action: string, outcome: string): Promise<void> {
    await this.store.log(this.observe().now, action, outcome);
  }

  /** Writes the time under a new seal. Only a lease needs it. A changed checkpoint is left alone, because a new seal would
   * make it valid. */
  async #writeTime(): Promise<void> {
    this.observe();
    const { checkpoint, isIntact } = this.#timeline;
    const { answer, checkpoint: read } = this.current.record;
    if (!isIntact || this.current.decision.kind !== "leased") return;
    await this.keep(async (record) => {
      const { decision, key, isIntact: isStoredIntact } = await verified(record, this.proof);
      if (
        decision.kind !== "leased" ||
        key === null ||
        !isStoredIntact ||
        record.answer === null ||
        record.answer !== answer
      )
        return record;
      const later = laterOf(checkpoint, record.checkpoint, read);
      return sealed({ ...record, checkpoint: later }, key, decision.claims);
    });
  }

  async #isNewer(stored: StoredRecord): Promise<boolean> {
    const [at, own] = [issuedAt(await verified(stored, this.proof)), issuedAt(this.current)];
    return at !== null && (own === null || at > own);
  }

  /** The record with the newer statement of both: a statement that was seen is never unseen. */
  async #withNewestStatement(record: StoredRecord, other: StoredRecord): Promise<StoredRecord> {
    const newest = newerText(record.trustedKeys, other.trustedKeys);
    return newest === record.trustedKeys ? record : withTrustedKeys(record, newest, this.proof);
  }

  /** Makes a license the one that counts. A newer answer brings its own time; the checkpoint of the same or of an older one
   * may only add to the time that this process has seen pass. */
  #adopt(next: Verified): void {
    const before = this.current;
    this.current = next;
    const clocks = this.clock();
    const isSameLicense = next.claims?.sub === before.claims?.sub;
    const goesBack = isSameLicense && (issuedAt(next) ?? 0) < (issuedAt(before) ?? 0);
    if (next.record.answer !== before.record.answer && !goesBack) {
      this.#timeline = new Timeline(next.record.checkpoint, next.isIntact, clocks);
    } else if (next.record.seal !== before.record.seal || next.record.answer !== before.record.answer) {
      this.#timeline = this.#timeline.joined(next.record.checkpoint, next.isIntact, clocks);
    }
    this.onChange();
  }
}

interface Signed {
  readonly claims: Claims;
  readonly jws: string;
  readonly key: LicenseKey;
  readonly checkpoint: Checkpoint;
}

/** The license after a decision. */
function applied(decision: Decision, record: StoredRecord, { claims, jws, key, checkpoint }: Signed): StoredRecord {
  switch (decision) {
    case "lease": {
      return sealed({ ...record, key: key.text, answer: jws, failedAt: null, checkpoint }, key, claims);
    }
    case "lock":
      return { ...record, answer: jws, failedAt: null, checkpoint, seal: null };
    case "freed": {
      // The install id belongs to the machine and the public keys to the vendor, so both stay.
      const { trustedKeys, installId, givenUpKeys } = withoutActivation(record);
      return { ...EMPTY, trustedKeys, installId, givenUpKeys };
    }
    default:
      return record;
  }
}

const isOnlyTime = (decision: Decision) => decision === "refused" || decision === "seat_released";

/** Where another process stored the time since it was read, the later floor counts. */
function laterOf(own: Checkpoint, stored: Checkpoint, read: Checkpoint): Checkpoint {
  if (stored.floorMs === read.floorMs && stored.skewMs === read.skewMs) return own;
  return { ...stored, floorMs: Math.max(stored.floorMs, own.floorMs) };
}

function isSame(a: StoredRecord, b: StoredRecord): boolean {
  return a === b || JSON.stringify(toFields(a)) === JSON.stringify(toFields(b));
}

function asStoreError(error: unknown): StoreError {
  return error instanceof StoreError ? error : new StoreError("store_unavailable");
}
