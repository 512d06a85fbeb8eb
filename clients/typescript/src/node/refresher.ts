/** Checks in the background, and when the next one is due. */
import { waitsForServer } from "./record.js";
import type { State } from "./state.js";
import type { Installation } from "./installation.js";
import type { Outcome } from "./licensing.js";

/** A running refresher. */
export interface Refresher {
  /** Ends it. Resolves when no check runs any more. */
  stop(): Promise<void>;
}

/** Requests of the refresher. */
export interface Requests {
  readonly refresh: () => Promise<Outcome>;
  /** Looks for the root's statement where the last look is so many seconds ago. */
  readonly lookForStatement: (ageSeconds: number) => Promise<void>;
}

/** Starts to check in the background, at once where a check is due. Its timer keeps no program alive. */
export function startRefresher(installation: () => Installation, requests: Requests): Refresher {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const past: Past = { failures: 0, retryAt: 0, lastAt: null, lookedAt: -Infinity };

  const look = async () => {
    const { key, claims } = installation().current;
    // Without a network the vendor's answers bring the statement.
    if (performance.now() - past.lookedAt >= STATEMENT_MS && key !== null && claims?.air_gap !== true) {
      past.lookedAt = performance.now();
      await requests.lookForStatement(LOOK_ALONE_SECONDS);
    }
    if (delayMs(installation(), past) === 0) {
      const outcome = await requests.refresh();
      past.failures = outcome.ok ? 0 : past.failures + 1;
      past.retryAt = outcome.ok ? 0 : (outcome.retryAt?.getTime() ?? 0);
      past.lastAt = performance.now();
    } else {
      await installation().keepTime(KEEP_TIME_MS);
    }
    if (!isStopped) sleep();
  };
  const sleep = () => {
    const delay = delayMs(installation(), past) ?? MAX_SLEEP_MS;
    // A machine sleeps, and its timers with it; so a long pause is looked at again on the way.
    timer = setTimeout(wake, Math.min(Math.max(delay, MIN_SLEEP_MS), MAX_SLEEP_MS));
    timer.unref();
  };
  const wake = () => {
    running = look().catch(() => {});
  };
  wake();
  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await running;
      clearTimeout(timer);
    },
  };
}

interface Past {
  failures: number;
  /** Moment that the server named. */
  retryAt: number;
  /** Monotonic moment of the last attempt of this run. */
  lastAt: number | null;
  /** Monotonic moment of the last try to look for a statement beside the requests. */
  lookedAt: number;
}

/** Age at which the refresher looks for a statement without a request. A lease by a leaked key may put the next request off
 * for years. */
const LOOK_ALONE_SECONDS = 25 * 3_600;
/** Time between two tries to look. */
const STATEMENT_MS = 3_600_000;

/** Pause after the first failure; it doubles with each further one. */
const MIN_BACKOFF_MS = 60_000;
/** Longest pause: a laptop opened on a train is online again within the hour. */
const MAX_BACKOFF_MS = 3_600_000;
const MIN_SLEEP_MS = 1_000;
const MAX_SLEEP_MS = 900_000;
/** Time that a crash may lose. */
const KEEP_TIME_MS = 900_000;

/** Time until the next check; `null` if only a change can bring one. */
export function delayMs(installation: Installation, past: Past): number | null {
  const { current } = installation;
  const { state, lockCode } = installation.evaluate();
  const { pending, givenUpKeys } = current.record;
  const hasPending = waitsForServer(current.record) || (pending === null && givenUpKeys.length > 0);
  // A file renews it, and no network may be expected.
  if (!hasPending && current.claims?.air_gap === true) return null;
  if (!hasPending && state === "NOT_ACTIVATED" && current.key === null) return null;
  if (!hasPending && state === "ACTIVE" && current.decision.kind === "leased") {
    return Math.max(0, (current.decision.term.refreshAt - installation.observe().now) * 1_000);
  }
  const isOverdue = hasPending || OVERDUE.includes(state) || lockCode === "LEASE_EXPIRED";
  // The vendor may have unlocked the license: ask at every start, then hourly.
  const pause = isOverdue || past.lastAt === null ? backoffMs(past.failures) : MAX_BACKOFF_MS;
  const asked = Math.min(MAX_BACKOFF_MS, past.retryAt - Date.now());
  const since = past.lastAt === null ? Infinity : performance.now() - past.lastAt;
  return Math.max(0, Math.max(pause, asked) - since);
}

const OVERDUE: readonly State[] = ["REFRESH_DUE", "GRACE", "CLOCK_SUSPECT"];

function backoffMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** (failures - 1));
}
