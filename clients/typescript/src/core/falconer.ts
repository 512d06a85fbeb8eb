/** Checks of a license key against the server, and of leases without it. */
import { type Asked, type Nothing, type Reply, type ServerAnswer, readAnswer } from "./answer.js";
import type { Claims } from "./claims.js";
import { SettingError } from "./failure.js";
import { type License, licenseOf, toDate } from "./license.js";
import { type Advice, adviceOf, refusalAdvice } from "./messages.js";
import { newNonce } from "./nonce.js";
import { sendWithRetry, wait } from "./retry.js";
import { type FalconerSettings, type Settings, readSettings } from "./settings.js";
import { type Verified, verifySigned } from "./signed.js";
import { type NoReply, send } from "./transport.js";
import { LOOK_WITH_REQUEST_SECONDS, TrustedKeys } from "./trust.js";

/** Answer to the question whether a key is good. */
export type Answer = Valid | Refused | Unanswered;

/** A yes that the server signed. */
export interface Valid {
  readonly ok: true;
  readonly license: License;
  /** The signed lease, to be handed on or to be stored. */
  readonly lease: string;
}

/** A no of the server (`refused`), or a text that cannot be a key, so that nothing was sent (`input`). */
export interface Refused extends Advised {
  readonly kind: "refused" | "input";
  /** Code of docs/errors.md; `null` where nothing was sent. */
  readonly code: string | null;
  /** The signed refusal. Without one the answer could come from anybody, and locks nothing. */
  readonly refusal: string | null;
  /** License that the refusal is about, where it is signed. */
  readonly licenseId: string | null;
}

/** No answer that counts: offline, busy, forged, a portal. It says nothing about the license, so refuse nobody for it. */
export interface Unanswered extends Advised {
  readonly kind: "unanswered";
  readonly code: null;
}

interface Advised {
  readonly ok: false;
  /** A sentence and a next step for the user. */
  readonly advice: Advice;
  /** Id of the advice, for a table of translations. */
  readonly adviceId: string;
  /** Moment from which to ask again, where the server named one. */
  readonly retryAt: Date | null;
}

/** A lease that does not count. `reason` says why, and so does the message. */
export class LeaseError extends Error {
  override readonly name = "LeaseError";

  constructor(
    readonly reason: "not_trusted" | "other_product" | "refused" | "other_license" | "ended" | "not_yet_valid",
  ) {
    super(LEASE_ERRORS[reason]);
  }
}

/** What a lease has to be about. */
export interface LeaseExpectation {
  /** License that the caller knows already. */
  readonly licenseId?: string;
  /** Nonce that was sent with the request. */
  readonly nonce?: string;
  /** Moment of the check; now by default. */
  readonly at?: Date;
}

/** Client of one license server, for one product. */
export interface Falconer {
  readonly product: string;
  /** Asks whether a key is good now. Never rejects for a refusal or for the network; questions about one key at one
   * moment are one request. */
  verify(key: string, options?: { readonly signal?: AbortSignal }): Promise<Answer>;
  /** Verifies a lease without the network, by the keys that count now. Throws a `LeaseError`. */
  verifyLease(lease: string, expected?: LeaseExpectation): Promise<License>;
  /** Reads a stored answer, lease or refusal, whatever the time is. `null` where no key that counts, or counted, signed it for
   * this product. */
  inspect(answer: string): Promise<Inspected | null>;
  /** The keys that were fetched and endorsed, and the root's newest statement, as JSON for `importKeys` of a later run; `null`
   * without any. */
  exportKeys(): Promise<string | null>;
  /** Learns keys. Only those count that a trusted key endorses, through any number of steps; of statements, a newer one of the
   * pinned root. */
  importKeys(keys: string): Promise<void>;
}

/** A stored answer whose signature holds. */
export interface Inspected {
  /** True for a lease, false for a refusal. */
  readonly valid: boolean;
  readonly license: License;
  /** Moment since which the key that signed it does not count any more; `null` for one that counts. The answer says no more
   * than it said then. */
  readonly formerSince: Date | null;
}

/** Creates a client. Throws a `SettingError` where a setting is wrong. */
export function createFalconer(settings: FalconerSettings): Falconer {
  return new Client(readSettings(settings));
}

const LEASE_ERRORS = {
  not_trusted: "no trusted key signed this lease",
  other_product: "the lease is for another product",
  refused: "this is a refusal and no lease",
  other_license: "the lease is about another license, or the answer to another request",
  ended: "the lease has ended",
  not_yet_valid: "the lease begins later than now: the clock of this machine may be wrong",
};
/** More than the server accepts in a key (docs/spec/formats.md). */
const MAX_KEY_CHARS = 1_024;

