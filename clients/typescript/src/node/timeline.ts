/** Time for a program whose user can set the clock: docs/spec/clients.md, "Time".
 *
 * The *floor* is the latest moment that is known to have passed. The *skew* is how far the local clock was behind the
 * server's at the last answer. */

/** Clocks at one instant, in milliseconds: the one that people set, and the one that nobody can set. */
export interface ClockReading {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** Time that a run hands on to the next. */
export interface Checkpoint {
  readonly floorMs: number;
  readonly skewMs: number;
}

/** Local and known time at one instant. */
export interface ReconciledTime {
  /** Moment that leases are compared with, in whole seconds: the later of the local one and the floor. */
  readonly now: number;
  /** Moment that the local clock shows, in milliseconds, with its skew where that still applies. */
  readonly localMs: number;
  /** True if the local clock was turned back, or if nobody can know. */
  readonly isSuspect: boolean;
}

/** Time as this run of the program has seen it. */
export class Timeline {
  #checkpoint: Checkpoint;
  #monotonicMs: number;

  constructor(
    checkpoint: Checkpoint,
    /** False if the seal of the checkpoint does not hold, so that it proves nothing. */
    readonly isIntact: boolean,
    clocks: ClockReading,
  ) {
    [this.#checkpoint, this.#monotonicMs] = [checkpoint, clocks.monotonicMs];
  }

  /** Reads the clocks and moves the floor up to them. */
  observe(clocks: ClockReading): ReconciledTime {
    const elapsed = Math.max(0, Math.floor(clocks.monotonicMs - this.#monotonicMs));
    this.#monotonicMs += elapsed;
    const carried = { ...this.#checkpoint, floorMs: this.#checkpoint.floorMs + elapsed };
    const { localMs, checkpoint } = reconcile(clocks.wallMs, carried);
    this.#checkpoint = checkpoint;
    const nowMs = Math.max(localMs, checkpoint.floorMs);
    return {
      now: Math.floor(nowMs / 1_000),
      localMs,
      isSuspect: !this.isIntact || isBack(localMs, checkpoint.floorMs),
    };
  }

  /** Sets floor and skew from an answer that was signed at this second, downwards too. */
  accepted(at: number, clocks: ClockReading): Timeline {
    return new Timeline(checkpointAt(at, clocks), this.isIntact, clocks);
  }

  /** Joins a checkpoint that another process stored: each may have seen time pass that the other has not. */
  joined(checkpoint: Checkpoint, isIntact: boolean, clocks: ClockReading): Timeline {
    this.observe(clocks);
    const floorMs = isIntact ? Math.max(this.#checkpoint.floorMs, checkpoint.floorMs) : this.#checkpoint.floorMs;
    return new Timeline({ ...checkpoint, floorMs }, isIntact, clocks);
  }

  /** Checkpoint to store. */
  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }
}

/** Checkpoint of an answer that was signed at this second and arrived at this reading of the clocks. */
export function checkpointAt(at: number, clocks: ClockReading): Checkpoint {
  return { floorMs: at * 1_000, skewMs: at * 1_000 - clocks.wallMs };
}

/** Largest lag of the local clock behind the floor that does not count as turning it back: longer than any change to
 * daylight saving time. */
const TOLERANCE_MS = 3_600_000;

const isBack = (momentMs: number, floorMs: number) => momentMs < floorMs - TOLERANCE_MS;

/** Derives local time and the new checkpoint from the wall clock. Only the floor can show whether the skew still applies
 * or the clock was set since. */
function reconcile(wallMs: number, { floorMs, skewMs }: Checkpoint): { localMs: number; checkpoint: Checkpoint } {
  const shown = wallMs + skewMs;
  const shows = (localMs: number) => ({ localMs, checkpoint: { floorMs: Math.max(floorMs, localMs), skewMs } });
  if (skewMs > 0) {
    // The clock was slow and still is: untouched, or turned back further.
    if (isBack(wallMs, floorMs)) return shows(shown);
    if (skewMs <= TOLERANCE_MS) return shows(wallMs);
    // It was slow by more than the tolerance and has been set right.
    const latest = Math.max(floorMs, wallMs);
    return { localMs: wallMs, checkpoint: { floorMs: latest, skewMs: latest - wallMs } };
  }
  if (!isBack(shown, floorMs)) return shows(shown);
  if (isBack(wallMs, floorMs)) return shows(wallMs);
  // The clock was fast and was turned back, exactly or not: the floor cannot show which.
  return { localMs: floorMs, checkpoint: { floorMs, skewMs: floorMs - wallMs } };
}
