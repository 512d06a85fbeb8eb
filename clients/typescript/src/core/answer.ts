/** Reading of the server's answers, in the order of docs/spec/clients.md: status, JSON, signature, request. */
import type { Claims } from "./claims.js";
import { type JsonObject, isText, readObject } from "./json.js";
import { verifySigned } from "./signed.js";
import type { TrustedKeys } from "./trust.js";

/** Endpoint of a request about a license. */
export type Endpoint = "verify" | "activate-sync" | "transfer" | "deactivate";

/** A reply of HTTP. */
export interface Reply {
  readonly status: number;
  /** Seconds that the server asks to wait, from `Retry-After`. */
  readonly retryAfterSeconds: number | null;
  readonly body: string;
}

/** The request that an answer has to belong to. */
export interface Asked {
  readonly endpoint: Endpoint;
  readonly product: string;
  readonly nonce: string;
  /** License that was asked about; `null` where the client does not know it yet. */
  readonly licenseId: string | null;
  /** Issuer that the application insists on; `null` for any. */
  readonly issuer: string | null;
}

/** Reason why an answer decides nothing. */
export type Cause = "unreachable" | "busy" | "not_the_server" | "not_trusted" | "other_product" | "not_ours";

/** An answer, read and authenticated, before anything acts on it. */
export type ServerAnswer =
  | { readonly outcome: "lease" | "refusal"; readonly claims: Claims; readonly jws: string; readonly body: JsonObject }
  | { readonly outcome: "unsigned"; readonly code: string; readonly body: JsonObject }
  | Nothing;

/** An answer that decides nothing, or none. */
export interface Nothing {
  readonly outcome: "nothing";
  readonly cause: Cause;
  readonly retryAfterSeconds: number | null;
  /** True if a key signed it that is not known yet: `/api/keys` may introduce it. */
  readonly unknownKey: boolean;
}

/** Reads a reply; `null` is no reply. */
export async function readAnswer(reply: Reply | null, asked: Asked, trusted: TrustedKeys): Promise<ServerAnswer> {
  if (reply === null) return nothing("unreachable");
  const { status } = reply;
  if (status === PORTAL_STATUS) return nothing("not_the_server");
  if (isBusy(status)) return { ...nothing("busy"), retryAfterSeconds: reply.retryAfterSeconds };
  if (!((status >= 200 && status < 300) || (status >= 400 && status < 500))) return nothing("not_the_server");
  const body = readObject(reply.body);
  if (body === null) return nothing("not_the_server");
  const { lease, code } = body;
  // An unsigned yes is nobody's yes: anyone could have sent it.
  if (lease == null && status >= 400 && isText(code) && code !== "") return { outcome: "unsigned", code, body };
  return isText(lease) ? authenticate(lease, body, asked, trusted) : nothing("not_the_server");
}

/** True for the statuses of a server that is busy or down. */
export function isBusy(status: number): boolean {
  return [408, 425, 429].includes(status) || (status >= 500 && status !== PORTAL_STATUS);
}

/** Network Authentication Required (RFC 6585): a captive portal. */
export const PORTAL_STATUS = 511;

async function authenticate(jws: string, body: JsonObject, asked: Asked, trusted: TrustedKeys): Promise<ServerAnswer> {
  const verified = await verifySigned(jws, asked.product, (kid) => trusted.key(kid));
  if (!("claims" in verified)) return { ...nothing(verified.cause), unknownKey: verified.unknownKey };
  const { claims } = verified;
  if (asked.issuer !== null && claims.iss !== asked.issuer) return nothing("not_trusted");
  const isOurs =
    claims.nonce === asked.nonce &&
    (asked.licenseId === null || claims.sub === asked.licenseId) &&
    !(claims.valid && asked.endpoint === "deactivate");
  return isOurs ? { outcome: claims.valid ? "lease" : "refusal", claims, jws, body } : nothing("not_ours");
}

function nothing(cause: Cause): Nothing {
  return { outcome: "nothing", cause, retryAfterSeconds: null, unknownKey: false };
}
