/** Answers that a server remembers, so that it does not ask for each request of a customer. */
import type { Answer, Falconer } from "../core/falconer.js";
import { GRACE_SECONDS } from "../core/grace.js";

/** Answer about a key, or the last yes where nobody answers. */
export type Verdict = Answer;

/** Answers by key. */
export class LicenseCache {
  /** In the order of their last use. */
  readonly #answers = new Map<string, Remembered>();

  constructor(
    private readonly falconer: Falconer,
    private readonly graceSeconds = GRACE_SECONDS,
  ) {}

  /** Asks about a key. A yes counts as long as its lease, a refusal for a few seconds. While nobody answers the last yes goes
   * on for the grace; nothing but an answer of the server ends it. */
  async ask(key: string): Promise<Verdict> {
    const now = performance.now();
    const known = this.#answers.get(key);
    if (known !== undefined && now < known.freshUntil) return known.answer;
    const answer = await this.falconer.verify(key);
    if (answer.ok || answer.kind === "refused") {
      this.#remember(key, answer);
      return answer;
    }
    const isGood = known?.answer.ok === true && performance.now() - known.since < this.graceSeconds * 1_000;
    if (!isGood) return answer;
    // A server that is down is not asked again at once for the next request.
    this.#set(key, { ...known, freshUntil: performance.now() + PAUSE_MS });
    return known.answer;
  }

  #remember(key: string, answer: Answer): void {
    const since = performance.now();
    const ownMs = answer.ok ? answer.license.validUntil.getTime() - answer.license.checkedAt.getTime() : REFUSAL_MS;
    this.#set(key, { answer, since, freshUntil: since + Math.min(ownMs, LONGEST_MS) });
  }

  #set(key: string, remembered: Remembered): void {
    this.#answers.delete(key);
    this.#answers.set(key, remembered);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > MAX_KEYS && !oldest.done) this.#answers.delete(oldest.value);
  }
}

/** Moments of the monotonic clock, in milliseconds. */
interface Remembered {
  readonly answer: Answer;
  readonly since: number;
  readonly freshUntil: number;
}

/** About 20 MB of memory. */
const MAX_KEYS = 10_000;
/** A customer who renews a license does not wait longer. */
const REFUSAL_MS = 10_000;
/** A lease without a device counts for 300 seconds; a longer one is not remembered longer, since revocations count. */
const LONGEST_MS = 300_000;
const PAUSE_MS = 5_000;