class Client implements Falconer {
  readonly product: string;
  readonly #settings: Settings;
  readonly #asking = new Map<string, Promise<Answer>>();
  #trusted: Promise<TrustedKeys> | null = null;
  #looking: Promise<void> | null = null;

  constructor(settings: Settings) {
    this.product = settings.product;
    this.#settings = settings;
  }

  verify(key: string, { signal = null }: { signal?: AbortSignal | null } = {}): Promise<Answer> {
    const typed = key.trim();
    if (typed === "") return Promise.resolve(notSent("missing_key"));
    if (typed.length > MAX_KEY_CHARS) return Promise.resolve(notSent("invalid_key"));
    // A request that one caller may cancel is nobody else's.
    if (signal !== null) return this.#ask(typed, signal);
    const asking = this.#asking.get(typed) ?? this.#ask(typed, null).finally(() => this.#asking.delete(typed));
    this.#asking.set(typed, asking);
    return asking;
  }

  async verifyLease(lease: string, expected: LeaseExpectation = {}): Promise<License> {
    const verified = await this.#verified(lease, (trusted, kid) => trusted.key(kid));
    if (!("claims" in verified)) throw new LeaseError(verified.cause);
    const { claims } = verified;
    const { issuer } = this.#settings;
    if (issuer !== null && claims.iss !== issuer) throw new LeaseError("not_trusted");
    if (!claims.valid) throw new LeaseError("refused");
    if (!isExpected(claims, expected)) throw new LeaseError("other_license");
    const now = Math.floor((expected.at?.getTime() ?? Date.now()) / 1_000);
    if (now >= claims.exp) throw new LeaseError("ended");
    if (now < claims.nbf) throw new LeaseError("not_yet_valid");
    return licenseOf(claims);
  }

  async inspect(answer: string): Promise<Inspected | null> {
    const verified = await this.#verified(answer, (trusted, kid) => trusted.keyOfStored(kid));
    if (!("claims" in verified)) return null;
    const { claims, kid } = verified;
    const { issuer } = this.#settings;
    if (issuer !== null && claims.iss !== issuer) return null;
    const since = (await this.#trust()).formerSince(kid);
    return { valid: claims.valid, license: licenseOf(claims), formerSince: since === null ? null : toDate(since) };
  }

  async exportKeys(): Promise<string | null> {
    return (await this.#trust()).kept();
  }

  async importKeys(keys: string): Promise<void> {
    await this.#learn((trusted) => trusted.joined(keys, nowSeconds())).catch(nothingVerified);
  }

  /** The keys that count, after everything that was learned before. A build with a statement needs the verifier, which may not
   * have arrived: then the next call tries again. */
  #trust(): Promise<TrustedKeys> {
    const begin = () => TrustedKeys.of(this.#settings.pins);
    this.#trusted = this.#trusted?.catch(begin) ?? begin();
    return this.#trusted;
  }

  async #learn(change: (trusted: TrustedKeys) => Promise<TrustedKeys>): Promise<void> {
    // Without a verifier nothing is learned, and nothing is forgotten.
    this.#trusted = this.#trust().then((trusted) => change(trusted).catch(() => trusted));
    await this.#trusted;
  }

  async #verified(jws: string, find: (trusted: TrustedKeys, kid: string) => string | undefined): Promise<Verified> {
    const trusted = await this.#trust();
    return verifySigned(jws, this.product, (kid) => find(trusted, kid));
  }

