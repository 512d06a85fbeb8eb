/** Guards of routes, for Express and for handlers in the form of `fetch`. */
import type { Falconer } from "../core/falconer.js";
import type { License } from "../core/license.js";
import { adviceOf } from "../core/messages.js";
import { LicenseCache, type Verdict } from "./cache.js";

/** Options of a guard. */
export interface GuardOptions {
  /** Feature that the license has to have; without it any license does. */
  readonly feature?: string;
  /** Seconds for which the last yes about a key goes on to count while nobody answers; a day by default. */
  readonly graceSeconds?: number;
  /** Reads the key; by default out of the header `Authorization: Bearer KEY` or `X-License-Key`. Never take it from an
   * address: addresses end up in logs. */
  readonly key?: (header: (name: string) => string | null) => string | null;
}

/** Guard of routes. */
export interface Guard {
  /** Handler of Express, in front of others: the license is in `response.locals.license`. */
  readonly express: ExpressHandler;
  /** Wraps a handler in the form of `fetch`, as Next.js, Hono, Deno, Bun and workers have it. */
  fetch<Rest extends unknown[]>(
    handler: (request: Request, license: License, ...rest: Rest) => Response | Promise<Response>,
  ): (request: Request, ...rest: Rest) => Promise<Response>;
}

/** The part of Express' request that a guard reads. */
export interface IncomingRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The part of Express' response that a guard writes. */
export interface OutgoingResponse {
  readonly locals?: Record<string, unknown>;
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/** Handler of Express. */
export type ExpressHandler = (
  request: IncomingRequest,
  response: OutgoingResponse,
  next: (error?: unknown) => void,
) => void;

/** Makes a guard that asks the license server, and remembers each yes as long as its lease counts. Without a key it answers
 * 401, to a refusal 403, and 503 where nobody could answer. */
export function requireLicense(falconer: Falconer, options: GuardOptions = {}): Guard {
  const cache = new LicenseCache(falconer, options.graceSeconds);
  const check = async (header: (name: string) => string | null): Promise<License | Denial> => {
    const key = (options.key ?? keyIn)(header)?.trim();
    if (!key) return denial(401, null, "missing_key", null);
    return judge(await cache.ask(key), options.feature);
  };
  return {
    express: (request, response, next) => {
      const header = (name: string) => [request.headers[name]].flat()[0] ?? null;
      check(header).then((checked) => {
        if ("status" in checked) return write(response, checked);
        if (response.locals) response.locals["license"] = checked;
        return next();
      }, next);
    },
    fetch:
      (handler) =>
      async (request, ...rest) => {
        const checked = await check((name) => request.headers.get(name));
        return "status" in checked ? toResponse(checked) : handler(request, checked, ...rest);
      },
  };
}

/** An answer in place of the route's own. */
interface Denial {
  readonly status: 401 | 403 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Seconds after which a client may ask again where the license server named no moment. */
const RETRY_SECONDS = 30;

function judge(verdict: Verdict, feature: string | undefined): License | Denial {
  if (!verdict.ok) {
    if (verdict.kind !== "unanswered")
      return denial(verdict.kind === "input" ? 401 : 403, verdict.code, verdict.adviceId, null);
    const seconds =
      verdict.retryAt === null ? RETRY_SECONDS : Math.ceil((verdict.retryAt.getTime() - Date.now()) / 1_000);
    return denial(503, null, verdict.adviceId, Math.max(1, seconds));
  }
  const { license } = verdict;
  const isOn = feature === undefined || license.features.includes(feature);
  return isOn ? license : denial(403, "FEATURE_REQUIRED", "refused", null);
}

function keyIn(header: (name: string) => string | null): string | null {
  return /^Bearer +(\S.*)$/i.exec(header("authorization") ?? "")?.[1] ?? header("x-license-key");
}

/** A problem as RFC 9457 has it. It holds no license key. */
function denial(status: Denial["status"], code: string | null, adviceId: string, retrySeconds: number | null): Denial {
  const { sentence, nextStep } = adviceOf(adviceId);
  const title = code === "FEATURE_REQUIRED" ? "The license does not have this feature." : sentence;
  const headers: Record<string, string> = { "content-type": "application/problem+json", "cache-control": "no-store" };
  if (status === 401) headers["www-authenticate"] = "Bearer";
  if (retrySeconds !== null) headers["retry-after"] = String(retrySeconds);
  return { status, headers, body: JSON.stringify({ title, status, detail: nextStep, code, adviceId }) };
}

function write(response: OutgoingResponse, { status, headers, body }: Denial): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(body);
}

function toResponse({ status, headers, body }: Denial): Response {
  return new Response(body, { status, headers });
}
