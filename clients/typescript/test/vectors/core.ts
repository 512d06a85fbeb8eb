/** Runs vectors of `lease` and `trust` on the core. It runs in Node and in a browser, so it reads no file. */
import { type Reply, readAnswer } from "../../src/core/answer.js";
import { readPins } from "../../src/core/pins.js";
import { readRetryAfter } from "../../src/core/transport.js";
import { TrustedKeys } from "../../src/core/trust.js";

const NOW = 1_800_000_000;

/** Conclusion of a `lease` vector. */
export async function concludeLease(given: any): Promise<unknown> {
  return conclude(given, await TrustedKeys.of(readPins(given.keys)));
}

/** Conclusion of a `trust` vector. */
export async function concludeTrust(given: any): Promise<unknown> {
  let pins = readPins(given.pinned);
  let trusted = await TrustedKeys.of(pins);
  for (const step of given.steps) {
    if ("pinned" in step) {
      pins = readPins(step.pinned);
      trusted = await (await TrustedKeys.of(pins, trusted.kept())).withStatementOfBuild(NOW);
    } else if (step.fetched?.status === 200) {
      trusted = await trusted.learned(step.fetched.body, NOW);
      // Kept and read again, as a restart does it.
      trusted = await TrustedKeys.of(pins, trusted.kept());
    }
  }
  const { outcome } = (await conclude(given, trusted)) as { outcome: string };
  return { trusted: Object.fromEntries(trusted.entries()), outcome };
}

/** The reply that an answer of the vectors is. */
export function toReply(answer: any): Reply | null {
  return (
    answer && {
      status: answer.status,
      body: answer.body,
      retryAfterSeconds: readRetryAfter(answer.headers["retry-after"]),
    }
  );
}

async function conclude(given: any, trusted: TrustedKeys): Promise<unknown> {
  const { endpoint, product, nonce, license_id, issuer } = given.asked;
  const asked = { endpoint, product, nonce, licenseId: license_id, issuer: issuer ?? null };
  const answer = await readAnswer(toReply(given.answer), asked, trusted);
  switch (answer.outcome) {
    case "nothing":
      return { outcome: "nothing", code: null, cause: answer.cause, retry_after_seconds: answer.retryAfterSeconds };
    case "unsigned":
      return { outcome: "unsigned", code: answer.code, cause: null, retry_after_seconds: null };
    default:
      return { outcome: answer.outcome, code: answer.claims.code, cause: null, retry_after_seconds: null };
  }
}