  async #ask(license: string, signal: AbortSignal | null): Promise<Answer> {
    const nonce = newNonce();
    if (nonce === null) return unanswered("unreachable", null);
    const asked: Asked = {
      endpoint: "verify",
      product: this.product,
      nonce,
      licenseId: null,
      issuer: this.#settings.issuer,
    };
    await this.#lookForStatement(signal);
    const { origin } = this.#settings;
    const members = origin === null ? { license, nonce } : { license, timestamp: Date.now(), origin, nonce };
    const reply = await this.#send("/api/verify", JSON.stringify(members), signal);
    if (typeof reply === "string") return unanswered(reply, null);
    // The bundled verifier may not arrive. Nothing is called invalid that nobody has verified.
    const answer = await this.#read(reply, asked, signal).catch(nothingVerified);
    if (answer === null) return unanswered("unreachable", null);
    return answer.outcome === "nothing"
      ? unanswered(NOTHING_ADVICE[answer.cause], answer.retryAfterSeconds)
      : toAnswer(answer);
  }

  /** Reads a reply. A signature by an unknown key makes it fetch the server's keys once. */
  async #read(reply: Reply, asked: Asked, signal: AbortSignal | null): Promise<ServerAnswer> {
    const answer = await readAnswer(reply, asked, await this.#trust());
    if (answer.outcome !== "nothing" || !answer.unknownKey) return answer;
    await this.#learnFrom(await this.#send("/api/keys", null, signal));
    return readAnswer(reply, asked, await this.#trust());
  }

  /** Asks for the root's statement once a day, before a question, so that no answer is believed by a key that the vendor has
   * distrusted. One attempt: where the server cannot be reached, the question itself finds out. */
  async #lookForStatement(signal: AbortSignal | null): Promise<void> {
    const trusted = await this.#trust().catch(nothingVerified);
    if (trusted?.isStatementDue(nowSeconds(), LOOK_WITH_REQUEST_SECONDS) !== true) return;
    const look = async () => this.#learnFrom(await this.#attempt("/api/keys", null, signal));
    if (signal !== null) return look();
    // Questions at the same time share one look.
    this.#looking ??= look().finally(() => (this.#looking = null));
    await this.#looking;
  }

  async #learnFrom(list: Reply | NoReply): Promise<void> {
    if (typeof list === "string" || list.status !== 200) return;
    await this.#learn((trusted) => trusted.learned(list.body, nowSeconds()));
  }

  #send(path: string, body: string | null, signal: AbortSignal | null): Promise<Reply | NoReply> {
    return sendWithRetry(
      () => this.#attempt(path, body, signal),
      (milliseconds) => wait(milliseconds, signal),
    );
  }

  #attempt(path: string, body: string | null, signal: AbortSignal | null): Promise<Reply | NoReply> {
    const { url, timeoutMs, fetch } = this.#settings;
    return send(fetch, { url: url + path, body, timeoutMs, signal });
  }
}

const nowSeconds = () => Math.floor(Date.now() / 1_000);

/** Without a verifier nothing is known. A mistake in the application's settings is not hidden. */
function nothingVerified(error: unknown): null {
  if (error instanceof SettingError) throw error;
  return null;
}

/** Advice for an answer that does not count. */
export const NOTHING_ADVICE: Readonly<Record<Nothing["cause"], string>> = {
  unreachable: "unreachable",
  busy: "busy",
  not_the_server: "not_the_server",
  not_trusted: "untrusted_signature",
  other_product: "other_product",
  not_ours: "not_for_this_request",
};

function isExpected(claims: Claims, { licenseId, nonce }: LeaseExpectation): boolean {
  return (licenseId === undefined || claims.sub === licenseId) && (nonce === undefined || claims.nonce === nonce);
}

function toAnswer(answer: Exclude<ServerAnswer, Nothing>): Answer {
  switch (answer.outcome) {
    case "lease":
      return { ok: true, license: licenseOf(answer.claims), lease: answer.jws };
    case "refusal":
      return refused(answer.claims.code, answer.jws, answer.claims.sub);
    case "unsigned":
      // The server has no license to sign about. Any other unsigned word could be anybody's.
      return UNSIGNED.includes(answer.code) ? refused(answer.code, null, null) : unanswered("not_the_server", null);
  }
}

/** Codes that the server never signs: it does not know the key, or rejects the request itself. */
const UNSIGNED: readonly string[] = ["INVALID_SIGNATURE", "INVALID_FIELD", "MISSING_LICENSE"];

function refused(code: string, refusal: string | null, licenseId: string | null): Refused {
  const advice = refusalAdvice(code);
  return { ok: false, kind: "refused", code, refusal, licenseId, advice, adviceId: advice.id, retryAt: null };
}

function notSent(adviceId: string): Refused {
  return {
    ok: false,
    kind: "input",
    code: null,
    refusal: null,
    licenseId: null,
    advice: adviceOf(adviceId),
    adviceId,
    retryAt: null,
  };
}

function unanswered(adviceId: string, retryAfterSeconds: number | null): Unanswered {
  const retryAt = retryAfterSeconds === null ? null : new Date(Date.now() + retryAfterSeconds * 1_000);
  return { ok: false, kind: "unanswered", code: null, advice: adviceOf(adviceId), adviceId, retryAt };
}
