/** Retries: three attempts with full jitter, which respect the server's `Retry-After`. */
import { PORTAL_STATUS, type Reply, isBusy } from "./answer.js";
import type { NoReply } from "./transport.js";

/** Sends until an answer is final or the attempts are used up, and returns the last answer. */
export async function sendWithRetry(
  attempt: () => Promise<Reply | NoReply>,
  pause: (milliseconds: number) => Promise<void>,
): Promise<Reply | NoReply> {
  for (let tries = 1; ; tries += 1) {
    const answer = await attempt();
    const asked = delayMs(answer);
    if (asked === null || tries >= MAX_ATTEMPTS || asked > MAX_RETRY_AFTER_MS) return answer;
    await pause(Math.max(asked, Math.random() * BASE_BACKOFF_MS * 2 ** (tries - 1)));
  }
}

/** Waits, and returns early where the signal is aborted. */
export async function wait(milliseconds: number, signal: AbortSignal | null = null): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

/** Attempts of one request, the first included. */
const MAX_ATTEMPTS = 3;
/** Longest pause before the second attempt; it doubles after that. Jitter spreads clients that failed together. */
const BASE_BACKOFF_MS = 500;
/** Longest `Retry-After` that is waited for: a person sits in front of the screen. */
const MAX_RETRY_AFTER_MS = 10_000;

/** Pause that an answer asks for; `null` where another attempt would get the same answer. A 409 is retried only with
 * `Retry-After`: then the request lost a race. A taken seat is a 409 without it. */
function delayMs(answer: Reply | NoReply): number | null {
  if (typeof answer === "string") return answer === "cancelled" ? null : 0;
  const asked = answer.retryAfterSeconds === null ? null : answer.retryAfterSeconds * 1_000;
  if (answer.status === PORTAL_STATUS) return null;
  if (isBusy(answer.status)) return asked ?? 0;
  return answer.status === 409 ? asked : null;
}
