/** The license of a page: keeps the key and the last signed answer, so that a reload and an outage lock nobody.
 *
 * A check in a page shows an honest customer the state of the license. It protects nothing that the page itself holds. */
import type { Answer, Falconer, Inspected } from "../core/falconer.js";
import { GRACE_SECONDS } from "../core/grace.js";
import type { License } from "../core/license.js";
import { type Advice, adviceOf } from "../core/messages.js";
import { type Kept, type KeyStorage, readKept, writeKept } from "./storage.js";

/** State of a page: the names are those of an application on a device. `CHECKING` is before the first look into the
 * storage, and where a page is rendered on a server. */
export type PageState = "CHECKING" | "NOT_ACTIVATED" | "ACTIVE" | "GRACE" | "LOCKED";

/** Everything that a page shows, at one instant. */
export interface PageSnapshot {
  readonly state: PageState;
  /** True while the page may show what the license pays for. */
  readonly unlocked: boolean;
  /** Code of the signed refusal, or `LEASE_EXPIRED`. */
  readonly lockCode: string | null;
  /** The license, while it is unlocked. */
  readonly license: License | null;
  /** True while the server is asked. */
  readonly isAsking: boolean;
  /** Message about the last answer that did not say yes; otherwise about the state. */
  readonly advice: Advice | null;
}

/** Options of a page's session. */
export interface SessionOptions {
  /** Place for key and answer; the browser's `localStorage` by default, `null` for none. */
  readonly storage?: KeyStorage | null;
  /** Seconds for which the page goes on after the last answer while nobody answers; a day by default. */
  readonly graceSeconds?: number;
}

/** License of a page. */
export interface LicenseSession {
  readonly snapshot: () => PageSnapshot;
  readonly subscribe: (listener: () => void) => () => void;
  /** Looks into the storage and asks about the key there. Call it in the browser, once. */
  start(): Promise<void>;
  /** Asks about a typed key. A refused key replaces nothing. */
  activate(key: string): Promise<Answer>;
  /** Asks about the stored key; `null` without one. */
  refresh(): Promise<Answer | null>;
  /** Forgets key and license in this browser. */
  forget(): void;
}

/** Snapshot before the first look, and on a server. */
export const CHECKING: PageSnapshot = {
  state: "CHECKING",
  unlocked: false,
  lockCode: null,
  license: null,
  isAsking: false,
  advice: null,
};

/** Creates the session of a page. It touches nothing of the browser before `start`. */
export function createSession(falconer: Falconer, options: SessionOptions = {}): LicenseSession {
  return new Session(falconer, options);
}

/** Codes of the signed refusals that lock. Every other code, known or unknown, locks nothing. */
const LOCKING: readonly string[] = ["REVOKED", "SUSPENDED", "PENDING", "EXPIRED", "NOT_ACTIVATED", "HARDWARE_MISMATCH"];

