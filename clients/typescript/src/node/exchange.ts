/** One request about a license: sends it, reads the answer, and applies it. */
import { type Endpoint, type Reply, readAnswer } from "../core/answer.js";
import type { JsonObject } from "../core/json.js";
import { sendWithRetry } from "../core/retry.js";
import type { Settings } from "../core/settings.js";
import { type NoReply, send } from "../core/transport.js";
import { LOOK_WITH_REQUEST_SECONDS } from "../core/trust.js";
import type { Decision, Question } from "./decision.js";
import { type Failure, isFinalUnsigned, noReply, nothingIn, failureOf, refusalOf } from "./failure.js";
import type { Fingerprint } from "./hardware/machine.js";
import type { Installation } from "./installation.js";
import type { LicenseKey } from "./key.js";
import { explain } from "./network.js";

/** Outcome of one request. `final` of an unsigned refusal ends a request that waits. `ends` of a failure: the seat is
 * certainly another's. `early`: the caller cancelled, so the failure says nothing about server and network. */
export type Exchange =
  | { readonly kind: "decided"; readonly decision: Decision; readonly failure: Failure }
  | { readonly kind: "unsigned"; readonly final: boolean; readonly failure: Failure }
  | { readonly kind: "failed"; readonly ends: boolean; readonly early: boolean; readonly failure: Failure };

/** Parts of the platform that a test replaces. */
export interface Platform {
  readonly random: (bytes: number) => Uint8Array;
  readonly pause: (milliseconds: number) => Promise<void>;
}

/** Asks the server. */
export class Exchanger {
  constructor(
    private readonly settings: Settings,
    private readonly platform: Platform,
    private readonly installation: Installation,
  ) {}

  /** Sends one request about a key and applies the answer. */
  async ask(
    question: Question,
    endpoint: Endpoint,
    key: LicenseKey,
    own: Fingerprint,
    members: JsonObject,
    signal: AbortSignal | null,
  ): Promise<Exchange> {
    const exchange = await this.#exchange(question, endpoint, key, own, members, signal);
    await this.installation.log(`/api/${endpoint}`, exchange.failure.code ?? exchange.failure.adviceId);
    return exchange;
  }

  async #exchange(
    question: Question,
    endpoint: Endpoint,
    key: LicenseKey,
    own: Fingerprint,
    members: JsonObject,
    signal: AbortSignal | null,
  ): Promise<Exchange> {
    const nonce = this.#nonce();
    if (nonce === null) return failed(failureOf("nothing_sent", "nothing_sent"));
    const body = { license_key: key.text, hardware_format: HARDWARE_FORMAT, hardware: own.sent, ...members, nonce };
    await this.lookForStatement(LOOK_WITH_REQUEST_SECONDS, signal);
    const reply = await this.#send(`/api/${endpoint}`, JSON.stringify(body), signal);
    if (typeof reply === "string") return { ...failed(noReply(reply)), early: reply === "cancelled" };
    const { product, issuer } = this.settings;
    const read = () =>
      readAnswer(reply, { endpoint, product, nonce, licenseId: null, issuer }, this.installation.current.trusted);
    let answer = await read();
    if (answer.outcome === "nothing" && answer.unknownKey) {
      await this.#learnFrom(await this.#send("/api/keys", null, signal));
      answer = await read();
    }
    switch (answer.outcome) {
      case "nothing":
        return { ...failed(nothingIn(answer.cause, answer.retryAfterSeconds)), ends: answer.cause === "other_product" };
      case "unsigned":
        return { kind: "unsigned", final: isFinalUnsigned(answer.code), failure: refusalOf(answer.code, answer.body) };
      default: {
        const { claims, jws } = answer;
        const decision = await this.installation.act(question, claims, jws, key, own);
        if (decision === "unrelated") return failed(nothingIn("not_ours", null));
        if (decision === "other_machine") return { ...failed(nothingIn("other_machine", null)), ends: true };
        return { kind: "decided", decision, failure: refusalOf(claims.code, answer.body) };
      }
    }
  }

  /** Asks for the root's statement where the last look is so many seconds ago. A request does so before its question, so that
   * no answer is believed by a key that the vendor has distrusted. One attempt: where the server cannot be reached, the
   * request itself finds out. */
  async lookForStatement(ageSeconds: number, signal: AbortSignal | null): Promise<void> {
    if (!this.installation.current.trusted.isStatementDue(this.installation.observe().now, ageSeconds)) return;
    await this.#learnFrom(await this.#attempt("/api/keys", null, signal));
  }

  async #learnFrom(list: Reply | NoReply): Promise<void> {
    if (typeof list !== "string" && list.status === 200) await this.installation.learnKeys(list.body);
  }

  #send(path: string, body: string | null, signal: AbortSignal | null): Promise<Reply | NoReply> {
    return sendWithRetry(() => this.#attempt(path, body, signal), this.platform.pause);
  }

  #attempt(path: string, body: string | null, signal: AbortSignal | null): Promise<Reply | NoReply> {
    const { url, timeoutMs, fetch } = this.settings;
    return send(fetch, { url: url + path, body, timeoutMs, signal, explain });
  }

  #nonce(): string | null {
    try {
      return Buffer.from(this.platform.random(NONCE_BYTES)).toString("hex");
    } catch {
      return null;
    }
  }
}

/** Value of `hardware_format` in requests: components keyed by the license key. */
const HARDWARE_FORMAT = 1;
const NONCE_BYTES = 16;

const failed = (failure: Failure) => ({ kind: "failed", ends: false, early: false, failure }) as const;
