/** Reasons that Node gives where no reply arrived. */
import type { NoReply } from "../core/transport.js";

/** Reads the reason out of the error of `fetch`, which hides the system's error as its cause. */
export function explain(error: unknown): NoReply {
  const codes: string[] = [];
  collect(error, codes, MAX_CAUSES);
  const reason = Object.entries(REASONS).find(([, pattern]) => codes.some((code) => pattern.test(code)));
  return (reason?.[0] as NoReply | undefined) ?? "unreachable";
}

const MAX_CAUSES = 5;
const REASONS: Partial<Record<NoReply, RegExp>> = {
  dns: /^(ENOTFOUND|EAI_AGAIN|ERR_NAME_NOT_RESOLVED)$/,
  clock: /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|ERR_CERT_DATE_INVALID)$/,
  certificate: /^(.*CERT.*|UNABLE_TO_.*|ERR_TLS_.*|ERR_SSL_.*|EPROTO|HOSTNAME_MISMATCH)$/,
  timeout: /^(ETIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/,
  connect: /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENETDOWN|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED)$/,
};

function collect(error: unknown, codes: string[], depth: number): void {
  if (typeof error !== "object" || error === null || depth === 0) return;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  if (typeof code === "string") codes.push(code);
  collect(cause, codes, depth - 1);
  if (Array.isArray(errors)) for (const one of errors) collect(one, codes, depth - 1);
}