class Session implements LicenseSession {
  readonly #listeners = new Set<() => void>();
  #snapshot = CHECKING;
  #kept: Kept | null = null;
  #storage: KeyStorage | null = null;
  #asking = 0;
  #ends: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly falconer: Falconer,
    private readonly options: SessionOptions,
  ) {}

  snapshot = (): PageSnapshot => this.#snapshot;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  async start(): Promise<void> {
    this.#storage = this.options.storage === undefined ? browserStorage() : this.options.storage;
    this.#kept = await readKept(this.#storage, this.falconer);
    await this.#show(null);
    if (this.#kept !== null) await this.refresh();
  }

  async activate(key: string): Promise<Answer> {
    const answer = await this.#ask(key);
    const held = this.#kept === null ? null : await this.#inspect(this.#kept.answer);
    const counted = countedAnswer(answer, held, key === this.#kept?.key);
    if (counted !== null) {
      // A lock is about the stored license, so the stored key stays.
      const kept = answer.ok ? key : (this.#kept?.key ?? key);
      this.#kept = { key: kept, answer: counted, answeredAt: Date.now(), keys: await this.falconer.exportKeys() };
      writeKept(this.#storage, this.falconer, this.#kept);
    }
    await this.#show(answer);
    return answer;
  }

  async refresh(): Promise<Answer | null> {
    return this.#kept === null ? null : this.activate(this.#kept.key);
  }

  forget(): void {
    this.#kept = null;
    writeKept(this.#storage, this.falconer, null);
    void this.#show(null);
  }

  async #ask(key: string): Promise<Answer> {
    this.#asking += 1;
    this.#publish({ ...this.#snapshot, isAsking: true });
    return this.falconer.verify(key).finally(() => (this.#asking -= 1));
  }

  /** Without a verifier nothing is known about a stored answer. */
  #inspect(answer: string): Promise<Inspected | null> {
    return this.falconer.inspect(answer).catch(() => null);
  }

  /** Evaluates what is kept. The signature is verified again, because anybody can write into a browser's storage. */
  async #show(answer: Answer | null): Promise<void> {
    const about = this.#kept === null ? null : await this.#inspect(this.#kept.answer);
    const advice = answer === null || answer.ok ? null : answer.advice;
    clearTimeout(this.#ends);
    if (this.#kept === null || about === null) {
      this.#publish({ ...CHECKING, state: "NOT_ACTIVATED", advice });
      return;
    }
    if (!about.valid) {
      this.#publish(locked(about.license.code, advice));
      return;
    }
    const graceMs = (this.options.graceSeconds ?? GRACE_SECONDS) * 1_000;
    // An answer by a key that does not count any more is at least as old as that.
    const since = about.formerSince === null ? 0 : Date.now() - about.formerSince.getTime();
    const age = Math.max(Math.abs(Date.now() - this.#kept.answeredAt), since);
    const ownMs = about.license.validUntil.getTime() - about.license.checkedAt.getTime();
    if (age >= Math.max(ownMs, graceMs)) {
      this.#publish(locked("LEASE_EXPIRED", advice));
      return;
    }
    const isGrace = age >= ownMs || answer?.ok === false;
    this.#publish({ ...CHECKING, state: isGrace ? "GRACE" : "ACTIVE", unlocked: true, license: about.license, advice });
    this.#ends = setTimeout(() => void this.#show(answer), Math.min(Math.max(ownMs, graceMs) - age, LONGEST_TIMER_MS));
  }

  #publish(snapshot: PageSnapshot): void {
    this.#snapshot = { ...snapshot, isAsking: this.#asking > 0 };
    for (const listener of this.#listeners) listener();
  }
}

/** The signed answer to keep: a lease, or a refusal that locks the license that is held. A refusal of another key replaces
 * nothing, and of two answers about one license the later counts. Whoever has a key that does not count any more can write any
 * moment and any license into an answer, so a held one by such a key says nothing about them. */
function countedAnswer(answer: Answer, held: Inspected | null, isAboutKept: boolean): string | null {
  const isFormer = held !== null && held.formerSince !== null;
  if (answer.ok) {
    const isLate = held?.license.id === answer.license.id && held.license.checkedAt > answer.license.checkedAt;
    return isLate && !isFormer ? null : answer.lease;
  }
  if (answer.kind !== "refused" || answer.refusal === null || !LOCKING.includes(answer.code ?? "")) return null;
  const isAboutHeld = held?.license.id === answer.licenseId || (isFormer && isAboutKept);
  return isAboutHeld ? answer.refusal : null;
}

/** Longest delay of a timer: 31 bits of milliseconds. */
const LONGEST_TIMER_MS = 2_147_483_647;

function locked(code: string, advice: Advice | null): PageSnapshot {
  return { ...CHECKING, state: "LOCKED", lockCode: code, advice: advice ?? adviceOf(code.toLowerCase()) };
}

/** A browser with blocked cookies throws at the mere sight of its storage. */
function browserStorage(): KeyStorage | null {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}
